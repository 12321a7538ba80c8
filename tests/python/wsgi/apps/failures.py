"""Fails in every way: `/fails/WHAT` before anything was said, `/late/WHAT` after the first chunk."""

import ctypes
import os
import signal
import sys

from routes import Routes, mark, pass_gate, words

application = Routes()
PLAIN = [("Content-Type", "text/plain")]
SECRET = "the secret of the traceback"


class Own(BaseException):
    """An exception that no `except Exception` catches."""


class Unprintable(Exception):
    """An exception whose text cannot be had."""

    def __str__(self):
        raise RuntimeError("no text")


def too_deep(depth=0):
    return too_deep(depth + 1)


def raise_it(error):
    raise error


def chained():
    try:
        raise LookupError("first " + SECRET)
    except LookupError as error:
        raise RuntimeError("second " + SECRET) from error


def two_failures():
    raise ExceptionGroup("group " + SECRET, [ValueError("a"), TypeError("b")])


FAILURES = {
    "Exception": lambda: raise_it(Exception(SECRET)),
    "Own": lambda: raise_it(Own(SECRET)),
    "SystemExit": lambda: sys.exit(0),
    "SystemExit3": lambda: sys.exit("with a text"),
    "KeyboardInterrupt": lambda: raise_it(KeyboardInterrupt()),
    "GeneratorExit": lambda: raise_it(GeneratorExit()),
    "StopIteration": lambda: raise_it(StopIteration(5)),
    "StopAsyncIteration": lambda: raise_it(StopAsyncIteration()),
    "RecursionError": too_deep,
    "MemoryError": lambda: bytes(1 << 60),
    "raised MemoryError": lambda: raise_it(MemoryError()),
    "Unprintable": lambda: raise_it(Unprintable()),
    "RuntimeError": chained,
    "ExceptionGroup": two_failures,
    "UnicodeEncodeError": lambda: "\udcff".encode(),
    "surrogate": lambda: raise_it(ValueError("lone \udcff")),
    "ConnectionResetError": lambda: raise_it(ConnectionResetError("of a data base")),
    "BrokenPipeError": lambda: raise_it(BrokenPipeError("of a data base")),
    "SyntaxError": lambda: compile("a b", "text", "exec"),
    "html": lambda: raise_it(ValueError("<script>&\"'")),
    "nul": lambda: raise_it(ValueError("nul\0nul")),
}


def crash():
    ctypes.string_at(0)


DEATHS = {
    "exit": lambda: os._exit(0),
    "exit3": lambda: os._exit(3),
    "segfault": crash,
    "abort": os.abort,
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
}


@application.plain
def fails(environ, start_response):
    FAILURES[words(environ)[0]]()


@application.plain
def fails_after_start(environ, start_response):
    """The headers were said, but not sent."""
    start_response("200 OK", [*PLAIN, ("X-Mine", "1"), ("Content-Length", "5")])
    FAILURES[words(environ)[0]]()


@application.plain
def iterates(environ, start_response):
    """In the iteration, before the first chunk."""

    class Body:
        def __iter__(self):
            return self

        def __next__(self):
            FAILURES[words(environ)[0]]()

    start_response("200 OK", PLAIN)
    return Body()


@application.plain
def late(environ, start_response):
    start_response("200 OK", PLAIN)
    yield b"part"
    FAILURES[words(environ)[0]]()


@application.plain
def late_but_whole(environ, start_response):
    """Fails when all that was announced has been sent."""
    start_response("200 OK", [*PLAIN, ("Content-Length", "4")])(b"part")
    FAILURES[words(environ)[0]]()


@application.plain
def dies(environ, start_response):
    DEATHS[words(environ)[0]]()


@application.plain
def dies_late(environ, start_response):
    start_response("200 OK", PLAIN)
    yield b"part"
    DEATHS[words(environ)[0]]()


@application.plain
def pid(environ, start_response):
    start_response("200 OK", PLAIN)
    return [str(os.getpid()).encode()]


@application.plain
def waits(environ, start_response):
    """Is under way, in a worker of its own, while another dies."""
    token = words(environ)[0]
    mark(token, os.getpid())
    pass_gate(token)
    return pid(environ, start_response)
