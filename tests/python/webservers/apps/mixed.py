"""Answers of every size and speed, each with the token of its request; notes how many requests share a connection.

/shared/...                         requests that come over connections from 127.0.0.2, which HAProxy may share

.../mixed/?token=T&size=N&delay=S   N bytes made of the token, after S seconds; the SHA-256 of the body in X-Digest
.../held/?count=N                   waits until N requests are here at once in this process; what `Census` sees then
everything else                     OK
"""

import hashlib
import json
import os
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs

PIECE = 20_000
TOGETHER_SECONDS = 20


class Census:
    """Requests below /shared/ that this process works on, and the connections that they can have come over.

    More requests than connections: some of them share one. The widest difference stands in the file `FIGURES/<pid>`,
    and `FIGURES/held` has a letter for each request that waits for others.
    """

    def __init__(self):
        self.changed = threading.Condition()
        self.here = 0
        self.held = 0
        self.seen = {}
        self.widest = -1

    def enter(self, shared):
        if not shared:
            return
        with self.changed:
            self.here += 1
            # Connections only matter, and are only counted, where there may be fewer of them.
            if self.here - 1 > self.widest:
                self.note()

    def leave(self, shared):
        if shared:
            with self.changed:
                self.here -= 1

    def note(self):
        """Counts connections and returns how many there are."""
        connections = own_connections()
        if self.here - connections > self.widest:
            self.widest = self.here - connections
            Path(os.environ["FIGURES"], str(os.getpid())).write_text(f"{self.here} {connections}")
        return connections

    def hold(self, count):
        """Waits until `count` requests are held; what the last of them has seen then, or nothing after too long."""
        with self.changed:
            self.held += 1
            with open(Path(os.environ["FIGURES"], "held"), "a") as file:
                file.write("h")
            if self.held == count:
                self.seen = {"here": self.here, "connections": self.note()}
                self.changed.notify_all()
            self.changed.wait_for(lambda: self.seen, TOGETHER_SECONDS)
            return self.seen


census = Census()


def own_connections():
    """Connections from 127.0.0.2 to the port of the server that this process has open."""
    port = f":{int(os.environ['PORT']):04X}"
    peer = "0200007F:"
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    wanted = lambda fields: fields[1].endswith(port) and fields[2].startswith(peer) and fields[3] == "01"  # noqa: E731
    established = {fields[9] for fields in lines if wanted(fields)}
    return sum(1 for inode in own_sockets() if inode in established)


def own_sockets():
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            yield target[8:-1]


def application(environ, start_response):
    query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
    shared = environ["PATH_INFO"].startswith("/shared/")
    census.enter(shared)
    try:
        if environ["PATH_INFO"].endswith("/mixed/"):
            return mixed(environ, start_response, query)
        body = b"OK"
        if environ["PATH_INFO"].endswith("/held/"):
            body = json.dumps(census.hold(int(query["count"]))).encode()
        start_response("200 OK", [("Content-Type", "application/json")])
        return [body]
    finally:
        census.leave(shared)


def mixed(environ, start_response, query):
    digest = hashlib.sha256()
    while piece := environ["wsgi.input"].read(PIECE):
        digest.update(piece)
    time.sleep(float(query["delay"]))
    token, size = query["token"].encode(), int(query["size"])
    headers = [("Content-Type", "text/plain"), ("X-Token", query["token"]), ("X-Digest", digest.hexdigest())]
    whole = (token * (size // len(token) + 1))[:size]
    if size % 2:
        # Without a length, in pieces.
        start_response("200 OK", headers)
        return (whole[at : at + PIECE] for at in range(0, size, PIECE))
    start_response("200 OK", [*headers, ("Content-Length", str(size))])
    return [whole]
