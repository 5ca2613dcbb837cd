"""The transfer log under load: thousands of small files, sessions side by side, one large file."""
import os
import subprocess

from transfer_tools import alice_fixture, assert_sound, by_session, closed, small_files

UID = 5721
FILES = 10_000
PARALLEL, EACH = 6, 800
LARGE = 2 * 1024**3


alice = alice_fixture(UID)


def test_every_small_file_has_its_event(host, alice, tmp_path):
    local = small_files(tmp_path / "many", FILES)
    result = host.sftp("alice", alice.key, "put -R %s\n" % local)
    assert result.ok, repr(result)
    events = closed(host, user="alice", seconds=30)
    assert_sound(host)
    put = [event for event in events if event["operation"] == "put"]
    assert sorted(event["path"] for event in put) == ["/many/%05d" % number for number in range(FILES)]
    assert {(event["bytes"], event["status"], event["complete"]) for event in put} == {(10, "ok", True)}
    totals = events[-1]["totals"]
    assert (totals["files_put"], totals["bytes_put"], totals["failed"], totals["dropped"]) == (FILES, FILES * 10, 0, 0)


def test_sessions_side_by_side(host, alice, tmp_path):
    local = small_files(tmp_path / "many", EACH)
    command = ["sftp", *host.client_options(alice.key), "-P", str(host.port), "-b", "-", "alice@127.0.0.1"]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
               for _ in range(PARALLEL)]
    for number, client in enumerate(running):
        back = tmp_path / ("back%d" % number)
        back.mkdir()
        client.stdin.write(b"mkdir s%d\nput %s/* s%d/\nget s%d/* %s/\n" % (
            number, os.fsencode(local), number, number, os.fsencode(back)))
        client.stdin.close()
    for client in running:
        assert client.wait(120) == 0, client.stderr.read()
        client.stderr.close()
    events = closed(host, user="alice", seconds=30)
    assert_sound(host)
    assert not host.events(operation="dropped")
    sessions = by_session(events)
    assert len(sessions) == PARALLEL
    seen = set()
    for own in sessions.values():
        directory = next(event["path"] for event in own if event["operation"] == "mkdir")
        seen.add(directory)
        for operation in ("put", "get"):
            paths = sorted(event["path"] for event in own if event["operation"] == operation)
            wanted = ["%s/%05d" % (directory, number) for number in range(EACH)]
            assert paths == wanted
        assert own[-1]["totals"]["files_put"] == own[-1]["totals"]["files_got"] == EACH
    assert len(seen) == PARALLEL


def test_one_large_file(host, alice, tmp_path):
    """More bytes than 31 bits count. Sparse, so that it takes no memory where it is read."""
    large = alice.home / "large"
    large.touch()
    os.truncate(large, LARGE + 1)
    os.chown(large, alice.uid, alice.uid)
    result = host.sftp("alice", alice.key, "get large /dev/null\n", timeout=120)
    assert result.ok, repr(result)
    events = closed(host, user="alice")
    assert_sound(host)
    got = [event for event in events if event["operation"] == "get"]
    assert [(event["bytes"], event["status"], event["complete"]) for event in got] == [(LARGE + 1, "ok", True)]
    assert events[-1]["totals"]["bytes_got"] == LARGE + 1
