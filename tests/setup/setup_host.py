"""The private host as `berth setup` finds it: Berth installed, nothing wired."""
import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "host"))

from private_host import Host, run  # noqa: E402  pylint: disable=wrong-import-position

BERTH = "/usr/bin/berth"
NSSWITCH, PAM, SSHD = Path("/etc/nsswitch.conf"), Path("/etc/pam.d/sshd"), Path("/etc/ssh/sshd_config")
SSHD_D = Path("/etc/ssh/sshd_config.d")
DROP_IN = SSHD_D / "berth.conf"
CONFIG = Path("/etc/berth/berth.conf")
STATE, BACKUPS = Path("/var/lib/berth"), Path("/var/backups/berth")
PACKAGED = Path("/usr/share/berth/sshd/berth.conf")
WIRED = [NSSWITCH, PAM, DROP_IN]
LOCAL_USERS = ["root", "localuser"]


def tree(*roots):
    """Every file below these directories: its name, mode, owner and what it holds."""
    found = {}
    for root in roots:
        for directory, names, files in os.walk(root):
            for name in names + files:
                path = Path(directory) / name
                status = path.lstat()
                holds = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
                found[str(path)] = (oct(status.st_mode), status.st_uid, status.st_gid, holds)
    return found


class SetupHost(Host):
    def __init__(self):
        done = run(BERTH, "setup", "--undo", "--yes")
        assert done.ok, done
        super().__init__()
        # All of /etc that a test may change; Host itself keeps the most usual ones.
        self._bare = {path: path.read_bytes() for path in (SSHD, PACKAGED)}
        security = Path(run("find", "/usr/lib", "-path", "*/security/pam_berth.so").out.strip())
        self.pam_module, self.pam_deny = security, security.with_name("pam_deny.so")
        self.nss_module = security.parents[1] / "libnss_berth.so.2"
        self._modules = {path: path.read_bytes() for path in (self.pam_module, self.nss_module)}
        self.start_syslog()
        self.local_key = self.key("local")
        for name in LOCAL_USERS:
            path = Path("~%s/.ssh/authorized_keys" % name).expanduser()
            path.write_text(self.local_key.public + "\n", encoding="ascii")
            shutil.chown(path, name, name)

    def unwire(self):
        """As it was, whatever the last test did."""
        self.stop()
        for path in (NSSWITCH, PAM):
            if path.is_symlink():
                path.unlink()
                path.touch(mode=0o644)
        self.restore_etc()
        for path in self.leftovers():
            Path(path).unlink()
        for path, content in {**self._bare, **self._modules}.items():
            if not path.exists() or path.read_bytes() != content:
                self.replace(path, content)
        for directory in (CONFIG.parent, BACKUPS):
            shutil.rmtree(directory, ignore_errors=True)
        for path in STATE.iterdir():
            path.unlink()
        self.clear_data()

    @staticmethod
    def replace(path, content):
        """A new file in its place: modules may be in use."""
        fresh = path.with_name(path.name + ".fresh")
        fresh.write_bytes(content)
        fresh.chmod(path.stat().st_mode & 0o7777 if path.exists() else 0o644)
        fresh.rename(path)

    def setup(self, *arguments, **options):
        return run(BERTH, "setup", *arguments, **options)

    def everything(self):
        """What setup may change on this host."""
        found = tree("/etc", "/var/backups", STATE, "/srv")
        # Whoever reads a store has these beside it for the moment; they hold no record.
        return {path: what for path, what in found.items() if not path.endswith(("-shm", "-wal"))}

    def bytes(self):
        """What the wiring is."""
        return {path: path.read_bytes() if path.exists() else None for path in [*WIRED, SSHD]}

    def leftovers(self):
        return [str(path) for root in ("/etc/ssh", "/etc/pam.d", "/etc", "/etc/berth")
                for path in Path(root).glob(".*berth-*")] + [str(path) for path in SSHD_D.glob(".*")]

    def restart_sshd(self):
        self.stop_sshd()
        self.start_sshd()

    def assert_local_users_log_in(self):
        """By a real sshd that has read the configuration as it is now."""
        self.restart_sshd()
        for name in LOCAL_USERS:
            result = self.ssh(name, self.local_key, "id", "-un")
            assert result.ok and result.out.strip() == name, (name, result, self.log())
        self.stop_sshd()

    @contextlib.contextmanager
    def full_disk(self, directory):
        """A file system without room over this directory, with the same files."""
        files = {path.name: (path.read_bytes(), path.stat().st_mode) for path in Path(directory).iterdir() if path.is_file()}
        blocks = sum(len(content) // 4096 + 1 for content, _ in files.values()) + 1
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755,size=%dk" % (4 * blocks), "tmpfs", directory], check=True)
        try:
            for name, (content, mode) in files.items():
                (Path(directory) / name).write_bytes(content)
                (Path(directory) / name).chmod(mode)
            with contextlib.suppress(OSError), open(Path(directory) / "filler", "wb", buffering=0) as filler:
                while True:
                    filler.write(b"x" * 4096)
            yield
        finally:
            subprocess.run(["umount", directory], check=True)
