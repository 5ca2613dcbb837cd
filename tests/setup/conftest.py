"""`berth setup` on a private copy of this host (tests/host/enter), with its real sshd, PAM, NSS and logins.

    tests/host/enter bash -c 'tests/host/prepare && /usr/bin/python3 -m pytest -p no:cacheprovider -q tests/setup'

A test takes `host`, a setup_host.SetupHost on which Berth is installed and nothing is wired: no berth.conf, no store, NSS,
PAM and sshd as Debian has them. Whatever a test changes in /etc is put back before the next one.
"""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "host"))

from requirements import prepare, skip_if_unable  # noqa: E402  pylint: disable=wrong-import-position


def pytest_collection_modifyitems(items):
    skip_if_unable(items)


@pytest.fixture(scope="session")
def machine():
    """The private host, not wired. Use `host`."""
    prepare()
    import setup_host
    machine = setup_host.SetupHost()
    yield machine
    machine.stop()


@pytest.fixture
def host(machine):
    machine.unwire()
    machine.mark_log()
    yield machine
    machine.stop()
