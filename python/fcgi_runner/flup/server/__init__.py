"""The servers of flup: `fcgi` with threads, `fcgi_fork` with processes, `fcgi_single` with neither."""
