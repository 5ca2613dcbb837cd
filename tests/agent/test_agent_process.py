"""Starting, stopping, reloading, and what the operator is told."""
import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import time

import pytest

import agent_protocol as p
from agent_protocol import NOT_FOUND, UNAVAILABLE
from agent_places import BERTH_UID, BERTHD, CONFIG, STORE
from conftest import libc

SOCKET = pathlib.Path(p.SOCKET)


def status_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def peer_uid():
    with p.connect() as client:
        credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(credentials[4:8], "little")


def test_unprivileged_and_still_believed(agent):
    status = status_of(agent.agent.pid)
    assert status["Uid"].split() == status["Gid"].split() == [str(BERTH_UID)] * 4
    assert status["Groups"].split() in ([], [str(BERTH_UID)])
    assert status["NoNewPrivs"] == "1"
    assert int(status["CapPrm"], 16) == int(status["CapEff"], 16) == 0
    assert peer_uid() == 0
    limits = pathlib.Path(f"/proc/{agent.agent.pid}/limits").read_text().splitlines()
    assert [line.split()[4:6] for line in limits if "core" in line] == [["0", "0"]]
    files = next(line.split()[3:5] for line in limits if "open files" in line)
    assert files[0] == files[1]


def test_socket_and_directory_modes(agent):
    assert stat.S_IMODE(SOCKET.stat().st_mode) == 0o666 and SOCKET.stat().st_uid == 0
    assert stat.S_IMODE(SOCKET.parent.stat().st_mode) == 0o755 and SOCKET.parent.stat().st_uid == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_stops_at_once_with_0(agent, how):
    before = time.monotonic()
    assert agent.agent.stop(how) == 0
    assert time.monotonic() - before < 1
    assert agent.agent.log().rstrip().endswith("stopped")
    with pytest.raises(OSError):
        p.connect()


def test_stop_finishes_open_connections(agent):
    agent.add_user("alice")
    request = p.request(p.PASSWD_BY_NAME, p.string("alice"))
    with p.connect() as asking, p.connect() as silent:
        asking.sendall(request[:5])
        time.sleep(0.1)
        agent.agent.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        asking.sendall(request[5:])
        assert p.receive(asking)[0] == p.OK
        before = time.monotonic()
        assert agent.agent.process.wait(10) == 0
        assert time.monotonic() - before < 3
        assert p.receive(silent) is None


def test_killed_and_started_again_serves_at_once(agent):
    agent.add_user("alice")
    assert p.by_name("alice")[1] == 5001
    agent.agent.stop(signal.SIGKILL)
    with pytest.raises(ConnectionRefusedError):
        p.connect()
    agent.start()
    assert p.by_name("alice")[1] == 5001
    assert peer_uid() == 0


def test_a_second_agent_leaves_the_first_alone(agent):
    agent.add_user("alice")
    for stopped in (False, True):
        if stopped:
            agent.agent.process.send_signal(signal.SIGSTOP)
        done = agent.run("-e")
        assert done.returncode == 1 and "another agent serves already" in done.stderr
        agent.agent.process.send_signal(signal.SIGCONT)
        assert p.by_name("alice")[1] == 5001


def test_many_started_at_once_leave_one(host):
    host.make_store()
    agents = [host.popen() for _ in range(8)]
    time.sleep(1.5)
    alive = [agent for agent in agents if agent.process.poll() is None]
    assert len(alive) == 1
    assert {agent.process.returncode for agent in agents} == {None, 1}
    assert p.by_name("nobody-here") == NOT_FOUND


def test_directory_that_others_can_write_is_refused(host):
    host.make_store()
    os.mkdir(SOCKET.parent)
    os.chmod(SOCKET.parent, 0o777)
    done = host.run("-e")
    assert done.returncode == 1 and "must be root's" in done.stderr
    os.chmod(SOCKET.parent, 0o755)
    os.chown(SOCKET.parent, BERTH_UID, BERTH_UID)
    assert host.run("-e").returncode == 1
    SOCKET.parent.rmdir()
    os.symlink("/run/store", SOCKET.parent)
    assert host.run("-e").returncode == 1


def test_not_root_without_a_socket_says_so(host):
    host.make_store()
    done = host.run("-e", user=BERTH_UID, group=BERTH_UID, extra_groups=[])
    assert done.returncode == 1 and "start as root, or with a socket from systemd" in done.stderr


def test_user_that_is_root_or_missing_is_refused(host):
    host.make_store()
    for user in ("root", "nosuchuser"):
        host.configure(f"User {user}")
        done = host.run("-e")
        assert done.returncode == 1 and user in done.stderr


# --- systemd ---


def start_activated(host, passed, user=None):
    """berthd as systemd starts it: the socket as descriptor 3, and its own pid in the environment."""
    def prepare():
        os.dup2(passed.fileno(), 3)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
    identity = {"user": user, "group": user, "extra_groups": []} if user else {}
    return host.popen(preexec_fn=prepare, close_fds=False, **identity)


@pytest.fixture
def listener(host):
    host.make_store()
    os.mkdir(SOCKET.parent, 0o755)
    os.chmod("/run", 0o777)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(p.SOCKET)
        os.chmod(p.SOCKET, 0o666)
        listening.listen(100)
        yield listening


@pytest.mark.parametrize("user", [None, BERTH_UID], ids=["root", "berth"])
def test_socket_from_systemd(host, listener, user):
    host.add_user("alice")
    agent = start_activated(host, listener, user)
    assert p.by_name("alice")[1] == 5001
    assert status_of(agent.pid)["Uid"].split() == [str(BERTH_UID)] * 4
    assert status_of(agent.pid)["NoNewPrivs"] == "1"
    assert peer_uid() == 0
    assert agent.stop() == 0
    assert SOCKET.exists()  # it is systemd's: who connects now waits for the next agent
    with p.connect() as client:
        client.sendall(p.request(p.PASSWD_BY_NAME, p.string("alice")))
        start_activated(host, listener, user)
        assert p.receive(client)[0] == p.OK


def test_what_systemd_passes_is_checked(host):
    host.make_store()
    os.chmod("/run", 0o777)
    with socket.socket(socket.AF_UNIX) as elsewhere, socket.socket() as internet, open("/dev/null") as file:
        elsewhere.bind("/run/elsewhere.sock")
        elsewhere.listen()
        for wrong, text in ((elsewhere, "not at /run/berth/agent.sock"), (internet, "not a listening Unix"),
                            (file, "not a listening")):
            agent = start_activated(host, wrong)
            assert agent.process.wait(10) == 1
            assert text in agent.log()


def test_listen_variables_of_another_process_are_ignored(host):
    host.make_store()
    agent = host.start(env={**os.environ, "LISTEN_PID": "1", "LISTEN_FDS": "1"})
    assert p.by_name("nobody-here") == NOT_FOUND
    assert agent.stop() == 0


@pytest.mark.parametrize("address", ["/run/notify", "\0berth-notify-test"])
def test_readiness_is_told(host, address):
    host.make_store()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(address)
        notify.settimeout(10)
        if address[0] == "/":
            os.chmod(address, 0o666)
        host.popen(env={**os.environ, "NOTIFY_SOCKET": address.replace("\0", "@")})
        assert notify.recv(100) == b"READY=1"
        assert p.by_name("nobody-here") == NOT_FOUND


PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207


@contextlib.contextmanager
def stopped_thread(thread):
    """A thread of another process that does nothing, while the others of that process go on."""
    def ptrace(request):
        assert libc.ptrace(request, thread, None, None) == 0, os.strerror(ctypes.get_errno())
    ptrace(PTRACE_SEIZE)
    ptrace(PTRACE_INTERRUPT)
    os.waitpid(thread, 0)
    yield
    ptrace(PTRACE_DETACH)


def test_a_loop_that_stops_gives_no_sign_of_life(host):
    """It isn't enough that the process lives, nor that another thread of it does."""
    host.make_store()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind("\0berth-notify-test")
        notify.settimeout(10)
        agent = host.popen(env={**os.environ, "NOTIFY_SOCKET": "@berth-notify-test", "WATCHDOG_USEC": "150000"})
        assert [notify.recv(100) for _ in range(4)] == [b"READY=1"] + [b"WATCHDOG=1"] * 3
        with stopped_thread(agent.pid):
            notify.setblocking(False)
            with pytest.raises(BlockingIOError):
                while True:
                    notify.recv(100)
            notify.settimeout(0.5)
            with pytest.raises(TimeoutError):
                notify.recv(100)
        notify.settimeout(10)
        assert notify.recv(100) == b"WATCHDOG=1"
        assert agent.stop() == 0


# --- what nobody would ask for ---


def test_clashes_are_logged_at_start_and_reload(agent):
    """At a login /etc/passwd answers first, so no lookup tells the operator."""
    agent.add_user("localbob", 5001)
    agent.add_user("alice", 4444)
    agent.add_user("carol", 5003)
    name_clash = "user=localbob server=%s reason=\"/etc/passwd has an account of this name" % agent.server_id
    uid_clash = "user=alice server=%s reason=\"/etc/passwd has an account with uid 4444, localbob" % agent.server_id
    agent.agent.hangup()
    agent.agent.wait_log(name_clash)
    agent.agent.wait_log(uid_clash)
    agent.agent.stop()
    restarted = agent.start()
    restarted.wait_log(name_clash)
    restarted.wait_log(uid_clash)
    assert "user=carol" not in restarted.log()
    restarted.stop()
    agent.configure("ShareUid 4444")
    sharing = agent.start()
    sharing.wait_log(name_clash)
    sharing.stop()
    assert "user=alice" not in sharing.log()


# --- reload ---


def test_reload_of_a_good_configuration(agent):
    agent.add_user("alice", 5001)
    agent.configure("MinUid 6000")
    agent.agent.hangup()
    agent.agent.wait_log("configuration reloaded")
    assert p.by_name("alice") == NOT_FOUND


def test_reload_of_a_bad_configuration_keeps_the_old_one(agent):
    agent.add_user("alice", 5001)
    pathlib.Path(CONFIG).write_text("Nonsense yes\nMinUid many\n")
    agent.agent.hangup()
    agent.agent.wait_log("configuration not reloaded, the old one stays")
    log = agent.agent.log()
    assert f"{CONFIG} line 1" in log and f"{CONFIG} line 2" in log
    assert p.by_name("alice")[1] == 5001
    pathlib.Path(CONFIG).unlink()
    agent.agent.hangup()
    agent.agent.wait_log("configuration not reloaded", 2)
    assert p.by_name("alice")[1] == 5001


def remove_store():
    for name in (STORE, STORE + "-wal", STORE + "-shm"):
        pathlib.Path(name).unlink(missing_ok=True)


def replace_store():
    source, copy = sqlite3.connect(STORE), sqlite3.connect("/run/store/new.db")
    source.backup(copy)
    copy.execute("UPDATE users SET uid = 5009")
    copy.commit()
    source.close()
    copy.close()
    os.chown("/run/store/new.db", BERTH_UID, BERTH_UID)
    remove_store()
    os.rename("/run/store/new.db", STORE)


def test_reload_opens_a_replaced_store(agent):
    agent.add_user("alice", 5001)
    replace_store()
    agent.agent.hangup()
    agent.agent.wait_log("store opened", 2)
    assert p.by_name("alice")[1] == 5009


def test_many_reloads_leave_no_descriptors(agent):
    agent.add_user("alice")
    assert p.by_name("alice")[1] == 5001
    before = agent.agent.descriptors()
    for number in range(1, 31):
        agent.agent.hangup()
        agent.agent.wait_log("configuration reloaded", number)
    assert p.by_name("alice")[1] == 5001
    assert agent.agent.descriptors() == before


# --- the store ---


def test_store_made_after_the_start_is_served(host):
    host.configure(server_id="s-0123456789abcdef0")
    agent = host.start()
    agent.wait_log("no such store")
    assert p.by_name("alice") == p.by_uid(5001) == p.group(5001) == p.initgroups("alice") == p.keys("alice") == UNAVAILABLE
    assert p.session("alice") == (UNAVAILABLE, "")
    assert agent.log().count("no such store") == 1
    host.make_store()
    host.sql("UPDATE servers SET server_id = 's-0123456789abcdef0'")
    host.server_id = "s-0123456789abcdef0"
    host.add_user("alice")
    time.sleep(1.1)
    assert p.by_name("alice")[1] == 5001


def test_replaced_store_is_served_within_a_second(agent, ssh_key):
    agent.add_user("alice", 5001, keys=[ssh_key()])
    assert p.by_name("alice")[1] == 5001
    before = agent.agent.descriptors()
    for ask in (lambda: p.session("alice")["uid"], lambda: p.by_name("alice")[1]):
        replace_store()
        time.sleep(1.1)
        assert ask() == 5009
        assert len(p.keys("alice")) == 1
    assert agent.agent.descriptors() == before
    assert agent.agent.log().count("store was replaced or removed") == 2


def test_removed_store_is_not_served(agent):
    agent.add_user("alice", 5001)
    assert p.by_name("alice")[1] == 5001
    remove_store()
    time.sleep(1.1)
    assert p.by_name("alice") == p.keys("alice") == UNAVAILABLE
    assert p.session("alice") == (UNAVAILABLE, "")
    agent.agent.wait_log("no such store")
    agent.make_store()
    time.sleep(1.1)
    assert p.by_name("alice") == NOT_FOUND


def test_without_server_id_unavailable_until_reload(host):
    host.make_store()
    host.add_user("alice")
    server_id, host.server_id = host.server_id, None
    host.configure()
    agent = host.start()
    agent.wait_log("no ServerId in the configuration")
    assert p.by_name("alice") == UNAVAILABLE
    host.configure(server_id=server_id)
    agent.hangup()
    agent.wait_log("store opened")
    assert p.by_name("alice")[1] == 5001


def spoil_not_ours():
    with sqlite3.connect(STORE) as store:
        store.execute("PRAGMA application_id = 5")


def spoil_newer():
    with sqlite3.connect(STORE) as store:
        store.execute("PRAGMA user_version = 99")


def spoil_text():
    for name in (STORE + "-wal", STORE + "-shm"):
        pathlib.Path(name).unlink(missing_ok=True)
    pathlib.Path(STORE).write_text("this is not a database at all" * 100)


def spoil_directory():
    shutil.rmtree("/run/store")
    os.makedirs(STORE)


def spoil_mode():
    os.chown(STORE, 0, 0)
    os.chmod(STORE, 0o600)


SPOILT = [(spoil_not_ours, "is not a Berth store"), (spoil_newer, "was made by a newer Berth: schema 99"),
          (spoil_text, "is not a Berth store"), (spoil_directory, "is not a Berth store"), (spoil_mode, STORE)]


@pytest.mark.parametrize("spoil,words", SPOILT, ids=[spoil.__name__ for spoil, _ in SPOILT])
def test_store_that_is_none_is_said_so(host, spoil, words):
    host.make_store()
    spoil()
    agent = host.start()
    agent.wait_log(words)
    assert p.by_name("alice") == UNAVAILABLE
    done = host.run("-t")
    assert done.returncode == 1 and words in done.stderr


# --- berthd -t and usage ---


def test_t_says_nothing_when_all_is_well(host):
    host.make_store()
    done = host.run("-t")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not SOCKET.exists()
    assert {os.stat(path).st_uid for path in pathlib.Path("/run/store").iterdir()} == {BERTH_UID}


def test_t_says_every_fault(host):
    pathlib.Path(CONFIG).write_text("Nonsense yes\nMinUid 5\nCreateHome perhaps\n")
    done = host.run("-t")
    assert done.returncode == 1
    for line in (1, 2, 3):
        assert f"{CONFIG} line {line}" in done.stderr


def test_t_says_missing_things(host):
    host.configure("KeysUser nosuchuser")
    done = host.run("-t")
    assert done.returncode == 1
    assert "ServerId is missing" in done.stderr and "no such store" in done.stderr and "nosuchuser" in done.stderr
    host.make_store()
    host.configure(server_id="s-ffffffffffffffff1")
    done = host.run("-t")
    assert done.returncode == 1 and "s-ffffffffffffffff1" in done.stderr and "list-servers" in done.stderr


def test_t_of_a_damaged_store_names_fsck(host):
    host.make_store()
    with contextlib.closing(sqlite3.connect(STORE)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(STORE, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(4096)
        file.write(b"\xaa" * (size - 4096))
    done = host.run("-t")
    assert done.returncode == 1 and "malformed" in done.stderr
    assert "`berth fsck`" in done.stderr and "list-servers" not in done.stderr


def test_t_with_another_file(host):
    host.make_store()
    shutil.copy(CONFIG, "/run/other.conf")
    assert host.run("-t", "-f", "/run/other.conf").returncode == 0
    done = host.run("-t", "-f", "/run/missing.conf")
    assert done.returncode == 1 and "/run/missing.conf" in done.stderr
    os.chmod("/run/other.conf", 0o666)
    assert host.run("-t", "-f", "/run/other.conf").returncode == 1


@pytest.mark.parametrize("arguments", [["-x"], ["-f"], ["--help"], ["extra"], ["-t", "extra"]])
def test_usage(host, arguments):
    done = host.run(*arguments)
    assert done.returncode == 2 and done.stderr.count("usage: berthd") == 1


def test_version(host):
    done = host.run("-V")
    assert done.returncode == 0 and done.stdout.startswith("berthd ")


def test_bad_configuration_is_said_on_stderr_at_start(host):
    pathlib.Path(CONFIG).write_text("Nonsense yes\n")
    done = host.run()
    assert done.returncode == 1 and f"{CONFIG} line 1" in done.stderr


# --- syslog ---


def test_syslog_gets_the_lines_and_never_holds_the_agent_up(host):
    host.make_store()
    for number in range(300):
        host.add_user(f"bad{number}", 10)
    host.add_user("alice")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind("/dev/log")
        os.chmod("/dev/log", 0o666)
        syslog.settimeout(10)
        process = subprocess.Popen([BERTHD])
        try:
            line = syslog.recv(4000).decode()
            assert line.startswith("<86>") and "berthd[" in line and "started version=" in line and "user=berth" in line
            before = time.monotonic()
            for number in range(300):
                assert p.by_name(f"bad{number}") == NOT_FOUND  # nobody reads /dev/log now
            assert p.by_name("alice")[1] == 5001
            assert time.monotonic() - before < 5
        finally:
            process.terminate()
            assert process.wait(10) == 0
