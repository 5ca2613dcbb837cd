"""The AWS command line on berth-api: `aws transfer … --endpoint-url URL`."""
import os
import random
import subprocess

import pytest

from admin_command import ROLE
from all_operations import NO_SERVER, refusal, run_all
from aws_client import AwsClient
from aws_command import AWS, aws_environment
from import_lines import ed25519
from large_store import add_servers, add_tags, add_users

VERBATIM = r'''aws transfer update-user --server-id $SERVER --user-name admin-user --home-directory-type LOGICAL \
    --home-directory-mappings "[{\"Entry\":\"/\", \"Target\":\"/test/admin-user\"}]" --endpoint-url $URL'''

pytestmark = pytest.mark.skipif(not os.access(AWS, os.X_OK), reason=f"{AWS} (Debian's awscli) is not installed")


@pytest.fixture
def aws(api):
    return AwsClient(api)


def user(api, name="alice"):
    return "--server-id", api.server_id, "--user-name", name


def test_every_operation(api, aws):
    run_all(api, aws)


def test_update_user_as_people_type_it(api, aws):
    """The command line of AWS's own guides, through a shell: a PATH user becomes a LOGICAL one."""
    api.admin.create_user("admin-user", "--home-directory", "/test")
    environment = aws_environment(api.directory, SERVER=api.server_id, URL=api.url, **aws.variables)
    done = subprocess.run(["bash", "-c", f"aws() {{ {AWS} \"$@\"; }}\n{VERBATIM}"], text=True, capture_output=True,
                          timeout=60, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    shown = api.admin.user("admin-user")
    assert shown["HomeDirectoryType"] == "LOGICAL" and "HomeDirectory" not in shown
    assert shown["HomeDirectoryMappings"] == [{"Entry": "/", "Target": "/test/admin-user"}]


def test_flags(api, aws):
    """Shorthand, and a key from a file with its newline."""
    key = ed25519(random.Random(3))
    created = aws.ok("create-user", *user(api), "--role", ROLE,
                     "--posix-profile", "Uid=5001,Gid=5002,SecondaryGids=7001,7002",
                     "--home-directory-mappings", "Entry=/in,Target=/bucket/in", "Entry=/out,Target=/bucket/out",
                     "--home-directory-type", "LOGICAL", "--tags", "Key=team,Value=ops", "Key=empty,Value=",
                     "--ssh-public-key-body", api.admin.file("alice.pub", key + "\n"))
    assert created == {"ServerId": api.server_id, "UserName": "alice"}
    shown = api.admin.user()
    assert shown["PosixProfile"] == {"Uid": 5001, "Gid": 5002, "SecondaryGids": [7001, 7002]}
    assert shown["HomeDirectoryMappings"][1] == {"Entry": "/out", "Target": "/bucket/out"}
    assert shown["Tags"] == [{"Key": "team", "Value": "ops"}, {"Key": "empty", "Value": ""}]
    assert shown["SshPublicKeys"][0]["SshPublicKeyBody"] == key
    assert aws.ok("update-user", *user(api), "--home-directory-type", "PATH", "--home-directory", "/bucket/alice/")
    shown = aws.run("describe-user", *user(api), "--query", "User.HomeDirectory", "--output", "text")
    assert shown.stdout == "/bucket/alice/\n"


def test_as_berth_admin_prints_it(api, aws):
    """The two print the same bytes of the same store."""
    api.admin.create_user("alice", "--ssh-public-key-body", ed25519(random.Random(4)), "--policy", "{ }")
    for form in "json", "text", "table":
        for words in ("describe-user", *user(api)), ("list-users", "--server-id", api.server_id), ("list-servers",):
            theirs, ours = aws.run(*words, "--output", form), api.admin.run(*words, "--output", form)
            assert theirs.stdout == ours.stdout != "" and theirs.returncode == 0


def error(aws, operation, **members):
    refused = refusal(aws, operation, members)
    assert refused.message
    return refused.name


def test_errors(api, aws):
    alice = {"ServerId": api.server_id, "UserName": "alice"}
    assert error(aws, "DescribeUser", **alice) == "ResourceNotFoundException"
    assert error(aws, "DescribeServer", ServerId=NO_SERVER) == "ResourceNotFoundException"
    api.admin.create_user()
    assert error(aws, "CreateUser", Role=ROLE, **alice) == "ResourceExistsException"
    assert error(aws, "UpdateUser", HomeDirectory="/a/../b", **alice) == "InvalidRequestException"
    assert error(aws, "UpdateUser", Role="x" * 20, **alice) == "ValidationException"
    assert error(aws, "ListUsers", ServerId=api.server_id, NextToken="none of ours") == "InvalidNextTokenException"
    assert error(aws, "ListWorkflows") == "UnknownOperationException"
    limited = AwsClient(api, api.create_key("--allow", "List*"))
    assert error(limited, "DescribeUser", **alice) == "AccessDeniedException"
    wrong = AwsClient(api, AWS_SECRET_ACCESS_KEY="x" * 40)
    assert error(wrong, "DescribeUser", **alice) == "InvalidSignatureException"
    unknown = AwsClient(api, AWS_ACCESS_KEY_ID="BRTHAAAAAAAAAAAAAAAA")
    assert error(unknown, "DescribeUser", **alice) == "UnrecognizedClientException"
    done = aws.run("list-servers", "--no-sign-request")
    assert done.returncode == 254 and "(MissingAuthenticationTokenException)" in done.stderr


def test_pages(api, aws):
    """The command line follows the tokens by itself: all 2,500 users, each once, in order; servers and tags likewise."""
    names = add_users(api)
    for words in [], ["--page-size", "700"]:
        assert [one["UserName"] for one in aws.ok("list-users", "--server-id", api.server_id, *words)["Users"]] == names
    first = aws.ok("list-users", "--server-id", api.server_id, "--max-items", "1234")
    rest = aws.ok("list-users", "--server-id", api.server_id, "--starting-token", first["NextToken"])
    assert [one["UserName"] for one in first["Users"] + rest["Users"]] == names
    servers = add_servers(api)
    assert [one["ServerId"] for one in aws.ok("list-servers", "--page-size", "5")["Servers"]] == servers
    arn, tags = add_tags(api)
    assert aws.ok("list-tags-for-resource", "--arn", arn, "--page-size", "8") == {"Arn": arn, "Tags": tags}


def test_retry_when_throttled(api):
    """Pages asked for faster than the key may: it waits, and has all users in the end."""
    names = add_users(api, 60)
    aws = AwsClient(api, api.create_key("--rate", "3"), AWS_MAX_ATTEMPTS="10")
    listed = aws.ok("list-users", "--server-id", api.server_id, "--page-size", "3")["Users"]
    assert [one["UserName"] for one in listed] == names
    assert any("ThrottlingException" in str(line) for line in api.audit())
    once = AwsClient(api, api.create_key("--rate", "1"))
    done = once.run("list-users", "--server-id", api.server_id, "--page-size", "1")
    assert done.returncode == 254 and "(ThrottlingException)" in done.stderr


def test_waiting_for_a_server(api, aws):
    assert aws.ok("stop-server", "--server-id", api.server_id) == {}
    assert aws.ok("wait", "server-offline", "--server-id", api.server_id) == {}
    assert aws.ok("start-server", "--server-id", api.server_id) == {}
    assert aws.ok("wait", "server-online", "--server-id", api.server_id) == {}


def test_tls(host):
    host.configure(*host.make_certificate())
    host.start()
    for words, variables in [(["--ca-bundle", str(host.certificate)], {}), ([], {"AWS_CA_BUNDLE": str(host.certificate)})]:
        assert AwsClient(host, **variables).ok("list-servers", *words)["Servers"][0]["ServerId"] == host.server_id
    done = AwsClient(host).run("list-servers")
    assert done.returncode != 0 and "SSL validation failed" in done.stderr
