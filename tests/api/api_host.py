"""The real berth-api on a configuration, a store, keys and a log of the test's own, on a free port of 127.0.0.1.

Like tests/admin, it needs none of the host's files: as root, berth-api becomes the user nobody, whom the files belong to.
"""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "admin"))

from admin_command import BERTH, new_admin  # noqa: E402  pylint: disable=wrong-import-position

BERTH_API = BERTH.with_name("berth-api")
REGION = "us-east-1"
PATIENCE = 30  # seconds, on a machine that has other things to do: an end for what never comes


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(condition, what="", seconds=PATIENCE):
    """Until the condition is true; returns its value. what: of a condition that never is, what to show."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, what() if callable(what) else what
        time.sleep(0.01)
    return value


class ApiKey:
    """What `berth api-key create` showed."""

    def __init__(self, shown):
        self.id, self.secret = shown["AccessKeyId"], shown["SecretAccessKey"]


class ApiHost:
    """admin: an Admin (tests/admin/admin_command.py) on the same store, with one server. key: an access key that may do
    all."""

    def __init__(self, admin):
        self.admin, self.directory, self.port = admin, admin.directory, free_port()
        self.keys_file, self.log_file = admin.store_directory / "api-keys.json", admin.store_directory / "api.jsonl"
        self.certificate = None  # a path: TLS
        self.process, self.output = None, self.directory / "berth-api.log"
        self.lines = ()
        self.configure()
        admin.make_server()
        self.configure()
        self.key = self.create_key()

    @property
    def server_id(self):
        return self.admin.server_id

    @property
    def url(self):
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    def configure(self, *lines):
        """The configuration, with these lines in addition; read at the next start() or hangup()."""
        self.lines = lines
        own = [f"ApiKeysFile {self.keys_file}", f"ApiLogFile {self.log_file}", "ApiRate 0",
               f"ApiListen 127.0.0.1:{self.port}"]
        own = [line for line in own if line.split()[0] not in {given.split()[0] for given in lines}]
        self.admin.configure(*own, *lines)

    def create_key(self, *flags):
        """A new access key, as `berth api-key create FLAGS` makes it."""
        done = self.admin.berth("api-key", "create", "--config", self.admin.config, "--output", "json", *flags)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return ApiKey(json.loads(done.stdout)["AccessKey"])

    def make_certificate(self):
        """A certificate for 127.0.0.1 and localhost, signed by itself; returns the configuration's lines that name it."""
        self.certificate, key = self.directory / "certificate.pem", self.admin.store_directory / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                        "-keyout", key, "-out", self.certificate], check=True, capture_output=True)
        if os.geteuid() == 0:
            status = self.admin.store_directory.stat()
            os.chown(key, status.st_uid, status.st_gid)
        return f"ApiCertificate {self.certificate}", f"ApiCertificateKey {key}"

    def start(self, *arguments, wait=True):
        with open(self.output, "ab") as output:
            self.process = subprocess.Popen([BERTH_API, "-e", "-f", self.admin.config, *arguments], stderr=output,
                                            stdin=subprocess.DEVNULL)
        if wait:
            self.wait_log("started ")

    def log(self):
        """berth-api's own log."""
        return self.output.read_text()

    def wait_log(self, text, count=1):
        def is_there():
            ended = self.process.poll() is not None  # before the look: what it said last is there then
            there = self.log().count(text) >= count
            assert there or not ended, f"ended without {text!r}: {self.log()}"
            return there
        wait_until(is_there, lambda: f"no {text!r} in: {self.log()}")

    def audit(self):
        """The audit log's whole lines, each as a dict; while berth-api runs, a reader may see the last one half written."""
        *lines, rest = self.log_file.read_text().split("\n")
        assert rest == "" or self.process.poll() is None
        return [json.loads(line) for line in lines]

    def hangup(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self, how=signal.SIGTERM, seconds=PATIENCE):
        """Returns its exit status."""
        self.process.send_signal(how)
        return self.process.wait(seconds)

    def close(self):
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()

    def get(self, path, **headers):
        """(status, headers, body) of a plain GET."""
        request = urllib.request.Request(self.url + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.headers, refusal.read()

    def memory(self):
        """Resident bytes."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")


@contextlib.contextmanager
def new_api(*lines):
    """An ApiHost that isn't started yet."""
    with new_admin() as admin:
        host = ApiHost(admin)
        host.configure(*lines)
        try:
            yield host
        finally:
            host.close()
