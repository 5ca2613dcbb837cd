"""Signatures over real HTTP: whatever part of a request isn't as it was signed, SDKs read the error's name that they know,
and the store stays as it was. Most requests here would delete a user if they were taken."""
import contextlib
import json
import sqlite3
import time

import pytest

from admin_command import ROLE
from api_host import new_api, wait_until
from http_client import Client, ask
from signing import RIGHT_FORM, Signed, amz_date, chunked, sha256

MISSING, INCOMPLETE = "MissingAuthenticationTokenException", "IncompleteSignatureException"
UNRECOGNIZED, INVALID = "UnrecognizedClientException", "InvalidSignatureException"
EMPTY_HASH = sha256(b"")
MISMATCH = "does not match the signature you provided"
MINUTES = 60


@pytest.fixture(scope="module")
def api():
    """One berth-api for all of these tests, with a user, alice. At the end: no secret and no signature in any log."""
    with new_api() as host:
        host.start()
        host.admin.create_user()
        host.sent = []
        yield host
        logs = host.log() + host.log_file.read_text()
        assert host.key.id in logs
        assert host.key.secret not in logs and not [signature for signature in host.sent if signature in logs]
        assert host.stop() == 0


def rows(api):
    """All that is in the store."""
    with contextlib.closing(sqlite3.connect(f"file:{api.admin.store}?mode=ro", uri=True)) as store:
        return list(store.iterdump())


def alice(api, operation="DeleteUser", **options):
    """A request, not signed yet, for the one user that there is."""
    return Signed(api, operation, {"ServerId": api.server_id, "UserName": "alice"}, **options)


def refused(request, name, text="", **framing):
    """The request is refused with this error, and nothing has happened."""
    before = rows(request.api)
    answer = request.ask(**framing)
    assert (answer.status, answer.error) == (400, name), answer.body
    assert text in answer.json["Message"]
    assert request.key.secret not in answer.body.decode()
    assert rows(request.api) == before
    request.api.sent.append(request.signature)


def taken(request, **framing):
    answer = request.ask(**framing)
    assert answer.status == 200, answer.body
    request.api.sent.append(request.signature)
    return answer


def test_signed_by_hand(api):
    assert taken(alice(api, "DescribeUser").sign()).json["User"]["UserName"] == "alice"


# -- the Authorization header

@pytest.mark.parametrize("form", [
    "AWS4-HMAC-SHA256 Credential={credential},SignedHeaders={signed},Signature={signature}",
    "AWS4-HMAC-SHA256 Signature={signature}, Credential={credential},  SignedHeaders={signed}"])
def test_authorization_in_any_order(api, form):
    taken(alice(api, "DescribeUser").sign(form=form))


@pytest.mark.parametrize("form, name, text", [
    ("Basic YWxpY2U6c2VjcmV0", INCOMPLETE, "requires the algorithm 'AWS4-HMAC-SHA256'"),
    (RIGHT_FORM.replace("SHA256", "SHA1"), INCOMPLETE, "requires the algorithm"),
    ("AWS4-HMAC-SHA256", INCOMPLETE, "requires 'Credential' parameter. Authorization header requires 'SignedHeaders'"),
    ("AWS4-HMAC-SHA256 SignedHeaders={signed}, Signature={signature}", INCOMPLETE, "requires 'Credential' parameter."),
    ("AWS4-HMAC-SHA256 Credential={credential}, Signature={signature}", INCOMPLETE, "requires 'SignedHeaders' parameter."),
    ("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}", INCOMPLETE, "requires 'Signature' parameter."),
    (RIGHT_FORM + ", Signature={signature}", INCOMPLETE, "more than one 'Signature'"),
    (RIGHT_FORM + ", Credential={credential}", INCOMPLETE, "more than one 'Credential'"),
    (RIGHT_FORM + ", SignedHeaders={signed}", INCOMPLETE, "more than one 'SignedHeaders'"),
    (RIGHT_FORM + ", Expires=900", INCOMPLETE, "other than"), (RIGHT_FORM + ",", INCOMPLETE, "missing equal-sign"),
    (RIGHT_FORM + "0", INCOMPLETE, "64 hexadecimal digits"), (RIGHT_FORM + "/", INCOMPLETE, "64 hexadecimal digits"),
    (RIGHT_FORM.replace("{credential}", "{credential}/"), INCOMPLETE, "5 slash-delimited"),
    (RIGHT_FORM.replace("{credential}", "AKIDEXAMPLE"), INCOMPLETE, "5 slash-delimited")])
def test_authorization_refused(api, form, name, text):
    refused(alice(api).sign(form=form), name, text)


def test_no_authorization(api):
    request = alice(api).sign()
    request.drop("Authorization")
    refused(request, MISSING)


def test_two_authorizations(api):
    request = alice(api).sign()
    refused(request.add("authorization", request["Authorization"]), INCOMPLETE, "'Authorization' may stand only once")


def test_signature_in_the_query(api):
    """A presigned URL: no SDK makes one for this service, and it would stand in every proxy's log."""
    request = alice(api)
    request.query = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=x&X-Amz-Signature={'0' * 64}"
    request.sign()
    refused(request, INCOMPLETE, "in its query")
    request.drop("Authorization")
    refused(request, MISSING, "a signature in a query")


@pytest.mark.parametrize("place", [0, 31, 63])
def test_signature_with_a_digit_changed(api, place):
    request = alice(api).sign()
    digit = "1" if request.signature[place] == "0" else "0"
    signature = request.signature[:place] + digit + request.signature[place + 1:]
    refused(request.authorize(signature=signature), INVALID, MISMATCH)


def test_signature_of_another_secret(api):
    request, key = alice(api), api.key
    request.key = type("Key", (), {"id": key.id, "secret": "x" * 40})
    refused(request.sign(), INVALID, MISMATCH)


@pytest.mark.parametrize("key_id", ["BRTHAAAAAAAAAAAAAAAA", "", "x", "A" * 129, "no-key", "..", "%00", "\u00e4"])
def test_unknown_key(api, key_id):
    request = alice(api)
    request.key = type("Key", (), {"id": key_id, "secret": api.key.secret})
    refused(request.sign(), UNRECOGNIZED, "The security token included in the request is invalid.")


def test_key_of_somebody_else(api):
    """Another key's id with a right signature of one's own."""
    other = api.create_key("--allow", "Describe*")
    request = alice(api).sign()
    refused(request.authorize(credential=request.credential.replace(api.key.id, other.id)), INVALID, MISMATCH)


@pytest.mark.parametrize("signed", [
    "host;content-type;x-amz-date;x-amz-target", "content-type;host;x-amz-date;x-amz-date;x-amz-target",
    "Content-Type;Host;X-Amz-Date;X-Amz-Target", "content-type;host;x-amz-date;x-amz-target;",
    "content-type; host; x-amz-date; x-amz-target"])
def test_signed_headers_not_in_form(api, signed):
    refused(alice(api).sign().authorize(signed=signed), INCOMPLETE, "in lower case, sorted, each once")


@pytest.mark.parametrize("name", ["host", "content-type", "x-amz-date", "x-amz-target"])
def test_left_unsigned(api, name):
    """Rightly signed, but for a header that decides something."""
    refused(alice(api).sign(leave=[name]), INVALID, "must be a 'SignedHeader' in the AWS Authorization.")


def test_every_amz_header_is_to_be_signed(api):
    request = alice(api).add("X-Amz-User-Agent", "aws-sdk-js/3")
    refused(request.sign(leave=["x-amz-user-agent"]), INVALID, "'X-Amz-User-Agent' must be a 'SignedHeader'")
    taken(alice(api, "DescribeUser").add("X-Amz-User-Agent", "aws-sdk-js/3").sign())
    taken(alice(api, "DescribeUser").add("User-Agent", "curl").add("X-Amzn-Trace-Id", "Root=1").sign(
        leave=["user-agent", "x-amzn-trace-id"]))


def test_signed_but_absent(api):
    refused(alice(api).sign(more=["x-amz-user-agent"]), INVALID, "The signed header 'x-amz-user-agent' isn't in the request")


# -- the other headers, changed once they were signed

@pytest.mark.parametrize("name, value", [
    ("X-Amz-Target", "TransferService.DescribeUser"), ("Host", "127.0.0.1"), ("Host", "berth.example"),
    ("Content-Type", "application/x-amz-json-1.0"), ("Content-Type", "application/x-amz-json-1.1; charset=utf-8")])
def test_header_tampered_with(api, name, value):
    request = alice(api).sign()
    request[name] = value
    refused(request, INVALID, MISMATCH)


@pytest.mark.parametrize("name, error", [
    ("Host", INVALID), ("Content-Type", INVALID), ("X-Amz-Target", INVALID), ("X-Amz-Date", INCOMPLETE)])
def test_header_dropped(api, name, error):
    request = alice(api).sign()
    request.drop(name)
    before = rows(api)
    answer = request.ask()
    assert answer.status == 400 and rows(api) == before
    # Of an HTTP/1.1 request without Host nothing more is read.
    assert name == "Host" or answer.error == error


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("name", ["Host", "Content-Type", "X-Amz-Date", "X-Amz-Target"])
def test_header_doubled(api, name, where):
    """Of two, one could be signed and the other one obeyed."""
    request = alice(api).sign()
    request.headers.insert(0 if where == "before" else len(request.headers), [name.lower(), request[name]])
    refused(request, INCOMPLETE, f"'{name}' may stand only once")


def test_headers_reordered(api):
    """Which order they come in isn't signed: proxies change it."""
    request = alice(api, "DescribeUser").sign()
    request.headers.reverse()
    taken(request)


def test_values_of_one_name_reordered(api):
    request = alice(api).add("X-Amz-Meta", "1").add("X-Amz-Meta", "2").sign()
    request.headers[-3][1], request.headers[-2][1] = "2", "1"
    refused(request, INVALID, MISMATCH)
    taken(alice(api, "DescribeUser").add("X-Amz-Meta", "1").add("X-Amz-Meta", "2").sign())


def test_white_space_is_not_signed(api):
    request = alice(api, "DescribeUser").add("X-Amz-Meta", "a  b \t c").sign()
    request["X-Amz-Meta"] = " a b   c "
    taken(request)


@pytest.mark.parametrize("query", ["a=b", "Action=DeleteUser"])
def test_query_tampered_with(api, query):
    request = alice(api).sign()
    request.query = query
    refused(request, INVALID, MISMATCH)


def test_query_signed(api):
    request = alice(api, "DescribeUser")
    request.query = "b=2&a=1"
    taken(request.sign())


# -- the body

@pytest.mark.parametrize("change", [lambda body: body.replace(b"alice", b"bobby"), lambda body: body + b" ",
                                    lambda body: b"", lambda body: body[::-1]])
def test_body_tampered_with(api, change):
    request = alice(api).sign()
    request.body = change(request.body)
    refused(request, INVALID, MISMATCH)
    refused(request, INVALID, MISMATCH, chunks=[7])


def test_payload_hash(api):
    request = alice(api, "DescribeUser")
    taken(request.add("X-Amz-Content-Sha256", sha256(request.body)).sign())


@pytest.mark.parametrize("payload", [EMPTY_HASH, sha256(b"{}")])
def test_payload_hash_of_another_body(api, payload):
    """Signed, even as S3 would take it: with the header's hash in the body's place."""
    refused(alice(api).add("X-Amz-Content-Sha256", payload).sign(), INVALID, "header does not match what was computed")
    refused(alice(api).add("X-Amz-Content-Sha256", payload).sign(payload=payload), INVALID, "header does not match")


@pytest.mark.parametrize("payload", [
    "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "", EMPTY_HASH.upper()])
def test_payload_that_is_not_signed(api, payload):
    request = alice(api).add("X-Amz-Content-Sha256", payload).sign(payload=payload or EMPTY_HASH)
    refused(request, INVALID, "UNSIGNED-PAYLOAD")
    refused(request, INVALID, "UNSIGNED-PAYLOAD", chunks=[7])


def test_payload_hash_twice(api):
    request = alice(api)
    request.add("X-Amz-Content-Sha256", sha256(request.body)).add("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    refused(request.sign(), INCOMPLETE, "'X-Amz-Content-Sha256' may stand only once")


# -- scope, clock, tokens

@pytest.mark.parametrize("place, value, text", [
    (1, "eu-west-1", "Credential should be scoped to a valid region, not 'eu-west-1'."),
    (1, "US-EAST-1", "Credential should be scoped to a valid region, not 'US-EAST-1'."),
    (2, "s3", "Credential should be scoped to correct service: 'transfer'."),
    (3, "aws4", "a valid terminator: 'aws4_request', not 'aws4'."),
    (0, "20150830", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150830'")])
def test_scope(api, place, value, text):
    request = alice(api)
    request.scope[place] = value
    refused(request.sign(), INVALID, text)


@pytest.mark.parametrize("late, text", [(16 * MINUTES, "Signature expired: "),
                                        (-16 * MINUTES, "Signature not yet current: "),
                                        (365 * 24 * 60 * MINUTES, "Signature expired: ")])
def test_clock(api, late, text):
    request = alice(api)
    request["X-Amz-Date"] = amz_date(time.time() - late)
    refused(request.sign(), INVALID, text + request["X-Amz-Date"])


@pytest.mark.parametrize("late", [14 * MINUTES, -14 * MINUTES])
def test_clock_within_bounds(api, late):
    request = alice(api, "DescribeUser")
    request["X-Amz-Date"] = amz_date(time.time() - late)
    taken(request.sign())


def test_late_request_with_a_new_date(api):
    request = alice(api)
    request["X-Amz-Date"] = amz_date(time.time() - 20 * MINUTES)
    request.sign()
    request["X-Amz-Date"] = amz_date(time.time())
    before = rows(api)
    answer = request.ask()
    assert (answer.status, answer.error) == (400, INVALID) and rows(api) == before


@pytest.mark.parametrize("date", ["", "now", "20260230T000000Z", "2026-01-01T00:00:00Z", "Thu, 01 Jan 2026 00:00:00 GMT"])
def test_date_that_is_none(api, date):
    request = alice(api)
    request.scope[0], request["X-Amz-Date"] = "20260101", date
    refused(request.sign(), INCOMPLETE, "ISO-8601 'basic format'")


def test_date_header_alone(api):
    """AWS takes Date in X-Amz-Date's place; no SDK sends it so."""
    request = alice(api).add("Date", "Thu, 01 Jan 2026 00:00:00 GMT").sign()
    request.drop("X-Amz-Date")
    refused(request, INCOMPLETE, "'X-Amz-Date'")


@pytest.mark.parametrize("leave", [[], ["x-amz-security-token"]])
def test_session_token(api, leave):
    refused(alice(api).add("X-Amz-Security-Token", "AQoDYXdzEPT").sign(leave=leave), UNRECOGNIZED, "The security token")


# -- a captured request

def test_captured_request_is_no_other_one(api):
    """Who saw a DescribeUser go by, all of it, makes no DeleteUser of it: they differ in X-Amz-Target alone."""
    captured = alice(api, "DescribeUser").sign()
    taken(captured)
    target = captured["X-Amz-Target"]
    captured["X-Amz-Target"] = "TransferService.DeleteUser"
    refused(captured, INVALID, MISMATCH)
    captured.authorize(signed=";".join(name for name in captured.signed if name != "x-amz-target"))
    refused(captured, INVALID, "'X-Amz-Target' must be a 'SignedHeader'")
    captured.authorize()
    for first, second in (("DeleteUser", "DescribeUser"), ("DescribeUser", "DeleteUser")):
        captured.drop("X-Amz-Target")
        captured.add("X-Amz-Target", f"TransferService.{first}").add("x-amz-target", f"TransferService.{second}")
        refused(captured, INCOMPLETE, "'X-Amz-Target' may stand only once")
    captured.drop("X-Amz-Target")
    captured.add("X_Amz_Target", "TransferService.DeleteUser")
    refused(captured, INVALID, "The signed header 'x-amz-target' isn't in the request")
    captured.drop("X_Amz_Target")
    taken(captured.add("X-Amz-Target", target))


# -- how clients frame what they sign

@pytest.mark.parametrize("sizes", [[1], [7, 1, 1000], [100000]])
def test_chunked(api, sizes):
    taken(alice(api, "DescribeUser").sign(), chunks=sizes)


def test_a_byte_at_a_time(api):
    request = alice(api, "DescribeUser").sign()
    for data in (request.bytes(), request.bytes(chunks=[5])):
        with Client(api) as client:
            for place in range(len(data)):
                client.send(data[place:place + 1])
            assert client.answer().status == 200


def test_expect_100_continue(api):
    """As curl does: the body waits for leave; what can be refused without it gets none."""
    request = alice(api, "DescribeUser").add("Expect", "100-continue").sign(leave=["expect"])
    with Client(api) as client:
        head = request.bytes()[:-len(request.body)]
        client.send(head)
        assert client.answer().status == 100
        client.send(request.body)
        assert client.answer().json["User"]["UserName"] == "alice"
    with Client(api) as client:
        client.send(head.replace(b"aws4_request", b"aws5_request"))
        assert client.answer().error == INVALID
    with Client(api) as client:
        client.send(head.replace(request.signature.encode(), b"0" * 64))
        assert client.answer().status == 100
        client.send(request.body)
        assert client.answer().error == INVALID


def test_as_the_dart_client_signs(api):
    """Every header that it sets, Host without its port, and the path with a question mark."""
    request = alice(api, "DescribeUser", body=b'{"ServerId":"%s","UserName":"alice"}' % api.server_id.encode())
    request["Host"] = "127.0.0.1"
    request["Content-Type"] = "application/x-amz-json-1.1; charset=utf-8"
    request.add("Content-Length", str(len(request.body))).sign()
    request.drop("Content-Length")  # message() writes it
    data = request.bytes().replace(b"POST / ", b"POST /? ")
    assert ask(api, data).json["User"]["UserName"] == "alice"


def test_chunks_are_the_framing_and_not_the_body(api):
    """A body of text that looks like chunks is signed, and read, as it stands."""
    request = Signed(api, "DescribeUser")
    request.body = chunked(json.dumps({"ServerId": api.server_id, "UserName": "alice"}).encode(), [7])
    answer = request.sign().ask()
    assert (answer.status, answer.error) == (400, "SerializationException")


# -- keys that end

def key_command(api, *words):
    done = api.admin.berth("api-key", *words, "--config", api.admin.config)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_key_ends_at_once(api):
    """Disabled, enabled, deleted: with the next request, on a connection that was there before."""
    request = alice(api, "DescribeUser")
    request.key = api.create_key()
    data = request.sign().bytes()
    with Client(api) as client:
        assert client.ask(data).status == 200
        key_command(api, "disable", request.key.id)
        answer = client.ask(data)
        assert (answer.status, answer.error) == (400, UNRECOGNIZED)
        key_command(api, "enable", request.key.id)
        assert client.ask(data).status == 200
        key_command(api, "delete", request.key.id)
        gone = client.ask(data)
        assert (gone.status, gone.error, gone.json["Message"]) == (400, UNRECOGNIZED, answer.json["Message"])
    assert request.key.secret not in api.log() + api.log_file.read_text()


def audit_line(api, request):
    """Its line in the audit log, which takes only so many a second of refused calls: asked until one is taken."""
    def line():
        asked = request.ask().headers["x-amzn-requestid"]
        return next((line for line in api.audit() if line.get("request") == asked), None)
    return wait_until(line)


def test_nothing_secret_is_logged(api):
    """In the audit line of a refused call: the key's id, and neither signature nor body."""
    request = alice(api, "UpdateUser").sign()
    request.body = json.dumps({"ServerId": api.server_id, "UserName": "alice", "Role": ROLE, "Policy": "p0licy"}).encode()
    line = audit_line(api, request)
    text = json.dumps(line)
    assert api.key.id in line.values() and INVALID in text
    assert request.signature not in text and "p0licy" not in text and "Credential=" not in text
