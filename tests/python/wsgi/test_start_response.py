"""`start_response` and `write`: PEP 3333 "The start_response() Callable", "The write() Callable", "Error Handling"."""

import pytest

from wsgi.client import Answer

APP = "responses"


def ok(answer, body, status="200 OK"):
    assert answer.ended, answer.stderr.decode()
    assert (answer.status, answer.body, answer.protocol_status) == (status, body, 0)
    return answer


def failed(answer, *, why):
    """A page of the server's own, the reason in the log, nothing of it for the visitor."""
    assert answer.status == "500 Internal Server Error"
    assert answer.ended
    assert why in answer.stderr.decode()
    assert why.encode() not in answer.body


def test_the_validator_finds_nothing(server):
    answer = ok(server.ask("/checked"), b"body")
    assert answer.headers == [("Content-Type", "text/plain"), ("X-A", "1"), ("X-A", "2")]


@pytest.mark.parametrize("path", ["twice", "twice_with_none"])
def test_a_second_call_without_exc_info_is_an_error(server, path):
    ok(server.ask(f"/{path}"), b"AssertionError")


def test_a_second_call_that_nobody_catches(server):
    failed(server.ask("/twice_unhandled"), why="second time")


def test_exc_info_before_output_replaces_status_and_headers(server):
    answer = ok(server.ask("/replaced"), b"replaced", "503 Replaced")
    assert answer.header("X-Old") is None and answer.header("X-New") == "1"
    assert answer.header("Content-Length") is None
    ok(server.ask("/replaced_after_empty"), b"replaced", "503 Replaced")


def test_exc_info_after_output_raises_the_exception_again(server):
    ok(server.ask("/replaced_too_late"), b"sent the first error")


@pytest.mark.parametrize("path", ["replaced_too_late_unhandled", "writes_then_replaces"])
def test_exc_info_after_output_that_nobody_catches_cuts_the_answer(server, path):
    answer = server.ask(f"/{path}")
    assert (answer.status, answer.ended) == ("200 OK", False)
    assert b"LookupError: the first error" in answer.stderr
    assert answer.body in (b"sent", b"written")


def test_the_traceback_of_exc_info_is_raised_with_it(server):
    ok(server.ask("/reraised_traceback"), b"sent reraised_traceback an_error")


def test_exc_info_that_is_none_is_an_error_of_the_application(server):
    ok(server.ask("/odd_exc_info"), b"sent TypeError IndexError TypeError TypeError LookupError")


def test_exc_info_may_be_named(server):
    """PEP 3333 wants it positional; the servers that people come from take both."""
    ok(server.ask("/by_keyword"), b"replaced", "503 Replaced")


def test_what_is_refused_is_refused_when_it_is_said(server):
    ok(server.ask("/refused_at_once"), b"ValueError ValueError ValueError ValueError TypeError")


def test_a_replacement_that_is_refused_changes_nothing(server):
    ok(server.ask("/bad_replacement"), b"ValueError", "200 Old")


def test_exc_info_in_the_first_call(server):
    ok(server.ask("/first_time_with_exc_info"), b"mine", "500 Mine")


@pytest.mark.parametrize("path", ["never", "never_in_generator", "never_and_nothing"])
def test_a_body_without_start_response_is_an_error(server, path):
    failed(server.ask(f"/{path}"), why="before it called start_response")


@pytest.mark.parametrize("path", ["in_generator", "after_empty"])
def test_it_may_be_called_as_late_as_before_the_first_bytes(server, path):
    ok(server.ask(f"/{path}"), b"body")


def test_an_answer_without_a_body(server):
    answer = ok(server.ask("/nothing_at_all"), b"")
    assert answer.headers == [("Content-Type", "text/plain")]


def test_headers_wait_for_the_first_bytes(server):
    with server.gate() as gate, server.connect() as connection:
        connection.ask(f"/waits/{gate.token}")
        gate.open()
        ok(connection.answer(), b"replaced", "503 Replaced")


def test_arguments_are_counted(server):
    ok(server.ask("/positional"), b"TypeError TypeError TypeError")


def test_write_comes_before_the_iterable(server):
    answer = ok(server.ask("/writes"), b"written twice returned")
    assert answer.header("Content-Length") is None
    ok(server.ask("/writes_checked"), b"written returned twice")
    ok(server.ask("/writes_only"), b"written")


def test_what_is_written_is_on_its_way_at_once(server):
    with server.gate() as gate, server.connect() as connection:
        connection.ask(f"/writes_at_once/{gate.token}")
        answer = connection.read_on(Answer(), lambda answer: answer.stdout.endswith(b"written "))
        gate.open()
        ok(connection.read_on(answer, lambda answer: False), b"written returned")


def test_write_takes_bytes_alone(server):
    ok(server.ask("/writes_wrong"), b"TypeError TypeError TypeError TypeError TypeError")


def test_writing_past_content_length_is_an_error_and_nothing_more_is_sent(server):
    """The visitor has a whole answer in both cases, the connection goes on."""
    answer = ok(server.ask("/writes_too_much"), b"abcd")
    assert answer.stderr == b"AssertionError AssertionError"
    answer = ok(server.ask("/writes_too_much_unhandled"), b"abcd")
    assert b"more body than its Content-Length" in answer.stderr
