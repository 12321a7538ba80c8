"""Applications for the other two roles of FastCGI: they do what the first part of the path says."""

import hashlib

import web

VERDICT = "one"


def authorizer(environ, start_response):
    word, _, rest = environ["PATH_INFO"].strip("/").partition("/")
    headers = [("Content-Type", "text/plain"), ("Set-Cookie", "a=b"), ("ETag", '"verdict"')]
    variables = [("Variable-AUTH_METHOD", "by hand"), ("variable-group", "staff")]
    if word == "deny":
        start_response("403 Forbidden", [*headers, ("Variable-GROUP", "none")])
        return [b"denied"]
    if word == "verdict":
        variables = [("Variable-VERDICT", VERDICT)]
    if word == "environ":
        variables = [("Variable-" + name, str(environ.get(name))) for name in rest.split("+")]
    if word == "input":
        variables = [("Variable-INPUT", repr(environ["wsgi.input"].read()))]
    if word == "raise":
        raise RuntimeError("raised by the authorizer")
    write = start_response("200 OK", [*headers, *variables, ("Content-Length", "7")])
    if word == "late":
        return late(rest, write)
    if word == "file":
        return environ["wsgi.file_wrapper"](open(web.__file__, "rb"))
    return [b"welcome"]


def late(when, write):
    """Fails after it has said 200."""
    if when == "write":
        write(b"welcome")
    else:
        yield b"welcome"
    raise RuntimeError("raised by the authorizer")


def filter(environ, start_response):
    word, _, rest = environ["PATH_INFO"].strip("/").partition("/")
    body, data = environ["wsgi.input"], environ["fcgi.data"]
    if word == "hold":
        # The holding shows that the application runs before all of the data is there.
        web.hold(rest)
    if word == "leave":
        text = "left"
    elif word == "lines":
        text = f"{[*data]} {body.readline()}"
    elif word == "backwards":
        # Nobody reads the body while the data arrives.
        text = told(data.read()) + " " + told(body.read())
    elif word == "environ":
        text = " ".join(str(environ.get(name)) for name in rest.split("+"))
    else:
        lengths = environ.get("CONTENT_LENGTH"), environ["FCGI_DATA_LENGTH"]
        try:
            text = " ".join([told(body.read()), told(data.read()), *map(str, lengths), repr(data.read(1))])
        except OSError as error:
            text = f"{type(error).__name__}: {error}"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]


def told(content):
    return f"{len(content)}:{hashlib.sha256(content).hexdigest()[:8]}"

