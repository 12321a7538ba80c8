"""Applications of every kind that can be called with an environ and a `start_response`."""

import functools

from routes import mark

PLAIN = [("Content-Type", "text/plain")]


def function(environ, start_response, /):
    """Its arguments have no names that could be used."""
    start_response("200 OK", PLAIN)
    return [b"called"]


def other_names(one, two, three="default"):
    start_response = two
    start_response("200 OK", PLAIN)
    return [b"called" if three == "default" else b"with more"]


def generator(environ, start_response):
    """Nothing of it runs before its iterable is asked for the first piece."""
    start_response("200 OK", PLAIN)
    yield b"called"


class Class:
    """The application is the class, an instance is what it returns: the example of the PEP."""

    def __init__(self, environ, start_response):
        self.start_response = start_response

    def __iter__(self):
        self.start_response("200 OK", PLAIN)
        yield b"called"


class Callable:
    def __call__(self, environ, start_response):
        return function(environ, start_response)

    def method(self, environ, start_response):
        return function(environ, start_response)

    @classmethod
    def of_class(cls, environ, start_response):
        return function(environ, start_response)

    @staticmethod
    def static(environ, start_response):
        return function(environ, start_response)


instance = Callable()
partial = functools.partial(other_names, three="default")
nameless = lambda environ, start_response: function(environ, start_response)  # noqa: E731


def counted(environ, start_response):
    """Notes each call: `/TOKEN/WHAT`; fails if asked to."""
    _, token, what = environ["PATH_INFO"].split("/")
    mark(token, what)
    if what == "fails":
        raise LookupError("asked for")
    return function(environ, start_response)
