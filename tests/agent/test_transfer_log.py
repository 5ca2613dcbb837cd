"""The transfer log: who may write it, what its lines are, and that each event is in it once whatever happens."""
import codecs
import ctypes
import grp
import gzip
import json
import os
import pathlib
import resource
import shutil
import signal
import stat
import struct
import subprocess
import time

import pytest

import agent_protocol as p
import helper_client as h
from agent_places import BERTH_UID, KEYS_UID, ROOT, SESSION_UID, TRANSFERS
from agent_protocol import BAD_REQUEST, DENIED, NOT_FOUND, OK, UNAVAILABLE, as_user
from conftest import mount
from helper_client import Helper, ask_status, event, frame, lines, sequences, text, wait_open

FOLDER = os.path.dirname(TRANSFERS)
WRITE = 1  # the system call's number


def wait_until(true, seconds=10):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


# --- who ---


def test_root_and_session_user_alone(agent):
    assert ask_status() == OK
    assert as_user(SESSION_UID, ask_status) == OK
    for uid in (KEYS_UID, BERTH_UID, 5001, 65534):
        assert as_user(uid, ask_status) == DENIED
    agent.agent.wait_log('request denied: peer_uid=5001 reason="a session\'s log is for root and SessionUser"')
    agent.configure("SessionUser localbob")
    agent.agent.hangup()
    agent.agent.wait_log("configuration reloaded")
    assert as_user(4444, ask_status) == OK
    assert as_user(SESSION_UID, ask_status) == DENIED


GOOD = h.identity("0123456789abcdef")
HOSTILE_IDENTITIES = {
    "empty": b"", "short": GOOD[:-1], "long": GOOD + b"\0", "id": h.identity("0123456789ABCDEF"),
    "id-length": h.identity("0123456789abcde"), "user": h.identity("0" * 16, user="a\nb"),
    "client": h.identity("0" * 16, client="a b"), "client-length": h.identity("0" * 16, client="x" * 64),
    "port": h.identity("0" * 16, port=65536), "key": h.identity("0" * 16, key=""),
    "uid": h.identity("0" * 16, uid=2**32 - 1), "server": h.identity("0" * 16, server="s-\x7f"),
}


@pytest.mark.parametrize("payload", HOSTILE_IDENTITIES.values(), ids=HOSTILE_IDENTITIES)
def test_what_is_no_identity_is_a_bad_request(agent, payload):
    assert p.ask_raw(p.request(p.EVENTS, payload)) == (BAD_REQUEST, b"")


def test_an_event_behind_the_request_is_a_bad_request(agent):
    assert p.ask_raw(p.request(p.EVENTS, GOOD) + frame(event(1))) == (BAD_REQUEST, b"")
    assert lines() == []


def test_a_request_in_pieces(agent):
    client, request = p.connect(), p.request(p.EVENTS, GOOD)
    for at in range(0, len(request), 9):
        client.sendall(request[at:at + 9])
        time.sleep(0.005)
    assert client.recv(100) == struct.pack("=IHHIQ", p.MAGIC, p.VERSION, OK, 8, 0)
    client.sendall(frame(event(1)))
    assert client.recv(100) == struct.pack("=Q", 1)
    assert len(lines()) == 1


def test_helpers_are_not_counted(agent):
    """More than a uid may hold, of a user who isn't root; what waits for its request is counted for others alone."""
    def hold():
        waiting = [p.connect() for _ in range(100)]
        helpers = [Helper() for _ in range(100)]
        for helper in helpers:
            helper.mkdirs(1, 3)
        for helper in helpers:
            helper.wait(3)
        return {helper.status for helper in helpers}, len(waiting)
    assert as_user(SESSION_UID, hold) == ({OK}, 100)
    assert len(lines()) == 300
    assert p.by_name("nobody-here") == NOT_FOUND


def test_another_process_does_not_take_a_session_over(agent):
    helper = Helper()
    assert as_user(SESSION_UID, ask_status, helper.session) == UNAVAILABLE
    agent.agent.wait_log("a session's log is another process's: session=" + helper.session)
    helper.mkdirs(1, 1)
    helper.wait(1)
    again = Helper(helper.session)
    assert (again.status, again.last) == (OK, 1)
    assert helper.closed()
    again.close()
    wait_until(lambda: as_user(SESSION_UID, ask_status, again.session) == OK)


# --- lines ---


WHO = {"server": "s-0123456789abcdef0", "user": "alice", "uid": 5001, "client": "192.0.2.7", "port": 50022,
       "key": "SHA256:" + "x" * 43}
TARGET = {"path": "/in/a", "target": "/srv/berth/bucket/in/a"}
WIDE = 2**64 - 1
MEMBERS = {
    "open": (dict(operation="session-open", path="/", target=""), {"path": "/", "status": "ok"}),
    "close": (dict(operation="session-close", path="", target="", flags=h.HAS_DURATION, duration=61_000_001,
                   totals=(1, 2, 3, 4, 5, 6, 7)),
              {"duration": 61.000001, "status": "ok", "totals": dict(zip(h.TOTALS, range(1, 8)))}),
    "put": (dict(operation="put", flags=h.HAS_BYTES | h.HAS_DURATION | h.COMPLETE, count=1024, duration=250),
            {**TARGET, "bytes": 1024, "duration": 0.00025, "status": "ok", "complete": True}),
    "get": (dict(operation="get", flags=h.HAS_BYTES | h.HAS_DURATION, count=0, status="Permission denied", target=""),
            {"path": "/in/a", "bytes": 0, "duration": 0, "status": "Permission denied", "complete": False}),
    "append": (dict(operation="append", flags=h.CUT, corrects=WIDE),
               {**TARGET, "status": "ok", "complete": False, "cut": True, "corrects": WIDE}),
    "wide": (dict(operation="put", flags=15, count=WIDE, duration=WIDE),
             {**TARGET, "bytes": WIDE, "duration": 18446744073709.551615, "status": "ok", "complete": True, "cut": True}),
    "rename": (dict(operation="rename", new_path="/in/b", new_target="/srv/b"),
               {**TARGET, "new_path": "/in/b", "new_target": "/srv/b", "status": "ok"}),
    "setstat": (dict(operation="setstat", text="mode 0644"), {**TARGET, "status": "ok", "text": "mode 0644"}),
    "other": (dict(operation="other", path="", target="", status="", text='a "line"\\'), {"text": 'a "line"\\'}),
    "dropped": (dict(operation="dropped", path="", target="", status="", totals=(0,) * 6 + (12,)), {"dropped": 12}),
}
for plain in ("list", "mkdir", "rmdir", "remove", "link", "symlink"):
    MEMBERS[plain] = (dict(operation=plain), {**TARGET, "status": "ok"})


@pytest.mark.parametrize("given,expected", MEMBERS.values(), ids=MEMBERS)
def test_members(agent, given, expected):
    helper = Helper()
    helper.send(event(1, **given))
    helper.wait(1)
    line = lines()[0]
    members = {"time": "2026-11-22T10:30:00.123456Z", "session": helper.session, "sequence": 1, **WHO,
               "operation": given["operation"], **expected}
    assert line == members
    assert list(line) == list(members)
    if "duration" in expected:
        assert b'"duration":%d.%06d,' % divmod(given.get("duration", 0), 10**6) in text()


def test_an_identity_of_odd_words_is_no_json(agent):
    odd = {"server": 's-"},{\\"', "client": '",', "key": "\\"}
    helper = Helper(**odd)
    helper.mkdirs(1, 1)
    helper.wait(1)
    assert {name: lines()[0][name] for name in odd} == odd


ODD = [b"/a b", "/ünï/名前/\U0001f600".encode(), b'/quote"back\\slash', b"/" + bytes(range(1, 32)) + b"\x7f",
       "/\u2028\u2029\u0085\u202e".encode(), "/\ufffd\ufeff\U0010ffff".encode()]
codecs.register_error("each-byte", lambda fault: ("\ufffd", fault.start + 1))
INVALID = [b"/\xff", b"/\xc0\xaf", b"/\xed\xa0\x80x", b"/\xf4\x90\x80\x80", b"/caf\xe9\n", b"/\xe2\x82",
           bytes(range(1, 256))]


@pytest.mark.parametrize("name", ODD + INVALID, ids=repr)
def test_names_of_any_bytes(agent, name):
    helper = Helper()
    helper.send(event(1, "rename", path=name, new_path=b"/n" + name, target=b"/t" + name, new_target=b"/nt" + name,
                      text=b"x" + name))
    helper.wait(1)
    line = lines()[0]
    for member, prefix in (("path", b""), ("new_path", b"/n"), ("target", b"/t"), ("new_target", b"/nt"), ("text", b"x")):
        if name in INVALID:
            assert h.base64(line[member + "_base64"]) == prefix + name
            assert line[member] == (prefix + name).decode(errors="each-byte")
        else:
            assert line[member].encode() == prefix + name
            assert member + "_base64" not in line
    shown = text().rstrip(b"\n").decode()
    assert shown.isprintable() or name == ODD[5]  # U+10FFFF is no character, and Python calls it unprintable
    assert not set(shown) & {chr(n) for n in [*range(32), *range(127, 160), 0x2028, 0x2029, 0x202e]}


def test_the_longest_event(agent):
    helper = Helper()
    longest = {name: b"/" + b"\x01" * (size - 2) + b"\xff" for name, size in
               (("path", 4096), ("new_path", 4096), ("target", 8192), ("new_target", 8192), ("text", 2048))}
    for sequence in range(1, 41):
        helper.send(event(sequence, "rename", status=b"\x01" * 100, **longest))
    helper.wait(40)
    for line in lines():
        assert {name: h.base64(line[name + "_base64"]) for name in longest} == longest


def test_times(agent):
    helper = Helper()
    helper.send(event(1, when=0), event(2, when=951_782_399_999_999), event(3, when=2**63 - 1))
    helper.wait(3)
    assert [line["time"] for line in lines()] == ["1970-01-01T00:00:00.000000Z", "2000-02-28T23:59:59.999999Z",
                                                  "9999-12-31T23:59:59.775807Z"]


# --- hostile frames ---


HOSTILE = {
    "too-long": p.u32(h.EVENT_BYTES_MAX + 1), "endless": p.u32(2**32 - 1), "nothing": frame(b""),
    "short": frame(event(2)[:-1]), "rest": frame(event(2) + b"x"), "operation-0": frame(event(2, 0)),
    "operation-16": frame(event(2, 16)), "flags": frame(event(2, flags=16)), "sequence-0": frame(event(0)),
    "time": frame(event(2, when=2**63)), "nul": frame(event(2, path=b"/a\0b")), "path": frame(event(2, path="/" * 4097)),
    "status": frame(event(2, status="x" * 101)), "garbage": os.urandom(3) + b"\0" + os.urandom(20000),
    "half": frame(event(2))[:-5],
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_frames_end_their_connection_alone(agent, data):
    hostile, other = Helper(), Helper()
    other.mkdirs(1, 1)
    hostile.client.sendall(frame(event(1)) + data)
    if data == HOSTILE["half"]:
        hostile.wait(1)
        hostile.client.shutdown(1)
    assert hostile.closed()
    agent.agent.wait_log("a session's helper was cut off: session=" + hostile.session)
    other.mkdirs(2, 2)
    other.wait(2)
    assert sequences(hostile.session) == [1] and sequences(other.session) == [1, 2]
    assert Helper(hostile.session).last == 1


def test_duplicates_are_left_out_and_a_gap_is_said(agent):
    helper = Helper()
    helper.mkdirs(1, 5)
    helper.mkdirs(3, 6)
    helper.mkdirs(2, 2)
    helper.mkdirs(9, 10)
    helper.wait(10)
    assert sequences(helper.session) == [1, 2, 3, 4, 5, 6, 9, 10]
    agent.agent.wait_log("events are missing in the transfer log: session=%s user=alice from=7 to=8" % helper.session)
    helper.mkdirs(1, 1)
    assert struct.unpack("=Q", helper.exactly(8))[0] == 10


def test_a_frame_byte_by_byte(agent):
    helper = Helper()
    for byte in frame(event(1)) + frame(event(2)):
        helper.client.sendall(bytes([byte]))
    helper.wait(2)
    assert sequences(helper.session) == [1, 2]


def test_a_helper_that_reads_nothing_holds_nobody_up(agent):
    deaf, other = Helper(), Helper()
    for n in range(1, 3001):
        deaf.mkdirs(n, n)
        if n % 100 == 0:
            other.mkdirs(n // 100, n // 100)
            other.wait(n // 100)
    wait_until(lambda: len(sequences(deaf.session)) == 3000)
    deaf.wait(3000)
    deaf.mkdirs(3001, 3001)
    deaf.wait(3001)


def test_a_busy_session_does_not_starve_others(agent):
    """One that always has more to say, and that costs a lot: a quiet one is written long before it is through."""
    busy, quiet, large = Helper(), Helper(), b"/" + b"\x01" * 8190
    data = b"".join(frame(event(n, target=large, new_target=large)) for n in range(1, 401))
    child = os.fork()
    if child == 0:
        busy.client.sendall(data)
        os._exit(0)
    try:
        wait_until(lambda: len(text()) > 0)
        quiet.mkdirs(1, 1)
        quiet.wait(1)
        assert len(sequences(busy.session)) < 200
        busy.wait(400, 30)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


# --- an agent that ends ---


def test_stop_writes_and_acknowledges_what_has_arrived(agent):
    helpers = [Helper() for _ in range(50)]
    agent.agent.process.send_signal(signal.SIGSTOP)
    for helper in helpers:
        helper.mkdirs(1, 100)
    agent.agent.process.send_signal(signal.SIGTERM)
    before = time.monotonic()
    agent.agent.process.send_signal(signal.SIGCONT)
    assert agent.agent.process.wait(10) == 0
    assert time.monotonic() - before < 1.5
    for helper in helpers:
        helper.wait(100)
        assert helper.closed()
        assert sequences(helper.session) == list(range(1, 101))


def test_killed_in_mid_stream_each_event_once_and_in_order(agent):
    """Helpers that have read no acknowledgement send again, to one agent after the other; what each agent has written is less
    than what the next one looks through."""
    ids, count, lives, in_a_life = [h.new_id() for _ in range(4)], 4000, 8, 500
    written = dict.fromkeys(ids, 0)
    while min(written.values()) < count:
        last = len(agent.agents) == lives
        helpers, before = [Helper(session) for session in ids], os.path.getsize(TRANSFERS)
        for helper in helpers:
            written[helper.session] = max(written[helper.session], helper.last)
        for offset in range(1, count if last else in_a_life, 50):
            for helper in helpers:
                first = written[helper.session] + offset
                helper.mkdirs(first, min(first + 49, count))
        if last:
            for helper in helpers:
                helper.wait(count)
                written[helper.session] = count
        else:
            wait_until(lambda size=before: os.path.getsize(TRANSFERS) > size + 100000)
            agent.agent.stop(signal.SIGKILL)
            agent.agent = agent.start()
        for helper in helpers:
            helper.close()
    assert len(agent.agents) == lives
    for session in ids:
        assert sequences(session) == list(range(1, count + 1))


def test_not_acknowledged_but_written_is_not_written_again(agent):
    """Killed between write(2) and send(2): the helper never heard of it."""
    helper = Helper()
    helper.mkdirs(1, 7)
    helper.wait(7)
    other = Helper()
    other.mkdirs(1, 1000)
    other.wait(1000)
    agent.agent.stop(signal.SIGKILL)
    agent.start()
    again = Helper(helper.session)
    assert again.last == 7
    again.mkdirs(1, 9)
    again.wait(9)
    assert sequences(helper.session) == list(range(1, 10))


@pytest.mark.parametrize("torn", [b"x", b'{"time":"2026-11-22T10:3', b"\0" * 5000,
                                  b'{"time":"2026-11-22T10:30:00.123456Z","session":"0'])
def test_a_torn_last_line_is_cut_off(agent, torn):
    helper = Helper()
    helper.mkdirs(1, 3)
    helper.wait(3)
    agent.agent.stop(signal.SIGKILL)
    whole = text()
    pathlib.Path(TRANSFERS).write_bytes(whole + torn)
    agent.start()
    assert Helper(helper.session).last == 3
    assert text() == whole
    pathlib.Path(TRANSFERS).write_bytes(torn)
    agent.agents[-1].stop(signal.SIGKILL)
    agent.start()
    again = Helper()
    again.mkdirs(1, 1)
    again.wait(1)
    assert len(lines()) == 1


def test_the_tail_of_a_long_file_is_enough(agent):
    helper = Helper()
    helper.mkdirs(1, 20)
    helper.wait(20)
    line = text().splitlines(True)[0]
    agent.agent.stop()
    whole = text()
    pathlib.Path(TRANSFERS).write_bytes(line * 20000 + whole)
    agent.start()
    assert Helper(helper.session).last == 20
    agent.agents[-1].stop()
    pathlib.Path(TRANSFERS).write_bytes(b"x" * (2 << 20))
    last = agent.start()
    last.wait_log("not a log of lines")
    assert ask_status() == UNAVAILABLE
    assert os.path.getsize(TRANSFERS) == 2 << 20


# --- the file ---


def test_made_at_the_start(agent):
    wait_until(lambda: os.path.exists(TRANSFERS))
    status = os.stat(TRANSFERS)
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_size) == (0o640, BERTH_UID, 0)


def test_off_makes_no_file_until_a_session_asks(host):
    host.make_store()
    host.configure("TransferLog off")
    agent = host.start()
    time.sleep(0.3)
    assert not os.path.exists(TRANSFERS)
    helper = Helper()
    helper.mkdirs(1, 1)
    helper.wait(1)
    assert len(lines()) == 1
    host.configure("TransferLogFile %s/other" % FOLDER)
    agent.hangup()
    wait_until(lambda: os.path.exists(FOLDER + "/other"))


def rotate():
    os.rename(TRANSFERS, TRANSFERS + ".1")


def test_hangup_opens_the_file_anew(agent):
    helper = Helper()
    helper.mkdirs(1, 2)
    helper.wait(2)
    rotate()
    agent.agent.hangup()
    wait_until(lambda: os.path.exists(TRANSFERS))
    helper.mkdirs(3, 4)
    helper.wait(4)
    assert sequences(helper.session, TRANSFERS + ".1") == [1, 2] and sequences(helper.session) == [3, 4]
    pathlib.Path("/etc/berth/berth.conf").write_text("Nonsense\n")
    os.unlink(TRANSFERS)
    agent.agent.hangup()
    wait_until(lambda: os.path.exists(TRANSFERS))
    agent.configure("TransferLogFile %s/other" % FOLDER)
    agent.agent.hangup()
    wait_until(lambda: os.path.exists(FOLDER + "/other"))
    helper.mkdirs(5, 5)
    helper.wait(5)
    assert sequences(helper.session, FOLDER + "/other") == [5] and text() == b""


def replace():
    rotate()
    pathlib.Path(TRANSFERS).touch(0o640)
    os.chown(TRANSFERS, BERTH_UID, BERTH_UID)


@pytest.mark.parametrize("how", [rotate, replace, lambda: os.unlink(TRANSFERS)], ids=["renamed", "replaced", "removed"])
def test_without_a_hangup_it_is_noticed(agent, how):
    helper = Helper()
    helper.mkdirs(1, 1)
    helper.wait(1)
    how()
    time.sleep(1.1)
    helper.mkdirs(2, 2)
    helper.wait(2)
    assert sequences(helper.session) == [2]
    agent.agent.wait_log("transfer log was renamed or removed")


def test_a_file_that_is_cut_goes_on(agent):
    """logrotate's copytruncate."""
    helper = Helper()
    helper.mkdirs(1, 10)
    helper.wait(10)
    os.truncate(TRANSFERS, 0)
    helper.mkdirs(11, 12)
    helper.wait(12)
    assert sequences(helper.session) == [11, 12]


@pytest.mark.skipif(shutil.which("logrotate") is None, reason="needs logrotate")
@pytest.mark.parametrize("hangup", [True, False], ids=["with-hangup", "without"])
def test_logrotate_loses_nothing(agent, hangup):
    """The real one, with the file that is installed, while a session is busy. Without systemd postrotate does nothing."""
    shutil.copy(ROOT / "packaging/logrotate/berth", "/etc/berth/logrotate")
    helper, sequence = Helper(), 0
    for rotation in range(1, 4):
        end = time.monotonic() + 1.3
        while time.monotonic() < end:
            helper.mkdirs(sequence + 1, sequence + 10)
            sequence += 10
            helper.wait(sequence)
            time.sleep(0.005)
        done = subprocess.run(["logrotate", "-f", "-s", "/run/logrotate.state", "/etc/berth/logrotate"], capture_output=True)
        assert (done.returncode, done.stderr) == (0, b"")
        status = os.stat(TRANSFERS)
        assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o640, BERTH_UID)
        assert status.st_gid == grp.getgrnam("adm").gr_gid
        if hangup:
            agent.agent.hangup()
            agent.agent.wait_log("configuration reloaded", rotation)
    helper.mkdirs(sequence + 1, sequence + 10)
    helper.wait(sequence + 10)
    packed = gzip.decompress(pathlib.Path(TRANSFERS + ".3.gz").read_bytes())
    packed += gzip.decompress(pathlib.Path(TRANSFERS + ".2.gz").read_bytes())
    found = [json.loads(line)["sequence"] for line in packed.splitlines()]
    found += sequences(helper.session, TRANSFERS + ".1", TRANSFERS)
    assert found == list(range(1, sequence + 11))


def spoil_missing():
    os.rmdir(FOLDER)


def spoil_permission():
    os.chown(FOLDER, 0, 0)


def spoil_link():
    os.symlink("/run/elsewhere", TRANSFERS)


def spoil_pipe():
    os.mkfifo(TRANSFERS)


def spoil_directory():
    os.mkdir(TRANSFERS)


SPOILT = [(spoil_missing, "its directory is missing"), (spoil_permission, "Permission denied"),
          (spoil_link, "a symbolic link"), (spoil_pipe, ""), (spoil_directory, "Is a directory")]


def mend():
    if os.path.isdir(TRANSFERS) and not os.path.islink(TRANSFERS):
        os.rmdir(TRANSFERS)
    elif os.path.lexists(TRANSFERS):
        os.unlink(TRANSFERS)
    os.makedirs(FOLDER, exist_ok=True)
    os.chown(FOLDER, BERTH_UID, BERTH_UID)


@pytest.mark.parametrize("spoil,words", SPOILT, ids=[spoil.__name__ for spoil, _ in SPOILT])
def test_a_file_that_can_not_be_opened(host, spoil, words):
    host.make_store()
    host.add_user("alice")
    spoil()
    done = host.run("-t")
    assert done.returncode == 1 and "TransferLogFile: %s: " % TRANSFERS in done.stderr and words in done.stderr
    agent = host.start()
    agent.wait_log("transfer log can't be written")
    assert words in agent.log()
    assert ask_status() == UNAVAILABLE
    assert p.by_name("alice")[1] == 5001
    time.sleep(2)
    mend()
    wait_open()
    agent.wait_log("transfer log is written again: file=%s after_seconds=" % TRANSFERS)
    assert agent.log().count("transfer log can't be written") == 1
    assert not os.path.exists("/run/elsewhere")


def test_a_fault_that_outlasts_a_reload_is_said_again(host):
    """Who mends something and reloads isn't left without a word for the rest of the minute."""
    host.make_store()
    spoil_permission()
    agent = host.start()
    agent.wait_log("reason=\"Permission denied")
    os.chown(FOLDER, BERTH_UID, BERTH_UID)
    spoil_link()
    agent.hangup()
    agent.wait_log("a symbolic link")
    mend()
    agent.wait_log("transfer log is written again")


def test_t_makes_nothing_and_asks_nothing_when_off(host):
    host.make_store()
    assert host.run("-t").returncode == 0
    assert os.listdir(FOLDER) == []
    os.rmdir(FOLDER)
    host.configure("TransferLog off", "SessionUser nosuchuser")
    assert host.run("-t").returncode == 0
    host.configure("SessionUser nosuchuser")
    assert "SessionUser: nosuchuser: no such account" in host.run("-t").stderr


@pytest.fixture
def small(agent):
    """A file system of 512 KiB that only the log is on."""
    def fill():
        with open(FOLDER + "/ballast", "wb", buffering=0) as ballast:
            try:
                while ballast.write(b"x" * 4096):
                    pass
            except OSError:
                pass
    agent.agent.stop()
    mount("tmpfs", FOLDER, "tmpfs")
    subprocess.run(["mount", "-o", "remount,size=512k", FOLDER], check=True)
    os.chown(FOLDER, BERTH_UID, BERTH_UID)
    agent.fill = fill
    agent.agent = agent.start()
    return agent


def test_a_full_disk_and_room_again(small):
    helper, idle = Helper(), Helper()
    helper.mkdirs(1, 10)
    helper.wait(10)
    small.fill()
    helper.mkdirs(11, 600)
    small.agent.wait_log('reason="No space left on device"')
    last = sequences(helper.session)  # whole lines alone
    assert last == list(range(1, len(last) + 1)) and len(last) < 600
    assert helper.acknowledged_by_now() <= len(last)  # what fitted into the room kept for a session
    assert ask_status() == UNAVAILABLE
    assert p.by_name("nobody-here") == NOT_FOUND
    idle.mkdirs(1, 1)
    assert idle.acknowledges_nothing(2.5)
    os.unlink(FOLDER + "/ballast")
    idle.wait(1)
    helper.wait(600)
    small.agent.wait_log("transfer log is written again")
    assert sequences(helper.session) == list(range(1, 601))
    assert small.agent.log().count("transfer log can't be written") == 1
    assert Helper().status == OK


def test_killed_on_a_full_disk(small):
    """What is in the file then isn't written again, and nothing that isn't was acknowledged."""
    helper = Helper()
    small.fill()
    helper.mkdirs(1, 500)
    small.agent.wait_log("No space left on device")
    small.agent.stop(signal.SIGKILL)
    os.unlink(FOLDER + "/ballast")
    small.start()
    again = Helper(helper.session)
    again.mkdirs(again.last + 1, 500)
    again.wait(500)
    assert sequences(helper.session) == list(range(1, 501))


def test_stop_on_a_full_disk(small):
    helper = Helper()
    small.fill()
    helper.mkdirs(1, 500)
    small.agent.wait_log("No space left on device")
    before = time.monotonic()
    assert small.agent.stop() == 0
    assert time.monotonic() - before < 1.5


# --- a disk that doesn't answer ---


PTRACE_CONT, PTRACE_DETACH, PTRACE_SYSCALL, PTRACE_SEIZE, PTRACE_INTERRUPT = 7, 17, 24, 0x4206, 0x4207
WALL = 0x40000000


def ptrace(request, thread, data=0):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    assert libc.ptrace(request, thread, None, data) == 0, os.strerror(ctypes.get_errno())


class StuckInWrite:
    """The log's thread, held in its next write(2) to the file; the other threads go on."""

    def __init__(self, pid):
        self.thread = next(int(task.name) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
                           if (task / "comm").read_text() == "transfer-log\n")
        self.file = next(int(name) for name in os.listdir(f"/proc/{pid}/fd")
                         if os.readlink(f"/proc/{pid}/fd/{name}") == TRANSFERS)
        ptrace(PTRACE_SEIZE, self.thread)
        ptrace(PTRACE_INTERRUPT, self.thread)
        os.waitpid(self.thread, WALL)

    def wait(self):
        while True:
            ptrace(PTRACE_SYSCALL, self.thread)
            os.waitpid(self.thread, WALL)
            call = pathlib.Path(f"/proc/{self.thread}/syscall").read_text().split()
            if call[0] == str(WRITE) and int(call[1], 16) == self.file:
                return

    def go_on(self):
        ptrace(PTRACE_DETACH, self.thread)
        self.thread = None

    def ended(self):
        """A process isn't over before its tracer has heard of each thread's end."""
        os.waitpid(self.thread, WALL)
        self.thread = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.thread:
            self.go_on()


def test_lookups_go_on_while_the_disk_is_stuck(agent):
    agent.add_user("alice")
    helper = Helper()
    helper.mkdirs(1, 1)
    helper.wait(1)
    with StuckInWrite(agent.agent.pid) as stuck:
        lookups_go_on(agent, helper, stuck)


def lookups_go_on(agent, helper, stuck):
    helper.mkdirs(2, 5)
    stuck.wait()
    waiting = p.connect()
    waiting.sendall(p.request(p.EVENTS, h.identity(h.new_id())))
    slowest, end, lookups = 0, time.monotonic() + 2.5, 0
    while time.monotonic() < end:
        before = time.monotonic()
        assert p.by_name("alice")[1] == 5001
        slowest, lookups = max(slowest, time.monotonic() - before), lookups + 1
    assert slowest < 0.5 and lookups > 100
    # Who asks for a log now hears at once that there is none to be had, and costs no descriptor.
    before = agent.agent.descriptors()
    assert {ask_status() for _ in range(200)} == {UNAVAILABLE}
    wait_until(lambda: agent.agent.descriptors() <= before)
    agent.agent.hangup()
    agent.agent.wait_log("configuration reloaded")
    assert p.by_name("alice")[1] == 5001
    stuck.go_on()
    helper.wait(5)
    assert waiting.recv(100)[6:8] == struct.pack("=H", OK)
    assert sequences(helper.session) == [1, 2, 3, 4, 5]


def test_what_came_while_the_disk_was_slow_is_written_at_the_stop(agent):
    helper, other = Helper(), Helper()
    helper.mkdirs(1, 1)
    helper.wait(1)
    with StuckInWrite(agent.agent.pid) as stuck:
        helper.mkdirs(2, 2)
        stuck.wait()
        helper.mkdirs(3, 300)
        other.mkdirs(1, 300)
        agent.agent.process.send_signal(signal.SIGTERM)
        agent.agent.wait_log("stopping")
        time.sleep(0.2)
        stuck.go_on()
    helper.wait(300)
    other.wait(300)
    assert agent.agent.process.wait(10) == 0
    assert sequences(helper.session) == sequences(other.session) == list(range(1, 301))


def test_stop_does_not_wait_for_a_stuck_disk(agent):
    helper = Helper()
    helper.mkdirs(1, 1)
    helper.wait(1)
    with StuckInWrite(agent.agent.pid) as stuck:
        helper.mkdirs(2, 2)
        stuck.wait()
        agent.agent.process.send_signal(signal.SIGTERM)
        before = time.monotonic()
        agent.agent.wait_log("the disk doesn't let go of the transfer log")
        assert time.monotonic() - before < 1.5
        stuck.ended()
    assert agent.agent.process.wait(10) == 0


# --- the journal ---


@pytest.fixture
def journal(host):
    with_journal = h.Journal()
    host.make_store()
    host.agent = host.start()
    host.journal = with_journal
    yield host
    with_journal.socket.close()


def test_journal_entries(journal):
    helper = Helper()
    helper.send(event(1, "put", flags=h.HAS_BYTES, count=1024),
                event(2, "rename", path=b"/a\nb\xff", new_path="/\u2028ü", status="Permission denied"))
    helper.wait(2)
    entry = journal.journal.entry()
    assert entry == {key: value.encode() for key, value in {
        "MESSAGE": "alice put /in/a 1024 bytes ok", "PRIORITY": "6", "SYSLOG_IDENTIFIER": "berth-transfers",
        "BERTH_SESSION": helper.session, "BERTH_SEQUENCE": "1", "BERTH_USER": "alice", "BERTH_SERVER": "s-0123456789abcdef0",
        "BERTH_CLIENT": "192.0.2.7", "BERTH_OPERATION": "put", "BERTH_PATH": "/in/a",
        "BERTH_TARGET": "/srv/berth/bucket/in/a", "BERTH_BYTES": "1024", "BERTH_STATUS": "ok"}.items()}
    entry = journal.journal.entry()
    assert entry["BERTH_PATH"] == b"/a\nb\xff" and entry["PRIORITY"] == b"5"
    assert entry["MESSAGE"].decode() == "alice rename /a?b? /?ü Permission denied" and "BERTH_BYTES" not in entry


JOURNALD = "/lib/systemd/systemd-journald"


@pytest.fixture
def journald(host):
    """The real one; it wants to see the host's control groups, and nothing else of systemd."""
    if not os.path.exists(JOURNALD) or shutil.which("journalctl") is None:
        pytest.skip("needs systemd-journald")
    mount("none", "/sys/fs/cgroup", "cgroup2")
    os.makedirs("/run/systemd/journal")
    pathlib.Path("/etc/machine-id").write_text(os.urandom(16).hex() + "\n")
    process = subprocess.Popen([JOURNALD], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: os.path.exists("/run/systemd/journal/socket"))
        yield
    finally:
        process.terminate()
        process.wait(10)


def test_real_journald_reads_what_is_sent(journald, host):
    host.make_store()
    host.start()
    helper = Helper()
    helper.send(event(1, "put", flags=h.HAS_BYTES, count=2**53 + 1, path="/ünï"), event(2, path=b"/a\nPRIORITY=0\nb\xff"),
                event(3, "rename", path="/" + "x" * 4095, new_path="/" + "y" * 4095, status="Permission denied"))
    helper.wait(3)

    def entries():
        done = subprocess.run(["journalctl", "-D", "/run/log/journal", "-o", "json", "-a", "-t", "berth-transfers"],
                              capture_output=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]
    wait_until(lambda: len(entries()) == 3)
    first, second, third = entries()
    assert first["MESSAGE"] == "alice put /ünï 9007199254740993 bytes ok" and first["BERTH_BYTES"] == "9007199254740993"
    assert first["_UID"] == str(BERTH_UID) and first["BERTH_SESSION"] == helper.session
    assert bytes(second["BERTH_PATH"]) == b"/a\nPRIORITY=0\nb\xff" and second["PRIORITY"] == "6"
    assert second["MESSAGE"] == "alice mkdir /a?PRIORITY=0?b? ok"
    assert third["BERTH_NEW_PATH"] == "/" + "y" * 4095 and third["PRIORITY"] == "5"


def test_a_full_journal_is_said_and_costs_no_event(journal):
    helper = Helper()
    helper.mkdirs(1, 2000)
    helper.wait(2000)
    assert sequences(helper.session) == list(range(1, 2001))
    journal.agent.wait_log("the journal had no room for transfers")
    seen = 0
    journal.journal.socket.settimeout(0)
    with pytest.raises(BlockingIOError):
        while journal.journal.entry():
            seen += 1
    assert 0 < seen < 2000


def test_a_journal_that_comes_and_goes(journal):
    helper = Helper()
    helper.mkdirs(1, 1)
    assert journal.journal.entry()["BERTH_SEQUENCE"] == b"1"
    journal.journal.close()
    helper.mkdirs(2, 2)
    helper.wait(2)
    time.sleep(1.1)
    journal.journal = h.Journal()
    helper.mkdirs(3, 3)
    assert journal.journal.entry()["BERTH_SEQUENCE"] == b"3"
    journal.journal.close()
    time.sleep(1.1)
    journal.journal = h.Journal()  # another socket at once: not one entry is lost
    helper.mkdirs(4, 4)
    assert journal.journal.entry()["BERTH_SEQUENCE"] == b"4"
    helper.wait(4)
    assert sequences(helper.session) == [1, 2, 3, 4]


# --- bounds ---


def resident(pid):
    fields = pathlib.Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()
    return int(fields[0])


def test_memory_and_descriptors_stay_flat(agent):
    """200,000 events, and 3,000 sessions that come and go."""
    helper = Helper()
    helper.mkdirs(1, 10000)
    helper.wait(10000)
    memory, descriptors = resident(agent.agent.pid), agent.agent.descriptors()
    for n in range(10001, 200001, 1000):
        helper.mkdirs(n, n + 999)
        if n % 10000 == 1:
            helper.wait(n + 999, 60)
    helper.wait(200000, 60)
    assert resident(agent.agent.pid) - memory < 2000
    for n in range(200001, 201001, 100):  # so large that reads end in the middle of them
        helper.send(*(event(n + i, path="/" * 4096, target="/" * 8000, new_target="/" * 8000) for i in range(100)))
    helper.wait(201000, 60)
    assert resident(agent.agent.pid) - memory < 2000
    for _ in range(3000):
        short = Helper()
        short.client.sendall(frame(event(1)) + frame(event(2))[:50])
        short.close()
    wait_until(lambda: agent.agent.descriptors() == descriptors)
    assert resident(agent.agent.pid) - memory < 4000


def test_descriptors_are_left_for_lookups(host):
    host.make_store()
    host.add_user("alice")
    host.agent = host.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)))
    helpers = [Helper() for _ in range(220)]
    assert {helper.status for helper in helpers} == {OK, UNAVAILABLE}
    assert [helper.status for helper in helpers].count(OK) == 150
    assert p.by_name("alice")[1] == 5001
    helpers[0].close()
    wait_open()
