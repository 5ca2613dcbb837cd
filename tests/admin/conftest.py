import pathlib
import shutil
import subprocess
import tempfile

import pytest

from admin_command import Admin


@pytest.fixture
def empty():
    """No store yet."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="berth-admin-"))
    directory.chmod(0o711)  # the store's user has to get through
    yield Admin(directory)
    shutil.rmtree(directory)


@pytest.fixture
def admin(empty):
    """A store with one server, which the configuration names."""
    empty.server_id = empty.ok("create-server")["ServerId"]
    empty.configure()
    return empty


@pytest.fixture(scope="session")
def public_keys(tmp_path_factory):
    """Two public keys as ssh-keygen writes them, with their newline."""
    directory = tmp_path_factory.mktemp("keys")
    keys = []
    for number in range(2):
        path = directory / f"key{number}"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"key {number}", "-f", path], check=True)
        keys.append(path.with_suffix(".pub").read_text())
    return keys
