"""The audit log of real calls: what is in a line, and what never is."""
import json
import re
import socket
import struct
import subprocess

from admin_command import ROLE
from http_client import Client, ask, call, message
from test_server import locked_store, wait_requests

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOJF0b2qMAuTf77U4ekCoTTI7A0x4Eg2GTBMTsKYS0C1"
ALWAYS = {"time", "request", "authenticated", "client", "port", "result", "milliseconds"}


def test_every_operation_has_its_line(api):
    arn = f"arn:aws:transfer:us-east-1:000000000000:user/{api.server_id}/alice"
    one = {"ServerId": api.server_id, "UserName": "alice"}
    with Client(api) as client:
        def line(operation, members):
            answer = client.ask(call(api, operation, members))
            assert answer.status == 200, answer.body
            last = api.audit()[-1]
            assert last["request"] == answer.headers["x-amzn-requestid"] and last["key"] == api.key.id
            assert (last["operation"], last["result"], last["authenticated"]) == (operation, "ok", True)
            assert (last["client"], last["port"]) == ("127.0.0.1", client.socket.getsockname()[1])
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", last["time"]) and last["milliseconds"] > 0
            shown = {name: value for name, value in last.items() if name not in ALWAYS | {"key", "operation"}}
            return shown, answer
        user = {"server": api.server_id, "user": "alice"}
        assert line("CreateUser", {**one, "Role": ROLE, "Policy": "{}", "SshPublicKeyBody": None})[0] == {
            **user, "changed": ["Policy", "Role"]}
        assert line("UpdateUser", {**one, "HomeDirectory": "/a", "Unknown": 1})[0] == {**user, "changed": ["HomeDirectory"]}
        shown, answer = line("ImportSshPublicKey", {**one, "SshPublicKeyBody": KEY})
        key = answer.json["SshPublicKeyId"]
        assert shown == {**user, "ssh_public_key": key, "changed": ["SshPublicKeyBody"]}
        assert line("DeleteSshPublicKey", {**one, "SshPublicKeyId": key})[0] == {**user, "ssh_public_key": key}
        tags = [{"Key": "cost", "Value": "secret centre"}]
        assert line("TagResource", {"Arn": arn, "Tags": tags})[0] == {**user, "changed": ["Tags"]}
        assert line("ListTagsForResource", {"Arn": arn})[0] == user
        assert line("UntagResource", {"Arn": arn, "TagKeys": ["cost"]})[0] == {**user, "changed": ["TagKeys"]}
        assert line("DescribeUser", one)[0] == user
        assert line("DeleteUser", one)[0] == user
        assert line("ListServers", {})[0] == {}
        shown, answer = line("CreateServer", {"Domain": "S3"})
        assert shown == {"server": answer.json["ServerId"], "changed": ["Domain"]}
        assert line("StopServer", {"ServerId": answer.json["ServerId"]})[0] == {"server": answer.json["ServerId"]}
    text = api.log_file.read_text()
    for private in (api.key.secret, "Signature=", ROLE, KEY.split()[1], "centre", "/a"):
        assert private not in text


def test_refusals(api):
    with Client(api) as client:
        client.ask(call(api, "UpdateUser", {"ServerId": api.server_id, "UserName": "nobody", "Role": ROLE}))
        client.ask(call(api, "UpdateUser", {"ServerId": "s-\n", "UserName": "\u202etxt.\x1b[2J", "Role": 7}))
        client.ask(call(api, "CreateUser", {}).replace(b"CreateUser", b"DeleteUser"))
        client.ask(message([("Host", "x\x7f")], b"{}"))
    unknown, hostile, tampered, unsigned = api.audit()
    assert (unknown["result"], unknown["message"]) == ("ResourceNotFoundException", "Unknown user")
    assert unknown["user"] == "nobody"
    assert "changed" not in unknown
    assert hostile["result"] == "ValidationException" and not {"server", "user", "changed"} & set(hostile)
    assert (tampered["result"], tampered["authenticated"]) == ("InvalidSignatureException", False)
    assert tampered["key"] == api.key.id and "operation" not in tampered
    assert (unsigned["result"], unsigned["authenticated"]) == ("MissingAuthenticationTokenException", False)
    assert not {"key", "operation", "server"} & set(unsigned)
    assert api.log_file.read_bytes().replace(b"\n", b"").isascii()


def test_long_messages_are_cut(api):
    ask(api, call(api, "TagResource", {"Arn": "a" * 299 + "\u00e9" * 300, "Tags": [{"Key": "k", "Value": "v"}] * 50}))
    ask(api, call(api, "CreateUser", {name: 7 for name in ("HomeDirectory", "HomeDirectoryType", "HomeDirectoryMappings",
                                                           "Policy", "PosixProfile", "Role", "ServerId", "UserName")}))
    assert all(len(line) < 8192 for line in api.log_file.read_bytes().split(b"\n"))
    assert all(len(line["message"].encode()) <= 483 for line in api.audit())
    assert any(line["message"].endswith("…") for line in api.audit())


def test_a_flood_of_strangers_doesnt_fill_the_disk(api):
    with Client(api) as client:
        for _ in range(300):
            assert client.ask(message([("Host", "berth")], b"{}")).status == 400
        assert client.ask(call(api, "ListServers", {})).status == 200
    api.stop()
    lines = api.audit()
    refused = [line for line in lines if line.get("authenticated") is False]
    assert len(refused) < 300
    assert len(refused) + sum(line.get("suppressed", 0) for line in lines) == 300
    assert [line["operation"] for line in lines if line.get("authenticated")] == ["ListServers"]


def test_a_client_that_is_gone_leaves_its_lines(api):
    """Whoever tears the connection down while a write waits has no write without a line."""
    names = [f"user{n}" for n in range(10)]
    with locked_store(api):
        for count, name in enumerate(names, 1):
            client = Client(api)
            client.send(call(api, "CreateUser", {"ServerId": api.server_id, "UserName": name, "Role": ROLE}))
            wait_requests(api, count)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.socket.close()
    wait_requests(api, 0)
    assert {line["user"] for line in api.audit() if line["result"] == "ok"} == set(names)


def test_logrotate(api):
    """What packaging/ tells logrotate to do: rename, then SIGHUP."""
    old = api.log_file.with_name("api.jsonl.1")
    ask(api, call(api, "ListServers", {}))
    subprocess.run(["mv", api.log_file, old], check=True)
    api.hangup()
    api.wait_log("reloaded")
    ask(api, call(api, "ListServers", {}))
    assert [json.loads(line)["operation"] for line in old.read_text().splitlines()] == ["ListServers"]
    assert len(api.audit()) == 1
