"""--cli-input-json and --generate-cli-skeleton."""
import json
import os
import re
import subprocess

import pytest

from admin_command import OPERATIONS, ROLE, command_name
from aws_command import AWS

# Members that the API has today, and Debian's awscli (2.9) doesn't know yet.
NEWER = {"Type", "StructuredLogDestinations", "S3StorageOptions", "IpAddressType", "SftpAuthenticationMethods"}
NEWER_OF = {"UpdateServer": {"IdentityProviderType"}}


def skeleton(admin, operation, *words):
    """Needs no configuration."""
    done = admin.berth("admin", "--config", "/nonexistent", command_name(operation), "--generate-cli-skeleton", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def without(value, names):
    if isinstance(value, list):
        return [without(item, names) for item in value]
    if isinstance(value, dict):
        return {name: without(member, names) for name, member in value.items() if name not in names}
    return value


@pytest.mark.skipif(not os.access(AWS, os.X_OK), reason=f"{AWS} (Debian's awscli) is not installed")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_skeleton_is_that_of_aws(empty, operation):
    theirs = subprocess.run([AWS, "transfer", command_name(operation), "--generate-cli-skeleton"], text=True, check=True,
                            capture_output=True, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"}).stdout
    ours = skeleton(empty, operation)
    newer = NEWER | NEWER_OF.get(operation, set())
    assert ours == json.dumps(json.loads(ours), indent=4) + "\n"
    assert json.dumps(without(json.loads(ours), newer), indent=4) == json.dumps(without(json.loads(theirs), newer), indent=4)
    if without(json.loads(ours), newer) == json.loads(ours):
        assert ours == theirs


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_member_is_a_flag(empty, operation):
    """Called as the AWS libraries call it."""
    xform_name = pytest.importorskip("botocore").xform_name
    usage = empty.berth("admin", command_name(operation), "help").stdout
    members = json.loads(skeleton(empty, operation, "input"))
    flags = [xform_name(member, "-") for member in members]
    assert re.findall(r"^  --([a-z0-9-]+)", usage, re.M)[:len(flags)] == flags
    assert all(len(line) <= 125 for line in usage.splitlines())


def test_help_lists_every_operation(empty):
    usage = empty.berth("admin", "help").stdout
    assert re.findall(r"^  ([a-z-]+)  ", usage, re.M) == [*map(command_name, OPERATIONS), "find-users"]


def test_other_skeletons(empty):
    for form in "output", "yaml-input", "nonsense":
        message = empty.wrong("create-user", "--generate-cli-skeleton", form)
        assert f'argument --generate-cli-skeleton: "{form}": there is only input' in message
    assert "Unknown options: extra" in empty.wrong("create-user", "--generate-cli-skeleton", "input", "extra")


def test_nothing_is_called_for_a_skeleton(admin):
    admin.ok("create-user", "--user-name", "alice", "--role", ROLE, "--generate-cli-skeleton")
    assert admin.ok("list-users")["Users"] == []


def test_input(admin):
    given = {"UserName": "alice", "Role": ROLE, "Tags": [{"Key": "a", "Value": "b"}], "HomeDirectory": "/x",
             "PosixProfile": {"Uid": 5001, "Gid": 5001, "SecondaryGids": [7001]}, "Policy": None}
    admin.ok("create-user", "--cli-input-json", json.dumps(given))
    user = admin.user()
    assert {name: user.get(name) for name in given} == given


def test_flags_win_member_by_member(admin):
    given = {"UserName": "nobody", "Role": ROLE, "HomeDirectory": "/x", "PosixProfile": {"Uid": 5001, "Gid": 5001},
             "Tags": [{"Key": "a", "Value": "b"}]}
    admin.ok("create-user", "--tags", "Key=c,Value=d", "--cli-input-json", admin.file("user.json", json.dumps(given)),
             "--posix-profile", "Uid=5002,Gid=5002", "--user-name", "alice")
    user = admin.user()
    assert (user["UserName"], user["HomeDirectory"]) == ("alice", "/x")
    assert (user["Tags"], user["PosixProfile"]) == ([{"Key": "c", "Value": "d"}], {"Uid": 5002, "Gid": 5002})


def test_a_mapping_with_only_a_target_in_the_input(admin):
    admin.ok("create-user", "--cli-input-json", json.dumps(
        {"UserName": "alice", "Role": ROLE, "HomeDirectoryType": "LOGICAL", "HomeDirectoryMappings": [{"Target": "/b/x"}]}))
    assert admin.user()["HomeDirectoryMappings"] == [{"Entry": "/b/x", "Target": "/b/x"}]


def test_a_page_in_the_input(admin):
    for name in "one", "two", "three":
        admin.create_user(name)
    page = admin.ok("list-users", "--cli-input-json", '{"MaxResults": 2}')
    assert len(page["Users"]) == 2
    rest = admin.ok("list-users", "--cli-input-json", json.dumps({"NextToken": page["NextToken"]}))
    assert [user["UserName"] for user in rest["Users"]] == ["two"] and "NextToken" not in rest
    assert "Cannot specify --no-paginate along with pagination arguments: --max-items" in \
        admin.wrong("list-users", "--cli-input-json", '{"MaxResults": 2}', "--max-items", "1")


@pytest.mark.parametrize("text, problem", [
    ("", "Invalid JSON received"), ("{", "Invalid JSON received"), ('{"a": 1, "a": 2}', "Invalid JSON received"),
    ('{"UserName": "ali\\u0000ce"}', "Invalid JSON received"), ("7", "expecting an object"), ("[{}]", "expecting an object"),
    ("file:///nonexistent", "Unable to load paramfile file:///nonexistent: No such file or directory"),
    ("file:///dev/zero", "File too large"),
])
def test_broken_input(admin, text, problem):
    message = admin.wrong("delete-user", "--user-name", "alice", "--cli-input-json", text)
    assert message.startswith("\nError parsing parameter '--cli-input-json': ") and problem in message


def test_names_in_the_input(admin):
    message = admin.wrong("create-user", "--cli-input-json", '{"Role": null, "\\u001b[31m": 1, "Tags": [{"Key": "a"}]}')
    assert message == (
        "\nParameter validation failed:\n"
        'Missing required parameter in input: "Role"\n'
        'Missing required parameter in input: "UserName"\n'
        'Unknown parameter in input: "\\x1b[31m", must be one of: HomeDirectory, HomeDirectoryType, HomeDirectoryMappings, '
        "Policy, PosixProfile, Role, ServerId, SshPublicKeyBody, Tags, UserName\n"
        'Missing required parameter in Tags[0]: "Value"\n')


def test_the_configuration_names_the_server(admin):
    admin.create_user()
    for given in '{"UserName": "alice"}', '{"UserName": "alice", "ServerId": null}':
        assert json.loads(admin.run("describe-user", "--cli-input-json", given).stdout)["ServerId"] == admin.server_id
    admin.server_id = None
    admin.configure()
    assert 'Missing required parameter in input: "ServerId"' in admin.wrong("list-users", "--cli-input-json", "{}")


def test_query_is_left_out(admin):
    for words in ["admin", "list-users", "--query", "Users"], ["admin", "--query", "x", "list-users"], \
            ["--query=x", "admin"], ["admin", "find-users", "--query", "x"]:
        done = admin.berth(*words)
        assert (done.returncode, done.stdout) == (252, "")
        assert "error: There is no --query: `--output json | jq` does what it would\n" in done.stderr
    for words in ["admin", "help"], ["admin", "list-users", "help"]:
        assert "There is no --query" in admin.berth(*words).stdout
