"""`berth admin` prints what `aws transfer` prints, byte for byte: the real /usr/bin/aws on the same responses.

Where berth differs on purpose, a test here says so:
  - a token to go on from is the API's own, where aws wraps it in one of its own (test_more_than_max_items)
  - control characters are escaped, and a table's columns are as wide as a terminal shows them (test_other_characters)
  - --max-items 0, of which aws makes an empty list, is refused (test_no_items)
  - lengths and types are the operations' to refuse, with 254, where aws refuses some itself, with 252 (test_exit_codes)
"""
import argparse
import io
import json
import os
import random
import re

import pytest

from admin_command import ROLE
from aws_command import AWS, Endpoint

FORMS = "json", "text", "table"

pytestmark = pytest.mark.skipif(not os.access(AWS, os.X_OK), reason=f"{AWS} (Debian's awscli) is not installed")


@pytest.fixture
def endpoint(admin):
    endpoint = Endpoint(admin)
    yield endpoint
    endpoint.close()


def without_ids(text):
    """New ids are random, and as long as each other."""
    return re.sub(r"\b(s|key)-[0-9a-f]{17}", lambda found: found[1] + "-" + 17 * "0", text)


def compare(endpoint, operation, *words, form="json", timezone="UTC", clean=lambda text: text):
    """The same words to both; server-id goes to aws alone, which has no configuration. Returns what both print."""
    server = [] if operation in ("create-server", "list-servers") or "--arn" in words else \
        ["--server-id", endpoint.admin.server_id]
    theirs = endpoint.aws(operation, *server, *words, "--output", form, timezone=timezone)
    ours = endpoint.admin.run(operation, *words, "--output", form, timezone=timezone)
    assert (ours.returncode, clean(ours.stdout), ours.stderr) == (theirs.returncode, clean(theirs.stdout), theirs.stderr)
    return ours.stdout


def full_user(admin, name, keys=()):
    admin.create_user(name, "--home-directory-type", "LOGICAL", "--home-directory-mappings", "Entry=/,Target=/bucket/home",
                      "--policy", '{ "Version": "2012-10-17",\n\t"é": [] }', "--tags", "Key=a,Value=b c", "Key=empty,Value=",
                      "--posix-profile", "Uid=5001,Gid=5002,SecondaryGids=7001,7002")
    for key in keys:
        admin.ok("import-ssh-public-key", "--user-name", name, "--ssh-public-key-body", key)


@pytest.mark.parametrize("timezone, offset", [("Asia/Kathmandu", "+05:45"), ("America/St_Johns", "-0")])
def test_times(endpoint, public_keys, timezone, offset):
    full_user(endpoint.admin, "full", public_keys)
    assert offset in compare(endpoint, "describe-user", "--user-name", "full", timezone=timezone)


@pytest.mark.parametrize("form", FORMS)
def test_describe_user(endpoint, public_keys, form):
    admin = endpoint.admin
    admin.create_user("bare")
    admin.create_user("short", "--home-directory", "/b", "--home-directory-type", "PATH", "--tags", "Key=k,Value=v")
    full_user(admin, "full", public_keys)
    if form != "json":  # the others escape the control characters of a Policy
        admin.ok("update-user", "--user-name", "full", "--policy", '{"Version": "2012-10-17"}')
    for name in "bare", "short", "full":
        compare(endpoint, "describe-user", "--user-name", name, form=form)


@pytest.mark.parametrize("form", FORMS)
def test_list_users(endpoint, form):
    compare(endpoint, "list-users", form=form)
    for number in range(7):
        # Of the pages of two, only the middle ones have users with a home directory: columns are a page's own.
        home = ["--home-directory", f"/bucket/{number}"] if number in (2, 3, 5) else []
        endpoint.admin.create_user(f"user{number}", *home)
    endpoint.requests.clear()
    for words in [], ["--page-size", "2"], ["--max-items", "7"], ["--no-paginate"], ["--max-results", "3"]:
        compare(endpoint, "list-users", *words, form=form)
    assert len(endpoint.requests) == 1 + 4 + 1 + 1 + 1


@pytest.mark.parametrize("form", ["json", "text"])
def test_more_than_max_items(endpoint, form):
    """The token differs: aws's own says how much of a page to skip, and goes astray when users come or go in between."""
    def without_token(text):
        return re.sub(r'("NextToken": |NEXTTOKEN\t)\S+', r"\1", text)

    for number in range(5):
        endpoint.admin.create_user(f"user{number}")
    printed = compare(endpoint, "list-users", "--max-items", "3", "--page-size", "2", form=form, clean=without_token)
    if form == "json":  # our tokens are good for aws
        token = json.loads(printed)["NextToken"]
        compare(endpoint, "list-users", "--starting-token", token)
        assert endpoint.requests[-1]["NextToken"] == token


def test_no_items(endpoint):
    theirs = endpoint.aws("list-users", "--server-id", endpoint.admin.server_id, "--max-items", "0")
    assert json.loads(theirs.stdout)["Users"] == []
    assert 'argument --max-items: "0" is not a number from 1' in endpoint.admin.wrong("list-users", "--max-items", "0")


@pytest.mark.parametrize("form", FORMS)
def test_servers(endpoint, form):
    compare(endpoint, "describe-server", form=form)
    for words in [], ["--domain", "EFS", "--protocols", "SFTP", "--logging-role", ROLE,
                      "--security-policy-name", "TransferSecurityPolicy-2024-01", "--tags", "Key=a,Value=b"]:
        printed = compare(endpoint, "create-server", *words, form=form, clean=without_ids)
        endpoint.admin.server_id = re.search(r"s-[0-9a-f]{17}", printed)[0]
        endpoint.admin.configure()
        compare(endpoint, "describe-server", form=form)
    compare(endpoint, "list-servers", form=form)
    compare(endpoint, "list-servers", "--page-size", "1", form=form)


@pytest.mark.parametrize("form", FORMS)
def test_writes(endpoint, public_keys, form):
    """Each undone in between, so that it can be done by both."""
    admin = endpoint.admin
    user = ["--user-name", "alice"]

    def delete_key():
        admin.ok("delete-ssh-public-key", *user, "--ssh-public-key-id", admin.user()["SshPublicKeys"][0]["SshPublicKeyId"])

    for words, undo in [
            (["create-user", *user, "--role", ROLE], lambda: admin.ok("delete-user", *user)),
            (["update-user", *user, "--home-directory", "/b"], lambda: None),
            (["import-ssh-public-key", *user, "--ssh-public-key-body", public_keys[0]], delete_key),
            (["delete-user", *user], admin.create_user)]:
        theirs = endpoint.aws(words[0], "--server-id", admin.server_id, *words[1:], "--output", form)
        undo()
        ours = admin.run(*words, "--output", form)
        assert ours.returncode == theirs.returncode == 0
        assert without_ids(ours.stdout) == without_ids(theirs.stdout)


@pytest.mark.parametrize("form", FORMS)
def test_tags(endpoint, form):
    endpoint.admin.create_user("alice", "--tags", *(f"Key=key{number},Value={number * 'x'}" for number in range(5)))
    arn = endpoint.admin.user()["Arn"]
    assert "xxxx" in compare(endpoint, "list-tags-for-resource", "--arn", arn, form=form)
    compare(endpoint, "list-tags-for-resource", "--arn", arn, "--page-size", "2", form=form)
    compare(endpoint, "tag-resource", "--arn", arn, "--tags", "Key=new,Value=1", form=form)
    compare(endpoint, "untag-resource", "--arn", arn, "--tag-keys", "new", "key1", form=form)
    assert "new" not in compare(endpoint, "list-tags-for-resource", "--arn", arn, form=form)


@pytest.mark.parametrize("words", [
    ["describe-user", "--user-name", "nobody"],
    ["update-user", "--user-name", "nobody", "--role", ROLE],
    ["delete-user", "--user-name", "nobody"],
    ["create-user", "--user-name", "al ice", "--role", ROLE],
    ["create-user", "--user-name", "al ice", "--role", 5 * ROLE, "--home-directory", "nowhere"],
    ["create-user", "--user-name", "alice", "--role", ROLE, "--home-directory-mappings", "Entry=/,Target=/x"],
    ["import-ssh-public-key", "--user-name", "nobody", "--ssh-public-key-body", "ssh-rsa AAAA"],
    ["list-users", "--page-size", "5000"],
    ["list-users", "--next-token", "nonsense"],
    ["list-users", "--starting-token", "nonsense"],
    ["test-identity-provider", "--user-name", "alice"],
    ["delete-user", "--cli-input-json", '{"UserName": "nobody"}'],
    ["delete-user", "--cli-input-json", '{"UserName": "alice"}', "--user-name", "nobody"],
])
def test_refusals(endpoint, words):
    """stderr and the exit code too: compare() looks at all of it."""
    compare(endpoint, *words)
    assert endpoint.admin.run(*words).returncode == 254


@pytest.mark.parametrize("words", [
    ["create-user", "--cli-input-json", '{"Wrong": 1, "Role": "%s", "Worse": {}}' % ROLE],
    ["create-user", "--cli-input-json", '{"UserName": "alice", "PosixProfile": {"Uid": 5001}}'],
    ["create-user", "--user-name", "alice", "--role", ROLE, "--tags", "Key=a", "Value=b,Wert=c,Key=d"],
    ["create-user", "--user-name", "alice", "--role", ROLE, "--posix-profile", '{"Uid": 5001, "uid": 5001}'],
    ["list-users", "--no-paginate", "--max-items", "3"],
    ["list-users", "--no-paginate", "--max-items", "3", "--page-size", "5", "--starting-token", "x"],
    ["list-users", "--max-results", "3", "--max-items", "3"],
    ["delete-user", "--user-name", "alice", "--cli-input-json", "[]"],
    ["delete-user", "--user-name", "alice", "--cli-input-json", '{"UserName"'],
    ["delete-user", "--cli-input-json"],
    ["delete-user", "--user-name", "alice", "--nonsense"],
    ["list-users", "--max-items", "many"],
    ["create-user", "--generate-cli-skeleton", "nonsense"],
    ["create-user"],
])
def test_wrong_words(endpoint, words):
    """Nothing is called. Where a member is missing or unknown, the words are aws's too."""
    server = ["--server-id", endpoint.admin.server_id]
    theirs, ours = endpoint.aws(*words[:1], *server, *words[1:]), endpoint.admin.run(*words)
    assert (ours.returncode, ours.stdout, endpoint.requests) == (theirs.returncode, theirs.stdout, [])
    assert ours.returncode == 252
    if theirs.stderr.startswith(("\nParameter validation failed:", "\nCannot specify")):
        assert ours.stderr == theirs.stderr
    if "are required:" in theirs.stderr:
        assert ours.stderr.splitlines()[-1].split("error: ")[1] == theirs.stderr.splitlines()[-2].split("error: ")[1]


def test_exit_codes(endpoint):
    """What aws refuses by itself for its length alone, the operation refuses here, with everything else it finds."""
    words = ["describe-user", "--user-name", "al"]
    assert endpoint.aws(*words, "--server-id", endpoint.admin.server_id).returncode == 252
    assert endpoint.admin.run(*words).returncode == 254
    assert endpoint.aws("list-servers", port=1).returncode == 255
    assert endpoint.admin.berth("admin", "--config", "/nonexistent", "list-servers").returncode == 255


def test_other_characters(endpoint):
    """Letters beyond ASCII are printed as they are; a table's columns are theirs on a terminal, where aws takes many for
    twice as wide as they are. Control characters are escaped."""
    admin = endpoint.admin
    admin.create_user("alice", "--tags", "Key=wide,Value=日本", "Key=narrow,Value=é \U0001f600")
    for form in "json", "text":
        compare(endpoint, "describe-user", "--user-name", "alice", form=form)
    rows = {}
    for line in admin.run("describe-user", "--user-name", "alice", "--output", "table").stdout.split("\n"):
        if "wide" in line or "narrow" in line:
            rows["wide" in line] = line
    assert len(rows[True]) + 2 == len(rows[False]) + 1
    admin.ok("tag-resource", "--arn", admin.user()["Arn"], "--tags", "Key=control,Value=a\tb\x1b\x7f\x9b")
    theirs, ours = (json.loads(done.stdout)["User"]["Tags"][-1]["Value"] for done in (
        endpoint.aws("describe-user", "--server-id", admin.server_id, "--user-name", "alice"),
        admin.run("describe-user", "--user-name", "alice")))
    assert ours == theirs == "a\tb\x1b\x7f\x9b"
    assert "a\\x09b\\x1b\\x7f\\x9b" in admin.run("describe-user", "--user-name", "alice", "--output", "text").stdout


def laid_out_by_aws(form, title, response):
    """What aws's own code makes of a response, without a process of its own."""
    formatter = pytest.importorskip("awscli.formatter")
    stream = io.StringIO()
    formatter.get_formatter(form, argparse.Namespace(color="off", query=None))(title, response, stream)
    return stream.getvalue()


@pytest.mark.parametrize("form", ["text", "table"])
def test_widths(admin, form):
    """Columns are stretched, and lines turned into columns, by many widths."""
    chance = random.Random(20)

    def word(most):
        return "".join(chance.choices("abcXYZ-", k=chance.randint(1, most)))

    for number in range(90):
        name = f"u{number:02d}" + word(40)
        tags = [f"Key={index}{word(30)},Value={word(90)}" for index in range(chance.randint(0, 4))]
        mappings = [f"Entry=/{index}{word(12)},Target=/{word(12)},Type={kind}"
                    for index, kind in enumerate(chance.choices(["FILE", "DIRECTORY"], k=chance.randint(2, 3)))]
        gids = [str(5000 + 10 ** chance.randint(1, 6)) for _index in range(chance.randint(0, 3))]
        admin.create_user(
            name, "--home-directory-type", "LOGICAL", "--home-directory-mappings", *mappings,
            *(["--tags", *tags] if tags else []),
            *(["--posix-profile", f"Uid=5001,Gid=5002,SecondaryGids=[{','.join(gids)}]"] if number % 2 else []))
        words = ["describe-user", "--user-name", name]
        response = json.loads(admin.run(*words).stdout)
        assert admin.run(*words, "--output", form).stdout == laid_out_by_aws(form, "DescribeUser", response)
    listed = json.loads(admin.run("list-users").stdout)
    assert admin.run("list-users", "--output", form).stdout == laid_out_by_aws(form, "ListUsers", listed)
