"""What all Python tests share: one working folder a session, and the logs of every server beside a failure."""

import re
import signal

import pytest
from support import places, process


def pytest_configure():
    """A run that is ended from outside still stops its servers."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Where several processes run the tests (`-n 4`), each test goes where its servers are."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return together(nodeid)

    return Scheduling(config, log)


# A site of the matrix, and the process model of a server that a module has for itself.
SITE = re.compile(r"\[((nginx|lighttpd|apache|haproxy|caddy)-\w+)-(django|flask|plain)")
MODEL = re.compile(r"\[(prefork|threaded)\b")


def together(nodeid):
    """The name of what a test shares with others: a web server, the servers of its module, or nothing but its own name."""
    if site := SITE.search(nodeid):
        return site[1]
    file = nodeid.partition("::")[0]
    if "faults/" in file or "package/" in file:
        return nodeid
    model = MODEL.search(nodeid)
    return f"{file} {model[1]}" if model else file


@pytest.fixture(scope="session")
def workplace():
    """A folder that an unprivileged web server may enter; removed at the end, with a look for what still runs in it."""
    folder = places.make_workplace()
    yield folder
    left = process.end_leftovers(folder)
    places.remove(folder)
    assert not left, "processes that outlived their servers:\n" + "\n".join(left)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds what the servers wrote during a failed test to its report."""
    report = yield
    if call.when == "setup":
        process.mark_logs()
    if report.failed:
        for name, text in process.log_news():
            report.sections.append((f"log of {name}", text))
    return report
