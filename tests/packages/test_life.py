"""The packages from the first installation to the last purge: what each step does to logins, and what it leaves."""
import re
import subprocess
import threading

from conftest import prepare
from machine import Machine, wait_until
from operator_steps import (APT, ROLE, add_alice, assert_alice_logs_in, assert_local_logins, call_api, install, remove,
                            server_id, set_up, start_api)

WIRING = ("/etc/nsswitch.conf", "/etc/pam.d/sshd", "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d")
UNITS = ("berthd.socket", "berthd.service")
ON = {"ActiveState": "active", "UnitFileState": "enabled"}
OFF = {"ActiveState": "inactive", "UnitFileState": "disabled"}
SYSTEM_USERS = {"berth", "berth-keys", "berth-session"}
# The data bases of users and groups, with the copies that useradd and systemd-sysusers keep of the ones before.
ACCOUNT_FILES = {"/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"}
ACCOUNT_FILES |= {path + "-" for path in ACCOUNT_FILES}

EXPECTED_AFTER_PURGE = {
    "/etc/ld.so.cache",  # written anew by ldconfig
    "/root/.aws", "/root/.aws/credentials",  # the test's own
}


def changes(before, after):
    """The paths that are new, gone, or not what they were."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def in_etc(paths):
    return {path for path in paths if path.startswith("/etc/")}


def accounts(machine):
    """Each account file's lines by name."""
    return {path: dict(line.split(":", 1) for line in machine.read(path).splitlines())
            for path in ACCOUNT_FILES if not path.endswith("-")}


def higher(package, version, directory):
    """The same package with a higher version: its path."""
    unpacked = directory / package.name
    subprocess.run(["dpkg-deb", "--raw-extract", package, unpacked], check=True)
    control = unpacked / "DEBIAN/control"
    text = control.read_text(encoding="utf-8")
    old = re.search(r"^Version: (.*)$", text, re.MULTILINE).group(1)
    control.write_text(text.replace("Version: %s\n" % old, "Version: %s\n" % version)
                       .replace("berth (= %s)" % old, "berth (= %s)" % version), encoding="utf-8")
    made = directory / ("%s_%s_all.deb" % (package.name.split("_")[0], version))
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", unpacked, made], check=True, capture_output=True)
    return made


class Logins:
    """with Logins(machine) as logins: alice logs in again and again meanwhile; logins.results has how each ended."""

    def __init__(self, machine):
        self.machine, self.results, self._over = machine, [], threading.Event()
        self._thread = threading.Thread(target=self._work)

    def _work(self):
        while not self._over.is_set():
            self.results.append(self.machine.sftp("alice"))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


def test_installing_changes_no_login(bare):
    before, users = bare.tree(), accounts(bare)
    said = install(bare, "berth", "berth-api")
    assert "berth setup" in said
    assert in_etc(changes(before, bare.tree())) - ACCOUNT_FILES <= {
        "/etc/ld.so.cache", "/etc/logrotate.d/berth", "/etc/logrotate.d/berth-api"}
    for path, lines in accounts(bare).items():
        assert lines.keys() - users[path].keys() <= SYSTEM_USERS
        assert {name: lines[name] for name in users[path]} == users[path]
    for unit in (*UNITS, "berth-api.service"):
        assert bare.unit(unit, *OFF) == OFF
    owners = bare.do("stat", "--format=%n %a %U:%G", "/var/lib/berth", "/var/log/berth", "/run/berth")
    assert owners == "/var/lib/berth 700 berth:berth\n/var/log/berth 2750 berth:adm\n/run/berth 755 root:root\n"
    assert_local_logins(bare)


def test_first_minute(installed):
    """What README's first page says, and a second run of setup."""
    judged = installed.run("berth", "doctor")
    assert judged.code == 1 and "-> berth setup\n" in judged.out, repr(judged)
    set_up(installed)
    for unit in UNITS:
        assert installed.unit(unit, *ON) == ON
    add_alice(installed)
    result = installed.sftp("alice", "pwd\nput /etc/hostname name\nls -1\n")
    assert result.ok and "Remote working directory: /\n" in result.out and "\nname\n" in result.out, repr(result)
    assert installed.do("stat", "--format=%u:%g", "/srv/berth/bucket/home/alice/name") == "5001:5001\n"
    assert_local_logins(installed)
    installed.do("berth", "doctor")
    installed.do("systemctl", "disable", *UNITS)
    warned = installed.do("berth", "doctor")
    assert "berthd.socket isn't enabled" in warned and "1 warning" in warned
    installed.shell(re.search(r"-> (systemctl enable .*)", warned).group(1))
    assert "\nNo fault: " in installed.do("berth", "doctor")
    before = installed.tree()
    assert "nothing to change" in set_up(installed)
    assert not {path for path in changes(before, installed.tree()) if not path.startswith(("/var/lib/berth/", "/var/log/"))}


def test_setup_where_sshd_does_not_run(installed):
    installed.do("systemctl", "stop", "ssh.service")
    set_up(installed)
    add_alice(installed)
    assert not installed.is_active("ssh.service")
    installed.do("systemctl", "start", "ssh.service")
    assert_alice_logs_in(installed)


def test_api(wired):
    install(wired, "berth-api")
    assert not wired.is_active("berth-api.service")
    start_api(wired)
    status, answer = call_api(
        wired, "CreateUser", ServerId=server_id(wired), UserName="bob", Role=ROLE, SshPublicKeyBody=wired.public_key("bob"),
        PosixProfile={"Uid": 5002, "Gid": 5002}, HomeDirectoryType="LOGICAL",
        HomeDirectoryMappings=[{"Entry": "/", "Target": "/bucket/home/bob"}])
    assert status == 200 and answer == {"ServerId": server_id(wired), "UserName": "bob"}
    assert wired.sftp("bob", "put /etc/hostname\n").ok
    status, answer = call_api(wired, "ListUsers", ServerId=server_id(wired))
    assert status == 200 and [user["UserName"] for user in answer["Users"]] == ["alice", "bob"]
    before = wired.main_pid("berthd.service")
    wired.do(*APT, "purge", "berth-api")
    assert not wired.is_active("berth-api.service") and wired.main_pid("berthd.service") == before
    assert_alice_logs_in(wired)


def test_upgrade_over_a_running_session(wired, packages, tmp_path):
    install(wired, "berth-api")
    start_api(wired)
    names = []
    for package in packages.values():
        made = higher(package, "99.0", tmp_path)
        names.append(wired.copy_in(made, "/root/%s" % made.name))
    daemons = {unit: wired.main_pid(unit) for unit in ("berthd.service", "berth-api.service")}
    socket = wired.unit("berthd.socket", "ActiveEnterTimestampMonotonic")
    before = wired.tree()
    with wired.open_session("alice") as session:
        session.do("put /etc/hostname before")
        with Logins(wired) as logins:
            wait_until(lambda: logins.results, what="a login before the upgrade")
            wired.do(*APT, "install", *names)
            count = len(logins.results)
            wait_until(lambda: len(logins.results) > count + 1, what="a login after the upgrade")
        session.do("put /etc/hostname after")
        assert "before" in session.do("ls -1") and "after" in session.do("ls -1")
        assert session.close() == 0
    assert not [result for result in logins.results if not result.ok]
    assert wired.do("dpkg-query", "--show", "--showformat=${Version} ", "berth", "berth-api") == "99.0 99.0 "
    for unit, old in daemons.items():
        pid = wired.main_pid(unit)
        assert pid not in (0, old), unit
        assert "(deleted)" not in wired.do("readlink", "/proc/%d/exe" % pid)
    assert wired.unit("berthd.socket", "ActiveEnterTimestampMonotonic") == socket
    assert in_etc(changes(before, wired.tree())) <= {"/etc/ld.so.cache"}
    status, _ = call_api(wired, "ListUsers", ServerId=server_id(wired))
    assert status == 200
    assert_alice_logs_in(wired)


def test_upgrade_starts_nothing_that_did_not_run(installed, packages, tmp_path):
    made = higher(packages["berth"], "99.0", tmp_path)
    installed.do(*APT, "install", installed.copy_in(made, "/root/%s" % made.name))
    for unit in UNITS:
        assert installed.unit(unit, *OFF) == OFF
    assert_local_logins(installed)


def test_undo_takes_back_what_setup_did(installed):
    before = installed.tree()
    set_up(installed)
    add_alice(installed)
    assert_alice_logs_in(installed)
    installed.do("berth", "setup", "--undo", "--yes")
    changed = changes(before, installed.tree())
    assert in_etc(changed) <= {"/etc/berth", "/etc/berth/berth.conf"}
    assert not {path for path in changed if path.startswith(("/usr/", "/home/", "/root/"))}
    for unit in UNITS:
        assert installed.unit(unit, *OFF) == OFF
    assert not installed.sftp("alice").ok
    assert_local_logins(installed)
    set_up(installed)
    assert_alice_logs_in(installed)


def test_removal_without_undo_while_a_session_runs(wired):
    with wired.open_session("alice") as session:
        remove(wired, "berth")
        assert_local_logins(wired)
        session.do("put /etc/hostname name")
        assert "name" in session.do("ls -1")
    wait_until(lambda: not list(wired.path("/run/berth/sessions").iterdir()), what="the session's end")
    assert not wired.sftp("alice").ok
    for path in WIRING:
        assert wired.run("grep", "-rq", "berth", path).code == 1, path
    for unit in UNITS:
        assert wired.unit(unit, "ActiveState", "LoadState") == {"ActiveState": "inactive", "LoadState": "not-found"}
    assert wired.do("find", "/etc/systemd", "/run/systemd/system", "-name", "*berth*") == ""


def test_removal_stops_where_undo_fails(wired):
    """A PAM line whose module is gone would refuse everybody."""
    wired.do("mount", "--bind", "/etc/pam.d", "/etc/pam.d")
    wired.do("mount", "-o", "remount,bind,ro", "/etc/pam.d")
    failed = wired.run(*APT, "remove", "berth")
    assert not failed.ok and "berth setup --undo" in failed.err, repr(failed)
    assert "all is put back as it was" in failed.err and "can't be put back" not in failed.err, repr(failed)
    assert wired.do("dpkg-query", "--show", "--showformat=${db:Status-Abbrev}", "berth").strip() in ("ii", "ri")
    assert_alice_logs_in(wired)
    assert_local_logins(wired)
    wired.do("umount", "/etc/pam.d")
    remove(wired, "berth")
    assert_local_logins(wired)


def test_purge_leaves_what_it_says_and_no_more(bare):
    before, users = bare.tree(), accounts(bare)
    install(bare, "berth", "berth-api")
    set_up(bare)
    add_alice(bare)
    assert_alice_logs_in(bare)
    start_api(bare)
    remove(bare, "berth", "berth-api")
    said = bare.do("env", "-u", "DEBIAN_FRONTEND", *APT, "purge", "berth", "berth-api")
    for place in ("/var/lib/berth", "/var/log/berth", "/srv/berth", *SYSTEM_USERS):
        assert place in said, said
    changed = changes(before, bare.tree())
    kept = {path for path in changed if re.match(r"(/var/lib/berth|/var/log/berth|/srv/berth)(/|$)", path)}
    assert {"/var/lib/berth/berth.db", "/var/log/berth/transfers.jsonl", "/srv/berth/bucket/home/alice"} <= kept
    assert changed - kept - ACCOUNT_FILES <= EXPECTED_AFTER_PURGE
    assert not bare.path("/run/berth").exists()
    for path, lines in accounts(bare).items():
        assert {name: line for name, line in lines.items() if name not in SYSTEM_USERS} == users[path]
    assert_local_logins(bare)

    install(bare, "berth")
    set_up(bare)
    assert_alice_logs_in(bare)


def test_without_systemd(root, packages):
    """A container, or a chroot that becomes an image: nothing is started, and setup says what to do."""
    with Machine(root, systemd=False) as machine:
        prepare(machine, packages)
        install(machine, "berth")
        said = set_up(machine)
        assert "berthd" in said
        machine.do("install", "-d", "-m", "0755", "/run/sshd")
        machine.do("/usr/sbin/sshd")
        assert_local_logins(machine)
        with machine.daemon("/usr/sbin/berthd"):
            wait_until(machine.path("/run/berth/agent.sock").exists, what="the agent")
            add_alice(machine)
            assert_alice_logs_in(machine)
        remove(machine, "berth")
        assert_local_logins(machine)
