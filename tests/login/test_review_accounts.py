"""What the modules do to accounts that aren't in /etc/passwd, and to those that aren't anybody's: other NSS services, password guesses,
and a host that is closed to logins."""
import contextlib
import json
import statistics
import time
from pathlib import Path

import paramiko
import pytest

from attack_tools import appended
from private_host import run

UID = 5071


@pytest.fixture(scope="module")
def key(fresh_host):
    fresh_host.bucket("bucket")
    found = fresh_host.key("elsewhere")
    fresh_host.create_user("elsewhere", UID, mappings=[("/", "/bucket/elsewhere")], keys=[found])
    return found


@contextlib.contextmanager
def other_service(name, uid):
    """nss-systemd, asked before Berth, knows the user too, from a file in /run/userdb; it stands for LDAP or any other directory."""
    directory = Path("/run/userdb")
    directory.mkdir(exist_ok=True)
    user = {"userName": name, "uid": uid, "gid": uid, "homeDirectory": "/", "shell": "/bin/sh", "disposition": "regular"}
    group = {"groupName": name, "gid": uid, "disposition": "regular"}
    files = {directory / ("%s.user" % name): user, directory / ("%d.user" % uid): user,
             directory / ("%s.group" % name): group, directory / ("%d.group" % uid): group}
    for path, content in files.items():
        path.write_text(json.dumps(content), encoding="ascii")
    try:
        yield
    finally:
        for path in files:
            path.unlink()


@pytest.mark.parametrize("line", ["# nothing more", "initgroups: files systemd"])
def test_an_account_of_another_service_is_not_opened_by_a_record(host, key, line):
    """Same name and same uid: the record's key must not open the other service's account, outside any view; also where berth-users
    is nobody's group."""
    with other_service("elsewhere", UID), appended("/etc/nsswitch.conf", line):
        entry = run("getent", "passwd", "elsewhere").out
        if "Berth" in entry or not entry:
            pytest.skip("this host's nss-systemd has no /run/userdb")
        result = host.sftp("elsewhere", key, "ls /\n")
        assert not result.ok and "usr" not in result.out, repr(result)
        assert host.wait_log("refused user=elsewhere .*nsswitch")
    assert host.sftp("elsewhere", key).ok


def seconds_to_fail(host, name, rounds=3):
    took = []
    for _ in range(rounds):
        transport = paramiko.Transport(("127.0.0.1", host.port))
        try:
            transport.start_client(timeout=20)
            start = time.monotonic()
            with pytest.raises(paramiko.AuthenticationException):
                transport.auth_password(name, "not-the-password", fallback=False)
            took.append(time.monotonic() - start)
        finally:
            transport.close()
    return statistics.median(took)


def test_a_password_guess_does_not_tell_who_exists(host):
    """sshd sends a wrong password for nobody's name through PAM too, so that it takes as long as for a local user. pam_unix waits
    about two seconds after a failure."""
    local, nobody = seconds_to_fail(host, "localuser"), seconds_to_fail(host, "nobodys-name")
    assert nobody > local / 2, "%.2f s for a local user, %.2f s for nobody" % (local, nobody)


@pytest.mark.parametrize("path", ["/etc/nologin", "/run/nologin"])
def test_a_host_closed_to_logins_is_closed_to_berth_users(host, key, path):
    assert host.sftp("elsewhere", key).ok
    Path(path).write_text("down for maintenance\n", encoding="ascii")
    try:
        assert not host.sftp("elsewhere", key).ok
        assert host.wait_log("refused user=elsewhere .*%s" % path)
    finally:
        Path(path).unlink()
    assert host.sftp("elsewhere", key).ok


def test_a_session_can_write_nothing_that_the_monitor_reads(host, key):
    with host.login("elsewhere", key) as session:
        maps = Path("/proc/%d/maps" % session.pid).read_text(encoding="utf-8").splitlines()
    assert maps and not [line for line in maps if line.split()[1][3] == "s"]
