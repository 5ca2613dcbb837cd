"""Debian's boto3 on berth-api: nothing but its endpoint_url and its credentials differ from a program for AWS."""
import contextlib
import datetime
import json
import random
import sqlite3
import threading

import botocore
import pytest
from botocore.exceptions import ClientError, SSLError

from admin_command import ROLE
from all_operations import NO_SERVER, run_all
from api_host import REGION, new_api
from boto3_client import caller, new_client
from import_lines import ed25519
from large_store import add_servers, add_tags, add_users

UNKNOWN_KEY_ID = "BRTHAAAAAAAAAAAAAAAA"


class OtherKey:
    """Credentials that aren't a key's own."""

    def __init__(self, key, id=None, secret=None):  # pylint: disable=redefined-builtin
        self.id, self.secret = id or key.id, secret or key.secret


@pytest.fixture
def client(api):
    return new_client(api.url, api.key)


def user(api, name="alice"):
    return {"ServerId": api.server_id, "UserName": name}


def fault_of(api, client, operation, **members):
    """The exception of a call that must fail, as a program catches it."""
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**members)
    error = caught.value.response
    assert error["Error"]["Message"] and error["ResponseMetadata"]["RequestId"]
    assert api.process.poll() is None
    return caught.value


# Every operation


def test_every_operation(api, client):
    run_all(api, caller(client))


def test_what_comes_with_an_answer(api, client):
    """A request id, which the audit log has too; and no body for an operation without output."""
    api.admin.create_user()
    metadata = client.delete_user(**user(api))["ResponseMetadata"]
    headers = metadata["HTTPHeaders"]
    assert metadata["HTTPStatusCode"] == 200 and metadata["RetryAttempts"] == 0
    assert headers["content-type"] == "application/x-amz-json-1.1" and headers["content-length"] == "0"
    answered = datetime.datetime.strptime(headers["date"], "%a, %d %b %Y %H:%M:%S GMT")
    assert abs(answered - datetime.datetime.utcnow()) < datetime.timedelta(seconds=60)
    assert metadata["RequestId"] and metadata["RequestId"] in json.dumps(api.audit()[-1])


def test_times_are_points_in_time(api, client):
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=1)
    client.create_user(Role=ROLE, SshPublicKeyBody=ed25519(random), **user(api))
    imported = client.describe_user(**user(api))["User"]["SshPublicKeys"][0]["DateImported"]
    assert before < imported < datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)


def test_a_large_user(api, client):
    """More than a megabyte there and back."""
    mappings = [{"Entry": f"/{number} {'é' * 50}", "Target": f"/bucket/{number}/{'水' * 50}"} for number in range(5000)]
    client.create_user(Role=ROLE, HomeDirectoryType="LOGICAL", HomeDirectoryMappings=mappings, **user(api))
    assert client.describe_user(**user(api))["User"]["HomeDirectoryMappings"] == mappings


def test_from_many_threads(api, client):
    """A client is shared by threads: each has connections of its own, and each user is there once."""
    def create(worker):
        for number in range(25):
            client.create_user(Role=ROLE, **user(api, f"user{worker}-{number}"))

    workers = [threading.Thread(target=create, args=[number]) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    expected = {f"user{worker}-{number}" for worker in range(8) for number in range(25)}
    assert {listed["UserName"] for listed in api.admin.ok("list-users")["Users"]} == expected


def test_waiters(api, client):
    client.stop_server(ServerId=api.server_id)
    client.get_waiter("server_offline").wait(ServerId=api.server_id, WaiterConfig={"MaxAttempts": 1})
    client.start_server(ServerId=api.server_id)
    client.get_waiter("server_online").wait(ServerId=api.server_id, WaiterConfig={"MaxAttempts": 1})


# Every error


def test_resource_not_found(api, client):
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        client.describe_user(**user(api))
    assert (caught.value.response["Resource"], caught.value.response["ResourceType"]) == ("alice", "User")
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        client.list_users(ServerId=NO_SERVER)
    assert (caught.value.response["Resource"], caught.value.response["ResourceType"]) == (NO_SERVER, "Server")


def test_resource_exists(api, client):
    api.admin.create_user()
    with pytest.raises(client.exceptions.ResourceExistsException) as caught:
        client.create_user(Role=ROLE, **user(api))
    assert (caught.value.response["Resource"], caught.value.response["ResourceType"]) == ("alice", "User")


def test_invalid_request(api, client):
    with pytest.raises(client.exceptions.InvalidRequestException, match="HomeDirectoryMappings"):
        client.create_user(Role=ROLE, HomeDirectoryMappings=[{"Entry": "/", "Target": "/b"}], **user(api))


def test_invalid_next_token(api, client):
    for operation, members in [("list_users", {"ServerId": api.server_id}), ("list_servers", {})]:
        with pytest.raises(client.exceptions.InvalidNextTokenException):
            getattr(client, operation)(NextToken="none of ours", **members)


def test_throttling(api):
    client = new_client(api.url, api.create_key("--rate", "1"))
    with pytest.raises(client.exceptions.ThrottlingException) as caught:
        for _ in range(10):
            client.list_servers()
    response = caught.value.response
    assert int(response["RetryAfterSeconds"]) >= 1
    assert response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == response["RetryAfterSeconds"]
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_access_denied(api):
    """By operation and by server, each as the typed exception, with nothing done."""
    reads = new_client(api.url, api.create_key("--allow", "Describe*,List*"))
    assert reads.describe_server(ServerId=api.server_id)["Server"]["State"] == "ONLINE"
    assert [one["ServerId"] for one in reads.list_servers()["Servers"]] == [api.server_id]
    with pytest.raises(reads.exceptions.AccessDeniedException, match="StopServer"):
        reads.stop_server(ServerId=api.server_id)
    other = api.admin.ok("create-server")["ServerId"]
    bound = new_client(api.url, api.create_key("--server", other))
    assert bound.create_user(ServerId=other, UserName="alice", Role=ROLE)["UserName"] == "alice"
    own = bound.describe_user(ServerId=other, UserName="alice")["User"]["Arn"]
    bound.tag_resource(Arn=own, Tags=[{"Key": "a", "Value": "b"}])
    for operation, members in [("describe_user", user(api)), ("create_user", {"Role": ROLE, **user(api)}),
                               ("stop_server", {"ServerId": api.server_id}),
                               ("list_tags_for_resource", {"Arn": own.replace(other, api.server_id)}),
                               ("untag_resource", {"Arn": own.replace(other, api.server_id), "TagKeys": ["a"]}),
                               ("create_server", {}), ("list_servers", {})]:
        with pytest.raises(bound.exceptions.AccessDeniedException):
            getattr(bound, operation)(**members)
    assert api.admin.ok("describe-server")["Server"]["State"] == "ONLINE"
    assert api.admin.ok("list-users")["Users"] == []


def test_internal_service_error(api, client):
    """A store whose data can't be read."""
    with contextlib.closing(sqlite3.connect(api.admin.store)) as connection, connection:
        connection.execute("UPDATE servers SET settings = '[]'")
    with pytest.raises(client.exceptions.InternalServiceError) as caught:
        client.describe_server(ServerId=api.server_id)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500


@contextlib.contextmanager
def store_away(api):
    """The store's files under other names for the length of the block."""
    files = api.admin.store_directory.glob(api.admin.store.name + "*")
    moved = [(path, path.with_name(f"away-{path.name}")) for path in files]
    for path, away in moved:
        path.rename(away)
    try:
        yield
    finally:
        for path, away in moved:
            away.rename(path)


def test_service_unavailable(api, client):
    with store_away(api):
        for operation, members in ("describe_user", user(api)), ("delete_user", user(api)):
            with pytest.raises(client.exceptions.ServiceUnavailableException) as caught:
                getattr(client, operation)(**members)
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert client.list_users(ServerId=api.server_id)["Users"] == []


def test_validation(api):
    """botocore finds most faults itself; not those of patterns, and none when it is told not to look."""
    client = new_client(api.url, api.key, parameter_validation=False)
    error = fault_of(api, client, "create_user", SshPublicKeyBody="key", **user(api, "not/good")).response
    assert error["Error"]["Code"] == "ValidationException" and error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert "3 validation errors detected" in error["Error"]["Message"] and "'userName'" in error["Error"]["Message"]
    error = fault_of(api, client, "describe_user", ServerId=api.server_id, UserName=["alice"]).response
    assert error["Error"]["Code"] in ("SerializationException", "ValidationException")


def test_an_operation_that_is_not_here(api, client):
    assert fault_of(api, client, "list_workflows").response["Error"]["Code"] == "UnknownOperationException"


def test_without_a_signature(api):
    client = new_client(api.url, api.key, signature_version=botocore.UNSIGNED)
    assert fault_of(api, client, "list_servers").response["Error"]["Code"] == "MissingAuthenticationTokenException"


def test_an_incomplete_signature(api, client):
    def shorten(request, **_):
        request.headers["Authorization"] = request.headers["Authorization"].replace(b", Signature=", b", Signed=")

    client.meta.events.register("before-send", shorten)
    assert fault_of(api, client, "list_servers").response["Error"]["Code"] == "IncompleteSignatureException"


def test_a_body_that_is_no_json(api, client):
    def spoil(params, **_):
        params["body"] = b'{"MaxResults": 1'

    client.meta.events.register("before-call", spoil)
    assert fault_of(api, client, "list_servers").response["Error"]["Code"] == "SerializationException"


def test_unknown_and_disabled_keys(api, client):
    unknown = new_client(api.url, OtherKey(api.key, id=UNKNOWN_KEY_ID))
    assert fault_of(api, unknown, "list_servers").response["Error"]["Code"] == "UnrecognizedClientException"
    client.list_servers()
    for verb in "disable", "enable", "delete":
        done = api.admin.berth("api-key", verb, "--config", api.admin.config, api.key.id)
        assert done.returncode == 0, done.stderr
        if verb == "enable":
            client.list_servers()
        else:
            assert fault_of(api, client, "list_servers").response["Error"]["Code"] == "UnrecognizedClientException"


def test_wrong_signatures(api):
    """Another secret, and another region than the configuration's."""
    other_secret = new_client(api.url, OtherKey(api.key, secret="x" * 40))
    for wrong in other_secret, new_client(api.url, api.key, region="eu-central-1"):
        assert fault_of(api, wrong, "list_servers").response["Error"]["Code"] == "InvalidSignatureException"


def test_another_region():
    with new_api("Region eu-central-1", "AccountId 123456789012") as api:
        api.start()
        client = new_client(api.url, api.key, region="eu-central-1")
        arn = client.describe_server(ServerId=api.server_id)["Server"]["Arn"]
        assert arn == f"arn:aws:transfer:eu-central-1:123456789012:server/{api.server_id}"
        wrong = fault_of(api, new_client(api.url, api.key, region=REGION), "list_servers").response["Error"]
        assert wrong["Code"] == "InvalidSignatureException" and "us-east-1" in wrong["Message"]


# Pages


@pytest.mark.parametrize("size", [None, 1000, 7])
def test_all_users_in_pages(api, client, size):
    """To the end, each once, in order."""
    names = add_users(api)
    pages = list(client.get_paginator("list_users").paginate(ServerId=api.server_id, PaginationConfig={"PageSize": size}))
    assert [one["UserName"] for page in pages for one in page["Users"]] == names
    assert len(pages) == -(-len(names) // (size or 1000)) and "NextToken" not in pages[-1]
    assert {page["ServerId"] for page in pages} == {api.server_id}


def test_servers_and_tags_in_pages(api, client):
    servers = add_servers(api)
    listed = client.get_paginator("list_servers").paginate(PaginationConfig={"PageSize": 4}).build_full_result()["Servers"]
    assert [one["ServerId"] for one in listed] == servers
    arn, tags = add_tags(api)
    pages = list(client.get_paginator("list_tags_for_resource").paginate(Arn=arn, PaginationConfig={"PageSize": 7}))
    assert [tag for page in pages for tag in page["Tags"]] == tags and len(pages) == 8


def test_going_on_from_a_token(api, client):
    names = add_users(api, 30)
    paginator = client.get_paginator("list_users")
    first = paginator.paginate(ServerId=api.server_id, PaginationConfig={"MaxItems": 12, "PageSize": 5}).build_full_result()
    rest = paginator.paginate(ServerId=api.server_id, PaginationConfig={"StartingToken": first["NextToken"]})
    assert [one["UserName"] for one in first["Users"] + rest.build_full_result()["Users"]] == names


# Retries


@pytest.mark.parametrize("mode", ["legacy", "standard"])
def test_retry_when_throttled(api, mode):
    """More calls than the key may: the client waits, and succeeds."""
    client = new_client(api.url, api.create_key("--rate", "2"), retries={"mode": mode, "total_max_attempts": 10})
    attempts = (client.list_servers()["ResponseMetadata"]["RetryAttempts"] for _ in range(100))
    assert next(filter(None, attempts), 0) >= 1


def test_retry_when_unavailable(api):
    """The store is back at the second attempt."""
    client = new_client(api.url, api.key, retries={"mode": "standard", "total_max_attempts": 3})
    with contextlib.ExitStack() as away:
        away.enter_context(store_away(api))
        attempts = []

        def come_back(**_):
            attempts.append(None)
            if len(attempts) == 2:
                away.close()

        client.meta.events.register("before-send", come_back)
        metadata = client.create_user(Role=ROLE, **user(api))["ResponseMetadata"]
    assert metadata["RetryAttempts"] == 1 and api.admin.user()["UserName"] == "alice"


def test_no_retry_when_refused(api):
    """A refusal is a 400, which no client tries again."""
    client = new_client(api.url, api.key, retries={"mode": "standard", "total_max_attempts": 5})
    assert fault_of(api, client, "describe_user", **user(api)).response["ResponseMetadata"]["RetryAttempts"] == 0


# TLS


def test_tls(host):
    host.configure(*host.make_certificate())
    host.start()
    client = new_client(host.url, host.key, verify=str(host.certificate))
    assert host.url.startswith("https:") and client.list_servers()["Servers"][0]["ServerId"] == host.server_id
    with pytest.raises(SSLError):
        new_client(host.url, host.key).list_servers()


