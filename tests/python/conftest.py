"""What all Python tests share: one working folder a session, and the logs of every server beside a failure."""

import signal

import pytest
from support import places, process


def pytest_configure():
    """A run that is ended from outside still stops its servers."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


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
