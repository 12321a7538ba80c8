"""Applications that fail: PEP 3333 "Error Handling", and what a server owes its other visitors."""

import pytest
from support.process import wait_for

from wsgi.apps.names import DEATHS, FAILURES
from wsgi.client import STDERR, STDOUT

APP = "failures"
SECRET = "the secret of the traceback"


def pid(connection):
    connection.ask("/pid")
    return int(connection.answer().body)


@pytest.mark.parametrize("path", ["fails", "fails_after_start"])
@pytest.mark.parametrize(("what", "word"), FAILURES.items())
def test_an_exception_before_the_body_is_a_page_and_a_traceback_in_the_logs(server, path, what, word):
    with server.connect() as connection:
        before = pid(connection)
        connection.ask(f"/{path}/{what}")
        answer = connection.answer()
        assert (answer.status, answer.ended) == ("500 Internal Server Error", True)
        assert word in answer.stderr.decode()
        assert answer.stderr.startswith(b"Traceback (most recent call last):\n") or what == "ExceptionGroup"
        assert word in server.errors().replace("\0", "")
        assert (
            SECRET not in answer.stdout.decode() and b"Traceback" not in answer.stdout and b".py" not in answer.stdout
        )
        assert answer.header("X-Mine") is None
        assert int(answer.header("Content-Length")) == len(answer.body)
        assert answer.kinds[0] == (STDERR, True)
        # The worker lives, and so does the connection.
        assert pid(connection) == before


@pytest.mark.parametrize("what", [what for what in FAILURES if what != "StopIteration"])
def test_an_exception_in_the_iteration_before_the_first_chunk(server, what):
    with server.connect() as connection:
        before = pid(connection)
        connection.ask(f"/iterates/{what}")
        assert connection.answer().status == "500 Internal Server Error"
        assert pid(connection) == before


@pytest.mark.parametrize(("what", "word"), FAILURES.items())
def test_an_exception_after_the_headers_cuts_the_connection(server, what, word):
    workers = server.workers()
    with server.connect() as connection:
        connection.ask(f"/late/{what}")
        answer = connection.answer()
        assert (answer.status, answer.body) == ("200 OK", b"part")
        assert not answer.ended and (STDOUT, False) not in answer.kinds
        assert connection.is_closed_by_server()
    # A generator that raises StopIteration is made to raise RuntimeError.
    assert ("RuntimeError" if what == "StopIteration" else word) in answer.stderr.decode()
    assert server.workers() == workers


def test_an_exception_after_all_that_was_announced_leaves_a_whole_answer(server):
    with server.connect() as connection:
        before = pid(connection)
        connection.ask("/late_but_whole/Exception")
        answer = connection.answer()
        assert (answer.body, answer.ended) == (b"part", True)
        assert SECRET in answer.stderr.decode()
        assert pid(connection) == before


@pytest.mark.parametrize("path", ["fails", "fails_after_start", "iterates"])
def test_head_gets_no_page(server, path):
    answer = server.ask(f"/{path}/Exception", {"REQUEST_METHOD": "HEAD"})
    assert (answer.status, answer.body, answer.ended) == ("500 Internal Server Error", b"", True)


def test_an_exception_after_the_head_of_head_leaves_a_whole_answer(server):
    answer = server.ask("/late/Exception", {"REQUEST_METHOD": "HEAD"})
    assert (answer.status, answer.body, answer.ended) == ("200 OK", b"", True)


@pytest.mark.parametrize("path", ["dies", "dies_late"])
@pytest.mark.parametrize("what", DEATHS)
def test_a_worker_that_dies_costs_its_own_request_only(start, path, what):
    server = start("failures", "prefork")
    with server.gate() as gate, server.connect() as other:
        other.ask(f"/waits/{gate.token}")
        (survivor,) = wait_for(lambda: server.marks(gate.token), what="a request under way")
        with server.connect() as victim:
            dying = pid(victim)
            assert int(survivor) != dying
            victim.ask(f"/{path}/{what}")
            answer = victim.answer()
        assert not answer.ended
        assert answer.stdout.endswith(b"part") if path == "dies_late" else answer.stdout == b""
        wait_for(lambda: dying not in server.workers() and len(server.workers()) == 2, what="another worker")
        gate.open()
        assert other.answer().body == survivor.encode()
    assert server.ask("/pid").status == "200 OK"


@pytest.mark.parametrize("what", ["exit", "segfault"])
def test_a_threaded_worker_that_dies_is_replaced(start, what):
    server = start("failures", "threaded")
    (dying,) = server.workers()
    assert not server.ask(f"/dies/{what}").ended
    wait_for(lambda: server.workers() not in ([], [dying]), what="another worker")
    assert server.ask("/pid").status == "200 OK"


@pytest.mark.parametrize("model", ["prefork", "threaded"])
def test_the_visitor_sees_the_traceback_with_debug(start, model):
    server = start("failures", model, "debug=true")
    answer = server.ask("/fails/RuntimeError")
    assert answer.status == "500 Internal Server Error"
    assert SECRET in answer.body.decode() and b"Traceback" in answer.body
    assert SECRET in answer.stderr.decode()
    assert b"&lt;script&gt;&amp;" in server.ask("/fails/html").body
    assert server.ask("/fails/Exception", {"REQUEST_METHOD": "HEAD"}).body == b""
    late = server.ask("/late/Exception")
    assert (late.body, late.ended) == (b"part", False)
