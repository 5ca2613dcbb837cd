"""An HTTPS server that answers what a test tells it to, and counts: what no Transfer API would say, and when.

    with ScriptedApi(certificate) as api:
        api.script(answer, answer, …)     one each for the next requests; the last one for all that follow

An answer is a function of the request, or what one returns: an Answer, or bytes, sent as they are before the connection is
closed.
"""
import contextlib
import datetime
import email.utils
import ipaddress
import json
import socket
import ssl
import struct
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

JSON = "application/x-amz-json-1.1"


class Authority:
    """Makes certificates. file: its own, PEM."""

    def __init__(self, directory, name="ca"):
        self.directory = directory
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Berth's test {name}")])
        self.file = directory / f"{name}.pem"
        self.file.write_bytes(self._sign(self.name, self.key, [], 2, True).public_bytes(serialization.Encoding.PEM))
        self.count = 0

    def _sign(self, subject, key, names, days, authority=False):
        end = datetime.datetime.utcnow() + datetime.timedelta(days=days)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_after(end)
        builder = builder.not_valid_before(end - datetime.timedelta(days=10))
        builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def certificate(self, *names, days=2):
        """A file with a certificate for these (127.0.0.1 when there are none), which ends in so many days, and its key."""
        self.count += 1
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(name) for name in names] or [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
        file = self.directory / f"{self.file.stem}-{self.count}.pem"
        file.write_bytes(self._sign(subject, key, names, days).public_bytes(serialization.Encoding.PEM) +
                         key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))
        return file


class Request:
    """operation, members, headers (names in lower case)."""

    def __init__(self, headers, body):
        self.headers, self.members = headers, json.loads(body)
        self.operation = headers["x-amz-target"].removeprefix("TransferService.")

    @property
    def key_id(self):
        return self.headers["authorization"].split("Credential=")[1].split("/")[0]


class Answer:
    """An HTTP answer. cut: so many of the body's bytes are sent, then the connection is closed. close: after it, without a
    word about it in the headers."""

    def __init__(self, body=b"", status=200, cut=None, close=False, **headers):
        self.body = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        self.status, self.headers, self.cut, self.close = status, headers, cut, close

    def bytes(self):
        headers = {"Content-Type": JSON, "Date": email.utils.formatdate(usegmt=True), "Content-Length": len(self.body),
                   **{name.replace("_", "-"): value for name, value in self.headers.items()}}
        lines = [f"HTTP/1.1 {self.status} Whatever", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body[:self.cut]


def refusal(name, message="no", status=400, headers=None, **members):
    return Answer({"__type": name, "Message": message, **members}, status, **headers or {})


class ScriptedApi:
    """requests: what has been asked. connections: how many were made. reset_after: not None: so many bytes of a connection
    are read, then it is reset."""

    def __init__(self, certificate):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.requests, self.connections, self.answers, self.open = [], 0, [], []
        self.reset_after = None
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    @property
    def operations(self):
        return [request.operation for request in self.requests]

    def script(self, *answers):
        self.answers, self.requests, self.connections, self.reset_after = list(answers), [], 0, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        for connection in self.open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError, ssl.SSLError, ConnectionError, EOFError):
            secure = self.context.wrap_socket(connection, server_side=True)
            self.open.append(secure)
            with self.lock:
                self.connections += 1
            if self.reset_after is not None:
                left = self.reset_after
                while left > 0:
                    left -= len(secure.recv(left))
                secure.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                secure.close()
                return
            stream = secure.makefile("rb")
            while self._answer(secure, stream):
                pass
            stream.close()
            secure.close()

    def _answer(self, connection, stream):
        headers = {}
        if not stream.readline():
            raise EOFError
        while line := stream.readline().decode().strip():
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        request = Request(headers, stream.read(int(headers["content-length"])))
        with self.lock:
            self.requests.append(request)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        answer = answer(request) if callable(answer) else answer
        if isinstance(answer, bytes):
            connection.sendall(answer)
            return False
        connection.sendall(answer.bytes())
        return answer.cut is None and not answer.close
