"""What was measured, and what it comes to over several rounds."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Sample:
    """One server in one round."""

    #: Requests per second.
    rate: float
    #: Microseconds of processor time per request, of all processes of the server.
    cpu: float
    #: Microseconds.
    p50: float
    p99: float
    #: Proportional set size of all processes of the server, right after the load, KiB.
    pss: float
    errors: int = 0
    #: Connections that never had an answer.
    starved: int = 0
    #: Memory for each idle kept connection, KiB.
    each: float | None = None
    complaints: tuple[str, ...] = ()


@dataclass(frozen=True)
class Start:
    """One server that was started alone."""

    #: Milliseconds to its first answer.
    start: float
    #: Proportional set size of all its processes after some requests, KiB.
    pss: float


@dataclass(frozen=True)
class Spread:
    """Median, least and most of some rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Of at least one value."""
        found = sorted(values)
        return cls(median(found), found[0], found[-1])


@dataclass
class Outcome:
    """A case: the rounds of each server, and who was left out and why."""

    case: str
    #: When it began, in UTC.
    when: str
    rounds: int
    #: Of each measurement.
    seconds: float
    #: Machine and versions.
    facts: dict[str, str] = field(default_factory=dict)
    #: By the name of the row.
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    starts: dict[str, list[Start]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def spread(self, row: str, figure: str) -> Spread:
        """A figure of a row over its rounds."""
        rows: list[Any] = [*self.samples.get(row, ()), *self.starts.get(row, ())]
        return Spread.of(getattr(one, figure) for one in rows)

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Outcome":
        """From what was stored."""
        samples = {row: [_sample(one) for one in rounds] for row, rounds in stored["samples"].items()}
        starts = {row: [Start(**one) for one in rounds] for row, rounds in stored["starts"].items()}
        return cls(**{**stored, "samples": samples, "starts": starts})


def _sample(stored: dict[str, Any]) -> Sample:
    return Sample(**{**stored, "complaints": tuple(stored["complaints"])})
