"""The units as systemd runs them: they serve, they are shut in, and they come back whatever happens to the daemons."""
import json
import re

import pytest

from machine import wait_until
from operator_steps import ALICE_UID, API, assert_alice_logs_in, call_api, install, server_id, set_up, start_api

SERVICES = ["berthd.service", "berth-api.service"]
both = pytest.mark.parametrize("unit", SERVICES)
# The limits and their files in a cgroup, and the controller that each needs.
CGROUP_LIMITS = {"MemoryMax": ("memory.max", "memory"), "TasksMax": ("pids.max", "pids")}


@pytest.fixture
def drop_in(host):
    """drop_in(unit, lines): these lines of [Service] for the length of the test."""
    made = []

    def make(unit, *lines):
        path = "/run/systemd/system/%s.d/test.conf" % unit
        host.write(path, "[Service]\n%s\n" % "\n".join(lines))
        made.append((unit, path))
        host.do("systemctl", "daemon-reload")
        host.do("systemctl", "restart", unit)
    yield make
    for _, path in made:
        host.path(path).unlink()
    host.do("systemctl", "daemon-reload")
    for unit, _ in made:
        host.do("systemctl", "restart", unit)


def serves(host, unit):
    """Whether the daemon answers a question."""
    if unit == "berthd.service":
        return host.do("getent", "passwd", "alice").split(":")[2] == str(ALICE_UID)
    status, answer = call_api(host, "ListUsers", ServerId=server_id(host))
    return status == 200 and [user["UserName"] for user in answer["Users"]] == ["alice"]


def process(host, unit, name):
    """A file of the main process in /proc."""
    return host.read("/proc/%d/%s" % (host.main_pid(unit), name))


def status_field(host, unit, name):
    return re.search(r"^%s:\s*(.*)$" % name, process(host, unit, "status"), re.MULTILINE).group(1)


def exposure(host, unit):
    shown = host.do("systemd-analyze", "--no-pager", "security", unit)
    print(shown)
    return float(re.search(r"Overall exposure level for \S+: ([\d.]+)", shown).group(1))


def open_files(limits):
    return int(re.search(r"^Max open files +\d+ +(\d+) ", limits, re.MULTILINE).group(1))


def new_process(host, unit, old):
    """The main process that follows the one of that number, once it is ready."""
    def ready():
        now = host.unit(unit, "MainPID", "ActiveState")
        assert now["ActiveState"] != "failed", "systemd has given up %s" % unit
        return now["ActiveState"] == "active" and int(now["MainPID"]) not in (0, old) and int(now["MainPID"])
    return wait_until(ready, 20, "%s to come back" % unit)


def last_entry(host):
    """The cursor of the journal's end. (With a match beside it, journalctl leaves out the first entry after a cursor.)"""
    return host.journal("--lines=1")[0]["__CURSOR"]


def journal_of(host, cursor, text):
    """The journal's entries since then whose message has this text, as soon as there is one."""
    return wait_until(lambda: [entry for entry in host.journal("--after-cursor=" + cursor) if text in entry["MESSAGE"]],
                      what="a line with %s" % text)


@both
def test_start_reload_restart_and_stop(host, unit):
    assert serves(host, unit)
    first = host.main_pid(unit)
    host.do("systemctl", "reload", unit)
    wait_until(lambda: [entry for entry in host.journal("--unit=" + unit, "_PID=%d" % first)
                        if entry["MESSAGE"].startswith("configuration reloaded: ")], what="the reload")
    assert serves(host, unit) and host.main_pid(unit) == first
    host.do("systemctl", "restart", unit)
    assert serves(host, unit) and host.main_pid(unit) != first
    host.do("systemctl", "stop", unit)
    assert host.unit(unit, "ActiveState", "SubState", "Result") == {
        "ActiveState": "inactive", "SubState": "dead", "Result": "success"}
    host.do("systemctl", "start", unit)
    assert serves(host, unit)


def test_socket_is_systemds_and_starts_the_agent(host):
    host.do("systemctl", "stop", "berthd.service")
    assert host.is_active("berthd.socket")
    found = host.path("/run/berth/agent.sock").stat()
    assert (found.st_uid, found.st_mode & 0o7777) == (0, 0o666)
    assert serves(host, "berthd.service")  # the question is what starts it
    assert host.is_active("berthd.service")
    assert host.path("/run/berth/agent.sock").stat().st_ino == found.st_ino


def test_both_start_with_the_machine(host):
    for unit in ("berthd.socket", *SERVICES):
        assert host.unit(unit, "UnitFileState") == "enabled", unit
        target = "sockets.target" if unit.endswith(".socket") else "multi-user.target"
        assert unit in host.unit(target, "Wants").split()


@both
def test_exposure(host, unit):
    assert exposure(host, unit) <= 2.0


@both
def test_process_is_shut_in(host, unit):
    assert status_field(host, unit, "Uid").split() == [str(host.path("/var/lib/berth").stat().st_uid)] * 4
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status_field(host, unit, name), 16) == 0, name
    assert (status_field(host, unit, "NoNewPrivs"), status_field(host, unit, "Seccomp")) == ("1", "2")
    same = "readlink /proc/%d/ns/net /proc/1/ns/net | uniq | wc -l" % host.main_pid(unit)
    assert host.shell(same) == {"berthd.service": "2\n", "berth-api.service": "1\n"}[unit]
    for path in ("/etc", "/usr", "/srv"):
        options = [line.split()[5].split(",") for line in process(host, unit, "mountinfo").splitlines()
                   if line.split()[4] in ("/", path)][-1]
        assert "ro" in options, path


@both
def test_limits_are_in_force(host, unit):
    limits = process(host, unit, "limits")
    assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE)
    said = host.unit(unit, "LimitNOFILE", "ControlGroup", *CGROUP_LIMITS)
    # systemd can't raise it where the machine's own limit is lower and holds root too.
    assert open_files(limits) in (int(said["LimitNOFILE"]), open_files(host.read("/proc/1/limits"))), limits
    controllers = host.read("/sys/fs/cgroup/cgroup.controllers").split()
    for name, (file, controller) in CGROUP_LIMITS.items():
        assert said[name].isdigit(), "%s: %s" % (name, said[name])
        if controller in controllers:
            assert host.read("/sys/fs/cgroup%s/%s" % (said["ControlGroup"], file)) == said[name] + "\n"


@both
def test_watchdog_ends_a_daemon_that_hangs(host, drop_in, unit):
    assert host.unit(unit, "WatchdogUSec") not in ("0", "infinity")
    drop_in(unit, "WatchdogSec=500ms")
    assert serves(host, unit)
    old = host.main_pid(unit)
    signs = set()  # of life: one that is well gives them in time

    def has_given_some():
        signs.add(host.unit(unit, "WatchdogTimestampMonotonic"))
        return len(signs) > 4
    wait_until(has_given_some, what="signs of life")
    assert host.main_pid(unit) == old
    host.do("kill", "-STOP", old)
    new_process(host, unit, old)
    assert serves(host, unit)
    assert [entry for entry in host.journal("UNIT=" + unit) if "'watchdog'" in entry["MESSAGE"]]


@both
def test_kills_in_a_row_never_stop_it_for_good(host, drop_in, unit):
    drop_in(unit, "RestartSec=10ms")
    pid = host.main_pid(unit)
    for _ in range(12):
        host.do("kill", "-KILL", pid)
        pid = new_process(host, unit, pid)
    assert serves(host, unit)
    assert host.unit("berthd.socket", "ActiveState") == "active"


def test_journal_has_authpriv_and_key_value(host):
    assert_alice_logs_in(host)
    host.do("systemctl", "restart", *SERVICES)
    for unit, name in (("berthd.service", "berthd"), ("berth-api.service", "berth-api")):
        pid = host.main_pid(unit)
        started = wait_until(lambda: [entry for entry in host.journal("_PID=%d" % pid)
                                      if entry["MESSAGE"].startswith("started version=")], what="the line of the start")
        assert len(started) == 1
        assert (started[0]["SYSLOG_FACILITY"], started[0]["PRIORITY"], started[0]["SYSLOG_IDENTIFIER"]) == ("10", "6", name)
        assert started[0]["_SYSTEMD_UNIT"] == unit
        assert re.fullmatch(r"started( \w+=\S+)+", started[0]["MESSAGE"])


def test_journal_has_logins(host):
    cursor = last_entry(host)
    assert_alice_logs_in(host)
    opened = journal_of(host, cursor, "session opened user=alice ")
    assert [(entry["SYSLOG_FACILITY"], entry["_COMM"], entry["_UID"]) for entry in opened] == [("10", "sshd", "0")]
    host.do("berth", "admin", "stop-server", "--server-id", server_id(host))
    assert not host.sftp("alice").ok
    host.do("berth", "admin", "start-server", "--server-id", server_id(host))
    refused = [entry for entry in host.journal("--after-cursor=" + cursor) if "refused" in entry["MESSAGE"]]
    assert refused and {entry["SYSLOG_FACILITY"] for entry in refused} == {"10"}
    assert_alice_logs_in(host)


def test_why(host):
    """`berth why` reads the real journal, with what agent, sshd and PAM module have put there."""
    cursor = last_entry(host)
    assert not host.sftp("alice", key="stranger").ok
    host.do("berth", "admin", "stop-server", "--server-id", server_id(host))
    assert not host.sftp("alice").ok
    host.do("berth", "admin", "start-server", "--server-id", server_id(host))
    journal_of(host, cursor, "refused user=alice ")
    fingerprint = host.do("ssh-keygen", "-lf", host.key("stranger")).split()[1]
    found = json.loads(host.do("berth", "why", "alice", "--output", "json"))["Refusals"]
    assert [line for line in found if line["By"] == "berthd" and fingerprint in line["Reason"]]
    last = found[-1]
    assert (last["By"], last["Client"]) == ("pam_berth", "127.0.0.1") and "OFFLINE" in last["Reason"]
    assert "start-server" in last["Cure"]
    assert "OFFLINE" in host.do("berth", "why", "alice")
    assert host.run("berth", "why", "nobody-of-this-name").code == 1


def test_doctor_and_status(host):
    """On a machine with systemd, the journal and no syslog daemon nothing is wrong, and the unit's sandbox hides nothing."""
    judged = host.run("berth", "doctor", "--output", "json")
    assert judged.ok, repr(judged)
    assert {finding["Level"] for finding in json.loads(judged.out)["Findings"]} == {"ok"}, judged.out
    with host.open_session("alice"):
        host.do("berth", "doctor", "alice")
        found = json.loads(host.do("berth", "status", "--output", "json"))
    assert (found["ServerId"], found["Users"], found["Sessions"]) == (server_id(host), 1, 1)
    assert found["DescriptorsMax"] == open_files(process(host, "berthd.service", "limits"))


def test_logrotate(host):
    """The rotation that cron or the timer runs: of all that is configured, by the packages' own files."""
    assert_alice_logs_in(host)
    assert serves(host, "berth-api.service")
    daemons = {unit: host.main_pid(unit) for unit in SERVICES}
    logs = {"transfers.jsonl": '"operation":"session-open"', "api.jsonl": '"operation":"ListUsers"'}
    before = {name: host.read("/var/log/berth/" + name) for name in logs}
    cursor = last_entry(host)
    host.do("logrotate", "--force", "/etc/logrotate.conf")
    for pid in daemons.values():
        wait_until(lambda pid=pid: [entry for entry in journal_of(host, cursor, "configuration reloaded: ")
                                    if entry["_PID"] == str(pid)], what="the daemon's SIGHUP")
    for name, old in before.items():
        assert host.read("/var/log/berth/%s.1" % name) == old and old
        shown = host.do("stat", "--format=%a %U:%G", "/var/log/berth/" + name)
        assert shown == "640 berth:adm\n", shown
    assert_alice_logs_in(host)
    assert serves(host, "berth-api.service")
    for name, line in logs.items():
        new = wait_until(lambda path="/var/log/berth/" + name: host.read(path), what=name)
        assert line in new.replace(" ", ""), new
    host.do("logrotate", "--force", "/etc/logrotate.conf")
    assert host.path("/var/log/berth/transfers.jsonl.2.gz").exists()
    assert daemons == {unit: host.main_pid(unit) for unit in SERVICES}


def test_store_elsewhere(wired):
    """The agent has no network by itself. Setup gives it one, and takes it back, by the drop-in that the package has."""
    install(wired, "berth-api")
    wired.do("cp", "/etc/berth/berth.conf", "/etc/berth/api.conf")
    wired.write("/etc/systemd/system/berth-api.service.d/test.conf",
                "[Service]\nExecStart=\nExecStart=/usr/sbin/berth-api -f /etc/berth/api.conf\n")
    start_api(wired)
    wired.do("install", "-m", "0600", "-o", "berth", "-g", "berth", "/root/.aws/credentials", "/var/lib/berth/credentials")
    wired.write("/etc/berth/berth.conf", wired.read("/etc/berth/berth.conf") + "Store transfer:%s\n"
                "StoreCredentials /var/lib/berth/credentials\nStoreProfile berth\n" % API)
    drop_in = wired.path("/etc/systemd/system/berthd.service.d/berthd-remote.conf")
    wired.do("systemctl", "restart", "berthd.service")
    assert not wired.sftp("alice").ok and not drop_in.exists()
    set_up(wired)
    assert drop_in.exists() and wired.unit("berthd.service", "PrivateNetwork") == "no"
    assert_alice_logs_in(wired)
    assert '"alice"' in wired.do("berth", "cache", "show", "alice", "--output", "json")
    level = exposure(wired, "berthd.service")
    assert level <= 2.0, level
    wired.do("berth", "setup", "--undo", "--yes")
    assert not drop_in.exists() and wired.unit("berthd.service", "PrivateNetwork") == "yes"
