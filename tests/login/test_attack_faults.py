"""Every system call with which a session's child builds its view, made to fail once each: the login fails, and the log says
why; or the call didn't matter, and the session is sealed whole."""
import os
import platform
import re
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from attack_tools import FAIL_CALL, View, Watch, hold_open, processes_of_user
from private_host import process_ids, process_name, wait_until

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="tests/login/fail_call.c is for x86-64")

ENOMEM, EPERM = 12, 1
USERS = {"logical": 5951, "several": 5952, "path": 5953}

# The calls that make the seal (x86-64 numbers), and what of the log line tells the operator which it was.
STEPS = {272: ("unshare", "unshare"), 442: ("mount_setattr", "mount_setattr"),
         437: ("openat2", "target|DataRoot|entry|openat2"), 428: ("open_tree", "open_tree"), 430: ("fsopen", "fsopen"),
         431: ("fsconfig", "fsconfig|fsmount"), 432: ("fsmount", "fsmount"), 429: ("move_mount", "move_mount"),
         81: ("fchdir", "fchdir"), 155: ("pivot_root", "pivot_root"), 166: ("umount2", "umount2"), 80: ("chdir", "chdir"),
         116: ("setgroups", "setgroups"), 157: ("prctl", "prctl|seccomp"), 317: ("seccomp", "seccomp"),
         217: ("getdents64", "/proc/self/fd|fdopendir"), 258: ("mkdirat", "entry|mkdirat")}
WANTED = {"logical": {272, 442, 437, 428, 429, 81, 155, 166, 80, 116, 157, 317, 217},
          "several": set(STEPS)}


@pytest.fixture(scope="module")
def keys(fresh_host):
    """One user of each shape of view."""
    host = fresh_host
    key = host.key("faults")
    bucket = host.bucket("bucket", "one", "two")
    for name in ("one", "two"):
        os.chmod(bucket / name, 0o777)
    (bucket / "file").write_text("x", encoding="ascii")
    host.create_user("logical", USERS["logical"], mappings=[("/", "/bucket/one")], keys=[key])
    host.create_user("several", USERS["several"], secondary=[7951], keys=[key],
                     mappings=[("/a/b", "/bucket/one"), ("/c", "/bucket/two"), ("/file", "/bucket/file", "FILE")])
    host.create_user("path", USERS["path"], home="/bucket/one", keys=[key])
    return key


def view_of(user):
    mounts = {"logical": {"/": "/srv/berth/bucket/one"}, "path": {"/": None, "/bucket": "/srv/berth/bucket"},
              "several": { "/": None, "/a/b": "/srv/berth/bucket/one", "/c": "/srv/berth/bucket/two",
                          "/file": "/srv/berth/bucket/file"}}
    return View(USERS[user], groups=(7951,) if user == "several" else (), mounts=mounts[user])


class Failing:
    """sshd under fail_call: the n-th child that builds a view has its call first + n * step fail."""

    def __init__(self, host, first, step, error):
        self.host, self.arguments = host, [str(FAIL_CALL), str(first), str(step), str(error), "/usr/sbin/sshd", "-D"]

    def __enter__(self):
        self.host.stop_sshd()
        self.report = tempfile.NamedTemporaryFile("w+", encoding="ascii")
        self.tracer = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=self.report)
        wait_until(self.listening, what="the traced sshd")
        return self

    def listening(self):
        assert self.tracer.poll() is None
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.host.port)) == 0

    def __exit__(self, *_):
        wait_until(self.all_over, what="the sessions' end")
        self.tracer.kill()  # sshd is killed with it
        self.tracer.wait()
        self.report.close()
        self.host.stop_sshd()
        self.host.start_sshd()

    @staticmethod
    def all_over():
        return len([pid for pid in process_ids() if process_name(pid) == "sshd"]) == 1

    def failed(self, index):
        """The numbers of the calls that were made to fail as the index-th."""
        text = Path(self.report.name).read_text(encoding="ascii")
        return [int(call) for call in re.findall(r"(?m)^\d+ %d (\d+)$" % index, text)]

    def counted(self):
        """How many calls the child that was sealed made."""
        return int(re.search(r"sealed (\d+)", Path(self.report.name).read_text(encoding="ascii")).group(1))


def calls_of(host, user, key):
    """How many calls the child makes from unshare to the filter."""
    with Failing(host, 1000000, 0, ENOMEM) as sshd:
        assert host.sftp(user, key, "ls /\n").ok
        return sshd.counted()


@pytest.mark.parametrize("user, step", [("logical", 1), ("several", 1), ("path", 4)])
def test_each_call_failing(host, keys, user, step):
    """Every call of two shapes of view, every fourth of the third, which has the same ones."""
    view, failed = view_of(user), set()
    count = calls_of(host, user, keys)
    assert count > 20
    with Failing(host, 0, step, ENOMEM) as sshd, Watch(view):
        for index in range(0, count, step):
            host.mark_log()
            listing = host.sftp(user, keys, "ls -1 /\n")
            numbers = sshd.failed(index)
            assert numbers, "call %d of %d never came" % (index, count)
            failed.update(numbers)
            assert_refused(host, user, listing, numbers[0], index)
    never = WANTED.get(user, set()) - failed
    assert not never, "never failed: %s" % sorted(STEPS[number][0] for number in never)


def assert_refused(host, user, listing, number, index):
    """A call of the seal: no session. Any other: a session that the watch finds sealed, or a refusal with its reason."""
    if number in STEPS:
        name, in_log = STEPS[number]
        assert not listing.ok and "sftp>" not in listing.out, "%s (call %d) failed, and there was a session" % (name, index)
        line = "refused user=%s .*(%s).*Cannot allocate memory" % (user, in_log)
        assert host.wait_log(line), "%s: no line says so: %s" % (name, host.log())
        monitor = re.search(r"sshd\[(\d+)\]: Accepted", host.wait_log("Accepted")[-1]).group(1)
        wait_until(lambda: not Path("/proc/" + monitor).exists(), what="the monitor's end")
        assert not host.log(r"sshd\[%s\]: .*session closed" % monitor), "the end of a session that never was is logged"
    elif not listing.ok:
        assert host.wait_log("refused user=%s" % user), "call %d, number %d: refused without a word" % (index, number)


def test_no_channel_but_a_connection(host, keys):
    """-N with each of the calls failing: sshd goes on after a failing setcred, so the module must not."""
    view = view_of("logical")
    count = calls_of(host, "logical", keys)
    with Failing(host, 0, 1, EPERM), Watch(view):
        for _ in range(count):
            hold_open(host, "logical", keys, 0.3)
    assert processes_of_user(view.uid) == []
