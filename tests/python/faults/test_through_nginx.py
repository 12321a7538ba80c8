"""Workers killed behind nginx: as many visitors see an error as requests were being served, and reloads are unseen."""

import http.client
import random
import signal
import threading
import time
import zlib

import pytest
from support import places
from support.process import wait_for
from support.recipes import Recipe
from support.webserver import Nginx

from faults.conftest import SOAK
from faults.figures import LOSSES
from faults.house import BOTH, PREFORK, THREADED
from faults.test_kills import may_die

VISITORS = 12
KILLS = 40 if SOAK else 2
RELOADS = 60 if SOAK else 2
REPLACED = 200 if SOAK else 6
CASES = [(PREFORK, "unix", 1), (PREFORK, "keepalive", 1), (BOTH, "unix", 4), (THREADED, "keepalive", 8)]
NAMES = ["prefork", "prefork, kept", "prefork with threads", "threaded, kept"]


class Front:
    """nginx before a house, by one of the recipes."""

    def __init__(self, house, recipe):
        port = places.free_port()
        values = {"/run/mysite/mysite.sock": house.socket, "/srv/mysite": house.folder, "/run/mysite": house.folder}
        values |= {"listen 80": f"listen 127.0.0.1:{port}", "example.org": "127.0.0.1"}
        self.server = Nginx(house.folder / "nginx", port, Recipe(f"nginx/root-{recipe}.conf").filled(values))
        self.host = f"127.0.0.1:{port}"

    def stop(self):
        self.server.stop()


class Visitor(threading.Thread):
    """Requests over HTTP, one after the other, until told to stop."""

    def __init__(self, number, host, stop):
        super().__init__()
        self.number, self.host, self.stop = number, host, stop
        self.random = random.Random(number)
        self.answered = 0
        # Token to what came instead of the answer.
        self.lost = {}
        self.wrong = []

    def run(self):
        connection, count = None, 0
        while not self.stop.is_set():
            count += 1
            token = f"v{self.number}-{count}-"
            try:
                connection = connection or http.client.HTTPConnection(self.host, timeout=60)
                self.visit(connection, token)
            except (OSError, http.client.HTTPException) as error:
                self.lost[token] = repr(error)
                connection = None

    def visit(self, connection, token):
        body = self.random.randbytes(int(100_000 * self.random.random() ** 3)) if self.random.random() < 0.3 else b""
        size = int(200_000 * self.random.random() ** 3)
        way = self.random.choice(("list", "parts"))
        delay = self.random.randrange(5000)
        connection.request("POST" if body else "GET", f"/?{token}&{size}&{delay}&{way}", body or None)
        answer = connection.getresponse()
        got = answer.read()
        if answer.status in (502, 504):
            self.lost[token] = str(answer.status)
            return
        whole = (token.encode() * (size // len(token) + 1))[:size]
        told = (answer.status, answer.headers["X-Token"], answer.headers["X-Body"])
        if told != (200, token, f"{len(body)} {zlib.adler32(body)}") or not whole.startswith(got):
            self.wrong.append(f"{token}: {told} {got[:80]!r}")
        elif got != whole:
            # nginx cannot tell the visitor that the end is missing, where it says the length itself.
            self.lost[token] = f"{len(got)} of {size} bytes"
        else:
            self.answered += 1


def visit(front, while_they_come):
    """Lets visitors come until `while_they_come()` returns."""
    stop = threading.Event()
    visitors = [Visitor(number, front.host, stop) for number in range(VISITORS)]
    for visitor in visitors:
        visitor.start()
    try:
        while_they_come()
    finally:
        stop.set()
        for visitor in visitors:
            visitor.join()
    return visitors


@pytest.mark.parametrize(("words", "recipe", "threads"), CASES, ids=NAMES)
def test_a_killed_worker_costs_nginx_what_it_was_serving(start, request, words, recipe, threads):
    house = start(words)
    front = Front(house, recipe)

    def kill():
        while len(house.killed) < KILLS:
            time.sleep(random.uniform(0.05, 0.4))
            if victim := may_die(house, house.workers()):
                house.kill(victim)

    try:
        visitors = visit(front, kill)
        note_and_judge(request.node.callspec.id, house, visitors, threads)
    finally:
        front.stop()


def note_and_judge(name, house, visitors, threads):
    lost = {token: why for visitor in visitors for token, why in visitor.lost.items()}
    wrong = [fault for visitor in visitors for fault in visitor.wrong]
    answered = sum(visitor.answered for visitor in visitors)
    own = lost.keys() & house.last_words()
    unserved = lost.keys() - house.begun().keys()
    others = [f"{token}: {lost[token]}" for token in lost.keys() - own - unserved]
    sent = answered + len(lost) + len(wrong)
    kills = len(house.killed)
    LOSSES.rows.append((f"nginx: {name}", sent, answered, len(own), len(unserved), len(others), len(wrong), kills))
    assert not wrong, wrong[:10]
    assert not others, others[:10]
    assert len(own) <= kills * threads
    if "kept" not in name:
        assert len(lost) <= kills * (threads + 1), lost
    if not kills:
        assert not lost, lost
    assert answered > len(lost)


@pytest.mark.parametrize(("words", "recipe"), [(PREFORK, "keepalive"), (THREADED, "unix")], ids=["prefork", "threaded"])
def test_reloads_are_unseen_through_nginx(start, words, recipe):
    house = start(words)
    front = Front(house, recipe)

    def reload():
        for _ in range(RELOADS):
            time.sleep(random.uniform(0.05, 0.5))
            house.send(signal.SIGHUP)

    try:
        visitors = visit(front, reload)
        model = "threaded" if house.threaded else "prefork"
        note_and_judge(f"{model}, {recipe}, {RELOADS} HUP", house, visitors, 0)
    finally:
        front.stop()


@pytest.mark.parametrize("recipe", ["unix", "keepalive"])
@pytest.mark.parametrize("words", [PREFORK, THREADED], ids=["prefork", "threaded"])
def test_replaced_workers_are_unseen_through_nginx(start, words, recipe):
    house = start([*words, "maxrequests=50"])
    front = Front(house, recipe)

    def replaced():
        return house.log().count("worker replaced") >= REPLACED

    try:
        visitors = visit(front, lambda: wait_for(replaced, 120, "new workers"))
        model = "threaded" if house.threaded else "prefork"
        note_and_judge(f"{model}, {recipe}, maxrequests=50", house, visitors, 0)
    finally:
        front.stop()
