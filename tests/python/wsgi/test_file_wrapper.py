"""`wsgi.file_wrapper`: PEP 3333 "Optional Platform-Specific File Handling"."""

import gzip
import hashlib
import random

import pytest

from wsgi.client import Answer

APP = "files"
CONTENT = random.Random(7).randbytes(300_000)


@pytest.fixture
def file(server):
    """The name of a file in the server's folder."""
    return put(server, CONTENT)


def put(server, content):
    token = server.token()
    path = server.folder / f"{token}.data"
    path.write_bytes(content)
    path.chmod(0o644)
    return token


def whole(answer, body, status="200 OK"):
    assert answer.ended, answer.stderr.decode()
    assert answer.status == status, answer.stderr.decode()
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(body).digest(), len(answer.body)
    return answer


@pytest.mark.parametrize("path", ["file", "checked", "unbuffered", "tracked_file"])
def test_a_file(server, file, path):
    answer = whole(server.ask(f"/{path}/{file}"), CONTENT)
    assert answer.headers == [("Content-Type", "application/octet-stream")]


def test_an_empty_file(server):
    whole(server.ask(f"/file/{put(server, b'')}"), b"")


def test_a_file_larger_than_ten_mebibytes(server):
    content = random.Random(8).randbytes((11 << 20) + 13)
    whole(server.ask(f"/file/{put(server, content)}"), content)


def test_a_file_from_where_it_was_read_to(server, file):
    whole(server.ask(f"/part/{file}"), CONTENT[1000:])


@pytest.mark.parametrize(("start", "length"), [(0, 1), (5, 1000), (200_000, 100_000), (299_999, 1)])
def test_a_range_of_a_file(server, file, start, length):
    before = server.errors()
    whole(server.ask(f"/seeked/{file}/{start}/{length}"), CONTENT[start : start + length], "206 Partial Content")
    assert server.errors() == before, "a range is nothing to warn of"


def test_a_file_that_is_longer_or_shorter_than_announced(server, file):
    whole(server.ask(f"/announced/{file}/1000"), CONTENT[:1000])
    whole(server.ask(f"/announced/{file}/0"), b"")
    answer = server.ask(f"/announced/{file}/300001")
    assert (answer.body, answer.ended) == (CONTENT, False)
    assert b"announced 300001 bytes of body and gave 300000" in answer.stderr


def test_an_object_that_is_no_file_is_read_by_blocks_and_closed(server):
    token = server.token()
    whole(server.ask(f"/bytes_io/{token}"), b"x" * 10_000)
    server.wait_for_marks(token, "read4096", "read4096", "read4096", "read4096", "closed")


def test_the_file_is_closed_afterwards(server, file):
    whole(server.ask(f"/tracked_file/{file}"), CONTENT)
    server.wait_for_marks(file, "closed")
    with server.connect() as connection:
        for changes in ({}, {"REQUEST_METHOD": "HEAD"}):
            connection.ask(f"/kept/{file}", changes)
            assert connection.answer().ended
            connection.ask(f"/is_closed/{file}")
            assert connection.answer().body == b"True"


def test_a_client_that_leaves_within_a_file(server):
    file = put(server, bytes(32 << 20))
    with server.connect() as connection, server.connect() as other:
        connection.ask(f"/tracked_file/{file}")
        connection.read_on(Answer(), lambda answer: len(answer.received) > 100_000)
        connection.close()
        server.wait_for_marks(file, "closed")
        other.ask("/only_read/x")
        whole(other.answer(), b"no close, no descriptor")


@pytest.mark.parametrize(
    ("path", "body"),
    [("only_read", b"no close, no descriptor"), ("descriptor", b"not the file"), ("pipe", b"through a pipe")],
)
def test_what_is_read_counts_and_not_the_descriptor(server, file, path, body):
    whole(server.ask(f"/{path}/{file}"), body)


@pytest.mark.parametrize("path", ["unzipped", "unzipped_buffered"])
def test_a_packed_file_is_unpacked(server, path):
    whole(server.ask(f"/{path}/{put(server, gzip.compress(CONTENT))}"), CONTENT)


def test_a_wrapper_alone_sends_nothing(server, file):
    whole(server.ask(f"/not_returned/{file}"), b"from elsewhere")


@pytest.mark.parametrize(
    ("path", "word"), [("text", b"TypeError"), ("closed", b"ValueError"), ("not_started", b"start_response")]
)
def test_what_cannot_be_sent_is_an_error(server, file, path, word):
    answer = server.ask(f"/{path}/{file}")
    assert (answer.status, answer.ended) == ("500 Internal Server Error", True)
    assert word in answer.stderr


def test_head_sends_nothing_of_a_file(server, file):
    answer = whole(server.ask(f"/file/{file}", {"REQUEST_METHOD": "HEAD"}), b"")
    assert answer.header("Content-Length") is None


def test_a_wrapper_is_an_iterable_of_blocks_for_middleware(server, file):
    whole(server.ask(f"/iterated/{file}"), b" ".join([b"4000"] * 75))


def test_a_file_after_what_was_written(server, file):
    whole(server.ask(f"/written_first/{file}"), b"before " + CONTENT)


def test_a_file_that_becomes_shorter_while_it_is_sent(server):
    file = put(server, bytes(32 << 20))
    with server.connect() as connection, server.connect() as other:
        connection.ask(f"/file/{file}")
        answer = connection.read_on(Answer(), lambda answer: len(answer.received) > 100_000)
        (server.folder / f"{file}.data").write_bytes(b"short")
        connection.read_on(answer, lambda _: False)
        assert not answer.ended
        assert len(answer.body) < 32 << 20
        other.ask("/only_read/x")
        whole(other.answer(), b"no close, no descriptor")
