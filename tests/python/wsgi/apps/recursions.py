"""Recursion through the interpreter's own functions, which use the stack of the thread: `/NAME/LIMIT`."""

import copy
import functools
import json
import os
import pickle
import sys
import threading

from routes import Routes, answer, words

application = Routes()


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


class Shown:
    """Its `repr` is one of a list of its like."""

    def __init__(self, depth):
        self._depth = depth

    def __repr__(self):
        return repr([Shown(self._depth - 1)]) if self._depth else ""


class Compared:
    def __init__(self, depth):
        self._depth = depth

    def __eq__(self, other):
        return not self._depth or [Compared(self._depth - 1)] == [Compared(self._depth - 1)]


class Forwarding:
    def __getattr__(self, name):
        return getattr(self, name)

    def __call__(self, *arguments):
        return self(*arguments)


def plain(depth):
    return plain(depth - 1) if depth else 0


def mapped(depth):
    return list(map(mapped, [depth - 1])) if depth else 0


def partial(depth):
    return functools.partial(partial, depth - 1)() if depth else 0


def hooked(depth):
    return json.loads("{}", object_hook=lambda _: hooked(depth - 1)) if depth else 0


def executed(depth):
    return exec("executed(depth - 1)", {"executed": executed, "depth": depth}) if depth else 0


RECURSIONS = {
    "plain": plain,
    "repr": lambda depth: repr(nested(depth)),
    "json": lambda depth: json.dumps(nested(depth)),
    "json_loads": lambda depth: json.loads("[" * depth + "]" * depth),
    "pickle": lambda depth: pickle.dumps(nested(depth)),
    "deepcopy": lambda depth: copy.deepcopy(nested(depth)),
    "compare": lambda depth: nested(depth) == nested(depth),
    "own_repr": lambda depth: repr(Shown(depth)),
    "own_compare": lambda depth: Compared(depth) == Compared(depth),
    "attribute": lambda depth: Forwarding().anything,
    "call": lambda depth: Forwarding()(depth),
    "mapped": mapped,
    "partial": partial,
    "hooked": hooked,
    "executed": executed,
}
LOCK = threading.Lock()


@application.plain
def recursion(environ, start_response):
    """Goes twice as deep as the interpreter is told to allow: `/recursion/NAME/LIMIT`."""
    name, limit = words(environ)
    with LOCK:
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(int(limit))
        try:
            RECURSIONS[name](2 * int(limit))
            found = "done"
        except RecursionError:
            found = "RecursionError"
        finally:
            sys.setrecursionlimit(before)
    return answer(start_response, f"{found} {os.getpid()}")
