"""
Each test gets a mount namespace of its own: /run, /etc, /dev and /var/log are private copies, with Berth's users in
/etc/passwd, so the real build/berthd runs with its compiled-in paths and the host sees nothing of it.

    host          a Host: configuration, store, records, and processes of berthd
    agent         the same with a store, a server and a running agent
"""
import ctypes
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import time

import pytest

import agent_protocol as protocol
from agent_places import BERTH, BERTH_UID, BERTHD, CONFIG, KEYS_UID, SESSION_UID, STORE

CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x00020000, 4096, 16384, 1 << 18
libc = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def mount(source, target, kind=None, flags=0, data=""):
    check(libc.mount(source.encode(), target.encode(), kind.encode() if kind else None, flags, data.encode()))


def make_private_host():
    check(libc.unshare(CLONE_NEWNS))
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    kept = [path for path in ("/etc/passwd", "/etc/group", "/etc/ld.so.cache", "/etc/ssl/openssl.cnf")
            if os.path.exists(path)]
    etc = {path: pathlib.Path(path).read_bytes() for path in kept}
    for target in ("/run", "/etc", "/dev", "/var/log"):
        mount("tmpfs", target, "tmpfs")
        os.chmod(target, 0o755)
    for path, data in etc.items():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        pathlib.Path(path).write_bytes(data)
    with open("/etc/passwd", "a") as passwd, open("/etc/group", "a") as group:
        for name, uid in (("berth", BERTH_UID), ("berth-keys", KEYS_UID), ("berth-session", SESSION_UID),
                          ("localbob", 4444)):
            passwd.write(f"{name}:x:{uid}:{uid}::/:/usr/sbin/nologin\n")
            group.write(f"{name}:x:{uid}:\n")
    for name, minor in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
        os.mknod(f"/dev/{name}", 0o20666, os.makedev(1, minor))
        os.chmod(f"/dev/{name}", 0o666)
    os.mkdir("/etc/berth", 0o755)
    os.mkdir("/run/store", 0o700)
    os.mkdir("/var/log/berth", 0o750)
    for owned in ("/run/store", "/var/log/berth"):
        os.chown(owned, BERTH_UID, BERTH_UID)


def wait_for_threads(seconds=10):
    """Until this process has one thread, as setns(2) wants it: one that was joined may be in its last steps yet."""
    end = time.monotonic() + seconds
    while len(os.listdir("/proc/self/task")) > 1:
        assert time.monotonic() < end, "a test has left threads"
        time.sleep(0.001)


class Agent:
    """A process of berthd."""

    def __init__(self, process, log_path):
        self.process, self.log_path, self.pid = process, log_path, process.pid

    def log(self):
        return pathlib.Path(self.log_path).read_text()

    def wait_log(self, text, count=1, seconds=10):
        end = time.monotonic() + seconds
        while self.log().count(text) < count:
            assert self.process.poll() is None or self.log().count(text) >= count, f"ended without {text!r}: {self.log()}"
            assert time.monotonic() < end, f"no {text!r} in: {self.log()}"
            time.sleep(0.01)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def hangup(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(15)


class Host:
    def __init__(self):
        self.server_id = None
        self.store = STORE
        self.agents = []

    def configure(self, *lines, server_id=None):
        text = [f"Store sqlite:{STORE}", *lines]
        if server_id or self.server_id:
            text.append(f"ServerId {server_id or self.server_id}")
        pathlib.Path(CONFIG).write_text("\n".join(text) + "\n")

    def make_store(self):
        """A store with one server, made by the administration command itself."""
        self.configure()
        done = subprocess.run([BERTH, "admin", "create-server"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        self.server_id = json.loads(done.stdout)["ServerId"]
        self.configure()

    def sql(self, statement, *values):
        """Direct edit, as somebody with the file could."""
        with sqlite3.connect(self.store, timeout=30) as store:
            rows = store.execute(statement, values).fetchall()
        store.close()
        return rows

    def add_user(self, name, uid=5001, gid=5001, groups=(), home_type="LOGICAL", home=None, mappings=None, keys=()):
        if mappings is None and home_type == "LOGICAL":
            mappings = [{"Entry": "/", "Target": f"/bucket/{name}"}]
        with sqlite3.connect(self.store, timeout=30) as store:
            server = store.execute("SELECT server_key FROM servers WHERE server_id = ?", (self.server_id,)).fetchone()[0]
            user = store.execute(
                "INSERT INTO users (server_key, user_name, uid, gid, has_secondary_gids, home_directory_type,"
                " home_directory, role, mappings) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (server, name, uid, gid, len(groups) > 0, home_type, home, "arn:aws:iam::000000000000:role/r",
                 json.dumps(mappings) if mappings is not None else None)).lastrowid
            for position, group in enumerate(groups):
                store.execute("INSERT INTO secondary_gids VALUES (?, ?, ?, ?)", (user, position, server, group))
            for position, (kind, base64) in enumerate(keys):
                store.execute("INSERT INTO ssh_keys (user_key, position, key_id, type, base64, date_imported)"
                              " VALUES (?, ?, ?, ?, ?, 1.0)", (user, position, f"key-{position:017x}", kind, base64))
        store.close()

    def popen(self, *arguments, **options):
        log_path = f"/run/agent-{len(self.agents)}.log"
        with open(log_path, "wb") as log:
            process = subprocess.Popen([BERTHD, "-e", *arguments], stderr=log, stdin=subprocess.DEVNULL, **options)
        agent = Agent(process, log_path)
        self.agents.append(agent)
        return agent

    def start(self, *arguments, **options):
        agent = self.popen(*arguments, **options)
        agent.wait_log("started ")
        return agent

    def run(self, *arguments, **options):
        """berthd to its end."""
        return subprocess.run([BERTHD, *arguments], capture_output=True, text=True, timeout=20, **options)

    def close(self):
        for agent in self.agents:
            if agent.process.poll() is None:
                agent.process.send_signal(signal.SIGCONT)
                agent.process.kill()
                agent.process.wait()


@pytest.fixture
def host():
    if os.geteuid() != 0:
        pytest.skip("needs root: a private mount namespace and a socket that root made")
    folder, root, outside = os.getcwd(), os.open("/", os.O_RDONLY), os.open("/proc/self/ns/mnt", os.O_RDONLY)
    make_private_host()
    private = Host()
    try:
        yield private
    finally:
        private.close()
        wait_for_threads()
        check(libc.setns(outside, CLONE_NEWNS))
        os.close(outside)
        # setns() leads to the namespace's own root, which isn't ours where all this runs in a chroot.
        os.fchdir(root)
        os.chroot(".")
        os.close(root)
        os.chdir(folder)


@pytest.fixture
def agent(host):
    host.make_store()
    host.agent = host.start()
    return host


@pytest.fixture
def ssh_key():
    """A function that makes a new key: (type, base64)."""
    def make(kind="ed25519"):
        path = "/run/key"
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True)
        words = pathlib.Path(path + ".pub").read_text().split()
        os.unlink(path)
        os.unlink(path + ".pub")
        return words[0], words[1]
    return make
