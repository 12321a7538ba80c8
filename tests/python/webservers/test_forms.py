"""Sessions, forms with their protection, the admin, and uploads by form."""

import hashlib
import os
import re
from urllib.parse import urljoin

import pytest
from support.browser import Form

MEGABYTE = 1024 * 1024


def visits(page):
    return int(re.search(r"<strong>(\d+)</strong>\s*time", page.text)[1])


def test_session_counts_the_visits_of_each_browser(site, browser):
    assert [visits(browser.get("/")) for _ in range(3)] == [1, 2, 3]
    assert visits(site.browser().get("/")) == 1


def test_form_is_taken_and_the_answer_is_a_redirect(site, browser):
    message = "Grüße, „Zitat“ & 日本 – " + os.urandom(4).hex()
    page = browser.get("/")
    answer = browser.submit(page, {"name": "Zoë", "message": message}, allow_redirects=False)
    assert answer.status_code == 302
    shown = browser.session.get(urljoin(page.url, answer.headers["Location"]), timeout=20)
    assert message.replace("&", "&amp;") in shown.text


@pytest.mark.django
def test_form_without_its_token_is_refused(site, browser):
    browser.get("/")
    answer = browser.post("/sign/", data={"name": "x", "message": "forged"})
    assert answer.status_code == 403
    assert "forged" not in browser.get("/").text


@pytest.mark.django
def test_admin_login_and_logout(site, browser):
    wanted = browser.get("/admin/guestbook/entry/")
    assert wanted.url.startswith(site.base + "/admin/login/")
    wrong = browser.submit(wanted, {"username": "admin", "password": "wrong"})
    assert "Please enter the correct" in wrong.text
    right = browser.submit(wrong, {"username": "admin", "password": "demo"})
    assert right.url == site.base + "/admin/guestbook/entry/"
    assert "Select entry to change" in right.text
    token = re.search(r'id="logout-form".*?name="csrfmiddlewaretoken" value="([^"]+)"', right.text, re.S)[1]
    browser.post("/admin/logout/", data={"csrfmiddlewaretoken": token})
    assert "/admin/login/" in browser.get("/admin/").url


@pytest.mark.django
def test_admin_has_its_style_sheet(site, browser):
    page = browser.get("/admin/login/")
    sheet = re.search(r'href="([^"]+/admin/css/base\.css)"', page.text)[1]
    assert sheet.startswith(site.prefix + "/static/")
    assert browser.session.get(site.origin + sheet, timeout=20).status_code == 200


@pytest.mark.django
def test_20_mib_by_form_arrive_and_come_back_whole(site, browser):
    content = os.urandom(MEGABYTE) * 20
    digest = hashlib.sha256(content).hexdigest()
    name = f"{site.case}-ß.bin"
    page = browser.get("/files/")
    answer = browser.post("/files/", data=Form(page.text).hidden, files={"file": (name, content)})
    assert answer.status_code == 200
    assert f"({len(content)} bytes)" in answer.text
    row = re.search(rf'<a href="([^"]+)">{re.escape(name)}</a>.*?<code>(\w+)</code>', answer.text, re.S)
    assert row[2] == digest
    back = browser.session.get(site.origin + row[1], timeout=60)
    assert hashlib.sha256(back.content).hexdigest() == digest
    assert back.headers["Content-Length"] == str(len(content))
    assert "attachment" in back.headers["Content-Disposition"]
