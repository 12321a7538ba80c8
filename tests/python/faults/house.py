"""A server whose workers are killed, and what can be seen of it from outside."""

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from support import appserver, fcgi_client, places, process
from support.process import Process, wait_for

APPS = Path(__file__).parent / "apps"
PREFORK = ["method=prefork", "minspare=1", "maxspare=4", "maxchildren=4"]
THREADED = ["method=threaded", "threads=8"]
BOTH = ["method=prefork", "minspare=1", "maxspare=2", "maxchildren=2", "threads=4"]

# Workers at rest.
SIZES = {tuple(PREFORK): 4, tuple(THREADED): 1, tuple(BOTH): 2}


@dataclass(frozen=True)
class Sample:
    """What a process holds at one moment: memory in KiB (resident, what of it stands in no file, and its share of what is
    shared) and descriptors. Pages of files come and go as the kernel and the program like."""

    rss: int
    own: int
    pss: int
    descriptors: int


class House:
    """fcgi-run in the foreground with the application `steady`, and a journal of the requests that it began."""

    def __init__(self, folder, words, *, app="steady", journal=True, command=(), env=()):
        self.folder = places.make_folder(folder)
        self.journal = places.make_folder(folder / "journal")
        self.socket = folder / "s"
        self.errlog = folder / "err.log"
        self.killed = []
        self.words = words
        argv = [*command, str(appserver.runner()), f"app={app}:application", f"pythonpath={APPS}"]
        argv += [f"socket={self.socket}", "daemonize=false", *words]
        if not any(word.startswith("errlog=") for word in words):
            argv.append(f"errlog={self.errlog}")
        env = {**appserver.environment(), "PYTHONDONTWRITEBYTECODE": "1", **dict(env)}
        if journal:
            env["JOURNAL"] = str(self.journal)
        self.process = Process(f"fcgi-run {folder.name}", folder, argv, env=env, logs=[self.errlog])
        self.runs = True
        self.told_to_stop = False
        self.process.wait_until(self.answers)

    def answers(self):
        with contextlib.suppress(OSError, EOFError):
            return b"OK" in self.ask("/ready")
        return False

    def ask(self, path, query=""):
        """One request over a connection of its own; the answer, headers and all."""
        return fcgi_client.get(self.socket, path, {"QUERY_STRING": query})

    @property
    def master(self):
        return self.process.child.pid

    def workers(self):
        """The process ids of the workers, the oldest first."""
        return sorted(process.workers(self.master), key=birth)

    def wait_for_all(self):
        """Waits until there are as many workers as there are to be at rest."""
        wait_for(lambda: len(self.workers()) == SIZES[tuple(self.words)], 90, f"all workers, not {self.workers()}")

    def connections(self):
        """Connections of visitors that the server holds, or that wait for it."""
        lines = (line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:])
        return sum(1 for fields in lines if fields[-1] == str(self.socket) and fields[5] != "01")

    @property
    def threaded(self):
        return "method=threaded" in self.words

    def kill(self, worker):
        """Ends a worker without a word."""
        os.kill(worker, signal.SIGKILL)
        self.killed.append(worker)

    def send(self, number):
        self.told_to_stop |= number == signal.SIGTERM
        self.process.child.send_signal(number)

    def begun(self):
        """Requests that the application has begun: token to process id."""
        return {token: pid for pid, lines in self._journals() for token, _ in lines}

    def last_words(self):
        """The last request that each thread of the killed workers has begun: no others can be lost with them."""
        last = {}
        for pid, lines in self._journals():
            if pid in self.killed:
                last |= {(pid, thread): token for token, thread in lines}
        return set(last.values())

    def _journals(self):
        for path in self.journal.iterdir():
            yield int(path.name), [line.split() for line in path.read_text().splitlines() if line.count(" ") == 1]

    def samples(self):
        """Master first, then the workers."""
        return {pid: sample(pid) for pid in [self.master, *self.workers()]}

    def log(self):
        return self.errlog.read_text(errors="replace") if self.errlog.exists() else ""

    def stop(self):
        self.runs = False
        # A second signal would end it at once.
        status = self.process.stop(None if self.told_to_stop else signal.SIGTERM)
        assert status == 0, f"ended with status {status}:\n{self.log()[-5000:]}"


def sample(pid):
    sizes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        sizes[name] = int(rest.split()[0])
    return Sample(sizes["Rss"], sizes["Anonymous"], sizes["Pss"], len(os.listdir(f"/proc/{pid}/fd")))


def birth(pid):
    """When a process was started, in ticks of the machine."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return 0


def age(pid):
    """Seconds since a process was started."""
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return uptime - birth(pid) / os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """Processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
