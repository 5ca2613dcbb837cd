"""LOGICAL with the one entry "/": the Target is the root, and nothing leads out of it."""
import os

import pytest

UID = 5001


@pytest.fixture
def alice(host):
    """Her key; her directory is /srv/berth/bucket/home/alice, a neighbour's secret lies beside it."""
    key = host.key("alice")
    bucket = host.bucket("bucket", "home/alice", owner=UID)
    (bucket / "home/secret").write_text("the neighbour's", encoding="ascii")
    if not host.admin("describe-user", "--user-name", "alice", check=False).ok:
        host.create_user("alice", UID, gid=5002, mappings=[("/", "/bucket/home/alice")], keys=[key])
    return key


@pytest.fixture
def home(host, alice):
    return host.bucket("bucket") / "home/alice"


def test_upload_lands_in_the_target_as_the_records_ids(host, alice, home, upload):
    result = host.sftp("alice", alice, "pwd\nput %s data\nmkdir folder\nls -1\n" % upload)
    assert result.ok, repr(result)
    assert "Remote working directory: /\n" in result.out
    assert (home / "data").read_bytes() == upload.read_bytes()
    for name in ("data", "folder"):
        status = (home / name).stat()
        assert (status.st_uid, status.st_gid) == (UID, 5002)


def test_root_belongs_to_the_user(host, alice):
    with host.login("alice", alice) as session:
        status = session.sftp.stat("/")
        assert (status.st_uid, status.st_gid) == (UID, UID)
        host.assert_sealed(session.pid)


def test_dotdot_stays_inside(host, alice, home):
    (home / "mark").write_text("mine", encoding="ascii")
    result = host.sftp("alice", alice, "cd ..\npwd\ncd ../../..\npwd\nls -1 ..\n")
    assert result.ok, repr(result)
    assert result.out.count("Remote working directory: /\n") == 2
    assert "mark" in result.out
    with host.login("alice", alice) as session:
        for path in ("../secret", "/../secret", "../../../../etc/passwd", "/home/secret", "/srv/berth/bucket/home/secret"):
            with pytest.raises(OSError):
                session.sftp.open(path)


@pytest.mark.parametrize("target", ["/etc", "/etc/passwd", "/srv/berth/bucket/home", "/proc/self/root", "/proc/1/root",
                                    "../secret", "/srv/berth/bucket/home/secret"])
def test_symlinks_lead_nowhere(host, alice, home, target):
    os.symlink(target, home / "by-the-host")
    try:
        with host.login("alice", alice) as session:
            session.sftp.symlink(target, "by-the-user")
            for name in ("by-the-host", "by-the-user"):
                assert session.sftp.readlink(name) == target
                with pytest.raises(OSError):
                    session.sftp.stat(name)
                with pytest.raises(OSError):
                    session.sftp.listdir(name)
                with pytest.raises(OSError):
                    session.sftp.open(name)
    finally:
        for name in ("by-the-host", "by-the-user"):
            (home / name).unlink(missing_ok=True)


def test_writing_through_a_symlink_makes_no_file_outside(host, alice, home):
    result = host.sftp("alice", alice, "symlink /srv/berth/bucket/home/new escape\nput /etc/hostname escape\n")
    assert not result.ok
    assert not (home.parent / "new").exists()
    (home / "escape").unlink()


def test_hard_links_reach_only_what_is_inside(host, alice, home):
    (home / "mine").write_text("mine", encoding="ascii")
    os.chown(home / "mine", UID, UID)
    os.symlink("/srv/berth/bucket/home/secret", home / "link")
    result = host.sftp("alice", alice, "ln mine again\n-ln /home/secret stolen\n-ln ../secret stolen\n"
                       "-ln /etc/passwd stolen\n-ln link linked\n-get linked /tmp/stolen\n-get link /tmp/stolen\n")
    assert result.ok, repr(result)
    assert (home / "again").samefile(home / "mine")
    assert not os.path.lexists(home / "stolen")
    assert not os.path.exists("/tmp/stolen")
    for name in ("mine", "again", "link", "linked"):
        (home / name).unlink(missing_ok=True)


def test_there_is_no_proc_dev_or_etc(host, alice, home):
    with host.login("alice", alice) as session:
        assert set(session.sftp.listdir("/")) <= {"data", "folder", "mark"}
        for path in ("/proc", "/proc/self/environ", "/dev", "/dev/null", "/dev/log", "/etc", "/sys", "/run"):
            with pytest.raises(FileNotFoundError):
                session.sftp.stat(path)
        session.sftp.mkdir("/proc")
        assert session.sftp.listdir("/proc") == []
        session.sftp.rmdir("/proc")
    assert not (home / "proc").exists()


def test_a_directory_moved_out_of_the_target_leads_nowhere(host, alice, home):
    """The oldest way out of a chroot: the session's working directory is moved, and ".." no longer meets the root."""
    host.bucket("bucket", "home/alice/landing/deep", owner=UID)
    os.chown(home / "landing", UID, UID)
    host.create_user("bob", UID + 10, mappings=[("/", "/bucket/home/alice")], home="/landing/deep", keys=[host.key("bob")])
    outside = home.parent / "moved"
    with host.login("bob", host.key("bob")) as session:
        assert session.sftp.normalize(".") == "/landing/deep"
        (home / "landing/deep").rename(outside)
        try:
            for path in ("..", "../secret", "../../secret", "../../../../../../etc/passwd", "../../../../proc", "../.."):
                with pytest.raises(OSError):
                    session.sftp.listdir(path)
                with pytest.raises(OSError):
                    session.sftp.open(path).read()
            assert "alice" not in session.sftp.listdir("/")
        finally:
            outside.rmdir()
    host.delete_user("bob")


def test_target_removed_and_made_again(host, alice, home):
    """A live session keeps the directory it was given; the next login gets the new one."""
    with host.login("alice", alice) as session:
        home.rename(home.parent / "old")
        host.bucket("bucket", "home/alice", owner=UID)
        (home / "new").touch()
        assert "new" not in session.sftp.listdir("/")
        assert "new" in host.ls("alice", alice)


class TestCreateHome:
    def test_missing_target_is_made_for_the_user(self, host, upload):
        key = host.key("carol")
        bucket = host.bucket("bucket")
        host.create_user("carol", 5003, gid=5004, mappings=[("/", "/bucket/new/carol")], keys=[key])
        result = host.sftp("carol", key, "put %s data\n" % upload)
        assert result.ok, repr(result)
        assert ((bucket / "new").stat().st_uid, (bucket / "new").stat().st_mode & 0o7777) == (0, 0o755)
        assert ((bucket / "new/carol").stat().st_uid, (bucket / "new/carol").stat().st_gid) == (5003, 5004)
        assert (bucket / "new/carol/data").stat().st_uid == 5003

    def test_below_a_directory_that_others_write_the_user_makes_it(self, host):
        key = host.key("dave")
        bucket = host.bucket("bucket", "public")
        os.chmod(bucket / "public", 0o1777)
        host.create_user("dave", 5005, mappings=[("/", "/bucket/public/team/dave")], keys=[key])
        assert host.sftp("dave", key).ok
        for name in ("public/team", "public/team/dave"):
            status = (bucket / name).stat()
            assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (5005, 5005, 0o750), name

    def test_never_made_in_a_directory_that_is_closed_to_the_user(self, host):
        key = host.key("erin")
        bucket = host.bucket("bucket", "foreign", owner=5001)
        host.create_user("erin", 5006, mappings=[("/", "/bucket/foreign/erin")], keys=[key])
        assert not host.sftp("erin", key).ok
        assert host.wait_log("erin.*/bucket/foreign")
        assert not (bucket / "foreign/erin").exists()

    def test_create_home_no_refuses_and_names_the_path(self, host):
        key = host.key("frank")
        bucket = host.bucket("bucket")
        host.create_user("frank", 5007, mappings=[("/", "/bucket/absent/frank")], keys=[key])
        host.reload("CreateHome no")
        try:
            assert not host.sftp("frank", key).ok
            assert host.wait_log("frank.*/bucket/absent")
            assert not (bucket / "absent").exists()
        finally:
            host.reload()
