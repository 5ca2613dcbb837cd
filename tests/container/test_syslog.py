"""berth-syslog by itself: a reader that doesn't read holds nobody up, and what it missed is told."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest

from conftest import ROOT, wait_until

PROGRAM = ROOT / "build/berth-syslog"


@pytest.fixture
def reader(tmp_path):
    """(process, socket to send with); its stderr is a pipe."""
    if os.geteuid() != 0:
        pytest.skip("needs root, who gives up being that")
    path = str(tmp_path / "log")
    os.chmod(tmp_path, 0o755)
    process = subprocess.Popen([PROGRAM, path], stderr=subprocess.PIPE)
    wait_until(lambda: os.path.exists(path) and os.stat(path).st_mode & 0o777 == 0o666, what="the socket")
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.settimeout(5)
    wait_until(lambda: sender.connect_ex(path) == 0, what="somebody who listens")
    yield process, sender
    process.kill()
    process.wait()
    process.stderr.close()
    sender.close()


def test_one_message_one_line_as_nobody(reader):
    process, sender = reader
    sender.send(b"<86>Nov  1 01:02:03 sshd[12]: user=a\nNov  1 01:02:03 box sshd[12]: Accepted publickey for root")
    line = process.stderr.readline().decode()
    assert re.fullmatch(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ sshd\[12\]: user=a\?Nov  1 01:02:03 box .*\n", line)
    assert "Uid:\t65534\t65534\t65534\t65534" in pathlib.Path(f"/proc/{process.pid}/status").read_text()


def test_nobody_waits_for_who_does_not_read(reader):
    process, sender = reader
    sent = 20000
    for number in range(sent):
        sender.send(b"<86>Nov  1 01:02:03 sshd[12]: line %d " % number + b"x" * 100)
    read = []

    def lines():
        os.set_blocking(process.stderr.fileno(), False)
        sender.send(b"<86>sshd[12]: and now")
        time.sleep(0.001)
        while data := process.stderr.read():
            read.append(data)
        return b"and now" in b"".join(read[-3:])
    wait_until(lines, what="the newest line")
    text = b"".join(read).decode()
    lost = sum(map(int, re.findall(r"lines were lost, as nobody read them: count=(\d+)", text)))
    assert lost > 0
    assert lost + len(re.findall(r": line \d+ x{100}\n", text)) + text.count(": and now\n") >= sent


def test_end_writes_what_was_sent(reader):
    process, sender = reader
    process.send_signal(signal.SIGSTOP)
    for number in range(9):  # net.unix.max_dgram_qlen may be 10
        sender.send(b"<86>sshd[12]: line %d" % number)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    assert process.wait(10) == 0
    assert process.stderr.read().count(b": line ") == 9


def test_socket_that_is_read_already(reader):
    _, sender = reader
    done = subprocess.run([PROGRAM, sender.getpeername()], capture_output=True, text=True, timeout=10)
    assert done.returncode == 1 and "Address already in use" in done.stderr


def test_wrong_use():
    assert subprocess.run([PROGRAM, "--help"], capture_output=True, timeout=10).returncode == 2
    done = subprocess.run([PROGRAM, "/nonexistent/log"], capture_output=True, text=True, timeout=10)
    assert done.returncode == 1 and "/nonexistent/log: No such file or directory" in done.stderr
