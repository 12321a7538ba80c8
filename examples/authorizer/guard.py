"""Says who may come in: an authorizer, which is a WSGI application like any other."""

import base64
import binascii
import hmac

USERS = {"ann": "wonderland", "bob": "builder"}
STAFF = {"ann"}


def credentials(environ):
    """Name and password: Apache sends them by themselves, lighttpd as the browser has sent them."""
    if "REMOTE_PASSWD" in environ:
        return environ.get("REMOTE_USER", ""), environ["REMOTE_PASSWD"]
    try:
        text = base64.b64decode(environ.get("HTTP_AUTHORIZATION", "").removeprefix("Basic "))
    except binascii.Error:
        return "", ""
    name, _, password = text.decode("latin-1").partition(":")
    return name, password


def application(environ, start_response):
    """200 lets the visitor in, and its `Variable-*` headers become variables; any other answer goes to the visitor."""
    name, password = credentials(environ)
    known = name in USERS and hmac.compare_digest(USERS[name].encode(), password.encode("latin-1"))
    if not known:
        ask = ("WWW-Authenticate", 'Basic realm="mysite"')
        start_response("401 Unauthorized", [ask, ("Content-Type", "text/plain; charset=utf-8")])
        return [b"Who are you?\n"]
    if environ["PATH_INFO"].startswith("/private/staff/") and name not in STAFF:
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"This is for the staff.\n"]
    group = "staff" if name in STAFF else "guests"
    start_response("200 OK", [("Variable-REMOTE_USER", name), ("Variable-GROUP", group)])
    return []
