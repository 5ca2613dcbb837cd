"""LOGICAL with entries of their own: a sealed read-only root that holds the mappings and nothing else."""
import os
import resource
import subprocess
import time
from pathlib import Path

import pytest

UID = 5101
PARTNER = Path("/srv/elsewhere/partner")
BERTH_CONFIG = ["Bucket partner %s" % PARTNER, "Bucket unmounted /srv/elsewhere/absent"]

MAPPINGS = [
    {"Entry": "/in", "Target": "/bucket/alice/in"},
    {"Entry": "/shared/reports", "Target": "/bucket/reports"},
    {"Entry": "/shared/notes.txt", "Target": "/bucket/files/notes.txt", "Type": "FILE"},
    {"Entry": "/partner/deep/down/inbox", "Target": "/partner/inbox", "Type": "DIRECTORY"},
]


@pytest.fixture
def alice(host):
    """Her key; two buckets, the second on a file system of its own."""
    key = host.key("alice")
    if PARTNER.exists():
        return key
    bucket = host.bucket("bucket", "alice/in", owner=UID)
    host.bucket("bucket", "reports", "files")
    (bucket / "reports/q1").write_text("reports", encoding="ascii")
    (bucket / "files/notes.txt").write_text("notes", encoding="ascii")
    (bucket / "files/private.txt").write_text("not hers", encoding="ascii")
    PARTNER.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "partner", PARTNER], check=True)
    (PARTNER / "inbox").mkdir()
    os.chown(PARTNER / "inbox", UID, UID)
    host.create_user("alice", UID, mappings=MAPPINGS, keys=[key])
    return key


def test_each_entry_is_there(host, alice):
    assert host.ls("alice", alice, "/") == ["in", "partner", "shared"]
    assert host.ls("alice", alice, "/shared") == ["notes.txt", "reports"]
    assert host.ls("alice", alice, "/shared/reports") == ["q1"]
    assert host.ls("alice", alice, "/partner/deep/down") == ["inbox"]


def test_file_entry_is_the_file_and_not_its_neighbours(host, alice, tmp_path):
    result = host.sftp("alice", alice, "get /shared/notes.txt %s\n-ls /shared/private.txt\n" % tmp_path)
    assert result.ok, repr(result)
    assert (tmp_path / "notes.txt").read_text(encoding="ascii") == "notes"
    assert "/shared/private.txt\" not found" in result.err
    with host.login("alice", alice) as session:
        with pytest.raises(OSError):
            session.sftp.listdir("/shared/notes.txt/..")
        with pytest.raises(PermissionError):
            session.sftp.open("/shared/notes.txt", "r+")


def test_uploads_land_in_each_bucket(host, alice, upload):
    result = host.sftp("alice", alice, "put %s /in/data\nput %s /partner/deep/down/inbox/data\n" % (upload, upload))
    assert result.ok, repr(result)
    for path in (host.bucket("bucket") / "alice/in/data", PARTNER / "inbox/data"):
        assert path.read_bytes() == upload.read_bytes()
        assert (path.stat().st_uid, path.stat().st_gid) == (UID, UID)


@pytest.mark.parametrize("directory", ["/", "/shared", "/partner", "/partner/deep/down"])
def test_nothing_can_be_made_or_removed_at_the_sealed_root(host, alice, directory):
    with host.login("alice", alice) as session:
        sftp = session.sftp
        sftp.chdir(directory)
        before = sftp.listdir(".")
        attempts = [
            lambda: sftp.open("new", "w"),
            lambda: sftp.mkdir("new"),
            lambda: sftp.symlink("/in", "new"),
            lambda: sftp.chmod(".", 0o777),
            lambda: sftp.utime(".", (1, 1)),
            lambda: sftp.chown(".", UID, UID),
            lambda: sftp.rename(before[0], "new"),
            lambda: sftp.rmdir(before[0]),
            lambda: sftp.remove(before[0]),
        ]
        for attempt in attempts:
            with pytest.raises(OSError):
                attempt()
        assert sftp.listdir(".") == before
        status = sftp.stat(".")
        assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (0, 0, 0o755)


def test_entries_are_mount_points_that_stay(host, alice):
    """The user owns the directory behind /in, and still can't move or remove the entry."""
    result = host.sftp("alice", alice, "-rmdir /in\n-rename /in /shared/reports/in\n-rename /in/data /shared/data\n"
                       "-rename /in /in2\nls -1 /\n")
    assert result.ok, repr(result)
    assert "/in\n" in result.out
    assert (host.bucket("bucket") / "alice/in").is_dir()


def test_session_is_sealed_and_its_mounts_are_guarded(host, alice):
    with host.login("alice", alice) as session:
        host.assert_sealed(session.pid)
        mounts = [line.split() for line in Path("/proc/%d/mountinfo" % session.pid).read_text().splitlines()]
        assert sorted(fields[4] for fields in mounts) == sorted(["/"] + [mapping["Entry"] for mapping in MAPPINGS])
        for fields in mounts:
            assert {"nosuid", "nodev", "noexec"} <= set(fields[5].split(",")), fields
            assert not any(field.startswith(("shared:", "master:")) for field in fields[6:]), fields
        root = [fields for fields in mounts if fields[4] == "/"]
        assert "ro" in root[0][5].split(",")


def test_mounts_below_a_target_are_not_in_the_view(host, alice):
    below = host.bucket("bucket") / "reports/mounted"
    below.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "below", below], check=True)
    try:
        (below / "hidden").touch()
        assert host.ls("alice", alice, "/shared/reports/mounted") == []
    finally:
        subprocess.run(["umount", below], check=True)
        below.rmdir()


def test_a_mount_made_later_does_not_arrive(host, alice):
    with host.login("alice", alice) as session:
        below = host.bucket("bucket", "reports/later") / "reports/later"
        subprocess.run(["mount", "-t", "tmpfs", "later", below], check=True)
        try:
            (below / "hidden").touch()
            assert session.sftp.listdir("/shared/reports/later") == []
        finally:
            subprocess.run(["umount", below], check=True)
            below.rmdir()


def test_landing_directory_at_or_under_an_entry(host, alice):
    host.bucket("bucket", "alice/in/sub", owner=UID)
    for number, landing in enumerate(("/in", "/in/sub", "/shared/reports")):
        name = "lander%d" % number
        host.create_user(name, UID, mappings=MAPPINGS, home=landing, keys=[host.key(name)])
        assert "Remote working directory: %s\n" % landing in host.sftp(name, host.key(name)).out
        host.delete_user(name)


@pytest.mark.parametrize("broken", [
    {"Entry": "/x", "Target": "/bucket/files/notes.txt", "Type": "DIRECTORY"},
    {"Entry": "/x", "Target": "/bucket/files", "Type": "FILE"},
    {"Entry": "/x", "Target": "/bucket/files/absent.txt", "Type": "FILE"},
    {"Entry": "/x", "Target": "/unmounted/directory"},
], ids=["a-file-as-directory", "a-directory-as-file", "a-missing-file", "a-missing-bucket"])
def test_one_broken_entry_refuses_the_whole_login(host, alice, broken):
    host.create_user("broken", 5102, mappings=MAPPINGS + [broken], keys=[host.key("broken")])
    try:
        assert not host.sftp("broken", host.key("broken")).ok
        assert host.wait_log("broken.*%s" % broken["Target"])
    finally:
        host.delete_user("broken")


@pytest.mark.parametrize("count", [2_000, 50_000])
def test_many_entries(host, alice, upload, count):
    user = "many%d" % count
    key = host.key(user)
    bucket = host.bucket("bucket")
    for number in range(count):
        directory = bucket / ("%s/%d/%d" % (user, number // 1000, number))
        directory.mkdir(parents=True)
        os.chown(directory, 5103, 5103)
    host.create_user(user, 5103, keys=[key], mappings=[
        ("/part%d/%d" % (number // 1000, number), "/bucket/%s/%d/%d" % (user, number // 1000, number))
        for number in range(count)])
    # More mappings than descriptors.
    most = min(20_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.prlimit(host.sshd.pid, resource.RLIMIT_NOFILE, (1024, most))
    started = time.monotonic()
    last = count - 1
    result = host.sftp(user, key, "ls -1 /\nput %s /part%d/%d/data\nls -1 /part0\n" % (upload, last // 1000, last))
    print("%d entries: sftp session of %.2f s" % (count, time.monotonic() - started))
    assert result.ok, repr(result)
    listed = [line for line in result.out.splitlines() if line.startswith("/part")]
    assert len([name for name in listed if name.startswith("/part0/")]) == 1000
    assert len([name for name in listed if name.count("/") == 1]) == count // 1000
    assert (bucket / ("%s/%d/%d/data" % (user, last // 1000, last))).stat().st_uid == 5103
    host.assert_nothing_left()
