"""A FastCGI client for one request after the other. Every record is put together, and taken apart, by hand.

What it reads it checks: record versions, ids, paddings, the order of the ends. It never repairs anything: an answer
that breaks off is one whose `ended` is false.
"""

import socket
import struct
from dataclasses import dataclass, field

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, DATA = range(1, 9)
PATIENCE = 60.0


@dataclass
class Answer:
    """What came back for one request."""

    received: bytearray = field(default_factory=bytearray)
    stderr: bytes = b""
    ended: bool = False
    app_status: int | None = None
    protocol_status: int | None = None
    kinds: list = field(default_factory=list)

    @property
    def stdout(self):
        return bytes(self.received)

    @property
    def head(self):
        """The response head, without the blank line."""
        head, found, _ = self.stdout.partition(b"\r\n\r\n")
        assert found, f"no head in {self.stdout[:300]!r}, on STDERR {self.stderr[-2000:].decode(errors='replace')}"
        return head

    @property
    def body(self):
        assert self.head
        return self.stdout.partition(b"\r\n\r\n")[2]

    @property
    def status(self):
        """Code and reason. `Status` must be the first header, and the only one of that name."""
        lines = self.head.split(b"\r\n")
        assert lines[0].startswith(b"Status: "), lines
        assert not [line for line in lines[1:] if line.lower().startswith(b"status:")], lines
        return lines[0][8:].decode("latin-1")

    @property
    def headers(self):
        """The other headers in their order."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return [tuple(line.split(": ", 1)) for line in lines]

    def all(self, name):
        return [value for found, value in self.headers if found.lower() == name.lower()]

    def header(self, name):
        """The value of a header that must not be there twice; None without it."""
        values = self.all(name)
        assert len(values) <= 1, values
        return values[0] if values else None


def length(data):
    return bytes([len(data)]) if len(data) < 128 else struct.pack(">I", len(data) | 0x80000000)


def pair(name, value):
    name, value = (text if isinstance(text, bytes) else text.encode("latin-1") for text in (name, value))
    return length(name) + length(value) + name + value


def record(kind, content=b"", request_id=1):
    return struct.pack(">BBHHBB", 1, kind, request_id, len(content), 0, 0) + content


def stream(kind, content, request_id=1, cut=65535):
    """A whole stream with its empty record."""
    pieces = [record(kind, content[at : at + cut], request_id) for at in range(0, len(content), cut)]
    return b"".join(pieces) + record(kind, b"", request_id)


def begin(keep=True, request_id=1, role=1):
    return record(BEGIN, struct.pack(">HB5x", role, int(keep)), request_id)


def usual_params(target, changes=None):
    """The parameters of a GET as a web server sends them; a change to None leaves one out."""
    path, _, query = target.partition("?")
    params = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "REQUEST_URI": target,
        "QUERY_STRING": query,
        "SERVER_NAME": "example.org",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "example.org",
        **(changes or {}),
    }
    return [(name, value) for name, value in params.items() if value is not None]


def encoded(pairs):
    return b"".join(pair(name, value) for name, value in pairs)


class Client:
    """One connection."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(address))
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, target, params=None, body=None, keep=True, pairs=()):
        """Sends a whole request. A body without CONTENT_LENGTH in `params` gets the right one."""
        self.send(self.request(target, params, body, keep, pairs))

    @staticmethod
    def request(target, params=None, body=None, keep=True, pairs=()):
        params = dict(params or {})
        if body is not None and "CONTENT_LENGTH" not in params:
            params["CONTENT_LENGTH"] = str(len(body))
        if body is not None:
            params.setdefault("REQUEST_METHOD", "POST")
        content = encoded([*usual_params(target, params), *pairs])
        return begin(keep) + stream(PARAMS, content) + stream(STDIN, body or b"")

    def record(self):
        """The next record as (kind, content); None at a clean end of the connection."""
        head = self._take(8, may_end=True)
        if head is None:
            return None
        version, kind, request_id, size, padding, _ = struct.unpack(">BBHHBB", head)
        assert (version, request_id) == (1, 1), head
        content = self._take(size)
        self._take(padding)
        return kind, content

    def answer(self):
        """Reads to END_REQUEST, or to the end of the connection."""
        return self.read_on(Answer(), lambda answer: False)

    def read_on(self, answer, until):
        """Reads records into `answer` until `until(answer)` is true or the request is over."""
        while not until(answer):
            try:
                found = self.record()
            except ConnectionResetError:
                found = None
            if found is None:
                break
            kind, content = found
            assert answer.kinds.count((kind, False)) == 0, f"stream {kind} goes on after its end"
            if not answer.kinds or answer.kinds[-1] != (kind, bool(content)):
                answer.kinds.append((kind, bool(content)))
            if kind == STDOUT:
                answer.received += content
            elif kind == STDERR:
                answer.stderr += content
            else:
                assert kind == END, kind
                assert (STDOUT, False) in answer.kinds, "END_REQUEST without the end of STDOUT"
                answer.app_status, answer.protocol_status = struct.unpack(">IB3x", content)
                answer.ended = True
                break
        return answer

    def is_closed_by_server(self):
        """Waits for the end of the connection; fails when anything else comes."""
        try:
            return self.socket.recv(1) == b"" and not self._buffer
        except ConnectionResetError:
            return True

    def _take(self, count, may_end=False):
        parts, missing = [], count
        while missing:
            if not self._buffer:
                self._buffer = self.socket.recv(262144)
                if not self._buffer:
                    if may_end and missing == count:
                        return None
                    raise ConnectionResetError("the connection ends within a record")
            part, self._buffer = self._buffer[:missing], self._buffer[missing:]
            parts.append(part)
            missing -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def ask(address, target, params=None, body=None, keep=False, pairs=()):
    """One request over a connection of its own."""
    with Client(address) as client:
        client.ask(target, params, body, keep, pairs)
        return client.answer()
