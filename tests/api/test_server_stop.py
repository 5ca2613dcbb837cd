"""SIGTERM: what has been asked for is done and answered, nobody gets half an answer, and it ends in time."""
import contextlib
import signal
import ssl
import threading
import time

import pytest

from api_host import PATIENCE, wait_until
from http_client import Client, Closed, message
from test_server import ask_without_reading, create, crowd, describe, large_user, locked_store, wait_requests

STOP_SECONDS = 10


def stop_now(api):
    api.process.send_signal(signal.SIGTERM)
    api.wait_log("stopping: signal=TERM")


class Storm(threading.Thread):
    """Creates users one after the other on one connection, until the server ends it."""

    def __init__(self, api, number, tls, reconnect):
        super().__init__()
        self.api, self.number, self.tls, self.reconnect = api, number, tls, reconnect
        self.answered, self.unanswered, self.broken = [], None, None

    def run(self):
        try:
            while True:
                with Client(self.api, tls=self.tls) as client:
                    self.use(client)
        except (ConnectionError, ssl.SSLError, TimeoutError):
            pass  # no connection could be made any more

    def use(self, client):
        for _ in range(3 if self.reconnect else 10**9):
            name = f"user-{self.number}-{len(self.answered)}"
            self.unanswered = name
            client.send(create(self.api, name))
            try:
                answer = client.answer()
            except Closed as closed:
                self.broken = closed.args[0] or None
                raise ConnectionError from closed
            assert answer.status == 200 and answer.json["UserName"] == name
            self.answered.append(name)
            self.unanswered = None
            if answer.headers.get("connection") == "close":
                return


@pytest.mark.parametrize("reconnect", [False, True])
@pytest.mark.parametrize("secure", [False, True])
def test_storm(host, secure, reconnect):
    """What got an answer is in the store; what got none was never read: it is in neither the store nor the audit log."""
    lines = host.make_certificate() if secure else ()
    host.configure(*lines)
    host.start()
    context = ssl.create_default_context(cafile=host.certificate) if secure else None
    storm = [Storm(host, number, context, reconnect) for number in range(16)]
    for thread in storm:
        thread.start()
    wait_until(lambda: len(host.audit()) >= 200, host.log)
    assert host.stop() == 0
    for thread in storm:
        thread.join(PATIENCE)
        assert not thread.is_alive() and thread.broken is None
    answered = {name for thread in storm for name in thread.answered}
    there = {line["user"] for line in host.audit() if line["result"] == "ok"}
    assert answered <= there
    lost = there - answered
    assert lost == set(), f"done without an answer: {lost}"
    assert len(answered) >= 200
    assert "cut off" not in host.log() and host.log().endswith("stopped\n")
    for name in [thread.unanswered for thread in storm if thread.unanswered]:
        assert name not in host.admin.run("describe-user", "--server-id", host.server_id, "--user-name", name).stdout
    assert {line["user"] for line in host.audit()} == there


def test_idle_connections_end_at_once(api):
    clients = [Client(api) for _ in range(20)]
    for client in clients:
        assert client.ask(describe(api)).status == 200
    assert api.stop() == 0
    assert "cut off" not in api.log()
    assert all(client.is_closed() for client in clients)


def test_request_on_its_way_is_served(api):
    """Headers were read, the body comes after SIGTERM: it is done, answered, and the connection ends."""
    data = create(api, "alice")
    with Client(api) as client:
        client.send(data[:-10])
        wait_requests(api, 1)
        stop_now(api)
        with pytest.raises(ConnectionRefusedError):
            while True:
                Client(api).socket.close()
                time.sleep(0.01)
        answer = client.ask(data[-10:])
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert client.is_closed()
    assert api.process.wait(PATIENCE) == 0
    assert api.audit()[-1]["user"] == "alice" and "cut off" not in api.log()


def test_request_in_the_kernel_is_served(api):
    """What was sent on a kept-alive connection before SIGTERM, while berth-api didn't run, is served; so is what waits in
    the listening socket's queue."""
    with crowd(api, 200) as kept, Client(api) as quiet, contextlib.ExitStack() as stack:
        for client in [*kept, quiet]:
            assert client.ask(describe(api)).status == 200
        api.process.send_signal(signal.SIGSTOP)
        waiting = [stack.enter_context(Client(api)) for _ in range(20)]
        for n, client in enumerate([*kept, *waiting]):
            client.send(create(api, f"user{n}"))
        api.process.send_signal(signal.SIGTERM)
        api.process.send_signal(signal.SIGCONT)
        assert {client.answer().status for client in [*kept, *waiting]} == {200}
        assert quiet.is_closed()
    assert api.process.wait(PATIENCE) == 0
    assert {line["user"] for line in api.audit() if "user" in line} == {f"user{n}" for n in range(220)}


def test_new_connection_may_still_ask(api):
    """Who has just been accepted has some time to say what for."""
    with Client(api) as client:
        stop_now(api)
        time.sleep(0.3)
        assert client.ask(create(api, "alice")).status == 200
    assert api.process.wait(PATIENCE) == 0


def test_what_does_not_come_is_cut_off(api):
    """Half a request, and an answer that nobody takes. A second SIGTERM changes nothing."""
    data, large = create(api, "bob"), large_user(api)
    with Client(api) as half, Client(api, receive_buffer=4096) as reader, Client(api) as silent:
        half.send(data[:-10])
        ask_without_reading(api, reader, large)
        wait_requests(api, 2)
        begin = time.monotonic()
        stop_now(api)
        assert silent.is_closed()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            api.process.send_signal(number)
        assert half.is_closed()
        assert time.monotonic() - begin > STOP_SECONDS - 1
        assert api.process.wait(PATIENCE) == 0
    assert f"stopping: cut off after {STOP_SECONDS} s: connections=2 requests=2" in api.log()
    assert [line["user"] for line in api.audit()] == ["alice", "alice"]  # the large user, made and asked for


def test_health_says_that_it_stops(api):
    data = create(api, "alice")
    with Client(api) as half, Client(api) as health:
        half.send(data[:-10])
        probe = message([("Host", "berth")], method="GET", path="/healthz")
        health.send(probe[:-2])
        wait_requests(api, 2)
        stop_now(api)
        answer = health.ask(probe[-2:])
        assert (answer.status, answer.body) == (503, b"stopping\n")
        assert half.ask(data[-10:]).status == 200
    assert api.process.wait(PATIENCE) == 0


def test_interrupt_stops_too(api):
    assert api.stop(signal.SIGINT) == 0
    assert "stopping: signal=INT" in api.log()


def test_write_that_waits_for_the_store_is_waited_for(api):
    """Whoever else writes to the store: the call is done once it can be, and answered."""
    with Client(api) as client, Client(api) as idle:
        assert idle.ask(describe(api)).status == 200
        with locked_store(api):
            client.send(create(api, "alice"))
            wait_requests(api, 1)
            stop_now(api)
            assert idle.is_closed() and api.process.poll() is None
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert api.process.wait(PATIENCE) == 0
    assert "cut off" not in api.log()
