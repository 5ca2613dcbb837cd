"""Fleet tests: users kept on one host, logins on two others, each a host with a network of its own (fleet.py).

    tests/host/enter /usr/bin/python3 -m pytest -p no:cacheprovider tests/fleet

There is one fleet for all tests, and its hosts keep what tests leave: users, cached records. Each test has users of its own.
After each, berth-api runs again as it did, and so do the agents.
"""
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "host"), str(TESTS / "admin"), str(TESTS / "api")]

from requirements import prepare, skip_if_unable  # noqa: E402  pylint: disable=wrong-import-position


def pytest_collection_modifyitems(items):
    skip_if_unable(items)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows what each host's syslog got since the test's start."""
    outcome = yield
    report = outcome.get_result()
    hosts = getattr(item, "funcargs", {}).get("fleet")
    if report.failed and hosts is not None:
        for host in hosts.all:
            report.sections.append(("syslog of " + host.name, "\n".join(host.new_log().splitlines()[-60:])))


@pytest.fixture(scope="session")
def whole_fleet():
    prepare()
    from fleet import Fleet
    made = Fleet()
    yield made
    made.stop()


@pytest.fixture
def fleet(whole_fleet):
    for host in whole_fleet.all:
        host.mark_log()
    yield whole_fleet
    whole_fleet.mend()
