"""Tests of `berth doctor`: faults planted on a really working private host (tests/host/enter).

    tests/host/enter bash -c 'tests/host/prepare && /usr/bin/python3 -m pytest tests/doctor'

    host      a tests/host/private_host.py Host with the user alice, who can log in, and with nothing that doctor finds fault
              with. What a test planted and didn't take away again is undone by a fresh installation before the next one.
"""
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "host"))

from requirements import prepare, skip_if_unable  # noqa: E402  pylint: disable=wrong-import-position


def pytest_collection_modifyitems(items):
    skip_if_unable(items)


@pytest.fixture(scope="session")
def machine():
    prepare()
    import private_host
    machine = private_host.Host()
    yield machine
    machine.stop()


@pytest.fixture(scope="session")
def state():
    """What is true of the machine between two tests."""
    return {"well": False}


@pytest.fixture
def host(machine, state):
    from doctor_host import assert_clean, install
    if not state["well"]:
        install(machine)
    state["well"] = False
    yield machine
    try:
        assert_clean()
        state["well"] = True
    except AssertionError:
        pass  # the test itself has failed, or has left a mess on purpose
