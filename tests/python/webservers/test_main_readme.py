"""The main README tells the truth: its recipes are those that the tests run, its options those of the program."""

import re
import subprocess

from support import places
from support.appserver import environment, runner

README = (places.REPOSITORY / "README.md").read_text()
FENCE = re.compile(r"\[`+([^`]+)`+\]\(([^)]+)\)[^\n]*:\n\n```\w+\n(.*?)```", re.DOTALL)


def test_recipes_are_the_files_that_other_tests_run():
    recipes = FENCE.findall(README)
    assert len(recipes) == README.count("```") / 2 == 6
    for _, path, text in recipes:
        assert text.strip() in (places.REPOSITORY / path).read_text(), path


def test_start_commands_are_those_of_the_recipes():
    commands = re.findall(r"^    (fcgi-run app=.*)$", README, re.MULTILINE)
    assert len(commands) == 3
    for command, name in zip(commands, ["nginx/root-unix", "lighttpd/root-socket", "apache/root-unix"], strict=True):
        assert f"#   {command}\n" in (places.EXAMPLES / f"{name}.conf").read_text()


def test_options_are_those_of_the_program():
    help_text = subprocess.run(
        [runner(), "help"], env=environment(), capture_output=True, text=True, check=True, timeout=30
    ).stdout
    offered = set(re.findall(r"^      --(\w+)=<", help_text, re.MULTILINE))
    table = README.partition("| option | default | meaning |")[2].partition("\n\n")[0]
    told = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1] if "|" in row else "")}
    assert offered == told


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (places.REPOSITORY / target).exists(), target


def test_exit_statuses_and_signals_are_those_of_the_help():
    for status in range(5):
        assert re.search(rf"\b{status} ", README.partition("Exit status:")[2])
    for signal in ["TERM", "INT", "QUIT", "HUP", "USR1", "TTIN", "TTOU"]:
        assert signal in README.partition("Signals:")[2]
