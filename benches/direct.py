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
    able = []
    for name in filter(plan.wanted, case.servers):
        for load in case.loads:
            if why := load.obstacle(SERVERS[name]):
                outcome.left_out[SERVERS[name].label + load.suffix] = why
            else:
                able.append((name, load))
    with servers(list(dict.fromkeys(name for name, _ in able)), plan.folder) as running:
        for _ in range(plan.rounds):
            for name, load in able:
                if (row := SERVERS[name].label + load.suffix) not in outcome.left_out:
                    _measure_one(outcome, row, running[name], load, plan.seconds)
    return outcome


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
