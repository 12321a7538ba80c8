"""Holds the table of what PEP 3333 asks for (`PEP3333.md`) to the tests: every row names tests, and all of them exist."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
ROWS = [line for line in (HERE / "PEP3333.md").read_text().splitlines() if re.match(r"\| \d", line)]


def existing_tests():
    found = set()
    for path in HERE.glob("test_*.py"):
        functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
        found.update(f"{path.stem}::{function.name}" for function in functions)
    return found


def test_every_row_names_existing_tests():
    existing = existing_tests()
    for row in ROWS:
        _, _, rule, tests, _ = row.split("|")
        named = re.findall(r"`(\w+::test_\w+)`", tests)
        assert rule.strip() and named, row
        assert tests.count("::") == len(named), f"{row}: a name that is none"
        assert set(named) <= existing, f"{row}: {set(named) - existing}"


def test_rows_are_numbered_in_their_order():
    numbers = [tuple(map(int, row.split("|")[1].split("."))) for row in ROWS]
    assert len(numbers) > 80
    for before, after in zip(numbers, numbers[1:], strict=False):
        assert after in ((before[0], before[1] + 1), (before[0] + 1, 1)), f"{after} behind {before}"
