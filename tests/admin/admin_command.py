"""The real `berth` on a configuration and a store of the test's own.

Nothing here needs the host's files: the configuration is named with --config, the store lies in a temporary directory. As
root, the store belongs to nobody, since `berth` refuses to open one as root.
"""
import contextlib
import json
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tempfile

BERTH = pathlib.Path(__file__).resolve().parents[2] / "build" / "berth"
ROLE = "arn:aws:iam::000000000000:role/sftp"
STORE_USER = "nobody"
OPERATIONS = ["CreateServer", "DescribeServer", "UpdateServer", "DeleteServer", "StartServer", "StopServer", "ListServers",
              "CreateUser", "DescribeUser", "UpdateUser", "DeleteUser", "ListUsers", "ImportSshPublicKey",
              "DeleteSshPublicKey", "TagResource", "UntagResource", "ListTagsForResource", "TestIdentityProvider"]


def command_name(operation):
    """create-user for CreateUser."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", operation).lower()


@contextlib.contextmanager
def new_admin():
    """An Admin whose store isn't there yet."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="berth-admin-"))
    directory.chmod(0o711)  # the store's user has to get through
    try:
        yield Admin(directory)
    finally:
        shutil.rmtree(directory)


class Admin:
    """A configuration, a store, and the command on them."""

    def __init__(self, directory):
        self.directory = directory
        self.config = directory / "berth.conf"
        self.store_directory = directory / "store"
        self.store = self.store_directory / "berth.db"
        self.store_directory.mkdir(mode=0o700)
        if os.geteuid() == 0:
            account = pwd.getpwnam(STORE_USER)
            os.chown(self.store_directory, account.pw_uid, account.pw_gid)
        self.server_id = None
        self.configure()

    def make_server(self):
        self.server_id = self.ok("create-server")["ServerId"]
        self.configure()

    def configure(self, *lines):
        server = [f"ServerId {self.server_id}"] if self.server_id else []
        text = [f"User {STORE_USER}", f"Store sqlite:{self.store}", *server, *lines]
        self.config.write_text("\n".join(text) + "\n")

    def berth(self, *words, timezone="UTC", **options):
        return subprocess.run([BERTH, *words], text=True, capture_output=True, timeout=60, check=False,
                              env={**os.environ, "TZ": timezone}, **options)

    def run(self, operation, *words, **options):
        return self.berth("admin", operation, "--config", self.config, *words, **options)

    def ok(self, operation, *words):
        """The response of an operation that must succeed; None when it prints nothing."""
        done = self.run(operation, *words)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout) if done.stdout else None

    def refused(self, operation, *words):
        """What an operation that must be refused says; it prints nothing on stdout."""
        done = self.run(operation, *words)
        assert (done.returncode, done.stdout) == (254, "")
        return done.stderr

    def wrong(self, operation, *words):
        """The same for wrong flags or values."""
        done = self.run(operation, *words)
        assert (done.returncode, done.stdout) == (252, "")
        return done.stderr

    def create_user(self, name="alice", *words):
        return self.ok("create-user", "--user-name", name, "--role", ROLE, *words)

    def user(self, name="alice"):
        return self.ok("describe-user", "--user-name", name)["User"]

    def file(self, name, content):
        path = self.directory / name
        path.write_text(content)
        return f"file://{path}"
