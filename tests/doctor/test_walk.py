"""Each reason for which a login is refused, planted and really tried: sftp is refused, `berth doctor USER` says it first,
and `berth why USER` shows it afterwards. And where the doctor says that the user can log in, the user can."""
import contextlib
import ctypes
import json
import os
import re
from pathlib import Path

import pytest

from private_host import CONFIG_FILE, DATA_ROOT, STORE_FILE, TRANSFER_LOG, run, wait_until
from why_log import auth_log, doctor, first_fault, fresh_host, host, why  # noqa: F401  pylint: disable=unused-import

UID = 5801
KEYS_COMMAND = Path("/usr/libexec/berth/berth-keys")


@contextlib.contextmanager
def text_changed(path, change):
    before = Path(path).read_bytes()
    Path(path).write_text(change(before.decode()), encoding="utf-8")
    try:
        yield
    finally:
        Path(path).write_bytes(before)


@contextlib.contextmanager
def mode_changed(path, mode):
    before = os.stat(path).st_mode & 0o7777
    os.chmod(path, mode)
    try:
        yield
    finally:
        os.chmod(path, before)


@contextlib.contextmanager
def moved(path):
    away = str(path) + ".away"
    os.rename(path, away)
    try:
        yield
    finally:
        os.rename(away, path)


@contextlib.contextmanager
def sshd(host, text):
    """sshd with these lines before all others."""
    host.sshd_config(text)
    try:
        yield
    finally:
        host.sshd_config("")


@contextlib.contextmanager
def config(host, *lines):
    """berth.conf with these lines, the agent started anew."""
    host.reload(*lines)
    try:
        yield
    finally:
        host.reload()


@contextlib.contextmanager
def account(line):
    with text_changed("/etc/passwd", lambda text: text + line + "\n"):
        yield


@contextlib.contextmanager
def no_agent(host):
    host.stop_agent()
    try:
        yield
    finally:
        host.start_agent()


@contextlib.contextmanager
def unreadable_store(host):
    host.stop_agent()
    with moved(STORE_FILE):
        host.start_agent()
        try:
            yield
        finally:
            host.stop_agent()
    host.start_agent()


@contextlib.contextmanager
def offline(host):
    host.admin("stop-server")
    try:
        yield
    finally:
        host.admin("start-server")


@contextlib.contextmanager
def user(host, **members):
    """alice with other members: kept as they were."""
    host.delete_user("alice")
    make_alice(host, **members)
    try:
        yield
    finally:
        host.delete_user("alice")
        make_alice(host)


@contextlib.contextmanager
def target(host, make, **members):
    """alice's target made by make(path)."""
    path = DATA_ROOT / "bucket" / "planted"
    make(path)
    try:
        with user(host, mappings=[("/", "/bucket/planted")], **members):
            yield
    finally:
        run("rm", "-rf", path)


@contextlib.contextmanager
def both(*plants):
    """Several, each made when the ones before it are there."""
    with contextlib.ExitStack() as stack:
        for plant in plants:
            stack.enter_context(plant())
        yield


def make_alice(host, **members):
    members.setdefault("uid", UID)
    members.setdefault("mappings", [("/", "/bucket/alice")])
    members.setdefault("keys", [host.key("alice")])
    host.create_user("alice", **members)


@pytest.fixture(scope="module", autouse=True)
def alice(fresh_host):
    fresh_host.bucket("bucket", "alice", owner=UID)
    make_alice(fresh_host)


@contextlib.contextmanager
def no_sshd(host):
    host.stop_sshd()
    try:
        yield
    finally:
        host.start_sshd()


def without_berth(line):
    return lambda text: re.sub(r"(?m)^(%s:.*) berth$" % line, r"\1", text)


def others_directory(path):
    path.mkdir(mode=0o755)
    os.chown(path, UID + 1, UID + 1)


# With one of these lines sshd is done with alice.
LAST_WORD = "sshd.*(user alice 127.*preauth|refused user=alice|Access denied for user alice)"
MATCH = "Match User alice\n    "
DENY = "account required pam_succeed_if.so user = localuser\n"

# What is planted, what the doctor's first fault says, and what `why` shows: (by, reason).
REFUSALS = {
    "an account of the host": (
        lambda host: account("alice:x:2999:2999::/home/alice:/bin/sh"), "has an account alice", ("sshd", "gave up")),
    "no record": (
        lambda host: deleted(host), "has no user alice", ("sshd", "NSS finds no user")),
    "no profile": (
        lambda host: user(host, uid=None), "no PosixProfile", ("berthd", "no PosixProfile")),
    "uid below the floor": (
        lambda host: config(host, "MinUid 6000"), "Uid 5801 is not allowed", ("berthd", "Uid 5801 is not allowed")),
    "gid below the floor": (
        lambda host: config(host, "MinGid 6000"), "gid 5801 is not allowed", ("berthd", "Gid 5801 is not allowed")),
    "uid of an account": (
        lambda host: account("other:x:%d:2999::/home/other:/bin/sh" % UID), "account with uid 5801",
        ("berthd", "account with uid 5801")),
    "no key": (
        lambda host: user(host, keys=[]), "no SSH public key", ("berthd", "isn't among the user's: SHA256:")),
    "no agent": (
        no_agent, "it can't be asked", ("sshd", "NSS finds no user")),
    "no store": (
        unreadable_store, "can't be read.*berth.db", ("sshd", "NSS finds no user")),
    "no such server": (
        lambda host: other_server(host), "the store has no server s-00000000000000000", ("sshd", "NSS finds no user")),
    "NSS not told": (
        lambda host: text_changed("/etc/nsswitch.conf", without_berth("passwd")), "getent -s berth does",
        ("sshd", "NSS finds no user")),
    "DenyUsers": (
        lambda host: sshd(host, "DenyUsers ali*\n"), "listed in DenyUsers: ali", ("sshd", "listed in DenyUsers")),
    "AllowUsers": (
        lambda host: sshd(host, "AllowUsers bob\n"), "not listed in AllowUsers", ("sshd", "not listed in AllowUsers")),
    "AllowGroups": (
        lambda host: sshd(host, "AllowGroups staff\n"), "AllowGroups", ("sshd", "AllowGroups")),
    "DenyGroups": (
        lambda host: sshd(host, "DenyGroups berth-users\n"), "DenyGroups: berth-users", ("sshd", "DenyGroups")),
    "no public keys": (
        lambda host: sshd(host, "PubkeyAuthentication no\nPasswordAuthentication yes\n"), "PubkeyAuthentication is no",
        ("sshd", "PubkeyAuthentication is no")),
    "no PAM": (
        lambda host: sshd(host, "UsePAM no\n"), "UsePAM is no", ("sshd", "account is locked")),
    "two methods": (
        lambda host: sshd(host, MATCH + "AuthenticationMethods publickey,password\n"), "public key alone",
        ("sshd", "gave up")),
    "no algorithm": (
        lambda host: sshd(host, "PubkeyAcceptedAlgorithms rsa-sha2-512\n"), "takes none of the user's keys",
        ("sshd", "ssh-ed25519 not in PubkeyAcceptedAlgorithms")),
    "RSA too short": (
        lambda host: both(lambda: user(host, keys=[host.key("alice", "rsa")]), lambda: sshd(host, "RequiredRSASize 3072\n")),
        "2048 bits are fewer than RequiredRSASize 3072", ("sshd", "gave up")),
    "another command": (
        lambda host: sshd(host, MATCH + "ForceCommand /bin/true\n"), "ForceCommand is /bin/true for this user", None),
    "no sshd": (
        no_sshd, "nobody listens on port 22", None),
    "a chroot": (
        lambda host: sshd(host, MATCH + "ChrootDirectory /srv\n"), "ChrootDirectory is set", None),
    "no keys command": (
        lambda host: sshd(host, "AuthorizedKeysCommand none\n"), "no AuthorizedKeysCommand is set", ("sshd", "gave up")),
    "another keys command": (
        lambda host: sshd(host, "AuthorizedKeysCommand /bin/false\n"), "/bin/false, run as berth-keys, ended with status 1",
        ("sshd", "keys command failed|gave up")),
    "keys command that others may write": (
        lambda host: mode_changed(KEYS_COMMAND, 0o777), "sshd doesn't trust the keys command: /usr/libexec/berth/berth-keys",
        ("sshd", "Unsafe AuthorizedKeysCommand")),
    "another KeysUser": (
        lambda host: config(host, "KeysUser localuser"), "berth-keys, run as berth-keys, ended with status 1",
        ("berth-keys", "KeysUser")),
    "PAM without its first line": (
        lambda host: text_changed("/etc/pam.d/sshd", lambda text: re.sub(r"(?m)^auth .*pam_berth.so\n", "", text)),
        "the first auth line", ("berth-keys", "the first auth line")),
    "PAM's account line behind another module": (
        lambda host: text_changed("/etc/pam.d/sshd", lambda text: text.replace("account ", DENY + "account ", 1)),
        "must come before line", ("sshd", "pam_succeed_if.sshd:account.")),
    "no PAM module": (
        lambda host: moved(next(Path("/usr/lib").glob("*/security/pam_berth.so"))), "nobody gets in by sshd",
        ("sshd", "PAM unable to dlopen.pam_berth")),
    "nologin": (
        lambda host: text_made("/etc/nologin"), "/etc/nologin: the host is closed", ("pam_berth", "/etc/nologin")),
    "OFFLINE": (
        offline, "is OFFLINE", ("pam_berth", "is OFFLINE")),
    "PATH without a home": (
        lambda host: user(host, mappings=None), "would show every bucket", ("pam_berth", "would show every bucket")),
    "target a link": (
        lambda host: target(host, lambda path: path.symlink_to("alice")), "a symbolic link is in its path",
        ("pam_berth", "a symbolic link is in its path")),
    "target a file": (
        lambda host: target(host, lambda path: path.write_text("")), "not a directory", ("pam_berth", "not a directory")),
    "no target, CreateHome no": (
        lambda host: both(lambda: user(host, mappings=[("/", "/bucket/none")]), lambda: config(host, "CreateHome no")),
        "no such directory.*CreateHome is no", ("pam_berth", "CreateHome is no")),
    "no target in another's directory": (
        lambda host: nested(host), "the user may not make it in /bucket/planted", ("pam_berth", "ermission denied")),
    "no bucket": (
        lambda host: both(lambda: user(host, mappings=[("/", "/away/x")]), lambda: config(host, "Bucket away /mnt/away")),
        "Bucket /mnt/away can't be opened", ("pam_berth", "Bucket /mnt/away can't be opened")),
    "a target that hangs": (
        lambda host: hanging(host), "did not answer.*/bucket/planted/below", ("pam_berth", "did not answer")),
    "an entry in another": (
        lambda host: nested_entries(host), "entry /a/b: it repeats entry /a/, or lies in it",
        ("pam_berth", "it repeats another entry, or one lies in the other")),
    "no landing directory": (
        lambda host: both(lambda: user(host, mappings=None, home="/bucket/none"), lambda: config(host, "CreateHome no")),
        "target /bucket/none", ("pam_berth", "target /bucket/none")),
    "no log that is required": (
        lambda host: no_log(host), "TransferLog is required, and", ("pam_berth", "TransferLog is required")),
}


@contextlib.contextmanager
def deleted(host):
    host.delete_user("alice")
    try:
        yield
    finally:
        make_alice(host)


@contextlib.contextmanager
def other_server(host):
    with text_changed(CONFIG_FILE, lambda text: text.replace(host.server_id, "s-00000000000000000")):
        host.stop_agent()
        host.start_agent()
        yield
    host.stop_agent()
    host.start_agent()


@contextlib.contextmanager
def text_made(path):
    Path(path).write_text("closed\n", encoding="ascii")
    try:
        yield
    finally:
        os.unlink(path)


@contextlib.contextmanager
def nested_entries(host):
    """As a store elsewhere may have them: `berth admin` refuses them."""
    with user(host, mappings=[("/a", "/bucket/alice"), ("/aa", "/bucket/alice"), ("/c", "/bucket/alice")]):
        with host.database() as database:
            row = database.execute("SELECT mappings FROM users WHERE user_name = 'alice'").fetchone()[0]
            changed = (row if isinstance(row, str) else row.decode()).replace('"/c"', '"/a/b"').replace('"/a"', '"/a/"')
            database.execute("UPDATE users SET mappings = ? WHERE user_name = 'alice'", (changed,))
        yield


@contextlib.contextmanager
def hanging(host):
    """A file server that never answers: a FUSE mount that nobody serves."""
    path = DATA_ROOT / "bucket" / "planted"
    path.mkdir()
    server = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    options = "fd=%d,rootmode=40000,user_id=0,group_id=0" % server
    assert libc.mount(b"hung", str(path).encode(), b"fuse", 0, options.encode()) == 0, os.strerror(ctypes.get_errno())
    try:
        with user(host, mappings=[("/", "/bucket/planted/below")]), config(host, "TargetSeconds 1"):
            yield
    finally:
        os.close(server)
        assert libc.umount2(str(path).encode(), 2) == 0
        path.rmdir()


@contextlib.contextmanager
def nested(host):
    path = DATA_ROOT / "bucket" / "planted"
    others_directory(path)
    try:
        with user(host, mappings=[("/", "/bucket/planted/deep")]):
            yield
    finally:
        run("rm", "-rf", path)


@contextlib.contextmanager
def no_log(host):
    host.stop_agent()
    with moved(TRANSFER_LOG.parent):
        host.write_config("TransferLog required")
        host.start_agent()
        try:
            yield
        finally:
            host.stop_agent()
            host.write_config()
    host.start_agent()


@pytest.mark.parametrize("name", REFUSALS)
def test_what_refuses_is_said_first_and_shown_after(host, name):
    plant, found, shown = REFUSALS[name]
    with plant(host):
        key = host.key("alice", "rsa" if name.startswith("RSA") else "ed25519")
        fault = first_fault(doctor("alice"))
        assert fault and re.search(found, fault["Found"]), fault
        assert fault["Cure"]
        assert not host.sftp("alice", key).ok
        if shown:
            by, reason = shown
            host.wait_log(LAST_WORD)
            refusals = why("alice", log=auth_log(host.log()))
            assert any(refusal["By"] == by and re.search(reason, refusal["Reason"]) for refusal in refusals), refusals
    host.assert_nothing_left()


ADMITTED = {
    "the root": {},
    "entries": {"mappings": [("/in", "/bucket/alice"), ("/out", "/bucket/new/deep")]},
    "a path": {"mappings": None, "home": "/bucket/alice"},
    "a missing home": {"mappings": None, "home": "/bucket/new-home"},
    "many mappings": {"mappings": [("/d%d" % number, "/bucket/alice/d%d" % number) for number in range(60)]},
}


@pytest.mark.parametrize("name", ADMITTED)
def test_who_can_log_in_does(host, name):
    with user(host, **ADMITTED[name]):
        before = sorted(os.listdir(DATA_ROOT / "bucket"))
        answer = doctor("alice", "--key", host.key("alice").path + ".pub")
        assert first_fault(answer) is None, answer
        assert not [finding for finding in answer["Findings"] if finding["Level"] == "warning"]
        assert sorted(os.listdir(DATA_ROOT / "bucket")) == before, "the doctor made something"
        assert host.sftp("alice", host.key("alice")).ok


def test_the_key_that_the_user_offers(host, tmp_path):
    stranger, key = host.key("stranger"), host.key("alice")
    for asked in (stranger.path + ".pub", stranger.fingerprint):
        fault = first_fault(doctor("alice", "--key", asked))
        assert fault["Link"] == "key" and stranger.fingerprint in fault["Found"], fault
        assert "import-ssh-public-key --user-name alice" in fault["Cure"]
    for asked in (key.path + ".pub", key.fingerprint):
        assert first_fault(doctor("alice", "--key", asked)) is None
    assert "private key" in first_fault(doctor("alice", "--key", key.path))["Found"]
    assert "No such file" in first_fault(doctor("alice", "--key", str(tmp_path / "none")))["Found"]
    assert not host.log("key is not the user's"), "asking the doctor isn't a login"


def test_a_key_that_is_not_the_users_is_logged_once_a_minute(host):
    stranger = host.key("stranger-%d" % os.getpid())
    for _ in range(3):
        assert not host.sftp("alice", stranger).ok
    lines = host.wait_log("key is not the user's: user=alice server=%s key=%s" % (
        host.server_id, re.escape(stranger.fingerprint)))
    wait_until(lambda: len(host.log(LAST_WORD)) == 3)
    assert len(lines) == 1, lines
    assert lines[0].startswith("authpriv.info ")
    refusals = why("alice", log=auth_log(host.log()))
    assert [refusal["By"] for refusal in refusals] == ["berthd", "sshd", "sshd", "sshd"], refusals
    assert stranger.fingerprint in refusals[0]["Reason"]
    assert all(refusal["Client"] == "127.0.0.1" for refusal in refusals[1:])


def test_where_the_user_comes_from(host):
    with sshd(host, "AllowUsers alice@10.0.0.0/8\n"):
        answer = doctor("alice")
        assert first_fault(answer) is None
        assert [finding for finding in answer["Findings"] if finding["Level"] == "warning" and "--from" in finding["Cure"]]
        assert "not listed in AllowUsers" in first_fault(doctor("alice", "--from", "127.0.0.1"))["Found"]
        assert first_fault(doctor("alice", "--from", "10.1.2.3")) is None
        assert not host.sftp("alice", host.key("alice")).ok


def test_names_that_nobody_has(host):
    for name in ("x", "root", "a b", "-alice", "al\nice", "a" * 200, "$(id)", "alice,bob"):
        result = run("/usr/bin/berth", "doctor", "--output", "json", "--", name)
        assert result.code == 1, repr(result)
        assert '"name"' in result.out


def test_a_target_that_only_others_may_read_is_warned_of(host):
    with target(host, others_directory):
        os.chmod(DATA_ROOT / "bucket" / "planted", 0o700)
        answer = doctor("alice")
        assert first_fault(answer) is None
        warning = [finding for finding in answer["Findings"] if finding["Level"] == "warning"]
        assert "mode 0700: the user may not read it" in warning[0]["Found"]
        assert "%d:%d" % (UID + 1, UID + 1) in warning[0]["Found"]
        assert warning[0]["Cure"] == "chown %d:%d /srv/berth/bucket/planted" % (UID, UID)
        assert run(*warning[0]["Cure"].split()).ok
        assert doctor("alice")["Verdict"] == "alice can log in"
        os.chmod(DATA_ROOT / "bucket" / "planted", 0o000)
        assert doctor("alice")["Findings"][-2]["Cure"] == "chmod u+rwX /srv/berth/bucket/planted"


def test_without_the_match_block_it_warns(host):
    with text_changed("/etc/nsswitch.conf", without_berth("group")):
        answer = doctor("alice")
        assert first_fault(answer) is None
        assert any("doesn't apply" in finding["Found"] for finding in answer["Findings"])


def test_a_store_elsewhere_that_is_down(host):
    """What is known here of the user, and how old it is; nothing listens where the store should be."""
    store = "transfer:https://127.0.0.1:9"
    host.stop_agent()
    filled = run("/source/build/tests/fill_cache", "berth", "/var/lib/berth/cache.db", store, host.server_id, "none", "5899",
                 "alice", UID)
    assert filled.ok, repr(filled)
    try:
        with text_changed(CONFIG_FILE, lambda text: text.replace("sqlite:%s" % STORE_FILE, store) + "CacheSeconds 1\n"):
            host.start_agent()
            wait_until(lambda: "kept from" in json.dumps(doctor("alice")), what="the record's age")
            answer = doctor("alice")
            assert "would show every bucket" in first_fault(answer)["Found"]  # the cached record is one without a home
            stale = [finding for finding in answer["Findings"] if finding["Level"] == "warning"]
            assert re.search(r"kept from \d+ s ago.*until it is 86400 s old", stale[0]["Found"]), stale
            assert first_fault(doctor("bob"))["Found"] == "nothing is known here of bob, and the store elsewhere can't be asked"
            host.stop_agent()
    finally:
        run("sh", "-c", "rm -f /var/lib/berth/cache.db*")
        host.start_agent()
    assert first_fault(doctor("alice")) is None
