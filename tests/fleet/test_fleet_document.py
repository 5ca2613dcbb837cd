"""docs/fleet.md: its commands do what is said there, and what berthd says is explained there in its own words."""
import ctypes
import errno
import re
import struct
from pathlib import Path

import pytest

from fleet import API_NAME, CERTIFICATES, PATIENCE, key
from private_host import SOURCE, wait_until

PAGE = (Path(SOURCE) / "docs/fleet.md").read_text(encoding="utf-8")
BLOCKS = [re.sub("^ {4}", "", block, flags=re.MULTILINE)
          for block in re.findall(r"(?:^ {4}.*\n(?:\n+(?= {4}))?)+", PAGE, re.MULTILINE)]
COMMANDS = [re.sub(r"^\$ ", "", command).strip()
            for block in BLOCKS for command in re.findall(r"^\$ .*(?:\n(?!\$ ).+)*", block, re.MULTILINE)]
SETUP = "sudo berth setup"
SERVER, STORE = "s-0123456789abcdef0", "users.example.net"
CONFIG, CREDENTIALS, CA = "/etc/berth/berth.conf", "/var/lib/berth/credentials", "/etc/berth/users-ca.pem"
PLACE = Path("/tmp/page")  # where the operator of all hosts is


class Page:
    """The page, followed on the west host."""

    def __init__(self, fleet):
        self.fleet, self.here, self.there = fleet, fleet.west, fleet.api
        PLACE.mkdir(exist_ok=True)
        (PLACE / "users-ca.pem").write_bytes((CERTIFICATES / "ca.pem").read_bytes())

    def own(self, text):
        return text.replace(SERVER, self.fleet.server_id).replace(STORE, API_NAME).replace("sudo ", "")

    def command(self, host, start):
        found, = [command for command in COMMANDS if command.startswith(start)]
        return host.run("bash", "-c", "cd %s && %s" % (PLACE, self.own(found)))

    def configure(self, old="", new=""):
        text, = [block for block in BLOCKS if block.startswith("ServerId")]
        assert old in text
        self.here.write(CONFIG, self.own(text.replace(old, new) if old else text))

    def key(self, *words):
        """Another key than the page's, in the place of its file."""
        made = self.there.run("berth", "api-key", "create", "--profile", "sftp1", *words)
        assert made.ok, repr(made)
        self.here.write(CREDENTIALS, made.out, 0o600, "berth")


@pytest.fixture
def page(fleet):
    """As it is once all has been done that the page says."""
    made = Page(fleet)
    for host, start in ((fleet.api, "sudo berth api-key create"), (fleet.west, "sudo mkdir"),
                        (fleet.west, "sudo install -o berth"), (fleet.west, "sudo install -m 0644 users-ca")):
        result = made.command(host, start)
        assert result.ok, (start, result)
    made.configure()
    yield made
    fleet.configure(fleet.west)
    fleet.west.restart_agent()


def test_setting_it_up(fleet, page):
    user = key("page-user")
    fleet.west.bucket("one")
    fleet.api.create_user("page-user", 5601, "/bucket/one", user)
    tested = page.command(fleet.west, "sudo berthd -t")
    assert (tested.code, tested.out, tested.err) == (0, "", "")
    shown = fleet.west.run(*page.own(SETUP).split(), "--dry-run")
    assert shown.ok and "+PrivateNetwork=no\n" in shown.out, repr(shown)
    assert "+++ /etc/systemd/system/berthd.service.d/berthd-remote.conf\n" in shown.out
    fleet.west.restart_agent()
    assert fleet.west.sees("page-user", user) == ["one"]
    shown = fleet.west.run("berth", "cache", "show")
    assert shown.ok and "page-user" in shown.out


def test_every_command_is_tried():
    tried = ["umask", "sudo berth api-key", "sudo mkdir", "sudo install", "sudo berthd -t", SETUP, "AWS_PROFILE=operator"]
    assert all(any(map(command.startswith, tried)) for command in COMMANDS), COMMANDS


def test_berth_admin_may_what_its_credentials_may(fleet, page):
    refused = fleet.west.run("berth", "admin", "list-users")
    assert refused.code == 254 and "AccessDeniedException" in refused.err
    home = fleet.west.path("/srv/operator")
    (home / ".aws").mkdir(parents=True)
    profile = fleet.credentials.replace("[berth]", "[operator]")
    fleet.west.write("/srv/operator/.aws/credentials", profile, 0o600, "localuser")
    command, = [command for command in COMMANDS if command.startswith("AWS_PROFILE")]
    done = fleet.west.run("setpriv", "--reuid=localuser", "--regid=localuser", "--clear-groups", "env", "-i",
                          "PATH=/usr/bin:/bin", "HOME=/srv/operator", "sh", "-c", command)
    assert done.ok and '"Users"' in done.out, repr(done)


def test_root_takes_the_credentials_of_the_agents_home(fleet, page):
    """As berthd does, and not root's own."""
    fleet.west.run("sed", "-i", r"/^berth:/ s#:/nonexistent:#:/var/lib/berth:#", "/etc/passwd")
    text = fleet.west.path(CREDENTIALS).read_text(encoding="ascii").replace("[sftp1]", "[default]")
    fleet.west.path("/var/lib/berth/.aws").mkdir()
    fleet.west.run("chown", "berth:berth", "/var/lib/berth/.aws")
    fleet.west.write("/var/lib/berth/.aws/credentials", text, 0o600, "berth")
    page.configure("StoreCredentials", "#StoreCredentials")
    page.here.run("sed", "-i", "s/^StoreProfile/#&/", CONFIG)
    bare = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "AWS_EC2_METADATA_DISABLED=true"]
    for command in (["berthd", "-t"], ["berth", "admin", "describe-server"]):
        done = fleet.west.run(*bare, *command)
        assert done.ok and done.err == "", repr(done)


def other_secret(page):
    text = page.here.path(CREDENTIALS).read_text(encoding="ascii")
    page.here.write(CREDENTIALS, re.sub("(secret_access_key = )...", r"\1xxx", text), 0o600, "berth")


def other_id(page):
    text = page.here.path(CREDENTIALS).read_text(encoding="ascii")
    page.here.write(CREDENTIALS, re.sub("BRTH....", "BRTHZZZZ", text), 0o600, "berth")


MISTAKES = {
    "port": (lambda page: page.configure(":8443", ":8444"), "Couldn't connect to server"),
    "path": (lambda page: page.configure(":8443", ":8443/"), "line 2: Store: has something after its host"),
    "name": (lambda page: page.configure("https://" + STORE, "https://10.77.1.1"), "Couldn't connect to server"),
    "authority": (lambda page: page.configure("StoreCAFile ", "#"), "(trusted are the system's authorities)"),
    "other authority": (lambda page: page.here.write(CA, (CERTIFICATES / "wrong-ca.pem").read_text(encoding="ascii")),
                        "(trusted are the certificates of the file given for it alone)"),
    "no authority": (lambda page: page.here.write(CA, (CERTIFICATES / "ca.key").read_text(encoding="ascii")),
                     "StoreCAFile: /etc/berth/users-ca.pem: holds no certificate in PEM"),
    "region": (lambda page: page.configure("DataRoot", "Region eu-west-1\nDataRoot"),
               "Credential should be scoped to a valid region, not 'eu-west-1'."),
    "server": (lambda page: page.configure(SERVER, "s-ffffffffffffffff1"), "DescribeServer on s-ffffffffffffffff1"),
    "unknown server": (lambda page: (page.configure(SERVER, "s-ffffffffffffffff1"), page.key()),
                       "ServerId s-ffffffffffffffff1: "),
    "profile": (lambda page: page.configure("sftp1", "sftp2"),
                "profile sftp2: no such profile in /var/lib/berth/credentials"),
    "mode": (lambda page: page.here.path(CREDENTIALS).chmod(0o644), "others may read it (chmod 600 is expected)"),
    "owner": (lambda page: page.here.run("chown", "root", CREDENTIALS), "/var/lib/berth/credentials: Permission denied"),
    "file": (lambda page: page.here.path(CREDENTIALS).unlink(), "/var/lib/berth/credentials: No such file or directory"),
    "secret": (other_secret, r"signature you provided"),
    "key": (other_id, "security token included in the request is invalid. (signed with access key BRTHZZZZ"),
    "no DescribeUser": (lambda page: page.key("--allow", "DescribeServer"),
                        "not authorized to perform transfer:DescribeUser"),
    "down": (lambda page: page.there.stop("berth-api"), "Couldn't connect to server"),
    "cache": (lambda page: page.configure("DataRoot", "CacheFile /nowhere/cache.db\nDataRoot"),
              "CacheFile: /nowhere: No such"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_berthd_t_names_the_mistake(page, mistake):
    make, words = MISTAKES[mistake]
    make(page)
    tested = page.here.run("berthd", "-t")
    assert tested.code == 1 and words in tested.err and tested.err.count("\n") == 1, repr(tested)


# -- the log


def test_an_outage_is_few_lines(fleet, page):
    """However many users it concerns; and the first words that are not ours are those of the table of reasons."""
    users = [key("outage-%d" % number) for number in (1, 2)]
    fleet.west.bucket("one")
    for number, user in enumerate(users):
        fleet.api.create_user("outage-%d" % (number + 1), 5611 + number, "/bucket/one", user)
    page.configure("DataRoot", "CacheSeconds 1\nDataRoot")
    fleet.west.restart_agent()

    def resolve(*names):
        return [fleet.west.run("getent", "passwd", name).ok for name in names]
    assert resolve("outage-1", "outage-2") == [True, True]
    fleet.api.stop("berth-api")
    fleet.west.mark_log()
    # Stale once a second has passed.
    wait_until(lambda: resolve("outage-1", "outage-2") and "served stale: user=" in fleet.west.new_log(), PATIENCE, "stale")
    assert resolve("outage-1", "nobody-1", "outage-2", "nobody-2") == [True, False, True, False]
    log = fleet.west.new_log()
    for line in ("store can't be asked, what is cached is served: store=", "record served stale: user=",
                 "no record to serve, the lookup is answered UNAVAILABLE: user=nobody-1 reason="):
        assert log.count(line) == 1, log
    assert "user=nobody-2" not in log and 'reason="https://%s:8443/: ' % API_NAME in log
    fleet.api.start_api()
    wait_until(lambda: "store answers again: " in fleet.west.new_log(), PATIENCE, "the end of the outage")


def without_network():
    """What RestrictAddressFamilies=AF_UNIX does to a program: for Popen's preexec_fn."""
    load, equal, answer = 0x20, 0x15, 0x06
    domain, call = 16, 0  # offsets in struct seccomp_data
    program = b"".join(struct.pack("HBBI", *one) for one in (
        (load, 0, 0, call), (equal, 0, 4, 41), (load, 0, 0, domain), (equal, 1, 0, 2), (equal, 0, 1, 10),
        (answer, 0, 0, 0x50000 | errno.EAFNOSUPPORT), (answer, 0, 0, 0x7fff0000)))
    kept = ctypes.create_string_buffer(program, len(program))
    filters = ctypes.create_string_buffer(struct.pack("HP", len(program) // 8, ctypes.addressof(kept)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(22, 2, filters) == 0, ctypes.get_errno()


def test_a_service_without_the_drop_in(fleet, page):
    """It says which file is missing; the file is where it says."""
    fleet.west.stop("berthd")
    fleet.west.start("berthd", "/usr/sbin/berthd", preexec_fn=without_network)
    said = "the service may not use the network, so the store can't be asked: "
    wait_until(lambda: said in fleet.west.new_log(), PATIENCE, said)
    missing = re.search(r'missing="(\S+) in (\S+)"', fleet.west.new_log())
    assert Path(missing[1]).is_file() and missing[2] in PAGE and missing[1] in PAGE


CURLS = {"Couldn't connect to server", "Could not resolve host", "Resolving timed out", "timed out",
         "SSL connection timeout", "Broken pipe", "SSL certificate problem", "no alternative certificate subject name matches"}


def test_each_line_is_explained_in_its_own_words():
    """Each line of the tables is one that there is, and each that the agent can write about a store elsewhere is there."""
    source = "".join(path.read_text(encoding="utf-8") for folder in ("agent", "common/store", "common/model", "api_server")
                     for path in sorted((Path(SOURCE) / folder).rglob("*.c")))
    source = re.sub(r'"\s*\n\s*"', "", source).replace('\\"', '"')
    said = PAGE[PAGE.index("## What berthd says"):PAGE.index("## What requests are signed with")]
    cells = [cell for row in re.findall(r"^\| (`.*?`) \| ", said, re.MULTILINE) for cell in re.findall("`([^`]+)`", row)]
    words = {part.strip(' ":') for cell in cells for part in re.split(r"…|\w+=\d*| \(| (?=again:)", cell)} - CURLS
    missing = [part for part in words if part not in source]
    assert len(words) > 30 and not missing, missing
    for file in ("remote", "remote_jobs", "fetch", "fetch_pool", "cache_reader"):
        text = (Path(SOURCE) / "agent/remote" / (file + ".c")).read_text(encoding="utf-8")
        for line in re.findall(r'LOG_[A-Z]+,\s*"([^"%:]+)', text):
            assert line in said or line == "record can't be read", line
