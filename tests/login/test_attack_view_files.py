"""Files that a user puts into the root of its own view, under the names that programs of the host read as root: they change
nothing, neither its groups nor what code runs."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from attack_tools import View, Watch, assert_all_sealed, hold_open, processes_of_user
from private_host import run

UID = 5701
VIEW = View(UID, 5702, (7701,), {"/": "/srv/berth/bucket/evil"})
PROOF = "/srv/berth/bucket/evil/PROOF"

# A library whose constructor leaves a file at the root of the view, or on the host, whichever "/" is when it is loaded.
LIBRARY = """
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
static void __attribute__((constructor)) loaded(void)
{
	char name[64];
	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "%s/PROOF", i ? "/tmp" : "");
		dprintf(open(name, O_CREAT | O_WRONLY | O_APPEND, 0666), "uid %d gid %d\\n", getuid(), getgid());
	}
}
int pam_sm_setcred(void) {loaded(); return 0; }
int pam_sm_open_session(void) {loaded(); return 0; }
int _nss_evil_getpwnam_r(void) {loaded(); return 0; }
int _nss_evil_getpwuid_r(void) {loaded(); return 0; }
int _nss_evil_getgrnam_r(void) {loaded(); return 0; }
int _nss_evil_getgrgid_r(void) {loaded(); return 0; }
int _nss_evil_initgroups_dyn(void) {loaded(); return 0; }
int _nss_berth_getpwnam_r(void) {loaded(); return 0; }
"""

OPENSSL_CONFIGURATION = "openssl_conf = i\n[i]\nengines = e\n[e]\nevil = v\n[v]\ndynamic_path = /evil.so\ninit = 1\n"

FILES = {
    "etc/passwd": "root::0:0::/:/bin/sh\nevil:x:0:0::/:/bin/sh\n",
    "etc/group": "root:x:0:evil\nsudo:x:27:evil\nshadow:x:42:evil\nberth-g5702:x:0:\n",
    "etc/shadow": "root::19000::::::\nevil::19000::::::\n",
    "etc/nsswitch.conf": "passwd: evil files\ngroup: evil files\ninitgroups: evil\nshadow: evil\nhosts: evil\n",
    "etc/ld.so.preload": "/evil.so\n",
    "etc/ld.so.conf": "/\n",
    "etc/security/group.conf": "*;*;*;Al0000-2400;root,sudo,shadow,disk\n",
    "etc/security/pam_env.conf": "LD_PRELOAD DEFAULT=/evil.so OVERRIDE=/evil.so\nLD_LIBRARY_PATH DEFAULT=/\n",
    "etc/security/limits.conf": "evil hard core unlimited\n",
    "etc/environment": "LD_PRELOAD=/evil.so\nGCONV_PATH=/\nLOCPATH=/\n",
    "etc/pam.d/sshd": "auth required pam_evil.so\nsession required pam_evil.so\n",
    "etc/pam.conf": "sshd session required pam_evil.so\n",
    "etc/ssh/sshrc": "#!/bin/sh\ntouch /PROOF\n",
    "etc/ssh/sshd_config": "PermitRootLogin yes\n",
    "etc/profile": "touch /PROOF\n",
    "etc/localtime": "not a time zone",
    "etc/resolv.conf": "nameserver 127.0.0.1\n",
    "etc/host.conf": "multi on\n",
    "etc/locale.alias": "C evil\n",
    "etc/berth/berth.conf": "Store sqlite:/evil.db\nDataRoot /\nMinUid 1000\n",
    "etc/default/locale": "LD_PRELOAD=/evil.so\n",
    "etc/krb5.conf": "[plugins]\n ccselect = { module = evil:/evil.so }\n",
    "etc/ssl/openssl.cnf": OPENSSL_CONFIGURATION,
    "usr/lib/ssl/openssl.cnf": OPENSSL_CONFIGURATION,
    ".ssh/rc": "touch /PROOF\n",
    ".ssh/environment": "LD_PRELOAD=/evil.so\n",
    ".pam_environment": "LD_PRELOAD DEFAULT=/evil.so\n",
    ".profile": "touch /PROOF\n",
}

LIBRARY_NAMES = ["evil.so", "pam_evil.so", "libnss_evil.so.2", "libnss_berth.so.2", "libnss_files.so.2",
                 "libnss_systemd.so.2", "libc.so.6", "libgcc_s.so.1", "libcrypto.so.3", "pam_berth.so", "pam_group.so",
                 "gconv/UTF-16.so", "gconv/gconv-modules"]
LIBRARY_DIRECTORIES = ["", "lib", "lib64", "usr/lib", "lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu",
                       "lib/x86_64-linux-gnu/security", "usr/lib/x86_64-linux-gnu/security", "lib/security"]


@pytest.fixture(scope="module")
def evil(fresh_host, tmp_path_factory):
    """The user, whose directory is full of these."""
    home = fresh_host.bucket("bucket", "evil", owner=UID) / "evil"
    for name, text in FILES.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="ascii")
    source, library = tmp_path_factory.mktemp("evil") / "evil.c", home / "evil.so"
    source.write_text(LIBRARY, encoding="ascii")
    subprocess.run(["gcc", "-shared", "-fPIC", "-w", "-o", str(library), str(source)], check=True)
    for directory in LIBRARY_DIRECTORIES:
        for name in LIBRARY_NAMES:
            target = home / directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if target != library:
                shutil.copy(library, target)
    for name in ("bin/sh", "bin/bash", "usr/sbin/nologin", "sbin/nologin", "usr/bin/xauth", "usr/lib/openssh/sftp-server",
                 "bin/id"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/usr/bin/busybox" if os.path.exists("/usr/bin/busybox") else "/usr/bin/touch", home / name)
        (home / name).chmod(0o755)
    subprocess.run(["chown", "-R", "%d:%d" % (UID, 5702), str(home)], check=True)
    key = fresh_host.key("evil")
    fresh_host.create_user("evil", UID, gid=5702, secondary=[7701], mappings=[("/", "/bucket/evil")], keys=[key])
    return key


@pytest.fixture(autouse=True)
def no_code_ran(evil):
    yield
    assert not os.path.exists(PROOF), Path(PROOF).read_text(encoding="utf-8")
    assert not os.path.exists("/tmp/PROOF") and not os.path.exists("/PROOF")


def libraries_of(pid):
    """(device, inode) of every file that is mapped to be executed."""
    found = set()
    for line in Path("/proc/%d/maps" % pid).read_text(encoding="utf-8").splitlines():
        fields = line.split(None, 5)
        if "x" in fields[1] and fields[4] != "0":
            found.add((fields[3], fields[4], fields[5] if len(fields) > 5 else ""))
    return found


def test_the_library_would_leave_its_proof(host, evil):
    """Loaded where it can be, outside a view: else the other tests prove nothing."""
    assert run("env", "LD_PRELOAD=/srv/berth/bucket/evil/evil.so", "/usr/bin/true").ok
    assert os.path.exists("/tmp/PROOF")
    for path in ("/tmp/PROOF", "/PROOF"):
        if os.path.exists(path):
            os.unlink(path)


def test_a_session_has_only_the_records_ids_and_the_hosts_libraries(host, evil):
    with Watch(VIEW), host.login("evil", evil) as session:
        monitor_libraries = libraries_of(host.sshd.pid)
        for pid in assert_all_sealed(VIEW):
            own = {(device, inode) for device, inode, path in libraries_of(pid)}
            below = {(os.stat(path).st_dev, os.stat(path).st_ino) for path in Path("/srv/berth/bucket/evil").rglob("*.so*")}
            for device, inode in own:
                major, minor = (int(part, 16) for part in device.split(":"))
                assert (os.makedev(major, minor), int(inode)) not in below, "a library of the user's is mapped"
            assert len(own) >= len(monitor_libraries) // 2
        # What internal-sftp looks up while it lists: names of owners, the time zone.
        assert "PROOF" not in session.sftp.listdir("/")
        session.sftp.listdir_attr("/etc")
        session.sftp.stat("/etc/passwd")


def test_every_way_of_sftp_with_them_around(host, evil):
    with Watch(VIEW) as watch:
        result = host.sftp("evil", evil,
                           "ls -la /\nls -ln /etc\ncd /etc/security\npwd\nget /etc/passwd /tmp/got\ndf\nls -la /usr/lib\n")
        assert result.ok, repr(result)
        hold_open(host, "evil", evil)
        for command in (["id"], ["/bin/sh"], ["/bin/id"]):
            answer = host.ssh("evil", evil, *command, timeout=20)
            assert "uid=" not in answer.out
    assert watch.seen
    assert Path("/tmp/got").read_text(encoding="ascii") == FILES["etc/passwd"]
    os.unlink("/tmp/got")


def test_with_modules_after_ours_in_the_stack(host, evil):
    """Debian's stack holds more than ours; pam_group and pam_env with the user's files would be the end. Ours ends the
    stack."""
    def add(text):
        return text + ("\nauth optional pam_group.so\nauth optional pam_env.so\nsession required pam_env.so\n"
                       "session optional pam_limits.so\n")
    path = Path("/etc/pam.d/sshd")
    before = path.read_text(encoding="utf-8")
    path.write_text(add(before), encoding="utf-8")
    try:
        with Watch(VIEW), host.login("evil", evil):
            assert_all_sealed(VIEW)
    finally:
        path.write_text(before, encoding="utf-8")


def test_without_the_match_block(host, evil):
    """PermitUserRC, user environments and forwarding are then sshd's own defaults, and stay harmless."""
    match = Path("/etc/ssh/sshd_config.d/berth.conf")
    packaged = match.read_text(encoding="utf-8")
    match.write_text(packaged.split("Match ")[0] + "PermitUserEnvironment yes\nPermitUserRC yes\n", encoding="utf-8")
    try:
        host.sshd_config("")
        with Watch(VIEW):
            assert host.sftp("evil", evil, "ls /\n").ok
            for options in (("-T",), ("-tt",), ("-A", "-T"), ("-X", "-T")):
                answer = host.ssh("evil", evil, options=options, input="id\n", timeout=20)
                assert "uid=" not in answer.out
    finally:
        match.write_text(packaged, encoding="utf-8")
        host.sshd_config("")
    assert processes_of_user(UID) == []
