"""What the attack tests share: the one check that no process of a user is outside its view, a hostile agent, and system
calls made inside a live session."""
import contextlib
import errno
import os
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

from private_host import AGENT_SOCKET, SOURCE, namespace, process_ids, process_name, run, wait_until

INJECT = SOURCE / "build/tests/inject"
RENAME_RACE = SOURCE / "build/tests/rename_race"
FAIL_CALL = SOURCE / "build/tests/fail_call"

# common/wire/protocol.h
MAGIC, VERSION = 0x48545242, 1
PASSWD_BY_NAME, PASSWD_BY_UID, GROUP, INITGROUPS, KEYS, SESSION = range(1, 7)
OK, NOT_FOUND, REFUSED, DENIED, UNAVAILABLE, BUSY, BAD_REQUEST = range(7)
HOME_PATH, HOME_LOGICAL = 1, 2
DIRECTORY, FILE = 1, 2

# What only the host's root directory has. A view holds none of it unless a test puts it there.
HOST_NAMES = {"bin", "boot", "dev", "etc", "home", "lib", "proc", "root", "run", "sbin", "srv", "sys", "tmp", "usr", "var"}


# -- sealed or not ----------------------------------------------------------------------------------

class View:
    """What a user's processes must be: ids, supplementary groups, and the mounts of their namespace: {mount point: path on
    the host}; a path of None is the sealed root."""

    def __init__(self, uid, gid=None, groups=(), mounts=None):
        self.uid, self.gid = uid, uid if gid is None else gid
        self.groups, self.mounts = set(groups), mounts


def status_of(pid):
    """/proc/PID/status as a dictionary; empty when the process is gone or dead."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/%d/status" % pid).read_text(encoding="utf-8", errors="replace").splitlines()
        found = dict(line.split(":", 1) for line in lines if ":" in line)
        if found.get("State", "Z").split()[0] not in "ZX":
            return {name: value.strip() for name, value in found.items()}
    return {}


def user_of(status):
    """Whose process it is: the uid that is its real and its effective one, or None. sshd and its PAM modules change one of
    the two for a moment and remain root."""
    uids = status.get("Uid", "- -").split()
    return int(uids[0]) if uids[0] == uids[1] and uids[0].isdigit() else None


def processes_of_user(uid):
    """The processes that have become the user."""
    return [pid for pid in process_ids() if user_of(status_of(pid)) == uid]


def mounts_of(pid):
    """{mount point: (device, root, type, options)}"""
    found = {}
    for line in Path("/proc/%s/mountinfo" % pid).read_text(encoding="utf-8", errors="replace").splitlines():
        left, right = line.split(" - ", 1)
        fields = left.split()
        assert fields[4] not in found, "two mounts on %s in process %s" % (fields[4], pid)
        found[fields[4]] = (fields[2], fields[3], right.split()[0], set(fields[5].split(",")))
    return found


def seen_from_host(path):
    """(device, root) that a mount of this path of the host has."""
    path = str(path)
    best, found = "", None
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        device, root, point = line.split()[2:5]
        if (path + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best):
            best, found = point, (device, root)
    device, root = found
    below = path[len(best.rstrip("/")):]
    return device, (root.rstrip("/") + below) or "/"


def foreign_directories(pid):
    """Directories that the process holds open and that lie on no mount of its own namespace: each leads out of the view."""
    own = {line.split()[0] for line in Path("/proc/%d/mountinfo" % pid).read_text(encoding="utf-8",
                                                                                  errors="replace").splitlines()}
    found = []
    for name in os.listdir("/proc/%d/fd" % pid):
        with contextlib.suppress(OSError):  # closed in the meantime
            information = Path("/proc/%d/fdinfo/%s" % (pid, name)).read_text(encoding="utf-8")
            mount = next(line.split()[1] for line in information.splitlines() if line.startswith("mnt_id:"))
            if os.path.isdir("/proc/%d/fd/%s" % (pid, name)) and mount not in own:
                found.append(os.readlink("/proc/%d/fd/%s" % (pid, name)))
    return found


def faults_of(pid, view):
    """What is wrong with this process of the user: a list of sentences, empty when it is sealed as it must be, or gone."""
    status = status_of(pid)
    if not status:
        return []
    found = []

    def expect(condition, text):
        if not condition:
            found.append("process %d (%s): %s" % (pid, status.get("Name"), text))

    try:
        expect(namespace(pid) != namespace("self"), "has the host's mount namespace")
        root, host_root = os.stat("/proc/%d/root" % pid), os.stat("/")
        expect((root.st_dev, root.st_ino) != (host_root.st_dev, host_root.st_ino), "has the host's root")
        mounts = mounts_of(pid)
        directories = foreign_directories(pid)
    except OSError as error:
        # It is ending: the kernel has taken its root or its namespaces from it, and nothing gives it others.
        gone = error.errno in (errno.ENOENT, errno.ESRCH, errno.EINVAL)
        return [] if gone else ["process %d: %s" % (pid, error)]
    except AssertionError as error:
        return ["process %d: %s" % (pid, error)]
    if not status_of(pid):
        return []
    for uids in ("Uid", "Gid"):
        wanted = view.uid if uids == "Uid" else view.gid
        expect(set(status[uids].split()) == {str(wanted)}, "%s %s" % (uids, status[uids]))
    expect(set(map(int, status["Groups"].split())) == view.groups, "Groups %s" % status["Groups"])
    expect(status["Seccomp"] == "2", "Seccomp %s" % status["Seccomp"])
    expect(status["NoNewPrivs"] == "1", "NoNewPrivs %s" % status["NoNewPrivs"])
    for capabilities in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        expect(int(status[capabilities], 16) == 0, "%s %s" % (capabilities, status[capabilities]))
    expect(not directories, "holds the directories %s" % directories)
    for point, (_, _, kind, options) in mounts.items():
        expect(options >= {"nosuid", "nodev", "noexec"}, "mount %s is %s" % (point, ",".join(sorted(options))))
        expect(kind not in ("proc", "sysfs", "devpts", "devtmpfs"), "has a mount of %s" % kind)
    if view.mounts is not None:
        expect(set(mounts) == set(view.mounts), "mounts are %s" % sorted(mounts))
        for point, path in view.mounts.items():
            if path is not None and point in mounts:
                expect(mounts[point][:2] == seen_from_host(path), "%s is %s" % (point, mounts[point][:2]))
    return found


class Watch:
    """Looks at every process of these users, over and over, while a block runs; at its end no fault may have been seen.

    with Watch(View(5001, mounts={"/": "/srv/berth/bucket/alice"})) as watch:
        … logins that may or may not succeed …
    watch.seen is the number of processes looked at.
    """

    def __init__(self, *views):
        self.views = {view.uid: view for view in views}
        self.seen, self.faults = 0, []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def look(self):
        for pid in process_ids():
            view = self.views.get(user_of(status_of(pid)))
            if view:
                self.seen += 1
                self.faults += faults_of(pid, view)

    def _work(self):
        try:
            while not self._stop.is_set():
                self.look()
                time.sleep(0.005)
        except Exception as error:  # pylint: disable=broad-except  # a watch that went blind is a fault
            self.faults.append("the watch ended: %r" % error)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._stop.set()
        self._thread.join()
        self.look()
        if kind is None:
            assert not self.faults, "; ".join(sorted(set(self.faults))[:10])


def assert_all_sealed(view):
    """Every process that the user has now is sealed, and there is one."""
    pids = processes_of_user(view.uid)
    assert pids, "uid %d has no process" % view.uid
    faults = [fault for pid in pids for fault in faults_of(pid, view)]
    assert not faults, "; ".join(faults)
    return pids


def shows_no_host(listing):
    """A client's listing of "/" has no more than two of the host's names: a view may hold an "etc" of the user's own."""
    return len(HOST_NAMES & set(listing.split())) <= 2


def try_everything(host, user, key, view):
    """Every way in that a key opens, with the watch on; returns whether sftp got a listing. None may be unsealed, and a
    command, a shell or a bare connection must not show the host either."""
    with Watch(view):
        listing = host.sftp(user, key, "ls -1a /\n")
        assert shows_no_host(listing.out), listing.out
        for arguments, options in ((("id; cat /etc/passwd",), ()), ((), ("-T",)), ((), ("-tt",)), (("-s", "other"), ())):
            try:
                result = host.ssh(user, key, *arguments, options=options, input="id; cat /etc/passwd\n", timeout=20)
                assert "uid=" not in result.out and "root:x:0" not in result.out, repr(result)
            except subprocess.TimeoutExpired:
                pass  # a sealed session may wait for more
        hold_open(host, user, key)
    return listing.ok


def hold_open(host, user, key, seconds=0.4):
    """A connection without a channel, ssh -N, for as long, so that a watch sees it."""
    client = subprocess.Popen(["ssh", *host.client_options(key), "-p", str(host.port), "-N", "%s@127.0.0.1" % user],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        client.wait(seconds)
    client.kill()
    client.wait()


@contextlib.contextmanager
def replaced_pam(host, edit):
    """/etc/pam.d/sshd edited for the length of the block."""
    path = Path("/etc/pam.d/sshd")
    before = path.read_text(encoding="utf-8")
    host.edit_pam(edit)
    assert path.read_text(encoding="utf-8") != before
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")


@contextlib.contextmanager
def appended(path, line):
    """A line more at the end of a file of /etc, for the length of the block."""
    path = Path(path)
    before = path.read_bytes()
    path.write_bytes(before + line.encode() + b"\n")
    try:
        yield
    finally:
        path.write_bytes(before)


# -- a hostile agent --------------------------------------------------------------------------------

def u32(value):
    return struct.pack("=I", value & 0xffffffff)


def string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return u32(len(data)) + data


def ids(values):
    return u32(len(values)) + b"".join(map(u32, values))


def answer(payload=b"", status=OK):
    return struct.pack("=IHHI", MAGIC, VERSION, status, len(payload)) + payload


class Record:
    """A user as a hostile agent tells of it; every method is one verb's payload."""

    def __init__(self, name, uid, key, *, gid=None, secondary=(), mappings=None, home_type=HOME_LOGICAL, landing="/"):
        self.name, self.uid, self.gid, self.key = name, uid, uid if gid is None else gid, key
        self.secondary, self.home_type, self.landing = list(secondary), home_type, landing
        self.mappings = [(DIRECTORY, "/", "/bucket/%s" % name)] if mappings is None else mappings

    def changed(self, **fields):
        """A copy with these fields changed."""
        copy = Record.__new__(Record)
        copy.__dict__.update(self.__dict__)
        copy.__dict__.update(fields)
        return copy

    def passwd(self):
        return string(self.name) + u32(self.uid) + u32(self.gid) + string(self.landing)

    def initgroups(self):
        return u32(self.gid) + ids(self.secondary)

    def keys(self):
        return u32(1) + string(self.key.type) + string(self.key.base64)

    def session(self):
        listed = b"".join(u32(kind) + string(entry) + string(target) for kind, entry, target in self.mappings)
        return (string("s-0123456789abcdef0") + u32(self.uid) + u32(self.gid) + ids(self.secondary) + u32(self.home_type) +
                string(self.landing) + u32(len(self.mappings)) + listed + string(self.key.fingerprint))

    def payload(self, verb):
        return {PASSWD_BY_NAME: self.passwd, PASSWD_BY_UID: self.passwd, GROUP: bytes, INITGROUPS: self.initgroups,
                KEYS: self.keys, SESSION: self.session}[verb]()


def asked_name(verb, payload):
    """The user name that a request is about; None for those by number."""
    if verb in (PASSWD_BY_UID, GROUP):
        return None
    length, = struct.unpack_from("=I", payload)
    return payload[4:4 + length].decode()


class FakeAgent:
    """Listens as root on the agent's socket and answers whatever a test wants.

    respond(verb, payload, count) is called for each request; count: how often this verb was asked before. It returns the
    bytes to send, or None to keep silent until the client gives up; a list sends its items with a pause between (a slow
    drip).
    """

    def __init__(self, respond):
        self.respond, self.requests, self.errors = respond, [], []
        self._counts, self._lock = {}, threading.Lock()
        self._open = True

    def __enter__(self):
        os.makedirs(os.path.dirname(AGENT_SOCKET), exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(AGENT_SOCKET)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(AGENT_SOCKET)
        os.chmod(AGENT_SOCKET, 0o666)
        self._listener.listen(128)
        self._listener.settimeout(0.2)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._open = False
        self._thread.join()
        self._listener.close()
        os.unlink(AGENT_SOCKET)
        if kind is None:
            assert not self.errors, self.errors

    def _accept(self):
        while self._open:
            with contextlib.suppress(TimeoutError):
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            connection.settimeout(20)
            try:
                self._answer(connection)
            except (BrokenPipeError, ConnectionResetError, TimeoutError):
                pass  # clients don't wait for ever
            except Exception as error:  # pylint: disable=broad-except  # a thread's error must fail the test
                self.errors.append(repr(error))

    def _answer(self, connection):
        data = b""
        while len(data) < 12 or len(data) < 12 + struct.unpack_from("=I", data, 8)[0]:
            more = connection.recv(65536)
            if not more:
                return
            data += more
        verb = struct.unpack_from("=H", data, 6)[0]
        with self._lock:
            count = self._counts.get(verb, 0)
            self._counts[verb] = count + 1
            self.requests.append((verb, data[12:]))
        reply = self.respond(verb, data[12:], count)
        if reply is None:
            connection.recv(1)
        elif isinstance(reply, list):
            for part in reply:
                connection.sendall(part)
                time.sleep(0.15)
        else:
            connection.sendall(reply)

    def asked(self, verb):
        """How often this verb was asked."""
        return sum(1 for asked, _ in self.requests if asked == verb)


def telling(*records):
    """respond() of an agent that has these records and no other hostility."""
    by_name = {record.name: record for record in records}
    by_uid = {record.uid: record for record in records}

    def respond(verb, payload, _):
        if verb == GROUP:
            return answer()
        record = by_uid.get(struct.unpack("=I",
                                          payload)[0]) if verb == PASSWD_BY_UID else by_name.get(asked_name(verb, payload))
        return answer(record.payload(verb)) if record else answer(status=NOT_FOUND)
    return respond


@contextlib.contextmanager
def fake_agent(host, respond):
    """The real agent replaced by a FakeAgent for the length of the block."""
    host.stop_agent()
    with contextlib.suppress(FileNotFoundError):
        os.unlink(AGENT_SOCKET)
    try:
        with FakeAgent(respond) as agent:
            yield agent
    finally:
        host.start_agent()


# -- system calls inside a session ------------------------------------------------------------------

def inject(pid, call, *arguments, entry="native"):
    """Executes a system call in the process; what build/tests/inject prints: "= RESULT", "= -1 ERRNO NAME", "killed
    SIGNAL"."""
    result = run(INJECT, pid, entry, call, *arguments, timeout=30)
    assert result.ok and result.out, repr(result)
    return result.out.strip()


def inject_errno(pid, call, *arguments, entry="native"):
    """The errno's name that the call failed with; AssertionError when it didn't fail."""
    said = inject(pid, call, *arguments, entry=entry)
    assert said.startswith("= -1 "), "%s%s in process %d: %s" % (call, arguments, pid, said)
    return said.split()[3]


@contextlib.contextmanager
def racing(*arguments):
    """build/tests/rename_race with these arguments for the length of the block; it must not have given up."""
    racer = subprocess.Popen([str(RENAME_RACE), *map(str, arguments)], stderr=subprocess.PIPE, text=True)
    try:
        yield
        assert racer.poll() is None, "the race ended early: %s" % racer.stderr.read()
    finally:
        racer.kill()
        racer.wait()
        racer.stderr.close()


def end_process(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not process_name(pid), what="the end of process %d" % pid)
