"""What a host does to a store: processes die, disks fill up and fail, locks are held. A write is acknowledged once it is
durable, or refused in clear words, and nothing is lost."""
import subprocess
import threading
import time

import pytest

from store_tools import ROLE, TOOLS, Holder

KILLS = 1000


def test_killed_writers(store, place, capsys):
    place.writable("512m")  # readers that never pause keep the log from beginning anew
    done = subprocess.run(store.killed_writers(KILLS, 7), capture_output=True, text=True, timeout=250)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    with capsys.disabled():
        print(f"\n{done.stdout.strip()}")
    counts = dict(word.split("=") for word in done.stdout.split())
    assert int(counts["kills"]) == KILLS
    assert int(counts["acknowledged"]) > KILLS
    store.give()
    store.clean()


def refused(done, *words):
    """An operation that the store could not serve now."""
    assert done.stdout == ""
    assert done.returncode in (254, 255)
    for word in words:
        assert word in done.stderr
    if done.returncode == 254:
        assert "(ServiceUnavailableException)" in done.stderr


def create(store, name, **options):
    return store.admin("create-user", "--user-name", name, "--role", ROLE, "--tags", "Key=a,Value=" + "x" * 200, **options)


def test_full_disk(store, place):
    store.create_user("before")
    ballast = place.fill(leave=300 * 1024)
    written = ["before"]
    for number in range(3000):
        done = create(store, f"user{number}")
        if done.returncode != 0:
            break
        written.append(f"user{number}")
    # The log, or the file that readers and writers share, is the first that has no room.
    refused(done, str(store.path), "disk")
    assert "disk is full" in done.stderr or "No space left" in done.stderr
    assert len(written) > 3
    # Whoever reads isn't touched by it.
    assert store.berth("fsck").returncode in (0, 255)
    ballast.unlink()
    assert sorted(store.names()) == sorted(written)
    assert create(store, "after").returncode == 0
    store.clean()


def test_full_disk_with_a_reader(store, place):
    """Somebody has it open, so that log and shared memory stay."""
    database = store.open()
    database.execute("SELECT 1 FROM users").fetchall()
    ballast = place.fill()
    refusals = [create(store, f"full{number}") for number in range(5)]
    assert any(done.returncode != 0 for done in refusals)
    for done in refusals:
        if done.returncode != 0:
            refused(done, str(store.path), "ServiceUnavailable", "full")
    ballast.unlink()
    made = [f"full{number}" for number, done in enumerate(refusals) if done.returncode == 0]
    assert sorted(store.names()) == made
    assert create(store, "after").returncode == 0
    database.close()
    store.give()
    store.clean()


def test_full_disk_while_the_store_is_made(empty, place):
    ballast = place.fill(leave=8192)
    done = empty.admin("create-server")
    refused(done, str(empty.path))
    assert "full" in done.stderr or "No space left" in done.stderr
    assert empty.files() == []
    ballast.unlink()
    empty.make()
    empty.clean()


@pytest.mark.parametrize("call,file,errno", [("sync", "berth.db-wal", 5), ("write", "berth.db-wal", 5),
                                             ("write", "berth.db-wal", 28), ("write", "berth.db-wal", 122)])
def test_failing_device(store, call, file, errno):
    store.create_user("before")
    env = {"LD_PRELOAD": str(TOOLS / "fail_io.so"), "FAIL_IO_FILE": file, "FAIL_IO_CALL": call,
           "FAIL_IO_ERRNO": str(errno)}
    for number in range(3):
        done = create(store, f"lost{number}", env=env)
        refused(done, str(store.path), "ServiceUnavailable")
        assert {5: "Input/output error", 28: "disk is full", 122: "Disk quota exceeded"}[errno] in done.stderr
    # Not acknowledged; and not there, or there whole.
    left = set(store.names())
    assert "before" in left and left <= {"before", "lost0", "lost1", "lost2"}
    assert create(store, "after").returncode == 0
    assert "after" in store.names()
    store.clean()


def test_device_that_fails_in_the_checkpoint(store):
    """The log is durable already: what was acknowledged is there, whatever happens to its copy into the file."""
    env = {"LD_PRELOAD": str(TOOLS / "fail_io.so"), "FAIL_IO_FILE": "berth.db", "FAIL_IO_CALL": "write"}
    for number in range(5):
        done = create(store, f"user{number}", env=env)
        assert done.returncode == 0, done.stderr
    assert sorted(store.names()) == [f"user{number}" for number in range(5)]
    store.clean()


def test_unreadable_device(store):
    store.create_user("before")
    store.checkpoint()
    env = {"LD_PRELOAD": str(TOOLS / "fail_io.so"), "FAIL_IO_FILE": "berth.db", "FAIL_IO_CALL": "read"}
    done = store.admin("describe-user", "--user-name", "before", env=env)
    refused(done, str(store.path), "Input/output error")
    assert store.names() == ["before"]


def test_read_only_file_system(store, place):
    store.create_user("before")
    Holder(store.path).kill()  # leaves log and shared memory there: they can't be made any more
    store.give()
    place.read_only()
    done = create(store, "lost")
    refused(done, str(store.path), "read")
    assert store.berth("fsck").returncode == 0
    place.writable()
    assert store.names() == ["before"]
    assert create(store, "after").returncode == 0


@pytest.mark.parametrize("what", ["file", "directory"])
def test_no_permission_to_write(store, what):
    store.create_user("before")
    store.checkpoint()
    (store.path if what == "file" else store.folder).chmod(0o400 if what == "file" else 0o500)
    reader = store.open()
    reader.execute("SELECT 1 FROM users").fetchall()
    store.give()
    done = create(store, "user0")
    if what == "file":
        refused(done, str(store.path), "readonly")
    else:
        assert done.returncode == 0, done.stderr  # file and log are there: nothing is missing
    assert store.berth("fsck").returncode == 0
    reader.close()
    store.path.chmod(0o600)
    store.folder.chmod(0o700)
    assert "before" in store.names()
    assert create(store, "after").returncode == 0


def test_nobody_may_make_it(empty):
    empty.folder.chmod(0o500)
    done = empty.admin("create-server")
    refused(done, str(empty.path), "Permission denied")
    assert empty.files() == []


@pytest.mark.parametrize("stopped", [False, True])
def test_writers_wait(store, stopped):
    store.create_user("before")
    holder = Holder(store.path)
    if stopped:
        holder.stop()
    writers = [store.popen("admin", "create-user", "--user-name", f"waiter{number}", "--role", ROLE) for number in range(3)]
    time.sleep(0.5)
    assert [writer.poll() for writer in writers] == [None] * 3
    # Nobody who reads waits.
    start = time.monotonic()
    assert ", 1 user, 0 faults" in store.clean()
    assert store.names() == ["before"]
    assert time.monotonic() - start < 2
    if stopped:
        holder.kill()  # its lock ends with it
    else:
        holder.release()
    for writer in writers:
        out, err = writer.communicate(timeout=20)
        assert (writer.returncode, err) == (0, ""), out
    assert sorted(store.names()) == ["before", "waiter0", "waiter1", "waiter2"]


def test_the_agent_answers_while_the_store_is_locked(agent):
    import agent_places
    import agent_protocol as protocol
    agent.add_user("alice", 5001)
    holder = Holder(agent_places.STORE)
    holder.stop()
    start = time.monotonic()
    for _ in range(100):
        assert protocol.by_name("alice")[1] == 5001
    assert time.monotonic() - start < 1
    holder.kill()


def test_many_writers(store):
    """Each is a process of its own; none is turned away."""
    failures = []

    def write(writer):
        for number in range(100):
            done = create(store, f"user-{writer}-{number}")
            if done.returncode != 0:
                failures.append(done.stderr)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.rows("SELECT count(*) FROM users") == [(800,)]
    store.give()
    store.clean()
