"""Where things are."""

import os
import shutil
import sys
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
APPS = Path(__file__).resolve().parent / "apps"

#: What is made for the comparison and is no part of the project.
WORK = REPOSITORY / "target" / "bench"
VENV = WORK / "venv" / "bin"
HELLO_FCGI = WORK / "hello_fcgi"
STORE = WORK / "figures"

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class MissingError(Exception):
    """A program is not there."""


def find(*names: str) -> str:
    """The path of an installed program, under the first of these names that there is."""
    for name in names:
        if path := shutil.which(name, path=_SYSTEM_PATH):
            return path
    raise MissingError(f"{names[0]} is not installed: `tools/setup bench` names the packages")


@cache
def php_fpm() -> str:
    """The path of php-fpm, which has its version in its name."""
    found = sorted(Path("/usr/sbin").glob("php-fpm*"))
    return find("php-fpm", *(path.name for path in reversed(found)))


def fcgi_run() -> str:
    """The fcgi-run to measure: FCGI_RUN, else the one beside this interpreter."""
    return _built("FCGI_RUN", Path(sys.executable).parent / "fcgi-run", "make wheel")


def fcgi_rate() -> str:
    """The load generator: FCGI_RATE, else the release build."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    return _built("FCGI_RATE", target / "release" / "fcgi-rate", "cargo build --release -p fcgi-tests --bin fcgi-rate")


def _built(variable: str, path: Path, command: str) -> str:
    chosen = Path(os.environ.get(variable, path))
    if not os.access(chosen, os.X_OK):
        raise MissingError(f"no {chosen.name} at {chosen}: `{command}` builds it, {variable} names another")
    return str(chosen.absolute())


def environment() -> dict[str, str]:
    """What servers get: little, so that nothing from outside changes them."""
    return {"PATH": _SYSTEM_PATH, "LANG": "C.UTF-8", "HOME": "/nonexistent", "PYTHONPATH": str(APPS)}
