"""The server with processes, as `flup.server.fcgi_fork`."""

from collections.abc import Iterable, Mapping
from typing import Any

from fcgi_runner.flup.base import FCGI_RESPONDER, BaseServer, BindAddress
from fcgi_runner.starting import Application

__all__ = ["WSGIServer"]


class WSGIServer(BaseServer):
    """Serves with processes, each of them one request at a time."""

    def __init__(
        self,
        application: Application,
        environ: Mapping[str, Any] | None = None,
        bindAddress: BindAddress = None,
        umask: int | None = None,
        multiplexed: bool = False,
        debug: bool = False,
        roles: Iterable[int] = (FCGI_RESPONDER,),
        forceCGI: bool = False,
        *,
        multithreaded: bool = False,
        multiprocess: bool = True,
        minSpare: int | None = None,
        maxSpare: int | None = None,
        maxChildren: int | None = None,
        maxRequests: int | None = None,
    ) -> None:
        # flup takes these three here as well, and does not heed them.
        del multiplexed, multithreaded, multiprocess
        super().__init__(
            application,
            environ=environ,
            bind_address=bindAddress,
            umask=umask,
            roles=roles,
            force_cgi=forceCGI,
            options={
                "method": "prefork",
                "debug": debug,
                "minspare": minSpare,
                "maxspare": maxSpare,
                "maxchildren": maxChildren,
                "maxrequests": maxRequests,
            },
        )
