"""The picture of BENCHMARKS.md and README: what a request costs, behind nginx, as bars.

Plain SVG without fonts or scripts of its own; its colours follow the reader's choice of light or dark.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from benches.figures import Outcome
from benches.proxied import JOURNEYS, KEPT
from benches.servers import SERVERS
from benches.tables import faults, number

#: Rows of the picture: server, and whether nginx keeps connections to it.
SHOWN = (
    ("ours-p2", True),
    ("ours-p2", False),
    ("ours-t4", True),
    ("ours-t4", False),
    ("uwsgi-own", False),
    ("uwsgi-p2", False),
    ("granian", True),
    ("gunicorn", False),
    ("flup-prefork", False),
    ("php-fpm", False),
    ("libfcgi", False),
)

WIDTH, LABEL, BAR, LINE, MARGIN = 760, 290, 390, 24, 16


@dataclass(frozen=True)
class Bar:
    """A server."""

    label: str
    value: float
    #: `ours`, `peer`, or `other` for what runs no Python.
    kind: str


def bars(outcome: Outcome) -> list[Bar]:
    """Those to show, the cheapest first; none whose run had errors."""
    found = []
    for name, keep in SHOWN:
        server = SERVERS[name]
        row = server.label + (KEPT if keep else "")
        if row in outcome.samples and not faults(outcome.samples[row]):
            kind = "ours" if name.startswith("ours") else "peer" if server.python else "other"
            found.append(Bar(_short(row), outcome.spread(row, "cpu").median, kind))
    return sorted(found, key=lambda bar: bar.value)


def _short(row: str) -> str:
    """Without the processes and threads, which are told above."""
    return re.sub(r" \([^)]*\)", "", row)


def chart(outcomes: Mapping[str, Outcome]) -> str:
    """The picture of those journeys that were measured."""
    panels = [(journey.title, bars(outcomes[journey.name])) for journey in JOURNEYS if journey.name in outcomes]
    y = MARGIN + 18
    parts = [_text("title", MARGIN, y, "CPU time of the server per request, in microseconds: shorter is better")]
    y += 22
    parts.append(_text("note", MARGIN, y, _NOTE))
    for title, shown in panels:
        y += 34
        parts.append(_text("panel", MARGIN, y, title))
        parts.append(_panel(shown, y + 10))
        y += 10 + LINE * len(shown)
    size = f'viewBox="0 0 {WIDTH} {y + MARGIN}" width="{WIDTH}" height="{y + MARGIN}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    told = "; ".join(f"{title}: {', '.join(f'{bar.label} {number(bar.value)}' for bar in shown)}" for title, shown in panels)
    return "\n".join([head, f"<title>{escape(told)}</title>", f"<style>{_STYLE}</style>", *parts, "</svg>\n"])


def _text(kind: str, x: float, y: float, words: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(words)}</text>'


def _panel(shown: Sequence[Bar], top: int) -> str:
    most = max((bar.value for bar in shown), default=1)
    parts = []
    for index, bar in enumerate(shown):
        y = top + LINE * index
        width = max(bar.value / most * BAR, 1)
        parts.append(_text("label", LABEL - 8, y + 16, bar.label))
        parts.append(f'<rect class="{bar.kind}" x="{LABEL}" y="{y + 3}" width="{width:.1f}" height="{LINE - 6}" rx="2"/>')
        parts.append(_text("value", round(LABEL + width + 6, 1), y + 16, number(bar.value)))
    return "\n".join(parts)


_NOTE = "Behind nginx; two processes, or four threads. Kept: connections are kept. Grey: hello without Python."

_STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", Helvetica, Arial, sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 }
.panel { font-size: 14px; font-weight: 600 }
.note { fill: #59636e }
.label { text-anchor: end }
.ours { fill: #1a7f37 }
.peer { fill: #6e7fa8 }
.other { fill: #a5a9b0 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .note { fill: #9198a1 }
  .ours { fill: #3fb950 }
  .peer { fill: #8496c4 }
  .other { fill: #6b7078 }
}
"""
