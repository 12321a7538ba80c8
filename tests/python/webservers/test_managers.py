"""The files for supervisor and circus, under the real ones: the socket is theirs, and the server's life as well."""

import concurrent.futures
import grp
import os
import pwd
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import fcgi_client, places, process
from support.appserver import environment, runner
from support.recipes import Recipe

APPLICATION = """\
import os

VERSION = "one"


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{VERSION} {os.getpid()}".encode()]
"""

SUPERVISOR = """\
[supervisord]
nodaemon = true
logfile = {run}/supervisord.log
pidfile = {run}/supervisord.pid
childlogdir = {run}

[unix_http_server]
file = {run}/supervisor.sock

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl = unix://{run}/supervisor.sock

[include]
files = {run}/mysite.conf
"""


class Manager:
    """A site in a folder of its own, run by a manager that has its file of examples/."""

    recipe = ""
    # Whether it holds the socket while there is no server: visitors wait then.
    keeps_listening = True

    def __init__(self, grounds):
        self.run = grounds.run_folder()
        self.socket = self.run / "mysite.sock"
        self.code = self.run / "site" / "mysite" / "wsgi.py"
        self.code.parent.mkdir(parents=True)
        self.code.write_text(APPLICATION)
        places.give_away(self.run)
        self.file = self.run / Path(self.recipe).name
        self.file.write_text(Recipe(self.recipe).filled(self.values()))
        env = {**environment(), "PYTHONDONTWRITEBYTECODE": "1"}
        logs = [self.run / "output.log", self.run / "errors.log"]
        self.process = process.Process(type(self).__name__, self.run, self.argv(), env=env, logs=logs)
        try:
            self.process.wait_until(self.serves)
        except BaseException:
            self.process.stop()
            raise

    def values(self):
        return {
            "/srv/mysite/.venv/bin/fcgi-run": runner(),
            "/srv/mysite": self.run / "site",
            "/run/mysite": self.run,
        }

    def serves(self, other_than=0):
        """Whether a request is answered, by another server than this one and by none that its workers have outlived."""
        try:
            master = self.master()
        except (OSError, EOFError):
            return False
        return master != other_than and process.parent(master) == self.process.child.pid

    def ask(self):
        """The version that answers, and the worker that runs it."""
        answer = fcgi_client.get(self.socket, "/").decode()
        assert answer.startswith("Status: 200"), f"{answer}\n{self.process.logs()}"
        version, worker = answer.rpartition("\r\n\r\n")[2].split()
        return version, int(worker)

    def master(self):
        """The server, which the manager has started."""
        _, worker = self.ask()
        return process.parent(worker)

    def servers(self):
        """All that runs below the manager."""
        return process.descendants(self.process.child.pid)

    def ctl(self, *words):
        """What an administrator types; returns what was printed."""
        done = subprocess.run(
            places.unprivileged([*self.client(), *words]), env=environment(), capture_output=True, text=True, timeout=60
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, f"{words}: {done.returncode} {said}\n{self.process.logs()}"
        return said

    def new_version(self, version):
        self.code.write_text(APPLICATION.replace('"one"', f'"{version}"'))


class Supervisor(Manager):
    recipe = "supervisor/mysite.conf"
    keeps_listening = False

    def values(self):
        uid = os.geteuid()
        user = pwd.getpwnam(places.WEB_USER) if uid == 0 else pwd.getpwuid(uid)
        group = grp.getgrgid(user.pw_gid).gr_name
        return super().values() | {
            "mysite:www-data": f"{user.pw_name}:{group}",
            "user=mysite": f"user={user.pw_name}",
            "/var/log/mysite": self.run,
        }

    def argv(self):
        config = self.run / "supervisord.conf"
        config.write_text(SUPERVISOR.format(run=self.run))
        return [installed("supervisord"), "-c", str(config)]

    def client(self):
        return [installed("supervisorctl"), "-c", str(self.run / "supervisord.conf")]

    def hang_up(self):
        self.ctl("signal", "HUP", "mysite")


class Circus(Manager):
    recipe = "circus/circus.ini"

    def values(self):
        self.port = places.free_port()
        published = places.free_port()
        return super().values() | {":5555": f":{self.port}", ":5556": f":{published}"}

    def argv(self):
        return [installed("circusd"), str(self.file)]

    def client(self):
        return [installed("circusctl"), "--endpoint", f"tcp://127.0.0.1:{self.port}"]

    def hang_up(self):
        self.ctl("signal", "mysite", "hup")


def installed(program):
    """The path of a program of tests/python/requirements.txt."""
    path = Path(sys.prefix) / "bin" / program
    assert path.exists(), f"{program} is not installed: tests/python/requirements.txt has it"
    return str(path)


@pytest.fixture(params=[Supervisor, Circus])
def manager(request, grounds):
    manager = request.param(grounds)
    yield manager
    if manager.process in process.RUNNING:
        manager.process.stop()


def test_new_code_comes_by_hup_and_the_end_leaves_nothing(manager):
    """The manager's own end takes the server with it: nobody runs, and nobody listens."""
    assert manager.ask()[0] == "one"
    master = manager.master()
    manager.new_version("two")
    manager.hang_up()
    manager.process.wait_until(lambda: manager.ask()[0] == "two")
    assert manager.master() == master, "a reload is no restart"
    everybody = manager.servers()
    assert manager.process.stop(signal.SIGTERM) == 0, manager.process.logs()
    assert not [pid for pid in everybody if process.alive(pid)]
    assert not process.using(manager.run)
    with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
        manager.ask()


def test_stopped_and_started_by_the_manager(manager):
    """`stop` ends the server alone, with all its workers; `start` brings one that serves new code."""
    master = manager.master()
    manager.ctl("stop", "mysite")
    process.wait_for(lambda: not manager.servers(), what="the end of the server")
    assert manager.process.child.poll() is None
    assert "SIGKILL" not in manager.process.logs(), "it has to leave when it is asked to"
    manager.new_version("two")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        if manager.keeps_listening:
            early = pool.submit(manager.ask)
        else:
            with pytest.raises(ConnectionRefusedError):
                manager.ask()
        manager.ctl("start", "mysite")
        manager.process.wait_until(lambda: manager.serves(other_than=master))
        assert manager.ask()[0] == "two"
        if manager.keeps_listening:
            assert early.result()[0] == "two", "what came meanwhile has waited in the socket"


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_another_server_takes_the_socket(manager, how):
    """Asked for, or because the server has died."""
    master = manager.master()
    if how == "restart":
        manager.ctl("restart", "mysite")
    else:
        os.kill(master, signal.SIGKILL)
    manager.process.wait_until(lambda: manager.serves(other_than=master))
    assert not process.alive(master)
