from xml.etree import ElementTree

from benches.chart import BAR, WIDTH, chart

from .conftest import GRANIAN, OURS, UWSGI, sample

SVG = "{http://www.w3.org/2000/svg}"


def drawn(outcomes):
    return ElementTree.fromstring(chart(outcomes))


def test_bars_are_as_long_as_their_figures(outcome):
    picture = drawn({"nginx-hello": outcome("nginx-hello", {UWSGI: 40, f"{OURS}, kept": 10, f"{GRANIAN}, kept": 80})})
    bars = [(bar.get("class"), float(bar.get("width"))) for bar in picture.iter(f"{SVG}rect")]
    assert bars == [("ours", round(BAR / 8, 1)), ("peer", BAR / 2), ("peer", BAR)]
    texts = {
        kind: [text.text for text in picture.iter(f"{SVG}text") if text.get("class") == kind] for kind in ("label", "value")
    }
    assert texts == {"label": ["fcgi-run prefork, kept", "uWSGI", "granian, kept"], "value": ["10.0", "40.0", "80.0"]}


def test_a_run_with_errors_is_not_drawn(outcome):
    hello = outcome("nginx-hello", {UWSGI: 40, OURS: 20})
    hello.samples[OURS][0] = sample(20, errors=1)
    assert [bar.get("class") for bar in drawn({"nginx-hello": hello}).iter(f"{SVG}rect")] == ["peer"]


def test_all_is_inside_and_nothing_from_outside(outcome):
    rows = {UWSGI: 40, f"{OURS}, kept": 10}
    outcomes = {name: outcome(name, rows) for name in ("nginx-hello", "nginx-page")}
    picture = drawn(outcomes)
    width, height = (float(picture.get(name)) for name in ("width", "height"))
    assert width == WIDTH
    for part in picture.iter():
        assert float(part.get("x", 0)) + float(part.get("width", 0)) <= width
        assert float(part.get("y", 0)) <= height
        assert part.tag == f"{SVG}svg" or not set(part.keys()) & {"href", "src"}
    text = chart(outcomes)
    assert "prefers-color-scheme: dark" in text
    assert "url(" not in text
    assert "@import" not in text
