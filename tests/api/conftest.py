"""
    host   an ApiHost (api_host.py): configuration, store with one server, an access key; nothing runs
    api    the same with berth-api running, plain HTTP on 127.0.0.1
"""
import pytest

from api_host import new_api


@pytest.fixture
def host():
    with new_api() as made:
        yield made


@pytest.fixture
def api(host):
    host.start()
    return host
