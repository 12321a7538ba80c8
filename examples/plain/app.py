"""A whole site in one file, without a framework: PEP 3333 and the standard library.

Run it in this folder with `fcgi-run app=app:app socket=/tmp/plain.sock`. `app` below is all that fcgi-run needs: a
function that takes `environ` and `start_response` and returns the parts of the answer. The pages under /probe/ are for
tests: they tell what reached the application and answer in unusual shapes.
"""

import hashlib
import html
import json
import os
import select
import time
from pathlib import Path
from urllib.parse import parse_qs, quote

HERE = Path(__file__).resolve().parent
GATE_SECONDS = 20
TEXT = ("Content-Type", "text/plain; charset=utf-8")
# Asks nginx to pass every part on at once.
AT_ONCE = ("X-Accel-Buffering", "no")


def app(environ, start_response):
    """Finds the page for the path and calls it."""
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    for prefix, page in PAGES.items():
        if path == prefix or (prefix.endswith("*") and path.startswith(prefix[:-1])):
            return page(environ, start_response)
    return missing(environ, start_response)


def missing(environ, start_response):
    body = "<h1>No such page</h1><p>Nothing is kept under this address.</p>"
    return show(environ, start_response, "404 Not Found", body)


def home(environ, start_response):
    """Counts the visits in a cookie and shows a form."""
    visits = number_cookie(environ, "visits") + 1
    cookie = ("Set-Cookie", f"visits={visits}; Path={link(environ, '/')}; HttpOnly; SameSite=Lax")
    body = f"""<h1>A site in one file</h1>
<p>No framework, only PEP 3333. You have opened this page <strong>{visits}</strong> times in this session.</p>
<form method="post" action="{link(environ, "/sign/")}">
<label>A word <input name="message" maxlength="200" required></label> <button>Say it</button></form>"""
    return show(environ, start_response, "200 OK", body, [cookie])


def sign(environ, start_response):
    """Takes the form and goes to a page that says it back."""
    fields = parse_qs(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode())
    return go(environ, start_response, "/said/?message=" + quote(fields.get("message", [""])[0]))


def said(environ, start_response):
    message = parse_qs(environ.get("QUERY_STRING", "")).get("message", [""])[0]
    return show(environ, start_response, "200 OK", f"<h1>You said</h1><p>{html.escape(message)}</p>")


def stream(environ, start_response):
    """A text that is sent while it is made: `?count=` lines, `?delay=` seconds between them."""
    query = parse_qs(environ.get("QUERY_STRING", ""))
    count = min(int(query.get("count", ["10"])[0]), 1000)
    delay = min(max(float(query.get("delay", ["0.5"])[0]), 0.0), 10.0)
    start_response("200 OK", [TEXT, AT_ONCE])

    def lines():
        for number in range(1, count + 1):
            if number > 1:
                time.sleep(delay)
            yield f"line {number} of {count}\n".encode()

    return lines()


def style(environ, start_response):
    """The style sheet; a web server in front would serve the file itself."""
    sheet = open(HERE / "static" / "style.css", "rb")  # noqa: SIM115: the server closes it
    start_response("200 OK", [("Content-Type", "text/css"), ("Content-Length", str(os.path.getsize(sheet.name)))])
    return environ.get("wsgi.file_wrapper", lambda file: iter(lambda: file.read(8192), b""))(sheet)


def boom(environ, start_response):
    raise RuntimeError("this page fails on purpose")


def probe(environ, start_response):
    """The request as the application got it, as JSON; the body as its length and SHA-256."""
    digest, length = hashlib.sha256(), 0
    announced = int(environ.get("CONTENT_LENGTH") or 0)
    while chunk := environ["wsgi.input"].read(min(65536, announced - length)):
        digest.update(chunk)
        length += len(chunk)
    path_info = environ["PATH_INFO"].encode("latin-1").decode()
    seen = {
        "method": environ["REQUEST_METHOD"],
        "path": environ["SCRIPT_NAME"] + path_info,
        "script_name": environ["SCRIPT_NAME"],
        "path_info": path_info,
        "rest": path_info.partition("/probe/path/")[2] or None,
        "query": environ.get("QUERY_STRING", ""),
        "get": {name: values[-1] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()},
        "content_length": environ.get("CONTENT_LENGTH"),
        "content_type": environ.get("CONTENT_TYPE"),
        "body_length": length,
        "body_sha256": digest.hexdigest(),
        "headers": {name: value for name, value in environ.items() if name.startswith("HTTP_")},
        "server_software": environ.get("SERVER_SOFTWARE"),
        "remote_addr": environ.get("REMOTE_ADDR"),
        "url_scheme": environ["wsgi.url_scheme"],
        "multithread": environ["wsgi.multithread"],
        "multiprocess": environ["wsgi.multiprocess"],
        "run_once": environ["wsgi.run_once"],
        "pid": os.getpid(),
    }
    body = json.dumps(seen).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def to_home(environ, start_response):
    return go(environ, start_response, "/")


def cookies(environ, start_response):
    """Two Set-Cookie headers, which must stay two."""
    start_response("200 OK", [TEXT, ("Set-Cookie", "first=1; Path=/"), ("Set-Cookie", "second=2; Path=/")])
    return [b"two cookies\n"]


def cached(environ, start_response):
    """200 with an ETag, and 304 to those who have it."""
    tag = ("ETag", '"plain-1"')
    if environ.get("HTTP_IF_NONE_MATCH") == tag[1]:
        start_response("304 Not Modified", [tag])
        return []
    start_response("200 OK", [TEXT, tag])
    return [b"the same for ever\n"]


def gate(environ, start_response):
    """Sends one line, then waits until somebody writes to the named pipe `gates/NAME` beside this file."""
    path = HERE / "gates" / Path(environ["PATH_INFO"].rstrip("/")).name
    if not path.is_fifo():
        return missing(environ, start_response)
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    start_response("200 OK", [TEXT, AT_ONCE])

    def lines():
        with os.fdopen(pipe, "rb", buffering=0):
            yield b"before the gate\n"
            opened, _, _ = select.select([pipe], [], [], GATE_SECONDS)
            yield b"the gate was opened\n" if opened else b"the gate stayed closed\n"

    return lines()


PAGES = {
    "/": home,
    "/sign/": sign,
    "/said/": said,
    "/stream/": stream,
    "/static/style.css": style,
    "/boom/": boom,
    "/probe/": probe,
    "/probe/path/*": probe,
    "/probe/redirect/": to_home,
    "/probe/cookies/": cookies,
    "/probe/cached/": cached,
    "/probe/gate/*": gate,
}


def link(environ, path):
    """The address of a page of this site, wherever the site is mounted."""
    return quote(environ["SCRIPT_NAME"].encode("latin-1")) + path


def go(environ, start_response, path):
    start_response("302 Found", [("Location", link(environ, path)), ("Content-Length", "0")])
    return []


def number_cookie(environ, name):
    """The number kept in a cookie; 0 when there is none."""
    for part in environ.get("HTTP_COOKIE", "").split(";"):
        key, _, value = part.strip().partition("=")
        if key == name and value.isdecimal():
            return int(value)
    return 0


def show(environ, start_response, status, body, headers=()):
    """Puts a page together and sends it."""
    pages = [("/", "Home"), ("/stream/", "Stream"), ("/probe/", "Request")]
    nav = " ".join(f'<a href="{link(environ, path)}">{name}</a>' for path, name in pages)
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>One file</title><link rel="stylesheet" href="{link(environ, "/static/style.css")}"></head>
<body><nav>{nav}</nav>{body}</body></html>""".encode()
    start_response(
        status,
        [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page))), *headers],
    )
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [page]
