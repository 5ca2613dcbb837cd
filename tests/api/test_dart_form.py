"""What the Dart client (package:aws_transfer_api, later package:aws_client) puts on the wire, byte for byte, over a plain
socket.

Its form: path "/?"; Content-Type with a charset; each header that it sets signed, in lower case as Dart's HTTP client writes
them; Host without the port, signed so and sent so; the body's required members first, the rest in alphabetical order.
"""
import json
import random
import time

import pytest

from admin_command import ROLE
from http_client import JSON, Client, message
from import_lines import ed25519
from signing import Signed, amz_date, sha256

OWN_HEADERS = [("user-agent", "Dart/3.5 (dart:io)"), ("accept-encoding", "gzip")]  # the HTTP client's, added after signing


def request(api, operation, payload, with_hash=True, change=None):
    """with_hash: newer releases send and sign x-amz-content-sha256. change: of the signed headers, before they are sent."""
    signed = Signed(api, body=json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode())
    signed.headers = [["content-type", f"{JSON}; charset=utf-8"], ["x-amz-target", f"TransferService.{operation}"],
                      ["x-amz-date", amz_date(time.time())], ["host", "127.0.0.1"]]
    if with_hash:
        signed.add("x-amz-content-sha256", sha256(signed.body))
    signed.sign()
    for name, value in change or []:
        signed[name] = value
    length = ("content-length", str(len(signed.body)))
    return message([*OWN_HEADERS, *signed.headers, length], signed.body, path="/?", length=False)


@pytest.fixture
def client(api):
    """One connection, kept open as its HTTP client does."""
    with Client(api) as made:
        yield made


def new_user(api):
    """In createUser()'s order."""
    return {"Role": ROLE, "ServerId": api.server_id, "UserName": "alice", "HomeDirectory": "/ü",
            "HomeDirectoryMappings": [{"Entry": "/ü", "Target": "/bucket/${Transfer:UserName}", "Type": "DIRECTORY"}],
            "HomeDirectoryType": "LOGICAL", "Policy": '{"Version":"2012-10-17"}',
            "PosixProfile": {"Gid": 5001, "Uid": 5001, "SecondaryGids": [7001]},
            "SshPublicKeyBody": ed25519(random.Random(6)), "Tags": [{"Key": "team", "Value": "ops"}]}


@pytest.mark.parametrize("with_hash", [True, False])
def test_calls(api, client, with_hash):
    user = new_user(api)
    answer = client.ask(request(api, "CreateUser", user, with_hash))
    assert (answer.status, answer.json) == (200, {"ServerId": api.server_id, "UserName": "alice"})
    assert answer.headers["content-type"] == JSON
    names = {"ServerId": api.server_id, "UserName": "alice"}
    answer = client.ask(request(api, "DescribeUser", names, with_hash))
    shown = answer.json["User"]
    # Dart takes a number for a time, and truncates it.
    assert answer.status == 200 and isinstance(shown["SshPublicKeys"][0]["DateImported"], (int, float))
    assert shown["PosixProfile"] == user["PosixProfile"] and shown["HomeDirectoryMappings"][0]["Target"] == "/bucket/alice"
    update = {**names, "HomeDirectory": "/bucket/new", "HomeDirectoryType": "PATH"}
    assert client.ask(request(api, "UpdateUser", update, with_hash)).status == 200
    assert api.admin.user()["HomeDirectory"] == "/bucket/new"
    answer = client.ask(request(api, "DeleteUser", names, with_hash))
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "0", b"")


def test_a_refusal(api, client):
    """Its name is read from __type first, then from the header; the text from Message."""
    answer = client.ask(request(api, "DescribeUser", {"ServerId": api.server_id, "UserName": "nobody-here"}))
    assert (answer.status, answer.error) == (400, "ResourceNotFoundException") and answer.json["Message"]


@pytest.mark.parametrize("header, value", [
    ("x-amz-target", "TransferService.DeleteUser"), ("host", "127.0.0.2"), ("content-type", JSON),
    ("x-amz-content-sha256", sha256(b"{}")), ("x-amz-anything", "more")])
def test_what_was_signed_counts(api, client, header, value):
    """Nothing of it can be another on the way."""
    api.admin.create_user()
    names = {"ServerId": api.server_id, "UserName": "alice"}
    answer = client.ask(request(api, "DescribeUser", names, change=[(header, value)]))
    assert (answer.status, answer.error) == (400, "InvalidSignatureException")
    assert api.admin.user()["UserName"] == "alice"
