"""A transfer log of the test's own, and the real `berth tail` on it."""
import contextlib
import datetime
import json
import os
import pathlib
import queue
import re
import shutil
import subprocess
import tempfile
import threading
import time

from admin_command import BERTH

SESSION = "0123456789abcdef"
SERVER = "s-0123456789abcdef0"
PATIENCE = 10


def now(seconds_ago=0):
    moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds_ago)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def event(sequence=1, operation="put", user="alice", **members):
    """A line of the log, as the agent writes it."""
    identity = {"time": now(), "session": SESSION, "sequence": sequence, "server": SERVER, "user": user, "uid": 5001,
                "client": "192.0.2.7", "port": 40000, "key": "SHA256:abc", "operation": operation}
    about = {"put": {"path": f"/in/{sequence}.csv", "target": f"/srv/berth/b/{user}/{sequence}.csv", "bytes": 1234,
                     "duration": 0.25, "status": "ok", "complete": True},
             "get": {"path": "/out/a.pdf", "bytes": 99, "duration": 2, "status": "ok", "complete": True},
             "dropped": {"dropped": 7}}
    line = {**identity, **about.get(operation, {"status": "ok"}), **members}
    return json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n"


class Log:
    """A configuration, a log and the command."""

    def __init__(self, directory):
        self.directory = directory
        self.path = directory / "transfers.jsonl"
        self.config = directory / "berth.conf"
        self.config.write_text(f"TransferLogFile {self.path}\n")

    def write(self, *lines, path=None):
        """Appends; strings are UTF-8, and bytes go in as they are."""
        with open(path or self.path, "ab") as file:
            file.write(b"".join(line.encode() if isinstance(line, str) else line for line in lines))

    def rotate(self):
        """As logrotate does with delaycompress not given and nocompress: every number goes up by one."""
        numbers = sorted((int(path.suffix[1:]) for path in self.directory.glob("transfers.jsonl.*")
                          if path.suffix[1:].isdigit()), reverse=True)
        for number in numbers:
            self.rotated(number).rename(self.rotated(number + 1))
        self.path.rename(self.rotated(1))

    def rotated(self, number):
        return self.path.with_name(f"{self.path.name}.{number}")

    def words(self, *words):
        return [str(BERTH), "tail", "--config", str(self.config), *words]

    def run(self, *words, in_one=False):
        """in_one: stdout and stderr are the same pipe."""
        errors = subprocess.STDOUT if in_one else subprocess.PIPE
        return subprocess.run(self.words(*words), stdout=subprocess.PIPE, stderr=errors, timeout=60, check=False)

    def ok(self, *words):
        """What it prints, when it does so without a word on stderr."""
        done = self.run(*words)
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout.decode()

    def lines(self, *words):
        return re.findall(".*\n", self.ok("--output", "json", *words))

    def wrong(self, *words):
        done = self.run(*words)
        assert (done.returncode, done.stdout) == (252, b"")
        return done.stderr.decode()

    @contextlib.contextmanager
    def follow(self, *words):
        follower = Follower(self.words("--follow", "--output", "json", *words))
        try:
            yield follower
        finally:
            follower.end()


class Follower:
    """`berth tail --follow`, its output read by threads."""

    def __init__(self, words):
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.output, self.messages = queue.Queue(), queue.Queue()
        for stream, lines in (self.process.stdout, self.output), (self.process.stderr, self.messages):
            threading.Thread(target=self._read, args=(stream, lines), daemon=True).start()

    @staticmethod
    def _read(stream, lines):
        for line in stream:
            lines.put(line.decode())

    def expect(self, *lines):
        """The next lines of its output are these."""
        assert [self._next(self.output) for _line in lines] == list(lines)

    def expect_message(self, text):
        message = self._next(self.messages)
        assert message is not None and text in message, message

    def expect_silence(self, seconds=1.5):
        time.sleep(seconds)
        assert self.output.empty() and self.messages.empty()

    @staticmethod
    def _next(lines):
        try:
            return lines.get(timeout=PATIENCE)
        except queue.Empty:
            return None

    def stop(self, signal):
        """SIGSTOP, and until it has stopped."""
        self.process.send_signal(signal)
        while self.state() != "T":
            time.sleep(0.01)

    def state(self):
        return pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def new_log():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="berth-tail-"))
    directory.chmod(0o755)
    try:
        yield Log(directory)
    finally:
        shutil.rmtree(directory)
