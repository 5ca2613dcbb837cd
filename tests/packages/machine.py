"""A machine as an object: a Debian with systemd of its own, on which packages are installed and removed.

It is started by `boot` on the root that `debian_root` makes, and ends with this process at the latest. Nothing that is done
on it is left anywhere: its changes live in memory.
"""
import contextlib
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "host"))

from results import Result, wait_until  # noqa: E402  pylint: disable=wrong-import-position

UNABLE = 77
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
               "DEBIAN_FRONTEND": "noninteractive", "SYSTEMD_PAGER": "cat"}
SSH_OPTIONS = ["-F", "/dev/null", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none",
               "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
# What is no part of the tree that a package may change: other file systems, and where programs note what they did.
NOT_COMPARED = ("/dev", "/proc", "/run", "/sys", "/tmp", "/root/.ssh", "/var/cache/apt", "/var/lib/apt", "/var/log/apt",
                "/var/log/journal", "/var/log/lastlog", "/var/log/wtmp", "/var/tmp")


class Unable(Exception):
    """This machine can't do it; the text says why."""


def debian_root():
    """The path of the root, made if it isn't there."""
    made = subprocess.run([HERE / "debian_root"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if made.returncode == UNABLE:
        raise Unable(made.stderr.strip())
    if made.returncode != 0:
        raise AssertionError("debian_root: status %d\n%s" % (made.returncode, made.stderr))
    return Path(made.stdout.strip())


class Machine:
    """with Machine(root) as machine: the machine is up when the block starts, and gone without a trace at its end.

    systemd: without it, as in a container, no daemon runs on it.
    """

    def __init__(self, root, systemd=True):
        # A session of its own: what interrupts the tests leaves it the time to remove the cgroup.
        self._keeper = subprocess.Popen([HERE / "boot", root, *([] if systemd else ["tail", "-f", "/dev/null"])],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        start_new_session=True)
        line = self._keeper.stdout.readline()
        if not line.startswith("pid "):
            _, err = self._keeper.communicate()
            raise Unable(err.strip()) if self._keeper.returncode == UNABLE else AssertionError(err)
        self.pid = int(line.split()[1])
        self._enter = ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--ipc", "--uts", "--net", "--cgroup"]
        try:
            if systemd:
                self._wait_for_systemd()
        except BaseException:
            self.stop()
            raise

    def _wait_for_systemd(self):
        try:
            wait_until(self.path("/run/systemd/private").exists, 30)
        except AssertionError:
            raise Unable("systemd doesn't come up on the machine that was booted here") from None
        state = self.run("systemctl", "is-system-running", "--wait")
        # A unit of Debian's own that can't run here needn't keep ours from it.
        assert state.out in ("running\n", "degraded\n"), "%r\n%r" % (state, self.run("systemctl", "--failed"))

    def stop(self):
        self._keeper.communicate()

    def kill(self):
        """Ends the machine as SIGKILL of its keeper does, which leaves the cgroup."""
        self._keeper.kill()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # -- programs and files ---------------------------------------------------------------------------------------------

    def command(self, *command):
        """The command line that runs this command on the machine."""
        environment = ["%s=%s" % item for item in ENVIRONMENT.items()]
        return self._enter + ["env", "-i", *environment] + [str(part) for part in command]

    def run(self, *command, check=False, **options):
        """Runs a command there as root. check: an AssertionError with its output when it fails."""
        options.setdefault("timeout", 120)
        if "input" not in options:
            options["stdin"] = subprocess.DEVNULL
        result = Result(subprocess.run(self.command(*command), capture_output=True, text=True, check=False, **options))
        if check and not result.ok:
            raise AssertionError("%s: %r" % (shlex.join(map(str, command)), result))
        return result

    def from_here(self, *command):
        """Runs a program of this host's on the machine's network."""
        inside = ["nsenter", "--net=/proc/%d/ns/net" % self.pid]
        return Result(subprocess.run([*inside, *map(str, command)], capture_output=True, text=True, check=False, timeout=60,
                                     stdin=subprocess.DEVNULL))

    def do(self, *command, **options):
        """run() of a command that must succeed; its output."""
        return self.run(*command, check=True, **options).out

    def shell(self, script, **options):
        """do() of a script of sh, which ends at the first command that fails."""
        return self.do("sh", "-ec", script, **options)

    @contextlib.contextmanager
    def daemon(self, *command):
        """A daemon that stays in the foreground, for the length of the block, on a machine without systemd."""
        process = subprocess.Popen(self.command(*command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            self.run("pkill", "-x", Path(command[0]).name)
            process.wait(20)

    def path(self, name):
        """A file of the machine's as this host sees it. Links in it count from this host's root: for plain files only."""
        return Path("/proc/%d/root" % self.pid) / str(name).lstrip("/")

    def copy_in(self, source, name, mode=0o644):
        """A copy of a file of this host's; its name there."""
        target = self.path(name)
        shutil.copyfile(source, target)
        target.chmod(mode)
        return str(name)

    def write(self, name, text, mode=0o644):
        target = self.path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)

    def read(self, name):
        return self.path(name).read_text(encoding="utf-8")

    # -- units ----------------------------------------------------------------------------------------------------------

    def unit(self, name, *properties):
        """What systemd says of a unit: {property: text}; of one property alone: its text."""
        arguments = ["--property=%s" % name for name in properties]
        lines = self.do("systemctl", "show", *arguments, name).splitlines()
        values = dict(line.split("=", 1) for line in lines if "=" in line)
        return values[properties[0]] if len(properties) == 1 else values

    def main_pid(self, unit):
        """The unit's process as the machine counts; 0 for none."""
        return int(self.unit(unit, "MainPID"))

    def is_active(self, unit):
        return self.unit(unit, "ActiveState") == "active"

    def journal(self, *arguments):
        """The journal's entries, oldest first, as dictionaries; arguments are journalctl's."""
        self.run("journalctl", "--sync")
        lines = self.do("journalctl", "--output=json", "--all", *arguments).splitlines()
        return [json.loads(line) for line in lines]

    # -- logins ---------------------------------------------------------------------------------------------------------

    def key(self, name):
        """The private key of this name in the machine's /root/.ssh, made when first asked for."""
        path = "/root/.ssh/%s" % name
        if not self.path(path).exists():
            self.do("install", "-d", "-m", "0700", "/root/.ssh")
            self.do("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path)
        return path

    def public_key(self, name):
        return self.read(self.key(name) + ".pub").strip()

    def sftp(self, user, batch="pwd\n", key=None, timeout=60):
        """OpenSSH's sftp -b with the key of that name, or another one's."""
        return self.run("sftp", *SSH_OPTIONS, "-i", self.key(key or user), "-b", "-", "%s@127.0.0.1" % user, input=batch,
                        timeout=timeout)

    def ssh(self, user, *command, timeout=60):
        return self.run("ssh", *SSH_OPTIONS, "-i", self.key(user), "%s@127.0.0.1" % user, *command, timeout=timeout)

    def open_session(self, user):
        """A Session: a login that stays."""
        return Session(self, user)

    def add_local_user(self, name):
        """A user of /etc/passwd, who may log in with the key of that name."""
        self.do("useradd", "--create-home", "--shell", "/bin/sh", name)
        self.allow_key(name, "/home/%s" % name)

    def allow_key(self, name, home):
        self.do("install", "-d", "-m", "0700", "-o", name, "-g", name, home + "/.ssh")
        self.write(home + "/.ssh/authorized_keys", self.public_key(name) + "\n", 0o600)
        self.do("chown", "%s:%s" % (name, name), home + "/.ssh/authorized_keys")

    # -- what there is --------------------------------------------------------------------------------------------------

    def tree(self):
        """Every file that a package may change: {path: what it is}, where that is kind, mode, owner and, of a file below
        /etc, its contents, or where a link points to."""
        prune = " -o ".join("-path %s" % name for name in NOT_COMPARED)
        found = self.shell(r"find / \( %s \) -prune -o -printf '%%p\t%%y %%m %%U:%%G %%l\n'" % prune)
        entries = dict(line.split("\t", 1) for line in found.splitlines())
        for line in self.shell("find /etc -type f -exec sha256sum {} +").splitlines():
            digest, path = line.split(None, 1)
            entries[path] += digest
        return entries


class Session:
    """A login that stays, by OpenSSH's sftp: do(command) runs one there and returns what it printed."""

    def __init__(self, machine, user):
        command = ["sftp", *SSH_OPTIONS, "-i", machine.key(user), "-b", "-", "%s@127.0.0.1" % user]
        self._client = subprocess.Popen(machine.command(*command), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, bufsize=1)
        self.do("pwd")

    def do(self, command):
        """The output of an sftp command. A command that fails ends the session: an AssertionError says with what."""
        self._client.stdin.write("%s\n!echo end-of-command\n" % command)
        lines = []
        for line in self._client.stdout:
            if line == "end-of-command\n":
                return "".join(text for text in lines if not text.startswith("sftp> "))
            lines.append(line)
        raise AssertionError("the session ended: %s" % "".join(lines))

    def close(self):
        """Logs out; the client's exit status."""
        self._client.stdin.close()
        self._client.stdout.read()
        return self._client.wait(30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._client.poll() is None:
            self.close()
