"""A session that has no descriptor left: what it does then is logged like anything else."""
import contextlib
import os
import resource

import pytest

from transfer_tools import alice_fixture, closed, logged_in, put_bytes, said

UID = 5781
LIMIT = 100  # systemd gives sshd 1024


alice = alice_fixture(UID)


def open_all(session, path):
    """Handles until sftp-server has no descriptor for one more."""
    handles = []
    with contextlib.suppress(OSError):
        while len(handles) < LIMIT:
            handles.append(session.sftp.open(path, "rb"))
    assert 0 < len(handles) < LIMIT, len(handles)
    return handles


@pytest.mark.parametrize("log", ["best-effort", "required"])
def test_operations_without_a_descriptor_left(host, alice, log):
    host.write_config("TransferLog %s" % log)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.prlimit(host.sshd.pid, resource.RLIMIT_NOFILE, (LIMIT, before[1]))
    with logged_in(host, alice) as session:
        resource.prlimit(host.sshd.pid, resource.RLIMIT_NOFILE, before)
        for name in ("/kept", "/removed", "/old"):
            put_bytes(session.sftp, name)
        handles = open_all(session, "/kept")
        session.sftp.remove("/removed")
        session.sftp.posix_rename("/old", "/new")
        session.sftp.mkdir("/directory")
        assert sorted(os.listdir(alice.home)) == ["directory", "kept", "new"]
        for handle in handles:
            handle.close()
    events = [said(event, "operation", "path", "status") for event in closed(host, session=session.id)]
    for wanted in ("remove", "/removed"), ("rename", "/old"), ("mkdir", "/directory"):
        assert wanted + ("ok",) in events, (wanted, events[-20:])
    assert len([event for event in events if event[0] == "get"]) == len(handles) + 1
