"""An application that goes too deep gets its RecursionError; the thread has stack enough for that."""

import pytest

from wsgi.apps.names import RECURSIONS

APP = "recursions"


@pytest.mark.parametrize("limit", [1000, 5000])
@pytest.mark.parametrize("name", RECURSIONS)
def test_too_deep_is_an_exception_and_no_crash(server, name, limit):
    """Five times the usual limit is what applications raise it to, and what a main thread has room for."""
    workers = server.workers()
    answer = server.ask(f"/recursion/{name}/{limit}")
    assert answer.ended, "the worker has crashed"
    found, pid = answer.body.decode().split()
    assert (found, int(pid) in workers) == ("RecursionError", True)
