"""What packaging/ has for berth-api: the unit, whose sandbox must let through what it does, and the rotation of its log.

systemd itself doesn't run here: berth-api is started as the unit's User is, and strace shows what it asks of the kernel.
"""
import contextlib
import gzip
import os
import pathlib
import pwd
import re
import signal
import subprocess
import sys

import pytest

from admin_command import ROLE, STORE_USER
from api_host import BERTH_API, PATIENCE
from boto3_client import new_client

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "host"))

from sandbox import assert_let_through, needs_tracing  # noqa: E402  pylint: disable=wrong-import-position

PACKAGING = pathlib.Path(__file__).resolve().parents[2] / "packaging"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


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


@needs_tracing
@needs_root
def test_sandbox_lets_through_what_it_does(host):
    host.configure(*host.make_certificate())
    trace = traced(host, host.admin.store_directory / "trace")
    assert "fsync(" in trace or "fdatasync(" in trace  # what it was asked to do is there
    assert_let_through("berth-api.service", trace.partition("execve(")[2].partition("\n")[2])


@needs_root
def test_logrotate_loses_no_line(api):
    """The file that is installed, for this log and its user. Without systemd its postrotate does nothing."""
    part = (PACKAGING / "logrotate/berth-api").read_text()
    user = pwd.getpwnam(STORE_USER)
    rotation, state = api.directory / "logrotate", api.directory / "logrotate.state"
    rotation.write_text(part.replace("/var/log/berth/api.jsonl", str(api.log_file))
                        .replace("berth adm", f"{STORE_USER} {user.pw_gid}"))
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
