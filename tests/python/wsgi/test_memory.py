"""Memory stays where it is, whatever goes through: PEP 3333 "Buffering and Streaming"."""

import pytest

from wsgi import client
from wsgi.server import memory

APP = "loads"
MEBIBYTE = 1 << 20
# What allocators and buffers may need beside the data: socket buffers, a record or two, a body up to the pause.
ALLOWANCE = 12 * MEBIBYTE


def pid(connection):
    connection.ask("/pid")
    return int(connection.answer().body)


def count_body(connection, expected):
    """Reads an answer without keeping it; returns the bytes of its body."""
    count, head = 0, b""
    while True:
        kind, content = connection.record()
        if kind == client.END:
            return count
        assert kind == client.STDOUT, content
        if b"\r\n\r\n" not in head:
            head += content
            content = head.partition(b"\r\n\r\n")[2]
        count += len(content)
        assert count <= expected


@pytest.mark.parametrize("path", ["generated", "listed"])
def test_a_large_answer_takes_no_memory(server, path):
    with server.connect() as connection:
        worker = pid(connection)
        connection.ask(f"/{path}/2")
        count_body(connection, 2 * MEBIBYTE)
        _, before = memory(worker)
        connection.ask(f"/{path}/256")
        assert count_body(connection, 256 * MEBIBYTE) == 256 * MEBIBYTE
        assert memory(worker)[1] - before < ALLOWANCE


def test_one_gibibyte_in_one_piece_is_not_copied(server):
    with server.connect() as connection:
        worker = pid(connection)
        _, before = memory(worker)
        connection.ask("/single/1024")
        assert count_body(connection, 1 << 30) == 1 << 30
        # Zeros that were never written to take no memory either, unless somebody copies them.
        assert memory(worker)[1] - before < ALLOWANCE
        connection.ask("/single/0")
        assert count_body(connection, 0) == 0


@pytest.mark.parametrize(("path", "mebibytes"), [("taken", 256), ("ignored", 12)])
def test_a_large_body_takes_no_memory(server, path, mebibytes):
    size, piece = mebibytes * MEBIBYTE, client.record(client.STDIN, b"y" * 65_528) * 64
    with server.connect() as connection:
        worker = pid(connection)
        _, before = memory(worker)
        pieces = size // (64 * 65_528)
        length = str(pieces * 64 * 65_528)
        params = client.usual_params(f"/{path}", {"CONTENT_LENGTH": length, "REQUEST_METHOD": "POST"})
        connection.send(client.begin() + client.stream(client.PARAMS, client.encoded(params)))
        for _ in range(pieces):
            connection.send(piece)
        connection.send(client.record(client.STDIN))
        answer = connection.answer()
        assert answer.body.decode() == (f"{length} {worker}" if path == "taken" else str(worker))
        assert memory(worker)[1] - before < ALLOWANCE
        assert pid(connection) == worker


@pytest.mark.parametrize("path", ["small", "raises"])
def test_requests_leave_nothing_behind(server, path):
    with server.connect() as connection:
        worker = pid(connection)
        for number in range(600):
            connection.ask(f"/{path}/{number}", {"HTTP_X_" + "N" * (number % 50): "v" * 2000}, b"y" * 3000)
            assert connection.answer().ended
            if number == 100:
                before, _ = memory(worker)
        assert memory(worker)[0] - before < 3 * MEBIBYTE
