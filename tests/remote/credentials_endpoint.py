"""The endpoints from which credentials come, as AWS documents them: a container's, an instance's (version 2 of the metadata
service alone), and the token service for web identities.

    with Endpoint(address, port) as endpoint:
        endpoint.hand_out(key_id, secret, …)
"""
import contextlib
import datetime
import http.server
import json
import pathlib
import secrets
import socket
import subprocess
import threading
import urllib.parse

ROLES = "/latest/meta-data/iam/security-credentials/"
ROLE = "the-role+=,.@_x"
ASSUMED = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <SubjectFromWebIdentityToken>someone</SubjectFromWebIdentityToken>
    <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn><AssumedRoleId>AROA:s</AssumedRoleId></AssumedRoleUser>
    <Credentials>
      <SessionToken>{Token}</SessionToken>
      <SecretAccessKey>{SecretAccessKey}</SecretAccessKey>
      <Expiration>{Expiration}</Expiration>
      <AccessKeyId>{AccessKeyId}</AccessKeyId>
    </Credentials>
    <Provider>www.example.com</Provider>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>ad4156e9-bce1-11e2-82e6-6b6efEXAMPLE</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>"""
REFUSED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error><RequestId>x</RequestId></ErrorResponse>"""


def add_address(address):
    """An address of AWS's, on this private host alone."""
    assert pathlib.Path("/run/private-host").exists(), "tests/host/enter runs this"
    six = ":" in address
    # nodad: it may be bound to at once.
    subprocess.run(["ip", "address", "replace", f"{address}/{128 if six else 32}", "dev", "lo", *["nodad"] * six], check=True)


@contextlib.contextmanager
def vanishing_connections(address, port):
    """Who connects there has no answer: the kernel drops what doesn't fit into a full queue."""
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.create_server((address, port), backlog=0))
        for _ in range(2):
            client = opened.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *arguments):  # pylint: disable=redefined-builtin
        pass

    def reply(self, status, body=b""):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def note(self, body=b""):
        self.server.endpoint.requests.append((self.command, self.path, dict(self.headers.items()), body.decode()))
        return self.server.endpoint

    def do_PUT(self):  # pylint: disable=invalid-name
        endpoint = self.note()
        if self.path != "/latest/api/token" or int(self.headers["X-aws-ec2-metadata-token-ttl-seconds"]) > 21600:
            return self.reply(400)
        endpoint.tokens.append(secrets.token_urlsafe(40) + "==")
        return self.reply(200, endpoint.tokens[-1])

    def do_GET(self):  # pylint: disable=invalid-name
        endpoint = self.note()
        if self.path.startswith("/latest/"):
            if self.headers["X-aws-ec2-metadata-token"] not in endpoint.tokens:
                return self.reply(401)
            answers = {ROLES: ROLE, ROLES + ROLE: json.dumps({"Code": "Success", "Type": "AWS-HMAC", **endpoint.keys})}
            return self.reply(200 if self.path in answers else 404, answers.get(self.path, ""))
        if self.path != endpoint.container_path:
            return self.reply(404, json.dumps({"code": "NotFound", "message": "no such task"}))
        if endpoint.authorization is not None and self.headers["Authorization"] != endpoint.authorization:
            return self.reply(401, json.dumps({"code": "Unauthorized", "message": "wrong token"}))
        return self.reply(200, json.dumps({"RoleArn": "arn:aws:iam::1:role/r", **endpoint.keys}))

    def do_POST(self):  # pylint: disable=invalid-name
        body = self.rfile.read(int(self.headers["Content-Length"]))
        endpoint = self.note(body)
        form = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
        if (form["Action"], form["Version"]) != ("AssumeRoleWithWebIdentity", "2011-06-15"):
            return self.reply(400, REFUSED.format("InvalidAction", "no such action"))
        if form["WebIdentityToken"] != endpoint.identity:
            return self.reply(400, REFUSED.format("InvalidIdentityToken", "No OpenIDConnect provider found"))
        return self.reply(200, ASSUMED.format(**endpoint.keys))


class Server(http.server.ThreadingHTTPServer):
    """Of either family."""

    def __init__(self, address, port):
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, port), Handler)


class Endpoint:
    """requests: (method, path, headers, body). container_path, authorization: who may have the container's credentials.
    identity: the web identity token that is known. context: an ssl.SSLContext, for https."""

    def __init__(self, address="127.0.0.1", port=0, context=None):
        self.requests, self.tokens, self.keys = [], [], {}
        self.container_path, self.authorization, self.identity = "/v2/credentials/6f1c", None, None
        self.server = Server(address, port)
        self.server.endpoint = self
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{'https' if context else 'http'}://{address}:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def hand_out(self, key_id, secret, token=None, seconds=3600):
        end = datetime.datetime.utcnow() + datetime.timedelta(seconds=seconds)
        self.keys = {"AccessKeyId": key_id, "SecretAccessKey": secret, "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
        if token is not None:
            self.keys["Token"] = token

    @property
    def paths(self):
        return [(method, path) for method, path, *_ in self.requests]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
