"""The configuration files below examples/, as users read them, with only places and ports replaced."""

import re
import shlex

from support.places import EXAMPLES

PLACEHOLDERS = ["/srv/mysite", "/run/mysite", "/home/user", "example.org", "3033", "listen 80", "*:80", "8080"]


class Recipe:
    """One file of examples/: its text, and the command that its head tells to start the site with."""

    def __init__(self, name):
        self.name = name
        self.text = (EXAMPLES / name).read_text()

    def words(self):
        """The words after `fcgi-run` in the head of the file; None when the web server starts the site."""
        found = re.search(r"^#   fcgi-run (.*)$", self.text, re.MULTILINE)
        return shlex.split(found[1]) if found else None

    def filled(self, values):
        """The text with `values` in place of the placeholders; none of them may be left."""
        return fill(self.text, values, self.name)


def fill(text, values, name="the text"):
    """Replaces placeholders, the longest first so that none is hidden by a shorter one."""
    pattern = "|".join(re.escape(key) for key in sorted(values, key=len, reverse=True))
    text = re.sub(pattern, lambda found: str(values[found[0]]), text)
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    left = [placeholder for placeholder in PLACEHOLDERS if placeholder in code]
    assert not left, f"{name} still names {left}"
    return text
