"""Asks for a new process."""

import os

from routes import Routes

application = Routes()
KEPT = []


def answer(start_response, body):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body.encode()]


@application.valid
def pid(environ, start_response):
    return answer(start_response, str(os.getpid()))


@application.valid
def recycle(environ, start_response):
    """Asks in the middle of the request, which goes on."""
    assert environ["fcgi.recycle"]() is None
    environ["fcgi.recycle"]()
    return answer(start_response, str(os.getpid()))


@application.valid
def recycle_in_body(environ, start_response):
    """Asks when half of the body is out."""
    start_response("200 OK", [("Content-Type", "text/plain")])

    def body():
        yield str(os.getpid()).encode()
        environ["fcgi.recycle"]()
        yield b" and the rest"

    return body()


@application.valid
def fail(environ, start_response):
    """Asks, and raises."""
    environ["fcgi.recycle"]()
    raise RuntimeError(f"pid {os.getpid()}")


@application.valid
def keep(environ, start_response):
    """Keeps the function for later."""
    KEPT.append(environ["fcgi.recycle"])
    return answer(start_response, str(os.getpid()))


@application.valid
def use_kept(environ, start_response):
    """Uses the function of a request that is over."""
    for ask in KEPT:
        ask()
    return answer(start_response, str(os.getpid()))


@application.valid
def refuses_arguments(environ, start_response):
    try:
        environ["fcgi.recycle"](1)
    except TypeError:
        return answer(start_response, "TypeError")
    return answer(start_response, "nothing")
