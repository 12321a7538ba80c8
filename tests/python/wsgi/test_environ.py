"""The environ: PEP 3333 "environ Variables", "URL Reconstruction", "Unicode Issues"; RFC 3875 section 4.1."""

import json
import random

import pytest

from wsgi import client

APP = "environs"


def environ_of(answer):
    assert answer.status == "200 OK", answer.stderr.decode()
    return json.loads(answer.body)["environ"]


def dump(server, params=None, body=None, pairs=()):
    return environ_of(server.ask("/dump", params, body, pairs))


def test_the_environ_is_a_dict_of_native_strings(server):
    assert json.loads(server.ask("/dump").body)["type"] == "dict"


@pytest.mark.parametrize("params", [{}, {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "0"}, {"PATH_INFO": "/checked"}])
def test_the_validator_finds_nothing(server, params):
    assert environ_of(server.ask("/checked?a=b", params))["QUERY_STRING"] == "a=b"


def test_a_fresh_environ_for_each_request_of_a_connection(server):
    with server.connect() as connection:
        seen = []
        for number in range(3):
            connection.ask("/spoil", {"HTTP_X_NUMBER": str(number), f"HTTP_X_ONLY_{number}": "y"})
            found = json.loads(connection.answer().body)
            assert found["same"] == 1
            seen.append(found["environ"])
    assert [environ["HTTP_X_NUMBER"] for environ in seen] == ["0", "1", "2"]
    for number, environ in enumerate(seen):
        assert "rubbish" not in environ
        assert [name for name in environ if name.startswith("HTTP_X_ONLY_")] == [f"HTTP_X_ONLY_{number}"]


def test_names_and_values_are_those_of_the_request_whatever_came_before(server):
    names = [f"HTTP_X_{number}" for number in range(700)]
    with server.connect() as connection:
        for turn in range(6):
            # Other names each time, partly the same ones in another order, and servers that change their minds.
            mine = names[turn * 100 : turn * 100 + 200][:: -1 if turn % 2 else 1]
            pairs = [(name, f"{name} in turn {turn}") for name in mine]
            said = {"SERVER_NAME": f"host-{turn % 2}", "SERVER_SOFTWARE": "s" * (60 + turn), "REQUEST_SCHEME": "https"}
            connection.ask("/dump", said, pairs=pairs)
            environ = environ_of(connection.answer())
            assert {name: value for name, value in environ.items() if name.startswith("HTTP_X_")} == dict(pairs)
            assert {name: environ[name] for name in said} == said
            assert not any(value is None for value in environ.values())


def test_values_that_stay_for_long_and_change(server):
    with server.connect() as connection:
        for turn in range(240):
            # Each changes sooner or later, the last ones so often that nobody would count on them any more.
            said = {
                "REMOTE_ADDR": f"10.0.0.{turn // 40}",
                "SCRIPT_FILENAME": "/srv/app.fcgi" if turn % 60 else "/srv/other.fcgi",
                "HTTP_X_EMPTY": "" if turn % 30 else "full",
                "QUERY_STRING": "" if turn % 2 else f"turn={turn}",
            }
            path = "/dump" if turn % 3 else "/dump/"
            target = f"{path}?{said['QUERY_STRING']}".rstrip("?")
            connection.ask(target, said | {"REQUEST_URI": target, "DOCUMENT_URI": path})
            environ = environ_of(connection.answer())
            assert {name: environ[name] for name in said} == said
            found = (environ["PATH_INFO"], environ["DOCUMENT_URI"], environ["REQUEST_URI"])
            assert found == (path, path, target)


@pytest.mark.parametrize("seed", range(4))
def test_habits_of_web_servers_change_nothing(server, seed):
    """Runs of requests that are alike, then others: what was learnt of the first must not be seen in the second."""
    chance = random.Random(seed)
    own = ["SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "REQUEST_METHOD", "QUERY_STRING", "REMOTE_ADDR", "DOCUMENT_ROOT"]
    sent = ["HTTP_HOST", "HTTP_USER_AGENT", "HTTP_COOKIE", "HTTP_ACCEPT", "HTTP_PROXY", "HTTP_X_A", "HTTP_X_B", "wsgi.x"]
    nothing = dict.fromkeys(name for name, _ in client.usual_params("/dump"))
    with server.connect() as connection:
        for _ in range(14):
            names = own[: chance.randrange(4, 8)] + chance.sample(sent, chance.randrange(9))
            if chance.random() < 0.3:
                names.insert(chance.randrange(len(names)), chance.choice(names))
            for turn in range(chance.choice([1, 2, 20, 40])):
                cut = len(names) if chance.random() < 0.9 else chance.randrange(4, len(names) + 1)
                values = ["GET" if name == "REQUEST_METHOD" else f"{name}-{chance.randrange(3)}" for name in names]
                pairs = [("PATH_INFO", "/dump"), *zip(names, values, strict=True)][: cut + 1]
                connection.ask("/dump", nothing, pairs=pairs)
                environ = environ_of(connection.answer())
                found = {name: value for name, value in environ.items() if not name.startswith(("wsgi.", "fcgi."))}
                wanted = {name: value for name, value in pairs if name not in ("HTTP_PROXY", "wsgi.x")}
                assert found == {"SCRIPT_NAME": "", "QUERY_STRING": "", **wanted}, turn


def test_a_habit_that_ends(server):
    nothing = dict.fromkeys(name for name, _ in client.usual_params("/dump"))
    long = [("PATH_INFO", "/dump"), ("SERVER_NAME", "a"), ("HTTP_HOST", "a"), ("HTTP_X_A", "1")]
    other = [("PATH_INFO", "/dump"), ("SERVER_NAME", "b"), ("HTTP_HOST", "a"), ("HTTP_X_A", "2")]
    short = [("PATH_INFO", "/dump"), ("SERVER_NAME", "b"), ("HTTP_X_B", "1"), ("HTTP_HOST", "c")]
    with server.connect() as connection:
        for pairs in [long] * 40 + [other] * 3 + [short] * 2 + [long] * 2:
            connection.ask("/dump", nothing, pairs=pairs)
            environ = environ_of(connection.answer())
            names = {"SERVER_NAME", "HTTP_HOST", "HTTP_X_A", "HTTP_X_B"} & set(environ)
            assert {name: environ[name] for name in names} == dict(pairs[1:])


def test_a_habit_with_an_exception(server):
    """A value, a length, an order that is another one once, in the midst of what is always the same, and what follows it."""
    nothing = dict.fromkeys(name for name, _ in client.usual_params("/dump"))
    usual = {
        "REQUEST_METHOD": "GET",
        "REQUEST_SCHEME": "https",
        "SERVER_NAME": "a.test",
        "PATH_INFO": "/dump",
        "SERVER_PORT": "8443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "a.test",
        "HTTP_ACCEPT": "*/*",
    }
    with server.connect() as connection:

        def environ_of_pairs(pairs):
            connection.ask("/dump", nothing, pairs=pairs)
            environ = environ_of(connection.answer())
            assert {name: environ.get(name) for name in usual} == {name: dict(pairs).get(name) for name in usual}
            assert environ["wsgi.url_scheme"] == dict(pairs)["REQUEST_SCHEME"]

        always = list(usual.items())
        for _ in range(40):
            environ_of_pairs(always)
        for name in usual:
            if name in ("PATH_INFO", "REQUEST_METHOD", "REQUEST_SCHEME"):
                continue
            for value in ("b", "c" * 200):
                environ_of_pairs(list({**usual, name: value}.items()))
                environ_of_pairs(always)
            environ_of_pairs([*always, (name, "again")])
            environ_of_pairs(always)
        environ_of_pairs(list({**usual, "REQUEST_SCHEME": "http"}.items()))
        environ_of_pairs(always)
        environ_of_pairs(always[::-1])
        environ_of_pairs(always)


def test_required_keys_are_there_when_nothing_was_sent(server):
    params = dict.fromkeys(name for name, _ in client.usual_params("/dump"))
    environ = dump(server, {**params, "PATH_INFO": "/dump"})
    expected = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/dump",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.0",
    }
    assert {name: environ.get(name) for name in expected} == expected


@pytest.mark.parametrize("name", ["REQUEST_METHOD", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL"])
def test_required_keys_are_not_empty(server, name):
    assert environ_of(server.ask("/checked", {name: ""}))[name]


def test_the_validator_passes_a_bare_request(server):
    params = dict.fromkeys(name for name, _ in client.usual_params("/checked"))
    assert environ_of(server.ask("/checked", {**params, "PATH_INFO": "/checked"}))["SERVER_NAME"] == "localhost"


def test_wsgi_keys(server):
    environ = dump(server)
    found = {name: value for name, value in environ.items() if name.startswith("wsgi.")}
    assert found.pop("wsgi.version") == [1, 0]
    assert found.pop("wsgi.url_scheme") == "http"
    assert found.pop("wsgi.run_once") is False
    assert found.pop("wsgi.multithread") is (server.model == "threaded")
    assert found.pop("wsgi.multiprocess") is (server.model == "prefork")
    assert found.pop("wsgi.input_terminated") is True
    assert set(found) == {"wsgi.input", "wsgi.errors", "wsgi.file_wrapper"}


def test_threads_in_prefork_are_both(start):
    environ = dump(start("environs", "prefork", "threads=2"))
    assert (environ["wsgi.multithread"], environ["wsgi.multiprocess"]) == (True, True)


@pytest.mark.parametrize(
    ("params", "scheme", "port"),
    [
        ({}, "http", "80"),
        ({"HTTPS": "on"}, "https", "443"),
        ({"HTTPS": "ON"}, "https", "443"),
        ({"HTTPS": "1"}, "https", "443"),
        ({"HTTPS": "off"}, "http", "80"),
        ({"HTTPS": "0"}, "http", "80"),
        ({"HTTPS": "", "REQUEST_SCHEME": "https"}, "https", "443"),
        ({"REQUEST_SCHEME": "https"}, "https", "443"),
        ({"REQUEST_SCHEME": "http"}, "http", "80"),
        ({"HTTPS": "off", "REQUEST_SCHEME": "https"}, "http", "80"),
        ({"HTTP_X_FORWARDED_PROTO": "https"}, "http", "80"),
        ({"HTTP_HTTPS": "on"}, "http", "80"),
    ],
)
def test_url_scheme(server, params, scheme, port):
    environ = dump(server, {"SERVER_PORT": None, **params})
    assert (environ["wsgi.url_scheme"], environ["SERVER_PORT"]) == (scheme, port)


def test_what_a_client_could_misuse_is_dropped(server):
    sent = {"HTTP_PROXY": "http://evil", "HTTP_CONTENT_LENGTH": "5", "HTTP_CONTENT_TYPE": "text/evil"}
    environ = dump(server, {**sent, "HTTP_PROXY_X": "fine", "CONTENT_TYPE": "text/fine"})
    assert not set(sent) & set(environ)
    assert (environ["HTTP_PROXY_X"], environ["CONTENT_TYPE"]) == ("fine", "text/fine")


def test_params_named_like_wsgi_keys_neither_replace_nor_add(server):
    plain = dump(server)
    sent = {name: "forged" for name in plain if name.startswith(("wsgi.", "fcgi."))}
    environ = dump(server, {**sent, "wsgi.forged": "x", "wsgi.": "x", "fcgi.data": "x"})
    assert environ["fcgi.role"] == "responder"
    assert environ == plain


def test_params_never_become_process_environment(server):
    sent = {"HTTP_PROXY": "http://evil", "X_SECRET": "s", "LD_PRELOAD": "evil.so", "PYTHONPATH": "/evil"}
    for _ in range(2):
        found = json.loads(server.ask("/process", sent).body)
        assert found == {"values": {}, "path": True}


def test_every_byte_of_a_value_arrives_as_latin_1(server):
    value = bytes(range(1, 256))
    environ = dump(server, {"HTTP_X_BYTES": value, "HTTP_X_UTF8": "/käse/€".encode(), "HTTP_X_BROKEN": b"\xff\xfe\xc3"})
    assert environ["HTTP_X_BYTES"].encode("latin-1") == value
    assert environ["HTTP_X_UTF8"] == "/käse/€".encode().decode("latin-1")
    assert environ["HTTP_X_BROKEN"] == "\xff\xfe\xc3"


def test_path_info_is_bytes_as_latin_1(server):
    path = b"/dump/k\xc3\xa4se/\xff"
    environ = dump(server, {"PATH_INFO": path, "REQUEST_URI": "/dump/k%C3%A4se/%FF"})
    assert environ["PATH_INFO"] == path.decode("latin-1")


def test_names_are_native_strings_whatever_they_are(server):
    environ = dump(server, pairs=[(b"HTTP_X_\xe4", "a"), (b"odd name=;", "b"), (b"http_lower", "c"), (b"", "none")])
    assert (environ["HTTP_X_\xe4"], environ["odd name=;"], environ["http_lower"]) == ("a", "b", "c")
    assert "" not in environ


def test_a_value_and_a_name_of_many_lengths(server):
    sizes = [0, 1, 127, 128, 255, 256, 65535, 70000]
    environ = dump(server, pairs=[(f"HTTP_X_{size}", "v" * size) for size in sizes] + [("N" * 300, "long")])
    assert [len(environ[f"HTTP_X_{size}"]) for size in sizes] == sizes
    assert environ["N" * 300] == "long"


def test_the_last_of_two_equal_names_counts(server):
    environ = dump(server, pairs=[("HTTP_X", "first"), ("HTTP_X", "second"), ("REQUEST_METHOD", "PUT")])
    assert (environ["HTTP_X"], environ["REQUEST_METHOD"]) == ("second", "PUT")


def test_a_nul_byte_is_refused(server):
    assert server.ask("/dump", {"HTTP_X": "a\0b"}).status.startswith("400 ")


@pytest.mark.parametrize("value", [None, "", "-1", "+5", "5 ", "0x5", "five"])
def test_a_content_length_that_is_no_number_is_not_handed_on(server, value):
    """So that `int(environ.get("CONTENT_LENGTH", 0))`, as it stands in many an application, works."""
    environ = environ_of(server.ask("/checked", {"CONTENT_LENGTH": value}))
    assert "CONTENT_LENGTH" not in environ


@pytest.mark.parametrize("value", [None, "", "-1"])
def test_a_body_of_unannounced_length_gets_its_length(server, value):
    params = {"CONTENT_LENGTH": value, "HTTP_TRANSFER_ENCODING": "chunked"}
    assert dump(server, params, b"x" * 100_000)["CONTENT_LENGTH"] == "100000"


@pytest.mark.parametrize("value", ["0", "5", "005"])
def test_a_content_length_that_is_one_stays(server, value):
    environ = dump(server, {"CONTENT_LENGTH": value}, b"x" * int(value))
    assert int(environ["CONTENT_LENGTH"]) == int(value)


@pytest.mark.parametrize("value", ["9223372036854775808", "1" + "0" * 30])
def test_an_absurd_content_length_is_refused(server, value):
    assert server.ask("/dump", {"CONTENT_LENGTH": value}).status.startswith("400 ")


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, "http://example.org/url?a=%20b"),
        ({"HTTPS": "on", "SERVER_PORT": "443"}, "https://example.org/url?a=%20b"),
        ({"HTTP_HOST": "example.org:8080", "SERVER_PORT": "8080"}, "http://example.org:8080/url?a=%20b"),
        ({"HTTP_HOST": None, "SERVER_PORT": "8080"}, "http://example.org:8080/url?a=%20b"),
        ({"HTTP_HOST": None, "SERVER_PORT": None, "HTTPS": "on"}, "https://example.org/url?a=%20b"),
        ({"SCRIPT_NAME": "/mö"}, "http://example.org/m%F6/url?a=%20b"),
    ],
)
def test_the_url_can_be_put_together_again(server, params, expected):
    assert environ_of(server.ask("/url?a=%20b", params))["url"] == expected


@pytest.mark.parametrize(
    ("words", "params", "script_name", "path_info"),
    [
        ((), {"SCRIPT_NAME": "/mount"}, "/mount", "/dump"),
        (("scriptname=/mount",), {"PATH_INFO": "/mount/dump", "REQUEST_URI": "/mount/dump"}, "/mount", "/dump"),
    ],
)
def test_where_the_application_is_mounted(start, words, params, script_name, path_info):
    environ = dump(start("environs", "prefork", *words), params)
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (script_name, path_info)
