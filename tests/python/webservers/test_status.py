"""The status, a ping and the socket of the status, asked for through real web servers."""

import json

import pytest
import requests
from support import places
from support.recipes import Recipe
from support.sites import PLAIN
from support.webserver import Caddy

from webservers.front_ends import FRONT_ENDS

NAMES = [name for name in FRONT_ENDS if Recipe(FRONT_ENDS[name][1].format("root")).words()]
FOREIGN = {"X-Forwarded-For": "192.0.2.1"}


class Shown:
    """A site of one recipe that tells how it is doing."""

    def __init__(self, name, place, grounds):
        server, pattern = FRONT_ENDS[name]
        self.prefix = "/mysite" if place == "prefix" else ""
        recipe, folder, http_port = Recipe(pattern.format(place)), grounds.folder(PLAIN), places.free_port()
        own = [f"statuspath={self.prefix}/server-status", f"pingpath={self.prefix}/ping"]
        own += ["statussocket=/run/mysite/status.sock", "statusmode=0666"]
        self.app, self.run_folder, port = grounds.server(PLAIN, [*recipe.words(), *own], self.prefix)
        values = folder.values(self.run_folder, port, http_port)
        values |= {"127.0.0.1:8080": f"127.0.0.1:{places.free_port()}"}
        self.web = server(grounds.workplace / f"status-{name}-{place}", http_port, recipe.filled(values))

    def get(self, path, **headers):
        return requests.get(f"http://127.0.0.1:{self.web.port}{self.prefix}{path}", headers=headers, timeout=20)


@pytest.fixture(scope="module", params=[(name, place) for name in NAMES for place in ("root", "prefix")], ids="-".join)
def shown(request, grounds):
    shown = Shown(*request.param, grounds)
    yield shown
    shown.web.stop()


def test_the_paths_are_found_behind_every_web_server(shown):
    assert shown.get("/ping").text == "pong\n"
    assert shown.get("/server-status").text.startswith("app:")
    told = shown.get("/server-status?json").json()
    assert told["workers"] and told == json.loads(json.dumps(told))
    assert shown.get("/server-status/metrics").text.endswith("# EOF\n")
    page = shown.get("/server-status", Accept="text/html,*/*;q=0.8")
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    head = requests.head(f"http://127.0.0.1:{shown.web.port}{shown.prefix}/server-status", timeout=20)
    assert (head.status_code, head.content) == (200, b"")


def test_for_visitors_of_a_proxy_the_path_is_the_sites(shown):
    answer = shown.get("/server-status", **FOREIGN)
    # Caddy believes nobody, and writes the header anew.
    assert answer.text.startswith("app:") == isinstance(shown.web, Caddy), answer.text
    assert shown.get("/ping", **FOREIGN).text == "pong\n"


def test_nginx_passes_requests_on_to_the_socket_of_the_status(grounds):
    recipe, http_port = Recipe("nginx/root-unix.conf"), places.free_port()
    words = [*recipe.words(), "statussocket=/run/mysite/status.sock", "statusmode=0666"]
    _, run_folder, port = grounds.server(PLAIN, words, "")
    text = recipe.filled(grounds.folder(PLAIN).values(run_folder, port, http_port))
    socket = run_folder / "status.sock"
    locations = f"""
    location /fastcgi/ {{ include fastcgi_params; fastcgi_pass unix:{socket}; }}
    location /http/ {{ proxy_pass http://unix:{socket}:/; }}
    location / {{"""
    web = FRONT_ENDS["nginx-unix"][0](grounds.workplace / "status-passed", http_port, text.replace("    location / {", locations))
    try:
        for place in ("fastcgi", "http"):
            url = f"http://127.0.0.1:{http_port}/{place}"
            assert requests.get(f"{url}/", timeout=20).text.startswith("app:")
            assert requests.get(f"{url}/metrics", timeout=20).text.endswith("# EOF\n")
            assert requests.get(f"{url}/json", timeout=20).json()["server"]["pid"] > 0
    finally:
        web.stop()
