"""The comparison with other servers: its arithmetic, its page, and one short run with fcgi-run alone."""
