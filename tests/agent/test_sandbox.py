"""berthd.service's sandbox lets through what the agent does. systemd itself doesn't run here: strace shows what berthd asks of
the kernel, started as the unit's User with the socket that systemd would hand over."""
import os
import pathlib
import signal
import socket
import subprocess
import sys

import agent_protocol as p
from agent_places import BERTH_UID, BERTHD, ROOT, TRANSFERS
from helper_client import Helper

sys.path.insert(0, str(ROOT / "tests/host"))

from sandbox import assert_let_through, needs_tracing  # noqa: E402  pylint: disable=wrong-import-position

TRACE = pathlib.Path("/run/trace")


@needs_tracing
def test_sandbox_lets_through_what_it_does(host):
    host.make_store()
    host.add_user("alice")
    TRACE.touch()
    os.chown(TRACE, BERTH_UID, BERTH_UID)
    os.mkdir("/run/berth", 0o755)
    with socket.socket(socket.AF_UNIX) as listener, open("/run/log", "wb") as log:
        listener.bind(p.SOCKET)
        listener.listen(100)

        def prepare():
            os.dup2(listener.fileno(), 3)
        # strace's child is the shell, which becomes berthd: LISTEN_PID is its own.
        process = subprocess.Popen(
            ["strace", "-f", "-o", TRACE, "sh", "-c", f"LISTEN_PID=$$ LISTEN_FDS=1 exec {BERTHD} -e"], close_fds=False,
            preexec_fn=prepare, user=BERTH_UID, group=BERTH_UID, extra_groups=[], stderr=log, stdin=subprocess.DEVNULL)
        assert p.by_name("alice")[1] == 5001
        helper = Helper()
        helper.mkdirs(1, 3)
        helper.wait(3)
        child, = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGHUP)
        assert p.by_name("nobody-here") == p.NOT_FOUND
        os.kill(int(child), signal.SIGTERM)
        assert process.wait(15) == 0, pathlib.Path("/run/log").read_text()
    started = TRACE.read_text().partition(f'execve("{BERTHD}"')[2]
    assert TRANSFERS in started  # what it was asked to do is there
    assert_let_through("berthd.service", started.partition("\n")[2])
