"""The whole way of a visitor's request: wrk, nginx, a server, the application."""

import contextlib
import http.client
import os
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benches import places
from benches.figures import Outcome
from benches.load import WRK_CONNECTIONS, wrk
from benches.plan import Plan
from benches.running import LOOK, READY_SECONDS, NotReadyError, Running, RunningServer, servers
from benches.servers import FASTCGI, SERVERS, UWSGI, Server

#: Who takes part, each with kept connections to nginx and without.
BACKENDS = (
    "ours-p2",
    "ours-t4",
    "libfcgi",
    "php-fpm",
    "uwsgi-p2",
    "uwsgi-own",
    "flup-prefork",
    "flup-threaded",
    "gunicorn",
    "gunicorn-t",
    "granian",
)

KEPT = ", kept"


@dataclass(frozen=True)
class Journey:
    """A comparison."""

    name: str
    title: str
    path: str


JOURNEYS = (
    Journey("nginx-hello", "Hello through nginx, 16 visitors", "/hello"),
    Journey("nginx-page", "A small page built in Python, through nginx, 16 visitors", "/page"),
)


@dataclass(frozen=True)
class Backend:
    """A server, and how nginx reaches it."""

    server: Server
    keep: bool

    @property
    def row(self) -> str:
        """Its name in the table."""
        return self.server.label + (KEPT if self.keep else "")

    def obstacle(self, path: str) -> str | None:
        """Why it cannot be asked."""
        if path != "/hello" and not self.server.python:
            return "says hello and nothing else"
        if self.keep and not self.server.keeps:
            return "closes every connection after its answer"
        if self.keep and self.server.most_kept and self.server.most_kept < WRK_CONNECTIONS:
            return f"serves {self.server.most_kept} kept connections, each with a process of its own; nginx opens up to 16"
        return None


def measure(journey: Journey, plan: Plan) -> Outcome:
    """All servers and nginx are there at once, and each is asked in turn, round after round."""
    outcome = plan.outcome(journey.name)
    able: list[Backend] = []
    for backend in (Backend(SERVERS[name], keep) for name in filter(plan.wanted, BACKENDS) for keep in (True, False)):
        if why := backend.obstacle(journey.path):
            outcome.left_out[backend.row] = why
        else:
            able.append(backend)
    names = list(dict.fromkeys(backend.server.name for backend in able))
    with servers(names, plan.folder) as running, nginx(able, running, plan.folder) as ports:
        sizes = [answer_size(port, journey.path) for port in ports]
        for _ in range(plan.rounds):
            for backend, port, size in zip(able, ports, sizes, strict=True):
                url = f"http://127.0.0.1:{port}{journey.path}"
                sample = wrk(running[backend.server.name], url, size, plan.seconds)
                outcome.samples.setdefault(backend.row, []).append(sample)
    return outcome


@contextlib.contextmanager
def nginx(backends: Sequence[Backend], running: dict[str, RunningServer], folder: Path) -> Iterator[list[int]]:
    """Starts nginx with one process before all of them; gives a port for each."""
    ports = free_ports(len(backends))
    file = folder / "nginx.conf"
    sockets = [running[backend.server.name] for backend in backends]
    file.write_text(configuration(backends, sockets, ports, folder))
    program = Running("nginx", [places.find("nginx"), "-p", str(folder), "-e", "nginx.err", "-c", str(file)], folder)
    try:
        for port in ports:
            _wait_for(program, port)
        yield ports
    finally:
        program.stop()


def _wait_for(program: Running, port: int) -> None:
    """Until hello comes through."""
    deadline = time.monotonic() + READY_SECONDS
    while not _says_hello(port):
        program.check()
        if time.monotonic() > deadline:
            raise NotReadyError("nginx does not answer")
        time.sleep(LOOK)


def _says_hello(port: int) -> bool:
    try:
        return _get(port, "/hello")[1].endswith(b"Hello, World!")
    except (OSError, http.client.HTTPException):
        return False


def answer_size(port: int, path: str) -> int:
    """Bytes of a whole answer, head and body; its status is 200."""
    status, answer = _get(port, path)
    if status != 200:
        raise NotReadyError(f"nginx answers {status} for {path}")
    return len(answer)


def _get(port: int, path: str) -> tuple[int, bytes]:
    """Status, and head and body as they came, for a request like those of wrk."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += _some(connection)
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode().lower().split("\r\n")
        [length] = [int(line.partition(":")[2]) for line in lines if line.startswith("content-length:")]
        while len(body) < length:
            body += _some(connection)
        return int(lines[0].split()[1]), head + b"\r\n\r\n" + body


def _some(connection: socket.socket) -> bytes:
    part = connection.recv(65536)
    if not part:
        raise ConnectionResetError("closed within an answer")
    return part


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody uses."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


def configuration(backends: Sequence[Backend], running: Sequence[RunningServer], ports: Sequence[int], folder: Path) -> str:
    """nginx.conf: a server and an upstream for each."""
    parts = [_MAIN.format(folder=folder, user="user root;" if os.getuid() == 0 else "")]
    for number, (backend, server, port) in enumerate(zip(backends, running, ports, strict=True)):
        keepalive = f"keepalive {WRK_CONNECTIONS};" if backend.keep else ""
        parts.append(f"upstream u{number} {{ server unix:{server.socket}; {keepalive} }}\n")
        parts.append(f"server {{ listen 127.0.0.1:{port}; location / {{ {_location(backend, server, f'u{number}')} }} }}\n")
    return "".join(parts) + "}\n"


def _location(backend: Backend, server: RunningServer, upstream: str) -> str:
    """How a request is passed on."""
    if backend.server.protocol == FASTCGI:
        path = f"fastcgi_param SCRIPT_FILENAME {server.script};" if server.script else ""
        path = path or "fastcgi_param SCRIPT_NAME ''; fastcgi_param PATH_INFO $fastcgi_script_name;"
        keep = "fastcgi_keep_conn on;" if backend.keep else ""
        return f"include /etc/nginx/fastcgi_params; {path} {keep} fastcgi_pass {upstream};"
    if backend.server.protocol == UWSGI:
        return f"include /etc/nginx/uwsgi_params; uwsgi_pass {upstream};"
    keep = 'proxy_http_version 1.1; proxy_set_header Connection "";' if backend.keep else ""
    return f"proxy_set_header Host $host; {keep} proxy_pass http://{upstream};"


_MAIN = """\
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 4096; }}
http {{
access_log off;
keepalive_requests 100000000;
client_body_temp_path {folder}/body;
proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/fastcgi;
uwsgi_temp_path {folder}/uwsgi;
scgi_temp_path {folder}/scgi;
"""
