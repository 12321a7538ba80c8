"""Request bodies of every shape, hashed by the application."""

import hashlib
import os

import pytest

MEGABYTE = 1024 * 1024


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 20 * MEGABYTE])
def test_body_with_a_length_arrives_whole(site, browser, size):
    content = (os.urandom(MEGABYTE) * (size // MEGABYTE + 1))[:size]
    seen = browser.post("/probe/", data=content, headers={"Content-Type": "application/x-test"}).json()
    assert (seen["body_length"], seen["body_sha256"]) == (size, sha256(content))
    assert seen["content_type"] == "application/x-test"
    assert int(seen["content_length"] or 0) == size


@pytest.mark.parametrize("pieces", [1, 40])
def test_chunked_body_without_a_length_arrives_whole(site, browser, pieces):
    content = [os.urandom(51_111) for _ in range(pieces)]
    seen = browser.post("/probe/", data=iter(content)).json()
    whole = b"".join(content)
    assert (seen["body_length"], seen["body_sha256"]) == (len(whole), sha256(whole))


def test_body_that_nobody_reads_does_no_harm(site, browser):
    """The application answers without reading; the next request on the connection is answered too."""
    answer = browser.post("/no/such/page/", data=b"x" * MEGABYTE)
    assert answer.status_code == 404
    assert browser.get("/probe/").json()["body_length"] == 0


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_bring_their_bodies(site, browser, method):
    seen = browser.request(method, "/probe/", data=b"changed").json()
    assert (seen["method"], seen["body_sha256"]) == (method, sha256(b"changed"))
