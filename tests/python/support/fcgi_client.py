"""The smallest FastCGI client: one request over a new connection. Records are put together by hand."""

import socket
import struct

BEGIN_RESPONDER = bytes.fromhex("0101000100080000 0001000000000000")
END_REQUEST, STDOUT = 3, 6


def get(address, path, params=None):
    """Asks for `path` at a Unix socket (a path) or a TCP port (a number); returns the answer, headers and all.

    Raises OSError while nobody listens, and EOFError when the connection ends before END_REQUEST.
    """
    params = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "REQUEST_URI": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1",
        **(params or {}),
    }
    with _connect(address) as connection:
        body = b"".join(_pair(name.encode(), value.encode()) for name, value in params.items())
        connection.sendall(BEGIN_RESPONDER + _record(4, body) + _record(4, b"") + _record(5, b""))
        with connection.makefile("rb") as stream:
            return _answer(stream)


def _connect(address):
    if isinstance(address, int):
        return socket.create_connection(("127.0.0.1", address), timeout=20)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(20)
    try:
        connection.connect(str(address))
    except OSError:
        connection.close()
        raise
    return connection


def _answer(stream):
    answer = b""
    while True:
        head = _exactly(stream, 8)
        _, kind, _, length, padding, _ = struct.unpack(">BBHHBB", head)
        content = _exactly(stream, length)
        _exactly(stream, padding)
        if kind == STDOUT:
            answer += content
        if kind == END_REQUEST:
            return answer


def _exactly(stream, count):
    data = stream.read(count)
    if len(data) != count:
        raise EOFError("the server closed the connection")
    return data


def _record(kind, content):
    return struct.pack(">BBHHBB", 1, kind, 1, len(content), 0, 0) + content


def _pair(name, value):
    return _length(name) + _length(value) + name + value


def _length(data):
    return bytes([len(data)]) if len(data) < 128 else struct.pack(">I", len(data) | 0x80000000)
