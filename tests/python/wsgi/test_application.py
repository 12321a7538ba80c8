"""The application object and how it is called: PEP 3333 "The Application/Framework Side", "The Server/Gateway Side"."""

import pytest

FORMS = ["function", "other_names", "generator", "Class", "instance", "instance.method", "Callable.of_class"]
FORMS += ["Callable.static", "partial", "nameless", "Callable()"]


@pytest.mark.parametrize("form", FORMS)
def test_anything_that_can_be_called_with_two_arguments(start, form):
    """By their places, as often as there are requests."""
    server = start("callables", "prefork", f"app=callables:{form}")
    for _ in range(3):
        answer = server.ask("/")
        assert (answer.status, answer.body, answer.ended) == ("200 OK", b"called", True)


@pytest.mark.parametrize("model", ["prefork", "threaded"])
def test_one_call_for_each_request(start, model):
    """None is called ahead, none again after a failure."""
    server = start("callables", model, "app=callables:counted")
    token = server.token()
    with server.connect() as connection:
        for what in ("works", "fails", "works"):
            connection.ask(f"/{token}/{what}")
            assert connection.answer().ended
    assert server.marks(token) == ["works", "fails", "works"]
