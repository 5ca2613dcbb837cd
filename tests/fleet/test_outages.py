"""berth-api fails in every way there is: who is known to a host still logs in there, who isn't is refused, local accounts
never notice, and afterwards records are fresh again."""
import concurrent.futures
import contextlib
import signal
import statistics
import time

import pytest

from fleet import CACHE_SECONDS, LOOKUP_SECONDS, PATIENCE, key
from private_host import wait_until

SLACK = 1.5  # seconds, on a machine that has other things to do
AGENT_BYTES_MAX = 64 << 20
BACK_OFF = CACHE_SECONDS / 2  # for how long at most nobody asks again


@contextlib.contextmanager
def killed(fleet):
    fleet.api.stop("berth-api", signal.SIGKILL)
    try:
        yield
    finally:
        fleet.api.start_api()


@contextlib.contextmanager
def stopped(fleet):
    with fleet.api.frozen("berth-api"):
        yield


@contextlib.contextmanager
def cut(fleet):
    with fleet.cut(fleet.east):
        yield


def faulty(fault):
    @contextlib.contextmanager
    def replaced(fleet):
        fleet.api.stop("berth-api")
        process = fleet.api.start_faulty_api(fault)
        try:
            yield
            assert process.lines, "nobody asked"
        finally:
            fleet.api.stop("faulty-api")
            fleet.api.start_api()
    return replaced


@contextlib.contextmanager
def wrong_certificate(fleet):
    fleet.api.stop("berth-api")
    fleet.certify("wrong")
    fleet.api.start_api()
    try:
        yield
    finally:
        fleet.api.stop("berth-api")
        fleet.certify("api")
        fleet.api.start_api()


@contextlib.contextmanager
def credentials_withdrawn(fleet):
    assert fleet.api.run("berth", "api-key", "disable", fleet.key.id).ok
    try:
        yield
    finally:
        assert fleet.api.run("berth", "api-key", "enable", fleet.key.id).ok


OUTAGES = {"killed": killed, "stopped": stopped, "packets dropped": cut, "answers 500": faulty("error500"),
           "throttles": faulty("throttle"), "answers garbage": faulty("garbage"), "answers without end": faulty("huge"),
           "wrong certificate": wrong_certificate, "credentials withdrawn": credentials_withdrawn}


@pytest.fixture(scope="module")
def local_key(whole_fleet):
    """localuser's, whose authorized_keys the hosts share; .seconds: how long a login takes while all is well."""
    local = key("localuser")
    whole_fleet.east.write("/home/localuser/.ssh/authorized_keys", local.public + "\n", 0o600, "localuser")
    logins = [whole_fleet.east.sftp("localuser", local) for _ in range(5)]
    assert all(login.ok for login in logins), repr(logins[0])
    local.seconds = statistics.median(login.seconds for login in logins)
    return local


class Known:
    """Somebody who is in the hosts' caches, and what she is to see as /."""

    def __init__(self, fleet):
        self.fleet, self.name, self.key, self.sees = fleet, "frank", key("frank"), "one"
        for host in fleet.logins:
            host.bucket("one", "two")
        fleet.api.create_user(self.name, 5101, "/bucket/one", self.key)

    def change(self):
        """The record, where it is kept."""
        self.sees = {"one": "two", "two": "one"}[self.sees]
        self.fleet.api.update_user(self.name, "/bucket/" + self.sees)

    def is_fresh(self, host):
        return host.sees(self.name, self.key) == [self.sees]

    def expire(self, host):
        """She is in this host's cache, and has to be asked for again."""
        wait_until(lambda: self.is_fresh(host), PATIENCE, "a fresh record")
        self.wait_stale(host)

    def wait_stale(self, host):
        wait_until(lambda: host.cached(self.name)["CacheState"] == "stale", PATIENCE, "a record that isn't fresh")

    def logs_in_stale(self, host):
        """As the host knows her from before change(), within LookupSeconds."""
        result = host.sftp(self.name, self.key)
        assert result.ok, repr(result)
        assert {"one": "two", "two": "one"}[self.sees] in result.out.splitlines(), repr(result)
        assert result.seconds < LOOKUP_SECONDS + SLACK, "%.1f s" % result.seconds


@pytest.fixture(scope="module")
def known(whole_fleet):
    return Known(whole_fleet)


def assert_local_accounts_never_notice(host, local_key):
    for command in (("getent", "passwd", "root"), ("id", "localuser"), ("getent", "group", "localuser")):
        result = host.run(*command)
        assert result.ok and result.seconds < 0.8, "%s: %.1f s" % (command, result.seconds)
    result = host.sftp("localuser", local_key)
    assert result.ok, repr(result)
    assert result.seconds < 2 * local_key.seconds + 0.7, "%.2f s, before: %.2f s" % (result.seconds, local_key.seconds)


def assert_refused(host, name, by):
    """The name's lookup takes half of LookupSeconds, and the login all of it: sshd answers for a name that nobody has as late
    again as it took to find out, so that no time tells who is there."""
    lookup = host.run("getent", "passwd", name + "-alone")
    assert lookup.code == 2 and lookup.seconds < LOOKUP_SECONDS / 2 + SLACK, "%.1f s: %r" % (lookup.seconds, lookup)
    result = host.sftp(name, by)
    assert not result.ok and "Permission denied" in result.err, repr(result)
    assert result.seconds < LOOKUP_SECONDS + SLACK, "%.1f s" % result.seconds


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage(fleet, known, local_key, outage):
    host = fleet.east
    known.expire(host)
    with OUTAGES[outage](fleet):
        known.change()
        known.logs_in_stale(host)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            unknown = pool.submit(assert_refused, host, "nobody-knows-" + outage.split()[-1], known.key)
            assert_local_accounts_never_notice(host, local_key)
            unknown.result()
        known.logs_in_stale(host)
        assert host.peak("berthd") < AGENT_BYTES_MAX
    healed = time.monotonic()
    wait_until(lambda: known.is_fresh(host), CACHE_SECONDS + BACK_OFF + SLACK, "a fresh record")
    assert time.monotonic() - healed < CACHE_SECONDS + BACK_OFF + SLACK


def test_the_other_hosts_never_notice_one_host_cut_off(fleet, known):
    known.expire(fleet.east)
    with fleet.cut(fleet.east):
        known.change()
        known.logs_in_stale(fleet.east)
        wait_until(lambda: known.is_fresh(fleet.west), CACHE_SECONDS + SLACK, "a fresh record on west")
    wait_until(lambda: known.is_fresh(fleet.east), CACHE_SECONDS + BACK_OFF + SLACK, "a fresh record on east")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_an_agent_that_starts_again_in_an_outage_knows_whom_it_knew(fleet, known, how):
    host = fleet.east
    known.expire(host)
    with killed(fleet):
        known.change()
        known.logs_in_stale(host)
        host.restart_agent(how)
        known.logs_in_stale(host)
        assert_refused(host, "nobody-knows-him", known.key)
    wait_until(lambda: known.is_fresh(host), CACHE_SECONDS + BACK_OFF + SLACK, "a fresh record")


def test_sessions_live_through_an_outage(fleet, known):
    """What is open stays, and works; what is closed is gone."""
    host = fleet.east

    def open_sessions():
        shown = host.run("berth", "sessions")
        assert shown.ok, repr(shown)
        return shown.out.count(known.name)

    wait_until(lambda: known.is_fresh(host), PATIENCE, "a fresh record")
    with host.login(known.name, known.key) as first:
        with killed(fleet):
            known.wait_stale(host)
            second = host.login(known.name, known.key)
            wait_until(lambda: open_sessions() == 2, PATIENCE, "two sessions")
            for number, session in enumerate((first, second)):
                session.sftp.open("/written%d" % number, "w").close()
                session.sftp.remove("/written%d" % number)
            second.close()
            wait_until(lambda: open_sessions() == 1, PATIENCE, "the end of one session")
            host.restart_agent()
            assert first.sftp.listdir("/") == [known.sees]
        assert first.sftp.listdir("/") == [known.sees]
    known.change()
    wait_until(lambda: known.is_fresh(host), CACHE_SECONDS + BACK_OFF + SLACK, "a fresh record")
    wait_until(lambda: open_sessions() == 0, PATIENCE, "the end of all sessions")
