"""berth sessions: who is logged in, and ending it."""
import json
import time

import pytest

from private_host import run, wait_until

UID = 5501


@pytest.fixture
def alice(host):
    key = host.key("alice")
    host.bucket("bucket", "alice", owner=UID)
    if not host.admin("describe-user", "--user-name", "alice", check=False).ok:
        host.create_user("alice", UID, mappings=[("/", "/bucket/alice")], keys=[key])
    return key


def listed():
    result = run("/usr/bin/berth", "sessions", "--output", "json")
    assert result.ok, repr(result)
    found = json.loads(result.out)
    return found["Sessions"] if isinstance(found, dict) else found


def test_none(host, alice):
    host.assert_nothing_left()
    assert listed() == []


def test_list_says_who_from_where_since_when(host, alice):
    with host.login("alice", alice) as session:
        shown = run("/usr/bin/berth", "sessions")
        assert shown.ok, repr(shown)
        row = [line for line in shown.out.splitlines() if "alice" in line]
        assert len(row) == 1, shown.out
        for part in (host.server_id, "127.0.0.1", str(UID), time.strftime("%Y-%m-%d")):
            assert part in row[0], row[0]
        assert len(listed()) == 1
        assert session.sftp.listdir("/") is not None
    wait_until(lambda: listed() == [], what="the session's end in the list")


def test_end_by_user_ends_all_of_that_users_sessions(host, alice):
    other = host.key("other")
    host.create_user("other", UID + 1, mappings=[("/", "/bucket/other")], keys=[other])
    sessions = [host.login("alice", alice) for _ in range(2)]
    with host.login("other", other) as left_alone:
        result = run("/usr/bin/berth", "sessions", "end", "alice")
        assert result.ok, repr(result)
        for session in sessions:
            wait_until(lambda dead=session: not dead.transport.is_active(), what="the end of the connection")
            session.close()
        assert host.processes_of(UID) == []
        assert left_alone.sftp.listdir("/") == []
        assert len(listed()) == 1
    host.assert_nothing_left()


def test_end_by_id_ends_that_one(host, alice):
    with host.login("alice", alice) as one:
        identifier = next(value for key, value in listed()[0].items() if key.lower() in ("id", "sessionid"))
        with host.login("alice", alice) as two:
            assert run("/usr/bin/berth", "sessions", "end", identifier).ok
            wait_until(lambda: not one.transport.is_active(), what="the end of the connection")
            assert two.sftp.listdir("/") is not None
            assert len(listed()) == 1


def test_end_of_nobody_fails(host, alice):
    result = run("/usr/bin/berth", "sessions", "end", "nobody-here")
    assert result.code == 1 and "nobody-here" in result.err


def test_deleting_a_user_leaves_the_open_session_which_can_still_be_ended(host):
    key = host.key("deleted")
    host.bucket("bucket", "deleted", owner=UID + 2)
    host.create_user("deleted", UID + 2, mappings=[("/", "/bucket/deleted")], keys=[key])
    with host.login("deleted", key) as session:
        host.delete_user("deleted")
        session.sftp.mkdir("/still")
        assert run("/usr/bin/berth", "sessions", "end", "deleted").ok
        wait_until(lambda: not session.transport.is_active(), what="the end of the connection")
    assert host.processes_of(UID + 2) == []
    host.assert_nothing_left()


def test_the_list_is_right_after_the_agent_was_killed(host, alice):
    with host.login("alice", alice) as session:
        host.kill_agent()
        assert len(listed()) == 1
        assert session.sftp.listdir("/") is not None
        host.start_agent()
        assert len(listed()) == 1
        assert host.sftp("alice", alice).ok


def test_only_root_may_list_or_end(host, alice):
    for arguments in (["sessions"], ["sessions", "end", "alice"]):
        result = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/berth", *arguments)
        assert not result.ok and "root" in result.err
