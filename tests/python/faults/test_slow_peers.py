"""Slow readers and slow writers beside fast ones: the fast do not wait for the slow."""

import pytest

from faults.conftest import SOAK
from faults.figures import note
from faults.house import THREADED
from faults.load import Load, Result

ROUNDS = 20 if SOAK else 2
FAST = 500
PREFORK = ["method=prefork", "minspare=1", "maxspare=4", "maxchildren=12"]
MODELS = {"prefork": PREFORK, "threaded": THREADED}
# As many as may hold a thread or process for as long as they read, with others left for the fast.
READERS = 6
# More than there are threads: while their bodies arrive they must hold none.
WRITERS = 40


@pytest.mark.parametrize("model", MODELS)
def test_slow_readers_and_writers_do_not_hold_up_the_fast(start, model):
    house = start(MODELS[model])
    slow = [
        Load(house.socket, READERS * ROUNDS, connections=READERS, mix="large", pause=100),
        Load(house.socket, WRITERS * ROUNDS, connections=WRITERS, mix="forms", pause=100, keep=True),
    ]
    fast, meanwhile = Result(), 0
    while any(load.running() for load in slow):
        fast += Load(house.socket, FAST, connections=4, mix="soak").result()
        meanwhile += all(load.running() for load in slow)
    readers, writers = (load.result() for load in slow)
    for name, result in (("fast", fast), ("slow readers", readers), ("slow writers", writers)):
        losses = note(f"{model}, {name}", house, result)
        assert not any(losses), losses
    assert (readers.answered, writers.answered) == (READERS * ROUNDS, WRITERS * ROUNDS)
    assert meanwhile, "no round of the fast was over before the slow were"
