"""`berth why USER`: a user's refusals, from log files in each form and from the journal; and nobody can make others' up."""
import gzip
import json
import os
import re
import shutil
import socket
import time
from pathlib import Path

import paramiko
import pytest

from private_host import load_key, run, wait_until
from why_log import LOG, auth_log, fresh_host, host, why  # noqa: F401  pylint: disable=unused-import

UID = 5901
REFUSED = 'sshd[%d]: pam_berth(sshd:account): refused user=%s client=192.0.2.7 reason="server s-0 is OFFLINE"'
OLD, NEW = "%b %e %H:%M:%S", "%Y-%m-%dT%H:%M:%S.123456+00:00"
AUTH_LOG = Path("/var/log/auth.log")
JOURNALCTL = Path("/usr/bin/journalctl")


@pytest.fixture(scope="module", autouse=True)
def alice(fresh_host):
    fresh_host.bucket("bucket", "alice", owner=UID)
    fresh_host.create_user("alice", UID, mappings=[("/", "/bucket/alice")], keys=[fresh_host.key("alice")])


def stamped(seconds_ago, text, form=NEW):
    return "%s host %s\n" % (time.strftime(form, time.gmtime(time.time() - seconds_ago)), text)


def refusals(*arguments):
    result = run("/usr/bin/berth", "why", *arguments, "--output", "json")
    assert result.code in (0, 1), repr(result)
    return json.loads(result.out)["Refusals"]


@pytest.fixture
def no_log():
    """No journal and no auth log, whatever the machine has. (This is the private copy of it.)"""
    def clear():
        for path in (AUTH_LOG, *AUTH_LOG.parent.glob("auth.log.*"), JOURNALCTL):
            path.unlink(missing_ok=True)
        for path in ("/var/log/journal", "/run/log/journal"):
            shutil.rmtree(path, ignore_errors=True)
    clear()
    yield
    clear()


# -- forging ----------------------------------------------------------------------------------------------------------------

NAMES = [
    "alice from 198.51.100.1 port 5",
    "alice 198.51.100.1 port 5 [preauth]",
    "x from 198.51.100.1 port 5\nInvalid user alice",
    'x pam_berth(sshd:account): refused user=alice client=198.51.100.1 reason="forged"',
    'alice" client=198.51.100.1 reason="forged',
    "invalid user alice",
    " alice",
    "alice ",
    "x user alice",
    "authenticating user alice 198.51.100.1 port 5",
]


def offer_key(host, name):
    """Tries to log in by a name that OpenSSH's own clients wouldn't send."""
    with socket.create_connection(("127.0.0.1", host.port), 30) as connection:
        transport = paramiko.Transport(connection)
        transport.start_client(timeout=30)
        with pytest.raises(paramiko.SSHException):
            transport.auth_publickey(name, load_key(host.key("alice")))
        transport.close()


def test_names_do_not_pass_for_another_user(host):
    for name in NAMES:
        offer_key(host, name)
    wait_until(lambda: len(host.log(r"sshd\[\d+\]: Invalid user ")) == len(NAMES))
    host.assert_nothing_left()
    log = auth_log(host.log())
    assert why("alice", log=log) == []
    for name in NAMES:
        if "\n" not in name:
            found = why(name.split(":")[0], log=log)  # sshd takes no more for the name
            assert [(refusal["By"], refusal["Client"]) for refusal in found] == [("sshd", "127.0.0.1")], (name, found)


def test_a_certificates_identity_does_not_pass_for_a_line(host, tmp_path):
    """Its holder's authority chooses it, and sshd logs it behind the name."""
    key = host.key("forger")
    identity = "x for alice from 198.51.100.1 port 5 ssh2: ED25519 SHA256:forged"
    assert run("ssh-keygen", "-q", "-s", key.path, "-I", identity, "-n", "alice", key.path + ".pub").ok
    host.sshd_config("LogLevel VERBOSE\n")
    try:
        run("sftp", *host.client_options(key), "-P", host.port, "-b", "-", "localuser@127.0.0.1", input="pwd\n")
        lines = host.wait_log("Failed publickey for localuser.*ID x for alice")
    finally:
        host.sshd_config("")
        os.unlink(key.path + "-cert.pub")
    assert why("alice", log=auth_log(lines)) == []


def test_output_shows_nothing_that_acts_on_a_terminal(host):
    log = auth_log(["auth.info 1 sshd[1]: AuthorizedKeysCommand /k alice failed, status \x1b[2J"])
    for form in ("text", "table"):
        result = run("/usr/bin/berth", "why", "alice", "--log", log, "--output", form)
        assert result.ok and "\x1b" not in result.out


# -- files ------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("form", (OLD, NEW))
def test_both_forms_of_time(form):
    LOG.write_text(stamped(3600, REFUSED % (1, "alice"), form) + stamped(60, REFUSED % (2, "alice"), form))
    found = refusals("alice", "--log", LOG)
    assert [refusal["By"] for refusal in found] == ["pam_berth", "pam_berth"]
    assert found[0]["Time"] < found[1]["Time"]
    assert found[1]["Client"] == "192.0.2.7" and found[1]["Reason"] == "server s-0 is OFFLINE"
    assert found[1]["Cure"] == "berth admin start-server"
    assert len(refusals("alice", "--log", LOG, "--since", "10m")) == 1
    assert refusals("alice", "--log", LOG, "--last", "1") == found[1:]


def test_the_auth_log_and_its_rotated_copies(no_log):
    AUTH_LOG.write_text(stamped(60, REFUSED % (1, "alice")))
    AUTH_LOG.with_name("auth.log.1").write_text(stamped(90000, REFUSED % (2, "alice")))
    with gzip.open(AUTH_LOG.with_name("auth.log.2.gz"), "wt") as log:
        log.write(stamped(180000, REFUSED % (3, "alice")) + stamped(179999, REFUSED % (4, "bob")))
    os.utime(AUTH_LOG.with_name("auth.log.2.gz"), (time.time() - 100000,) * 2)
    assert len(refusals("alice")) == 3
    assert len(refusals("alice", "--since", "26h")) == 2
    times = [refusal["Time"] for refusal in refusals("alice")]
    assert times == sorted(times)
    assert len(refusals("bob", "--log", AUTH_LOG.with_name("auth.log.2.gz"))) == 1


def test_cures_name_the_user():
    LOG.write_text(stamped(60, "sshd[7]: Invalid user alice from 192.0.2.7 port 5"))
    assert refusals("alice", "--log", LOG)[0]["Cure"].startswith("berth doctor alice says")
    for form in ("text", "table"):
        assert "berth doctor alice says" in run("/usr/bin/berth", "why", "alice", "--log", LOG, "--output", form).out


def test_without_root_rights_nothing_found_is_no_answer(no_log):
    AUTH_LOG.write_text("")
    shown = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/berth", "why", "alice")
    assert shown.code == 255 and "sudo berth why" in shown.err, repr(shown)


def test_a_list_for_people():
    LOG.write_text(stamped(60, REFUSED % (2, "alice")))
    result = run("/usr/bin/berth", "why", "alice", "--log", LOG)
    assert result.ok
    lines = result.out.splitlines()
    assert lines[0].split() == ["TIME", "CLIENT", "BY", "REASON"]
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  192\.0\.2\.7  pam_berth +server s-0 is OFFLINE$", lines[1])
    assert lines[2].strip() == "-> berth admin start-server"
    assert lines[-1] == "`berth doctor alice` walks the login as it would be now."


def test_nothing_known_says_where_it_looked(no_log):
    result = run("/usr/bin/berth", "why", "alice")
    assert result.code == 255 and "/var/log/auth.log" in result.err
    AUTH_LOG.write_text("")
    result = run("/usr/bin/berth", "why", "alice")
    assert result.code == 1 and "/var/log/auth.log" in result.err and "berth doctor" in result.err and result.out == ""


@pytest.mark.parametrize("arguments", ([], ["a", "b"], [""], ["alice", "--last", "0"], ["alice", "--since", "yesterday"],
                                       ["alice", "--nothing"]))
def test_wrong_flags(arguments):
    assert run("/usr/bin/berth", "why", *arguments).code == 252


def test_a_log_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "none", tmp_path / "none.gz", tmp_path):
        result = run("/usr/bin/berth", "why", "alice", "--log", path)
        assert result.code == 255 and str(path) in result.err


# -- the journal ------------------------------------------------------------------------------------------------------------

def entry(message, identifier="sshd", uid=0, comm="sshd", ago=60, pid=7, **more):
    fields = {"__REALTIME_TIMESTAMP": str(int((time.time() - ago) * 1e6)), "SYSLOG_IDENTIFIER": identifier, "_UID": str(uid),
              "_PID": str(pid), "MESSAGE": message, **more}
    if comm:
        fields["_COMM"] = comm
    return fields


def journal(*entries):
    """A journalctl that has these entries, the newest first, as journalctl --reverse prints them."""
    Path("/run/log/journal").mkdir(parents=True, exist_ok=True)
    data = Path("/run/journal.json")
    data.write_text("".join(json.dumps(fields) + "\n" for fields in reversed(entries)))
    JOURNALCTL.write_text("#!/bin/sh\necho \"$@\" >/run/journal.arguments\nexec cat %s\n" % data)
    JOURNALCTL.chmod(0o755)


def uid_of(name):
    return int(run("getent", "passwd", name).out.split(":")[2])


MESSAGE = (REFUSED % (1, "alice")).split(": ", 1)[1]


def test_the_journal_comes_first(no_log):
    AUTH_LOG.write_text(stamped(60, REFUSED % (1, "alice")))
    journal(entry(MESSAGE, ago=120, pid=1), entry("Invalid user alice from 192.0.2.8 port 5", ago=60, pid=2))
    found = refusals("alice")
    assert [(refusal["By"], refusal["Client"]) for refusal in found] == [("pam_berth", "192.0.2.7"), ("sshd", "192.0.2.8")]
    assert re.search("--lines=[0-9]+ .*--since=@", Path("/run/journal.arguments").read_text())


def test_only_who_may_write_an_entry_is_believed(no_log):
    keys = 'no keys: user=alice reason="the agent can\'t be asked: Connection refused"'
    agent = 'record not served: user=alice server=s-0 reason="no PosixProfile"'
    believed = [entry(MESSAGE, pid=1), entry(MESSAGE, pid=2, comm=None),
                entry(MESSAGE, "sshd-session", comm="sshd-session", pid=3),
                entry(keys, "berth-keys", uid_of("berth-keys"), None), entry(agent, "berthd", uid_of("berth"), "berthd"),
                entry(list(MESSAGE.encode()), pid=4)]
    not_believed = [entry(MESSAGE, uid=2901), entry(MESSAGE, uid=2901, comm="logger"), entry(MESSAGE, uid=UID),
                    entry(MESSAGE, uid=uid_of("berth-session"), comm="berth-session"), entry(MESSAGE, uid=uid_of("berth")),
                    entry(MESSAGE, "su"), entry(MESSAGE, comm="cron"), entry(keys, "berth-keys", 2901, "berth-keys"),
                    entry(agent, "berthd", uid_of("berth-keys")), entry(None), entry(""), entry(MESSAGE, uid=""),
                    entry(MESSAGE, uid="0x"), entry([300, "a"])]
    journal(*not_believed)
    assert refusals("alice") == []
    journal(*believed)
    assert len(refusals("alice")) == len(believed)
    for one in believed:
        journal(one, *not_believed)
        assert len(refusals("alice")) == 1, one


def test_a_journal_that_cannot_be_read_is_said(no_log):
    journal()
    JOURNALCTL.write_text("#!/bin/sh\necho 'No journal files were opened' >&2\nexit 1\n")
    result = run("/usr/bin/berth", "why", "alice")
    assert result.code == 255 and "No journal files were opened" in result.err
