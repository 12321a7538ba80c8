"""The iterable: PEP 3333 "Specification Details", "Handling the Content-Length Header", "Buffering and Streaming"."""

import pytest

from wsgi.client import STDOUT, Answer

APP = "bodies"
WHOLE = ["list", "one", "tuple", "one_tuple", "empties", "generator", "one_generator", "iterator", "indexed"]
WHOLE += ["listlike", "one_listlike", "own_list", "map", "file"]
WRONG = ["str", "bytes", "none", "int", "true", "object", "strs", "str_generator", "bytearrays", "memoryviews"]
WRONG += ["ints", "nones", "dict", "second_str"]


def whole(answer, body, status="200 OK"):
    assert answer.ended, answer.stderr.decode()
    assert (answer.status, answer.body) == (status, body), answer.stderr.decode()
    return answer


@pytest.mark.parametrize("form", WHOLE)
def test_any_iterable_of_bytes(server, form):
    whole(server.ask(f"/form/{form}"), b"one two")


@pytest.mark.parametrize("form", ["empty_list", "one_empty", "empty_generator"])
def test_no_body_at_all(server, form):
    whole(server.ask(f"/form/{form}"), b"")


def test_a_generator_that_only_starts(server):
    whole(server.ask("/starts_and_yields_nothing"), b"", "202 Nothing")


def test_a_body_that_is_the_body_of_the_request(server):
    body = b"line\n" * 50_000 + b"end"
    whole(server.ask("/its_own_body", body=body), body)


def test_nothing_of_an_iterable_is_used_but_iter_and_close(server):
    """It may be anything: middleware hands on what it does not know."""
    token = server.token()
    whole(server.ask(f"/touchy/{token}"), b"one two")
    server.wait_for_marks(token, "close")


def test_an_iterable_whose_iter_fails(server):
    answer = server.ask("/no_iterator")
    assert (answer.status, answer.ended) == ("500 Internal Server Error", True)
    assert b"LookupError: in iter" in answer.stderr


def test_writing_while_the_body_is_iterated_over(server):
    whole(server.ask("/writes_while_iterated"), b"one two three")


@pytest.mark.parametrize(("form", "length"), [("one", "7"), ("one_tuple", "7"), ("one_empty", "0")])
def test_content_length_of_a_whole_body(server, form, length):
    assert server.ask(f"/form/{form}").header("Content-Length") == length


@pytest.mark.parametrize("form", [*(form for form in WHOLE if form not in ("one", "one_tuple")), "empty_list"])
def test_no_content_length_is_invented(server, form):
    assert server.ask(f"/form/{form}").header("Content-Length") is None


@pytest.mark.parametrize("form", WRONG)
def test_anything_else_is_an_error(server, form):
    answer = server.ask(f"/form/{form}")
    assert (answer.status, answer.ended) == ("500 Internal Server Error", True)
    assert b"TypeError: " in answer.stderr
    assert b"one two" not in answer.body


@pytest.mark.parametrize("form", ["list", "one", "empties", "generator", "iterator"])
def test_a_content_length_that_is_too_short_cuts_the_body(server, form):
    with server.connect() as connection:
        connection.ask(f"/length/5/{form}")
        answer = whole(connection.answer(), b"one t")
        assert answer.header("Content-Length") == "5"
        connection.ask("/length/7/one")
        whole(connection.answer(), b"one two")


@pytest.mark.parametrize("form", ["list", "one", "empties", "empty_list", "empty_generator"])
def test_a_content_length_that_is_too_long_is_an_error_while_nothing_was_sent(server, form):
    answer = server.ask(f"/length/10/{form}")
    assert answer.status == "500 Internal Server Error"
    assert b"announced 10 bytes of body and gave" in answer.stderr


@pytest.mark.parametrize("form", ["generator", "iterator"])
def test_a_content_length_that_is_too_long_cuts_the_connection_afterwards(server, form):
    with server.connect() as connection:
        connection.ask(f"/length/10/{form}")
        answer = connection.answer()
        assert (answer.body, answer.ended, (STDOUT, False) in answer.kinds) == (b"one two", False, False)
        assert connection.is_closed_by_server()
    assert b"announced 10 bytes of body and gave 7" in answer.stderr


@pytest.mark.parametrize("form", WHOLE)
def test_the_right_content_length(server, form):
    assert whole(server.ask(f"/length/7/{form}"), b"one two").header("Content-Length") == "7"


@pytest.mark.parametrize("name", ["X-Accel-Redirect", "X-Sendfile", "x-sendfile2", "X-LIGHTTPD-send-file"])
def test_a_file_handed_over_to_the_web_server_has_its_own_length(server, name):
    answer = whole(server.ask(f"/handed_over/{name}"), b"")
    assert (answer.header("Content-Length"), answer.header(name)) == ("1000", "/file")
    assert answer.stderr == b""


@pytest.mark.parametrize("code", ["204", "304", "100", "199"])
def test_statuses_without_a_body(server, code):
    with server.connect() as connection:
        connection.ask(f"/status/{code}")
        answer = whole(connection.answer(), b"", f"{code} Something")
        assert answer.header("Content-Length") is None
        connection.ask("/status/200")
        whole(connection.answer(), b"one two", "200 Something")


def test_the_validator_finds_nothing_about_no_content(server):
    whole(server.ask("/no_content"), b"", "204 No Content")


@pytest.mark.parametrize("path", ["/head", "/head_written", "/form/generator", "/form/one", "/numbered"])
def test_head_has_the_head_alone(server, path):
    with server.connect() as connection:
        connection.ask(path, {"REQUEST_METHOD": "HEAD"})
        answer = whole(connection.answer(), b"")
        assert answer.header("Content-Length") == ("7" if path == "/head" else None)
        connection.ask(path)
        assert connection.answer().body


@pytest.mark.parametrize(("code", "method"), [("200", "HEAD"), ("204", "GET"), ("304", "GET")])
def test_a_body_that_is_not_wanted_is_not_asked_for(server, code, method):
    token = server.token()
    whole(server.ask(f"/endless/{token}/{code}", {"REQUEST_METHOD": method}), b"", f"{code} Something")
    server.wait_for_marks(token, "0", "closed")


def test_iteration_stops_when_content_length_is_reached(server):
    """One more is asked for when it is met exactly, so that a generator comes to its end."""
    for length in (2, 3):
        token = server.token()
        whole(server.ask(f"/endless_length/{token}/{length}"), b"x" * length)
        server.wait_for_marks(token, "0", "1", "closed")
    assert "more body than its Content-Length" in server.errors()


def test_what_a_generator_does_behind_its_last_yield_is_done(server):
    """Announced or not: a middleware that takes the time does it there."""
    token = server.token()
    whole(server.ask(f"/goes_on/{token}/7"), b"one two")
    server.wait_for_marks(token, "behind")


def test_each_chunk_is_on_its_way_before_the_next_is_asked_for(server):
    with server.gate() as gate, server.connect() as connection:
        connection.ask(f"/gated/{gate.token}")
        answer = Answer()
        for number in range(4):
            expected = b"".join(b"chunk %d\n" % earlier for earlier in range(number + 1))
            connection.read_on(answer, lambda answer, expected=expected: answer.stdout.endswith(expected))
            assert server.marks(gate.token) == [str(earlier) for earlier in range(number + 1)]
            assert answer.body == expected
            gate.open()
        whole(connection.read_on(answer, lambda answer: False), expected)
        assert server.marks(gate.token)[-1] == "end"


def test_chunks_of_sizes_around_those_of_records(server):
    sizes = (0, 1, 7, 8, 65527, 65528, 65535, 65536, 200_000)
    whole(server.ask("/numbered"), b"".join(b"%05d\n" % size + b"x" * size for size in sizes))


def test_an_answer_ends_with_the_end_of_its_stream(server):
    assert server.ask("/form/generator").kinds == [(STDOUT, True), (STDOUT, False), (3, True)]
    assert server.ask("/form/empties").kinds == [(STDOUT, True), (STDOUT, False), (3, True)]
