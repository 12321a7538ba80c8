"""What an application does with a request that is over harms nobody: its visitor, the next one, the worker."""

import json

import pytest
from support.process import wait_for

from wsgi.client import Answer

APP = "afterwards"


def test_what_was_kept_belongs_to_no_other_request(server):
    """The second request on the connection has the same id, and runs while the things of the first are used."""
    token = server.token()
    with server.connect() as connection:
        connection.ask(f"/keeps/{token}", body=b"body of the first")
        first = connection.answer()
        assert first.ended
        connection.ask(f"/uses/{token}", body=b"body of the second")
        answer = connection.answer()
        assert answer.status == "200 OK", answer.stderr
        assert answer.stderr == b""
        found = json.loads(answer.body)
    # What had arrived can still be read; the rest is refused, and what is logged is in the log of this server alone.
    refused, nothing, second, with_exc_info, read, logged, flushed, path = found
    assert (refused, second, with_exc_info) == ("AssertionError", "AssertionError", "LookupError")
    assert (nothing, flushed, path) == ("None", "None", f"/keeps/{token}")
    assert read == "b'body of the first'"
    assert logged == str(len(f"after the end {token}\n"))
    assert f"after the end {token}\n" in server.errors()


@pytest.mark.parametrize("name", ["start_response", "write", "wsgi.input", "wsgi.errors", "fcgi.is_aborted"])
def test_a_single_object_that_was_kept(server, name):
    token = server.token()
    with server.connect() as connection:
        for turn in range(3):
            # What comes back from several requests in a row is handed on most readily.
            for _ in range(4 * turn):
                connection.ask("/pid")
                assert connection.answer().body.isdigit()
            connection.ask(f"/keeps_one/{token}/{name}", body=b"body %d" % turn)
            assert connection.answer().body == b"body %d" % turn
            connection.ask(f"/has_another/{token}/{name}")
            assert connection.answer().body == b"own"


def test_a_thread_that_goes_on_writing(server):
    with server.gate() as gate, server.connect() as connection:
        connection.ask(f"/thread/{gate.token}")
        answer = connection.answer()
        assert (answer.body, answer.ended) == (b"before", True)
        gate.open()
        server.wait_for_marks(gate.token, "AssertionError", "AssertionError", "AssertionError")
        wait_for(lambda: server.errors().count(f"from the thread {gate.token}") == 3, what="its log")
        connection.ask("/pid")
        answer = connection.answer()
        assert (answer.status, answer.body.isdigit(), answer.stderr) == ("200 OK", True, b"")


def test_writing_in_close_is_told_of(server):
    answer = server.ask(f"/writes_in_close/{server.token()}")
    assert (answer.body, answer.ended) == (b"body", True)
    wait_for(lambda: "in close" in server.errors() and "AssertionError: " in server.errors(), what="a traceback")


def test_an_answer_that_a_thread_is_writing_cannot_be_ended(server):
    """The client sees that the answer is not whole, and the worker goes on."""
    with server.gate() as gate, server.connect() as connection:
        connection.ask(f"/thread_holds_the_answer/{gate.token}")
        answer = connection.read_on(Answer(), lambda answer: len(answer.received) > 100_000)
        gate.open()
        wait_for(lambda: "being written by another thread" in server.errors(), what="the error")
        connection.read_on(answer, lambda answer: False)
        assert not answer.ended
        wait_for(lambda: len(server.marks(gate.token)) == 2, what="the end of the thread")
    assert server.ask("/pid").status == "200 OK"
