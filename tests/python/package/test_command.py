"""The command `fcgi-run`, as script and as module."""

import os
import signal
import sys
from pathlib import Path

import pytest
from support import process

from package.programs import PLAIN, Program, ask, facts, read_pid, run, wait_for_end, write

SCRIPT = [Path(sys.executable).parent / "fcgi-run"]
MODULE = ["-m", "fcgi_runner"]


@pytest.mark.parametrize("command", [SCRIPT, MODULE], ids=["script", "module"])
@pytest.mark.parametrize(
    ("words", "multithread", "multiprocess"),
    [
        (["method=prefork"], "False", "True"),
        (["method=threaded"], "True", "False"),
        (["method=prefork", "threads=3"], "True", "True"),
        (["method=prefork", "preload=true"], "False", "True"),
        (["method=threaded", "preload=true"], "True", "False"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_serves(folder, command, words, multithread, multiprocess):
    write(folder, mysite=PLAIN)
    program = Program(folder, *command, "mysite:application", "socket=s", "daemonize=false", *words)
    told = program.facts(folder / "s", "/a")
    assert (told["multithread"], told["multiprocess"]) == (multithread, multiprocess)
    assert int(told["pid"]) != program.pid
    assert program.stop() == 0
    assert not (folder / "s").exists()


@pytest.mark.parametrize("method", ["prefork", "threaded"])
def test_control_c_stops_it_without_a_traceback(folder, method):
    write(folder, mysite=PLAIN)
    program = Program(folder, *MODULE, "mysite:application", "socket=s", "daemonize=false", f"method={method}")
    program.facts(folder / "s")
    assert program.stop(signal.SIGINT) == 0
    assert "Traceback" not in program.stderr


@pytest.mark.parametrize("words", [["method=prefork"], ["method=threaded"], ["preload=true"]], ids=" ".join)
def test_control_c_ends_a_worker_that_still_imports(folder, words):
    write(folder, mysite=PLAIN)
    words = ["mysite:application", "socket=s", "daemonize=false", "stoptimeout=1000", *words]
    program = Program(folder, *MODULE, *words)
    program.facts(folder / "s")
    write(folder, mysite="import time\nopen('importing', 'w')\ntime.sleep(1000)\n")
    os.kill(program.pid, signal.SIGHUP)
    program.wait_until((folder / "importing").exists)
    # The terminal signals the whole group; the master is the last to hear of it.
    started = process.descendants(program.pid)
    os.kill(program.pid, signal.SIGSTOP)
    os.killpg(program.pid, signal.SIGINT)
    program.wait_until(lambda: all(map(process.has_heard, started)))
    os.kill(program.pid, signal.SIGCONT)
    assert program.ends() == 0
    assert "Traceback" not in program.stderr
    assert "error[" not in program.stderr


def test_help_goes_to_standard_output(folder):
    status, out, err = run(folder, *MODULE, "help")
    assert (status, err) == (0, "")
    assert "maxspare" in out


def test_an_unknown_option_is_refused_with_the_nearest_one(folder):
    status, out, err = run(folder, *MODULE, "socket=s", "maxrequest=5")
    assert (status, out) == (2, "")
    assert err.startswith("error[FR001]: unknown option `maxrequest`\nhint:")
    assert "maxrequests" in err


def test_without_anything_it_says_how_it_is_used(folder):
    write(folder, app=PLAIN)
    status, _, err = run(folder, *MODULE)
    assert status == 2
    assert err.startswith("error[FR0")
    assert "socket=" in err


@pytest.mark.parametrize("daemonize", ["true", "false"])
def test_a_failed_import_is_seen_on_the_terminal(folder, daemonize):
    write(folder, mysite="import not_there")
    status, _, err = run(folder, *MODULE, "mysite", "socket=s", f"daemonize={daemonize}", "errlog=log")
    log = (folder / "log").read_text()
    assert status == 3
    assert "No module named 'not_there'" in (err if daemonize == "true" else log)


def test_a_live_server_keeps_its_address(folder):
    write(folder, mysite=PLAIN)
    first = Program(folder, *MODULE, "mysite:application", "socket=s", "daemonize=false", "maxchildren=1", "maxspare=1")
    pid = first.facts(folder / "s")["pid"]
    status, _, err = run(folder, *MODULE, "mysite:application", "socket=s", "daemonize=false")
    assert status == 4
    assert "error[FR0" in err
    assert facts(ask(folder / "s"))["pid"] == pid
    assert first.stop() == 0


def test_another_virtual_environment_is_refused(folder):
    write(folder, mysite=PLAIN)
    status, _, err = run(folder, *MODULE, "mysite", "socket=s", "virtualenv=elsewhere")
    assert status == 2
    assert f"{folder}/elsewhere" in err
    program = Program(folder, *MODULE, "mysite", "socket=s", "daemonize=false", f"virtualenv={sys.prefix}")
    program.facts(folder / "s")
    assert program.stop() == 0


def test_in_the_background_the_launcher_tells_how_it_went(folder):
    write(folder, mysite=PLAIN)
    words = ["mysite:application", "socket=s", "pidfile=pid", "errlog=log"]
    status, _, err = run(folder, *MODULE, *words)
    assert (status, err) == (0, "")
    assert ask(folder / "s")
    daemon = read_pid(folder / "pid")
    os.kill(daemon, signal.SIGTERM)
    wait_for_end(daemon)
    assert not (folder / "pid").exists()


def test_hanging_up_loads_new_code(folder):
    write(folder, mysite=PLAIN)
    program = Program(folder, *MODULE, "mysite:application", "socket=s", "daemonize=false")
    assert program.facts(folder / "s")["extra"] == "none"
    write(folder, mysite=PLAIN.replace('"none"', '"new"'))
    os.kill(program.pid, signal.SIGHUP)
    program.wait_until(lambda: facts(ask(folder / "s"))["extra"] == "new")
    assert program.stop() == 0
