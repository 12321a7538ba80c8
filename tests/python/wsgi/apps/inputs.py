"""Reads request bodies in every way that a file can be read."""

import hashlib
import io
import json
import os
import tarfile
import threading

from reading import perform, text
from routes import Routes, answer, answer_json, mark, pass_gate, words

application = Routes()
KEPT = []


@application.plain
def script(environ, start_response):
    return answer_json(start_response, perform(environ["wsgi.input"], json.loads(environ["HTTP_X_SCRIPT"])))


@application.valid
def checked(environ, start_response):
    """The four methods that PEP 3333 names, as `wsgiref.validate` lets them be called."""
    stream = environ["wsgi.input"]
    found = [stream.read(3), stream.readline(), *stream.readlines(), *stream, stream.read(10)]
    return answer_json(start_response, [text(part) for part in found])


@application.valid
def digest(environ, start_response):
    """The SHA-256 of the body, read in pieces of the size asked for."""
    size, found, count = int(words(environ)[0]), hashlib.sha256(), 0
    while data := environ["wsgi.input"].read(size):
        found.update(data)
        count += len(data)
    return answer_json(start_response, [count, found.hexdigest()])


@application.plain
def lines(environ, start_response):
    """The same by lines, with a limit that no line reaches, as form parsers read."""
    limit, found, count = int(words(environ)[0]), hashlib.sha256(), 0
    while line := environ["wsgi.input"].readline(limit):
        found.update(line)
        count += 1
    return answer_json(start_response, [count, found.hexdigest()])


@application.valid
def ignore(environ, start_response):
    return answer(start_response, str(os.getpid()))


@application.valid
def some(environ, start_response):
    return answer(start_response, environ["wsgi.input"].read(int(words(environ)[0])))


@application.valid
def echo(environ, start_response):
    """Sends the body back while it arrives."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return iter(lambda: environ["wsgi.input"].read(30_000), b"")


@application.valid
def late(environ, start_response):
    """Answers far more than a socket holds before it reads anything."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    for _ in range(64):
        yield b"x" * 65536
    yield hashlib.sha256(environ["wsgi.input"].read(1 << 30)).hexdigest().encode()


@application.plain
def broken(environ, start_response):
    """Notes what is raised when the web server goes away in the middle of a body."""
    token = words(environ)[0]
    mark(token, "started")
    try:
        environ["wsgi.input"].read()
    except OSError as error:
        mark(token, f"{type(error).__name__}")
        raise
    mark(token, "whole")
    return answer(start_response, "whole")


@application.plain
def gated(environ, start_response):
    """Waits in the middle of a body."""
    token = words(environ)[0]
    mark(token, text(environ["wsgi.input"].read(5)))
    pass_gate(token)
    return answer(start_response, environ["wsgi.input"].read())


@application.plain
def keep(environ, start_response):
    """Keeps the stream for `kept`."""
    KEPT.append(environ["wsgi.input"])
    return answer(start_response, str(os.getpid()))


@application.plain
def kept(environ, start_response):
    """What can still be read of the streams of earlier requests, here and in another thread."""
    found = []
    streams = list(KEPT)
    KEPT.clear()

    def read():
        for stream in streams:
            try:
                found.append(len(stream.read()))
            except OSError as error:
                found.append(type(error).__name__)

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    return answer_json(start_response, [len(found), environ["wsgi.input"].read().decode(), os.getpid()])


@application.plain
def layered(environ, start_response):
    """Readers of the standard library laid over the stream; `/layered/NAME`."""
    stream = environ["wsgi.input"]
    with {
        "text": lambda: io.TextIOWrapper(stream, "utf-8"),
        "buffered": lambda: io.BufferedReader(stream),
        "text_over_buffered": lambda: io.TextIOWrapper(io.BufferedReader(stream), "utf-8"),
    }[words(environ)[0]]() as reader:
        found = [reader.readline(), reader.read(2), *reader]
    return answer_json(start_response, [part if isinstance(part, str) else part.decode() for part in found])


@application.plain
def unpacked(environ, start_response):
    """An archive that is unpacked while it arrives."""
    with tarfile.open(fileobj=environ["wsgi.input"], mode="r|gz") as archive:
        sizes = {member.name: len(archive.extractfile(member).read()) for member in archive}
    return answer_json(start_response, sizes)


@application.plain
def wrong(environ, start_response):
    """Calls that no file would take."""
    found = []
    for arguments in [("5",), (1.5,), (b"5",), (1, 2), (1 << 80,)]:
        for method in ("read", "readline", "readlines"):
            try:
                getattr(environ["wsgi.input"], method)(*arguments)
                found.append("taken")
            except (TypeError, OverflowError) as error:
                found.append(type(error).__name__)
    return answer_json(start_response, [found, environ["wsgi.input"].read().decode()])
