"""A hundred sessions at once: none fails, none sees another's view, nothing is left after."""
import concurrent.futures
import os
from pathlib import Path

import pytest

from private_host import namespace, process_ids, run, wait_until

SESSIONS = 100
FIRST_UID = 20001


@pytest.fixture(scope="module")
def users(fresh_host):
    """A hundred users with one key, each with a directory of its own; half of them with several entries."""
    host = fresh_host
    key = host.key("everybody")
    bucket = host.bucket("bucket", "common")
    names = ["user%03d" % number for number in range(SESSIONS)]
    for number, name in enumerate(names):
        host.bucket("bucket", name, owner=FIRST_UID + number)
        (bucket / name / ("only-" + name)).touch()
        mappings = [("/", "/bucket/" + name)] if number % 2 else [("/own", "/bucket/" + name), ("/common", "/bucket/common")]
        host.create_user(name, FIRST_UID + number, mappings=mappings, keys=[key])
    return key, names


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def host_state(host):
    return {
        "mounts": sorted(line.split(" ", 2)[2] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        "agent's descriptors": descriptors(host.agent.pid),
        "sshd's descriptors": descriptors(host.sshd.pid),
        "processes": len(process_ids()),
        "namespaces": host.mount_namespaces(),
        "/run": sorted(os.listdir("/run")),
        "/run/berth": sorted(os.listdir("/run/berth")),
    }


def test_a_hundred_sessions_at_once(host, users):
    key, names = users
    # One login first, so that what stays after the first login ever (a directory in /run) isn't counted as left over.
    assert host.sftp(names[0], key).ok
    host.assert_nothing_left()
    before = host_state(host)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        sessions = list(pool.map(lambda name: host.login(name, key, timeout=120), names))
    try:
        for number, (name, session) in enumerate(zip(names, sessions)):
            host.assert_sealed(session.pid)
            own = "/" if number % 2 else "/own"
            assert session.sftp.listdir(own) == ["only-" + name]
            session.sftp.open(own + "/written", "w").close()
            for path in ("/../" + names[number - 1], "/bucket", "/own/../../" + names[number - 1]):
                with pytest.raises(OSError):
                    session.sftp.listdir(path)
        assert len({namespace(session.pid) for session in sessions}) == SESSIONS
        assert len(host.mount_namespaces()) == SESSIONS
    finally:
        for session in sessions:
            session.close()
    for number, name in enumerate(names):
        status = (host.bucket("bucket") / name / "written").stat()
        assert (status.st_uid, status.st_gid) == (FIRST_UID + number, FIRST_UID + number)
    host.assert_nothing_left(30)
    assert host_state(host) == before


def test_a_hundred_real_sftp_clients(host, users):
    key, names = users
    host.assert_nothing_left()
    before = host_state(host)
    batch = "-ls -1 /own\n-ls -1 /\nput /etc/hostname /own/from-sftp\n"

    def work(name):
        return name, host.sftp(name, key, batch if int(name[4:]) % 2 == 0 else batch.replace("/own", ""), timeout=300)

    with concurrent.futures.ThreadPoolExecutor(SESSIONS) as pool:
        for name, result in pool.map(work, names):
            assert result.ok, "%s: %r" % (name, result)
            assert "only-" + name in result.out
            assert sorted(line for line in result.out.splitlines() if "only-" in line) == \
                [line for line in sorted(result.out.splitlines()) if line.endswith("only-" + name)]
    host.assert_nothing_left(30)
    assert host_state(host) == before


def test_sessions_that_die_leave_nothing(host, users):
    """The client gone, the sealed process killed, the monitor killed."""
    key, names = users
    before = host_state(host)
    dropped = host.login(names[0], key)
    dropped.transport.sock.close()
    killed = host.login(names[1], key)
    os.kill(killed.pid, 9)
    monitored = host.login(names[2], key)
    monitor = int(Path("/proc/%d/stat" % monitored.pid).read_text().rsplit(")", 1)[1].split()[1])
    os.kill(monitor, 9)
    for session in (dropped, killed, monitored):
        session.close()
    # A killed monitor can't strike its session off: whoever next looks at the list does.
    wait_until(lambda: all(line.startswith("file ") for line in host.sessions_left()), 30, "the end of all processes")
    assert run("/usr/bin/berth", "sessions").ok
    host.assert_nothing_left()
    assert host_state(host) == before
