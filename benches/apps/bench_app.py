"""The application that every Python server is measured with."""

import time

HELLO = b"Hello, World!"
LIST = b"x" * 1048576
CHUNK, CHUNKS = b"y" * 8192, 128
READ = 65536
LINES = 10_000


def hello(environ):
    """The least there is."""
    return [("Content-Type", "text/plain"), ("Content-Length", "13")], [HELLO]


def page(environ):
    """A small page, made row by row in Python."""
    rows = "".join("<tr><td>%d</td><td>%s</td></tr>" % (number, hex(number * number)) for number in range(200))
    body = f"<table>{rows}</table>".encode()
    return [("Content-Type", "text/html"), ("Content-Length", str(len(body)))], [body]


def large(environ):
    """1 MiB in one piece."""
    return [("Content-Type", "text/plain"), ("Content-Length", str(len(LIST)))], [LIST]


def stream(environ):
    """1 MiB, 8 KiB at a time."""
    return [("Content-Type", "text/plain")], (CHUNK for _ in range(CHUNKS))


def lines(environ):
    """An export, line by line."""
    return [("Content-Type", "text/csv")], (b"%05d,a name,another,12.50,2026\n" % number for number in range(LINES))


def upload(environ):
    """Reads the body and tells its length."""
    length = 0
    while piece := environ["wsgi.input"].read(READ):
        length += len(piece)
    body = b"%d" % length
    return [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))], [body]


def sleep(environ):
    """Waits as for a database, then says hello."""
    time.sleep(0.05)
    return hello(environ)


PAGES = {
    "/hello": hello,
    "/page": page,
    "/large": large,
    "/stream": stream,
    "/lines": lines,
    "/upload": upload,
    "/sleep": sleep,
}


def application(environ, start_response):
    """WSGI."""
    headers, body = PAGES[environ["PATH_INFO"]](environ)
    start_response("200 OK", headers)
    return body
