"""Sites behind real web servers: one of each kind a session, each test in every one."""

import pytest
from support.sites import DJANGO

from webservers.front_ends import CASES, Grounds, Site


@pytest.fixture(scope="session")
def grounds(workplace):
    grounds = Grounds(workplace)
    yield grounds
    grounds.stop()


def _site(request, grounds):
    site = Site(request.param, grounds)
    yield site
    site.stop()


@pytest.fixture(scope="session", params=CASES, ids=str)
def site(request, grounds):
    """Every cell of the matrix in turn."""
    yield from _site(request, grounds)


@pytest.fixture
def browser(site):
    return site.browser()


def pytest_collection_modifyitems(items):
    """Leaves the tests of Django's admin to the Django sites: other sites are never asked."""
    items[:] = [
        item
        for item in items
        if not (item.get_closest_marker("django") and item.callspec.params["site"].kind is not DJANGO)
    ]


def pytest_configure(config):
    config.addinivalue_line("markers", "django: for the Django sites of the matrix alone")
