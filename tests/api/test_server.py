"""berth-api as an HTTP server: what it takes, what it refuses and how, and that nobody can keep it busy by being slow."""
import contextlib
import json
import os
import re
import socket
import sqlite3
import subprocess
import time

import pytest

from admin_command import ROLE
from api_host import BERTH_API, PATIENCE, wait_until
from http_client import JSON, Client, ask, call, message, sign

MEGABYTE = 1024 * 1024
LIMIT = 16 * MEGABYTE


def describe(api, **options):
    return call(api, "DescribeServer", {"ServerId": api.server_id}, **options)


def create(api, name):
    return call(api, "CreateUser", {"ServerId": api.server_id, "UserName": name, "Role": ROLE})


def test_answer_has_what_sdks_read(api):
    answer = ask(api, create(api, "alice"))
    assert (answer.status, answer.json) == (200, {"ServerId": api.server_id, "UserName": "alice"})
    assert answer.headers["content-type"] == JSON and "date" in answer.headers
    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
                        answer.headers["x-amzn-requestid"])
    assert "x-amzn-errortype" not in answer.headers
    assert api.audit()[-1]["request"] == answer.headers["x-amzn-requestid"]


def test_operation_without_output_has_an_empty_body(api):
    ask(api, create(api, "alice"))
    answer = ask(api, call(api, "DeleteUser", {"ServerId": api.server_id, "UserName": "alice"}))
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"", JSON)


def test_refusal_is_400_with_its_name(api):
    answer = ask(api, call(api, "DescribeUser", {"ServerId": api.server_id, "UserName": "nobody"}))
    assert (answer.status, answer.error) == (400, "ResourceNotFoundException")
    assert answer.json["ResourceType"] == "User"


@pytest.mark.parametrize("path", ["/", "/?"])
def test_paths_of_the_api(api, path):
    data = call(api, "DescribeServer", {"ServerId": api.server_id}).replace(b"POST / ", f"POST {path} ".encode())
    assert ask(api, data).json["Server"]["ServerId"] == api.server_id


@pytest.mark.parametrize("method, path, status", [
    ("POST", "/users", 404), ("POST", "//", 404), ("POST", "/%2f", 404), ("POST", "/index.html?", 404), ("POST", "*", 404),
    ("POST", "http://127.0.0.1/", 404), ("GET", "/etc/passwd", 404), ("DELETE", "/users/alice", 404),
    ("GET", "/", 405), ("PUT", "/", 405), ("DELETE", "/", 405), ("OPTIONS", "/", 405), ("TRACE", "/", 405),
    ("BREW", "/", 405), ("POST", "/healthz", 405), ("POST", "/metrics", 405), ("PUT", "/healthz", 405)])
def test_elsewhere(api, method, path, status):
    with Client(api) as client:
        answer = client.ask(message([("Host", "berth")], b"some" if method == "POST" else b"", method=method, path=path))
        assert (answer.status, answer.error) == (status, "UnknownOperationException")
        assert ("allow" in answer.headers) == (status == 405)
        assert client.ask(describe(api)).status == 200  # the connection goes on


@pytest.mark.parametrize("value", [JSON, JSON + "; charset=utf-8", JSON + ";charset=UTF-8", JSON.upper()])
def test_content_types_taken(api, value):
    assert ask(api, describe(api, headers=[("Content-Type", value)])).status == 200


@pytest.mark.parametrize("headers", [
    [("Content-Type", "application/json")], [("Content-Type", "text/plain")], [("Content-Type", JSON + "; charset=latin1")],
    [("Content-Type", JSON + "x")], [("Content-Encoding", "gzip")], [("Content-Encoding", "identity")]])
def test_content_refused(api, headers):
    answer = ask(api, describe(api, headers=headers))
    assert (answer.status, answer.error) == (400, "SerializationException")


@pytest.mark.parametrize("target", ["TransferService.Destroy", "Transfer.DescribeServer", "DescribeServer",
                                    "TransferService."])
def test_unknown_operations(api, target):
    answer = ask(api, describe(api, headers=[("X-Amz-Target", target)]))
    assert (answer.status, answer.error) == (400, "UnknownOperationException")


@pytest.mark.parametrize("body", [b"", b"{", b"[1", b"{}{}", b'{"ServerId":"\xff"}', b'{"a":1,"a":2}'])
def test_what_is_not_json(api, body):
    answer = ask(api, message(sign(api, "DescribeServer", body), body))
    assert (answer.status, answer.error) == (400, "SerializationException")


def test_order_of_refusals(api):
    """Who isn't known learns nothing about what is right with the rest."""
    few = api.create_key("--allow", "List*")
    wrong = type(api.key)({"AccessKeyId": api.key.id, "SecretAccessKey": "x" * 40})
    unknown = type(api.key)({"AccessKeyId": "BRTH" + "A" * 16, "SecretAccessKey": "x" * 40})
    bad = b"{"
    for expected, headers in [
            ("MissingAuthenticationTokenException", [("Host", "berth"), ("Content-Type", "text/plain")]),
            ("UnrecognizedClientException", sign(api, "Nothing", bad, key=unknown)),
            ("InvalidSignatureException", sign(api, "Nothing", bad, key=wrong)),
            ("UnknownOperationException", sign(api, "Nothing", bad, key=few)),
            ("AccessDeniedException", sign(api, "DescribeServer", bad, key=few, headers=[("Content-Type", "text/plain")])),
            ("SerializationException", sign(api, "ListUsers", bad, key=few)),
            ("ValidationException", sign(api, "ListUsers", b"{}", key=few))]:
        body = b"{}" if expected == "ValidationException" else bad
        answer = ask(api, message(headers, body))
        assert (answer.status, answer.error) == (400, expected)


def test_a_key_of_one_server_cannot_name_it_where_it_means_nothing(api):
    other = ask(api, call(api, "CreateServer", {})).json["ServerId"]
    key = api.create_key("--server", api.server_id)
    arn = f"arn:aws:transfer:us-east-1:000000000000:server/{other}"
    mine = arn.replace(other, api.server_id)
    tags = {"Tags": [{"Key": "a", "Value": "b"}]}
    for operation, members, error in [
            ("DescribeServer", {"ServerId": api.server_id}, None), ("TagResource", {"Arn": mine, **tags}, None),
            ("DescribeServer", {"ServerId": other}, "AccessDeniedException"),
            ("DescribeServer", {"ServerId": other, "Arn": mine}, "AccessDeniedException"),
            ("TagResource", {"Arn": arn, "ServerId": api.server_id, **tags}, "AccessDeniedException"),
            ("CreateServer", {"ServerId": api.server_id}, "AccessDeniedException"),
            ("ListServers", {"ServerId": api.server_id}, "AccessDeniedException")]:
        answer = ask(api, call(api, operation, members, key=key))
        assert (answer.status == 200) if error is None else (answer.error == error), (operation, answer.body)


def test_disabled_key_is_refused_with_the_next_request(api):
    key = api.create_key()
    with Client(api) as client:
        assert client.ask(describe(api, key=key)).status == 200
        done = api.admin.berth("api-key", "disable", "--config", api.admin.config, key.id)
        assert done.returncode == 0, done.stderr
        assert client.ask(describe(api, key=key)).error == "UnrecognizedClientException"
        assert client.ask(describe(api)).status == 200


@pytest.mark.parametrize("end", ["disable", "delete"])
def test_key_that_ends_while_a_body_comes(api, end):
    """What counts is whether it may call when the call would be done, not when the headers came."""
    key = api.create_key()
    data = describe(api, key=key)
    with Client(api) as client:
        client.send(data[:-3])
        wait_requests(api, 1)
        assert api.admin.berth("api-key", end, key.id, "--config", api.admin.config).returncode == 0
        assert client.ask(data[-3:]).error == "UnrecognizedClientException"
    assert (api.audit()[-1]["result"], api.audit()[-1]["authenticated"]) == ("UnrecognizedClientException", False)


def test_settings_that_change_while_a_body_comes(api):
    data = describe(api)
    with Client(api) as client:
        client.send(data[:-3])
        wait_requests(api, 1)
        api.configure(f"ApiKeysFile {api.directory}/none.json")
        api.hangup()
        api.wait_log("configuration reloaded")
        assert client.ask(data[-3:]).error == "UnrecognizedClientException"


def test_keys_file_that_cannot_be_read_lets_nobody_in(api):
    mode = api.keys_file.stat().st_mode
    with Client(api) as client:
        assert client.ask(describe(api)).status == 200
        api.keys_file.chmod(0o644)
        answer = client.ask(describe(api))
        assert (answer.status, answer.error) == (500, "ServiceUnavailableException")
        assert str(api.keys_file) not in answer.body.decode()
        api.wait_log("access keys can't be read")
        api.keys_file.chmod(mode)
        wait_until(lambda: client.ask(describe(api)).status == 200)
        api.wait_log("access keys can be read again: keys=1")


def test_each_fault_of_the_keys_file_is_said(api):
    """Also when it is the second one within the minute for which a fault isn't said again."""
    with Client(api) as client:
        for mode in 0o644, 0o660:
            api.keys_file.chmod(mode)
            wait_until(lambda said=f"mode {mode:04o}": client.ask(describe(api)).status == 500 and said in api.log())


def test_throttled(host):
    host.configure("ApiRate 2")
    host.start()
    with Client(host) as client:
        answers = [client.ask(describe(host)) for _ in range(50)]
    refused = [answer for answer in answers if answer.status != 200]
    assert refused and all(answer.error == "ThrottlingException" for answer in refused)
    seconds = refused[-1].headers["retry-after"]
    assert int(seconds) >= 1 and refused[-1].json["RetryAfterSeconds"] == seconds
    assert all(answer.status == 400 for answer in refused)


# -- bodies


def padded(api, size):
    body = json.dumps({"ServerId": api.server_id}).encode()
    return body + b" " * (size - len(body))


def test_largest_body(api):
    body = padded(api, LIMIT)
    assert ask(api, message(sign(api, "DescribeServer", body), body), timeout=60).status == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_body_too_large(api, chunked):
    """The answer gets through although the client has sent everything before it reads; then the connection goes on."""
    body = padded(api, LIMIT + 1)
    headers = sign(api, "DescribeServer", body)
    with Client(api, timeout=60) as client:
        client.send(chunks(headers, body) if chunked else message(headers, body))
        assert client.answer().error == "SerializationException"
        assert client.ask(describe(api)).status == 200


@pytest.mark.parametrize("length", [str(65 * MEGABYTE), str(2**63)])
def test_endless_body_is_refused_at_once(api, length):
    data = message([*sign(api, "DescribeServer"), ("Content-Length", length)], length=False)
    with Client(api) as client:
        assert client.ask(data).error == "SerializationException"
        assert client.is_closed()


def test_endless_chunks_are_cut_off(api):
    with Client(api, timeout=60) as client:
        client.send(message([*sign(api, "DescribeServer"), ("Transfer-Encoding", "chunked")], length=False))
        with pytest.raises(ConnectionError):
            for _ in range(200):
                client.send(b"100000\r\n" + b" " * MEGABYTE + b"\r\n")
    assert api.memory() < 64 * MEGABYTE


def test_many_large_bodies_share_a_bound(api):
    """Six times 16 MiB at once are more than the bound; what was held is free again afterwards."""
    body = padded(api, LIMIT)
    data = message(sign(api, "DescribeServer", body), body)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(api, timeout=60)) for _ in range(6)]
        for client in clients:
            client.send(data[:-1])
        for client in clients:
            client.send(data[-1:])
        answers = [client.answer() for client in clients]
    refused = [answer for answer in answers if answer.status != 200]
    assert 2 <= len(refused) <= 5
    assert all(answer.status == 500 and answer.error == "ServiceUnavailableException" for answer in refused)
    assert ask(api, data, timeout=60).status == 200
    assert api.memory() < 48 * MEGABYTE


def chunks(headers, body, size=70000):
    parts = [body[at:at + size] for at in range(0, len(body), size)]
    encoded = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts) + b"0\r\n\r\n"
    return message([*headers, ("Transfer-Encoding", "chunked")], length=False) + encoded


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_chunked_body(api, size):
    body = json.dumps({"ServerId": api.server_id}).encode()
    with Client(api) as client:
        for _ in range(2):
            assert client.ask(chunks(sign(api, "DescribeServer", body), body, size)).status == 200


def test_expect_100_continue(api):
    body = padded(api, 100000)
    headers = [*sign(api, "DescribeServer", body), ("Expect", "100-continue")]
    data = message(headers, body)
    with Client(api) as client:
        assert client.ask(data[:-len(body)]).status == 100
        assert client.ask(body).status == 200


def test_expect_100_continue_refused_before_the_body(api):
    body = padded(api, 100000)
    with Client(api) as client:
        answer = client.ask(message([("Host", "berth"), ("Expect", "100-continue")], body)[:-len(body)])
        assert (answer.status, answer.error) == (400, "MissingAuthenticationTokenException")
        assert answer.headers["connection"] == "close" and client.is_closed()


@pytest.mark.parametrize("extra", [
    [("Content-Length", "2"), ("Content-Length", "3")], [("Content-Length", "2"), ("Content-Length", "2")],
    [("Content-Length", "2"), ("Transfer-Encoding", "chunked")], [("Transfer-Encoding", "gzip, chunked")],
    [("Transfer-Encoding", "identity")], [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")],
    [("Content-Length ", "2")], [("X (y)", "1"), ("Content-Length", "2")]])
def test_a_request_that_can_be_read_in_two_ways(api, extra):
    smuggled = describe(api)
    with Client(api) as client:
        client.send(message([*sign(api, "DescribeServer"), *extra], length=False) + b"{}" + smuggled)
        assert client.answer().error == "SerializationException"
        assert client.is_closed()
    assert len([line for line in api.audit() if line["result"] == "ok"]) == 0


@pytest.mark.parametrize("length", ["-1", "+2", "0x2", "2 2", "", "two", "99999999999999999999"])
def test_content_length_that_is_no_number(api, length):
    with Client(api) as client:
        client.send(message([*sign(api, "DescribeServer"), ("Content-Length", length)], b"{}", length=False) + describe(api))
        said = client.until_closed()
    assert said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 ")) and b"200" not in said
    assert all(line["result"] != "ok" for line in api.audit())


# -- connections


def test_keep_alive_and_pipelining(api):
    with Client(api) as client:
        client.send(b"".join(create(api, f"user{n}") for n in range(20)) + describe(api))
        assert [client.answer().json.get("UserName") for _ in range(20)] == [f"user{n}" for n in range(20)]
        assert client.answer().json["Server"]["UserCount"] == 20
    assert [line["operation"] for line in api.audit()] == ["CreateUser"] * 20 + ["DescribeServer"]


def test_connection_close(api):
    with Client(api) as client:
        assert client.ask(message([*sign(api, "DescribeServer"), ("Connection", "close")], b"{}")).status == 400
        assert client.is_closed()


def test_http_1_0(api):
    with Client(api) as client:
        client.send(describe(api).replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert b"200 OK" in client._until(b"\r\n")
    with Client(api) as client:
        client.send(message([("Host", "x")], method="GET", path="/healthz", version="HTTP/2.0"))
        assert b"200" not in client._until(b"\r\n")


def test_half_a_request_is_none(api):
    """A client that goes away in the middle has asked for nothing."""
    data = create(api, "alice")
    with crowd(api, 3) as clients:
        for client, length in zip(clients, (10, 200, len(data) - 1)):
            client.send(data[:length])
            client.socket.shutdown(socket.SHUT_WR)
        assert all(client.is_closed() for client in clients)
    assert ask(api, call(api, "DescribeUser", {"ServerId": api.server_id, "UserName": "alice"})).status == 400
    assert api.stop() == 0
    assert [line["operation"] for line in api.audit()] == ["DescribeUser"]


@contextlib.contextmanager
def locked_store(api):
    """Writes wait in here."""
    other = sqlite3.connect(api.admin.store, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def gauge(api, name):
    return int(re.search(rf"^berth_api_{name} (\d+)$", api.get("/metrics")[2].decode(), re.MULTILINE).group(1))


def wait_requests(api, count):
    """Until so many requests are in progress, beside the one that asks."""
    wait_until(lambda: gauge(api, "requests_in_progress") == count + 1)


def test_client_that_closes_its_side_gets_its_answers(api):
    with crowd(api, 10), Client(api) as client:
        with locked_store(api):
            client.send(create(api, "alice"))
            wait_requests(api, 1)
            client.socket.shutdown(socket.SHUT_WR)
        assert client.answer().status == 200
    with Client(api) as client:
        client.send(describe(api) + create(api, "bob") + create(api, "carol") + describe(api))
        client.socket.shutdown(socket.SHUT_WR)
        assert [client.answer().status for _ in range(4)] == [200] * 4


def test_its_memory_is_for_nobody(host):
    """Started as the User, as by systemd: what the User's other processes may see belongs to root."""
    status = host.admin.store_directory.stat()
    as_user = {"user": status.st_uid, "group": status.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with open(host.output, "ab") as output:
        host.process = subprocess.Popen([BERTH_API, "-e", "-f", host.admin.config], stderr=output,
                                        stdin=subprocess.DEVNULL, **as_user)
    host.wait_log("started ")
    assert os.stat(f"/proc/{host.process.pid}/mem").st_uid == 0
    assert ask(host, describe(host)).status == 200


def test_listens_on_ipv6(host):
    host.configure(f"ApiListen [::1]:{host.port}")
    host.start()
    assert ask(host, describe(host), address="::1").status == 200
    assert host.audit()[-1]["client"] == "::1"


def test_address_is_taken(host):
    with socket.create_server(("127.0.0.1", host.port)):
        host.start(wait=False)
        assert host.process.wait(PATIENCE) == 1
    assert f"can't listen: listen=127.0.0.1:{host.port} reason=\"Address already in use\" hint=" in host.log()


def test_plain_http_for_others_must_be_meant(host):
    host.configure(f"ApiListen 0.0.0.0:{host.port}")
    host.start(wait=False)
    assert host.process.wait(PATIENCE) == 1
    assert "ApiInsecure" in host.log()
    host.configure(f"ApiListen 0.0.0.0:{host.port}", "ApiInsecure yes")
    host.start()
    host.wait_log("ApiInsecure is on and there is no ApiCertificate")
    assert ask(host, describe(host)).status == 200


# -- slow clients: the shorter limit, in force while more than half of the connections are taken


SLOW, LONG = 10, 60  # seconds, while there are many connections, and while there aren't
HALF = 500


@contextlib.contextmanager
def crowd(api, count):
    """So many silent connections."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Client(api)) for _ in range(count)]


def test_half_of_200_connections_silent(api):
    with crowd(api, 100), crowd(api, 100) as busy:
        for client in busy:
            client.send(describe(api))
        assert all(client.answer().status == 200 for client in busy)
        for n, client in enumerate(busy):
            client.send(create(api, f"user{n}"))
        assert all(client.answer().status == 200 for client in busy)


def test_who_takes_all_connections_keeps_nobody_out(api):
    """Silent strangers make room soon; who has called before is left alone."""
    with Client(api) as known, contextlib.ExitStack() as stack:
        assert known.ask(describe(api)).status == 200
        stack.enter_context(crowd(api, 1200))
        api.wait_log("as many connections as there may be")
        begin = time.monotonic()
        assert ask(api, describe(api)).status == 200
        assert time.monotonic() - begin > 1, "there was room"
        assert known.ask(describe(api)).status == 200
        assert time.monotonic() - begin < 8


def trickle(slow, busy, api):
    """Sends each of {name: (client, piece)} its piece now and then, until the server has closed it; returns when each was.
    Meanwhile `busy` asks and is answered."""
    closed = {}

    def all_are_closed():
        for name in slow.keys() - closed.keys():
            client, piece = slow[name]
            if not is_open(client, piece):
                closed[name] = time.monotonic()
        assert busy.ask(describe(api)).status == 200
        return len(closed) == len(slow)
    wait_until(all_are_closed, lambda: f"still open: {slow.keys() - closed.keys()}", LONG - SLOW)
    return closed


def is_open(client, piece):
    """Whether a piece can still be sent on it, and no end has come."""
    client.socket.setblocking(False)
    try:
        client.send(piece)
        return client.socket.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def large_user(api):
    """A user whose description takes more than 5 MiB; returns the request for it."""
    mappings = [{"Entry": f"/{n:0900}", "Target": f"/b/{n:0900}"} for n in range(3000)]
    members = {"ServerId": api.server_id, "UserName": "alice"}
    assert ask(api, call(api, "CreateUser", {**members, "Role": ROLE, "HomeDirectoryType": "LOGICAL",
                                             "HomeDirectoryMappings": mappings})).status == 200
    return call(api, "DescribeUser", members)


def ask_without_reading(api, client, data):
    """Sends the request, whose answer is larger than what a connection holds; returns once the answer is on its way."""
    before = len(api.audit())
    client.send(data)
    wait_until(lambda: len(api.audit()) > before)


def test_many_large_answers_share_a_bound(api):
    """Who asks again and again, and doesn't read, is refused at some time; others aren't, nor is any call with a small
    answer."""
    data = large_user(api)
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            ask_without_reading(api, stack.enter_context(Client(api, receive_buffer=4096)), data)
        results = [line["result"] for line in api.audit()[1:]]
        assert 10 <= results.count("ok") <= 13
        assert set(results) == {"ok", "ServiceUnavailableException"}
        assert ask(api, describe(api)).status == ask(api, create(api, "bob")).status == 200
        assert ask(api, data).error == "ServiceUnavailableException"
    wait_until(lambda: ask(api, data).status == 200)  # the connections that were closed are noticed
    assert len(ask(api, data).json["User"]["HomeDirectoryMappings"]) == 3000


def test_slow_clients_are_cut_off_in_time(api):
    """A byte now and then is no reason to wait for ever, nor does who takes no answer keep it in our memory; others are
    served meanwhile."""
    body = padded(api, 100000)
    data = message(sign(api, "DescribeServer", body), body)
    large = large_user(api)
    with crowd(api, 5) as (silent, line, headers, half, idle), Client(api, receive_buffer=4096) as reader, \
            Client(api) as busy:
        begin = time.monotonic()
        line.send(b"PO")
        headers.send(data[:100])
        half.send(data[:-50000])
        assert idle.ask(describe(api)).status == 200
        ask_without_reading(api, reader, large)
        with crowd(api, HALF):
            closed = trickle({"silence": (silent, b""), "first line": (line, b"S"), "headers": (headers, b"x"),
                              "body": (half, b" "), "idle": (idle, b""), "reader": (reader, b"x")}, busy, api)
    assert all(SLOW - 1 < when - begin for when in closed.values()), closed
    assert gauge(api, "connections_timed_out_total") >= len(closed)
    wait_requests(api, 0)
    assert api.audit()[-1]["result"] == "ok"


# -- what isn't the API


def test_health(api):
    for method, body in (("GET", b"ok\n"), ("HEAD", b"")):
        with Client(api) as client:
            client.send(message([("Host", "berth")], method=method, path="/healthz"))
            answer = client.answer(method)
            assert (answer.status, answer.body, answer.headers["content-length"]) == (200, body, "3")
    moved = api.admin.store.with_name("away")
    api.admin.store.rename(moved)
    wait_until(lambda: api.get("/healthz")[0] == 503)
    assert b"/" not in api.get("/healthz")[2]
    moved.rename(api.admin.store)
    wait_until(lambda: api.get("/healthz")[0] == 200)
    assert api.audit() == []


def other_address():
    """An address of this host that isn't loopback, in the tests' own network."""
    if not os.path.exists("/run/private-host"):
        pytest.skip("gives the host an address: only on the private host, tests/run.sh")
    subprocess.run(["ip", "address", "replace", "192.0.2.7/32", "dev", "lo"], check=True)
    return "192.0.2.7"


def test_metrics_for_loopback_or_with_the_token(host):
    token, file = "t0ken-" + "a" * 20, host.admin.store_directory / "metrics-token"
    file.write_text(token + "\n")
    os.chown(file, host.admin.store_directory.stat().st_uid, -1)
    file.chmod(0o600)
    host.configure(f"ApiListen 0.0.0.0:{host.port}", "ApiInsecure yes", f"ApiMetricsTokenFile {file}")
    host.start()
    assert host.get("/metrics")[0] == 200
    there = other_address()

    def status(*authorization):
        headers = [("Host", "berth"), *(("Authorization", value) for value in authorization)]
        with Client(host, address=there, source=there) as client:
            return client.ask(message(headers, method="GET", path="/metrics")).status
    assert status(f"Bearer {token}") == 200
    for wrong in ((), (f"Bearer {token}x",), (f"Bearer {token[:-1]}",), ("Bearer ",), (f"Basic {token}",), (token,)):
        assert status(*wrong) == 403
    host.configure(f"ApiListen 0.0.0.0:{host.port}", "ApiInsecure yes")
    host.hangup()
    host.wait_log("configuration reloaded")
    assert status(f"Bearer {token}") == 403
    with Client(host, address=there, source=there) as client:
        assert client.ask(message([("Host", "berth")], method="GET", path="/healthz")).status == 200


def test_metrics_count(api):
    ask(api, describe(api))
    ask(api, message([("Host", "berth")], b"{}"))
    status, headers, text = api.get("/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert b'berth_api_requests_total{operation="DescribeServer",result="ok"} 1\n' in text
    assert b'result="MissingAuthenticationTokenException"} 1\n' in text
    wait_until(lambda: gauge(api, "connections") == 1)  # the others' ends are noticed


# -- the process


def test_memory_of_200_connections(api):
    with crowd(api, 200) as clients:
        for client in clients:
            assert client.ask(describe(api)).status == 200
        for n, client in enumerate(clients):
            assert client.ask(create(api, f"user{n}")).status == 200
        assert api.memory() <= 32 * MEGABYTE


def test_reload(api):
    with Client(api) as client:
        assert client.ask(describe(api)).status == 200
        api.configure("Region eu-west-1")
        api.hangup()
        api.wait_log("configuration reloaded")
        assert client.ask(describe(api)).error == "InvalidSignatureException"
        api.admin.config.write_text("Nonsense yes\n")
        api.hangup()
        api.wait_log("configuration not reloaded, the old one stays")
        assert "Nonsense" in api.log()
        assert client.ask(describe(api)).error == "InvalidSignatureException"
        api.configure()
        api.hangup()
        api.wait_log("configuration reloaded", 2)
        assert client.ask(describe(api)).status == 200


def test_reload_opens_the_log_anew(api):
    ask(api, describe(api))
    old = api.log_file.with_suffix(".1")
    api.log_file.rename(old)
    api.hangup()
    api.wait_log("configuration reloaded")
    ask(api, describe(api))
    assert (old.read_text().count("\n"), len(api.audit())) == (1, 1)


def run_test(host, *arguments):
    done = subprocess.run([BERTH_API, "-t", "-f", host.admin.config, *arguments], capture_output=True, text=True,
                          check=False, timeout=30)
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_self_test(host):
    assert run_test(host) == (0, "")
    host.admin.berth("api-key", "delete", "--config", host.admin.config, host.key.id)
    status, said = run_test(host)
    assert status == 0 and said.startswith("warning: there is no access key yet")
    host.keys_file.chmod(0o644)
    host.admin.store.rename(host.admin.store.with_name("away"))
    host.configure("ApiLogFile /nowhere/api.jsonl", "ApiMetricsTokenFile /nowhere/token",
                   f"ApiCertificate {host.keys_file}", f"ApiCertificateKey {host.keys_file}")
    status, said = run_test(host)
    assert status == 1
    for words in ("ApiLogFile: /nowhere/api.jsonl", "ApiCertificate", "ApiMetricsTokenFile: /nowhere/token",
                  str(host.admin.store), str(host.keys_file)):
        assert words in said
    host.admin.config.write_text("ApiListen nonsense\n")
    assert run_test(host)[0] == 1
    host.configure("ApiCertificate /c.pem")
    assert "come together" in run_test(host)[1]
    host.configure("ApiListen 0.0.0.0:8443")
    assert "ApiInsecure" in run_test(host)[1]


def test_options(host):
    done = subprocess.run([BERTH_API, "-V"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.startswith("berth-api ")
    assert subprocess.run([BERTH_API, "-x"], capture_output=True, check=False).returncode == 2
    assert subprocess.run([BERTH_API, "more"], capture_output=True, check=False).returncode == 2
    host.start()
    assert f"started version=0.1.0 listen=127.0.0.1:{host.port} tls=no store=sqlite:{host.admin.store} keys=1" in host.log()
