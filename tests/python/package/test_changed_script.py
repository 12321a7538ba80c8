"""A `.fcgi` file that has changed: its interpreter is not ours to start again, so the server ends, and the next is new."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import process

from package.programs import Program, ask, listener

#: A site in one file, as on a shared host. `/hold` waits for the file `go`.
SCRIPT = """
import os, time
{door}

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/hold":
        open("held", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
    return [b"{version}"]

{call}
"""

#: As mod_fcgid and lighttpd start it: one process that serves by itself, or a master with workers.
CALLS = {
    "alone": ("from fcgi_runner import serve", "serve(application)"),
    "threads": ("from fcgi_runner import serve", "serve(application, method='threaded')"),
    "master": ("from fcgi_runner import serve", "serve(application, method='prefork', maxspare=2)"),
    "flup": ("from fcgi_runner.flup import WSGIServer", "WSGIServer(application).run()"),
}


def put(folder, call, version):
    """Writes the script beside the old one and moves it there, as those who upload files do."""
    door, call = CALLS[call]
    (folder / "new").write_text(SCRIPT.format(door=door, call=call, version=version))
    (folder / "new").rename(folder / "mysite.fcgi")


def touch(folder):
    os.utime(folder / "mysite.fcgi")


def start(folder, socket, version):
    """Starts the script as a web server does, and waits for its answer."""
    started = Program(folder, "mysite.fcgi", stdin=socket)
    assert started.wait_until(lambda: ask(folder / "s")) == version
    return started


@pytest.mark.parametrize("call", CALLS)
def test_what_runs_is_finished_and_the_next_server_is_new(folder, call):
    put(folder, call, "one")
    with listener(folder / "s") as web_server, ThreadPoolExecutor() as visitors:
        old = start(folder, web_server, "one")
        everybody = process.descendants(old.pid)
        held = visitors.submit(ask, folder / "s", "/hold")
        old.wait_until((folder / "held").exists)
        put(folder, call, "two")
        if call != "alone":
            # Its only thread looks when it is done.
            old.wait_until(lambda: "changed: finishing" in old.stderr)
            assert old.child.poll() is None
        (folder / "go").touch()
        assert held.result() == "one"
        assert old.ends() == 0, old.stderr
        process.wait_for(lambda: not any(map(process.alive, everybody)), what="the end of the workers")
        assert (folder / "s").exists(), "the socket is the web server's"
        # Who comes in between waits in it.
        early = visitors.submit(ask, folder / "s")
        new = start(folder, web_server, "two")
        assert early.result() == "two"
        assert new.stop() == 0


@pytest.mark.parametrize("call", CALLS)
def test_a_touch_is_enough_while_nothing_is_asked(folder, call):
    put(folder, call, "one")
    with listener(folder / "s") as web_server:
        old = start(folder, web_server, "one")
        touch(folder)
        assert old.ends() == 0, old.stderr
        assert "Traceback" not in old.stderr
        assert start(folder, web_server, "one").stop(signal.SIGTERM) == 0
