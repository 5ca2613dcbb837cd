"""What is made of what comes back: slow, sick, hostile, or not the other side at all. The other side is a server that
answers what the test tells it to."""
import json
import os
import pathlib
import pwd
import resource
import socket
import tempfile
import time

import pytest

from admin_command import ROLE, STORE_USER
from remote_store import new_near
from scripted_api import Answer, Authority, ScriptedApi, refusal

SERVER = "s-0123456789abcdef0"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPav7idKHIAgj2bGJ+ZND3ybvRLoAClUwKR/1pTeDbvr"
ALICE = Answer({"ServerId": SERVER, "User": {"Arn": "a", "UserName": "alice", "SshPublicKeys": []}})
LIST = Answer({"ServerId": SERVER, "Users": [{"Arn": "a", "UserName": "alice"}]})
DESCRIBE = ["describe-user", "--user-name", "alice"]
CREATE = ["create-user", "--user-name", "alice", "--role", ROLE]


class ClientKey:
    id, secret = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.fixture(scope="module")
def authority():
    with tempfile.TemporaryDirectory(prefix="berth-authority-") as directory:
        os.chmod(directory, 0o755)  # whoever `berth` becomes reads the certificate
        yield Authority(pathlib.Path(directory))


@pytest.fixture(scope="module")
def listening(authority):
    with ScriptedApi(authority.certificate()) as made:
        yield made


@pytest.fixture
def api(authority, listening):
    """The server, and .near: a host whose store it is."""
    with new_near(listening.url, key=ClientKey, ca_file=authority.file, server_id=SERVER) as near:
        listening.near = near
        yield listening


def failed(near, *words):
    """What a call says that got no usable answer; it prints nothing."""
    said = near.refused(*words)
    assert "(ServiceUnavailableException)" in said
    return said


def exported(near, status=0):
    """The users that `berth export` reads, and what it says on stderr."""
    done = near.berth("export", "--config", near.config)
    assert done.returncode == status, done
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


# -- tried again, or not ------------------------------------------------------------------------------------------------


def test_a_read_that_failed_there_is_tried_again(api):
    api.script(refusal("InternalServiceError", status=500), Answer(b"<html>busy</html>", 503), ALICE)
    assert api.near.user()["UserName"] == "alice"
    assert len(api.requests) == 3


def test_not_for_ever(api):
    api.script(refusal("InternalServiceError", "it hurts", status=500))
    assert "(InternalServiceError)" in (said := api.near.refused(*DESCRIBE)) and "it hurts" in said
    assert len(api.requests) == 4


@pytest.mark.parametrize("answer", [refusal("InternalServiceError", "it hurts", status=500), Answer(b"", 502),
                                    Answer(b"<html>", 200)])
def test_a_write_that_failed_there_is_not(api, answer):
    """It may have been done: a second CreateUser would be told that the user is there."""
    api.script(answer)
    assert "whether it was done isn't known" in api.near.refused(*CREATE)
    assert api.operations == ["CreateUser"]


@pytest.mark.parametrize("throttled", [refusal("ThrottlingException"), Answer(b"", 429), refusal("TooManyRequestsException"),
                                       refusal("ThrottlingException", status=503)])
def test_throttled_without_a_time(api, throttled):
    """Nothing was done, so a write may be tried again, too."""
    done = Answer({"ServerId": SERVER, "UserName": "alice"})
    api.script(throttled, throttled, done)
    assert api.near.ok(*CREATE)["UserName"] == "alice"
    assert len(api.requests) == 3


@pytest.mark.parametrize("answer", [refusal("ThrottlingException", headers={"Retry_After": "1"}),
                                    refusal("ThrottlingException", RetryAfterSeconds="1"),
                                    refusal("InternalServiceError", status=500, headers={"Retry_After": "1"}),
                                    Answer(b"", 503, Retry_After="1")])
def test_what_asks_to_wait(api, answer):
    api.script(answer, ALICE)
    begun = time.monotonic()
    assert api.near.user()["UserName"] == "alice"
    assert time.monotonic() - begun >= 1 and len(api.requests) == 2


def test_a_failure_that_asks_to_wait_for_longer_than_a_call_may_take(api):
    api.script(refusal("InternalServiceError", status=500, headers={"Retry_After": "3600"}))
    assert "(InternalServiceError)" in api.near.refused(*DESCRIBE)
    assert len(api.requests) == 1


@pytest.mark.parametrize("throttled", [refusal("ThrottlingException", "slow down", headers={"Retry_After": "3600"}),
                                       refusal("ThrottlingException", "slow down", RetryAfterSeconds="3600")])
def test_throttled_for_longer_than_a_call_may_take(api, throttled):
    api.script(throttled)
    assert "(ThrottlingException) when calling the DescribeUser operation: slow down" in api.near.refused(*DESCRIBE)
    assert len(api.requests) == 1


def test_a_connection_that_is_lost_is_not_asked_again(api):
    api.script(b"")
    assert "https://127.0.0.1" in failed(api.near, *DESCRIBE)
    assert len(api.requests) == 1
    api.script(b"")
    assert "whether it was done isn't known" in failed(api.near, *CREATE)
    assert len(api.requests) == 1


# -- credentials --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId",
                                  "ExpiredToken", "InvalidSignatureException"])
def test_credentials_that_were_replaced_meanwhile(api, name):
    def replaced(_):
        api.near.write_credentials("AKIDANOTHER", "another", "token+/=")
        return refusal(name)
    api.script(replaced, ALICE)
    assert api.near.user()["UserName"] == "alice"
    assert [request.key_id for request in api.requests] == ["AKIDEXAMPLE", "AKIDANOTHER"]
    assert api.requests[1].headers["x-amz-security-token"] == "token+/="
    assert "x-amz-security-token" in api.requests[1].headers["authorization"]


def test_credentials_that_stay_refused(api):
    api.script(refusal("ExpiredTokenException", "The security token is expired"))
    assert "ExpiredTokenException: The security token is expired" in api.near.refused(*DESCRIBE)
    assert len(api.requests) == 1


@pytest.mark.parametrize("date, words", [("Sun, 06 Nov 2016 08:49:37 GMT", "ahead of"),
                                         ("Fri, 06 Nov 2093 08:49:37 GMT", "behind")])
def test_a_clock_that_is_wrong(api, date, words):
    api.script(refusal("InvalidSignatureException", "Signature expired", headers={"Date": date}))
    said = api.near.refused(*DESCRIBE)
    assert "Signature expired; this host's clock is " in said and f" seconds {words} that of {api.url}" in said


def test_no_credentials(api):
    api.near.credentials.unlink()
    api.near.configure()
    api.script(ALICE)
    assert "(AccessDeniedException)" in (said := api.near.refused(*DESCRIBE)) and "AWS_ACCESS_KEY_ID" in said
    assert api.requests == []


def test_who_the_command_is(api):
    """With the configuration's credentials it is User; with its caller's own it stays who it is, and the configuration's
    aren't looked at."""
    near, ids = api.near, api.near.directory / "ids"
    ids.mkdir()
    ids.chmod(0o777)
    script = near.directory / "process"
    script.write_text(f"#!/bin/sh\nid -u >>{ids}/$1\n" + """printf '{"Version":1,"AccessKeyId":"AKID%s","""
                      """"SecretAccessKey":"x"}' $1\n""")
    script.chmod(0o755)
    text = near.credentials.read_text()
    near.credentials.write_text(f"[default]\ncredential_process = {script} CONFIGURED\n")
    own = near.directory / "own"
    own.write_text(f"[mine]\ncredential_process = {script} CALLER\n")
    own.chmod(0o600)
    api.script(ALICE)
    near.ok(*DESCRIBE)
    near.environment = {"AWS_PROFILE": "mine", "AWS_CONFIG_FILE": str(own), "AWS_SHARED_CREDENTIALS_FILE": str(own)}
    near.ok(*DESCRIBE)
    near.environment = {"AWS_ACCESS_KEY_ID": "AKIDENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "x"}
    near.ok(*DESCRIBE)
    assert [request.key_id for request in api.requests] == ["AKIDCONFIGURED", "AKIDCALLER", "AKIDENVIRONMENT"]
    user = near.credentials.stat().st_uid
    assert (ids / "CONFIGURED").read_text() == f"{user}\n" and (ids / "CALLER").read_text() == f"{os.geteuid()}\n"
    near.credentials.write_text(text)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_whose_home_is_looked_into(api):
    """Root, who becomes User, looks into User's home, where the agent looks, and not into root's."""
    api.near.credentials.unlink()
    api.near.configure()
    api.near.environment = {"HOME": pwd.getpwuid(0).pw_dir}
    home = pwd.getpwnam(STORE_USER).pw_dir
    assert f"profile default: {home}/.aws/credentials: " in api.near.refused(*DESCRIBE)


def test_no_core_has_secrets(api):
    """Neither the User's process nor one that has its caller's own credentials leaves a core file."""
    seen = []

    def look(_):
        for pid in pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
            limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
            seen.append([line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core file size")])
            assert os.stat(f"/proc/{pid}/mem").st_uid == 0
        return ALICE

    limits = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
    api.script(look)
    try:
        api.near.ok(*DESCRIBE)
        api.near.environment = {"AWS_ACCESS_KEY_ID": "AKIDENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "x"}
        api.near.ok(*DESCRIBE)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, limits)
    assert seen == [[["0", "0"]]] * 2


# -- what is no answer --------------------------------------------------------------------------------------------------

STRANGE = "something that is no answer of a Transfer API"


@pytest.mark.parametrize("answer, message", ids=range(18), argvalues=[
    (Answer(b"<html>Sign in to the hotel's network</html>"), f"status 200 and {STRANGE}: \"<html>Sign in"),
    (Answer(b"<html>", 302, Location="https://127.0.0.1:1/"), f"status 302 and {STRANGE}"),
    (Answer(b"", 204), "status 204 and nothing else"),
    (Answer(b""), "status 200 and nothing else"),
    (Answer(b"[]"), f"{STRANGE}: \"[]\""),
    (Answer(b"\x1b[2J\x00\xff{}"), f"{STRANGE}: \"?[2J??{{}}\""),
    (Answer(b'{"User":{},"User":{}}'), STRANGE),
    (Answer(b'{"User":"a\\u0000b"}'), STRANGE),
    (Answer(b'{"User":"\xc3("}'), STRANGE),
    (Answer(b'{"a":' * 100 + b"1" + b"}" * 100), STRANGE),
    (Answer(b"[" + b"0," * 900000 + b"0]"), STRANGE),
    (Answer(b"not found", 404), f"status 404 and {STRANGE}"),
    (Answer(b'{"message":"Forbidden"}', 403), f"status 403 and {STRANGE}"),
    (Answer(b"x" * (17 << 20)), "the answer is longer than"),
    (Answer(b'{"User":{"UserName":"alice"}}', cut=10), "https://127.0.0.1"),
    (b"SSH-2.0-OpenSSH_9.2p1\r\n", "https://127.0.0.1"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "https://127.0.0.1"),
    (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 1000000, "https://127.0.0.1"),
])
def test_what_is_no_answer(api, answer, message):
    api.script(answer)
    said = failed(api.near, *DESCRIBE)
    assert message in said and len(said) < 1000 and "\x1b" not in said
    assert len(api.requests) == 1


def test_an_error_from_outside_does_nothing_to_a_terminal(api):
    message = "a\x1b[2Jb\nc‮d" + "x" * 100000
    api.script(refusal("com.amazonaws.transfer#ResourceNotFoundException", message))
    said = api.near.refused(*DESCRIBE)
    assert "(ResourceNotFoundException) when calling the DescribeUser operation: a?[2Jb?c???dxxx" in said
    assert len(said) < 5000
    api.script(refusal("Brand\x1bNew"), Answer(b"", 400))
    assert "\x1b" not in api.near.refused(*DESCRIBE)
    api.script(refusal("BrandNewException", "see above"))
    assert "(InvalidRequestException) when calling the DescribeUser operation: BrandNewException: see above" in \
        api.near.refused(*DESCRIBE)
    api.script(Answer(b"", 400, **{"x-amzn-ErrorType": "ConflictException:http://internal/"}))
    assert "(ConflictException)" in api.near.refused(*DESCRIBE)


def test_members_nobody_knows_are_shown(api):
    api.script(Answer({"ServerId": SERVER, "User": {"UserName": "alice", "Shoe": {"Size": 43.5}}, "New": [1, None]}))
    assert api.near.ok(*DESCRIBE) == {"ServerId": SERVER, "User": {"UserName": "alice", "Shoe": {"Size": 43.5}},
                                      "New": [1, None]}
    api.script(Answer({"User": {"a\x1b[2J": 1}}))
    for output in "json", "text", "table":
        assert "control characters" in failed(api.near, *DESCRIBE, "--output", output)


# -- TLS ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("certificate, message", [
    (lambda own, other: other.certificate(), "certificate"),
    (lambda own, other: own.certificate(days=-1), "expired"),
    (lambda own, other: own.certificate("transfer.example.com"), "subject name"),
])
def test_certificates(tmp_path, authority, certificate, message):
    with ScriptedApi(certificate(authority, Authority(tmp_path, "other"))) as api:
        api.script(ALICE)
        with new_near(api.url, key=ClientKey, ca_file=authority.file, server_id=SERVER) as near:
            said = failed(near, *CREATE)
        assert f"{api.url}/: " in said and message in said and "isn't known" not in said
        assert api.requests == []


def test_the_system_does_not_trust_it(api):
    api.near.ca_file = None
    api.near.configure()
    api.script(ALICE)
    assert "certificate" in failed(api.near, *DESCRIBE)
    assert api.requests == []


@pytest.mark.parametrize("content, message", [(None, "No such file or directory"), ("nothing", "no certificate in PEM")])
def test_a_ca_file_that_is_none(api, content, message):
    api.near.ca_file = api.near.directory / "ca"
    if content:
        api.near.ca_file.write_text(content)
    api.near.configure()
    done = api.near.run(*DESCRIBE)
    assert done.returncode == 255 and f"StoreCAFile: {api.near.ca_file}: " in done.stderr and message in done.stderr


def test_nobody_listens(api):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        api.near.url = f"https://127.0.0.1:{taken.getsockname()[1]}"
        api.near.configure()
        said = failed(api.near, *CREATE)
    assert api.near.url in said and "isn't known" not in said


def test_an_endpoint_of_aws(api):
    """There is no network here: but where it is looked for, the message says."""
    for region, domain in ("eu-west-1", "amazonaws.com"), ("cn-north-1", "amazonaws.com.cn"):
        api.near.url = ""
        api.near.configure(f"Region {region}")
        assert f"https://transfer.{region}.{domain}/: " in failed(api.near, *DESCRIBE)


# -- connections --------------------------------------------------------------------------------------------------------


def many(count, close=False):
    """Answers to an export of so many users."""
    def answer(request):
        if request.operation == "ListUsers":
            return Answer({"ServerId": SERVER, "Users": [{"UserName": f"user{number:04}"} for number in range(count)]})
        return Answer({"ServerId": SERVER, "User": {"UserName": request.members["UserName"]}}, close=close)
    return answer


def test_calls_share_a_connection(api):
    api.script(many(200))
    assert len(exported(api.near)[0]) == 200
    assert (len(api.requests), api.connections) == (201, 1)


def test_a_connection_closed_between_calls(api):
    """No SIGPIPE, and no call lost: what was asked is a read."""
    api.script(many(30, close=True))
    users, said = exported(api.near)
    assert len(users) == 30 and said == "" and api.connections >= 30


@pytest.mark.parametrize("read", [0, 1, 100000])
def test_a_connection_that_is_reset(api, read):
    """While it is written to: that raises SIGPIPE."""
    mappings = [{"Entry": f"/{number}", "Target": "/b"} for number in range(40000)]
    members = {"UserName": "alice", "Role": ROLE, "HomeDirectoryType": "LOGICAL", "HomeDirectoryMappings": mappings}
    api.script(ALICE)
    api.reset_after = read
    for _ in range(3):
        said = failed(api.near, "create-user", "--cli-input-json", api.near.file("large.json", json.dumps(members)))
        assert api.url in said


# -- lists --------------------------------------------------------------------------------------------------------------


def page(names, token=None):
    users = [{"UserName": name} for name in names]
    return Answer({"ServerId": SERVER, "Users": users, **({"NextToken": token} if token is not None else {})})


def test_pages_that_come_again(api):
    api.script(page(["alice"], "more"))
    done = api.near.run("list-users")
    assert done.returncode == 254 and "same NextToken" in done.stderr and len(api.requests) == 2
    api.script(lambda request: page(["alice"], "more") if request.operation == "ListUsers" else ALICE)
    done = api.near.berth("admin", "find-users", "--tag", "a", "--config", api.near.config)
    assert done.returncode == 254 and "the same NextToken twice" in done.stderr


@pytest.mark.parametrize("body", [{"Users": "alice"}, {"Users": {"a": 1}}, {}, {"Users": None}])
@pytest.mark.parametrize("output", ["json", "text", "table"])
def test_a_list_that_is_none(api, body, output):
    api.script(Answer(body))
    assert "no list of Users" in failed(api.near, "list-users", "--output", output)
    done = api.near.berth("export", "--config", api.near.config)
    assert (done.returncode, done.stdout) == (255, "") and "something that is no list" in done.stderr


@pytest.mark.parametrize("output", ["json", "text", "table"])
def test_a_list_of_anything(api, output):
    api.script(Answer({"Users": ["a", 1, None, [], [[{"b": 2}]], {"UserName": []}, {"UserName": {"x": "y"}}]}))
    assert api.near.run("list-users", "--output", output).returncode == 0


def test_names_that_nobody_can_have(api):
    api.script(page(["../../etc", "a\x1b[2J", "x" * 101, ""]), ALICE)
    users, said = exported(api.near, 1)
    assert users == [] and said.count(": UserName: is none that a user can have\n") == 4 and "\x1b" not in said
    assert api.operations == ["ListUsers"]


def test_a_user_who_goes_meanwhile(api):
    api.script(page(["alice", "bobby"]), refusal("ResourceNotFoundException"),
               Answer({"ServerId": SERVER, "User": {"UserName": "bobby"}}))
    users, said = exported(api.near)
    assert [user["UserName"] for user in users] == ["bobby"] and said == ""


def test_an_order_of_its_own(api):
    """All of a list may come in any order; but where in the middle to go on, can't be known then."""
    def answer(request):
        if request.operation == "ListUsers":
            return page(["carol", "alice", "bobby"])
        return Answer({"ServerId": SERVER, "User": {"UserName": request.members["UserName"], "Tags": [{"Key": "a"}]}})
    api.script(answer)
    found = api.near.ok("find-users", "--tag", "a")["Users"]
    assert [user["UserName"] for user in found] == ["carol", "alice", "bobby"]
    assert "isn't in the order of its names" in failed(api.near, "find-users", "--tag", "a", "--starting-token", "carol")


# -- records ------------------------------------------------------------------------------------------------------------


def test_a_record_of_somebody_else(api):
    for described in ({"UserName": "bobby"}, {"UserName": "Alice"}, {}, {"UserName": None}):
        api.script(LIST, Answer({"ServerId": SERVER, "User": described}))
        users, said = exported(api.near, 255)
        assert users == [] and "isn't about user alice" in said


def test_a_record_that_cannot_be_used(api):
    profile = {"Uid": 4294967296, "Gid": 1}
    api.script(page(["alice", "bobby"]), Answer({"User": {"UserName": "alice", "PosixProfile": profile}}),
               Answer({"User": {"UserName": "bobby"}}))
    users, said = exported(api.near, 1)
    assert [user["UserName"] for user in users] == ["bobby"]
    assert said == "berth export: alice: PosixProfile: Uid is no whole number from 0 to 4294967295\n"


def test_what_a_record_loses(api):
    keys = [{"SshPublicKeyBody": "ssh-dss AAAA", "SshPublicKeyId": "key-0123456789abcdef0"}, {"SshPublicKeyBody": KEY}]
    api.script(LIST, Answer({"User": {"UserName": "alice", "SshPublicKeys": keys, "Shoes": 43}}))
    users, said = exported(api.near, 1)
    assert [key["SshPublicKeyBody"] for key in users[0]["SshPublicKeys"]] == [KEY]
    lines = said.splitlines()
    assert lines[0].startswith("berth export: warning: user alice: SshPublicKeys: key-0123456789abcdef0: ")
    assert lines[1:] == ["berth export: warning: user alice: Shoes: is not known to Berth"]
