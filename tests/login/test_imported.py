"""People who come from somewhere else: an import, and their very next login."""
import json
import os
import shutil
from pathlib import Path

import pytest

from private_host import run

BERTH_CONFIG = ["Bucket home /home"]
UID = 5701


@pytest.fixture
def place(tmp_path):
    """Where the old host's files are, and /home as it was there."""
    made = []

    def home(name, uid, *directories):
        path = Path("/home") / name
        path.mkdir()
        made.append(path)
        for directory in directories:
            (path / directory).mkdir(parents=True)
            os.chown(path / directory, uid, uid)
        return path
    yield tmp_path, home
    for path in made:
        shutil.rmtree(path)


def imported(*words):
    result = run("/usr/bin/berth", "import", "--output", "json", *words)
    return result, json.loads(result.out)


def test_a_user_of_a_passwd_file(host, place):
    directory, home = place
    key, stranger = host.key("anna"), host.key("stranger")
    os.chown(home("anna", UID), UID, UID)
    (Path("/home/anna/old")).write_text("from before")
    assert not host.sftp("anna", key).ok
    (directory / "passwd").write_text("anna:x:%d:%d::/home/anna:/bin/bash\n" % (UID, UID))
    (directory / "keys").mkdir()
    (directory / "keys" / "anna").write_text('%s\nfrom="203.0.113.1" %s\n' % (key.public, stranger.public))
    result, summary = imported("--from", "passwd", "--authorized-keys", directory / "keys", directory / "passwd")
    assert result.ok and summary["Created"] == 1, repr(result)
    done = host.sftp("anna", key, "get old /dev/null\nput /etc/hostname new\n")
    assert done.ok, repr(done)
    assert os.stat("/home/anna/new").st_uid == UID
    assert host.ls("anna", key, "/") == ["new", "old"]
    assert not host.sftp("anna", stranger).ok, "a key that was restricted to one address came in without that"


def test_a_user_of_users_conf(host, place):
    directory, home = place
    key = host.key("berta")
    path = home("berta", UID + 1, "upload", "share")
    (path / ".ssh" / "keys").mkdir(parents=True)
    (path / ".ssh" / "keys" / "id_ed25519.pub").write_text(key.public + "\n")
    (path / "not shown").mkdir()
    (directory / "users.conf").write_text("berta:pass:%d:%d:upload,share\n" % (UID + 1, UID + 1))
    result, summary = imported("--from", "users.conf", directory / "users.conf")
    assert result.ok and summary["Created"] == 1, repr(result)
    assert host.ls("berta", key, "/") == ["share", "upload"]
    assert host.sftp("berta", key, "put /etc/hostname upload/new\n").ok
    assert os.stat("/home/berta/upload/new").st_uid == UID + 1


def test_a_user_of_another_server(host, place):
    """A line that an export of another store has written."""
    directory, _ = place
    key = host.key("clara")
    host.bucket("bucket", "clara", owner=UID + 2)
    host.create_user("clara", UID + 2, mappings=[("/", "/bucket/clara")], keys=[key])
    exported = run("/usr/bin/berth", "export").out
    host.delete_user("clara")
    assert not host.sftp("clara", key).ok
    (directory / "users").write_text(exported)
    result, summary = imported(directory / "users")
    assert result.ok and summary["Created"] == 1, repr(result)
    assert host.sftp("clara", key, "put /etc/hostname new\n").ok
    assert run("/usr/bin/berth", "export").out == exported
