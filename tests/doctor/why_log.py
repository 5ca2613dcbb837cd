"""`berth doctor USER` and `berth why USER` as tests ask them, on a host of the module's own: its fixtures `fresh_host` and
`host` are to be imported, and take the place of conftest.py's."""
import json
import re
import time
from pathlib import Path

import pytest

from private_host import run

LOG = Path("/tmp/auth.log")


@pytest.fixture(scope="module")
def fresh_host(machine, state):
    """A fresh installation, without users."""
    state["well"] = False
    machine.reset()
    return machine


@pytest.fixture
def host(fresh_host):
    """The same, with agent and sshd running, the log marked."""
    fresh_host.start_missing()
    fresh_host.mark_log()
    return fresh_host


def doctor(user, *flags):
    """What `berth doctor USER` found: its JSON, and "code"."""
    result = run("/usr/bin/berth", "doctor", user, "--output", "json", *flags)
    assert result.code in (0, 1), repr(result)
    answer = json.loads(result.out)
    answer["code"] = result.code
    return answer


def first_fault(answer):
    """The first fault, or None; and that exit code and verdict say the same."""
    faults = [finding for finding in answer["Findings"] if finding["Level"] == "fault"]
    assert answer["code"] == (1 if faults else 0)
    if not faults:
        warnings = [finding["Found"] for finding in answer["Findings"] if finding["Level"] == "warning"]
        assert answer["Verdict"].endswith(" can log in" + (", but: " + warnings[0] if warnings else "")), answer["Verdict"]
        return None
    assert faults[0]["Found"] in answer["Verdict"]
    return faults[0]


def auth_log(lines, form="%b %e %H:%M:%S"):
    """The private host's log lines ("FACILITY.SEVERITY PID TEXT"), as rsyslog would have written them to LOG."""
    now = time.strftime(form)
    LOG.write_text("".join("%s host %s\n" % (now, re.sub(r"^\S+ \d+ ", "", line)) for line in lines), encoding="utf-8")
    return LOG


def why(user, *flags, log=LOG):
    """`berth why USER --log LOG`: the refusals."""
    result = run("/usr/bin/berth", "why", user, "--log", log, "--output", "json", *flags)
    assert result.code in (0, 1), repr(result)
    refusals = json.loads(result.out)["Refusals"]
    assert (result.code == 0) == bool(refusals)
    return refusals
