"""Doctor on a host whose users are kept elsewhere: the real berth-api, and one that says what a test tells it to."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from doctor_host import assert_clean, doctor, install
from private_host import CONFIG_FILE, SOURCE, run, wait_until

for suite in ("admin", "api", "remote"):
    sys.path.insert(0, str(SOURCE / "tests" / suite))

from api_host import new_api  # noqa: E402  pylint: disable=wrong-import-position
from scripted_api import Authority, ScriptedApi, refusal  # noqa: E402  pylint: disable=wrong-import-position

CREDENTIALS = Path("/var/lib/berth/credentials")
CACHE = Path("/var/lib/berth/cache.db")


def write_credentials(key_id, secret):
    CREDENTIALS.write_text("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n" % (key_id, secret),
                           encoding="ascii")
    CREDENTIALS.chmod(0o600)
    shutil.chown(CREDENTIALS, "berth", "berth")


def configure(machine, url, server_id, ca_file, *lines):
    own = ["Store transfer:%s" % url, "ServerId %s" % server_id, "StoreCAFile %s" % ca_file,
           "StoreCredentials %s" % CREDENTIALS, "DataRoot /srv/berth", "LookupSeconds 2"]
    CONFIG_FILE.write_text("\n".join(own + list(lines)) + "\n", encoding="ascii")
    machine.stop_agent()
    machine.start_agent()


@pytest.fixture(scope="module")
def far():
    with new_api() as api:
        api.configure(*api.make_certificate())
        api.start()
        yield api


@pytest.fixture(scope="module")
def near(machine, state, far):
    """This host, with far's users: alice logs in."""
    install(machine)
    state["well"] = False
    far.admin.ok("create-user", "--user-name", "alice", "--role", "arn:aws:iam::000000000000:role/sftp", "--posix-profile",
                 "Uid=5001,Gid=5001", "--home-directory-type", "LOGICAL", "--home-directory-mappings",
                 '[{"Entry":"/","Target":"/bucket/alice"}]', "--ssh-public-key-body", machine.key_of_alice.public)
    ca_file = Path("/etc/berth/users-ca.pem")
    shutil.copy(far.certificate, ca_file)
    ca_file.chmod(0o644)
    write_credentials(far.key.id, far.key.secret)
    machine.configure_near = lambda *lines: configure(machine, far.url, far.server_id, ca_file, *lines)
    machine.configure_near()
    assert machine.sftp("alice", machine.key_of_alice).ok
    assert_clean()
    return machine


def links(report):
    return [(finding["Link"], finding["Level"]) for finding in report.bad]


def test_a_good_host(near):
    report = doctor()
    assert [finding["Found"] for finding in report.of("cache")] == ["/var/lib/berth/cache.db: 1 user, 1 of them fresh"]
    assert "answers, and has server s-" in report.of("store")[0]["Found"]
    assert "finds user alice" in report.of("nss")[0]["Found"]


def test_credentials_that_others_read(near):
    CREDENTIALS.chmod(0o644)
    report = doctor()
    assert links(report) == [("store", "fault")], report
    assert report.bad[0]["Cure"] == "chown -h berth: %s && chmod 0600 %s" % (CREDENTIALS, CREDENTIALS)
    subprocess.run(report.bad[0]["Cure"], shell=True, check=True)
    assert_clean()


def wait_for_stale():
    wait_until(lambda: run("/usr/bin/berth", "cache", "show", "--output", "text").out.count("stale") == 2,
               what="stale records")


def test_the_store_is_down_and_the_cache_is_stale(near, far):
    near.configure_near("CacheSeconds 1")
    wait_for_stale()
    assert_clean()  # as long as the store can be asked that is nothing
    wait_for_stale()
    far.stop()
    report = doctor()
    far.start()
    assert links(report)[:2] == [("store", "fault"), ("cache", "warning")], report
    assert "connect to server" in report.bad[0]["Found"] and "docs/fleet.md" in report.bad[0]["Cure"]
    assert "these records are as of then: 1 stale" in report.bad[1]["Found"] and "StaleSeconds" in report.bad[1]["Cure"]
    wait_until(lambda: doctor().bad == [], what="a clean doctor")
    near.configure_near()


def test_a_key_that_was_disabled(near, far):
    assert near.sftp("alice", near.key_of_alice).ok  # her record is fresh
    write_credentials(far.key.id, "wrong" * 8)
    report = doctor()
    write_credentials(far.key.id, far.key.secret)
    assert links(report) == [("store", "fault")], report
    assert "signature" in report.bad[0]["Found"].lower()
    assert_clean()


def test_a_cache_that_is_none(near):
    CACHE.write_text("not a cache\n" * 1000, encoding="ascii")
    shutil.chown(CACHE, "berth", "berth")
    report = doctor()
    assert ("cache", "warning") in links(report), report
    assert report.of("cache")[0]["Cure"] == "berth cache drop --all"
    subprocess.run(report.of("cache")[0]["Cure"], shell=True, check=True, stdout=subprocess.DEVNULL)
    near.configure_near()
    assert near.sftp("alice", near.key_of_alice).ok
    assert_clean()


@pytest.mark.parametrize("date, words", [("Sun, 06 Nov 2016 08:49:37 GMT", "ahead of"),
                                         ("Fri, 06 Nov 2093 08:49:37 GMT", "behind")])
def test_a_clock_that_is_wrong(near, tmp_path, date, words):
    authority = Authority(tmp_path)
    os.chmod(tmp_path, 0o755)
    near.stop_agent()
    kept = CONFIG_FILE.read_text(encoding="ascii")
    with ScriptedApi(authority.certificate()) as api:
        api.script(refusal("InvalidSignatureException", "Signature expired", headers={"Date": date}))
        shutil.copy(authority.file, "/etc/berth/other-ca.pem")
        os.chmod("/etc/berth/other-ca.pem", 0o644)
        configure(near, api.url, "s-0123456789abcdef0", "/etc/berth/other-ca.pem")
        report = doctor()
    CONFIG_FILE.write_text(kept, encoding="ascii")
    near.stop_agent()
    near.start_agent()
    clock = report.of("clock")
    assert [finding["Level"] for finding in clock] == ["fault"], report
    assert "seconds %s that of" % words in clock[0]["Found"] and clock[0]["Cure"] == "timedatectl set-ntp true"
    assert links(report)[0] == ("clock", "fault"), report
