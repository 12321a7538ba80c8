"""Every file below examples/ that a web server reads is one that the tests here run."""

from support.places import EXAMPLES

from webservers.front_ends import CASES, FRONT_ENDS, STATIC_FILES


def test_no_recipe_is_left_out():
    folders = ("nginx", "lighttpd", "apache", "haproxy", "caddy")
    there = {f"{folder}/{path.name}" for folder in folders for path in (EXAMPLES / folder).iterdir()}
    read_by_people = {f"{folder}/README.md" for folder in folders}
    assert there == {case.recipe.name for case in CASES} | {STATIC_FILES} | read_by_people


def test_no_script_for_shared_hosts_is_left_out():
    there = {path.name for path in (EXAMPLES / "shared-hosting").glob("*.fcgi")}
    assert there == {case.kind.script for case in CASES if case.front_end == "apache-fcgid"}


def test_every_front_end_serves_django_at_the_root_and_below_a_prefix_and_flask():
    wanted = {("django", ""), ("django", "/mysite"), ("flask", "")}
    for name in FRONT_ENDS:
        assert wanted <= {(case.kind.name, case.prefix) for case in CASES if case.front_end == name}
