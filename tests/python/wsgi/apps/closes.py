"""Iterables that note what is done with them: `/NAME/TOKEN`."""

import os

from routes import Routes, mark, pass_gate, words

application = Routes()
PLAIN = [("Content-Type", "text/plain")]


class Noted:
    """Notes its iteration and each `close()`; may raise at a given step, or in `close()`."""

    def __init__(self, token, items, fail_at=None, error=LookupError, close_error=None):
        self._token, self._items, self._fail_at = token, iter(items), fail_at
        self._error, self._close_error, self._step = error, close_error, 0

    def __iter__(self):
        return self

    def __next__(self):
        self._step += 1
        if self._step == self._fail_at:
            raise self._error("asked for")
        return next(self._items)

    def close(self):
        mark(self._token, "closed")
        if self._close_error:
            raise self._close_error("in close")


class NotedList(list):
    """A list with a `close`."""

    def close(self):
        mark(self.token, "closed")


class Uniterable:
    """Has a `close`, and cannot be iterated over."""

    def __init__(self, token):
        self._token = token

    def close(self):
        mark(self._token, "closed")


@application.plain
def case(environ, start_response):
    """One of the ways in which a request ends: `/case/TOKEN/NAME`."""
    token, name = words(environ)
    if name == "not_started":
        return Noted(token, [b"body"])
    if name == "before_return":
        Noted(token, [b"body"])
        raise LookupError("before return")
    headers = [*PLAIN, ("Content-Length", "100")] if name == "too_short" else PLAIN
    start_response("204 None" if name == "no_content" else "200 OK", headers)
    if name == "list":
        noted = NotedList([b"body"])
        noted.token = token
        return noted
    return {
        "normal": lambda: Noted(token, [b"bo", b"dy"]),
        "empty": lambda: Noted(token, []),
        "no_content": lambda: Noted(token, [b"bo", b"dy"]),
        "first_fails": lambda: Noted(token, [b"body"], 1),
        "second_fails": lambda: Noted(token, [b"body"], 2),
        "exits": lambda: Noted(token, [b"body"], 1, SystemExit),
        "exits_late": lambda: Noted(token, [b"body"], 2, KeyboardInterrupt),
        "wrong_item": lambda: Noted(token, ["text"]),
        "wrong_item_late": lambda: Noted(token, [b"body", "text"]),
        "close_fails": lambda: Noted(token, [b"body"], close_error=LookupError),
        "close_exits": lambda: Noted(token, [b"body"], close_error=SystemExit),
        "both_fail": lambda: Noted(token, [b"body"], 1, close_error=ValueError),
        "too_short": lambda: Noted(token, [b"body"]),
        "uniterable": lambda: Uniterable(token),
    }[name]()


@application.plain
def without_close(environ, start_response):
    start_response("200 OK", PLAIN)
    return iter([b"body"])


@application.plain
def close_is_none(environ, start_response):
    """An attribute of that name that is no method."""

    class Odd(list):
        close = None

    start_response("200 OK", PLAIN)
    return Odd([b"body"])


@application.plain
def generator(environ, start_response):
    """A generator; its `finally` is what `close()` means for it."""
    token = words(environ)[0]
    start_response("200 OK", PLAIN)
    try:
        while True:
            yield b"x" * 100_000
    except GeneratorExit:
        mark(token, "exit")
        raise
    finally:
        mark(token, "finally")


@application.valid
def checked(environ, start_response):
    start_response("200 OK", PLAIN)
    return Noted(words(environ)[0], [b"bo", b"dy"])


@application.plain
def writes_endlessly(environ, start_response):
    """`write` to a client that leaves; what it raises is an OSError, as from any file."""
    token = words(environ)[0]
    write = start_response("200 OK", PLAIN)
    try:
        while True:
            write(b"x" * 100_000)
    except OSError as error:
        mark(token, type(error).__name__)
        raise
    finally:
        mark(token, "finally")


@application.plain
def after(environ, start_response):
    """Closed after the last chunk has been taken, and not before."""
    token = words(environ)[0]

    class Slow(Noted):
        def close(self):
            pass_gate(token)
            super().close()

    start_response("200 OK", PLAIN)
    return Slow(token, [b"body"])


@application.plain
def pid(environ, start_response):
    start_response("200 OK", PLAIN)
    return [str(os.getpid()).encode()]
