"""A full disk beside a load: logs lose lines, bodies that have to be kept are refused, everybody else is served."""

import signal
import threading

import pytest
from support.process import wait_for
from wsgi import client

from faults.conftest import SOAK
from faults.figures import note
from faults.house import PREFORK, THREADED
from faults.load import Load

REQUESTS = 100_000 if SOAK else 2000
MODELS = {"prefork": PREFORK, "threaded": THREADED}
# Files, temporary ones too, end at 300 KiB.
LITTLE_ROOM = ["prlimit", "--fsize=307200:307200", "--"]


@pytest.mark.parametrize("model", MODELS)
def test_full_logs_cost_lines_alone(start, model):
    logs = ["errlog=/dev/full", "outlog=/dev/full", "accesslog=/dev/full", "loglevel=debug"]
    house = start([*MODELS[model], *logs])
    load = Load(house.socket, REQUESTS, mix="soak")
    house.send(signal.SIGHUP)
    result = load.result()
    assert not any(note(f"{model}, full logs", house, result))
    assert result.answered == REQUESTS


class Uploads(threading.Thread):
    """Bodies of unknown length, too large for the disk, until told to stop."""

    def __init__(self, socket):
        super().__init__()
        self.socket = socket
        self.statuses = []
        self.enough = False

    def run(self):
        while not self.enough:
            target = f"/?upload-{len(self.statuses)}&0&0&list"
            answer = client.ask(self.socket, target, {"CONTENT_LENGTH": None}, b"x" * 2_000_000)
            self.statuses.append(answer.status)


@pytest.mark.parametrize("model", MODELS)
def test_bodies_without_room_are_refused_and_all_others_served(start, model):
    house = start(MODELS[model], command=LITTLE_ROOM, journal=False)
    uploads = [Uploads(house.socket) for _ in range(2)]
    for upload in uploads:
        upload.start()
    result = Load(house.socket, REQUESTS, mix="soak").result()
    wait_for(lambda: all(upload.statuses for upload in uploads), what="the uploads")
    for upload in uploads:
        upload.enough = True
        upload.join()
    assert not any(note(f"{model}, full disk", house, result))
    assert result.answered == REQUESTS
    assert {status for upload in uploads for status in upload.statuses} == {"503 Service Unavailable"}
