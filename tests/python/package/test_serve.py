"""`serve` and `runfastcgi` in a program of one's own."""

import os
import signal
import sysconfig

import pytest
from fcgi_runner import serve
from fcgi_runner.starting import words_of
from support import process

from package.programs import (
    PLAIN,
    ROLE,
    UNKNOWN_ROLE,
    Program,
    ask,
    facts,
    listener,
    read_pid,
    role,
    run,
    wait_for_end,
    write,
)

SERVE = """
import os, sys
from fcgi_runner import serve
from site_ import application
"""


def program(folder, text, **more):
    write(folder, site_=PLAIN, script=SERVE + text)
    return Program(folder, "script.py", **more)


def on_descriptor_0(folder, text):
    with listener(folder / "s") as web_server:
        return program(folder, text, stdin=web_server)


@pytest.mark.parametrize("method", ["prefork", "threaded"])
def test_serves_a_callable_and_goes_on_afterwards(folder, method):
    started = program(
        folder,
        f"hung_up = serve(application, socket='s', daemonize=False, method='{method}', maxspare=2, umask=0o077)\n"
        "open('after', 'w').write(f'{hung_up} {os.getpid()}')",
    )
    told = started.facts(folder / "s")
    assert int(told["pid"]) != started.pid
    assert (folder / "s").stat().st_mode & 0o777 == 0o700
    assert started.stop() == 0
    assert (folder / "after").read_text() == f"False {started.pid}"


@pytest.mark.parametrize("method", ["", "method='threaded'", "method='prefork'"])
def test_serves_on_the_socket_of_the_web_server_again_and_again(folder, method):
    started = on_descriptor_0(
        folder,
        "rounds = 0\nopen('round', 'w').write('0')\n"
        f"while serve(application, {method}):\n    rounds += 1\n    open('round', 'w').write(str(rounds))\n",
    )
    for rounds in ("1", "2"):
        assert started.facts(folder / "s")["multiprocess"] == "True"
        os.kill(started.pid, signal.SIGHUP)
        process.wait_for(lambda number=rounds: (folder / "round").read_text() == number)
    assert started.facts(folder / "s")
    assert started.stop() == 0
    assert (folder / "round").read_text() == "2"


def test_a_bound_server_comes_back_after_hanging_up(folder):
    started = program(folder, "while serve(application, socket='s', daemonize=False): open('again', 'w')")
    before = started.facts(folder / "s")["pid"]
    os.kill(started.pid, signal.SIGHUP)
    started.wait_until((folder / "again").exists)
    assert started.facts(folder / "s")["pid"] != before
    assert started.stop() == 0


@pytest.mark.parametrize("method", ["", "method='threaded'", "method='prefork'"])
def test_the_program_finds_itself_as_it_was(folder, method):
    started = on_descriptor_0(
        folder,
        "import signal, stat\n"
        "os.umask(0o027)\n"
        "before = os.getcwd()\n"
        f"serve(application, workdir='/', umask='0', {method})\n"
        "try:\n    signal.raise_signal(signal.SIGINT)\n"
        "except KeyboardInterrupt:\n"
        "    facts = [os.umask(0) == 0o027, os.getcwd() == before, stat.S_ISSOCK(os.fstat(0).st_mode),\n"
        "        signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()]\n"
        "    open('after', 'w').write(str(facts))\n",
    )
    assert started.facts(folder / "s")
    assert started.stop(signal.SIGINT) == 0
    assert (folder / "after").read_text() == "[True, True, True, True]"


@pytest.mark.parametrize("method", ["", "method='threaded'"])
def test_what_ends_with_the_program_does_not_end_with_the_server(folder, method):
    started = on_descriptor_0(
        folder,
        "import atexit\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "atexit.register(print, 'exit')\n"
        "with ThreadPoolExecutor() as pool:\n"
        "    pool.submit(print, 'before').result()\n"
        f"    serve(application, {method})\n"
        "    pool.submit(print, 'after').result()\n",
    )
    assert started.facts(folder / "s")
    assert started.stop() == 0
    assert started.stdout == "before\nafter\nexit\n"


def test_in_the_background_only_the_server_goes_on(folder):
    started = program(
        folder,
        "serve(application, socket='s', pidfile='pid', errlog='log')\n"
        f"open('{folder}/after', 'a').write(f'{{os.getpid()}}\\n')",
    )
    assert started.ends() == 0
    assert not (folder / "after").exists()
    assert ask(folder / "s")
    daemon = read_pid(folder / "pid")
    os.kill(daemon, signal.SIGTERM)
    wait_for_end(daemon)
    assert (folder / "after").read_text() == f"{daemon}\n"


def test_what_was_printed_before_is_printed_once(folder):
    started = program(folder, "print('hello')\nserve(application, socket='s', daemonize=False)")
    started.facts(folder / "s")
    assert started.stop() == 0
    assert started.stdout == "hello\n"


def test_threads_of_the_application_run_while_it_waits(folder):
    write(folder, ticking=TICKING)
    for method in ("prefork", "threaded"):
        started = Program(folder, "-m", "fcgi_runner", "ticking", "socket=s", "daemonize=false", f"method={method}")
        started.wait_until(lambda: ask(folder / "s"))
        assert started.wait_until(lambda: int(ask(folder / "s")) > 3)
        assert started.stop() == 0


TICKING = """
import threading, time
ticks = 0

def tick():
    global ticks
    while True:
        time.sleep(0.01)
        ticks += 1

threading.Thread(target=tick, daemon=True).start()

def application(environ, start_response):
    start_response("200 OK", [])
    return [str(ticks).encode()]
"""


def test_a_free_threaded_interpreter_stays_one(folder):
    """Importing a module that is not made for it has the interpreter take its lock again, for good."""
    write(folder, lock=LOCK)
    is_free = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    started = Program(folder, "-m", "fcgi_runner", "lock", "socket=s", "daemonize=false", "method=threaded")
    started.wait_until(lambda: ask(folder / "s"))
    assert ask(folder / "s") == f"locked={not is_free}"
    assert started.stop() == 0


LOCK = """
import sys

def application(environ, start_response):
    start_response("200 OK", [])
    is_locked = getattr(sys, "_is_gil_enabled", lambda: True)()
    return [f"locked={is_locked}".encode()]
"""


def test_a_failed_start_ends_the_program_with_its_status(folder):
    write(folder, site_=PLAIN, script=SERVE + "serve(application, sockt='s')\nprint('never')")
    status, out, err = run(folder, "script.py")
    assert (status, out) == (2, "")
    assert err.startswith("error[FR001]: unknown option `sockt`\nhint: ")
    assert "`socket`" in err
    assert "Traceback" not in err


def test_a_failed_start_can_be_caught(folder):
    write(
        folder,
        site_=PLAIN,
        script=SERVE
        + "from fcgi_runner import StartError\n"
        + "try:\n    serve(application, socket='missing/s', daemonize=False)\n"
        + "except StartError as error:\n    print(error.code, 'missing/s' in error.message, error)",
    )
    status, out, err = run(folder, "script.py")
    assert status == 0
    assert out.startswith("4 True error[FR0")
    assert err in out


@pytest.mark.parametrize("named", ["app='site_:application'", "args=['app=site_:application']", "args=('site_',)"])
def test_runfastcgi_takes_names_and_words_that_win(folder, named):
    write(
        folder,
        site_=PLAIN,
        script="from fcgi_runner import runfastcgi\n"
        f"words = dict({named})\n"
        "words['args'] = [*words.get('args', ()), 'daemonize=false', 'method=threaded']\n"
        "print(runfastcgi(**words, socket='s', daemonize=True, method='prefork'))",
    )
    started = Program(folder, "script.py")
    told = started.facts(folder / "s")
    assert (told["multithread"], told["multiprocess"]) == ("True", "False")
    assert started.stop() == 0
    assert started.stdout == "False\n"


def test_runfastcgi_takes_a_callable(folder):
    started = program(folder, "from fcgi_runner import runfastcgi\nrunfastcgi(app=application, socket='s', daemonize=False)")
    assert facts(started.wait_until(lambda: ask(folder / "s")))["multiprocess"] == "True"
    assert started.stop() == 0


@pytest.mark.parametrize("method", ["prefork", "threaded"])
@pytest.mark.parametrize(
    ("app", "others", "played"),
    [
        ("tell_role", "authorizer=tell_role", [1, 2]),
        ("None", "authorizer='site_:tell_role', filter=tell_role", [2, 3]),
        ("tell_role", "filter='site_:tell_role', settings='none'", [1, 3]),
    ],
)
def test_serves_callables_and_names_for_the_other_roles(folder, app, others, played, method):
    text = f"from fcgi_runner import serve\nfrom site_ import tell_role\nserve({app}, {others}, socket='s', "
    write(folder, site_=ROLE, script=f"{text}daemonize=False, method='{method}')")
    started = Program(folder, "script.py")
    started.wait_until(lambda: role(folder / "s", played[0]))
    names = {1: b"responder none", 2: b"authorizer none", 3: b"filter none"}
    found = [role(folder / "s", number) for number in (1, 2, 3)]
    assert found == [names[number] if number in played else UNKNOWN_ROLE for number in (1, 2, 3)]
    assert started.stop() == 0


def test_only_a_role_can_be_a_callable():
    with pytest.raises(TypeError, match="socket cannot be"):
        serve(print, socket=print)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"socket": "/tmp/s", "authorizer": print, "filter": "guard:filter"}, ["socket=/tmp/s", "filter=guard:filter"]),
        ({"socket": "/tmp/s", "pidfile": None}, ["socket=/tmp/s"]),
        ({"debug": True, "daemonize": False}, ["debug=true", "daemonize=false"]),
        ({"umask": 0o027, "socketmode": 0o660, "port": 3033}, ["umask=27", "socketmode=660", "port=3033"]),
        ({"umask": "0027", "stoptimeout": 1.5}, ["umask=0027", "stoptimeout=1.5"]),
        ({"static": ["/a/=a", "/b/=b"]}, ["static=/a/=a", "static=/b/=b"]),
        ({"help": True, "version": False}, ["help"]),
        ({"socket": b"/tmp/\xff"}, ["socket=/tmp/\udcff"]),
    ],
    ids=repr,
)
def test_options_become_words(options, words):
    assert words_of(options) == words
