#!/home/user/mysite/.venv/bin/python
"""A `.fcgi` file from the days of flup: one import has changed, the rest stayed."""

import sys

sys.path.insert(0, "/home/user/mysite")

from fcgi_runner.flup import WSGIServer  # was: from flup.server.fcgi import WSGIServer

from app import app

WSGIServer(app).run()
