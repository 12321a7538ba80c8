"""A program that a web server has started changes: its process stays, and so do those who wait in its socket."""

import contextlib
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import process

from package.programs import Program, ask, listener

#: A site in one file, as on a shared host. It tells its version and its beginning; `/hold` waits for the file `go`.
SCRIPT = """
import atexit, os, time
{door}

os.environ.setdefault("MODE", "{version}")
begun, process = time.monotonic_ns(), os.getpid()

def note(what):
    if what == "held" or os.getpid() == process:
        with open(what, "a") as file:
            file.write("{version} ")

atexit.register(note, "at-exit")

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/hold":
        note("held")
        while not os.path.exists("go"):
            time.sleep(0.01)
    return [f"{{os.environ['MODE']}} {{begun}} {{os.getpid()}}".encode()]

{call}
note("after")
"""

#: As mod_fcgid and lighttpd start it: one process that serves by itself, or a master with workers.
CALLS = {
    "alone": ("from fcgi_runner import serve", "serve(application{options})"),
    "threads": ("from fcgi_runner import serve", "serve(application, method='threaded'{options})"),
    "master": ("from fcgi_runner import serve", "serve(application, method='prefork', maxspare=2{options})"),
    "flup": ("from fcgi_runner.flup import WSGIServer", "WSGIServer(application).run()"),
}
OURS = [name for name in CALLS if name != "flup"]


def put(folder, call, version, options="", more=""):
    """Writes the script beside the old one and moves it there, as those who upload files do."""
    door, call = CALLS[call]
    text = SCRIPT.format(door=door, call=call.format(options=options) + more, version=version)
    (folder / "new").write_text(text)
    (folder / "new").rename(folder / "mysite.fcgi")


def start(folder, version):
    """Starts the script as a web server does, which lets go of the socket, and waits for its answer."""
    with listener(folder / "s") as socket:
        started = Program(folder, "mysite.fcgi", stdin=socket)
    assert started.wait_until(lambda: ask(folder / "s")).startswith(version)
    return started


@contextlib.contextmanager
def changing(folder, call):
    """A program whose script changes while it serves a request, which is answered well at the end; and room for visitors."""
    put(folder, call, "one")
    program = start(folder, "one")
    with ThreadPoolExecutor() as visitors:
        held = visitors.submit(ask, folder / "s", "/hold")
        program.wait_until((folder / "held").exists)
        put(folder, call, "two")
        if call != "alone":
            # Its only thread looks when it is done.
            program.wait_until(lambda: "this process becomes it" in program.stderr)
        yield program, visitors
        (folder / "go").touch()
        assert held.result().startswith("one")


class Visitors:
    """Some who ask all the time: each has to be answered."""

    def __init__(self, address, count=3):
        self._address, self._enough = address, threading.Event()
        self.answers = []
        self._pool = ThreadPoolExecutor(count)
        self._asking = [self._pool.submit(self._ask) for _ in range(count)]

    def _ask(self):
        while not self._enough.is_set():
            answer = ask(self._address)
            assert answer is not None, "sent away"
            self.answers.append(tuple(answer.split()))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self._enough.set()
        for asking in self._asking:
            if kind is None:
                asking.result()
        self._pool.shutdown()

    def seen(self, number):
        """What stands there in the answers."""
        return {answer[number] for answer in list(self.answers)}


@pytest.mark.parametrize("call", CALLS)
def test_a_changed_script_is_served_in_the_same_process_and_nobody_is_sent_away(folder, call):
    put(folder, call, "one")
    program = start(folder, "one")
    with Visitors(folder / "s") as visitors:
        program.wait_until(lambda: visitors.answers)
        put(folder, call, "two")
        program.wait_until(lambda: "two" in visitors.seen(0))
        put(folder, call, "three")
        program.wait_until(lambda: "three" in visitors.seen(0))
    assert visitors.seen(0) == {"one", "two", "three"}
    if call != "master":
        assert visitors.seen(2) == {str(program.pid)}
    assert (folder / "after").read_text() == "one two ", "what the script does after serving, once each"
    assert (folder / "at-exit").read_text() == "one two "
    assert "Traceback" not in program.stderr
    assert program.stop() == 0
    assert (folder / "after").read_text() == "one two three "


@pytest.mark.parametrize("call", CALLS)
def test_what_runs_is_finished(folder, call):
    with changing(folder, call) as (program, visitors):
        early = visitors.submit(ask, folder / "s")
    assert early.result().startswith(("one", "two"))
    program.wait_until(lambda: ask(folder / "s").startswith("two"))
    assert program.stop() == 0


@pytest.mark.parametrize("call", CALLS)
def test_a_script_that_cannot_serve_changes_nothing(folder, call):
    put(folder, call, "one")
    program = start(folder, "one")
    before = ask(folder / "s").split()[1]
    with Visitors(folder / "s") as visitors:
        (folder / "mysite.fcgi").write_text("import nowhere_to_be_found\n")
        program.wait_until(lambda: "[FR" in program.stderr and "goes on" in program.stderr.rpartition("[FR")[2])
        assert "No module named 'nowhere_to_be_found'" in program.stderr
        program.wait_until(lambda: ask(folder / "s").split()[1] == before)
        put(folder, call, "two")
        program.wait_until(lambda: "two" in visitors.seen(0))
    assert program.stop() == 0


@pytest.mark.parametrize("call", CALLS)
def test_what_is_uploaded_in_two_pieces_is_served(folder, call):
    put(folder, call, "one")
    program = start(folder, "one")
    half = "import pathlib, threading\npathlib.Path('tried').touch()\nthreading.Event().wait()\n"
    (folder / "mysite.fcgi").write_text(half)
    program.wait_until((folder / "tried").exists)
    assert ask(folder / "s").startswith("one")
    put(folder, call, "two")
    program.wait_until(lambda: ask(folder / "s").startswith("two"))
    assert program.stop() == 0


@pytest.mark.parametrize("call", CALLS)
def test_a_touch_is_enough_while_nothing_is_asked(folder, call):
    put(folder, call, "one")
    program = start(folder, "one")
    before = ask(folder / "s").split()[1]
    os.utime(folder / "mysite.fcgi")
    program.wait_until((folder / "at-exit").exists)
    assert program.wait_until(lambda: ask(folder / "s")).split()[1] != before
    assert "Traceback" not in program.stderr
    assert program.stop() == 0


@pytest.mark.parametrize("call", OURS)
def test_a_touched_file_is_as_good(folder, call):
    put(folder, call, "one", ", touchreload='reload'")
    program = start(folder, "one")
    with Visitors(folder / "s") as visitors:
        (folder / "reload").touch()
        program.wait_until(lambda: len(visitors.seen(1)) == 2)
    assert program.stop() == 0


@pytest.mark.parametrize("call", ["alone", "threads"])
def test_who_has_served_enough_starts_anew_and_nobody_is_sent_away(folder, call):
    put(folder, call, "one", ", maxrequests=20, jitter=0")
    program = start(folder, "one")
    with Visitors(folder / "s") as visitors:
        program.wait_until(lambda: len(visitors.seen(1)) >= 4)
    assert visitors.seen(2) == {str(program.pid)}
    # Who is starting just now does not listen to signals yet.
    assert program.stop() in (0, -signal.SIGTERM)


@pytest.mark.parametrize("call", CALLS)
def test_who_is_told_to_stop_meanwhile_stops(folder, call):
    with changing(folder, call) as (program, _):
        started = process.descendants(program.pid)
        program.child.send_signal(signal.SIGTERM)
    assert program.ends() == 0
    process.wait_for(lambda: not any(map(process.alive, started)), what="the end of the workers")
    assert (folder / "after").read_text() == "one "


def test_a_thread_that_never_ends_keeps_nobody_waiting(folder):
    forever = "\nimport threading; threading.Thread(target=threading.Event().wait).start()"
    put(folder, "alone", "one", more=forever)
    program = start(folder, "one")
    put(folder, "alone", "two")
    program.wait_until(lambda: (ask(folder / "s") or "").startswith("two"))
    assert program.stop() == 0
