"""`requesttimeout`: what an application sees of it, wherever it is."""

import pytest

APP = "limits"
WORDS = ["requesttimeout=0.3", "killgrace=60"]
TIMEOUT = "504 Gateway Timeout"


@pytest.mark.parametrize("path", ["called", "started", "iterated"])
def test_before_the_first_byte_the_visitor_gets_a_page(server, path):
    token = server.token()
    with server.connect() as connection:
        connection.ask(f"/{path}/{token}")
        answer = connection.answer()
        assert (answer.status, answer.ended) == (TIMEOUT, True)
        assert answer.header("X-Mine") is None
        assert int(answer.header("Content-Length")) == len(answer.body)
        assert b"FR460" in answer.body
        assert b"limits.py" not in answer.stdout + answer.stderr
        server.wait_for_marks(token, "RequestTimeout", "left")
        # The connection goes on.
        connection.ask("/pid")
        assert connection.answer().status == "200 OK"


def test_a_head_request_gets_no_page(server):
    answer = server.ask(f"/called/{server.token()}", {"REQUEST_METHOD": "HEAD"})
    assert (answer.status, answer.ended, answer.body) == (TIMEOUT, True, b"")


@pytest.mark.parametrize("path", ["streamed", "written"])
def test_an_answer_that_has_begun_is_not_whole(server, path):
    token = server.token()
    answer = server.ask(f"/{path}/{token}")
    assert (answer.status, answer.body, answer.ended) == ("200 OK", b"begun", False)
    server.wait_for_marks(token, "RequestTimeout", "left")


def test_an_answer_that_was_given_as_announced_is_whole(server):
    token = server.token()
    answer = server.ask(f"/counted/{token}")
    assert (answer.status, answer.body, answer.ended) == ("200 OK", b"whole", True)
    server.wait_for_marks(token, "RequestTimeout", "left")


def test_an_application_that_catches_it_answers_itself(server):
    token = server.token()
    answer = server.ask(f"/caught/{token}")
    assert (answer.status, answer.ended) == ("503 Busy", True)
    # It is no Exception, and says nothing of its own.
    assert answer.body == b"BaseException "


def test_it_may_be_raised_by_the_application_itself(server):
    answer = server.ask("/raised")
    assert (answer.status, answer.ended) == (TIMEOUT, True)


def test_threads_of_the_application_are_left_alone(server):
    token = server.token()
    assert server.ask(f"/elsewhere/{token}").status == TIMEOUT
    server.wait_for_marks(token, "request", "left")


def test_the_log_shows_where_it_was_and_no_traceback(server):
    before = len(server.errors())
    token = server.token()
    assert server.ask(f"/called/{token}?secret").status == TIMEOUT
    log = server.errors()[before:]
    assert f"method=GET path=/called/{token} seconds=" in log
    assert ", in never\n    time.sleep(0.002)\n" in log
    assert log.index(", in called\n    never()\n") < log.index(", in never\n")
    assert "secret" not in log
    assert "Traceback" not in log
