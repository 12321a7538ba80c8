import json
import subprocess
import sys
from dataclasses import replace

import pytest
from benches import direct
from benches.cases import CASES, Load
from benches.load import Counts, wrk_sample
from benches.plan import Plan
from benches.processes import cpu_seconds, pss_kib, tree
from benches.proxied import Backend
from benches.running import Running, RunningServer
from benches.servers import SERVERS
from support import appserver, places, process

SPIN = "import time; end = time.process_time() + 0.2\nwhile time.process_time() < end: pass\n"


def counts(**more):
    return Counts(
        {"served": 1000.0, "bytes": 250_000.0, "seconds": 2.0, "p50": 1, "p99": 2, "status": 0, "errors": 0, **more}
    )


def test_lines_of_a_load_generator_are_read():
    told = Counts.read("Running 1s test\nserved\t12\np99\t3.5\ncomplaint\tstatus 503\n  12 requests in 1.0s\n")
    assert told == Counts({"served": 12, "p99": 3.5}, ("status 503",))


def test_time_of_the_server_is_divided_by_its_answers():
    sample = wrk_sample(counts(), 0.5, 100, 250, 16)
    assert (sample.rate, sample.cpu, sample.errors, sample.complaints) == (500, 500, 0, ())


@pytest.mark.parametrize("wrong", [{"bytes": 150_000.0}, {"errors": 3.0, "status": 1.0}])
def test_answers_of_wrong_length_or_status_are_errors(wrong):
    sample = wrk_sample(counts(**wrong), 0.5, 100, 250, 16)
    assert sample.errors > 0
    assert sample.complaints


def test_answers_on_their_way_at_the_end_are_no_errors():
    assert wrk_sample(counts(bytes=250_000.0 + 16 * 250), 0.5, 100, 250, 16).errors == 0


def test_processor_time_of_children_that_have_ended_counts():
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {SPIN!r}])\nprint('done', flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"done\n"
        assert 0.19 < cpu_seconds([parent.pid]) < 5
        parent.communicate(b"\n")


def test_a_tree_has_children_and_memory():
    code = "import subprocess, sys\nwith subprocess.Popen(['cat'], stdin=-1): print('there', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"there\n"
        pids = tree(parent.pid)
        assert (pids[0], len(pids)) == (parent.pid, 2)
        assert 0 < pss_kib(pids[1:]) < pss_kib(pids)
        parent.communicate(b"\n")
    assert (tree(parent.pid), cpu_seconds(pids), pss_kib(pids)) == ([parent.pid], 0, 0)


@pytest.mark.parametrize(
    ("server", "load", "can"),
    [
        ("uwsgi-p2", Load(), True),
        ("uwsgi-p2", Load(keep=True), False),
        ("php-fpm", Load(connections=2, keep=True), True),
        ("php-fpm", Load(connections=16, keep=True), False),
        ("php-fpm", Load("/page"), False),
        ("ours-p2", Load(connections=1, keep=True, active=8), False),
        ("ours-t4", Load(connections=1, keep=True, active=8), True),
        ("ours-p2", Load(connections=2, keep=True, held=10_000), True),
        ("libfcgi", Load(connections=2, keep=True, held=10_000), False),
    ],
)
def test_who_cannot_is_left_out(server, load, can):
    assert (load.obstacle(SERVERS[server]) is None) is can


def test_nginx_keeps_connections_to_those_who_can():
    can = {name for name, server in SERVERS.items() if Backend(server, keep=True).obstacle("/page") is None}
    assert can == {"ours-p2", "ours-p1", "ours-t4", "ours-t200", "flup-threaded", "flup-t200", "gunicorn-t", "granian"}


def test_every_server_of_a_case_is_known():
    assert {name for case in CASES for name in case.servers} <= SERVERS.keys()


def test_a_program_is_stopped_with_all_that_it_started(tmp_path):
    words = ["sh", "-c", "trap '' TERM; (trap '' TERM; while :; do sleep 60; done) & wait; wait"]
    program = Running("stubborn", words, tmp_path)
    while len(pids := program.pids()) < 3:
        program.check()
    program.stop()
    process.wait_for(lambda: not any(map(process.alive, pids)), what="the end of all processes")


@pytest.fixture(scope="module")
def fcgi_rate():
    """The path of the load generator, built now if it is not there or old."""
    argv = ["cargo", "build", "--quiet", "--package=fcgi-tests", "--bin=fcgi-rate", "--message-format=json"]
    built = subprocess.run(argv, cwd=places.REPOSITORY, stdout=subprocess.PIPE, text=True, timeout=1200, check=True)
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    [path] = [message["executable"] for message in messages if message.get("executable")]
    return path


@pytest.fixture
def plan(fcgi_rate, workplace, monkeypatch):
    monkeypatch.setenv("FCGI_RATE", fcgi_rate)
    monkeypatch.setenv("FCGI_RUN", str(appserver.runner()))
    return Plan(1, 0.1, workplace, {}, frozenset({"ours-p2", "ours-t4"}))


@pytest.mark.parametrize("name", ["keep", "close", "page", "list", "stream", "lines", "upload", "mux8", "idle"])
def test_a_short_run_measures_without_errors(name, plan):
    [case] = [case for case in CASES if case.name == name]
    few = tuple(replace(load, held=min(load.held, 50)) for load in case.loads)
    outcome = direct.measure(replace(case, loads=few), plan)
    assert len(outcome.samples) == (1 if name == "mux8" else 2 * len(few))
    for [sample] in outcome.samples.values():
        assert (sample.errors, sample.starved, sample.complaints) == (0, 0, ())
        assert min(sample.rate, sample.cpu, sample.p50, sample.pss) > 0
        assert sample.p50 <= sample.p99


def test_half_a_pair_is_left_out(plan, monkeypatch):
    [idle] = [case for case in CASES if case.name == "idle"]
    pair = replace(idle, loads=(Load(connections=1, keep=True), Load(connections=1, keep=True, active=2, suffix=" shared")))
    expected = {SERVERS["ours-t4"].label, SERVERS["ours-t4"].label + " shared"}
    known = direct.measure(pair, plan)
    monkeypatch.setitem(SERVERS, "ours-p2", replace(SERVERS["ours-p2"], shares=True))
    found_out = direct.measure(pair, plan)
    assert [outcome.samples.keys() for outcome in (known, found_out)] == [expected, expected]
    assert known.left_out.keys() == found_out.left_out.keys() == {SERVERS["ours-p2"].label}
    assert found_out.left_out[SERVERS["ours-p2"].label] == "the server does not answer FCGI_MPXS_CONNS with 1"


def test_wrong_answers_are_counted_and_told(plan):
    [close] = [case for case in CASES if case.name == "close"]
    outcome = direct.measure(replace(close, loads=(replace(close.loads[0], length=14),)), plan)
    for [sample] in outcome.samples.values():
        assert sample.errors > 0
        assert sample.complaints == ("13 bytes, not 14",)


def test_a_server_that_does_not_start_is_told_with_its_log(tmp_path):
    broken = replace(SERVERS["ours-p2"], command="sh -c echo>&2;exit")
    server = RunningServer(broken, tmp_path)
    with pytest.raises(Exception, match="ours-p2 ended with status"):
        server.wait()
    server.stop()
