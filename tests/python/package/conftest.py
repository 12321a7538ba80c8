"""A folder for each test; what still runs there at its end was left behind."""

import tempfile
from pathlib import Path

import pytest
from support import process


@pytest.fixture
def folder(workplace):
    made = Path(tempfile.mkdtemp(dir=workplace))
    yield made
    left = process.end_leftovers(made)
    assert not left, left
