"""Answers with the status and headers that the test has sent."""

import json

from routes import Routes

application = Routes()


def python_value(found):
    """`{"tuple": [..]}` stands for a tuple, and so on: JSON has lists and texts alone."""
    ((name, value),) = found.items()
    return {"tuple": tuple, "bytes": str.encode, "iter": iter, "none": lambda _: None}[name](value)


def arguments(environ):
    return json.loads(environ["HTTP_X_ARGUMENTS"], object_hook=python_value)


@application.valid
def checked(environ, start_response):
    start_response(*arguments(environ))
    return [b"body"]


@application.plain
def given(environ, start_response):
    start_response(*arguments(environ))
    return [b"body"]


@application.plain
def stream(environ, start_response):
    start_response(*arguments(environ))
    yield b"bo"
    yield b"dy"


@application.plain
def subclasses(environ, start_response):
    """Subclasses of `str`, `list` and `tuple`, as some frameworks have them."""

    class Text(str):
        pass

    class Pair(tuple):
        pass

    class Headers(list):
        pass

    start_response(Text("200 Fine"), Headers([Pair((Text("X-A"), Text("1")))]))
    return [b"body"]


@application.plain
def changed(environ, start_response):
    """A list that is changed after the call: what counts is what was said, not what was sent until now."""
    headers = [("X-A", "1")]
    start_response("200 OK", headers)
    headers.append(("X-Later", "1"))
    headers[0] = ("X-A", "2")
    return [b"body"]
