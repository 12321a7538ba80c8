"""flup in the two ways it knows: flup_server.py SOCKET threaded|prefork [THREADS]."""

import sys

from bench_app import application
from flup.server import fcgi, fcgi_fork

address, way, *threads = sys.argv[1:]
if way == "prefork":
    server = fcgi_fork.WSGIServer(application, bindAddress=address, minSpare=2, maxSpare=2, maxChildren=2, maxRequests=0)
else:
    spare = {name: int(count) for count in threads for name in ("minSpare", "maxSpare")}
    server = fcgi.WSGIServer(application, bindAddress=address, **spare)
server.run()
