"""Whatever goes wrong in the middle: root and local users log in as before."""
import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest

from setup_host import BACKUPS, BERTH, CONFIG, DROP_IN, NSSWITCH, PACKAGED, PAM, SSHD_D, STATE
from test_refused import build_hanging

PUT_BACK = "berth setup: all is put back as it was"


def unwired(everything):
    """Without what stays by design: the server that was made."""
    return {path: what for path, what in everything.items() if not path.startswith(str(STATE))}


def add_to_drop_in(text):
    PACKAGED.write_text(PACKAGED.read_text(encoding="utf-8") + text, encoding="utf-8")


def earlier(text):
    DROP_IN.with_name("00-a.conf").write_text(text, encoding="utf-8")


PLANTED = {  # what makes the host another one once it is wired: (how, what the message says)
    "a PAM module that fails the account": (lambda host: host.replace(host.pam_module, host.pam_deny.read_bytes()),
                                            "PAM's account step for root was \"0 Success\""),
    "an NSS module that hangs": (lambda host: (host.nss_module.unlink(), build_hanging(host.nss_module, "berth")),
                                 "a name that nobody has gets no answer in 10 seconds"),
    "sshd -t fails": (lambda host: add_to_drop_in("    NoSuchKeyword yes\n"), "sshd would not start: "),
    "sshd -t fails by another file's doing": (lambda host: add_to_drop_in("Include /etc/ssh/site/*.conf\n"),
                                              "sshd would not start: "),
    "another setting for a local user": (lambda host: add_to_drop_in("Match User localuser\n    ForceCommand /bin/false\n"),
                                         "sshd's settings for localuser would change: they have \"forcecommand none\" now"),
    "another setting for root": (lambda host: add_to_drop_in("Match User root\n    AllowTcpForwarding no\n"),
                                 "sshd's settings for root would change: they have \"allowtcpforwarding yes\" now"),
    "a line before ours": (lambda host: earlier("AuthorizedKeysCommand none\n"), "a line before Berth's sets it"),
}


@pytest.mark.parametrize("plant, says", PLANTED.values(), ids=PLANTED.keys())
def test_put_back_when_a_check_fails(host, plant, says):
    site = Path("/etc/ssh/site")
    site.mkdir()
    (site / "a.conf").write_text("NoSuchKeyword yes\n", encoding="utf-8")
    plant(host)
    before = host.everything()
    result = host.setup("--yes")
    after = host.everything()
    shutil.rmtree(site)
    assert result.code == 255 and says in result.err and PUT_BACK in result.err, result
    after = {path: what for path, what in after.items() if not path.startswith(str(BACKUPS))}
    assert unwired(after) == unwired(before)
    assert not list(BACKUPS.iterdir())
    host.unwire()
    host.assert_local_users_log_in()


@contextlib.contextmanager
def read_only(directory):
    subprocess.run(["mount", "--bind", directory, directory], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", directory], check=True)
        yield
    finally:
        subprocess.run(["umount", directory], check=True)


@pytest.mark.parametrize("directory", ["/etc/pam.d", str(SSHD_D)])
def test_put_back_when_a_disk_is_full(host, directory):
    with host.full_disk(directory):
        before = host.bytes()
        result = host.setup("--yes")
        assert result.code == 255 and "No space left on device" in result.err and PUT_BACK in result.err, result
        assert host.bytes() == before and not host.leftovers() and not CONFIG.exists()
    host.assert_local_users_log_in()


def test_nothing_is_begun_when_there_is_no_room_for_copies(host):
    BACKUPS.mkdir(mode=0o700)
    before = host.everything()
    with host.full_disk(str(BACKUPS)):
        result = host.setup("--yes")
    assert result.code == 255 and "No space left on device" in result.err, result
    assert host.everything() == before


def test_where_nothing_can_be_written(host):
    """Nothing was changed, so nobody is told to mend it before he logs out."""
    before = host.bytes()
    with read_only("/etc/pam.d"):
        result = host.setup("--yes")
    assert result.code == 255 and "/etc/pam.d/sshd: Read-only file system" in result.err, result
    assert PUT_BACK in result.err and "can't be put back" not in result.err, result
    assert host.bytes() == before and not host.leftovers()


def test_undo_is_put_back_too(host):
    """What undoing would break stays wired: here a local user whom only the lines after ours would refuse."""
    assert host.setup("--yes").ok
    wired = host.bytes()
    with host.full_disk("/etc/pam.d"):
        result = host.setup("--undo", "--yes")
        assert result.code == 255 and "No space left on device" in result.err and PUT_BACK in result.err, result
        assert host.bytes() == wired
    assert host.bytes() == wired
    host.assert_local_users_log_in()


def test_a_file_that_somebody_changes_meanwhile(host):
    """Between showing and doing: that edit isn't lost."""
    process = subprocess.Popen(["script", "-qec", BERTH + " setup", "/dev/null"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    shown = b""
    while b"[y/N] " not in shown:
        more = process.stdout.read1()
        assert more, shown
        shown += more
    NSSWITCH.write_text(NSSWITCH.read_text(encoding="utf-8") + "automount: files\n", encoding="utf-8")
    out, _ = process.communicate(b"y\n", timeout=60)
    assert process.returncode == 255 and b"somebody has changed it meanwhile: run it again" in out, out
    assert NSSWITCH.read_text(encoding="utf-8").endswith("automount: files\n")
    assert "berth" not in NSSWITCH.read_text(encoding="utf-8") + PAM.read_text(encoding="utf-8")


#
# Killed and interrupted, at each system call that changes a name.
#

def broken_off(signal, call, number, *arguments):
    """berth setup with this signal at its number'th such call: what it ended with; None when it makes fewer of them."""
    trace = Path("/tmp/trace")
    done = subprocess.run(["strace", "-qq", "-o", trace, "-e", "trace=" + call, "-e", "signal=none", "-e",
                           "inject=%s:signal=%s:when=%d" % (call, signal, number), BERTH, "setup", "--yes", *arguments],
                          capture_output=True, text=True, check=False, timeout=120)
    calls = [line for line in trace.read_text(encoding="utf-8").splitlines() if line.startswith(call + "(")]
    return done if len(calls) >= number else None


def at_all_points(host, signal, calls, arguments, judge):
    """Breaks it off at each point, each time from the same start: wired, if there are arguments. Returns their number."""
    count = 0
    if arguments:
        assert host.setup("--yes").ok
    start = host.bytes()
    for call in calls:
        for number in range(1, 100):
            host.unwire()
            for path in (path for path in start if start[path] is not None and start[path] != host.bytes()[path]):
                host.replace(path, start[path])
            done = broken_off(signal, call, number, *arguments)
            if done is None:
                break
            judge(done)
            count += 1
    return count


@pytest.mark.parametrize("arguments", [[], ["--undo"]], ids=["set up", "undo"])
def test_killed_anywhere(host, arguments):
    """Root and local users get in whatever is left, and a second run finishes it."""
    bare, tried = host.bytes(), set()
    assert host.setup("--yes").ok
    wired = host.bytes()
    host.unwire()

    def judge(done):
        assert done.returncode in (137, -9), done
        left = tuple(host.bytes().values())
        assert b"berth" not in NSSWITCH.read_bytes() or b"pam_berth" in PAM.read_bytes(), "users whom nothing seals"
        if left not in tried:
            tried.add(left)
            host.assert_local_users_log_in()
        again = host.setup("--yes", *arguments)
        assert again.ok, again
        assert host.bytes() == (bare if arguments else wired) and not host.leftovers()
    calls = ["linkat", "renameat", "unlinkat" if arguments else "mkdirat"]
    points = at_all_points(host, "KILL", calls, arguments, judge)
    # before the first file, and behind each; when the last one is in place, no name changes any more
    assert points >= 5 and len(tried) >= 3, (points, len(tried))


@pytest.mark.parametrize("signal", ["TERM", "INT", "HUP"])
def test_interrupted_anywhere(host, signal):
    """It finishes, or puts all back."""
    calls = ["linkat", "renameat", "unlinkat"] if signal == "TERM" else ["linkat"]
    bare, outcomes = host.bytes(), set()

    def judge(done):
        outcomes.add(done.returncode)
        if done.returncode == 255:
            assert "interrupted" in done.stderr and PUT_BACK in done.stderr, done
            assert host.bytes() == bare and not CONFIG.exists()
        else:
            assert done.returncode == 0 and host.setup("--yes").out == "nothing to change\n", done
        assert not host.leftovers()
    assert at_all_points(host, signal, calls, [], judge) >= 2
    assert outcomes == ({0, 255} if "unlinkat" in calls else {255})


def test_what_a_killed_one_left_is_no_configuration(host):
    """Files under the names that are used while replacing are in nobody's way, not even as directories' entries of sshd."""
    for path in (NSSWITCH, PAM, DROP_IN):
        for kind in ("old", "new"):
            path.with_name(".%s.berth-%s" % (path.name, kind)).write_text("nonsense\n", encoding="utf-8")
    assert host.setup("--yes").ok
    assert not host.leftovers()
    host.assert_local_users_log_in()
