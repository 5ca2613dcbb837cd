"""What setup asks of systemd, and what it takes back. The suite of the packages shows the same with a real systemd; here
each call can be made to fail."""
import os
import shutil
from pathlib import Path

import pytest

from setup_host import CONFIG, DROP_IN

FAKE = Path("/run/fake-systemd")
SYSTEMCTL = Path("/usr/bin/systemctl")
REMOTE = Path("/etc/systemd/system/berthd.service.d/berthd-remote.conf")


@pytest.fixture
def units(host):
    """A host where systemd seems to run, with an active ssh.service."""
    shutil.rmtree(FAKE, ignore_errors=True)
    FAKE.mkdir()
    (FAKE / "ssh.service.active").touch()
    os.makedirs("/run/systemd/system", exist_ok=True)
    kept = SYSTEMCTL.read_bytes() if SYSTEMCTL.exists() else None
    host.replace(SYSTEMCTL, Path(__file__).with_name("fake_systemctl").read_bytes())
    SYSTEMCTL.chmod(0o755)
    yield host
    SYSTEMCTL.unlink()
    if kept is not None:
        host.replace(SYSTEMCTL, kept)
        SYSTEMCTL.chmod(0o755)
    shutil.rmtree("/run/systemd")
    shutil.rmtree(REMOTE.parent, ignore_errors=True)


def state():
    return sorted(path.name for path in FAKE.iterdir() if path.suffix in (".enabled", ".active"))


def calls():
    """The calls that change something, since the last time."""
    made = (FAKE / "calls").read_text(encoding="utf-8").splitlines()
    (FAKE / "calls").unlink()
    return [call for call in made if not call.startswith("is-")]


ON = ["berthd.service.active", "berthd.service.enabled", "berthd.socket.active", "berthd.socket.enabled",
      "ssh.service.active"]


def test_enabled_started_reloaded_and_undone(units):
    shown = units.setup("--dry-run").out
    assert "\n  systemctl enable --now berthd.socket berthd.service\n  systemctl reload ssh.service\n" in shown
    assert calls() == []
    assert units.setup("--yes").ok
    assert calls() == ["enable --now berthd.socket berthd.service", "reload ssh.service"] and state() == ON
    assert units.setup("--yes").out == "nothing to change\n" and calls() == []
    (FAKE / "berthd.service.active").unlink()
    assert units.setup("--yes").ok and calls() == ["enable --now berthd.socket berthd.service"]
    assert units.setup("--undo", "--yes").ok
    assert calls() == ["reload ssh.service", "disable --now berthd.service berthd.socket"]
    assert state() == ["ssh.service.active"]
    assert units.setup("--undo", "--yes").out == "nothing to change\n" and calls() == []


def test_a_store_elsewhere_gets_its_drop_in(units):
    CONFIG.parent.mkdir()
    CONFIG.write_text("ServerId s-0123456789abcdef0\nStore transfer:http://127.0.0.1:9\n", encoding="utf-8")
    assert units.setup("--yes").ok
    assert REMOTE.read_bytes() == Path("/usr/share/berth/systemd/berthd-remote.conf").read_bytes()
    assert calls() == ["daemon-reload", "enable --now berthd.socket berthd.service", "reload ssh.service"]
    assert units.setup("--yes").out == "nothing to change\n"
    assert units.setup("--undo", "--yes").ok
    assert calls() == ["reload ssh.service", "disable --now berthd.service berthd.socket", "daemon-reload"]
    assert not REMOTE.exists()


def test_a_running_agent_learns_of_a_new_configuration(units):
    for name in ON:
        (FAKE / name).touch()
    assert units.setup("--yes").ok
    assert calls() == ["try-restart berthd.service", "reload ssh.service"]


@pytest.mark.parametrize("fails, said, undone", [
    ("^enable --now", "systemctl enable berthd.socket: Job failed", ["disable berthd.socket", "stop berthd.socket"]),
    ("^reload ssh", "systemctl reload ssh.service: Job failed", ["reload-or-restart ssh.service"]),
], ids=["the agent doesn't start", "sshd isn't reloaded"])
def test_put_back_when_a_unit_fails(units, fails, said, undone):
    before = units.everything()
    (FAKE / "fails").write_text(fails + "\n", encoding="utf-8")
    result = units.setup("--yes")
    assert result.code == 255 and said in result.err and "all is put back as it was" in result.err, result
    assert units.bytes()[DROP_IN] is None and not CONFIG.exists()
    assert state() == ["ssh.service.active"]
    assert calls()[-len(undone):] == undone
    for path, what in units.everything().items():
        assert path.startswith(("/var/lib/berth", "/var/backups")) or before[path] == what


def test_put_back_when_sshd_ends_at_its_reload(units):
    """It is started again with the configuration that it had."""
    script = SYSTEMCTL.read_text(encoding="utf-8")
    ends = "[ \"$*\" = 'reload ssh.service' ] && rm $state/ssh.service.active\n"
    SYSTEMCTL.write_text(script.replace("verb=$1", ends + "verb=$1"), encoding="utf-8")
    bare = units.bytes()
    result = units.setup("--yes")
    assert result.code == 255 and "ssh.service does not run any more after its reload" in result.err, result
    assert units.bytes() == bare and calls()[-1] == "reload-or-restart ssh.service"


def test_what_a_killed_one_has_not_told_sshd(units):
    """sshd writes its PidFile when it reads its configuration."""
    pid_file = Path("/run/sshd.pid")
    assert units.setup("--yes").ok and calls()[-1] == "reload ssh.service"
    try:
        pid_file.write_text("1\n", encoding="ascii")
        os.utime(pid_file, (1, 1))
        assert units.setup("--yes").ok and calls() == ["reload ssh.service"]
        pid_file.write_text("1\n", encoding="ascii")
        assert units.setup("--yes").out == "nothing to change\n" and calls() == []
    finally:
        pid_file.unlink()
    DROP_IN.unlink()
    assert units.setup("--undo", "--yes").ok and calls()[0] == "reload ssh.service"


def test_sshd_is_not_told_what_would_end_it(units):
    assert units.setup("--yes").ok
    DROP_IN.with_name("00-a-site.conf").write_text("NoSuchKeyword yes\n", encoding="utf-8")
    calls()
    undone = units.setup("--undo", "--yes")
    assert undone.ok and calls() == ["disable --now berthd.service berthd.socket"]
    assert "sshd is not told, as it would not start" in undone.err and "systemctl reload ssh.service" in undone.err
