"""HTTP/1.1 by hand, over a socket of the test's own: what no client library sends, and when it sends what."""
import json
import socket
import ssl

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from api_host import PATIENCE, REGION

JSON = "application/x-amz-json-1.1"


def sign(api, operation, body=b"{}", *, path="/", key=None, headers=()):
    """The headers of a signed request, in order, as pairs; `headers` are signed along or replace what stands here."""
    request = AWSRequest("POST", f"http://127.0.0.1:{api.port}{path}", data=body, headers={
        "Host": f"127.0.0.1:{api.port}", "Content-Type": JSON, "X-Amz-Target": f"TransferService.{operation}",
        **dict(headers)})
    key = key or api.key
    SigV4Auth(Credentials(key.id, key.secret), "transfer", REGION).add_auth(request)
    return list(request.headers.items())


def message(headers, body=b"", *, method="POST", path="/", version="HTTP/1.1", length=True):
    """A request as bytes; with Content-Length, unless told otherwise."""
    lines = [f"{method} {path} {version}", *(f"{name}: {value}" for name, value in headers)]
    if length and (body or method == "POST"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def call(api, operation, members, **options):
    """A whole signed request as bytes."""
    body = json.dumps(members).encode()
    return message(sign(api, operation, body, **options), body)


class Answer:
    """status, headers (names in lower case), body."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """__type of a refusal, after a look at its form."""
        assert self.headers["x-amzn-errortype"] == self.json["__type"]
        assert len(self.headers["x-amzn-requestid"]) == 36 and self.headers["content-type"] == JSON
        return self.json["__type"]


class Closed(Exception):
    """The server closed the connection in place of an answer; args[0]: what had come by then."""


class Client:
    """One connection."""

    def __init__(self, api, *, tls=None, timeout=PATIENCE, address="127.0.0.1", source=None, receive_buffer=None):
        self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((address, api.port))
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname=address)
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        try:
            data = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError) as gone:
            raise Closed(self.received) from gone
        if not data:
            raise Closed(self.received)
        self.received += data

    def _until(self, end):
        while end not in self.received:
            self._more()
        line, self.received = self.received.split(end, 1)
        return line

    def answer(self, method="POST"):
        """The next answer."""
        first, *lines = self._until(b"\r\n\r\n").decode().split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version == "HTTP/1.1"
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        if status == "100":
            return Answer(100, headers, b"")
        length = int(headers["content-length"]) if method != "HEAD" else 0
        while len(self.received) < length:
            self._more()
        body, self.received = self.received[:length], self.received[length:]
        return Answer(int(status), headers, body)

    def ask(self, data):
        self.send(data)
        return self.answer()

    def until_closed(self):
        """All that comes."""
        while True:
            try:
                self._more()
            except Closed as closed:
                return closed.args[0]

    def is_closed(self):
        """Waits for the end of the connection; whatever comes before it is an error."""
        return self.until_closed() == b""


def ask(api, data, **options):
    """One request on a connection of its own."""
    with Client(api, **options) as client:
        return client.ask(data)
