"""A host whose users are kept by a berth-api (apis.py) on the same machine, over TLS: configuration, cache and agent of its
own in a mount namespace of its own, as a Site (sites.py)."""
import collections
import contextlib
import os
import shutil
import socket
import subprocess

import apis
from measure import Worker
from sites import BENCH, ONE_CPU, REMOTE_PORT, WORK, among, wait_connect

import private_host  # sites.py says where it is

CACHE_SECONDS = 86400  # what is in the cache stays fresh


class Remote:
    """On an ApiHost that runs. `command` begins a command there; `before` begins the agent's."""

    def __init__(self, api, before):
        self.api, self.before = api, before
        self.directory = WORK / "remote"
        self.library, self.log, self.run = [self.directory / name for name in ("lib", "log", "run")]
        self.run.mkdir(parents=True)
        for path, like in ((self.library, "/var/lib/berth"), (self.log, "/var/log/berth")):
            path.mkdir()
            status = os.stat(like)
            os.chown(path, status.st_uid, status.st_gid)
            shutil.copymode(like, path)
        credentials = self.library / "credentials"
        self.key = api.create_key()
        credentials.write_text("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n" %
                               (self.key.id, self.key.secret), encoding="ascii")
        credentials.chmod(0o600)
        shutil.chown(credentials, "berth", "berth")
        # Where a process of another mount namespace finds it.
        shutil.copy(api.certificate, self.directory / "ca.pem")
        config = self.directory / "berth.conf"
        config.write_text("ServerId %s\nStore transfer:%s\nStoreCAFile %s\nStoreCredentials /var/lib/berth/credentials\n"
                          "CacheSeconds %d\nDataRoot %s\n" % (api.server_id, api.url, self.directory / "ca.pem",
                                                             CACHE_SECONDS, private_host.DATA_ROOT), encoding="ascii")
        self.command = among([(config, private_host.CONFIG_FILE), (self.library, "/var/lib/berth"),
                              (self.log, "/var/log/berth"), (self.run, "/run/berth")])
        self.agent = self.sshd = None
        self.start_agent()

    def start_agent(self):
        self.agent = subprocess.Popen([*self.command, *self.before, "/usr/sbin/berthd"], stdin=subprocess.DEVNULL)
        wait_connect(socket.AF_UNIX, str(self.run / "agent.sock"), "berthd with a store elsewhere")

    def start_sshd(self):
        """The host's own sshd once more, on REMOTE_PORT."""
        self.sshd = subprocess.Popen([*self.command, "/usr/sbin/sshd", "-D", "-o", "PidFile=none", "-p", str(REMOTE_PORT)],
                                     stdin=subprocess.DEVNULL)
        wait_connect(socket.AF_INET, ("127.0.0.1", REMOTE_PORT), "sshd with a store elsewhere")

    def lookups(self, batch, first):
        """A worker that looks up users of whom none is in the cache."""
        return Worker(*self.command, *ONE_CPU, BENCH / "fetch_time", batch, "lookup", first)

    def describes(self, batch, first, kind=Worker):
        """A worker that describes users on a connection of its own."""
        return kind(*ONE_CPU, BENCH / "fetch_time", batch, "bare", first, self.api.url, self.directory / "ca.pem",
                    self.api.key_file, self.api.server_id)

    def asked(self):
        """berth-api's audit log of what this host has asked so far."""
        return [entry for entry in self.api.audit() if entry.get("key") == self.key.id]

    def connections(self):
        """From how many ports."""
        return len({entry["port"] for entry in self.asked()})

    def repeats(self):
        """How often at most it asked for one and the same record."""
        return max(collections.Counter((entry["operation"], entry.get("user")) for entry in self.asked()).values())

    def stop_agent(self):
        self.agent.terminate()
        self.agent.wait()

    def stop(self):
        if self.sshd is not None:
            self.sshd.terminate()
            self.sshd.wait()
        self.stop_agent()
        shutil.rmtree(self.directory)


class FreshAgent:
    """Each sample is the first fetch of an agent that has just started, of a user whom it doesn't know."""

    def __init__(self, remote, first):
        self.remote, self.next = remote, first

    def sample(self):
        self.remote.stop_agent()
        self.remote.start_agent()
        worker = self.remote.lookups(1, self.next)
        self.next += 1
        try:
            return worker.sample()
        finally:
            worker.close()

    def close(self):
        pass


@contextlib.contextmanager
def running(before=()):
    """A Remote of a berth-api with apis.USERS users; before: the beginning of its agent's command."""
    with apis.running(tls=True) as api:
        remote = Remote(api, before)
        try:
            yield remote
        finally:
            remote.stop()
