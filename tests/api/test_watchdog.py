"""The signs of life that systemd's watchdog waits for: none while berth-api can't do what it is for."""
import os
import socket
import sqlite3
import threading
import time

import pytest

from admin_command import ROLE
from api_host import PATIENCE
from http_client import ask, call

ADDRESS = f"berth-api-test-{os.getpid()}"
WATCHED_SECONDS = 0.9


@pytest.fixture
def manager(monkeypatch):
    """Where the service manager would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{ADDRESS}")
        listening.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{ADDRESS}")
        monkeypatch.setenv("WATCHDOG_USEC", str(int(WATCHED_SECONDS * 1e6)))
        yield listening


def wait_for_silence(manager):
    """Until no sign of life came for as long as the manager is patient."""
    manager.settimeout(WATCHED_SECONDS)
    end = time.monotonic() + PATIENCE
    with pytest.raises(TimeoutError):
        while time.monotonic() < end:
            manager.recv(100)
    manager.settimeout(PATIENCE)


def test_none_while_the_writer_hangs(manager, api):
    """Held up by a lock here, as a disk that doesn't answer would do it. Reads go on, and calls are taken."""
    assert [manager.recv(100) for _ in range(4)] == [b"READY=1"] + [b"WATCHDOG=1"] * 3
    answers = []

    def create():
        answers.append(ask(api, call(api, "CreateUser", {"ServerId": api.server_id, "UserName": "alice", "Role": ROLE})))
    with sqlite3.connect(api.admin.store, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        caller = threading.Thread(target=create)
        caller.start()
        wait_for_silence(manager)
        assert ask(api, call(api, "DescribeServer", {"ServerId": api.server_id})).status == 200
        other.execute("ROLLBACK")
    assert manager.recv(100) == b"WATCHDOG=1"
    caller.join(PATIENCE)
    assert [answer.status for answer in answers] == [200]
    api.wait_log("the writer hangs, so systemd is told no more that berth-api is alive: seconds=")
