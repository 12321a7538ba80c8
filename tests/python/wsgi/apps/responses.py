"""Calls `start_response` in every order, right and wrong."""

import sys
from traceback import walk_tb

from routes import Routes, answer, pass_gate, words

application = Routes()
PLAIN = [("Content-Type", "text/plain")]


def raised(function, *arguments):
    """The name of what a call raises."""
    try:
        function(*arguments)
    except Exception as error:
        return type(error).__name__
    return "nothing"


def an_error():
    try:
        raise LookupError("the first error")
    except LookupError:
        return sys.exc_info()


@application.valid
def checked(environ, start_response):
    write = start_response("200 OK", [*PLAIN, ("X-A", "1"), ("X-A", "2")])
    assert callable(write)
    return [b"body"]


@application.plain
def twice(environ, start_response):
    start_response("200 OK", PLAIN)
    error = raised(start_response, "201 Created", PLAIN)
    return [error.encode()]


@application.plain
def twice_unhandled(environ, start_response):
    start_response("200 OK", PLAIN)
    start_response("201 Created", PLAIN)
    return [b"never"]


@application.plain
def twice_with_none(environ, start_response):
    start_response("200 OK", PLAIN)
    return [raised(start_response, "201 Created", PLAIN, None).encode()]


@application.valid
def replaced(environ, start_response):
    """An error page in place of what was said before."""
    start_response("200 OK", [*PLAIN, ("X-Old", "1"), ("Content-Length", "1000")])
    start_response("503 Replaced", [*PLAIN, ("X-New", "1")], an_error())
    return [b"replaced"]


@application.plain
def replaced_after_empty(environ, start_response):
    """Headers are not sent before there is a body, so they can still be replaced."""
    start_response("200 OK", PLAIN)
    yield b""
    start_response("503 Replaced", PLAIN, an_error())
    yield b"replaced"


@application.plain
def replaced_too_late(environ, start_response):
    """The very exception is raised again, for the application to let through."""
    start_response("200 OK", PLAIN)
    yield b"sent"
    try:
        start_response("503 Replaced", PLAIN, an_error())
    except LookupError as error:
        yield f" {error}".encode()


@application.plain
def replaced_too_late_unhandled(environ, start_response):
    start_response("200 OK", PLAIN)
    yield b"sent"
    start_response("503 Replaced", PLAIN, an_error())
    yield b"never"


@application.plain
def bad_replacement(environ, start_response):
    """A replacement that is refused leaves what was said before."""
    start_response("200 Old", PLAIN)
    error = raised(start_response, "503 Replaced", [("Bad\n", "")], an_error())
    return [error.encode()]


@application.plain
def by_keyword(environ, start_response):
    """As `wsgiref` and others name it."""
    start_response("200 OK", PLAIN)
    start_response("503 Replaced", PLAIN, exc_info=an_error())
    return [b"replaced"]


@application.plain
def reraised_traceback(environ, start_response):
    """Shows the functions in the traceback of what is raised again; the exception itself has lost them."""
    kind, error, traceback = an_error()
    error.__traceback__ = None
    start_response("200 OK", PLAIN)(b"sent")
    try:
        start_response("503 Replaced", PLAIN, (kind, error, traceback))
    except LookupError as found:
        names = [frame.f_code.co_name for frame, _ in walk_tb(found.__traceback__)]
        yield f" {' '.join(names)}".encode()


@application.plain
def odd_exc_info(environ, start_response):
    """What is no exception cannot be raised."""
    write = start_response("200 OK", PLAIN)
    write(b"sent ")
    odd = [(None, None, None), (), "x", 5, (LookupError, LookupError("a class"), None)]
    return [" ".join(raised(start_response, "503 Replaced", PLAIN, value) for value in odd).encode()]


@application.plain
def refused_at_once(environ, start_response):
    """What is wrong is said while the application can still do something about it."""
    found = [
        raised(start_response, "200 OK", [("X-A", "a\nb")]),
        raised(start_response, "200 OK\n", PLAIN),
        raised(start_response, "200 OK", [("Connection", "close")]),
        raised(start_response, "200 OK", [("Content-Length", "x")]),
        raised(start_response, b"200 OK", PLAIN),
    ]
    return answer(start_response, " ".join(found))


@application.plain
def first_time_with_exc_info(environ, start_response):
    start_response("500 Mine", PLAIN, an_error())
    return [b"mine"]


@application.plain
def never(environ, start_response):
    return [b"body"]


@application.plain
def never_and_nothing(environ, start_response):
    return []


@application.plain
def never_in_generator(environ, start_response):
    yield b"body"


@application.plain
def in_generator(environ, start_response):
    """A generator: nothing of it runs before the first `next`."""
    start_response("200 OK", PLAIN)
    yield b"body"


@application.plain
def after_empty(environ, start_response):
    yield b""
    yield b""
    start_response("200 OK", PLAIN)
    yield b""
    yield b"body"


@application.plain
def nothing_at_all(environ, start_response):
    start_response("200 OK", PLAIN)
    return []


@application.plain
def waits(environ, start_response):
    """Says its headers, and gives nothing until the gate opens: the headers have to wait."""
    start_response("200 OK", PLAIN)
    yield b""
    pass_gate(words(environ)[0])
    start_response("503 Replaced", PLAIN, an_error())
    yield b"replaced"


@application.plain
def positional(environ, start_response):
    """Fewer or more arguments than there are."""
    found = [raised(start_response), raised(start_response, "200 OK"), raised(start_response, "200 OK", [], None, 5)]
    return answer(start_response, " ".join(found))


@application.plain
def writes(environ, start_response):
    """`write` before an iterable of one, which is then not the whole body."""
    write = start_response("200 OK", PLAIN)
    assert write(b"written ") is None
    write(b"")
    write(b"twice ")
    return [b"returned"]


@application.valid
def writes_checked(environ, start_response):
    write = start_response("200 OK", PLAIN)
    write(b"written ")
    return iter([b"", b"returned ", b"twice"])


@application.plain
def writes_at_once(environ, start_response):
    write = start_response("200 OK", PLAIN)
    write(b"written ")
    pass_gate(words(environ)[0])
    return [b"returned"]


@application.plain
def writes_only(environ, start_response):
    start_response("200 OK", PLAIN)(b"written")
    return []


@application.plain
def writes_wrong(environ, start_response):
    write = start_response("200 OK", PLAIN)
    found = [raised(write, value) for value in ("text", None, 5, bytearray(b"x"), [b"x"])]
    return [" ".join(found).encode()]


@application.plain
def writes_too_much(environ, start_response):
    write = start_response("200 OK", [("Content-Length", "4")])
    write(b"ab")
    errors = [raised(write, b"cdef"), raised(write, b"g")]
    environ["wsgi.errors"].write(" ".join(errors))
    return []


@application.plain
def writes_too_much_unhandled(environ, start_response):
    write = start_response("200 OK", [("Content-Length", "4")])
    write(b"abcdef")
    return []


@application.plain
def writes_then_replaces(environ, start_response):
    start_response("200 OK", PLAIN)(b"written")
    start_response("503 Replaced", PLAIN, an_error())
    return [b"never"]
