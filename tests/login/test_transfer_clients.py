"""The transfer log of every client: OpenSSH's sftp, paramiko, lftp, rclone and sshfs, each doing its everyday work."""
import os
import re
import subprocess
from datetime import timedelta

import pytest

from private_host import SSH_OPTIONS, run, wait_until
from transfer_tools import alice_fixture, assert_sound, between, closed, logged_in, moment, now, on_host, outline, said

UID = 5701
SIZES = {"/tree/one": 10, "/tree/two words": 70_000, "/tree/sub/three": 0, "/tree/sub/deep/four": 300_000}
DIRECTORIES = {"/tree", "/tree/sub", "/tree/sub/deep"}


alice = alice_fixture(UID)


@pytest.fixture
def tree(tmp_path):
    """A local tree of SIZES."""
    for name, size in SIZES.items():
        path = tmp_path / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    return tmp_path / "tree"


def transfers(events, operation):
    """{path: bytes} of whole transfers; each exactly once."""
    found = [event for event in events if event["operation"] == operation]
    paths = [event["path"] for event in found]
    assert len(set(paths)) == len(paths), paths
    for event in found:
        assert said(event, "status", "complete") == ("ok", True), event
    return {event["path"]: event["bytes"] for event in found}


def paths_of(events, operation, status="ok"):
    return {event["path"] for event in events if said(event, "operation", "status") == (operation, status)}


def renames(events):
    """{(path, new path)} of those that worked; the temporary names of clients that upload to one left out."""
    found = {said(event, "path", "new_path") for event in events if said(event, "operation", "status") == ("rename", "ok")}
    return {names for names in found if not names[0].endswith(".partial")}


def assert_everyday(host, user, since):
    """Of any client: who, and where on the host."""
    events = assert_sound(host, since)
    for event in events:
        assert said(event, "server", "user", "uid", "client", "key") == (host.server_id, user.name, user.uid, "127.0.0.1",
                                                                          user.key.fingerprint)
        for path, target in (("path", "target"), ("new_path", "new_target")):
            assert event.get(target) == (on_host(user, event[path]) if path in event else None), event
    return events


def test_openssh_one_of_each(host, alice, tmp_path):
    since = now()
    (tmp_path / "data").write_bytes(b"d" * 12_345)
    (tmp_path / "more").write_bytes(b"d" * 20_000)
    result = host.sftp("alice", alice.key, """
        put {0}/data first
        mkdir folder
        rename first folder/second
        chmod 640 folder/second
        ln folder/second hard
        ln -s folder/second soft
        get hard {0}/back
        ls folder
        reput {0}/more hard
        rm hard
        rm soft
        rm folder/second
        rmdir folder
        """.format(tmp_path))
    assert result.ok, repr(result)
    events = closed(host, user="alice")
    assert_everyday(host, alice, since)
    put, mkdir, rename, setstat, link, symlink, get, *rest = between(events)
    assert said(put, "operation", "path", "bytes", "status", "complete") == ("put", "/first", 12_345, "ok", True)
    assert said(mkdir, "operation", "path", "status") == ("mkdir", "/folder", "ok")
    assert said(rename, "operation", "path", "new_path") == ("rename", "/first", "/folder/second")
    assert said(setstat, "operation", "path", "text") == ("setstat", "/folder/second", "mode 0640")
    assert said(link, "operation", "path", "new_path", "status") == ("link", "/folder/second", "/hard", "ok")
    assert said(symlink, "operation", "path", "text", "status") == ("symlink", "/soft", "folder/second", "ok")
    assert said(get, "operation", "path", "bytes", "status", "complete") == ("get", "/hard", 12_345, "ok", True)
    assert outline(rest) == [("list", "/folder", "ok"), ("append", "/hard", "ok"), ("remove", "/hard", "ok"),
                             ("remove", "/soft", "ok"), ("remove", "/folder/second", "ok"), ("rmdir", "/folder", "ok")]
    assert rest[1]["bytes"] == 20_000 - 12_345
    assert events[-1]["totals"] == {"files_put": 2, "files_got": 1, "bytes_put": 20_000, "bytes_got": 12_345,
                                    "operations": 13, "failed": 0, "dropped": 0}


def test_openssh_recursive(host, alice, tree, tmp_path):
    """Each mkdir is followed by requests that fail and say so: those failures aren't the mkdir's."""
    since = now()
    assert host.sftp("alice", alice.key, "put -Rp %s\nget -Rp tree %s/back\n" % (tree, tmp_path)).ok
    events = closed(host, user="alice")
    assert_everyday(host, alice, since)
    assert transfers(events, "put") == SIZES and transfers(events, "get") == SIZES
    assert paths_of(events, "mkdir") == DIRECTORIES
    assert [event for event in events if event["operation"] == "mkdir" and event["status"] != "ok"] == []
    assert paths_of(events, "list") >= DIRECTORIES
    assert events[-1]["totals"]["files_put"] == events[-1]["totals"]["files_got"] == len(SIZES)


def test_scp(host, alice, tree):
    since = now()
    result = run("scp", "-s", *host.client_options(alice.key), "-P", host.port, "-r", tree, "alice@127.0.0.1:/")
    assert result.ok, repr(result)
    events = closed(host, user="alice")
    assert_everyday(host, alice, since)
    assert transfers(events, "put") == SIZES and paths_of(events, "mkdir") == DIRECTORIES


def test_paramiko(host, alice, upload):
    """Paths are sent as the program has them: relative ones begin at the landing directory."""
    since = now()
    with logged_in(host, alice) as session:
        sftp = session.sftp
        sftp.put(str(upload), "data")
        sftp.mkdir("folder")
        sftp.rename("data", "folder/../folder/data")
        sftp.posix_rename("./folder/data", "/folder//renamed")
        sftp.truncate("folder/renamed", 1000)
        sftp.chmod("/folder/renamed", 0o600)
        sftp.utime("/folder/renamed", (1_000_000_000, 1_000_000_000))
        with sftp.open("folder/renamed", "rb") as file:
            assert len(file.read()) == 1000
        with sftp.open("folder/renamed", "ab") as file:
            file.write(b"appended")
        sftp.symlink("renamed", "folder/link")
        sftp.listdir("folder")
        sftp.listdir()
        sftp.remove("folder/link")
        sftp.remove("folder/renamed")
        sftp.rmdir("folder")
    events = closed(host, user="alice")
    assert_sound(host, since)
    assert {said(event, "session", "port") for event in events} == {(session.id, session.port)}
    found = [said(event, "operation", "target", "new_target", "bytes", "text", "status") for event in between(events)]
    home = str(alice.home)
    below = home + "/folder"
    times = found[6][4]
    assert re.fullmatch(r"modtime 2001090[89]-\d\d:\d\d:40", times), times
    assert [(operation, os.path.normpath(target), new and os.path.normpath(new), size, text, status)
            for operation, target, new, size, text, status in found] == [
        ("put", home + "/data", None, 100_000, None, "ok"),
        ("mkdir", below, None, None, None, "ok"),
        ("rename", home + "/data", below + "/data", None, None, "ok"),
        ("rename", below + "/data", below + "/renamed", None, None, "ok"),
        ("setstat", below + "/renamed", None, None, "size 1000", "ok"),
        ("setstat", below + "/renamed", None, None, "mode 0600", "ok"),
        ("setstat", below + "/renamed", None, None, times, "ok"),
        ("get", below + "/renamed", None, 1000, None, "ok"),
        ("append", below + "/renamed", None, 8, None, "ok"),
        ("symlink", below + "/link", None, None, "renamed", "ok"),
        ("list", below, None, None, None, "ok"),
        ("list", home, None, None, None, "ok"),
        ("remove", below + "/link", None, None, None, "ok"),
        ("remove", below + "/renamed", None, None, None, "ok"),
        ("rmdir", below, None, None, None, "ok")]


def test_lftp(host, alice, tree, tmp_path):
    since = now()
    connect = "ssh -a -x %s" % " ".join(host.client_options(alice.key))
    result = run("lftp", "-f", "/dev/stdin", input="""
        set cmd:fail-exit yes
        set net:max-retries 1
        set sftp:auto-confirm yes
        set sftp:connect-program "%s"
        open -u alice,unused sftp://127.0.0.1:%d
        mirror -R --parallel=3 %s tree
        mv tree/one tree/uno
        mirror tree %s/back
        rm -r tree/sub
        """ % (connect, host.port, tree, tmp_path))
    assert result.ok, repr(result)
    events = closed(host, user="alice")
    assert_everyday(host, alice, since)
    assert transfers(events, "put") == SIZES
    got = dict(SIZES)
    got["/tree/uno"] = got.pop("/tree/one")
    assert transfers(events, "get") == got
    assert paths_of(events, "mkdir") == DIRECTORIES
    assert renames(events) == {("/tree/one", "/tree/uno")}
    assert paths_of(events, "remove") == {"/tree/sub/three", "/tree/sub/deep/four"}
    assert paths_of(events, "rmdir") == {"/tree/sub", "/tree/sub/deep"}


def test_rclone(host, alice, tree, tmp_path):
    since = now()
    options = ["--config", "/dev/null", "--sftp-host", "127.0.0.1", "--sftp-port", str(host.port), "--sftp-user", "alice",
               "--sftp-key-file", alice.key.path, "--retries", "1"]
    for command in (["copy", tree, ":sftp:/tree"],
                    ["sync", ":sftp:/tree", tmp_path / "back"],
                    ["moveto", ":sftp:/tree/one", ":sftp:/tree/uno"],
                    ["purge", ":sftp:/tree/sub"]):
        result = run("rclone", *command, *options)
        assert result.ok, "%s: %r" % (command, result)
    events = closed(host, user="alice")
    assert_everyday(host, alice, since)
    assert len({event["session"] for event in events}) >= 4
    put = {re.sub(r"\.[0-9a-f]{8}\.partial$", "", path): size for path, size in transfers(events, "put").items()}
    assert put == SIZES
    assert transfers(events, "get") == SIZES
    assert paths_of(events, "mkdir") == DIRECTORIES
    assert paths_of(events, "remove") == {"/tree/sub/three", "/tree/sub/deep/four"}
    assert renames(events) == {("/tree/one", "/tree/uno")}


def test_sshfs(host, alice, tree, tmp_path):
    if not os.path.exists("/dev/fuse"):
        pytest.skip("no /dev/fuse")
    since = now()
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    options = [option for option in SSH_OPTIONS if option not in ("-F", "/dev/null")]
    result = run("sshfs", "-F", "/dev/null", "alice@127.0.0.1:/", mounted, "-p", host.port, *options,
                 "-o", "IdentityFile=" + alice.key.path)
    assert result.ok, repr(result)
    try:
        assert run("cp", "-r", tree, mounted / "tree").ok
        assert (mounted / "tree/two words").read_bytes() == (tree / "two words").read_bytes()
        os.rename(mounted / "tree/one", mounted / "tree/uno")
        os.unlink(mounted / "tree/uno")
    finally:
        subprocess.run(["fusermount3", "-u", mounted], check=True)
    events = closed(host, user="alice")
    assert_everyday(host, alice, since)
    written = {path: 0 for path in SIZES}
    for event in events:
        if event["operation"] in ("put", "append"):
            assert event["status"] == "ok" and event["complete"], event
            written[event["path"]] += event["bytes"]
    assert written == SIZES
    assert transfers(events, "get")["/tree/two words"] == 70_000
    assert paths_of(events, "mkdir") == DIRECTORIES
    assert renames(events) == {("/tree/one", "/tree/uno")}
    assert paths_of(events, "remove") == {"/tree/uno"}


def test_times_and_durations_are_true(host, alice):
    """An event's time lies between what came before it and what came after it on the client; so does its duration."""
    with logged_in(host, alice) as session:
        before = now()
        file = session.sftp.open("/slow", "wb")
        file.write(b"x")
        opened = now()
        wait_until(lambda: now() - opened > timedelta(seconds=0.7))
        file.close()
        after = now()
        put = host.wait_events(operation="put")[0]
        assert opened + timedelta(seconds=0.7) < moment(put) < after, (opened, put["time"], after)
        assert 0.7 <= put["duration"] <= (after - before).total_seconds(), put
        session.sftp.mkdir("/at once")
        assert host.wait_events(operation="mkdir", seconds=1.0)[0]["status"] == "ok"
        assert now() - after < timedelta(seconds=1)
    events = closed(host, user="alice")
    assert 0.7 <= events[-1]["duration"] <= (now() - before).total_seconds() + 0.5
    assert moment(events[0]) < before < after < moment(events[-1])
