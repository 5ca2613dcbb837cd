"""All examples of all manual pages are run, as they are written, on a host that is what they are about.

A block of commands is run line by line by one bash, and each must end with 0 and print what the page shows below it; lines
of a configuration file are put into that file, and what reads it must take them. EXAMPLES has what a block needs besides:
one that isn't there fails, so that nobody writes an example that is never tried.
"""
import contextlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

import manual_pages
from private_host import CONFIG_FILE, ROLE, run, wait_until

HOME = Path("/tmp/manual")
PROGRAMS = HOME / "bin"
OLD_STORE = Path("/var/lib/berth-old")
OLD_CONFIG = OLD_STORE / "berth.conf"
CERTIFICATE, CERTIFICATE_KEY = OLD_STORE / "api.pem", OLD_STORE / "api.key"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
# Who keeps users elsewhere, in the examples: all of them are the old host, at an address of its own.
ELSEWHERE = ["old.example.com", "users.example.net", "transfer.us-east-1.amazonaws.com"]
OLD_ADDRESS = "127.0.0.2"
# What examples make outside.
LEFT = [Path("/usr/local/bin/job"), Path("/var/log/auth.log"), Path("/etc/berth/users-ca.pem"),
        Path(time.strftime("/var/backups/berth-%F.db"))]
PAGES = manual_pages.pages()

pytestmark = pytest.mark.skipif(not all(map(shutil.which, ["jq", "aws", "openssl"])), reason="needs jq, aws and openssl")

# What there is on the host of the examples beside Berth: a service manager and a journal, sudo, and an editor in which
# somebody fills in what create-user needs.
STAND_INS = {
    "sudo": 'exec "$@"\n',
    "systemctl": '[ "$1" = reload ] && kill -HUP "$(cat "/tmp/manual/$2.pid")"\n',
    "journalctl": "exec tail -n 20 /run/messages\n",
    "editor": f"""echo '{{"UserName": "carol", "Role": "{ROLE}", "HomeDirectory": "/bucket/carol"}}' >"$1"\n""",
    "job": "printf '%s' \"$1\" >>/tmp/manual/jobs\n",
}


class World:
    """The host of the examples; `host` is the private host."""

    def __init__(self, host):
        self.host, self.services = host, []
        self.names = {"s-0123456789abcdef0": host.server_id}
        self.alice = host.key("alice")

    # -- what is made once

    def make(self):
        PROGRAMS.mkdir(parents=True)
        for name, text in STAND_INS.items():
            self.program(PROGRAMS / name, text)
        shutil.move(PROGRAMS / "job", "/usr/local/bin/job")
        (HOME / ".aws").mkdir()
        (HOME / "alice.pub").write_text(self.alice.public + "\n", encoding="ascii")
        shutil.copy(HOME / "alice.pub", HOME / "KEY.pub")
        with open("/etc/hosts", "a", encoding="ascii") as hosts:
            hosts.write(f"{OLD_ADDRESS} {' '.join(ELSEWHERE)}\n")
        self.make_old_host()
        self.serve(CONFIG_FILE)

    @staticmethod
    def program(path, text):
        path.write_text("#!/bin/bash\n" + text, encoding="ascii")
        path.chmod(0o755)

    def make_old_host(self):
        """Another store, and its berth-api with TLS on both ports that the examples name."""
        OLD_STORE.mkdir(mode=0o755)
        shutil.chown(OLD_STORE, "berth", "berth")
        done = run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                   "-subj", "/CN=old", "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in ELSEWHERE),
                   "-keyout", CERTIFICATE_KEY, "-out", CERTIFICATE)
        assert done.ok, repr(done)
        shutil.chown(CERTIFICATE_KEY, "berth", "berth")
        with open(AUTHORITIES, "a", encoding="ascii") as authorities:
            authorities.write(CERTIFICATE.read_text(encoding="ascii"))
        lines = [f"Store sqlite:{OLD_STORE}/berth.db", f"ApiKeysFile {OLD_STORE}/keys.json", f"ApiCertificate {CERTIFICATE}",
                 f"ApiCertificateKey {CERTIFICATE_KEY}"]
        for port in 443, 8443:
            log = f"ApiLogFile {OLD_STORE}/api-{port}.jsonl"
            self.config(port).write_text("\n".join([*lines, log, f"ApiListen {OLD_ADDRESS}:{port}", ""]), encoding="ascii")
        self.old_id = json.loads(self.old("admin", "create-server").out)["ServerId"]
        for number, name in enumerate(("alice", "dora")):
            self.old("admin", "create-user", "--server-id", self.old_id, "--user-name", name, "--role", ROLE,
                     "--posix-profile", f"Uid={5801 + number},Gid={5801 + number}", "--home-directory", "/bucket/old",
                     "--ssh-public-key-body", self.alice.public)
        self.credentials = {name: self.old("api-key", "create", "--profile", name).out for name in ("mover", "sftp1")}
        for port in 443, 8443:
            self.serve(self.config(port))

    @staticmethod
    def config(port):
        return OLD_STORE / f"berth-{port}.conf"

    def old(self, command, *words):
        done = run("/usr/bin/berth", command, *words, "--config", self.config(443))
        assert done.ok, repr(done)
        return done

    def serve(self, config):
        """A berth-api, and that it listens."""
        service = subprocess.Popen(["/usr/sbin/berth-api", "-e", "-f", config], stdin=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
        self.services.append(service)
        said = ""
        while "started " not in said:
            line = service.stderr.readline()
            assert line, said
            said += line
        threading.Thread(target=service.stderr.read, daemon=True).start()

    def unmake(self):
        for service in self.services:
            service.terminate()
            service.wait()
        shutil.rmtree(HOME)
        shutil.rmtree(OLD_STORE)
        for path in LEFT:
            path.unlink(missing_ok=True)

    # -- what each block begins with

    def begin(self):
        """alice and bob, whose mappings are like in the pages; the configuration; no session."""
        (HOME / ".aws/credentials").write_text("".join(self.credentials.values()), encoding="ascii")
        for name, process in ("berthd", self.host.agent), ("berth-api", self.services[-1]):
            (HOME / f"{name}.pid").write_text(str(process.pid), encoding="ascii")
        for name in "alice", "bob", "carol", "dora":
            self.host.admin("delete-user", "--user-name", name, check=False)
        for number, name in enumerate(("alice", "bob")):
            self.host.create_user(name, 5801 + number, mappings=[("/", f"/bucket/{name}")], keys=[self.alice])
        with contextlib.suppress(FileNotFoundError):
            (HOME / "jobs").unlink()

    def run_block(self, block, answer="", faults=()):
        """The commands of a block, by one bash, at whose terminal somebody sits who answers so; those of these numbers may
        end with 1. stderr goes to the terminal."""
        script = "set -e -o pipefail\n"
        for number, (_, command, output) in enumerate(manual_pages.console(block)):
            script += f"echo '=== {number}'\n{self.here(command)}{' || [ $? = 1 ]' * (number in faults)}\n"
        person, terminal = pty.openpty()
        os.write(person, answer.encode())
        done = subprocess.run(["bash", "-c", script], cwd=HOME, stdin=terminal, stdout=subprocess.PIPE, stderr=terminal,
                              text=True, timeout=60, check=False, env=self.environment())
        os.close(terminal)
        with contextlib.suppress(OSError):
            done.stderr = os.read(person, 65536).decode()
        os.close(person)
        return done

    @staticmethod
    def environment():
        return {"HOME": str(HOME), "PATH": f"{PROGRAMS}:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "",
                "AWS_CA_BUNDLE": str(AUTHORITIES)}

    def here(self, text):
        """With the names of this host."""
        for name, own in self.names.items():
            text = text.replace(name, own)
        return text


@pytest.fixture(scope="module")
def made_world(fresh_host):
    kept = {path: path.read_bytes() for path in (Path("/etc/hosts"), AUTHORITIES)}
    world = World(fresh_host)
    try:
        world.make()
        yield world
    finally:
        world.unmake()
        for path, content in kept.items():
            path.write_bytes(content)


@pytest.fixture
def world(made_world, host):
    made_world.host = host
    made_world.begin()
    yield made_world
    host.restore_etc()


#
# What blocks need besides: generators that get a World, and yield, where the block is run, more arguments of run_block().
# They get back what it printed.
#


def plain(_world):
    yield {}


def without_alice(world):
    """She is made, and can log in."""
    world.host.delete_user("alice")
    yield {}
    assert world.host.sftp("alice", world.alice, "put /etc/hostname\n").ok


def carol_is_made(world):
    yield {}
    assert "carol" in world.host.admin("list-users").out


def names_are_printed(_world):
    printed = yield {}
    assert printed.split() == ["alice", "bob"]


def with_a_key(world):
    """The key that the example disables is one that there is."""
    made = run("/usr/bin/berth", "api-key", "create", "--output", "text")
    world.names["BRTHAAAAAAAAAAAAAAAA"] = made.out.split()[0]
    yield {}
    del world.names["BRTHAAAAAAAAAAAAAAAA"]


def with_a_session(world):
    with world.host.login("alice", world.alice):
        printed = yield {}
    assert "ended session" in printed


@contextlib.contextmanager
def users_elsewhere(world):
    """The store is the old host's, and the agent knows its alice."""
    kept = CONFIG_FILE.read_text(encoding="utf-8")
    credentials = Path("/var/lib/berth/credentials")
    credentials.write_text(world.credentials["sftp1"], encoding="ascii")
    shutil.chown(credentials, "berth", "berth")
    credentials.chmod(0o600)
    world.host.stop_agent()
    CONFIG_FILE.write_text(f"ServerId {world.old_id}\nStore transfer:https://{ELSEWHERE[0]}:8443\nStoreProfile sftp1\n"
                           f"StoreCredentials {credentials}\nDataRoot /srv/berth\nCacheSeconds 1\n", encoding="utf-8")
    world.host.start_agent()
    wait_until(lambda: run("getent", "passwd", "alice").ok, what="alice of the store elsewhere")
    try:
        yield
    finally:
        world.host.stop_agent()
        CONFIG_FILE.write_text(kept, encoding="utf-8")
        credentials.unlink()
        world.host.start_agent()


def with_a_session_from_elsewhere(world):
    with users_elsewhere(world), world.host.login("alice", world.alice):
        yield {}


def with_a_cache(world):
    with users_elsewhere(world):
        yield {}


def another_host(world):
    """The users are there already, and the same."""
    yield {}


def from_aws(world):
    """Those of the old host's are all that there is there."""
    for name in "alice", "bob":
        world.host.delete_user(name)
    world.names["--server-id ID"] = f"--server-id {world.old_id}"
    with open(HOME / ".aws/config", "w", encoding="ascii") as config:
        config.write("[default]\nregion = us-east-1\n")
    (HOME / ".aws/credentials").write_text("".join(world.credentials.values()) +
                                           world.credentials["mover"].replace("[mover]", "[default]"), encoding="ascii")
    yield {}
    del world.names["--server-id ID"]


def from_users_conf(world):
    (HOME / "users.conf").write_text("erna::5901:5600:in,out\n", encoding="ascii")
    Path("/data/sftp/erna").mkdir(parents=True)
    world.host.reload("Bucket data /data")
    yield {}
    world.host.delete_user("erna")
    world.host.reload()
    shutil.rmtree("/data")


def with_an_old_backup(world):
    assert run("/usr/bin/berth", "backup", HOME / "old.db").ok
    yield {"answer": "yes\n"}
    shutil.rmtree("/var/lib/berth/mend")


def after_a_restore(world):
    """The store as it was is there under the name that the restore has printed."""
    assert run("/usr/bin/berth", "backup", HOME / "some.db").ok
    restored = run("/usr/bin/berth", "restore", "--yes", HOME / "some.db")
    world.names["20261122T030000"] = re.search(r"before-restore-(\w+)", restored.out + restored.err)[1]
    yield {"answer": "yes\n"}
    del world.names["20261122T030000"]


def with_uploads(world):
    assert world.host.sftp("alice", world.alice, "put /etc/hostname\n").ok
    world.host.wait_events(operation="session-close")
    yield {}


def a_job_for_each_upload(world):
    """It follows until it is ended, and does its job meanwhile."""
    with open("/dev/null", "rb") as nothing:
        follower = subprocess.Popen(["bash", "-c", (yield "source")], cwd=HOME, stdin=nothing, start_new_session=True,
                                    env=world.environment())
    try:
        def done():
            assert world.host.sftp("alice", world.alice, "put /etc/hostname\n").ok
            return (HOME / "jobs").exists()
        wait_until(done, 20, "a job")
        assert (HOME / "jobs").read_text(encoding="utf-8").startswith("/srv/berth/bucket/alice/hostname")
    finally:
        os.killpg(follower.pid, signal.SIGTERM)
        follower.wait()


def refused_before(world):
    """A refusal to ask about."""
    world.host.admin("stop-server", "--server-id", world.host.server_id)
    assert not world.host.sftp("alice", world.alice).ok
    world.host.admin("start-server", "--server-id", world.host.server_id)
    Path("/usr/bin/journalctl").rename("/usr/bin/journalctl.away")  # this host's journal knows nothing of the login
    now = time.strftime("%b %e %H:%M:%S")
    lines = [f"{now} host {line.split(' ', 2)[2]}\n" for line in world.host.log()]
    Path("/var/log/auth.log").write_text("".join(lines), encoding="utf-8")
    yield {}
    Path("/usr/bin/journalctl.away").rename("/usr/bin/journalctl")


def checked(_world):
    """`berth doctor` may find faults of this host, which is one for tests."""
    yield {"faults": [0]}


def checked_and_refused(world):
    steps = refused_before(world)
    yield {**next(steps), "faults": [0]}
    next(steps, None)


def not_set_up(world):
    """The operator says yes; and alice gets in again."""
    kept = CONFIG_FILE.read_bytes()
    assert run("/usr/bin/berth", "setup", "--undo", "--yes").ok and not run("id", "alice").ok
    yield {"answer": "y\n"}
    CONFIG_FILE.write_bytes(kept)
    assert world.host.sftp("alice", world.alice, "put /etc/hostname\n").ok


def set_up(world):
    yield {}
    assert not run("id", "alice").ok
    assert run("/usr/bin/berth", "setup", "--yes").ok


#
# Lines of configuration files: what a block is put into, and who must take it.
#


def berth_conf(world, block):
    """A configuration by itself."""
    path = Path("/etc/berth/example.conf")
    with contextlib.ExitStack() as stack:
        stack.callback(path.unlink)
        if "Store " in block:
            stack.enter_context(users_elsewhere(world))
            shutil.copy(CERTIFICATE, "/etc/berth/users-ca.pem")
            block = block.replace("s-0123456789abcdef0", world.old_id)
        path.write_text(world.here(block), encoding="utf-8")
        done = run("/usr/sbin/berthd", "-t", "-f", path)
        assert (done.code, done.err) == (0, ""), repr(done)


def nsswitch_conf(_world, block):
    """In the place of the lines of these databases; alice is found."""
    path = Path("/etc/nsswitch.conf")
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not re.match("passwd|group|initgroups", line)]
    path.write_text("\n".join(lines) + "\n" + block, encoding="utf-8")
    found = run("id", "alice")
    assert found.ok and "berth-users" in found.out, repr(found)


def pam_lines(_world, block):
    """Those of a host that is wired."""
    written = [line.split() for line in Path("/etc/pam.d/sshd").read_text(encoding="utf-8").splitlines()]
    assert [line for line in written if line[-1:] == ["pam_berth.so"]] == [line.split() for line in block.splitlines()]


def sshd_config(world, block):
    """Before all others; alice gets in."""
    Path("/etc/ssh/sshd_config.d/berth.conf").unlink()
    world.host.sshd_config(block + "\nMatch all\n")
    assert world.host.sftp("alice", world.alice, "put /etc/hostname\n").ok
    world.host.restore_etc()
    world.host.sshd_config("")


# Each block by its page and what it begins with.
EXAMPLES = {
    "berth.1": {"# berth doctor": checked_and_refused, "# berth sessions": plain, "# berth admin delete-user": with_a_session},
    "berth-admin.1": {"# berth admin create-user": without_alice, "# berth admin update-user": plain,
                      "$ berth admin create-user --generate": carol_is_made, "# berth admin find-users": plain,
                      "# berth admin list-users": names_are_printed},
    "berth-api.8": {"# berth-api -t": plain, "# berth api-key create": plain, "$ curl": plain},
    "berth-api-key.1": {"$ sudo berth api-key create": plain, "# read -r": plain, "# berth api-key create": with_a_key},
    "berth-cache.1": {"# berth cache drop": with_a_session_from_elsewhere, "# berth cache show": with_a_cache},
    "berth-doctor.8": {"# berth doctor |": checked, "# berth doctor --output text": checked},
    "berth-import.1": {"old# berth export": another_host, "# berth import --dry-run --from transfer": from_aws,
                       "# berth import --from transfer": from_aws, "$ aws transfer": from_aws,
                       "# berth import --dry-run --from passwd": plain,
                       "# berth import --from users.conf": from_users_conf},
    "berth-keys.8": {"AuthorizedKeysCommand ": sshd_config, "# /usr/libexec": plain},
    "berth-setup.8": {"# berth setup --dry-run": not_set_up, "# install -d /etc/berth": not_set_up,
                      "# berth setup --undo": set_up},
    "berth-status.1": {"# berth status\n": plain, "# berth status --output json": plain,
                       "# berth status --output text": plain},
    "berth-store.8": {"# berth backup": plain, "# mkdir": with_an_old_backup, "# S=": after_a_restore},
    "berth-tail.1": {"# berth tail --user": with_uploads, "# berth tail -n all": with_uploads,
                     "# berth tail -f": a_job_for_each_upload},
    "berth-why.8": {"$ sudo berth why alice --since": refused_before, "$ sudo berth doctor alice": plain,
                    "$ sudo berth why alice --output": refused_before},
    "berth.conf.5": {"ServerId   s-": berth_conf, "ServerId         s-": berth_conf},
    "berthd.8": {"# berthd -t": plain, "$ getent": plain},
    "libnss_berth.8": {"passwd:": nsswitch_conf, "$ getent": plain, "$ id": plain},
    "pam_berth.8": {"auth ": pam_lines, "AuthorizedKeysCommand ": sshd_config, "# grep": plain},
}
BLOCKS = [(page.name, block) for page in PAGES for block in page.examples]


def needs_of(page, block):
    """The row of EXAMPLES: the longest that fits."""
    starts = [start for start in EXAMPLES.get(page, {}) if block.startswith(start)]
    assert starts, f"{page} has an example that tests/login/test_manual_examples.py doesn't know: add to EXAMPLES what it " \
        f"needs, or `plain`, under its first words:\n{block}"
    return EXAMPLES[page][max(starts, key=len)]


@pytest.mark.parametrize("page, block", BLOCKS, ids=[f"{page}-{block.split(chr(10))[0][:40]}" for page, block in BLOCKS])
def test_example(world, page, block):
    needs = needs_of(page, block)
    if not manual_pages.console(block):
        needs(world, block)
        return
    steps = needs(world)
    wanted = next(steps)
    if wanted == "source":
        command, = [command for _, command, _ in manual_pages.console(block)]
        with contextlib.suppress(StopIteration):
            steps.send(world.here(command))
        return
    done = world.run_block(block, **wanted)
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    printed = re.split(r"^=== \d+\n", done.stdout, flags=re.MULTILINE)[1:]
    for (_, command, output), own in zip(manual_pages.console(block), printed):
        assert not output or output in own, (command, own)
    with contextlib.suppress(StopIteration):
        steps.send("".join(printed))


def test_each_row_is_an_example():
    rows = {(page, start) for page, starts in EXAMPLES.items() for start in starts}
    used = set()
    for page, block in BLOCKS:
        fitting = [start for start in EXAMPLES.get(page, {}) if block.startswith(start)]
        used.update({(page, max(fitting, key=len))} if fitting else ())
    assert rows - used == set()
