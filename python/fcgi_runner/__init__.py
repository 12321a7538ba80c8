"""A FastCGI application server for WSGI applications.

    from fcgi_runner import serve
    serve(application, method="threaded", host="127.0.0.1", port=3033)

All options of the command line are keyword arguments; `fcgi-run help` shows them. The shapes of older servers are in
`fcgi_runner.django` (`runfastcgi`, and an app with the command `runfcgi`) and `fcgi_runner.flup` (`WSGIServer`).
"""

from collections.abc import Iterable

from fcgi_runner import _native
from fcgi_runner.errors import ClientDisconnected, RequestTimeout, StartError
from fcgi_runner.starting import Application, OptionValue, applications_of, start, words_of

__all__ = ["ClientDisconnected", "RequestTimeout", "StartError", "__version__", "runfastcgi", "serve"]

__version__: str = _native.version()


def serve(app: Application | None, **options: OptionValue | Application) -> bool:
    """Serves `app` until it is told to stop.

    `authorizer=` and `filter=` are for the other two roles of FastCGI: applications, or words as the command has them, which
    each worker imports. With one of them, `app` may be `None`.

    With `socket=`, or `host=` and `port=`, in the background unless `daemonize=False`, as the command does; without an
    address in the foreground, on the socket that a web server has put on descriptor 0. Returns True after SIGHUP, so
    that `while serve(app): reload()` can be written, else False. Raises `StartError` where it cannot start, and
    `SystemExit` in the process that has only started a server in the background.
    """
    return start(app, words_of(options), applications_of(options))


def runfastcgi(args: Iterable[str] = (), app: Application | str | None = None, **options: OptionValue | Application) -> bool:
    """Serves as the command `fcgi-run` does, in the background where that does.

    `args` are words as typed, `key=value`; they win over keyword arguments. `app` is a callable, or the name of one as
    in `app=module:callable`; without it the application is looked for as the command does. Where it is named or found,
    each worker imports it, and SIGHUP loads it anew. Returns and raises as `serve` does.
    """
    words, others = [*words_of(options), *args], applications_of(options)
    if app is None or isinstance(app, str):
        return start(None, words if app is None else [*words, f"app={app}"], others)
    return start(app, words, others)
