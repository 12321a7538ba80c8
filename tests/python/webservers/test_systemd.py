"""The unit files: checked by systemd's own tools, and the socket handed over as systemd does it."""

import configparser
import os
import shlex
import signal
import subprocess

import pytest
from support import fcgi_client, places, process
from support.appserver import environment
from support.recipes import Recipe
from support.sites import DJANGO


class Units:
    """mysite.service and mysite.socket with the paths of this session."""

    def __init__(self, grounds):
        site = grounds.folder(DJANGO)
        self.run = grounds.run_folder()
        values = site.values(self.run, 0, 0)
        values |= {"=mysite\n": f"={places.WEB_USER}\n"}
        for name in ("mysite.service", "mysite.socket"):
            (self.run / name).write_text(Recipe(f"systemd/{name}").filled(values))
        self.service = self._read("mysite.service")["Service"]
        self.socket = self._read("mysite.socket")["Socket"]

    def _read(self, name):
        parser = configparser.ConfigParser(interpolation=None)
        parser.optionxform = str
        parser.read(self.run / name)
        return parser


@pytest.fixture
def units(grounds):
    return Units(grounds)


def test_unit_files_are_faultless(units):
    analyze = process.find("systemd-analyze", "systemd")
    files = [str(units.run / name) for name in ("mysite.service", "mysite.socket")]
    done = subprocess.run([analyze, "verify", "--man=no", *files], capture_output=True, text=True, timeout=60)
    said = [line for line in done.stderr.splitlines() if "mysite" in line or str(units.run) in line]
    assert (done.returncode, said) == (0, []), done.stderr


def test_socket_is_taken_over_and_a_reload_loses_nothing(units):
    """The socket exists before the server: the first request starts it and is answered."""
    activate = process.find("systemd-socket-activate", "systemd")
    listen = units.socket["ListenStream"]
    argv = [activate, "-l", listen, *shlex.split(units.service["ExecStart"])]
    server = process.Process("systemd", units.run, argv, cwd=units.service["WorkingDirectory"], env=environment())
    server.wait_until(lambda: os.path.exists(listen))
    try:
        first = worker(listen)
        reload = units.service["ExecReload"].replace("$MAINPID", str(server.child.pid))
        subprocess.run(shlex.split(reload), check=True)
        server.wait_until(lambda: worker(listen) != first)
    finally:
        status = server.stop(signal.SIGTERM)
    assert status == 0
    assert os.path.exists(listen), "the socket is systemd's: the server must not remove it"


def worker(address):
    """The process that answers a request."""
    answer = fcgi_client.get(address, "/probe/").decode()
    assert answer.startswith("Status: 200"), answer
    return answer.rpartition('"pid": ')[2].rstrip("}")
