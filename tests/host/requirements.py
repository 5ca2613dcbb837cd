"""Whether the tests that log in can run here, and the private host made ready for them."""
import platform
import subprocess
from pathlib import Path

import pytest

MARKER = Path("/run/private-host")
MINIMUM_KERNEL = (5, 12)


def unable():
    """Why these tests can't run here, or None."""
    if not MARKER.exists():
        return "login tests run only on the private host: tests/run.sh"
    if tuple(int(part) for part in platform.release().split(".")[:2]) < MINIMUM_KERNEL:
        return "a view needs Linux %d.%d, this is %s" % (*MINIMUM_KERNEL, platform.release())
    return None


def skip_if_unable(items):
    reason = unable()
    if reason:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


def prepare():
    """tests/host/prepare, unless it has run."""
    if not Path("/run/prepared").exists():
        prepared = subprocess.run([Path(__file__).with_name("prepare")], capture_output=True, text=True, check=False)
        if prepared.returncode != 0:  # once, not as an error of every test
            pytest.exit("tests/host/prepare: status %d\n%s" % (prepared.returncode, prepared.stderr), returncode=1)
