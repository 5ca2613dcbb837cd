"""What packaging/ has for berth-api: the unit, whose sandbox must let through what it does, and the rotation of its log.

systemd itself doesn't run here: berth-api is started as the unit's User is, and strace shows what it asks of the kernel.
"""
import contextlib
import gzip
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess

import pytest

from admin_command import ROLE, STORE_USER
from api_host import BERTH_API, PATIENCE
from boto3_client import new_client

PACKAGING = pathlib.Path(__file__).resolve().parents[2] / "packaging"
UNIT = PACKAGING / "systemd/berth-api.service"

needs_systemd_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def settings():
    """Each setting's values, in order."""
    found = {}
    for line in UNIT.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def calls_of(group):
    """The system calls of a group of systemd's, such as @system-service."""
    shown = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", group], capture_output=True, text=True,
                           check=True).stdout
    calls = set()
    for word in shown.splitlines()[1:]:
        word = word.strip()
        if word.startswith("@"):
            calls |= calls_of(word)
        elif word and not word.startswith("#"):
            calls.add(word)
    return calls


def allowed_calls():
    calls = set()
    for value in settings()["SystemCallFilter"]:
        if value.startswith("~"):
            calls -= calls_of(value[1:])
        else:
            calls |= calls_of(value)
    return calls


@needs_systemd_analyze
def test_systemd_takes_it(tmp_path):
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/usr/sbin/berth-api", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd_analyze
@pytest.mark.parametrize("drop_in, network", [(None, "PrivateNetwork=yes"), ("berthd-remote.conf", "PrivateNetwork=no")])
def test_systemd_takes_the_agents(tmp_path, drop_in, network):
    """By itself, and with the drop-in for a store elsewhere."""
    for name in "berthd.service", "berthd.socket":
        (tmp_path / name).write_text((PACKAGING / "systemd" / name).read_text().replace("/usr/sbin/berthd", "/bin/true"))
    if drop_in:
        (tmp_path / "berthd.service.d").mkdir()
        shutil.copy(PACKAGING / "systemd" / drop_in, tmp_path / "berthd.service.d")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", tmp_path / "berthd.service"], capture_output=True,
                          text=True, check=False, env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    text = (PACKAGING / "systemd" / (drop_in or "berthd.service")).read_text()
    assert network in text.splitlines() and ("RestrictAddressFamilies=AF_UNIX" in text.splitlines()) == (drop_in is None)


def client_of(host):
    return new_client(host.url, host.key, verify=str(host.certificate) if host.certificate else True)


def traced(host, trace):
    """berth-api as the unit starts it, on TLS, and all that it does in a short life."""
    account = pwd.getpwnam(STORE_USER)
    with open(host.output, "wb") as output:
        host.process = subprocess.Popen(
            ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups",
             "strace", "-f", "-o", trace, BERTH_API, "-f", host.admin.config, "-e"], stderr=output, stdin=subprocess.DEVNULL)
    host.wait_log("started ")
    client = client_of(host)
    client.create_user(ServerId=host.server_id, UserName="alice", Role=ROLE)
    host.admin.berth("api-key", "create", "--config", host.admin.config)
    assert client.describe_user(ServerId=host.server_id, UserName="alice")["User"]["UserName"] == "alice"
    with contextlib.suppress(client.exceptions.ResourceNotFoundException):
        client.delete_user(ServerId=host.server_id, UserName="bob")
    child, = pathlib.Path(f"/proc/{host.process.pid}/task/{host.process.pid}/children").read_text().split()
    os.kill(int(child), signal.SIGHUP)
    host.wait_log("configuration reloaded")
    client.delete_user(ServerId=host.server_id, UserName="alice")
    os.kill(int(child), signal.SIGTERM)
    assert host.process.wait(PATIENCE) == 0
    return trace.read_text()


@needs_systemd_analyze
@needs_root
def test_sandbox_lets_through_what_it_does(host):
    host.configure(*host.make_certificate())
    trace = traced(host, host.admin.store_directory / "trace")
    # strace -f: "PID CALL(ARGUMENTS"; the program's own start is systemd's doing.
    calls = set(re.findall(r"^\d+ +([a-z_0-9]+)\(", trace, re.MULTILINE)) - {"execve"}
    assert calls & {"fsync", "fdatasync"}  # what it was asked to do is in the trace
    assert calls - allowed_calls() == set()
    families = {word for line in settings()["RestrictAddressFamilies"] for word in line.split()}
    assert set(re.findall(r"\bsocket\((AF_\w+)", trace)) <= families
    # MemoryDenyWriteExecute
    assert not re.findall(r"mmap\(.*PROT_WRITE\|PROT_EXEC|mprotect\(.*PROT_EXEC", trace)
    # RestrictRealtime, RestrictNamespaces
    assert not re.findall(r"SCHED_(?:FIFO|RR)|CLONE_NEW", trace)


@needs_root
def test_logrotate_loses_no_line(api):
    """The stanza that is installed, for this log and its user. Without systemd its postrotate does nothing."""
    stanza = (PACKAGING / "logrotate/berth").read_text().partition("/var/log/berth/api.jsonl")[2]
    user = pwd.getpwnam(STORE_USER)
    rotation, state = api.directory / "logrotate", api.directory / "logrotate.state"
    rotation.write_text(f"{api.log_file}{stanza}".replace("berth adm", f"{STORE_USER} {user.pw_gid}"))
    client = client_of(api)
    for number in range(1, 4):
        client.create_user(ServerId=api.server_id, UserName=f"user{2 * number}", Role=ROLE)
        done = subprocess.run(["logrotate", "-f", "-s", state, rotation], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        status = api.log_file.stat()
        assert (status.st_mode & 0o7777, status.st_uid, status.st_size) == (0o640, user.pw_uid, 0)
        client.create_user(ServerId=api.server_id, UserName=f"user{2 * number + 1}", Role=ROLE)  # into the renamed one
        api.hangup()
        api.wait_log("configuration reloaded", number)
    assert api.stop() == 0
    lines = b"".join(gzip.decompress(pathlib.Path(f"{api.log_file}.{number}.gz").read_bytes()) for number in (3, 2))
    lines += pathlib.Path(f"{api.log_file}.1").read_bytes() + api.log_file.read_bytes()
    assert re.findall(rb"user\d", lines) == [f"user{number}".encode() for number in range(2, 8)]
