"""`python -m benches`: measures, and writes BENCHMARKS.md and its picture.

In come options, and programs that `make bench` has built; out go the two files, and the figures as text for an issue. A
trial (fewer than three rounds, or some servers only) is kept apart and leaves the project's page as it is. Cases may be
measured one by one: each replaces its own figures, and the page is written when all are there.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benches import direct, machine, memory, places, proxied, store
from benches.cases import CASES
from benches.chart import chart
from benches.figures import Outcome
from benches.load import FailedError
from benches.plan import Plan
from benches.proxied import JOURNEYS
from benches.report import CHART, report, text
from benches.running import NotReadyError, raise_limits
from benches.servers import SERVERS

FEWEST_ROUNDS = 3


def measurements() -> dict[str, Callable[[Plan], Outcome]]:
    """What can be measured, by name, in the order of the page."""
    found: dict[str, Callable[[Plan], Outcome]] = {}
    found |= {journey.name: partial(proxied.measure, journey) for journey in JOURNEYS}
    found |= {case.name: partial(direct.measure, case) for case in CASES}
    return found | {memory.NAME: memory.measure}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benches", description="Compares fcgi-run with other servers.")
    parser.add_argument("--rounds", type=int, default=5, help="of each case (5)")
    parser.add_argument("--secs", type=float, default=1.0, help="of each measurement (1); wrk takes whole ones")
    parser.add_argument("--cases", type=_names(measurements()), default=[], help=f"some of: {' '.join(measurements())}")
    parser.add_argument("--servers", type=_names(SERVERS), default=[], help=f"some of: {' '.join(SERVERS)}")
    parser.add_argument("--report", action="store_true", help="measure nothing, write the page of what is there")
    return parser.parse_args()


def _names(known: object) -> Callable[[str], list[str]]:
    """Reads names between commas."""

    def read(words: str) -> list[str]:
        names = [word for word in words.split(",") if word]
        for name in names:
            if name not in known:  # type: ignore[operator]
                raise argparse.ArgumentTypeError(f"`{name}` is not known")
        return names

    return read


def measure(asked: argparse.Namespace, stored: Path) -> None:
    """Measures the cases that are asked for, each of which replaces what is stored of it."""
    known = measurements()
    cases = asked.cases or list(known)
    if cases == list(known):
        shutil.rmtree(stored, ignore_errors=True)
    raise_limits()
    folder = Path(tempfile.mkdtemp(prefix="fcgi-bench-"))
    try:
        plan = Plan(asked.rounds, asked.secs, folder, machine.facts(), frozenset(asked.servers))
        for name in cases:
            began = time.monotonic()
            store.save(stored, known[name](plan))
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(outcomes: dict[str, Outcome], folder: Path) -> None:
    """Writes page and picture."""
    (folder / "BENCHMARKS.md").write_text(report(outcomes))
    picture = folder / CHART
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_text(chart(outcomes))
    print(f"written: {folder / 'BENCHMARKS.md'}", file=sys.stderr)


def main() -> int:
    """Exit status: 0 measured and written; 1 something is missing or does not answer."""
    asked = arguments()
    trial = bool(asked.servers) or asked.rounds < FEWEST_ROUNDS
    stored = places.WORK / "trial" if trial else places.STORE
    try:
        if not asked.report:
            measure(asked, stored)
    except (places.MissingError, NotReadyError, FailedError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    outcomes = store.load(stored)
    whole = not trial and outcomes.keys() >= measurements().keys()
    publish(outcomes, places.REPOSITORY if whole else places.WORK / "trial")
    print(text(outcomes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
