"""`wsgi.errors` and the standard streams: PEP 3333 "Input and Error Streams"."""

from support.process import wait_for

from wsgi.client import END, STDERR, STDOUT, Answer

APP = "errors_app"


def test_write_writelines_and_flush(server):
    answer = server.ask("/checked")
    assert answer.stderr == b"written\nfirst of two\nsecond of two\n"
    assert answer.body == b"done"
    assert "first of two\n" in server.errors()


def test_a_line_leaves_at_once_and_the_rest_with_flush(server):
    """The web server has the text before the application goes on, and before any of the body."""
    with server.gate() as gate, server.connect() as connection:
        connection.ask(f"/lines/{gate.token}")
        answer = connection.read_on(Answer(), lambda answer: answer.stderr)
        assert answer.stderr == b"one line\n"
        assert "one line\n" in server.errors()
        gate.open()
        connection.read_on(answer, lambda answer: answer.stderr.endswith(b"no end of line"))
        assert not answer.stdout
        gate.open()
        connection.read_on(answer, lambda answer: answer.stderr.endswith(b"between\n"))
        assert answer.body == b"body"
        gate.open()
        connection.read_on(answer, lambda answer: False)
    assert answer.ended and answer.body == b"bodymore"


def test_both_streams_are_closed_and_the_end_comes_last(server):
    answer = server.ask("/checked")
    assert answer.kinds[-1] == (END, True)
    assert sorted(answer.kinds[-3:-1]) == [(STDOUT, False), (STDERR, False)]
    assert STDERR not in [kind for kind, _ in server.ask("/reads_stdin").kinds]


def test_text_without_a_last_newline_is_not_lost(server):
    for path in ("unfinished", "unfinished_stream"):
        token = server.token()
        answer = server.ask(f"/{path}/{token}")
        assert answer.stderr.decode() == f"unfinished {token}"
        assert answer.ended
        assert f"unfinished {token}" in server.errors()


def test_text_that_comes_after_the_end_is_in_our_log(server):
    token = server.token()
    answer = server.ask(f"/unfinished_close/{token}")
    assert (answer.ended, answer.stderr) == (True, b"")
    wait_for(lambda: f"unfinished {token}" in server.errors(), what="the text")


def test_any_text_is_taken(server):
    answer = server.ask("/odd")
    assert answer.status == "200 OK", answer.stderr
    assert answer.body == b"[4, 0, 4, 8]"
    # A lone surrogate is shown as standard error shows it; web servers cut a text at a NUL, so there is none.
    assert answer.stderr == "ä€😀\na\\udcffb\nnulnul\nprinted 1\nflushed".encode()


def test_what_is_no_text_is_refused(server):
    answer = server.ask("/wrong")
    assert answer.body == b"TypeError TypeError TypeError TypeError"
    assert answer.stderr == b"good\n"


def test_a_line_longer_than_a_record(server):
    assert server.ask("/long").stderr == b"x" * 200_000 + b"\n"


def test_other_threads_run_while_the_log_takes_no_more(server):
    assert server.ask("/full_pipe").body == b"[200001]"


def test_what_is_printed_is_in_the_logs_and_never_on_the_connection(server):
    token = server.token()
    answer = server.ask(f"/prints/{token}")
    assert (answer.status, answer.body, answer.stderr) == ("200 OK", b"done", b"")
    expected = ["print", "sys", "descriptor", "child", "unflushed"]
    wait_for(lambda: f"unflushed {token}" in server.output(), what="the output")
    for word in expected:
        assert f"{word} {token}" in server.output()
    assert f"print error {token}\n" in server.errors()
    assert f"descriptor error {token}\n" in server.errors()
    assert "error" not in server.output()


def test_standard_input_is_empty(server):
    assert server.ask("/reads_stdin").body == b"b''"
