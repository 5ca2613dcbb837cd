#!/usr/bin/python3
"""The benchmark: tests/bench/bench.sh [ROW…]. docs/performance.md says what each row means."""
import json
import os
import pwd
import signal
import subprocess
import sys

import apis
import imports
import remotes
from measure import FreshWorker, Worker, difference, progress, quartiles, ratio, take_turns
from sites import (BENCH, ONE_CPU, PREFIX, REMOTE_PORT, SOURCE, STOCK_PORT, UNLOGGED_PORT, WORK, Site, files_command,
                   files_users, make_key, share_one_cpu, start_stock_sshd, start_unlogged_sshd)

import private_host  # sites.py says where it is

RESULT = SOURCE / "build/bench.json"
USER, UID = "alice", 5001
LOGIN_PAUSE = 0.03  # the end of the last session, after its client has gone, is not to fall into the next one's time
MEMORY_TARGET_MIB = 32
LOCAL_TARGET_US = 1000
TRANSFERS, TRANSFER_BYTES = 10000, 1024
REMOTE_IMPORTS, REMOTE_TARGET = 9, 1000  # users a second


class Bench:
    """The private host and what of it has been set up so far; rows ask for what they need."""

    def __init__(self):
        WORK.mkdir()
        subprocess.run([SOURCE / "tests/host/prepare"], check=True)
        self.host = private_host.Host()
        self.host.reset()
        self.key = make_key(USER)
        self.host.bucket("bucket", USER, owner=UID)
        self.host.create_user(USER, UID, mappings=[("/", "/bucket/" + USER)], keys=[self.key])
        self.sites = {}
        self.stock = self.echo = self.unlogged = self.sink = None

    def site(self, count):
        if count not in self.sites:
            progress("making a store of %d users" % count)
            self.sites[count] = Site(count)
        return self.sites[count]

    @staticmethod
    def batch():
        """sftp's commands for a login that does nothing else."""
        path = WORK / "batch"
        path.write_text("pwd\n", encoding="ascii")
        return path

    def stop(self):
        for process in (self.stock, self.echo, self.unlogged, self.sink):
            if process is not None:
                process.terminate()
                process.wait()
        for site in self.sites.values():
            site.stop()
        self.host.stop()
        self.host.syslog.terminate()


def compared(what, against, target, medians):
    """A row of the table. medians: ours and theirs, as take_turns() returns them."""
    low, middle, high = ratio(*medians)
    return {"what": what, "against": against, "unit": "us", "rounds": len(medians[0]),
            "quartiles": quartiles(medians[0]), "against_quartiles": quartiles(medians[1]),
            "ratio": middle, "interval": (low, high), "target": target,
            "met": None if target is None else middle <= target}


# -- the rows ----------------------------------------------------------------------------------------------------------

def row_keys(bench):
    command = ["/usr/libexec/berth/berth-keys", USER, UID, bench.key.type, bench.key.base64]
    account = pwd.getpwnam("berth-keys")
    identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    line = subprocess.run([str(part) for part in command], check=True, capture_output=True, **identity).stdout
    if bench.key.base64.encode() not in line:
        raise RuntimeError("berth-keys does not print %s's key" % USER)
    same = WORK / "authorized_keys"
    same.write_bytes(line)
    workers = [Worker(BENCH / "process_time", 5, *command, **identity),
               Worker(BENCH / "process_time", 5, "/bin/cat", same, **identity)]
    yield compared("berth-keys, whole process", "cat, same key line", 0.8, take_turns("berth-keys", workers, 300))


def lookup_worker(site, batch):
    return Worker(*ONE_CPU, BENCH / "lookup_time", batch, site.socket, PREFIX, site.count)


def row_lookup(bench):
    site = bench.site(1000)
    size = subprocess.run([BENCH / "lookup_time", "size", site.socket, PREFIX], check=True, capture_output=True,
                          text=True).stdout
    echo = WORK / "echo.sock"
    bench.echo = subprocess.Popen([*ONE_CPU, BENCH / "echo_server", echo, size.strip()])
    private_host.wait_until(echo.exists, what="echo_server")
    workers = [lookup_worker(site, 200), Worker(*ONE_CPU, BENCH / "lookup_time", 200, echo, PREFIX, site.count, "any")]
    yield compared("agent, one lookup", "Unix-socket echo", 1.3, take_turns("lookup", workers, 300))


def nss_worker(kind, command, batch, count):
    return kind(*command, *ONE_CPU, BENCH / "nss_time", batch, PREFIX, count)


def row_getpwnam(bench):
    for count in (10, 1000, 1000000):
        workers = [nss_worker(Worker, bench.site(count).command, 100, count),
                   nss_worker(Worker, files_command(), 100, files_users())]
        yield compared("getpwnam, %s users" % format(count, ","), "files, 1,000 lines", 1.0,
                       take_turns("getpwnam, %d users" % count, workers, 200))
    workers = [nss_worker(FreshWorker, bench.site(1000).command, 1, 1000),
               nss_worker(FreshWorker, files_command(), 1, files_users())]
    yield compared("getpwnam, first of a process", "files, 1,000 lines", None, take_turns("first getpwnam", workers, 150))


def row_million(bench):
    large, small = bench.site(1000000), bench.site(1000)
    yield compared("agent, 1,000,000 users", "1,000 users", 1.2,
                   take_turns("lookup, 1,000,000 users", [lookup_worker(large, 500), lookup_worker(small, 500)], 400))
    resident, own = large.memory()
    yield {"what": "agent's memory, 1,000,000 users", "against": "", "unit": "KiB", "value": resident, "anonymous": own,
           "target": MEMORY_TARGET_MIB * 1024, "met": resident <= MEMORY_TARGET_MIB * 1024}


def row_store(bench):
    """The library's own calls, without a command or an agent around them."""
    sites = (bench.site(1000000), bench.site(1000))
    for what, call, batch in (("describe-user", "describe", 200), ("list-users, a page of 100", "list", 10),
                              ("user by uid", "uid", 200), ("100 users by tag", "tag", 10)):
        workers = [Worker(*ONE_CPU, BENCH / "store_time", batch, call, "sqlite:%s" % site.database, site.server, PREFIX,
                          site.count) for site in sites]
        yield compared(what + ", 1,000,000 users", "1,000 users", 1.2, take_turns(what, workers, 200))
    yield {"what": "store, a user with one key", "against": "", "unit": "bytes",
           "value": sites[0].database.stat().st_size / sites[0].count, "target": None, "met": None}


def row_login(bench):
    if bench.stock is None:
        bench.stock = start_stock_sshd(bench.key)
    sftp = ["/usr/bin/sftp", *bench.host.client_options(bench.key), "-b", bench.batch()]
    workers = [Worker(BENCH / "process_time", 1, *sftp, "-P", bench.host.port, "%s@127.0.0.1" % USER),
               Worker(BENCH / "process_time", 1, *sftp, "-P", STOCK_PORT, "localuser@127.0.0.1")]
    yield compared("sftp login, whole", "stock sshd, local user", 1.03, take_turns("login", workers, 200, LOGIN_PAUSE))


def row_local(bench):
    """A local user's login where Berth is wired up, whatever its agent does, against the same sshd without it."""
    if bench.stock is None:
        bench.stock = start_stock_sshd(bench.key)
    ssh = ["/usr/bin/ssh", *bench.host.client_options(bench.key), "localuser@127.0.0.1"]
    for state in ("up", "stopped", "dead"):
        if state == "stopped":
            bench.host.agent.send_signal(signal.SIGSTOP)
        elif state == "dead":
            bench.host.agent.kill()
            bench.host.agent.wait()
        workers = [Worker(BENCH / "process_time", 1, *ssh, "-p", port, "pwd") for port in (bench.host.port, STOCK_PORT)]
        ours, theirs = take_turns("local login, agent " + state, workers, 120, LOGIN_PAUSE)
        row = compared("local login, agent " + state, "stock sshd", None, (ours, theirs))
        row["added"] = difference(ours, theirs)
        row["met"] = row["added"][1] <= LOCAL_TARGET_US
        yield row
    bench.host.start_agent()


def row_view(bench):
    for count, target, batch, rounds in ((1, None, 5, 100), (2000, 1.2, 1, 60), (50000, None, 1, 8)):
        name = "view%d" % count
        bench.host.bucket(name)
        for number in range(1, count + 1):
            os.mkdir(private_host.DATA_ROOT / name / ("%07d" % number))
        workers = [Worker(BENCH / "view_time", batch, side, name, count) for side in ("berth", "bare")]
        yield compared("view, %s mapping%s" % (format(count, ","), "s" * (count > 1)), "bare system calls", target,
                       take_turns("view, %d mappings" % count, workers, rounds))


def receive_syslog(bench):
    """/dev/log gets the cheapest receiver there can be: what the others' lines cost there is not to be our gain."""
    log = "/dev/log"
    os.rename(log, log + ".kept")
    bench.sink = subprocess.Popen([BENCH / "log_sink", log, WORK / "syslog"])
    private_host.wait_until(lambda: os.path.exists(log), what=log)


def row_transfers(bench):
    """10,000 files put in one session: with the transfer log, with TransferLog off, and as a local user of stock sshd, whose
    internal-sftp logs the same lines to /dev/log."""
    if bench.stock is None:
        bench.stock = start_stock_sshd(bench.key)
    bench.unlogged = start_unlogged_sshd()
    receive_syslog(bench)
    files = WORK / "transfers"
    files.mkdir()
    for number in range(TRANSFERS):
        (files / ("%05d" % number)).write_bytes(os.urandom(TRANSFER_BYTES))
    # Left to the scheduler the same put takes 3.4 s or 4.8 s, as client and server come to share a CPU or not.
    share_one_cpu(bench.host.sshd, bench.host.agent, bench.stock, bench.unlogged, bench.sink)
    batch = WORK / "put"
    sftp = ["/usr/bin/sftp", *bench.host.client_options(bench.key), "-b", batch]
    workers = [Worker(*ONE_CPU, BENCH / "process_time", 1, *sftp, "-P", port, "-s", subsystem, "%s@127.0.0.1" % user)
               for port, user, subsystem in ((bench.host.port, USER, "sftp"), (UNLOGGED_PORT, USER, "sftp"),
                                             (STOCK_PORT, "localuser", "logged"))]
    batch.write_text("-mkdir transfers\nput %s/* transfers\n" % files, encoding="ascii")
    logged, unlogged, stock = take_turns("10,000 files", workers, 12)
    yield compared("10,000 files of 1 KiB put, logged", "TransferLog off", 1.05, (logged, unlogged))
    yield compared("10,000 files of 1 KiB put, logged", "stock sshd, /dev/log", 1.02, (logged, stock))


def row_import(_bench):
    store = imports.Store()
    try:
        files = {count: store.directory / ("users%d" % count) for count in (10000, 100000)}
        for count, path in files.items():
            progress("making %d users" % count)
            imports.write_users(path, count)
        yield compared("import, 100,000 users", "sqlite3, one transaction", 2.0,
                       take_turns("import", imports.workers(store, files[100000]), 9))
        peaks = {count: imports.memory(store, path) for count, path in files.items()}
        for index, what in enumerate(("import", "export")):
            few, many = peaks[10000][index], peaks[100000][index]
            yield {"what": what + "'s peak memory, 100,000 users", "against": "10,000: %.1f MiB" % (few / 1024),
                   "unit": "KiB", "value": many, "target": None, "met": many <= few * 1.1}
    finally:
        store.remove()


def row_remote_import(_bench):
    """Users of a berth-api on the same host, over TLS; both sides work on its processors."""
    store = imports.Store()
    try:
        progress("import from a berth-api")
        seconds, peaks = imports.from_service(store, REMOTE_IMPORTS)
    finally:
        store.remove()
    rates = quartiles([10000 / value for value in seconds])
    yield {"what": "import from a berth-api, 10,000 users", "against": "", "unit": "users/s", "quartiles": rates,
           "value": rates[1], "target": REMOTE_TARGET, "met": rates[1] >= REMOTE_TARGET}
    # Up to some thousand users SQLite's own cache of 2 MB fills.
    yield {"what": "its peak memory, 40,000 users", "against": "1,000: %.1f MiB, 10,000: %.1f MiB" %
           (peaks[1000] / 1024, peaks[10000] / 1024), "unit": "KiB", "value": peaks[40000], "target": None,
           "met": peaks[40000] <= peaks[10000] * 1.1}


def row_api_create(_bench):
    with apis.running() as host:
        workers = [apis.load(host, 800, "create", apis.USERS + 1, host.port), apis.bare_writer(host, 800)]
        yield compared("berth-api, CreateUser, 16 connections", "bare SQLite, same rows", 1.0,
                       take_turns("api-create", workers, 40))


def row_api_describe(_bench):
    with apis.running() as host, apis.fixed_answers(host) as (fixed, port):
        share_one_cpu(host.process, fixed)
        workers = [apis.load(host, 4000, "describe", apis.USERS, port=at, before=ONE_CPU) for at in (host.port, port)]
        yield compared("berth-api, DescribeUser, 16 connections", "libmicrohttpd, fixed answer", 2.0,
                       take_turns("api-describe", workers, 40))


def row_api_memory(_bench):
    for tls in (False, True):
        with apis.running(tls) as host:
            resident = apis.memory(host)
        yield {"what": "berth-api's memory, %d connections%s" % (apis.CONNECTIONS, ", TLS" * tls), "against": "",
               "unit": "KiB", "value": resident, "target": MEMORY_TARGET_MIB * 1024,
               "met": resident <= MEMORY_TARGET_MIB * 1024}


def row_cached_login(bench):
    """The same user of the same data root: from the SQLite store, and from the cache of a store elsewhere."""
    sftp = ["/usr/bin/sftp", *bench.host.client_options(bench.key), "-b", bench.batch()]
    with remotes.running() as remote:
        remote.api.admin.create_user(
            USER, "--posix-profile", "Uid=%d,Gid=%d" % (UID, UID), "--home-directory-type", "LOGICAL",
            "--home-directory-mappings", '[{"Entry":"/","Target":"/bucket/%s"}]' % USER, "--ssh-public-key-body",
            bench.key.public)
        remote.start_sshd()
        workers = [Worker(BENCH / "process_time", 1, *sftp, "-P", port, "%s@127.0.0.1" % USER)
                   for port in (REMOTE_PORT, bench.host.port)]
        yield compared("sftp login, record in the cache", "SQLite store", 1.02,
                       take_turns("cached login", workers, 200, LOGIN_PAUSE))


def row_cold_fetch(_bench):
    """A getpwnam that has to ask berth-api over TLS, against the same request alone."""
    with remotes.running(ONE_CPU) as remote:
        share_one_cpu(remote.api.process)
        workers = [remote.lookups(20, 1), remote.describes(20, 1)]
        yield compared("lookup that fetches over TLS", "DescribeUser, kept connection", None,
                       take_turns("cold fetch", workers, 40))
        for what, value in (("its connections to berth-api", remote.connections()),
                            ("its requests for one record", remote.repeats())):
            yield {"what": what, "against": "", "unit": "count", "value": value, "target": 1, "met": value == 1}
        # An agent connects as it starts, for the server's record: nobody's lookup waits for that.
        workers = [remotes.FreshAgent(remote, 901), remote.describes(1, 901, FreshWorker)]
        yield compared("first lookup after the agent's start", "DescribeUser, new connection", None,
                       take_turns("first fetch", workers, 40))


ROWS = {"keys": row_keys, "lookup": row_lookup, "getpwnam": row_getpwnam, "million": row_million, "store": row_store,
        "import": row_import, "remote-import": row_remote_import, "login": row_login, "local": row_local, "view": row_view,
        "transfers": row_transfers, "api-create": row_api_create, "api-describe": row_api_describe,
        "api-memory": row_api_memory, "cached-login": row_cached_login, "cold-fetch": row_cold_fetch}


# -- the table ---------------------------------------------------------------------------------------------------------

def time_text(values):
    """First quartile, median and third quartile in a unit that suits: "29.1 µs (28.8–29.9)"."""
    unit, scale = ("ms", 1000.0) if values[1] >= 1000 else ("µs", 1.0)
    low, middle, high = (format(value / scale, ".3g" if value / scale < 100 else ".0f") for value in values)
    return "%s %s (%s–%s)" % (middle, unit, low, high)


def row_texts(row):
    met = {True: "yes", False: "NO", None: ""}[row["met"]]
    if row.get("unit") == "count":
        return (row["what"], row["against"], "%d" % row["value"], "", "", "≤ %d" % row["target"], met)
    if row.get("unit") == "bytes":
        return (row["what"], row["against"], "%d bytes" % row["value"], "", "", "", met)
    if row.get("unit") == "users/s":
        rates = tuple(row["quartiles"][at] for at in (1, 0, 2))
        return (row["what"], row["against"], "%.0f users/s (%.0f–%.0f)" % rates, "", "", "≥ %d users/s" % row["target"], met)
    if "value" in row:
        target = "≤ 1.1 ×" if row["target"] is None else "≤ %d MiB" % (row["target"] / 1024)
        return (row["what"], row["against"], "%.1f MiB" % (row["value"] / 1024), "", "", target, met)
    if "added" in row:
        return (row["what"], row["against"], time_text(row["quartiles"]), time_text(row["against_quartiles"]),
                "%+.1f ms (%+.1f–%+.1f)" % tuple(row["added"][at] / 1000 for at in (1, 0, 2)), "≤ +1 ms", met)
    target = "" if row["target"] is None else "≤ %.2f ×" % row["target"]
    return (row["what"], row["against"], time_text(row["quartiles"]), time_text(row["against_quartiles"]),
            "%.2f × (%.2f–%.2f)" % (row["ratio"], *row["interval"]), target, met)


def print_table(rows):
    table = [("what", "against", "takes (quartiles)", "the other (quartiles)", "ratio (95 %)", "target", "met?")]
    table += [row_texts(row) for row in rows]
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    table.insert(1, tuple("-" * width for width in widths))
    for line in table:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())


def main(names):
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        sys.exit("rows: %s" % " ".join(ROWS))
    rows = []
    bench = Bench()
    try:
        for name in names or ROWS:
            for row in ROWS[name](bench):
                rows.append(row)
    finally:
        progress("")
        bench.stop()
        print_table(rows)
    RESULT.write_text(json.dumps({"rows": rows}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print("written to %s" % RESULT.relative_to(SOURCE))


if __name__ == "__main__":
    main(sys.argv[1:])
