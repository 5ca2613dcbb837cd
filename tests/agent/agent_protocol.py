"""The agent's protocol as a client speaks it (common/wire/protocol.h), and asking as another user."""
import os
import pickle
import socket
import struct
import traceback

SOCKET = "/run/berth/agent.sock"
MAGIC, VERSION = 0x48545242, 1
HEADER, REQUEST_MAX, SESSION_MAX = 12, 8192, 12 * 1024 * 1024
PASSWD_BY_NAME, PASSWD_BY_UID, GROUP, INITGROUPS, KEYS, SESSION, EVENTS = range(1, 8)
OK, NOT_FOUND, REFUSED, DENIED, UNAVAILABLE, BUSY, BAD_REQUEST, WAIT = range(8)
PATH, LOGICAL = 1, 2
DIRECTORY, FILE = 1, 2
ID_NONE = 2**32 - 1


def u32(value):
    return struct.pack("=I", value)


def string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return u32(len(data)) + data


def request(verb, payload=b"", magic=MAGIC, version=VERSION, length=None):
    return struct.pack("=IHHI", magic, version, verb, len(payload) if length is None else length) + payload


def connect(timeout=15):
    """Waits for a place in a full backlog, as the C client does: a non-blocking connect, as any with a timeout of Python's
    is, would just fail."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", timeout, 0))
    client.connect(SOCKET)
    client.settimeout(timeout)
    return client


def receive(client):
    """All until the agent closes. None when that is nothing."""
    data = bytearray()
    while True:
        try:
            piece = client.recv(1 << 20)
        except ConnectionResetError:
            break
        if not piece:
            break
        data += piece
    return parse(bytes(data)) if data else None


def parse(data):
    """The answer; a WIRE_WAIT before it is left out."""
    magic, version, status, length = struct.unpack("=IHHI", data[:12])
    assert (magic, version) == (MAGIC, VERSION)
    if status == WAIT:
        assert length == 4
        return parse(data[16:])
    assert length == len(data) - 12
    return status, data[12:]


def ask_raw(data):
    with connect() as client:
        try:
            client.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # answered before it was asked: BUSY
        return receive(client)


def ask(verb, payload=b""):
    return ask_raw(request(verb, payload))


class Fields:
    """An answer's payload, field by field."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def u32(self):
        value = struct.unpack_from("=I", self.data, self.at)[0]
        self.at += 4
        return value

    def string(self):
        length = self.u32()
        value = self.data[self.at:self.at + length]
        assert len(value) == length
        self.at += length
        return value.decode()

    def list(self, item):
        return [item() for _ in range(self.u32())]

    def done(self):
        assert self.at == len(self.data)


def passwd_fields(payload):
    fields = Fields(payload)
    entry = (fields.string(), fields.u32(), fields.u32(), fields.string())
    fields.done()
    return entry


def by_name(name):
    status, payload = ask(PASSWD_BY_NAME, string(name))
    return passwd_fields(payload) if status == OK else status


def by_uid(uid):
    status, payload = ask(PASSWD_BY_UID, u32(uid))
    return passwd_fields(payload) if status == OK else status


def group(gid):
    return ask(GROUP, u32(gid))[0]


def initgroups(name):
    status, payload = ask(INITGROUPS, string(name))
    if status != OK:
        return status
    fields = Fields(payload)
    groups = (fields.u32(), fields.list(fields.u32))
    fields.done()
    return groups


def keys(name, uid=ID_NONE, kind="", base64=""):
    status, payload = ask(KEYS, string(name) + u32(uid) + string(kind) + string(base64))
    if status != OK:
        return status
    fields = Fields(payload)
    found = fields.list(lambda: (fields.string(), fields.string()))
    fields.done()
    return found


def session(name, kind="", base64=""):
    """A dict, or (status, reason)."""
    status, payload = ask(SESSION, string(name) + string(kind) + string(base64))
    fields = Fields(payload)
    if status != OK:
        return status, fields.string() if payload else ""
    answer = {"server": fields.string(), "uid": fields.u32(), "gid": fields.u32(), "groups": fields.list(fields.u32),
              "home_type": fields.u32(), "landing": fields.string(),
              "mappings": fields.list(lambda: (fields.u32(), fields.string(), fields.string())),
              "fingerprint": fields.string()}
    fields.done()
    return answer


def as_user(uid, call, *arguments):
    """What call returns when a process of this uid makes it."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            with os.fdopen(writer, "wb") as out:
                pickle.dump(call(*arguments), out)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as source:
        data = source.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return pickle.loads(data)
