"""`berth cache`: what is kept of a store elsewhere, shown and dropped."""
import json
import re
import sqlite3
import stat
import subprocess

import pytest

from admin_command import BERTH, STORE_USER

FILL = BERTH.parent / "tests/fill_cache"
STORE = "transfer:https://store.example:8443"
SERVER = "s-0123456789abcdef0"
USAGE = "usage: berth cache [show] [USER]"
DATE = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"


class Cache:
    """`berth cache` on an Admin's configuration."""

    def __init__(self, admin):
        self.admin, self.file = admin, admin.store_directory / "cache.db"
        self.configure()

    def configure(self, *lines, store=STORE, server=SERVER):
        server = [f"ServerId {server}"] if server else []
        self.admin.config.write_text("\n".join([f"User {STORE_USER}", f"Store {store}", f"CacheFile {self.file}", *server,
                                                *lines]) + "\n")

    def fill(self, *users):
        words = [str(word) for user in users for word in user]
        subprocess.run([FILL, STORE_USER, self.file, STORE, SERVER, *words], check=True)

    def run(self, *words, **options):
        return self.admin.berth("cache", *words, "--config", self.admin.config, **options)

    def ok(self, *words):
        done = self.run(*words)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def show(self, *words):
        return json.loads(self.ok("show", "--output", "json", *words))

    def users(self):
        return [user["UserName"] for user in self.show()["Users"]]

    def sql(self, script):
        """As User, so that nobody else's files lie beside it."""
        program = ("import sqlite3, sys; db = sqlite3.connect(sys.argv[1], timeout=20);"
                   "db.executescript(sys.argv[2]); db.close()")
        subprocess.run(["/usr/bin/python3", "-c", program, self.file, script], check=True, user=STORE_USER)


@pytest.fixture
def cache(empty):
    return Cache(empty)


@pytest.fixture
def filled(cache):
    cache.fill(("alice", 5001), ("bobby", "-"), ("carol", 5003))
    return cache


def test_shows_all(filled):
    filled.sql("UPDATE fetched SET asked = asked - 130000, time = time - 130 WHERE user_name = 'bobby';"
               "UPDATE fetched SET asked = asked - 86400000, time = time - 86400 WHERE user_name = 'carol'")
    shown = filled.show()
    assert list(shown) == ["Users", "Server"]
    alice, bobby, carol = shown["Users"]
    assert list(alice) == ["UserName", "CacheState", "AgeSeconds", "Fetched", "Uid", "Gid", "SshPublicKeyCount"]
    assert (alice["UserName"], alice["CacheState"], alice["Uid"], alice["Gid"]) == ("alice", "fresh", 5001, 5001)
    assert re.fullmatch(DATE, alice["Fetched"])
    assert 0 <= alice["AgeSeconds"] < 30
    assert (bobby["UserName"], bobby["CacheState"], bobby["SshPublicKeyCount"]) == ("bobby", "stale", 1)
    assert 130 <= bobby["AgeSeconds"] < 160
    assert "Uid" not in bobby
    assert (carol["CacheState"], carol["SshPublicKeyCount"]) == ("expired", 2)
    server = shown["Server"]
    assert list(server) == ["ServerId", "CacheState", "AgeSeconds", "Fetched", "State"]
    assert (server["ServerId"], server["CacheState"], server["State"]) == (SERVER, "fresh", "ONLINE")

    lines = [re.split(r"  +", line) for line in filled.ok("show").splitlines()]
    assert lines[0] == ["SERVER", "STATE", "AGE", "FETCHED", "IS"]
    assert (lines[1][0], lines[1][4], lines[2]) == (SERVER, "ONLINE", [""])
    assert lines[3] == ["USER", "STATE", "AGE", "FETCHED", "UID", "GID", "KEYS"]
    assert lines[5][:3] + lines[5][4:] == ["bobby", "stale", "2m", "-", "-", "1"]
    assert lines[6][:3] + lines[6][4:] == ["carol", "expired", "1d", "5003", "5003", "2"]
    assert re.fullmatch(DATE, lines[5][3])
    assert len(lines) == 7
    columns = [line.index(word) for line, word in zip(filled.ok().splitlines()[3:], ("STATE", "fresh", "stale", "expired"))]
    assert len(set(columns)) == 1

    rows = [line.split("\t") for line in filled.ok("show", "--output", "text").splitlines()]
    assert [row[0] for row in rows] == [SERVER, "alice", "bobby", "carol"]
    assert rows[0][4:] == ["ONLINE"]
    assert rows[2][1] == "stale" and 130 <= int(rows[2][2]) < 160 and rows[2][4:] == ["-", "-", "1"]
    assert rows[3][4:] == ["5003", "5003", "2"]


def test_shows_one(filled):
    assert [user["UserName"] for user in filled.show("bobby")["Users"]] == ["bobby"]
    assert "Server" not in filled.show("bobby")
    assert [line.split()[0] for line in filled.ok("show", "bobby").splitlines()] == ["USER", "bobby"]
    done = filled.run("show", "nobody")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", 'berth cache: nothing is cached of a user "nobody"\n')


def test_another_start_of_the_host(filled):
    filled.sql("UPDATE fetched SET boot = boot + 1; UPDATE fetched SET time = time + 3600 WHERE user_name = 'bobby';"
               "UPDATE fetched SET time = 9e999 WHERE user_name = 'carol'")
    alice, bobby, carol = filled.show()["Users"]
    assert alice["CacheState"] == "stale"
    for user in bobby, carol:
        assert user["CacheState"] == "expired" and "AgeSeconds" not in user
    assert filled.ok("show", "--output", "text").splitlines()[2].split("\t")[1:3] == ["expired", "-"]
    assert re.search(r"^carol  expired  -  ", filled.ok("show"), re.M)


def test_seconds_of_the_configuration(filled):
    filled.sql("UPDATE fetched SET asked = asked - 30000")
    assert {user["CacheState"] for user in filled.show()["Users"]} == {"fresh"}
    filled.configure("CacheSeconds 10")
    assert {user["CacheState"] for user in filled.show()["Users"]} == {"stale"}
    filled.configure("CacheSeconds 10", "StaleSeconds 0")
    assert {user["CacheState"] for user in filled.show()["Users"]} == {"expired"}


def test_drops_users(filled):
    assert filled.ok("drop", "alice", "carol") == "dropped alice\ndropped carol\n"
    assert filled.users() == ["bobby"]
    assert "Server" in filled.show()
    done = filled.run("drop", "carol", "bobby", "")
    assert (done.returncode, done.stdout) == (1, "dropped bobby\n")
    assert done.stderr == ('berth cache: nothing is cached of a user "carol"\n'
                           'berth cache: nothing is cached of a user ""\n')
    assert filled.users() == []
    assert "Server" in filled.show()


def test_drops_all(filled):
    assert filled.ok("drop", "--all") == "dropped all records\n"
    assert filled.show() == {"Users": []}
    assert filled.ok("drop", "--all") == "nothing was cached\n"


def test_a_drop_is_seen_by_who_waits_for_an_answer(filled):
    """The agent compares this number before it keeps what it has asked for."""
    def drops():
        database = sqlite3.connect(filled.file)
        number = database.execute("SELECT drops FROM cache").fetchone()[0]
        database.close()
        return number
    before = drops()
    assert filled.run("drop", "nobody").returncode == 1
    assert drops() != before


def test_nothing_yet(cache):
    assert cache.show() == {"Users": []}
    assert cache.ok("show").split() == ["USER", "STATE", "AGE", "FETCHED", "UID", "GID", "KEYS"]
    assert cache.ok("show", "--output", "text") == ""
    assert cache.run("show", "alice").returncode == 1
    assert not cache.file.exists()
    assert cache.ok("drop", "--all") == "nothing was cached\n"


def test_whose_the_file_is(cache):
    cache.run("drop", "--all")
    for path in cache.file.parent.iterdir():
        status = path.stat()
        assert stat.S_IMODE(status.st_mode) == 0o600, path
        assert status.st_uid == cache.file.parent.stat().st_uid


def test_of_another_store(filled):
    filled.configure(store="transfer:https://other.example")
    assert filled.show() == {"Users": []}
    filled.configure()
    assert filled.users() == ["alice", "bobby", "carol"]
    filled.configure(server="s-00000000000000000")
    assert filled.show() == {"Users": []}
    assert filled.ok("drop", "--all") == "nothing was cached\n"
    filled.configure()
    assert filled.show() == {"Users": []}


def test_a_local_store(cache, empty):
    cache.configure(store=f"sqlite:{empty.store}")
    for words in ("show",), ("drop", "--all"), ("drop", "alice"):
        done = cache.run(*words)
        assert (done.returncode, done.stdout) == (254, "")
        assert done.stderr == f"berth cache: this host's Store is local, sqlite:{empty.store}; nothing is cached\n"
    cache.configure(server=None)
    done = cache.run("show")
    assert (done.returncode, done.stdout) == (254, "") and "ServerId" in done.stderr
    assert not cache.file.exists()


def test_a_damaged_file(filled):
    with open(filled.file, "r+b") as file:
        file.truncate(5000)
    done = filled.run("show")
    assert (done.returncode, done.stdout) == (255, "")
    assert done.stderr.startswith(f"berth cache: CacheFile {filled.file}: ") and "fsck" not in done.stderr
    assert filled.ok("drop", "--all") == "nothing was cached\n"
    assert filled.show() == {"Users": []}


def test_no_store_is_taken_for_a_cache(cache, empty):
    empty.configure()
    empty.make_server()
    cache.file = empty.store
    cache.configure()
    before = empty.store.read_bytes()
    done = cache.run("drop", "--all")
    assert (done.returncode, done.stdout) == (255, "")
    assert f"CacheFile {empty.store} is a Berth store, and no cache" in done.stderr
    assert cache.run("show").returncode == 255
    assert empty.store.read_bytes() == before


def test_no_cache_is_taken_for_a_store(filled):
    filled.configure(store=f"sqlite:{filled.file}")
    for command in ("fsck",), ("fsck", "--repair"), ("admin", "list-users"), ("backup", str(filled.file) + ".backup"):
        done = filled.admin.berth(*command, "--config", filled.admin.config)
        assert done.returncode in (254, 255), command
        assert "is not a Berth store" in done.stderr, done.stderr
    filled.configure()
    assert filled.users() == ["alice", "bobby", "carol"]


def test_names_that_disturb_a_terminal(cache):
    cache.fill(("a\x1b[2J\nb", 5001))
    assert r"a\x1b[2J\x0ab" in cache.ok("show")
    assert cache.ok("show", "--output", "text").splitlines()[1].startswith(r"a\x1b[2J\x0ab" + "\t")
    assert cache.users() == ["a\x1b[2J\nb"]


def test_wrong_flags(filled):
    for words, says in ((("drop",), "the following arguments are required: USER ... or --all"),
                        (("drop", "--all", "alice"), "--all takes no user's name: alice"),
                        (("show", "alice", "bobby"), "Unknown options: bobby"),
                        (("show", ""), "no user's name"),
                        (("show", "--all"), "unknown option --all"),
                        (("empty",), "there is no subcommand empty"),
                        (("show", "--output", "xml"), "none of json, text, table")):
        done = filled.run(*words)
        assert (done.returncode, done.stdout) == (252, ""), words
        assert done.stderr.startswith(USAGE) and says in done.stderr, done.stderr
    assert filled.users() == ["alice", "bobby", "carol"]
    for words in ("help",), ("--help",), ("drop", "--help"), ("show", "help"):
        assert filled.ok(*words).startswith(USAGE)


def test_output_that_cannot_be_written(filled):
    with open("/dev/full", "w") as full:
        for words in ("show",), ("show", "--output", "json"), ("drop", "alice"):
            done = subprocess.run([BERTH, "cache", *words, "--config", filled.admin.config], stdout=full,
                                  stderr=subprocess.PIPE, text=True, check=False)
            assert done.returncode == 255 and done.stderr, words
