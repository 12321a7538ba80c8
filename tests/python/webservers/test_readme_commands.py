"""Every command that the README of a site shows for starting it, typed as it stands there."""

import os
import re
import shlex
import signal
import socket
import subprocess

import pytest
import requests
from support import fcgi_client, places, process
from support.appserver import environment
from support.recipes import fill
from support.sites import DJANGO, FLASK, PLAIN

START = re.compile(r"^    (\.venv/bin/(?:fcgi-run|python manage\.py runfcgi) .*)$", re.MULTILINE)
COMMANDS = [
    (kind, command)
    for kind in (DJANGO, FLASK, PLAIN)
    for command in START.findall((places.EXAMPLES / kind.name / "README.md").read_text())
]


class Started:
    """A site started by one command, and the options it was given."""

    def __init__(self, kind, command, grounds):
        self.folder, run = grounds.folder(kind), grounds.run_folder()
        values = self.folder.values(run, places.free_port(), 0)
        values |= {"/tmp/mysite.sock": run / "mysite.sock", "127.0.0.1:8000": f"127.0.0.1:{places.free_port()}"}
        values |= {".venv/bin/fcgi-run": values["/srv/mysite/.venv/bin/fcgi-run"], ".pid": f"-{run.name}.pid"}
        argv = shlex.split(fill(command, values))
        self.options = dict(word.partition("=")[::2] for word in argv if "=" in word)
        self.server = None
        if "pidfile" in self.options:
            self._in_background(argv, run)
        else:
            self.server = process.Process("fcgi-run", run, argv, cwd=self.folder.path, env=environment())
            self.server.wait_until(self.accepts)

    def _in_background(self, argv, run):
        with open(run / "output", "wb") as output:
            options = {"cwd": self.folder.path, "env": environment(), "stdin": subprocess.DEVNULL}
            done = subprocess.run(
                places.unprivileged(argv), **options, stdout=output, stderr=output, timeout=60, check=False
            )
        assert done.returncode == 0, (run / "output").read_text()

    def accepts(self):
        try:
            self._connect().close()
        except OSError:
            return False
        return True

    def _connect(self):
        if "socket" in self.options:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(self.options["socket"])
            except OSError:
                connection.close()
                raise
            return connection
        host, _, port = self.options.get("http", f"127.0.0.1:{self.options.get('port')}").partition(":")
        return socket.create_connection((host, int(port)), timeout=5)

    def home_page(self):
        """The home page, by HTTP from the preview server or by FastCGI; the first is as a browser gets it."""
        if "http" in self.options:
            return requests.get(f"http://{self.options['http']}/", timeout=20).text
        address = self.options.get("socket") or int(self.options["port"])
        prefix = self.options.get("scriptname", "")
        params = {"SCRIPT_NAME": "", "PATH_INFO": prefix + "/", "REQUEST_URI": prefix + "/"}
        return fcgi_client.get(address, prefix + "/", params).decode()

    def stop(self):
        if self.server:
            return self.server.stop(signal.SIGINT)
        pid = int((self.folder.path / self.options["pidfile"]).read_text())
        started = [pid, *process.descendants(pid)]
        os.kill(pid, signal.SIGTERM)
        process.wait_for(lambda: not any(map(process.alive, started)), what="the end of the server")
        return 0


def test_there_are_commands_for_every_site():
    assert len(COMMANDS) >= 10
    assert {kind.name for kind, _ in COMMANDS} == {"django", "flask", "plain"}


@pytest.mark.parametrize(("kind", "command"), COMMANDS, ids=[f"{kind.name}:{words[10:]}" for kind, words in COMMANDS])
def test_command_serves_the_site(grounds, kind, command):
    started = Started(kind, command, grounds)
    try:
        page = started.home_page()
        assert "in this session" in page
        prefix = started.options.get("scriptname", "")
        assert f'href="{prefix}/' in page
        assert f'href="{prefix}/static/' in page
        if "http" in started.options:
            address = f"http://{started.options['http']}/static/{kind.static_file}"
            assert requests.get(address, timeout=20).headers["Content-Type"].startswith("text/css")
    finally:
        assert started.stop() == 0
