"""A small Flask site: `fcgi-run app=app:app socket=/tmp/notes.sock` in this folder.

Notes live in the visitor's session, so the site needs no database. The pages under /probe/ are for tests: they tell
what reached the application and answer in unusual shapes.
"""

import hashlib
import os
import secrets
import select
import time
from pathlib import Path

from flask import Flask, Response, abort, flash, jsonify, redirect, render_template, request, session, url_for

GATE_SECONDS = 20

app = Flask(__name__)
# Several processes must agree on the key that signs sessions: set your own on a real server.
app.secret_key = os.environ.get("NOTES_SECRET_KEY", "demo-key-known-to-everybody-never-use-it-on-a-real-server")


@app.get("/")
def home():
    session["visits"] = session.get("visits", 0) + 1
    return render_template("home.html", token=_token())


@app.post("/sign/")
def sign():
    """Adds a note and goes back; refuses forms that were not made for this session."""
    if not secrets.compare_digest(request.form.get("token", ""), _token()):
        abort(403)
    session["notes"] = [request.form["message"][:200], *session.get("notes", [])][:10]
    flash("Thank you. Your note is kept.")
    return redirect(url_for("home"))


@app.route("/files/", methods=["GET", "POST"])
def files():
    """Shows the size and the SHA-256 of a file that was sent; keeps nothing."""
    sent = request.files.get("file")
    return render_template("files.html", sent=_measure(sent.stream, sent.filename) if sent else None, token=_token())


@app.get("/stream/")
def stream():
    """A text that is sent while it is made: `?count=` lines, `?delay=` seconds between them."""
    count = min(request.args.get("count", 10, type=int), 1000)
    delay = min(max(request.args.get("delay", 0.5, type=float), 0.0), 10.0)

    def lines():
        for number in range(1, count + 1):
            if number > 1:
                time.sleep(delay)
            yield f"line {number} of {count}\n"

    return _streamed(lines())


@app.get("/boom/")
def boom():
    raise RuntimeError("this page fails on purpose")


@app.errorhandler(404)
def not_found(_error):
    return render_template("message.html", title="No such page", text="Nothing is kept under this address."), 404


@app.errorhandler(500)
def broken(_error):
    return render_template("message.html", title="Something broke on our side", text="The log has the details."), 500


ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@app.route("/probe/", methods=ANY_METHOD)
@app.route("/probe/path/<path:rest>", methods=ANY_METHOD)
def probe(rest=None):
    """The request as the application got it, as JSON."""
    environ = request.environ
    body = _measure(request.stream)
    return jsonify(
        method=request.method,
        path=request.script_root + request.path,
        script_name=environ["SCRIPT_NAME"],
        path_info=environ["PATH_INFO"].encode("latin-1").decode(),
        rest=rest,
        query=environ["QUERY_STRING"],
        get=request.args,
        content_length=environ.get("CONTENT_LENGTH"),
        content_type=environ.get("CONTENT_TYPE"),
        body_length=body["size"],
        body_sha256=body["sha256"],
        headers={name: value for name, value in environ.items() if name.startswith("HTTP_")},
        server_software=environ.get("SERVER_SOFTWARE"),
        remote_addr=environ.get("REMOTE_ADDR"),
        url_scheme=environ["wsgi.url_scheme"],
        multithread=environ["wsgi.multithread"],
        multiprocess=environ["wsgi.multiprocess"],
        run_once=environ["wsgi.run_once"],
        pid=os.getpid(),
    )


@app.get("/probe/redirect/")
def to_home():
    return redirect(url_for("home"))


@app.get("/probe/cookies/")
def cookies():
    """Two Set-Cookie headers, which must stay two."""
    response = Response("two cookies\n", mimetype="text/plain")
    response.set_cookie("first", "1")
    response.set_cookie("second", "2")
    return response


@app.get("/probe/cached/")
def cached():
    """200 with an ETag, and 304 to those who have it."""
    response = Response("the same for ever\n", mimetype="text/plain")
    response.set_etag("notes-1")
    return response.make_conditional(request)


@app.get("/probe/gate/<name>/")
def gate(name):
    """Sends one line, then waits until somebody writes to the named pipe `gates/NAME` beside this file."""
    path = Path(app.root_path) / "gates" / name
    if not path.is_fifo():
        abort(404)
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def lines():
        with os.fdopen(pipe, "rb", buffering=0):
            yield "before the gate\n"
            opened, _, _ = select.select([pipe], [], [], GATE_SECONDS)
            yield "the gate was opened\n" if opened else "the gate stayed closed\n"

    return _streamed(lines())


def _token():
    """The secret of this session that its forms must repeat."""
    return session.setdefault("token", secrets.token_urlsafe(16))


def _measure(stream, name=None):
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(65536):
        digest.update(chunk)
        size += len(chunk)
    return {"name": name, "size": size, "sha256": digest.hexdigest()}


def _streamed(lines):
    # The header asks nginx to pass every part on at once.
    return Response(lines, mimetype="text/plain", headers={"X-Accel-Buffering": "no"})
