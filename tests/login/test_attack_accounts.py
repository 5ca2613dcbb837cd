"""A record never opens a local account, and nobody becomes root, a system account, or a member of a host's group: whatever
stands in the store, and whoever put it there."""
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from attack_tools import View, Watch, appended, assert_all_sealed, processes_of_user
from private_host import ROLE, Key, run, wait_until

ALICE, LOCAL_UID = 5201, 2901
VIEW = View(ALICE, 5202, (7201, 7202), {"/": "/srv/berth/bucket/alice"})
LOCAL = View(LOCAL_UID)


@pytest.fixture(scope="module")
def alice(fresh_host):
    key = fresh_host.key("alice")
    fresh_host.bucket("bucket", "alice", owner=ALICE)
    fresh_host.create_user("alice", ALICE, gid=5202, secondary=[7201, 7202], mappings=[("/", "/bucket/alice")], keys=[key])
    return key


@pytest.fixture(scope="module")
def local(fresh_host):
    """localuser's own key, in its authorized_keys."""
    key = fresh_host.key("localuser")
    path = Path("/home/localuser/.ssh/authorized_keys")
    path.write_text(key.public + "\n", encoding="ascii")
    os.chown(path, LOCAL_UID, LOCAL_UID)
    return key


def insert_record(host, name, uid, gid, key, secondary=()):
    """A record put into the store's file by hand, past every check of the writers. It is written like alice's."""
    with host.database() as database:
        database.row_factory = lambda cursor, row: {column[0]: value for column, value in zip(cursor.description, row)}
        model = database.execute("SELECT * FROM users WHERE user_name = 'alice'").fetchone()
        model_key = database.execute("SELECT * FROM ssh_keys WHERE user_key = ?", (model["user_key"],)).fetchone()
        model.update(user_key=None, user_name=name, uid=uid, gid=gid, has_secondary_gids=bool(secondary))
        user_key = insert(database, "users", model)
        model_key.update(ssh_key_key=None, user_key=user_key, key_id="key-%017x" % user_key, type=key.type,
                         base64=key.base64, comment=None)
        insert(database, "ssh_keys", model_key)
        for position, secondary_gid in enumerate(secondary):
            insert(database, "secondary_gids", { "user_key": user_key, "position": position,
                                                "server_key": model["server_key"], "gid": secondary_gid})


def insert(database, table, row):
    return database.execute("INSERT INTO %s (%s) VALUES (%s)" % (table, ", ".join(row), ", ".join("?" * len(row))),
                            list(row.values())).lastrowid


def remove_record(host, name):
    with host.database() as database:
        database.execute("DELETE FROM secondary_gids WHERE user_key IN (SELECT user_key FROM users WHERE user_name = ?)",
                         (name,))
        database.execute("DELETE FROM ssh_keys WHERE user_key IN (SELECT user_key FROM users WHERE user_name = ?)", (name,))
        database.execute("DELETE FROM users WHERE user_name = ?", (name,))


def assert_no_login(host, name, key, *views):
    """Neither sftp nor a command, and no process of these users."""
    with Watch(*views) as watch:
        assert not host.sftp(name, key, "ls /\n").ok
        result = host.ssh(name, key, "id", timeout=20)
        assert not result.ok and "uid=" not in result.out, repr(result)
    assert watch.seen == 0


def assert_local_still_logs_in(host, local):
    """The local account is what it was, by its own key."""
    result = host.ssh("localuser", local, "id", "-u")
    assert result.ok and result.out.strip() == str(LOCAL_UID), repr(result)
    assert "localuser" in run("getent", "passwd", LOCAL_UID).out


# -- records that clash with local accounts ---------------------------------------------------------

CLASHES = {"its name": ("localuser", 5211), "its uid": ("imposter", LOCAL_UID), "both": ("localuser", LOCAL_UID)}


@pytest.mark.parametrize("clash", sorted(CLASHES))
@pytest.mark.parametrize("by", ["command line", "direct edit"])
def test_a_record_never_opens_a_local_account(host, alice, local, clash, by):
    name, uid = CLASHES[clash]
    key = host.key("imposter")
    if by == "command line":
        host.create_user(name, uid, mappings=[("/", "/bucket/alice")], keys=[key], check=False)
    else:
        insert_record(host, name, uid, uid, key)
    try:
        assert_no_login(host, name, key, LOCAL, View(uid))
        assert_no_login(host, "localuser", key, LOCAL, View(uid))
        assert_local_still_logs_in(host, local)
        keys = run("setpriv", "--reuid=berth-keys", "--regid=berth-keys", "--clear-groups", "/usr/libexec/berth/berth-keys",
                   name)
        assert keys.out == ""
        if by == "direct edit" and clash != "both":  # of "both" nobody asks the agent: the host's files know name and uid
            run("getent", "passwd", uid)
            run("getent", "passwd", name)
            # Once a minute for each name, so not always since this test's start.
            wait_until(lambda: "user=%s " % name in "".join(re.findall("(?m)^.*berthd.*not served.*$", host.log_all())),
                       what="a log line about the clash")
    finally:
        remove_record(host, name)


def test_an_account_made_after_the_record(host, alice):
    """The record was there first, and works; then somebody adds a local user of that name, or that uid."""
    key = host.key("late")
    host.bucket("bucket", "late", owner=5221)
    host.create_user("late", 5221, mappings=[("/", "/bucket/late")], keys=[key])
    view = View(5221, mounts={"/": "/srv/berth/bucket/late"})
    with Watch(view):
        assert host.sftp("late", key).ok
    for line in ("late:x:2999:2999::/home/late:/bin/bash", "other:x:5221:5221::/:/bin/bash",
                 "late:x:5221:5221::/:/bin/bash"):
        with appended("/etc/passwd", line):
            assert_no_login(host, "late", key, View(5221), View(2999))
    with Watch(view):
        assert host.sftp("late", key).ok
    host.delete_user("late")


def test_root_by_any_spelling(host, alice):
    key = host.key("imposter")
    for name in ("root", "Root", "ROOT"):
        insert_record(host, name, 5231, 5231, key)
        try:
            assert_no_login(host, "root", key, View(5231))
        finally:
            remove_record(host, name)


# -- ids --------------------------------------------------------------------------------------------

BAD_IDS = [(0, 5200, ()), (5200, 0, ()), (0, 0, ()), (999, 5200, ()), (5200, 27, ()), (5200, 999, ()), (5200, 5200, (27,)),
           (5200, 5200,
            (7201, 0)), (4294967295, 5200, ()), (5200, 4294967295, ()), (5200, 5200, (4294967295,)), (1111839316, 5200, ()),
           (5200, 1111839316, ()), (5200, 5200, (1111839316,)), (4294967296, 5200, ()), (-1, 5200, ()), (5200, -5, ())]


@pytest.mark.parametrize("uid, gid, secondary", BAD_IDS)
def test_no_reserved_id_by_direct_edit(host, alice, uid, gid, secondary):
    key = host.key("low")
    insert_record(host, "lowuser", uid, gid, key, secondary)
    try:
        with Watch(View(5200)) as watch:
            assert not host.sftp("lowuser", key, "ls /\n").ok
            assert not host.ssh("lowuser", key, "id", timeout=20).ok
        assert watch.seen == 0
        assert not host.log("session opened user=lowuser")
        found = run("getent", "passwd", "lowuser").out
        if uid < 1000 or uid >= 4294967295 or gid < 1000 or gid >= 4294967295:
            assert found == ""
            assert "lowuser" not in run("getent", "passwd", uid % 4294967296).out
        assert "lowuser" not in run("getent", "group", gid % 4294967296).out
    finally:
        remove_record(host, "lowuser")


@pytest.mark.parametrize("uid, gid, secondary", BAD_IDS)
def test_no_reserved_id_by_the_command_line(host, alice, uid, gid, secondary):
    profile = {"Uid": uid, "Gid": gid, "SecondaryGids": list(secondary)}
    result = host.admin("create-user", "--user-name", "lowuser", "--role", ROLE, "--posix-profile", json.dumps(profile),
                        check=False)
    assert not result.ok
    assert not host.admin("describe-user", "--user-name", "lowuser", check=False).ok


def test_the_configurations_floor_counts_at_login(host, alice):
    host.reload("MinUid 6000")
    try:
        assert_no_login(host, "alice", alice, VIEW)
        host.reload("MinGid 6000")
        assert_no_login(host, "alice", alice, VIEW)
        host.reload("MinGid 7202")
        assert_no_login(host, "alice", alice, VIEW)
    finally:
        host.reload()
    assert host.sftp("alice", alice).ok


# -- the host's groups ------------------------------------------------------------------------------

@pytest.mark.parametrize("line", [ "sudo:x:27:alice", "shadow:x:42:alice", "root:x:0:alice", "wheel:x:3999:alice,root",
                                  "berth:x:881:alice"])
def test_group_file_lines_give_a_session_nothing(host, alice, line):
    name = line.split(":")[0]
    path = Path("/etc/group")
    before = path.read_text(encoding="utf-8")
    kept = [old for old in before.splitlines() if not old.startswith(name + ":")]
    path.write_text("\n".join(kept + [line]) + "\n", encoding="utf-8")
    try:
        # sshd itself is given the group by initgroups(3): it's the module that has to take it away.
        assert line.split(":")[2] in run("id", "-G", "alice").out.split()
        with Watch(VIEW), host.login("alice", alice):
            for pid in assert_all_sealed(VIEW):
                groups = Path("/proc/%d/status" % pid).read_text().split("Groups:")[1].splitlines()[0].split()
                assert sorted(map(int, groups)) == [7201, 7202]
    finally:
        path.write_text(before, encoding="utf-8")


def test_a_session_without_secondary_gids_has_no_group(host, alice):
    key = host.key("single")
    host.bucket("bucket", "single", owner=5241)
    host.create_user("single", 5241, mappings=[("/", "/bucket/single")], keys=[key])
    with appended("/etc/group", "extra:x:3998:single"), host.login("single", key):
        assert_all_sealed(View(5241, mounts={"/": "/srv/berth/bucket/single"}))
    host.delete_user("single")


def test_a_local_user_gets_no_group_of_a_record(host, alice, local):
    """A record of the local user's name, with groups: initgroups doesn't ask for names of /etc/passwd."""
    insert_record(host, "localuser", 5251, 5252, host.key("imposter"), (7251,))
    try:
        assert run("id", "-G", "localuser").out.split() == [str(LOCAL_UID)]
        assert host.ssh("localuser", local, "id", "-G").out.split() == [str(LOCAL_UID)]
    finally:
        remove_record(host, "localuser")


# -- keys -------------------------------------------------------------------------------------------

def test_keys_written_by_hand_into_the_store_bring_no_options(host, alice, tmp_path):
    """A row whose type or base64 would be more than one word of authorized_keys(5)."""
    key = host.key("options")
    for kind, base64 in (("ssh-ed25519", key.base64 + "\nssh-ed25519 " + key.base64), ("ssh-ed25519", key.base64 + " x"),
                         ("command=\"id\" ssh-ed25519",
                          key.base64), ("ssh-dss", key.base64), ("cert-authority ssh-ed25519", key.base64)):
        insert_record(host, "options", 5261, 5261, key)
        with host.database() as database:
            database.execute("UPDATE ssh_keys SET type = ?, base64 = ? WHERE base64 = ?", (kind, base64, key.base64))
        try:
            printed = run("/usr/libexec/berth/berth-keys", "options").out
            for line in printed.splitlines():
                assert line.startswith('restrict,command="internal-sftp -l INFO" ssh-ed25519 AAAA'), printed
                assert len(line.split()) == 5, printed
            assert_no_login(host, "options", key, View(5261))
        finally:
            remove_record(host, "options")


def test_a_certificate_for_the_user_is_no_key(host, alice, tmp_path):
    """Not even when the operator trusts the authority for everybody, and the Match block is gone."""
    authority = host.key("authority")
    private = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(private)], check=True)
    subprocess.run(["ssh-keygen", "-q", "-s", authority.path, "-I", "alice", "-n", "alice",
                    str(private) + ".pub"], check=True)
    Path("/etc/ssh/authority.pub").write_text(authority.public + "\n", encoding="ascii")
    match = Path("/etc/ssh/sshd_config.d/berth.conf")
    packaged = match.read_text(encoding="utf-8")
    try:
        for text in (packaged, packaged.split("Match ")[0]):
            match.write_text(text, encoding="utf-8")
            host.sshd_config("TrustedUserCAKeys /etc/ssh/authority.pub\n")
            assert_no_login(host, "alice", Key(private), VIEW)
    finally:
        match.write_text(packaged, encoding="utf-8")
        os.unlink("/etc/ssh/authority.pub")
        host.sshd_config("")


def test_authorized_keys_below_the_users_home_opens_nothing(host, alice):
    """The passwd entry's home is a path inside the view; on the host it is somebody else's directory, or "/"."""
    key = host.key("planted")
    for directory in ("/.ssh", "/srv/berth/bucket/alice/.ssh"):
        os.makedirs(directory, exist_ok=True)
        Path(directory, "authorized_keys").write_text(key.public + "\n", encoding="ascii")
    os.chown("/srv/berth/bucket/alice/.ssh", ALICE, ALICE)
    try:
        assert_no_login(host, "alice", key, VIEW)
    finally:
        for directory in ("/.ssh", "/srv/berth/bucket/alice/.ssh"):
            os.unlink(directory + "/authorized_keys")
            os.rmdir(directory)


def test_a_key_planted_on_the_host_without_the_match_block(host, alice):
    """AuthorizedKeysFile then resolves against the host: sshd lets the key in, but it isn't the record's."""
    key = host.key("planted")
    match = Path("/etc/ssh/sshd_config.d/berth.conf")
    packaged = match.read_text(encoding="utf-8")
    match.write_text(packaged.split("Match ")[0], encoding="utf-8")
    os.makedirs("/.ssh", exist_ok=True)
    Path("/.ssh/authorized_keys").write_text(key.public + "\n", encoding="ascii")
    try:
        host.sshd_config("")
        assert_no_login(host, "alice", key, VIEW)
        assert host.wait_log("alice.*key")
        assert processes_of_user(ALICE) == []
    finally:
        os.unlink("/.ssh/authorized_keys")
        os.rmdir("/.ssh")
        match.write_text(packaged, encoding="utf-8")
        host.sshd_config("")
