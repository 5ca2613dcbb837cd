"""Which key opens which user, from when on, and that every kind of connection it opens is sealed."""
import contextlib
import os
import subprocess

import pytest

from private_host import KEY_TYPES, namespace, wait_until

UID = 5301


@pytest.fixture
def alice(host):
    key = host.key("alice")
    host.bucket("bucket", "alice", owner=UID)
    if not host.admin("describe-user", "--user-name", "alice", check=False).ok:
        host.create_user("alice", UID, mappings=[("/", "/bucket/alice")], keys=[key])
    return key


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_every_key_type_logs_in(host, alice, kind):
    key = host.key("typed", kind)
    identifier = host.import_key("alice", key)
    assert host.sftp("alice", key).ok
    host.admin("delete-ssh-public-key", "--user-name", "alice", "--ssh-public-key-id", identifier)
    assert not host.sftp("alice", key).ok


def test_rsa_key_with_each_signature(host, alice):
    key = host.key("signer", "rsa")
    host.import_key("alice", key)
    for algorithm in ("rsa-sha2-256", "rsa-sha2-512"):
        assert host.sftp("alice", key, "pwd\n", "-o", "PubkeyAcceptedAlgorithms=" + algorithm).ok


def test_unknown_key_and_another_users_key(host, alice):
    host.create_user("bob", UID + 1, mappings=[("/", "/bucket/bob")], keys=[host.key("bob")])
    assert host.sftp("bob", host.key("bob")).ok
    assert not host.sftp("alice", host.key("bob")).ok
    assert not host.sftp("bob", alice).ok
    assert not host.sftp("alice", host.key("stranger")).ok
    assert host.sftp("alice", alice).ok


def test_changes_count_from_the_very_next_login(host):
    host.bucket("bucket", "dave", owner=UID + 2)
    first, second = host.key("dave-1"), host.key("dave-2")
    host.create_user("dave", UID + 2, mappings=[("/", "/bucket/dave")])
    assert not host.sftp("dave", first).ok
    identifier = host.import_key("dave", first)
    assert host.sftp("dave", first).ok
    host.import_key("dave", second)
    host.admin("delete-ssh-public-key", "--user-name", "dave", "--ssh-public-key-id", identifier)
    assert not host.sftp("dave", first).ok
    assert host.sftp("dave", second).ok
    host.delete_user("dave")
    assert not host.sftp("dave", second).ok
    host.create_user("dave", UID + 2, mappings=[("/", "/bucket/dave")], keys=[first])
    assert host.sftp("dave", first).ok
    assert not host.sftp("dave", second).ok


def test_a_changed_target_counts_from_the_next_login(host, alice):
    host.bucket("bucket", "before", "after", owner=UID + 3)
    key = host.key("mover")
    host.create_user("mover", UID + 3, mappings=[("/", "/bucket/before")], keys=[key])
    assert host.sftp("mover", key, "mkdir made\n").ok
    host.admin("update-user", "--user-name", "mover", "--home-directory-mappings",
               host.mappings_argument([("/", "/bucket/after")]))
    assert host.ls("mover", key) == []


def test_many_keys_of_one_user(host, alice):
    keys = [host.key("ring%d" % number) for number in range(20)]
    for key in keys:
        host.import_key("alice", key)
    for key in (keys[0], keys[10], keys[19]):
        assert host.sftp("alice", key).ok


def test_certificate_does_not_log_in(host, alice, tmp_path):
    """A certificate for alice, signed by a key that she has: keys are trusted, authorities aren't."""
    authority = host.key("alice")
    key = host.key("certified")
    subprocess.run(["ssh-keygen", "-q", "-s", authority.path, "-I", "alice", "-n", "alice", key.path + ".pub"], check=True)
    result = host.sftp("alice", key, "pwd\n", "-o", "CertificateFile=%s-cert.pub" % key.path)
    os.unlink(key.path + "-cert.pub")
    assert not result.ok


@contextlib.contextmanager
def background_ssh(host, user, key, *options):
    """An ssh that runs for the length of the block; yields the server's new processes of that uid."""
    uid = int(subprocess.run(["id", "-u", user], check=True, capture_output=True, text=True).stdout)
    before = set(host.processes_of(uid))
    client = subprocess.Popen(["ssh", *host.client_options(key), "-p", str(host.port), *options, user + "@127.0.0.1"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        yield lambda: [pid for pid in host.processes_of(uid) if pid not in before]
    finally:
        # Not SIGTERM: ssh 9.2 loses one that arrives right before it polls, and then waits for ever.
        client.kill()
        client.communicate(timeout=10)


def test_connection_without_a_session_is_sealed(host, alice):
    """ssh -N: no session channel, hence no command; sshd's child sits there as the user all the same."""
    with background_ssh(host, "alice", alice, "-N") as processes:
        pid = wait_until(processes, what="sshd's child")[0]
        host.assert_sealed(pid)
    host.assert_nothing_left()


def test_several_sessions_over_one_connection(host, alice, tmp_path):
    control = str(tmp_path / "control")
    with background_ssh(host, "alice", alice, "-N", "-M", "-S", control) as processes:
        first = wait_until(processes, what="sshd's child")[0]
        wait_until(lambda: os.path.exists(control), what="the control socket")
        shared = ["sftp", "-F", "/dev/null", "-b", "-", "-o", "ControlPath=" + control, "alice@127.0.0.1"]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        sessions = [subprocess.Popen(shared, text=True, **pipes) for _ in range(4)]
        pids = wait_until(lambda: processes() if len(processes()) == 5 else None, what="four sessions")
        for pid in pids:
            host.assert_sealed(pid)
        assert {namespace(pid) for pid in pids} == {namespace(first)}
        for number, session in enumerate(sessions):
            out, err = session.communicate("cd /..\npwd\nput /etc/hostname shared%d\n-ls /etc\n" % number, timeout=30)
            assert session.returncode == 0, err
            assert "Remote working directory: /\n" in out
            assert (host.bucket("bucket") / ("alice/shared%d" % number)).stat().st_uid == UID
    host.assert_nothing_left()


def test_every_login_has_a_namespace_of_its_own(host, alice):
    with host.login("alice", alice) as one, host.login("alice", alice) as two:
        assert namespace(one.pid) != namespace(two.pid)
