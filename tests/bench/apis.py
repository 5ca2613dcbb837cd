"""berth-api as the benchmark runs it: with a store on the disk that build/ is on, since a write that lasts is what is
measured, and an access key that may do all. The harness is that of tests/api."""
import contextlib
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile

from measure import Worker
from sites import BENCH, SOURCE, wait_connect

sys.path.insert(0, str(SOURCE / "tests/api"))

from api_host import free_port, new_api  # noqa: E402  pylint: disable=wrong-import-position
from http_client import Client, call  # noqa: E402  pylint: disable=wrong-import-position

USERS = 1000
CONNECTIONS = 200
REQUESTS = 3  # on each of them


@contextlib.contextmanager
def new_host():
    """An ApiHost that isn't started yet, on that disk."""
    tempfile.tempdir = str(SOURCE / "build")
    with new_api() as host:
        yield host


@contextlib.contextmanager
def running(tls=False):
    """A berth-api with USERS users, made through it."""
    with new_host() as host:
        host.key_file = host.directory / "key"
        host.key_file.write_text("%s\n%s\n" % (host.key.id, host.key.secret), encoding="ascii")
        host.start()
        make_users(host)
        if tls:
            host.stop()
            host.configure(*host.make_certificate())
            host.start(wait=False)
            host.wait_log("started ", count=2)
        yield host
        host.stop()


def load(host, batch, what, count, port, before=()):
    """A worker that calls berth-api, or whoever listens on the port; `before` begins its command."""
    return Worker(*before, BENCH / "api_load", batch, what, port, host.key_file, host.server_id, count)


def make_users(host):
    worker = load(host, USERS, "create", 1, host.port)
    worker.sample()
    worker.close()


def bare_writer(host, batch):
    """A worker that commits the same rows to a copy of the store, in the same directory."""
    copy = host.directory / "copy.db"
    with contextlib.closing(sqlite3.connect(host.admin.store)) as store, contextlib.closing(sqlite3.connect(copy)) as to:
        store.backup(to)
    return Worker(BENCH / "sqlite_commits", batch, copy, USERS + 1)


def connect(host):
    tls = None if host.certificate is None else ssl.create_default_context(cafile=str(host.certificate))
    return Client(host, tls=tls)


def describe(client, host, number):
    """The answer's body."""
    answer = client.ask(call(host, "DescribeUser", {"ServerId": host.server_id, "UserName": "u%07d" % number}))
    if answer.status != 200:
        raise RuntimeError("DescribeUser: %r" % answer.body)
    return answer.body


@contextlib.contextmanager
def fixed_answers(host):
    """libmicrohttpd with an answer as long as a DescribeUser's; (process, port)."""
    with connect(host) as client:
        length = len(describe(client, host, 1))
    port = free_port()
    process = subprocess.Popen([BENCH / "http_fixed", str(port), str(length)], stdin=subprocess.DEVNULL)
    try:
        wait_connect(socket.AF_INET, ("127.0.0.1", port), "http_fixed")
        yield process, port
    finally:
        process.terminate()
        process.wait()


def memory(host):
    """Resident KiB with CONNECTIONS connections open, each of which has asked and been answered."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(host)) for _ in range(CONNECTIONS)]
        for count in range(REQUESTS):
            for index, client in enumerate(clients):
                describe(client, host, (index + count * CONNECTIONS) % USERS + 1)
        return host.memory() // 1024
