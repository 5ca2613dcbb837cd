"""A store kept elsewhere that doesn't behave: what its answers do to lookups, and to itself."""
import concurrent.futures
import contextlib
import os
import pathlib
import socket
import sqlite3
import time

import pytest

import agent_protocol as p
from agent_protocol import NOT_FOUND, UNAVAILABLE
from agent_places import BERTH_UID, CONFIG
from conftest import mount
from remote_agent import CACHE, Scripted, timed, wait_until

AT_ONCE = 0.4  # seconds: no wait for anything, on a machine that has other things to do
THROTTLED = {"__type": "ThrottlingException", "Message": "Rate exceeded"}


@pytest.fixture
def store(host):
    made = Scripted(pathlib.Path("/run"))
    made.host = host
    made.add_user("alice")
    made.configure()
    try:
        yield made
    finally:
        host.close()
        made.close()


def start(store):
    store.agent = store.host.start()
    store.agent.wait_log("store answers")
    assert p.by_name("alice")[1] == 5001 and p.session("alice")["uid"] == 5001
    return store.agent


def expire():
    time.sleep(1.05)


def always(status, body, **headers):
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda *_: (status, body, given)


FAULTS = {
    "500": always(500, {"__type": "InternalServiceError", "Message": "oh"}),
    "503": always(503, b""),
    "garbage": always(200, b"\x00\xff{" * 1000),
    "another shape": always(200, {"User": ["alice"], "Server": 7}),
    "another user": lambda operation, request, handler: (200, {"ServerId": request["ServerId"], "User": {
        "UserName": "mallory", "Arn": "a", "PosixProfile": {"Uid": 1000, "Gid": 1000}}}, {}),
    "huge": always(200, b"[" + b"1," * (20 << 20) + b"1]"),
    "redirected": always(302, b"", Location="https://127.0.0.1:1/"),
    "throttled": always(400, THROTTLED),
    "expired": always(400, {"__type": "ExpiredTokenException", "Message": "The security token included is expired"}),
    "denied": always(400, {"__type": "AccessDeniedException", "Message": "not authorized"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_served_stale_until_it_is_well(store, fault):
    agent = start(store)
    expire()
    store.answer = FAULTS[fault]
    answer, seconds = timed(p.by_name, "alice")
    assert answer == ("alice", 5001, 5001, "/") and seconds < 1.5
    agent.wait_log("store can't be asked, what is cached is served: ")
    for ask in (p.by_name, p.initgroups, p.keys, p.session):
        answer, seconds = timed(ask, "alice")
        assert not isinstance(answer, int) and seconds < AT_ONCE, ask
    answer, seconds = timed(p.by_name, "anna")
    assert answer == UNAVAILABLE and seconds < 3
    assert p.by_name("localbob") == NOT_FOUND
    store.add_user("alice", 5009)
    store.answer = store.usual
    agent.wait_log("store answers again")
    wait_until(lambda: p.by_name("alice")[1] == 5009, seconds=2)


def test_a_pause_that_was_asked_for(store):
    agent = start(store)
    expire()
    store.answer = always(429, THROTTLED, Retry_After="3")
    wait_until(lambda: (p.by_name("alice"), agent.log())[1].count("store can't be asked"))
    store.answer = store.usual
    asked, begin = len(store.requests), time.monotonic()
    while len(store.requests) == asked:
        assert p.by_name("alice")[1] == 5001 and p.by_name("anna") in (UNAVAILABLE, NOT_FOUND)
        time.sleep(0.05)
    assert 2.2 < time.monotonic() - begin < 10


def test_few_questions_while_it_is_down(store):
    store.configure("CacheSeconds 4")
    agent = start(store)
    store.answer = FAULTS["denied"]
    assert p.by_name("anna") == UNAVAILABLE
    asked = len(store.requests)
    end = time.monotonic() + 2
    while time.monotonic() < end:
        assert p.by_name(f"unknown{time.monotonic_ns()}") == UNAVAILABLE
    assert len(store.requests) - asked < 10
    assert agent.log().count("store can't be asked") == 1


def test_who_is_in_the_queue_hears_of_a_failure(store):
    agent = start(store)
    store.answer = store.holding(lambda name: name.startswith("guess"))
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        guesses = [pool.submit(p.by_name, f"guess{number}") for number in range(40)]
        wait_until(lambda: sum(str(name).startswith("guess") for _, name in store.requests) == 6)
        time.sleep(0.1)
        store.usual = FAULTS["denied"]
        store.gate.set()
        assert {guess.result() for guess in guesses} == {UNAVAILABLE}
    assert sum(str(name).startswith("guess") for _, name in store.requests) == 6
    agent.wait_log("store can't be asked")  # once the server's own record was denied, too
    assert agent.log().count("store can't be asked") == 1


def test_one_record_that_cannot_be_had(store):
    """Others are well: only its own user is served what there was."""
    store.add_user("anna", 5003)
    agent = start(store)
    assert p.by_name("anna")[1] == 5003
    expire()

    def answer(operation, request, handler):
        if request.get("UserName") == "anna":
            return 400, {"__type": "InvalidRequestException", "Message": "no"}, {}
        return store.usual(operation, request, handler)

    store.answer = answer
    store.add_user("alice", 5009)
    assert p.by_name("anna")[1] == 5003
    assert p.by_name("alice")[1] == 5009
    agent.wait_log("record can't be fetched: user=anna")
    assert "store can't be asked" not in agent.log()


def test_guessed_names_do_not_delay_users(store):
    store.configure("LookupSeconds 10", "CacheSeconds 1")
    agent = start(store)
    store.answer = store.holding(lambda name: name.startswith("guess"))
    store.add_user("alice", 5009)
    with concurrent.futures.ThreadPoolExecutor(60) as pool:
        guesses = [pool.submit(p.by_name, f"guess{number}") for number in range(60)]
        wait_until(lambda: sum(str(name).startswith("guess") for _, name in store.requests) >= 6)
        expire()
        answer, seconds = timed(p.by_name, "alice")
        assert answer[1] == 5009 and seconds < 1.5
        store.gate.set()
        assert {guess.result() for guess in guesses} == {NOT_FOUND}
    assert "store can't be asked" not in agent.log()


def test_a_client_that_has_gone(store):
    agent = start(store)
    store.answer = store.holding()
    before = agent.descriptors()
    for number in range(20):
        with p.connect() as client:
            client.sendall(p.request(p.PASSWD_BY_NAME, p.string(f"unknown{number}")))
    wait_until(lambda: agent.descriptors() > before + 10)
    store.gate.set()
    wait_until(lambda: agent.descriptors() < before + 20)
    assert p.by_name("alice")[1] == 5001


def test_who_may_wait_is_told(store):
    """WIRE_WAIT: at once without a record, after 300 ms with an old one, never for what can't wait."""
    start(store)

    def first(verb, name):
        with p.connect() as client:
            client.sendall(p.request(verb, p.string(name)))
            begin = time.monotonic()
            status = int.from_bytes(client.recv(16)[6:8], "little")
            return status, time.monotonic() - begin

    expire()
    store.answer = store.holding()
    told = [first(p.PASSWD_BY_NAME, name) for name in ("anna", "otto", "olaf")]
    assert {status for status, _ in told} == {p.WAIT} and min(seconds for _, seconds in told) < 0.2
    status, seconds = first(p.PASSWD_BY_NAME, "alice")
    assert status == p.WAIT and seconds > 0.25
    store.gate.set()
    wait_until(lambda: p.by_name("alice") != UNAVAILABLE)
    expire()
    store.gate.clear()
    status, seconds = first(p.INITGROUPS, "alice")
    assert status == p.OK and 0.6 < seconds < 1.7
    status, seconds = first(p.INITGROUPS, "lena")
    assert status == UNAVAILABLE and 0.6 < seconds < 1.7


def test_strangers_are_counted(store):
    """One uid holds as many waiting connections as with a local store, and root isn't kept waiting by them."""
    start(store)

    def ask():
        clients = [p.connect() for _ in range(40)]
        for number, client in enumerate(clients):
            with contextlib.suppress(BrokenPipeError):
                client.sendall(p.request(p.PASSWD_BY_NAME, p.string(f"guess{number}")))
        return [p.receive(client)[0] for client in clients]

    store.answer = store.holding(lambda name: name.startswith("guess"))
    statuses = p.as_user(4444, ask)
    assert statuses.count(p.BUSY) == 8
    assert p.by_name("alice")[1] == 5001
    store.gate.set()


def test_parts_that_are_lost_are_said(store):
    store.users["alice"]["SshPublicKeys"] = [{"SshPublicKeyId": "key-" + "0" * 17, "SshPublicKeyBody": "no key",
                                             "DateImported": 1.0}]
    agent = start(store)
    agent.wait_log("part of a record can't be used: user=alice member=SshPublicKeys")


def test_cache_that_is_locked(store):
    """Nobody is served a record that the store has taken back, though the cache can't be told yet."""
    store.add_user("anna", 5003)
    start(store)
    assert p.by_name("anna")[1] == 5003
    expire()
    del store.users["anna"]
    lock = sqlite3.connect(CACHE, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    assert p.by_name("anna") in (NOT_FOUND, UNAVAILABLE)
    lock.execute("ROLLBACK")
    lock.close()
    wait_until(lambda: p.by_name("anna") == NOT_FOUND)


def test_cache_without_room(store):
    """What is known to be outdated isn't served, also not when the store can't be asked afterwards."""
    os.mkdir("/run/small")
    mount("tmpfs", "/run/small", "tmpfs", data="size=1m")
    os.chown("/run/small", BERTH_UID, BERTH_UID)
    store.configure("CacheFile /run/small/cache.db")
    store.add_user("anna", 5003)
    agent = start(store)
    assert p.by_name("anna")[1] == 5003
    with contextlib.suppress(OSError), open("/run/small/filler", "wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 4096)
    del store.users["anna"]
    store.add_user("alice", 5009)
    expire()
    wait_until(lambda: p.by_name("alice") == UNAVAILABLE and p.by_name("anna") == NOT_FOUND)
    agent.wait_log("the cache can't be written: file=/run/small/cache.db")
    store.answer = always(500, b"")
    expire()
    assert p.by_name("alice") == p.by_name("anna") == p.by_uid(5001) == p.by_uid(5003) == UNAVAILABLE
    os.unlink("/run/small/filler")
    store.answer = store.usual
    wait_until(lambda: p.by_name("alice") == ("alice", 5009, 5001, "/") and p.by_name("anna") == NOT_FOUND)


def test_no_more_than_a_queue_full(store):
    """Names beyond it are refused at once; a user who is known takes the place of one who may be nobody."""
    store.configure("LookupSeconds 10")
    agent = start(store)
    store.answer = store.holding(lambda name: name.startswith("guess"))
    clients = []
    for number in range(1100):
        clients.append(p.connect())
        clients[-1].sendall(p.request(p.PASSWD_BY_NAME, p.string(f"guess{number}")))
    assert [p.receive(client) for client in clients[1050:]] == [(UNAVAILABLE, b"")] * 50
    agent.wait_log("too many records are to be fetched at once: max=1024")
    expire()
    store.add_user("alice", 5009)
    assert p.by_name("alice")[1] == 5009
    store.answer = store.usual
    store.gate.set()
    # Whose turn comes too late, on a busy machine, is told so.
    statuses = [p.receive(client)[0] for client in clients[:1030]]
    assert statuses.count(NOT_FOUND) >= 100 and set(statuses) <= {NOT_FOUND, UNAVAILABLE}
    for client in clients:
        client.close()


def test_credentials_that_hang(store):
    """Lookups end in time, and so does the agent."""
    store.configure()
    config = pathlib.Path(CONFIG)
    config.write_text("".join(line for line in config.read_text().splitlines(True) if "StoreCredentials" not in line))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/credentials"
        agent = store.host.start(env={"PATH": os.environ["PATH"], "AWS_CONTAINER_CREDENTIALS_FULL_URI": url})
        silent.accept()
        answer, seconds = timed(p.by_name, "alice")
        assert answer == UNAVAILABLE and seconds < 3
        agent.wait_log("store can't be asked")
        silent.accept()  # it is asked again
        status, seconds = timed(agent.stop)
        assert status == 0 and seconds < 1.8


@pytest.mark.parametrize("refusal", [{"__type": "AccessDeniedException", "Message": "not that user"}, THROTTLED])
def test_guessed_names_do_not_make_records_stale(store, refusal):
    """Where they are denied or throttled it is they who aren't asked for: a user's new record comes as before."""
    agent = start(store)

    def answer(operation, request, handler):
        if str(request.get("UserName")).startswith("guess"):
            return 400, refusal, {"Retry-After": "3"}
        return store.usual(operation, request, handler)

    store.answer = answer
    expire()
    assert p.by_name("guess0") == UNAVAILABLE
    agent.wait_log("such names aren't asked for")
    store.add_user("alice", 5009)
    assert p.by_name("alice")[1] == 5009
    answer, seconds = timed(p.by_name, "guess1")
    assert answer == UNAVAILABLE and seconds < AT_ONCE and not store.count("guess1")
    assert "store can't be asked" not in agent.log()


def test_a_record_that_cannot_be_used(store):
    """It is an answer: the store is well, and what the cache has is of the past, whatever becomes of the store."""
    store.add_user("anna", 5003)
    agent = start(store)
    assert p.by_name("anna")[1] == 5003
    store.users["anna"]["HomeDirectoryType"] = "ELSEWHERE"
    expire()
    store.add_user("alice", 5009)
    assert p.by_name("anna") == UNAVAILABLE
    agent.wait_log("record can't be fetched: user=anna")
    assert p.by_name("alice")[1] == 5009
    assert "store can't be asked" not in agent.log()
    store.answer = always(500, b"")
    expire()
    assert p.by_name("anna") == p.by_uid(5003) == UNAVAILABLE or p.by_uid(5003) == NOT_FOUND
    assert p.by_name("alice")[1] == 5009
