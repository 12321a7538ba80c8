"""The application of the tests: does what the first part of the path says."""

import itertools
import os
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
VERSION = "one"

numbers = itertools.count()


def hold(name):
    """Waits until the test lets it go on; a file shows that it waits."""
    mine = os.path.join(HERE, f"held-{name}-{os.getpid()}-{next(numbers)}")
    open(mine, "w").close()
    while not os.path.exists(os.path.join(HERE, f"go-{name}")):
        time.sleep(0.003)
    os.unlink(mine)


def stream(count, size):
    for _ in range(count):
        yield b"x" * size


taken = []


def take_all_descriptors():
    """Opens files until there are no descriptors left."""
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass


class Closing:
    """Yields without end, and leaves a file when it is closed."""

    def __init__(self, name):
        self.name = name

    def __iter__(self):
        return itertools.repeat(b"x" * 65536)

    def close(self):
        open(os.path.join(HERE, f"closed-{self.name}"), "a").write("x")


def broken(way):
    """A body that ends in the middle."""
    yield b"the first half"
    if way == "exit":
        os._exit(7)
    raise RuntimeError("raised by the application")


def filling(count, name):
    """Yields so many pieces of a kibibyte, and then one more when the test says so; so slowly that each is written by itself."""
    for _ in range(count):
        time.sleep(0.00005)
        yield b"x" * 1024
    hold(name)
    yield b"x" * 1024


def application(environ, start_response):
    word, _, rest = environ["PATH_INFO"].strip("/").partition("/")
    status = "200 OK"
    body = ""
    if word == "hold":
        hold(rest)
        body = "held"
    elif word == "pid":
        body = str(os.getpid())
    elif word == "version":
        body = VERSION
    elif word == "cwd":
        body = os.getcwd()
    elif word == "environ":
        body = str(environ.get(rest))
    elif word == "process-environ":
        body = str(os.environ.get(rest))
    elif word == "flags":
        names = ("multithread", "multiprocess", "run_once")
        body = " ".join(str(environ["wsgi." + name]) for name in names)
    elif word == "read":
        # The holding shows that the application runs before its body is there.
        if rest:
            hold(rest)
        data = environ["wsgi.input"].read()
        body = f"{len(data)} of {environ.get('CONTENT_LENGTH')}"
    elif word == "early":
        # Answers without having read anything.
        start_response(status, [("Content-Type", "text/plain")])
        return stream(128, 65536)
    elif word == "endless":
        start_response(status, [("Content-Type", "text/plain")])
        return itertools.repeat(b"x" * 65536)
    elif word == "closing":
        start_response(status, [("Content-Type", "text/plain")])
        return Closing(rest)
    elif word == "take-descriptors":
        take_all_descriptors()
        body = str(len(taken))
    elif word == "give-descriptors":
        while taken:
            os.close(taken.pop())
    elif word == "break":
        start_response(status, [("Content-Type", "text/plain")])
        return broken(rest)
    elif word == "file":
        start_response(status, [("Content-Type", "text/plain")])
        return environ["wsgi.file_wrapper"](open(os.path.join(HERE, rest), "rb"))
    elif word == "fill":
        count, _, name = rest.partition("/")
        start_response(status, [("Content-Type", "text/plain")])
        return filling(int(count), name)
    elif word == "say":
        # The status is the rest of the path; headers, one a line, and the body are in parameters.
        lines = environ.get("SAY_HEADERS", "").splitlines()
        start_response(rest, [tuple(line.split(": ", 1)) for line in lines])
        pieces = [environ.get("SAY_BODY", "").encode() * int(environ.get("SAY_TIMES", "1"))]
        return iter(pieces) if "SAY_PIECES" in environ else pieces
    elif word == "names":
        body = str(sum(name.startswith(rest) for name in environ))
    elif word == "print":
        print("printed by the application")
        print("complained by the application", file=sys.stderr)
        body = "silent"
    elif word == "log":
        print("logged by the application", file=environ["wsgi.errors"])
    elif word == "raise":
        raise RuntimeError("raised by the application")
    elif word == "exit":
        os._exit(7)
    elif word == "recycle":
        environ["fcgi.recycle"]()
        body = str(os.getpid())
    elif word == "grow":
        # Takes so many mebibytes, and keeps them.
        taken.append(bytearray(os.urandom(1) * (int(rest) << 20)))
        body = str(os.getpid())
    elif word == "thread":
        body = str(threading.get_ident())
    else:
        status = "404 Not Found"
    start_response(status, [("Content-Type", "text/plain")])
    return [body.encode()]
