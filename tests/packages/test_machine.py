"""What the other tests stand on: a machine leaves nothing behind, however it ends."""
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from machine import Machine, wait_until

HERE = Path(__file__).resolve().parent
SNAPSHOT = HERE.parent / "host/snapshot"


def snapshot():
    return subprocess.run([SNAPSHOT], capture_output=True, text=True, check=False).stdout


def cgroups():
    """Names of the machines' cgroups on this host."""
    script = "mount -n -t cgroup2 cgroup2 /mnt && cd /mnt && ls -d berth-test.* 2>/dev/null || true"
    return subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", script], capture_output=True,
                          text=True, check=True).stdout.split()


def exists(pid):
    """Whether the process runs yet; one that only waits for somebody to ask how it ended doesn't."""
    try:
        return Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_nothing_is_left_after_the_end(root):
    before, groups = snapshot(), cgroups()
    with Machine(root) as machine:
        assert len(cgroups()) == len(groups) + 1
        machine.do("touch", "/etc/left", "/usr/left")
        pid = machine.pid
    wait_until(lambda: not exists(pid), what="the machine's end")
    assert snapshot() == before and cgroups() == groups
    assert not (root / "etc/left").exists() and not (root / "usr/left").exists()


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_when_the_tests_are_killed(root, sent):
    before, groups = snapshot(), cgroups()
    program = "import sys; sys.path.insert(0, sys.argv[1]); from machine import Machine; import time\n" \
              "machine = Machine(sys.argv[2]); print(machine.pid, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", program, HERE, root], stdout=subprocess.PIPE, text=True) as tests:
        pid = int(tests.stdout.readline())
        assert exists(pid) and len(cgroups()) == len(groups) + 1
        tests.send_signal(sent)
    wait_until(lambda: not exists(pid), what="the machine's end")
    wait_until(lambda: cgroups() == groups, what="its cgroup's end")
    assert snapshot() == before


def test_next_machine_removes_what_a_killed_one_left(root):
    groups = cgroups()
    with Machine(root) as killed:
        killed.kill()
        wait_until(lambda: not exists(killed.pid), what="the machine's end")
    assert len(cgroups()) == len(groups) + 1
    with Machine(root):
        assert len(cgroups()) == len(groups) + 1
    assert cgroups() == groups


def test_machine_has_this_hosts_kernel_settings_to_read_alone(root):
    with Machine(root) as machine:
        assert not machine.run("sh", "-c", "echo 1 >/proc/sys/kernel/panic").ok
        assert re.findall(r"^\s*(\S+):", Path("/proc/net/dev").read_text(), re.MULTILINE)
        assert re.findall(r"^\s*(\S+):", machine.read("/proc/%d/net/dev" % 1), re.MULTILINE) == ["lo"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_who_is_not_root_is_told_so():
    for program in ("boot", "debian_root"):
        result = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", HERE / program, "/nowhere"],
                                capture_output=True, text=True, check=False)
        if "ermission denied" in result.stderr:
            pytest.skip("nobody can't reach the source tree")
        assert result.returncode == 77 and result.stderr.count("\n") == 1 and "needs root" in result.stderr
