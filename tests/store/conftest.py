import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile

import pytest

AGENT_TESTS = pathlib.Path(__file__).resolve().parents[1] / "agent"
sys.path.insert(0, str(AGENT_TESTS))
from store_tools import Store

specification = importlib.util.spec_from_file_location("agent_conftest", AGENT_TESTS / "conftest.py")
agent_conftest = importlib.util.module_from_spec(specification)
specification.loader.exec_module(agent_conftest)

# The agent's tests' own: a private /run and /etc, a store, a running berthd.
host, agent = agent_conftest.host, agent_conftest.agent


def mount(*words):
    subprocess.run(["mount", "-n", *words], check=True)


class Place:
    """A file system of its own."""

    def __init__(self, size="64m"):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="berth-store-"))
        mount("-t", "tmpfs", "-o", f"mode=0711,size={size}", "tmpfs", str(self.path))

    def read_only(self):
        mount("-o", "remount,ro", str(self.path))

    def writable(self, size=None):
        mount("-o", "remount,rw" + (f",size={size}" if size else ""), str(self.path))

    def fill(self, leave=0):
        """All of it, but for so many bytes. Returns the file that does it."""
        ballast = self.path / "ballast"
        with open(ballast, "wb", buffering=0) as file:
            try:
                while file.write(b"x" * 65536) == 65536:
                    pass
                while file.write(b"x") == 1:
                    pass
            except OSError:
                pass
            if leave:
                os.truncate(ballast, os.path.getsize(ballast) - leave)
        return ballast

    def remove(self):
        subprocess.run(["umount", "-n", "--lazy", str(self.path)], check=True)
        self.path.rmdir()


@pytest.fixture
def place():
    if os.geteuid() != 0 or not os.path.exists("/run/private-host"):
        pytest.skip("needs root and a private copy of this host: tests/host/enter")
    made = Place()
    yield made
    made.remove()


@pytest.fixture
def empty(place):
    """No store yet."""
    return Store(place.path)


@pytest.fixture
def store(empty):
    """One server, no users."""
    return empty.make()
