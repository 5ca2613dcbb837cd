"""What the tests of the transfer log share: users, live sessions with their id, what holds of every log whatever was done,
and what breaks its parts. docs/transfer-log.md describes the events."""
import base64
import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from pathlib import Path

import paramiko
import pytest

from private_host import TRANSFER_LOG, load_key, process_ids, process_name, run, wait_until

MEMBERS = ["time", "session", "sequence", "server", "user", "uid", "client", "port", "key", "operation", "path",
           "path_base64", "target", "target_base64", "new_path", "new_path_base64", "new_target", "new_target_base64",
           "bytes", "duration", "status", "complete", "cut", "corrects", "text", "text_base64", "dropped", "totals"]
IDENTITY = ("session", "server", "user", "uid", "client", "port", "key")
STREAM, DATAGRAM, SEQPACKET = "0001", "0002", "0005"  # as in /proc/net/unix
SETTLES = timedelta(seconds=0.3)
TRANSFERS = ("put", "get", "append")
ENDS = ("session-open", "session-close")
TOTALS = {"files_put", "files_got", "bytes_put", "bytes_got", "operations", "failed", "dropped"}


class User:
    """A user of Berth: name, uid, key; home: where its "/" or landing directory is on the host."""

    def __init__(self, name, uid, key, home):
        self.name, self.uid, self.key, self.home = name, uid, key, home


def make_user(host, name, uid, mappings=None, **options):
    """A user, made unless it is there; "/" is /bucket/NAME unless said otherwise."""
    key = host.key(name)
    home = host.bucket("bucket", name, owner=uid) / name
    if not host.admin("describe-user", "--user-name", name, check=False).ok:
        if mappings is None and "home" not in options:
            mappings = [("/", "/bucket/%s" % name)]
        host.create_user(name, uid, mappings=mappings, keys=[key], **options)
    return User(name, uid, key, home)


def alice_fixture(uid):
    """A module's fixture `alice`: a user of this uid, whose home is emptied after each test."""
    @pytest.fixture
    def alice(host):
        user = make_user(host, "alice", uid)
        yield user
        assert run("find", user.home, "-mindepth", "1", "-delete").ok
    return alice


# -- live sessions --------------------------------------------------------------------------------------------------------

def session_id(port):
    """The id that `berth sessions` shows for the session from this port of the client."""
    listed = json.loads(run("/usr/bin/berth", "sessions", "--output", "json").out)
    rows = listed["Sessions"] if isinstance(listed, dict) else listed
    found = [row for row in rows if row["ClientPort"] == port]
    assert len(found) == 1, listed
    return found[0]["SessionId"]


@contextlib.contextmanager
def logged_in(host, user):
    """host.login() with `id`, the session's, and `port`, the client's."""
    with host.login(user.name, user.key) as session:
        session.port = session.transport.sock.getsockname()[1]
        session.id = session_id(session.port)
        yield session


def connect(host, user):
    """A paramiko SSHClient, without a channel yet."""
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect("127.0.0.1", host.port, user.name, pkey=load_key(user.key), allow_agent=False, look_for_keys=False)
    return client


def helpers():
    """The pids of all berth-session processes, dead ones left out."""
    found = []
    for pid in process_ids():
        if process_name(pid) == "berth-session":
            with contextlib.suppress(OSError):
                state = Path("/proc/%d/stat" % pid).read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
                if state not in "ZX":
                    found.append(pid)
    return found


def closed(host, seconds=5.0, **members):
    """Waits for the session-close of every session with these members that was opened since the mark; returns all of their
    events."""
    def all_closed():
        opened = host.events(operation="session-open", **members)
        return opened and len(opened) == len(host.events(operation="session-close", **members))
    try:
        wait_until(all_closed, seconds)
    except AssertionError:
        raise AssertionError("no session-close with %s; the transfer log has:\n%s" % (
            members, "\n".join(map(str, host.events()[-40:])))) from None
    return host.events(**members)


def unix_sockets(pid):
    """{descriptor: type} of the Unix sockets that the process holds; a type is one of STREAM, DATAGRAM, SEQPACKET."""
    lines = Path("/proc/net/unix").read_text(encoding="utf-8").splitlines()[1:]
    types = {"socket:[%s]" % fields[6]: fields[4] for fields in map(str.split, lines)}
    links = {int(name): os.readlink("/proc/%d/fd/%s" % (pid, name)) for name in os.listdir("/proc/%d/fd" % pid)}
    return {descriptor: types[link] for descriptor, link in links.items() if link in types}


def line_descriptor(pid):
    """The number of the socket that a sealed process sends its lines to."""
    found = [descriptor for descriptor, kind in unix_sockets(pid).items() if kind == SEQPACKET]
    assert len(found) == 1, "process %d has %d sockets like that" % (pid, len(found))
    return found[0]


def resident_kib(pid):
    """The memory of the process."""
    lines = Path("/proc/%d/status" % pid).read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


# -- what was logged ------------------------------------------------------------------------------------------------------

def between(events):
    """The events of one or more sessions without their session-open and session-close."""
    return [event for event in events if event["operation"] not in ENDS]


def final(events):
    """Without those that a later one puts right."""
    wrong = {(event["session"], event["corrects"]) for event in events if "corrects" in event}
    return [event for event in events if (event["session"], event["sequence"]) not in wrong]


def said(event, *members):
    """These members of the event as a tuple, None where it hasn't got one."""
    return tuple(event.get(member) for member in members)


def outline(events):
    """[(operation, path, status)] of what lies between open and close."""
    return [said(event, "operation", "path", "status") for event in between(events)]


def exact(event, member="path"):
    """The bytes of a path or text of the event."""
    encoded = event.get(member + "_base64")
    if encoded is None:
        return event[member].encode()
    raw = base64.b64decode(encoded, validate=True)
    assert event[member] == raw.decode("utf-8", errors="replace") or "\ufffd" in event[member], event
    try:
        raw.decode()
    except UnicodeDecodeError:
        return raw
    raise AssertionError("%s_base64 of what is UTF-8: %s" % (member, event))


def moment(event):
    return datetime.strptime(event["time"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def now():
    return datetime.now(timezone.utc)


def by_session(events):
    found = defaultdict(list)
    for event in events:
        found[event["session"]].append(event)
    return found


def assert_sound(host, since=None):
    """What holds for each event and each session of the log since the mark. Sessions may still be open. `since`: a time
    before which none of it can have been."""
    events = host.events()
    for event in events:
        names = list(event)
        assert names == [member for member in MEMBERS if member in event], "members or their order: %s" % event
        for name in names:
            if name.endswith("_base64"):
                exact(event, name[:-len("_base64")])
        assert ("complete" in event) == (event["operation"] in TRANSFERS), event
        assert (since or datetime.min.replace(tzinfo=timezone.utc)) <= moment(event) <= now(), event
        assert event.get("path", "/").startswith("/") and event.get("target", "/").startswith("/"), event
    for each in by_session(events).values():
        assert_sound_session(each)
    return events


def assert_sound_session(events):
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1)), "sequence: %s" % outline(events)
    assert len({said(event, *IDENTITY) for event in events}) == 1, "identity changes within a session"
    assert events[0]["operation"] == "session-open", events[0]
    # One channel's event may wait for its status while another's is told.
    kept = [event for event in events if event["operation"] != "dropped"]
    for earlier, later in zip(kept, kept[1:]):
        assert moment(earlier) <= moment(later) + SETTLES, "times go back: %s, then %s" % (earlier, later)
    assert not [event for event in events[1:] if event["operation"] == "session-open"], "opened twice"
    assert not [event for event in events[:-1] if event["operation"] == "session-close"], "an event after the close"
    for event in events:
        assert event.get("corrects", 0) < event["sequence"], event
    if events[-1]["operation"] == "session-close":
        assert_right_totals(events)


def assert_right_totals(events):
    totals = events[-1]["totals"]
    assert set(totals) == TOTALS, totals
    done = final(between(events))
    put = [event for event in done if event["operation"] in ("put", "append")]
    got = [event for event in done if event["operation"] == "get"]
    assert totals["files_put"] == sum(event["complete"] for event in put), totals
    assert totals["files_got"] == sum(event["complete"] for event in got), totals
    assert totals["bytes_put"] == sum(event.get("bytes", 0) for event in put), totals
    assert totals["bytes_got"] == sum(event.get("bytes", 0) for event in got), totals
    assert totals["dropped"] == sum(event["dropped"] for event in done if event["operation"] == "dropped"), totals
    if not any(event["operation"] == "dropped" for event in done):
        assert totals["operations"] == len(done), totals
        assert totals["failed"] == sum(event.get("status", "ok") != "ok" for event in done), totals
    lasted = timedelta(seconds=events[-1]["duration"])
    assert abs(moment(events[-1]) - moment(events[0]) - lasted) < timedelta(seconds=0.5), events[-1]


# -- operations whose time is taken --------------------------------------------------------------------------------------

class Pace:
    """How long operations take: `with pace: …` for each; pace.longest in seconds."""

    def __init__(self):
        self.longest, self.count, self._begun = 0.0, 0, 0.0

    def __enter__(self):
        self._begun = time.monotonic()
        return self

    def __exit__(self, *_):
        self.longest = max(self.longest, time.monotonic() - self._begun)
        self.count += 1


def put_bytes(sftp, path, data=b"x"):
    """An upload that says nothing else: no stat, as paramiko's own put() does."""
    with sftp.open(path, "wb") as file:
        file.write(data)


def small_files(directory, count, size=10):
    """`count` files of that size in a local directory, named 00000 …"""
    directory.mkdir()
    for number in range(count):
        (directory / ("%05d" % number)).write_bytes(b"x" * size)
    return directory


def on_host(user, path):
    """The target of a path of a user whose "/" is user.home."""
    return os.path.join(str(user.home), path.lstrip("/")) if path != "/" else str(user.home)




class Uploads:
    """Small uploads one after another in a thread, for the length of a block: what a transfer is while something breaks.

    names: those that the client was told are there; error: what ended it before the block did, or None; longest: how long
    one took at most, in seconds.
    """

    def __init__(self, session, prefix="", pause=0.0):
        self.session, self.prefix, self.pause = session, prefix, pause
        self.names, self.error, self.pace = [], None, Pace()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    @property
    def longest(self):
        return self.pace.longest

    def _work(self):
        number = 0
        try:
            while not self._stop.is_set():
                name = "/%s%05d" % (self.prefix, number)
                with self.pace:
                    put_bytes(self.session.sftp, name)
                self.names.append(name)
                number += 1
                time.sleep(self.pause)
        except (OSError, EOFError, paramiko.SSHException) as error:
            self.error = error

    def wait_for(self, count, seconds=10.0):
        """Until so many more are there."""
        goal = len(self.names) + count
        wait_until(lambda: len(self.names) >= goal or self.error, seconds, "%d uploads" % goal)
        assert self.error is None, self.error

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive(), "an upload hangs"


def stop(*pids):
    """SIGSTOP, for the length of a with block."""
    @contextlib.contextmanager
    def stopped():
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
    return stopped()


@contextlib.contextmanager
def log_on_small_disk(host, size="1m"):
    """The transfer log's directory on a file system of its own; the agent is restarted with it."""
    directory = TRANSFER_LOG.parent
    host.stop_agent()
    owner = directory.stat()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%s,mode=0750,uid=%d,gid=%d" % (size, owner.st_uid, owner.st_gid),
                    "tmpfs", directory], check=True)
    host.start_agent()
    host.mark_log()
    try:
        yield directory
    finally:
        host.stop_agent()
        subprocess.run(["umount", "--lazy", directory], check=True)
        host.start_agent()


def fill_disk(directory):
    """All of its space to one file, which is returned."""
    path = directory / "filler"
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    return path


@contextlib.contextmanager
def unwritable_log(host):
    """The agent, started anew, can neither open nor make its log."""
    directory = TRANSFER_LOG.parent
    owner = directory.stat()
    host.stop_agent()
    directory.rename(directory.with_suffix(".kept"))
    directory.mkdir(mode=0o700)
    host.start_agent()
    try:
        yield
    finally:
        directory.rmdir()
        directory.with_suffix(".kept").rename(directory)
        assert directory.stat().st_uid == owner.st_uid


def assert_each_once(events, names):
    """Each of these uploads has exactly one event, whole."""
    put = [said(event, "path", "bytes", "status", "complete") for event in events if event["operation"] == "put"]
    assert put == [(name, 1, "ok", True) for name in names], "%d events of %d uploads" % (len(put), len(names))
