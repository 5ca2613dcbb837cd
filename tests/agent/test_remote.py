"""A store kept elsewhere, a real berth-api over TLS: what is fetched, how often, and what is served while it can't be."""
import concurrent.futures
import os
import signal
import time

import pytest

import agent_protocol as p
from agent_protocol import NOT_FOUND, OK, UNAVAILABLE
from remote_agent import drop, new_elsewhere, timed, wait_until

AT_ONCE = 0.4  # seconds: no wait for anything, on a machine that has other things to do


@pytest.fixture
def elsewhere(host):
    with new_elsewhere(host) as made:
        yield made


def expire():
    """Until no record is fresh: CacheSeconds is 1."""
    time.sleep(1.05)


def test_fetched_once_while_fresh(elsewhere, ssh_key):
    key = ssh_key()
    elsewhere.configure("CacheSeconds 60")
    elsewhere.add_user("alice", 5001, 5002, groups=[7001], keys=[key])
    elsewhere.start()
    assert p.by_name("alice") == p.by_uid(5001) == ("alice", 5001, 5002, "/")
    assert p.group(7001) == p.group(5002) == OK
    assert p.initgroups("alice") == (5002, [7001])
    assert p.keys("alice") == [key]
    session = p.session("alice", *key)
    assert session["uid"] == 5001 and session["mappings"] == [(p.DIRECTORY, "/", "/bucket/alice")]
    assert elsewhere.fetches() == 1
    assert [line.get("operation") for line in elsewhere.far.audit()].count("DescribeServer") == 1


def test_expired_asks_once(elsewhere):
    elsewhere.add_user("alice")
    elsewhere.start()
    assert p.by_name("alice")[1] == 5001
    expire()
    elsewhere.sql("UPDATE users SET uid = 5009 WHERE user_name = 'alice'")
    assert p.by_name("alice")[1] == 5009
    assert elsewhere.fetches() == 2
    assert p.by_uid(5001) == NOT_FOUND


def test_by_uid_asks_by_name(elsewhere):
    elsewhere.add_user("alice")
    elsewhere.start()
    assert p.by_uid(5001) == NOT_FOUND  # nobody has asked for her yet
    assert p.by_name("alice")[1] == 5001
    expire()
    elsewhere.sql("UPDATE users SET home_directory = '/in', mappings = ? WHERE user_name = 'alice'",
                  '[{"Entry": "/in", "Target": "/bucket/x"}]')
    assert p.by_uid(5001) == ("alice", 5001, 5001, "/in")
    assert elsewhere.fetches() == 2


def test_nobody_is_remembered(elsewhere):
    elsewhere.configure("CacheSeconds 60")
    elsewhere.start()
    assert p.by_name("nobody-here") == p.keys("nobody-here") == p.initgroups("nobody-here") == NOT_FOUND
    assert p.session("nobody-here") == (NOT_FOUND, "")
    assert elsewhere.fetches() == 1


@pytest.mark.parametrize("name", ["localbob", "root", "berth", "al", "-alice", "", "ali ce", "a" * 101])
def test_local_and_impossible_names_are_not_asked_for(elsewhere, name):
    elsewhere.start()
    assert p.by_name(name) in (NOT_FOUND, p.BAD_REQUEST)
    assert p.initgroups(name) in (NOT_FOUND, p.BAD_REQUEST)
    assert p.session(name)[0] in (NOT_FOUND, p.BAD_REQUEST)
    assert p.by_uid(4444) == NOT_FOUND
    assert elsewhere.fetches() == 0


def test_who_may_not_ask_fetches_nothing(elsewhere):
    elsewhere.add_user("alice")
    elsewhere.start()
    assert p.as_user(4444, p.keys, "alice") == p.DENIED
    assert p.as_user(4444, p.session, "alice") == (p.DENIED, "")
    assert elsewhere.fetches() == 0


def test_one_fetch_however_many_ask(elsewhere):
    names = [f"user{number:02d}" for number in range(50)]
    elsewhere.configure("CacheSeconds 60", "LookupSeconds 10")
    for number, name in enumerate(names):
        elsewhere.add_user(name, 6000 + number)
    elsewhere.start()
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(p.by_name, names * 10))
    assert answers == [(name, 6000 + number, 5001, "/") for number, name in enumerate(names)] * 10
    assert elsewhere.fetches() == 50
    assert all(elsewhere.fetches(name) == 1 for name in names)


def test_deleted_user_and_key_are_gone(elsewhere, ssh_key):
    first, second = ssh_key(), ssh_key()
    elsewhere.add_user("alice", 5001, keys=[first, second])
    elsewhere.add_user("anna", 5003)
    elsewhere.start()
    assert p.keys("alice") == [first, second] and p.by_name("anna")[1] == 5003
    elsewhere.sql("DELETE FROM ssh_keys WHERE base64 = ?", first[1])
    elsewhere.sql("DELETE FROM users WHERE user_name = 'anna'")
    expire()
    assert p.keys("alice") == [second]
    assert p.by_uid(5003) == NOT_FOUND
    assert p.by_name("anna") == NOT_FOUND
    elsewhere.freeze()
    expire()
    assert p.by_name("anna") in (NOT_FOUND, UNAVAILABLE)
    elsewhere.thaw()


def test_drop_is_at_once(elsewhere):
    elsewhere.configure("CacheSeconds 600")
    elsewhere.add_user("alice")
    elsewhere.start()
    assert p.by_name("alice")[1] == 5001 and p.by_name("anna") == NOT_FOUND
    elsewhere.sql("DELETE FROM users WHERE user_name = 'alice'")
    elsewhere.add_user("anna", 5003)
    assert p.by_name("alice")[1] == 5001 and p.by_name("anna") == NOT_FOUND
    drop("alice")
    assert p.by_name("anna")[1] == 5003 and p.by_name("alice") == NOT_FOUND


def test_frozen(elsewhere):
    elsewhere.add_user("alice")
    agent = elsewhere.start()
    assert p.by_name("alice")[1] == 5001 and p.session("alice")["uid"] == 5001
    elsewhere.freeze()
    expire()
    answer, seconds = timed(p.by_name, "alice")
    assert answer[1] == 5001 and 0.5 < seconds < 1.5
    for ask in (p.by_name, p.initgroups, p.keys, p.session):  # the rest of a login doesn't wait again
        answer, seconds = timed(ask, "alice")
        assert not isinstance(answer, int) and seconds < AT_ONCE, ask
    answer, seconds = timed(p.by_name, "anna")
    assert answer == UNAVAILABLE and seconds < 3
    # And so do those of an unknown one: but for a moment when it is being found out whether the store is well again.
    assert sum(timed(p.by_name, "anna")[1] for _ in range(4)) < 2
    answer, seconds = timed(p.by_name, "localbob")
    assert answer == NOT_FOUND and seconds < AT_ONCE
    agent.wait_log("store can't be asked, what is cached is served: ")
    agent.wait_log("record served stale: user=alice age=")
    assert agent.log().count("record served stale: user=alice") == 1
    elsewhere.thaw()
    elsewhere.sql("UPDATE users SET uid = 5009 WHERE user_name = 'alice'")
    agent.wait_log("store answers again")
    wait_until(lambda: p.by_name("alice")[1] == 5009, seconds=2)


def test_killed_and_back_with_other_records(elsewhere):
    elsewhere.add_user("alice")
    elsewhere.add_user("anna", 5003)
    agent = elsewhere.start()
    assert p.by_name("alice")[1] == 5001 and p.by_name("anna")[1] == 5003
    elsewhere.far.stop(signal.SIGKILL)
    expire()
    for _ in range(3):
        answer, seconds = timed(p.by_name, "alice")
        assert answer[1] == 5001 and seconds < 1.5
    assert p.by_name("who") == UNAVAILABLE
    elsewhere.sql("DELETE FROM users WHERE user_name = 'alice'")
    elsewhere.far.start(wait=False)
    agent.wait_log("store answers again")
    expire()
    assert p.by_name("alice") == NOT_FOUND and p.by_name("anna")[1] == 5003


def test_too_old_is_not_served(elsewhere):
    elsewhere.configure("StaleSeconds 3")
    elsewhere.add_user("alice")
    elsewhere.start()
    assert p.by_name("alice")[1] == 5001
    fetched = time.monotonic()
    elsewhere.far.stop(signal.SIGKILL)
    expire()
    assert p.by_name("alice")[1] == 5001
    wait_until(lambda: p.by_name("alice") == UNAVAILABLE, seconds=5)
    assert time.monotonic() - fetched > 2.9


def test_restarted_while_it_is_down(elsewhere):
    elsewhere.add_user("alice")
    elsewhere.start()
    assert p.by_name("alice")[1] == 5001 and p.session("alice")["uid"] == 5001
    elsewhere.agent.stop()
    elsewhere.far.stop(signal.SIGKILL)
    expire()
    agent = elsewhere.host.start()
    agent.wait_log("store can't be asked")
    assert p.by_name("alice")[1] == p.by_uid(5001)[1] == p.session("alice")["uid"] == 5001
    assert p.by_name("anna") == UNAVAILABLE


def test_stop_does_not_wait_for_what_hangs(elsewhere):
    elsewhere.configure("LookupSeconds 10")
    elsewhere.add_user("alice")
    elsewhere.start()
    assert p.by_name("alice")[1] == 5001
    elsewhere.freeze()
    expire()
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = [pool.submit(p.by_name, f"unknown{number}") for number in range(10)]
        answers.append(pool.submit(p.by_name, "alice"))
        time.sleep(0.3)
        status, seconds = timed(elsewhere.agent.stop)
    assert status == 0 and seconds < 3, elsewhere.agent.log()
    assert [answer.result() for answer in answers] == [UNAVAILABLE] * 10 + [("alice", 5001, 5001, "/")]


def test_responsive_while_threads_hang(elsewhere):
    elsewhere.configure("LookupSeconds 8")
    elsewhere.add_user("alice")
    elsewhere.start()
    assert p.by_name("alice")[1] == 5001
    elsewhere.configure("LookupSeconds 8", "CacheSeconds 60")
    elsewhere.agent.hangup()
    elsewhere.agent.wait_log("store answers", 2)
    assert p.by_name("alice")[1] == 5001
    elsewhere.freeze()
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        answers = [pool.submit(p.by_name, f"unknown{number}") for number in range(40)]
        time.sleep(0.2)
        for _ in range(100):
            answer, seconds = timed(p.by_name, "alice")
            assert answer[1] == 5001 and seconds < 0.5
        assert {answer.result() for answer in answers} == {UNAVAILABLE}


def test_wrong_credentials(elsewhere):
    elsewhere.add_user("alice")
    agent = elsewhere.start()
    assert p.by_name("alice")[1] == 5001
    keys = elsewhere.far.admin.berth("api-key", "disable", elsewhere.far.key.id, "--config", elsewhere.far.admin.config)
    assert keys.returncode == 0, keys.stderr
    expire()
    wait_until(lambda: (p.by_name("alice"), agent.log())[1].count("store can't be asked"), seconds=15)
    assert "security token" in agent.log()
    assert p.by_name("alice")[1] == 5001 and p.by_name("anna") == UNAVAILABLE


def test_test_option(elsewhere):
    assert elsewhere.host.run("-t").returncode == 0
    elsewhere.configure(f"ServerId s-{'0' * 17}")
    done = elsewhere.host.run("-t")
    assert done.returncode == 1 and "ServerId" in done.stderr and "berth admin list-servers" in done.stderr
    elsewhere.configure("StoreCredentials /nonexistent")
    done = elsewhere.host.run("-t")
    assert done.returncode == 1 and "Store transfer:" in done.stderr and "/nonexistent" in done.stderr
    elsewhere.configure()
    elsewhere.far.stop()
    done = elsewhere.host.run("-t")
    assert done.returncode == 1 and "onnect" in done.stderr


def test_switched_by_reload(elsewhere):
    elsewhere.add_user("alice")
    agent = elsewhere.start()
    assert p.by_name("alice")[1] == 5001
    elsewhere.host.store = "/run/store/berth.db"
    elsewhere.host.make_store()
    elsewhere.add_user("lena", 5004)
    agent.hangup()
    agent.wait_log("store opened: ")
    assert p.by_name("lena")[1] == 5004 and p.by_name("alice") == NOT_FOUND
    elsewhere.host.server_id = elsewhere.far.server_id
    elsewhere.configure()
    agent.hangup()
    agent.wait_log("store answers", 2)
    assert p.by_name("alice")[1] == 5001 and p.by_name("lena") == NOT_FOUND


def test_reload_while_one_waits(elsewhere):
    elsewhere.configure("LookupSeconds 10")
    elsewhere.add_user("alice")
    agent = elsewhere.start()
    elsewhere.freeze()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waits = pool.submit(p.by_name, "alice")
        time.sleep(0.3)
        agent.hangup()
        agent.wait_log("configuration reloaded")
        elsewhere.thaw()
        assert waits.result()[1] == 5001


def test_memory_when_idle(elsewhere):
    elsewhere.configure("CacheSeconds 60")
    names = [f"user{number:02d}" for number in range(50)]
    for number, name in enumerate(names):
        elsewhere.add_user(name, 6000 + number)
    elsewhere.start()
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        list(pool.map(p.by_name, names))
    with open(f"/proc/{elsewhere.agent.pid}/status", encoding="ascii") as status:
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    assert resident <= 32 * 1024, resident


def test_environment_file_is_not_needed(elsewhere):
    """~ is the home directory of User, whoever has started the agent."""
    home = "/run/store/home"
    os.makedirs(f"{home}/.aws")
    os.rename("/run/store/credentials", f"{home}/.aws/credentials")
    with open("/etc/passwd", encoding="ascii") as passwd:
        text = passwd.read().replace("berth:x:990:990::/:", f"berth:x:990:990::{home}:")
    with open("/etc/passwd", "w", encoding="ascii") as passwd:
        passwd.write(text)
    elsewhere.configure()
    with open("/etc/berth/berth.conf", encoding="ascii") as config:
        text = "".join(line for line in config if not line.startswith("StoreCredentials"))
    with open("/etc/berth/berth.conf", "w", encoding="ascii") as config:
        config.write(text)
    elsewhere.start()
