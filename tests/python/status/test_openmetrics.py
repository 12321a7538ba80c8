"""What Prometheus reads, read by the parser of its own client library."""

import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from support import places
from support.appserver import AppServer, environment
from support.process import wait_for

PROMETHEUS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


def families(told, path="/metrics", **headers):
    answer = requests.get(told.origin + path, headers=headers, timeout=20)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    # The parser checks names, units, suffixes, the order of buckets and the end.
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


def values(family):
    return {tuple(sorted(sample.labels.items())): sample.value for sample in family.samples}


@pytest.mark.parametrize(("path", "accept"), [("/metrics", "*/*"), ("/", PROMETHEUS), ("/?openmetrics", "text/html")])
def test_the_parser_of_prometheus_takes_it(told, path, accept):
    found = families(told, path, Accept=accept)
    kinds = {name: family.type for name, family in found.items()}
    assert kinds["fcgi_run_requests"] == "counter"
    assert kinds["fcgi_run_request_duration_seconds"] == "histogram"
    assert kinds["fcgi_run_workers"] == "gauge"
    assert kinds["fcgi_run_build"] == "info"
    assert {name: family.unit for name, family in found.items() if family.unit} == {
        "fcgi_run_start_time_seconds": "seconds",
        "fcgi_run_sent_bytes": "bytes",
        "fcgi_run_request_duration_seconds": "seconds",
        "fcgi_run_worker_resident_bytes": "bytes",
    }
    assert all(family.documentation for family in found.values())


def test_the_numbers_are_those_of_the_requests(told):
    before = families(told)
    for path in ["/", "/", "/broken"]:
        told.ask(path)

    def count(found, status):
        return values(found["fcgi_run_requests"])[(("status", status),)]

    wait_for(lambda: count(families(told), "5xx") == 1, what="the failure is counted")
    wait_for(lambda: count(families(told), "2xx") == count(before, "2xx") + 2, what="the others are counted")
    found = families(told)
    histogram = found["fcgi_run_request_duration_seconds"].samples
    total = next(sample.value for sample in histogram if sample.name.endswith("_count"))
    assert total == sum(values(found["fcgi_run_requests"]).values())
    buckets = [sample for sample in histogram if sample.name.endswith("_bucket")]
    assert buckets[-1].labels["le"] == "+Inf" and buckets[-1].value == total
    assert 0 < next(sample.value for sample in histogram if sample.name.endswith("_sum")) < 60
    (address, limit) = next(iter(values(found["fcgi_run_listen_queue_limit"]).items()))
    assert address == (("address", str(told.address)),) and limit > 0


def test_what_stands_in_a_label_cannot_break_out_of_it(workplace):
    folder = places.make_folder(workplace / "status-odd")
    (folder / "web.py").write_text("def application(environ, start):\n    start('200 OK', [])\n    return []\n")
    port = places.free_port()
    odd = folder / 'a"b\\c.sock'
    words = [f"socket={odd}", f"statusport={port}", "web:application", f"errlog={folder / 'err.log'}"]
    server = AppServer(words, folder, environment(), name="odd")
    try:
        text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=20).text
        found = {family.name: family for family in text_string_to_metric_families(text)}
        assert list(values(found["fcgi_run_listen_queue"])) == [(("address", str(odd)),)]
    finally:
        server.stop()
