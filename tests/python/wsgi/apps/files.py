"""Answers with `wsgi.file_wrapper`: `/NAME/TOKEN`, where TOKEN names a file and the marks."""

import gzip
import io
import os

from routes import Routes, mark, words

application = Routes()
PLAIN = [("Content-Type", "application/octet-stream")]


def opened(environ, **options):
    return open(os.path.join(os.environ["MARKS"], words(environ)[0] + ".data"), "rb", **options)


class Tracked(io.BytesIO):
    """Notes its `close`, and how it is read."""

    def __init__(self, token, data):
        super().__init__(data)
        self._token = token

    def read(self, size=-1):
        mark(self._token, f"read{size}")
        return super().read(size)

    def close(self):
        mark(self._token, "closed")
        super().close()


class OnlyRead:
    """The least that a file-like object has."""

    def __init__(self, data):
        self.read = io.BytesIO(data).read


class Descriptor:
    """Has the descriptor of a file, and gives something else when it is read."""

    def __init__(self, file):
        self._file, self._left = file, [b"not ", b"the file", b""]
        self.fileno = file.fileno
        self.close = file.close

    def read(self, size):
        return self._left.pop(0)


@application.plain
def file(environ, start_response):
    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](opened(environ), 8192)


@application.valid
def checked(environ, start_response):
    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](opened(environ))


@application.plain
def unbuffered(environ, start_response):
    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](opened(environ, buffering=0))


@application.plain
def part(environ, start_response):
    """From where it was read to, to its end."""
    found = opened(environ)
    found.read(1000)
    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](found)


@application.plain
def seeked(environ, start_response):
    """A range, as the answer to one is made: seek, and say the length."""
    _, start, length = words(environ)
    found = opened(environ)
    found.seek(int(start))
    start_response("206 Partial Content", [*PLAIN, ("Content-Length", length)])
    return environ["wsgi.file_wrapper"](found)


@application.plain
def bytes_io(environ, start_response):
    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](Tracked(words(environ)[0], b"x" * 10_000), 4096)


@application.plain
def tracked_file(environ, start_response):
    """A real file that was closed after the answer: the descriptor is gone."""
    token = words(environ)[0]
    found = opened(environ)

    class Wrapped:
        def __init__(self, wrapper):
            self._wrapper = wrapper

        def __iter__(self):
            return iter(self._wrapper)

        def close(self):
            self._wrapper.close()
            mark(token, "closed" if found.closed else "open")

    start_response("200 OK", PLAIN)
    return Wrapped(environ["wsgi.file_wrapper"](found))


KEPT = {}


@application.plain
def kept(environ, start_response):
    """Keeps the file, for `is_closed`."""
    found = KEPT[words(environ)[0]] = opened(environ)
    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](found)


@application.plain
def is_closed(environ, start_response):
    start_response("200 OK", PLAIN)
    return [str(KEPT.pop(words(environ)[0]).closed).encode()]


@application.plain
def only_read(environ, start_response):
    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](OnlyRead(b"no close, no descriptor"))


@application.plain
def descriptor(environ, start_response):
    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](Descriptor(opened(environ)))


@application.plain
def unzipped(environ, start_response):
    """Its `fileno` is that of the packed file."""
    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](gzip.open(opened(environ)))


@application.plain
def unzipped_buffered(environ, start_response):
    """The same with a buffer around it, as the documentation of `gzip` recommends."""
    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](io.BufferedReader(gzip.open(opened(environ))))


@application.plain
def not_returned(environ, start_response):
    """A wrapper that is made and not used, as by a cache that has the body already."""
    with opened(environ) as found:
        environ["wsgi.file_wrapper"](found)
        start_response("200 OK", PLAIN)
        return [b"from elsewhere"]


@application.plain
def text(environ, start_response):
    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](io.TextIOWrapper(opened(environ), encoding="latin-1"))


@application.plain
def closed(environ, start_response):
    found = opened(environ)
    found.close()
    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](found)


@application.plain
def pipe(environ, start_response):
    reading, writing = os.pipe()
    os.write(writing, b"through a pipe")
    os.close(writing)
    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](open(reading, "rb"))


@application.plain
def not_started(environ, start_response):
    return environ["wsgi.file_wrapper"](opened(environ))


@application.plain
def iterated(environ, start_response):
    """What middleware sees: an iterable of blocks."""
    blocks = list(environ["wsgi.file_wrapper"](opened(environ), 4000))
    start_response("200 OK", PLAIN)
    return [" ".join(str(len(block)) for block in blocks).encode()]


@application.plain
def written_first(environ, start_response):
    start_response("200 OK", PLAIN)(b"before ")
    return environ["wsgi.file_wrapper"](opened(environ))


@application.plain
def announced(environ, start_response):
    """A length that is not that of the file: `/announced/TOKEN/LENGTH`."""
    start_response("200 OK", [*PLAIN, ("Content-Length", words(environ)[1])])
    return environ["wsgi.file_wrapper"](opened(environ))
