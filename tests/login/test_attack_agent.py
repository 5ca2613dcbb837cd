"""A compromised agent lends out Berth's own users, and nothing more; a dead, stopped, slow or babbling one lets nobody in
and keeps nobody waiting who isn't Berth's."""
import os
import random
import time
from pathlib import Path

import pytest

import attack_tools as tools
from attack_tools import (DIRECTORY, FILE, HOME_PATH, INITGROUPS, KEYS, PASSWD_BY_NAME, PASSWD_BY_UID, SESSION, Record, View,
                          Watch, answer, asked_name, assert_all_sealed, fake_agent, processes_of_user, string,
                          telling, u32)
from private_host import run

UID, LOCAL_UID = 5801, 2901


@pytest.fixture(scope="module")
def key(fresh_host):
    for directory in ("lent", "other"):
        fresh_host.bucket("bucket", directory, owner=UID)
    return fresh_host.key("lent")


@pytest.fixture
def record(key):
    return Record("lent", UID, key)


@pytest.fixture(scope="module")
def local(fresh_host):
    """localuser's own key, in its authorized_keys."""
    key = fresh_host.key("localuser")
    path = Path("/home/localuser/.ssh/authorized_keys")
    path.write_text(key.public + "\n", encoding="ascii")
    os.chown(path, LOCAL_UID, LOCAL_UID)
    return key


def assert_nobody_in(host, name, key, *views):
    """No listing, no command, no process of these users; returns sshd's and our log lines."""
    with Watch(*views) as watch:
        result = host.sftp(name, key, "ls /\n")
        assert not result.ok and "sftp> " not in result.out, repr(result)
    assert watch.seen == 0, "there was a process of a user"
    assert not host.log("session opened")


def test_an_honest_one_is_believed(host, record):
    """Else all refusals below would prove nothing."""
    with fake_agent(host, telling(record)):
        with Watch(View(UID, mounts={"/": "/srv/berth/bucket/lent"})), host.login("lent", record.key):
            assert_all_sealed(View(UID, mounts={"/": "/srv/berth/bucket/lent"}))


@pytest.mark.parametrize("uid, gid", [(0, 0), (0, UID), (UID, 0), (999, 999), (UID, 27), (4294967295, UID),
                                      (UID, 4294967295), (UID, 42), (1111839316, UID), (UID, 1111839316), (100, 65534),
                                      (881, 881), (LOCAL_UID, LOCAL_UID)])
def test_no_reserved_or_local_ids(host, record, uid, gid):
    bad = record.changed(uid=uid, gid=gid)
    with fake_agent(host, telling(bad)):
        assert_nobody_in(host, "lent", record.key, View(UID), View(uid or UID))
        assert run("getent", "passwd", uid).out.split(":")[0] != "lent"
        assert "lent" not in run("getent", "group", gid).out


@pytest.mark.parametrize("uid, gid", [(0, 0), (999, UID), (LOCAL_UID, LOCAL_UID), (UID + 1, UID), (UID, UID + 1), (UID, 27)])
@pytest.mark.parametrize("from_ask", [0, 1, 2])
def test_other_ids_in_the_session_than_in_the_passwd_entry(host, record, uid, gid, from_ask):
    """In the account step, in open_session, or in the child: between sshd's lookup and ours the record was changed."""
    changed = record.changed(uid=uid, gid=gid)

    def respond(verb, payload, count):
        if verb == SESSION and count >= from_ask:
            return answer(changed.session())
        return telling(record)(verb, payload, count)
    with fake_agent(host, respond) as agent:
        assert_nobody_in(host, "lent", record.key, View(UID), View(UID + 1))
        assert host.wait_log("refused user=lent .*(changed|id|local account)")
        assert agent.asked(SESSION) >= from_ask + 1


def test_another_uid_in_each_passwd_answer(host, record):
    """sshd, NSS and PAM each look the user up themselves; none of the mixtures opens a session."""
    def respond(verb, payload, count):
        lent = record.changed(uid=UID + count % 2) if verb in (PASSWD_BY_NAME, PASSWD_BY_UID, SESSION, KEYS) else record
        return telling(lent)(verb, payload, count) if verb != PASSWD_BY_UID else answer(lent.passwd())
    with fake_agent(host, respond), Watch(View(UID), View(UID + 1)):
        for _ in range(6):
            host.sftp("lent", record.key, "ls /\n")
    # A login that saw one uid throughout may have been let in: as that uid, sealed. The watch has looked.


@pytest.mark.parametrize("from_ask", [1, 2])
@pytest.mark.parametrize("change", ["key gone", "user gone", "offline", "unavailable", "nothing", "garbage"])
def test_a_record_changed_while_logging_in(host, record, from_ask, change):
    """Ask 0 is the account step's, 1 open_session's, 2 the child's."""
    replies = {"key gone": answer(string("key AAAA is no longer this user's"), tools.REFUSED),
               "user gone": answer(status=tools.NOT_FOUND),
               "offline": answer(string("server s-0 is OFFLINE"), tools.REFUSED),
               "unavailable": answer(status=tools.UNAVAILABLE), "nothing": b"", "garbage": b"\xff" * 64}

    def respond(verb, payload, count):
        if verb == SESSION and count >= from_ask:
            return replies[change]
        return telling(record)(verb, payload, count)
    with fake_agent(host, respond) as agent:
        assert_nobody_in(host, "lent", record.key, View(UID))
        assert host.wait_log("refused user=lent ")
        assert agent.asked(SESSION) > from_ask
    assert len(host.log("refused user=lent ")) == len(host.log("Accepted publickey for lent")), "not one line a refusal"


def test_another_target_and_other_groups_the_second_time(host, record):
    """What the child is told counts, whole: never one answer's target with another one's groups."""
    first = record.changed(secondary=[7801])
    last = record.changed(secondary=[7802], mappings=[(DIRECTORY, "/", "/bucket/other")])

    def respond(verb, payload, count):
        return telling(last if verb == SESSION and count >= 2 else first)(verb, payload, count)
    view = View(UID, groups=(7802,), mounts={"/": "/srv/berth/bucket/other"})
    with fake_agent(host, respond), Watch(view), host.login("lent", record.key):
        assert_all_sealed(view)


def test_groups_other_than_the_sessions_are_not_held(host, record):
    """initgroups(3) is answered with more than the session has."""
    def respond(verb, payload, count):
        return telling(record.changed(secondary=[7801, 7802, 7803]) if verb == INITGROUPS else record)(verb, payload, count)
    view = View(UID, mounts={"/": "/srv/berth/bucket/lent"})
    with fake_agent(host, respond), Watch(view), host.login("lent", record.key):
        assert_all_sealed(view)


@pytest.mark.parametrize("secondary", [[0], [27], [999], [7801, 42], [4294967295], [1111839316], list(range(7801, 7818)),
                                       [7801] * 4000])
def test_no_reserved_or_endless_groups(host, record, secondary):
    with fake_agent(host, telling(record.changed(secondary=secondary))):
        assert_nobody_in(host, "lent", record.key, View(UID))
        for gid in run("id", "-G", "lent").out.split():
            assert int(gid) >= 1000 and int(gid) not in secondary


TARGETS = ["/", "/..", "/../outside", "/bucket/..", "/bucket/../../outside", "/bucket/../../../etc", "//etc",
           "/bucket//lent", "bucket/lent", "", "/./bucket", "/bucket/./lent", "/link", "/link/inner", "/bucket/lent\n",
           "/bucket/lent\0", "/" + "a" * 5000, "/proc", "/etc", "/bucket/deep/" + "/".join(["x" * 200] * 19),
           "/bucket/missing-file"]


@pytest.mark.parametrize("number", range(len(TARGETS)))
def test_no_target_outside(host, record, number):
    Path("/srv/outside/inner").mkdir(parents=True, exist_ok=True)
    if not os.path.lexists("/srv/berth/link"):
        os.symlink("/srv/outside", "/srv/berth/link")
    target = TARGETS[number]
    kind = FILE if target.endswith("missing-file") else DIRECTORY
    bad = record.changed(mappings=[(kind, "/" if kind == DIRECTORY else "/file", target)])
    with fake_agent(host, telling(bad)):
        outcome = host.sftp("lent", record.key, "ls -1a /\n")
        if outcome.ok:  # a name that CreateHome may make, beneath the data root
            assert target in ("/proc", "/etc") or "x" * 200 in target, target
            with host.login("lent", record.key):
                assert_all_sealed(View(UID, mounts={"/": "/srv/berth" + target}))
        else:
            assert_nobody_in(host, "lent", record.key, View(UID))
    assert os.listdir("/srv/outside") == ["inner"] and os.listdir("/srv/outside/inner") == []


@pytest.mark.parametrize("entries", [["/", "/a"], ["/a", "/a"], ["/a", "/a/b"], ["/a/b", "/a"], ["/a", "/"],
                                     ["/a", "/../b"], ["/a", "/b/../c"], ["/a", "b"], ["/a", ""], ["/a", "//b"],
                                     ["/a", "/b//c"], ["/a", "/."], ["/a", "/b\n"], ["/a", "/" + "n" * 256],
                                     ["/a", "/" + "n" * 5000]])
def test_no_entry_that_breaks_the_view(host, record, entries):
    bad = record.changed(mappings=[(DIRECTORY, entry, "/bucket/lent") for entry in entries])
    with fake_agent(host, telling(bad)):
        assert_nobody_in(host, "lent", record.key, View(UID))
    assert os.listdir("/srv/berth/bucket/lent") == []


@pytest.mark.parametrize("landing", ["", "/"])
def test_path_without_home_directory_shows_nobodys_bucket(host, record, landing):
    bad = record.changed(home_type=HOME_PATH, landing=landing, mappings=[])
    with fake_agent(host, telling(bad)):
        assert_nobody_in(host, "lent", record.key, View(UID))
        assert host.wait_log("refused user=lent .*PathShowsAll")


@pytest.mark.parametrize("landing", ["/bucket/../..", "/..", "relative", "/bucket/lent\n", "/bucket/" + "a" * 5000])
def test_path_with_a_hostile_home_directory(host, record, landing):
    with fake_agent(host, telling(record.changed(home_type=HOME_PATH, landing=landing, mappings=[]))):
        assert_nobody_in(host, "lent", record.key, View(UID))


# -- local users, whom the agent claims -------------------------------------------------------------

@pytest.mark.parametrize("uid", [5811, LOCAL_UID, 0])
def test_a_local_users_name_is_never_the_agents(host, local, key, uid):
    imposter = Record("localuser", uid, key, gid=5812, secondary=[7811], mappings=[(DIRECTORY, "/", "/bucket/lent")])
    with fake_agent(host, telling(imposter, Record("root", uid, key), Record("other", LOCAL_UID, key))) as agent:
        assert run("id", "-G", "localuser").out.split() == [str(LOCAL_UID)]
        assert run("id", "-G", "root").out.split() == ["0"]
        assert run("getent", "passwd", LOCAL_UID).out.split(":")[0] == "localuser"
        assert run("setpriv", "--reuid=882", "--regid=882", "--clear-groups", "/usr/libexec/berth/berth-keys",
                   "localuser").out == ""
        with Watch(View(LOCAL_UID), View(5811)) as watch:
            for name in ("localuser", "root", "other"):
                assert not host.ssh(name, key, "id", timeout=20).ok
        assert watch.seen == 0
        result = host.ssh("localuser", local, "id", "-G")
        assert result.ok and result.out.split() == [str(LOCAL_UID)], repr(result)
        asked = [asked_name(verb, payload) for verb, payload in agent.requests if verb in (INITGROUPS, KEYS)]
        assert not {"localuser", "root"} & set(asked)


def test_names_and_homes_that_would_break_a_passwd_line(host, key):
    for name in ("lent:x:0:0", "lent\nroot2::0:0::/:/bin/sh", "../lent", "other", "LENT", "lent\0", "x" * 101):
        def respond(verb, payload, count, said=name):
            record = Record("lent", UID, key)
            if verb in (PASSWD_BY_NAME, PASSWD_BY_UID):
                return answer(record.changed(name=said).passwd())
            return telling(record)(verb, payload, count)
        with fake_agent(host, respond):
            for asked in ("lent", UID):
                found = run("getent", "passwd", asked).out
                assert found == "" or (found.startswith("%s:!:%d:" % (name, UID)) and found.count(":") == 6 and
                                       found.count("\n") == 1), found
    for home in ("/a:/b", "relative", "/a\nroot2::0:0::/:/bin/sh", "", "/" + "h" * 5000):
        with fake_agent(host, telling(Record("lent", UID, key, landing=home))):
            found = run("getent", "passwd", "lent").out
            assert found == "" or (found.count(":") == 6 and found.count("\n") == 1 and found.split(":")[5] == "/"), found


def test_keys_that_would_be_more_than_keys(host, key, record):
    def line(kind, base64, count=1):
        return u32(count) + string(kind) + string(base64)
    bad = [line("ssh-ed25519", key.base64 + "\nssh-ed25519 " + key.base64), line("command=\"id\" ssh-ed25519", key.base64),
           line("ssh-ed25519\n" + key.public, key.base64), line("cert-authority", key.base64), line("ssh-dss", "AAAA"),
           line("ssh-ed25519", ""), line("ssh-ed25519", "A" * 2049), line("ssh-ed25519", key.base64, 51),
           line("ssh-ed25519", key.base64, 0xffffffff), line("ssh-ed25519", key.base64) + b"x",
           line("ssh-ed25519", key.base64, 2), line("sk-ssh-ed25519@openssh.com", key.base64)]
    for payload in bad:
        def respond(verb, request, count, said=payload):
            return answer(said) if verb == KEYS else telling(record)(verb, request, count)
        with fake_agent(host, respond):
            result = run("/usr/libexec/berth/berth-keys", "lent", UID)
            assert result.out == "" and result.code == 1, "%r: %r" % (payload, result)
            assert_nobody_in(host, "lent", key, View(UID))


# -- not the protocol -------------------------------------------------------------------------------

def babble():
    random.seed(1)
    header = tools.answer()[:8]
    return {"nothing": b"", "one byte": b"B", "garbage": random.randbytes(4096), "zeros": bytes(4096),
            "half a header": header, "a huge length": header + u32(0xffffffff),
            "a length without its bytes": header + u32(4096) + b"x", "wrong magic": b"XXXX" + answer()[4:],
            "wrong version": answer()[:4] + b"\x02\x00" + answer()[6:], "unknown status": answer(status=77),
            "more than promised": answer() + b"x" * 5000, "endless": answer(b"\0" * (12 << 20)),
            "the answer to another question": answer(u32(UID)), "silence": None,
            "a slow drip": [bytes([byte]) for byte in answer(b"x" * 20)]}


@pytest.mark.parametrize("kind", sorted(babble()))
@pytest.mark.parametrize("verb", [None, SESSION], ids=["to everything", "to the PAM module alone"])
def test_babble(host, record, local, kind, verb):
    """The Berth user stays out within seconds, and the local user notices nothing."""
    reply = babble()[kind]

    def respond(asked, payload, count):
        return reply if verb in (None, asked) else telling(record)(asked, payload, count)
    with fake_agent(host, respond):
        start = time.monotonic()
        assert_nobody_in(host, "lent", record.key, View(UID))
        assert time.monotonic() - start < 30
        start = time.monotonic()
        result = host.ssh("localuser", local, "id", "-G")
        assert result.ok and result.out.split() == [str(LOCAL_UID)], repr(result)
        assert time.monotonic() - start < 5
        if verb == SESSION:
            assert host.wait_log("refused user=lent .*agent")


def test_random_bytes_in_every_answer(host, record):
    """Mutations of honest answers, forty logins long. Whoever is let in is sealed, as a Berth user."""
    random.seed(2)

    def respond(verb, payload, count):
        reply = bytearray(telling(record)(verb, payload, count))
        for _ in range(random.choice([0, 0, 0, 1, 1, 3])):
            reply[random.randrange(len(reply))] = random.choice([0, 1, 0x2e, 0x2f, 0x7f, 0xff, random.randrange(256)])
        if random.random() < 0.1:
            del reply[random.randrange(len(reply)):]
        return bytes(reply)
    with fake_agent(host, respond), Watch(View(UID)):
        for _ in range(40):
            listing = host.sftp("lent", record.key, "ls -1a /\n")
            assert tools.shows_no_host(listing.out)
    assert host.sshd.poll() is None
    assert not host.log("segfault|fatal: .*signal")


def test_somebody_elses_socket_is_not_the_agent(host, record):
    """Whoever isn't root can't answer, even if it gets at the socket's name."""
    host.stop_agent()
    socket_path = tools.AGENT_SOCKET
    if os.path.exists(socket_path):
        os.unlink(socket_path)
    answers = tools.FakeAgent(telling(record))
    pid = os.fork()
    if pid == 0:
        os.chmod("/run/berth", 0o777)
        os.setresgid(2901, 2901, 2901)
        os.setresuid(2901, 2901, 2901)
        with answers:
            time.sleep(60)
        os._exit(0)
    try:
        tools.wait_until(lambda: os.path.exists(socket_path), what="the socket")
        assert run("getent", "passwd", "lent").out == ""
        assert run("/usr/libexec/berth/berth-keys", "lent").out == ""
        assert_nobody_in(host, "lent", record.key, View(UID))
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.chmod("/run/berth", 0o755)
        os.unlink(socket_path)
        host.start_agent()


# -- dead and stopped -------------------------------------------------------------------------------

def make_lent(host, key):
    if not host.admin("describe-user", "--user-name", "lent", check=False).ok:
        host.create_user("lent", UID, mappings=[("/", "/bucket/lent")], keys=[key])


@pytest.mark.parametrize("how", ["dead", "stopped"])
def test_no_login_without_an_agent(host, key, how):
    make_lent(host, key)
    view = View(UID, mounts={"/": "/srv/berth/bucket/lent"})
    with Watch(view):
        assert host.sftp("lent", key, "ls /\n").ok
    host.assert_nothing_left()
    host.mark_log()
    if how == "dead":
        host.kill_agent()
        assert_nobody_in(host, "lent", key, View(UID))
        host.start_agent()
    else:
        with host.frozen_agent():
            assert_nobody_in(host, "lent", key, View(UID))
    with Watch(view):
        assert host.sftp("lent", key, "ls /\n").ok


def test_the_agent_dies_between_any_two_questions(host, record):
    """Honest for so many questions, then gone."""
    honest = telling(record)
    with fake_agent(host, honest) as agent:
        assert host.sftp("lent", record.key, "ls /\n").ok
        questions = len(agent.requests)
    assert questions >= 5
    let_in = 0
    for enough in range(questions):
        asked = []

        def respond(verb, payload, count, last=enough, seen=asked):
            seen.append(verb)
            return honest(verb, payload, count) if len(seen) <= last else b""
        with fake_agent(host, respond), Watch(View(UID, mounts={"/": "/srv/berth/bucket/lent"})):
            let_in += host.sftp("lent", record.key, "ls /\n").ok
    assert let_in <= 1  # the last question of all may be one after the session


def test_an_open_session_outlives_the_agent(host, key):
    make_lent(host, key)
    view = View(UID, mounts={"/": "/srv/berth/bucket/lent"})
    with host.login("lent", key) as session:
        host.kill_agent()
        assert session.sftp.listdir("/") == []
        assert_all_sealed(view)
    tools.wait_until(lambda: not processes_of_user(UID), what="the session's end")
    host.start_agent()
