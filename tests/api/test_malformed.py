"""Ten thousand requests that nobody should send: each is answered or its connection closed, and berth-api is none the worse.

What is sent follows from a seed, which a failure names together with the request's number.
"""
import concurrent.futures
import contextlib
import json
import os
import random
import select
import socket
import ssl

import pytest

from admin_command import OPERATIONS
from api_host import wait_until
from http_client import Client, call
from signing import RIGHT_FORM, Signed, chunked

SEED = 20150830
COUNT, FIRST, STEP, MANY, TLS_COUNT = 10000, 2000, 1000, 1000, 600
IN_TIME = 75            # seconds: a connection may take 60
PAUSE, QUIET = 0.005, 1  # a server that is quiet for so long waits for more, or is slow: either will do
THREADS, STORE_FILES = 4, 24
GROWTH = 4 * 1024 ** 2  # bytes, from the first 2,000 requests to the last
HANDSHAKE_TYPES = range(20, 25)
JSON_PIECES = [b"{", b"}", b"[", b"]", b'"', b":", b",", b"null", b"true", b"1e999", b"-0", b"1.5", b"\\u0000", b"\\ud800",
               b"\xff", b"\xed\xa0\x80", b'"ServerId"', b'"UserName"', b'"Tags"', b'{"a":', b"[[[[[[[[", b" ", b"\x00",
               b"9" * 400]
SIZES = [b"", b"-1", b"0x5", b"g", b"ffffffff", b"7fffffffffffffff", b"fffffffffffffffff", b"5 ", b"+5", b"5;" + b"x" * 5000,
         b"00000000000000000005", b"5\x00", b"1000000"]
LENGTHS = [b"-1", b"", b"0x10", b"1e3", b"+5", b"99999999999999999999", b"18446744073709551616", b"5, 5", b"5;",
           b"4294967297", b"16777217"]
LINES = [b"POST /", b"POST / HTTP/9.9", b"POST / HTTP/1.1 x", b"POST  /  HTTP/1.1", b"/ HTTP/1.1", b"POST / http/1.1",
         b"POST * HTTP/1.1", b"POST http://127.0.0.1/ HTTP/1.1", b"POST //etc/passwd HTTP/1.1", b"POST /%00 HTTP/1.1",
         b"\x16\x03\x01\x02", b"PRI * HTTP/2.0", b"GET / HTTP/0.9", b"POST /\x00 HTTP/1.1", b"CONNECT a:1 HTTP/1.1",
         b"", b" ",
         b"POST /?" + b"a=b&" * 2000 + b" HTTP/1.1", b"POST /" + b"../" * 3000 + b" HTTP/1.1", b"P" * 40000]
HEADERS = [b"x", b":", b": x", b"x y: z", b"x\x00: y", b"x: \x00", b" folded: x", b"x:\r y", b"Transfer-Encoding: gzip",
           b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: identity", b"Transfer-Encoding:\x0bchunked",
           b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"Content-Length: 5\r\nContent-Length: 6", b"Host:",
           b"Host: a\r\nHost: b", b"Connection: upgrade\r\nUpgrade: h2c", b"Expect: 200-ok", b"Expect: 100-continue",
           b"Cookie: " + b"a=b; " * 500, b"Content-Encoding: gzip", b"Range: bytes=0-", b"X-Amz-Target",
           b"X-Amz-Target: \xff\xfe", b"\r: x", b"x: " + b"y" * 70000]


def rubbish(dice, most=2000):
    return dice.randbytes(dice.randrange(most))


def changed(dice, data):
    """Some bytes replaced, inserted or taken out."""
    data = bytearray(data)
    for _ in range(dice.randrange(1, 8)):
        place, length = dice.randrange(len(data) + 1), dice.choice([0, 0, 1, 1, 1, 20])
        new = [b"", dice.randbytes(1), dice.randbytes(8), b"\r\n", b"\x00", b":", b"%", b"\n"]
        data[place:place + length] = dice.choice(new)
    return bytes(data)


def good(api):
    return call(api, "DescribeServer", {"ServerId": api.server_id})


def request(dice, api):
    """One that is in order, of an operation that changes nothing when it is."""
    operation = dice.choice(["DescribeServer", "ListUsers", "ListServers", "DescribeUser"])
    return Signed(api, operation, {"ServerId": api.server_id, "UserName": "nobody"})


def of_bytes(dice, api):
    return dice.choice([rubbish(dice), rubbish(dice, 60000), b"\r\n" * dice.randrange(3000), b"\x00" * dice.randrange(3000)])


def of_lines(dice, api):
    line, rest = request(dice, api).sign().bytes().split(b"\r\n", 1)
    line = dice.choice([*LINES, changed(dice, line)])
    return line + dice.choice([b"\r\n", b"\n", b"\r"]) + rest


def of_headers(dice, api):
    """Headers that are none, too many, too long; lines that end in another way."""
    head, body = request(dice, api).sign().bytes().split(b"\r\n\r\n", 1)
    lines = head.split(b"\r\n")
    for _ in range(dice.randrange(1, 4)):
        lines.insert(dice.randrange(1, len(lines) + 1), dice.choice([
            *HEADERS, b"Content-Length: " + dice.choice(LENGTHS), rubbish(dice, 200),
            changed(dice, dice.choice(lines)),
            b"\r\n".join(b"X-%d: y" % number for number in range(dice.choice([50, 300, 3000]))),
            b"\r\n".join(b"X-Amz-%d: y" % number for number in range(dice.choice([50, 300])))]))
    end = dice.choice([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"])
    return end.join(lines) + end + end + body


def of_chunks(dice, api):
    """Rightly signed, in chunks that aren't."""
    made = request(dice, api).sign()
    data = made.bytes(chunks=[dice.randrange(1, 40)])
    head, chunks = data.split(b"\r\n\r\n", 1)
    chunks = dice.choice([
        changed(dice, chunks), chunks[:dice.randrange(len(chunks))],
        dice.choice(SIZES) + b"\r\n" + made.body + b"\r\n0\r\n\r\n",
        chunked(made.body, [5]).replace(b"\r\n", b"\n"), b"0\r\n\r\n", b"0\r\nX-Amz-Target: x\r\n\r\n",
        chunks[:-2] + b"Trailer: " + rubbish(dice) + b"\r\n\r\n", b"%x\r\n" % (17 * 1024 * 1024) + made.body])
    return head + b"\r\n\r\n" + chunks


def of_json(dice, api):
    """Rightly signed, of any operation, with a body that is no JSON or none of the operation's."""
    text = json.dumps({"ServerId": api.server_id, "UserName": "nobody", "Tags": [{"Key": "k", "Value": "v"}],
                       "MaxResults": 5, "PosixProfile": {"Uid": 5, "Gid": 5},
                       "HomeDirectoryMappings": [{"Entry": "/", "Target": "/a"}]}).encode()
    body = dice.choice([
        changed(dice, text), text[:dice.randrange(len(text))], rubbish(dice), b"".join(dice.choices(JSON_PIECES, k=30)),
        b"[" * dice.randrange(100000), b'{"a":' * dice.randrange(20000), b'{"ServerId":"' + b"\\u0041" * 10000 + b'"}', b"",
        b'{"UserName":"' + rubbish(dice).hex().encode() + b'"}',
        json.dumps(dict.fromkeys(map(str, range(3000)), 1)).encode()])
    return Signed(api, dice.choice([*(set(OPERATIONS) - {"DeleteServer", "StopServer", "CreateServer"}), "None", ""]),
                  body=body).sign().bytes()


def of_signatures(dice, api):
    made = request(dice, api).sign()
    value = made["Authorization"]
    made["Authorization"] = dice.choice([
        changed(dice, value.encode()).decode("latin-1"), value * dice.randrange(2, 60), value[:dice.randrange(len(value))],
        RIGHT_FORM.format(credential="/" * dice.randrange(3000), signed=";".join("a" * dice.randrange(300)),
                          signature="0" * 64),
        "AWS4-HMAC-SHA256 " + "," * dice.randrange(3000), "AWS4-HMAC-SHA256 " + "Credential=x," * dice.randrange(500)]
    ).replace("\r", "").replace("\n", "")
    return made.bytes()


def of_truncated(dice, api):
    made = request(dice, api).sign()
    data = made.bytes(chunks=dice.choice([None, [5]]))
    return data[:dice.randrange(len(data))]


def of_changed(dice, api):
    return changed(dice, request(dice, api).sign().bytes())


def of_pipelines(dice, api):
    """Good ones with bad ones behind them."""
    before, after = [good(api)] * dice.randrange(1, 5), [good(api)] * dice.randrange(3)
    return b"".join([*before, dice.choice(KINDS[:-1])(dice, api), *after])


KINDS = [of_bytes, of_lines, of_headers, of_chunks, of_json, of_signatures, of_truncated, of_changed, of_pipelines]


def descriptors(api):
    """What is open: sockets, and the rest."""
    links = []
    for number in os.listdir(f"/proc/{api.process.pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(f"/proc/{api.process.pid}/fd/{number}"))
    sockets = sum(link.startswith("socket:") for link in links)
    return sockets, len(links) - sockets


def exchange(sock, data):
    """Sends it, and says that there is no more once the server has been quiet. Returns what came, and whether the server has
    closed by then."""
    sock.settimeout(IN_TIME)
    answer, told = b"", False
    with contextlib.suppress(ConnectionError):  # closed before it had taken all, or with some of it unread
        sock.sendall(data)
        while True:
            if not select.select([sock], [], [], QUIET if told else PAUSE)[0]:
                if told:
                    return answer, False
                told = True
                with contextlib.suppress(OSError):  # it is closed already
                    sock.shutdown(socket.SHUT_WR)
                continue
            received = sock.recv(65536)
            if not received:
                break
            answer += received
    return answer, True


def closed_in_time(socks):
    """An end that comes together with data can be overlooked (libmicrohttpd, epoll): then it is the server's own limit that
    closes."""
    for sock in socks:
        with contextlib.suppress(ConnectionError):
            while sock.recv(65536):
                pass
        sock.close()


def statuses(answer):
    """Of all answers of one connection."""
    found = []
    while answer:
        head, found_end, rest = answer.partition(b"\r\n\r\n")
        assert found_end and head.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")), answer[:300]
        found.append(int(head[9:12]))
        if rest.startswith(head):  # some refusals of libmicrohttpd's own: their header stands there twice
            rest = rest[len(head) + 4:]
        length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        answer = rest[length:]
    return found


def works(api, **options):
    with Client(api, **options) as client:
        assert client.ask(good(api)).json["Server"]["ServerId"] == api.server_id


def settled(api, before):
    """Waits until no more sockets are open than there were. Of the store, each thread that reads keeps a few files open."""
    wait_until(lambda: descriptors(api)[0] <= before[0], lambda: f"{descriptors(api)} descriptors, and not {before}",
               IN_TIME)
    assert descriptors(api)[1] <= before[1] + STORE_FILES


def unharmed(api, first, left, before, **options):
    """It takes no more memory than at first, has closed what was left open, still answers, and stops as it should."""
    closed_in_time(left)
    settled(api, before)
    grown = api.memory() - first
    assert grown < GROWTH, f"{grown} bytes more than at first"
    works(api, **options)
    assert api.stop() == 0, api.log()[-2000:]


def throw(api, number, left):
    """The statuses of what a request of this number is answered with; a connection that is neither answered nor closed goes
    to `left`."""
    dice = random.Random(SEED + number)
    kind = KINDS[number % len(KINDS)]
    data = kind(dice, api)
    try:
        sock = socket.create_connection(("127.0.0.1", api.port), IN_TIME)
        answer, closed = exchange(sock, data)
        found = statuses(answer)
        if closed or answer:
            sock.close()
        else:
            left.append(sock)
    except (AssertionError, OSError) as fault:
        raise AssertionError(f"seed {SEED} + {number}, {kind.__name__}: {fault!r}: {data[:300]!r}") from fault
    assert not {500, 503}.intersection(found), f"seed {SEED} + {number}, {kind.__name__}: {found}: {data[:300]!r}"
    if kind is of_pipelines:
        assert found[:1] == [200], f"seed {SEED} + {number}: {found}"
    return found


def test_ten_thousand(api):
    seen, left = {}, []
    works(api)
    settled_at = descriptors(api)
    with concurrent.futures.ThreadPoolExecutor(THREADS) as threads:
        for start in range(0, COUNT, STEP):
            for found in threads.map(lambda number: throw(api, number, left), range(start, start + STEP)):
                for status in found or [None]:
                    seen[status] = seen.get(status, 0) + 1
            assert api.process.poll() is None, api.log()[-2000:]
            works(api)
            if start + STEP == FIRST:
                first = api.memory()
    unharmed(api, first, left, settled_at)
    # None of the kinds is refused by its first byte: all of this is reached.
    assert {None, 200, 400, 404} <= seen.keys(), seen


def test_requests_that_never_begin(api):
    """More parameters than libmicrohttpd has room for: it never says that such a request has ended."""
    data = b"POST /?" + b"a=b&" * 2000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    works(api)
    settled_at, first = descriptors(api), api.memory()
    for _ in range(MANY):
        with socket.create_connection(("127.0.0.1", api.port), IN_TIME) as sock:
            sock.sendall(data)
            select.select([sock], [], [], PAUSE)
    settled(api, settled_at)
    assert api.memory() - first < GROWTH
    works(api)


# -- on the TLS port

def hello():
    """A ClientHello as it goes over the wire."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    return outgoing.read()


def tls_rubbish(dice, api, client_hello):
    return dice.choice([
        lambda: rubbish(dice), lambda: good(api), lambda: client_hello[:dice.randrange(len(client_hello))],
        lambda: client_hello[:5] + changed(dice, client_hello[5:]), lambda: client_hello + rubbish(dice),
        lambda: client_hello * dice.randrange(2, 20), lambda: changed(dice, client_hello),
        lambda: bytes([dice.choice(HANDSHAKE_TYPES), 3, dice.randrange(5), 0xff, 0xff]) + rubbish(dice, 70000),
        lambda: bytes([dice.choice(HANDSHAKE_TYPES), 3, 3, 0, 0]) * dice.randrange(1, 500)])()


def test_rubbish_on_the_tls_port(host):
    host.configure(*host.make_certificate())
    host.start()
    trust = ssl.create_default_context(cafile=host.certificate)
    client_hello = hello()
    works(host, tls=trust)
    settled_at = descriptors(host)
    left = []
    for number in range(TLS_COUNT):
        dice = random.Random(SEED + number)
        sock = socket.create_connection(("127.0.0.1", host.port), IN_TIME)
        if number % 3 > 0:
            if exchange(sock, tls_rubbish(dice, host, client_hello))[1]:
                sock.close()
            else:
                left.append(sock)
        else:
            data = dice.choice(KINDS)(dice, host)
            with trust.wrap_socket(sock, server_hostname="127.0.0.1") as inside:
                with contextlib.suppress(ConnectionError, ssl.SSLError):
                    inside.sendall(data)
                # Then the line is cut, with no word of it within TLS.
        if number == TLS_COUNT // 3:
            first = host.memory()
    unharmed(host, first, left, settled_at, tls=trust)
