"""What is measured directly over FastCGI: loads, and who takes part in which."""

from dataclasses import dataclass

from benches.servers import Server

#: All that speak FastCGI, two workers each.
FASTCGI = ("ours-p2", "ours-t4", "libfcgi", "php-fpm", "uwsgi-p2", "uwsgi-t4", "flup-prefork", "flup-threaded")
MEBIBYTE = 1048576


@dataclass(frozen=True)
class Load:
    """What is asked of a server, and how."""

    path: str = "/hello"
    #: Length of the body of each answer.
    length: int | None = 13
    connections: int = 4
    keep: bool = False
    #: Requests at once on each connection.
    active: int = 1
    #: Length of the body of each request.
    body: int = 0
    #: Idle kept connections beside.
    held: int = 0
    #: Added to the name of the row.
    suffix: str = ""

    def words(self) -> list[str]:
        """For fcgi-rate."""
        numbers = {"connections": self.connections, "active": self.active, "body": self.body, "held": self.held}
        words = [f"path={self.path}", f"keep={str(self.keep).lower()}"]
        words += [f"{name}={value}" for name, value in numbers.items() if value]
        return words if self.length is None else [*words, f"length={self.length}"]

    def obstacle(self, server: Server) -> str | None:
        """Why a server cannot be asked this."""
        kept = self.connections + self.held
        if self.path != "/hello" and not server.python:
            return "says hello and nothing else"
        if self.keep and not server.keeps:
            return "closes every connection after its answer"
        if self.keep and server.most_kept and kept > server.most_kept:
            return f"serves {server.most_kept} kept connections, each with a process of its own; others would wait"
        if self.active > 1 and not server.shares:
            return "takes one request at a time on a connection, and says so when asked"
        return None


@dataclass(frozen=True)
class Case:
    """A comparison."""

    name: str
    title: str
    loads: tuple[Load, ...]
    servers: tuple[str, ...] = FASTCGI
    note: str = ""
    #: Whether the loads mean something only beside each other; each round has servers of its own then, since what one load
    #: has made a process take from the system it keeps.
    paired: bool = False


_PAGE = Load("/page", 7021)

CASES = (
    Case("keep", "Hello, 2 kept connections", (Load(connections=2, keep=True),)),
    Case("close", "Hello, a connection per request, 4 at once", (Load(),)),
    Case("keep16", "Hello, 16 kept connections", (Load(connections=16, keep=True),)),
    Case("page", "A small page built in Python, a connection per request, 4 at once", (_PAGE,)),
    Case("list", "1 MiB in one piece, 2 at once", (Load("/large", MEBIBYTE, 2),)),
    Case("stream", "1 MiB from a generator, 128 x 8 KiB, 2 at once", (Load("/stream", MEBIBYTE, 2),)),
    Case("lines", "An export of 10 000 lines of 32 bytes, line by line, 2 at once", (Load("/lines", 320_000, 2),)),
    Case("upload", "An upload of 1 MiB, 2 at once", (Load("/upload", 7, 2, body=MEBIBYTE),)),
    Case("mux8", "Hello, 8 requests at once on one connection", (Load(connections=1, keep=True, active=8),)),
    Case(
        "idle",
        "Hello beside 10 000 idle kept connections, 2 kept connections",
        (
            Load(connections=2, keep=True, suffix=" alone"),
            Load(connections=2, keep=True, held=10_000, suffix=" beside 10 000"),
        ),
        note="Memory for each idle connection is that of the server's processes; what the kernel holds is not in it.",
        paired=True,
    ),
    Case(
        "sleep",
        "An application that waits for 50 ms, 200 connections, 200 threads",
        (Load("/sleep", connections=200), Load("/sleep", connections=200, keep=True, suffix=", kept")),
        ("ours-t200", "uwsgi-t200", "flup-t200"),
        note="200 threads that wait for 50 ms each can answer 4 000 requests a second.",
    ),
    Case(
        "one",
        "A small page built in Python, one process: with one thread, with four",
        (_PAGE,),
        ("ours-p1", "ours-t4", "uwsgi-p1", "uwsgi-t4"),
        note="Only one thread of a process runs Python at a time: this is what threads cost where they gain nothing.",
    ),
)
