"""`environ["fcgi.recycle"]()`: the worker is replaced when the request is over, and nobody notices."""

import pytest
from support.process import wait_for

APP = "recycling"


@pytest.mark.parametrize("path", ["/recycle", "/recycle_in_body"])
def test_another_worker_takes_the_place(server, path):
    with server.connect() as connection:
        connection.ask(path)
        answer = connection.answer()
        assert answer.ended
        old = answer.body.decode().split()[0]
        assert answer.body.decode() == old + (" and the rest" if path.endswith("body") else "")

        def next_pid():
            connection.ask("/pid")
            return connection.answer().body.decode()

        wait_for(lambda: next_pid() != old, 60, "another worker on the same connection")
        assert old not in {next_pid() for _ in range(5)}


def test_an_error_in_the_same_request_does_not_matter(server):
    answer = server.ask("/fail")
    assert answer.status == "500 Internal Server Error"
    old = answer.stderr.decode().rpartition("pid ")[2].split()[0]
    wait_for(lambda: server.ask("/pid").body.decode() != old, 60, "another worker")


def test_the_function_may_be_kept_and_takes_no_arguments(server):
    assert server.ask("/refuses_arguments").body == b"TypeError"
    with server.connect() as connection:
        connection.ask("/keep")
        keeper = connection.answer().body.decode()
        connection.ask("/use_kept")
        user = connection.answer().body.decode()

        def next_pid():
            connection.ask("/pid")
            return connection.answer().body.decode()

        # Idle connections stay where they are.
        assert keeper == user
        wait_for(lambda: next_pid() != user, 60, "another worker")
