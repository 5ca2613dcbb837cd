"""Each operation through the command line, on a real store."""
import json
import os
import pwd
import re
import stat
import subprocess

import pytest

from admin_command import BERTH, ROLE


def test_create_server_makes_the_store(empty):
    before = empty.run("list-servers")
    assert before.returncode == 255
    assert str(empty.store) in before.stderr
    response = empty.ok("create-server", "--domain", "S3", "--protocols", "SFTP", "--tags", "Key=team,Value=ops")
    assert re.fullmatch(r"s-[0-9a-f]{17}", response["ServerId"])
    status = empty.store.stat()
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert status.st_uid == empty.store_directory.stat().st_uid


def test_describe_server(admin):
    admin.ok("create-server", "--domain", "EFS", "--endpoint-type", "PUBLIC", "--identity-provider-type", "SERVICE_MANAGED",
             "--protocols", "SFTP", "--security-policy-name", "TransferSecurityPolicy-2024-01", "--logging-role", ROLE,
             "--tags", "Key=a,Value=b")
    others = {server["ServerId"] for server in admin.ok("list-servers")["Servers"]} - {admin.server_id}
    server = admin.ok("describe-server", "--server-id", others.pop())["Server"]
    expected = {"Domain": "EFS", "EndpointType": "PUBLIC", "IdentityProviderType": "SERVICE_MANAGED", "Protocols": ["SFTP"],
                "SecurityPolicyName": "TransferSecurityPolicy-2024-01", "LoggingRole": ROLE, "State": "ONLINE",
                "UserCount": 0, "Tags": [{"Key": "a", "Value": "b"}]}
    assert {name: server.get(name) for name in expected} == expected


def test_describe_server_takes_the_configured_one(admin):
    admin.create_user()
    server = admin.ok("describe-server")["Server"]
    assert (server["ServerId"], server["UserCount"]) == (admin.server_id, 1)


def test_create_server_refuses_what_a_host_is_not(admin):
    message = admin.refused("create-server", "--protocols", "SFTP", "FTP")
    assert "calling the CreateServer operation" in message
    admin.refused("create-server", "--endpoint-type", "VPC", "--endpoint-details", "SubnetIds=a,b,VpcId=c")


def test_create_and_describe_user(admin, public_keys):
    response = admin.create_user(
        "alice", "--home-directory-type", "LOGICAL", "--home-directory-mappings", "Entry=/,Target=/bucket/alice",
        "--posix-profile", "Uid=5001,Gid=5002,SecondaryGids=7001,7002", "--policy", "{}", "--tags", "Key=a,Value=b",
        "--ssh-public-key-body", public_keys[0])
    assert response == {"ServerId": admin.server_id, "UserName": "alice"}
    user = admin.user()
    key = user.pop("SshPublicKeys")[0]
    assert user == {
        "Arn": f"arn:aws:transfer:us-east-1:000000000000:user/{admin.server_id}/alice", "UserName": "alice", "Role": ROLE,
        "HomeDirectoryType": "LOGICAL", "HomeDirectoryMappings": [{"Entry": "/", "Target": "/bucket/alice"}],
        "PosixProfile": {"Uid": 5001, "Gid": 5002, "SecondaryGids": [7001, 7002]}, "Policy": "{}",
        "Tags": [{"Key": "a", "Value": "b"}]}
    assert key["SshPublicKeyBody"] == public_keys[0].strip()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00", key["DateImported"])


def test_create_user_twice(admin):
    admin.create_user()
    message = admin.refused("create-user", "--user-name", "alice", "--role", ROLE)
    assert re.match(r"\nAn error occurred \(ResourceExistsException\) when calling the CreateUser operation: \S", message)


def test_shape_faults_are_the_operations(admin):
    message = admin.refused("create-user", "--user-name", "al ice", "--role", ROLE)
    assert message.startswith("\nAn error occurred (ValidationException) when calling the CreateUser operation: "
                              "1 validation error detected: Value at 'userName'")


@pytest.mark.parametrize("profile", ["Uid=0,Gid=5001", "Uid=999,Gid=5001", "Uid=5001,Gid=27", "Uid=4294967295,Gid=5001",
                                     "Uid=5001,Gid=5001,SecondaryGids=27"])
def test_floors(admin, profile):
    message = admin.refused("create-user", "--user-name", "alice", "--role", ROLE, "--posix-profile", profile)
    assert "InvalidRequestException" in message
    assert "ResourceNotFoundException" in admin.refused("describe-user", "--user-name", "alice")


def test_update_user(admin):
    admin.create_user("alice", "--home-directory", "/bucket/alice", "--posix-profile", "Uid=5001,Gid=5001")
    assert admin.ok("update-user", "--user-name", "alice", "--posix-profile", "Uid=5002,Gid=5002") == \
        {"ServerId": admin.server_id, "UserName": "alice"}
    user = admin.user()
    assert (user["PosixProfile"], user["HomeDirectory"]) == ({"Uid": 5002, "Gid": 5002}, "/bucket/alice")
    admin.ok("update-user", "--user-name", "alice", "--home-directory=")
    assert "HomeDirectory" not in admin.user()


def test_update_unknown_user(admin):
    assert "(ResourceNotFoundException) when calling the UpdateUser operation" in \
        admin.refused("update-user", "--user-name", "nobody", "--role", ROLE)


def test_delete_user_prints_nothing(admin):
    admin.create_user()
    assert admin.ok("delete-user", "--user-name", "alice") is None
    assert "ResourceNotFoundException" in admin.refused("delete-user", "--user-name", "alice")


def test_keys(admin, public_keys):
    admin.create_user("alice", "--ssh-public-key-body", public_keys[0])
    response = admin.ok("import-ssh-public-key", "--user-name", "alice", "--ssh-public-key-body",
                        admin.file("key.pub", public_keys[1]))
    assert re.fullmatch(r"key-[0-9a-f]{17}", response["SshPublicKeyId"])
    assert len(admin.user()["SshPublicKeys"]) == 2
    assert "ResourceExistsException" in admin.refused("import-ssh-public-key", "--user-name", "alice",
                                                      "--ssh-public-key-body", public_keys[1])
    delete = ["delete-ssh-public-key", "--user-name", "alice", "--ssh-public-key-id", response["SshPublicKeyId"]]
    assert admin.ok(*delete) is None
    assert [key["SshPublicKeyBody"] for key in admin.user()["SshPublicKeys"]] == [public_keys[0].strip()]
    assert "ResourceNotFoundException" in admin.refused(*delete)


def test_key_body_that_looks_like_a_flag(admin):
    admin.create_user()
    body = "---- BEGIN SSH2 PUBLIC KEY ----"
    assert "--ssh-public-key-body=VALUE" in admin.wrong("import-ssh-public-key", "--user-name", "alice",
                                                        "--ssh-public-key-body", body)
    admin.refused("import-ssh-public-key", "--user-name", "alice", f"--ssh-public-key-body={body}")


def test_list_users_in_pages(admin):
    names = [f"user{number:02d}" for number in range(7)]
    for name in names:
        admin.create_user(name)

    def listed(*words):
        response = admin.ok("list-users", *words)
        return [user["UserName"] for user in response["Users"]], response.get("NextToken")

    assert listed() == (names, None)
    assert listed("--page-size", "2") == (names, None)
    assert listed("--max-items", "7") == (names, None)
    first, token = listed("--max-items", "3")
    assert first == names[:3]
    assert listed("--starting-token", token) == (names[3:], None)
    second, token = listed("--max-results", "5")
    assert second == names[:5]
    assert listed("--next-token", token) == (names[5:], None)
    assert "InvalidNextTokenException" in admin.refused("list-users", "--next-token", "nonsense")


def test_a_server_that_is_not_there(admin):
    message = admin.refused("list-users", "--server-id", "s-00000000000000000")
    assert "ResourceNotFoundException" in message


def test_text_and_table(admin):
    admin.create_user("alice", "--posix-profile", "Uid=5001,Gid=5001,SecondaryGids=7001,7002", "--tags", "Key=a,Value=b")
    text = admin.run("describe-user", "--user-name", "alice", "--output", "text").stdout.splitlines()
    assert text[0] == admin.server_id
    assert text[1].split("\t")[0] == "USER"
    assert text[2:] == ["POSIXPROFILE\t5001\t5001", "SECONDARYGIDS\t7001", "SECONDARYGIDS\t7002", "TAGS\ta\tb"]
    table = admin.run("list-users", "--output", "table").stdout
    assert len({len(line) for line in table.splitlines()}) == 1
    assert "ListUsers" in table and "|  UserName" in table


def test_json_has_four_spaces(admin):
    admin.create_user()
    done = admin.run("describe-user", "--user-name", "alice", "--output", "json")
    assert done.stdout == json.dumps(json.loads(done.stdout), indent=4) + "\n"


def test_no_control_character_reaches_the_terminal(admin):
    admin.create_user("alice", "--tags", "Key=k,Value=\x1b[31mred\x9b")
    for form in "json", "text", "table":
        output = admin.run("describe-user", "--user-name", "alice", "--output", form).stdout
        assert "red" in output
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", output)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes the store's user")
def test_the_store_is_opened_as_its_user_alone(admin):
    link = admin.store_directory / "link.db"
    victim = admin.directory / "victim.db"
    admin.store.rename(victim)
    os.chown(victim, 0, 0)
    link.symlink_to(victim)
    admin.store = link
    admin.configure()
    done = admin.run("create-user", "--user-name", "alice", "--role", ROLE)
    assert done.returncode == 255
    assert str(link) in done.stderr


def test_output_that_cannot_be_written(admin):
    with open("/dev/full", "w", encoding="ascii") as full:
        failed = subprocess.run([BERTH, "admin", "--config", admin.config, "list-users"], stdout=full,
                                stderr=subprocess.PIPE, text=True, check=False)
    assert failed.returncode == 255
    assert "can't be written: No space left on device" in failed.stderr


def test_a_record_that_will_not_be_served_is_warned_of(admin):
    """The write is done: another host may share the store. The warning goes to stderr, the response to stdout."""
    local = pwd.getpwall()
    name = next(entry.pw_name for entry in local if 3 <= len(entry.pw_name) and entry.pw_name != "root")
    uid = next((entry.pw_uid for entry in local if entry.pw_uid >= 1000), None)
    result = admin.run("create-user", "--user-name", name, "--role", ROLE)
    assert result.returncode == 0 and json.loads(result.stdout)["UserName"] == name
    assert "warning: UserName %s stands in this host's /etc/passwd" % name in result.stderr
    profile = "Uid=%d,Gid=5001" % uid
    result = admin.run("create-user", "--user-name", "warned", "--role", ROLE, "--posix-profile", profile)
    assert result.returncode == 0 and "warning: Uid %d stands in" % uid in result.stderr
    result = admin.run("update-user", "--user-name", "warned", "--posix-profile", "Uid=5009,Gid=5009")
    assert (result.returncode, result.stderr) == (0, "")
