"""What a person with a browser does: keeps cookies, fills in forms, follows links."""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

SECONDS = 60


class Browser:
    """A session at one site; paths are relative to the site's own root, prefix or not."""

    def __init__(self, base):
        self.base = base
        self.session = requests.Session()
        self.session.trust_env = False

    def request(self, method, path, **options):
        options.setdefault("timeout", SECONDS)
        return self.session.request(method, self.base + path, **options)

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, **options):
        return self.request("POST", path, **options)

    def submit(self, page, fields, **options):
        """Sends the form of `page`, with its hidden fields, to where the form says."""
        form = Form(page.text)
        target = urljoin(page.url, form.action)
        return self.session.post(target, data={**form.hidden, **fields}, timeout=SECONDS, **options)


class Form(HTMLParser):
    """The POST form of a page: where it goes, and the hidden fields it carries."""

    def __init__(self, text):
        super().__init__()
        self.action = ""
        self.hidden = {}
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form" and attributes.get("method", "").lower() == "post":
            self.action = attributes.get("action", "")
            self._inside = True
        if tag == "input" and self._inside and attributes.get("type") == "hidden":
            self.hidden[attributes["name"]] = attributes.get("value", "")

    def handle_endtag(self, tag):
        if tag == "form":
            self._inside = False


def links(text):
    """Every address that a page names."""
    return re.findall(r'(?:href|src|action)="([^"#]*)"', text)
