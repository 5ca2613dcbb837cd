"""The commands that docs/transfer-log.md and berth-tail(1) tell people to use do what is said there, on a log with hostile
names in it."""
import base64
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

from admin_command import BERTH
from tail_log import PATIENCE, event, new_log, now

TREE = pathlib.Path(__file__).resolve().parents[2]
TARGET = "/srv/berth/bucket/home/alice/in/orders.csv"

pytestmark = pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")


@pytest.fixture
def log():
    with new_log() as new:
        new.write(event(1, time=now(3 * 86400), bytes=5), event(2, target=TARGET, bytes=100), event(3, "get", bytes=7),
                  event(4, complete=False, status="connection lost", bytes=20, path="/a\tb\x1b"),
                  event(5, "rename", path="/x", new_path="/in/orders.csv", new_target=TARGET), event(6, user="bobby"))
        yield new


def documented(start):
    """The commands of the page and of the manual that begin so."""
    page = re.findall(r"(?:^    .*\n)+", (TREE / "docs/transfer-log.md").read_text(), re.MULTILINE)
    manual = (TREE / "packaging/man/berth-tail.1").read_text().replace("\\e", "\\")
    blocks = page + re.findall(r"^\.Bd -literal.*\n((?:[^.].*\n)+)\.Ed", manual, re.MULTILINE)
    commands = [re.sub(r"^(    )?(# )?", "", block, flags=re.MULTILINE) for block in blocks]
    found = [command for command in commands if command.startswith(start)]
    assert found, start
    return found


def here(log, command):
    """The command with this log's and this build's own names."""
    command = command.replace("berth tail", f"{BERTH} tail --config {log.config}")
    command = command.replace("/var/log/berth", str(log.directory)).replace("/usr/local/bin/job", f"{log.directory}/job")
    return re.sub(r" log$", f" {log.path}", command, flags=re.MULTILINE)


def outputs(log, start):
    """What each of the commands that begin so prints."""
    for command in documented(start):
        done = subprocess.run(["bash", "-c", here(log, command)], capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, ""), command
        yield done.stdout


def test_who_uploaded_what_today(log):
    for output in outputs(log, "berth tail --since"):
        assert re.findall(r"/in/\d.csv|/a\S+", output) == ["/in/2.csv", r"/a\x09b\x1b", "/in/6.csv"]


def test_what_a_user_did(log):
    for output in outputs(log, "berth tail --user"):
        assert len(output.splitlines()) == 5 and "bobby" not in output and "get" in output


def test_uploads_that_are_not_whole(log):
    for output in outputs(log, "jq -r 'select((.operation"):
        assert [line.split("\t")[1:] for line in output.splitlines()] == [["alice", "/a\\tb\x1b", "connection lost"]]
    for output in outputs(log, "berth tail -n all --operation put,append"):
        assert output.count("\n") == 1 and '"connection lost"' in output


def test_bytes_of_each_user(log):
    for output in outputs(log, "jq -rn 'reduce"):
        assert output == "alice\t125\t7\nbobby\t1234\t0\n"


def test_all_about_one_file(log):
    for output in outputs(log, "jq -c 'select(.target"):
        assert re.findall(r'"sequence":(\d+)', output) == ["2", "5"]


def test_over_the_rotated_files(log):
    log.rotate()
    subprocess.run(["gzip", log.rotated(1)], check=True)
    log.write(event(7), event(8, user="bobby"))
    for output in outputs(log, "zcat -f"):
        assert sorted(re.findall(r'"sequence":(\d+)', output)) == ["1", "2", "3", "4", "5", "7"]


NAMES = [b"/in/two  words", b"/in/'\"$(touch x)`;", b"/in/a\nb\\n", b"/in/*", b"/in/-n", b"/in/caf\xe9", "/in/日本".encode()]


@contextlib.contextmanager
def running(log, command):
    process = subprocess.Popen(["bash", "-c", here(log, command)], start_new_session=True, cwd=log.directory)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@pytest.mark.parametrize("number", [0, 1])
def test_a_job_for_each_upload(log, number):
    """Exactly one, with the file's exact name; and none for what isn't whole."""
    commands = documented("berth tail -f -n 0 --operation put,append --complete")
    job = log.directory / "job"
    job.write_text(f"#!/bin/sh\nprintf '%s\\0' \"$1\" >> {log.directory}/done\n")
    job.chmod(0o755)
    done = log.directory / "done"
    done.touch()
    with running(log, commands[number]):
        time.sleep(0.5)
        for name in NAMES:
            target = b"/srv" + name
            exact = {} if name.isascii() or b"caf" not in name else {"target_base64": base64.b64encode(target).decode()}
            log.write(event(1, target=target.decode(errors="replace"), **exact), event(2, complete=False), event(3, "mkdir"))
        deadline = time.monotonic() + PATIENCE
        while done.read_bytes().count(b"\0") < len(NAMES) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.2)
    assert done.read_bytes() == b"".join(b"/srv" + name + b"\0" for name in NAMES)
    assert not (log.directory / "x").exists()


def test_every_command_is_tried():
    """Those of the page and of the manual: none is added without a test of it."""
    assert len(documented("berth tail")) == 5 and len(documented("jq")) == 3 and len(documented("zcat")) == 1
