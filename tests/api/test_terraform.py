"""Terraform's aws provider on berth-api: what is planned is applied, and planned again it is done."""
import json
import pathlib
import random
import re
import shutil

import pytest

import terraform_client
from admin_command import ROLE
from import_lines import ed25519
from terraform_client import CHANGES, NO_CHANGES, Terraform

CONFIGURATION = pathlib.Path(__file__).with_name("terraform")

pytestmark = pytest.mark.skipif(terraform_client.missing() is not None, reason=str(terraform_client.missing()))


class Site(Terraform):
    """A working directory with tests/api/terraform's configuration, on a host."""

    def __init__(self, host, **variables):
        self.host = host
        directory = host.directory / "terraform"
        shutil.copytree(CONFIGURATION, directory)
        super().__init__(directory, AWS_ACCESS_KEY_ID=host.key.id, AWS_SECRET_ACCESS_KEY=host.key.secret, **variables)

    def want(self, wanted):
        (self.directory / "wanted.auto.tfvars.json").write_text(json.dumps({"endpoint": self.host.url, **wanted}))

    def apply_all(self, wanted):
        """Nothing is left to do then. Returns how many resources were added, changed and destroyed."""
        self.want(wanted)
        said = self.apply()
        left, shown = self.plan()
        assert left == NO_CHANGES, shown
        return tuple(int(number) for number in re.search(r"(\d+) added, (\d+) changed, (\d+) destroyed", said).groups())

    def server_id(self):
        return json.loads(self.ok("output", "-json"))["server_id"]["value"]


def body(seed):
    return ed25519(random.Random(seed)) + f" key {seed}\n"


def policy(resource):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": resource}]})


def wanted_first():
    return {
        "server": {"logging_role": ROLE, "security_policy": "TransferSecurityPolicy-2024-01", "before_login": "Hello",
                   "tags": {"team": "ops"}},
        "hostname": "sftp.example.com",
        "users": {
            "alice": {"role": ROLE, "type": "LOGICAL", "mappings": [{"entry": "/in", "target": "/bucket/alice/in"},
                                                                     {"entry": "/out", "target": "/bucket/alice/out"}],
                      "home_directory": "/in", "posix_profile": {"uid": 5001, "gid": 5001, "secondary_gids": [7001, 7002]},
                      "policy": policy("${Transfer:UserName}"), "tags": {"team": "ops", "empty": ""}},
            "bob": {"role": ROLE, "type": "PATH", "home_directory": "/bucket/bob/", "tags": {"a": "1"}},
            "carol": {"role": ROLE},
        },
        "keys": {"first": {"user": "alice", "body": body(1)}, "second": {"user": "alice", "body": body(2)},
                 "bobs": {"user": "bob", "body": body(3)}},
    }


def described(host, server_id, name):
    return host.admin.ok("describe-user", "--server-id", server_id, "--user-name", name)["User"]


def assert_as_wanted(host, server_id, wanted):
    """What the store has is what was asked for, member by member, and nothing besides."""
    for name, user in wanted["users"].items():
        there = described(host, server_id, name)
        expected = {"Role": user["role"], "HomeDirectoryType": user.get("type") or "PATH",
                    "HomeDirectory": user.get("home_directory"), "Policy": user.get("policy")}
        if user.get("mappings"):
            expected["HomeDirectoryMappings"] = [
                {"Entry": mapping["entry"], "Target": mapping["target"]} for mapping in user["mappings"]]
        if user.get("posix_profile"):
            profile = user["posix_profile"]
            expected["PosixProfile"] = {"Uid": profile["uid"], "Gid": profile["gid"]}
            if profile.get("secondary_gids"):
                expected["PosixProfile"]["SecondaryGids"] = profile["secondary_gids"]
                there["PosixProfile"]["SecondaryGids"].sort()  # the provider's are a set
        if "Policy" in there:  # which the provider writes in a form of its own
            there["Policy"], expected["Policy"] = json.loads(there["Policy"]), json.loads(expected["Policy"])
        expected = {member: value for member, value in expected.items() if value}
        bodies = {key["body"].strip() for key in wanted["keys"].values() if key["user"] == name}
        assert {key["SshPublicKeyBody"] for key in there.pop("SshPublicKeys", [])} == bodies
        assert {tag["Key"]: tag["Value"] for tag in there.pop("Tags", [])} == user.get("tags", {})
        assert there.pop("UserName") == name and there.pop("Arn").endswith(f"/{server_id}/{name}")
        assert there == expected
    listed = host.admin.ok("list-users", "--server-id", server_id)["Users"]
    assert [one["UserName"] for one in listed] == sorted(wanted["users"])


def server_of(host, server_id):
    return host.admin.ok("describe-server", "--server-id", server_id)["Server"]


def wanted_then():
    """Every member another one; a key another, one fewer, one more."""
    role = ROLE + "-two"
    return {
        "server": {"logging_role": role, "security_policy": "TransferSecurityPolicy-2022-03", "before_login": "Hello you",
                   "after_login": "Welcome", "tags": {"team": "dev", "new": "é"},
                   "log_destinations": ["arn:aws:logs:us-east-1:000000000000:log-group:transfer:*"]},
        "hostname": "sftp.example.org",
        "users": {
            "alice": {"role": role, "type": "LOGICAL", "mappings": [{"entry": "/", "target": "/bucket/home/alice"}],
                      "home_directory": "/new", "posix_profile": {"uid": 5002, "gid": 5003, "secondary_gids": [7003]},
                      "policy": policy("other"), "tags": {"team": "dev", "new": "1"}},
            "bob": {"role": ROLE, "type": "PATH", "home_directory": "/other/bob", "tags": {},
                    "posix_profile": {"uid": 6001, "gid": 6001}},
            "carol": {"role": ROLE},
        },
        "keys": {"first": {"user": "alice", "body": body(4)}, "bobs": {"user": "bob", "body": body(3)},
                 "third": {"user": "bob", "body": body(5)}},
    }


def wanted_last():
    """The other type for both, members taken away, a user fewer and one more. A PosixProfile stays: nothing takes one away
    once it is there, neither here nor in AWS."""
    wanted = wanted_then()
    users = wanted["users"]
    users["alice"] = {"role": ROLE, "type": "PATH", "home_directory": "/bucket/home/alice",
                      "posix_profile": users["alice"]["posix_profile"]}
    users["bob"] = {"role": ROLE, "type": "LOGICAL", "mappings": [{"entry": "/b", "target": "/bucket/b"}],
                    "home_directory": "", "posix_profile": users["bob"]["posix_profile"]}
    users["dave"] = {"role": ROLE, "home_directory": ""}
    del users["carol"]
    wanted["server"] = {"security_policy": "TransferSecurityPolicy-2022-03", "before_login": "", "after_login": ""}
    return wanted


def change_meanwhile(host, server_id):
    """What somebody else might do, with another tool."""
    bob = ["--server-id", server_id, "--user-name", "bob"]
    for key in described(host, server_id, "bob")["SshPublicKeys"]:
        host.admin.ok("delete-ssh-public-key", *bob, "--ssh-public-key-id", key["SshPublicKeyId"])
    host.admin.ok("update-user", *bob, "--policy", policy("all"), "--role", ROLE + "-three")
    host.admin.ok("delete-user", "--server-id", server_id, "--user-name", "alice")


@pytest.mark.timeout(900)  # each command starts the provider, which takes seconds
def test_from_creation_to_destruction(host):
    """Every member made, changed and taken away, LOGICAL and PATH exchanged, and what was changed meanwhile put right: each
    time all is there afterwards, and nothing is left to do. Over TLS."""
    host.configure(*host.make_certificate())
    host.start()
    terraform = Site(host, AWS_CA_BUNDLE=str(host.certificate))
    wanted = wanted_first()
    terraform.want(wanted)
    assert terraform.plan()[0] == CHANGES
    assert terraform.apply_all(wanted) == (8, 0, 0)
    server_id = terraform.server_id()
    assert_as_wanted(host, server_id, wanted)
    server = server_of(host, server_id)
    assert server["LoggingRole"] == ROLE and server["PreAuthenticationLoginBanner"] == "Hello" and server["Domain"] == "EFS"
    assert {tag["Key"]: tag["Value"] for tag in server["Tags"]} == \
        {"team": "ops", "aws:transfer:customHostname": "sftp.example.com"}

    wanted = wanted_then()
    assert terraform.apply_all(wanted) == (2, 4, 2)
    assert_as_wanted(host, server_id, wanted)
    server = server_of(host, server_id)
    assert server["LoggingRole"] == wanted["server"]["logging_role"] and server["PostAuthenticationLoginBanner"] == "Welcome"
    assert server["SecurityPolicyName"] == "TransferSecurityPolicy-2022-03" and len(server["StructuredLogDestinations"]) == 1
    assert {tag["Value"] for tag in server["Tags"]} == {"dev", "é", "sftp.example.org"}

    change_meanwhile(host, server_id)
    wanted = wanted_last()
    assert terraform.apply_all(wanted) == (5, 2, 1)
    assert_as_wanted(host, server_id, wanted)
    assert not {"LoggingRole", "PreAuthenticationLoginBanner"} & set(server_of(host, server_id))

    terraform.ok("destroy", "-input=false", "-auto-approve")
    assert [one["ServerId"] for one in host.admin.ok("list-servers")["Servers"]] == [host.server_id]


def test_refused(api):
    """The service's own words reach whoever runs Terraform."""
    terraform = Site(api)
    terraform.want({"server": {}, "hostname": "a", "keys": {}, "users": {
        "alice": {"role": ROLE, "posix_profile": {"uid": 0, "gid": 0}, "home_directory": "/bucket"}}})
    done = terraform.run("apply", "-input=false", "-auto-approve")
    assert done.returncode == 1 and "InvalidRequestException" in done.stderr and "MinUid" in done.stderr
