"""Every way other than sftp that a Berth user might try: none is open, with and without the Match block in sshd_config."""
import os
import socket
import subprocess
import threading
from pathlib import Path

import paramiko
import pytest

from attack_tools import View, Watch, assert_all_sealed, processes_of_user
from private_host import load_key, run, wait_until

UID = 5401
VIEW = View(UID, groups=(7401,), mounts={"/": "/srv/berth/bucket/routes"})
MATCH_FILE = Path("/etc/ssh/sshd_config.d/berth.conf")


@pytest.fixture(scope="module", params=["as packaged", "without the Match block"])
def key(request, fresh_host):
    """The user's key, with sshd configured either way."""
    key = fresh_host.key("routes")
    fresh_host.bucket("bucket", "routes", owner=UID)
    if not fresh_host.admin("describe-user", "--user-name", "routes", check=False).ok:
        fresh_host.create_user("routes", UID, secondary=[7401], mappings=[("/", "/bucket/routes")], keys=[key])
    packaged = MATCH_FILE.read_text(encoding="utf-8")
    if request.param != "as packaged":
        MATCH_FILE.write_text(packaged.split("Match ")[0], encoding="utf-8")
        fresh_host.sshd_config("")
    yield key
    MATCH_FILE.write_text(packaged, encoding="utf-8")
    fresh_host.sshd_config("")


@pytest.fixture
def transport(host, key):
    """An authenticated connection without a channel."""
    connection = paramiko.Transport(socket.create_connection(("127.0.0.1", host.port), 30))
    connection.start_client(timeout=30)
    connection.auth_publickey("routes", load_key(key))
    yield connection
    connection.close()


def test_sftp_itself_works(host, key):
    assert host.sftp("routes", key, "mkdir made\nrmdir made\n").ok
    with host.login("routes", key):
        assert_all_sealed(VIEW)


@pytest.mark.parametrize("command", [ ["id"], ["/bin/sh", "-c", "id"], ["scp", "-t", "/"], ["cat", "/etc/passwd"],
                                     ["/usr/lib/openssh/sftp-server"], ["internal-sftp"], ["/usr/sbin/nologin"],
                                     ["rsync", "--server", ".", "/"]])
def test_no_command(host, key, command):
    with Watch(VIEW):
        try:
            result = host.ssh("routes", key, *command, input="", timeout=15)
            assert "uid=" not in result.out and "root:" not in result.out, repr(result)
            # internal-sftp says so where it finds a command after its own name.
            assert result.out.strip() in ("", "This service allows sftp connections only."), repr(result)
        except subprocess.TimeoutExpired:
            pass  # it became an sftp session, which waits for requests
    wait_until(lambda: not processes_of_user(UID), what="the session's end")


def test_no_shell(host, key):
    with Watch(VIEW):
        result = host.ssh("routes", key, options=("-T",), input="id\necho HERE-$((1+1))\n", timeout=30)
        assert "uid=" not in result.out and "HERE-2" not in result.out, repr(result)
        result = host.ssh("routes", key, options=("-tt",), input="id\necho HERE-$((1+1))\n", timeout=30)
        assert "uid=" not in result.out and "HERE-2" not in result.out, repr(result)


def test_no_terminal(host, key, transport):
    """Even where sshd hands one out, nothing runs on it."""
    before = set(os.listdir("/dev/pts"))
    channel = transport.open_session()
    refused = False
    try:
        channel.get_pty()
    except paramiko.SSHException:
        refused = True
    if "Match" in MATCH_FILE.read_text(encoding="utf-8"):
        assert refused and set(os.listdir("/dev/pts")) == before
    elif not refused:
        channel.settimeout(5)
        with Watch(VIEW):
            try:
                channel.invoke_shell()
                assert b"uid=" not in channel.recv(4096)
            except (paramiko.SSHException, TimeoutError):
                pass


@pytest.mark.parametrize("name", ["shell", "sftp-server", "netconf", "other", "", "/bin/sh", "internal-sftp"])
def test_no_other_subsystem(host, key, transport, name):
    with Watch(VIEW):
        channel = transport.open_session()
        channel.settimeout(3)
        try:
            channel.invoke_subsystem(name)
            channel.sendall(b"id\n")
            assert b"uid=" not in channel.recv(4096)
        except (paramiko.SSHException, TimeoutError, OSError):
            pass


@pytest.fixture
def listener():
    """A server on the host's loopback that a forwarding could reach; connections counts who came."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.2)
    server_connections = []
    stop = threading.Event()

    def accept():
        while not stop.is_set():
            try:
                server_connections.append(server.accept()[0])
            except TimeoutError:
                pass
    thread = threading.Thread(target=accept)
    thread.start()
    yield server.getsockname()[1], server_connections
    stop.set()
    thread.join()
    server.close()
    for connection in server_connections:
        connection.close()


def test_no_forwarding_to_the_host(key, transport, listener):
    """-L and -D are the same channel."""
    port, connections = listener
    for address in (("127.0.0.1", port), ("localhost", port), ("127.0.0.1", 22)):
        with pytest.raises(paramiko.SSHException):
            transport.open_channel("direct-tcpip", address, ("127.0.0.1", 1))
    assert not connections


def test_no_forwarding_to_a_unix_socket(key, transport):
    for path in ("/run/berth/agent.sock", "/dev/log"):
        message = paramiko.Message()
        message.add_string(path)
        message.add_string("")
        message.add_int(0)
        with pytest.raises((paramiko.SSHException, EOFError)):
            transport.open_channel("direct-streamlocal@openssh.com", (path, 0), ("", 0))


def test_no_listening_on_the_host(host, key, transport):
    for address in ("", "127.0.0.1", "0.0.0.0"):
        with pytest.raises(paramiko.SSHException):
            transport.request_port_forward(address, 0)
    result = host.ssh("routes", key, options=("-N", "-R", "127.0.0.1:45454:127.0.0.1:22", "-o",
                                              "ExitOnForwardFailure=yes"), timeout=20)
    assert not result.ok and "remote port forwarding failed" in result.err, repr(result)


def test_no_listening_on_a_unix_socket(host, key):
    for path in ("/tmp/forwarded", "/forwarded", "/run/forwarded"):
        result = host.ssh("routes", key, options=("-N", "-R", path + ":127.0.0.1:22", "-o",
                                                  "ExitOnForwardFailure=yes"), timeout=20)
        assert not result.ok, repr(result)
        assert not os.path.lexists(path)
    assert not (host.bucket("bucket") / "routes/forwarded").exists()


def test_no_agent_forwarding(host, key, transport):
    channel = transport.open_session()
    before = set(os.listdir("/tmp"))
    paramiko.agent.AgentRequestHandler(channel)
    channel.settimeout(2)
    assert_all_sealed(VIEW)
    assert {name for name in set(os.listdir("/tmp")) - before if name.startswith("ssh-")} == set()
    assert not [name for name in os.listdir(host.bucket("bucket") / "routes") if name.startswith("ssh-")]


def test_no_x11(host, key, transport):
    channel = transport.open_session()
    try:
        channel.request_x11()
    except paramiko.SSHException:
        return
    # Only without the Match block: sshd itself would have to listen, in the sealed child, and can't.
    assert "Match" not in MATCH_FILE.read_text(encoding="utf-8")


def test_no_tunnel_device(host, key):
    result = host.ssh("routes", key, options=("-N", "-w", "0:0", "-o", "ExitOnForwardFailure=yes"), timeout=20)
    assert not result.ok
    assert "tun" not in Path("/proc/net/dev").read_text(encoding="ascii")


def password_client(host):
    connection = paramiko.Transport(socket.create_connection(("127.0.0.1", host.port), 30))
    connection.start_client(timeout=30)
    return connection


@pytest.mark.parametrize("password", ["", "!", "*", "x", "routes", "local-password"])
def test_no_password(host, key, password):
    connection = password_client(host)
    try:
        with Watch(VIEW) as watch, pytest.raises(paramiko.SSHException):
            connection.auth_password("routes", password)
        assert not connection.is_authenticated()
    finally:
        connection.close()
    assert watch.seen == 0


def test_no_keyboard_interactive(host, key):
    """Not even where the operator has turned it on: Debian's configuration has it off."""
    host.sshd_config("KbdInteractiveAuthentication yes\n")
    try:
        for reply in ("", "!", "local-password"):
            connection = password_client(host)
            try:
                with Watch(VIEW) as watch, pytest.raises(paramiko.SSHException):
                    connection.auth_interactive("routes", lambda title, text, prompts, said=reply: [said] * len(prompts))
                assert not connection.is_authenticated() and watch.seen == 0
            finally:
                connection.close()
    finally:
        host.sshd_config("")


def test_no_key_and_keyboard_together(host, key):
    """AuthenticationMethods of the operator's own: the account step then runs in a process of its own. The Match block has
    the last word on methods, where there is one."""
    host.sshd_config("KbdInteractiveAuthentication yes\nAuthenticationMethods publickey,keyboard-interactive\n")
    try:
        connection = password_client(host)
        try:
            with Watch(VIEW) as watch:
                left = connection.auth_publickey("routes", load_key(key))
                if "Match" in MATCH_FILE.read_text(encoding="utf-8"):
                    assert left == [] and connection.is_authenticated()
                else:
                    assert left == ["keyboard-interactive"]
                    with pytest.raises(paramiko.SSHException):
                        connection.auth_interactive("routes", lambda title, text, prompts: ["x"] * len(prompts))
                    assert not connection.is_authenticated() and watch.seen == 0
        finally:
            connection.close()
    finally:
        host.sshd_config("")


def test_su_opens_no_session(host, key):
    """Other programs with a PAM stack of their own know the user through NSS, and have no business with it."""
    result = run("setpriv", "--reuid=2901", "--regid=2901", "--clear-groups", "su", "-s", "/bin/sh", "routes", "-c", "id",
                 timeout=20, input="x\n")
    assert not result.ok and "uid=" not in result.out
