"""BENCHMARKS.md, and the text to paste into an issue, of what was measured."""

from collections.abc import Iterable, Mapping

from benches import memory
from benches.cases import CASES
from benches.figures import Outcome
from benches.proxied import JOURNEYS, KEPT
from benches.servers import GRANIAN, OURS, REFERENCE, SERVERS
from benches.tables import Table, faults, number, samples_table, starts_table

Outcomes = Mapping[str, Outcome]

CHART = "benches/chart.svg"
#: Of the overview: the servers that take part in most cases.
OVERVIEW = (OURS, "ours-t4", "libfcgi", "php-fpm", REFERENCE, "flup-threaded")
THREADS = ("sleep", "one")
#: The row that stands for uWSGI, where it is another than usual.
REFERENCES = {"sleep": "uwsgi-t200", "one": "uwsgi-p1"}


def report(outcomes: Outcomes) -> str:
    """The page."""
    parts = [_INTRODUCTION, _PICTURE if JOURNEYS[0].name in outcomes else "", _overview(outcomes)]
    parts.append(_METHOD.format(**_rounds(outcomes)))
    parts.append(_facts(outcomes))
    sections = {
        "Through nginx": [(journey.name, journey.title, "") for journey in JOURNEYS],
        "Directly over FastCGI": [(case.name, case.title, case.note) for case in CASES if case.name not in THREADS],
        "Threads": [(case.name, case.title, case.note) for case in CASES if case.name in THREADS],
    }
    for title, cases in sections.items():
        there = [_case(outcomes[name], heading, note) for name, heading, note in cases if name in outcomes]
        parts += [f"## {title}\n", *there] if there else []
    if memory.NAME in outcomes:
        parts += ["## Memory and start\n", f"{memory.TITLE}.\n", starts_table(outcomes[memory.NAME]).markdown()]
    return "\n".join(part for part in parts if part)


def _case(outcome: Outcome, title: str, note: str) -> str:
    parts = [f"### {title}\n", samples_table(outcome, reference(outcome.case)).markdown()]
    parts += [f"{note}\n"] if note else []
    parts += [_left_out(outcome)] if outcome.left_out else []
    complaints = {
        f"{row}: {complaint}" for row, samples in outcome.samples.items() for one in samples for complaint in one.complaints
    }
    parts += ["".join(f"- {complaint}\n" for complaint in sorted(complaints))] if complaints else []
    return "\n".join(parts)


def reference(case: str) -> str:
    """The row of uWSGI in a case."""
    return SERVERS[REFERENCES.get(case, REFERENCE)].label


def _left_out(outcome: Outcome) -> str:
    """Reasons, each with those whom it concerns."""
    whom: dict[str, list[str]] = {}
    for row, why in outcome.left_out.items():
        whom.setdefault(why, []).append(row)
    return "Left out:\n\n" + "".join(f"- {'; '.join(rows)}: {why}.\n" for why, rows in whom.items())


def _overview(outcomes: Outcomes) -> str:
    """Processor time per request of some servers in all cases, and how we stand to granian."""
    table = Table(("CPU µs per request", *(SERVERS[name].label for name in OVERVIEW)))
    for case in CASES:
        if case.name in outcomes and case.name not in THREADS and len(case.loads) == 1:
            rows = (SERVERS[name].label for name in OVERVIEW)
            table.rows.append((case.title, *(_median(outcomes[case.name], row) for row in rows)))
    parts = ["## In short\n", table.markdown()] if table.rows else []
    parts += [f"{ratio}\n"] if (ratio := against_granian(outcomes)) else []
    return "\n".join(parts)


def _median(outcome: Outcome, row: str) -> str:
    if row not in outcome.samples:
        return "–"
    marked = " (errors)" if faults(outcome.samples[row]) else ""
    return number(outcome.spread(row, "cpu").median) + marked


def against_granian(outcomes: Outcomes) -> str:
    """Requests per second through nginx with kept connections, in ratio; empty where it was not measured."""
    ours, theirs = SERVERS[OURS].label + KEPT, SERVERS[GRANIAN].label + KEPT
    told = []
    for journey in JOURNEYS:
        outcome = outcomes.get(journey.name)
        if outcome and {ours, theirs} <= outcome.samples.keys():
            ratio = outcome.spread(ours, "rate").median / outcome.spread(theirs, "rate").median
            told.append(f"{ratio:.2f} ({journey.path})")
    if not told:
        return ""
    return f"Requests/s through nginx with kept connections, fcgi-run against granian over HTTP: {', '.join(told)}."


def _rounds(outcomes: Outcomes) -> dict[str, str]:
    """How often and how long; several of each, when cases were measured differently."""
    return {
        "rounds": _all(str(outcome.rounds) for outcome in outcomes.values()),
        "seconds": _all(f"{outcome.seconds:g}" for outcome in outcomes.values()),
    }


def _facts(outcomes: Outcomes) -> str:
    """Machine and versions; several of each, when cases were measured on different days or of different builds."""
    table = Table(("", ""))
    names = dict.fromkeys(name for outcome in outcomes.values() for name in outcome.facts)
    days = _all(outcome.when.split(" ")[0] for outcome in outcomes.values())
    table.rows.append(("Measured on", days))
    for name in names:
        table.rows.append((name, _all(outcome.facts.get(name, "not known") for outcome in outcomes.values())))
    return "\n".join(["## Machine and versions\n", table.markdown().replace("---:", "---")])


def _all(values: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(values))


def text(outcomes: Outcomes) -> str:
    """For a terminal or an issue: the same figures, medians alone."""
    titles = {case.name: case.title for case in CASES} | {journey.name: journey.title for journey in JOURNEYS}
    facts = next(iter(outcomes.values())).facts if outcomes else {}
    parts = ["; ".join(f"{name} {version}" for name, version in facts.items()) + "\n"]
    for name, title in titles.items():
        if name in outcomes:
            parts.append(f"{title}\n{samples_table(outcomes[name], reference(name), spread=False).text()}")
    if memory.NAME in outcomes:
        parts.append(f"{memory.TITLE}\n{starts_table(outcomes[memory.NAME], spread=False).text()}")
    return "\n".join([*parts, against_granian(outcomes)]) + "\n"


_INTRODUCTION = """\
# Benchmarks

fcgi-run beside other servers. `make bench` repeats all of it, as root on Debian with nothing else installed, and writes this
page; nothing here is written by hand. Rows where another server is ahead stay in.
"""

_PICTURE = f"""\
![CPU time of the server per request, behind nginx]({CHART})

The picture shows what a request costs the server behind nginx: the less, the more requests a machine can answer. All rows
are in the tables below.
"""

_METHOD = """\
## Method

- All servers of a table are there at once; each is asked in turn, round after round (rounds: {rounds}; seconds each:
  {seconds}). Figures are medians of the rounds, with the least and the most in brackets.
- Two processes, or one with threads, each server otherwise as it is by itself, without access logs. The application is
  [`bench_app.py`](benches/apps/bench_app.py) for all servers that run Python; libfcgi in C and PHP say hello.
- *CPU* is user and system time of all processes of the server, divided by all requests that it answered. With the load
  generator on the same machine, requests/s tells mostly the same, less exactly: on two cores who costs less gets more done.
  Only ratios within a table mean something on another machine.
- Directly over FastCGI, on a Unix socket, with [`fcgi-rate`](tests/src/bin/fcgi-rate/main.rs): one thread, a new request
  when an answer is whole, with the parameters of a browser behind nginx, and `epoll` used as nginx uses it. It checks status
  and length of every answer.
- Through nginx (one process) on TCP with wrk (one thread, 16 connections), the server on a Unix socket. wrk checks every
  status; lengths are checked by their sum. CPU is that of the server behind nginx alone.
- *kept*: the connections to the server are kept; otherwise there is one for each request.
- *PSS* is memory of all processes of the server right after the load, shared pages counted in parts.
- A server that cannot do a case is left out and named below the table; a run with errors is marked.
"""
