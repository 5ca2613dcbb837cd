"""A host whose users are kept elsewhere: the real berth-api over TLS, or a server that says what it is told to say.

    Elsewhere   a Host (conftest.py) whose store is the far berth-api's: add_user() and sql() write there
    Scripted    an HTTPS server in this process, whose answers a test chooses
"""
import contextlib
import http.server
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "api"))

from agent_places import BERTH, BERTH_UID, CONFIG  # noqa: E402  pylint: disable=wrong-import-position
from api_host import free_port, new_api, wait_until  # noqa: E402  pylint: disable=wrong-import-position

CREDENTIALS, CACHE = "/run/store/credentials", "/run/store/cache.db"
SERVER_ID = "s-0123456789abcdef0"


def write_credentials(key_id, secret):
    pathlib.Path(CREDENTIALS).write_text(f"[default]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n")
    os.chmod(CREDENTIALS, 0o600)
    os.chown(CREDENTIALS, BERTH_UID, BERTH_UID)


def configure(url, server_id, ca_file, *lines):
    """The configuration of the host: records are fresh for a second."""
    own = [f"Store transfer:{url}", f"ServerId {server_id}", f"StoreCAFile {ca_file}", f"StoreCredentials {CREDENTIALS}",
           f"CacheFile {CACHE}", "CacheSeconds 1", "LookupSeconds 4", "TransferLog off"]
    given = {line.split()[0] for line in lines}
    text = [line for line in own if line.split()[0] not in given] + list(lines)
    pathlib.Path(CONFIG).write_text("\n".join(text) + "\n")


def drop(*words):
    """`berth cache drop`, and what it says."""
    return subprocess.run([BERTH, "cache", "drop", *words], capture_output=True, text=True, timeout=30, check=True).stdout


def timed(call, *arguments):
    """(what it returns, seconds)."""
    begin = time.monotonic()
    return call(*arguments), time.monotonic() - begin


class Elsewhere:
    def __init__(self, host, far):
        self.host, self.far = host, far
        host.store, host.server_id = far.admin.store, far.server_id
        self.sql, self.add_user = host.sql, host.add_user
        write_credentials(far.key.id, far.key.secret)
        self.configure()

    def configure(self, *lines):
        configure(self.far.url, self.far.server_id, self.far.certificate, *lines)

    def start(self):
        self.agent = self.host.start()
        self.agent.wait_log("store answers")
        return self.agent

    def freeze(self):
        self.far.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.far.process.send_signal(signal.SIGCONT)

    def fetches(self, user=None):
        """How often a user was asked for; without one: all of them."""
        return sum(line.get("operation") == "DescribeUser" and user in (None, line.get("user"))
                   for line in self.far.audit())


@contextlib.contextmanager
def new_elsewhere(host):
    with new_api() as far:
        far.configure(*far.make_certificate())
        far.start()
        yield Elsewhere(host, far)


class Scripted:
    """answer(operation, request, handler): (status, body, headers) of a request, or None when it has answered itself. The
    users are those of `users`, by name."""

    def __init__(self, directory):
        self.directory, self.users, self.requests = directory, {}, []
        self.gate = threading.Event()
        self.answer = self.usual
        self.certificate = directory / "scripted.pem"
        key = directory / "scripted.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", self.certificate], check=True, capture_output=True)
        os.chmod(self.certificate, 0o644)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        scripted = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # pylint: disable=invalid-name
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                operation = self.headers["X-Amz-Target"].split(".")[1]
                scripted.requests.append((operation, request.get("UserName")))
                given = scripted.answer(operation, request, self)
                if given is None:
                    return
                status, body, headers = given
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(data)

            def log_message(self, *arguments):  # pylint: disable=arguments-differ
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = False  # close() waits for them: with another thread no process enters a mount namespace
            request_queue_size = 128

            def handle_error(self, *arguments):  # pylint: disable=arguments-differ
                pass

            def finish_request(self, request, client_address):
                # Not in the thread that accepts: a client that only connects would hold up the others.
                super().finish_request(context.wrap_socket(request, server_side=True), client_address)

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"https://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def usual(self, operation, request, _handler=None):
        if operation == "DescribeServer":
            return 200, {"Server": {"Arn": f"arn:aws:transfer:us-east-1:000000000000:server/{SERVER_ID}",
                                    "ServerId": SERVER_ID, "State": "ONLINE", "EndpointType": "PUBLIC",
                                    "IdentityProviderType": "SERVICE_MANAGED", "Protocols": ["SFTP"], "UserCount": 1}}, {}
        user = self.users.get(request.get("UserName"))
        if user is None:
            return 400, {"__type": "ResourceNotFoundException", "Message": "Unknown user", "Resource": "x",
                         "ResourceType": "User"}, {}
        return 200, {"ServerId": SERVER_ID, "User": user}, {}

    def add_user(self, name, uid=5001, gid=5001):
        self.users[name] = {
            "Arn": f"arn:aws:transfer:us-east-1:000000000000:user/{SERVER_ID}/{name}", "UserName": name,
            "HomeDirectory": "/", "HomeDirectoryType": "LOGICAL", "Role": "arn:aws:iam::000000000000:role/r",
            "HomeDirectoryMappings": [{"Entry": "/", "Target": f"/bucket/{name}"}],
            "PosixProfile": {"Uid": uid, "Gid": gid}, "SshPublicKeys": []}

    def count(self, user):
        return sum(name == user for _, name in self.requests)

    def configure(self, *lines):
        write_credentials("AKIAIOSFODNN7EXAMPLE", "secret")
        configure(self.url, SERVER_ID, self.certificate, *lines)

    def holding(self, who=lambda name: True):
        """An answer() that keeps those waiting until `gate` is set, ten seconds at most."""
        def answer(operation, request, handler):
            if who(request.get("UserName", "")):
                self.gate.wait(10)
            return self.usual(operation, request, handler)
        self.gate.clear()
        return answer

    def close(self):
        """After those who ask it have ended."""
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
