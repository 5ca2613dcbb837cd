"""The built packages on a Debian 12 of their own, booted with systemd (machine.py). Runs outside tests/host/enter:

    /usr/bin/python3 -m pytest -p no:cacheprovider tests/packages

Each fixture but `host` is a machine that nothing has happened to yet; to start one takes half a second.

    bare         a Debian with sshd, and local users who log in with keys: root, and localuser
    installed    the same with the package berth
    wired        the same after `berth setup --yes`, with the user alice
    host         one for a whole module: berth and berth-api, wired, with alice, berth-api running
"""
import subprocess
from pathlib import Path

import pytest

from machine import Machine, Unable, debian_root
from operator_steps import DEB_DIR, add_alice, install, set_up, start_api

SOURCE = Path(__file__).resolve().parents[2]


def pytest_collection_modifyitems(items):
    """What is made once takes longer than any test: the time limit is for the tests alone."""
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(120, func_only=True))


def newest_source():
    """When something was last changed that the packages are made from."""
    parts = [path for path in SOURCE.iterdir() if path.name not in ("build", "tests", ".git")]
    return max(path.stat().st_mtime for part in parts for path in [part, *part.rglob("*")])


@pytest.fixture(scope="session")
def packages():
    """The built packages, {"berth": path, "berth-api": path}; made anew when they are older than what they are made from."""
    def built():
        return {path.name.split("_")[0]: path for path in DEB_DIR.glob("*.deb")}
    if len(built()) < 2 or min(path.stat().st_mtime for path in built().values()) < newest_source():
        made = subprocess.run([SOURCE / "packaging/deb.sh"], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL)
        assert made.returncode == 0, made.stdout + made.stderr
    return built()


@pytest.fixture(scope="session")
def root():
    try:
        made = debian_root()
        with Machine(made):
            return made
    except Unable as unable:
        pytest.skip(str(unable))


def prepare(machine, packages):
    """Copies the packages in, and makes the local users."""
    for path in packages.values():
        machine.copy_in(path, "/root/%s" % path.name)
    machine.allow_key("root", "/root")
    machine.add_local_user("localuser")


@pytest.fixture
def bare(root, packages):
    with Machine(root) as machine:
        prepare(machine, packages)
        yield machine


@pytest.fixture
def installed(bare):
    install(bare, "berth")
    return bare


@pytest.fixture
def wired(installed):
    set_up(installed)
    add_alice(installed)
    return installed


@pytest.fixture(scope="module")
def host(root, packages):
    with Machine(root) as machine:
        prepare(machine, packages)
        install(machine, "berth", "berth-api")
        set_up(machine)
        add_alice(machine)
        start_api(machine)
        yield machine


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the end of the journal."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for machine in getattr(item, "funcargs", {}).values():
            if isinstance(machine, Machine):
                shown = machine.run("journalctl", "--no-pager", "--lines=60", "--output=short-precise")
                report.sections.append(("journal", shown.out))
                break
