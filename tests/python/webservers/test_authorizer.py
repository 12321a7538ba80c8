"""Pages and files behind an authorizer: Apache and lighttpd ask the one of examples/authorizer who may come in."""

import http.client

import pytest
import requests
from support import places
from support.recipes import Recipe
from support.sites import Kind
from support.webserver import Apache, Lighttpd

GUARDED = Kind("authorizer", "pages:application", "static", "list.css", "")
RECIPES = {"apache.conf": Apache, "lighttpd.conf": Lighttpd}
PAGES = """
import json

def application(environ, start_response):
    facts = {name: environ.get(name) for name in ("PATH_INFO", "REMOTE_USER", "GROUP", "fcgi.role")}
    facts["body"] = len(environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(facts).encode()]
"""
BOB, ANN = ("bob", "builder"), ("ann", "wonderland")


class Guarded:
    """The pages above, beside the authorizer and a file, behind the web server of one recipe."""

    def __init__(self, name, grounds):
        folder = grounds.folder(GUARDED)
        (folder.path / "pages.py").write_text(PAGES)
        places.make_folder(folder.static)
        (folder.static / "list.css").write_text("a guarded file\n")
        recipe, http_port = Recipe(f"authorizer/{name}"), places.free_port()
        self.app, run_folder, port = grounds.server(GUARDED, recipe.words(), "")
        values = folder.values(run_folder, port, http_port)
        self.web = RECIPES[name](grounds.workplace / f"guarded-{name}", http_port, recipe.filled(values))

    def ask(self, path, user=None, method="GET", **more):
        return requests.request(method, f"http://127.0.0.1:{self.web.port}{path}", auth=user, timeout=20, **more)

    def ask_for(self, target):
        """The status of a target that is sent as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.web.port, timeout=20)
        try:
            connection.putrequest("GET", target)
            connection.endheaders()
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture(scope="module", params=RECIPES)
def guarded(request, grounds):
    guarded = Guarded(request.param, grounds)
    yield guarded
    guarded.web.stop()


def test_no_recipe_is_left_out():
    assert {path.name for path in (places.EXAMPLES / "authorizer").glob("*.conf")} == set(RECIPES)


@pytest.mark.parametrize(("user", "group"), [(BOB, "guests"), (ANN, "staff")])
def test_who_is_let_in_is_known_to_the_page_by_variables(guarded, user, group):
    page = guarded.ask("/private/page?a=b", user)
    assert page.status_code == 200
    expected = {"PATH_INFO": "/private/page", "REMOTE_USER": user[0], "GROUP": group, "fcgi.role": "responder", "body": 0}
    assert page.json() == expected


@pytest.mark.parametrize("user", [None, ("bob", "wrong"), ("nobody", ""), ("", "builder"), ("bob", "")])
@pytest.mark.parametrize("path", ["/private/page", "/private/files/list.css", "/private/", "/private"])
def test_who_is_not_known_is_asked_for_a_name(guarded, path, user):
    answer = guarded.ask(path, user)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="mysite"'
    assert "guarded" not in answer.text
    assert "PATH_INFO" not in answer.text


def test_the_page_of_a_refusal_is_that_of_the_authorizer(guarded):
    refused = guarded.ask("/private/staff/plans", BOB)
    assert (refused.status_code, refused.text) == (403, "This is for the staff.\n")
    assert guarded.ask("/private/page", ("bob", "wrong")).text == "Who are you?\n"
    assert guarded.ask("/private/staff/plans", ANN).json()["REMOTE_USER"] == "ann"


def test_a_file_is_guarded_and_comes_as_it_is(guarded):
    answer = guarded.ask("/private/files/list.css", BOB)
    assert (answer.status_code, answer.text) == (200, "a guarded file\n")
    assert not [name for name in answer.headers if name.lower().startswith("variable-")]
    assert guarded.ask("/private/files/list.css", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 401
    again = guarded.ask("/private/files/list.css", BOB, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_an_upload_goes_past_the_authorizer_to_the_page(guarded):
    body = b"x" * 300_000
    assert guarded.ask("/private/page", BOB, "POST", data=body).json()["body"] == len(body)
    assert guarded.ask("/private/page", None, "POST", data=body).status_code == 401
    head = guarded.ask("/private/page", BOB, "HEAD")
    assert (head.status_code, head.content) == (200, b"")


def test_other_pages_are_for_everybody_and_nobody_can_pretend(guarded):
    claims = {"Group": "staff", "Remote-User": "ann", "Variable-Group": "staff", "Variable-REMOTE_USER": "ann"}
    for path in ["/", "/public/page"]:
        page = guarded.ask(path, headers=claims)
        assert page.status_code == 200
        assert page.json() == {"PATH_INFO": path, "REMOTE_USER": None, "GROUP": None, "fcgi.role": "responder", "body": 0}
    assert guarded.ask("/private/page", BOB, headers=claims).json()["GROUP"] == "guests"


@pytest.mark.parametrize(
    "target",
    ["//private/page", "/./private/page", "/public/../private/page", "/%70rivate/page", "/private/./files/list.css"],
)
def test_there_is_no_way_around(guarded, target):
    assert guarded.ask_for(target) == 401
