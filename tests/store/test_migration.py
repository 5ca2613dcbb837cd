"""From the first release's schema to this one's: nothing is lost, whatever happens meanwhile."""
import os
import random
import signal
import sqlite3
import subprocess
import time

import pytest

from store_tools import BERTH, Holder, until

NEW_INDEX = "user_tags_by_key"


@pytest.fixture
def old(empty):
    return empty.make_schema_1()


def version(store):
    return store.rows("PRAGMA user_version")[0][0]


def content(store):
    """All rows of all tables."""
    with sqlite3.connect(f"file:{store.path}?mode=ro", uri=True) as database:
        tables = [name for name, in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        found = {name: sorted(database.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in tables}
    database.close()
    return found


def test_a_reader_takes_either(old):
    before = content(old)
    # fsck and backup only read.
    assert "5 users, 0 faults" in old.clean()
    assert old.berth("backup", old.directory / "copy").returncode == 0
    assert version(old) == 1
    assert content(old) == before


def test_a_writer_migrates(old):
    before = content(old)
    described = old.described()  # `berth admin` opens for writing
    assert version(old) == 2
    assert content(old) == before
    assert sorted(described) == ["alice", "bob", "carol", "dave", "erin@example.org"]
    alice, carol = described["alice"], described["carol"]
    assert [key["SshPublicKeyBody"].split()[0] for key in alice["SshPublicKeys"]] == \
        ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"]
    assert alice["Tags"] == [{"Key": "team", "Value": "blue"}, {"Key": "region", "Value": "südwest"}]
    assert carol["HomeDirectoryMappings"][1] == \
        {"Entry": "/out/report.csv", "Target": "/bucket/out/carol.csv", "Type": "FILE"}
    assert carol["PosixProfile"] == {"Uid": 5003, "Gid": 5001, "SecondaryGids": [7002]}
    assert described["dave"]["Policy"] == '{"Version":"2012-10-17","Statement":[]}'
    assert described["erin@example.org"]["PosixProfile"]["SecondaryGids"] == []
    old.clean()  # the very schema that a new store has


def test_the_agent_serves_before_and_after(host):
    import store_tools
    import agent_places
    import agent_protocol as protocol
    database = sqlite3.connect(agent_places.STORE)
    database.executescript(store_tools.SCHEMA_1.read_text())
    database.close()
    for name in os.listdir("/run/store"):
        os.chown(f"/run/store/{name}", agent_places.BERTH_UID, agent_places.BERTH_UID)
    host.server_id = store_tools.SCHEMA_1_SERVER
    host.configure()
    host.start()
    assert protocol.by_name("alice")[1] == 5001
    assert host.sql("PRAGMA user_version") == [(1,)]
    done = subprocess.run([BERTH, "admin", "update-user", "--user-name", "bob", "--posix-profile", "Uid=5009,Gid=5009"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert host.sql("PRAGMA user_version") == [(2,)]
    assert protocol.by_name("alice")[1] == 5001
    assert protocol.by_name("bob")[1] == 5009


def test_two_at_once(old):
    holder = Holder(old.path)
    described = old.popen("admin", "describe-user", "--user-name", "alice"), \
        old.popen("admin", "describe-user", "--user-name", "bob")
    # Both have found schema 1 and wait for the lock.
    for process in described:
        until(lambda process=process: any("berth.db" in os.readlink(f"/proc/{process.pid}/fd/{fd}")
                                          for fd in os.listdir(f"/proc/{process.pid}/fd")))
    time.sleep(0.1)
    assert [process.poll() for process in described] == [None, None]
    holder.release()
    for process in described:
        out, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")
        assert "UserName" in out
    assert version(old) == 2
    old.clean()


def test_killed_meanwhile(old):
    """At any point: 1 or 2, and all rows."""
    old.fill(2000, prefix="more")
    before = content(old)
    old.checkpoint()
    original = old.path.read_bytes()
    seen, attempt = set(), 0
    # A machine may need longer to get that far.
    while attempt < 60 or (seen != {1, 2} and attempt < 300):
        attempt += 1
        for name in old.files():
            os.unlink(old.folder / name)
        old.path.write_bytes(original)
        old.give()
        process = old.popen("admin", "describe-user", "--user-name", "alice")
        time.sleep(random.Random(attempt).uniform(0, 0.03 * (1 + attempt // 60)))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)
        now = version(old)
        seen.add(now)
        assert now in (1, 2)
        assert content(old) == before
        assert (old.rows("SELECT count(*) FROM sqlite_schema WHERE name = ?", NEW_INDEX)[0][0] == 1) == (now == 2)
        assert old.rows("PRAGMA integrity_check") == [("ok",)]
    assert seen == {1, 2}


def test_read_only(old, place):
    old.checkpoint()
    old.path.chmod(0o400)
    done = old.admin("describe-user", "--user-name", "alice")
    assert done.returncode == 255
    assert str(old.path) in done.stderr and "readonly" in done.stderr
    old.path.chmod(0o600)
    assert version(old) == 1
    assert len(old.described()) == 5


def test_full_disk(old, place):
    old.fill(3000, prefix="more")
    old.checkpoint()
    before = content(old)
    ballast = place.fill(leave=40960)
    done = old.admin("describe-user", "--user-name", "alice")
    assert done.returncode == 255
    assert str(old.path) in done.stderr and "full" in done.stderr
    ballast.unlink()
    assert version(old) == 1
    assert content(old) == before
    assert old.admin("describe-user", "--user-name", "alice").returncode == 0
    assert version(old) == 2


def test_a_newer_one_is_refused(store):
    store.sql("PRAGMA user_version = 3")
    for done in store.admin("list-users"), store.fsck(), store.berth("backup", store.directory / "copy"):
        assert done.returncode == 255
        assert f"Store {store.path} was made by a newer Berth: schema 3, this one knows 2" in done.stderr
    assert not (store.directory / "copy").exists()
