"""The restart script of Django's documentation, ten times, while visitors keep coming through nginx."""

import os
import signal
import subprocess
import threading
import time

import pytest
import requests
from support import places, process, recipes
from support.appserver import environment
from support.recipes import Recipe
from support.sites import DJANGO
from support.webserver import Nginx

RESTARTS = 10


class Visitors:
    """One visitor after the other, until told to stop.

    Counts the answers by status, and measures the longest time between two good ones.
    """

    def __init__(self, address):
        self.address = address
        self.seen = {}
        self.longest_gap = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def good(self):
        return self.seen.get(200, 0)

    def stop(self):
        self._stop.set()
        self._thread.join()

    def _run(self):
        session = requests.Session()
        session.trust_env = False
        served = time.monotonic()
        while not self._stop.is_set():
            try:
                status = session.get(self.address, timeout=20).status_code
            except requests.RequestException as error:
                status = type(error).__name__
            self.seen[status] = self.seen.get(status, 0) + 1
            if status == 200:
                self.longest_gap = max(self.longest_gap, time.monotonic() - served)
                served = time.monotonic()


class Place:
    """A site folder whose server is started by restart.sh alone, with nginx before it."""

    def __init__(self, grounds):
        folder = grounds.folder(DJANGO)
        http_port = places.free_port()
        self.run = grounds.run_folder()
        self.pidfile, self.socket = self.run / "mysite.pid", self.run / "mysite.sock"
        values = folder.values(self.run, 0, http_port)
        self.script = self.run / "restart.sh"
        self.script.write_text(recipes.fill((places.EXAMPLES / "django" / "restart.sh").read_text(), values))
        self.script.chmod(0o755)
        self.log = folder.path / "errors.log"
        self.nginx = Nginx(self.run / "nginx", http_port, Recipe("nginx/root-unix.conf").filled(values))
        self.address = f"http://127.0.0.1:{http_port}/probe/"

    def restart(self):
        """Runs the script; it must come back, and say by its status that the site is served."""
        with open(self.run / "output", "ab") as output:
            argv = places.unprivileged([str(self.script)])
            options = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
            done = subprocess.run(argv, env=environment(), cwd="/", timeout=60, check=False, **options)
        assert done.returncode == 0, f"restart.sh: {done.returncode}\n{self.told()}"

    def told(self):
        log = self.log.read_text() if self.log.exists() else ""
        return (self.run / "output").read_text() + log[-5000:] + self.nginx.logs()

    def torn(self):
        """What nginx wrote of requests that failed though somebody had accepted them."""
        lines = self.nginx.log.read_text().splitlines()
        return [line for line in lines if "upstream" in line and "connect() to" not in line]

    def masters(self):
        """The servers on our socket: processes that name it, and whose parent does not."""
        ours = [pid for pid, words in process.using(self.run).items() if f"socket={self.socket}" in words]
        return [pid for pid in ours if process.parent(pid) not in ours]

    def pid(self):
        return int(self.pidfile.read_text())

    def end(self):
        """`kill` with the pidfile, as the documentation says; everything must be gone afterwards."""
        if self.pidfile.exists():
            os.kill(self.pid(), signal.SIGTERM)
        try:
            process.wait_for(lambda: not self.masters(), what="the end of the last server")
        finally:
            self.nginx.stop()


@pytest.fixture
def place(grounds):
    place = Place(grounds)
    yield place
    place.end()


def test_ten_restarts_leave_one_server_and_lose_no_visitor_but_those_nobody_listened_for(place, record_property):
    place.restart()
    visitors = Visitors(place.address)
    try:
        pids = [place.pid()]
        for _ in range(RESTARTS):
            before = visitors.good()
            process.wait_for(lambda before=before: visitors.good() >= before + 5, what=f"visitors: {visitors.seen}")
            place.restart()
            pids.append(place.pid())
            answer = requests.get(place.address, timeout=20)
            assert answer.status_code == 200, f"right after a restart: {answer.status_code}\n{place.told()}"
    finally:
        visitors.stop()
    print(f"\n{RESTARTS} restarts: answers {visitors.seen}, longest without one {visitors.longest_gap:.2f} s")
    record_property("answers", visitors.seen)
    record_property("longest_gap", visitors.longest_gap)
    assert set(visitors.seen) <= {200, 502}, f"{visitors.seen}\n{place.told()}"
    assert not place.torn(), "visitors were dropped by a server that had taken them:\n" + "\n".join(place.torn())
    assert len(set(pids)) == RESTARTS + 1, f"some restart changed nothing: {pids}"
    process.wait_for(lambda: place.masters() == [place.pid()], what="exactly one server, that of the pidfile")
    assert process.alive(place.pid())
    assert requests.get(place.address, timeout=20).status_code == 200


def test_kill_with_the_pidfile_ends_the_server_and_cleans_up(place):
    place.restart()
    pid = place.pid()
    os.kill(pid, signal.SIGTERM)
    process.wait_for(lambda: not place.masters(), what="the end of the server")
    process.wait_for(lambda: not place.pidfile.exists() and not place.socket.exists(), what="the clean-up")
    assert requests.get(place.address, timeout=20).status_code == 502


def test_script_starts_the_site_after_a_crash(place):
    """A dead server leaves its pidfile and its socket; neither is an obstacle."""
    place.restart()
    os.kill(place.pid(), signal.SIGKILL)
    process.wait_for(lambda: not place.masters(), what="the end of the killed server and its workers")
    assert place.socket.exists()
    place.restart()
    assert requests.get(place.address, timeout=20).status_code == 200
