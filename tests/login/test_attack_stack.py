"""PAM stacks that an operator may have got wrong, and sshd configurations that take a protection away: a Berth user's
process is sealed, or there is none."""
import re
import subprocess
from pathlib import Path

import paramiko
import pytest

from attack_tools import View, Watch, assert_all_sealed, hold_open, processes_of_user, replaced_pam, try_everything
from private_host import run, wait_until

UID = 5901
VIEW = View(UID, groups=(7901,), mounts={"/": "/srv/berth/bucket/stack"})
MATCH_FILE = Path("/etc/ssh/sshd_config.d/berth.conf")


@pytest.fixture(scope="module")
def key(fresh_host):
    key = fresh_host.key("stack")
    fresh_host.bucket("bucket", "stack", owner=UID)
    fresh_host.create_user("stack", UID, secondary=[7901], mappings=[("/", "/bucket/stack")], keys=[key])
    return key


@pytest.fixture
def own_keys_command(host, key):
    """sshd gets the key without berth-keys, which would give none for a wrong stack: what is left is the PAM module."""
    command = Path("/usr/libexec/berth/any-key")
    command.write_text("#!/bin/sh\n[ \"$1\" = stack ] && echo '%s'\nexit 0\n" % key.public, encoding="utf-8")
    command.chmod(0o755)
    host.sshd_config("AuthorizedKeysCommand %s %%u\n" % command)
    yield "AuthorizedKeysCommand %s %%u\n" % command
    host.sshd_config("")
    command.unlink()


def before_ours(*lines):
    """The lines, each before our own line of its type."""
    def edit(text):
        for line in lines:
            text = re.sub(r"(?m)^(%s\s.*pam_berth\.so)$" % line.split()[0], line + r"\n\1", text)
        return text
    return edit


def without_ours(*kinds):
    """Our lines of these types taken out."""
    def edit(text):
        return "".join(line for line in text.splitlines(True) if not ("pam_berth" in line and line.split()[0] in kinds))
    return edit


def ours_last(text):
    ours = [line for line in text.splitlines(True) if "pam_berth" in line]
    return without_ours("auth", "account", "session")(text) + "\n" + "".join(ours)


def control(word, *kinds):
    """Our lines of these types (all) with another control word."""
    def edit(text):
        for kind in kinds or ("auth", "account", "session"):
            text = re.sub(r"(?m)^(%s\s+)\[.*\](\s+pam_berth\.so)$" % kind, r"\1%s\2" % word, text)
        return text
    return edit


def all_of(*edits):
    def edit(text):
        for each in edits:
            text = each(text)
        return text
    return edit


# At least one of our auth and session lines is run in each. A stack that runs neither has no PAM module in it to seal
# anything: there it is berth-keys that gives no keys (UNSEALED, below).
STACKS = {
    "auth sufficient before ours": before_ours("auth sufficient pam_permit.so"),
    "account sufficient before ours": before_ours("account sufficient pam_permit.so"),
    "session sufficient before ours": before_ours("session sufficient pam_permit.so"),
    "sufficient before auth and account": before_ours("auth sufficient pam_permit.so", "account sufficient pam_permit.so"),
    "sufficient before account and session": before_ours("account sufficient pam_permit.so",
                                                         "session sufficient pam_permit.so"),
    "done before auth": before_ours("auth [default=done] pam_permit.so"),
    "a jump over auth": before_ours("auth [default=1] pam_permit.so"),
    "a jump over account and session": before_ours("account [default=1] pam_permit.so", "session [default=1] pam_permit.so"),
    "without our session line": without_ours("session"),
    "without our auth line": without_ours("auth"),
    "without our account line": without_ours("account"),
    "only our auth line": without_ours("account", "session"),
    "only our session line": without_ours("auth", "account"),
    "ours last": ours_last,
    "ours optional": control("optional"),
    "ours sufficient": control("sufficient"),
    "ours required": control("required"),
    "ours requisite": control("requisite"),
    "our auth line optional, session line gone": all_of(control("optional", "auth"), without_ours("session")),
    "failure before ours": before_ours("auth required pam_deny.so", "session required pam_deny.so"),
}



@pytest.mark.parametrize("name", sorted(STACKS))
def test_no_stack_leaves_a_session_unsealed(host, key, own_keys_command, name):
    with replaced_pam(host, STACKS[name]):
        try_everything(host, "stack", key, VIEW)
    wait_until(lambda: not processes_of_user(UID), what="the sessions' end")
    # Where another module fails after ours, sshd closes no session; whoever lists them strikes the dead ones off.
    assert "stack" not in run("/usr/bin/berth", "sessions").out


@pytest.mark.parametrize("name", sorted(STACKS))
def test_nor_without_the_match_block(host, key, own_keys_command, name):
    """The stack and sshd_config wrong at once."""
    packaged = MATCH_FILE.read_text(encoding="utf-8")
    MATCH_FILE.write_text(packaged.split("Match ")[0], encoding="utf-8")
    host.sshd_config(own_keys_command)
    try:
        with replaced_pam(host, STACKS[name]):
            try_everything(host, "stack", key, VIEW)
    finally:
        MATCH_FILE.write_text(packaged, encoding="utf-8")
        host.sshd_config("")
    assert "stack" not in run("/usr/bin/berth", "sessions").out


# Neither our auth nor our session line is run: nothing of ours would be left to seal.
UNSEALED = {
    "none of our lines": without_ours("auth", "account", "session"),
    "only our account line": without_ours("auth", "session"),
    "sufficient before each": before_ours("auth sufficient pam_permit.so", "account sufficient pam_permit.so",
                                          "session sufficient pam_permit.so"),
    "done before auth and session": before_ours("auth [default=done] pam_permit.so", "session [default=done] pam_permit.so"),
}


@pytest.mark.parametrize("match", [True, False], ids=["with the Match block", "without it"])
@pytest.mark.parametrize("name", sorted(UNSEALED))
def test_a_stack_without_us_gets_no_keys(host, key, name, match):
    packaged = MATCH_FILE.read_text(encoding="utf-8")
    if not match:
        MATCH_FILE.write_text(packaged.split("Match ")[0], encoding="utf-8")
        host.sshd_config("")
    try:
        with replaced_pam(host, UNSEALED[name]), Watch(VIEW) as watch:
            assert not try_everything(host, "stack", key, VIEW)
        assert watch.seen == 0
        assert host.wait_log('berth-keys.*no keys: user=stack reason="the first auth line of /etc/pam.d/sshd is not pam_berth.so')
    finally:
        if not match:
            MATCH_FILE.write_text(packaged, encoding="utf-8")
            host.sshd_config("")


def test_the_right_stack_lets_in(host, key):
    assert try_everything(host, "stack", key, VIEW)


@pytest.mark.parametrize("match", [True, False], ids=["with the Match block", "without it"])
def test_use_pam_no(host, key, match):
    """The passwd entry's "!" is sshd's own sign of a locked account."""
    packaged = MATCH_FILE.read_text(encoding="utf-8")
    if not match:
        MATCH_FILE.write_text(packaged.split("Match ")[0], encoding="utf-8")
    host.sshd_config("UsePAM no\n")
    try:
        with Watch(VIEW) as watch:
            assert not try_everything(host, "stack", key, VIEW)
        assert watch.seen == 0
        assert host.wait_log("stack.*account is locked")
    finally:
        MATCH_FILE.write_text(packaged, encoding="utf-8")
        host.sshd_config("")


def test_a_match_block_for_other_things_sets_no_use_pam(host, key):
    """ChrootDirectory, ForceCommand and a shell of the operator's, before the packages' block."""
    for text in ("Match User stack\n  ForceCommand /bin/sh\n  DisableForwarding no\n  PermitTTY yes\nMatch all\n",
                 "Match User stack\n  ChrootDirectory /srv/berth/bucket\nMatch all\n",
                 "Match User stack\n  PermitUserRC yes\n  AllowTcpForwarding yes\nMatch all\n",
                 "PermitUserEnvironment yes\nAcceptEnv *\nPermitTunnel yes\nAllowAgentForwarding yes\n"):
        host.sshd_config(text)
        try:
            try_everything(host, "stack", key, VIEW)
        finally:
            host.sshd_config("")


def test_the_operators_chroot_is_not_for_berths_users(host, key):
    """One that everybody else has."""
    host.sshd_config("ChrootDirectory /srv\n")
    try:
        with Watch(VIEW):
            assert host.sftp("stack", key, "pwd\n").out.endswith(" /\n")
    finally:
        host.sshd_config("")


def test_another_service_name(host, key):
    """sshd under another name reads another file of /etc/pam.d."""
    path = Path("/etc/pam.d/sshd-two")
    path.write_text(without_ours("account")(Path("/etc/pam.d/sshd").read_text(encoding="utf-8")), encoding="utf-8")
    link = Path("/usr/sbin/sshd-two")
    link.write_bytes(Path("/usr/sbin/sshd").read_bytes())
    link.chmod(0o755)
    other = subprocess.Popen([str(link), "-D", "-p", "2222"], stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: Path("/proc/%d" % other.pid).exists())
        port, host.port = host.port, 2222
        try:
            wait_until(lambda: host.ssh("localuser", key, "true",
                                        timeout=10).code == 255 and other.poll() is None, what="the other sshd")
            try_everything(host, "stack", key, VIEW)
        finally:
            host.port = port
    finally:
        other.terminate()
        other.wait()
        path.unlink()
        link.unlink()


def test_the_session_is_sealed_before_anything_of_the_users_runs(host, key):
    """-N: no channel is ever opened; the child is sealed all the same, and has been from the start."""
    with Watch(VIEW) as watch:
        for _ in range(3):
            hold_open(host, "stack", key, 0.5)
    assert watch.seen


def test_several_channels_and_key_renewal(host, key):
    """Every process that a connection starts later is a child of the sealed one."""
    with host.login("stack", key) as session, Watch(VIEW):
        channels = [paramiko.SFTPClient.from_transport(session.transport) for _ in range(4)]
        session.transport.renegotiate_keys()
        for channel in channels:
            assert channel.listdir("/") == []
        assert len(assert_all_sealed(VIEW)) >= 5
