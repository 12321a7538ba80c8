"""The servers that are compared: how each is started, and what it can do.

Each has two processes, or one with threads, on a Unix socket, without an access log, and otherwise its own defaults; listen
queues are long enough for all. What a server cannot do was seen by trying.
"""

from collections.abc import Callable
from dataclasses import dataclass

from benches import places

FASTCGI, UWSGI, HTTP = "fastcgi", "uwsgi", "http"

#: The one that others are told in ratio to.
REFERENCE = "uwsgi-p2"
OURS = "ours-p2"
GRANIAN = "granian"
PHP = "php-fpm"


@dataclass(frozen=True)
class Server:
    """A server, not yet started."""

    name: str
    #: For people.
    label: str
    #: Words with `{socket}`, `{folder}` and the names of `programs`.
    command: str
    protocol: str = FASTCGI
    #: Whether it keeps connections.
    keeps: bool = True
    #: Kept connections that it serves, when each of them occupies a process or a thread.
    most_kept: int | None = None
    #: Whether it takes several requests at once on one connection.
    shares: bool = False
    #: Whether it runs the application in Python; the others say hello and nothing else.
    python: bool = True

    def words(self, socket: str, folder: str) -> list[str]:
        """The command line."""
        names = {**_programs(self.command), "socket": socket, "folder": folder}
        return [word.format(**names) for word in self.command.split()]


def _programs(command: str) -> dict[str, str]:
    """Paths of what this command needs; others may be missing."""
    known: dict[str, Callable[[], str]] = {
        "fcgi_run": places.fcgi_run,
        "php_fpm": places.php_fpm,
        "hello_fcgi": lambda: str(places.HELLO_FCGI),
        "venv": lambda: str(places.VENV),
        "apps": lambda: str(places.APPS),
    }
    return {name: find() for name, find in known.items() if f"{{{name}}}" in command}


_OURS = "{fcgi_run} daemonize=false socket={socket} pythonpath={apps} app=bench_app:application "
_PREFORK = _OURS + "method=prefork minspare={count} maxspare={count} maxchildren={count}"
_UWSGI_WORDS = (
    "{socket} --listen 1024 --master --pythonpath {apps} --module bench_app --need-app --disable-logging --die-on-term "
)
_UWSGI = "{venv}/uwsgi --fastcgi-socket " + _UWSGI_WORDS
_UWSGI_OWN = "{venv}/uwsgi --uwsgi-socket " + _UWSGI_WORDS
_GUNICORN = "{venv}/gunicorn --bind unix:{socket} --chdir {apps} --log-level error bench_app:application "
_GRANIAN = (
    "{venv}/granian --interface wsgi --uds {socket} --no-ws --log-level error --working-dir {apps} bench_app:application "
)
_FLUP = "{venv}/python {apps}/flup_server.py {socket} "


def _prefork(count: int) -> str:
    return _PREFORK.replace("{count}", str(count))


_ALL = (
    Server("ours-p2", "fcgi-run prefork (2 processes)", _prefork(2)),
    Server("ours-p1", "fcgi-run prefork (1 process)", _prefork(1)),
    Server("ours-t4", "fcgi-run threaded (4 threads)", _OURS + "method=threaded threads=4", shares=True),
    Server("ours-t200", "fcgi-run threaded (200 threads)", _OURS + "method=threaded threads=200", shares=True),
    Server("libfcgi", "libfcgi in C (2 processes)", "{hello_fcgi} {socket} 2", most_kept=2, python=False),
    Server(PHP, "php-fpm (2 processes)", "{php_fpm} -R -F -n -y {folder}/fpm.conf", most_kept=2, python=False),
    Server("uwsgi-p2", "uWSGI (2 processes)", _UWSGI + "--processes 2", keeps=False),
    Server("uwsgi-p1", "uWSGI (1 process)", _UWSGI + "--processes 1", keeps=False),
    Server("uwsgi-t4", "uWSGI (4 threads)", _UWSGI + "--processes 1 --threads 4", keeps=False),
    Server("uwsgi-t200", "uWSGI (200 threads)", _UWSGI + "--processes 1 --threads 200", keeps=False),
    Server("flup-prefork", "flup prefork (2 processes)", _FLUP + "prefork", most_kept=2),
    Server("flup-threaded", "flup threaded", _FLUP + "threaded"),
    Server("flup-t200", "flup threaded (200 threads)", _FLUP + "threaded 200"),
    Server("uwsgi-own", "uWSGI over its own protocol", _UWSGI_OWN + "--processes 2", UWSGI, keeps=False),
    Server("gunicorn", "gunicorn (2 processes)", _GUNICORN + "--workers 2", HTTP, keeps=False),
    Server("gunicorn-t", "gunicorn (2 processes with 4 threads)", _GUNICORN + "--workers 2 --threads 4", HTTP),
    Server(GRANIAN, "granian (2 processes)", _GRANIAN + "--workers 2", HTTP),
)

SERVERS = {server.name: server for server in _ALL}

FPM = """\
[global]
error_log = {folder}/fpm.log
daemonize = no
[www]
{user}
listen = {socket}
listen.backlog = 1024
pm = static
pm.max_children = 2
"""
