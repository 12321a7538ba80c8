"""Outcomes as tables: for Markdown, and in columns for a terminal or an issue."""

from dataclasses import dataclass, field

from benches.figures import Outcome, Sample, Spread

Row = tuple[str, ...]


@dataclass
class Table:
    """Rows under a head; the first column is text, the others are numbers."""

    head: Row
    rows: list[Row] = field(default_factory=list)

    def markdown(self) -> str:
        """With pipes."""
        lines = [self.head, ("---", *("---:" for _ in self.head[1:])), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"

    def text(self) -> str:
        """In columns."""
        widths = [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]
        lines = []
        for name, *numbers in (self.head, *self.rows):
            cells = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
            lines.append("  ".join([name.ljust(widths[0]), *cells]).rstrip())
        return "\n".join(lines) + "\n"


def number(value: float) -> str:
    """With as many digits as mean something."""
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:,.0f}"


def with_spread(spread: Spread) -> str:
    """Median, and in brackets the least and the most."""
    return f"{number(spread.median)} ({number(spread.least)}–{number(spread.most)})"


def by_cpu(outcome: Outcome) -> list[str]:
    """The rows, that which costs least first; those whose run had errors last."""
    return sorted(outcome.samples, key=lambda row: (bool(faults(outcome.samples[row])), outcome.spread(row, "cpu").median))


def faults(samples: list[Sample]) -> str:
    """What went wrong in any round; empty when nothing did."""
    errors = sum(sample.errors for sample in samples)
    starved = max(sample.starved for sample in samples)
    told = [f"{errors:,} errors"] * bool(errors) + [f"{starved} connections never served"] * bool(starved)
    return ", ".join(told)


def samples_table(outcome: Outcome, reference: str, *, spread: bool = True) -> Table:
    """A case: requests per second, processor time per request and its ratio to another row, latencies, memory."""
    told = with_spread if spread else lambda figure: number(figure.median)
    base = outcome.spread(reference, "cpu").median if reference in outcome.samples else None
    idle = any(sample.each is not None for samples in outcome.samples.values() for sample in samples)
    head = ["server", "requests/s", "CPU µs/request", "× uWSGI", "p50 µs", "p99 µs", "PSS MiB", "errors"]
    table = Table(tuple(name for name in head if base or name != "× uWSGI") + (("KiB each",) if idle else ()))
    for row in by_cpu(outcome):
        figures = {figure: outcome.spread(row, figure) for figure in ("rate", "cpu", "p50", "p99", "pss")}
        cells = [row, told(figures["rate"]), told(figures["cpu"])]
        if base:
            cells.append(f"{figures['cpu'].median / base:.2f}")
        cells += [number(figures["p50"].median), number(figures["p99"].median), number(figures["pss"].median / 1024)]
        cells.append(faults(outcome.samples[row]) or "0")
        if idle:
            each = [sample.each for sample in outcome.samples[row] if sample.each is not None]
            cells.append(number(Spread.of(each).median) if each else "–")
        table.rows.append(tuple(cells))
    return table


def starts_table(outcome: Outcome, *, spread: bool = True) -> Table:
    """Memory and start."""
    told = with_spread if spread else lambda figure: number(figure.median)
    table = Table(("server", "PSS MiB", "first answer after ms"))
    for row in sorted(outcome.starts, key=lambda row: outcome.spread(row, "pss").median):
        pss, start = outcome.spread(row, "pss"), outcome.spread(row, "start")
        mebibytes = Spread(pss.median / 1024, pss.least / 1024, pss.most / 1024)
        table.rows.append((row, told(mebibytes), told(start)))
    return table
