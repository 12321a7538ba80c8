"""From what a program says to the words of the command line, and from there to a running server."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from fcgi_runner import _native
from fcgi_runner.errors import StartError

__all__ = ["Application", "OptionValue", "start", "words_of"]

#: A WSGI application, PEP 3333.
Application: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

#: What an option may be set to; `None` is as if it was not there, several values are so many words.
OptionValue: TypeAlias = str | bytes | int | float | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None

#: Options that are typed in octal, so that a number has to be written in octal.
_MODES = ("umask", "socketmode")


def start(application: Application | None, words: Iterable[str]) -> bool:
    """Runs the server until it ends; returns whether it was by SIGHUP.

    Raises `StartError`, after saying what is wrong, or `SystemExit` in a process that has only started a server in the
    background.
    """
    # What waits in a buffer would be written by each worker once more.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
    try:
        return _native.serve(application, list(words))
    except StartError as error:
        error.tell()
        raise


def words_of(options: Mapping[str, OptionValue]) -> list[str]:
    """Writes options as words: `{"socket": "/tmp/s.sock", "debug": True}` as `socket=/tmp/s.sock debug=true`."""
    return [word for name, value in options.items() for word in _words(name, value)]


def _words(name: str, value: OptionValue) -> list[str]:
    if value is None:
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
