"""Figures that were never measured, to be written about."""

import sys

import pytest
from support import places

sys.path.append(str(places.REPOSITORY))

from benches.figures import Outcome, Sample, Start
from benches.servers import SERVERS

OURS, UWSGI = SERVERS["ours-p2"].label, SERVERS["uwsgi-p2"].label
GRANIAN = SERVERS["granian"].label


@pytest.fixture
def outcome():
    """Makes an outcome of processor times, three rounds each."""

    def make(case, rows, **more):
        samples = {row: [sample(cpu * part) for part in (1.0, 0.9, 1.2)] for row, cpu in rows.items()}
        return Outcome(case, "2026-11-21 12:00", 3, 1.0, {"fcgi-run": "1.2.3"}, samples, **more)

    return make


@pytest.fixture
def started():
    """An outcome of servers that were started."""
    starts = {OURS: [Start(20, 12 * 1024)], UWSGI: [Start(30, 15 * 1024)]}
    return Outcome("start", "2026-11-21 12:00", 3, 1.0, {"fcgi-run": "1.2.3"}, starts=starts)


def sample(cpu, **more):
    return Sample(**{"rate": 1e6 / cpu, "cpu": cpu, "p50": 40.0, "p99": 400.0, "pss": 14336.0, **more})
