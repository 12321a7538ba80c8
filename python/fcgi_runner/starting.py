"""From what a program says to the words of the command line, and from there to a running server."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from fcgi_runner import _native
from fcgi_runner.errors import StartError

__all__ = ["Application", "OptionValue", "applications_of", "start", "words_of"]

#: A WSGI application, PEP 3333.
Application: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

#: What an option may be set to; `None` is as if it was not there, several values are so many words.
OptionValue: TypeAlias = str | bytes | int | float | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None

#: Options that name the applications of the other roles, which may be given as they are.
_ROLES = ("authorizer", "filter")

#: Options that are typed in octal, so that a number has to be written in octal.
_MODES = ("umask", "socketmode")


def start(application: Application | None, words: Iterable[str], others: Mapping[str, Application] | None = None) -> bool:
    """Runs the server until it ends; returns whether it was by SIGHUP.

    `others` are the applications of an `authorizer` and a `filter`. A responder that is not given is the one that the words
    name; it is looked for where nobody has given or named any application.

    Raises `StartError`, after saying what is wrong, or `SystemExit` in a process that has only started a server in the
    background.
    """
    # What waits in a buffer would be written by each worker once more.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
    try:
        return _native.serve(application, list(words), **(others or {}))
    except StartError as error:
        error.tell()
        raise


def applications_of(options: Mapping[str, OptionValue | Application]) -> dict[str, Application]:
    """The options that are applications, as in `{"authorizer": guard}`, not as in `{"authorizer": "guard:application"}`."""
    return {name.lower(): value for name, value in options.items() if name.lower() in _ROLES and callable(value)}


def words_of(options: Mapping[str, OptionValue | Application]) -> list[str]:
    """Writes options as words: `{"socket": "/tmp/s.sock", "debug": True}` as `socket=/tmp/s.sock debug=true`.

    Applications are left out, see `applications_of`.
    """
    return [word for name, value in options.items() for word in _words(name, value)]


def _words(name: str, value: OptionValue | Application) -> list[str]:
    if value is None:
        return []
    if callable(value):
        if name.lower() not in _ROLES:
            raise TypeError(f"{name} cannot be {value!r}: only applications are callable")
        return []
    if name.lower() in ("help", "version", "man"):
        return [name] if value else []
    if isinstance(value, (str, bytes, os.PathLike)):
        return [f"{name}={os.fsdecode(value)}"]
    if isinstance(value, bool):
        return [f"{name}={str(value).lower()}"]
    if isinstance(value, int) and name.lower().replace("_", "") in _MODES:
        return [f"{name}={value:o}"]
    if isinstance(value, (int, float)):
        return [f"{name}={value}"]
    return [f"{name}={os.fsdecode(item)}" for item in value]
