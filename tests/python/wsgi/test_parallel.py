"""Many requests at once: PEP 3333 "Thread Support"."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

APP = "loads"


def test_four_requests_run_at_the_same_time(start):
    """Each waits for the other three: were one of them waiting for its turn, none would go on."""
    server = start("loads", "threaded")
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            answers = list(pool.map(lambda name: server.ask(f"/together/{name}"), "abcd"))
            assert [(answer.status, answer.body) for answer in answers] == [
                ("200 OK", name.encode()) for name in "abcd"
            ]


@pytest.mark.parametrize("clients", [8])
def test_no_request_hears_of_another(server, clients):
    """Two thousand requests over kept connections, each with a name of its own in everything that it sends and gets."""
    wrong, done = [], []

    def run(number):
        # Workers with one thread serve one connection at a time; so none is kept for longer than a few requests.
        for turn in range(25):
            with server.connect() as connection:
                for step in range(10):
                    name = f"t{number}-{turn}-{step}"
                    connection.ask(f"/token/{name}?{name}", {"HTTP_X_TOKEN": name}, name.encode())
                    answer = connection.answer()
                    found = (answer.status, answer.header("X-Token"), answer.body.decode(), answer.stderr.decode())
                    done.append(name)
                    if found != (f"200 {name}", name, f"{name} {name} {name} /token/{name}", f"{name}\n"):
                        wrong.append((name, found))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(done) == 2000
