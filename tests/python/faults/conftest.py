"""Servers under load while something goes wrong. `SOAK=1` (`make soak`) makes the runs long: a million requests each."""

import os

import pytest

from faults.figures import TABLES
from faults.house import House

SOAK = bool(os.environ.get("SOAK"))


@pytest.fixture
def start(workplace):
    """Starts a house; all of them are stopped in the end, which has to go well."""
    started = []

    def start(words, **options):
        started.append(House(workplace / f"house-{os.urandom(3).hex()}", words, **options))
        return started[-1]

    yield start
    for house in started:
        if house.runs:
            house.stop()


def pytest_terminal_summary(terminalreporter):
    for table in TABLES:
        if table.rows:
            terminalreporter.write_line(f"\n{table}")
