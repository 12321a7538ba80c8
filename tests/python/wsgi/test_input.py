"""`wsgi.input`: PEP 3333 "Input and Error Streams"."""

import hashlib
import io
import json
import random
import tarfile
import threading

import pytest

from wsgi import client

APP = "inputs"
LINES = b"aaaa\nbbbb\n\ncc\xff\x00"


def run(server, script, body, params=None):
    answer = server.ask("/script", {"HTTP_X_SCRIPT": json.dumps(script), **(params or {})}, body)
    assert answer.status == "200 OK", answer.stderr.decode()
    return json.loads(answer.body)


def text(data):
    return data.decode("latin-1")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ([["read"]], [text(LINES)]),
        ([["read", -1]], [text(LINES)]),
        ([["read", -7]], [text(LINES)]),
        ([["read", None]], [text(LINES)]),
        ([["read", 0], ["read", 3], ["read"]], ["", "aaa", "a\nbbbb\n\ncc\xff\x00"]),
        ([["read", 15], ["read", 1]], [text(LINES), ""]),
        ([["read", 1 << 60], ["read", 1 << 60]], [text(LINES), ""]),
        ([["readline"], ["readline"], ["readline"]], ["aaaa\n", "bbbb\n", "\n"]),
        ([["readline", 2], ["readline", 2], ["readline", 2]], ["aa", "aa", "\n"]),
        ([["readline", 5], ["readline", 6]], ["aaaa\n", "bbbb\n"]),
        ([["readline", 0], ["readline", -1], ["readline", None]], ["", "aaaa\n", "bbbb\n"]),
        ([["readlines"]], [["aaaa\n", "bbbb\n", "\n", "cc\xff\x00"]]),
        ([["readlines", 5]], [["aaaa\n"]]),
        ([["readlines", 6], ["readlines", 1]], [["aaaa\n", "bbbb\n"], ["\n"]]),
        ([["readlines", 0]], [["aaaa\n", "bbbb\n", "\n", "cc\xff\x00"]]),
        ([["readlines", None]], [["aaaa\n", "bbbb\n", "\n", "cc\xff\x00"]]),
        ([["list"], ["list"]], [["aaaa\n", "bbbb\n", "\n", "cc\xff\x00"], []]),
        ([["next"], ["read", 2], ["next"], ["readlines"]], ["aaaa\n", "bb", "bb\n", ["\n", "cc\xff\x00"]]),
        ([["readinto", 7], ["readinto", 9]], [[7, "aaaa\nbb"], [8, "bb\n\ncc\xff\x00\x00"]]),
    ],
)
def test_reading_by_the_rules_of_files(server, script, expected):
    assert run(server, script, LINES) == expected


def test_the_end_is_the_end_for_every_method(server):
    past = [["read"], ["read", 5], ["read", 0], ["readline"], ["readline", 5], ["next"]]
    lists = [["readlines"], ["readlines", 9], ["list"]]
    assert run(server, [["read"], *past, *lists], b"x\n") == ["x\n", *[""] * 6, [], [], []]
    assert run(server, past + lists, None) == [*[""] * 6, [], [], []]


def test_the_validator_finds_nothing(server):
    assert json.loads(server.ask("/checked", body=LINES).body) == ["aaa", "a\n", "bbbb\n", "\n", "cc\xff\x00", ""]


@pytest.mark.parametrize("name", ["text", "buffered", "text_over_buffered"])
def test_readers_of_the_standard_library_can_be_laid_over_it(server, name):
    found = json.loads(server.ask(f"/layered/{name}", body="first\nsecönd\nthird".encode()).body)
    assert found == ["first\n", "se", "cönd\n", "third"]


def test_an_archive_is_unpacked_while_it_arrives(server):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, size in (("a", 10), ("b", 300_000)):
            member = tarfile.TarInfo(name)
            member.size = size
            archive.addfile(member, io.BytesIO(random.Random(size).randbytes(size)))
    assert json.loads(server.ask("/unpacked", body=packed.getvalue()).body) == {"a": 10, "b": 300_000}


def test_wrong_arguments_are_refused_and_nothing_is_lost(server):
    errors, rest = json.loads(server.ask("/wrong", body=b"whole").body)
    assert (set(errors), rest) == ({"TypeError", "OverflowError"}, "whole")


def test_nothing_beyond_content_length(server):
    surplus = {"CONTENT_LENGTH": "7"}
    assert run(server, [["read"], ["read", 5]], LINES, surplus) == ["aaaa\nbb", ""]
    assert run(server, [["readline"], ["readline"], ["readline"]], LINES, surplus) == ["aaaa\n", "bb", ""]
    assert run(server, [["read", 100]], LINES, {"CONTENT_LENGTH": "0"}) == [""]


def test_a_surplus_is_no_part_of_the_next_request(server):
    with server.connect() as connection:
        connection.ask("/some/100", {"CONTENT_LENGTH": "3"}, b"abc" + b"surplus" * 10_000)
        assert connection.answer().body == b"abc"
        connection.ask("/some/100", body=b"next")
        assert connection.answer().body == b"next"


def test_a_body_shorter_than_content_length_ends_where_it_ends(server):
    short = {"CONTENT_LENGTH": "100"}
    assert run(server, [["read", 3], ["read"], ["read", 5]], LINES, short) == ["aaa", text(LINES[3:]), ""]
    assert run(server, [["readlines"], ["readline"]], b"a\nb", short) == [["a\n", "b"], ""]


@pytest.mark.parametrize("value", [None, "", "-1"])
def test_a_body_of_unannounced_length_is_read_whole(server, value):
    body = random.Random(1).randbytes(700_000)
    answer = server.ask("/digest/10000", {"CONTENT_LENGTH": value}, body)
    assert json.loads(answer.body) == [len(body), hashlib.sha256(body).hexdigest()]


@pytest.mark.parametrize("cut", [1, 7, 1000, 65535])
def test_records_may_be_cut_anywhere(server, cut):
    body = random.Random(2).randbytes(cut * 3 + 1)
    params = client.usual_params("/digest/64", {"CONTENT_LENGTH": str(len(body)), "REQUEST_METHOD": "POST"})
    with server.connect() as connection:
        head = client.begin() + client.stream(client.PARAMS, client.encoded(params), cut=cut)
        connection.send(head + client.stream(client.STDIN, body, cut=cut))
        assert json.loads(connection.answer().body) == [len(body), hashlib.sha256(body).hexdigest()]


@pytest.mark.parametrize("size", [1 << 30, 1 << 20, 4099])
def test_twenty_mebibytes_arrive_unharmed(server, size):
    body = random.Random(3).randbytes(20 << 20)
    answer = server.ask(f"/digest/{size}", body=body)
    assert json.loads(answer.body) == [len(body), hashlib.sha256(body).hexdigest()]


@pytest.mark.parametrize("limit", [-1, 65536, 1000])
def test_twenty_mebibytes_of_short_lines(server, limit):
    """A limit that no line reaches must not cost more than none: parsers of forms read so."""
    body = b"0123456789abcdef" * 3 + b"\n"
    body *= (20 << 20) // len(body)
    answer = server.ask(f"/lines/{limit}", body=body)
    assert json.loads(answer.body) == [body.count(b"\n"), hashlib.sha256(body).hexdigest()]


def test_one_line_of_twenty_mebibytes(server):
    body = b"x" * (20 << 20)
    assert json.loads(server.ask("/lines/-1", body=body).body) == [1, hashlib.sha256(body).hexdigest()]
    assert json.loads(server.ask("/lines/1000000", body=body).body)[0] == 21


def test_a_body_that_nobody_reads_does_not_hurt_the_next_request(server):
    with server.connect() as connection:
        for _ in range(20):
            connection.ask("/ignore", body=b"x" * (1 << 20))
            assert connection.answer().status == "200 OK"
        connection.ask("/some/10", body=b"mine")
        assert connection.answer().body == b"mine"


def test_a_body_comes_back_while_it_arrives(server):
    """The client reads only after it has written everything, as some web servers do."""
    body = random.Random(4).randbytes(12 << 20)
    answer = server.ask("/echo", body=body)
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(body).digest()


def test_an_answer_that_begins_before_the_body_is_read(server):
    body = random.Random(5).randbytes(8 << 20)
    with server.connect() as connection:
        writer = threading.Thread(target=connection.ask, args=("/late", None, body))
        writer.start()
        answer = connection.answer()
        writer.join()
    assert answer.body[:-64] == b"x" * (64 * 65536)
    assert answer.body[-64:].decode() == hashlib.sha256(body).hexdigest()


def test_the_same_from_a_client_that_writes_everything_first(server):
    body = random.Random(6).randbytes(8 << 20)
    assert server.ask("/late", body=body).body[-64:].decode() == hashlib.sha256(body).hexdigest()


def test_a_small_body_is_there_before_the_application_starts(server):
    """A slow client holds no application thread; the application is not called for a part of a small body."""
    with server.gate() as gate, server.connect() as connection:
        whole = connection.request(f"/gated/{gate.token}", body=b"firstsecond")
        at = whole.index(b"firstsecond") + 8
        connection.send(whole[:at])
        assert server.ask("/some/1", body=b"x").body == b"x"
        assert server.marks(gate.token) == []
        connection.send(whole[at:])
        gate.open()
        assert connection.answer().body == b"second"
        assert server.marks(gate.token) == ["first"]


def test_a_large_body_is_handed_on_while_it_arrives(server):
    with server.gate() as gate, server.connect() as connection:
        params = client.usual_params(f"/gated/{gate.token}", {"CONTENT_LENGTH": "200005", "REQUEST_METHOD": "POST"})
        connection.send(client.begin() + client.stream(client.PARAMS, client.encoded(params)))
        for _ in range(2):
            connection.send(client.record(client.STDIN, b"first" + b"y" * 49_995))
        server.wait_for_marks(gate.token, "first")
        gate.open()
        connection.send(client.stream(client.STDIN, b"z" * 100_005))
        assert len(connection.answer().body) == 200_000


def test_a_web_server_that_leaves_within_a_body_is_an_error_not_an_end(server):
    token = server.token()
    with server.connect() as connection:
        params = client.usual_params(f"/broken/{token}", {"CONTENT_LENGTH": "200000", "REQUEST_METHOD": "POST"})
        connection.send(client.begin() + client.stream(client.PARAMS, client.encoded(params)))
        connection.send(client.record(client.STDIN, b"y" * 65_535) + client.record(client.STDIN, b"y" * 100))
        server.wait_for_marks(token, "started")
    server.wait_for_marks(token, "started", "ConnectionResetError")


def test_a_stream_that_outlives_its_request_takes_nothing_from_the_next(server):
    with server.connect() as connection:
        params = client.usual_params("/keep", {"CONTENT_LENGTH": "100000", "REQUEST_METHOD": "POST"})
        head = client.begin() + client.stream(client.PARAMS, client.encoded(params))
        connection.send(head + client.record(client.STDIN, b"y" * 65_535) + client.record(client.STDIN, b"y" * 10))
        pid = int(connection.answer().body)
        # The rest of the body, and a second request on the same connection: its worker is the same.
        connection.send(client.stream(client.STDIN, b"y" * 34_455))
        connection.ask("/kept", body=b"second")
        count, body, second_pid = json.loads(connection.answer().body)
        assert (count, body, second_pid) == (1, "second", pid)
