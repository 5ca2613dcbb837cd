"""From the first release's schema to this one's: nothing is lost, whatever happens meanwhile."""
import json
import os
import random
import signal
import sqlite3
import subprocess
import time

import pytest

from store_tools import BERTH, Holder, key_body, until

NEW_INDEX = "user_tags_by_key"


@pytest.fixture
def old(empty):
    return empty.make_schema_1()


def version(store):
    return store.rows("PRAGMA user_version")[0][0]


BODY = {1: "body", 2: "type || ' ' || base64 || coalesce(' ' || comment, '')"}


def content(store):
    """All rows of all tables; keys with their bodies, whatever these are made of."""
    with sqlite3.connect(f"file:{store.path}?mode=ro", uri=True) as database:
        database.execute("BEGIN")
        schema = database.execute("PRAGMA user_version").fetchone()[0]
        tables = [name for name, in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        columns = {"ssh_keys": f"user_key, position, key_id, type, base64, {BODY[schema]}, date_imported"}
        found = {name: sorted(database.execute(f"SELECT {columns.get(name, '*')} FROM {name}").fetchall(), key=repr)
                 for name in tables}
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


COMMENTS = ["", " work laptop", " Büro-Schlüssel, zweiter ☃", " a@b c@d ssh-ed25519 AAAA", " 'quoted' \"too\" %s -- x"]


def test_comments(old):
    """DescribeUser's bodies to the byte: from schema 1 by a reader, and after the migration."""
    bodies = [key_body(number) + comment for number, comment in enumerate(COMMENTS)]
    with old.open() as database:
        database.execute("DELETE FROM ssh_keys WHERE user_key = 1")
        database.executemany("INSERT INTO ssh_keys VALUES (1, ?, ?, ?, ?, ?, 1.5e9)", [
            (number, f"key-{number:017x}", *body.split()[:2], body) for number, body in enumerate(bodies)])
    database.close()
    old.give()

    def exported():
        lines = old.berth("export").stdout.splitlines()
        return [key["SshPublicKeyBody"] for key in json.loads(lines[0])["SshPublicKeys"]]
    assert old.berth("export").returncode == 0
    assert exported() == bodies
    shown = [key["SshPublicKeyBody"] for key in old.described()["alice"]["SshPublicKeys"]]
    assert version(old) == 2
    assert shown == exported() == bodies
    assert old.rows("SELECT comment FROM ssh_keys WHERE user_key = 1 ORDER BY position") == \
        [(comment[1:] or None,) for comment in COMMENTS]
    old.clean()


EDITED = {
    "another key": key_body(99) + " comment",
    "nothing": "",
    "the type alone": "ssh-ed25519",
    "a longer key": key_body(0) + "A comment",
    "the type of another": key_body(0).replace("ed25519", "dss", 1),
    "two spaces": key_body(0).replace(" ", "  "),
    "no text of use": "\n\x01" + key_body(0),
}


@pytest.mark.parametrize("edit", EDITED)
def test_edited_bodies(old, edit):
    """Who logs in with what was never said by the body, and isn't after the migration."""
    keys = "SELECT user_key, position, key_id, type, base64, date_imported FROM ssh_keys ORDER BY user_key, position"
    with old.open() as database:
        database.execute("UPDATE ssh_keys SET type = ?, base64 = ?, body = ? WHERE user_key = 2",
                         (*key_body(0).split(), EDITED[edit]))
    database.close()
    old.give()
    before, logins = old.rows(keys), old.berth("export")
    assert logins.returncode == 0
    assert old.described()["bob"]["SshPublicKeys"][0]["SshPublicKeyBody"] == key_body(0)
    assert version(old) == 2
    assert old.rows(keys) == before
    assert old.rows("SELECT comment FROM ssh_keys WHERE user_key = 2") == [(None,)]
    assert old.berth("export").stdout == logins.stdout
    old.clean()


def test_what_else_was_edited(old):
    """Keys of nobody stay behind; a view of somebody else's stops nothing."""
    before = content(old)
    old.sql("INSERT INTO ssh_keys SELECT 4711, 0, key_id, type, base64, body, 1 FROM ssh_keys LIMIT 1;"
            "CREATE VIEW broken AS SELECT * FROM missing; CREATE VIEW bodies AS SELECT body FROM ssh_keys;"
            "CREATE TRIGGER later AFTER INSERT ON ssh_keys BEGIN DELETE FROM users; END")
    old.described()
    assert version(old) == 2
    assert content(old) == before


def test_many_users(old, place):
    """Thousands, whole before and after."""
    place.writable("256m")
    old.fill(5000, prefix="more", keys=2)
    old.sql("UPDATE ssh_keys SET body = body || ' of ' || key_id WHERE position = 1 AND user_key > 5")
    before, exported = content(old), old.berth("export").stdout
    assert version(old) == 1
    assert len(exported.splitlines()) == 5005
    last = old.ok("describe-user", "--user-name", "more04999")  # opens for writing
    assert version(old) == 2
    assert last["User"]["SshPublicKeys"][1]["SshPublicKeyBody"] == key_body(499901) + f" of key-{5005 * 100 + 1:017x}"
    assert content(old) == before
    assert old.berth("export").stdout == exported
    assert old.rows("SELECT count(*) FROM ssh_keys a JOIN ssh_keys b ON b.ssh_key_key = a.ssh_key_key + 1"
                    " WHERE (b.user_key, b.position) <= (a.user_key, a.position)") == [(0,)]
    # By the old schema's reader before, by the new one's after.
    assert [old.rows("PRAGMA integrity_check"), old.rows("PRAGMA foreign_key_check")] == [[("ok",)], []]
    old.clean()


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
    keys = protocol.keys("alice")
    assert protocol.by_name("alice")[1] == 5001
    assert len(keys) == 3
    assert host.sql("PRAGMA user_version") == [(1,)]
    done = subprocess.run([BERTH, "admin", "update-user", "--user-name", "bob", "--posix-profile", "Uid=5009,Gid=5009"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert host.sql("PRAGMA user_version") == [(2,)]
    assert protocol.by_name("alice")[1] == 5001
    assert protocol.keys("alice") == keys
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
