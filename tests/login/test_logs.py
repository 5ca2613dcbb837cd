"""What an operator reads in the log: one line when a session opens, one when it closes, one for a refusal."""
import re

import pytest

from private_host import STORE_FILE, run

UID = 5401


@pytest.fixture
def alice(host):
    key = host.key("alice")
    host.bucket("bucket", "alice", "more", owner=UID)
    if not host.admin("describe-user", "--user-name", "alice", check=False).ok:
        host.create_user("alice", UID, mappings=[("/a", "/bucket/alice"), ("/b", "/bucket/more")], keys=[key])
    return key


def session_lines(host, user):
    """The PAM module's lines about this user."""
    return [line for line in host.log("pam_berth") if re.search(r"\b%s\b" % user, line)]


def test_monitors_lines_arrive(host, alice):
    assert host.sftp("alice", alice).ok
    accepted = host.wait_log(r"sshd\[\d+\]: Accepted publickey for alice from 127\.0\.0\.1")
    assert alice.fingerprint in accepted[0]


def test_a_session_writes_one_line_when_it_opens_and_one_when_it_closes(host, alice):
    with host.login("alice", alice) as session:
        port = session.transport.sock.getsockname()[1]
        host.wait_log(r"pam_berth.*session opened")
        lines = session_lines(host, "alice")
        assert len(lines) == 1, lines
        opened = re.search(r"session opened user=alice server=(\S+) client=127\.0\.0\.1 port=(\d+) key=(\S+) uid=%d "
                           r"session=([0-9a-f]+) mappings=2 view_ms=\d+\.\d+$" % UID, lines[0])
        assert opened, lines[0]
        assert opened.group(1, 2, 3) == (host.server_id, str(port), alice.fingerprint)
    host.assert_nothing_left()
    lines = session_lines(host, "alice")
    assert len(lines) == 2, lines
    closed = re.search(r"session closed user=alice server=(\S+) client=127\.0\.0\.1 port=(\d+) "
                       r"session=([0-9a-f]+) seconds=\d+$", lines[1])
    assert closed, lines[1]
    assert closed.groups() == (host.server_id, str(port), opened.group(4))
    assert all(line.startswith("authpriv.info ") for line in lines)


def test_a_record_without_a_profile_is_named_by_the_agent(host, alice):
    """Without a profile there is no uid, hence no passwd entry: sshd doesn't know the user, and the agent says why."""
    host.create_user("profileless", mappings=[("/", "/bucket/x")], keys=[host.key("profileless")])
    assert not host.sftp("profileless", host.key("profileless")).ok
    lines = host.wait_log(r"berthd.*\bprofileless\b")
    assert any(re.search("profile\\b", line, re.IGNORECASE) for line in lines), lines


def test_a_refusal_writes_one_line_with_its_reason(host, alice):
    key = host.key("refused")
    bucket = host.bucket("bucket")
    (bucket / "plain").write_text("a file", encoding="ascii")
    host.create_user("refused", UID + 1, mappings=[("/", "/bucket/plain")], keys=[key])
    assert not host.sftp("refused", key).ok
    host.wait_log("refused.*/bucket/plain")
    lines = session_lines(host, "refused")
    assert len(lines) == 1, lines
    assert "not a directory" in lines[0], lines[0]


def test_a_stopped_server_admits_nobody_and_is_named_as_the_reason(host, alice):
    host.admin("stop-server")
    try:
        assert not host.sftp("alice", alice).ok
        assert host.wait_log("pam_berth.*refused user=alice.*OFFLINE")
        assert len(session_lines(host, "alice")) == 1
    finally:
        host.admin("start-server")
    assert host.sftp("alice", alice).ok


def test_a_dead_agent_is_named_as_the_reason(host, alice):
    """The open session lives on; sshd no longer knows the user; the keys command says what is missing."""
    with host.login("alice", alice) as session:
        host.stop_agent()
        try:
            session.sftp.listdir("/")
            assert not host.sftp("alice", alice).ok
            assert run("/usr/libexec/berth/berth-keys", "alice", UID).code == 1
            assert host.wait_log("berth-keys.*(agent|socket)")
        finally:
            host.start_agent()
    assert host.sftp("alice", alice).ok


def test_an_unreadable_store_is_said(host, alice):
    STORE_FILE.rename(STORE_FILE.with_suffix(".away"))
    try:
        host.stop_agent()
        host.start_agent()
        assert not host.sftp("alice", alice).ok
        assert host.wait_log(r"berthd.*%s" % re.escape(str(STORE_FILE)))
    finally:
        STORE_FILE.with_suffix(".away").rename(STORE_FILE)
        host.stop_agent()
        host.start_agent()
    assert host.sftp("alice", alice).ok


def test_a_user_cannot_forge_or_split_a_line(host, alice):
    """Names from the client reach the log as sshd makes them: one line, nothing raw."""
    run("sftp", *host.client_options(alice), "-b", "-", "-oUser=al\nice pam_berth: forged", "127.0.0.1", input="pwd\n")
    assert not host.log(r"^\S+ \d+ (ice )?pam_berth: forged")
