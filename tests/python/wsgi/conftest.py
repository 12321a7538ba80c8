"""One server for each module of tests and each process model; the module names its application in `APP`."""

import itertools

import pytest

from wsgi.server import MODELS, Server

NUMBERS = itertools.count()


@pytest.fixture(scope="module", params=MODELS)
def server(request, workplace):
    """The module's application in both process models; nothing it starts may outlive it, and it must end well."""
    words = getattr(request.module, "WORDS", ())
    server = Server(request.module.APP, request.param, workplace / f"w{next(NUMBERS)}", words)
    yield server
    server.stop()


@pytest.fixture
def start(workplace):
    """Starts servers that one test alone uses: `start(app, model, *words)`."""
    started = []

    def start_one(app, model, *words):
        server = Server(app, model, workplace / f"w{next(NUMBERS)}", words)
        started.append(server)
        return server

    yield start_one
    for server in started:
        if server.process.child.poll() is None:
            server.stop()
