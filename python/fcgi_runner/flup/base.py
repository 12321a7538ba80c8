"""What the three servers have in common: from flup's arguments to words, and the loop around a request."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from fcgi_runner.starting import Application, OptionValue, start, words_of

__all__ = ["FCGI_AUTHORIZER", "FCGI_FILTER", "FCGI_RESPONDER", "BaseServer", "BindAddress"]

FCGI_RESPONDER = 1
FCGI_AUTHORIZER = 2
FCGI_FILTER = 3

#: Nothing (descriptor 0), the path of a Unix socket, or host and port.
BindAddress: TypeAlias = str | os.PathLike[str] | tuple[str | None, int] | tuple[str, int, int, int] | None


class BaseServer:
    """A server that has its arguments, and is started by `run`."""

    def __init__(
        self,
        application: Application,
        *,
        environ: Mapping[str, Any] | None,
        bind_address: BindAddress,
        umask: int | None,
        roles: Iterable[int],
        force_cgi: bool,
        options: Mapping[str, OptionValue],
    ) -> None:
        if not callable(application):
            raise TypeError(f"the application must be callable, not {type(application).__name__}")
        self.roles = frozenset(roles)
        if not self.roles or self.roles - {FCGI_RESPONDER, FCGI_AUTHORIZER, FCGI_FILTER}:
            raise ValueError(f"roles: some of 1 (responder), 2 (authorizer) and 3 (filter), not {sorted(self.roles)}")
        self.application = application
        self.environ = dict(environ or {})
        self._force_cgi = force_cgi
        self._umask = umask
        self._address = _address(bind_address)
        self._options = options

    def run(self) -> bool:
        """Serves until it is told to stop, in the foreground; returns True after SIGHUP, else False.

        Where the server cannot start, `fcgi_runner.StartError` ends the program with a message.
        """
        application, words = self._wrapped(), words_of({**self._address, **self._permissions(), **self._options})
        others = {"authorizer": FCGI_AUTHORIZER, "filter": FCGI_FILTER}
        playing = {name: application for name, role in others.items() if role in self.roles}
        with _forcing_cgi(self._force_cgi):
            return start(application if FCGI_RESPONDER in self.roles else None, words, playing)

    def _wrapped(self) -> Application:
        """The application with `environ` added to what each request brings."""
        additions = {name: value for name, value in self.environ.items() if not name.startswith("wsgi.")}
        if not additions:
            return self.application

        def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            environ.update(additions)
            return self.application(environ, start_response)

        return application

    def _permissions(self) -> dict[str, OptionValue]:
        """The program's own umask stays as it is: `umask` is for the socket alone."""
        current = os.umask(0o077)
        os.umask(current)
        options: dict[str, OptionValue] = {"umask": current, "daemonize": False}
        if self._umask is not None and "socket" in self._address:
            options["socketmode"] = 0o777 & ~self._umask
        return options


def _address(address: BindAddress) -> dict[str, OptionValue]:
    if address is None:
        return {}
    if isinstance(address, (str, os.PathLike)):
        return {"socket": os.fspath(address)}
    if isinstance(address, (tuple, list)) and len(address) in (2, 4):
        host, port = address[:2]
        return {"host": host or "0.0.0.0", "port": int(port)}
    raise TypeError(f"bindAddress must be None, the path of a Unix socket, or (host, port), not {address!r}")


@contextmanager
def _forcing_cgi(force: bool) -> Iterator[None]:
    """Has the next start take its one request from the environment, as a CGI program does."""
    if not force:
        yield
        return
    before = os.environ.get("FCGI_FORCE_CGI")
    os.environ["FCGI_FORCE_CGI"] = "Y"
    try:
        yield
    finally:
        if before is None:
            del os.environ["FCGI_FORCE_CGI"]
        else:
            os.environ["FCGI_FORCE_CGI"] = before
