"""A host that users of a service are brought to: its configuration and empty store, `berth import --from transfer:` on it,
and what came of that."""
import contextlib
import json
import os
import signal
import sqlite3
import subprocess

from remote_store import REGION
from admin_command import BERTH, Admin, new_admin
from api_host import new_api
from import_lines import exported, run, simple_file

SERVER = "s-0123456789abcdef0"
ROLE = "arn:aws:iam::123456789012:role/transfer"


class Here(Admin):
    """variables: of the environment, credentials among them."""

    def __init__(self, directory):
        self.variables = {"HOME": str(directory)}
        super().__init__(directory)
        self.configure()

    def configure(self, *lines):
        super().configure(f"Region {REGION}", *lines)

    def use_key(self, key):
        self.variables.update(AWS_ACCESS_KEY_ID=key.id, AWS_SECRET_ACCESS_KEY=key.secret)

    def command(self, url, *words):
        return [str(word) for word in (BERTH, "import", "--config", self.config, "--from", f"transfer:{url}", *words)]

    def environment(self):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {**inherited, "TZ": "UTC", "AWS_EC2_METADATA_DISABLED": "true", **self.variables}

    def bring(self, url, *words):
        """(exit status, stdout, stderr)"""
        done = subprocess.run(self.command(url, *words), env=self.environment(), text=True, capture_output=True,
                              timeout=120, check=False)
        return done.returncode, done.stdout, done.stderr

    def summary(self, url, *words, status=0):
        """(summary of --output json, stderr)"""
        code, out, err = self.bring(url, "--output", "json", *words)
        assert code == status, (code, out, err)
        return json.loads(out), err

    def start(self, url, *words):
        return subprocess.Popen(self.command(url, *words), env=self.environment(), text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def count(self):
        """Users in the store."""
        if not self.store.exists():
            return 0
        with contextlib.closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as store:
            try:
                return store.execute("SELECT count(*) FROM users").fetchone()[0]
            except sqlite3.OperationalError:  # it is being made
                return 0

    def users(self, server=SERVER):
        return {user["UserName"]: user for user in exported(self, "--server-id", server)}


def left(summary):
    """What could not be carried over: {kind: [(name, detail)]}."""
    return {kind["Kind"]: [(entry.get("UserName"), entry["Detail"]) for entry in kind["Entries"]]
            for kind in summary["NotCarriedOver"]}


class There:
    """A berth-api over TLS with users, and a Here that has its key and trusts its certificate."""

    def __init__(self, far, here):
        self.far, self.here = far, here
        here.use_key(far.key)

    def bring(self, *words):
        return self.here.bring(self.far.url, "--ca-bundle", self.far.certificate, *words)

    def summary(self, *words, status=0):
        return self.here.summary(self.far.url, "--ca-bundle", self.far.certificate, *words, status=status)

    def start(self, *words):
        return self.here.start(self.far.url, "--ca-bundle", self.far.certificate, *words)

    def calls(self, operation, result=None):
        """How many of these berth-api has answered, or so."""
        return sum(line.get("operation") == operation and result in (None, line.get("result")) for line in self.far.audit())

    def fill(self, count):
        code, _, err = run(self.far.admin, "import", simple_file(self.far.directory / "users.jsonl", count))
        assert (code, err) == (0, "")

    def rate(self, requests):
        """The requests a second that one key may make, from now on; 0: any number."""
        lines = [line for line in self.far.lines if not line.startswith("ApiRate ")]
        self.far.configure(*lines, f"ApiRate {requests}")
        count = self.far.log().count("configuration reloaded")
        self.far.hangup()
        self.far.wait_log("configuration reloaded", count + 1)


@contextlib.contextmanager
def new_here():
    with new_admin() as made:
        made.store_directory.rmdir()
        yield Here(made.directory)


@contextlib.contextmanager
def new_there(*lines):
    with new_api() as far, new_here() as here:
        far.configure(*far.make_certificate(), *lines)
        far.start()
        yield There(far, here)
