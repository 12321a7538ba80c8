"""fcgi-load, the client that looks at every answer, and what it tells."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from functools import cache

from support import places

LOSSES = ("refused", "unanswered", "torn", "late", "wrong")


@cache
def program():
    """The path of fcgi-load: FCGI_LOAD, or built now if it is not there or old."""
    if chosen := os.environ.get("FCGI_LOAD"):
        return chosen
    argv = ["cargo", "build", "--quiet", "--package=fcgi-tests", "--bin=fcgi-load", "--message-format=json"]
    if os.environ.get("SOAK"):
        argv.append("--release")
    built = subprocess.run(argv, cwd=places.REPOSITORY, stdout=subprocess.PIPE, text=True, timeout=1200, check=True)
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    [path] = [message["executable"] for message in messages if message.get("executable")]
    return path


@dataclass
class Result:
    """What became of the requests."""

    sent: int = 0
    answered: int = 0
    slowest: int = 0
    seconds: float = 0.0
    # Kind of loss to tokens with their story.
    lost: dict = field(default_factory=lambda: {kind: {} for kind in LOSSES})

    def __add__(self, other):
        """Both runs together."""
        lost = {kind: self.lost[kind] | other.lost[kind] for kind in LOSSES}
        slowest, seconds = max(self.slowest, other.slowest), self.seconds + other.seconds
        return Result(self.sent + other.sent, self.answered + other.answered, slowest, seconds, lost)

    def broken(self):
        """Tokens of the requests that a connection took with it."""
        return self.lost["unanswered"].keys() | self.lost["torn"].keys()

    def others(self):
        """Stories of what no killed worker can explain."""
        return [f"{kind} {token}: {why}" for kind in ("refused", "late", "wrong") for token, why in self.lost[kind].items()]


class Load:
    """A run of fcgi-load in the background."""

    _count = int.from_bytes(os.urandom(3), "big")

    def __init__(self, socket, requests, *, connections=16, **options):
        Load._count += 1
        words = {"socket": socket, "requests": requests, "connections": connections, "seed": Load._count, **options}
        argv = [program(), *(f"{key}={str(value).lower() if value is True else value}" for key, value in words.items())]
        self.child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def running(self):
        return self.child.poll() is None

    def result(self, seconds=3600):
        """Waits for the end."""
        try:
            out, err = self.child.communicate(timeout=seconds)
        finally:
            self.child.kill()
        assert self.child.returncode == 0, err
        result = Result()
        for line in out.splitlines():
            name, value, *why = line.split("\t")
            if name in LOSSES:
                result.lost[name][value] = why[0]
            else:
                setattr(result, name, type(getattr(result, name))(value))
        return result
