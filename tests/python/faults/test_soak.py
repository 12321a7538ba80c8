"""A million requests (a few thousand without SOAK): no answer is wrong, and memory and descriptors stay where they are."""

import os

import pytest
from support.process import wait_for

from faults.conftest import SOAK
from faults.figures import note, note_samples
from faults.house import BOTH, PREFORK, THREADED
from faults.load import Load, Result

REQUESTS = int(os.environ.get("SOAK_REQUESTS", "1000000")) if SOAK else 10_000
# What may come and go with the moment of looking, in KiB.
MASTER_ALLOWANCE, WORKER_ALLOWANCE = 256, 3 * 1024

# How the server serves, how visitors use connections, and whether it is one of the long runs.
CASES = {
    "prefork": (PREFORK, {}, True),
    "threaded": (THREADED, {}, True),
    "threaded, shared": (THREADED, {"keep": True, "active": 8, "connections": 4}, True),
    "prefork, kept": (PREFORK, {"keep": True}, False),
    "threaded, kept": (THREADED, {"keep": True}, False),
    "prefork with threads, shared": (BOTH, {"keep": True, "active": 4, "connections": 8}, False),
}


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_lost_and_nothing_grows(start, name):
    words, options, is_long = CASES[name]
    requests = REQUESTS if is_long else REQUESTS // 5
    house = start(words, journal=False)
    house.wait_for_all()
    note_samples(name, 0, house)
    # Until the first figures that count, caches, arenas and buffers of every thread have been filled.
    result = Result()
    for part in (requests * 3 // 10, requests * 3 // 10, requests * 4 // 10):
        before = quiet_samples(name, result.answered, house) if result.answered else None
        result += Load(house.socket, part, mix="soak", **options).result()
    after = quiet_samples(name, result.answered, house, before)
    losses = note(name, house, result)
    assert not any(losses), losses
    assert result.answered == result.sent == requests
    assert after.keys() == before.keys(), "workers have come or gone"
    for pid, sample in after.items():
        allowance = MASTER_ALLOWANCE if pid == house.master else WORKER_ALLOWANCE
        assert sample.own - before[pid].own < allowance, f"{pid}: {before[pid]} {sample}"


OPENED_ONCE = 2


def quiet_samples(name, requests, house, before=None):
    """The figures when all connections are closed; the last ones when there are hardly more descriptors than before."""
    wait_for(lambda: not house.connections(), 30, "the end of all connections")
    if before:
        wanted = {pid: sample.descriptors for pid, sample in before.items()}
        counts = lambda: {pid: sample.descriptors for pid, sample in house.samples().items()}  # noqa: E731
        # What a worker opens once in its life, it may have opened since.
        settled = lambda: all(count <= wanted.get(pid, 0) + OPENED_ONCE for pid, count in counts().items())  # noqa: E731
        wait_for(settled, 30, f"descriptors as before: {wanted}, not {counts()}")
    return note_samples(name, requests, house)
