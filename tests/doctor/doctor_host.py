"""Running `berth doctor` on the private host, and what tests plant there."""
import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path

from private_host import CONFIG_FILE, run, wait_until

ALICE = 5001
SSHD_FAULT = Path("/etc/ssh/sshd_config.d/00-0-test.conf")
PID_FILE = Path("/run/sshd.pid")


class Report:
    """What doctor said: code, findings (dicts of Level, Link, Found, Cure), verdict; bad: those that aren't ok."""

    def __init__(self, result):
        self.result, self.code = result, result.code
        shown = json.loads(result.out)
        self.findings, self.verdict = shown["Findings"], shown["Verdict"]
        self.faults, self.warnings = shown["Faults"], shown["Warnings"]
        self.bad = [finding for finding in self.findings if finding["Level"] != "ok"]

    def of(self, link):
        return [finding for finding in self.findings if finding["Link"] == link]

    def __repr__(self):
        return "exit %d\n%s\n%s" % (self.code, "\n".join(map(str, self.bad)), self.result.err)


def doctor(*arguments, prefix=()):
    return Report(run(*prefix, "/usr/bin/berth", "doctor", "--output", "json", *arguments))


def assert_clean():
    report = doctor()
    assert report.code == 0 and not report.bad, report


def install(host):
    """A fresh installation with alice, who can log in."""
    subprocess.run(["umount", "-q", "/usr/libexec/berth", "/var/log/berth"], check=False, stderr=subprocess.DEVNULL)
    for path in ("/etc/nologin", "/etc/fstab"):
        Path(path).unlink(missing_ok=True)
    for path, mode in (("/etc/berth", 0o755), ("/run/berth", 0o755), ("/var/lib/berth", 0o700), ("/srv/berth", 0o755)):
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)
    CONFIG_FILE.unlink(missing_ok=True)
    host.reset()
    key = host.key("alice")
    host.bucket("bucket", "alice", owner=ALICE)
    host.create_user("alice", ALICE, mappings=[("/", "/bucket/alice")], keys=[key])
    assert host.sftp("alice", key).ok
    host.key_of_alice = key
    assert_clean()


def sshd_reads():
    """sshd reads its configuration again, and has."""
    before = PID_FILE.stat().st_mtime_ns
    os.kill(int(PID_FILE.read_text(encoding="ascii")), signal.SIGHUP)
    wait_until(lambda: PID_FILE.exists() and PID_FILE.read_text(encoding="ascii") and PID_FILE.stat().st_mtime_ns > before,
               what="sshd's new PidFile")


def sshd_lines(text):
    """Lines before all others of sshd_config; none: they go."""
    if text:
        SSHD_FAULT.write_text(text + "\n", encoding="utf-8")
    else:
        SSHD_FAULT.unlink(missing_ok=True)
    sshd_reads()


def edit(path, change):
    path = Path(path)
    text = path.read_text(encoding="utf-8")
    changed = change(text)
    assert changed != text, "the plant changes nothing in %s" % path
    path.write_text(changed, encoding="utf-8")


@contextlib.contextmanager
def mounted(path, *options):
    """A tmpfs over a directory, with a copy of what is in it."""
    copy = Path("/tmp/copy")
    subprocess.run(["rm", "-rf", copy], check=True)
    subprocess.run(["cp", "-a", path, copy], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", path], check=True)
    subprocess.run(["cp", "-a", "%s/." % copy, path], check=True)
    subprocess.run(["chmod", "--reference", copy, path], check=True)
    subprocess.run(["chown", "--reference", copy, path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", path], check=True)
