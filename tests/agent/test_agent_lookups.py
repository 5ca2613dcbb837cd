"""What each verb answers, and which records nobody hears of."""
import base64
import hashlib
import pathlib

import pytest

import agent_protocol as p
from agent_protocol import BAD_REQUEST, NOT_FOUND, OK, REFUSED, UNAVAILABLE


def add_local(name, uid):
    with open("/etc/passwd", "a") as passwd:
        passwd.write(f"{name}:x:{uid}:{uid}::/:/bin/sh\n")


def test_passwd_by_name_and_uid(agent):
    agent.add_user("alice", 5001, 5002)
    agent.add_user("anna", 5003, 5003, home_type="PATH", home="/bucket/home/anna")
    agent.add_user("lena", 5004, 5004, home="/in", mappings=[{"Entry": "/in", "Target": "/bucket/lena"}])
    assert p.by_name("alice") == p.by_uid(5001) == ("alice", 5001, 5002, "/")
    assert p.by_name("anna") == p.by_uid(5003) == ("anna", 5003, 5003, "/bucket/home/anna")
    assert p.by_name("lena") == ("lena", 5004, 5004, "/in")
    assert p.by_name("Alice") == p.by_name("nobody-here") == p.by_uid(5999) == NOT_FOUND


@pytest.mark.parametrize("name", ["", "al", "root", "-alice", ".alice", "@alice", "ali ce", "ali:ce", "alice\n", "älice"])
def test_names_that_no_record_may_have(agent, name):
    agent.add_user(name)
    assert p.by_name(name) == p.by_uid(5001) == NOT_FOUND


def test_the_longest_name(agent):
    agent.add_user("a" * 100)
    assert p.by_name("a" * 100)[0] == "a" * 100


def test_first_name_wins_a_shared_uid(agent):
    agent.add_user("bbb", 5001)
    agent.add_user("aaa", 5001)
    assert p.by_uid(5001)[0] == "aaa"


def test_group(agent):
    agent.add_user("alice", 5001, 5002, groups=[7001])
    assert p.group(5002) == p.group(7001) == OK
    assert p.group(5001) == p.group(7002) == NOT_FOUND
    assert p.group(0) == p.group(27) == p.group(999) == p.group(p.ID_NONE) == p.group(1111839316) == NOT_FOUND


def test_group_that_the_host_names(agent):
    agent.add_user("alice", 5001, 5002)
    with open("/etc/group", "a") as group:
        group.write("staff2:x:5002:alice\n")
    assert p.group(5002) == NOT_FOUND
    assert p.by_name("alice")[2] == 5002


def test_initgroups(agent):
    agent.add_user("alice", 5001, 5002, groups=[7002, 7001])
    agent.add_user("anna", 5003, 5003)
    assert p.initgroups("alice") == (5002, [7002, 7001])
    assert p.initgroups("anna") == (5003, [])
    assert p.initgroups("nobody-here") == NOT_FOUND


def test_keys(agent, ssh_key):
    first, second, other = ssh_key(), ssh_key("ecdsa"), ssh_key()
    agent.add_user("alice", 5001, keys=[first, second])
    agent.add_user("anna", 5003, keys=[other])
    assert p.keys("alice") == p.keys("alice", 5001) == [first, second]
    assert p.keys("alice", 5001, *second) == [second]
    assert p.keys("alice", 5001, *other) == []
    assert p.keys("alice", 5003) == p.keys("nobody-here") == NOT_FOUND
    agent.sql("DELETE FROM ssh_keys WHERE base64 = ?", first[1])
    assert p.keys("alice") == [second]


def test_fifty_long_keys(agent):
    keys = [("ssh-rsa", "%04d" % number * 500) for number in range(50)]
    agent.add_user("alice", keys=keys)
    assert p.keys("alice") == keys


def test_session(agent, ssh_key):
    key = ssh_key()
    agent.add_user("alice", 5001, 5002, groups=[7001], keys=[key], home="/in/x", mappings=[
        {"Entry": "/zoo", "Target": "/bucket/zoo"}, {"Entry": "/in", "Target": "/bucket/in", "Type": "DIRECTORY"},
        {"Entry": "/a.txt", "Target": "/other/a.txt", "Type": "FILE"}])
    expected = {"server": agent.server_id, "uid": 5001, "gid": 5002, "groups": [7001], "home_type": p.LOGICAL,
                "landing": "/in/x", "mappings": [(p.DIRECTORY, "/zoo", "/bucket/zoo"), (p.DIRECTORY, "/in", "/bucket/in"),
                             (p.FILE, "/a.txt", "/other/a.txt")]}
    assert p.session("alice") == {**expected, "fingerprint": ""}
    digest = base64.b64encode(hashlib.sha256(base64.b64decode(key[1])).digest()).decode().rstrip("=")
    assert p.session("alice", *key) == {**expected, "fingerprint": "SHA256:" + digest}


def test_session_of_a_path_user(agent):
    agent.add_user("anna", home_type="PATH", home="/bucket/home")
    agent.add_user("bare", 5002, home_type=None, mappings=None)
    answer = p.session("anna")
    assert (answer["home_type"], answer["landing"], answer["mappings"]) == (p.PATH, "/bucket/home", [])
    answer = p.session("bare")
    assert (answer["home_type"], answer["landing"], answer["mappings"]) == (p.PATH, "", [])


def test_session_with_fifty_thousand_mappings(agent):
    mappings = [{"Entry": f"/entry-{n:05}", "Target": f"/bucket/some/where/target-{n:05}"} for n in range(50000)]
    agent.add_user("alice", mappings=mappings)
    assert p.session("alice")["mappings"] == [(p.DIRECTORY, m["Entry"], m["Target"]) for m in mappings]


def test_session_refusals_give_the_reason(agent, ssh_key):
    mine, other = ssh_key(), ssh_key()
    agent.add_user("alice", keys=[mine])
    agent.add_user("noprofile", None, None)
    agent.add_user("nomappings", mappings=[])
    status, reason = p.session("alice", *other)
    assert status == REFUSED and "no longer this user's" in reason and other[1][-16:] in reason
    assert p.session("noprofile") == (REFUSED, "no PosixProfile, and no DefaultPosixProfile in the configuration")
    assert p.session("nomappings")[0] == REFUSED
    assert p.session("nobody-here") == (NOT_FOUND, "")
    agent.sql("UPDATE servers SET state = 'OFFLINE'")
    assert p.session("alice", *mine) == (REFUSED, f"server {agent.server_id} is OFFLINE")
    assert p.by_name("alice")[1] == 5001


def test_a_change_shows_in_the_next_answer(agent):
    agent.add_user("alice", 5001)
    assert p.by_name("alice")[1] == 5001
    agent.sql("UPDATE users SET uid = 5009 WHERE user_name = 'alice'")
    assert p.by_name("alice")[1] == 5009
    agent.sql("DELETE FROM users WHERE user_name = 'alice'")
    assert p.by_name("alice") == NOT_FOUND


def test_users_of_another_server_are_unknown(agent):
    agent.sql("INSERT INTO servers (server_id, state, settings) VALUES ('s-ffffffffffffffff0', 'ONLINE', '{}')")
    agent.sql("INSERT INTO users (server_key, user_name, uid, gid, role) SELECT server_key, 'stranger', 6001, 6001, 'r'"
              " FROM servers WHERE server_id = 's-ffffffffffffffff0'")
    assert p.by_name("stranger") == p.by_uid(6001) == p.group(6001) == NOT_FOUND
    assert p.session("stranger") == (NOT_FOUND, "")


# --- promise 1: never a local account ---


def nothing_known(name, uid):
    return (p.by_name(name) == p.by_uid(uid) == p.keys(name) == p.keys(name, uid) == p.initgroups(name) == NOT_FOUND and
            p.session(name) == (NOT_FOUND, ""))


@pytest.mark.parametrize("name,uid", [("localbob", 5001), ("alice", 4444), ("localbob", 4444)], ids=["name", "uid", "both"])
def test_clash_with_a_local_account(agent, ssh_key, name, uid):
    agent.add_user(name, uid, keys=[ssh_key()])
    assert nothing_known(name, uid)
    agent.agent.wait_log(f"record not served: user={name} server={agent.server_id} reason=\"/etc/passwd has an account")
    assert agent.agent.log().count("record not served") == 1


def test_clash_that_only_a_session_meets_is_logged(agent):
    agent.add_user("alice", 4444)
    assert p.session("alice") == (NOT_FOUND, "")
    agent.agent.wait_log("user=alice server=")
    assert "reason=\"/etc/passwd has an account with uid 4444" in agent.agent.log()


def test_account_added_and_removed_while_the_agent_runs(agent):
    agent.add_user("alice", 5001)
    assert p.by_name("alice")[1] == 5001
    before = pathlib.Path("/etc/passwd").read_text()
    for name, uid in (("alice", 1), ("other", 5001)):
        add_local(name, uid)
        assert nothing_known("alice", 5001)
        pathlib.Path("/etc/passwd").write_text(before)
        assert p.by_name("alice")[1] == 5001
    # As useradd does it: a new file in the old one's place.
    pathlib.Path("/etc/passwd+").write_text(before + "alice:x:7:7::/:/bin/sh\n")
    pathlib.Path("/etc/passwd+").rename("/etc/passwd")
    assert nothing_known("alice", 5001)


def test_the_last_line_without_newline_counts(agent):
    agent.add_user("alice", 5001)
    with open("/etc/passwd", "a") as passwd:
        passwd.write("alice:x:77:77::/:/bin/sh")
    assert nothing_known("alice", 5001)


def test_share_uid_allows_the_uid_and_never_the_name(agent):
    agent.add_user("alice", 4444)
    agent.add_user("localbob", 5001)
    agent.configure("ShareUid 4444")
    agent.agent.hangup()
    agent.agent.wait_log("configuration reloaded")
    assert p.by_name("alice") == p.by_uid(4444) == ("alice", 4444, 5001, "/")
    assert p.session("alice")["uid"] == 4444
    assert nothing_known("localbob", 5001)


def test_unreadable_passwd_fails_closed(agent):
    agent.add_user("alice", 5001)
    assert p.by_name("alice")[1] == 5001
    pathlib.Path("/etc/passwd").rename("/etc/gone")
    assert p.by_name("alice") == p.by_uid(5001) == p.initgroups("alice") == p.keys("alice") == UNAVAILABLE
    assert p.session("alice") == (UNAVAILABLE, "")
    pathlib.Path("/etc/gone").rename("/etc/passwd")
    assert p.by_name("alice")[1] == 5001
    pathlib.Path("/etc/group").rename("/etc/gone")
    assert p.group(5001) == UNAVAILABLE


# --- promise 3: never a system account, whatever the file says ---


@pytest.mark.parametrize("uid", [0, 999, p.ID_NONE, 1111839316])
def test_uids_by_direct_edit(agent, ssh_key, uid):
    agent.add_user("alice", uid, 5001, keys=[ssh_key()])
    assert p.by_name("alice") == p.by_uid(uid) == p.initgroups("alice") == NOT_FOUND
    assert p.keys("alice") == p.keys("alice", uid) == NOT_FOUND
    status, reason = p.session("alice")
    assert status == REFUSED and f"Uid {uid} is not allowed" in reason
    agent.agent.wait_log("is not allowed")


@pytest.mark.parametrize("gid", [0, 27, 999, p.ID_NONE])
def test_gids_by_direct_edit(agent, gid):
    agent.add_user("alice", 5001, gid)
    agent.add_user("anna", 5002, 5002, groups=[7001, gid])
    assert p.by_name("alice") == p.initgroups("alice") == p.group(gid) == NOT_FOUND
    assert p.session("alice")[0] == REFUSED
    assert p.initgroups("anna") == NOT_FOUND
    status, reason = p.session("anna")
    assert status == REFUSED and f"secondary gid {gid} is not allowed" in reason


def test_floors_of_the_configuration(agent):
    agent.add_user("alice", 5001, 5001, groups=[7001])
    agent.configure("MinUid 6000")
    agent.agent.hangup()
    agent.agent.wait_log("configuration reloaded")
    assert p.by_name("alice") == p.by_uid(5001) == NOT_FOUND
    agent.configure("MinGid 7000")
    agent.agent.hangup()
    agent.agent.wait_log("configuration reloaded", 2)
    assert p.by_name("alice") == p.group(5001) == NOT_FOUND
    assert p.group(7001) == OK


@pytest.mark.parametrize("value", [-5, 2**32, 2**63 - 1])
def test_ids_that_are_none(agent, value):
    agent.add_user("alice", value)
    agent.add_user("anna", 5002)
    assert p.by_name("alice") in (NOT_FOUND, UNAVAILABLE)
    assert p.session("alice")[0] in (NOT_FOUND, REFUSED, UNAVAILABLE)
    assert p.by_name("anna")[1] == 5002  # one bad record is no other's trouble


@pytest.mark.parametrize("mappings", ["[", '{"a":1}', '[{"Entry":5}]', "[" * 10000, '[{"Entry":"/","Target":"/b\\u0000x"}]'],
                         ids=["cut", "object", "number", "deep", "nul"])
def test_mappings_that_are_none(agent, mappings):
    agent.add_user("alice")
    agent.sql("UPDATE users SET mappings = ?", mappings)
    assert p.session("alice")[0] in (REFUSED, UNAVAILABLE)
    assert p.by_name("alice")[1] == 5001


def test_paths_longer_than_any(agent):
    agent.add_user("alice", mappings=[{"Entry": "/", "Target": "/" + "x" * 5000}])
    agent.add_user("anna", 5002, home_type="PATH", home="/" + "y" * 5000)
    assert p.session("alice")[0] in (REFUSED, UNAVAILABLE)
    assert p.session("anna")[0] in (REFUSED, UNAVAILABLE)


def test_default_profile(agent):
    agent.add_user("alice", None, None)
    assert p.by_name("alice") == p.initgroups("alice") == p.keys("alice") == NOT_FOUND
    agent.agent.wait_log("no PosixProfile")
    agent.configure("DefaultPosixProfile 2000:2001")
    agent.agent.hangup()
    agent.agent.wait_log("configuration reloaded")
    assert p.by_name("alice") == ("alice", 2000, 2001, "/")
    assert p.initgroups("alice") == (2001, [])
    assert p.keys("alice", 2000) == []
    assert (p.session("alice")["uid"], p.session("alice")["gid"]) == (2000, 2001)
    assert p.group(2001) == OK
    assert p.by_uid(2000) == NOT_FOUND


def test_refusals_are_logged_once_a_minute_and_bounded(agent):
    for number in range(200):
        agent.add_user(f"bad{number}", 10 + number)
    for _ in range(3):
        for number in range(200):
            assert p.by_name(f"bad{number}") == NOT_FOUND
    assert agent.agent.log().count("user=bad7 ") == 1
    assert agent.agent.log().count("record not served") <= 128


@pytest.mark.parametrize("verb,payload", [
    (p.PASSWD_BY_NAME, b""), (p.PASSWD_BY_NAME, p.string("alice") + b"x"), (p.PASSWD_BY_NAME, p.string("ali\0ce")),
    (p.PASSWD_BY_NAME, p.u32(5) + b"alic"), (p.PASSWD_BY_NAME, p.u32(2**32 - 1) + b"alice"),
    (p.PASSWD_BY_NAME, p.string("a" * 101)),
    (p.PASSWD_BY_UID, b"\1\2\3"), (p.PASSWD_BY_UID, p.u32(1) * 2), (p.GROUP, b""), (p.INITGROUPS, p.u32(5)),
    (p.KEYS, p.string("alice")), (p.KEYS, p.string("alice") + p.u32(1) + p.string("x" * 33) + p.string("")),
    (p.KEYS, p.string("alice") + p.u32(1) + p.string("") + p.string("x" * 2049)),
    (p.SESSION, p.string("alice") + p.string("ssh-rsa") + p.string("")), (p.SESSION, p.string("alice")),
    (0, b""), (7, b""), (65535, b"")],
    ids=range(18))
def test_bad_requests(agent, verb, payload):
    agent.add_user("alice")
    assert p.ask(verb, payload) == (BAD_REQUEST, b"")
