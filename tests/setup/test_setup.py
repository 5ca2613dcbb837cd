"""What an operator sees: set up, log in, again, undo, and the questions."""
import contextlib
import fcntl
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
from pathlib import Path

import pytest

from private_host import run, wait_until
from setup_host import BACKUPS, BERTH, CONFIG, DROP_IN, NSSWITCH, PAM, PACKAGED, SSHD, STATE


def server_id():
    return re.search(r"(?m)^ServerId +(s-[0-9a-f]{17})$", CONFIG.read_text(encoding="utf-8")).group(1)


def create_alice(host):
    key = host.key("alice")
    host.create_user("alice", 5001, mappings=[("/", "/bucket/alice")], keys=[key])
    return key


def test_set_up_log_in_again_undo(host):
    before, bare = host.everything(), host.bytes()
    done = host.setup("--yes")
    assert done.ok and "done:" in done.out, done
    assert NSSWITCH.read_text().count(" berth\n") == 2 and PAM.read_text().count("pam_berth.so") == 3
    assert DROP_IN.read_bytes() == PACKAGED.read_bytes()
    # a configuration that the agent takes as it is
    key = create_alice(host)
    host.start_agent()
    host.restart_sshd()
    assert host.ls("alice", key) == []
    host.assert_local_users_log_in()
    # again
    wired = host.everything()
    again = host.setup("--yes")
    assert again.ok and again.out == "nothing to change\n" and again.err == "", again
    assert host.everything() == wired
    # copies of what there was, in a place of root's alone
    assert BACKUPS.stat().st_mode & 0o7777 == 0o700
    copies = {path.name.rsplit(".", 1)[0]: path.read_bytes() for path in BACKUPS.iterdir()}
    assert copies == {"nsswitch.conf": bare[NSSWITCH], "pam.d-sshd": bare[PAM]}
    # undo
    undone = host.setup("--undo", "--yes")
    assert undone.ok and "undone:" in undone.out, undone
    assert host.bytes() == bare
    host.assert_local_users_log_in()
    after = host.everything()
    stays = {path for path in after if path.startswith(("/var/backups/berth", "/etc/berth", "/var/lib/berth", "/srv"))}
    assert {path: after[path] for path in after if path not in stays} == \
        {path: before[path] for path in before if path not in stays}
    assert host.setup("--undo", "--yes").out == "nothing to change\n"
    assert not host.leftovers()


def test_the_users_are_found_again(host):
    assert host.setup("--yes").ok
    first = server_id()
    create_alice(host)
    assert host.setup("--undo", "--yes").ok
    CONFIG.unlink()
    assert host.setup("--yes").ok
    assert server_id() == first
    assert "alice" in host.admin("list-users").out


def test_a_configuration_that_is_there_is_kept(host):
    CONFIG.parent.mkdir()
    CONFIG.write_text("# mine\nDataRoot /srv/data\nMinUid 2000", encoding="utf-8")
    done = host.setup("--yes")
    assert done.ok, done
    assert CONFIG.read_text(encoding="utf-8") == "# mine\nDataRoot /srv/data\nMinUid 2000\nServerId %s\n" % server_id()
    assert os.path.isdir("/srv/data")


def test_a_keys_user_of_the_operators(host):
    CONFIG.parent.mkdir()
    CONFIG.write_text("KeysUser berth-session\n", encoding="utf-8")
    assert host.setup("--yes").ok
    assert "\nAuthorizedKeysCommandUser  berth-session\n" in DROP_IN.read_text(encoding="utf-8")
    assert host.setup("--yes").out == "nothing to change\n"


def test_dry_run_changes_nothing(host):
    before = host.everything()
    shown = host.setup("--dry-run")
    assert shown.ok, shown
    assert host.everything() == before
    for line in ("+++ /etc/nsswitch.conf", "--- /etc/pam.d/sshd",
                 "+auth     [success=done ignore=ignore default=die]  pam_berth.so", "+Match Group berth-users",
                 "  make a server in Store sqlite:/var/lib/berth/berth.db"):
        assert line in shown.out.splitlines(), shown
    assert "  systemctl" not in shown.out


def test_the_diff_can_be_applied(host, tmp_path):
    """What is shown is what is done: patch(1)'s view of it."""
    shown = host.setup("--dry-run").out
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(NSSWITCH.read_bytes())
    assert host.setup("--yes").ok
    new.write_bytes(NSSWITCH.read_bytes())
    diff = subprocess.run(["diff", "-u", "--label", "/etc/nsswitch.conf", "--label", "/etc/nsswitch.conf", old, new],
                          capture_output=True, text=True, check=False).stdout
    assert diff in shown


def test_without_diff_it_says_so(host):
    os.rename("/usr/bin/diff", "/usr/bin/diff.away")
    try:
        shown = host.setup("--dry-run")
    finally:
        os.rename("/usr/bin/diff.away", "/usr/bin/diff")
    assert shown.ok and "/etc/nsswitch.conf changes; how it differs can't be shown: /usr/bin/diff isn't there" in shown.out


def test_undo_leaves_what_others_wrote_since(host):
    assert host.setup("--yes").ok
    for path, line in ((NSSWITCH, "automount: files\n"), (PAM, "session optional pam_umask.so\n")):
        path.write_text(line + path.read_text(encoding="utf-8") + line, encoding="utf-8")
    assert host.setup("--undo", "--yes").ok
    bare = {path: host._pristine[path].decode() for path in (NSSWITCH, PAM)}
    assert NSSWITCH.read_text(encoding="utf-8") == "automount: files\n" + bare[NSSWITCH] + "automount: files\n"
    assert PAM.read_text(encoding="utf-8") == "session optional pam_umask.so\n%ssession optional pam_umask.so\n" % bare[PAM]


def test_an_sshd_config_that_reads_no_directory(host):
    """One line is added, and no other file of the directory comes into force by it."""
    bare = SSHD.read_text(encoding="utf-8").replace("Include /etc/ssh/sshd_config.d/*.conf\n", "")
    bare += "Include /etc/ssh/there/is/none/*.conf\nPort 22\nListenAddress 127.0.0.1\nMaxStartups 1000\n"
    SSHD.write_text(bare, encoding="utf-8")
    (DROP_IN.with_name("zz-other.conf")).write_text("PermitRootLogin no\nX11Forwarding no\n", encoding="utf-8")
    done = host.setup("--yes")
    assert done.ok, done
    assert SSHD.read_text(encoding="utf-8") == "Include /etc/ssh/sshd_config.d/berth.conf\n" + bare
    assert host.setup("--yes").out == "nothing to change\n"
    key = create_alice(host)
    host.start_agent()
    host.restart_sshd()
    assert host.ls("alice", key) == []
    host.assert_local_users_log_in()
    assert host.setup("--undo", "--yes").ok
    assert SSHD.read_text(encoding="utf-8") == bare


def test_warnings_about_what_holds_for_berths_users_too(host):
    DROP_IN.with_name("10-site.conf").write_text("AllowGroups root localuser\nDenyUsers mallory\n",
                                                encoding="utf-8")
    done = host.setup("--dry-run")
    assert done.ok
    assert "AllowGroups without berth-users" in done.err
    assert "denyusers mallory" in done.err


#
# The question.
#

def on_a_terminal(reply):
    """berth setup with a terminal for everything: (exit status, what it showed)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(BERTH, [BERTH, "setup"])
    shown = b""

    def asked():
        nonlocal shown
        shown += os.read(fd, 65536)
        return b"[y/N] " in shown
    wait_until(asked, 20, "the question")
    os.write(fd, reply)
    while True:
        try:
            more = os.read(fd, 65536)
        except OSError:
            break
        if not more:
            break
        shown += more
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    return os.waitstatus_to_exitcode(status), shown.decode().replace("\r\n", "\n")


def test_yes_on_a_terminal(host):
    code, shown = on_a_terminal(b"y\n")
    assert code == 0 and "done: root and local users log in as before" in shown
    assert "pam_berth" in PAM.read_text(encoding="utf-8")


@pytest.mark.parametrize("reply, status", [(b"n\n", 1), (b"\n", 1), (b"\x04", 1), (b"\x03", -signal.SIGINT)],
                         ids=["n", "nothing", "end of file", "Ctrl-C"])
def test_no_on_a_terminal(host, reply, status):
    before = host.everything()
    code, shown = on_a_terminal(reply)
    assert code == status, shown
    assert host.everything() == before
    if status == 1:
        assert "nothing was changed" in shown


def test_without_a_terminal_it_needs_yes(host):
    before = host.everything()
    refused = host.setup(input="y\n")
    assert refused.code == 252 and "--yes is needed" in refused.err
    assert host.everything() == before


#
# The command line.
#

@pytest.mark.parametrize("arguments, says", [
    (["--redo"], "unknown flag --redo"), (["now"], "it takes no word: now"),
    (["--config", "/tmp/other.conf"], "/etc/berth/berth.conf alone"), (["--output", "json"], "text alone"),
], ids=["flag", "word", "config", "output"])
def test_wrong_flags(host, arguments, says):
    result = host.setup(*arguments)
    assert result.code == 252 and says in result.err


def test_help(host):
    assert host.setup("help").out == host.setup("--help").out
    assert host.setup("help").out.startswith("usage: berth setup [--undo]")


def test_only_root(host):
    result = host.setup("--dry-run", user="localuser")
    assert result.code == 255 and "only root can do this" in result.err


def test_one_at_a_time(host):
    assert host.setup("--dry-run").ok
    with open("/run/berth-setup.lock", "rb") as held:
        assert os.fstat(held.fileno()).st_mode & 0o777 == 0o600, "others could hold it, and Berth would never be removed"
        fcntl.flock(held, fcntl.LOCK_EX)
        result = host.setup("--yes")
    assert result.code == 255 and "another berth setup is running" in result.err
    assert host.setup("--yes").ok


@contextlib.contextmanager
def opened(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def test_nobody_else_can_hold_it_up(host):
    """What every user can open, every user can lock."""
    with contextlib.ExitStack() as held:
        for path in ["/", "/etc", "/run", "/var/backups", NSSWITCH, PAM, SSHD, "/usr/bin/berth"]:
            fcntl.flock(held.enter_context(opened(path)), fcntl.LOCK_EX)
        assert host.setup("--yes").ok


def test_started_by_who_ignores_ended_processes(host):
    """Then wait(2) knows nothing of how sshd -t and all the others ended."""
    (DROP_IN.with_name("00-a-site.conf")).write_text("NoSuchKeyword yes\n", encoding="utf-8")
    result = run("/usr/bin/env", "--ignore-signal=CHLD", BERTH, "setup", "--yes")
    assert result.code == 255 and "sshd would not start" in result.err, result


# user::rw-, user:2901:r--, group::---, mask::r--, other::---
ACL = struct.pack("<I" + "HHi" * 5, 2, 1, 6, -1, 2, 4, 2901, 4, 0, -1, 0x10, 4, -1, 0x20, 0, -1)


def test_access_lists_stay(host):
    """Without its list, the list's mask would be the rights of the file's group."""
    os.setxattr(PAM, "system.posix_acl_access", ACL)
    mode = PAM.stat().st_mode
    for arguments in (["--yes"], ["--undo", "--yes"]):
        assert host.setup(*arguments).ok
        assert os.getxattr(PAM, "system.posix_acl_access") == ACL and PAM.stat().st_mode == mode
    os.removexattr(PAM, "system.posix_acl_access")
    PAM.chmod(0o644)


def test_root_opens_nothing_of_the_users(host):
    """The store lies in a directory of User, who could make a link of it to whatever root alone can read."""
    assert host.setup("--yes").ok
    assert {path.owner() for path in STATE.iterdir()} == {"berth"}
    secret = Path("/root/secret.db")
    shutil.move(STATE / "berth.db", secret)
    os.chown(secret, 0, 0)
    (STATE / "berth.db").symlink_to(secret)
    CONFIG.unlink()
    result = host.setup("--yes")
    secret.unlink()
    assert result.code == 255 and "can't be listed" in result.err, result


def test_a_purge_says_where_the_users_files_are(host):
    """The package's own script, with a configuration as people write them."""
    CONFIG.parent.mkdir()
    CONFIG.write_text('  dataroot  "/srv/a b"  # the root\nBucket one /srv/one # more\nBUCKET two "/srv/t\\two"\r\n',
                      encoding="utf-8")
    places = [Path("/srv/a b"), Path("/srv/one"), Path("/srv/t\\two")]
    for place in places:
        place.mkdir()
    script = Path(__file__).resolve().parents[2] / "packaging/debian/berth.postrm"
    result = run("/bin/sh", script, "purge")
    for place in places:
        place.rmdir()
        assert "left as it is: %s (the users' files)\n" % place in result.out, result
    assert result.ok and not CONFIG.parent.exists()
