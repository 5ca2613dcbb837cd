"""PATH: paths are what they are on storage, and POSIX permissions do the rest."""
import os
from pathlib import Path

import pytest

UID, GROUP, FOREIGN_GROUP = 5201, 7001, 7002


@pytest.fixture
def carol(host):
    key = host.key("carol")
    bucket = host.bucket("bucket")
    if (bucket / "home").exists():
        return key
    host.bucket("bucket", "home/carol", owner=UID)
    host.bucket("bucket", "home/dan", owner=5202)
    os.chmod(bucket / "home/dan", 0o700)
    for name, group in (("team", GROUP), ("other-team", FOREIGN_GROUP)):
        host.bucket("bucket", name, owner=(0, group))
        os.chmod(bucket / name, 0o2770)
    host.bucket("second-bucket")
    host.create_user("carol", UID, gid=5209, secondary=[GROUP], home="/bucket/home/carol", keys=[key])
    return key


def test_lands_in_the_home_directory_and_sees_absolute_paths(host, carol):
    result = host.sftp("carol", carol, "pwd\nls -1 /\nls -1 /bucket\nls -1 /bucket/home\n")
    assert result.ok, repr(result)
    assert "Remote working directory: /bucket/home/carol\n" in result.out
    for name in ("/bucket", "/bucket/team", "/bucket/home/carol", "/bucket/home/dan"):
        assert name + "\n" in result.out
    assert "second-bucket" not in result.out


def test_root_holds_one_bucket_and_is_sealed(host, carol):
    with host.login("carol", carol) as session:
        assert session.sftp.listdir("/") == ["bucket"]
        for attempt in (lambda: session.sftp.mkdir("/new"), lambda: session.sftp.open("/new", "w"),
                        lambda: session.sftp.rename("/bucket", "/new"), lambda: session.sftp.chmod("/", 0o777)):
            with pytest.raises(OSError):
                attempt()
        for path in ("/second-bucket", "/../second-bucket", "/bucket/../second-bucket", "/bucket/../../second-bucket",
                     "/srv"):
            with pytest.raises(OSError):
                session.sftp.listdir(path)
        host.assert_sealed(session.pid)


def test_upload_belongs_to_the_user(host, carol, upload):
    result = host.sftp("carol", carol, "put %s data\n" % upload)
    assert result.ok, repr(result)
    status = (host.bucket("bucket") / "home/carol/data").stat()
    assert (status.st_uid, status.st_gid) == (UID, 5209)


def test_permissions_hold(host, carol):
    with host.login("carol", carol) as session:
        for attempt in (lambda: session.sftp.listdir("/bucket/home/dan"),
                        lambda: session.sftp.open("/bucket/home/dan/data", "w"),
                        lambda: session.sftp.mkdir("/bucket/new"),
                        lambda: session.sftp.mkdir("/bucket/home/new"),
                        lambda: session.sftp.listdir("/bucket/other-team")):
            with pytest.raises(PermissionError):
                attempt()


def test_secondary_gids_grant_what_they_should(host, carol):
    team = host.bucket("bucket") / "team"
    with host.login("carol", carol) as session:
        session.sftp.open("/bucket/team/shared", "w").close()
        made = (team / "shared").stat()
        assert (made.st_uid, made.st_gid) == (UID, GROUP)
        status = Path("/proc/%d/status" % session.pid).read_text(encoding="ascii")
        groups = next(line.split()[1:] for line in status.splitlines() if line.startswith("Groups:"))
        assert groups == [str(GROUP)]


def test_a_secondary_gid_taken_away_is_gone_at_the_next_login(host, carol):
    host.admin("update-user", "--user-name", "carol", "--posix-profile", "Uid=%d,Gid=5209" % UID)
    try:
        with host.login("carol", carol) as session:
            with pytest.raises(PermissionError):
                session.sftp.listdir("/bucket/team")
    finally:
        host.admin("update-user", "--user-name", "carol", "--posix-profile",
                   "Uid=%d,Gid=5209,SecondaryGids=%d" % (UID, GROUP))


def test_the_bucket_itself_as_home(host, carol):
    host.create_user("whole", 5203, home="/bucket", keys=[host.key("whole")])
    assert "Remote working directory: /bucket\n" in host.sftp("whole", host.key("whole")).out


def test_missing_home_directory_is_made(host, carol):
    host.create_user("newcomer", 5204, home="/bucket/made/newcomer/", keys=[host.key("newcomer")])
    result = host.sftp("newcomer", host.key("newcomer"), "pwd\nput /etc/hostname here\n")
    assert result.ok, repr(result)
    assert (host.bucket("bucket") / "made/newcomer/here").stat().st_uid == 5204


@pytest.mark.parametrize("home", [None, "/"], ids=["no-home-directory", "root-as-home-directory"])
def test_all_buckets_only_when_the_configuration_says_so(host, carol, home):
    name = "wide-" + ("none" if home is None else "root")
    key = host.key(name)
    host.create_user(name, 5205, home=home, keys=[key])
    assert not host.sftp(name, key).ok
    assert host.wait_log("%s.*HomeDirectory" % name)
    host.reload("PathShowsAll yes")
    try:
        result = host.sftp(name, key, "pwd\nls -1 /\n")
        assert result.ok, repr(result)
        assert "Remote working directory: /\n" in result.out
        assert "/bucket\n" in result.out and "/second-bucket\n" in result.out
        with host.login(name, key) as session:
            host.assert_sealed(session.pid)
            with pytest.raises(OSError):
                session.sftp.mkdir("/new")
    finally:
        host.reload()
    assert not host.sftp(name, key).ok


def test_symlinks_inside_the_bucket_do_not_leave_it(host, carol):
    bucket = host.bucket("bucket")
    os.symlink("/second-bucket", bucket / "absolute")
    os.symlink("../second-bucket", bucket / "relative")
    os.symlink("/bucket/team", bucket / "inside")
    with host.login("carol", carol) as session:
        for path in ("/bucket/absolute", "/bucket/relative"):
            with pytest.raises(OSError):
                session.sftp.listdir(path)
        session.sftp.listdir("/bucket/inside")
