"""What is done through berth-api counts at the very next login: boto3 on one side, sshd and sftp on the other."""
import json
import subprocess
import sys

import pytest

from private_host import SOURCE, run

sys.path[:0] = [str(SOURCE / "tests" / "api"), str(SOURCE / "tests" / "admin")]

from admin_command import ROLE  # noqa: E402  pylint: disable=wrong-import-position
from api_host import ApiKey  # noqa: E402  pylint: disable=wrong-import-position
from boto3_client import new_client  # noqa: E402  pylint: disable=wrong-import-position

URL = "http://127.0.0.1:8443"  # what it listens on by itself
UID = 5701


@pytest.fixture
def client(host):
    """berth-api as a service would run it, on the host's own configuration, and a client with a new key."""
    shown = json.loads(run("berth", "api-key", "create", "--output", "json").out)
    process = subprocess.Popen(["/usr/sbin/berth-api"], stdin=subprocess.DEVNULL)
    try:
        host.wait_log("berth-api.*started ", 20)
        yield new_client(URL, ApiKey(shown["AccessKey"]))
    finally:
        process.terminate()
        status = process.wait(20)
    assert status == 0


class User:
    """A user of the API, and the client's own view of it."""

    def __init__(self, host, client, name):
        self.host, self.client, self.name, self.key = host, client, name, host.key(name)
        self.names = {"ServerId": host.server_id, "UserName": name}

    def create(self, *mappings):
        self.client.create_user(Role=ROLE, HomeDirectoryType="LOGICAL", HomeDirectoryMappings=self.entries(mappings),
                                PosixProfile={"Uid": UID, "Gid": UID}, SshPublicKeyBody=self.key.public, **self.names)

    @staticmethod
    def entries(mappings):
        return [{"Entry": entry, "Target": target} for entry, target in mappings]

    def logs_in(self, key=None):
        return self.host.sftp(self.name, key or self.key, "pwd\n").ok


@pytest.fixture
def user(host, client):
    """alice, with one directory as her root; gone after the test."""
    user = User(host, client, "alice")
    host.bucket("bucket", "alice", "shared", owner=UID)
    assert not user.logs_in()
    user.create(("/", "/bucket/alice"))
    yield user
    host.admin("delete-user", "--user-name", "alice", check=False)


def test_a_user_logs_in_the_next_second(host, user, upload):
    """Who was nobody a moment ago uploads a file, as the user of the record, into the directory of the record."""
    done = host.sftp("alice", user.key, f"put {upload} /upload\nls -ln\n")
    assert done.ok, repr(done)
    there = host.bucket("bucket") / "alice" / "upload"
    assert there.read_bytes() == upload.read_bytes() and there.stat().st_uid == UID
    with host.login("alice", user.key) as session:
        host.assert_sealed(session.pid)


def test_mappings_are_the_new_ones(host, client, user):
    entries = user.entries([("/mine", "/bucket/alice"), ("/ours", "/bucket/shared")])
    client.update_user(HomeDirectoryMappings=entries, **user.names)
    assert host.ls("alice", user.key, "/") == ["mine", "ours"]
    client.update_user(HomeDirectory="/ours", **user.names)
    assert "Remote working directory: /ours" in host.sftp("alice", user.key, "pwd\n").out


def test_keys_come_and_go(host, client, user):
    new = host.key("alice-new", "rsa")
    assert not user.logs_in(new)
    client.import_ssh_public_key(SshPublicKeyBody=new.public, **user.names)
    assert user.logs_in(new) and user.logs_in()
    old = client.describe_user(**user.names)["User"]["SshPublicKeys"][0]
    assert old["SshPublicKeyBody"] == user.key.public
    client.delete_ssh_public_key(SshPublicKeyId=old["SshPublicKeyId"], **user.names)
    assert user.logs_in(new) and not user.logs_in()


def test_a_stopped_server_admits_nobody(host, client, user):
    client.stop_server(ServerId=host.server_id)
    assert not user.logs_in()
    client.start_server(ServerId=host.server_id)
    assert user.logs_in()


def test_a_deleted_user_is_nobody(client, user):
    assert user.logs_in()
    client.delete_user(**user.names)
    assert not user.logs_in()
    user.create(("/", "/bucket/alice"))
    assert user.logs_in()
