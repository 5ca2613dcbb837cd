"""
    remote   a Remote (remote_store.py): a real berth-api over TLS, and a host whose store it is
"""
import pytest

from remote_store import new_remote


@pytest.fixture
def remote():
    with new_remote() as made:
        yield made
