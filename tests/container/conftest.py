"""A container as a runtime would make it, on the private host (tests/host/enter): processes, IPC and a mount namespace of
its own, the entrypoint as process 1, and of all capabilities those that docs/container.md names.

    container     a function that starts one; all that it started are gone after the test
"""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/host"))

DOCUMENT = (ROOT / "docs/container.md").read_text(encoding="utf-8")
CAPABILITIES = sorted(set(re.findall(r"--cap-add ([A-Z_]+)", DOCUMENT)))
ENTRYPOINT = "/usr/libexec/berth/entrypoint"
PORT = 22
KEY = pathlib.Path("/tmp/container-key")
ROLE = "arn:aws:iam::000000000000:role/transfer"
CLIENT = ["-F", "/dev/null", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no",
          "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]


def wait_until(condition, seconds=15, what="it"):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)
    return value


def pid_namespace(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None


def comm(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


class Container:
    def __init__(self, number, arguments, port):
        self.port, self.log_path = port, pathlib.Path(f"/tmp/container-{number}.log")
        capabilities = ",".join(["-all", *(f"+{name.lower()}" for name in CAPABILITIES)])
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--ipc", "--",
                 "setpriv", f"--bounding-set={capabilities}", "--inh-caps=-all", "--", ENTRYPOINT, *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self.init = wait_until(self._first, what="process 1")
        self.namespace = pid_namespace(self.init)

    def _first(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait_log(self, text, count=1):
        wait_until(lambda: self.log().count(text) >= count, what=f"{text!r} in {self.log()}")

    def processes(self, name=None):
        """Process ids as the outside sees them."""
        found = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and pid_namespace(pid) == self.namespace]
        return [pid for pid in found if name in (None, comm(pid))]

    def one(self, name):
        """Of a program that process 1 has started."""
        children = pathlib.Path(f"/proc/{self.init}/task/{self.init}/children").read_text().split()
        return next(int(pid) for pid in children if comm(pid) == name)

    def ready(self):
        def listens():
            assert self.process.poll() is None, self.log()
            with socket.socket() as client:
                return client.connect_ex(("127.0.0.1", self.port)) == 0
        wait_until(listens, 30, "sshd")
        return self

    def execute(self, *command, **options):
        """As `docker exec` does."""
        return subprocess.run(["nsenter", "--target", str(self.init), "--pid", "--mount", "--ipc", "--", *command],
                              capture_output=True, text=True, timeout=60, **options)

    def signal(self, number):
        os.kill(self.init, number)

    def wait(self, seconds=20):
        """The entrypoint's exit status; nothing of the container is left."""
        status = self.process.wait(seconds)
        assert not self.processes()
        return status

    def sftp(self, user, commands, key=KEY):
        return subprocess.run(["sftp", "-P", str(self.port), "-i", str(key), *CLIENT, "-b", "-", f"{user}@127.0.0.1"],
                              input=commands, capture_output=True, text=True, timeout=60)

    def session(self, user):
        """An sftp session that stays open."""
        client = subprocess.Popen(["sftp", "-P", str(self.port), "-i", str(KEY), *CLIENT, f"{user}@127.0.0.1"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        client.stdin.write("pwd\n")
        client.stdin.flush()
        for line in client.stdout:
            if "Remote working directory" in line:
                break
        return client

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        wait_until(lambda: not self.processes(), what="the container's end")


@pytest.fixture(scope="session")
def installed():
    """Berth is installed, as in a container's image."""
    if not os.path.exists("/run/private-host"):
        pytest.skip("runs on a private copy of a host: tests/host/enter")
    subprocess.run([ROOT / "tests/host/prepare", str(PORT)], check=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", KEY], check=True)


@pytest.fixture
def container(installed):
    started = []
    # What a new container and new volumes don't have.
    for left in ("/run/berth", "/run/sshd", "/dev/log", "/etc/berth", "/var/lib/berth", "/var/log/berth", "/srv/berth"):
        if os.path.isdir(left):
            shutil.rmtree(left)
        elif os.path.exists(left):
            os.unlink(left)

    def start(*arguments, port=PORT):
        made = Container(len(started), arguments, port)
        started.append(made)
        return made
    yield start
    for made in reversed(started):  # a namespace that is gone may have given its number to a later one
        made.end()


def add_user(running, name="alice", uid=5001):
    done = running.execute("berth", "admin", "create-user", "--user-name", name, "--role", ROLE, "--posix-profile",
                           f"Uid={uid},Gid={uid}", "--home-directory-type", "LOGICAL", "--home-directory-mappings",
                           '[{"Entry":"/","Target":"/bucket/home/%s"}]' % name, "--ssh-public-key-body",
                           f"file://{KEY}.pub")
    assert done.returncode == 0, done.stderr
