"""Servers and tags through the command line, on a real store. Their rules have tests of their own."""
import pytest

from admin_command import ROLE


def server(admin):
    return admin.ok("describe-server")["Server"]


def test_update_server(admin):
    assert admin.ok("update-server", "--logging-role", ROLE, "--protocols", "SFTP") == {"ServerId": admin.server_id}
    assert server(admin)["LoggingRole"] == ROLE
    assert "(ResourceNotFoundException)" in admin.refused("update-server", "--server-id", "s-00000000000000000")


def test_stop_and_start(admin):
    """Who stops a server should know that its sessions go on; the output is aws's all the same."""
    done = admin.run("stop-server")
    assert (done.returncode, done.stdout) == (0, "")
    assert "live sessions go on" in done.stderr and "`berth sessions end`" in done.stderr
    assert server(admin)["State"] == "OFFLINE"
    assert admin.ok("start-server") is None
    assert server(admin)["State"] == "ONLINE"
    done = admin.run("stop-server", "--server-id", "s-00000000000000000")
    assert done.returncode == 254 and "note:" not in done.stderr


def test_delete_server(admin):
    admin.create_user()
    refused = admin.refused("delete-server")
    assert "(InvalidRequestException)" in refused and refused.endswith("note: --force deletes the users too\n")
    assert server(admin)["UserCount"] == 1
    assert admin.ok("delete-server", "--force") is None
    assert admin.ok("list-servers")["Servers"] == []


def test_delete_server_without_users(admin):
    assert admin.ok("delete-server") is None
    refused = admin.refused("delete-server")
    assert "(ResourceNotFoundException)" in refused and "note:" not in refused


@pytest.mark.parametrize("operation", ["delete-user", "stop-server", "create-server"])
def test_force_is_for_delete_server_alone(admin, operation):
    assert "Unknown options: --force" in admin.wrong(operation, "--force")


def test_force_is_no_member(admin):
    assert 'Unknown parameter in input: "Force"' in admin.wrong("delete-server", "--cli-input-json", '{"Force": true}')


def test_tags(admin):
    admin.create_user("alice", "--tags", "Key=a,Value=1")
    arn = admin.user()["Arn"]
    assert admin.ok("tag-resource", "--arn", arn, "--tags", "Key=b,Value=2", '{"Key": "a", "Value": "3"}') is None
    assert admin.ok("list-tags-for-resource", "--arn", arn) == \
        {"Tags": [{"Key": "a", "Value": "3"}, {"Key": "b", "Value": "2"}], "Arn": arn}
    assert admin.ok("untag-resource", "--arn", arn, "--tag-keys", "a", "absent") is None
    assert admin.user()["Tags"] == [{"Key": "b", "Value": "2"}]
    arn = server(admin)["Arn"]
    admin.ok("tag-resource", "--arn", arn, "--tags", *(f"Key=k{number},Value=v" for number in range(5)))
    listed = admin.ok("list-tags-for-resource", "--arn", arn, "--page-size", "2")["Tags"]
    assert [tag["Key"] for tag in listed] == [f"k{number}" for number in range(5)]
    part = admin.ok("list-tags-for-resource", "--arn", arn, "--max-items", "3")
    rest = admin.ok("list-tags-for-resource", "--arn", arn, "--starting-token", part["NextToken"])
    assert part["Tags"] + rest["Tags"] == listed


def test_arn_has_no_default(admin):
    for operation, missing in ("tag-resource", "--arn, --tags"), ("untag-resource", "--arn, --tag-keys"), \
            ("list-tags-for-resource", "--arn"):
        assert admin.wrong(operation).endswith(f"error: the following arguments are required: {missing}\n")


def test_identity_provider(admin):
    message = admin.refused("test-identity-provider", "--user-name", "alice", "--user-password", "x",
                            "--server-protocol", "SFTP", "--source-ip", "192.0.2.7")
    assert "(InvalidRequestException) when calling the TestIdentityProvider operation: " in message
