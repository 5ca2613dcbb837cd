"""berth backup and berth restore: whole or not at all, while others read and write."""
import contextlib
import os
import pathlib
import pty
import signal
import sqlite3
import subprocess
import time

import pytest

from store_tools import BERTH, ROLE, TOOLS, Asker, Holder, key_body, until


@pytest.fixture
def filled(store):
    """Users of several kinds, by the command itself."""
    store.fill(40)
    store.create_user("alice", "--home-directory-type", "LOGICAL", "--home-directory-mappings",
                      '[{"Entry":"/in","Target":"/bucket/in"},{"Entry":"/f","Target":"/bucket/f","Type":"FILE"}]',
                      "--posix-profile", "Uid=5001,Gid=5001,SecondaryGids=7001,7002", "--tags", "Key=team,Value=blau ü",
                      "--policy", '{"Version":"2012-10-17"}', "--ssh-public-key-body", key_body(1))
    store.create_user("bob", "--posix-profile", '{"Uid":5002,"Gid":5002,"SecondaryGids":[]}')
    return store


def backup(store, name="copy"):
    target = store.directory / name
    done = store.berth("backup", target)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return target


def restore(store, source, code=0):
    done = store.berth("restore", source, "--yes")
    assert done.returncode == code, done.stdout + done.stderr
    return done


def store_bytes(store):
    """File and log; an empty log is none."""
    found = {name: (store.folder / name).read_bytes() for name in store.files() if not name.endswith("-shm")}
    return {name: data for name, data in found.items() if name == "berth.db" or data}


def test_round_trip(filled):
    before = filled.described()
    copy = backup(filled)
    status = copy.stat()
    assert (status.st_mode & 0o7777, status.st_uid, status.st_nlink) == (0o600, os.geteuid(), 1)
    assert sorted(path.name for path in filled.directory.iterdir()) == ["berth.conf", "copy", "store"]
    filled.ok("delete-user", "--user-name", "alice")
    filled.ok("update-user", "--user-name", "bob", "--role", ROLE + "2")
    filled.create_user("carol")
    changed = filled.described()
    done = restore(filled, copy)
    assert filled.described() == before
    filled.clean()
    # What was there is kept, and is a store that can be put back itself.
    kept, = filled.kept("before-restore")
    assert done.stdout == f"restored; the store as it was is {filled.folder / kept}\n"
    again = filled.directory / "again"
    database = sqlite3.connect(filled.folder / kept)
    database.execute("VACUUM INTO ?", (str(again),))
    database.close()
    restore(filled, again)
    assert filled.described() == changed


def test_what_was_kept_is_no_backup_and_can_be_made_one(filled):
    """Its newest writes are in its log, which a restore doesn't read: to go on without them would lose them in silence."""
    copy = backup(filled)
    reader = filled.open()  # the log stays
    reader.execute("SELECT 1 FROM users").fetchall()
    filled.create_user("carol")
    changed = filled.described()
    restore(filled, copy)
    kept, = filled.kept("before-restore")
    before = store_bytes(filled)
    done = restore(filled, filled.folder / kept, 254)
    assert done.stdout == "" and f"{kept}-wal" in done.stderr and "`berth backup FILE --config`" in done.stderr
    assert store_bytes(filled) == before
    text = filled.config.read_text().replace("/berth.db", f"/{kept}")
    (filled.directory / "before.conf").write_text(text)
    again = filled.directory / "again"
    subprocess.run([BERTH, "backup", again, "--config", filled.directory / "before.conf"], check=True)
    restore(filled, again)
    assert filled.described() == changed
    reader.close()


def test_the_copy_stands_by_itself(filled):
    """Any SQLite reads it, and it is what the store was: nothing of its log is missing."""
    reader = filled.open()  # the log stays
    reader.execute("SELECT 1 FROM users").fetchall()
    filled.create_user("last")
    copy = backup(filled)
    database = sqlite3.connect(f"file:{copy}?immutable=1", uri=True)
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("SELECT count(*) FROM users").fetchone() == (43,)
    for table in "servers", "users", "ssh_keys", "user_tags", "secondary_gids":
        assert database.execute(f"SELECT * FROM {table}").fetchall() == filled.rows(f"SELECT * FROM {table}")
    database.close()
    reader.close()


def test_what_is_refused(filled):
    taken = filled.directory / "taken"
    taken.write_text("mine")
    link = filled.directory / "link"
    link.symlink_to("nowhere")
    for target, words in (taken, "File exists"), (link, "File exists"), (filled.directory / "none/x", "No such file"), \
            (filled.directory, "exists"):
        done = filled.berth("backup", target)
        assert done.returncode == 255 and words in done.stderr, done.stderr
    assert taken.read_text() == "mine" and not (filled.directory / "nowhere").exists()
    for words in ["-"], [], ["a", "b"], ["--yes", "a"]:
        assert filled.berth("backup", *words).returncode == 252
    assert filled.berth("restore", taken).returncode == 252  # nobody to ask
    assert filled.berth("restore", filled.directory, "--yes").returncode == 255
    assert filled.berth("restore", filled.directory / "none", "--yes").returncode == 255


def test_a_damaged_store_is_no_backup(filled):
    filled.fill(300, prefix="more")
    filled.checkpoint()
    filled.damage([number for number, leaf in filled.pages("users") if leaf][3])
    done = filled.berth("backup", filled.directory / "copy")
    assert done.returncode == 255
    assert "damaged" in done.stderr and "fsck" in done.stderr
    assert not (filled.directory / "copy").exists()


def test_no_store(empty):
    done = empty.berth("backup", empty.directory / "copy")
    assert done.returncode == 255 and "no such store" in done.stderr
    assert not (empty.directory / "copy").exists()


def test_while_others_write(filled, place):
    """Each copy is the store as it was at one moment."""
    place.writable("512m")
    writers = subprocess.Popen(filled.killed_writers(200, 3), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    number = 0
    # The readers of killed_writers know the users of killed_writers alone.
    while writers.poll() is None or number < 3:
        copy = backup(filled, f"copy{number}")
        other = sqlite3.connect(f"file:{copy}?immutable=1", uri=True)
        # A writer makes user after user; none is half there, and of each writer all are there but the last.
        assert other.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert other.execute("PRAGMA foreign_key_check").fetchall() == []
        assert other.execute("SELECT count(*) FROM users u WHERE user_name GLOB 'victim*' AND 2 <> (SELECT count(*) FROM"
                             " user_tags t WHERE t.user_key = u.user_key)").fetchone() == (0,)
        other.close()
        copy.unlink()
        number += 1
    writers.communicate()
    assert number >= 3
    filled.give()


@pytest.mark.parametrize("unnamed", [True, False])
def test_killed_backups(filled, place, unnamed):
    """Nothing is left behind, whatever hits it; where a file can't be without a name, whatever but SIGKILL."""
    env = {} if unnamed else {"LD_PRELOAD": str(TOOLS / "fail_io.so"), "FAIL_IO_CALL": "tmpfile"}
    signals = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP] + [signal.SIGKILL] * unnamed
    place.writable("512m")
    filled.fill(20000, prefix="more")
    before = sorted(path.name for path in filled.directory.iterdir())
    files = filled.files()
    ended = set()
    for number, how in enumerate(signals * 3):
        process = filled.popen("backup", filled.directory / "copy", env=env)
        time.sleep(0.01 + 0.004 * number)
        process.send_signal(how)
        process.communicate(timeout=20)
        ended.add(process.returncode == 0)
        if process.returncode == 0:
            (filled.directory / "copy").unlink()
        until(lambda: sorted(path.name for path in filled.directory.iterdir()) == before)
        assert [name for name in filled.files() if not name.endswith(("-wal", "-shm"))] == \
            [name for name in files if not name.endswith(("-wal", "-shm"))]
    assert False in ended
    assert filled.berth("backup", filled.directory / "copy", env=env).returncode == 0
    filled.clean()


def test_backup_without_room(filled, place):
    filled.fill(2000, prefix="more")
    filled.checkpoint()
    before = store_bytes(filled)
    ballast = place.fill(leave=300 * 1024)
    for env in {}, {"LD_PRELOAD": str(TOOLS / "fail_io.so"), "FAIL_IO_CALL": "tmpfile"}:
        done = filled.berth("backup", filled.directory / "copy", env=env)
        assert done.returncode == 255
        assert "full" in done.stderr
        assert not (filled.directory / "copy").exists()
    ballast.unlink()
    assert store_bytes(filled) == before
    backup(filled)


def test_device_that_fails(filled):
    for call in "sync", "write":
        done = filled.berth("backup", filled.directory / "copy", env={
            "LD_PRELOAD": str(TOOLS / "fail_io.so"), "FAIL_IO_FILE": "(deleted)", "FAIL_IO_CALL": call})
        assert done.returncode == 255, call
        assert "backup" in done.stderr
        assert not (filled.directory / "copy").exists()


GARBAGE = {
    "nothing": b"",
    "no database": b"garbage" * 4096,
    "half a database": None,
    "damaged": None,
    "foreign": None,
    "newer": None,
    "bad record": None,
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_restore_refuses(filled, kind):
    copy = backup(filled)
    data = copy.read_bytes()
    if GARBAGE[kind] is not None:
        copy.write_bytes(GARBAGE[kind])
    elif kind == "half a database":
        copy.write_bytes(data[:len(data) // 2])
    elif kind == "damaged":
        page = filled.root_page("ssh_keys")
        copy.write_bytes(data[:(page - 1) * 4096] + b"\xff" * 64 + data[(page - 1) * 4096 + 64:])
    elif kind == "foreign":
        copy.unlink()
        database = sqlite3.connect(copy)
        database.executescript("CREATE TABLE users (a); INSERT INTO users VALUES (1)")
        database.close()
    else:
        database = sqlite3.connect(copy)
        database.executescript("PRAGMA user_version = 3" if kind == "newer" else
                               "UPDATE users SET role = 'none' WHERE user_name = 'bob'")
        database.close()
        for name in "copy-wal", "copy-shm":
            if (filled.directory / name).exists():
                (filled.directory / name).unlink()
    filled.checkpoint()
    before, files = store_bytes(filled), filled.files()
    done = filled.berth("restore", copy, "--yes")
    assert done.returncode in (254, 255)
    assert str(copy) in done.stderr
    assert store_bytes(filled) == before
    assert filled.files() == files
    words = {"newer": "newer Berth", "bad record": "has faults", "foreign": "not a Berth store",
             "nothing": "not a Berth store", "no database": "not a Berth store"}
    assert words.get(kind, "") in done.stderr
    if kind == "bad record":
        assert done.returncode == 254 and "user bob" in done.stdout


def test_restore_of_what_was_kept(filled):
    """The copy that a restore leaves has a log: without it, the newest users would be missing."""
    copy = backup(filled)
    reader = filled.open()  # keeps the log where it is
    reader.execute("SELECT count(*) FROM users").fetchall()
    filled.create_user("carol")
    before = filled.described()
    restore(filled, copy)
    assert "carol" not in filled.names()
    kept = filled.folder / filled.kept("before-restore")[0]
    link = filled.directory / "link"
    link.symlink_to(kept)
    files = filled.files()
    for name in kept, link, filled.path:
        assert f"{os.path.realpath(name)}-wal" in restore(filled, name, code=254).stderr
    assert filled.files() == files
    other = filled.directory / "kept.conf"
    other.write_text(f"User {filled.account.pw_name}\nStore sqlite:{kept}\n")
    again = filled.directory / "again"
    subprocess.run([BERTH, "backup", again, "--config", other], check=True)
    restore(filled, again)
    reader.close()
    assert filled.described() == before
    filled.clean()


def test_restore_into_nothing(filled):
    before = filled.described()
    copy = backup(filled)
    for name in filled.files():
        os.unlink(filled.folder / name)
    assert restore(filled, copy).stdout == "restored\n"
    assert filled.described() == before
    status = filled.path.stat()
    assert (status.st_mode & 0o7777, status.st_uid) == (0o600, filled.account.pw_uid)
    filled.clean()


@pytest.mark.parametrize("wreck", [b"", b"garbage" * 5000])
def test_restore_over_a_wreck(filled, wreck):
    """What is no store any more is put out of the way."""
    before = filled.described()
    copy = backup(filled)
    filled.checkpoint()
    filled.path.write_bytes(wreck)
    restore(filled, copy)
    assert filled.described() == before
    kept, = filled.kept("before-restore")
    assert (filled.folder / kept).read_bytes() == wreck
    filled.clean()


def test_restore_over_a_damaged_store(filled):
    before = filled.described()
    copy = backup(filled)
    filled.checkpoint()
    filled.damage(filled.root_page("users"))
    os.truncate(filled.path, filled.path.stat().st_size - 4096)
    restore(filled, copy)
    assert filled.described() == before
    filled.clean()


def test_restore_of_an_older_schema(filled):
    import store_tools
    other = filled.directory / "old"
    database = sqlite3.connect(other)
    database.executescript(store_tools.SCHEMA_1.read_text())
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    restore(filled, other)
    assert filled.rows("PRAGMA user_version") == [(2,)]
    assert [name for name, in filled.rows("SELECT user_name FROM users ORDER BY 1")] == \
        ["alice", "bob", "carol", "dave", "erin@example.org"]
    filled.clean()


def test_restore_without_room(filled, place):
    filled.fill(2000, prefix="more")
    copy = backup(filled)
    filled.create_user("after")
    filled.checkpoint()
    before = store_bytes(filled)
    size = filled.path.stat().st_size
    for leave in 100 * 1024, size + 64 * 1024, size * 3 // 2:
        ballast = place.fill(leave=leave)
        done = filled.berth("restore", copy, "--yes")
        assert done.returncode == 255, leave
        assert "full" in done.stderr or "No space left" in done.stderr, done.stderr
        ballast.unlink()
        assert store_bytes(filled) == before
        assert "after" in filled.names()
        filled.checkpoint()
    restore(filled, copy)
    assert "after" not in filled.names()


def test_killed_restores(filled, place):
    """Old or new, whole."""
    place.writable("512m")
    filled.fill(3000, prefix="more")
    copy = backup(filled)
    new = filled.rows("SELECT * FROM users ORDER BY 1")
    filled.sql("PRAGMA foreign_keys = ON; DELETE FROM users WHERE user_name GLOB 'more*'")
    filled.checkpoint()
    old = filled.rows("SELECT * FROM users ORDER BY 1")
    seen, number = set(), 0
    while number < 24 or (seen != {False, True} and number < 150):
        number += 1
        process = filled.popen("restore", copy, "--yes")
        time.sleep(0.01 * number)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)
        found = filled.rows("SELECT * FROM users ORDER BY 1")
        assert found in (old, new)
        seen.add(found == new)
        filled.give()
        filled.clean()
        if found == new:
            filled.sql("PRAGMA foreign_keys = ON; DELETE FROM users WHERE user_name GLOB 'more*'")
    assert seen == {False, True}


def test_it_asks(filled):
    copy = backup(filled)
    filled.create_user("after")
    for answer, code in ("no\n", 1), ("yes\n", 0):
        master, terminal = pty.openpty()
        process = subprocess.Popen([BERTH, "restore", copy, "--config", filled.config], stdin=terminal, stderr=terminal,
                                   stdout=subprocess.PIPE, text=True)
        os.close(terminal)
        shown = b""
        while b"Type yes: " not in shown:
            shown += os.read(master, 1024)
        assert str(copy).encode() in shown and str(filled.path).encode() in shown
        os.write(master, answer.encode())
        process.communicate(timeout=20)
        os.close(master)
        assert process.returncode == code
        assert ("after" in filled.names()) == (code == 1)


def test_the_agent_and_writers_go_on(agent):
    import agent_places
    import agent_protocol as protocol
    for number in range(50):
        agent.add_user(f"user{number:03}", 5000 + number, 5000 + number)
    copy = "/run/copy"
    assert subprocess.run([BERTH, "backup", copy], capture_output=True).returncode == 0
    agent.add_user("later", 6000, 6000)
    asker = Asker(lambda: protocol.by_name("user025")[1], 5025)
    try:
        assert protocol.by_name("later")[1] == 6000
        for _ in range(5):
            done = subprocess.run([BERTH, "restore", copy, "--yes"], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            assert protocol.by_name("later") == protocol.NOT_FOUND
            done = subprocess.run([BERTH, "admin", "create-user", "--user-name", "later", "--role", ROLE, "--posix-profile",
                                   "Uid=6000,Gid=6000"], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            assert protocol.by_name("later")[1] == 6000
    finally:
        asked, wrong = asker.finish()
    assert wrong == [] and asked > 50
    assert pathlib.Path(agent_places.STORE).stat().st_uid == agent_places.BERTH_UID


def test_readers_that_come_and_go(filled, place):
    """Who ends is the last one as far as it knows, and would tidy the log away: the restore's locks tell it otherwise."""
    copy = backup(filled)
    before = filled.described()
    filled.create_user("after")
    hold = pathlib.Path("/tmp/hold")
    hold.write_text("hold", encoding="ascii")
    hold.chmod(0o666)
    process = filled.popen("restore", copy, "--yes", env={
        "LD_PRELOAD": str(TOOLS / "fail_io.so"), "FAIL_IO_FILE": "berth.db-wal", "FAIL_IO_CALL": "hold",
        "FAIL_IO_WHEN": str(hold)})
    try:
        until(lambda: hold.stat().st_size == 0)  # it writes now
        assert filled.admin("describe-server").returncode == 0
        assert "berth.db-wal" in filled.files()
    finally:
        hold.unlink()
    assert process.communicate(timeout=20)[1] == ""
    assert process.returncode == 0
    assert filled.described() == before
    filled.clean()


def test_restore_waits_for_writers(filled):
    copy = backup(filled)
    holder = Holder(filled.path)
    process = filled.popen("restore", copy, "--yes")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    holder.release()
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, ""), out


def test_restore_that_may_come_to_be(filled):
    """The log could not be made durable, and the host goes down: what it holds may count after all. What was there before
    must not be gone then."""
    copy = backup(filled)
    program = ("import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('SELECT 1 FROM users').fetchall(); "
               "print(flush=True); sys.stdin.read()")
    reader = subprocess.Popen(["/usr/bin/python3", "-c", program, filled.path], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    reader.stdout.readline()  # from here on the log stays
    filled.give()
    filled.create_user("carol")
    before = filled.described()
    env = {"LD_PRELOAD": str(TOOLS / "fail_io.so"), "FAIL_IO_FILE": "berth.db-wal", "FAIL_IO_CALL": "sync"}
    done = filled.berth("restore", copy, "--yes", env=env)
    assert done.returncode == 255 and "Input/output error" in done.stderr
    assert filled.described() == before
    kept, = filled.kept("before-restore")
    assert kept in done.stderr
    reader.kill()
    reader.wait()
    os.unlink(f"{filled.path}-shm")
    for suffix in "", "-wal":
        os.replace(filled.folder / f"{kept}{suffix}", f"{filled.path}{suffix}")
    assert filled.described() == before
    filled.clean()


def test_restore_into_nothing_without_room(filled, place):
    """At whatever step the disk is full: all of the store, or none."""
    filled.fill(2000, prefix="more")
    names = filled.names()
    copy = backup(filled)
    filled.checkpoint()
    size = filled.path.stat().st_size
    for name in filled.files():
        os.unlink(filled.folder / name)
    done = None
    for leave in range(size // 2, size * 5, size // 5):
        ballast = place.fill(leave=leave)
        done = filled.berth("restore", copy, "--yes")
        ballast.unlink()
        if done.returncode == 0:
            assert filled.names() == names, leave
            filled.clean()
            break
        assert done.returncode == 255
        assert "full" in done.stderr or "No space left" in done.stderr, done.stderr
        assert filled.files() == [], leave
    assert done.returncode == 0


def test_restore_over_a_wreck_without_room(filled, place):
    """What can't be written as a store goes back to its place when no new one can be made."""
    filled.fill(2000, prefix="more")
    copy = backup(filled)
    filled.sql("PRAGMA user_version = 99")  # a newer Berth's, which only that one can read
    filled.checkpoint()
    before = store_bytes(filled)
    place.fill(leave=copy.stat().st_size * 3 // 2)
    done = filled.berth("restore", copy, "--yes")
    assert done.returncode == 255
    assert "full" in done.stderr or "No space left" in done.stderr, done.stderr
    assert store_bytes(filled) == before
