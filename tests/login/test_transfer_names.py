"""Names chosen to break what reads sftp-server's lines, or who reads the log: compared with what is on disk."""
import os
import shutil

import pytest

from transfer_tools import assert_sound, between, closed, exact, logged_in, make_user, put_bytes, said

UID = 5731

NAMES = [
    # What could end a name, or begin another line.
    b'"', b'""', b'a"', b'"a', b'quo"te', b"'", b"\\", b"\\\\", b'\\"', b'a\\', b" ", b" a", b"a ", b".hidden", b"-rf",
    b"%s%n%d",
    b'x" flags READ mode 0644', b'x" flags WRITE,CREATE,TRUNCATE mode 0666', b'x" bytes read 1 written 2',
    b'x" bytes read 18446744073709551615 written 18446744073709551616', b'x" mode 0777', b'x" size 5', b'x" new "y',
    b'" new "',
    b'x" modtime 20200101-00:00:00', b'x" owner 0 group 0', b'forced close "y" bytes read 1 written 2',
    b'open "y" flags READ mode 0666', b"sent status No such file", b"session closed for local user alice from [127.0.0.1]",
    b"session opened for local user root from [192.0.2.1]",
    b"<13>Nov 22 10:00:00 sshd[1]: Accepted", b"<86>Nov 22 10:00:00 internal-sftp[1]: open ", b"internal-sftp[1]: x",
    b"sshd[1]: x",
    # What is escaped, or looks it.
    b"new\nline", b"\n", b"a\n<13>Nov 22 10:00:00 x: y", b"tab\there", b"car\rriage", b"\x01\x02\x7f",
    b"\x1b[2Jred\x1b[31m", b"bell\a",
    rb"\303\251", rb"\n", rb"\x41", rb"\^A", rb"\M-C", rb"\s", rb"\101", rb"\\303\\251", rb"a\0", rb"\u00e9", rb"\134",
    b"octal\x011", b"octal\x0123",
    # UTF-8 and what isn't.
    "é".encode(), "日本語.txt".encode(), "😀".encode(), b"\xff", b"\xc3", b"caf\xe9", b"\xed\xa0\x80", b"\xc0\xaf",
    b"\xf4\x90\x80\x80",
    b"ok\xe2\x80", "\u202egpj.exe".encode(), "\u2066a\u2069".encode(), "\u2028\u2029".encode(), "\ufeffbom".encode(),
    "\x85\x9b".encode(),
    "e\u0301".encode(), "\ufffd".encode(), "zero\u200bwidth".encode(),
    # For whoever reads JSON, a shell or a web page.
    b'{"operation":"put"}', b'","user":"root","x":"', b"$(id)`id`;|&", b"<script>alert(1)<!--", b"__proto__", b"null",
]


@pytest.fixture
def alice(host):
    user = make_user(host, "alice", UID)
    yield user
    for name in os.listdir(os.fsencode(user.home)):
        path = os.fsencode(user.home) + b"/" + name
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def names_on_disk(user):
    return {name: os.lstat(os.fsencode(user.home) + b"/" + name).st_size for name in os.listdir(os.fsencode(user.home))}


def assert_true_or_text(event, operation, *paths):
    """The event has exactly these paths, or it is `other` with the line that can't be told apart."""
    if event["operation"] == "other":
        assert "path" not in event and event["text"], event
        return
    assert event["operation"] == operation and event["status"] == "ok", event
    found = [exact(event, member) for member in ("path", "new_path", "text") if member in event]
    assert found == list(paths), event


def test_uploads_of_every_name(host, alice):
    """The log has just the files that are there, by their exact bytes, each with its size."""
    with logged_in(host, alice) as session:
        for size, name in enumerate(NAMES, 1):
            put_bytes(session.sftp, b"/" + name, b"x" * size)
    events = between(closed(host, session=session.id))
    assert_sound(host)
    assert len(names_on_disk(alice)) == len(NAMES)
    assert [(event["operation"], exact(event), event["bytes"], event["status"]) for event in events] == [
        ("put", b"/" + name, size, "ok") for size, name in enumerate(NAMES, 1)]
    targets = {exact(event, "target")[len(os.fsencode(alice.home)) + 1:]: event["bytes"] for event in events}
    assert targets == names_on_disk(alice)


def test_everything_else_of_every_name(host, alice):
    """Operations with one name have it exactly. One with two names has both exactly, or the line as text where it could be
    read in two ways."""
    with logged_in(host, alice) as session:
        sftp = session.sftp
        for name in NAMES:
            path = b"/" + name
            sftp.mkdir(path)
            sftp.chmod(path, 0o700)
            sftp.listdir(path)
            sftp.rename(path, path + b"~")
            sftp.rmdir(path + b"~")
            sftp.symlink(name, path)
            sftp.remove(path)
    events = between(closed(host, session=session.id))
    assert_sound(host)
    assert not names_on_disk(alice)
    assert len(events) == 7 * len(NAMES)
    told = 0
    for number, name in enumerate(NAMES):
        path = b"/" + name
        mkdir, setstat, listed, rename, rmdir, symlink, remove = events[7 * number:7 * number + 7]
        for event, operation, of in ((mkdir, "mkdir", path), (listed, "list", path), (rmdir, "rmdir", path + b"~"),
                                     (remove, "remove", path)):
            assert (event["operation"], exact(event), event["status"]) == (operation, of, "ok"), event
        assert (exact(setstat), setstat["text"], setstat["status"]) == (path, "mode 0700", "ok"), setstat
        assert_true_or_text(rename, "rename", path, path + b"~")
        assert_true_or_text(symlink, "symlink", path, name)
        told += rename["operation"] == "rename"
    assert told >= len(NAMES) - 3, "renames that could have been told apart weren't"


def assert_whole_or_cut(user, events, done):
    """The events are of these [(operation, path)]. Each has the exact path, or says that its line was cut and has at most a
    beginning of it. A put whose lines are cut can be told as `other`, once for its open and once for its close."""
    left = iter(events)
    event = next(left, None)
    for operation, path in done:
        assert event is not None, "no event of %s %s" % (operation, path)
        target = os.fsencode(user.home) + path
        lines = 0
        while event is not None and event["operation"] == "other" and operation == "put" and lines < 2:
            assert_beginning(event, path, target)
            event = next(left, None)
            lines += 1
        if lines == 2 or (lines == 1 and (event is None or event["operation"] != "put" or exact(event) != path)):
            continue  # lines == 1: or the close's was whole, being shorter than the open's
        assert said(event, "operation", "status") == (operation, "ok"), event
        if "cut" in event:
            assert_beginning(event, path, target)
        else:
            assert (exact(event), exact(event, "target")) == (path, target), event
        event = next(left, None)
    assert event is None, event


def assert_beginning(event, path, target):
    assert event["cut"] is True, event
    assert "path" not in event or path.startswith(exact(event)), event
    assert "target" not in event or target.startswith(exact(event, "target")), event


def test_names_that_are_as_long_as_may_be(host, alice):
    """Plain ones fit sftp-server's line, whole; escapes take up to four characters each."""
    plain = [b"p" * 255, b"q" * 250 + b'"" ""']
    escaped = ["é".encode() * 127, b"\xff" * 255, b"\x01" * 255, b'"' * 120 + b"\x80" * 120]
    done = []
    with logged_in(host, alice) as session:
        for name in plain + escaped:
            put_bytes(session.sftp, b"/" + name, b"12345")
            session.sftp.remove(b"/" + name)
            done += [("put", b"/" + name), ("remove", b"/" + name)]
    events = between(closed(host, session=session.id))
    assert_sound(host)
    assert_whole_or_cut(alice, events, done)
    assert [event.get("cut", False) for event in events] == [False] * 4 + [True] * (len(events) - 4)


def test_deep_paths(host, alice):
    """Paths around the 500 characters of a line and far beyond."""
    done, path = [], b""
    with logged_in(host, alice) as session:
        while len(path) < 1500:
            path += b"/" + b"d" * 95
            session.sftp.mkdir(path)
            done.append(("mkdir", path))
        for length in [*range(420, 510), 1200, 1500]:
            directory = path[:(length - 2) // 96 * 96]
            done.append(("put", directory + b"/" + b"f" * (length - len(directory) - 1)))
            put_bytes(session.sftp, done[-1][1])
    events = between(closed(host, session=session.id))
    assert_sound(host)
    assert_whole_or_cut(alice, events, done)
    whole = {len(exact(event)) for event in events if "cut" not in event}
    assert whole >= set(range(420, 440)) and max(whole) < 500
    assert any("cut" in event for event in events)


def test_an_event_as_a_name(host, alice):
    """A name with another session's id and sequence in it is a name."""
    with logged_in(host, alice) as session:
        forged = '{"session":"%s","sequence":1,"operation":"session-close"}' % session.id
        put_bytes(session.sftp, "/" + forged)
        put_bytes(session.sftp, "/after")
    events = closed(host, session=session.id)
    assert_sound(host)
    assert [said(event, "operation", "path") for event in between(events)] == [("put", "/" + forged), ("put", "/after")]
