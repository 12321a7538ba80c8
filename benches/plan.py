"""How often and how long is measured, and where to."""

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from benches.figures import Outcome


@dataclass(frozen=True)
class Plan:
    """What was asked for on the command line."""

    rounds: int
    #: Of each measurement.
    seconds: float
    #: Sockets, logs and configurations.
    folder: Path
    #: Machine and versions.
    facts: dict[str, str]
    #: Only these servers; all, when there are none.
    only: frozenset[str] = frozenset()

    def outcome(self, case: str) -> Outcome:
        """An empty one, of now."""
        now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M")
        return Outcome(case, now, self.rounds, self.seconds, self.facts)

    def wanted(self, name: str) -> bool:
        """Whether a server takes part."""
        return not self.only or name in self.only
