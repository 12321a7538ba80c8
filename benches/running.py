"""Servers as processes: started in the foreground, ready when they have answered, and ended with all they have started."""

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benches import places, probe, processes
from benches.servers import FPM, PHP, SERVERS, UWSGI, Server

READY_SECONDS, STOP_SECONDS = 20.0, 2.0
#: Between two looks, when nothing else tells.
LOOK = 0.002


class NotReadyError(Exception):
    """A server that does not answer."""


class Running:
    """A program in the foreground, in a session of its own."""

    def __init__(self, name: str, words: Sequence[str], folder: Path) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        with self._log.open("wb") as log:
            self._child = subprocess.Popen(
                words,
                cwd=folder,
                env=places.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def pids(self) -> list[int]:
        """All its processes."""
        return processes.tree(self._child.pid)

    def check(self) -> None:
        """Fails with its log when it has ended."""
        if (status := self._child.poll()) is not None:
            log = self._log.read_text(errors="replace")[-2000:]
            raise NotReadyError(f"{self.name} ended with status {status}:\n{log}")

    def stop(self) -> None:
        """Asks it to end, and then ends what is left of its session."""
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()


class RunningServer(Running):
    """A server on a Unix socket."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.socket = folder / f"{server.name}.sock"
        self.socket.unlink(missing_ok=True)
        if server.name == PHP:
            user = "user = root\ngroup = root" if os.getuid() == 0 else ""
            (folder / "fpm.conf").write_text(FPM.format(folder=folder, socket=self.socket, user=user))
        self.began = self.answered = time.monotonic()
        super().__init__(server.name, server.words(str(self.socket), str(folder)), folder)

    @property
    def script(self) -> str | None:
        """The file that it runs, when each request has to tell it."""
        return str(places.APPS / "hello.php") if self.server.name == PHP else None

    def answers(self) -> bool:
        """Whether it says hello."""
        return probe.says_hello(self.server.protocol, self.socket, self.script)

    def wait(self) -> None:
        """Until it answers; over uWSGI's own protocol until it can be connected to."""
        ready = self.socket.exists if self.server.protocol == UWSGI else self.answers
        while not ready():
            self.check()
            if time.monotonic() > self.began + READY_SECONDS:
                raise NotReadyError(f"{self.name} does not answer")
            time.sleep(LOOK)
        self.answered = time.monotonic()


@contextlib.contextmanager
def servers(names: Sequence[str], folder: Path) -> Iterator[dict[str, RunningServer]]:
    """Starts some servers, waits until all are ready, and ends them."""
    started: dict[str, RunningServer] = {}
    try:
        for name in names:
            started[name] = RunningServer(SERVERS[name], folder)
        for one in started.values():
            one.wait()
        yield started
    finally:
        for one in started.values():
            one.stop()


def raise_limits() -> None:
    """As many open files as may be: servers inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
