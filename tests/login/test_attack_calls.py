"""System calls that attacker's code inside a live session would make, by every way into the kernel."""
import os
import platform
import struct
import subprocess

import pytest

from attack_tools import View, assert_all_sealed, end_process, inject, inject_errno, processes_of_user

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="tests/login/inject.c is for x86-64")

UID, GID, SECONDARY = 5301, 5302, (7301, 7302)
NO_ID = 0xffffffff

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_ALG, AF_VSOCK = 1, 2, 10, 16, 17, 38, 40
STREAM, DGRAM, RAW, RDM, SEQPACKET, DCCP, PACKET = 1, 2, 3, 4, 5, 6, 10
NONBLOCK, CLOEXEC = 0o4000, 0o2000000

CLONE = {"NEWTIME": 0x80, "NEWNS": 0x20000, "NEWCGROUP": 0x2000000, "NEWUTS": 0x4000000, "NEWIPC": 0x8000000,
         "NEWUSER": 0x10000000, "NEWPID": 0x20000000, "NEWNET": 0x40000000}
SIGCHLD = 17


def hexadecimal(data):
    return "x:" + data.hex()


def unix_address(name):
    """sockaddr_un; a name that begins with "@" is abstract."""
    return struct.pack("=H", AF_UNIX) + name.replace("@", "\0").encode().ljust(108, b"\0")


LOOPBACK_SSH = struct.pack("=HH4s8x", AF_INET, 22 << 8, bytes([127, 0, 0, 1]))


@pytest.fixture(scope="module")
def view(fresh_host):
    key = fresh_host.key("calls")
    fresh_host.bucket("bucket", "calls", owner=UID)
    fresh_host.create_user("calls", UID, gid=GID, secondary=SECONDARY, mappings=[("/", "/bucket/calls")], keys=[key])
    return View(UID, GID, SECONDARY, {"/": "/srv/berth/bucket/calls"})


@pytest.fixture(scope="module")
def kept(fresh_host, view):
    """One session for all calls that only fail."""
    with fresh_host.login("calls", fresh_host.key("calls")) as session:
        assert_all_sealed(view)
        yield session


@pytest.fixture
def pid(kept, view):
    """The sealed process that speaks sftp. After each test it is alive, as sealed as before, and still serves."""
    found = processes_of_user(UID)
    assert found
    yield found[-1]
    assert_all_sealed(view)
    assert processes_of_user(UID) == found
    kept.sftp.listdir("/")


def test_the_injector_works(pid):
    """Without this every "it failed" below would prove nothing."""
    assert inject(pid, "getpid") == "= %d" % pid
    assert inject(pid, "getuid") == "= %d" % UID
    assert inject_errno(pid, "openat", -100, "s:/etc/passwd", 0) == "ENOENT"
    descriptor = int(inject(pid, "openat", -100, "s:/", os.O_RDONLY | os.O_DIRECTORY).split()[1])
    assert inject(pid, "close", descriptor) == "= 0"


FAMILIES = [AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_ALG, AF_VSOCK, 3, 4, 5, 9, 15, 21, 29, 30, 31, 43, 44, 0,
            46]


@pytest.mark.parametrize("family", FAMILIES)
def test_no_socket_of_any_family_and_type(pid, family):
    for kind in (STREAM, DGRAM, RAW, RDM, SEQPACKET, DCCP, PACKET):
        for flags in (0, NONBLOCK | CLOEXEC):
            # syslog(3)'s own, which gets the transfer log's: tests/unit/test_line_socket.c.
            if (family, kind) != (AF_UNIX, DGRAM):
                assert inject_errno(pid, "socket", family, kind | flags, 0) == "EAFNOSUPPORT", (family, kind)
    assert inject_errno(pid, "socket", family | 1 << 32, STREAM, 0) == "EAFNOSUPPORT"


# FIN_WAIT1, FIN_WAIT2, TIME_WAIT, LAST_ACK, CLOSING: what other tests left ends by itself, at any moment.
BEING_CLOSED = ("04", "05", "06", "09", "0B")


def connections(pid):
    """Every socket that the process could have connected: TCP with its ends and states, Unix ones with states and names."""
    tcp = [line.split()[1:4] for line in open("/proc/%d/net/tcp" % pid, encoding="ascii")]
    tcp = [socket for socket in tcp if socket[2] not in BEING_CLOSED]
    unix = [line.split()[3:] for line in open("/proc/%d/net/unix" % pid, encoding="ascii")]
    return sorted(tcp), sorted(unix)


def assert_connects_nowhere(pid, descriptor, address):
    """syslog(3)'s connect succeeds, and so does any: nothing happens."""
    before = connections(pid)
    assert inject(pid, "connect", descriptor, hexadecimal(address), len(address)) == "= 0"
    assert connections(pid) == before


def test_only_stream_pairs_of_sockets(pid):
    for kind in (DGRAM, SEQPACKET, RAW, DGRAM | NONBLOCK | CLOEXEC, SEQPACKET | CLOEXEC):
        assert inject_errno(pid, "socketpair", AF_UNIX, kind, 0, "z:8") == "EPERM"
    for family in (AF_INET, AF_NETLINK, 30):
        assert inject_errno(pid, "socketpair", family, STREAM, 0, "z:8") == "EPERM"
    # What is there, a stream pair, can't be aimed at anybody.
    before = set(os.listdir("/proc/%d/fd" % pid))
    assert inject(pid, "socketpair", AF_UNIX, STREAM, 0, "z:8") == "= 0"
    made = sorted(int(name) for name in set(os.listdir("/proc/%d/fd" % pid)) - before)
    assert len(made) == 2
    for name in ("/dev/log", "/run/berth/agent.sock", "@abstract"):
        address = hexadecimal(unix_address(name))
        assert_connects_nowhere(pid, made[0], unix_address(name))
        assert inject_errno(pid, "bind", made[0], address, 110) == "EACCES"
        assert inject_errno(pid, "sendto", made[0], "s:x", 1, 0x4000, address, 110) in ("EISCONN", "EOPNOTSUPP")
    assert inject_errno(pid, "listen", made[0], 1) == "EACCES"
    assert inject_errno(pid, "accept", made[0], 0, 0) == "EACCES"
    assert inject_errno(pid, "accept4", made[0], 0, 0, 0) == "EACCES"
    for descriptor in made:
        assert inject(pid, "close", descriptor) == "= 0"


def test_no_descriptor_it_has_can_be_connected_elsewhere(pid):
    """sshd's own sockets: the client's connection, the monitor's, the pipes of internal-sftp."""
    for every in processes_of_user(UID):
        for name in sorted(os.listdir("/proc/%d/fd" % every), key=int):
            for address in (LOOPBACK_SSH, unix_address("@abstract")):
                assert_connects_nowhere(every, name, address)
                assert inject_errno(every, "bind", name, hexadecimal(address), len(address)) == "EACCES"


def test_no_io_uring(pid):
    assert inject_errno(pid, "io_uring_setup", 8, "z:120") == "ENOSYS"
    assert inject_errno(pid, "io_uring_enter", 0, 1, 1, 0) == "ENOSYS"
    assert inject_errno(pid, "io_uring_register", 0, 0, 0, 0) == "ENOSYS"


def test_no_other_process(fresh_host, pid, kept):
    others = [1, fresh_host.sshd.pid, os.getpid()] + [other for other in processes_of_user(UID) if other != pid]
    for other in others:
        assert inject_errno(pid, "ptrace", 16, other, 0, 0) == "EPERM"  # PTRACE_ATTACH
        assert inject_errno(pid, "ptrace", 0x4206, other, 0, 0) == "EPERM"  # PTRACE_SEIZE
        assert inject_errno(pid, "process_vm_readv", other, "z:16", 1, "z:16", 1, 0) == "EPERM"
        assert inject_errno(pid, "process_vm_writev", other, "z:16", 1, "z:16", 1, 0) == "EPERM"
        assert inject_errno(pid, "kcmp", other, other, 0, 0, 0) == "EPERM"
    assert inject_errno(pid, "kill", fresh_host.sshd.pid, 15) == "EPERM"
    assert inject_errno(pid, "pidfd_getfd", 0, 0, 0) == "EPERM"
    assert inject_errno(pid, "process_madvise", 0, 0, 0, 0, 0) == "EPERM"


IDENTITIES = [(0, 0, 0), (NO_ID,) * 3, (UID, UID, 0), (0, UID, UID), (UID, 0, UID), (NO_ID, UID, NO_ID), (2901,) * 3,
              (65534,) * 3, (UID + 1,) * 3, (GID,) * 3]


def test_no_other_identity(pid):
    for three in IDENTITIES:
        assert inject_errno(pid, "setresuid", *three) == "EPERM", three
    for three in [(0, 0, 0), (NO_ID,) * 3, (27, 27, 27), (GID, GID, 42), (SECONDARY[0],) * 3, (UID,) * 3]:
        assert inject_errno(pid, "setresgid", *three) == "EPERM", three
    for call in ("setuid", "setgid", "setfsuid", "setfsgid"):
        for identity in (0, UID, GID, NO_ID):
            assert inject_errno(pid, call, identity) == "EPERM"
    for call in ("setreuid", "setregid"):
        assert inject_errno(pid, call, 0, 0) == "EPERM"
        assert inject_errno(pid, call, NO_ID, 0) == "EPERM"
    assert inject_errno(pid, "setgroups", 1, hexadecimal(struct.pack("=I", 0))) == "EPERM"
    assert inject_errno(pid, "setgroups", 0, 0) == "EPERM"
    assert inject_errno(pid, "capset", "z:8", "z:24") == "EPERM"
    # The one call that is let through changes nothing.
    assert inject(pid, "setresuid", UID, UID, UID) == "= 0"
    assert inject(pid, "setresgid", GID, GID, GID) == "= 0"


@pytest.mark.parametrize("name", sorted(CLONE))
def test_no_new_namespace(pid, name):
    flags = CLONE[name]
    assert inject_errno(pid, "unshare", flags) == "EPERM"
    assert inject_errno(pid, "unshare", flags | CLONE["NEWUSER"]) == "EPERM"
    if name != "NEWTIME":  # for clone(2) this bit is a part of the signal's number
        assert inject_errno(pid, "clone", flags | SIGCHLD, 0, 0, 0, 0) == "EPERM"
        assert inject_errno(pid, "clone", flags | CLONE["NEWUSER"] | SIGCHLD, 0, 0, 0, 0) == "EPERM"
    assert inject_errno(pid, "clone3", hexadecimal(struct.pack("=11Q", flags, 0, 0, 0, SIGCHLD, 0, 0, 0, 0, 0,
                                                               0)), 88) == "ENOSYS"
    assert inject_errno(pid, "setns", 0, flags) == "EPERM"


def test_no_mount_and_no_other_root(pid):
    assert inject_errno(pid, "mount", "s:none", "s:/", "s:tmpfs", 0, 0) == "EPERM"
    assert inject_errno(pid, "mount", 0, "s:/", 0, 0x20 | 0x1000, 0) == "EPERM"  # MS_REMOUNT|MS_BIND: without nosuid, noexec
    for call, arguments in {"umount2": ("s:/", 2), "pivot_root": ("s:/", "s:/"), "chroot": ("s:/",),
                            "open_tree": (-100, "s:/", 1), "move_mount": (-100, "s:/", -100, "s:/", 0),
                            "fsopen": ("s:tmpfs", 0), "fsmount": (0, 0, 0), "fspick": (-100, "s:/", 0),
                            "fsconfig": (0, 6, 0, 0, 0), "mount_setattr": (-100, "s:/", 0, "z:32", 32),
                            "name_to_handle_at": (-100, "s:/", "z:136", "z:8", 0),
                            "open_by_handle_at": (0, "z:136", 0)}.items():
        assert inject_errno(pid, call, *arguments) == "EPERM", call


def test_no_device(pid):
    assert inject_errno(pid, "mknodat", -100, "s:/mem", 0o20666, 1 << 8 | 1) == "EPERM"


def test_no_program(fresh_host, pid):
    home = fresh_host.bucket("bucket") / "calls"
    program = home / "program"
    program.write_bytes(open("/usr/bin/true", "rb").read())
    program.chmod(0o755)
    try:
        for path in ("/program", "/bin/sh", "/usr/bin/id", "/proc/self/exe"):
            assert inject_errno(pid, "execve", "s:" + path, 0, 0) == "EACCES"
            assert inject_errno(pid, "execveat", -100, "s:" + path, 0, 0, 0) == "EACCES"
        descriptor = int(inject(pid, "openat", -100, "s:/program", os.O_RDONLY).split()[1])
        assert inject_errno(pid, "execveat", descriptor, "s:", 0, 0, 0x1000) == "EACCES"  # AT_EMPTY_PATH
        # Nor as a library: the view is noexec, whatever the filter says.
        assert inject_errno(pid, "mmap", 0, 4096, 1 | 4, 2, descriptor, 0) == "EPERM"
        assert inject(pid, "close", descriptor) == "= 0"
    finally:
        program.unlink()


def test_nothing_that_belongs_to_the_host(pid):
    for call, arguments in {"shmget": (1, 4096, 0o1666), "shmat": (0, 0, 0), "semget": (1, 1, 0o1666), "msgget": (1, 0o1666),
                            "mq_open": ("s:queue", 0o102, 0o666, 0), "add_key": ("s:user", "s:name", "s:x", 1, -4),
                            "request_key": ("s:user", "s:name", 0, -4), "keyctl": (0, -4, 1), "bpf": (5, "z:120", 120),
                            "perf_event_open": ("z:128", 0, -1, -1,
                                                0), "userfaultfd": (1,), "personality": (0x0040000,)}.items():
        assert inject_errno(pid, call, *arguments) == "EPERM", call


def test_no_queue_or_semaphore_by_its_number(pid):
    """What others made is reached without the calls that make it."""
    identifiers = [run_ipcmk("--queue"), run_ipcmk("--semaphore", "1"), run_ipcmk("--shmem", "4096")]
    try:
        assert inject_errno(pid, "msgsnd", identifiers[0], "x:0100000000000000" + "41" * 8, 8, 0o4000) == "EPERM"
        assert inject_errno(pid, "msgrcv", identifiers[0], "z:64", 8, 0, 0o4000) == "EPERM"
        assert inject_errno(pid, "semop", identifiers[1], hexadecimal(struct.pack("=HhH", 0, 1, 0)), 1) == "EPERM"
        assert inject_errno(pid, "semctl", identifiers[1], 0, 16, 5) == "EPERM"  # SETVAL
        for call, arguments in {"msgctl": (identifiers[0], 2, "z:256"), "shmctl": (identifiers[2], 2, "z:256")}.items():
            assert inject_errno(pid, call, *arguments) == "EPERM", call  # IPC_STAT
        assert inject_errno(pid, "mq_unlink", "s:queue") in ("EPERM", "ENOSYS")
    finally:
        subprocess.run(["ipcrm", "--queue-id", identifiers[0], "--semaphore-id", identifiers[1], "--shmem-id",
                        identifiers[2]],
                       check=True)


def run_ipcmk(*what):
    """Makes a System V object that all may read and write, as root; its id."""
    made = subprocess.run(["ipcmk", *what, "--mode", "0666"], check=True, capture_output=True, text=True)
    return made.stdout.split()[-1]


# Calls by the 32-bit entry: getpid, socketcall(SYS_SOCKET), socket, connect, setuid32, setresuid32, execve, mount, unshare,
# chroot, ptrace, open: one of them harmless, since it is the entry that must be shut.
CALLS_32 = {"getpid": (20,), "socketcall": (102, 1, hexadecimal(struct.pack("=3I", AF_INET, STREAM, 0))),
            "socket": (359, AF_INET, STREAM, 0), "connect": (362, 0, hexadecimal(LOOPBACK_SSH), 16), "setuid32": (213, 0),
            "setresuid32": (208, 0, 0, 0), "execve": (11, "s:/bin/sh", 0, 0),
            "mount": (21, "s:none", "s:/", "s:tmpfs", 0, 0), "unshare": (310, CLONE["NEWUSER"]), "chroot": (61, "s:/"),
            "ptrace": (26, 16, 1, 0, 0), "open": (5, "s:/", 0)}


@pytest.mark.parametrize("name", sorted(CALLS_32))
def test_the_32_bit_entry_kills(fresh_host, view, name):
    with fresh_host.login("calls", fresh_host.key("calls")):
        victim = assert_all_sealed(view)[-1]
        said = inject(victim, *CALLS_32[name], entry="int80")
        # SIGSEGV: this kernel has no such entry at all.
        assert said in ("killed SIGSYS", "killed SIGSEGV"), said
        end_process(victim)


@pytest.mark.parametrize("call", [ "getpid", "socket", "connect", "setuid", "setresuid", "execve", "unshare", "ptrace",
                                  "mount", "520", "545"])
def test_x32_numbers_kill(fresh_host, view, call):
    with fresh_host.login("calls", fresh_host.key("calls")):
        victim = assert_all_sealed(view)[-1]
        assert inject(victim, call, 0, 0, 0, entry="x32") == "killed SIGSYS"
        end_process(victim)


def test_both_sealed_processes_have_the_filter(fresh_host, view):
    """sshd's own child and the one that speaks sftp."""
    with fresh_host.login("calls", fresh_host.key("calls")):
        pids = assert_all_sealed(view)
        assert len(pids) >= 2
        for every in pids:
            assert inject_errno(every, "socket", AF_INET, STREAM, 0) == "EAFNOSUPPORT"
            assert inject_errno(every, "execve", "s:/bin/sh", 0, 0) == "EACCES"
            assert inject_errno(every, "setresuid", 0, 0, 0) == "EPERM"
