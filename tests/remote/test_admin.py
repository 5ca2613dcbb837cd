"""`berth admin` on a host whose users a berth-api of another host keeps: it says what that one says, byte for byte."""
import json
import random
import re
import subprocess

import pytest

from admin_command import BERTH, OPERATIONS, ROLE, command_name
from all_operations import Refused, Round
from aws_command import as_on_the_wire
from import_lines import ed25519

REFUSAL = re.compile(r"\nAn error occurred \((\w+)\) when calling the (\w+) operation: (.*)\n", re.S)
FORMATS = ["json", "text", "table"]
# What is escaped in a canonical request, in JSON, in a header or in a shell, and what looks like the one when it is another.
ODD = " +/=%20%~*'\"\\&?#;:,()[]{}<>|!$`^@é水\U0001f511\N{COMBINING ACUTE ACCENT}%2F+%E6"
# A target's, an entry's and a home directory's characters are bounded by the API's own shapes alone.
ODD_PATH = "/bucket/" + ODD.replace("/", "") + "/end/"


def caller(near):
    """A call() for all_operations.py."""
    def call(operation, members):
        done = near.run(command_name(operation), "--cli-input-json", json.dumps(members))
        if done.returncode == 0:
            return as_on_the_wire(json.loads(done.stdout)) if done.stdout else {}
        assert done.returncode == 254, done.stderr
        name, named, message = REFUSAL.match(done.stderr).groups()
        assert named == operation
        raise Refused(name, message)
    return call


def same(remote, *words):
    """What both sides print, which is the same; returns it."""
    far, near = remote.direct.run(*words), remote.near.run(*words)
    assert (near.returncode, near.stdout, near.stderr) == (far.returncode, far.stdout, far.stderr)
    return near


def some_users(remote, count=7):
    for number in range(count):
        tags = f"Key=team,Value={'ops' if number % 2 else 'dev'}"
        remote.near.create_user(f"user{number}", "--tags", tags, "--posix-profile", f"Uid={5000 + number},Gid=5000",
                                "--ssh-public-key-body", ed25519(random.Random(number)) + f" key {number}")


def test_all_operations(remote):
    Round(remote.direct, caller(remote.near), mapping_type=True).run()
    assert set(remote.calls()) == set(OPERATIONS)


@pytest.mark.parametrize("output", FORMATS)
def test_answers_are_those_of_the_other_side(remote, output):
    some_users(remote, 3)
    arn = remote.near.user("user1")["Arn"]
    for words in (["describe-server"], ["describe-user", "--user-name", "user1"], ["list-users"], ["list-servers"],
                  ["list-tags-for-resource", "--arn", arn]):
        assert same(remote, *words, "--output", output).returncode == 0


def test_refusals_are_those_of_the_other_side(remote):
    remote.near.create_user("alice")
    no_server = "s-00000000000000000"
    for words in (["describe-user", "--user-name", "nobody"], ["describe-server", "--server-id", no_server],
                  ["create-user", "--user-name", "alice", "--role", ROLE], ["list-users", "--server-id", no_server],
                  ["create-user", "--user-name", "bobby", "--role", ROLE, "--server-id", no_server],
                  ["delete-user", "--user-name", "nobody"], ["list-users", "--max-results", "3", "--next-token", "00"],
                  ["delete-ssh-public-key", "--user-name", "alice", "--ssh-public-key-id", "key-0123456789abcdef0"],
                  ["tag-resource", "--arn", "arn:aws:transfer:x:0:user/y/z", "--tags", "Key=a,Value=b"],
                  ["update-user", "--user-name", "alice", "--home-directory-type", "LOGICAL"],
                  ["test-identity-provider", "--user-name", "alice"]):
        assert same(remote, *words).returncode == 254
    assert "--force" not in remote.near.refused("delete-server")


def test_odd_characters(remote):
    near = remote.near
    policy = json.dumps({"Statement": [{"Sid": ODD, "Resource": f"\\u0041\t{ODD}"}]}, ensure_ascii=False)
    tags = [{"Key": "k" + ODD[:40].replace("#", ""), "Value": ODD}, {"Key": "plain +", "Value": "a=b+c d%20"}]
    members = {"UserName": "a.b@c-d_e", "Role": ROLE, "HomeDirectoryType": "LOGICAL", "HomeDirectory": ODD_PATH,
               "HomeDirectoryMappings": [{"Entry": ODD_PATH, "Target": ODD_PATH + "x y"}], "Policy": policy, "Tags": tags}
    call = caller(near)
    call("CreateUser", members)
    assert {name: remote.direct.user("a.b@c-d_e")[name] for name in members} == members
    assert {name: near.user("a.b@c-d_e")[name] for name in members} == members
    same(remote, "describe-user", "--user-name", "a.b@c-d_e")
    body = ed25519(random.Random(3)) + ODD
    call("ImportSshPublicKey", {"UserName": "a.b@c-d_e", "SshPublicKeyBody": body})
    assert near.user("a.b@c-d_e")["SshPublicKeys"][0]["SshPublicKeyBody"] == body
    call("UntagResource", {"Arn": near.user("a.b@c-d_e")["Arn"], "TagKeys": [tags[0]["Key"]]})
    assert near.user("a.b@c-d_e")["Tags"] == tags[1:]


def test_a_large_request(remote):
    """Beyond what curl sends without asking first whether to (Expect)."""
    mappings = [{"Entry": f"/{number}", "Target": f"/bucket/{'x' * 900}/{number}"} for number in range(3000)]
    members = {"UserName": "large", "Role": ROLE, "HomeDirectoryType": "LOGICAL", "HomeDirectoryMappings": mappings}
    remote.near.ok("create-user", "--cli-input-json", remote.near.file("large.json", json.dumps(members)))
    assert remote.near.user("large")["HomeDirectoryMappings"] == mappings
    exported = json.loads(remote.near.berth("export", "--config", remote.near.config).stdout)
    assert exported["HomeDirectoryMappings"] == mappings


def test_lists_in_pages(remote):
    some_users(remote)
    for words in (["--page-size", "2"], ["--max-items", "3"], ["--max-items", "5", "--page-size", "2"],
                  ["--max-results", "4"], ["--no-paginate"]):
        shown = json.loads(same(remote, "list-users", *words).stdout)
    token = json.loads(same(remote, "list-users", "--max-items", "3").stdout)["NextToken"]
    shown = json.loads(same(remote, "list-users", "--starting-token", token).stdout)
    assert [user["UserName"] for user in shown["Users"]] == [f"user{number}" for number in range(3, 7)]


def test_export(remote):
    some_users(remote)
    near, far = (side.berth("export", "--config", side.config) for side in (remote.near, remote.direct))
    assert (near.returncode, near.stdout, near.stderr) == (0, far.stdout, "")
    assert len(near.stdout.splitlines()) == 7
    unknown = remote.near.berth("export", "--config", remote.near.config, "--server-id", "s-00000000000000000")
    assert (unknown.returncode, unknown.stderr) == (255, "berth export: the store has no server s-00000000000000000\n")


def test_find_users(remote):
    some_users(remote)
    for words in (["--tag", "team=ops"], ["--tag", "team"], ["--tag", "other"], ["--tag", "team=dev", "--max-items", "2"],
                  ["--tag", "team=dev", "--starting-token", "user2"], ["--tag", "team=dev", "--output", "table"]):
        assert same(remote, "find-users", *words).returncode == 0
    found = json.loads(same(remote, "find-users", "--tag", "team=ops").stdout)["Users"]
    assert [user["UserName"] for user in found] == ["user1", "user3", "user5"]


def test_what_this_host_refuses_is_not_asked(remote):
    """Promise 3: no record below the floors is written, wherever it is kept."""
    near = remote.near
    near.configure("MinUid 6000", "MinGid 7000")
    create = ["create-user", "--user-name", "alice", "--role", ROLE]
    assert "Uid 5999 is below MinUid, which is 6000" in near.refused(*create, "--posix-profile", "Uid=5999,Gid=7000")
    assert "Gid 6999 is below MinGid" in near.refused(*create, "--posix-profile", "Uid=6000,Gid=6999")
    assert "SecondaryGids 1 is below" in near.refused(*create, "--posix-profile", "Uid=6000,Gid=7000,SecondaryGids=1")
    assert "Uid 100 is below" in near.refused("update-user", "--user-name", "alice", "--posix-profile", "Uid=100,Gid=7000")
    assert "UserName: root" in near.refused("create-user", "--user-name", "root", "--role", ROLE)
    assert ".." in near.refused(*create, "--home-directory", "/bucket/../x")
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "1024", "-N", "", "-f", near.directory / "weak"], check=True)
    weak = f"file://{near.directory}/weak.pub"
    assert "1024" in near.refused("import-ssh-public-key", "--user-name", "alice", "--ssh-public-key-body", weak)
    assert "1024" in near.refused(*create, "--ssh-public-key-body", weak)
    assert "one by one" in near.refused("delete-server", "--force")
    assert remote.calls() == []
    near.ok(*create, "--posix-profile", "Uid=6000,Gid=7000")
    assert remote.calls() == ["CreateUser"]


@pytest.mark.parametrize("words", [["fsck"], ["fsck", "--repair"], ["backup", "{}/copy"],
                                   ["restore", "/etc/hostname", "--yes"], ["import", "/dev/null"]])
def test_commands_for_a_store_of_this_host(remote, words):
    near = remote.near
    done = near.berth(*(word.format(near.directory) for word in words), "--config", near.config)
    assert (done.returncode, done.stdout) == (255, "")
    assert done.stderr == (f"berth {words[0]}: Store transfer:{near.url} is kept elsewhere: this works on a store of this "
                           "host alone; run it where the users are kept\n")
    assert not (near.directory / "copy").exists() and remote.calls() == []


@pytest.mark.parametrize("test_only", [True, False])
def test_berth_api_serves_no_such_store(remote, test_only):
    near = remote.near
    done = subprocess.run([BERTH.with_name("berth-api"), "-e", "-f", near.config, *(["-t"] if test_only else [])],
                          text=True, timeout=30, capture_output=True, check=False)
    assert done.returncode == 1
    assert f"Store transfer:{near.url} is kept elsewhere: berth-api serves a store of this host alone" in done.stderr


def test_an_access_key_for_servers_that_are_not_looked_for(remote):
    near = remote.near
    near.configure(f"ApiKeysFile {near.store_directory}/keys.json")
    done = near.berth("api-key", "create", "--config", near.config, "--server", near.server_id)
    assert done.returncode == 0 and "is kept elsewhere, and berth-api serves none such" in done.stderr
    assert remote.calls() == []


def test_a_key_that_may_not(remote):
    key = remote.far.create_key("--allow", "Describe*")
    remote.near.write_credentials(key.id, key.secret)
    assert remote.near.ok("describe-server")["Server"]["State"] == "ONLINE"
    assert "(AccessDeniedException)" in remote.near.refused("list-users")
