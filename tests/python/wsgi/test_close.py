"""`close()` of the iterable, once in every case: PEP 3333 "Specification Details"."""

import pytest

from wsgi.client import Answer

APP = "closes"


@pytest.mark.parametrize(
    ("name", "status", "ended"),
    [
        ("normal", "200 OK", True),
        ("empty", "200 OK", True),
        ("list", "200 OK", True),
        ("no_content", "204 None", True),
        ("first_fails", "500 Internal Server Error", True),
        ("second_fails", "200 OK", False),
        ("exits", "500 Internal Server Error", True),
        ("exits_late", "200 OK", False),
        ("wrong_item", "500 Internal Server Error", True),
        ("wrong_item_late", "200 OK", False),
        ("close_fails", "200 OK", True),
        ("close_exits", "200 OK", True),
        ("both_fail", "500 Internal Server Error", True),
        ("too_short", "200 OK", False),
        ("uniterable", "500 Internal Server Error", True),
        ("not_started", "500 Internal Server Error", True),
    ],
)
def test_closed_once_in_every_case(server, name, status, ended):
    token = server.token()
    answer = server.ask(f"/case/{token}/{name}")
    assert (answer.status, answer.ended) == (status, ended)
    server.wait_for_marks(token, "closed")


def test_the_log_has_what_close_raised(server):
    token = server.token()
    with server.connect() as connection:
        connection.ask(f"/case/{token}/close_fails")
        assert connection.answer().body == b"body"
        # The next request on the connection is served after the close.
        connection.ask("/without_close")
        assert connection.answer().body == b"body"
    assert "LookupError: in close" in server.errors()


def test_the_first_of_two_exceptions_is_the_one_that_is_told(server):
    answer = server.ask(f"/case/{server.token()}/both_fail")
    assert b"LookupError: asked for" in answer.stderr


def test_nothing_is_closed_when_nothing_was_returned(server):
    token = server.token()
    assert server.ask(f"/case/{token}/before_return").status == "500 Internal Server Error"
    assert server.ask("/without_close").body == b"body"
    assert server.marks(token) == []


def test_head_closes_as_well(server):
    token = server.token()
    assert server.ask(f"/case/{token}/normal", {"REQUEST_METHOD": "HEAD"}).body == b""
    server.wait_for_marks(token, "closed")


def test_the_validator_sees_the_close(server):
    token = server.token()
    assert server.ask(f"/checked/{token}").body == b"body"
    server.wait_for_marks(token, "closed")


def test_an_attribute_named_close_is_called_only_if_there_is_one(server):
    assert server.ask("/without_close").body == b"body"
    assert server.ask("/close_is_none").body == b"body"


def test_a_client_that_leaves_ends_the_iteration(server):
    token, before = server.token(), server.errors()
    with server.connect() as connection:
        connection.ask(f"/generator/{token}")
        connection.read_on(Answer(), lambda answer: len(answer.received) > 300_000)
    server.wait_for_marks(token, "exit", "finally")
    assert "Traceback" not in server.errors()[len(before) :]


def test_a_client_that_leaves_ends_the_writing(server):
    token, before = server.token(), server.errors()
    with server.connect() as connection:
        connection.ask(f"/writes_endlessly/{token}")
        connection.read_on(Answer(), lambda answer: len(answer.received) > 300_000)
    server.wait_for_marks(token, "ConnectionResetError", "finally")
    assert server.ask("/without_close").body == b"body"
    assert "Traceback" not in server.errors()[len(before) :]


def test_a_client_that_leaves_costs_no_worker(server):
    workers = server.workers()
    for _ in range(5):
        token = server.token()
        with server.connect() as connection:
            connection.ask(f"/generator/{token}", keep=False)
            connection.record()
        server.wait_for_marks(token, "exit", "finally")
    assert server.workers() == workers


def test_the_answer_does_not_wait_for_the_close(server):
    with server.gate() as gate, server.connect() as connection:
        connection.ask(f"/after/{gate.token}")
        answer = connection.answer()
        assert (answer.body, answer.ended) == (b"body", True)
        assert server.marks(gate.token) == []
        gate.open()
        server.wait_for_marks(gate.token, "closed")
