"""Signature Version 4 by hand, with hashlib and hmac alone: a request whose every part can be changed, before it is signed
and after. What is taken from here owes nothing to the code of an SDK, or of Berth."""
import hashlib
import hmac
import json
import time

from api_host import REGION
from http_client import JSON, ask, message

SERVICE = "transfer"
RIGHT_FORM = "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature={signature}"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def amz_date(seconds):
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


class Signed:
    """A POST of the API.

    headers: [name, value] in the order in which they are sent, Content-Length aside. After sign(): credential, signed,
    signature and the Authorization header, the last of them.
    """

    def __init__(self, api, operation="DescribeServer", members=None, *, body=None):
        self.api, self.key, self.method, self.path, self.query = api, api.key, "POST", "/", ""
        members = {"ServerId": api.server_id} if members is None else members
        self.body = json.dumps(members).encode() if body is None else body
        self.headers = [["Host", f"127.0.0.1:{api.port}"], ["Content-Type", JSON], ["X-Amz-Date", amz_date(time.time())],
                        ["X-Amz-Target", f"TransferService.{operation}"]]
        self.scope = [None, REGION, SERVICE, "aws4_request"]  # the day is X-Amz-Date's
        self.signed = self.credential = self.signature = None

    def __getitem__(self, name):
        return next(value for header, value in self.headers if header.lower() == name.lower())

    def __setitem__(self, name, value):
        """The first header of this name; a new one when there is none."""
        for header in self.headers:
            if header[0].lower() == name.lower():
                header[1] = value
                return
        self.headers.append([name, value])

    def add(self, name, value):
        self.headers.append([name, value])
        return self

    def drop(self, name):
        self.headers = [header for header in self.headers if header[0].lower() != name.lower()]

    def canonical(self, signed, payload):
        """The canonical request of a path that needs no encoding."""
        values = {}
        for name, value in self.headers:
            values.setdefault(name.lower(), []).append(" ".join(value.split()))
        return "\n".join([self.method, self.path, "&".join(sorted(self.query.split("&"))),
                          *(f"{name}:{','.join(values.get(name, ['']))}" for name in signed), "", ";".join(signed), payload])

    def sign(self, *, leave=(), more=(), form=RIGHT_FORM, payload=None):
        """Signs all headers but those of `leave`, and `more`, which aren't there. payload: in place of the body's hash."""
        date, (day, *rest) = self["X-Amz-Date"], self.scope
        scope = [day or date[:8], *rest]
        self.signed = sorted({name.lower() for name, _ in self.headers}.difference(leave).union(more))
        text = "\n".join(["AWS4-HMAC-SHA256", date, "/".join(scope),
                          sha256(self.canonical(self.signed, payload or sha256(self.body)).encode())])
        code = b"AWS4" + self.key.secret.encode()
        for part in [*scope, text]:
            code = hmac.new(code, part.encode(), hashlib.sha256).digest()
        self.credential, self.signature = "/".join([self.key.id, *scope]), code.hex()
        self.authorize(form)
        return self

    def authorize(self, form=RIGHT_FORM, **other):
        """The Authorization header in this form; `other`: credential, signed or signature in place of sign()'s."""
        parts = {"credential": self.credential, "signed": ";".join(self.signed), "signature": self.signature, **other}
        self["Authorization"] = form.format(**parts)
        return self

    def bytes(self, *, chunks=None):
        """As it goes over the wire. chunks: the sizes of the body's, the last for all that is left; else Content-Length."""
        path = self.path + ("?" + self.query if self.query else "")
        if chunks is None:
            return message(self.headers, self.body, method=self.method, path=path)
        head = message([*self.headers, ("Transfer-Encoding", "chunked")], method=self.method, path=path, length=False)
        return head + chunked(self.body, chunks)

    def ask(self, **framing):
        """The answer, over a connection of its own."""
        return ask(self.api, self.bytes(**framing))


def chunked(body, sizes):
    """A body in HTTP's chunks."""
    text, sizes = b"", list(sizes)
    while body:
        size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
        text += b"%x\r\n%s\r\n" % (len(body[:size]), body[:size])
        body = body[size:]
    return text + b"0\r\n\r\n"
