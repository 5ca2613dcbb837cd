"""Login tests: the real sshd, PAM, NSS, agent and sftp clients on a private copy of this host (tests/host/enter).

    tests/run.sh                     all tests
    tests/run.sh -k EXPRESSION       only the pytest suites, only tests that fit
    tests/host/enter /usr/bin/python3 -m pytest tests/login/test_path.py

A test takes the fixture `host`, a tests/host/private_host.py Host. Each test file starts with a fresh installation: one
server, no users, empty /srv/berth, agent and sshd running with the packages' own configuration. Lines for berth.conf come
from a module's list BERTH_CONFIG. What a test changes (users, sshd's configuration, PAM) stays until the end of its file:
put it back, or call host.reset(). Before each test, sshd and the agent are started if they don't run; after each test
all sessions must end, and nothing may be left of them.

    def test_example(host):
        key = host.key("alice")                                   # ed25519; host.key("alice", "rsa") …
        host.bucket("bucket")                                     # /srv/berth/bucket
        host.create_user("alice", 5001, mappings=[("/", "/bucket/alice")], keys=[key])
        result = host.sftp("alice", key, "put /etc/hostname\\nls -ln\\n")     # .code .ok .out .err
        with host.login("alice", key) as session:                 # paramiko: session.sftp, and session.pid on the server
            host.assert_sealed(session.pid)
        assert host.wait_log("alice")                             # syslog since the test's start
"""
import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "host"))

from requirements import prepare, skip_if_unable  # noqa: E402  pylint: disable=wrong-import-position


def pytest_collection_modifyitems(items):
    skip_if_unable(items)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows what syslog got since the test's start."""
    outcome = yield
    report = outcome.get_result()
    host = getattr(item, "funcargs", {}).get("host")
    if report.failed and host is not None:
        report.sections.append(("syslog", "\n".join(host.log()[-60:])))


@pytest.fixture(scope="session")
def machine():
    """The prepared private host. Use `host`."""
    prepare()
    import private_host
    machine = private_host.Host()
    yield machine
    machine.stop()


@pytest.fixture(scope="module")
def fresh_host(machine, request):
    machine.reset(*getattr(request.module, "BERTH_CONFIG", ()))
    return machine


@pytest.fixture
def host(fresh_host):
    fresh_host.start_missing()
    fresh_host.mark_log()
    yield fresh_host
    fresh_host.assert_nothing_left()


@pytest.fixture
def upload(tmp_path):
    """A local file of known content to put: the path. upload.read_bytes() is what must arrive."""
    path = tmp_path / "upload"
    path.write_bytes(os.urandom(100_000))
    return path
