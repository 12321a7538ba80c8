import statistics

import pytest
from benches import store
from benches.figures import Spread

from .conftest import OURS, UWSGI, sample


def test_a_spread_is_median_least_and_most():
    assert Spread.of([3, 1, 2]) == Spread(2, 1, 3)
    assert Spread.of([4]) == Spread(4, 4, 4)


def test_what_is_stored_comes_back(outcome, started, tmp_path):
    first = outcome("keep", {OURS: 10}, left_out={UWSGI: "closes"})
    first.samples[OURS].append(sample(10, errors=3, starved=1, each=1.5, complaints=("status 503", "torn")))
    for one in (first, started):
        store.save(tmp_path, one)
    assert store.load(tmp_path) == {"keep": first, "start": started}


def test_a_case_that_is_measured_again_replaces_its_figures(outcome, tmp_path):
    for cpu in (10, 20):
        store.save(tmp_path, outcome("keep", {OURS: cpu}))
    assert store.load(tmp_path)["keep"].spread(OURS, "cpu").median == 20


def test_a_row_without_rounds_has_no_figure(outcome):
    with pytest.raises(statistics.StatisticsError):
        outcome("keep", {}).spread(OURS, "cpu")
