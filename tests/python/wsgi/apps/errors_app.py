"""Writes to `wsgi.errors`, and to the standard streams."""

import os
import sys
import threading

from routes import Routes, answer, pass_gate, words

application = Routes()


@application.valid
def checked(environ, start_response):
    """Everything that PEP 3333 names."""
    errors = environ["wsgi.errors"]
    errors.write("written\n")
    errors.writelines(["first of two\n", "second of two\n"])
    errors.flush()
    return answer(start_response, "done")


@application.plain
def lines(environ, start_response):
    """Writes a line before the body, waits, writes the body, waits."""
    token = words(environ)[0]
    errors = environ["wsgi.errors"]
    errors.write("one line\n")
    pass_gate(token)
    errors.write("no end of line")
    errors.flush()
    pass_gate(token)
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"body"
    errors.write("between\n")
    pass_gate(token)
    yield b"more"


@application.plain
def unfinished(environ, start_response):
    environ["wsgi.errors"].write("unfinished " + words(environ)[0])
    return answer(start_response, "done")


@application.plain
def unfinished_stream(environ, start_response):
    start_response("200 OK", [])
    yield b"body"
    environ["wsgi.errors"].write("unfinished " + words(environ)[0])


@application.plain
def unfinished_close(environ, start_response):
    """Writes when the answer is over."""

    class Body(list):
        def close(self):
            environ["wsgi.errors"].write("unfinished " + words(environ)[0])

    start_response("200 OK", [])
    return Body([b"body"])


@application.plain
def odd(environ, start_response):
    """Text of every kind, and printing to the stream."""
    errors = environ["wsgi.errors"]
    found = [errors.write("ä€😀\n"), errors.write(""), errors.write("a\udcffb\n"), errors.write("nul\0nul\n")]
    print("printed", 1, file=errors)
    print("flushed", end="", file=errors, flush=True)
    return answer(start_response, repr(found))


@application.plain
def wrong(environ, start_response):
    """Bytes and other things are refused."""
    found = []
    for value in (b"bytes", 5, None):
        try:
            environ["wsgi.errors"].write(value)
            found.append("taken")
        except TypeError:
            found.append("TypeError")
    try:
        environ["wsgi.errors"].writelines(["good\n", b"bad\n"])
    except TypeError:
        found.append("TypeError")
    return answer(start_response, " ".join(found))


@application.plain
def long(environ, start_response):
    environ["wsgi.errors"].write("x" * 200_000 + "\n")
    return answer(start_response, "done")


@application.plain
def prints(environ, start_response):
    """Writes to standard output and error in every way there is."""
    token = words(environ)[0]
    print("print", token)
    sys.stdout.write(f"sys {token}\n")
    os.write(1, f"descriptor {token}\n".encode())
    os.system(f"echo child {token}")
    print("print error", token, file=sys.stderr)
    os.write(2, f"descriptor error {token}\n".encode())
    sys.stdout.write(f"unflushed {token}")
    sys.stdout.flush()
    return answer(start_response, "done")


@application.plain
def full_pipe(environ, start_response):
    """Standard error is a pipe whose reader is a thread of this very process."""
    reading, writing = os.pipe()
    saved = os.dup(2)
    os.dup2(writing, 2)
    os.close(writing)
    found = []

    def read():
        with open(reading, "rb") as pipe:
            found.append(len(pipe.read()))

    reader = threading.Thread(target=read)
    reader.start()
    environ["wsgi.errors"].write("x" * 200_000 + "\n")
    os.dup2(saved, 2)
    reader.join()
    return answer(start_response, str(found))


@application.plain
def reads_stdin(environ, start_response):
    return answer(start_response, repr(os.read(0, 10)))
