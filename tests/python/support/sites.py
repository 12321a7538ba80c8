"""The example sites, copied and set up once a session, as a user would set them up in /srv/mysite."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from support import places
from support.appserver import environment, runner


@dataclass(frozen=True)
class Kind:
    """What differs between the sites: the application's name, a static file, and where the folder of those is."""

    name: str
    app: str
    static_folder: str
    static_file: str
    script: str


DJANGO = Kind("django", "mysite.wsgi:application", "staticfiles", "guestbook/style.css", "mysite.fcgi")
FLASK = Kind("flask", "app:app", "static", "style.css", "mysite-flup.fcgi")
PLAIN = Kind("plain", "app:app", "static", "style.css", "mysite-shell.fcgi")


class SiteFolder:
    """A copy of an example with its virtual environment, database and static files."""

    def __init__(self, kind, workplace):
        self.kind = kind
        self.path = workplace / kind.name
        shutil.copytree(places.EXAMPLES / kind.name, self.path, ignore=_leave_out)
        (self.path / ".venv").symlink_to(sys.prefix)
        (self.path / "gates").mkdir()
        places.give_away(self.path)
        if kind is DJANGO:
            for _ in range(2):  # it may be run again
                self.manage("setup_demo")

    def manage(self, *words):
        """Runs manage.py and returns what it printed."""
        argv = places.unprivileged([sys.executable, "manage.py", *words])
        done = subprocess.run(argv, cwd=self.path, env=environment(), capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"manage.py {' '.join(words)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    @property
    def static(self):
        return self.path / self.kind.static_folder

    def values(self, run_folder, port, http_port):
        """What stands for the placeholders of the recipes."""
        return {
            "/srv/mysite/staticfiles": self.static,
            "/srv/mysite/errors.log": run_folder / "errors.log",
            "/srv/mysite/.venv/bin/fcgi-run": runner(),
            "/srv/mysite": self.path,
            "/run/mysite": run_folder,
            "/home/user/mysite/.venv/bin/fcgi-run": runner(),
            "/home/user/mysite": self.path,
            "mysite.wsgi:application": self.kind.app,
            "127.0.0.1:3033": f"127.0.0.1:{port}",
            "3033": port,
            "example.org {": f"http://127.0.0.1:{http_port} {{",
            "example.org": "127.0.0.1",
            "listen 80": f"listen 127.0.0.1:{http_port}",
            "*:80": f"127.0.0.1:{http_port}",
        }


def install_script(recipe, values, target):
    """Puts a filled-in `.fcgi` file where a web server starts it."""
    target.write_text(recipe.filled(values))
    target.chmod(0o755)
    places.give_away(Path(target))


def _leave_out(_folder, names):
    """What a run of the demo in the work tree may have left there."""
    unwanted = {"__pycache__", ".venv", "media", "staticfiles", "servers", "gates"}
    return [name for name in names if name in unwanted or ".sqlite3" in name or name.endswith((".log", ".pid"))]
