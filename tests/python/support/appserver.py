"""fcgi-run in the foreground, for one site."""

import os
import sys
from pathlib import Path

from support import fcgi_client, places
from support.process import Process


def runner():
    """Path of the fcgi-run to test: FCGI_RUN, else the one beside this interpreter, else the debug build."""
    candidates = [Path(sys.executable).parent / "fcgi-run", places.REPOSITORY / "target" / "debug" / "fcgi-run"]
    if chosen := os.environ.get("FCGI_RUN"):
        candidates = [Path(chosen)]
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            return candidate.absolute()
    looked = ", ".join(map(str, candidates))
    raise AssertionError(f"no fcgi-run: set FCGI_RUN, or install the wheel; looked at {looked}")


def environment():
    """A small environment: the virtual environment of these tests and nothing that could lead elsewhere."""
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "VIRTUAL_ENV": sys.prefix}


class AppServer:
    """`fcgi-run WORDS daemonize=false`, started in `cwd`; ready when a request has been answered."""

    def __init__(self, words, cwd, env, *, name="fcgi-run", prefix=""):
        options = dict(word.partition("=")[::2] for word in words)
        self.address = Path(options["socket"]) if "socket" in options else int(options["port"])
        self.prefix = prefix
        folder = places.make_folder(Path(cwd) / "servers" / name)
        logs = [Path(cwd, options[key]) for key in ("errlog", "outlog") if key in options]
        self.process = Process(name, folder, [str(runner()), *words, "daemonize=false"], cwd=cwd, env=env, logs=logs)
        self.process.wait_until(self.answers)

    def answers(self):
        """Whether the socket accepts and a request is answered with 200.

        It asks below the prefix: Django remembers the address of its static files from the first request.
        """
        try:
            answer = fcgi_client.get(self.address, "/probe/", {"SCRIPT_NAME": self.prefix})
        except OSError:
            return False
        assert answer.startswith(b"Status: 200"), f"{self.process.name} answered {answer[:300]!r}\n{self.logs()}"
        return True

    def logs(self):
        return self.process.logs()

    def stop(self):
        """Ends it as an administrator does; it must leave with status 0."""
        status = self.process.stop()
        assert status == 0, f"{self.process.name} ended with status {status}:\n{self.logs()}"
