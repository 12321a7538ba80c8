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


@pytest.mark.parametrize(("pieces", "size"), [(3, 1_111), (1, 51_111), (40, 51_111)])
def test_chunked_body_without_a_length_arrives_whole(site, browser, pieces, size):
    """HAProxy lets none through that is larger than its buffer; then nothing of it arrives."""
    content = [os.urandom(size) for _ in range(pieces)]
    answer = browser.post("/probe/", data=iter(content))
    whole = b"".join(content)
    if len(whole) > site.web.largest_chunked_body:
        assert answer.status_code == 400
        assert site.browser().get("/probe/").json()["body_length"] == 0
        return
    seen = answer.json()
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
