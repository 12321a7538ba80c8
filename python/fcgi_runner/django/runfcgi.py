"""What `manage.py runfcgi` becomes: `python -m fcgi_runner.django.runfcgi`, a server without the project in it.

Django loads a project before it runs a command, so a server in that same process would pass its old code on to every worker.
The command therefore replaces its process by this one, which has the same id, descriptors, environment and `sys.path`.
"""

import json
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from fcgi_runner.django import database, words_with_project
from fcgi_runner.starting import start

__all__ = ["become", "main"]

#: Carries `sys.path` over, and is gone from the environment before the project is loaded.
_VARIABLE = "FCGI_RUNNER_SYS_PATH"


def become(words: Sequence[str]) -> NoReturn:
    """Replaces this process by the server."""
    flags = [f"-W{option}" for option in sys.warnoptions]
    flags += [f"-X{name}" if value is True else f"-X{name}={value}" for name, value in sys._xoptions.items()]
    sys.stdout.flush()
    sys.stderr.flush()
    environment = {**os.environ, _VARIABLE: json.dumps([entry for entry in sys.path if isinstance(entry, str)])}
    os.execve(sys.executable, [sys.executable, *flags, "-m", __name__, *words], environment)


def main() -> int:
    """Runs the server with the import path of the process that was here before."""
    path = os.environ.pop(_VARIABLE, None)
    if path is not None:
        sys.path[:] = json.loads(path)
    database.put_aside_after_fork()
    start(None, words_with_project(sys.argv[1:]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
