"""The matrix: which recipe stands before which site, and how one of them is built up."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from support import places, recipes
from support.appserver import AppServer, environment
from support.browser import Browser
from support.recipes import Recipe
from support.sites import DJANGO, FLASK, PLAIN, SiteFolder, install_script
from support.webserver import Apache, Caddy, HaProxy, Lighttpd, Nginx

FRONT_ENDS = {
    "nginx-unix": (Nginx, "nginx/{}-unix.conf"),
    "nginx-tcp": (Nginx, "nginx/{}-tcp.conf"),
    "nginx-keepalive": (Nginx, "nginx/{}-keepalive.conf"),
    "lighttpd-socket": (Lighttpd, "lighttpd/{}-socket.conf"),
    "lighttpd-tcp": (Lighttpd, "lighttpd/{}-tcp.conf"),
    "lighttpd-spawn": (Lighttpd, "lighttpd/{}-spawn.conf"),
    "apache-unix": (Apache, "apache/{}-unix.conf"),
    "apache-tcp": (Apache, "apache/{}-tcp.conf"),
    "apache-fcgid": (Apache, "apache/fcgid.conf"),
    "haproxy-unix": (HaProxy, "haproxy/{}-unix.cfg"),
    "haproxy-tcp": (HaProxy, "haproxy/{}-tcp.cfg"),
    "caddy-unix": (Caddy, "caddy/{}-unix.caddyfile"),
    "caddy-tcp": (Caddy, "caddy/{}-tcp.caddyfile"),
}

# Stands beside a web server that serves no files itself.
STATIC_FILES = "haproxy/static-files.conf"


@dataclass(frozen=True)
class Case:
    """One cell of the matrix."""

    front_end: str
    kind: object
    prefix: str = ""

    def __str__(self):
        return f"{self.front_end}-{self.kind.name}{'-prefix' if self.prefix else ''}"

    @property
    def recipe(self):
        return Recipe(FRONT_ENDS[self.front_end][1].format("prefix" if self.prefix else "root"))


CASES = [case for name in FRONT_ENDS for case in (Case(name, DJANGO), Case(name, DJANGO, "/mysite"), Case(name, FLASK))]
CASES += [Case("nginx-unix", PLAIN), Case("apache-fcgid", PLAIN)]


class Grounds:
    """The site folders and the fcgi-run servers of a session; each is made when first asked for."""

    def __init__(self, workplace):
        self.workplace = workplace
        self._folders = {}
        self._servers = {}
        self._count = 0

    def folder(self, kind):
        if kind not in self._folders:
            self._folders[kind] = SiteFolder(kind, self.workplace)
        return self._folders[kind]

    def run_folder(self):
        """A new empty folder in the place of /run/mysite."""
        self._count += 1
        return places.make_folder(self.workplace / f"run{self._count}")

    def server(self, kind, words, prefix):
        """The server that `words`, from the head of a recipe, start; its folder and port, for the placeholders."""
        key = (kind, tuple(words), prefix)
        if key not in self._servers:
            folder, run_folder, port = self.folder(kind), self.run_folder(), places.free_port()
            filled = [recipes.fill(word, folder.values(run_folder, port, 0)) for word in words]
            name = f"fcgi-run-{run_folder.name}"
            app = AppServer(filled, folder.path, environment(), name=name, prefix=prefix)
            self._servers[key] = (app, run_folder, port)
        return self._servers[key]

    def stop(self):
        for app, _, _ in self._servers.values():
            app.stop()


class Site:
    """A site that is up, behind its web server."""

    def __init__(self, case, grounds):
        self.case = case
        self.kind = case.kind
        self.prefix = case.prefix
        self.folder = grounds.folder(case.kind)
        self.app = None
        recipe, port, http_port = case.recipe, 0, places.free_port()
        if words := recipe.words():
            self.app, run_folder, port = grounds.server(case.kind, words, case.prefix)
        else:
            run_folder = grounds.run_folder()
        values = self.folder.values(run_folder, port, http_port) | {"127.0.0.1:8080": f"127.0.0.1:{places.free_port()}"}
        if "/home/user" in recipe.text:
            values["/home/user/public_html"] = self.lay_out_public_html(run_folder, values)
        elif not words:
            install_script(Recipe("shared-hosting/mysite.fcgi"), values, self.folder.path / "mysite.fcgi")
        server = FRONT_ENDS[case.front_end][0]
        self.files = None
        if server is HaProxy:
            files = Recipe(STATIC_FILES).filled(values)
            self.files = Lighttpd(grounds.workplace / f"files-{case}", places.free_port(), files)
        self.web = server(grounds.workplace / f"web-{case}", http_port, recipe.filled(values))
        self.origin = f"http://127.0.0.1:{http_port}"
        self.base = self.origin + case.prefix

    def lay_out_public_html(self, run_folder, values):
        """The document root of a shared host: static files, `.htaccess` and the `.fcgi` file, at `/` or in a folder."""
        root = run_folder / "public_html"
        place = root / self.prefix.lstrip("/")
        place.mkdir(parents=True)
        (place / "static").symlink_to(self.folder.static)
        (place / ".htaccess").write_text(Recipe("shared-hosting/.htaccess").filled(values))
        places.give_away(root)
        install_script(Recipe(f"shared-hosting/{self.kind.script}"), values, place / "mysite.fcgi")
        return root

    def browser(self):
        return Browser(self.base)

    def logs(self):
        """What the server of the site and the web server have written."""
        return (self.app.logs() if self.app else "") + self.web.logs()

    def gate(self, name):
        """A new named pipe that the page /probe/gate/NAME/ waits for."""
        return Gate(self.folder.path / "gates" / name)

    def stop(self):
        self.web.stop()
        if self.files:
            self.files.stop()


class Gate:
    """A named pipe; `open` lets the page that waits on it go on."""

    def __init__(self, path: Path):
        self.path = path
        os.mkfifo(path)
        path.chmod(0o666)
        places.give_away(path.parent)

    def open(self):
        """Writes to the page that waits; fails when none does."""
        pipe = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        os.write(pipe, b"go\n")
        os.close(pipe)

    def open_if_waited_for(self):
        """The same, for a page that may have been given up already."""
        try:
            self.open()
        except OSError as error:
            assert error.errno == errno.ENXIO
