"""berth fsck: each kind of damage is found and named; --repair leaves a sound store, with all that wasn't touched in it."""
import json
import os
import pty
import re
import subprocess
import threading

import pytest

from store_tools import BERTH, PAGE, Asker, Holder, key_body

USERS = 300


@pytest.fixture
def filled(store):
    store.fill(USERS)
    store.sql("INSERT INTO server_tags VALUES (1, 0, 'env', 'test')")
    return store


def all_rows(store):
    """What the records are made of, by user name: their keys as rows may change."""
    users = {row[0]: row[1:] for row in store.rows(
        "SELECT user_name, uid, gid, has_secondary_gids, home_directory_type, home_directory, role, policy, mappings,"
        " (SELECT server_id FROM servers s WHERE s.server_key = u.server_key) FROM users u")}
    lists = {}
    for name, query in (("keys", "key_id, type, base64, comment, date_imported FROM ssh_keys"),
                        ("tags", "key, value FROM user_tags"), ("gids", "gid FROM secondary_gids")):
        for row in store.rows(f"SELECT (SELECT user_name FROM users u WHERE u.user_key = l.user_key), {query} l"
                              " ORDER BY user_key, position"):
            lists.setdefault(row[0], {}).setdefault(name, []).append(row[1:])
    return {name: (row, lists.get(name)) for name, row in users.items()}


def repair(store, code=0):
    """What --repair reports, once the store is clean again."""
    damaged = store.path.read_bytes()
    done = store.fsck("--repair", "--output", "json")
    assert (done.returncode, done.stderr) == (code, ""), done.stdout + done.stderr
    answer = json.loads(done.stdout)
    if any(fault["Severity"] == "FAULT" for fault in answer["Faults"]):
        kept = store.kept("damaged")
        assert answer["Kept"] == str(store.folder / kept[-1])
        assert (store.folder / kept[-1]).read_bytes() == damaged
        assert (store.folder / kept[-1]).stat().st_mode & 0o7777 == 0o600
    store.clean()
    return answer["Faults"]


def the_fault(faults, **members):
    found = [fault for fault in faults if all(words in fault.get(name, "") for name, words in members.items())]
    assert found, f"no {members} in {json.dumps(faults, indent=1, ensure_ascii=False)}"
    return found[0]


def test_a_sound_store(filled):
    assert filled.clean() == f"1 server, {USERS} users, 0 faults, 0 warnings\n"
    before = filled.path.read_bytes()
    assert repair(filled) == []
    assert filled.path.read_bytes() == before
    assert filled.kept("damaged") == []


def test_progress_on_a_terminal(filled):
    """There, and nowhere else."""
    filled.fill(20000, prefix="more")
    master, terminal = pty.openpty()
    process = subprocess.Popen([BERTH, "fsck", "--config", filled.config], stdin=subprocess.DEVNULL, stderr=terminal,
                               stdout=subprocess.PIPE, text=True)
    os.close(terminal)
    shown = b""
    try:
        while data := os.read(master, 4096):
            shown += data
    except OSError:
        pass  # the terminal's other end is closed
    os.close(master)
    assert process.communicate()[0] == f"1 server, {USERS + 20000} users, 0 faults, 0 warnings\n"
    assert process.returncode == 0
    assert b"berth fsck: users: " in shown and b"of 20300 (" in shown
    assert re.search(rb"\r +\r$", shown), "the line is still there"
    assert "users: " not in filled.fsck().stderr


def test_it_can_not_be_checked(store):
    assert store.fsck("--output", "table").returncode == 252
    assert store.fsck("--mend").returncode == 252
    assert store.fsck("more").returncode == 252
    os.rename(store.path, store.directory / "away")
    done = store.fsck()
    assert done.returncode == 255
    assert f"Store {store.path}: no such store" in done.stderr
    store.path.write_bytes(b"no database at all" * 1000)
    store.give()
    for done in store.fsck(), store.fsck("--repair"):
        assert done.returncode == 255
        assert "not a Berth store" in done.stderr or "beyond repair" in done.stderr
    assert "berth restore" in done.stderr
    assert store.path.read_bytes() == b"no database at all" * 1000


# What somebody may do to the records: the statement ($HIM is user00007); what is found; what the repair leaves of that user
# (None: the record is dropped; a function: the record as it must be then).
def without(which, *rows):
    def change(record):
        row, lists = record
        left = [item for item in lists[which] if not any(word in item for word in rows)]
        return row, {**{name: items for name, items in lists.items() if name != which}, **({which: left} if left else {})}
    return change


def same(record):
    return record


def of_him(**members):
    return dict(UserName="user00007", **members)


BODY = key_body(700)
EDITS = {
    "name": ("UPDATE users SET user_name = '../etc' WHERE $HIM", dict(Problem="UserName", UserName="../etc"), None),
    "root": ("UPDATE users SET user_name = 'root' WHERE $HIM", dict(Problem="root"), None),
    "name not UTF-8": ("UPDATE users SET user_name = cast(x'ff6162' AS TEXT) WHERE $HIM",
                       dict(Member="UserName", Problem="not UTF-8"), None),
    "type": ("UPDATE users SET home_directory_type = 'OTHER' WHERE $HIM",
             dict(Member="HomeDirectoryType", Problem="PATH or LOGICAL"), None),
    "home": ("UPDATE users SET home_directory = 'relative' WHERE $HIM",
             dict(Problem="homeDirectory", UserName="user00007"), None),
    "home not UTF-8": ("UPDATE users SET home_directory = cast(x'2fff' AS TEXT) WHERE $HIM",
                       dict(Member="HomeDirectory", Problem="not UTF-8"), None),
    "role": ("UPDATE users SET role = 'admin' WHERE $HIM", dict(Problem="role"), None),
    "policy": ("UPDATE users SET policy = '[1]' WHERE $HIM", dict(Problem="Policy"), None),
    "mappings": ("UPDATE users SET mappings = '[{]' WHERE $HIM",
                 dict(Member="HomeDirectoryMappings", Problem="JSON"), None),
    "no mappings": ("UPDATE users SET mappings = NULL WHERE $HIM",
                    dict(Problem="HomeDirectoryMappings: none"), None),
    "nested mappings": ("UPDATE users SET mappings = '[{\"Entry\":\"/a\",\"Target\":\"/b\"},"
                        "{\"Entry\":\"/a/b\",\"Target\":\"/c\"}]',"
                        " home_directory = NULL WHERE $HIM", dict(Problem="nest"), None),
    "dots": ("UPDATE users SET mappings = '[{\"Entry\":\"/\",\"Target\":\"/b/../c\"}]' WHERE $HIM",
             dict(Problem=".."), None),
    "huge": ("UPDATE users SET mappings = printf('%.*c', 13000000, ' ') WHERE $HIM",
             dict(Problem="too big"), None),
    "uid": ("UPDATE users SET uid = -1 WHERE $HIM", dict(Member="PosixProfile: Uid"), None),
    "half a profile": ("UPDATE users SET gid = NULL WHERE $HIM", dict(Member="PosixProfile: Gid"), None),
    "no server": ("UPDATE users SET server_key = 99 WHERE $HIM", dict(Member="server_key"), None),
    "key": (f"UPDATE ssh_keys SET base64 = 'AAAA' WHERE base64 = '{BODY.split()[1]}'",
            of_him(Member="SshPublicKeys, number 1", Problem="no public key"), without("keys", BODY.split()[1])),
    "key type": (f"UPDATE ssh_keys SET type = 'ssh-ed25519 ' WHERE base64 = '{BODY.split()[1]}'",
                 of_him(Member="SshPublicKeys", Problem="no public key"), without("keys", BODY.split()[1])),
    "key comment": (f"UPDATE ssh_keys SET comment = 'a' || char(10) || 'b' WHERE base64 = '{BODY.split()[1]}'",
                    of_him(Member="SshPublicKeys", Problem="no public key"), without("keys", BODY.split()[1])),
    "key id": (f"UPDATE ssh_keys SET key_id = 'key-1' WHERE base64 = '{BODY.split()[1]}'",
               of_him(Problem="no id of a key"), without("keys", BODY.split()[1])),
    "key twice": ("INSERT INTO ssh_keys SELECT NULL, user_key, 5, 'key-ffffffffffffffff0', type, base64, 'c', 1 FROM ssh_keys"
                  f" WHERE base64 = '{BODY.split()[1]}'", of_him(Member="number 2", Problem="already"), same),
    "tag twice": ("INSERT INTO user_tags SELECT user_key, 1, 'number', 'other' FROM users WHERE $HIM",
                  of_him(Member="Tags, number 2", Problem="already"), same),
    "long tag": ("INSERT INTO user_tags SELECT user_key, 1, printf('%.*c', 129, 'x'), '' FROM users WHERE $HIM",
                 of_him(Member="Tags, number 2", Problem="characters"), same),
    "many tags": ("WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 50) INSERT INTO user_tags"
                  " SELECT user_key, i, 'tag' || i, '' FROM users, c WHERE $HIM",
                  of_him(Member="Tags, number 51"), lambda record: (record[0], {
                      **record[1], "tags": record[1]["tags"] + [(f"tag{number}", "") for number in range(1, 50)]})),
    "gid": ("UPDATE secondary_gids SET gid = -5 WHERE user_key = (SELECT user_key FROM users WHERE $HIM)",
            of_him(Member="SecondaryGids"), without("gids", 7001)),
    "gid's server": ("UPDATE secondary_gids SET server_key = 9 WHERE user_key ="
                     " (SELECT user_key FROM users WHERE $HIM)",
                     of_him(Problem="server with key 9"), same),
    "mark of gids": ("UPDATE users SET has_secondary_gids = 0 WHERE $HIM",
                     of_him(Problem="no such list"), same),
    "orphan keys": ("INSERT INTO ssh_keys SELECT NULL, 4711, 0, key_id, type, base64, 'c', 1 FROM ssh_keys LIMIT 1",
                    dict(Member="ssh_keys", Problem="user_key 4711"), same),
    "orphan tags": ("INSERT INTO user_tags VALUES (4711, 0, 'a', 'b'), (4711, 1, 'b', 'c')",
                    dict(Member="user_tags", Problem="2 rows of user_key 4711"), same),
    "orphan gids": ("INSERT INTO secondary_gids VALUES (4711, 0, 1, 7000)", dict(Member="secondary_gids"), same),
    "orphan server tags": ("INSERT INTO server_tags VALUES (9, 0, 'a', 'b')", dict(Member="server_tags"), same),
    "position": ("UPDATE user_tags SET position = -3 WHERE value = '7'", of_him(Problem="position -3"), same),
    "settings": ("UPDATE servers SET settings = '{\"Domain\":7}'", dict(Member="settings", Problem="domain"), same),
    "settings not JSON": ("UPDATE servers SET settings = 'x'", dict(Member="settings"), same),
    "index": ("DROP INDEX users_by_uid", dict(Problem="the index users_by_uid is missing"), same),
    "other index": ("DROP INDEX user_tags_by_key; CREATE INDEX user_tags_by_key ON user_tags (value)",
                    dict(Problem="the index user_tags_by_key is not as Berth makes it"), same),
    "table": ("CREATE TABLE notes (a); INSERT INTO notes VALUES (1)", dict(Problem="the table notes is none of Berth's"),
              same),
    "trigger": ("CREATE TRIGGER evil AFTER INSERT ON users BEGIN UPDATE users SET uid = 0; END",
                dict(Problem="the trigger evil is none of Berth's"), same),
    "trigger like statistics": ("CREATE TRIGGER sqlite4stats AFTER INSERT ON users BEGIN UPDATE users SET uid = 0; END",
                                dict(Problem="the trigger sqlite4stats is none of Berth's"), same),
    "view": ("CREATE VIEW all_users AS SELECT * FROM users", dict(Problem="the view all_users is none of Berth's"), same),
    "two of one name": ("DROP INDEX users_by_name; INSERT INTO users (server_key, user_name, role)"
                        " SELECT server_key, user_name, role FROM users WHERE $HIM",
                        dict(Member="UserName", Problem="2 times"), same),
}


@pytest.mark.parametrize("edit", EDITS)
def test_edited_records(filled, edit):
    statement, members, left = EDITS[edit]
    before = all_rows(filled)
    filled.sql(statement.replace("$HIM", "user_name = 'user00007'"))
    filled.checkpoint()
    the_fault(filled.faults(), **members)
    the_fault(repair(filled), **members)
    after = all_rows(filled)
    expected = before.pop("user00007")
    found = after.pop("user00007", None)
    assert found == (None if left is None else left(expected))
    assert after == before


def test_text_output_is_one_line_a_fault(filled):
    filled.sql("UPDATE users SET user_name = 'a' || char(10) || char(27) || '[31m' WHERE user_name = 'user00007'")
    done = filled.fsck()
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert len(lines) == 2 and "\x1b" not in done.stdout
    assert lines[0].startswith(f"server {filled.server_id} user a??[31m: ")
    assert "(repair: the user is dropped" in lines[0]


def test_a_server_of_no_id(filled):
    other = filled.ok("create-server")["ServerId"]
    filled.create_user("other", "--server-id", other)
    filled.sql(f"UPDATE servers SET server_id = 's-1' WHERE server_id = '{filled.server_id}'")
    assert "no id of a server" in the_fault(filled.faults(), Member="ServerId")["Problem"]
    the_fault(repair(filled), Member="ServerId", Repair="dropped, and its users")


def test_a_repair_that_would_leave_nobody(filled):
    """An empty store is no repair."""
    filled.sql("UPDATE servers SET server_id = 's-1'")
    before = all_rows(filled)
    done = filled.fsck("--repair")
    assert done.returncode == 255
    assert "none of its users can be kept; nothing was changed; it is beyond repair: berth restore" in done.stderr
    assert all_rows(filled) == before
    assert filled.kept("damaged") == []


def test_two_servers_of_one_id(filled):
    before = all_rows(filled)
    filled.checkpoint()
    # The index that forbids it is made blind to the second one.
    filled.sql("INSERT INTO servers (server_id, state, settings) VALUES ('s-00000000000000000', 'ONLINE', '{}');"
               "UPDATE users SET server_key = 2 WHERE user_name > 'user00200';"
               "UPDATE secondary_gids SET server_key = 2 WHERE user_key IN"
               " (SELECT user_key FROM users WHERE server_key = 2)")
    filled.checkpoint()
    page = filled.root_page("servers")
    data = filled.path.read_bytes()
    table = data[(page - 1) * PAGE:page * PAGE].replace(b"s-00000000000000000", filled.server_id.encode())
    filled.damage(page, 0, table)
    the_fault(filled.faults(), Member="ServerId", Problem="another server")
    repair(filled)
    assert all_rows(filled) == before


def test_floors_are_warnings(filled):
    filled.sql("UPDATE users SET uid = 0, gid = 27 WHERE user_name = 'user00007'")
    done = filled.fsck()
    assert done.returncode == 0
    assert done.stdout.count("warning: ") == 2
    assert "user user00007 PosixProfile: Uid 0 is below" in done.stdout
    assert done.stdout.endswith("0 faults, 2 warnings\n")
    repair(filled)
    assert filled.rows("SELECT uid FROM users WHERE user_name = 'user00007'") == [(0,)]


def names_in(faults):
    return {fault["UserName"] for fault in faults if "UserName" in fault}


TABLES = ["servers", "server_tags", "users", "secondary_gids", "ssh_keys", "user_tags"]
INDEXES = ["users_by_name", "users_by_uid", "users_by_gid", "secondary_gids_by_gid", "ssh_keys_by_user",
           "user_tags_by_key",
           "sqlite_autoindex_servers_1"]


@pytest.mark.parametrize("index", INDEXES)
def test_damaged_indexes(filled, index):
    """Nothing is lost."""
    filled.checkpoint()
    before = all_rows(filled), filled.ok("describe-server")
    page = filled.pages(index)[-1][0]
    filled.damage(page)
    assert filled.faults() != []
    repair(filled)
    assert (all_rows(filled), filled.ok("describe-server")) == before


@pytest.mark.parametrize("table", TABLES)
def test_damaged_tables(filled, table):
    """What was on the page is lost, and named; nothing else."""
    filled.checkpoint()
    before = all_rows(filled)
    leaves = [number for number, leaf in filled.pages(table) if leaf]
    leaf = leaves[len(leaves) // 2]
    lost = {name for name, in filled.rows("SELECT user_name FROM users")} if table == "users" else set()
    filled.damage(leaf)
    faults = filled.faults()
    assert faults != []
    reported = repair(filled)
    assert names_in(faults) == names_in(reported)
    after = all_rows(filled)
    if table == "users":
        lost = set(before) - set(after)
        assert 0 < len(lost) < USERS / 4
        assert names_in(reported) == lost
    elif table in ("servers", "server_tags"):
        assert set(after) == set(before)
    for name, (row, lists) in after.items():
        assert row == before[name][0]
        if name not in names_in(reported):
            assert lists == before[name][1]
    if table == "servers":
        assert filled.ok("describe-server")["Server"]["State"] == "OFFLINE"
        the_fault(reported, ServerId=filled.server_id, Problem="only the index of ids")
    if table in ("ssh_keys", "user_tags", "secondary_gids"):
        # One leaf may hold all of the shortest rows.
        assert 0 < len(names_in(reported)) < USERS or len(leaves) == 1


def test_several_damaged_leaves(filled):
    filled.checkpoint()
    before = all_rows(filled)
    leaves = [number for number, leaf in filled.pages("users") if leaf]
    assert len(leaves) > 8
    for leaf in leaves[0], leaves[3], leaves[4], leaves[-1]:
        filled.damage(leaf)
    reported = repair(filled)
    after = all_rows(filled)
    assert names_in(reported) == set(before) - set(after)
    assert all(after[name] == before[name] for name in after)
    assert len(after) > USERS / 2


def test_truncated(filled):
    filled.checkpoint()
    before = all_rows(filled)
    # Behind the index of names, which alone knows who is lost.
    kept = max(number for number, _ in filled.pages("users_by_name"))
    assert filled.path.stat().st_size >= (kept + 3) * PAGE
    os.truncate(filled.path, kept * PAGE)
    assert filled.faults() != []
    reported = repair(filled)
    after = all_rows(filled)
    assert set(after) <= set(before)
    assert set(before) - set(after) <= names_in(reported)


def test_random_damage(filled):
    """Whatever is hit: an answer, and a sound store after it, or a clear refusal that changes nothing."""
    import random
    filled.checkpoint()
    original = filled.path.read_bytes()
    numbers = random.Random(5)
    outcomes = {"repaired": 0, "beyond": 0, "unseen": 0}
    for _ in range(40):
        data = bytearray(original)
        for _ in range(numbers.randrange(1, 30)):
            data[numbers.randrange(100, len(data))] = numbers.randrange(256)
        for name in filled.files():
            os.unlink(filled.folder / name)
        filled.path.write_bytes(data)
        filled.give()
        done = filled.fsck("--repair")
        if done.returncode == 255:
            assert "beyond repair" in done.stderr or "can't be" in done.stderr, done.stderr
            assert filled.path.read_bytes() == data
            outcomes["beyond"] += 1
            continue
        assert done.returncode == 0, done.stdout + done.stderr
        outcomes["repaired" if "repaired" in done.stdout else "unseen"] += 1
        filled.clean()
    assert outcomes["repaired"] > 20, outcomes


def test_repair_waits_for_writers(filled):
    holder = Holder(filled.path)
    process = filled.popen("fsck", "--repair")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    holder.release()
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, ""), out


def test_repair_without_room(filled, place):
    filled.sql("DROP INDEX users_by_uid; CREATE TABLE notes (a)")
    filled.checkpoint()
    data = filled.path.read_bytes()
    for leave in 0, 200 * 1024, len(data) + 100 * 1024:
        ballast = place.fill(leave=leave)
        done = filled.fsck("--repair")
        assert done.returncode == 255
        assert str(filled.path) in done.stderr and ("full" in done.stderr or "No space left" in done.stderr), done.stderr
        ballast.unlink()
        assert [name for name in filled.files() if not name.endswith(("-wal", "-shm"))] == ["berth.db"]
        assert filled.path.read_bytes() == data
    repair(filled)


def test_the_agent_answers_meanwhile(agent):
    """Old or new, and never nothing: a user who is in both is always found."""
    import agent_places
    import agent_protocol as protocol
    for number in range(200):
        agent.add_user(f"user{number:03}", 5000 + number, 5000 + number, groups=(7001,),
                       keys=[tuple(key_body(number).split())])
    agent.sql("DROP INDEX users_by_gid")
    agent.sql("INSERT INTO secondary_gids VALUES (9999, 0, 1, 7000)")
    for name in os.listdir("/run/store"):
        os.chown(f"/run/store/{name}", agent_places.BERTH_UID, agent_places.BERTH_UID)
    numbers = (0, 100, 199)
    asker = Asker(lambda: [protocol.by_name(f"user{number:03}")[1] for number in numbers],
                  [5000 + number for number in numbers])
    try:
        for _ in range(5):
            done = subprocess.run([BERTH, "fsck", "--repair"], capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            assert "repaired" in done.stdout
            agent.sql("DROP INDEX users_by_gid")
            done = subprocess.run([BERTH, "admin", "update-user", "--user-name", "user150", "--home-directory", "/"],
                                  capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
    finally:
        asked, wrong = asker.finish()
    assert wrong == [] and asked > 50
    assert len(agent.agents) == 1 and agent.agents[0].process.poll() is None
    assert protocol.keys("user100", 5100) == [tuple(key_body(100).split())]


def test_no_acknowledged_write_is_lost(filled):
    """Writers go on while the store is repaired again and again."""
    stop, written, failures = threading.Event(), [], []

    def write():
        number = 0
        while not stop.is_set():
            done = filled.admin("create-user", "--user-name", f"new{number}", "--role",
                                "arn:aws:iam::000000000000:role/sftp")
            if done.returncode == 0:
                written.append(f"new{number}")
            else:
                failures.append(done.stderr)
            number += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(8):
            filled.sql("INSERT INTO user_tags VALUES (4711, 0, 'a', 'b')")
            done = filled.fsck("--repair")
            assert done.returncode == 0, done.stdout + done.stderr
            for name in filled.kept("damaged"):
                for suffix in "", "-wal":
                    if os.path.exists(filled.folder / (name + suffix)):
                        os.unlink(filled.folder / (name + suffix))
    finally:
        stop.set()
        thread.join()
    assert failures == []
    assert len(written) > 5
    assert {name for name in filled.names() if name.startswith("new")} == set(written)
    filled.clean()


def test_while_others_write(filled, place):
    """What is under way is no fault."""
    place.writable("512m")
    filled.sql("PRAGMA foreign_keys = ON; DELETE FROM users")
    writers = subprocess.Popen(filled.killed_writers(400, 11), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    checks = 0
    while writers.poll() is None or checks < 3:
        filled.clean()
        checks += 1
    out, err = writers.communicate()
    assert (writers.returncode, err) == (0, ""), out
    assert checks >= 5


def test_a_schema_that_can_not_be_read(filled):
    """Without its tables there is nothing to salvage: no empty store in its place."""
    filled.checkpoint()
    with open(filled.path, "r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 64)
    data = filled.path.read_bytes()
    assert filled.fsck().returncode in (1, 255)
    done = filled.fsck("--repair")
    assert done.returncode == 255
    assert "beyond repair" in done.stderr and "berth restore" in done.stderr
    assert filled.path.read_bytes() == data
    assert filled.kept("damaged") == []


def test_a_table_that_is_gone(filled):
    """One of the lists: its rows are lost, and no more. The users themselves: beyond repair."""
    before = all_rows(filled)
    filled.sql("DROP TABLE user_tags")
    assert "table user_tags is missing" in the_fault(filled.faults(), Member="schema")["Problem"]
    repair(filled)
    assert all_rows(filled) == {name: (row, {which: items for which, items in lists.items() if which != "tags"})
                                for name, (row, lists) in before.items()}
    filled.sql("DROP TABLE users")
    done = filled.fsck("--repair")
    assert done.returncode == 255 and "beyond repair" in done.stderr
    assert filled.rows("SELECT count(*) FROM ssh_keys") == [(USERS,)]


@pytest.mark.parametrize("counter", [(1 << 63) - 1, 0, None, "text"])
def test_the_counter_of_keys(filled, counter):
    """At its end, no user can be created any more; too low, a deleted user's key is given again."""
    before = filled.described()
    if counter is None:
        filled.sql("DELETE FROM sqlite_sequence WHERE name = 'users'")
    else:
        filled.sql(f"UPDATE sqlite_sequence SET seq = {counter!r} WHERE name = 'users'")
    fault, = filled.faults()
    assert fault["Member"] == "users" and "the counter of its keys is at" in fault["Problem"]
    assert filled.fsck("--repair").returncode == 0
    assert filled.described() == before
    filled.create_user("after")
    filled.clean()
