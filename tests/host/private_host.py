"""The private host as an object: start and stop its parts, make users and keys, log in, look at what is there.

Works only inside tests/host/enter, which makes /run/private-host: everything here may therefore be done to the whole
machine. One Host is enough for a test run; reset() brings it back to a fresh installation.
"""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
from pathlib import Path

import paramiko

from results import Result, wait_until

SOURCE = Path(__file__).resolve().parents[2]
MARKER = Path("/run/private-host")
AGENT_SOCKET = "/run/berth/agent.sock"
CONFIG_FILE = Path("/etc/berth/berth.conf")
STORE_FILE = Path("/var/lib/berth/berth.db")
SESSIONS_DIR = Path("/run/berth/sessions")
DATA_ROOT = Path("/srv/berth")
SYSLOG_FILE = Path("/run/messages")
TRANSFER_LOG = Path("/var/log/berth/transfers.jsonl")
KEYS_DIR = Path("/tmp/keys")
PAM_FILE = Path("/etc/pam.d/sshd")
ROLE = "arn:aws:iam::000000000000:role/transfer"

SSH_OPTIONS = ["-F", "/dev/null", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none",
               "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]

KEY_TYPES = {  # our name: (ssh-keygen's arguments, the type in the public key)
    "ed25519": (["-t", "ed25519"], "ssh-ed25519"),
    "rsa": (["-t", "rsa", "-b", "2048"], "ssh-rsa"),
    "ecdsa256": (["-t", "ecdsa", "-b", "256"], "ecdsa-sha2-nistp256"),
    "ecdsa384": (["-t", "ecdsa", "-b", "384"], "ecdsa-sha2-nistp384"),
    "ecdsa521": (["-t", "ecdsa", "-b", "521"], "ecdsa-sha2-nistp521"),
}


class Key:
    """A key pair: path (private key), public (the line), type, base64, fingerprint ("SHA256:…")."""

    def __init__(self, path):
        self.path = str(path)
        self.public = Path(self.path + ".pub").read_text(encoding="ascii").strip()
        self.type, self.base64 = self.public.split()[:2]
        shown = subprocess.run(["ssh-keygen", "-lf", self.path + ".pub"], check=True, capture_output=True, text=True).stdout
        self.fingerprint = shown.split()[1]


class Session:
    """A live login. sftp: paramiko's SFTPClient; pid: the sealed process on the server; close() logs out."""

    def __init__(self, transport, sftp, pid):
        self.transport, self.sftp, self.pid = transport, sftp, pid

    def close(self):
        self.transport.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def run(*command, **options):
    """subprocess.run with output captured as text and a time limit; never raises on a failing command."""
    options.setdefault("timeout", 120)
    return Result(subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options))


def process_ids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def process_uid(pid):
    """The effective uid, or None when the process is gone."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/%d/status" % pid).read_text().splitlines():
            if line.startswith("Uid:"):
                return int(line.split()[2])
    return None


def process_name(pid):
    with contextlib.suppress(OSError):
        return Path("/proc/%d/comm" % pid).read_text().strip()
    return ""


def namespace(pid, kind="mnt"):
    with contextlib.suppress(OSError):
        return os.readlink("/proc/%s/ns/%s" % (pid, kind))
    return None


class Host:
    port = 22

    def __init__(self):
        if not MARKER.exists():
            raise RuntimeError("not inside tests/host/enter")
        self.agent = self.sshd = self.syslog = None
        self.server_id = None
        self.extra_config = ()
        self._mark = self._transfer_mark = 0
        os.umask(0o022)
        KEYS_DIR.mkdir(mode=0o700, exist_ok=True)
        self._pristine = {path: path.read_bytes() for path in map(Path, (
            "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/nsswitch.conf", "/etc/pam.d/sshd"))}
        self._pristine_sshd = {path: path.read_bytes() for path in Path("/etc/ssh/sshd_config.d").iterdir()}

    # -- the whole -----------------------------------------------------------------------------------------------------

    def reset(self, *config):
        """A fresh installation with one server, agent and sshd running; config: lines added to berth.conf."""
        self.stop()
        self.restore_etc()
        self.clear_data()
        for path in [*STORE_FILE.parent.iterdir(), *TRANSFER_LOG.parent.iterdir()]:
            path.unlink()
        self.start_syslog()
        self.server_id = None
        self.write_config(*config)
        self.server_id = self.admin_json("create-server")["ServerId"]
        self.write_config(*config)
        self.start_agent()
        self.start_sshd()

    def start_missing(self):
        """Whichever of agent and sshd doesn't run."""
        if self.agent is None or self.agent.poll() is not None:
            self.start_agent()
        if self.sshd is None or self.sshd.poll() is not None:
            self.start_sshd()

    def stop(self):
        """Ends sshd with all sessions, and the agent."""
        self.stop_sshd()
        self.stop_agent()

    def restore_etc(self):
        """The files of /etc that tests change, as `prepare` left them."""
        for path, content in self._pristine.items():
            if path.read_bytes() != content:
                path.write_bytes(content)
        directory = Path("/etc/ssh/sshd_config.d")
        for path in directory.iterdir():
            if path not in self._pristine_sshd:
                path.unlink()
        for path, content in self._pristine_sshd.items():
            path.write_bytes(content)

    def clear_data(self):
        """Empties /srv: unmounts what is mounted there, then deletes."""
        mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        for path in reversed(mounts):
            if path.startswith("/srv/"):
                subprocess.run(["umount", "--lazy", path], check=True)
        for path in Path("/srv").iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        DATA_ROOT.mkdir(mode=0o755)

    # -- configuration, store, users ------------------------------------------------------------------------------------

    def write_config(self, *lines):
        """Writes berth.conf: the usual lines and these. Doesn't tell the agent: see reload()."""
        text = ["Store sqlite:%s" % STORE_FILE, "DataRoot %s" % DATA_ROOT]
        if self.server_id:
            text.insert(0, "ServerId %s" % self.server_id)
        self.extra_config = lines
        CONFIG_FILE.write_text("\n".join(text + list(lines)) + "\n", encoding="utf-8")

    def reload(self, *lines):
        """write_config() and a restart of the agent. The PAM module reads the file at each login."""
        self.write_config(*lines)
        self.stop_agent()
        self.start_agent()

    def admin(self, *arguments, check=True):
        """berth admin ARGUMENTS…"""
        result = run("/usr/bin/berth", "admin", *arguments)
        if check and not result.ok:
            raise AssertionError("berth admin %s: %r" % (" ".join(map(str, arguments))[:500], result))
        return result

    def admin_json(self, *arguments):
        return json.loads(self.admin(*arguments).out)

    def create_user(self, name, uid=None, *, gid=None, secondary=(), mappings=None, home=None, keys=(), check=True):
        """create-user. uid None: no POSIX profile. mappings: a list of {"Entry":…, "Target":…}, (entry, target) or (entry,
        target, "FILE") makes it LOGICAL; without them it is PATH. keys: Key objects; the first goes with the call."""
        arguments = ["create-user", "--user-name", name, "--role", ROLE]
        if uid is not None:
            profile = {"Uid": uid, "Gid": uid if gid is None else gid}
            if secondary:
                profile["SecondaryGids"] = list(secondary)
            arguments += ["--posix-profile", json.dumps(profile)]
        if mappings is not None:
            arguments += ["--home-directory-type", "LOGICAL", "--home-directory-mappings", self.mappings_argument(mappings)]
        if home is not None:
            arguments += ["--home-directory", home]
        keys = list(keys)
        if keys:
            arguments += ["--ssh-public-key-body", keys[0].public]
        result = self.admin(*arguments, check=check)
        for key in keys[1:]:
            self.import_key(name, key)
        return result

    @staticmethod
    def mappings_argument(mappings):
        """The JSON, through a file: the kernel takes at most 128 KiB in one argument."""
        full = []
        for mapping in mappings:
            if not isinstance(mapping, dict):
                mapping = dict(zip(("Entry", "Target", "Type"), mapping))
            full.append(mapping)
        path = Path("/tmp/mappings.json")
        path.write_text(json.dumps(full), encoding="utf-8")
        return "file://%s" % path

    def import_key(self, name, key):
        """Returns the SshPublicKeyId."""
        return self.admin_json("import-ssh-public-key", "--user-name", name,
                               "--ssh-public-key-body", key.public)["SshPublicKeyId"]

    def delete_user(self, name):
        self.admin("delete-user", "--user-name", name)

    @contextlib.contextmanager
    def database(self):
        """The store's own file, for direct edits behind Berth's back; committed at the end of the block."""
        connection = sqlite3.connect(STORE_FILE, timeout=10)
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def key(self, name, kind="ed25519"):
        """The key pair of this name, made when first asked for."""
        path = KEYS_DIR / ("%s-%s" % (name, kind))
        if not path.exists():
            subprocess.run(["ssh-keygen", "-q", "-N", "", "-C", name, "-f", str(path)] + KEY_TYPES[kind][0], check=True)
        return Key(path)

    def bucket(self, name, *directories, owner=None):
        """DataRoot/name, made as root 0755, with these directories below, which `owner` (uid, or (uid, gid)) then owns."""
        path = DATA_ROOT / name
        path.mkdir(mode=0o755, exist_ok=True)
        for directory in directories:
            below = path / directory
            below.mkdir(mode=0o755, parents=True, exist_ok=True)
            if owner is not None:
                os.chown(below, *(owner if isinstance(owner, tuple) else (owner, owner)))
        return path

    # -- processes ------------------------------------------------------------------------------------------------------

    def start_syslog(self):
        if self.syslog and self.syslog.poll() is None:
            return
        self.syslog = subprocess.Popen([SOURCE / "tests/host/syslogd", SYSLOG_FILE])
        wait_until(lambda: os.path.exists("/dev/log"), what="/dev/log")

    def start_agent(self, wait=True):
        """Starts berthd; wait: until it accepts connections."""
        self.agent = subprocess.Popen(["/usr/sbin/berthd"], stdin=subprocess.DEVNULL)
        if wait:
            wait_until(self.agent_answers, what="berthd")

    def agent_answers(self):
        if self.agent.poll() is not None:
            raise AssertionError("berthd ended with %d; its log:\n%s" % (self.agent.returncode, self.log_all()[-2000:]))
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(AGENT_SOCKET) == 0

    def stop_agent(self):
        """SIGTERM, and SIGKILL after five seconds. Returns the exit status."""
        if not self.agent:
            return None
        self.agent.send_signal(signal.SIGCONT)
        self.agent.terminate()
        try:
            status = self.agent.wait(5)
        except subprocess.TimeoutExpired:
            self.agent.kill()
            status = self.agent.wait()
        self.agent = None
        return status

    def kill_agent(self):
        self.agent.kill()
        self.agent.wait()
        self.agent = None

    @contextlib.contextmanager
    def frozen_agent(self):
        """The agent under SIGSTOP for the length of the block."""
        self.agent.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.agent.send_signal(signal.SIGCONT)

    def start_sshd(self, *options):
        """The stock sshd; options as on its command line."""
        self.sshd = subprocess.Popen(["/usr/sbin/sshd", "-D", *options], stdin=subprocess.DEVNULL, start_new_session=True)

        def listening():
            assert self.sshd.poll() is None, "sshd ended; its log:\n%s" % self.log_all()[-2000:]
            # Looked up, not tried: sshd would log the attempt.
            return "0100007F:%04X 00000000:0000 0A" % self.port in Path("/proc/net/tcp").read_text(encoding="ascii")
        wait_until(listening, what="sshd")

    def stop_sshd(self):
        """sshd and all its sessions."""
        if self.sshd:
            self.sshd.terminate()
            self.sshd.wait()
            self.sshd = None
        for pid in process_ids():
            if process_name(pid) == "sshd":
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not [pid for pid in process_ids() if process_name(pid) == "sshd"], what="the end of all sshd")
        if SESSIONS_DIR.exists():
            for path in SESSIONS_DIR.iterdir():
                path.unlink()

    def sshd_config(self, text, *options):
        """Restarts sshd with these lines before all others; an empty text takes them away again."""
        path = Path("/etc/ssh/sshd_config.d/00-0-test.conf")
        path.write_text(text, encoding="utf-8")
        self.stop_sshd()
        self.start_sshd(*options)

    def edit_pam(self, edit):
        """/etc/pam.d/sshd becomes edit(text). reset() and restore_etc() bring Debian's with Berth's lines back."""
        PAM_FILE.write_text(edit(PAM_FILE.read_text(encoding="utf-8")), encoding="utf-8")

    # -- the log --------------------------------------------------------------------------------------------------------

    def log_all(self):
        return SYSLOG_FILE.read_text(encoding="utf-8") if SYSLOG_FILE.exists() else ""

    def mark_log(self):
        """From here on log() and events() show only what comes. Each test starts with a mark."""
        self._mark = len(self.log_all())
        self._transfer_mark = len(transfer_log_all())

    def log(self, pattern=""):
        """Lines since the mark that match the pattern, "FACILITY.SEVERITY PID TEXT" each."""
        return [line for line in self.log_all()[self._mark:].splitlines() if re.search(pattern, line)]

    def wait_log(self, pattern, seconds=5.0):
        """The lines since the mark that match, as soon as there is one."""
        try:
            return wait_until(lambda: self.log(pattern), seconds, "a log line like %s" % pattern)
        except AssertionError as late:
            raise AssertionError("%s; the log has:\n%s" % (late, "\n".join(self.log()))) from None

    def events(self, **members):
        """The transfer log's events since the mark that have these members, as dictionaries. A line that is being written
        yet is left out."""
        lines = transfer_log_all()[self._transfer_mark:].split(b"\n")[:-1]
        found = [json.loads(line) for line in lines]
        return [event for event in found if all(event.get(name) == value for name, value in members.items())]

    def wait_events(self, count=1, seconds=5.0, **members):
        """events(), as soon as there are that many."""
        try:
            wait_until(lambda: len(self.events(**members)) >= count, seconds)
        except AssertionError:
            raise AssertionError("waited %.0f s for %d events with %s; the transfer log has:\n%s" % (
                seconds, count, members, "\n".join(map(str, self.events()[-40:])))) from None
        return self.events(**members)

    # -- logging in -----------------------------------------------------------------------------------------------------

    def client_options(self, key):
        return SSH_OPTIONS + ["-i", key.path]

    def sftp(self, user, key, batch="pwd\n", *options, timeout=60):
        """OpenSSH's sftp -b with these commands; it stops at the first that fails unless it starts with "-"."""
        return run("sftp", *self.client_options(key), *options, "-P", self.port, "-b", "-", "%s@127.0.0.1" % user,
                   input=batch, timeout=timeout)

    def ssh(self, user, key, *arguments, options=(), **keywords):
        """OpenSSH's ssh; arguments: the command. options: before the destination (-N, -T, -L …)."""
        keywords.setdefault("timeout", 60)
        keywords.setdefault("input", "")
        return run("ssh", *self.client_options(key), "-p", self.port, *options, "%s@127.0.0.1" % user, *arguments,
                   **keywords)

    def ls(self, user, key, path="."):
        """Names in a directory as OpenSSH's sftp lists them, hidden ones too, sorted."""
        result = self.sftp(user, key, "cd %s\nls -1a\n" % path)
        assert result.ok, repr(result)
        names = [line for line in result.out.splitlines() if not line.startswith("sftp> ")]
        return sorted(name for name in names if name not in (".", ".."))

    def login(self, user, key, timeout=30):
        """A Session that stays until closed; raises paramiko's errors when the login fails."""
        before = set(process_ids())
        connection = socket.create_connection(("127.0.0.1", self.port), timeout)
        transport = paramiko.Transport(connection)
        try:
            transport.start_client(timeout=timeout)
            transport.auth_publickey(user, load_key(key))
            sftp = paramiko.SFTPClient.from_transport(transport)
            sftp.get_channel().settimeout(timeout)
        except BaseException:
            transport.close()
            raise
        uid = sftp_uid(user)
        sealed = [pid for pid in process_ids() if pid not in before and process_uid(pid) == uid]
        return Session(transport, sftp, sealed[0] if sealed else None)

    # -- what there is --------------------------------------------------------------------------------------------------

    def processes_of(self, uid):
        return [pid for pid in process_ids() if process_uid(pid) == uid]

    def assert_sealed(self, pid):
        """This process is in a mount namespace of its own, in which there is nothing of the host but its view."""
        assert namespace(pid) not in (None, namespace("self")), "process %d has the host's mount namespace" % pid
        root = "/proc/%d/root" % pid
        assert os.stat(root).st_dev != os.stat("/").st_dev or os.stat(root).st_ino != os.stat("/").st_ino
        for name in ("proc", "dev/null", "etc/passwd", "etc/shadow", "usr/bin", "run/berth", "srv/berth"):
            assert not os.path.lexists(os.path.join(root, name)), "process %d sees %s" % (pid, name)
        for line in Path("/proc/%d/mountinfo" % pid).read_text().splitlines():
            kind = line.split(" - ")[1].split()[0]
            assert kind not in ("overlay", "proc", "sysfs", "devpts", "devtmpfs"), "process %d: mount %s" % (pid, line)
        for name in os.listdir("/proc/%d/fd" % pid):
            target = os.readlink("/proc/%d/fd/%s" % (pid, name))
            assert not os.path.isdir("/proc/%d/fd/%s" % (pid, name)), "process %d holds %s" % (pid, target)

    def mount_namespaces(self):
        """The mount namespaces of all processes beside the host's own."""
        own = namespace("self")
        return {found for found in map(namespace, process_ids()) if found not in (None, own)}

    def sessions_left(self):
        """What live or dead sessions have left on the host, as text lines: empty when nothing."""
        listener = self.sshd.pid if self.sshd else 0
        left = ["process %d %s" % (pid, process_name(pid)) for pid in process_ids()
                if pid != listener and process_name(pid) in ("sshd", "berth-keys", "berth-session", "sftp-server")]
        left += ["mount namespace %s" % found for found in self.mount_namespaces()]
        if SESSIONS_DIR.exists():
            left += ["file %s" % path for path in SESSIONS_DIR.iterdir()]
        return left

    def assert_nothing_left(self, seconds=10.0):
        try:
            wait_until(lambda: not self.sessions_left(), seconds)
        except AssertionError:
            raise AssertionError("sessions are over, but left: %s" % "; ".join(self.sessions_left())) from None


def transfer_log_all():
    """The transfer log as it is now, bytes."""
    try:
        return TRANSFER_LOG.read_bytes()
    except FileNotFoundError:
        return b""


def load_key(key):
    """A Key as paramiko takes it."""
    kinds = {"ssh-ed25519": paramiko.Ed25519Key, "ssh-rsa": paramiko.RSAKey}
    return kinds.get(key.type, paramiko.ECDSAKey).from_private_key_file(key.path)


def sftp_uid(user):
    """The user's uid as a new process of this host gets it; Python's own NSS configuration may be from before."""
    result = run("getent", "passwd", user)
    return int(result.out.split(":")[2]) if result.ok else None
