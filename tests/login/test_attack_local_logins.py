"""Root and local users log in as before and as fast as before, whether the agent is up, dead, or stopped. Medians are
printed (pytest -s, or on failure); what is asserted has room for a busy machine. The exact ratios are the benchmark's."""
import contextlib
import os
import statistics
import subprocess
import time
from pathlib import Path

import pytest

from attack_tools import PASSWD_BY_NAME, fake_agent
from private_host import run

ROUNDS = 12
WIRING = [Path(name) for name in ("/etc/pam.d/sshd", "/etc/nsswitch.conf", "/etc/ssh/sshd_config.d/berth.conf")]
LOCAL_UID = 2901


@pytest.fixture(scope="module")
def keys(fresh_host):
    """Keys of root and localuser, in their authorized_keys; root's sshd_config line for it."""
    found = {}
    for name, home, uid in (("root", "/root", 0), ("localuser", "/home/localuser", LOCAL_UID)):
        found[name] = fresh_host.key(name)
        os.makedirs(home + "/.ssh", exist_ok=True)
        path = Path(home + "/.ssh/authorized_keys")
        path.write_text(found[name].public + "\n", encoding="ascii")
        path.chmod(0o600)
        os.chown(path, uid, uid)
    yield found
    for home in ("/root", "/home/localuser"):
        os.unlink(home + "/.ssh/authorized_keys")


@contextlib.contextmanager
def without_berth(host):
    """A second sshd's worth of configuration that Berth was never wired into. sshd reads its file when it starts, so this
    one is started here, on a port of its own."""
    kept = {path: path.read_text(encoding="utf-8") for path in WIRING}
    try:
        Path("/etc/pam.d/sshd").write_text(
            "".join(line for line in kept[WIRING[0]].splitlines(True) if "pam_berth" not in line), encoding="utf-8")
        Path("/etc/nsswitch.conf").write_text(kept[WIRING[1]].replace(" berth", ""), encoding="utf-8")
        Path("/etc/ssh/sshd_config.d/berth.conf").write_text("", encoding="utf-8")
        host.sshd_config("")
        yield
    finally:
        for path, text in kept.items():
            path.write_text(text, encoding="utf-8")
        host.sshd_config("")


def seconds_of(work, *arguments, **keywords):
    start = time.monotonic()
    result = work(*arguments, **keywords)
    return time.monotonic() - start, result


def logins(host, keys, name, rounds=ROUNDS):
    """How long each of so many logins took, whole: ssh, "id -u", and out again."""
    taken = []
    for _ in range(rounds):
        seconds, result = seconds_of(host.ssh, name, keys[name], "id", "-u")
        assert result.ok and result.out.strip() == ("0" if name == "root" else str(LOCAL_UID)), repr(result)
        taken.append(seconds)
    return taken


@contextlib.contextmanager
def agent_in_state(host, state):
    """The agent up, dead, or stopped for the length of the block."""
    if state == "dead":
        host.kill_agent()
        yield
        host.start_agent()
    elif state == "stopped":
        with host.frozen_agent():
            yield
    else:
        yield


@pytest.mark.parametrize("name", ["root", "localuser"])
def test_local_logins_take_no_longer(host, keys, name):
    """A baseline without Berth before and after, and each state of the agent in between."""
    taken = {}
    with without_berth(host):
        taken["without Berth"] = logins(host, keys, name, ROUNDS // 2)
    for state in ("up", "dead", "stopped"):
        with agent_in_state(host, state):
            taken[state] = logins(host, keys, name)
    with without_berth(host):
        taken["without Berth"] += logins(host, keys, name, ROUNDS // 2)
    medians = {state: statistics.median(seconds) for state, seconds in taken.items()}
    print("%s, median of %d logins, ms:" % (name,
                                            ROUNDS), {state: round(1000 * median, 1) for state, median in medians.items()})
    baseline = medians["without Berth"]
    for state in ("up", "dead", "stopped"):
        assert medians[state] < baseline + 0.5, "%s: %r" % (state, medians)
    assert max(taken["up"] + taken["dead"]) < max(taken["without Berth"]) + 1, taken
    # With the agent stopped one lookup may wait for as long as the NSS module's limit: a second.
    assert max(taken["stopped"]) < max(taken["without Berth"]) + 1.5, taken


def test_a_session_of_a_local_user_is_what_it_was(host, keys):
    """Not sealed, with its groups, a shell, a tty, forwarding: what Berth takes from its own users only."""
    with without_berth(host):
        before = host.ssh("localuser", keys["localuser"],
                          "id; pwd; cat /proc/self/status | grep -E 'Seccomp|NoNewPrivs'; echo $SHELL; ls /")
    after = host.ssh("localuser", keys["localuser"],
                     "id; pwd; cat /proc/self/status | grep -E 'Seccomp|NoNewPrivs'; echo $SHELL; ls /")
    assert before.ok and after.ok and before.out == after.out and "uid=%d(localuser)" % LOCAL_UID in after.out
    assert host.sftp("localuser", keys["localuser"], "pwd\nls /etc/passwd\n").ok
    terminal = host.ssh("localuser", keys["localuser"], "tty", options=("-tt",))
    assert "/dev/pts/" in terminal.out, repr(terminal)
    assert not host.log("pam_berth")


LOOKUPS = [("id", "localuser"), ("id", "root"), ("id", "-G", "localuser"), ("getent", "passwd", "root"),
           ("getent", "passwd", "2901"), ("getent", "group", "sudo"), ("getent", "group", "27"),
           ("getent", "initgroups", "localuser"), ("getent", "initgroups", "root"), ("getent", "passwd", "999"),
           ("getent", "group", "999")]


@pytest.mark.parametrize("command", LOOKUPS, ids=" ".join)
def test_lookups_of_local_names_never_wait(host, keys, command):
    """Nor of ids below the floor, which can't be Berth's: the agent isn't even asked."""
    with host.frozen_agent():
        seconds, result = seconds_of(run, *command)
    assert seconds < 0.5, "%s took %.2f s: %r" % (" ".join(command), seconds, result)


def test_a_lookup_that_must_ask_waits_a_second_at_most(host, keys):
    """Our service alone: systemd's, where a host has it, asks all the others a second time for groups by number."""
    with host.frozen_agent():
        for command in (("getent", "-s", "berth", "passwd", "somebody"), ("getent", "-s", "berth", "passwd", "54321"),
                        ("getent", "-s", "berth", "group", "54321"), ("getent", "-s", "berth", "initgroups", "somebody")):
            seconds, result = seconds_of(run, *command)
            assert result.out.split() in ([], ["somebody"]), repr(result)
            assert seconds < 1.5, "%s took %.2f s" % (" ".join(command), seconds)


def test_a_dead_agent_costs_a_lookup_nothing(host, keys):
    host.kill_agent()
    seconds, result = seconds_of(run, "getent", "passwd", "somebody")
    assert not result.ok and seconds < 0.5
    os.unlink("/run/berth/agent.sock")
    seconds, result = seconds_of(run, "getent", "passwd", "somebody")
    assert not result.ok and seconds < 0.5
    host.start_agent()


def test_an_agent_that_answers_in_drips_is_no_slower_than_a_stopped_one(host, keys):
    def respond(verb, payload, count):
        return [b"B"] * 100
    with fake_agent(host, respond) as agent:
        seconds, result = seconds_of(run, "getent", "passwd", "somebody")
        assert not result.ok and seconds < 1.5
        assert agent.asked(PASSWD_BY_NAME) == 1
        assert logins(host, keys, "localuser", 2)


def test_a_flood_of_lookups_by_one_user_hurts_nobody(host, keys):
    """Eight processes of a local user that ask without end."""
    flood = "while :; do getent passwd nobody-$RANDOM; getent passwd 54$RANDOM; done >/dev/null 2>&1"
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            process = subprocess.Popen(["setpriv", "--reuid=2902", "--regid=2902", "--clear-groups", "bash", "-c", flood],
                                                     start_new_session=True)
            stack.callback(process.wait)
            stack.callback(os.killpg, process.pid, 9)
        time.sleep(0.3)
        seconds, result = seconds_of(host.ssh, "localuser", keys["localuser"], "id", "-u")
        assert result.ok and seconds < 10
