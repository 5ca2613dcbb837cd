"""What an operator does with the packages, a function each; and what must be true of logins meanwhile."""
import json
import re
from pathlib import Path

DEB_DIR = Path(__file__).resolve().parents[2] / "build/deb"
ROLE = "arn:aws:iam::000000000000:role/sftp"
ALICE_UID = 5001
APT = ["apt-get", "--yes", "-o", "Dpkg::Use-Pty=0"]
API = "http://127.0.0.1:8443"


def install(machine, *names):
    """apt-get install ./NAME_*.deb; what it printed."""
    return machine.shell("cd /root && %s install %s" % (" ".join(APT), " ".join("./%s_*.deb" % name for name in names)))


def remove(machine, *names):
    return machine.do(*APT, "remove", *names)


def set_up(machine):
    return machine.do("berth", "setup", "--yes")


def add_alice(machine):
    machine.do("berth", "admin", "create-user", "--user-name", "alice", "--role", ROLE, "--home-directory-type", "LOGICAL",
               "--home-directory-mappings", json.dumps([{"Entry": "/", "Target": "/bucket/home/alice"}]),
               "--posix-profile", "Uid=%d,Gid=%d" % (ALICE_UID, ALICE_UID),
               "--ssh-public-key-body", machine.public_key("alice"))


def start_api(machine):
    """Enables berth-api; the profile of a new access key is in the machine's /root/.aws/credentials."""
    machine.do("systemctl", "enable", "--now", "berth-api")
    machine.shell("install -d -m 0700 /root/.aws && berth api-key create >>/root/.aws/credentials")


def call_api(machine, operation, **members):
    """One call as curl signs it: (status, response)."""
    found = dict(re.findall(r"^(aws_\w+)\s*=\s*(\S+)$", machine.read("/root/.aws/credentials"), re.MULTILINE))
    answer = machine.from_here(
        "curl", "--silent", "--show-error", "--max-time", "20", "--aws-sigv4", "aws:amz:us-east-1:transfer",
        "--user", "%s:%s" % (found["aws_access_key_id"], found["aws_secret_access_key"]),
        "--header", "Content-Type: application/x-amz-json-1.1",
        "--header", "X-Amz-Target: TransferService.%s" % operation,
        "--data", json.dumps(members), "--write-out", "\n%{http_code}", API)
    assert answer.ok, repr(answer)
    body, status = answer.out.rsplit("\n", 1)
    return int(status), json.loads(body)


def server_id(machine):
    return re.search(r"^ServerId\s+(\S+)", machine.read("/etc/berth/berth.conf"), re.MULTILINE).group(1)


def assert_local_logins(machine):
    """root and a user of /etc/passwd get in."""
    for name in ("root", "localuser"):
        result = machine.ssh(name, "id", "-un")
        assert result.ok and result.out == name + "\n", "%s: %r" % (name, result)


def assert_alice_logs_in(machine):
    result = machine.sftp("alice", "pwd\nls -la\n")
    assert result.ok and "Remote working directory: /\n" in result.out, repr(result)

