"""Large bodies in and out, and many requests at once."""

import os
import threading

from routes import Routes, answer, words

application = Routes()
BINARY = [("Content-Type", "application/octet-stream")]
MEBIBYTE = 1 << 20
BARRIER = threading.Barrier(4)
BLOCK = bytes(range(256)) * 256


@application.valid
def generated(environ, start_response):
    """So many mebibytes from a generator, in pieces of 64 KiB."""
    start_response("200 OK", BINARY)
    return (BLOCK for _ in range(int(words(environ)[0]) * 16))


@application.plain
def listed(environ, start_response):
    """The same from a list that holds one piece many times."""
    start_response("200 OK", BINARY)
    return [BLOCK] * (int(words(environ)[0]) * 16)


@application.plain
def written(environ, start_response):
    """The same by `write`."""
    write = start_response("200 OK", BINARY)
    for _ in range(int(words(environ)[0]) * 16):
        write(BLOCK)
    return []


@application.plain
def wrapped(environ, start_response):
    """The same from an object that is read by blocks."""
    left = [BLOCK] * (int(words(environ)[0]) * 16)

    class Reader:
        def read(self, size):
            return left.pop() if left else b""

    start_response("200 OK", BINARY)
    return environ["wsgi.file_wrapper"](Reader(), len(BLOCK))


@application.plain
def filed(environ, start_response):
    """The same from a file of zeros, which takes no room on the disk."""
    size = int(words(environ)[0]) * MEBIBYTE
    start_response("200 OK", [*BINARY, ("Content-Length", str(size))])
    return environ["wsgi.file_wrapper"](open(os.path.join(os.environ["MARKS"], "zeros.data"), "rb"))


@application.plain
def single(environ, start_response):
    """One piece of so many mebibytes; zeros, whose memory the kernel gives out only when it is written to."""
    start_response("200 OK", BINARY)
    return [bytes(int(words(environ)[0]) * MEBIBYTE)]


@application.valid
def taken(environ, start_response):
    """Reads the body away in pieces of 64 KiB."""
    count = 0
    while data := environ["wsgi.input"].read(65536):
        count += len(data)
    return answer(start_response, f"{count} {os.getpid()}")


@application.valid
def filtered(environ, start_response):
    """Reads the file of a filter away in pieces of 64 KiB, and leaves the body alone."""
    count = 0
    while data := environ["fcgi.data"].read(65536):
        count += len(data)
    return answer(start_response, f"{count} {os.getpid()}")


@application.valid
def taken_by_lines(environ, start_response):
    """The same by lines."""
    return answer(start_response, f"{sum(map(len, environ['wsgi.input']))} {os.getpid()}")


@application.valid
def passed_back(environ, start_response):
    """Sends the body back while it arrives."""
    start_response("200 OK", BINARY)
    return iter(lambda: environ["wsgi.input"].read(65536), b"")


@application.valid
def ignored(environ, start_response):
    """Does not read its body."""
    return answer(start_response, str(os.getpid()))


@application.valid
def pid(environ, start_response):
    return answer(start_response, str(os.getpid()))


@application.valid
def together(environ, start_response):
    """Goes on when four requests are here at the same time."""
    BARRIER.wait(timeout=20)
    return answer(start_response, words(environ)[0])


@application.valid
def token(environ, start_response):
    """Says in every part of its answer who it is for, and yields to other threads between them."""
    name = words(environ)[0]
    body = environ["wsgi.input"].read(1000).decode()
    start_response(f"200 {name}", [("Content-Type", "text/plain"), ("X-Token", environ["HTTP_X_TOKEN"])])
    environ["wsgi.errors"].write(f"{name}\n")
    yield name.encode()
    yield f" {body} {environ['QUERY_STRING']} ".encode()
    yield environ["PATH_INFO"].encode()


@application.plain
def small(environ, start_response):
    """A little of everything."""
    environ["wsgi.input"].readline(10)
    environ["wsgi.errors"].write("")
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Long", "v" * 1000)])
    return [b"x" * 5000]


@application.plain
def raises(environ, start_response):
    raise LookupError("x" * 100_000)
