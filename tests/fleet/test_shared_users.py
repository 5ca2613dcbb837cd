"""Users are made, changed and deleted on one host, and log in on the others."""
import time

import pytest

from fleet import CACHE_SECONDS, key
from private_host import ROLE, wait_until

LATE = 3  # seconds more than CacheSeconds: the logins that look, on a machine that has other things to do


@pytest.fixture(scope="module")
def buckets(whole_fleet):
    for host in whole_fleet.logins:
        host.bucket("one", "two")


def seen_by_all(fleet, name, by):
    return [host.sees(name, by) for host in fleet.logins]


def becomes(fleet, name, by, expected):
    """All hosts that log in show this within CacheSeconds from now."""
    start = time.monotonic()
    for host in fleet.logins:
        wait_until(lambda: host.sees(name, by) == expected, CACHE_SECONDS + LATE, "%s on %s" % (name, host.name))
    assert time.monotonic() - start < CACHE_SECONDS + LATE


def test_who_is_made_on_one_logs_in_on_all(fleet, buckets):
    """At once, with the record's uid."""
    alice = key("alice")
    fleet.client().create_user(ServerId=fleet.server_id, UserName="alice", Role=ROLE, HomeDirectoryType="LOGICAL",
                               HomeDirectoryMappings=[{"Entry": "/", "Target": "/bucket/one"}],
                               PosixProfile={"Uid": 5001, "Gid": 5001}, SshPublicKeyBody=alice.public)
    for host in fleet.logins:
        result = host.sftp("alice", alice, "put /etc/hostname from-alice\nls -1\n")
        assert result.ok and "one" in result.out, repr(result)
        assert (host.path("/srv/berth/bucket/one/from-alice")).stat().st_uid == 5001
        host.path("/srv/berth/bucket/one/from-alice").unlink()


def test_who_was_nobody_a_moment_ago(fleet, buckets):
    """A host that was asked for the name before there was such a user."""
    bob = key("bob")
    assert seen_by_all(fleet, "bob", bob) == [None, None]
    fleet.api.create_user("bob", 5002, "/bucket/one", bob)
    becomes(fleet, "bob", bob, ["one"])


def test_admin_on_any_host_works_on_the_shared_users(fleet, buckets):
    carol, new = key("carol"), key("carol-new")
    fleet.east.create_user("carol", 5003, "/bucket/one", carol)
    assert seen_by_all(fleet, "carol", carol) == [["one"], ["one"]]
    shown = fleet.west.admin("describe-user", "--user-name", "carol")
    assert shown == fleet.api.admin("describe-user", "--user-name", "carol")
    assert shown["User"]["PosixProfile"] == {"Uid": 5003, "Gid": 5003}
    fleet.west.admin("import-ssh-public-key", "--user-name", "carol", "--ssh-public-key-body", new.public)
    becomes(fleet, "carol", new, ["one"])
    refused = fleet.east.run("berth", "admin", "create-user", "--user-name", "carol", "--role", ROLE)
    assert refused.code == 254 and "ResourceExistsException" in refused.err, repr(refused)
    fleet.east.admin("delete-user", "--user-name", "carol")
    becomes(fleet, "carol", carol, None)


def test_a_change_is_seen_within_cache_seconds(fleet, buckets):
    dave, new = key("dave"), key("dave-new")
    fleet.api.create_user("dave", 5004, "/bucket/one", dave)
    assert seen_by_all(fleet, "dave", dave) == [["one"], ["one"]]
    fleet.api.update_user("dave", "/bucket/two")
    becomes(fleet, "dave", dave, ["two"])
    old = fleet.api.admin("describe-user", "--user-name", "dave")["User"]["SshPublicKeys"][0]["SshPublicKeyId"]
    fleet.api.admin("import-ssh-public-key", "--user-name", "dave", "--ssh-public-key-body", new.public)
    fleet.api.admin("delete-ssh-public-key", "--user-name", "dave", "--ssh-public-key-id", old)
    becomes(fleet, "dave", dave, None)
    assert seen_by_all(fleet, "dave", new) == [["two"], ["two"]]
    fleet.api.admin("stop-server")
    becomes(fleet, "dave", new, None)
    fleet.api.admin("start-server")
    becomes(fleet, "dave", new, ["two"])
    fleet.api.admin("delete-user", "--user-name", "dave")
    becomes(fleet, "dave", new, None)


def test_cache_drop_makes_it_at_once(fleet, buckets):
    """With a cache that would hold the records for long: a change waits for it, unless it is told."""
    erin = key("erin")
    fleet.api.create_user("erin", 5005, "/bucket/one", erin)
    with fleet.caching(300, *fleet.logins):
        assert seen_by_all(fleet, "erin", erin) == [["one"], ["one"]]
        fleet.api.update_user("erin", "/bucket/two")
        assert seen_by_all(fleet, "erin", erin) == [["one"], ["one"]]
        assert fleet.east.run("berth", "cache", "drop", "erin").ok
        assert seen_by_all(fleet, "erin", erin) == [["two"], ["one"]]
        fleet.api.admin("delete-user", "--user-name", "erin")
        assert seen_by_all(fleet, "erin", erin) == [["two"], ["one"]]
        for host in fleet.logins:
            assert host.run("berth", "cache", "drop", "erin").ok
        assert seen_by_all(fleet, "erin", erin) == [None, None]
        # Nor does a name that nobody had stay so.
        fleet.api.create_user("erin", 5005, "/bucket/one", erin)
        for host in fleet.logins:
            host.run("berth", "cache", "drop", "erin")
        assert seen_by_all(fleet, "erin", erin) == [["one"], ["one"]]
