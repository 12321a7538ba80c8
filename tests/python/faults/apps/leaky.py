"""Leaks descriptors: after /leak this process opens files until no more can be opened, and goes on like that.

It lets go of them when there is a file of the name `free` in its working folder. /slow takes a moment.
"""

import os
import threading
import time


def leak():
    kept = []
    while not os.path.exists("free"):
        try:
            kept.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            time.sleep(0.001)
    for descriptor in kept:
        os.close(descriptor)


def application(environ, start_response):
    if environ["PATH_INFO"] == "/leak":
        threading.Thread(target=leak, daemon=True).start()
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.2)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"OK {os.getpid()}".encode()]
