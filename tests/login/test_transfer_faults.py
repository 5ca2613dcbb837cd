"""TransferLog best-effort when its parts die, hang or find no room: sessions go on as if nothing was, and no more is lost
than must be."""
import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from private_host import SESSIONS_DIR, TRANSFER_LOG, process_name, wait_until
from transfer_tools import (Uploads, alice_fixture, assert_each_once, assert_sound, between, by_session, closed,
                            fill_disk, helpers, log_on_small_disk, logged_in, put_bytes, said, stop, unwritable_log)

UID = 5751
HELPER = Path("/usr/libexec/berth/berth-session")
NO_HANG = 1.0  # seconds that an operation may take at most, whatever happens


alice = alice_fixture(UID)


def assert_nothing_lost(host, session, uploads):
    """The session went on without a hitch, and every upload has its one event."""
    assert uploads.error is None and uploads.longest < NO_HANG, (uploads.error, uploads.longest)
    events = closed(host, session=session.id)
    assert_sound(host)
    assert_each_once(events, uploads.names)
    assert events[-1]["totals"]["dropped"] == 0


@pytest.mark.parametrize("way", ["killed", "killed again and again", "ended", "stopped", "gone for a while"])
def test_an_agent_that_comes_back(host, alice, way):
    with logged_in(host, alice) as session:
        with Uploads(session) as uploads:
            uploads.wait_for(50)
            if way == "killed":
                host.kill_agent()
                host.start_agent()
            elif way == "killed again and again":
                for _ in range(6):
                    host.kill_agent()
                    host.start_agent()
                    uploads.wait_for(20)
            elif way == "ended":
                host.stop_agent()
                host.start_agent()
            elif way == "stopped":
                with host.frozen_agent():
                    time.sleep(3)
            else:
                host.kill_agent()
                time.sleep(2.5)
                host.start_agent()
            uploads.wait_for(50)
    assert_nothing_lost(host, session, uploads)


def test_a_session_that_begins_and_one_that_ends_without_the_agent(host, alice):
    """What was logged in before goes on and ends without it, and its helper doesn't wait for ever."""
    with logged_in(host, alice) as session:
        put_bytes(session.sftp, "/before")
        host.wait_events(operation="put")
        host.kill_agent()
        put_bytes(session.sftp, "/without")
    begun = time.monotonic()
    host.assert_nothing_left(seconds=2.5)
    assert time.monotonic() - begun < 2.5
    host.start_agent()
    assert not host.events(session=session.id, operation="session-close")


def test_an_agent_that_is_back_before_the_session_s_helper_gives_up(host, alice):
    """The last events of a session that is over already."""
    with logged_in(host, alice) as session:
        put_bytes(session.sftp, "/before")
        host.wait_events(operation="put")
        host.kill_agent()
        put_bytes(session.sftp, "/without")
    time.sleep(0.3)
    host.start_agent()
    events = closed(host, session=session.id)
    assert_sound(host)
    assert [event["path"] for event in between(events)] == ["/before", "/without"]


def test_a_helper_that_is_killed(host, alice):
    """The session goes on unlogged, and others aren't touched."""
    with logged_in(host, alice) as session:
        victim, = helpers()
        with logged_in(host, alice) as other:
            with Uploads(session, "one") as uploads, Uploads(other, "two") as others:
                uploads.wait_for(20)
                os.kill(victim, signal.SIGKILL)
                uploads.wait_for(200)
                others.wait_for(50)
            assert uploads.error is None and uploads.longest < NO_HANG
            assert session.sftp.listdir("/")
    assert_nothing_lost(host, other, others)
    lines = host.wait_log("transfer log not whole")
    said_of = "user=alice session=%s reason=\"berth-session ended before the session did\"" % session.id
    assert len(lines) == 1 and said_of in lines[0], lines
    lost = host.events(session=session.id)
    assert [event["sequence"] for event in lost] == list(range(1, len(lost) + 1))
    assert {said(event, "path", "bytes", "status") for event in lost if event["operation"] == "put"} <= {
        (name, 1, "ok") for name in uploads.names}


def test_a_helper_that_stands_still_for_a_moment(host, alice):
    """Its lines wait for it."""
    with logged_in(host, alice) as session:
        with Uploads(session, pause=0.005) as uploads:
            uploads.wait_for(20)
            with stop(*helpers()):
                time.sleep(0.7)
            uploads.wait_for(20)
    assert_nothing_lost(host, session, uploads)


def test_helpers_that_all_stand_still_too_long(host, alice):
    """More lines than can wait for them: the sessions go on, and the log says how much it lacks, and has nothing untrue."""
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(logged_in(host, alice)) for _ in range(3)]
        assert len(helpers()) == 3
        with contextlib.ExitStack() as running:
            all_uploads = [running.enter_context(Uploads(session, "s%d-" % number))
                           for number, session in enumerate(sessions)]
            with stop(*helpers()):
                for uploads in all_uploads:
                    uploads.wait_for(2500, seconds=60)
            for uploads in all_uploads:
                uploads.wait_for(20)
    events = closed(host, user="alice", seconds=10)
    assert_sound(host)
    for uploads, session in zip(all_uploads, sessions):
        assert uploads.error is None and uploads.longest < NO_HANG, (uploads.error, uploads.longest)
        own = [event for event in events if event["session"] == session.id]
        put = [event for event in own if event["operation"] == "put"]
        names = set(uploads.names)
        assert len(names) > len(put) >= 520, (len(names), len(put))
        whole = [said(event, "path", "bytes", "status") for event in put if event["complete"]]
        assert len(set(whole)) == len(whole) and set(whole) <= {(name, 1, "ok") for name in names}
        assert {event["path"] for event in put} <= names
        assert own[-1]["totals"]["dropped"] >= len(names) - len(whole)
        assert [event for event in own if event["operation"] == "dropped"]
        assert {name for name in uploads.names[-15:]} <= {path for path, _, _ in whole}, "logs again once it is continued"


def test_lines_that_are_lost_up_to_the_end(host, alice):
    """The helper stands still until its session is over: that lines are lacking is said all the same."""
    with logged_in(host, alice) as session:
        context = stop(*helpers())
        context.__enter__()
        with Uploads(session) as uploads:
            uploads.wait_for(2500, seconds=60)
    host.wait_log("session closed user=alice")
    context.__exit__(None, None, None)
    events = closed(host, session=session.id)
    assert_sound(host)
    assert len([event for event in events if event["operation"] == "put"]) < len(uploads.names)
    assert events[-1]["totals"]["dropped"] > 0


def test_helpers_that_are_stopped_when_their_session_ends(host, alice):
    """The client's end of the session waits for none, and the helper ends once it may."""
    with logged_in(host, alice) as session:
        put_bytes(session.sftp, "/file")
        stopped = helpers()
        context = stop(*stopped)
        context.__enter__()
    begun = time.monotonic()
    wait_until(lambda: not host.processes_of(UID) and not host.mount_namespaces(), 2, "the end of the session")
    assert time.monotonic() - begun < NO_HANG + 0.5
    assert helpers() == stopped
    context.__exit__(None, None, None)
    assert_each_once(closed(host, session=session.id), ["/file"])
    host.assert_nothing_left(seconds=2.5)


def test_a_full_disk(host, alice):
    """Nothing is written, nothing lost: it is written when there is room."""
    with log_on_small_disk(host) as directory:
        with logged_in(host, alice) as session:
            with Uploads(session, pause=0.002) as uploads:
                uploads.wait_for(20)
                filler = fill_disk(directory)
                uploads.wait_for(300)
                time.sleep(1.5)
                filler.unlink()
                uploads.wait_for(20)
        assert_nothing_lost(host, session, uploads)


def test_a_full_disk_says_so_in_syslog(host, alice):
    with log_on_small_disk(host) as directory:
        filler = fill_disk(directory)
        assert host.sftp("alice", alice.key, "put /etc/hostname\nrm hostname\n").ok
        assert host.wait_log(r"berthd.*%s.*No space left" % TRANSFER_LOG)
        host.assert_nothing_left(seconds=2.5)
        filler.unlink()


def test_a_log_that_cannot_be_opened(host, alice):
    """Logins and sessions are as ever, and once it can be, what still runs is logged from its beginning."""
    with contextlib.ExitStack() as stack:
        with unwritable_log(host):
            assert host.wait_log(r"berthd.*%s" % TRANSFER_LOG)
            begun = time.monotonic()
            session = stack.enter_context(logged_in(host, alice))
            assert time.monotonic() - begun < 2
            with Uploads(session) as uploads:
                uploads.wait_for(100)
            assert uploads.longest < NO_HANG
        wait_until(lambda: host.events(operation="put", path=uploads.names[-1]), what="the late events")
        stack.close()
        assert_nothing_lost(host, session, uploads)


@pytest.mark.parametrize("fault", ["no program", "no such user"])
def test_a_helper_that_cannot_be_started(host, alice, fault):
    """It is said, and the session is as ever."""
    config = host.extra_config
    if fault == "no program":
        HELPER.rename(HELPER.with_suffix(".away"))
    else:
        host.write_config(*config, "SessionUser nosuchuser")
    try:
        with logged_in(host, alice) as session:
            assert not helpers()
            put_bytes(session.sftp, "/unlogged")
            assert session.sftp.listdir("/") == ["unlogged"]
            host.assert_sealed(session.pid)
        lines = host.wait_log("no transfer log for this session")
        reason = "%s: No such file" % HELPER if fault == "no program" else "SessionUser nosuchuser: no such account"
        assert "user=alice session=%s reason=\"berth-session can't be started: %s" % (session.id, reason) in lines[0], lines
        assert not host.events(session=session.id)
    finally:
        if fault == "no program":
            HELPER.with_suffix(".away").rename(HELPER)
        else:
            host.write_config(*config)


def test_a_monitor_that_is_killed(host, alice):
    """sshd's monitor killed, which closes no session: what the client still does is logged, and then its end."""
    with logged_in(host, alice) as session:
        put_bytes(session.sftp, "/file")
        parent = int(Path("/proc/%d/stat" % session.pid).read_text(encoding="ascii").rsplit(")", 1)[1].split()[1])
        assert process_name(parent) == "sshd" and parent != host.sshd.pid
        os.kill(parent, signal.SIGKILL)
        with contextlib.suppress(OSError, EOFError):
            put_bytes(session.sftp, "/after")
    wait_until(lambda: not helpers(), 2.5, "the helper's end")
    assert_each_once(closed(host, session=session.id), ["/" + name for name in sorted(os.listdir(alice.home), reverse=True)])
    for path in SESSIONS_DIR.iterdir():
        path.unlink()


def test_many_sessions_while_the_agent_comes_and_goes(host, alice):
    """No event of any of them twice or lost."""
    finished = []
    with uploads_side_by_side(host, alice, 4) as all_uploads:
        for _ in range(3):
            host.kill_agent()
            host.start_agent()
            for _, uploads in all_uploads:
                uploads.wait_for(30, seconds=20)
        finished = all_uploads
    events = closed(host, user="alice")
    assert_sound(host)
    assert len(by_session(events)) == 4
    for session, uploads in finished:
        assert uploads.error is None and uploads.longest < NO_HANG, (uploads.error, uploads.longest)
        assert_each_once([event for event in events if event["session"] == session.id], uploads.names)


@contextlib.contextmanager
def uploads_side_by_side(host, user, count):
    """[(session, Uploads)]: so many sessions with uploads."""
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(logged_in(host, user)) for _ in range(count)]
        yield [(session, stack.enter_context(Uploads(session, "m%d-" % number))) for number, session in enumerate(sessions)]
