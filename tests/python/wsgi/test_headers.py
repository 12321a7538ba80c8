"""Status and headers: PEP 3333 "The start_response() Callable", "HTTP 1.1 Expect/Continue", "Other HTTP Features"."""

import json

import pytest

APP = "headers_app"
PLAIN = {"tuple": ["Content-Type", "text/plain"]}


def ask(server, status, headers, path="/given", params=None):
    return server.ask(path, {"HTTP_X_ARGUMENTS": json.dumps([status, headers]), **(params or {})})


def header(name, value):
    return {"tuple": [name, value]}


def refused(answer, error):
    """Nothing of the application's answer has left: a page with status 500 came instead."""
    assert answer.status == "500 Internal Server Error"
    assert answer.ended
    assert f"\n{error}: ".encode() in answer.stderr, answer.stderr.decode()
    assert b"forged" not in answer.stdout
    assert answer.header("Content-Type") == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    "status",
    ["200 OK", "200 Fine, thank you!", "404 Not here", "299 Odd", "599 x", "200 ", "200  two", "200 Schön", "200 a:b"],
)
def test_code_and_reason_are_kept(server, status):
    assert ask(server, status, [PLAIN]).status == status


@pytest.mark.parametrize(
    "status",
    ["", "200", "20 OK", "2000 OK", "abc OK", "200OK", " 200 OK", "099 Low", "200\tOK", "\u0662\u0660\u0660 OK"],
)
def test_a_status_of_another_form_is_refused(server, status):
    refused(ask(server, status, [PLAIN]), "ValueError")


@pytest.mark.parametrize("tail", ["\r\nX-Forged: forged", "\nX-Forged: forged", "\rforged", "\0forged", "\x7fforged"])
def test_control_characters_are_refused_everywhere(server, tail):
    refused(ask(server, "200 OK" + tail, [PLAIN]), "ValueError")
    refused(ask(server, "200 OK", [header("X-A", "a" + tail)]), "ValueError")
    refused(ask(server, "200 OK", [header("X-A" + tail, "a")]), "ValueError")
    refused(ask(server, "200 OK", [PLAIN, header("X-B", "b"), header("X-A", tail)], "/stream"), "ValueError")


@pytest.mark.parametrize("name", ["", "X A", "X:A", "X-A ", " X-A", "X\tA", "X-Ä", "X(A)", "X-A:", '"X"', "X,A", "X/A"])
def test_what_is_no_header_name_is_refused(server, name):
    refused(ask(server, "200 OK", [header(name, "forged")]), "ValueError")


@pytest.mark.parametrize(
    "name",
    ["Connection", "keep-alive", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailers", "Transfer-Encoding"]
    + ["UPGRADE", "transfer-encoding", "Status", "status"],
)
def test_headers_that_belong_to_the_web_server_are_refused(server, name):
    refused(ask(server, "200 OK", [PLAIN, header(name, "forged")]), "ValueError")


@pytest.mark.parametrize("text", ["€", "\u0100", "\U0001f600", "a\udcffb"])
def test_only_latin_1_can_be_sent(server, text):
    refused(ask(server, "200 OK", [header("X-A", text)]), "ValueError")
    refused(ask(server, "200 " + text, [PLAIN]), "ValueError")
    refused(ask(server, "200 OK", [header(text, "x")]), "ValueError")


@pytest.mark.parametrize("value", ["", "a", " a ", "a\tb", "ä\xff\x80", 'q="1", b;c', "x" * 60_000, "a: b"])
def test_values_arrive_as_they_are(server, value):
    answer = ask(server, "200 OK", [header("X-A", value)])
    assert answer.headers[0] == ("X-A", value)


def test_a_head_longer_than_a_record(server):
    headers = [header(f"X-{number}", "v" * 1000) for number in range(200)]
    answer = ask(server, "200 OK", headers)
    assert [value for _, value in answer.headers[:-1]] == ["v" * 1000] * 200
    assert answer.body == b"body"


def test_order_and_duplicates_are_kept(server):
    pairs = [
        ("Set-Cookie", "a=1"),
        ("X-B", "1"),
        ("Set-Cookie", "b=2"),
        ("x-b", "2"),
        ("Set-Cookie", "a=1"),
        ("A", "0"),
    ]
    for path in ("/given", "/stream"):
        answer = ask(server, "200 OK", [header(*pair) for pair in pairs], path)
        assert answer.headers[:6] == pairs


def test_nothing_is_invented(server):
    assert ask(server, "200 OK", [], "/stream").headers == []
    assert ask(server, "200 OK", []).headers == [("Content-Length", "4")]
    assert ask(server, "200 OK", [PLAIN], "/checked").headers == [("Content-Type", "text/plain")]


def test_date_and_server_are_the_applications_own(server):
    pairs = [("Date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("Server", "mine"), ("Location", "/relative"), ("Expect", "x")]
    answer = ask(server, "200 OK", [header(*pair) for pair in pairs], "/stream")
    assert answer.headers == pairs


@pytest.mark.parametrize("value", ["", "-1", "x", "5, 5", "1e3", "+5", "0x5", "9" * 30])
def test_a_content_length_that_is_no_number_is_refused(server, value):
    refused(ask(server, "200 OK", [header("Content-Length", value)]), "ValueError")


def test_two_content_lengths_that_differ_are_refused(server):
    """Whoever reads the answer would have to guess where it ends."""
    refused(ask(server, "200 OK", [header("Content-Length", "4"), header("content-length", "6")]), "ValueError")
    assert ask(server, "200 OK", [header("Content-Length", "4")] * 2).body == b"body"


@pytest.mark.parametrize("status", [200, None, {"bytes": "200 OK"}, {"tuple": ["200 OK"]}, ["200 OK"]])
def test_a_status_that_is_no_str_is_refused(server, status):
    refused(ask(server, status, [PLAIN]), "TypeError")


@pytest.mark.parametrize(
    "headers",
    [
        {"tuple": [PLAIN]},
        {"iter": [PLAIN]},
        {"none": 0},
        "X-A: forged",
        5,
        ["X-A: forged"],
        [["X-A", "forged"]],
        [{"tuple": ["X-A"]}],
        [{"tuple": ["X-A", "forged", "more"]}],
        [{"tuple": []}],
        [{"none": 0}],
        [header("X-A", 5)],
        [header("X-A", {"none": 0})],
        [header("X-A", {"bytes": "forged"})],
        [header({"bytes": "X-A"}, "forged")],
        [header(5, "forged")],
        [PLAIN, header("X-A", ["forged"])],
    ],
)
def test_headers_that_are_no_list_of_pairs_of_str_are_refused(server, headers):
    refused(ask(server, "200 OK", headers), "TypeError")


def test_subclasses_are_what_they_are_derived_from(server):
    answer = server.ask("/subclasses")
    assert (answer.status, answer.headers[0], answer.body) == ("200 Fine", ("X-A", "1"), b"body")


def test_headers_changed_after_the_call_do_not_get_past_the_checks(server):
    assert server.ask("/changed").headers == [("X-A", "1"), ("Content-Length", "4")]
