import re

from benches.cases import CASES
from benches.proxied import JOURNEYS
from benches.report import against_granian, report, text
from benches.tables import Table, number, samples_table

from .conftest import GRANIAN, OURS, UWSGI, sample


def rows(page, title):
    """The cells of the table under a title."""
    table = page.partition(f"{title}\n")[2].partition("|\n\n")[0]
    return [[cell.strip() for cell in line.strip("| ").split("|")] for line in table.splitlines() if line.startswith("|")]


def test_a_row_has_medians_spread_and_the_ratio_to_uwsgi(outcome):
    page = report({"close": outcome("close", {UWSGI: 50, OURS: 20})})
    head, _, first, second = rows(page, "### Hello, a connection per request, 4 at once")
    assert head[:4] == ["server", "requests/s", "CPU µs/request", "× uWSGI"]
    assert first[:4] == [OURS, "50,000 (41,667–55,556)", "20.0 (18.0–24.0)", "0.40"]
    assert first[4:] == ["40.0", "400", "14.0", "0"]
    assert second[0] == UWSGI


def test_whoever_is_ahead_stands_first(outcome):
    page = report({"close": outcome("close", {OURS: 50, UWSGI: 20})})
    assert [row[0] for row in rows(page, "### Hello, a connection per request, 4 at once")[2:]] == [UWSGI, OURS]


def test_a_run_with_errors_is_marked_and_stands_last(outcome):
    close = outcome("close", {OURS: 20, UWSGI: 50})
    close.samples[OURS][1] = sample(20, errors=2, starved=1, complaints=('status "503 Busy"',))
    page = report({"close": close})
    assert [row[-1] for row in rows(page, "### Hello, a connection per request, 4 at once")[2:]] == [
        "0",
        "2 errors, 1 connections never served",
    ]
    assert f'- {OURS}: status "503 Busy"\n' in page
    assert "20.0 (errors)" in page.partition("## Method")[0]


def test_who_is_left_out_is_told_with_the_reason(outcome):
    page = report({"keep": outcome("keep", {OURS: 20}, left_out={UWSGI: "closes", "flup": "closes", "PHP": "no Python"})})
    assert f"Left out:\n\n- {UWSGI}; flup: closes.\n- PHP: no Python.\n" in page


def test_nothing_is_told_that_was_not_measured(outcome):
    page = report({"close": outcome("close", {OURS: 20})})
    titles = [case.title for case in CASES if case.name != "close"] + [journey.title for journey in JOURNEYS]
    assert not [title for title in titles if title in page]
    assert "chart.svg" not in page
    assert "granian" not in page.partition("## Method")[0]
    [overview] = rows(page, "## In short")[2:]
    assert overview[1:] == ["20.0", "–", "–", "–", "–", "–"]


def test_the_ratio_to_granian_is_that_of_requests(outcome):
    outcomes = {"nginx-hello": outcome("nginx-hello", {f"{OURS}, kept": 20, f"{GRANIAN}, kept": 50})}
    assert against_granian(outcomes).endswith("fcgi-run against granian over HTTP: 2.50 (/hello).")


def test_figures_of_different_builds_are_not_passed_off_as_one(outcome):
    close, keep = outcome("close", {OURS: 20}), outcome("keep", {OURS: 20})
    keep.facts, keep.rounds = {"fcgi-run": "1.2.4"}, 7
    page = report({"close": close, "keep": keep})
    assert "| fcgi-run | 1.2.3; 1.2.4 |" in page
    assert "rounds: 3; 7;" in page


def test_memory_and_start(started):
    table = rows(report({"start": started}), "the time from start to first answer.")
    assert table[2:] == [
        [OURS, "12.0 (12.0–12.0)", "20.0 (20.0–20.0)"],
        [UWSGI, "15.0 (15.0–15.0)", "30.0 (30.0–30.0)"],
    ]


def test_memory_for_each_idle_connection_has_a_column(outcome):
    idle = outcome("idle", {f"{OURS} alone": 20})
    idle.samples[f"{OURS} beside 10 000"] = [sample(21, each=1.75), sample(21, each=1.5), sample(21, each=2)]
    table = samples_table(idle, UWSGI)
    assert [row[-1] for row in (table.head, *table.rows)] == ["KiB each", "–", "1.75"]


def test_the_text_for_an_issue_has_the_same_rows(outcome, started):
    outcomes = {"close": outcome("close", {UWSGI: 50, OURS: 20}), "start": started}
    told = text(outcomes)
    assert re.search(rf"^{re.escape(OURS)} +50,000 +20\.0 +0\.40 ", told, re.MULTILINE)
    assert "fcgi-run 1.2.3" in told
    assert len(told.splitlines()) == 13


def test_every_column_is_as_wide_as_its_widest_cell():
    assert Table(("a", "bcd"), [("ef", "1")]).text() == "a   bcd\nef    1\n"


def test_numbers_have_as_many_digits_as_mean_something():
    assert [number(value) for value in (0.0123, 9.994, 12.34, 123.4, 12345.6)] == ["0.01", "9.99", "12.3", "123", "12,346"]
