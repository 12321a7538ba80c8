"""Programs started by the tests: started in the foreground, watched, stopped by their process id."""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

from support import places

RUNNING = []
STOP_SECONDS = 60


class Process:
    """A program in the foreground; its output goes to `output` in its own folder."""

    def __init__(self, name, folder, argv, *, cwd=None, env=None, logs=()):
        self.name = name
        self.output = folder / "output"
        self._logs = [self.output, *logs]
        self._seen = {}
        with open(self.output, "wb") as output:
            self.child = subprocess.Popen(
                places.unprivileged(argv),
                cwd=cwd or folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        RUNNING.append(self)

    def wait_until(self, condition, seconds=60.0):
        """Waits until `condition()` is true; fails with the logs when the program dies or time is up."""
        deadline = time.monotonic() + seconds
        watch = os.pidfd_open(self.child.pid)
        try:
            while not condition():
                gone, _, _ = select.select([watch], [], [], 0.01)
                if gone:
                    raise AssertionError(f"{self.name} ended with status {self.child.wait()}:\n{self.logs()}")
                if time.monotonic() > deadline:
                    raise AssertionError(f"{self.name} is not ready after {seconds} s:\n{self.logs()}")
        finally:
            os.close(watch)

    def stop(self, with_signal=signal.SIGTERM):
        """Asks the program to end, unless it was asked before (`None`), and returns its exit status; kills it, and fails,
        when it does not listen.

        Nothing it started may outlive it, be it a worker or a program that a web server had spawned.
        """
        RUNNING.remove(self)
        children = descendants(self.child.pid)
        if with_signal and self.child.poll() is None:
            self.child.send_signal(with_signal)
        try:
            status = self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise AssertionError(f"{self.name} did not stop within {STOP_SECONDS} s:\n{self.logs()}") from None
        wait_for(lambda: not any(map(alive, children)), what=f"the end of all that {self.name} had started")
        return status

    def logs(self):
        return "\n".join(_text(path) for path in self._logs)

    def mark(self):
        """Remembers how far the logs are, for `news`."""
        self._seen = {path: _size(path) for path in self._logs}

    def news(self):
        """What was written since `mark`."""
        return "".join(_text(path, self._seen.get(path, 0)) for path in self._logs)


def mark_logs():
    for program in RUNNING:
        program.mark()


def log_news():
    """Name and new log text of each running program that wrote any."""
    return [(program.name, text) for program in RUNNING if (text := program.news().strip())]


def find(program, package):
    """The path of an installed program; without it the tests fail, they are never skipped."""
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin")
    assert path, f"{program} is not installed: `apt-get install {package}` (tests/python/debian-packages.txt has all)"
    return path


def wait_for(condition, seconds=60.0, what="the condition"):
    """Waits until `condition()` is true and returns what it gave; for things without a process to watch."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        select.select([], [], [], 0.01)
    return value


def using(folder):
    """Process ids whose command line or working folder names `folder`, with that command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            place = os.readlink(entry / "cwd")
        except OSError:
            continue
        if str(folder) in words or place.startswith(str(folder)):
            found[int(entry.name)] = words
    return found


def alive(pid):
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def has_heard(pid, number=signal.SIGINT):
    """Whether a signal that was sent to a process has had its effect, and the process waits again; or has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return True
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    pending = int(facts["SigPnd"], 16) | int(facts["ShdPnd"], 16)
    return not pending & 1 << number - 1 and facts["State"].split()[0] in "SZ"


def parent(pid):
    """The parent of a process; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def workers(master):
    """The workers of a master: its children, but for those that serve no requests."""
    everything = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return sorted(pid for pid in everything if parent(pid) == master and alive(pid) and name(pid) not in HELPERS)


def name(pid):
    """What tools show as the name of a process; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


# The process of which workers are forked, for a moment at the start, and that of the status pages.
HELPERS = ("fcgi-nursery", "fcgi-status")


def descendants(pid):
    """The processes that `pid` started, and those that they started."""
    children = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and alive(entry.name):
            children.setdefault(parent(entry.name), []).append(int(entry.name))
    found, new = [], [pid]
    while new:
        new = [child for one in new for child in children.get(one, [])]
        found += new
    return found


def end_leftovers(folder):
    """Kills what still runs in `folder`, one process at a time, and tells what it was."""
    left = using(folder)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return [f"{pid} {words}" for pid, words in left.items()]


def _size(path):
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _text(path, start=0):
    """The last part of a log from `start` on; empty when there is none."""
    try:
        return path.read_bytes()[start:][-20000:].decode(errors="replace")
    except OSError:
        return ""
