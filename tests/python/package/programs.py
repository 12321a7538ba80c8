"""Programs that use the package: written to a folder, started, asked, told, and waited for."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from support import fcgi_client, process

SECONDS = 30

#: A WSGI application that is checked from both sides, and tells by whom it was called.
PLAIN = """
import os
from wsgiref.validate import validator

def _application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    facts = {"path": environ["PATH_INFO"], "pid": os.getpid(), "extra": environ.get("EXTRA", "none")}
    facts |= {name: environ["wsgi." + name] for name in ("multithread", "multiprocess", "run_once")}
    return [" ".join(f"{name}={value}" for name, value in facts.items()).encode()]

application = validator(_application)
"""

#: One that tells which role it plays.
ROLE = """
def tell_role(environ, start_response):
    text = environ["fcgi.role"] + " " + environ.get("EXTRA", "none")
    start_response("200 OK", [("Variable-ROLE", text)])
    return [text.encode()]
"""

#: What `role` gives when nobody plays it.
UNKNOWN_ROLE = "unknown role"


def write(folder, **files):
    """Writes modules: the names without `.py`."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)


def environment(**variables):
    """Little, so that nothing from outside is found; no bytecode, since modules change within a second; root means it."""
    own = {"PYTHONDONTWRITEBYTECODE": "1", "FCGI_RUN_USER": str(os.getuid())}
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **own, **variables}


def listener(path):
    """A listening Unix socket, as a web server hands it to what it starts."""
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    made.listen()
    return made


class Program:
    """`python WORDS` in a folder; what it writes goes to two files."""

    def __init__(self, folder, *words, stdin=subprocess.DEVNULL, env=None):
        self.folder = folder
        self._files = [folder / "stdout", folder / "stderr"]
        with open(self._files[0], "ab") as out, open(self._files[1], "ab") as err:
            self.child = subprocess.Popen(
                [sys.executable, *map(str, words)],
                cwd=folder,
                env=env or environment(),
                stdin=stdin,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    @property
    def pid(self):
        return self.child.pid

    @property
    def stdout(self):
        return self._files[0].read_bytes().decode()

    @property
    def stderr(self):
        return self._files[1].read_bytes().decode()

    def wait_until(self, condition):
        """Waits until `condition()` gives something, and returns it; fails when the program ends before."""
        deadline = time.monotonic() + SECONDS
        watch = os.pidfd_open(self.pid)
        try:
            while not (value := condition()):
                ended, _, _ = select.select([watch], [], [], 0.01)
                assert not ended, f"ended with status {self.child.wait()}\n{self.stdout}\n{self.stderr}"
                assert time.monotonic() < deadline, f"not within {SECONDS} s\n{self.stdout}\n{self.stderr}"
        finally:
            os.close(watch)
        return value

    def facts(self, address, path="/", **params):
        """What the plain application tells; waits for the server to come up."""
        return facts(self.wait_until(lambda: ask(address, path, **params)))

    def ends(self):
        """The exit status."""
        return self.child.wait(SECONDS)

    def stop(self, with_signal=signal.SIGTERM):
        """Sends a signal; returns the exit status when the program and all that it had started are gone."""
        started = process.descendants(self.pid)
        self.child.send_signal(with_signal)
        status = self.ends()
        process.wait_for(lambda: not any(map(process.alive, started)), what="the end of the workers")
        return status


def run(folder, *words, **more):
    """A program that ends by itself: its exit status, standard output and standard error."""
    program = Program(folder, *words, **more)
    status = program.ends()
    return status, program.stdout, program.stderr


def ask(address, path="/", **params):
    """The body of the answer, which has to be 200; nothing while nobody answers there."""
    try:
        answer = fcgi_client.get(address, path, params)
    except (ConnectionError, FileNotFoundError):
        return None
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"Status: 200 "), answer
    return body.decode()


def role(address, number):
    """What the application that tells its role says in this one; nothing while nobody answers there."""
    try:
        answer = fcgi_client.get(address, "/", role=number)
    except (ConnectionError, FileNotFoundError):
        return None
    except fcgi_client.UnknownRole:
        return UNKNOWN_ROLE
    head, _, body = answer.partition(b"\r\n\r\n")
    status, variable = head.split(b"\r\n")[:2]
    assert status == b"Status: 200 OK"
    # An authorizer has no body.
    assert body in (b"", variable.removeprefix(b"Variable-ROLE: "))
    assert bool(body) is (number != 2)
    return variable.removeprefix(b"Variable-ROLE: ")


def facts(text):
    return dict(word.split("=", 1) for word in text.split())


def wait_for_end(pid):
    """Waits for the end of a process that is nobody's child here."""
    process.wait_for(lambda: not process.alive(pid), SECONDS, f"the end of {pid}")


def read_pid(path):
    return int(Path(path).read_text())
