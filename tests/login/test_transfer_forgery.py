"""Attacker's code in a session, and local users: whatever they send, the transfer log has nothing in another's name."""
import fcntl
import os
import re
import socket
import struct
import sys
import time
from pathlib import Path

import pytest

from attack_tools import DENIED, answer, inject, inject_errno, processes_of_user, string, u32
from private_host import AGENT_SOCKET, process_uid, run, wait_until
from transfer_tools import (IDENTITY, TRANSFERS, by_session, closed, helpers, line_descriptor, logged_in, make_user, outline,
                            put_bytes, resident_kib, said)

UID = 5741
DONTWAIT, NOSIGNAL = 0x40, 0x4000
SHUTDOWN, DUP2, FCNTL = 48, 33, 72  # system calls' numbers
VERB_EVENTS = 7
MEMORY_KIB = 12 * 1024  # of a helper, whatever it is sent


@pytest.fixture
def mallory(host):
    if os.uname().machine != "x86_64":
        pytest.skip("tests/login/inject.c knows x86-64 alone")
    return make_user(host, "mallory", UID)


@pytest.fixture
def victim(host):
    return make_user(host, "victim", UID + 1)


def send(pid, data, flags=DONTWAIT | NOSIGNAL):
    """One datagram of the process to its helper."""
    return inject(pid, "sendto", line_descriptor(pid), "x:" + data.hex() if data else "z:1", len(data), flags)


def lay_out(pid, size, fill):
    """Memory of that size in the process; fill(address) says what it holds. Returns the address."""
    address = int(inject(pid, "mmap", 0, size, 3, 0x22, -1 & 2**64 - 1, 0).split()[1])
    with open("/proc/%d/mem" % pid, "r+b", buffering=0) as memory:
        memory.seek(address)
        memory.write(fill(address))
    return address


def message_with_descriptors(data, descriptors):
    """lay_out()'s fill for a msghdr at its start that passes these descriptors."""
    def fill(address):
        control = struct.pack("=Qii%di" % len(descriptors), 16 + 4 * len(descriptors), socket.SOL_SOCKET, socket.SCM_RIGHTS,
                              *descriptors)
        header = struct.pack("=QIIQQQQi4x", 0, 0, 0, address + 64, 1, address + 80, len(control), 0)
        vector = struct.pack("=QQ", address + 2048, len(data))
        return (header.ljust(64, b"\0") + vector + control).ljust(2048, b"\0") + data
    return fill


def line(text, tag="internal-sftp[1]"):
    return b"<86>Nov 22 10:00:00 " + tag.encode() + b": " + text


def assert_own(host, user, *sessions):
    """All that was logged since the mark is of these sessions, as this user's, without gaps."""
    events = host.events()
    for each in by_session(events).values():
        assert [event["sequence"] for event in each] == list(range(1, len(each) + 1))
        assert len({said(event, *IDENTITY) for event in each}) == 1
    assert {said(event, "user", "uid", "session", "port") for event in events} == {
        (user.name, user.uid, session.id, session.port) for session in sessions}


FORGED = [
    line(b'open "/etc/shadow" flags READ mode 0644'), line(b'close "/etc/shadow" bytes read 1 written 2'),
    line(b'close "/never opened" bytes read 18446744073709551615 written 18446744073709551615'),
    line(b"session closed for local user victim from [192.0.2.1]"),
    line(b"session opened for local user victim from [192.0.2.1]"),
    line(b'remove name "relative/../../../../etc"'), line(b'rename old "" new ""'), line(b'mkdir name "', "sshd[1]"),
    line(b""),
    line(b"sent status No such file"), line(b"sent status " + b"x" * 600), line(b'open "' + b"a" * 4000), b"<86>", b"<",
    b"no header",
    b"<99999999999999999999>x", b"\xff" * 700, b"\n", b" ", b'{"user":"victim","session":"0123456789abcdef"}',
    # Notes: of the two that there are, too short, too long and untrue ones; and others.
    b"\0", b"\0S", b"\0S1", b"\0S0", b"\0Sx", b"\0S" + b"1" * 900, b"\0L", b"\0L\1", b"\0L\xff\xff\xff\xff",
    b"\0L" + b"\xff" * 900, b"\0R",
    b"\0E", b"\0\0", b"\0" + struct.pack("=IHHI", 0x48545242, 1, VERB_EVENTS, 0), b"\0" * 4096, b"x" * 4000,
]


def test_what_a_session_sends_is_its_own(host, mallory, victim):
    """Lines and notes of every shape over the line socket; the helper lives on and logs what truly happens."""
    with logged_in(host, victim) as other, logged_in(host, mallory) as session:
        before = helpers()
        assert len(before) == 2
        host.mark_log()
        for data in FORGED * 3:
            assert send(session.pid, data) == "= %d" % len(data)
        put_bytes(session.sftp, "/true", b"truth")
        wait_until(lambda: host.events(operation="put", path="/true", bytes=5), what="the true event")
        assert helpers() == before
        assert {said(event, "user", "uid", "session", "port") for event in host.events()} == {
            ("mallory", UID, session.id, session.port)}
        host.mark_log()
        put_bytes(other.sftp, "/untouched")
        assert outline(host.wait_events(session=other.id)) == [("put", "/untouched", "ok")]


def test_a_session_cannot_speak_as_sshd(host, mallory):
    """sshd's own lines go on to syslog. What attacker's code makes of them is quoted, and the session named that said it."""
    lies = [b"Accepted publickey for root from 192.0.2.66 port 22 ssh2: ED25519 SHA256:x",
            b"Failed password for root from 192.0.2.66 port 22 ssh2", b"Invalid user admin from 192.0.2.66 port 22",
            b"Received disconnect from 192.0.2.66 port 22:11: disconnected by user",
            b"Disconnected from user victim 192.0.2.66 port 22", b"pam_unix(sshd:session): session opened for user root"]
    with logged_in(host, mallory) as session:
        for text in lies:
            for tag in ("sshd[1]", "sshd", "sshd-session[1]", "CRON[1]", "berthd[1]", "berth-session[1]"):
                send(session.pid, line(text, tag))
            send(session.pid, line(text + b"\n<86>Nov 22 10:00:00 sshd[1]: " + text, "sshd[1]"))
        put_bytes(session.sftp, "/after")
        assert host.wait_events(operation="put", path="/after")
        time.sleep(0.2)
        told = host.log(r"192\.0\.2\.66|user root|user victim")
        quoted = r"^\S+ \d+ berth-session\[\d+\]: a session says user=mallory session=%s program=sshd\S* line=\"[^\"]*\"$"
        assert told and all(re.match(quoted % session.id, one) for one in told), told


def test_an_empty_datagram_is_not_the_end(host, mallory):
    """recv(2) of one returns 0, as at the end of the file."""
    with logged_in(host, mallory) as session:
        for _ in range(3):
            assert send(session.pid, b"") == "= 0"
        put_bytes(session.sftp, "/after")
        assert host.wait_events(operation="put", path="/after")
        assert len(helpers()) == 1
    closed(host, session=session.id)
    assert_own(host, mallory, session)


def test_huge_and_many(host, mallory):
    """More than the helper takes at once: it goes on, and its memory doesn't grow with what is sent."""
    with logged_in(host, mallory) as session:
        helper, = helpers()
        for length in (60_000, 65_000, 32_768):
            inject(session.pid, "sendto", line_descriptor(session.pid), "z:4096", length, DONTWAIT | NOSIGNAL)
        message = line(b'open "/' + b"n" * 400 + b'" flags WRITE mode 0644')
        for _ in range(400):
            send(session.pid, message)
        put_bytes(session.sftp, "/after", b"12")
        assert host.wait_events(operation="put", path="/after", bytes=2, seconds=10)
        assert resident_kib(helper) < MEMORY_KIB
    closed(host, session=session.id)
    assert_own(host, mallory, session)


def test_more_files_open_than_there_can_be(host, mallory):
    """Opens without a close, each of another name: the helper's memory has an end, and says what it lost."""
    with logged_in(host, mallory) as session:
        helper, = helpers()
        descriptor = line_descriptor(session.pid)
        # One datagram that is sent over and over, changed where its number stands.
        text = line(b'open "/' + b"n" * 400 + b'%08d" flags WRITE mode 0644')
        address = lay_out(session.pid, 4096, lambda _: text)
        place = address + text.index(b"%08d")
        for number in range(600):
            with open("/proc/%d/mem" % session.pid, "r+b", buffering=0) as memory:
                memory.seek(place)
                memory.write(b"%04d" % number)
            inject(session.pid, "sendto", descriptor, address, len(text), DONTWAIT | NOSIGNAL)
        assert resident_kib(helper) < MEMORY_KIB
        put_bytes(session.sftp, "/after", b"12")
        assert host.wait_events(operation="put", path="/after", bytes=2, seconds=10)
    closed(host, session=session.id, seconds=10)
    assert_own(host, mallory, session)


def test_descriptors_that_are_passed_pile_up_nowhere(host, mallory):
    with logged_in(host, mallory) as session:
        helper, = helpers()
        before = sorted(os.listdir("/proc/%d/fd" % helper))
        address = lay_out(session.pid, 8192, message_with_descriptors(line(b"sent status Failure"), [0, 1, 0, 1]))
        descriptor = line_descriptor(session.pid)
        sent = [inject(session.pid, "sendmsg", descriptor, address, DONTWAIT | NOSIGNAL) for _ in range(50)]
        put_bytes(session.sftp, "/after")
        assert host.wait_events(operation="put", path="/after")
        assert sorted(os.listdir("/proc/%d/fd" % helper)) == before
        assert set(sent) in ({"= %d" % len(line(b"sent status Failure"))}, {"= -1 1 EPERM"}, {"= -1 13 EACCES"}), sent
    closed(host, session=session.id)
    assert_own(host, mallory, session)


def test_a_line_socket_that_is_shut_down(host, mallory, victim):
    """Who does this loses their own log at the most; the helper doesn't spin, and nothing of others is lost."""
    with logged_in(host, victim) as other, logged_in(host, mallory) as session:
        inject(session.pid, SHUTDOWN, line_descriptor(session.pid), 2)
        put_bytes(other.sftp, "/untouched")
        assert host.wait_events(session=other.id, operation="put", path="/untouched")
        begun = time.monotonic()
        put_bytes(session.sftp, "/unlogged or not")
        assert time.monotonic() - begun < 1
        used = {pid: cpu_ticks(pid) for pid in helpers()}
        time.sleep(0.5)
        assert all(cpu_ticks(pid) - ticks <= 5 for pid, ticks in used.items() if pid in helpers())
    closed(host, session=other.id)
    events = host.events(session=session.id)
    assert {said(event, "user", "port") for event in events} == {("mallory", session.port)}
    assert not [event for event in events if event["operation"] in TRANSFERS and event.get("path") != "/unlogged or not"]


def cpu_ticks(pid):
    try:
        fields = Path("/proc/%d/stat" % pid).read_text(encoding="ascii").rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def test_the_line_socket_leads_nowhere_else(host, mallory):
    """It can't be aimed at another socket, nor closed, nor replaced; and there is no agent to be reached from inside."""
    name = "\0berth-test-probe"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe, logged_in(host, mallory) as session:
        probe.bind(name)
        for pid in processes_of_user(UID):
            descriptor = line_descriptor(pid)
            inject(pid, "close", descriptor)
            inject(pid, DUP2, 0, descriptor)
            assert line_descriptor(pid) == descriptor
        descriptor = line_descriptor(session.pid)
        address = struct.pack("=H", socket.AF_UNIX) + name.encode()
        inject(session.pid, "sendto", descriptor, "s:x", 1, DONTWAIT | NOSIGNAL, "x:" + address.hex(), len(address))
        duplicate = int(inject(session.pid, FCNTL, descriptor, fcntl.F_DUPFD, 3).split()[1])
        for socket_name in (name, AGENT_SOCKET):
            address = (struct.pack("=H", socket.AF_UNIX) + socket_name.encode()).ljust(110, b"\0")
            inject(session.pid, "connect", duplicate, "x:" + address.hex(), len(address))
            inject(session.pid, "sendto", duplicate, "s:x", 1, DONTWAIT | NOSIGNAL)
        with pytest.raises(BlockingIOError):
            probe.recv(1, socket.MSG_DONTWAIT)
        put_bytes(session.sftp, "/after")
        assert host.wait_events(operation="put", path="/after")
        assert inject_errno(session.pid, "socket", socket.AF_UNIX, socket.SOCK_STREAM, 0) == "EAFNOSUPPORT"
        assert inject_errno(session.pid, "openat", -100 & 2**64 - 1, "s:" + AGENT_SOCKET, 0) == "ENOENT"
    closed(host, session=session.id)
    assert_own(host, mallory, session)


def test_a_session_cannot_touch_its_helper(host, mallory):
    with logged_in(host, mallory) as session:
        helper, = helpers()
        assert process_uid(helper) not in (0, UID)
        inject_errno(session.pid, "kill", helper, 9)
        inject_errno(session.pid, "ptrace", 0x4206, helper, 0, 0)
        inject_errno(session.pid, "pidfd_open", helper, 0)
        inject_errno(session.pid, "process_vm_readv", helper, 0, 0, 0, 0, 0)
        status = Path("/proc/%d/status" % helper).read_text(encoding="ascii")
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert "%s:\t%016x" % (capabilities, 0) in status
        put_bytes(session.sftp, "/after")
        assert host.wait_events(operation="put", path="/after")


ASK = """
import socket, sys
client = socket.socket(socket.AF_UNIX)
client.settimeout(5)
client.connect(sys.argv[1])
client.sendall(bytes.fromhex(sys.argv[2]))
try:
    sys.stdout.write(client.recv(4096).hex())
except ConnectionResetError:
    pass
"""


@pytest.mark.parametrize("who", ["localuser", "nobody", "berth-keys", "sshd", "a user of Berth"])
def test_others_may_not_write_to_the_log(host, mallory, who):
    """Only root and SessionUser."""
    uid = mallory.uid if who == "a user of Berth" else int(run("id", "-u", who).out)
    identity = (string("0123456789abcdef") + string(host.server_id) + string("victim") + string("192.0.2.1") + u32(1) +
                string("SHA256:x") + u32(UID + 1))
    asked = struct.pack("=IHHI", 0x48545242, 1, VERB_EVENTS, len(identity)) + identity
    result = run("setpriv", "--reuid=%d" % uid, "--regid=%d" % uid, "--clear-groups", sys.executable, "-I", "-c", ASK,
                 AGENT_SOCKET, asked.hex(), cwd="/")
    assert result.ok, repr(result)
    assert bytes.fromhex(result.out) == answer(status=DENIED)
    assert host.events() == []
