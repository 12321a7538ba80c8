"""Files that were written for flup, with one import changed."""

import os
import signal

import pytest
from fcgi_runner import flup
from fcgi_runner.flup.server import fcgi, fcgi_fork, fcgi_single
from support import places

from package.programs import PLAIN, ROLE, UNKNOWN_ROLE, Program, ask, environment, facts, listener, role, run, write

MODULES = ["fcgi_runner.flup", *(f"fcgi_runner.flup.server.{name}" for name in ("fcgi", "fcgi_fork", "fcgi_single"))]


def script(folder, server, module="fcgi_runner.flup", after="print(hung_up)", site=PLAIN, **more):
    write(
        folder,
        site_=site,
        script=f"import os\nfrom {module} import WSGIServer\nfrom site_ import *\nhung_up = {server}.run()\n{after}",
    )
    return Program(folder, "script.py", **more)


@pytest.mark.parametrize(
    ("module", "multithread"), list(zip(MODULES, ["True", "True", "False", "False"], strict=True)), ids=MODULES
)
def test_serves_what_the_web_server_hands_over(folder, module, multithread):
    with listener(folder / "s") as web_server:
        started = script(folder, "WSGIServer(application)", module, stdin=web_server)
    told = started.facts(folder / "s")
    assert (told["multithread"], told["multiprocess"]) == (multithread, "True")
    assert started.stop() == 0
    assert started.stdout == "False\n"
    assert (folder / "s").exists()


@pytest.mark.parametrize(
    ("module", "flags"),
    list(zip(MODULES, [("True", "False"), ("True", "False"), ("False", "True"), ("False", "False")], strict=True)),
    ids=MODULES,
)
def test_binds_a_path_and_stays_in_the_foreground(folder, module, flags):
    started = script(folder, "WSGIServer(application, bindAddress='s')", module)
    told = started.facts(folder / "s")
    assert (told["multithread"], told["multiprocess"]) == flags
    assert started.child.poll() is None
    assert started.stop() == 0
    assert started.stdout == "False\n"


@pytest.mark.parametrize(
    ("arguments", "flags"),
    [
        ("multithreaded=True, multiprocess=True", ("True", "False")),
        ("multithreaded=False, multiprocess=True, maxChildren=3, maxRequests=100", ("False", "True")),
        ("multithreaded=False", ("False", "False")),
        ("minSpare=1, maxSpare=2, maxThreads=4", ("True", "False")),
    ],
)
def test_flags_choose_threads_or_processes(folder, arguments, flags):
    started = script(folder, f"WSGIServer(application, bindAddress='s', {arguments})")
    told = started.facts(folder / "s")
    assert (told["multithread"], told["multiprocess"]) == flags
    assert started.stop() == 0


def test_binds_host_and_port(folder):
    port = places.free_port()
    started = script(folder, f"WSGIServer(application, bindAddress=('127.0.0.1', {port}))")
    assert started.facts(port)["path"] == "/"
    assert started.stop(signal.SIGINT) == 0


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("bound", [True, False], ids=["bound", "handed over"])
def test_run_is_true_after_hanging_up_and_serves_again(folder, module, bound):
    address = "'s'" if bound else "None"
    loop = f"print(hung_up, flush=True)\nprint(WSGIServer(application, bindAddress={address}).run())"
    server = f"WSGIServer(application, bindAddress={address})"
    if bound:
        started = script(folder, server, module, after=loop)
    else:
        with listener(folder / "s") as web_server:
            started = script(folder, server, module, after=loop, stdin=web_server)
    assert started.facts(folder / "s")
    os.kill(started.pid, signal.SIGHUP)
    started.wait_until(lambda: started.stdout == "True\n")
    assert started.facts(folder / "s")
    assert started.stop() == 0
    assert started.stdout == "True\nFalse\n"


def test_environ_is_added_to_every_request(folder):
    additions = "{'EXTRA': 'given', 'wsgi.run_once': 'never'}"
    started = script(folder, f"WSGIServer(application, {additions}, bindAddress='s')")
    for _ in range(2):
        told = facts(started.wait_until(lambda: ask(folder / "s", EXTRA="sent")))
        assert (told["extra"], told["run_once"]) == ("given", "False")
    assert started.stop() == 0


@pytest.mark.parametrize(("umask", "mode"), [("0", 0o777), ("0o117", 0o660), ("None", 0o750)])
def test_umask_is_for_the_socket_alone(folder, umask, mode):
    server = f"[os.umask(0o027), WSGIServer(application, bindAddress='s', umask={umask})][1]"
    started = script(folder, server, after="print(oct(os.umask(0)))")
    started.facts(folder / "s")
    assert (folder / "s").stat().st_mode & 0o777 == mode
    assert started.stop() == 0
    assert started.stdout == "0o27\n"


def test_one_cgi_request_can_be_forced(folder):
    request = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/cgi", "QUERY_STRING": ""}
    request |= {"SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1"}
    started = script(
        folder,
        "WSGIServer(application, forceCGI=True)",
        after="open('forced', 'w').write(str('FCGI_FORCE_CGI' in os.environ))",
        env=environment(**request),
    )
    assert started.ends() == 0
    assert started.stdout.startswith("Status: 200 OK\r\n")
    assert "path=/cgi" in started.stdout
    assert "run_once=True" in started.stdout
    assert (folder / "forced").read_text() == "False"


@pytest.mark.parametrize("played", [(1,), (2,), (1, 3), (1, 2, 3)], ids=str)
def test_the_application_plays_the_roles_that_are_asked_for(folder, played):
    started = script(
        folder, f"WSGIServer(tell_role, environ={{'EXTRA': 'more'}}, bindAddress='s', roles={played})", site=ROLE
    )
    started.wait_until(lambda: role(folder / "s", played[0]))
    found = [role(folder / "s", number) for number in (1, 2, 3)]
    names = {1: b"responder more", 2: b"authorizer more", 3: b"filter more"}
    assert found == [names[number] if number in played else UNKNOWN_ROLE for number in (1, 2, 3)]
    assert started.stop() == 0


def test_run_from_a_shell_it_says_what_is_missing(folder):
    started = script(folder, "WSGIServer(application)")
    assert started.ends() == 2
    assert started.stderr.startswith("error[FR016]: no address was given")


def test_a_refused_address_ends_the_program(folder):
    write(folder, site_=PLAIN, script="from fcgi_runner.flup import WSGIServer\nWSGIServer(print, bindAddress='no/s').run()")
    status, _, err = run(folder, "script.py")
    assert status == 4
    assert "no/s" in err


@pytest.mark.parametrize("server", [flup.WSGIServer, fcgi.WSGIServer, fcgi_fork.WSGIServer, fcgi_single.WSGIServer])
@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"roles": (flup.FCGI_RESPONDER, 4)}, ValueError, r"roles: .* not \[1, 4\]"),
        ({"roles": ()}, ValueError, r"roles: .* not \[\]"),
        ({"bindAddress": 3033}, TypeError, "bindAddress must be .* not 3033"),
        ({"bindAddress": ("localhost",)}, TypeError, "bindAddress must be"),
        ({"jobClass": object}, TypeError, "jobClass"),
        ({"application": None}, TypeError, "must be callable"),
    ],
    ids=["roles", "no role", "number", "short tuple", "unknown", "application"],
)
def test_what_cannot_be_done_is_refused_at_once(server, arguments, error, says):
    with pytest.raises(error, match=says):
        server(**{"application": print, **arguments})
