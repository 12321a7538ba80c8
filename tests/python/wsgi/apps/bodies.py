"""Gives bodies in every form that there is."""

import io
import itertools
import os

from routes import Routes, mark, pass_gate, words

application = Routes()
PLAIN = [("Content-Type", "text/plain")]
PAIR = [b"one ", b"two"]


class Listlike:
    """An iterable with a length that is no list."""

    def __init__(self, items):
        self._items = items

    def __len__(self):
        return len(self._items)

    def __iter__(self):
        return iter(self._items)


class Indexed:
    """The old protocol of iteration."""

    def __getitem__(self, index):
        return PAIR[index]


class Iterator:
    """An iterator that is no generator, with bytes of a class of its own."""

    class Bytes(bytes):
        pass

    def __init__(self):
        self._items = iter([self.Bytes(b"one "), self.Bytes(b"two")])

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._items)


class ListOfItsOwn(list):
    """A list that gives something else when it is iterated over."""

    def __iter__(self):
        return iter(PAIR)


class Touchy:
    """Has every attribute, and notes those that anybody asks for."""

    def __init__(self, note):
        object.__setattr__(self, "note", note)

    def __getattribute__(self, name):
        object.__getattribute__(self, "note")(name)
        return lambda *_: None

    def __len__(self):
        object.__getattribute__(self, "note")("__len__")
        return 1

    def __iter__(self):
        return iter(PAIR)


FORMS = {
    "list": lambda: list(PAIR),
    "one": lambda: [b"".join(PAIR)],
    "tuple": lambda: tuple(PAIR),
    "one_tuple": lambda: (b"".join(PAIR),),
    "empties": lambda: [b"", b"one ", b"", b"two", b""],
    "generator": lambda: (part for part in PAIR),
    "one_generator": lambda: (part for part in [b"one two"]),
    "iterator": Iterator,
    "indexed": Indexed,
    "listlike": lambda: Listlike(PAIR),
    "one_listlike": lambda: Listlike([b"one two"]),
    "own_list": lambda: ListOfItsOwn([b"not this"]),
    "map": lambda: map(bytes, PAIR),
    "file": lambda: io.BytesIO(b"one two"),
    "empty_list": list,
    "one_empty": lambda: [b""],
    "empty_generator": lambda: iter([]),
    "str": lambda: "one two",
    "bytes": lambda: b"one two",
    "none": lambda: None,
    "int": lambda: 5,
    "true": lambda: True,
    "object": object,
    "strs": lambda: ["one two"],
    "str_generator": lambda: (part for part in ["one two"]),
    "second_str": lambda: [b"one ", "two"],
    "bytearrays": lambda: [bytearray(b"one two")],
    "memoryviews": lambda: iter([memoryview(b"one two")]),
    "ints": lambda: iter([5]),
    "nones": lambda: [None],
    "dict": lambda: {"one": 1},
}


@application.plain
def form(environ, start_response):
    start_response("200 OK", PLAIN)
    return FORMS[words(environ)[0]]()


@application.plain
def touchy(environ, start_response):
    start_response("200 OK", PLAIN)
    token = words(environ)[0]
    return Touchy(lambda name: mark(token, name))


@application.plain
def no_iterator(environ, start_response):
    """`iter()` itself fails."""

    class Body:
        def __iter__(self):
            raise LookupError("in iter")

    start_response("200 OK", PLAIN)
    return Body()


@application.plain
def its_own_body(environ, start_response):
    """The request's body is the answer's, line by line."""
    start_response("200 OK", PLAIN)
    return environ["wsgi.input"]


@application.plain
def starts_and_yields_nothing(environ, start_response):
    start_response("202 Nothing", PLAIN)
    if False:
        yield b""


@application.plain
def writes_while_iterated(environ, start_response):
    write = start_response("200 OK", PLAIN)
    yield b"one "
    write(b"two ")
    yield b"three"


@application.plain
def goes_on(environ, start_response):
    """Does something behind its last `yield`, as a middleware that takes the time: `/goes_on/TOKEN/ANNOUNCED`."""
    token, announced = words(environ)
    start_response("200 OK", [*PLAIN, ("Content-Length", announced)])
    yield b"one "
    yield b"two"
    mark(token, "behind")


@application.plain
def length(environ, start_response):
    """Announces one length and gives another: `/length/ANNOUNCED/FORM`."""
    announced, name = words(environ)
    start_response("200 OK", [*PLAIN, ("Content-Length", announced)])
    return FORMS[name]()


@application.plain
def handed_over(environ, start_response):
    """What the helpers for files of a web server answer: the length is that of the file."""
    start_response("200 OK", [*PLAIN, ("Content-Length", "1000"), (words(environ)[0], "/file")])
    return []


@application.plain
def status(environ, start_response):
    """Gives a body with any status."""
    start_response(f"{words(environ)[0]} Something", PLAIN)
    return [b"one two"]


@application.valid
def no_content(environ, start_response):
    start_response("204 No Content", [])
    return [b""]


@application.plain
def endless(environ, start_response):
    """A body without an end; `/endless/TOKEN/STATUS` notes how much of it was asked for."""
    token, code = words(environ)
    start_response(f"{code} Something", PLAIN)
    try:
        for number in itertools.count():
            mark(token, number)
            yield b"x"
            assert number < 1000, "asked for more and more"
    finally:
        mark(token, "closed")


@application.plain
def endless_length(environ, start_response):
    """The same with an announced length: `/endless_length/TOKEN/LENGTH`."""
    token, announced = words(environ)
    start_response("200 OK", [*PLAIN, ("Content-Length", announced)])
    try:
        for number in itertools.count():
            mark(token, number)
            yield b"xx"
            assert number < 1000, "asked for more and more"
    finally:
        mark(token, "closed")


@application.valid
def gated(environ, start_response):
    """Each chunk waits for the test."""
    token = words(environ)[0]
    start_response("200 OK", PLAIN)
    for number in range(4):
        mark(token, number)
        yield b"chunk %d\n" % number
        pass_gate(token)
    mark(token, "end")


@application.plain
def head(environ, start_response):
    """Answers as for GET; the server has to leave the body away."""
    start_response("200 OK", [*PLAIN, ("Content-Length", "7")])
    return [b"one two"]


@application.plain
def head_written(environ, start_response):
    start_response("200 OK", PLAIN)(b"written")
    return iter([b"one two"])


@application.plain
def numbered(environ, start_response):
    """Many chunks of many sizes."""
    start_response("200 OK", PLAIN)
    return (b"%05d\n" % size + b"x" * size for size in (0, 1, 7, 8, 65527, 65528, 65535, 65536, 200_000))


@application.plain
def pid(environ, start_response):
    start_response("200 OK", PLAIN)
    return [str(os.getpid()).encode()]
