import subprocess
import sys
from pathlib import Path

import pytest

from admin_command import new_admin

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "host"))


@pytest.fixture
def empty():
    """No store yet."""
    with new_admin() as admin:
        yield admin


@pytest.fixture
def admin(empty):
    """A store with one server, which the configuration names."""
    empty.make_server()
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
