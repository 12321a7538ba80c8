"""Reloads and upgrades under load: new code, and then a new server, and no visitor notices."""

import os
import random
import signal
import threading
import time

import pytest
from support.process import alive, wait_for

from faults.conftest import SOAK
from faults.figures import note
from faults.house import PREFORK, THREADED
from faults.load import Load, Result
from faults.test_through_nginx import Front, note_and_judge, visit

RELOADS = 100 if SOAK else 10
UPGRADES = 10 if SOAK else 3


def master(house):
    """The server of the pidfile, whoever has started it."""
    return int((house.folder / "x.pid").read_text())


def renew(house):
    """Reloads, and upgrades in between; each is over before the next begins."""
    for number in range(RELOADS):
        done = house.log().count(" reloaded")
        os.kill(master(house), signal.SIGHUP)
        wait_for(lambda before=done: house.log().count(" reloaded") > before, 60, "the reload")
        if number % (RELOADS // UPGRADES) == 0 and number // (RELOADS // UPGRADES) < UPGRADES:
            upgrade(house)
        time.sleep(random.uniform(0.0, 0.1))


def upgrade(house):
    old = master(house)
    os.kill(old, signal.SIGUSR2)
    wait_for(lambda: master(house) != old, 60, f"a new server:\n{house.log()[-3000:]}")
    wait_for(lambda: not alive(old), 60, "the end of the old server")


def end(house):
    """The first server has left long ago, with status 0; the last one is told to stop."""
    last = master(house)
    os.kill(last, signal.SIGTERM)
    wait_for(lambda: not alive(last), 60, "the end of the server")
    house.told_to_stop = True
    assert not house.socket.exists()
    assert not (house.folder / "x.pid").exists()


CASES = pytest.mark.parametrize("words", [PREFORK, THREADED], ids=["prefork", "threaded"])


@CASES
@pytest.mark.parametrize("keep", [False, True], ids=["", "kept"])
def test_no_request_is_lost(start, words, keep):
    house = start([*words, "pidfile=x.pid", "probe=/ready", "loglevel=info"])
    result, failure = Result(), []

    def work():
        try:
            renew(house)
        except BaseException as error:
            failure.append(error)

    renewing = threading.Thread(target=work)
    renewing.start()
    while renewing.is_alive():
        result += Load(house.socket, 500, connections=16, mix="mixed", keep=keep).result()
    renewing.join()
    if failure:
        raise failure[0]
    own, unserved, others = note(f"{RELOADS} HUP, {UPGRADES} USR2{', kept' if keep else ''}", house, result)
    assert not (own or unserved or others), f"{own} {unserved} {others[:20]}" + house.log()[-3000:]
    end(house)


@CASES
@pytest.mark.parametrize("recipe", ["unix", "keepalive"])
def test_no_visitor_notices_through_nginx(start, words, recipe):
    house = start([*words, "pidfile=x.pid", "probe=/ready"])
    front = Front(house, recipe)
    try:
        visitors = visit(front, lambda: renew(house))
        model = "threaded" if house.threaded else "prefork"
        note_and_judge(f"{model}, {recipe}, {RELOADS} HUP, {UPGRADES} USR2", house, visitors, 0)
    finally:
        front.stop()
    end(house)
