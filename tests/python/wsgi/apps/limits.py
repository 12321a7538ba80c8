"""Takes longer than it may, in every place where an application can be."""

import contextlib
import threading
import time

from fcgi_runner import RequestTimeout
from routes import Routes, mark, words

application = Routes()
PLAIN = [("Content-Type", "text/plain")]


def never():
    while True:
        time.sleep(0.002)


@contextlib.contextmanager
def noted(token):
    """Notes how a block was left."""
    try:
        yield
    except BaseException as error:
        mark(token, type(error).__name__)
        raise
    finally:
        mark(token, "left")


@application.plain
def called(environ, start_response):
    """`except Exception`, as frameworks have it, lets it pass."""
    (token,) = words(environ)
    try:
        with noted(token):
            never()
    except Exception:
        mark(token, "swallowed")
    start_response("200 OK", PLAIN)
    return [b"never"]


@application.plain
def started(environ, start_response):
    (token,) = words(environ)
    start_response("201 Created", [*PLAIN, ("X-Mine", "1")])
    with noted(token):
        never()


@application.plain
def iterated(environ, start_response):
    (token,) = words(environ)
    start_response("200 OK", PLAIN)
    with noted(token):
        yield b""
        never()


@application.plain
def streamed(environ, start_response):
    (token,) = words(environ)
    start_response("200 OK", PLAIN)
    with noted(token):
        yield b"begun"
        never()


@application.plain
def written(environ, start_response):
    (token,) = words(environ)
    write = start_response("200 OK", PLAIN)
    write(b"begun")
    with noted(token):
        never()


@application.plain
def counted(environ, start_response):
    """All that was announced has left before it takes too long."""
    (token,) = words(environ)
    start_response("200 OK", [*PLAIN, ("Content-Length", "5")])
    with noted(token):
        yield b"whole"
        never()


@application.plain
def caught(environ, start_response):
    (token,) = words(environ)
    try:
        with noted(token):
            never()
    except RequestTimeout as error:
        start_response("503 Busy", PLAIN)
        return [f"{type(error).__mro__[1].__name__} {error}".encode()]


@application.plain
def raised(environ, start_response):
    """By the application itself: it has limits of its own."""
    raise RequestTimeout


@application.plain
def elsewhere(environ, start_response):
    """A thread of the application's own is nobody's request."""
    (token,) = words(environ)
    over = threading.Event()

    def work():
        with noted(token):
            over.wait()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        never()
    finally:
        mark(token, "request")
        over.set()
        thread.join()


@application.plain
def pid(environ, start_response):
    start_response("200 OK", PLAIN)
    return [str(threading.get_ident()).encode()]
