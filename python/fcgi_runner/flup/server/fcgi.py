"""The server with threads, as `flup.server.fcgi`."""

from collections.abc import Iterable, Mapping
from typing import Any

from fcgi_runner.flup.base import FCGI_RESPONDER, BaseServer, BindAddress
from fcgi_runner.starting import Application, OptionValue

__all__ = ["WSGIServer"]


class WSGIServer(BaseServer):
    """Serves with threads; with `multithreaded=False` one request at a time, in several processes if `multiprocess`."""

    def __init__(
        self,
        application: Application,
        environ: Mapping[str, Any] | None = None,
        multithreaded: bool = True,
        multiprocess: bool = False,
        bindAddress: BindAddress = None,
        umask: int | None = None,
        multiplexed: bool = False,
        debug: bool = False,
        roles: Iterable[int] = (FCGI_RESPONDER,),
        forceCGI: bool = False,
        *,
        minSpare: int | None = None,
        maxSpare: int | None = None,
        maxChildren: int | None = None,
        maxThreads: int | None = None,
        maxRequests: int | None = None,
    ) -> None:
        options: dict[str, OptionValue] = {
            "debug": debug,
            "minspare": minSpare,
            "maxspare": maxSpare,
            "maxrequests": maxRequests,
        }
        if multithreaded:
            options |= {"method": "threaded", "maxchildren": maxThreads}
        elif multiprocess:
            options |= {"method": "prefork", "maxchildren": maxChildren}
        else:
            options |= {"method": "threaded", "threads": 1}
        super().__init__(
            application,
            environ=environ,
            bind_address=bindAddress,
            umask=umask,
            roles=roles,
            force_cgi=forceCGI,
            options=options,
        )
        # Requests side by side on one connection are answered whenever there are threads for them.
        self.multiplexed = multiplexed
