"""Who may ask what, and peers that don't behave."""
import os
import resource
import signal
import socket
import time

import pytest

import agent_protocol as p
from agent_protocol import BAD_REQUEST, BUSY, DENIED, NOT_FOUND, OK, as_user
from agent_places import BERTH_UID, KEYS_UID

STRANGER, OTHER = 65534, 65533
WHO = p.request(p.PASSWD_BY_NAME, p.string("alice"))


@pytest.fixture
def alice(agent, ssh_key):
    agent.key = ssh_key()
    agent.add_user("alice", 5001, keys=[agent.key])
    return agent


def hold(count):
    """Connections that ask for nothing yet."""
    return [p.connect() for _ in range(count)]


@pytest.mark.parametrize("uid", [STRANGER, BERTH_UID, KEYS_UID, 5001])
def test_anyone_may_resolve_names(alice, uid):
    assert as_user(uid, p.by_name, "alice")[1] == 5001
    assert as_user(uid, p.by_uid, 5001)[0] == "alice"
    assert as_user(uid, p.group, 5001) == OK
    assert as_user(uid, p.initgroups, "alice") == (5001, [])


def test_keys_are_for_root_and_keys_user(alice):
    assert p.keys("alice") == as_user(KEYS_UID, p.keys, "alice") == [alice.key]
    for uid in (STRANGER, BERTH_UID, 5001):
        assert as_user(uid, p.keys, "alice") == as_user(uid, p.keys, "nobody-here") == DENIED
    alice.agent.wait_log(f'request denied: peer_uid={STRANGER} reason="keys are for root and KeysUser"')


def test_sessions_are_for_root(alice):
    assert p.session("alice")["uid"] == 5001
    for uid in (STRANGER, BERTH_UID, KEYS_UID, 5001):
        assert as_user(uid, p.session, "alice") == (DENIED, "")


def test_keys_user_of_the_configuration(alice):
    alice.configure("KeysUser localbob")
    alice.agent.hangup()
    alice.agent.wait_log("configuration reloaded")
    assert as_user(4444, p.keys, "alice") == [alice.key]
    assert as_user(KEYS_UID, p.keys, "alice") == DENIED


@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.1\r\n\r\n", b"\0" * 12, b"\xff" * 12, b"\xff" * 9000, os.urandom(4000),
    p.request(p.PASSWD_BY_UID, p.u32(5001), magic=1), p.request(p.PASSWD_BY_UID, p.u32(5001), version=2),
    p.request(p.PASSWD_BY_UID, p.u32(5001), version=0), p.request(p.PASSWD_BY_UID, length=p.REQUEST_MAX + 1),
    p.request(p.PASSWD_BY_UID, length=2**32 - 1), p.request(p.PASSWD_BY_UID, p.u32(5001)) + b"x",
    p.request(p.PASSWD_BY_UID, p.u32(5001)) * 2, p.request(p.KEYS, b"x" * 8192) + b"x",
], ids=range(13))
def test_garbage_is_answered_bad_request(alice, data):
    assert p.ask_raw(data) == (BAD_REQUEST, b"")
    assert p.by_name("alice")[1] == 5001


def test_the_longest_request_is_read_whole(alice):
    assert p.ask_raw(p.request(p.PASSWD_BY_NAME, b"x" * p.REQUEST_MAX)) == (BAD_REQUEST, b"")


def test_a_request_in_pieces(alice):
    for size in (1, 5, 12):
        with p.connect() as client:
            for at in range(0, len(WHO), size):
                client.sendall(WHO[at:at + size])
                time.sleep(0.01)
            assert p.receive(client)[0] == OK


def test_silence_ends_after_the_time_limit(alice):
    for start in (b"", WHO[:7], WHO[:-1]):
        with p.connect() as client:
            client.sendall(start)
            before = time.monotonic()
            assert p.receive(client) is None
            assert 1.5 < time.monotonic() - before < 4


def test_a_drip_is_ended_too(alice):
    with p.connect() as client:
        before = time.monotonic()
        with pytest.raises(OSError):
            for byte in p.request(p.KEYS, b"x" * 8000):
                client.send(bytes([byte]))
                time.sleep(0.05)
        assert time.monotonic() - before < 4


def test_half_close_and_gone_peers(alice):
    with p.connect() as client:
        client.sendall(WHO)
        client.shutdown(socket.SHUT_WR)
        assert p.receive(client)[0] == OK
    for data in (b"", WHO[:5], WHO):
        for _ in range(50):
            with p.connect() as client:
                client.sendall(data)
    assert p.by_name("alice")[1] == 5001


def long_session(alice):
    mappings = [{"Entry": f"/{n:05}", "Target": "/bucket/" + "x" * 60} for n in range(50000)]
    alice.add_user("large", 5002, mappings=mappings)
    return p.request(p.SESSION, p.string("large") + p.string("") + p.string(""))


def test_a_slow_reader_gets_its_long_answer_and_delays_nobody(alice):
    with p.connect() as client:
        client.sendall(long_session(alice))
        first = client.recv(1000)
        assert len(first) == 1000
        before = time.monotonic()
        assert p.by_name("alice")[1] == 5001
        assert time.monotonic() - before < 0.5
        time.sleep(1)
        rest = bytearray(first)
        while piece := client.recv(1 << 20):
            rest += piece
        assert p.parse(bytes(rest))[0] == OK


def test_a_reader_that_never_reads_is_let_go(alice):
    descriptors = alice.agent.descriptors()
    with p.connect() as client:
        client.sendall(long_session(alice))
        end = time.monotonic() + 15
        while alice.agent.descriptors() == descriptors and time.monotonic() < end:
            time.sleep(0.01)
        while alice.agent.descriptors() > descriptors:
            assert time.monotonic() < end
            time.sleep(0.05)


def test_limit_of_a_uid(alice):
    def flood():
        held = hold(32)
        busy = p.ask(p.PASSWD_BY_NAME, p.string("alice"))
        with p.connect() as late:
            silent = p.receive(late)
        for client in held:
            client.sendall(WHO)
        answers = [p.receive(client)[0] for client in held]
        return busy, silent, answers, p.by_name("alice")[1]
    busy, silent, answers, after = as_user(STRANGER, flood)
    assert busy == silent == (BUSY, b"")
    assert answers == [OK] * 32
    assert after == 5001


def hold_in_child(uid, count):
    """A process of this uid that holds connections until it is ended. Returns its pid once it holds them."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresuid(uid, uid, uid)
        held = hold(count)
        os.write(writer, b"x")
        time.sleep(30)
        os._exit(len(held) == 0)
    os.close(writer)
    assert os.read(reader, 1) == b"x"
    os.close(reader)
    return child


def end(children):
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_flood_of_one_uid_keeps_no_one_else_out(alice):
    children = [hold_in_child(STRANGER, 200)]
    try:
        assert as_user(STRANGER, p.ask, p.PASSWD_BY_NAME, p.string("alice"))[0] == BUSY
        assert as_user(OTHER, p.by_name, "alice")[1] == 5001
        assert as_user(KEYS_UID, p.keys, "alice") == [alice.key]
        assert p.session("alice")["uid"] == 5001
    finally:
        end(children)
    alice.agent.wait_log(f"too many connections wait: uid={STRANGER}")


def test_the_maximum_of_all_spares_root_and_keys_user(alice):
    children = [hold_in_child(10000 + number, 32) for number in range(32)]
    try:
        assert as_user(OTHER, p.ask, p.PASSWD_BY_NAME, p.string("alice"))[0] == BUSY
        assert p.by_name("alice")[1] == 5001
        assert as_user(KEYS_UID, p.keys, "alice") == [alice.key]
    finally:
        end(children)


def test_root_and_keys_user_have_no_limit(alice):
    held = hold(100)
    assert p.by_name("alice")[1] == 5001
    for client in held:
        client.sendall(WHO)
    assert [p.receive(client)[0] for client in held] == [OK] * 100
    assert as_user(KEYS_UID, lambda: len(hold(100)) and p.keys("alice")) == [alice.key]


def test_connect_storm_of_one_uid(alice):
    def storm():
        end_of_storm = time.monotonic() + 3
        while time.monotonic() < end_of_storm:
            clients = []
            for _ in range(200):
                client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                client.setblocking(False)
                try:
                    client.connect(p.SOCKET)
                except BlockingIOError:
                    pass
                clients.append(client)
            for client in clients:
                client.close()
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            os.setresuid(STRANGER, STRANGER, STRANGER)
            storm()
            os._exit(0)
        children.append(child)
    slowest = 0
    while any(os.waitpid(child, os.WNOHANG)[0] == 0 for child in children[-1:]):
        before = time.monotonic()
        assert p.by_name("alice")[1] == 5001
        slowest = max(slowest, time.monotonic() - before)
    for child in children[:-1]:
        os.waitpid(child, 0)
    assert slowest < 1


def test_connections_leave_no_descriptors(alice):
    before = alice.agent.descriptors()
    for number in range(500):
        if number % 3 == 0:
            assert p.by_name("alice")[1] == 5001
        elif number % 3 == 1:
            assert p.ask_raw(b"x" * 12)[0] == BAD_REQUEST
        else:
            p.connect().close()
    held = hold(50)
    for client in held:
        client.sendall(WHO[:3])
        client.close()
    assert p.by_name("nobody-here") == NOT_FOUND
    time.sleep(0.1)
    assert alice.agent.descriptors() == before


def test_out_of_descriptors_is_survived(host):
    host.make_store()
    host.add_user("alice")
    agent = host.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20)))
    held = hold(40)
    agent.wait_log("connections can't be accepted")
    for client in held:
        client.close()
    assert p.by_name("alice")[1] == 5001
