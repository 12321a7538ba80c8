"""fcgi-run with one of the applications in `apps`, and what can be seen of it from outside."""

import json
import os
import subprocess
import uuid
from pathlib import Path

from support import appserver, places, process
from support.process import Process, wait_for

from wsgi import client

APPS = Path(__file__).parent / "apps"

PREFORK = ["method=prefork", "minspare=1", "maxspare=2", "maxchildren=2"]
THREADED = ["method=threaded", "threads=4"]
MODELS = {"prefork": PREFORK, "threaded": THREADED}


class Server:
    """One server in the foreground. Its folder takes marks that applications leave, and gates that they wait at."""

    def __init__(self, app, model, folder, words=()):
        self.model = model
        self.folder = places.make_folder(folder)
        self.socket = folder / "s"
        self.outlog, self.errlog = folder / "out.log", folder / "err.log"
        argv = [str(appserver.runner()), f"app={app}:application", f"pythonpath={APPS}", f"socket={self.socket}"]
        argv += [f"outlog={self.outlog}", f"errlog={self.errlog}", "stoptimeout=8", *MODELS[model], *words]
        env = {**appserver.environment(), "MARKS": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
        logs = [self.outlog, self.errlog]
        self.process = Process(f"{app} {model}", folder, [*argv, "daemonize=false"], env=env, logs=logs)
        self.process.wait_until(self._accepts)
        # One that still imports when the server stops is ended as it is.
        wait_for(lambda: self._serving() >= self.usual_workers, what="the first workers")

    @property
    def usual_workers(self):
        return 2 if self.model == "prefork" else 1

    def _accepts(self):
        try:
            client.Client(self.socket).close()
        except OSError:
            return False
        return "serving" in self.errors()

    def _serving(self):
        words = [appserver.runner(), "ctl", "workers", "--json", f"socket={self.socket}"]
        answer = subprocess.run(words, env=appserver.environment(), check=True, capture_output=True, text=True)
        return [worker["state"] for worker in json.loads(answer.stdout)["workers"]].count("idle")

    def connect(self):
        return client.Client(self.socket)

    def ask(self, target, params=None, body=None, pairs=()):
        """One request over a connection of its own."""
        return client.ask(self.socket, target, params, body, pairs=pairs)

    def workers(self):
        """The process ids of the workers."""
        return process.workers(self.process.child.pid)

    def errors(self):
        return _text(self.errlog)

    def output(self):
        return _text(self.outlog)

    def token(self):
        """A name for one request's marks and gate."""
        return uuid.uuid4().hex

    def marks(self, token):
        """What the application has noted under this name, in order."""
        return _text(self.folder / f"{token}.marks").split()

    def wait_for_marks(self, token, *wanted):
        wait_for(lambda: self.marks(token) == list(wanted) or len(self.marks(token)) > len(wanted), what=f"{wanted}")
        assert self.marks(token) == list(wanted)

    def gate(self):
        return Gate(self)

    def stop(self):
        status = self.process.stop()
        assert status == 0, f"ended with status {status}:\n{self.process.logs()}"
        # What `wsgiref.validate` says when `close()` of an iterable was never called.
        assert "garbage collected without being closed" not in self.errors()


class Gate:
    """A place where an application waits until the test lets it through, once for every `open`."""

    def __init__(self, server):
        self.token = server.token()
        self._path = server.folder / f"{self.token}.gate"
        os.mkfifo(self._path)
        self._path.chmod(0o666)
        # For both ends, so that neither side has to wait for the other to open it.
        self._fd = os.open(self._path, os.O_RDWR)

    def open(self, times=1):
        os.write(self._fd, b"x" * times)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._fd)


def memory(pid):
    """The memory that a process holds now, and the most that it ever held, in bytes."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return tuple(int(status[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))


def forget_peak(pid):
    """Makes the most that a process ever held what it holds now, and returns that."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return memory(pid)[1]


def _text(path):
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""
