"""The smallest FastCGI client: one request over a new connection. Records are put together by hand."""

import socket
import struct

RESPONDER, AUTHORIZER, FILTER = 1, 2, 3
END_REQUEST, STDOUT = 3, 6
UNKNOWN_ROLE = 3


class UnknownRole(Exception):
    """The server does not play the role."""


def get(address, path, params=None, role=RESPONDER):
    """Asks for `path` at a Unix socket (a path) or a TCP port (a number); returns the answer, headers and all.

    Raises OSError while nobody listens, EOFError when the connection ends before END_REQUEST, and UnknownRole.
    """
    with _connect(address) as connection:
        connection.sendall(request(path, params, role))
        with connection.makefile("rb") as stream:
            return _answer(stream)


def request(path, params=None, role=RESPONDER):
    """The bytes of a request for `path`."""
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
    body = b"".join(_pair(name.encode(), value.encode()) for name, value in params.items())
    begin = _record(1, struct.pack(">HB5x", role, 0))
    # Nothing but parameters for an authorizer, an empty file for a filter.
    streams = {AUTHORIZER: b"", FILTER: _record(5, b"") + _record(8, b"")}.get(role, _record(5, b""))
    return begin + _record(4, body) + _record(4, b"") + streams


def _connect(address):
    if isinstance(address, int):
        return socket.create_connection(("127.0.0.1", address), timeout=60)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(60)
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
            if content[4] == UNKNOWN_ROLE:
                raise UnknownRole
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
