"""Servers asked over FastCGI on a Unix socket, without a web server between."""

from benches.cases import Case, Load
from benches.figures import Outcome
from benches.load import FailedError, fcgi_rate
from benches.plan import Plan
from benches.running import RunningServer, servers
from benches.servers import SERVERS


def measure(case: Case, plan: Plan) -> Outcome:
    """All servers of a case are there at once, and each is asked in turn, round after round."""
    outcome = plan.outcome(case.name)
    able = _able(case, plan, outcome)
    starts = plan.rounds if case.paired else 1
    for _ in range(starts):
        left = [(name, load) for name, load in able if _row(name, load) not in outcome.left_out]
        with servers(list(dict.fromkeys(name for name, _ in left)), plan.folder) as running:
            for _ in range(plan.rounds // starts):
                _measure_round(left, running, outcome, plan.seconds)
    if case.paired:
        _drop_single(case, outcome)
    return outcome


def _row(name: str, load: Load) -> str:
    return SERVERS[name].label + load.suffix


def _able(case: Case, plan: Plan, outcome: Outcome) -> list[tuple[str, Load]]:
    """Those who can, and what; the others are left out with the reason."""
    able = []
    for name in filter(plan.wanted, case.servers):
        obstacles = {load: load.obstacle(SERVERS[name]) for load in case.loads}
        if case.paired and (why := next(filter(None, obstacles.values()), None)):
            outcome.left_out[SERVERS[name].label] = why
            continue
        for load, why in obstacles.items():
            if why:
                outcome.left_out[_row(name, load)] = why
            else:
                able.append((name, load))
    return able


def _drop_single(case: Case, outcome: Outcome) -> None:
    """Leaves out the other rows of a server that could not do all."""
    for name in case.servers:
        rows = [_row(name, load) for load in case.loads]
        if why := next((outcome.left_out[row] for row in rows if row in outcome.left_out), None):
            for row in rows:
                outcome.samples.pop(row, None)
                outcome.left_out.pop(row, None)
            outcome.left_out[SERVERS[name].label] = why


def _measure_round(
    able: list[tuple[str, Load]], running: dict[str, RunningServer], outcome: Outcome, seconds: float
) -> None:
    for name, load in able:
        if (row := _row(name, load)) not in outcome.left_out:
            _measure_one(outcome, row, running[name], load, seconds)


def _measure_one(outcome: Outcome, row: str, server: RunningServer, load: Load, seconds: float) -> None:
    """One server in one round; it is left out from then on when it cannot."""
    words = load.words()
    if server.script:
        words.append(f"script={server.script}")
    try:
        sample = fcgi_rate(server, str(server.socket), words, seconds, load.held)
    except FailedError as failure:
        server.check()
        outcome.left_out[row] = str(failure)
        outcome.samples.pop(row, None)
        return
    outcome.samples.setdefault(row, []).append(sample)
