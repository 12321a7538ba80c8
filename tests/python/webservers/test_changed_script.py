"""A changed `.fcgi` file behind the web servers that start it themselves: the next visitor sees new code."""

import sys

import pytest
import requests
from support import places, process
from support.recipes import Recipe
from support.webserver import Apache, Lighttpd

# The first line is the interpreter that has the package.
SCRIPT = """#!{python}
import os
from fcgi_runner import serve

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"{version} %d" % os.getpid()]

serve(application, {options})
"""
OPTIONS = {"alone": "", "threads": "method='threaded'", "master": "method='prefork', maxspare=2"}


class Host:
    """A web server that starts the script at the first visit."""

    def __init__(self, grounds, kind, options):
        self.run = grounds.run_folder()
        self.options = OPTIONS[options]
        self.root = places.make_folder(self.run / "public_html")
        self.script = self.root / "mysite.fcgi"
        self.put("one")
        port = places.free_port()
        self.address = f"http://127.0.0.1:{port}/"
        if kind is Apache:
            values = {"/home/user/public_html": self.root, "*:80": f"127.0.0.1:{port}", "example.org": "127.0.0.1"}
            (self.root / ".htaccess").write_text(Recipe("shared-hosting/.htaccess").filled(values))
            places.give_away(self.root)
            recipe = Recipe("apache/fcgid.conf").filled(values)
        else:
            command = "/srv/mysite/.venv/bin/fcgi-run app=mysite.wsgi:application pythonpath=/srv/mysite method=threaded"
            values = {command: self.script, "/srv/mysite": self.root, "/run/mysite": self.run}
            recipe = Recipe("lighttpd/root-spawn.conf").filled(values)
        self.web = kind(self.run / "web", port, recipe)

    def put(self, version):
        """Writes the script in its place, so that it is the same file to the web server."""
        self.script.write_text(SCRIPT.format(python=sys.executable, version=version, options=self.options))
        self.script.chmod(0o755)
        places.give_away(self.root)

    def visit(self):
        """The status, and the text: the version and the process that have answered."""
        answer = requests.get(self.address, timeout=20)
        return answer.status_code, answer.text


@pytest.fixture
def host(request, grounds):
    host = Host(grounds, *request.param)
    yield host
    host.web.stop()
    assert not process.using(host.script)


CASES = [(kind, options) for kind in (Apache, Lighttpd) for options in OPTIONS]


@pytest.mark.parametrize("host", CASES, indirect=True, ids=lambda case: f"{case[0].program}-{case[1]}")
def test_the_server_ends_and_the_next_one_has_new_code(host):
    """These web servers close the socket that they give away, so a visitor of that moment may get an error of theirs."""
    status, text = host.visit()
    assert status == 200, f"{text}\n{host.web.logs()}"
    version, old = text.split()
    assert version == "one"
    host.put("two")
    seen = [(200, text)]

    def is_new():
        seen.append(host.visit())
        return seen[-1][1].startswith("two ")

    process.wait_for(is_new, what="the new code")
    process.wait_for(lambda: not process.alive(int(old)), what="the end of the old server")
    assert all(text.startswith("one ") for status, text in seen[:-1] if status == 200)
    assert {status for status, _ in seen} <= {200, 500, 503}
