"""What surrounds the application: child processes, threads, signals, the end of the process."""

import json
import os
import signal

import pytest
from support.process import wait_for

from wsgi import client

APP = "children"


@pytest.mark.parametrize("path", ["subprocess_run", "plain_exec"])
def test_a_child_process_inherits_nothing_of_ours(server, path):
    with server.connect() as idle:
        idle.ask("/pid")
        assert idle.answer().ended
        found = json.loads(server.ask(f"/{path}", {"HTTP_X": "leak"}).body)
    assert set(found["fds"]) <= {"0", "1", "2"}, found["fds"]
    assert found["fds"]["0"] == "/dev/null"
    assert found["fds"]["2"] == str(server.errlog)
    assert found["blocked"] == 0
    assert found["caught"] & ~(1 << (signal.SIGINT - 1)) == 0, "the interpreter of the child catches SIGINT itself"
    assert "HTTP_X" not in found["environ"]
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD):
        assert not found["ignored"] & 1 << (number - 1), number


def test_the_status_of_a_child_can_be_had(server):
    assert json.loads(server.ask("/exit_status").body) == [3, 4]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing(server, method):
    assert json.loads(server.ask(f"/processes/{method}").body) == ["from the child", 0]


def test_an_event_loop_in_a_request(server):
    for _ in range(3):
        assert server.ask("/event_loop").body == b"through a child"
    # It has not taken away what handlers are called by.
    (server.folder / "signals.marks").unlink(missing_ok=True)
    os.kill(server.workers()[0], signal.SIGWINCH)
    wait_for(lambda: server.marks("signals"), what="the handler")


def test_a_forked_child_that_exits_neither_answers_nor_serves(server):
    workers = server.workers()
    for _ in range(3):
        answer = server.ask("/forked_child_exits")
        assert (answer.status, answer.body) == ("200 OK", b"5")
    assert server.workers() == workers


def test_handlers_of_the_application_run_within_a_request(start):
    """In the main thread, where Python runs them: with one thread a process, that is the one of the request."""
    assert json.loads(start("children", "prefork").ask("/signals").body) == ["alarm", "alarm"]


def test_handlers_of_the_application_run_while_it_waits_for_a_body(start):
    """Such a handler may end the wait by an exception, as in a read of Python's own, and nothing of the body is lost."""
    server = start("children", "prefork")
    token = server.token()
    body = b"first" + b"y" * 150_000 + b"\nlast"
    with server.connect() as connection:
        connection.ask("/pid")
        pid = int(connection.answer().body)
        records = [client.record(client.STDIN, body[at : at + 50_000]) for at in range(0, len(body), 50_000)]
        params = {"CONTENT_LENGTH": str(len(body)), "REQUEST_METHOD": "POST"}
        head = client.encoded(client.usual_params(f"/reads_with_alarm/{token}", params))
        connection.send(client.begin() + client.stream(client.PARAMS, head) + records[0] + records[1])
        server.wait_for_marks(token, "reads")
        # It may not be waiting yet, and then a signal has to wait for the next.
        send_until(pid, signal.SIGALRM, lambda: "TimeoutError" in server.marks(token))
        assert server.marks(token) == ["reads", "TimeoutError"]
        connection.send(b"".join(records[2:]) + client.record(client.STDIN))
        assert connection.answer().body == b"interrupted |first|" + body[5:-4] + b"|last"


def send_until(pid, number, condition):
    """Sends a signal again and again."""

    def sent_in_vain():
        if not condition():
            os.kill(pid, number)
        return condition()

    wait_for(sent_in_vain, what=f"the handler of {number}")


def test_handlers_of_the_application_run_while_nothing_is_asked(server):
    """None is forgotten, not even one that comes when the handler of the one before has just run."""
    (server.folder / "signals.marks").unlink(missing_ok=True)
    for count in range(1, 101):
        os.kill(server.workers()[0], signal.SIGWINCH)
        wait_for(lambda count=count: len(server.marks("signals")) == count, what="the handler")
    assert set(server.marks("signals")) == {f"{int(signal.SIGWINCH)}:True"}


def test_sigpipe_is_never_raised(server):
    """The application has asked for its default action, which would end the worker."""
    workers = server.workers()
    with server.connect() as connection:
        connection.ask("/endless")
        connection.record()
    with server.connect() as connection:
        connection.send(connection.request("/pid", body=b"y" * 100)[:-50])
    # What a terminal sends to the whole group is for the master alone.
    for pid in workers:
        os.kill(pid, signal.SIGINT)
    for _ in range(4):
        assert int(server.ask("/pid").body) in workers
    assert server.workers() == workers


def test_threads_run_while_the_worker_waits(server):
    with server.gate() as gate:
        assert server.ask(f"/background/{gate.token}").ended
        for number in range(3):
            gate.open()
            server.wait_for_marks(gate.token, *(str(earlier) for earlier in range(number + 1)))


def test_threads_run_while_a_request_waits_for_its_peer(server):
    token = server.token()
    with server.connect() as connection:
        params = client.usual_params(f"/busy/{token}", {"CONTENT_LENGTH": "200000", "REQUEST_METHOD": "POST"})
        connection.send(client.begin() + client.stream(client.PARAMS, client.encoded(params)))
        connection.send(client.record(client.STDIN, b"y" * 65_535) * 2)
        server.wait_for_marks(token, "first")
        connection.send(client.stream(client.STDIN, b"y" * (200_000 - 2 * 65_535)))
        server.wait_for_marks(token, "first", "second")
        assert len(connection.answer().body) == 8 << 20


@pytest.mark.parametrize("model", ["prefork", "threaded"])
def test_exit_handlers_run_at_a_graceful_stop(start, model):
    server = start("children", model)
    workers = server.workers()
    server.stop()
    for pid in workers:
        assert server.marks(f"exit{pid}") == ["atexit"]
        assert f"atexit of {pid}" in server.output(), "what is printed last is not lost"


@pytest.mark.parametrize("model", ["prefork", "threaded"])
def test_a_graceful_stop_waits_for_work_in_a_pool_of_the_application(start, model):
    server = start("children", model)
    with server.gate() as gate:
        pid = int(server.ask(f"/submit/{gate.token}").body)
        os.kill(server.process.child.pid, signal.SIGTERM)
        wait_for(lambda: not server.socket.exists(), what="the begin of the stop")
        gate.open()
        wait_for(lambda: server.process.child.poll() is not None, what="the end")
        assert server.marks(gate.token) == ["done"]
        assert server.marks(f"exit{pid}") == ["atexit"]
