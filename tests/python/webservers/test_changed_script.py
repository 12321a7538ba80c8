"""A changed `.fcgi` file behind the web servers that start it themselves: new code, and no visitor is sent away."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from support import places, process
from support.recipes import Recipe
from support.webserver import Apache, Lighttpd

# The first line is the interpreter that has the package.
SCRIPT = """#!{python}
import os, time
from fcgi_runner import serve

begun = time.monotonic_ns()

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"{version} %d %d" % (os.getpid(), begun)]

serve(application, {options})
"""
OPTIONS = {"alone": "", "threads": "method='threaded'", "master": "method='prefork', maxspare=2", "worn": "maxrequests=25, jitter=0"}


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
        """The status, and the text: the version, the process that has answered, and its beginning."""
        answer = requests.get(self.address, timeout=20)
        return answer.status_code, answer.text


class Visitors:
    """Some who ask all the time."""

    def __init__(self, host, count=2):
        self._host, self._enough = host, threading.Event()
        self.answers = []
        self._pool = ThreadPoolExecutor(count)
        self._asking = [self._pool.submit(self._ask) for _ in range(count)]

    def _ask(self):
        while not self._enough.is_set():
            self.answers.append(self._host.visit())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._enough.set()
        self._pool.shutdown()
        assert not [asking.exception() for asking in self._asking if asking.exception()]

    def seen(self, number):
        """What stands there in the texts; each answer has to be a good one."""
        bad = [answer for answer in self.answers if answer[0] != 200]
        assert not bad, f"{len(bad)} of {len(self.answers)}: {bad[0]}\n{self._host.web.logs()}"
        return {text.split()[number] for _, text in list(self.answers)}


@pytest.fixture
def host(request, grounds):
    host = Host(grounds, *request.param)
    yield host
    host.web.stop()
    assert not process.using(host.script)


CHANGED = [(kind, options) for kind in (Apache, Lighttpd) for options in ("alone", "threads", "master")]
WORN = [(kind, "worn") for kind in (Apache, Lighttpd)]


def names(case):
    return f"{case[0].program}-{case[1]}"


@pytest.mark.parametrize("host", CHANGED, indirect=True, ids=names)
def test_new_code_is_served_and_nobody_is_sent_away(host):
    with Visitors(host) as visitors:
        for version in ("two", "three"):
            process.wait_for(lambda: len(visitors.seen(0)) > 0, what="an answer")
            host.put(version)
            process.wait_for(lambda wanted=version: wanted in visitors.seen(0), what="the new code")
        # The web server goes on with the processes that it has started.
        process.wait_for(lambda: visitors.answers[-1][1].startswith("three "), what="the new code")
    assert visitors.seen(0) == {"one", "two", "three"}
    assert "Traceback" not in host.web.logs()


@pytest.mark.parametrize("host", WORN, indirect=True, ids=names)
def test_processes_that_have_served_enough_start_anew_and_nobody_is_sent_away(host):
    with Visitors(host) as visitors:
        process.wait_for(lambda: len(visitors.seen(0)) > 0 and len(visitors.seen(2)) > 5, what="several beginnings")
    assert len(visitors.seen(1)) <= 2, "the same processes, one for each visitor at most"


@pytest.mark.parametrize("host", CHANGED, indirect=True, ids=names)
def test_what_cannot_be_served_changes_nothing(host):
    status, text = host.visit()
    assert (status, text.split()[0]) == (200, "one"), f"{text}\n{host.web.logs()}"
    # For a second one at the same time, Apache would start another process, with the script as it is then.
    with Visitors(host, 1) as visitors:
        host.script.write_text(f"#!{sys.executable}\nimport nowhere_to_be_found\n")
        process.wait_for(lambda: "FR423" in host.web.logs() or "FR422" in host.web.logs(), what="a word about it")
        assert visitors.seen(0) == {"one"}
        host.put("two")
        process.wait_for(lambda: "two" in visitors.seen(0), what="the new code")
