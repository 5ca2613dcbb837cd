"""A session's helper as the agent knows it: WIRE_EVENTS, and events as common/wire/event.h encodes them."""
import base64 as base64_module
import contextlib
import json
import os
import pathlib
import select
import socket
import struct
import time

import agent_protocol as p
from agent_places import TRANSFERS

OPERATIONS = ("", "session-open", "session-close", "put", "get", "append", "list", "mkdir", "rmdir", "rename", "remove",
              "link", "symlink", "setstat", "dropped", "other")
HAS_BYTES, HAS_DURATION, COMPLETE, CUT = 1, 2, 4, 8
TOTALS = ("files_put", "files_got", "bytes_put", "bytes_got", "operations", "failed", "dropped")
EVENT_BYTES_MAX = 2 * 4096 + 2 * 8192 + 100 + 2048 + 256
TIME = 1_795_343_400_123_456  # 2026-11-22T10:30:00.123456Z


def new_id():
    return os.urandom(8).hex()


def identity(session, user="alice", server="s-0123456789abcdef0", client="192.0.2.7", port=50022, key="SHA256:" + "x" * 43,
             uid=5001):
    return (p.string(session) + p.string(server) + p.string(user) + p.string(client) + p.u32(port) + p.string(key) +
            p.u32(uid))


def event(sequence, operation="mkdir", *, when=TIME, flags=0, count=0, duration=0, corrects=0, status="ok", path="/in/a",
          new_path="", target="/srv/berth/bucket/in/a", new_target="", text="", totals=(0,) * 7):
    number = OPERATIONS.index(operation) if isinstance(operation, str) else operation
    data = struct.pack("=QQIIQQQ", sequence, when, number, flags, count, duration, corrects)
    data += b"".join(map(p.string, (status, path, new_path, target, new_target, text)))
    return data + struct.pack("=7Q", *totals)


def frame(data):
    return p.u32(len(data)) + data


class Helper:
    """A connection that the agent has taken: `last` is the sequence that it answered."""

    def __init__(self, session=None, **who):
        self.session = session or new_id()
        self.client = p.connect()
        self.client.sendall(p.request(p.EVENTS, identity(self.session, **who)))
        header = self.exactly(p.HEADER)
        self.status, length = struct.unpack("=IHHI", header)[2:]
        self.last = struct.unpack("=Q", self.exactly(8))[0] if self.status == p.OK else None
        assert length == (8 if self.status == p.OK else 0)
        self.acknowledged = 0

    def exactly(self, size):
        data = b""
        while len(data) < size:
            piece = self.client.recv(size - len(data))
            if not piece:
                raise ConnectionError("closed by the agent")
            data += piece
        return data

    def send(self, *events):
        self.client.sendall(b"".join(map(frame, events)))

    def mkdirs(self, first, last):
        """Events of these sequences, each with a path of its own."""
        self.send(*(event(n, path="/%s/%d" % (self.session, n)) for n in range(first, last + 1)))

    def wait(self, sequence, seconds=10):
        """Until this sequence is acknowledged."""
        self.client.settimeout(seconds)
        while self.acknowledged < sequence:
            self.acknowledged = struct.unpack("=Q", self.exactly(8))[0]
        assert self.acknowledged == sequence

    def acknowledged_by_now(self):
        while not self.acknowledges_nothing(0):
            self.acknowledged = struct.unpack("=Q", self.exactly(8))[0]
        return self.acknowledged

    def acknowledges_nothing(self, seconds):
        return not select.select([self.client], [], [], seconds)[0]

    def closed(self, seconds=10):
        """Waits for the end, past acknowledgements."""
        self.client.settimeout(seconds)
        try:
            while self.client.recv(1 << 16):
                pass
        except ConnectionResetError:
            pass
        return True

    def close(self):
        self.client.close()


def base64(data):
    return base64_module.b64decode(data, validate=True)


def ask_status(session=None, **who):
    """How the agent answers a helper, which then goes."""
    with contextlib.closing(Helper(session, **who)) as helper:
        return helper.status


def wait_open(seconds=10):
    """Until a session's log is accepted."""
    end = time.monotonic() + seconds
    while ask_status() != p.OK:
        assert time.monotonic() < end
        time.sleep(0.05)


def text(path=TRANSFERS):
    return pathlib.Path(path).read_bytes()


def lines(path=TRANSFERS):
    """The log's events, each as a dict; every line must be whole."""
    data = text(path)
    assert data == b"" or data.endswith(b"\n")
    return [json.loads(line) for line in data.splitlines()]


def sequences(session, *paths):
    return [line["sequence"] for path in paths or (TRANSFERS,) for line in lines(path) if line["session"] == session]


class Journal:
    """Where journald would listen; decodes its native protocol."""

    def __init__(self):
        os.makedirs("/run/systemd/journal", exist_ok=True)
        os.chmod("/run/systemd/journal", 0o755)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("/run/systemd/journal/socket")
        os.chmod("/run/systemd/journal/socket", 0o666)
        self.socket.settimeout(10)

    def entry(self):
        data, fields = self.socket.recv(1 << 20), {}
        while data:
            head, _, data = data.partition(b"\n")
            name, equals, value = head.partition(b"=")
            if not equals:
                length = struct.unpack("<Q", data[:8])[0]
                value, data = data[8:8 + length], data[9 + length:]
            fields[name.decode()] = value
        return fields

    def close(self):
        self.socket.close()
        os.unlink("/run/systemd/journal/socket")
