"""Keeps what belongs to a request, and uses it when the request is over: `/NAME/TOKEN`."""

import os
import threading

from routes import Routes, answer, answer_json, mark, pass_gate, words

application = Routes()
PLAIN = [("Content-Type", "text/plain")]
KEPT = {}


def raised(function, *arguments):
    """What a call gives or raises."""
    try:
        return f"{function(*arguments)!r}"
    except Exception as error:
        return type(error).__name__


@application.plain
def keeps(environ, start_response):
    """Keeps everything that it gets; announces no length, which would stop `write` as well."""
    write = start_response("200 OK", PLAIN)
    KEPT[words(environ)[0]] = (environ, start_response, write)
    return [b"bo", b"dy"]


def use(token):
    """Calls everything that was kept."""
    environ, start_response, write = KEPT.pop(token)
    return [
        raised(write, b"after the end"),
        raised(write, b""),
        raised(start_response, "200 Again", [("X-After", "1")]),
        raised(start_response, "200 Again", [("X-After", "1")], (LookupError, LookupError("mine"), None)),
        raised(environ["wsgi.input"].read),
        raised(environ["wsgi.errors"].write, f"after the end {token}\n"),
        raised(environ["wsgi.errors"].flush),
        environ["PATH_INFO"],
    ]


@application.plain
def uses(environ, start_response):
    """Uses what an earlier request has left here, while this one is under way."""
    found = use(words(environ)[0])
    return answer_json(start_response, found)


def own(environ, start_response, write):
    """The objects that a request is given."""
    names = ("wsgi.input", "wsgi.errors", "fcgi.is_aborted")
    return {"start_response": start_response, "write": write, **{name: environ[name] for name in names}}


@application.plain
def keeps_one(environ, start_response):
    """Keeps one of its objects, and nothing else."""
    token, name = words(environ)
    KEPT[token] = own(environ, start_response, start_response("200 OK", PLAIN))[name]
    return [environ["wsgi.input"].read()]


@application.plain
def has_another(environ, start_response):
    """Whether this request has an object of its own."""
    token, name = words(environ)
    mine = own(environ, start_response, start_response("200 OK", PLAIN))[name]
    return [b"own" if mine is not KEPT.pop(token) else b"the same"]


@application.plain
def thread(environ, start_response):
    """Leaves a thread behind that writes when it is let through."""
    token = words(environ)[0]
    write = start_response("200 OK", PLAIN)

    def go_on():
        pass_gate(token)
        for _ in range(3):
            mark(token, raised(write, b"from the thread"))
            environ["wsgi.errors"].write(f"from the thread {token}\n")

    threading.Thread(target=go_on).start()
    return [b"be", b"fore"]


@application.plain
def writes_in_close(environ, start_response):
    """`write` when the answer has ended already."""

    class Body(list):
        def close(self):
            write(b"in close")

    write = start_response("200 OK", PLAIN)
    return Body([b"body"])


@application.plain
def thread_holds_the_answer(environ, start_response):
    """A thread is within `write`, to a client that does not read, when the application returns."""
    token = words(environ)[0]
    write = start_response("200 OK", PLAIN)
    threading.Thread(target=lambda: (mark(token, "writing"), mark(token, raised(write, b"x" * (64 << 20))))).start()
    pass_gate(token)
    return [b"body"]


@application.plain
def pid(environ, start_response):
    return answer(start_response, str(os.getpid()))
