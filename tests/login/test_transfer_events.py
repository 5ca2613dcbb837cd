"""The transfer log's events: where a path is on the host, what became of an operation, and whose session it was."""
import threading

import paramiko
import pytest

from private_host import run, wait_until
from transfer_tools import (alice_fixture, assert_sound, between, by_session, closed, connect, logged_in, make_user,
                            on_host, outline, put_bytes, said, small_files)

UID = 5711
BERTH_CONFIG = ["Bucket elsewhere /srv/elsewhere", "PathShowsAll yes"]


@pytest.fixture(scope="module", params=["INFO", "VERBOSE"])
def level(request, fresh_host):
    """sftp-server's LogLevel."""
    fresh_host.sshd_config("Match Group berth-users\n    ForceCommand internal-sftp -l %s\nMatch all\n" % request.param)
    yield request.param
    fresh_host.sshd_config("")


alice = alice_fixture(UID)


def attempt(call, *arguments):
    """An operation that must fail; what the client heard."""
    with pytest.raises(OSError) as caught:
        call(*arguments)
    return str(caught.value)


# -- where a path is on the host -------------------------------------------------------------------------------------------

def test_several_entries(host):
    """Each path's target is that of its entry, the longest that fits; outside of all entries there is none."""
    bucket = host.bucket("bucket", "in", "nested", owner=UID + 1)
    (bucket / "one.txt").write_text("a single file", encoding="ascii")
    user = make_user(host, "entries", UID + 1, mappings=[
        ("/in", "/bucket/in"), ("/deep/in/nested", "/bucket/nested"), ("/file.txt", "/bucket/one.txt", "FILE")])
    with logged_in(host, user) as session:
        for path in ("/in/a", "/in/innocent", "/deep/in/nested/b", "in/relative"):
            put_bytes(session.sftp, path)
        attempt(session.sftp.rename, "/in/a", "/deep/in/nested/a")  # two mounts
        with session.sftp.open("/file.txt") as file:
            file.read()
        session.sftp.listdir("/deep/in")
        session.sftp.listdir("/in")
        refused = [attempt(session.sftp.mkdir, path) for path in ("/new", "/inn", "/deep/in/x")]
    closed(host, user="entries")
    events = between(assert_sound(host))
    assert [said(event, "operation", "path", "target", "new_target") for event in events] == [
        ("put", "/in/a", "/srv/berth/bucket/in/a", None),
        ("put", "/in/innocent", "/srv/berth/bucket/in/innocent", None),
        ("put", "/deep/in/nested/b", "/srv/berth/bucket/nested/b", None),
        ("put", "/in/relative", "/srv/berth/bucket/in/relative", None),
        ("rename", "/in/a", "/srv/berth/bucket/in/a", "/srv/berth/bucket/nested/a"),
        ("get", "/file.txt", "/srv/berth/bucket/one.txt", None),
        ("list", "/deep/in", None, None),
        ("list", "/in", "/srv/berth/bucket/in", None),
        ("mkdir", "/new", None, None), ("mkdir", "/inn", None, None), ("mkdir", "/deep/in/x", None, None)]
    assert events[4]["status"] == "Failure"
    for event, heard in zip(events[-3:], refused):
        assert event["status"] != "ok" and event["status"].lower() in heard.lower(), (event, heard)


def test_path_home(host):
    """A user with HomeDirectory lands there, and relative paths begin there."""
    host.bucket("bucket", "homes/pat", owner=UID + 2)
    user = make_user(host, "pat", UID + 2, home="/bucket/homes/pat")
    assert host.sftp("pat", user.key, "put /etc/hostname\n").ok
    with logged_in(host, user) as session:
        put_bytes(session.sftp, "relative")
        session.sftp.listdir("/bucket/homes")
        attempt(session.sftp.mkdir, "/elsewhere-made")
    closed(host, user="pat")
    events = between(assert_sound(host))
    assert [said(event, "operation", "path", "target") for event in events] == [
        ("put", "/bucket/homes/pat/hostname", "/srv/berth/bucket/homes/pat/hostname"),
        ("put", "/bucket/homes/pat/relative", "/srv/berth/bucket/homes/pat/relative"),
        ("list", "/bucket/homes", "/srv/berth/bucket/homes"),
        ("mkdir", "/elsewhere-made", None)]
    assert [event["status"] == "ok" for event in events] == [True, True, True, False]


def test_a_bucket_elsewhere(host):
    run("install", "-d", "-o", UID + 3, "-g", UID + 3, "/srv/elsewhere/home")
    user = make_user(host, "away", UID + 3, mappings=[("/", "/elsewhere/home")])
    assert host.sftp("away", user.key, "put /etc/hostname\nget hostname /dev/null\n").ok
    events = between(closed(host, user="away"))
    assert [said(event, "operation", "path", "target") for event in events] == [
        ("put", "/hostname", "/srv/elsewhere/home/hostname"), ("get", "/hostname", "/srv/elsewhere/home/hostname")]
    assert_sound(host)


def test_all_buckets(host):
    """Who has no HomeDirectory sees every bucket: those below DataRoot, and within these the ones of Bucket lines."""
    host.bucket("bucket", "open", owner=UID + 5)
    run("install", "-d", "-o", UID + 5, "-g", UID + 5, "/srv/elsewhere/open")
    key = host.key("all")
    host.create_user("all", UID + 5, home="/", keys=[key])
    batch = "put /etc/hostname /bucket/open/one\nput /etc/hostname /elsewhere/open/two\n"
    assert host.sftp("all", key, batch).ok
    events = between(closed(host, user="all"))
    assert [said(event, "operation", "path", "target") for event in events] == [
        ("put", "/bucket/open/one", "/srv/berth/bucket/open/one"), ("put", "/elsewhere/open/two", "/srv/elsewhere/open/two")]


def test_a_changed_or_deleted_record_changes_no_open_session(host):
    user = make_user(host, "changing", UID + 4)
    with logged_in(host, user) as session:
        put_bytes(session.sftp, "/before")
        host.bucket("bucket", "other", owner=UID + 4)
        host.admin("update-user", "--user-name", "changing", "--home-directory-mappings",
                   host.mappings_argument([("/", "/bucket/other")]))
        put_bytes(session.sftp, "/changed")
        host.delete_user("changing")
        put_bytes(session.sftp, "/deleted")
    events = between(closed(host, session=session.id))
    assert [said(event, "user", "path", "target", "status") for event in events] == [
        ("changing", path, on_host(user, path), "ok") for path in ("/before", "/changed", "/deleted")]


# -- what became of it -----------------------------------------------------------------------------------------------------

def test_failures_have_their_reason_and_what_worked_is_ok(host, level, alice):
    (alice.home / "root's").mkdir(mode=0o700)
    (alice.home / "secret").write_text("root's", encoding="ascii")
    (alice.home / "secret").chmod(0o600)
    with logged_in(host, alice) as session:
        sftp = session.sftp
        wanted = []

        def works(operation, path, call, *arguments):
            call(*arguments)
            wanted.append((operation, path, "ok"))

        def fails(operation, path, status, call, *arguments):
            attempt(call, *arguments)
            wanted.append((operation, path, status))

        works("mkdir", "/made", sftp.mkdir, "/made")
        fails("mkdir", "/made", "Failure", sftp.mkdir, "/made")
        works("put", "/file", put_bytes, sftp, "/file")
        fails("get", "/none", "No such file", sftp.open, "/none")
        fails("get", "/secret", "Permission denied", sftp.open, "/secret")
        fails("put", "/secret", "Permission denied", sftp.open, "/secret", "wb")
        fails("put", "/root's/new", "Permission denied", sftp.open, "/root's/new", "wb")
        works("setstat", "/file", sftp.chmod, "/file", 0o600)
        fails("setstat", "/secret", "Permission denied", sftp.chmod, "/secret", 0o666)
        fails("list", "/root's", "Permission denied", sftp.listdir, "/root's")
        fails("list", "/none", "No such file", sftp.listdir, "/none")
        works("list", "/made", sftp.listdir, "/made")
        fails("remove", "/none", "No such file", sftp.remove, "/none")
        fails("rmdir", "/file", "No such file", sftp.rmdir, "/file")  # ENOTDIR
        fails("rename", "/none", "No such file", sftp.rename, "/none", "/other")
        works("symlink", "/link", sftp.symlink, "anywhere", "/link")
        fails("symlink", "/link", "Failure", sftp.symlink, "anywhere", "/link")
        works("remove", "/link", sftp.remove, "/link")
        works("rmdir", "/made", sftp.rmdir, "/made")
    events = closed(host, session=session.id)
    assert_sound(host)
    assert outline(events) == wanted
    assert events[-1]["totals"]["failed"] == sum(status != "ok" for _, _, status in wanted)
    for event in between(events):
        if event["operation"] in ("put", "get"):
            assert event["complete"] == (event["status"] == "ok")
            assert event["complete"] or event.get("bytes", 0) == 0


def test_what_only_looks_is_no_failure_of_what_came_before(host, level, alice):
    """stat, lstat, readlink and realpath of what isn't there fail, one after each operation that works."""
    looks = ("stat", "lstat", "readlink")
    with logged_in(host, alice) as session:
        for number in range(30):
            session.sftp.mkdir("/d%d" % number)
            attempt(getattr(session.sftp, looks[number % 3]), "/none")
            put_bytes(session.sftp, "/f%d" % number)
            attempt(getattr(session.sftp, looks[number % 3]), "/none")
    events = closed(host, session=session.id)
    assert_sound(host)
    assert outline(events) == [said_ for number in range(30)
                               for said_ in (("mkdir", "/d%d" % number, "ok"), ("put", "/f%d" % number, "ok"))]


@pytest.mark.parametrize("level", ["VERBOSE"], indirect=True)  # at INFO sftp-server doesn't say whose failure it was
def test_requests_sent_without_waiting(host, level, alice):
    """A client may send ahead: each answer is still that of its own request."""
    assert level == "VERBOSE"
    kinds = [("mkdir", paramiko.sftp.CMD_MKDIR, "Failure"), ("rmdir", paramiko.sftp.CMD_RMDIR, "No such file"),
             ("remove", paramiko.sftp.CMD_REMOVE, "No such file"), ("stat", paramiko.sftp.CMD_STAT, None)]
    requests = [(number, "/p%d" % number, *kinds[number * 7 % 4]) for number in range(200)]
    wanted = []
    for number, path, operation, _, failure in requests:
        there = number % 3 == 0
        if there and operation == "remove":
            (alice.home / path[1:]).touch()
        elif there:
            (alice.home / path[1:]).mkdir()
        if operation != "stat":
            wanted.append((operation, path, "ok" if there == (operation != "mkdir") else failure))
    assert run("chown", "-R", alice.uid, alice.home).ok
    with logged_in(host, alice) as session:
        for _, path, operation, kind, _ in requests:
            attributes = (paramiko.SFTPAttributes(),) if operation == "mkdir" else ()
            session.sftp._async_request(type(None), kind, path.encode(), *attributes)  # pylint: disable=protected-access
        session.sftp.stat("/")
    events = closed(host, session=session.id)
    assert_sound(host)
    assert outline(events) == wanted


# -- whose session ---------------------------------------------------------------------------------------------------------

def test_two_sessions_of_one_user_are_told_apart(host, alice):
    with logged_in(host, alice) as one, logged_in(host, alice) as two:
        for number in range(50):
            for name, session in (("one", one), ("two", two)):
                put_bytes(session.sftp, "/%s-%d" % (name, number))
        assert one.id != two.id
    events = closed(host, user="alice")
    assert_sound(host)
    for name, session in (("one", one), ("two", two)):
        own = [event for event in events if event["session"] == session.id]
        assert [event["path"] for event in between(own)] == ["/%s-%d" % (name, number) for number in range(50)]
        assert {event["port"] for event in own} == {session.port}


def test_several_channels_of_one_session(host, alice, tmp_path):
    """Each channel has an sftp-server of its own; the events are of one session, and no file is taken for another."""
    local = small_files(tmp_path / "local", 40)
    client = connect(host, alice)
    with client:
        channels = [client.open_sftp() for _ in range(4)]
        # The same name in each channel, open at the same time, with different lengths.
        files = [sftp.open("/same-%d" % (number // 2), "ab") for number, sftp in enumerate(channels)]
        for number, file in enumerate(files):
            file.write(b"x" * (number + 1) * 100)

        def work(number, sftp):
            sftp.mkdir("/c%d" % number)
            for path in sorted(local.iterdir()):
                sftp.put(str(path), "/c%d/%s" % (number, path.name), confirm=False)
                attempt(sftp.mkdir, "/c%d" % number)
        threads = [threading.Thread(target=work, args=item) for item in enumerate(channels)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for file in files:
            file.close()
        channels[0].close()
        channels[1].mkdir("/after one was closed")
    events = closed(host, user="alice")
    assert_sound(host)
    assert len(by_session(events)) == 1
    for number in range(4):
        below = [event for event in events if event.get("path", "").startswith("/c%d" % number)]
        assert sorted(event["path"] for event in below if event["operation"] == "put") == [
            "/c%d/%05d" % (number, file) for file in range(40)]
        made = [event["status"] for event in below if event["operation"] == "mkdir"]
        assert made == ["ok"] + ["Failure"] * 40
    assert sorted(said(event, "path", "bytes") for event in events if event["operation"] == "append") == [
        ("/same-0", 100), ("/same-0", 200), ("/same-1", 300), ("/same-1", 400)]
    assert ("mkdir", "/after one was closed", "ok") in outline(events)


def test_a_session_without_a_channel(host, alice):
    """ssh -N: it opens and closes, and did nothing."""
    client = connect(host, alice)
    wait_until(lambda: host.events(operation="session-open"), 2, "session-open")
    client.close()
    events = closed(host, user="alice")
    assert [event["operation"] for event in events] == ["session-open", "session-close"]
    assert not any(events[-1]["totals"].values())
