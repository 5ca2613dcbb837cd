"""Every operation of the API through whatever client: an SDK's test gives a call() of its own, and what it answers is held
against what `berth admin` says of the same store.

    call(operation, members)   the response's members, {} for none, points in time as seconds; raises Refused
"""
import random

from admin_command import OPERATIONS, ROLE
from aws_command import as_on_the_wire
from import_lines import ed25519

NO_SERVER = "s-00000000000000000"
MAPPINGS = [{"Entry": "/in", "Target": "/bucket/home/alice/in"}, {"Entry": "/ä öü", "Target": "/bucket/gemeinsam/水"}]
POLICY = '{"Version": "2012-10-17", "Statement": [{"Sid": "\\"é\\"", "Resource": "${Transfer:UserName}"}]}'


class Refused(Exception):
    """name: the error's, as the client calls it. members: those of the error, when the client gives them."""

    def __init__(self, name, message, members=None):
        super().__init__(f"{name}: {message}")
        self.name, self.message, self.members = name, message, members or {}


def refusal(call, operation, members):
    """The Refused that the call must raise."""
    try:
        answer = call(operation, members)
    except Refused as refused:
        return refused
    raise AssertionError(f"{operation} was not refused: {answer}")


def rounded(value):
    """Times to the millisecond, as exact as the API is."""
    if isinstance(value, list):
        return [rounded(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: round(member, 3) if name == "DateImported" else rounded(member) for name, member in value.items()}


def flags(members):
    """As `berth admin` takes them, of members that are strings."""
    named = {"Arn": "--arn", "ServerId": "--server-id", "UserName": "--user-name"}
    return [word for name, value in members.items() for word in (named[name], value)]


class Round:
    """mapping_type: whether the client knows the Type of a mapping."""

    def __init__(self, admin, call, mapping_type=False):
        self.admin, self.client, self.mapping_type = admin, call, mapping_type
        self.called = set()

    def call(self, operation, **members):
        self.called.add(operation)
        return self.client(operation, members)

    def refused(self, operation, **members):
        self.called.add(operation)
        return refusal(self.client, operation, members)

    def same(self, operation, command, **members):
        """A response that is `berth admin`'s, member by member."""
        answer = self.call(operation, **members)
        shown = as_on_the_wire(self.admin.ok(command, *flags(members)))
        assert rounded(answer) == rounded(shown)
        return answer

    def run(self):
        server_id = self.server()
        self.user(server_id)
        self.keys(server_id)
        self.tags(server_id)
        self.gone(server_id)
        assert self.called == set(OPERATIONS)

    def server(self):
        tags = [{"Key": "team", "Value": "ops"}, {"Key": "empty", "Value": ""}]
        created = self.call("CreateServer", Domain="EFS", EndpointType="PUBLIC", IdentityProviderType="SERVICE_MANAGED",
                            LoggingRole=ROLE, Protocols=["SFTP"], Tags=tags,
                            SecurityPolicyName="TransferSecurityPolicy-2024-01")
        server = {"ServerId": created["ServerId"]}
        assert list(created) == ["ServerId"] and server["ServerId"] != self.admin.server_id
        described = self.same("DescribeServer", "describe-server", **server)["Server"]
        assert described["State"] == "ONLINE" and described["Tags"] == tags and described["Domain"] == "EFS"
        assert self.call("UpdateServer", LoggingRole="", PreAuthenticationLoginBanner="Hello\t\"you\"\n", **server) == server
        described = self.same("DescribeServer", "describe-server", **server)["Server"]
        assert described["PreAuthenticationLoginBanner"] == "Hello\t\"you\"\n" and "LoggingRole" not in described
        for operation, state in ("StopServer", "OFFLINE"), ("StartServer", "ONLINE"):
            assert self.call(operation, **server) == {}
            assert self.same("DescribeServer", "describe-server", **server)["Server"]["State"] == state
        assert {listed["ServerId"] for listed in self.same("ListServers", "list-servers")["Servers"]} == \
            {self.admin.server_id, server["ServerId"]}
        refused = self.refused("TestIdentityProvider", UserName="alice", **server)
        assert refused.name == "InvalidRequestException" and "not configured for external auth" in refused.message
        return server["ServerId"]

    def user(self, server_id):
        user = {"ServerId": server_id, "UserName": "alice"}
        mappings = [dict(mapping) for mapping in MAPPINGS]
        if self.mapping_type:
            mappings[0]["Type"], mappings[1]["Type"] = "DIRECTORY", "FILE"
        members = {"Role": ROLE, "HomeDirectoryType": "LOGICAL", "HomeDirectoryMappings": mappings,
                   "HomeDirectory": "/in/new", "Policy": POLICY,
                   "PosixProfile": {"Uid": 5001, "Gid": 4294967294, "SecondaryGids": [7001, 7002]},
                   "Tags": [{"Key": "team", "Value": "ops é"}]}
        key = ed25519(random.Random(1)) + " a comment"
        assert self.call("CreateUser", SshPublicKeyBody=f"  {key}\n", **members, **user) == user
        described = self.same("DescribeUser", "describe-user", **user)["User"]
        assert {name: described[name] for name in members} == members
        assert described["SshPublicKeys"][0]["SshPublicKeyBody"] == key
        assert self.call("UpdateUser", Policy="", HomeDirectory="", HomeDirectoryMappings=mappings[:1],
                         PosixProfile={"Uid": 5002, "Gid": 5002}, **user) == user
        described = self.same("DescribeUser", "describe-user", **user)["User"]
        assert described["HomeDirectoryMappings"] == mappings[:1] and not {"Policy", "HomeDirectory"} & set(described)
        path = {"HomeDirectoryType": "PATH", "HomeDirectory": "/bucket/${transfer:UserName}/"}
        assert self.call("UpdateUser", **path, **user) == user
        described = self.same("DescribeUser", "describe-user", **user)["User"]
        assert described["HomeDirectory"] == "/bucket/alice/" and "HomeDirectoryMappings" not in described
        self.call("CreateUser", UserName="bob@example.com", ServerId=server_id, Role=ROLE)
        listed = self.same("ListUsers", "list-users", ServerId=server_id)
        assert [one["UserName"] for one in listed["Users"]] == ["alice", "bob@example.com"]

    def keys(self, server_id):
        user = {"ServerId": server_id, "UserName": "alice"}
        body = ed25519(random.Random(2))
        imported = self.call("ImportSshPublicKey", SshPublicKeyBody=body, **user)
        keys = self.same("DescribeUser", "describe-user", **user)["User"]["SshPublicKeys"]
        assert {"ServerId": server_id, "UserName": "alice", "SshPublicKeyId": keys[1]["SshPublicKeyId"]} == imported
        assert keys[1]["SshPublicKeyBody"] == body
        assert self.call("DeleteSshPublicKey", SshPublicKeyId=keys[0]["SshPublicKeyId"], **user) == {}
        assert self.same("DescribeUser", "describe-user", **user)["User"]["SshPublicKeys"] == keys[1:]

    def tags(self, server_id):
        user = {"ServerId": server_id, "UserName": "alice"}
        arn = self.call("DescribeUser", **user)["User"]["Arn"]
        new = [{"Key": "aws:x", "Value": "1"}, {"Key": "empty", "Value": ""}, {"Key": "team", "Value": "dev"}]
        assert self.call("TagResource", Arn=arn, Tags=new) == {}
        assert self.same("ListTagsForResource", "list-tags-for-resource", Arn=arn) == {"Arn": arn, "Tags": new}
        assert self.call("UntagResource", Arn=arn, TagKeys=["aws:x", "absent"]) == {}
        listed = self.same("ListTagsForResource", "list-tags-for-resource", Arn=arn)["Tags"]
        assert listed == new[1:]

    def gone(self, server_id):
        assert self.refused("DeleteServer", ServerId=server_id).name == "InvalidRequestException"
        for name in "alice", "bob@example.com":
            assert self.call("DeleteUser", ServerId=server_id, UserName=name) == {}
        assert self.refused("DescribeUser", ServerId=server_id, UserName="alice").name == "ResourceNotFoundException"
        assert self.call("DeleteServer", ServerId=server_id) == {}
        assert self.refused("DescribeServer", ServerId=server_id).name == "ResourceNotFoundException"


def run_all(host, call, mapping_type=False):
    """All eighteen operations. The audit log then has a line for each."""
    Round(host.admin, call, mapping_type).run()
    assert {line["operation"] for line in host.audit()} == set(OPERATIONS)
