"""The server of flup under its old name, so that an old `.fcgi` file needs one changed import.

    from fcgi_runner.flup import WSGIServer      # was: from flup.server.fcgi import WSGIServer
    WSGIServer(application).run()

The modules `fcgi_runner.flup.server.fcgi`, `.fcgi_fork` and `.fcgi_single` hold the three servers of flup; `WSGIServer` in
this module is that of `fcgi`, and with `multithreaded=False, multiprocess=True` that of `fcgi_fork`. It takes the arguments
of flipflop as well.
"""

from fcgi_runner.flup.base import FCGI_AUTHORIZER, FCGI_FILTER, FCGI_RESPONDER
from fcgi_runner.flup.server.fcgi import WSGIServer

__all__ = ["FCGI_AUTHORIZER", "FCGI_FILTER", "FCGI_RESPONDER", "WSGIServer"]
