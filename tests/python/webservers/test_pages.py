"""What a visitor sees: pages, links, redirects, errors, static files."""

from urllib.parse import urljoin, urlsplit

from support.browser import links


def test_home_page(site, browser):
    page = browser.get("/")
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "in this session" in page.text


def test_every_link_of_the_home_page_stays_in_the_site_and_works(site, browser):
    page = browser.get("/")
    found = [link for link in links(page.text) if "/stream/" not in link and "/sign/" not in link]
    assert len(found) >= 3
    for link in (urljoin(page.url, link) for link in found):
        assert link.startswith(site.base + "/"), f"{link} leaves {site.base}"
        answer = browser.session.get(link, timeout=20)
        assert answer.status_code == 200, f"{link}: {answer.status_code}"


def test_redirect_leads_back_into_the_site(site, browser):
    answer = browser.get("/probe/redirect/", allow_redirects=False)
    assert answer.status_code == 302
    assert urlsplit(answer.headers["Location"]).path == site.prefix + "/"
    assert browser.get("/probe/redirect/").url == site.base + "/"


def test_prefix_without_its_slash_leads_to_the_site(site, browser):
    """At the root there is no such address: the empty path is the home page itself."""
    assert browser.get("").url == site.base + "/"


def test_unknown_address_gives_the_404_page_of_the_site(site, browser):
    answer = browser.get("/no/such/page/")
    assert answer.status_code == 404
    assert "Nothing is kept under this address" in answer.text


def test_exception_gives_500_without_traceback_and_the_log_has_it(site, browser):
    answer = browser.get("/boom/")
    assert answer.status_code == 500
    for secret in ("Traceback", "RuntimeError", "on purpose", str(site.folder.path)):
        assert secret not in answer.text
    assert "this page fails on purpose" in site.logs()
    assert browser.get("/").status_code == 200


def test_static_files_come_from_the_web_server(site, browser):
    """A new file in the folder is served at once, though the application knows nothing of it."""
    style = browser.get("/static/" + site.kind.static_file)
    assert style.status_code == 200
    assert style.headers["Content-Type"].startswith("text/css")
    assert style.content == (site.folder.static / site.kind.static_file).read_bytes()
    (site.folder.static / "only-on-disk.css").write_text("/* no application */")
    assert browser.get("/static/only-on-disk.css").text == "/* no application */"


def test_application_knows_where_it_is_mounted(site, browser):
    seen = browser.get("/probe/?a=1&b=two+words").json()
    assert (seen["script_name"], seen["path_info"]) == (site.prefix, "/probe/")
    assert seen["query"] == "a=1&b=two+words"
    assert seen["get"] == {"a": "1", "b": "two words"}
    assert seen["url_scheme"] == "http"
    assert seen["remote_addr"] == "127.0.0.1"


def test_encoded_and_non_ascii_paths_arrive_decoded(site, browser):
    path = "/probe/path/caf%C3%A9/a%20b/%E6%97%A5%E6%9C%AC/c%2Bd/100%25/%5Bx%5D;y"
    seen = browser.get(path).json()
    assert seen["rest"] == "café/a b/日本/c+d/100%/[x];y"
    assert seen["path_info"] == "/probe/path/" + seen["rest"]
    assert seen["script_name"] == site.prefix
