"""The AWS SDK for JavaScript (@aws-sdk/client-transfer, pinned in tests/api/javascript) on berth-api."""
import contextlib
import json
import random

import pytest

import javascript_client
from admin_command import ROLE
from all_operations import NO_SERVER, refusal, run_all
from import_lines import ed25519
from javascript_client import JavascriptClient
from large_store import add_servers, add_tags, add_users

pytestmark = pytest.mark.skipif(javascript_client.missing() is not None, reason=str(javascript_client.missing()))


@pytest.fixture
def new_client(host):
    """Makes clients that end with the test."""
    with contextlib.ExitStack() as ends:
        yield lambda *arguments, **options: ends.enter_context(
            contextlib.closing(JavascriptClient(host, *arguments, **options)))


@pytest.fixture
def client(api, new_client):  # pylint: disable=unused-argument
    return new_client(maxAttempts=1)


def user(api, name="alice"):
    return {"ServerId": api.server_id, "UserName": name}


def test_every_operation(api, client):
    run_all(api, client, mapping_type=True)


def test_an_answer(api, client):
    """$metadata as the SDK fills it in from the headers; a body's members as its types say."""
    client("CreateUser", {"Role": ROLE, "SshPublicKeyBody": ed25519(random.Random(5)), **user(api)})
    answer = client.ask("DescribeUser", user(api))
    assert answer["metadata"]["httpStatusCode"] == 200 and answer["metadata"]["attempts"] == 1
    assert answer["metadata"]["requestId"] and answer["metadata"]["requestId"] in json.dumps(api.audit()[-1])
    date = answer["output"]["User"]["SshPublicKeys"][0]["DateImported"]
    assert date.startswith("20") and date.endswith("Z")  # a Date


def test_a_mapping_of_a_file(api, client):
    mapping = {"Entry": "/report.csv", "Target": "/bucket/reports/alice.csv", "Type": "FILE"}
    client("CreateUser", {"Role": ROLE, "HomeDirectoryType": "LOGICAL", "HomeDirectoryMappings": [mapping], **user(api)})
    assert client("DescribeUser", user(api))["User"]["HomeDirectoryMappings"] == [mapping]
    refused = refusal(client, "UpdateUser", {"HomeDirectoryMappings": [{**mapping, "Type": "LINK"}], **user(api)})
    assert refused.name == "ValidationException" and "FILE" in refused.message


def assert_error(client, name, operation, members, typed=True, **more):
    """err.name, what it is an instance of, whose fault it is, and its members."""
    error = refusal(client, operation, members).members
    assert error["name"] == name and error["message"]
    assert set(error["classes"]) == {"TransferServiceException"} | ({name} if typed else set())
    assert error["fault"] == ("server" if error["metadata"]["httpStatusCode"] == 500 else "client")
    assert error["metadata"]["requestId"]
    for member, value in more.items():
        assert error["members"][member] == value


def test_errors(api, client, new_client):
    assert_error(client, "ResourceNotFoundException", "DescribeUser", user(api), Resource="alice", ResourceType="User")
    assert_error(client, "ResourceNotFoundException", "ListUsers", {"ServerId": NO_SERVER}, ResourceType="Server")
    client("CreateUser", {"Role": ROLE, **user(api)})
    assert_error(client, "ResourceExistsException", "CreateUser", {"Role": ROLE, **user(api)}, Resource="alice")
    assert_error(client, "InvalidRequestException", "UpdateUser", {"HomeDirectory": "/a/../b", **user(api)})
    assert_error(client, "InvalidNextTokenException", "ListServers", {"NextToken": "none of ours"})
    assert_error(client, "ValidationException", "DescribeUser", {"UserName": "a/b", "ServerId": "s-1"}, typed=False)
    assert_error(client, "UnknownOperationException", "ListWorkflows", {}, typed=False)
    limited = new_client(api.create_key("--allow", "List*"), maxAttempts=1)
    assert_error(limited, "AccessDeniedException", "DescribeUser", user(api))
    api.admin.store.write_bytes(b"no store" * 1000)
    assert refusal(client, "DescribeUser", user(api)).name in ("ServiceUnavailableException", "InternalServiceError")


def test_errors_of_signatures(api, new_client):
    def credentials(key_id=api.key.id, secret=api.key.secret):
        return {"credentials": {"accessKeyId": key_id, "secretAccessKey": secret}, "maxAttempts": 1}

    for options, name in [(credentials(key_id="BRTHAAAAAAAAAAAAAAAA"), "UnrecognizedClientException"),
                          (credentials(secret="x" * 40), "InvalidSignatureException"),
                          ({"region": "eu-central-1", "maxAttempts": 1}, "InvalidSignatureException")]:
        assert_error(new_client(**options), name, "ListServers", {}, typed=False)


def test_pages(api, client):
    """To the end, each once, in order."""
    names = add_users(api)
    for size, count in (1000, 3), (90, 28):
        pages = client.pages("ListUsers", {"ServerId": api.server_id}, size)
        assert [one["UserName"] for page in pages for one in page["Users"]] == names and len(pages) == count
    servers = add_servers(api)
    pages = client.pages("ListServers", {}, 10)
    assert [one["ServerId"] for page in pages for one in page["Servers"]] == servers
    arn, tags = add_tags(api)
    pages = client.pages("ListTagsForResource", {"Arn": arn}, 20)
    assert [tag for page in pages for tag in page["Tags"]] == tags


@pytest.mark.parametrize("hours", [-3, 5])
def test_a_client_whose_clock_is_wrong(api, new_client, hours):
    """It learns the time from the refusal's Date header, and its second attempt is right."""
    client = new_client(systemClockOffset=hours * 3600_000)
    answer = client.ask("DescribeServer", {"ServerId": api.server_id})
    assert answer["output"]["Server"]["State"] == "ONLINE" and answer["metadata"]["attempts"] == 2
    assert abs(answer["clockOffset"]) < 60_000
    assert client.ask("DescribeServer", {"ServerId": api.server_id})["metadata"]["attempts"] == 1


def test_retry_when_throttled(api, new_client):
    """It waits as long as Retry-After says, where it would try again sooner by itself."""
    client = new_client(api.create_key("--rate", "1"), maxAttempts=5)
    answers = (client.ask("ListServers", {}) for _ in range(50))
    answer = next(answer for answer in answers if answer["metadata"]["attempts"] > 1)
    assert "output" in answer and answer["metadata"]["attempts"] == 2 and answer["metadata"]["totalRetryDelay"] > 900


def test_throttled(api, new_client):
    client = new_client(api.create_key("--rate", "1"), maxAttempts=1)
    answers = (client.ask("ListServers", {}) for _ in range(50))
    error = next(answer["error"] for answer in answers if "error" in answer)
    assert "ThrottlingException" in error["classes"] and int(error["members"]["RetryAfterSeconds"]) >= 1
    assert error["metadata"]["httpStatusCode"] == 400


def test_tls(host, new_client):
    host.configure(*host.make_certificate())
    host.start()
    trusting = new_client(variables={"NODE_EXTRA_CA_CERTS": str(host.certificate)}, maxAttempts=1)
    assert trusting("ListServers", {})["Servers"][0]["ServerId"] == host.server_id
    assert "self-signed" in new_client(maxAttempts=1).ask("ListServers", {})["error"]["message"]
