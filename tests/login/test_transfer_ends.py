"""Transfers that end without a close, or whose disk gives out: what the log says of them."""
import os
import signal
import subprocess
import time

import pytest

from attack_tools import processes_of_user
from private_host import run, wait_until
from transfer_tools import alice_fixture, assert_sound, between, closed, final, logged_in, make_user, put_bytes, said

UID = 5771


alice = alice_fixture(UID)


def the_one(events, operation):
    """What became of the only one of this operation."""
    found = [event for event in final(events) if event["operation"] == operation]
    assert len(found) == 1, events
    return found[0]


def assert_unfinished(event, path, size=None):
    """A put that was not whole, with its bytes where they are known."""
    assert said(event, "path", "complete") == (path, False), event
    assert event["status"] not in ("ok", ""), event
    assert event["target"].endswith(path), event
    if size is not None:
        assert event["bytes"] == size, (event, size)
    assert event["duration"] >= 0


def slow_sftp(host, user, tmp_path):
    """OpenSSH's sftp in the midst of an upload: the process. It has a process group of its own."""
    large = tmp_path / "large"
    large.touch()
    os.truncate(large, 200 * 1024**2)
    client = subprocess.Popen(["sftp", *host.client_options(user.key), "-l", "20000", "-P", str(host.port), "-b", "-",
                               "%s@127.0.0.1" % user.name], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, start_new_session=True)
    client.stdin.write(b"put %s /large\n" % os.fsencode(large))
    client.stdin.close()
    wait_until(lambda: (user.home / "large").exists() and (user.home / "large").stat().st_size > 100_000, what="the upload")
    return client


@pytest.mark.parametrize("what", ["sftp and ssh", "ssh alone"])
def test_a_client_that_is_killed(host, alice, tmp_path, what):
    client = slow_sftp(host, alice, tmp_path)
    if what == "ssh alone":
        children = run("pgrep", "-P", client.pid).out.split()
        os.kill(int(children[0]), signal.SIGKILL)
    else:
        os.killpg(client.pid, signal.SIGKILL)
    client.wait(10)
    events = closed(host, user="alice")
    assert_sound(host)
    put = the_one(events, "put")
    assert_unfinished(put, "/large", (alice.home / "large").stat().st_size)
    totals = events[-1]["totals"]
    assert (totals["files_put"], totals["bytes_put"], totals["failed"]) == (0, put["bytes"], 1)


def test_a_connection_that_drops(host, alice):
    with logged_in(host, alice) as session:
        whole, open_one = session.sftp.open("/whole", "wb"), session.sftp.open("/open", "wb")
        whole.write(b"x" * 1000)
        whole.close()
        open_one.write(b"x" * 70_000)
        session.sftp.stat("/open")
        session.transport.sock.close()
        events = closed(host, session=session.id)
    assert_sound(host)
    first, second = [event for event in events if event["operation"] == "put"]
    assert said(first, "path", "bytes", "status", "complete") == ("/whole", 1000, "ok", True)
    assert_unfinished(second, "/open", 70_000)


def test_a_download_that_is_broken_off(host, alice):
    (alice.home / "large").write_bytes(b"x" * 3_000_000)
    (alice.home / "large").chmod(0o644)
    with logged_in(host, alice) as session:
        file = session.sftp.open("/large")
        assert len(file.read(32_768)) == 32_768
        session.transport.sock.close()
        events = closed(host, session=session.id)
    got = the_one(events, "get")
    assert said(got, "path", "bytes", "complete") == ("/large", 32_768, False) and got["status"] != "ok", got
    assert_sound(host)


def test_sftp_server_killed(host, alice):
    """No line at all says that it is gone: what it had open is told when the session ends."""
    with logged_in(host, alice) as session:
        put_bytes(session.sftp, "/whole", b"12345")
        file = session.sftp.open("/open", "wb")
        file.write(b"x" * 1000)
        session.sftp.stat("/open")
        killed = [pid for pid in processes_of_user(UID) if children_of(pid) == []]
        assert len(killed) == 1
        os.kill(killed[0], signal.SIGKILL)
    events = closed(host, session=session.id)
    assert_sound(host)
    first, second = [event for event in events if event["operation"] == "put"]
    assert said(first, "path", "bytes", "complete") == ("/whole", 5, True)
    assert_unfinished(second, "/open")
    assert second.get("bytes", 1000) == 1000


def children_of(pid):
    return run("pgrep", "-P", pid).out.split()


def test_a_session_that_is_ended_by_the_operator(host, alice):
    with logged_in(host, alice) as session:
        file = session.sftp.open("/open", "wb")
        file.write(b"x" * 1000)
        session.sftp.stat("/open")
        assert run("/usr/bin/berth", "sessions", "end", session.id).ok
        wait_until(lambda: not session.transport.is_active(), what="its end")
    events = closed(host, session=session.id)
    assert_sound(host)
    assert_unfinished(the_one(events, "put"), "/open")
    host.assert_nothing_left(2)


def test_sessions_that_end_with_sshd(host, alice):
    with logged_in(host, alice) as session:
        put_bytes(session.sftp, "/whole")
        host.stop_sshd()
        assert [said(event, "path", "complete") for event in between(closed(host, session=session.id))] == [("/whole", True)]
    assert_sound(host)


@pytest.fixture
def small_disk(host):
    """A user whose "/" is a file system of 1 MiB."""
    user = make_user(host, "small", UID + 1)
    run("mount", "-t", "tmpfs", "-o", "size=1m,mode=0755,uid=%d,gid=%d" % (user.uid, user.uid), "tmpfs", user.home)
    yield user
    run("umount", "--lazy", user.home)


def test_a_disk_that_is_full(host, small_disk, tmp_path):
    large = tmp_path / "large"
    large.write_bytes(b"x" * 3_000_000)
    result = host.sftp("small", small_disk.key, """
        -put %s /large
        -put /etc/hostname /more
        rm /large
        put /etc/hostname /fits
        """ % large)
    assert result.ok, repr(result)
    events = closed(host, user="small")
    assert_sound(host)
    first, second, removed, third = final(between(events))
    assert_unfinished(first, "/large")
    assert first["status"] == "No space left on device", first
    assert 0 <= 2**20 - first["bytes"] < 300_000, first
    assert_unfinished(second, "/more", 0)
    assert second["status"] == "No space left on device"
    assert said(removed, "operation", "status") == ("remove", "ok")
    assert said(third, "path", "status", "complete") == ("/fits", "ok", True)
    assert events[-1]["totals"]["files_put"] == 1


def test_a_write_that_stops_short(host, small_disk):
    """The disk takes a part of one write: the client hears "Failure", the log has no reason, and the file isn't whole."""
    with logged_in(host, small_disk) as session:
        file = session.sftp.open("/part", "wb")
        with pytest.raises(OSError):
            file.write(b"x" * 32_000)
            for _ in range(40):
                file.write(b"x" * 32_000)
        file.close()
    events = closed(host, session=session.id)
    put = the_one(events, "put")
    assert said(put, "path", "complete") == ("/part", False) and put["status"] != "ok", put
    assert_sound(host)


def test_reading_what_cannot_be_read(host, alice):
    (alice.home / "directory").mkdir()
    with logged_in(host, alice) as session:
        file = session.sftp.open("/directory")
        with pytest.raises(OSError):
            file.read(100)
        file.close()
        put_bytes(session.sftp, "/after")
    events = between(closed(host, session=session.id))
    assert said(events[0], "operation", "path", "bytes", "status", "complete") == (
        "get", "/directory", 0, "Is a directory", False)
    assert said(events[1], "path", "status") == ("/after", "ok")


def test_many_files_open_at_the_end(host, alice):
    with logged_in(host, alice) as session:
        files = [session.sftp.open("/open%02d" % number, "wb") for number in range(50)]
        for number, file in enumerate(files):
            file.write(b"x" * number)
        session.sftp.stat("/")
        begun = time.monotonic()
    events = closed(host, session=session.id)
    assert time.monotonic() - begun < 3
    assert_sound(host)
    found = sorted(said(event, "path", "bytes", "complete") for event in between(events))
    # paramiko closes what it still knows of, in any order, as its end allows.
    assert [(path, size) for path, size, _ in found] == [("/open%02d" % number, number) for number in range(50)]
