"""Five hundred at once on a host that knows none of fifty users: berth-api is asked once for each."""
import collections
import concurrent.futures

import pytest

from fleet import PATIENCE, key
from private_host import ROLE, wait_until

USERS = 50
FIRST_UID = 5201
LOGINS = 10  # of each


@pytest.fixture
def users(fleet):
    """Their names, in the order of their uids; they all have the key "many"."""
    client, names = fleet.client(), ["many%02d" % number for number in range(USERS)]
    for number, name in enumerate(names):
        client.create_user(ServerId=fleet.server_id, UserName=name, Role=ROLE, HomeDirectoryType="LOGICAL",
                           HomeDirectoryMappings=[{"Entry": "/", "Target": "/bucket/" + name}],
                           PosixProfile={"Uid": FIRST_UID + number, "Gid": FIRST_UID + number},
                           SshPublicKeyBody=key("many").public)
        fleet.west.bucket(name)
    return names


def test_a_cold_cache_asks_once_a_user(fleet, users):
    host, many = fleet.west, key("many")

    def logs_in(name):
        result = host.sftp(name, many, timeout=250)
        assert result.ok and name in result.out.splitlines(), repr(result)

    # No record is to be asked for again because it took so long, nor a lookup to end because the machine is busy.
    with fleet.caching(300, host, lookup_seconds=10):
        # The server's record is fetched as the agent starts.
        wait_until(lambda: "ONLINE" in host.run("berth", "cache", "show").out, PATIENCE, "the server's record")
        assert host.run("berth", "cache", "drop", "--all").ok
        before = len(fleet.api.audit())
        with concurrent.futures.ThreadPoolExecutor(USERS * LOGINS) as pool:
            for done in [pool.submit(logs_in, name) for name in users * LOGINS]:
                done.result()
        asked = collections.Counter((entry["operation"], entry.get("user")) for entry in fleet.api.audit()[before:])
    assert {user for operation, user in asked if operation == "DescribeUser"} == set(users)
    assert set(asked.values()) == {1}, asked
