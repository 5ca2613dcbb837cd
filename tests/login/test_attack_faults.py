"""Every system call with which a session's child builds its view, made to fail once each: the login fails, and the log says why; or
the call didn't matter, and the session is sealed whole."""
import contextlib
import os
import platform
import re
import subprocess

import pytest

from attack_tools import FAIL_CALL, View, Watch, hold_open, processes_of_user
from private_host import process_ids, process_name, wait_until

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="tests/login/fail_call.c is for x86-64")

ENOMEM, EPERM = 12, 1
USERS = {"logical": 5951, "several": 5952, "path": 5953}

# The calls that make the seal (x86-64 numbers), and what of the log line tells the operator which it was.
STEPS = {
    272: ("unshare", "unshare"), 442: ("mount_setattr", "mount_setattr"), 437: ("openat2", "target|DataRoot|entry|openat2"),
    428: ("open_tree", "open_tree"), 430: ("fsopen", "fsopen"), 431: ("fsconfig", "fsconfig|fsmount"), 432: ("fsmount", "fsmount"),
    429: ("move_mount", "move_mount"), 81: ("fchdir", "fchdir"), 155: ("pivot_root", "pivot_root"), 166: ("umount2", "umount2"),
    80: ("chdir", "chdir"), 116: ("setgroups", "setgroups"), 157: ("prctl", "prctl|seccomp"), 317: ("seccomp", "seccomp"),
    217: ("getdents64", "/proc/self/fd|fdopendir"), 258: ("mkdirat", "entry|mkdirat"),
}
WANTED = {"logical": {272, 442, 437, 428, 429, 81, 155, 166, 80, 116, 157, 317, 217},
          "several": set(STEPS), "path": set(STEPS)}


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
              "several": {"/": None, "/a/b": "/srv/berth/bucket/one", "/c": "/srv/berth/bucket/two", "/file": "/srv/berth/bucket/file"}}
    return View(USERS[user], groups=(7951,) if user == "several" else (), mounts=mounts[user])


@contextlib.contextmanager
def failing_sshd(host, index, error):
    """sshd with call number `index` of each child's view failing. Yields a function that returns the failed calls' numbers."""
    host.stop_sshd()
    report = open("/tmp/fail_call.report", "w+", encoding="ascii")
    tracer = subprocess.Popen([str(FAIL_CALL), str(index), str(error), "/usr/sbin/sshd", "-D"], stdin=subprocess.DEVNULL, stdout=report)
    try:
        wait_until(lambda: host.ssh("localuser", host.key("faults"), options=("-N",), timeout=10).code == 255 and host.log("Connection closed by"),
                   what="the traced sshd")
        yield lambda: [int(call) for call in re.findall(r"(?m)^\d+ %d (\d+)$" % index, open(report.name, encoding="ascii").read())]
    finally:
        tracer.kill()  # its processes are killed with it
        tracer.wait()
        report.close()
        wait_until(lambda: not [pid for pid in process_ids() if process_name(pid) == "sshd"], what="the end of the traced sshd")
        host.start_sshd()


def calls_of(host, user, key):
    """How many calls the child makes from unshare to the filter."""
    with failing_sshd(host, 1000000, ENOMEM):
        assert host.sftp(user, key, "ls /\n").ok
        report = open("/tmp/fail_call.report", encoding="ascii").read()
    return int(re.search(r"sealed (\d+)", report).group(1))


@pytest.mark.parametrize("user", sorted(USERS))
def test_each_call_failing(host, keys, user):
    """Every index in turn."""
    view, failed = view_of(user), set()
    count = calls_of(host, user, keys)
    assert count > 20
    for index in range(count):
        host.mark_log()
        with failing_sshd(host, index, ENOMEM) as failed_calls, Watch(view):
            listing = host.sftp(user, keys, "ls -1 /\n")
            numbers = failed_calls()
        assert numbers, "call %d of %d never came" % (index, count)
        failed.update(numbers)
        for number in numbers:
            if number not in STEPS:
                continue
            name, in_log = STEPS[number]
            assert not listing.ok and "sftp>" not in listing.out, "%s (%d of %d) failed, and there was a session" % (name, index, count)
            assert host.log("refused user=%s .*(%s).*Cannot allocate memory" % (user, in_log)), "%s: no line says so: %s" % (name, host.log())
        if not listing.ok:
            assert host.log("refused user=%s" % user), "call %d, number %s: refused without a word" % (index, numbers)
    assert failed >= WANTED[user], "never failed: %s" % sorted(STEPS[number][0] for number in WANTED[user] - failed)


def test_no_channel_but_a_connection(host, keys):
    """-N with each of the calls that seal failing: sshd goes on after a failing setcred, so the module must not."""
    view = view_of("logical")
    count = calls_of(host, "logical", keys)
    for index in sorted({0, 1, count // 4, count // 2, count - 12, count - 3, count - 2, count - 1}):
        with failing_sshd(host, index, EPERM), Watch(view):
            hold_open(host, "logical", keys, 1)
    assert processes_of_user(view.uid) == []
