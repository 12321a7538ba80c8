"""Shows environs."""

import os
from wsgiref.util import application_uri, request_uri

from routes import Routes, answer_json

application = Routes()
FIRST_ENVIRONS = []


def shown(environ):
    """The environ as JSON can have it: what is no text as the name of its type."""
    kinds = (str, bool, tuple)
    return {name: value if isinstance(value, kinds) else type(value).__name__ for name, value in environ.items()}


@application.plain
def dump(environ, start_response):
    """The environ as it was handed in; keys that are no `str` would not pass."""
    assert all(type(name) is str for name in environ)
    texts = [value for name, value in environ.items() if not name.startswith(("wsgi.", "fcgi."))]
    assert all(type(value) is str for value in texts)
    assert type(environ["wsgi.url_scheme"]) is str
    return answer_json(start_response, {"type": type(environ).__name__, "environ": shown(environ)})


@application.valid
def checked(environ, start_response):
    """As `dump`, looked at by `wsgiref.validate` first."""
    return answer_json(start_response, {"environ": shown(environ)})


@application.valid
def url(environ, start_response):
    """The URL of the request, by the algorithm of PEP 3333."""
    return answer_json(start_response, {"environ": {"url": request_uri(environ), "base": application_uri(environ)}})


@application.plain
def spoil(environ, start_response):
    """Shows the environ, then fills it with rubbish and keeps it for the next ones to compare with."""
    FIRST_ENVIRONS.append(environ)
    found = shown(environ)
    environ.clear()
    environ["rubbish"] = "here"
    same = sum(environ is old for old in FIRST_ENVIRONS)
    return answer_json(start_response, {"environ": found, "same": same})


@application.plain
def process(environ, start_response):
    """The environment of the process, and whether any parameter of the request is in it."""
    values = {name: value for name, value in os.environ.items() if name in environ or name == "HTTP_PROXY"}
    return answer_json(start_response, {"values": values, "path": bool(os.environ["PATH"])})
