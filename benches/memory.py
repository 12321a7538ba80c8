"""Servers started alone: how long to the first answer, and how much memory then."""

from benches.figures import Outcome, Start
from benches.plan import Plan
from benches.processes import pss_kib
from benches.running import servers
from benches.servers import SERVERS

#: Two workers each, the master with them where there is one.
STARTED = ("ours-p2", "ours-t4", "libfcgi", "php-fpm", "uwsgi-p2", "flup-prefork", "flup-threaded", "gunicorn", "granian")
NAME, TITLE = "start", "Memory of two workers and their master, and the time from start to first answer"

#: Before memory is measured.
REQUESTS = 200


def measure(plan: Plan) -> Outcome:
    """Each server is started, asked and stopped in turn, round after round, with no other of them there."""
    outcome = plan.outcome(NAME)
    for _ in range(plan.rounds):
        for name in filter(plan.wanted, STARTED):
            outcome.starts.setdefault(SERVERS[name].label, []).append(_start(name, plan))
    return outcome


def _start(name: str, plan: Plan) -> Start:
    with servers([name], plan.folder) as running:
        server = running[name]
        answered = server.answered - server.began
        for _ in range(REQUESTS):
            server.answers()
        return Start(answered * 1000, pss_kib(server.pids()))
