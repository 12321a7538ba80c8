"""Figures on disk, a file for each case, so that cases can be measured one at a time."""

import json
from pathlib import Path

from benches.figures import Outcome


def save(folder: Path, outcome: Outcome) -> None:
    """Replaces what was stored of this case."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{outcome.case}.json").write_text(json.dumps(outcome.to_json(), indent=1) + "\n")


def load(folder: Path) -> dict[str, Outcome]:
    """All that is stored, by the name of the case."""
    stored = (json.loads(path.read_text()) for path in sorted(folder.glob("*.json")))
    return {one["case"]: Outcome.from_json(one) for one in stored}
