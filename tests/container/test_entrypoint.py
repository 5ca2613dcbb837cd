"""The container's first process: it brings all up, keeps the log, reaps, and ends everything together."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest

from conftest import ENTRYPOINT, KEY, add_user, comm, wait_until

LINE = re.compile(r"^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ (\S+?)\[(\d+)\]: (.*)$", re.M)


def transfer_log():
    path = pathlib.Path("/var/log/berth/transfers.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def closed():
    return [event for event in transfer_log() if event["operation"] == "session-close"]


def says(running, program, text):
    """Whether a program has said so, in a line of the log's form."""
    return any(name == program and text in said for name, _, said in LINE.findall(running.log()))


def test_brings_up_and_serves(container):
    subprocess.run(["/usr/bin/berth", "setup", "--undo", "--yes"], check=True, capture_output=True)
    running = container().ready()
    assert "changed /etc/pam.d/sshd" in running.log() and "made server s-" in running.log()
    add_user(running)
    done = running.sftp("alice", "put /etc/hostname file\nls -1\n")
    assert done.returncode == 0 and "file" in done.stdout, done.stderr
    placed = os.stat("/srv/berth/bucket/home/alice/file")
    assert (placed.st_uid, placed.st_gid) == (5001, 5001)
    wait_until(closed, what="session-close")
    status = json.loads(running.execute("berth", "status", "--output", "json").stdout)
    assert status["Users"] == 1 and status["RequestsSession"] >= 1 and status["AnswersDenied"] == 0
    # Who runs as what.
    assert comm(running.init) == "entrypoint"
    for name, user in (("berthd", "berth"), ("berth-syslog", "nobody"), ("sshd", "root")):
        uid = int(subprocess.run(["id", "-u", user], capture_output=True, check=True).stdout)
        assert os.stat(f"/proc/{running.one(name)}").st_uid in (uid, 0)
        assert f"Uid:\t{uid}\t" in pathlib.Path(f"/proc/{running.one(name)}/status").read_text()


def test_log_has_who_came_and_who_was_refused(container):
    running = container().ready()
    add_user(running)
    other = KEY.with_name("container-other-key")
    if not other.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    assert running.sftp("alice", "pwd\n").returncode == 0
    wait_until(lambda: says(running, "sshd", "pam_berth(sshd:session): session closed"), what="the session's end")
    assert says(running, "sshd", "Accepted publickey for alice from 127.0.0.1")
    assert says(running, "berthd", "started version=")
    assert running.sftp("alice", "pwd\n", key=other).returncode != 0
    wait_until(lambda: says(running, "sshd", "Connection closed by authenticating user alice"), what="the refusal")
    running.execute("berth", "admin", "stop-server")
    assert running.sftp("alice", "pwd\n").returncode != 0
    wait_until(lambda: says(running, "sshd", "pam_berth(sshd:account):"), what="PAM's refusal")
    reason = next(text for name, _, text in LINE.findall(running.log()) if "pam_berth(sshd:account)" in text)
    assert "user=alice" in reason and "OFFLINE" in reason


@pytest.mark.parametrize("name", ["berthd", "sshd", "berth-syslog"])
def test_one_ends_and_so_do_all(container, name):
    """The exit status is of the one that ended; the session that was open is ended, and that is logged."""
    running = container().ready()
    add_user(running)
    client = running.session("alice")
    os.kill(running.one(name), signal.SIGKILL)
    assert running.wait(12) == 128 + signal.SIGKILL
    client.communicate(timeout=5)
    assert f"berth-entrypoint: {name} ended: status=137" in running.log()
    if name != "berthd":
        assert len(closed()) == 1
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", running.port)) != 0


def test_exit_status_of_one_that_gives_up(container):
    running = container("--", "-o", "NoSuchOption=yes")
    assert running.wait() == 1
    assert "NoSuchOption" in running.log() and "berth-entrypoint: sshd ended: status=1" in running.log()
    pathlib.Path("/etc/berth/berth.conf").write_text("Nonsense yes\n")
    running = container()
    assert running.wait() != 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop(container, number):
    running = container().ready()
    add_user(running)
    clients = [running.session("alice") for _ in range(3)]
    begin = time.monotonic()
    running.signal(number)
    assert running.wait(10) == 0 and time.monotonic() - begin < 5
    for client in clients:
        client.communicate(timeout=5)
    assert len(closed()) == 3
    assert says(running, "berthd", "stopped") and running.log().count("session closed") == 3


@pytest.mark.parametrize("name", ["berthd", "sshd", "berth-syslog"])
def test_stops_with_one_that_hangs(container, name):
    running = container().ready()
    os.kill(running.one(name), signal.SIGSTOP)
    running.signal(signal.SIGTERM)
    assert running.wait(10) == 0
    assert f"{name} did not end within" in running.log()


def test_asked_to_stop_while_it_starts(container):
    running = container()

    def ended():
        # Again and again: what comes before process 1 has said what it does with a signal is lost.
        if running.process.poll() is None:
            running.signal(signal.SIGTERM)
        return running.process.poll() is not None
    wait_until(ended, 10, "the end")
    assert running.wait() == 0


def test_reaps_what_is_left_behind(container):
    running = container().ready()
    add_user(running)
    for _ in range(5):
        assert running.sftp("alice", "pwd\n").returncode == 0
    wait_until(lambda: len(closed()) == 5, what="the sessions' ends")
    done = running.execute("sh", "-c", "for i in 1 2 3 4 5 6 7 8; do (setsid sleep 0.1 &) ; done")
    assert done.returncode == 0

    def only_ours():
        return sorted(map(comm, running.processes())) == ["berth-syslog", "berthd", "entrypoint", "sshd"]
    wait_until(only_ours, what=f"the others' ends: {[comm(pid) for pid in running.processes()]}")
    assert running.process.poll() is None


def test_reloads(container):
    running = container().ready()
    sshd = running.one("sshd")
    running.signal(signal.SIGHUP)
    running.wait_log("configuration reloaded")
    running.wait_log("Received SIGHUP; restarting.")
    running.ready()
    assert running.one("sshd") == sshd and running.process.poll() is None


def test_a_second_container_on_the_same_volumes(container):
    """The server, the users and the host keys stay; the sockets that the first one left are no obstacle."""
    running = container().ready()
    add_user(running)
    running.process.kill()
    running.process.wait()
    wait_until(lambda: not running.processes(), what="the end")
    assert os.path.exists("/run/berth/agent.sock") and os.path.exists("/dev/log")
    again = container().ready()
    assert again.sftp("alice", "pwd\n").returncode == 0


def test_makes_the_host_keys_that_are_named(container):
    folder, config = pathlib.Path("/etc/ssh/keys"), pathlib.Path("/etc/ssh/sshd_config.d/keys.conf")
    config.write_text("HostKey /etc/ssh/keys/ssh_host_ed25519_key\nHostKey /etc/ssh/keys/ssh_host_ecdsa_key\n")
    try:
        container().ready()
        for kind in ("ed25519", "ecdsa"):
            assert os.stat(folder / f"ssh_host_{kind}_key").st_mode & 0o777 == 0o600
            assert kind in (folder / f"ssh_host_{kind}_key.pub").read_text()
    finally:
        config.unlink()


def test_a_log_that_is_there_already(container):
    """A host that gives its own /dev/log has the lines."""
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind("/dev/log")
    os.chmod("/dev/log", 0o666)
    receiver.settimeout(10)
    running = container().ready()
    assert not running.processes("berth-syslog")
    said = b""
    while b"berthd" not in said:
        said = receiver.recv(8192)
    receiver.close()


def test_wrong_use():
    for words in (["sshd"], ["-p", "22"]):
        done = subprocess.run([ENTRYPOINT, *words], capture_output=True, text=True, timeout=10)
        assert done.returncode == 2 and "usage:" in done.stderr
