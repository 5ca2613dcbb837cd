"""TransferLog required: no login without its log, and no session that goes on without it."""
import contextlib
import os
import signal
import socket
import time
from pathlib import Path

import paramiko
import pytest

from attack_tools import inject, processes_of_user, status_of, user_of
from private_host import SESSIONS_DIR, wait_until
from transfer_tools import (Uploads, alice_fixture, assert_each_once, assert_sound, closed, fill_disk, helpers,
                            line_descriptor, log_on_small_disk, logged_in, put_bytes, stop, unwritable_log)

UID = 5761
GRACE = 2
SYS_SHUTDOWN = 48
BERTH_CONFIG = ["TransferLog required", "TransferLogGrace %d" % GRACE]
ASKS = 1.3  # seconds: at a session's end sshd's monitor asks for the user's groups, and gives a stopped agent 0.9
HEEDS = 3  # seconds that a monitor has to end a session
HELPER = Path("/usr/libexec/berth/berth-session")


alice = alice_fixture(UID)


@contextlib.contextmanager
def log_in_if_possible(host, user):
    """A session that may be ended while the block runs."""
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException), logged_in(host, user) as session:
        yield session


def assert_ends(session, within):
    """The session is ended by the server, in so many seconds from now at the most, and nothing is left of it."""
    wait_until(lambda: not session.transport.is_active(), within, "the end of the connection")
    wait_until(lambda: not processes_of_user(UID), 1, "the end of its processes")


def assert_refused(host, user, pattern, within=2.5):
    """No login, a line with the reason, and no file was touched."""
    begun = time.monotonic()
    result = host.sftp(user.name, user.key, "put /etc/hostname\n")
    assert not result.ok and time.monotonic() - begun < within, (time.monotonic() - begun, result)
    host.wait_log(r"pam_berth.*refused user=alice.*TransferLog is required")
    assert host.wait_log(pattern)
    assert os.listdir(user.home) == []
    host.assert_nothing_left(GRACE + 2)
    assert not host.events(operation="put")


def test_a_session_like_any_other(host, alice):
    with logged_in(host, alice) as session:
        with Uploads(session) as uploads:
            uploads.wait_for(100)
    assert_each_once(closed(host, session=session.id), uploads.names)
    assert_sound(host)
    host.assert_nothing_left(2)
    assert not host.log("session ended")


@pytest.mark.parametrize("fault", ["log unwritable", "disk full", "no program", "no such user"])
def test_no_login_without_its_log(host, alice, fault):
    with contextlib.ExitStack() as stack:
        pattern = "berth-session"
        if fault == "log unwritable":
            stack.enter_context(unwritable_log(host))
        elif fault == "disk full":
            fill_disk(stack.enter_context(log_on_small_disk(host)))
        elif fault == "no program":
            HELPER.rename(HELPER.with_suffix(".away"))
            stack.callback(HELPER.with_suffix(".away").rename, HELPER)
        else:
            host.write_config(*BERTH_CONFIG, "SessionUser nosuchuser")
            stack.callback(host.write_config, *BERTH_CONFIG)
            pattern = "nosuchuser"
        assert_refused(host, alice, pattern if fault.startswith("no ") else "the agent did not take the session's log")
    host.stop_agent()
    host.start_agent()
    assert host.sftp("alice", alice.key, "ls\n").ok


def test_a_helper_that_is_killed(host, alice):
    with log_in_if_possible(host, alice) as session:
        with Uploads(session) as uploads:
            uploads.wait_for(50)
            os.kill(helpers()[0], signal.SIGKILL)
            assert_ends(session, 1)
        assert uploads.error and uploads.longest < 1
    assert host.wait_log("session ended user=alice session=%s reason=.*berth-session was ended" % session.id)
    lost = host.events(session=session.id)
    assert [event["sequence"] for event in lost] == list(range(1, len(lost) + 1))
    host.assert_nothing_left(2)


def test_a_helper_that_is_killed_while_nothing_is_done(host, alice):
    with log_in_if_possible(host, alice) as session:
        os.kill(helpers()[0], signal.SIGKILL)
        assert_ends(session, 1)


def test_a_helper_that_stands_still(host, alice):
    """It ends a second after lines can't go out; of what was done until then every event comes when the helper goes on."""
    with log_in_if_possible(host, alice) as session:
        with Uploads(session) as uploads:
            uploads.wait_for(50)
            with stop(*helpers()):
                wait_until(lambda: uploads.error, 30, "the end of uploads that nobody can log")
                assert uploads.longest < 1.5
                # Another channel is no way on: its sftp-server ends by its first line.
                with pytest.raises((OSError, EOFError, paramiko.SSHException)):
                    paramiko.SFTPClient.from_transport(session.transport).mkdir("/unlogged")
                session.close()
                assert host.wait_log("session ended user=alice session=%s reason=.*stands still" % session.id)
    assert host.wait_log("berth-session.*has ended itself.*session=%s" % session.id)
    events = closed(host, session=session.id)
    on_disk = {"/" + path.name for path in alice.home.iterdir()}
    logged = {event["path"] for event in events if event["operation"] == "put"}
    assert set(uploads.names) <= logged and on_disk <= logged, (on_disk - logged, set(uploads.names) - logged)
    host.assert_nothing_left(GRACE + 1)


def test_helpers_that_all_stand_still(host, alice):
    """Idle sessions may live on; none that does something."""
    with log_in_if_possible(host, alice) as one, log_in_if_possible(host, alice) as two:
        with Uploads(one, "one") as first, Uploads(two, "two") as second:
            first.wait_for(20)
            second.wait_for(20)
            with stop(*helpers()):
                wait_until(lambda: first.error and second.error, 60, "the end of both")
        assert first.longest < 1.5 and second.longest < 1.5
    events = closed(host, user="alice")
    for uploads in (first, second):
        assert set(uploads.names) <= {event["path"] for event in events if event["operation"] == "put"}


@pytest.mark.parametrize("way", ["killed", "stopped", "its disk is full"])
def test_an_agent_that_is_gone_too_long(host, alice, way):
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(log_on_small_disk(host)) if "disk" in way else None
        session = stack.enter_context(log_in_if_possible(host, alice))
        with Uploads(session, pause=0.005) as uploads:
            uploads.wait_for(20)
            if way == "killed":
                host.kill_agent()
            elif way == "stopped":
                stack.enter_context(host.frozen_agent())
            else:
                fill_disk(directory)
            begun = time.monotonic()
            # Of a full disk, what the agent has reserved for the session is used up first.
            limit = GRACE + 1 if directory is None else GRACE + 10
            wait_until(lambda: not processes_of_user(UID), limit, "the end of the session's processes")
            assert time.monotonic() - begun > GRACE - 1, "the grace was not granted"
            assert_ends(session, ASKS)
        assert uploads.longest < ASKS
        lines = host.wait_log(r"berth-session.*%s" % session.id)
        assert any("ending a session" in line and "transfer log" in line for line in lines), lines
        assert host.wait_log("session ended user=alice session=%s reason=.*wrote nothing down" % session.id)
    if host.agent is None:
        host.start_agent()


def test_idle_sessions_need_the_agent_too_or_lose_nothing(host, alice):
    """A session that has nothing to log may outlive the grace; what it does then is logged, or it is ended."""
    with log_in_if_possible(host, alice) as session:
        host.wait_events(operation="session-open", session=session.id)
        host.kill_agent()
        time.sleep(GRACE + 1)
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            put_bytes(session.sftp, "/late")
        host.start_agent()
        wait_until(lambda: not os.listdir(alice.home) or host.events(operation="put", path="/late"), 3, "the event")


@pytest.mark.parametrize("way", ["killed", "killed twice", "stopped", "disk full"])
def test_an_agent_that_is_back_in_time(host, alice, way):
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(log_on_small_disk(host)) if "disk" in way else None
        session = stack.enter_context(logged_in(host, alice))
        with Uploads(session, pause=0.005) as uploads:
            uploads.wait_for(20)
            if way.startswith("killed"):
                for _ in range(1 + way.endswith("twice")):
                    host.kill_agent()
                    time.sleep(GRACE / 3)
                    host.start_agent()
            elif way == "stopped":
                with host.frozen_agent():
                    time.sleep(GRACE * 0.6)
            else:
                filler = fill_disk(directory)
                time.sleep(GRACE / 4)
                filler.unlink()
            uploads.wait_for(20)
            time.sleep(GRACE)
            uploads.wait_for(20)
        assert uploads.error is None and uploads.longest < 1, (uploads.error, uploads.longest)
        session.close()
        events = closed(host, session=session.id)
        assert_sound(host)
        assert_each_once(events, uploads.names)


def test_a_session_that_shuts_its_own_log_down_ends(host, alice):
    """Whatever a session does to its line socket, it doesn't go on unlogged."""
    if os.uname().machine != "x86_64":
        pytest.skip("tests/login/inject.c knows x86-64 alone")
    with log_in_if_possible(host, alice) as session:
        put_bytes(session.sftp, "/before")
        inject(session.pid, SYS_SHUTDOWN, line_descriptor(session.pid), socket.SHUT_RDWR)
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            for number in range(20):
                put_bytes(session.sftp, "/unlogged%d" % number)
                time.sleep(0.05)
        assert_ends(session, 2)
    logged = {event["path"] for event in host.events(operation="put")}
    assert len({"/" + name for name in os.listdir(alice.home)} - logged) <= 1

def monitor_of(pid):
    """sshd's monitor of the session that this process is in: its first ancestor that is root's."""
    while user_of(status_of(pid)) != 0:
        pid = int(status_of(pid)["PPid"])
    return pid


@pytest.mark.parametrize("way", ["killed", "stopped"])
def test_a_monitor_that_does_not_end_its_session(host, alice, way):
    """Nobody else is told that the session must end. Without the agent it ends all the same, by what it does next."""
    with contextlib.ExitStack() as stack:
        session = stack.enter_context(log_in_if_possible(host, alice))
        put_bytes(session.sftp, "/before")
        monitor = monitor_of(session.pid)
        if way == "killed":
            os.kill(monitor, signal.SIGKILL)
        else:
            stack.enter_context(stop(monitor))
        put_bytes(session.sftp, "/without")
        host.wait_events(operation="put", path="/without")
        host.kill_agent()
        with Uploads(session, pause=0.05) as uploads:
            wait_until(lambda: uploads.error, GRACE + HEEDS + 1, "the end of uploads that nobody logs")
        host.start_agent()
        logged = {event["path"] for event in closed(host, session=session.id) if event["operation"] == "put"}
        assert len({"/" + path.name for path in alice.home.iterdir()} - logged) <= 1
    host.wait_log("a session was not ended by its monitor")
    assert not host.log("has cut off its own")
    (SESSIONS_DIR / session.id).unlink(missing_ok=True)
