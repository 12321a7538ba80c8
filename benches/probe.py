"""One request over a Unix socket, byte for byte: whether a server says hello."""

import socket
import struct
from pathlib import Path

from benches.servers import FASTCGI

SECONDS = 5
HELLO = b"Hello, World!"


def says_hello(protocol: str, address: Path, script: str | None = None) -> bool:
    """Whether the answer to one request is the right one; false while nobody listens."""
    request = fastcgi_request(script) if protocol == FASTCGI else http_request("/hello", "localhost")
    try:
        answer = _ask(address, request)
    except OSError:
        return False
    return HELLO in answer


def http_request(path: str, host: str) -> bytes:
    """A request on a connection of its own."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


def fastcgi_request(script: str | None = None) -> bytes:
    """FastCGI 1.0, section 3: BEGIN_REQUEST, PARAMS and STDIN, without keeping the connection."""
    params = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/hello",
        "QUERY_STRING": "",
        "REQUEST_URI": "/hello",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
    }
    if script:
        params |= {"SCRIPT_FILENAME": script, "SCRIPT_NAME": "/hello"}
    pairs = b"".join(_pair(name, value) for name, value in params.items())
    begin = struct.pack(">HB5x", 1, 0)
    return b"".join(_record(kind, content) for kind, content in ((1, begin), (4, pairs), (4, b""), (5, b"")))


def _record(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBHHxx", 1, kind, 1, len(content)) + content


def _pair(name: str, value: str) -> bytes:
    return _length(len(name)) + _length(len(value)) + name.encode() + value.encode()


def _length(length: int) -> bytes:
    return bytes([length]) if length < 128 else struct.pack(">I", length | 1 << 31)


def _ask(address: Path, request: bytes) -> bytes:
    """All that comes until the server closes the connection."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(SECONDS)
        connection.connect(str(address))
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer
