"""`wsgi.input` beside `io.BytesIO`: whatever is called in whatever order, both give the same."""

import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wsgi import client
from wsgi.apps.reading import perform

APP = "inputs"

SIZES = st.one_of(st.none(), st.integers(-2, 40), st.integers(0, 100_000))
CALLS = st.one_of(
    st.tuples(st.sampled_from(["read", "readline", "readlines"]), SIZES).map(list),
    st.sampled_from(["read", "readline", "readlines"]).map(lambda name: [name]),
    st.just(["next"]),
    st.tuples(st.just("readinto"), st.integers(0, 50)).map(list),
)
BODIES = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from([b"\n", b"a", b"line\n", b"\r\n", b"x" * 50]), max_size=60).map(b"".join),
    st.builds(lambda part, times: part * times, st.binary(min_size=1, max_size=30), st.integers(1, 9_000)),
)


@pytest.fixture(scope="module")
def connection(server):
    with server.connect() as connection:
        yield connection


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, script=st.lists(CALLS, max_size=12), cut=st.integers(1, 65535), surplus=st.binary(max_size=20))
def test_any_reading_is_as_from_bytes_io(connection, body, script, cut, surplus):
    params = {"CONTENT_LENGTH": str(len(body)), "REQUEST_METHOD": "POST", "HTTP_X_SCRIPT": json.dumps(script)}
    head = client.encoded(client.usual_params("/script", params))
    cut = max(cut, len(body) // 500 + 1)
    connection.send(client.begin() + client.stream(client.PARAMS, head))
    connection.send(client.stream(client.STDIN, body + surplus, cut=cut))
    answer = connection.answer()
    assert answer.status == "200 OK", answer.stderr.decode()
    assert json.loads(answer.body) == perform(io.BytesIO(body), script)
