"""The two load generators: fcgi-rate, which speaks FastCGI, and wrk, which speaks HTTP. Both check statuses and lengths."""

import math
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from benches import places
from benches.figures import Sample
from benches.processes import cpu_seconds, pss_kib
from benches.running import Running

#: Beyond the time that was asked for, a load generator has got stuck.
PATIENCE = 60.0
WARMUP = 0.3
WRK_CONNECTIONS = 16


class FailedError(Exception):
    """A load generator that could not do its work."""


@dataclass(frozen=True)
class Counts:
    """What a load generator tells."""

    values: dict[str, float]
    complaints: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str) -> "Counts":
        """From lines `name<TAB>value`; others are of no interest."""
        pairs = [line.split("\t", 1) for line in text.splitlines() if "\t" in line]
        complaints = tuple(value for name, value in pairs if name == "complaint")
        return cls({name: float(value) for name, value in pairs if name != "complaint"}, complaints)


def fcgi_rate(server: Running, socket: str, words: Sequence[str], seconds: float, held: int = 0) -> Sample:
    """Asks a server over FastCGI; its processor time is that of every request, those of the warm-up included."""
    before = pss_kib(server.pids()) if held else 0
    argv = [places.fcgi_rate(), f"socket={socket}", *words, f"seconds={seconds}", f"warmup={WARMUP}"]
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watch = threading.Timer(seconds + PATIENCE, child.kill)
    watch.start()
    try:
        _read_until(child, "ready")
        pids = server.pids()
        each = (pss_kib(pids) - before) / held if held else None
        used = cpu_seconds(pids)
        _say(child)
        counts = Counts.read(_read_until(child, "done"))
        pids = server.pids()
        used, pss = cpu_seconds(pids) - used, pss_kib(pids)
        _say(child)
    finally:
        watch.cancel()
        child.kill()
        child.communicate()
    return _sample(counts, used, pss, each)


def _sample(counts: Counts, used: float, pss: float, each: float | None) -> Sample:
    values = counts.values
    return Sample(
        rate=values["counted"] / values["seconds"],
        cpu=used * 1e6 / max(values["served"], 1),
        p50=values["p50"],
        p99=values["p99"],
        pss=pss,
        errors=int(values["errors"]),
        starved=int(values["starved"]),
        each=each,
        complaints=counts.complaints,
    )


def _read_until(child: subprocess.Popen[str], word: str) -> str:
    """What it writes up to the line with that word."""
    assert child.stdout and child.stderr
    lines: list[str] = []
    for line in child.stdout:
        if line.strip() == word:
            return "".join(lines)
        lines.append(line)
    raise FailedError(child.stderr.read().strip().removeprefix("error: ") or "no answer in time")


def _say(child: subprocess.Popen[str]) -> None:
    assert child.stdin
    child.stdin.write("\n")
    child.stdin.flush()


def wrk(server: Running, url: str, answer: int, seconds: float, connections: int = WRK_CONNECTIONS) -> Sample:
    """Asks a server through a web server; `answer` is the length of a whole answer, with its head, on that way."""
    used = cpu_seconds(server.pids())
    whole = math.ceil(seconds)
    argv = [places.find("wrk"), "-t1", f"-c{connections}", f"-d{whole}s", "-s", str(places.APPS / "done.lua"), url]
    out = subprocess.run(argv, capture_output=True, text=True, timeout=whole + PATIENCE, check=False)
    if out.returncode:
        raise FailedError(f"wrk: {out.stderr or out.stdout}")
    pids = server.pids()
    return wrk_sample(Counts.read(out.stdout), cpu_seconds(pids) - used, pss_kib(pids), answer, connections)


def wrk_sample(counts: Counts, used: float, pss: float, answer: int, connections: int) -> Sample:
    """What wrk tells, as a sample. It checks each status; lengths are checked by their sum.

    Answers that were still on their way at the end may be in that sum: one for each connection.
    """
    values = counts.values
    complaints = []
    if values["errors"]:
        complaints.append(f"{values['status']:.0f} with a wrong status, {values['errors'] - values['status']:.0f} broken")
    wrong = abs(values["bytes"] - values["served"] * answer) > connections * answer
    if wrong:
        complaints.append(f"{values['bytes']:.0f} bytes in {values['served']:.0f} answers of {answer}")
    return Sample(
        rate=values["served"] / values["seconds"],
        cpu=used * 1e6 / max(values["served"], 1),
        p50=values["p50"],
        p99=values["p99"],
        pss=pss,
        errors=int(values["errors"]) + wrong,
        complaints=tuple(complaints),
    )
