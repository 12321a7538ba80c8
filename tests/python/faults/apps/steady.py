"""The application under load: answers with the token of the request, and notes every request when it begins.

Query: TOKEN&SIZE&DELAY&WAY, with the delay in microseconds, and `list` or `parts` for the way of the answer. With the
variable JOURNAL, the file `JOURNAL/<pid>` has a line for each request begun: its token and the thread that serves it.
"""

import os
import threading
import time
import zlib

PIECE = 20_000
# Each worker imports this for itself. Lines are written at once, so that nothing is lost with a process that is killed.
JOURNAL = None
if folder := os.environ.get("JOURNAL"):
    JOURNAL = os.open(os.path.join(folder, str(os.getpid())), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)


def application(environ, start_response):
    if environ["PATH_INFO"] != "/":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"OK"]
    token, size, delay, way = environ["QUERY_STRING"].split("&")
    if JOURNAL is not None:
        os.write(JOURNAL, f"{token} {threading.get_ident()}\n".encode())
    length, digest = 0, 1
    while piece := environ["wsgi.input"].read(PIECE):
        length += len(piece)
        digest = zlib.adler32(piece, digest)
    if delay != "0":
        time.sleep(int(delay) / 1e6)
    size = int(size)
    whole = (token.encode() * (size // len(token) + 1))[:size]
    headers = [("Content-Type", "text/plain"), ("X-Token", token), ("X-Body", f"{length} {digest}")]
    start_response("200 OK", headers)
    if way == "list":
        return [whole]
    return (whole[at : at + PIECE] for at in range(0, size, PIECE))
