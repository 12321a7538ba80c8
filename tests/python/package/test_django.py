"""Django: the function of its documentation, the command, and connections to databases."""

import os
import re
import signal
from pathlib import Path

import pytest

from package.programs import ROLE, UNKNOWN_ROLE, Program, ask, facts, listener, read_pid, role, run, wait_for_end, write

SETTINGS = """
SECRET_KEY = "secret"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["fcgi_runner.django"]
WSGI_APPLICATION = "wsgi.application"
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
"""

WSGI = """
from wsgiref.validate import validator
from django.core.wsgi import get_wsgi_application

application = validator(get_wsgi_application())
"""

URLS = """
import os
import re
from django.http import HttpResponse
from django.urls import re_path

def view(request):
    flags = " ".join(f"{name}={request.environ['wsgi.' + name]}" for name in ("multithread", "multiprocess"))
    ours = sum("FCGI_RUNNER" in name for name in os.environ)
    return HttpResponse(f"version=1 ours={ours} path={request.path} " + flags)

urlpatterns = [re_path("", view)]
"""

MANAGE = """
import os
import re
import sys
from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config")
execute_from_command_line(sys.argv)
"""

FCGI = """
import sys, os
os.environ["DJANGO_SETTINGS_MODULE"] = "config"

from fcgi_runner.django import runfastcgi
"""


@pytest.fixture
def project(folder):
    write(folder, config=SETTINGS, urls=URLS, wsgi=WSGI, manage=MANAGE)
    return folder


def fcgi_file(project, call):
    write(project, mysite=FCGI + call)
    with listener(project / "s") as web_server:
        return Program(project, "mysite.py", stdin=web_server)


@pytest.mark.parametrize(
    ("call", "flags"),
    [
        ('runfastcgi(method="threaded", daemonize="false")', ("True", "True")),
        ('runfastcgi(method="prefork", daemonize="false", maxspare=2)', ("False", "True")),
        ('runfastcgi(["method=threaded"], method="prefork", daemonize="false")', ("True", "True")),
        ("runfastcgi()", ("False", "True")),
    ],
)
def test_the_file_of_the_documentation(project, call, flags):
    started = fcgi_file(project, call)
    told = started.facts(project / "s", "/some/where")
    assert told["path"] == "/some/where"
    assert (told["multithread"], told["multiprocess"]) == flags
    assert started.stop() == 0


def test_the_file_answers_with_an_error_where_the_project_is_broken(project):
    write(project, wsgi="import not_there")
    started = fcgi_file(project, 'runfastcgi(method="threaded", daemonize="false")')
    with pytest.raises(AssertionError, match="Status: 500 "):
        started.wait_until(lambda: ask(project / "s"))
    assert "No module named 'not_there'" in started.stderr
    assert started.stop() == 0


def test_a_project_without_a_settings_module(folder):
    write(folder, urls=URLS, single=SINGLE)
    started = Program(folder, "single.py")
    assert started.facts(folder / "s")["multiprocess"] == "True"
    assert started.stop() == 0


SINGLE = """
from django.conf import settings
settings.configure(SECRET_KEY="secret", ALLOWED_HOSTS=["*"], ROOT_URLCONF="urls")
from fcgi_runner.django import runfastcgi
runfastcgi(socket="s", daemonize=False)
"""


@pytest.mark.parametrize("words", [["help"], ["HELP", "socket=s"]])
def test_help_works_in_a_broken_project(project, words):
    write(project, urls="import not_there")
    status, out, err = run(project, "manage.py", "runfcgi", *words)
    assert (status, err) == (0, "")
    assert "maxspare" in out


def test_an_unknown_option_is_refused_with_the_nearest_one(project):
    status, _, err = run(project, "manage.py", "runfcgi", "maxrequest=5", "socket=s")
    assert status == 2
    assert "error[FR001]: unknown option `maxrequest`\nhint:" in err
    assert "maxrequests" in err


@pytest.mark.parametrize("broken", ["urls", "wsgi"])
def test_a_failed_import_is_seen_on_the_terminal(project, broken):
    write(project, **{broken: "import not_there"})
    status, _, err = run(project, "manage.py", "runfcgi", "socket=s", "errlog=log")
    assert status == 3
    assert re.search(r"^error\[FR1\d\d\]: ", err, re.MULTILINE), err
    assert "No module named 'not_there'" in err
    assert not (project / "s").exists()


def test_the_command_of_the_documentation(project):
    words = ["method=prefork", "socket=s", "pidfile=pid", "errlog=log", "maxspare=2"]
    status, out, err = run(project, "manage.py", "runfcgi", *words)
    assert (status, out, err) == (0, "", "")
    assert facts(ask(project / "s"))["multiprocess"] == "True"
    daemon = read_pid(project / "pid")
    os.kill(daemon, signal.SIGTERM)
    wait_for_end(daemon)
    assert not (project / "pid").exists()


@pytest.mark.parametrize("method", ["prefork", "threaded"])
def test_the_command_in_the_foreground_loads_new_code_on_hanging_up(project, method):
    started = Program(project, "manage.py", "runfcgi", "socket=s", "daemonize=false", f"method={method}")
    assert started.facts(project / "s")["version"] == "1"
    write(project, urls=URLS.replace("version=1", "version=new"))
    os.kill(started.pid, signal.SIGHUP)
    started.wait_until(lambda: facts(ask(project / "s"))["version"] == "new")
    assert started.stop(signal.SIGINT) == 0
    assert "Traceback" not in started.stderr


@pytest.mark.parametrize("by", ["command", "word", "callable"])
def test_the_project_is_served_beside_its_authorizer(project, by):
    arguments = {"word": "authorizer='guard:tell_role'", "callable": "authorizer=tell_role"}.get(by)
    script = f"{FCGI}from guard import tell_role\nrunfastcgi({arguments}, socket='s', daemonize=False)"
    write(project, guard=ROLE, script=script)
    command = ("manage.py", "runfcgi", "authorizer=guard:tell_role", "socket=s", "daemonize=false")
    started = Program(project, *(command if by == "command" else ("script.py",)))
    assert started.facts(project / "s")["version"] == "1"
    assert role(project / "s", 2) == b"authorizer none"
    assert role(project / "s", 3) == UNKNOWN_ROLE
    assert started.stop() == 0


def test_the_command_keeps_the_import_path_of_the_project(project):
    (project / "elsewhere").mkdir()
    (project / "more").mkdir()
    write(project / "more", urls=URLS)
    (project / "urls.py").unlink()
    started = Program(
        project / "elsewhere",
        "-W", "error::ImportWarning", project / "manage.py", "runfcgi", f"--pythonpath={project / 'more'}",
        "--settings=config", "socket=s", "daemonize=false",
    )  # fmt: skip
    told = started.facts(project / "elsewhere" / "s")
    assert (told["version"], told["ours"]) == ("1", "0")
    command = Path(f"/proc/{started.pid}/cmdline").read_text().replace("\0", " ")
    assert "runfcgi socket=s" in command
    assert "-Werror::ImportWarning" in command
    assert started.stop() == 0


FORK = """
import os, socket
from django.conf import settings
settings.configure(
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"},
        "memory": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
        "never": {"ENGINE": "django.db.backends.sqlite3", "NAME": "never.sqlite3"},
    },
    INSTALLED_APPS=["fcgi_runner.django"],
)
import django
django.setup()
from django.db import connections

class Driver:
    def __init__(self, end):
        self.fileno = end.fileno
        self.close = lambda: os.write(end.fileno(), b"bye")

database, end = socket.socketpair()
driver = Driver(end)
connections["memory"].cursor().execute("create table t (n)")
connections["default"].connection = driver
in_memory = connections["memory"].connection
if os.fork() == 0:
    status = [connections["default"].connection is None, connections["memory"].connection is in_memory]
    driver.close()
    connections["default"].cursor().execute("create table made_by_the_child (n)")
    connections["memory"].cursor().execute("select n from t")
    os._exit(0 if all(status) else 1)
_, status = os.wait()
assert status == 0, status
assert connections["default"].connection is driver
end.send(b"parent")
print(database.recv(100))
"""


def test_a_forked_process_says_nothing_on_connections_that_it_inherits(folder):
    write(folder, fork=FORK)
    assert run(folder, "fork.py") == (0, "b'parent'\n", "")


PRELOADED = """
from django.core.wsgi import get_wsgi_application
django = get_wsgi_application()
from django.db import connection
connection.ensure_connection()

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"inherited={connection.connection is not None}".encode()]
"""


def test_preloaded_workers_put_the_connections_of_the_master_aside(project):
    write(project, wsgi=PRELOADED)
    started = Program(project, "-m", "fcgi_runner", "settings=config", "socket=s", "daemonize=false", "preload=true")
    assert started.facts(project / "s") == {"inherited": "False"}
    assert started.stop() == 0
