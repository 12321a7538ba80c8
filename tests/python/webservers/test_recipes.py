"""Every file below examples/ that a web server reads is one that the tests here run."""

from support.places import EXAMPLES

from webservers.front_ends import CASES, FRONT_ENDS


def test_no_recipe_is_left_out():
    folders = ("nginx", "lighttpd", "apache")
    there = {f"{folder}/{path.name}" for folder in folders for path in (EXAMPLES / folder).glob("*.conf")}
    assert there == {case.recipe.name for case in CASES}


def test_no_script_for_shared_hosts_is_left_out():
    there = {path.name for path in (EXAMPLES / "shared-hosting").glob("*.fcgi")}
    assert there == {case.kind.script for case in CASES if case.front_end == "apache-fcgid"}


def test_every_front_end_serves_django_at_the_root_and_below_a_prefix_and_flask():
    wanted = {("django", ""), ("django", "/mysite"), ("flask", "")}
    for name in FRONT_ENDS:
        assert wanted <= {(case.kind.name, case.prefix) for case in CASES if case.front_end == name}
