"""What is measured, set up on the private host: stores of any size with an agent each, a host whose users are all in
/etc/passwd, and a stock sshd. Each lives in a mount namespace of its own, with the paths that are compiled in."""
import contextlib
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/host"))

import private_host  # noqa: E402  pylint: disable=wrong-import-position

BENCH = SOURCE / "build/bench"
WORK = Path("/tmp/bench")
PREFIX = "u"
FIRST_UID = 1000000
FILES_LINES = 1000
STOCK_PORT = 2222
UNLOGGED_PORT = 2223
REMOTE_PORT = 2224

# Client and server of a lookup share this CPU. Left to the scheduler they do most of the time, and now and then, for seconds
# on end, they don't: that doubles either side's time by waking an idle CPU, and says nothing of the work that is done.
ONE_CPU = ["taskset", "--cpu-list", str(max(os.sched_getaffinity(0)))]


def share_one_cpu(*processes):
    """Moves running processes, all threads of each, to ONE_CPU's."""
    for process in processes:
        subprocess.run(["taskset", "--all-tasks", "--cpu-list", "--pid", ONE_CPU[-1], str(process.pid)], check=True,
                       stdout=subprocess.DEVNULL)


def among(binds):
    """The beginning of a command that runs it in a mount namespace with these bind mounts, [(what, where), …]."""
    mounts = " && ".join("mount --bind %s %s" % bind for bind in binds)
    return ["unshare", "--mount", "sh", "-c", mounts + ' && exec "$@"', "sh"]


def wait_connect(kind, address, what):
    def listening():
        with socket.socket(kind) as client:
            return client.connect_ex(address) == 0
    private_host.wait_until(listening, what=what)


class Site:
    """A store of `count` users, PREFIX0000001 and so on, and the agent that serves it. `command` begins a command there."""

    def __init__(self, count):
        self.count = count
        self.directory = WORK / str(count)
        self.library, self.run = self.directory / "lib", self.directory / "run"
        self.config = self.directory / "berth.conf"
        self.socket = self.run / "agent.sock"
        self.database = self.library / "berth.db"
        for path in (self.library, self.run):
            path.mkdir(parents=True)
        shutil.copystat("/var/lib/berth", self.library)
        status = os.stat("/var/lib/berth")
        os.chown(self.library, status.st_uid, status.st_gid)
        self.command = among([(self.config, private_host.CONFIG_FILE), (self.library, "/var/lib/berth"),
                              (self.run, "/run/berth"), *accounts(self.directory, 0, "files berth")])
        self.server = ""
        self.make_store()
        self.agent = subprocess.Popen([*self.command, *ONE_CPU, "/usr/sbin/berthd"], stdin=subprocess.DEVNULL)
        wait_connect(socket.AF_UNIX, str(self.socket), "berthd with %d users" % count)

    def admin(self, *arguments):
        result = private_host.run(*self.command, "berth", "admin", *arguments)
        if not result.ok:
            raise RuntimeError("berth admin %s: %r" % (arguments[0], result))
        return json.loads(result.out)

    def make_store(self):
        """One user by the command, the others as copies of it by SQL."""
        lines = "Store sqlite:%s\nDataRoot %s\n" % (private_host.STORE_FILE, private_host.DATA_ROOT)
        self.config.write_text(lines, encoding="ascii")
        self.server = self.admin("create-server")["ServerId"]
        self.config.write_text("ServerId %s\n%s" % (self.server, lines), encoding="ascii")
        self.admin("create-user", "--user-name", "template", "--role", private_host.ROLE,
                   "--posix-profile", "Uid=%d,Gid=%d" % (FIRST_UID, FIRST_UID), "--home-directory-type", "LOGICAL",
                   "--home-directory-mappings", '[{"Entry":"/","Target":"/bucket/home/template"}]',
                   "--ssh-public-key-body", make_key("template").public)
        with contextlib.closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.executescript(COPY_TEMPLATE % {"count": self.count, "prefix": PREFIX, "uid": FIRST_UID})
            connection.execute("ANALYZE")

    def memory(self):
        """The agent's resident memory in KiB: (all of it, what of it is its own and no file's)."""
        pid = self.agent.pid
        status = Path("/proc/%d/status" % pid).read_text(encoding="ascii")
        return tuple(int(re.search(r"^%s:\s+(\d+) kB" % name, status, re.M).group(1)) for name in ("VmRSS", "RssAnon"))

    def stop(self):
        self.agent.terminate()
        self.agent.wait()


COPY_TEMPLATE = """
BEGIN;
CREATE TEMP TABLE numbers AS
    WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < %(count)d) SELECT n FROM counted;
INSERT INTO users (server_key, user_name, uid, gid, has_secondary_gids, home_directory_type, home_directory, role, policy,
        mappings)
    SELECT server_key, printf('%(prefix)s%%07d', n), %(uid)d + n, %(uid)d + n, has_secondary_gids, home_directory_type,
        home_directory, role, policy, replace(mappings, user_name, printf('%(prefix)s%%07d', n))
    FROM numbers, users WHERE user_name = 'template';
INSERT INTO ssh_keys (user_key, position, key_id, type, base64, date_imported)
    SELECT copy.user_key, position, printf('key-%%017x', copy.uid), type,
        substr(base64, 1, 25) || printf('%%043d', copy.uid), date_imported
    FROM users AS copy, ssh_keys JOIN users AS template ON template.user_key = ssh_keys.user_key
    WHERE template.user_name = 'template' AND copy.user_name <> 'template';
DELETE FROM users WHERE user_name = 'template';
INSERT INTO user_tags (user_key, position, key, value)
    SELECT user_key, 0, 'team', printf('team%%d', uid / (max(%(count)d, 1000) / 1000) %% 10) FROM users
    WHERE uid %% (max(%(count)d, 1000) / 1000) = 0;
COMMIT;
"""


def make_key(name):
    path = WORK / name
    if not path.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
    return private_host.Key(path)


def accounts(directory, count, services):
    """Bind mounts for an /etc/passwd with `count` users after the host's own lines, and an nsswitch.conf with these services
    alone for it: Debian's may have more, which is nobody's cost here. Both sides have theirs on the same tmpfs."""
    passwd, nsswitch = directory / "passwd", directory / "nsswitch.conf"
    text = Path("/etc/passwd").read_text(encoding="utf-8")
    for number in range(1, count + 1):
        text += "%s%07d:x:%d:%d::/home/%s%07d:/usr/sbin/nologin\n" % (
            PREFIX, number, FIRST_UID + number, FIRST_UID + number, PREFIX, number)
    passwd.write_text(text, encoding="utf-8")
    nsswitch.write_text(re.sub(r"^passwd:.*", "passwd: " + services, Path("/etc/nsswitch.conf").read_text(encoding="utf-8"),
                               flags=re.M), encoding="utf-8")
    return [(passwd, "/etc/passwd"), (nsswitch, "/etc/nsswitch.conf")]


def files_users():
    """How many users make FILES_LINES lines together with the host's own."""
    return FILES_LINES - len(Path("/etc/passwd").read_text(encoding="utf-8").splitlines())


def files_command():
    """The beginning of a command on a host with `files` alone, where users up to number files_users() are in /etc/passwd."""
    directory = WORK / "files"
    directory.mkdir(exist_ok=True)
    return among(accounts(directory, files_users(), "files"))


def without_berth(path):
    """The file as it was before tests/host/prepare: no pam_berth line, no berth among the services of nsswitch.conf."""
    lines = [re.sub(r"\s+berth\s*$", "", line) for line in path.read_text(encoding="utf-8").splitlines()]
    return "\n".join(line for line in lines if "pam_berth" not in line) + "\n"


def start_stock_sshd(key):
    """The same sshd and its own configuration without anything of Berth, for `localuser` with this key, on STOCK_PORT."""
    pam, nsswitch, config = WORK / "pam", WORK / "nsswitch.conf", WORK / "sshd_config"
    pam.write_text(without_berth(private_host.PAM_FILE), encoding="utf-8")
    nsswitch.write_text(without_berth(Path("/etc/nsswitch.conf")), encoding="utf-8")
    text = "Port %d\n" % STOCK_PORT + Path("/etc/ssh/sshd_config.d/00-host.conf").read_text(encoding="utf-8")
    text = re.sub(r"^Port (?!%d).*\n" % STOCK_PORT, "", text, flags=re.M)
    for line in Path("/etc/ssh/sshd_config").read_text(encoding="utf-8").splitlines():
        if not line.startswith(("Include", "Subsystem")):
            text += line + "\n"
    config.write_text(text + "Subsystem sftp internal-sftp\n"
                      "Subsystem logged internal-sftp -l INFO\nPidFile none\n", encoding="utf-8")
    authorized = Path("/home/localuser/.ssh/authorized_keys")
    authorized.write_text(key.public + "\n", encoding="ascii")
    shutil.chown(authorized, "localuser", "localuser")
    command = among([(pam, private_host.PAM_FILE), (nsswitch, "/etc/nsswitch.conf")])
    process = subprocess.Popen([*command, "/usr/sbin/sshd", "-D", "-f", config], stdin=subprocess.DEVNULL)
    wait_connect(socket.AF_INET, ("127.0.0.1", STOCK_PORT), "the stock sshd")
    return process


def start_unlogged_sshd():
    """The host's own sshd once more, on UNLOGGED_PORT, with TransferLog off; the agent is the same."""
    config = WORK / "unlogged.conf"
    config.write_text(private_host.CONFIG_FILE.read_text(encoding="utf-8") + "TransferLog off\n", encoding="utf-8")
    command = among([(config, private_host.CONFIG_FILE)])
    process = subprocess.Popen([*command, "/usr/sbin/sshd", "-D", "-o", "PidFile=none", "-p", str(UNLOGGED_PORT)],
                               stdin=subprocess.DEVNULL)
    wait_connect(socket.AF_INET, ("127.0.0.1", UNLOGGED_PORT), "sshd without a transfer log")
    return process
