"""Several hosts that share one set of users: one with berth-api over TLS, the others with sshd and `Store transfer:`.

Works only inside tests/host/enter, once tests/host/prepare has run. Each host has files (tests/fleet/host), daemons and a
network of its own; the test itself stands where the router between them stands, and its clients log in from there. All
processes are in one table, and end with the private host.

    fleet.api.run("berth", "admin", …)         a command on a host
    fleet.api.start_api(), .stop(…)            berth-api; the hosts that log in know it as https://api.fleet:8443
    fleet.east.sftp("alice", key)              a login on another host: a Result with .ok and .seconds
    with fleet.cut(fleet.east): …              what that host sends to berth-api's host is lost without a word
"""
import configparser
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import paramiko

from api_host import ApiKey
from boto3_client import new_client
from private_host import KEYS_DIR, KEY_TYPES, ROLE, SOURCE, SSH_OPTIONS, Key, Session, load_key, run, wait_until

API_NAME, API_PORT = "api.fleet", 8443
CERTIFICATES = Path("/tmp/certificates")
CACHE_SECONDS, LOOKUP_SECONDS = 2, 4
PATIENCE = 20  # seconds, for what always comes


def key(name):
    """The key pair of this name, made when first asked for."""
    KEYS_DIR.mkdir(mode=0o700, exist_ok=True)
    path = KEYS_DIR / name
    if not path.exists():
        subprocess.run(["ssh-keygen", "-q", "-N", "", "-C", name, "-f", path, *KEY_TYPES["ed25519"][0]], check=True)
    return Key(path)


def timed(work, *arguments, **keywords):
    """The Result of work(), with .seconds."""
    start = time.monotonic()
    result = work(*arguments, **keywords)
    result.seconds = time.monotonic() - start
    return result


class Host:
    """One host. address: where the others reach it."""

    def __init__(self, name, number):
        self.name, self.link = name, "to-" + name
        self.address, self.router = "10.77.%d.2" % number, "10.77.%d.1" % number
        self.keeper = subprocess.Popen(
            ["unshare", "--mount", "--net", "--propagation", "private", SOURCE / "tests/fleet/host"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self.keeper.stdout.readline() == "ready\n", "tests/fleet/host could not make a host"
        self.root = Path("/proc/%d/root" % self.keeper.pid)
        self.inside = ["nsenter", "--mount=/proc/%d/ns/mnt" % self.keeper.pid, "--net=/proc/%d/ns/net" % self.keeper.pid]
        self.server_id = None
        self.daemons = {}
        self._mark = 0
        self._connect()
        self.start("syslog", SOURCE / "tests/host/syslogd", "/run/messages", "/run/syslog")
        wait_until((self.root / "run/syslog").exists, what="syslogd")

    def _connect(self):
        def ip(*words, inside=()):
            subprocess.run([*inside, "ip", *words], check=True)
        ip("link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", str(self.keeper.pid))
        ip("address", "add", self.router + "/24", "dev", self.link)
        ip("link", "set", self.link, "up")
        ip("address", "add", self.address + "/24", "dev", "eth0", inside=self.inside)
        ip("link", "set", "eth0", "up", inside=self.inside)
        ip("route", "add", "default", "via", self.router, inside=self.inside)

    # -- files and commands ---------------------------------------------------------------------------------------------

    def path(self, path):
        """Where the test sees a file of this host."""
        return self.root / str(path).lstrip("/")

    def write(self, path, text, mode=0o644, owner="root"):
        """A file of this host; owner: an account whose group has the same name."""
        path = self.path(path)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        shutil.chown(path, owner, owner)

    def configure(self, *lines):
        server = ["ServerId %s" % self.server_id] if self.server_id else []
        self.write("/etc/berth/berth.conf", "\n".join(server + ["DataRoot /srv/berth", *lines]) + "\n")

    def run(self, *command, **options):
        """A command on this host: a Result with .seconds."""
        return timed(run, *self.inside, *command, **options)

    def admin(self, *arguments):
        """The response of a `berth admin` that must succeed, or None."""
        result = self.run("berth", "admin", *arguments)
        assert result.ok, "%s: berth admin %s: %r" % (self.name, arguments[0], result)
        return json.loads(result.out) if result.out else None

    def create_user(self, name, uid, target, *keys):
        """Who sees this directory as /."""
        self.admin("create-user", "--user-name", name, "--role", ROLE, "--posix-profile", "Uid=%d,Gid=%d" % (uid, uid),
                   "--home-directory-type", "LOGICAL", "--home-directory-mappings", mappings(target),
                   "--ssh-public-key-body", keys[0].public)
        for other in keys[1:]:
            self.admin("import-ssh-public-key", "--user-name", name, "--ssh-public-key-body", other.public)

    def update_user(self, name, target):
        self.admin("update-user", "--user-name", name, "--home-directory-mappings", mappings(target))

    def cached(self, name):
        """What `berth cache show` says of a user who is in this host's cache."""
        result = self.run("berth", "cache", "show", name, "--output", "json")
        assert result.ok, repr(result)
        return json.loads(result.out)["Users"][0]

    def bucket(self, *directories):
        """Directories of /srv/berth/bucket that everybody may write, each with one file of its own name in it."""
        for name in directories:
            directory = self.path("/srv/berth/bucket") / name
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o777)
            (directory / name).touch()

    # -- daemons --------------------------------------------------------------------------------------------------------

    def start(self, name, *command, **options):
        """A daemon of this host, known by a name to stop() and the like."""
        assert name not in self.daemons, "%s runs on %s" % (name, self.name)
        self.daemons[name] = subprocess.Popen([*self.inside, *map(str, command)], stdin=subprocess.DEVNULL, **options)
        return self.daemons[name]

    def stop(self, name, how=signal.SIGTERM):
        """Ends a daemon, if it runs; what doesn't end by itself in five seconds is killed."""
        process = self.daemons.pop(name, None)
        if process is None:
            return
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()

    def runs(self, name):
        """Whether this daemon runs; one that ended by itself is forgotten."""
        if name in self.daemons and self.daemons[name].poll() is not None:
            del self.daemons[name]
        return name in self.daemons

    def peak(self, name):
        """The greatest resident memory that this daemon has had, in bytes."""
        status = Path("/proc/%d/status" % self.daemons[name].pid).read_text(encoding="ascii")
        return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.M).group(1)) * 1024

    def start_agent(self):
        process = self.start("berthd", "/usr/sbin/berthd")

        def answers():
            assert process.poll() is None, "%s: berthd ended:\n%s" % (self.name, self.log()[-4000:])
            with socket.socket(socket.AF_UNIX) as client:
                return client.connect_ex(str(self.path("/run/berth/agent.sock"))) == 0
        wait_until(answers, PATIENCE, "berthd on " + self.name)

    def restart_agent(self, how=signal.SIGTERM):
        self.stop("berthd", how)
        self.start_agent()

    def start_sshd(self):
        process = self.start("sshd", "/usr/sbin/sshd", "-D", start_new_session=True)

        def listening():
            assert process.poll() is None, "%s: sshd ended:\n%s" % (self.name, self.log()[-4000:])
            return listens(self, 22)
        wait_until(listening, PATIENCE, "sshd on " + self.name)

    def start_api(self):
        mark = len(self.log())
        process = self.start("berth-api", "/usr/sbin/berth-api")

        def started():
            assert process.poll() is None, "berth-api ended:\n%s" % self.log()[-4000:]
            return "started " in self.log()[mark:]
        wait_until(started, PATIENCE, "berth-api")

    def start_faulty_api(self, fault, certificate="api"):
        """In place of berth-api (faulty_api.py). lines: what it has been asked for so far."""
        files = [CERTIFICATES / (certificate + suffix) for suffix in (".pem", ".key")]
        process = self.start("faulty-api", SOURCE / "tests/fleet/faulty_api.py", fault, self.address, API_PORT, *files,
                             stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        process.lines = []
        threading.Thread(target=lambda: process.lines.extend(process.stdout), daemon=True).start()
        return process

    @contextlib.contextmanager
    def frozen(self, name):
        """A daemon under SIGSTOP for the length of the block."""
        self.daemons[name].send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.daemons[name].send_signal(signal.SIGCONT)

    # -- the logs -------------------------------------------------------------------------------------------------------

    def log(self):
        """What syslog got, all of it."""
        path = self.path("/run/messages")
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def mark_log(self):
        self._mark = len(self.log())

    def new_log(self):
        """What syslog got since the mark."""
        return self.log()[self._mark:]

    def audit(self, **members):
        """berth-api's audit log: the entries with these members."""
        *lines, _ = self.path("/var/log/berth/api.jsonl").read_text(encoding="utf-8").split("\n")
        entries = [json.loads(line) for line in lines]
        return [entry for entry in entries if all(entry.get(name) == value for name, value in members.items())]

    # -- logging in -----------------------------------------------------------------------------------------------------

    def sftp(self, user, by, batch="ls -1\n", timeout=60):
        """A whole login by OpenSSH's sftp with these commands."""
        return timed(run, "sftp", *SSH_OPTIONS, "-o", "PreferredAuthentications=publickey", "-i", by.path, "-b", "-",
                     "%s@%s" % (user, self.address), input=batch, timeout=timeout)

    def sees(self, user, by):
        """The names in the user's /, or None when the login is refused."""
        result = self.sftp(user, by)
        # A record that goes between the key and the session ends the connection: the client may be writing just then.
        assert result.ok or "Permission denied" in result.err or result.err.endswith("Connection closed\n"), repr(result)
        return sorted(line for line in result.out.splitlines() if not line.startswith("sftp>")) if result.ok else None

    def login(self, user, by, timeout=60):
        """A Session that stays until closed."""
        transport = paramiko.Transport(socket.create_connection((self.address, 22), timeout))
        try:
            transport.start_client(timeout=timeout)
            transport.auth_publickey(user, load_key(by))
            sftp = paramiko.SFTPClient.from_transport(transport)
            sftp.get_channel().settimeout(timeout)
        except BaseException:
            transport.close()
            raise
        return Session(transport, sftp, None)


def mappings(target):
    return json.dumps([{"Entry": "/", "Target": target}])


def listens(host, port):
    """Whether somebody listens on a TCP port of the host; looked up, since sshd would log a try."""
    table = host.run("cat", "/proc/net/tcp").out
    return any(line.split()[1].endswith(":%04X" % port) and line.split()[3] == "0A" for line in table.splitlines()[1:])


class Fleet:
    """api: the host with the users and berth-api. east, west: those that log in."""

    def __init__(self):
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n", encoding="ascii")
        if not os.path.lexists("/dev/log"):
            os.symlink("/run/syslog", "/dev/log")
        make_certificates("10.77.1.2")
        self.all = self.api, self.east, self.west = [Host(name, number + 1) for number, name in
                                                     enumerate(("api", "east", "west"))]
        self.logins = [self.east, self.west]
        self._prepare_api()
        for host in self.logins:
            self._prepare_login(host)

    def _prepare_api(self):
        api = self.api
        api.configure()
        api.server_id = api.admin("create-server")["ServerId"]
        self.server_id = api.server_id
        self.certify("api")
        api.start_api()
        shown = api.run("berth", "api-key", "create").out
        parser = configparser.ConfigParser()
        parser.read_string(shown)
        self.credentials, profile = shown, parser["berth"]
        self.key = ApiKey({"AccessKeyId": profile["aws_access_key_id"], "SecretAccessKey": profile["aws_secret_access_key"]})

    def certify(self, name):
        """berth-api's certificate, from its next start on."""
        api = self.api
        for suffix, mode in ((".pem", 0o644), (".key", 0o600)):
            api.write("/etc/berth/api" + suffix, (CERTIFICATES / (name + suffix)).read_text(encoding="ascii"), mode, "berth")
        api.configure("ApiListen %s:%d" % (api.address, API_PORT), "ApiCertificate /etc/berth/api.pem",
                      "ApiCertificateKey /etc/berth/api.key")

    def _prepare_login(self, host):
        host.server_id = self.server_id
        hosts = host.path("/etc/hosts")
        text = hosts.read_text(encoding="utf-8") if hosts.exists() else "127.0.0.1 localhost\n"
        host.write("/etc/hosts", text + "%s %s\n" % (self.api.address, API_NAME))
        host.write("/etc/berth/ca.pem", (CERTIFICATES / "ca.pem").read_text(encoding="ascii"))
        host.write("/etc/berth/credentials", self.credentials, 0o600, "berth")
        self.configure(host)
        listen = host.path("/etc/ssh/sshd_config.d/00-host.conf")
        listen.write_text(listen.read_text(encoding="ascii").replace("127.0.0.1", host.address), encoding="ascii")
        host.start_agent()
        host.start_sshd()

    @staticmethod
    def configure(host, cache_seconds=CACHE_SECONDS, lookup_seconds=LOOKUP_SECONDS):
        """The configuration of a host that logs in; its agent reads it when it starts."""
        host.configure("Store transfer:https://%s:%d" % (API_NAME, API_PORT), "StoreCAFile /etc/berth/ca.pem",
                       "StoreCredentials /etc/berth/credentials", "StoreProfile berth", "LookupSeconds %d" % lookup_seconds,
                       "CacheSeconds %d" % cache_seconds)

    @contextlib.contextmanager
    def caching(self, seconds, *hosts, lookup_seconds=LOOKUP_SECONDS):
        """These hosts' agents with other limits for the length of the block."""
        for host in hosts:
            self.configure(host, seconds, lookup_seconds)
            host.restart_agent()
        try:
            yield
        finally:
            for host in hosts:
                self.configure(host)
                host.restart_agent()

    def client(self):
        """boto3's, on berth-api."""
        return new_client("https://%s:%d" % (self.api.address, API_PORT), self.key, verify=str(CERTIFICATES / "ca.pem"))

    def mend(self):
        """What a test that failed may have left."""
        if not self.api.runs("berth-api"):
            self.api.start_api()
        for host in self.logins:
            if not host.runs("berthd"):
                host.start_agent()

    @contextlib.contextmanager
    def cut(self, host):
        """What this host sends to berth-api's is lost on the way, without a word to anybody."""
        rule = ["from", host.address, "to", self.api.address, "blackhole"]
        subprocess.run(["ip", "rule", "add", *rule], check=True)
        try:
            yield
        finally:
            subprocess.run(["ip", "rule", "del", *rule], check=True)

    def stop(self):
        for host in self.all:
            for name in list(host.daemons):
                host.stop(name)
            # sshd's sessions outlive it.
            for pid in processes_of(host):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            host.keeper.wait()
            host.keeper.stdout.close()


def processes_of(host):
    """All that is in the host's network namespace."""
    own = os.readlink("/proc/%d/ns/net" % host.keeper.pid)
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.readlink("/proc/%s/ns/net" % name) == own:
                found.append(int(name))
    return found


def make_certificates(address):
    """In CERTIFICATES: ca, api (by the CA, for berth-api's host), and wrong (for the same host, by another CA)."""
    CERTIFICATES.mkdir(exist_ok=True)

    def make(name, subject, *options):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                        "2", "-subj", "/CN=" + subject, "-keyout", "%s.key" % name, "-out", "%s.pem" % name, *options],
                       check=True, capture_output=True, cwd=CERTIFICATES)

    for ca, leaf in (("ca", "api"), ("wrong-ca", "wrong")):
        make(ca, ca)
        make(leaf, API_NAME, "-CA", ca + ".pem", "-CAkey", ca + ".key", "-addext",
             "subjectAltName=DNS:%s,IP:%s" % (API_NAME, address), "-addext", "basicConstraints=critical,CA:FALSE")
