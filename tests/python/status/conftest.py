"""A server with an application that can be slow, can fail, and is asked for odd paths."""

import itertools
import socket
from pathlib import Path

import pytest
from support import fcgi_client, places
from support.appserver import AppServer, environment

APP = '''
import threading

gate = threading.Event()

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith("/wait"):
        gate.wait(60)
    if path == "/go":
        gate.set()
    status = "500 Broken" if path == "/broken" else "200 OK"
    start_response(status, [("Content-Type", "text/plain")])
    return [b"hello"]
'''


class Told(AppServer):
    """The server, its socket, and the port where it tells how it is doing."""

    def __init__(self, folder):
        (folder / "web.py").write_text(APP)
        self.port = places.free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.status = folder / "status.sock"
        words = [f"socket={folder / 's.sock'}", f"statusport={self.port}", f"statussocket={self.status}"]
        words += ["method=threaded", "threads=4", "web:application", f"errlog={folder / 'err.log'}"]
        super().__init__(words, folder, environment(), name="told")

    def ask(self, path):
        return fcgi_client.get(self.address, path, {})

    def begin(self, path):
        """Sends a request whose answer is not waited for; gives the connection."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self.address))
        connection.sendall(fcgi_client.request(path, {}))
        return connection


numbers = itertools.count()


@pytest.fixture
def told(workplace):
    folder = places.make_folder(Path(workplace) / f"status-{next(numbers)}")
    told = Told(folder)
    yield told
    told.stop()
