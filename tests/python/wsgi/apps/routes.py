"""What the applications here are built with: a table of paths, marks for the tests to read, gates to wait at."""

import json
import os
from wsgiref.validate import validator


class Routes:
    """An application that looks the first part of PATH_INFO up in a table.

    `valid` ones run inside `wsgiref.validate`, which holds both sides to PEP 3333; `plain` ones do on purpose what it
    would not let through, or want to see what it hides.
    """

    def __init__(self):
        self._table = {}

    def valid(self, function):
        self._table[function.__name__] = validator(function)
        return function

    def plain(self, function):
        self._table[function.__name__] = function
        return function

    def __call__(self, environ, start_response):
        return self._table[environ["PATH_INFO"].split("/")[1]](environ, start_response)


def words(environ):
    """The parts of PATH_INFO behind the first."""
    return environ["PATH_INFO"].split("/")[2:]


def mark(token, word):
    """Notes a word under a name; one line for each."""
    fd = os.open(os.path.join(os.environ["MARKS"], token + ".marks"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.write(fd, f"{word}\n".encode())
    os.close(fd)


def pass_gate(token):
    """Waits until the test opens the gate; other threads run meanwhile."""
    fd = os.open(os.path.join(os.environ["MARKS"], token + ".gate"), os.O_RDONLY)
    os.read(fd, 1)
    os.close(fd)


def answer(start_response, body, status="200 OK", content_type="text/plain", headers=()):
    body = body if isinstance(body, bytes) else body.encode()
    start_response(status, [("Content-Type", content_type), *headers])
    return [body]


def answer_json(start_response, value):
    return answer(start_response, json.dumps(value), content_type="application/json")
