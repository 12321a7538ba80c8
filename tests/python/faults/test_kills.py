"""Workers that are killed while they serve, again and again: each costs what it was serving, and nobody else anything."""

import random
import time

import pytest
from support.process import wait_for

from faults.conftest import SOAK
from faults.figures import note
from faults.house import BOTH, PREFORK, THREADED, age, sample
from faults.load import Load, Result

KILLS = 60 if SOAK else 3
KILLS_OF_THE_ONLY_ONE = 20 if SOAK else 2
ROUND = 2000 if SOAK else 500
CONNECTIONS = 16
# A master that sees young workers die waits ever longer with the next; older ones it replaces at once.
OLD = 10.5

CASES = [
    (PREFORK, False, 1),
    (PREFORK, True, 1),
    (BOTH, False, 4),
    (BOTH, True, 4),
    (THREADED, False, 8),
    (THREADED, True, 8),
]
NAMES = ["prefork", "prefork, kept", "prefork with threads", "prefork with threads, kept", "threaded", "threaded, kept"]


def may_die(house, workers):
    """The worker to kill now: any at first, later only old ones; nobody who is alone but in threaded mode."""
    if house.threaded or len(workers) > 1:
        grown_up = [worker for worker in workers if len(house.killed) < 4 or age(worker) > OLD]
        return random.choice(grown_up) if grown_up else None
    return None


def kill_under(house, load, kills):
    """Kills workers at random moments while the load runs."""
    while load.running() and len(house.killed) < kills:
        time.sleep(random.uniform(0.0, 0.3))
        if load.running() and (victim := may_die(house, house.workers())):
            house.kill(victim)


@pytest.mark.parametrize(("words", "keep", "threads"), CASES, ids=NAMES)
def test_a_killed_worker_costs_what_it_was_serving(start, request, words, keep, threads):
    house = start(words)
    kills = KILLS_OF_THE_ONLY_ONE if house.threaded else KILLS
    house.wait_for_all()
    before = sample(house.master)
    result, rounds = Result(), 0
    while len(house.killed) < kills:
        load = Load(house.socket, ROUND, connections=CONNECTIONS, mix="mixed", keep=keep)
        kill_under(house, load, kills)
        result += load.result()
        rounds += 1
    own, unserved, others = note(request.node.callspec.id, house, result)
    assert not others, "\n".join(others[:20]) + house.log()[-3000:]
    assert result.answered == rounds * ROUND
    assert len(own) <= len(house.killed) * threads
    # What a worker has taken in and not begun goes with it, as an upload of which a part has arrived.
    assert len(own) + len(unserved) <= len(house.killed) * CONNECTIONS
    wait_for(lambda: house.log().count("SIGKILL") == kills, what="a line for each kill")
    house.wait_for_all()
    # Each death that left one behind would show: there are at least two.
    wait_for(lambda: sample(house.master).descriptors <= before.descriptors + 1, what="the end of the dead one's line")
    assert sample(house.master).own - before.own < 1024
