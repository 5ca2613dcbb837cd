"""`berth sessions` on real processes, in a mount namespace with a /run of its own."""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest

from admin_command import BERTH

SERVER = "s-0123456789abcdef0"


def can_unshare():
    if os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "-m", "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0


pytestmark = pytest.mark.skipif(not can_unshare(), reason="needs root and mount namespaces")


class Sessions:
    """Sleeping processes that stand for sshd's monitors, each with its file as pam_berth writes it."""

    def __init__(self):
        self.monitors = []
        self.files = {}

    def add(self, user, since):
        monitor = subprocess.Popen(["sleep", "300"])
        self.monitors.append(monitor)
        started = pathlib.Path(f"/proc/{monitor.pid}/stat").read_text().rpartition(")")[2].split()[19]
        identifier = f"{len(self.files) + 1:016x}"
        self.files[identifier] = (f"user={user}\nserver={SERVER}\nclient=192.0.2.7\nport=40000\nfingerprint=SHA256:abc\n"
                                  f"uid=5001\nsince={since}\nmonitor={monitor.pid}\nstarted={started}\n")
        return identifier, monitor

    def run(self, *words):
        script = "mount -t tmpfs tmpfs /run && mkdir -p /run/berth && mkdir -m 700 /run/berth/sessions || exit 99\n"
        for identifier, text in self.files.items():
            script += f"printf %s {shlex.quote(text)} > /run/berth/sessions/{identifier}\n"
        script += f"exec {shlex.join([str(BERTH), 'sessions', *words])}\n"
        return subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c", script], text=True,
                              capture_output=True, timeout=60, check=False, env={**os.environ, "TZ": "UTC"})


@pytest.fixture
def sessions():
    live = Sessions()
    yield live
    for monitor in live.monitors:
        monitor.kill()
        monitor.wait()


def test_none(sessions):
    for words in [], ["list"]:
        done = sessions.run(*words)
        assert (done.returncode, done.stdout.split(), done.stderr) == \
            (0, ["ID", "USER", "SERVER", "CLIENT", "SINCE", "UID"], "")


def test_list(sessions):
    second, _ = sessions.add("a-rather-long-user-name", 1700000000)
    first, _ = sessions.add("alice", 1600000000)
    lines = sessions.run("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ID", first, second]
    assert lines[1].split() == [first, "alice", SERVER, "192.0.2.7", "2020-09-13T12:26:40+00:00", "5001"]
    assert len({line.index(word) for line, word in zip(lines, ["SERVER", SERVER, SERVER])}) == 1


def test_list_as_text_and_json(sessions):
    identifier, _ = sessions.add("alice", 1600000000)
    text = sessions.run("--output", "text").stdout
    assert text == f"{identifier}\talice\t{SERVER}\t192.0.2.7\t2020-09-13T12:26:40+00:00\t5001\n"
    listed = json.loads(sessions.run("list", "--output", "json").stdout)["Sessions"]
    assert listed == [{"SessionId": identifier, "UserName": "alice", "ServerId": SERVER, "Client": "192.0.2.7",
                       "ClientPort": 40000, "Fingerprint": "SHA256:abc", "Uid": 5001, "Since": "2020-09-13T12:26:40+00:00"}]


def test_end_by_user(sessions):
    one, first = sessions.add("alice", 1600000000)
    two, second = sessions.add("alice", 1600000001)
    _, other = sessions.add("bobby", 1600000002)
    done = sessions.run("end", "alice")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"ended session {one} of user alice\nended session {two} of user alice\n"
    assert (first.wait(5), second.wait(5)) == (-15, -15)
    assert other.poll() is None


def test_end_by_id(sessions):
    identifier, monitor = sessions.add("alice", 1600000000)
    _, other = sessions.add("alice", 1600000001)
    assert sessions.run("end", identifier).returncode == 0
    assert monitor.wait(5) == -15
    assert other.poll() is None


def test_end_of_nothing(sessions):
    identifier, monitor = sessions.add("alice", 1600000000)
    done = sessions.run("end", "bobby", identifier)
    assert done.returncode == 1
    assert done.stderr == 'berth sessions: no live session has the id or the user "bobby"\n'
    assert monitor.wait(5) == -15


def test_wrong_words(sessions):
    for words in ["end"], ["stop"], ["list", "alice"], ["--colour"]:
        done = sessions.run(*words)
        assert done.returncode == 252
        assert re.search("^usage: berth sessions", done.stderr, re.MULTILINE)


def test_needs_root(empty):
    reachable = shutil.copy(BERTH, empty.directory)  # nobody may not get to where it was built
    done = subprocess.run([reachable, "sessions"], text=True, capture_output=True, check=False, user="nobody",
                          group="nogroup", extra_groups=[])
    assert done.returncode == 255
    assert done.stderr == "berth sessions: only root may see and end sessions\n"
