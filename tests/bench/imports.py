"""berth import and export of many users, and the same rows through the sqlite3 command. The stores lie on the disk that
build/ is on: a write that lasts is part of an import, and in the private host's own directories it costs nothing."""
import base64
import contextlib
import json
import os
import pwd
import random
import shutil
import subprocess
import time
from pathlib import Path

import apis
from sites import SOURCE

import private_host

BERTH = SOURCE / "build/berth"
STORE_USER = "berth"
INSERTS = "INSERT INTO "


def write_users(path, count):
    """Users with one key each, in the order of their names."""
    chance = random.Random(1)
    with open(path, "w", encoding="ascii") as lines:
        for number in range(1, count + 1):
            name = "u%07d" % number
            blob = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + chance.randbytes(32)).decode()
            json.dump({"HomeDirectoryMappings": [{"Entry": "/", "Target": "/bucket/home/" + name}],
                       "HomeDirectoryType": "LOGICAL", "PosixProfile": {"Uid": 1000000 + number, "Gid": 1000000 + number},
                       "Role": private_host.ROLE, "UserName": name,
                       "SshPublicKeys": [{"SshPublicKeyBody": "ssh-ed25519 %s %s" % (blob, name)}]}, lines)
            lines.write("\n")


class Store:
    """A store that is as good as new before each import, in a directory of the store's user."""

    def __init__(self):
        self.directory = SOURCE / "build/bench-import"
        shutil.rmtree(self.directory, ignore_errors=True)
        self.library = self.directory / "store"
        self.library.mkdir(parents=True)
        account = pwd.getpwnam(STORE_USER)
        os.chown(self.library, account.pw_uid, account.pw_gid)
        self.database, self.empty = self.library / "berth.db", self.directory / "empty.db"
        self.config = self.directory / "berth.conf"
        text = "Store sqlite:%s\nUser %s\n" % (self.database, STORE_USER)
        self.config.write_text(text, encoding="ascii")
        made = subprocess.run([BERTH, "admin", "create-server", "--config", self.config], check=True, capture_output=True)
        self.config.write_text(text + "ServerId %s\n" % json.loads(made.stdout)["ServerId"], encoding="ascii")
        shutil.copyfile(self.database, self.empty)

    def reset(self):
        for path in self.library.iterdir():
            if path != self.database:
                path.unlink()
        shutil.copyfile(self.empty, self.database)
        os.sync()

    def command(self, name, *words):
        return [BERTH, name, "--config", self.config, *words]

    def write_sql(self, path):
        """The rows that are there now, as INSERTs in one transaction."""
        dump = subprocess.run(["sqlite3", self.database, ".dump users", ".dump ssh_keys"], check=True, capture_output=True,
                              text=True).stdout
        inserts = [line for line in dump.splitlines() if line.startswith(INSERTS)]
        path.write_text("BEGIN;\n%s\nCOMMIT;\n" % "\n".join(inserts), encoding="utf-8")

    def remove(self):
        shutil.rmtree(self.directory)


class Import:
    """A worker for take_turns(): an import into an empty store; µs."""

    def __init__(self, store, command, stdin=None):
        self.store, self.command, self.stdin = store, command, stdin

    def sample(self):
        self.store.reset()
        with open(self.stdin or os.devnull, "rb") as stdin:
            started = time.perf_counter()
            subprocess.run(self.command, check=True, stdin=stdin, stdout=subprocess.DEVNULL)
            return [(time.perf_counter() - started) * 1e6]

    def close(self):
        pass


def workers(store, users):
    """(ours, sqlite3's) for a file of users; leaves them in the store."""
    store.reset()
    subprocess.run(store.command("import", users), check=True, stdout=subprocess.DEVNULL)
    rows = store.directory / "rows.sql"
    store.write_sql(rows)
    return [Import(store, store.command("import", users)), Import(store, ["sqlite3", store.database], rows)]


def peak_memory(command):
    """The most resident memory in KiB that the command had, as far as looking again and again can tell."""
    peak = 0
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            for line in Path("/proc/%d/status" % process.pid).read_text(encoding="ascii").splitlines():
                if line.startswith("VmHWM:"):
                    peak = int(line.split()[1])
            time.sleep(0.002)
    if process.returncode != 0:
        raise RuntimeError("%s ended with %d" % (command, process.returncode))
    return peak


def memory(store, users):
    """(import's, export's) peak memory with these users."""
    store.reset()
    return peak_memory(store.command("import", users)), peak_memory(store.command("export"))


@contextlib.contextmanager
def service(store, counts):
    """A berth-api over TLS with a server of so many users for each count: yields the command that imports from the server
    with so many, as {count: command}."""
    servers = {}
    with apis.new_host() as host:
        for count in counts:
            made = subprocess.run([BERTH, "admin", "create-server", "--config", host.admin.config], check=True,
                                  capture_output=True)
            servers[count] = json.loads(made.stdout)["ServerId"]
            users = store.directory / ("service%d" % count)
            write_users(users, count)
            subprocess.run([BERTH, "import", "--config", host.admin.config, "--server-id", servers[count], users],
                           check=True, stdout=subprocess.DEVNULL)
        host.configure(*host.make_certificate())
        host.start()
        key = {"AWS_ACCESS_KEY_ID": host.key.id, "AWS_SECRET_ACCESS_KEY": host.key.secret}
        os.environ.update(key)
        try:
            yield {count: store.command("import", "--from", "transfer:" + host.url, "--ca-bundle", host.certificate,
                                        "--from-server-id", server) for count, server in servers.items()}
        finally:
            for name in key:
                del os.environ[name]
            host.stop()


def from_service(store, rounds):
    """(seconds that an import of 10,000 users from a berth-api takes, each round; {users: peak memory})"""
    with service(store, (1000, 10000, 40000)) as commands:
        worker = Import(store, commands[10000])
        seconds = [worker.sample()[0] / 1e6 for _ in range(rounds)]
        peaks = {}
        for count, command in commands.items():
            store.reset()
            peaks[count] = peak_memory(command)
    return seconds, peaks
