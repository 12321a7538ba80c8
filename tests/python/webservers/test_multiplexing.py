"""Many requests at once on one connection, as HAProxy sends them: nothing is lost, nothing mixed up."""

import hashlib
import http.client
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from support import places
from support.appserver import AppServer, environment
from support.process import wait_for
from support.webserver import HaProxy

APPS = Path(__file__).parent / "apps"
REQUESTS, VISITORS = 10_000, 50
LARGEST_BODY, LARGEST_ANSWER, SMALL_ANSWER, LONGEST_DELAY = 200_000, 300_000, 1500, 0.02

# How HAProxy gets to know how many requests it may send at once over a connection.
ASKED = "option get-values"
TOLD = "option max-reqs 8"

ONE_PROCESS = ["method=threaded", "threads=8"]
PROCESSES = ["method=prefork", "threads=4", "minspare=1", "maxspare=2", "maxchildren=2"]
ONE_AT_A_TIME = ["method=prefork", "minspare=1", "maxspare=4", "maxchildren=4"]

# Up to here HAProxy crashes when large answers come over a connection that it shares (its issue 2150).
CRASHES = (2, 6, 12)


def configuration(http_port, port, how, seconds):
    """Requests for /shared/ may share connections, which come from 127.0.0.2; others have theirs for themselves.

    Uploads are among those: HAProxy answers 500 by itself when a request begins on a connection full of another's body.
    """
    return f"""
frontend web
    bind 127.0.0.1:{http_port}
    use_backend shared if {{ path_beg /shared/ }}
    default_backend alone

fcgi-app shared
    docroot /
    path-info ^()(/.*)$
    option mpxs-conns
    {how}

backend shared
    http-reuse always
    timeout server {seconds}s
    use-fcgi-app shared
    server site 127.0.0.1:{port} proto fcgi source 127.0.0.2 pool-max-conn 1

fcgi-app alone
    docroot /
    path-info ^()(/.*)$

backend alone
    use-fcgi-app alone
    server site 127.0.0.1:{port} proto fcgi
"""


class Place:
    """fcgi-run with the application `mixed`, behind HAProxy."""

    def __init__(self, folder, words, how=ASKED, seconds=50):
        self.folder = places.make_folder(folder)
        self.figures = places.make_folder(folder / "figures")
        port, http_port = places.free_port(), places.free_port()
        env = {**environment(), "PORT": str(port), "FIGURES": str(self.figures), "PYTHONDONTWRITEBYTECODE": "1"}
        listen = ["host=127.0.0.1", f"port={port}", "errlog=errors.log"]
        self.app = AppServer(["app=mixed:application", f"pythonpath={APPS}", *listen, *words], self.folder, env)
        self.web = HaProxy(self.folder / "web", http_port, configuration(http_port, port, how, seconds))
        self.address = f"http://127.0.0.1:{http_port}"

    def hold(self, count):
        """So many requests, one after the other, that wait for one another in the application; what it tells them."""
        held = self.figures / "held"
        ask = lambda: requests.get(f"{self.address}/shared/held/?count={count}", timeout=40)  # noqa: E731
        with ThreadPoolExecutor(count) as pool:
            waiting = []
            for number in range(1, count + 1):
                waiting.append(pool.submit(ask))
                wait_for(lambda number=number: held.exists() and held.stat().st_size == number, what=f"request {number}")
            answers = [one.result() for one in waiting]
        assert [answer.status_code for answer in answers] == [200] * count, self.logs()
        return [answer.json() for answer in answers]

    def widest(self):
        """Requests at once in one process, and its connections then, where the difference was greatest."""
        noted = [path.read_text().split() for path in self.figures.iterdir() if path.name.isdecimal()]
        return max(((int(here), int(connections)) for here, connections in noted), key=lambda pair: pair[0] - pair[1])

    def logs(self):
        return self.app.logs() + self.web.logs()

    def stop(self):
        self.web.stop()
        self.app.stop()


class Visitor:
    """One HTTP connection after the other, kept as long as the web server wants; every answer is looked at."""

    def __init__(self, number, place, count):
        self.number, self.count = number, count
        self.shares_large_answers = place.web.version() > CRASHES
        self.random = random.Random(number)
        self.host = place.address.removeprefix("http://")
        self.connection = None
        self.good = 0
        self.faults = []

    def run(self):
        for step in range(self.count):
            token = f"visitor-{self.number}-request-{step}-"
            try:
                fault = self.visit(token)
            except (OSError, http.client.HTTPException) as error:
                fault = repr(error)
                self.connection = None
            if fault:
                self.faults.append(f"{token}: {fault}")
            else:
                self.good += 1

    def visit(self, token):
        """One request; what is wrong with its answer, or nothing."""
        kind, body, size, delay = self.random.choice(("slow", "upload", "download")), b"", 100, 0.0
        shared = kind == "slow" or (kind == "download" and self.shares_large_answers)
        if kind == "slow":
            delay, size = self.random.uniform(0, LONGEST_DELAY), self.random.randrange(SMALL_ANSWER)
        if kind == "upload":
            body = self.random.randbytes(int(LARGEST_BODY * self.random.random() ** 3))
        if kind == "download":
            size = int(LARGEST_ANSWER * self.random.random() ** 3)
        self.connection = self.connection or http.client.HTTPConnection(self.host, timeout=60)
        method = "POST" if kind == "upload" else "GET"
        target = f"/{'shared' if shared else 'alone'}/mixed/?token={token}&size={size}&delay={delay:.4f}"
        self.connection.request(method, target, body or None)
        answer = self.connection.getresponse()
        got = answer.read()
        seen = (answer.status, answer.headers["X-Token"], answer.headers["X-Digest"])
        if seen != (200, token, hashlib.sha256(body).hexdigest()):
            return f"{kind} of {len(body)} bytes: {seen}"
        whole = (token.encode() * (size // len(token) + 1))[:size]
        return "" if got == whole else f"{len(got)} bytes instead of {size}: {got[:80]!r}"


def visit(place, requests_in_all=REQUESTS):
    """Lets all visitors make their requests; all have to be answered, each with its own answer."""
    visitors = send_visitors(place, VISITORS, requests_in_all // VISITORS)
    faults = [fault for visitor in visitors for fault in visitor.faults]
    good = sum(visitor.good for visitor in visitors)
    at_once, connections = place.widest()
    print(f"\n{good} good answers, {len(faults)} faults; up to {at_once} requests at once on {connections} connections")
    assert not faults, "\n".join(faults[:20]) + place.logs()
    assert good == requests_in_all
    return at_once, connections


def send_visitors(place, count, requests_of_each):
    visitors = [Visitor(number, place, requests_of_each) for number in range(count)]
    threads = [threading.Thread(target=visitor.run) for visitor in visitors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return visitors


@pytest.fixture
def start(workplace):
    started = []

    def start(words, **options):
        started.append(Place(workplace / f"mixed-{os.urandom(4).hex()}", words, **options))
        return started[-1]

    yield start
    for place in started:
        place.stop()


@pytest.mark.parametrize(
    ("words", "how"),
    [(ONE_PROCESS, ASKED), (ONE_PROCESS, TOLD), (PROCESSES, ASKED)],
    ids=["one process, asked", "one process, told", "several processes, asked"],
)
def test_ten_thousand_requests_share_connections_and_none_is_lost_or_mixed_up(start, words, how):
    at_once, connections = visit(start(words, how=how))
    assert at_once > connections, "requests never shared a connection"


def test_requests_that_wait_for_one_another_share_a_connection(start):
    """They could not meet if those of one connection were served one after the other."""
    for told in start(ONE_PROCESS, how=TOLD).hold(8):
        assert told["here"] == 8
        assert told["connections"] < 8


def test_an_application_with_one_thread_is_not_sent_two_requests_at_once(start):
    """HAProxy asks, hears that connections are not to be shared, and opens as many as it needs."""
    at_once, _ = visit(start(ONE_AT_A_TIME), 2000)
    assert at_once == 1


def test_a_second_request_that_is_sent_all_the_same_does_the_first_no_harm(start):
    """Told to share connections of an application with one thread, HAProxy hears CANT_MPX_CONN of all but one.

    It does not pass that on, but lets those visitors wait for its own time-out.
    """
    visitors = send_visitors(start(ONE_AT_A_TIME, how=TOLD, seconds=3), 20, 10)
    faults = [fault for visitor in visitors for fault in visitor.faults]
    refused = [fault for fault in faults if "(504," in fault]
    good = sum(visitor.good for visitor in visitors)
    print(f"\n{good} good answers, {len(refused)} refused")
    assert faults == refused
    assert refused, "HAProxy never sent a second request"
    assert good > len(refused)
