"""What the transfer log must not touch: local users, sshd's own log, the view, the seal; what it costs when it is off; and
berth tail beside a live session."""
import json
import os
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest

from attack_tools import View, assert_all_sealed, processes_of_user
from private_host import SOURCE, TRANSFER_LOG, run, wait_until
from transfer_tools import (DATAGRAM, SEQPACKET, Uploads, alice_fixture, closed, helpers, logged_in, put_bytes, said,
                            unix_sockets)

UID = 5781
LOCAL_UID = 2901


alice = alice_fixture(UID)


def everyday(host, user, tmp_path):
    """An upload, a download, a listing."""
    result = host.sftp(user.name, user.key, "put /etc/hostname\nget hostname %s/back\nls -la /\nrm hostname\n" % tmp_path)
    assert result.ok, repr(result)
    return result.out


# -- off -------------------------------------------------------------------------------------------------------------------

def test_off_means_no_process_no_line_and_no_descriptor(host, alice, tmp_path):
    config = host.extra_config
    host.reload(*config, "TransferLog off")
    try:
        with logged_in(host, alice) as session:
            assert not helpers()
            put_bytes(session.sftp, "/unlogged")
            for pid in processes_of_user(UID):
                assert SEQPACKET not in unix_sockets(pid).values()
        everyday(host, alice, tmp_path)
        with logged_in(host, alice) as session, Uploads(session) as uploads:
            host.kill_agent()
            uploads.wait_for(50)
            host.start_agent()
            uploads.wait_for(50)
        assert uploads.error is None and uploads.longest < 1
        assert not host.events() and not host.log("berth-session|transfer log")
    finally:
        host.reload(*config)


def test_off_makes_no_file(host, alice, tmp_path):
    config = host.extra_config
    host.stop_agent()
    TRANSFER_LOG.rename(TRANSFER_LOG.with_suffix(".kept"))
    try:
        host.reload(*config, "TransferLog off")
        everyday(host, alice, tmp_path)
        assert not TRANSFER_LOG.exists()
    finally:
        host.stop_agent()
        TRANSFER_LOG.with_suffix(".kept").rename(TRANSFER_LOG)
        host.reload(*config)


# -- local users and sshd itself -------------------------------------------------------------------------------------------

def test_local_users_are_not_logged(host, alice, tmp_path):
    """Their sftp through the same sshd: no helper, no event, and their own sftp-server's lines in syslog as ever."""
    key = host.key("local")
    authorized = Path("/home/localuser/.ssh/authorized_keys")
    authorized.write_text(key.public + "\n", encoding="ascii")
    os.chown(authorized, LOCAL_UID, LOCAL_UID)
    host.sshd_config("Match User localuser\n    ForceCommand internal-sftp -l INFO\nMatch all\n")
    try:
        with host.login("localuser", key) as session:
            put_bytes(session.sftp, "/home/localuser/file")
            assert not helpers()
            assert session.sftp.listdir("/etc")
        assert host.sftp("localuser", key, "put /etc/hostname /home/localuser/file\nrm /home/localuser/file\n").ok
        assert host.wait_log(r"internal-sftp\[\d+\]: open \"/home/localuser/file\"")
        assert not host.events() and not host.log("berth-session")
        everyday(host, alice, tmp_path)
        assert {event["user"] for event in closed(host, user="alice")} == {"alice"}
    finally:
        authorized.unlink()
        host.sshd_config("")


def test_sshds_own_lines_still_reach_syslog(host, alice):
    """Those of the sealed process, too, which has no /dev/log: as sshd's, and of this session alone."""
    assert host.sftp("alice", alice.key, "ls\n").ok
    port = host.wait_events(operation="session-open")[0]["port"]
    for line in ("Accepted publickey for alice from 127.0.0.1 port %d ssh2",
                 "Received disconnect from 127.0.0.1 port %d:11: disconnected by user",
                 "Disconnected from user alice 127.0.0.1 port %d"):
        found = host.wait_log(r"^auth\.info \d+ sshd\[\d+\]: " + re.escape(line % port))
        assert len(found) == 1, found
    assert not host.log("internal-sftp")


def test_pam_is_content_in_the_sealed_process(host, alice, tmp_path):
    """libpam's audit call finds no audit, and not a fault; nothing complains."""
    everyday(host, alice, tmp_path)
    closed(host, user="alice")
    for word in ("pam_setcred", "[Aa]udit", "error", "fatal"):
        assert not host.log(word), host.log(word)
    assert not host.events(operation="other")


# -- the view and the seal -------------------------------------------------------------------------------------------------

def test_nothing_of_it_is_seen_from_inside(host, alice):
    with logged_in(host, alice) as session:
        assert session.sftp.listdir("/") == []
        for path in ("/dev", "/dev/log", "/run", "/proc", "/run/berth", "/var/log/berth"):
            with pytest.raises(FileNotFoundError):
                session.sftp.stat(path)
        listed = host.sftp("alice", alice.key, "ls -la /\n").out.splitlines()
        assert [line.split()[-1] for line in listed if not line.startswith("sftp>")] == ["/.", "/.."]


def test_the_seal_is_as_it_was_but_for_one_socket(host, alice):
    """In every process of the session: one SEQPACKET socket, no directory, nothing else of the log's."""
    with logged_in(host, alice) as session:
        session.sftp.listdir("/")
        pids = assert_all_sealed(View(UID, mounts={"/": str(alice.home)}))
        assert len(pids) == 2
        for pid in pids:
            host.assert_sealed(pid)
            kinds = list(unix_sockets(pid).values())
            assert kinds.count(SEQPACKET) == 1 and DATAGRAM not in kinds
            opened = [os.readlink("/proc/%d/fd/%s" % (pid, name)) for name in os.listdir("/proc/%d/fd" % pid)]
            assert not [link for link in opened if "memfd" in link or "/var/" in link or "/run/" in link], opened


def test_a_helper_holds_little(host, alice):
    """It is SessionUser, without a file of the host's, without capabilities or other groups."""
    with logged_in(host, alice):
        host.wait_events(operation="session-open")
        helper, = helpers()
        status = dict(line.split(":\t", 1) for line in Path("/proc/%d/status" % helper).read_text().splitlines())
        uid = run("id", "-u", "berth-session").out.strip()
        for ids in ("Uid", "Gid", "Groups"):
            assert set(status[ids].split()) == {uid}, status[ids]
        assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
        opened = [os.readlink("/proc/%d/fd/%s" % (helper, name)) for name in os.listdir("/proc/%d/fd" % helper)]
        assert all(link.startswith(("socket:", "/dev/null", "anon_inode:", "/memfd:")) for link in opened), opened


def test_the_log_is_not_for_everybody(host, alice, tmp_path):
    everyday(host, alice, tmp_path)
    closed(host, user="alice")
    status = TRANSFER_LOG.stat()
    assert status.st_mode & 0o777 == 0o640
    assert status.st_uid == int(run("id", "-u", "berth").out)


# -- berth tail ------------------------------------------------------------------------------------------------------------

def test_tail_follows_a_live_session(host, alice):
    """An upload is seen within a second; a job can be started for each."""
    command = ["/usr/bin/berth", "tail", "-f", "-n", "0", "--complete", "--operation", "put", "--output", "json"]
    seen = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tail:
        def read():
            for line in tail.stdout:
                seen.append((time.monotonic(), json.loads(line)))
        reader = threading.Thread(target=read)
        reader.start()
        try:
            with logged_in(host, alice) as session:
                time.sleep(0.3)
                for number in range(3):
                    put_bytes(session.sftp, "/upload%d" % number, b"x" * 1000)
                    done = time.monotonic()
                    wait_until(lambda wanted=number + 1: len(seen) == wanted, 2, "the event in berth tail")
                    assert seen[-1][0] - done < 1
                    session.sftp.listdir("/")
        finally:
            tail.terminate()
            reader.join(5)
    assert [said(event, "operation", "path", "bytes", "complete", "target") for _, event in seen] == [
        ("put", "/upload%d" % number, 1000, True, str(alice.home / ("upload%d" % number))) for number in range(3)]


def test_a_job_for_each_upload(host, alice, tmp_path):
    """The pipe of docs/transfer-log.md, as it stands there: the job is run with each file that arrived."""
    page = (SOURCE / "docs/transfer-log.md").read_text(encoding="utf-8")
    script = next(block for block in re.findall(r"(?:^    .*\n)+", page, re.MULTILINE) if "/usr/local/bin/job" in block)
    jobs, job = tmp_path / "jobs", Path("/usr/local/bin/job")
    job.write_text("#!/bin/sh\nprintf '%%s\\0' \"$1\" >>%s\n" % jobs, encoding="ascii")
    job.chmod(0o755)
    names = ["one", "two words", 'quo"te', "new\nline", "é"]
    with subprocess.Popen(["sh", "-c", script], start_new_session=True) as pipe:
        try:
            time.sleep(0.4)
            with logged_in(host, alice) as session:
                for name in names:
                    put_bytes(session.sftp, "/" + name)
                    session.sftp.listdir("/")
            wanted = [str(alice.home / name) for name in names]
            wait_until(lambda: jobs.exists() and jobs.read_text().split("\0")[:-1] == wanted, 3, "the jobs")
        finally:
            os.killpg(pipe.pid, 15)
            job.unlink()
