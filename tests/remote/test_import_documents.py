"""docs/from-aws-transfer.md: its commands do what is said there, with a berth-api in the place of AWS."""
import json
import pathlib
import re
import shutil
import subprocess

import pytest

from import_host import SERVER, new_there
from admin_command import BERTH
from api_host import BERTH_API
from aws_command import AWS
from import_lines import exported

TREE = pathlib.Path(__file__).resolve().parents[2]
PAGE = (TREE / "docs" / "from-aws-transfer.md").read_text(encoding="utf-8")
BLOCKS = [re.sub("^ {4}", "", block, flags=re.MULTILINE)
          for block in re.findall(r"(?:^ {4}.*\n(?:\n+(?= {4}))?)+", PAGE, re.MULTILINE)]
COMMANDS = [re.sub(r"^ *\$ ", "", command, flags=re.MULTILINE).strip()
            for block in BLOCKS for command in re.findall(r"^ *\$ .*(?:\n(?! *\$ ).+)*", block, re.MULTILINE)]
# What is for the host's own files and services, or for a client elsewhere.
NOT_RUN = ["sudo berthd -t && sudo berth setup",
           "sudo berthd -t && sudo systemctl restart berthd",
           "echo 'ServerId s-0123456789abcdef0' | sudo tee -a /etc/berth/berth.conf",
           "sudo install -m 0600 -o root -g root host_key /etc/ssh/ssh_host_ed25519_key",
           "sftp -i my-key alice@sftp-1.example.com"]
TRIED = ["aws transfer describe-server", "aws transfer list-users --server-id s-0123456789abcdef0 --query",
         "sudo --preserve-env", "sudo berth import --dry-run --from transfer: --profile mover",
         "sudo berth import --from transfer: --profile mover", "sudo berth import --from transfer: --profile mover --resume",
         "sudo berth import --from transfer: --profile mover --replace", "ssh-keygen -lf", "comm -13",
         "sudo berth admin import-ssh-public-key", "aws transfer list-users --server-id s-0123456789abcdef0 | jq",
         "aws transfer delete-server"]

pytestmark = pytest.mark.skipif(not all(map(shutil.which, ["jq", AWS])), reason="needs jq and Debian's awscli")


def documented(start):
    """The command that begins so; when there are several that are the same, one of them."""
    found = {command for command in COMMANDS if command == start} or \
        {command for command in COMMANDS if command.startswith(start)}
    assert len(found) == 1, (start, found)
    return found.pop()


class Mover:
    """Who goes by the page: an operator whose credentials are the profile "mover"."""

    def __init__(self, there):
        self.there, self.here, self.home = there, there.here, there.here.directory / "home"
        (self.home / ".aws").mkdir(parents=True)
        self.write_credentials(there.far.key)
        wrapper = self.home / "aws"
        wrapper.write_text(f'#!/bin/sh\nexec {AWS} --endpoint-url {there.far.url} "$@"\n')
        wrapper.chmod(0o755)

    def write_credentials(self, key):
        (self.home / ".aws" / "credentials").write_text(
            f"[mover]\naws_access_key_id = {key.id}\naws_secret_access_key = {key.secret}\n")

    def run(self, start, status=0, **variables):
        """The page's command, here; its stdout."""
        command = documented(start).replace(SERVER, self.there.far.server_id)
        command = re.sub(r"sudo --preserve-env=\S+ \\\n|sudo ", "", command)
        command = re.sub(r"\bberth (import|admin [\w-]+)", rf"{BERTH} \1 --config {self.here.config}", command)
        command = command.replace("--from transfer:", f"--from transfer:{self.there.far.url} --ca-bundle "
                                  f"{self.there.far.certificate}")
        path = f"{self.home}:/usr/bin:/bin"
        done = subprocess.run(["bash", "-c", command], cwd=self.home, text=True, capture_output=True, timeout=60, check=False,
                              env={"PATH": path, "HOME": str(self.home), "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "",
                                   "AWS_CA_BUNDLE": str(self.there.far.certificate), "AWS_DEFAULT_REGION": "us-east-1",
                                   "LC_ALL": "C.UTF-8", **variables})
        assert done.returncode == status, (command, done)
        return done.stdout

    def credentials(self):
        return {"AWS_ACCESS_KEY_ID": self.there.far.key.id, "AWS_SECRET_ACCESS_KEY": self.there.far.key.secret}


@pytest.fixture
def mover():
    with new_there() as there:
        there.fill(5)
        yield Mover(there)


def test_the_way_through(mover):
    there = mover.there
    mine = mover.credentials()
    assert json.loads(mover.run("aws transfer describe-server", **mine))["Server"]["UserCount"] == 5
    assert mover.run("aws transfer list-users --server-id s-0123456789abcdef0 --query", **mine) == "5\n"
    for start, variables in ("sudo --preserve-env", mine), \
            ("sudo berth import --dry-run --from transfer: --profile mover", {}):
        assert mover.run(start, **variables).endswith("created 5, replaced 0, unchanged 0, refused 0; 5 users\n")
    assert mover.here.count() == 0
    mover.run("sudo berth import --from transfer: --profile mover")
    assert exported(mover.here, "--server-id", there.far.server_id) == exported(there.far.admin)
    there.far.admin.create_user("newcomer")
    assert "created 1, replaced 0, unchanged 0, refused 0, passed over 5; 1 user\n" in \
        mover.run("sudo berth import --from transfer: --profile mover --resume")
    there.far.admin.ok("update-user", "--user-name", "newcomer", "--home-directory", "/bucket/new")
    assert "replaced 1, unchanged 5," in mover.run("sudo berth import --from transfer: --profile mover --replace")
    mover.here.configure(f"ServerId {there.far.server_id}")
    there.far.admin.ok("delete-user", "--user-name", "newcomer")
    assert mover.run("comm -13", **mine) == "newcomer\n"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", mover.home / "my-key"], check=True)
    shutil.copy(mover.home / "my-key", mover.home / "host_key")
    assert mover.run("ssh-keygen -lf").startswith("256 SHA256:")
    mover.here.create_user("alice")
    mover.run("sudo berth admin import-ssh-public-key")
    assert len(mover.here.user("alice")["SshPublicKeys"]) == 1
    mover.run("aws transfer list-users --server-id s-0123456789abcdef0 | jq", **mine)
    mover.run("aws transfer delete-server", **mine)
    assert there.far.admin.ok("list-servers")["Servers"] == []


def test_the_policy(mover):
    """It allows what an import asks, and nothing else."""
    policy = json.loads(next(block for block in BLOCKS if block.startswith("{")))
    named = [statement["Action"] for statement in policy["Statement"]]
    operations = [action.removeprefix("transfer:") for action in [named[0], *named[1]]]
    assert policy["Statement"][1]["Resource"][1].endswith(f":user/{SERVER}/*")
    mover.write_credentials(mover.there.far.create_key("--allow", ",".join(operations)))
    mover.run("sudo berth import --from transfer: --profile mover")
    assert {line["operation"] for line in mover.there.far.audit()} == set(operations)


def test_the_lines_of_the_configuration(mover):
    """Each is taken; what makes the store remote keeps an import from it."""
    blocks = [block for block in BLOCKS if re.match(r"(Region|Bucket|DefaultPosixProfile|ServerId) ", block)]
    assert len(blocks) == 4
    for block in blocks:
        mover.here.config.write_text(f"User nobody\n{block}")
        done = subprocess.run([BERTH_API.with_name("berthd"), "-t", "-f", mover.here.config], text=True,
                              capture_output=True, check=False)
        assert " line " not in done.stderr, done.stderr
        code, _, err = mover.here.bring(mover.there.far.url, "--ca-bundle", mover.there.far.certificate, "--dry-run")
        assert ("kept elsewhere" in err) == ("Store" in block), (code, err)


def test_every_command_is_tried():
    """None is added without a test of it."""
    tried = {documented(start) for start in TRIED}
    assert set(COMMANDS) == tried | set(NOT_RUN) and not tried & set(NOT_RUN)


def test_what_it_says_is_found_by_its_words():
    """Messages that the page explains are those of the sources, as far as their fixed words go."""
    trouble = PAGE[PAGE.index("| it says | what to do |"):]
    folders = "admin_cmd/import", "common/store/transfer"
    source = "".join(path.read_text(encoding="utf-8") for folder in folders for path in (TREE / folder).glob("*.c"))
    source = re.sub(r'"\s*\n\s*"', "", source)
    theirs = {"AccessDeniedException", "is not authorized to perform", "ExpiredTokenException", "Failed to connect",
              "Could not resolve host"}
    cells = [row.split("|")[1] for row in trouble.splitlines()[2:]]
    for text in re.findall("`([^`]+)`", "".join(cells)):
        for words in re.split(r" ?…|s-…", text):
            assert words.strip() in source or words in theirs, words
    listed = PAGE[PAGE.index("| it lists | it means |"):PAGE.index("Who is **refused**")]
    left = (TREE / "admin_cmd/import/import_left.c").read_text(encoding="utf-8")
    left = re.sub(r'"\s*\n\s*"', "", left)
    for row in re.findall(r"^\| ([^|,]+?)(?:, and [^|]*)? \|", listed, re.MULTILINE)[1:]:
        assert f'"{row}' in left, row
