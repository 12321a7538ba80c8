"""Answers of unusual shape: no body, two cookies, not modified, in parts."""

import os

from support.process import wait_for


def test_head_has_the_headers_of_get_and_no_body(site, browser):
    head = browser.request("HEAD", "/")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["Content-Type"] == browser.get("/").headers["Content-Type"]
    assert browser.get("/probe/").json()["method"] == "GET"


def test_two_cookies_stay_two(site, browser):
    answer = browser.get("/probe/cookies/")
    sent = answer.raw.headers.getlist("Set-Cookie")
    assert [cookie.partition(";")[0] for cookie in sent] == ["first=1", "second=2"]
    assert browser.session.cookies["first"] == "1"
    assert browser.session.cookies["second"] == "2"


def test_unchanged_page_is_answered_304_without_a_body(site, browser):
    first = browser.get("/probe/cached/")
    assert (first.status_code, first.text) == (200, "the same for ever\n")
    second = browser.get("/probe/cached/", headers={"If-None-Match": first.headers["ETag"]})
    assert (second.status_code, second.content) == (304, b"")
    assert second.headers["ETag"] == first.headers["ETag"]
    assert browser.get("/probe/cached/").text == "the same for ever\n"


def test_streamed_answer_is_seen_in_parts(site, browser):
    """The second part is made only after the test has read the first one."""
    name = os.urandom(8).hex()
    gate = site.gate(name)
    answer = browser.get(f"/probe/gate/{name}/", stream=True)
    assert answer.status_code == 200
    parts = answer.iter_content(None, decode_unicode=False)
    received = next(parts)
    assert received == b"before the gate\n"
    gate.open()
    received += b"".join(parts)
    assert received == b"before the gate\nthe gate was opened\n"


def test_long_streamed_page_arrives_whole(site, browser):
    answer = browser.get("/stream/?count=1000&delay=0")
    assert answer.status_code == 200
    assert answer.text.lower().count("line ") >= 1000
    assert "of 1000" in answer.text


def test_visitor_who_leaves_early_does_no_harm(site, browser):
    name = os.urandom(8).hex()
    gate = site.gate(name)
    answer = browser.get(f"/probe/gate/{name}/", stream=True)
    assert next(answer.iter_content(None)) == b"before the gate\n"
    answer.close()
    gate.open_if_waited_for()
    wait_for(lambda: site.browser().get("/").status_code == 200, what="a page after a broken-off one")


def test_requests_side_by_side_are_served_side_by_side(site):
    """A page that waits must not keep others waiting."""
    name = os.urandom(8).hex()
    gate = site.gate(name)
    waiting = site.browser().get(f"/probe/gate/{name}/", stream=True)
    parts = waiting.iter_content(None)
    assert next(parts) == b"before the gate\n"
    assert site.browser().get("/probe/").json()["method"] == "GET"
    gate.open()
    assert b"".join(parts) == b"the gate was opened\n"
