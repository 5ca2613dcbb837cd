"""A store of the test's own, and what is done to it by hand.

Each test gets a directory on a file system of its own (tmpfs), where it can be filled, made read-only and thrown away. The
store in it belongs to nobody, who `berth` becomes.
"""
import contextlib
import json
import os
import pathlib
import pwd
import select
import signal
import sqlite3
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BERTH = ROOT / "build/berth"
TOOLS = ROOT / "build/tests"
SCHEMA_1 = pathlib.Path(__file__).with_name("schema-1.sql")
SCHEMA_1_SERVER = "s-92cbeb9ddf92636a0"
ROLE = "arn:aws:iam::000000000000:role/sftp"
STORE_USER = "nobody"
PAGE = 4096


def key_body(number):
    """An ssh-ed25519 key: any 32 bytes but zeros are one."""
    import base64
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + (number + 1).to_bytes(32, "big")
    return "ssh-ed25519 " + base64.b64encode(blob).decode()


class Store:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.folder = self.directory / "store"
        self.path = self.folder / "berth.db"
        self.config = self.directory / "berth.conf"
        self.server_id = None
        self.account = pwd.getpwnam(STORE_USER)
        self.folder.mkdir(mode=0o700)
        os.chown(self.folder, self.account.pw_uid, self.account.pw_gid)
        self.configure()

    def configure(self, *lines):
        server = [f"ServerId {self.server_id}"] if self.server_id else []
        self.config.write_text("\n".join([f"User {STORE_USER}", f"Store sqlite:{self.path}", *server, *lines]) + "\n")

    # The commands.

    def berth(self, command, *words, timeout=120, env=None, **options):
        return subprocess.run([BERTH, command, *words, "--config", self.config], text=True, capture_output=True,
                              timeout=timeout, check=False, stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})},
                              **options)

    def killed_writers(self, kills, seed):
        """The command of tests/store/killed_writers.c on this store."""
        return [TOOLS / "killed_writers", STORE_USER, f"sqlite:{self.path}", self.server_id, str(kills), str(seed)]

    def popen(self, command, *words, env=None):
        return subprocess.Popen([BERTH, command, *words, "--config", self.config], text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})

    def admin(self, operation, *words, **options):
        return self.berth("admin", operation, *words, **options)

    def ok(self, operation, *words, **options):
        done = self.admin(operation, *words, **options)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout) if done.stdout else None

    def make(self):
        """A store with one server, which the configuration names."""
        self.server_id = self.ok("create-server")["ServerId"]
        self.configure()
        return self

    def make_schema_1(self):
        with self.open() as database:
            database.executescript(SCHEMA_1.read_text())
        database.close()
        self.give()
        self.server_id = SCHEMA_1_SERVER
        self.configure()
        return self

    def give(self):
        for path in self.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # whoever closes it last takes the log away
                os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def create_user(self, name, *words, **options):
        return self.ok("create-user", "--user-name", name, "--role", ROLE, *words, **options)

    def fill(self, count, prefix="user", keys=1):
        """Users in bulk, as `berth` itself would have written them."""
        with self.open() as database:
            server = database.execute("SELECT server_key FROM servers WHERE server_id = ?", (self.server_id,)).fetchone()[0]
            last = "body" if database.execute("PRAGMA user_version").fetchone()[0] == 1 else "comment"
            for number in range(count):
                mappings = json.dumps([{"Entry": "/", "Target": f"/bucket/{prefix}{number}"}], separators=(",", ":"))
                user = database.execute(
                    "INSERT INTO users (server_key, user_name, uid, gid, has_secondary_gids, home_directory_type,"
                    " home_directory, role, policy, mappings) VALUES (?, ?, ?, ?, 1, 'LOGICAL', '/', ?, NULL, ?)",
                    (server, f"{prefix}{number:05}", 10000 + number, 10000 + number, ROLE, mappings)).lastrowid
                database.execute("INSERT INTO secondary_gids VALUES (?, 0, ?, 7001)", (user, server))
                for position in range(keys):
                    body = key_body(number * 100 + position)
                    # Schema 1 has the whole body there.
                    database.execute(f"INSERT INTO ssh_keys (user_key, position, key_id, type, base64, {last},"
                                     " date_imported) VALUES (?, ?, ?, 'ssh-ed25519', ?, ?, 1.5e9)",
                                     (user, position, f"key-{user * 100 + position:017x}", body.split()[1],
                                      body if last == "body" else None))
                database.execute("INSERT INTO user_tags VALUES (?, 0, 'number', ?)", (user, str(number)))
        database.close()
        self.give()

    def names(self):
        listed = self.ok("list-users")["Users"]
        return [user["UserName"] for user in listed]

    def described(self, *, without=()):
        """DescribeUser of all users, by name."""
        return {name: self.ok("describe-user", "--user-name", name)["User"] for name in self.names() if name not in without}

    # By hand.

    def open(self):
        return sqlite3.connect(self.path, timeout=30)

    def sql(self, script):
        """As somebody with the file could, who doesn't care for foreign keys."""
        with self.open() as database:
            database.executescript(script)
        database.close()
        self.give()

    def rows(self, query, *values):
        with self.open() as database:
            rows = database.execute(query, values).fetchall()
        database.close()
        return rows

    def checkpoint(self):
        """All in the one file, no log beside it."""
        database = self.open()
        assert database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        database.close()
        self.give()

    def root_page(self, name):
        return self.rows("SELECT rootpage FROM sqlite_schema WHERE name = ?", name)[0][0]

    def pages(self, name):
        """Of a table or an index: (number, whether it is a leaf)."""
        rows = self.rows("SELECT pageno, pagetype FROM dbstat WHERE name = ?", name)
        return [(number, kind == "leaf") for number, kind in rows]

    def damage(self, page, offset=0, data=b"\xff" * 16):
        with open(self.path, "r+b") as file:
            file.seek((page - 1) * PAGE + offset)
            file.write(data)

    def files(self):
        return sorted(path.name for path in self.folder.iterdir())

    def kept(self, why):
        return [name for name in self.files() if f".{why}-" in name and not name.endswith(("-wal", "-shm"))]

    # Checks.

    def fsck(self, *words):
        return self.berth("fsck", *words)

    def clean(self):
        done = self.fsck()
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout

    def faults(self, *words, code=1):
        """What fsck finds, as a list; a warning isn't a fault."""
        done = self.fsck("--output", "json", *words)
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)["Faults"]


class Holder:
    """Another process that holds the writer's lock."""

    PROGRAM = ("import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
               "db.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read(); db.execute('ROLLBACK')")

    def __init__(self, path):
        self.process = subprocess.Popen(["/usr/bin/python3", "-c", self.PROGRAM, path], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "held\n"

    def release(self):
        self.process.stdin.close()
        assert self.process.wait(20) == 0

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)
        until(lambda: open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()[0] == "T")

    def kill(self):
        self.process.kill()
        self.process.wait()


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


class Asker:
    """Asks the agent the same again and again, in a process of its own: a thread would keep this one in its namespace."""

    def __init__(self, ask, expected):
        self.stop_reader, self.stop_writer = os.pipe()
        self.answer_reader, self.answer_writer = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            os.close(self.stop_writer)
            asked, wrong = 0, []
            try:
                while not select.select([self.stop_reader], [], [], 0)[0]:
                    answer = ask()
                    asked += 1
                    if answer != expected:
                        wrong.append(repr(answer))
                os.write(self.answer_writer, json.dumps([asked, wrong[:20]]).encode())
            finally:
                os._exit(0)
        os.close(self.stop_reader)
        os.close(self.answer_writer)

    def finish(self):
        """How often it asked, and what it was told instead of the right answer."""
        os.close(self.stop_writer)
        with os.fdopen(self.answer_reader) as source:
            asked, wrong = json.load(source)
        os.waitpid(self.child, 0)
        return asked, wrong
