"""WIRE_STATUS and `berth status`: the numbers after known requests, who may ask, and agents that aren't there, frozen, of
another version or hostile."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

import agent_protocol as p
from agent_places import BERTH, BERTH_UID, KEYS_UID, SESSION_UID
from remote_agent import Scripted, new_elsewhere

STATUS = 8
VERSION = subprocess.run([BERTH, "version"], capture_output=True, text=True, check=True).stdout.split()[-1]


def parse(payload):
    fields = p.Fields(payload)
    texts = (fields.string(), fields.string(), fields.string())
    numbers = {}
    for _ in range(fields.u32()):
        name = fields.string()
        assert name not in numbers
        numbers[name] = struct.unpack_from("=Q", fields.data, fields.at)[0]
        fields.at += 8
    fields.done()
    return texts, numbers


def numbers():
    status, payload = p.ask(STATUS)
    assert status == p.OK
    return parse(payload)[1]


def differences(before, after):
    """What was counted since, but for the questions themselves."""
    gauges = ("uptime_seconds", "memory_bytes", "descriptors", "connections")
    return {name: after[name] - before[name] for name in after
            if after[name] != before[name] and not name.endswith("_us") and name not in gauges}


def berth_status(*words):
    return subprocess.run([BERTH, "status", *words], capture_output=True, text=True, timeout=30)


def as_json():
    done = berth_status("--output", "json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_numbers_after_known_requests(agent, ssh_key):
    key = ssh_key()
    agent.add_user("alice", 5001, 5002, groups=[7001], keys=[key])
    before = numbers()
    assert p.by_name("alice")[1] == p.by_uid(5001)[1] == 5001
    assert p.by_name("nobody-here") == p.by_name("localbob") == p.NOT_FOUND
    assert p.group(7001) == p.OK
    assert p.initgroups("alice") == (5002, [7001])
    assert p.keys("alice") == [key]
    assert p.session("alice", *key)["uid"] == 5001
    assert p.session("alice", *ssh_key())[0] == p.REFUSED
    assert p.as_user(4444, p.keys, "alice") == p.DENIED
    assert p.ask(99)[0] == p.ask_raw(b"nonsense of twelve bytes or so")[0] == p.BAD_REQUEST
    assert differences(before, numbers()) == {
        "requests_passwd_by_name": 3, "requests_passwd_by_uid": 1, "requests_group": 1, "requests_initgroups": 1,
        "requests_keys": 2, "requests_session": 2, "requests_status": 1, "requests_other": 2,
        "answers_ok": 7, "answers_not_found": 2, "answers_refused": 1, "answers_denied": 1, "answers_bad": 2,
        "lookups": 9, "hits": 9, "latency_count": 9}


def test_latency_is_plausible(agent):
    agent.add_user("alice")
    begin = time.monotonic()
    for _ in range(300):
        p.by_name("alice")
    took = (time.monotonic() - begin) * 1e6
    found = numbers()
    assert 0 < found["latency_p50_us"] <= found["latency_p90_us"] <= found["latency_p99_us"] <= found["latency_max_us"]
    assert found["latency_max_us"] < took and found["latency_p50_us"] * 150 < took
    assert found["latency_count"] == 300 and found["waited_count"] == 0


def test_texts_and_state(agent):
    status, payload = p.ask(STATUS)
    assert status == p.OK
    texts, found = parse(payload)
    assert texts == (VERSION, agent.server_id, f"sqlite:{agent.store}")
    assert 1 << 20 < found["memory_bytes"] < 1 << 28
    # The connection that asks is one, and the test sees the descriptors when it is closed.
    assert found["descriptors"] == agent.agent.descriptors() + 1
    assert found["descriptors_max"] >= 1024
    assert (found["store_openings"], found["store_errors"], found["store_down"]) == (1, 0, 0)


def test_store_that_goes_away(agent):
    os.rename(agent.store, agent.store + ".away")
    end = time.monotonic() + 10
    while p.by_name("alice") != p.UNAVAILABLE:
        assert time.monotonic() < end
    found = numbers()
    assert found["store_down"] == 1 and found["store_errors"] >= 1 and found["answers_unavailable"] == 1
    os.rename(agent.store + ".away", agent.store)
    while p.by_name("alice") != p.NOT_FOUND:
        assert time.monotonic() < end
    found = numbers()
    assert (found["store_down"], found["store_openings"]) == (0, 2)


def test_reload_keeps_the_counts(agent):
    p.by_name("nobody-here")
    agent.agent.hangup()
    agent.agent.wait_log("configuration reloaded")
    pathlib.Path("/etc/berth/berth.conf").write_text("Nonsense yes\n")
    agent.agent.hangup()
    agent.agent.wait_log("not reloaded")
    found = numbers()
    assert (found["lookups"], found["reloads"], found["reload_errors"]) == (1, 1, 1)


def test_who_waits_is_counted(agent):
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(p.connect()).send(b"\0")
        end = time.monotonic() + 10
        while numbers()["connections"] != 3:
            assert time.monotonic() < end
    while numbers()["connections"] != 0:
        assert time.monotonic() < end


@pytest.mark.parametrize("uid,wanted", [(0, p.OK), (BERTH_UID, p.OK), (KEYS_UID, p.DENIED), (SESSION_UID, p.DENIED),
                                        (4444, p.DENIED), (5001, p.DENIED)])
def test_who_may_ask(agent, uid, wanted):
    status, payload = p.as_user(uid, p.ask, STATUS)
    assert status == wanted and bool(payload) == (wanted == p.OK)


def test_question_with_something_in_it(agent):
    assert p.ask(STATUS, b"x") == (p.BAD_REQUEST, b"")


def test_fresh_waited_and_stale(host):
    """One record fetched by a store that takes its time, served fresh, and stale while the store doesn't answer."""
    with new_elsewhere(host) as elsewhere:
        elsewhere.configure("CacheSeconds 2")
        elsewhere.add_user("alice")
        elsewhere.start()
        before = numbers()
        assert p.by_name("alice")[1] == p.by_name("alice")[1] == 5001
        counted = differences(before, numbers())
        assert (counted["lookups"], counted["hits"], counted["waited"], counted["fetches"]) == (2, 1, 1, 1)
        assert counted["waited_count"] == counted["latency_count"] == 1
        elsewhere.freeze()
        end = time.monotonic() + 10
        while numbers()["stale"] == 0:
            assert p.by_name("alice")[1] == 5001 and time.monotonic() < end
        found = numbers()
        # Who waited in vain did so for REMOTE_STALE_MS.
        assert 600000 < found["waited_max_us"] < 2000000 and found["latency_max_us"] < 500000
        assert found["waited_p99_us"] == found["waited_max_us"] and found["parked"] == 0
        while numbers()["store_down"] == 0:
            p.by_name("alice")
            assert time.monotonic() < end
        assert numbers()["fetch_errors"] >= 1
        page = berth_status().stdout
        assert "DOWN" in page and "1 cached" in page
        elsewhere.thaw()


def test_delays_are_measured(host):
    """Of ten lookups that wait 300 ms and more, the median does."""
    scripted = Scripted(pathlib.Path("/run"))
    try:
        scripted.configure()
        names = [f"user{number:02}" for number in range(10)]
        for number, name in enumerate(names):
            scripted.add_user(name, 6000 + number, 6000)

        def slow(operation, request, handler):
            if operation == "DescribeUser":
                time.sleep(0.3)
            return scripted.usual(operation, request, handler)
        scripted.answer = slow
        agent = host.start()
        agent.wait_log("store answers")
        threads = [threading.Thread(target=p.by_name, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 10
        while numbers()["parked"] == 0:
            assert time.monotonic() < end
        for thread in threads:
            thread.join()
        found = numbers()
        assert found["waited"] == found["waited_count"] == 10
        assert 290000 < found["waited_p50_us"] <= found["waited_max_us"] < 5000000
        agent.stop()
    finally:
        scripted.close()


def test_page(agent):
    agent.add_user("alice")
    p.by_name("alice")
    done = berth_status()
    assert (done.returncode, done.stderr) == (0, "")
    lines = {line[:13].strip(): line[14:] for line in done.stdout.splitlines()}
    assert list(lines) == ["agent", "server", "configuration", "store", "users", "sessions", "lookups", "answers",
                           "waiting now", "latency", "transfer log"]
    assert lines["agent"].startswith(f"version {VERSION}, up ")
    assert lines["server"] == agent.server_id
    assert lines["store"] == f"sqlite:{agent.store}: answers, opened 1 times, errors 0"
    assert (lines["users"], lines["sessions"]) == ("1", "0")
    assert lines["lookups"].startswith("1 (") and "hits 1 (100.0 %)" in lines["lookups"]
    assert all(len(line) <= 120 for line in done.stdout.splitlines())


def test_json_and_text(agent):
    agent.add_user("alice")
    p.by_name("alice")
    found = as_json()
    assert (found["Version"], found["ServerId"], found["Users"], found["Sessions"]) == (VERSION, agent.server_id, 1, 0)
    wanted = {"".join(word.capitalize() for word in name.split("_")) for name in numbers()}
    assert wanted == set(found) - {"Version", "ServerId", "Store", "Users", "Sessions"}
    assert (found["Lookups"], found["RequestsPasswdByName"]) == (1, 1) and found["LatencyP50Us"] > 0
    text = dict(line.split("\t") for line in berth_status("--output", "text").stdout.splitlines())
    assert set(text) == set(found) and text["ServerId"] == agent.server_id and text["Lookups"] == "1"


def test_users_that_can_not_be_counted(agent):
    os.rename(agent.store, agent.store + ".away")
    done = berth_status("--output", "json")
    assert done.returncode == 0 and "users can't be counted" in done.stderr
    assert "Users" not in json.loads(done.stdout) and "Sessions" in json.loads(done.stdout)


def test_as_user_and_as_others(agent):
    done = p.as_user(BERTH_UID, berth_status, "--output", "json")
    assert done.returncode == 0 and "Sessions" not in json.loads(done.stdout) and json.loads(done.stdout)["Users"] == 0
    done = p.as_user(4444, berth_status)
    assert (done.returncode, done.stdout) == (255, "")
    assert "only root and the configuration's User may ask" in done.stderr


def test_no_agent(host):
    host.make_store()
    done = berth_status()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "berth status: there is no agent: /run/berth/agent.sock isn't there\n"
    host.start().stop(signal.SIGKILL)
    done = berth_status()
    assert done.returncode == 1 and "nobody listens on" in done.stderr


def test_frozen_agent(agent):
    agent.agent.process.send_signal(signal.SIGSTOP)
    begin = time.monotonic()
    done = berth_status()
    assert done.returncode == 1 and "doesn't answer" in done.stderr and time.monotonic() - begin < 4


def test_wrong_flags(agent):
    assert berth_status("now").returncode == berth_status("--watch").returncode == 252
    assert berth_status("help").stdout.startswith("usage: berth status ")


@contextlib.contextmanager
def in_place_of_the_agent(answer):
    """A socket of root's that answers each question with these bytes."""
    os.makedirs("/run/berth", exist_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(p.SOCKET)
    listener.listen(8)

    def serve():
        client, _ = listener.accept()
        with client:
            client.recv(65536)
            with contextlib.suppress(OSError):
                client.sendall(answer)
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        listener.close()
        os.unlink(p.SOCKET)


def answer_of(version="0", server="s-0123456789abcdef0", store="sqlite:/x", metrics=(), status=p.OK, more=b""):
    payload = p.string(version) + p.string(server) + p.string(store) + p.u32(len(metrics))
    payload += b"".join(p.string(name) + struct.pack("=Q", value) for name, value in metrics) + more
    return struct.pack("=IHHI", p.MAGIC, p.VERSION, status, len(payload)) + payload


HUGE = 2**64 - 1
HOSTILE = {
    "nothing": b"",
    "half a header": answer_of()[:6],
    "half an answer": answer_of()[:-3],
    "no agent of ours": b"HTTP/1.1 200 OK\r\n\r\n",
    "a longer text than any": answer_of(version="x" * 256),
    "a longer name than any": answer_of(metrics=[("x" * 64, 1)]),
    "too many metrics": answer_of(metrics=[(f"m{i}", i) for i in range(129)]),
    "something after the end": answer_of(more=b"x"),
    "a NUL inside": answer_of(version="0.\0001"),
    "a count that isn't there": answer_of()[:-4] + p.u32(2**32 - 1),
    "another version's agent": struct.pack("=IHHI", p.MAGIC, p.VERSION, p.BAD_REQUEST, 0),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_answers(host, case):
    host.make_store()
    with in_place_of_the_agent(HOSTILE[case]):
        done = berth_status()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "berth status: what it answers isn't this version's: restart the agent\n"


def test_strange_names_and_numbers(host):
    """Nothing of it reaches the terminal as it is, and what is no name is left out."""
    host.make_store()
    metrics = [("lookups", HUGE), ("uptime_seconds", HUGE), ("Users", 7), ("users", 8), ("", 1), ("a b", 1), ("x\x1b", 1),
               ("lookups", 3), ("a" * 63, 5), ("new_in_a_later_version", 6)]
    answer = answer_of(version="9\x1b[2J", store="\x1b]0;x\x07\u009b" * 20, metrics=metrics)
    with in_place_of_the_agent(answer):
        done = berth_status()
    assert done.returncode == 1 and "of another version than this command" in done.stderr
    assert not any(character in done.stdout for character in "\x1b\x07\u009b")
    with in_place_of_the_agent(answer):
        found = json.loads(berth_status("--output", "json").stdout)
    assert found["Users"] == 0 and found["NewInALaterVersion"] == 6 and "A b" not in found
    assert found["Lookups"] > 2**63
