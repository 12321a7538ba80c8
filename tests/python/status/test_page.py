"""The page, in a real browser."""

import base64
import hashlib
import re

import pytest
import requests
from support.chromium import Chromium
from support.process import wait_for

HOSTILE = "/wait/<img src=x onerror=alert(1)>'\"&lt;/title></script><script>alert(2)</script>"


@pytest.fixture(scope="module")
def chromium():
    browser = Chromium()
    yield browser
    browser.close()


def page(told):
    answer = requests.get(told.origin + "/", headers={"Accept": "text/html"}, timeout=20)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return answer


def test_the_policy_names_the_style_and_the_script_of_the_page(told):
    answer = page(told)
    policy = answer.headers["Content-Security-Policy"]
    for tag, rule in [("style", "style-src"), ("script", "script-src")]:
        (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        checksum = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{rule} 'sha256-{checksum}'" in policy, f"the sum of html/page.* in html/mod.rs is {checksum}"
    assert "default-src 'none'" in policy and "unsafe" not in policy
    outside = re.findall(r"""(?:src|href|action)=["']?([^"' >]*)|url\(([^)]*)\)""", answer.text)
    assert {first or second for first, second in outside} == {"data:,", "?text", "?json", "?openmetrics"}


def test_the_page_keeps_itself_up_to_date(told, chromium):
    chromium.messages.clear()
    chromium.open(told.origin + "/")
    assert chromium.value("document.title") == "web:application: status"
    held = told.begin("/wait/for/it")
    wait_for(lambda: "/wait/for/it" in chromium.value("document.getElementById('workers').innerText"), what="it is shown")
    assert chromium.value("document.querySelector('.worker.busy .request').innerText").endswith("GET /wait/for/it")
    assert chromium.value("document.getElementById('live').className") == "on"
    told.ask("/go")
    wait_for(lambda: not chromium.value("document.querySelectorAll('.worker .request').length"), what="it is over")
    held.close()
    assert chromium.messages == []


def test_what_came_with_a_request_is_text_and_nothing_else(told, chromium):
    chromium.messages.clear()
    chromium.open(told.origin + "/")
    held = told.begin(HOSTILE)
    wait_for(lambda: chromium.value("document.querySelectorAll('.worker .request').length"), what="it is shown")
    shown = chromium.value("document.querySelector('.worker .request').innerText")
    assert shown.endswith("GET " + HOSTILE), shown
    assert chromium.value("document.images.length") == 0
    assert chromium.value("document.scripts.length") == 1
    text = page(told).text
    assert "<img" not in text and text.count("<script>") == 1
    told.ask("/go")
    held.close()
    assert chromium.messages == []


@pytest.mark.parametrize("width", [1280, 768, 390, 320])
def test_nothing_is_wider_than_the_window(told, chromium, width):
    held = [told.begin(f"/wait/{'long' * 30}/{number}") for number in range(3)]
    told.ask("/broken")
    chromium.open(told.origin + "/", width)
    assert chromium.value("document.documentElement.scrollWidth") <= width
    assert chromium.value("window.innerWidth") == width
    told.ask("/go")
    for connection in held:
        connection.close()


def test_without_scripts_the_page_is_complete_and_loads_itself_anew(told, chromium):
    def text(name):
        # While the page loads anew, nothing may be there.
        return chromium.value(f"document.getElementById('{name}')?.innerText ?? ''")

    chromium.open(told.origin + "/", scripts=False)
    wait_for(lambda: "up" in text("facts"), what="it is complete")
    wait_for(lambda: chromium.value("document.querySelectorAll('.worker').length") == 1, what="the worker is shown")
    held = told.begin("/wait/again")
    wait_for(lambda: "/wait/again" in text("workers"), what="it is loaded anew")
    told.ask("/go")
    held.close()
