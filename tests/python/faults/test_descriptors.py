"""A worker whose application leaks descriptors until there are none left for connections."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.process import wait_for

from faults.house import BOTH, PREFORK, cpu_seconds

DESCRIPTORS = 100
LIMIT = ["prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}", "--"]


def served_by(house, path="/"):
    return int(house.ask(path).split(b"OK ")[1])


def crowd(house):
    """Who serves many visitors at once."""
    with ThreadPoolExecutor(12) as pool:
        return set(pool.map(lambda _: served_by(house, "/slow"), range(12)))


@pytest.mark.parametrize("words", [PREFORK, BOTH], ids=["prefork", "prefork with threads"])
def test_a_worker_without_descriptors_leaves_the_visitors_to_the_others(start, words):
    house = start(words, app="leaky", command=LIMIT, journal=False)
    wait_for(lambda: crowd(house) == set(house.workers()), what="all workers")
    leaky = served_by(house, "/leak")
    wait_for(lambda: len(os.listdir(f"/proc/{leaky}/fd")) == DESCRIPTORS, what="the end of its descriptors")
    before, since = cpu_seconds(leaky), time.monotonic()
    # One visitor at a time: if the worker that is woken for a connection cannot take it, somebody else must be told.
    for _ in range(100):
        assert served_by(house) != leaky
    # It is woken at the latest when the others are busy.
    wait_for(lambda: leaky not in crowd(house) and "Too many open files" in house.log(), what="a word about it")
    assert cpu_seconds(leaky) - before < 0.5 + (time.monotonic() - since) / 2, "it spins"
    (house.folder / "free").touch()
    wait_for(lambda: leaky in crowd(house), what="its return")
