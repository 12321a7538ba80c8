"""Memory stays where it is, whatever goes through: PEP 3333 "Buffering and Streaming"."""

import threading

import pytest

from wsgi import client
from wsgi.server import forget_peak, memory

APP = "loads"
WORDS = ["filter=loads:application"]
MEBIBYTE, GIBIBYTE = 1 << 20, 1 << 30
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


@pytest.mark.parametrize(
    ("path", "mebibytes"),
    [("generated", 1024), ("listed", 1024), ("written", 128), ("wrapped", 128), ("filed", 256)],
)
def test_one_gibibyte_out_takes_no_memory(server, path, mebibytes):
    """By the ways that most answers take; by the others it is less, for the time that it takes."""
    if path == "filed":
        with open(server.folder / "zeros.data", "wb") as file:
            file.truncate(mebibytes * MEBIBYTE)
    with server.connect() as connection:
        worker = pid(connection)
        connection.ask(f"/{path}/2")
        count_body(connection, 2 * MEBIBYTE)
        before = forget_peak(worker)
        connection.ask(f"/{path}/{mebibytes}")
        assert count_body(connection, mebibytes * MEBIBYTE) == mebibytes * MEBIBYTE
        assert memory(worker)[1] - before < ALLOWANCE


def test_one_gibibyte_in_one_piece_is_not_copied(server):
    with server.connect() as connection:
        worker = pid(connection)
        before = forget_peak(worker)
        connection.ask("/single/1024")
        assert count_body(connection, GIBIBYTE) == GIBIBYTE
        # Zeros that were never written to take no memory either, unless somebody copies them.
        assert memory(worker)[1] - before < ALLOWANCE
        connection.ask("/single/0")
        assert count_body(connection, 0) == 0


@pytest.mark.parametrize(
    ("path", "mebibytes"), [("taken", 1024), ("taken_by_lines", 128), ("passed_back", 1024), ("ignored", 12)]
)
def test_one_gibibyte_in_takes_no_memory(server, path, mebibytes):
    piece = client.record(client.STDIN, (b"y" * 4095 + b"\n") * 15) * 64
    pieces = mebibytes * MEBIBYTE // (64 * 15 * 4096) + 1
    length = pieces * 64 * 15 * 4096
    with server.connect() as connection:
        worker = pid(connection)
        before = forget_peak(worker)
        params = client.usual_params(f"/{path}", {"CONTENT_LENGTH": str(length), "REQUEST_METHOD": "POST"})
        connection.send(client.begin() + client.stream(client.PARAMS, client.encoded(params)))

        def send():
            for _ in range(pieces):
                connection.send(piece)
            connection.send(client.record(client.STDIN))

        sender = threading.Thread(target=send)
        sender.start()
        if path == "passed_back":
            assert count_body(connection, length) == length
        sender.join()
        if path != "passed_back":
            assert connection.answer().body.decode() == (f"{worker}" if path == "ignored" else f"{length} {worker}")
        assert memory(worker)[1] - before < ALLOWANCE
        assert pid(connection) == worker


@pytest.mark.parametrize("length", ["announced", "not announced"])
def test_the_file_of_a_filter_takes_no_memory(server, length):
    """Nor does the body beside it, although nobody reads that."""
    content = b"y" * 65_528
    pieces = 256 if length == "announced" else 60
    body, file = client.record(client.STDIN, content) * 64, client.record(client.DATA, content) * 64
    announced = {"CONTENT_LENGTH": str(64 * len(content)), "REQUEST_METHOD": "POST"}
    if length == "announced":
        announced["FCGI_DATA_LENGTH"] = str(pieces * 64 * len(content))
    with server.connect() as connection:
        worker = pid(connection)
        before = forget_peak(worker)
        params = client.usual_params("/filtered", announced)
        connection.send(client.begin(role=3) + client.stream(client.PARAMS, client.encoded(params)))
        connection.send(body + client.record(client.STDIN))
        for _ in range(pieces):
            connection.send(file)
        connection.send(client.record(client.DATA))
        assert connection.answer().body.decode() == f"{pieces * 64 * len(content)} {worker}"
        assert memory(worker)[1] - before < ALLOWANCE
        assert pid(connection) == worker


def test_a_body_of_unknown_length_waits_in_a_file(server):
    """It has to get its CONTENT_LENGTH before the application runs, so it is kept; but not in memory."""
    piece, pieces = client.record(client.STDIN, b"y" * 65_528) * 64, 60
    with server.connect() as connection:
        worker = pid(connection)
        before = forget_peak(worker)
        params = client.usual_params("/taken", {"CONTENT_LENGTH": None, "REQUEST_METHOD": "POST"})
        connection.send(client.begin() + client.stream(client.PARAMS, client.encoded(params)))
        for _ in range(pieces):
            connection.send(piece)
        connection.send(client.record(client.STDIN))
        assert connection.answer().body.decode() == f"{pieces * 64 * 65_528} {worker}"
        assert memory(worker)[1] - before < ALLOWANCE


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
