"""The packages as files: what is in them, what they say of themselves, and the units. Nothing is installed here.

`make check` has built them (packaging/deb.sh); what installing, upgrading and removing them does is for a machine to show.
"""
import io
import os
import pathlib
import re
import shutil
import subprocess
import tarfile

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
PACKAGING, BUILT = TREE / "packaging", TREE / "build/deb"
NAMES = "berth", "berth-api"

# Pages and documents aside.
FILES = {
    "berth": {
        "etc/logrotate.d/berth",
        "lib/MULTIARCH/security/pam_berth.so",
        "lib/systemd/system/berthd.service",
        "lib/systemd/system/berthd.socket",
        "usr/bin/berth",
        "usr/lib/MULTIARCH/libnss_berth.so.2",
        "usr/lib/sysusers.d/berth.conf",
        "usr/lib/tmpfiles.d/berth.conf",
        "usr/libexec/berth/berth-keys",
        "usr/libexec/berth/berth-session",
        "usr/libexec/berth/berth-syslog",
        "usr/libexec/berth/entrypoint",
        "usr/sbin/berthd",
        "usr/share/bash-completion/completions/berth",
        "usr/share/berth/sshd/berth.conf",
        "usr/share/berth/systemd/berthd-remote.conf",
        "usr/share/lintian/overrides/berth",
    },
    "berth-api": {
        "etc/logrotate.d/berth-api",
        "lib/systemd/system/berth-api.service",
        "usr/sbin/berth-api",
        "usr/share/lintian/overrides/berth-api",
    },
}

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-buildpackage") is None, reason="needs dpkg-dev")
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd's programs")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
pytestmark = needs_dpkg


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def output(*command, **options):
    done = run(*command, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def version():
    return re.search(r"^VERSION +:= (.*)$", (TREE / "Makefile").read_text(), re.MULTILINE).group(1)


def multiarch():
    return output("dpkg-architecture", "-qDEB_HOST_MULTIARCH").strip()


class Package:
    """A built package; root: its files, control: dpkg's own."""

    def __init__(self, name, directory):
        self.name = name
        built = list(BUILT.glob(f"{name}_*.deb"))
        assert len(built) == 1, f"{name} isn't in {BUILT}: make deb"
        self.file = built[0]
        self.root = directory / name
        output("dpkg-deb", "-R", self.file, self.root)
        self.control = self.root / "DEBIAN"

    def field(self, name):
        return output("dpkg-deb", "-f", self.file, name).strip()

    def files(self):
        found = {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_symlink() or not path.is_dir()}
        return {name for name in found if not name.startswith("DEBIAN/")}


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    directory = tmp_path_factory.mktemp("packages")
    return {name: Package(name, directory) for name in NAMES}


def test_lintian_finds_nothing():
    if shutil.which("lintian") is None:
        pytest.skip("needs lintian")
    done = run("lintian", "--allow-root", "--info", "--display-info", "--pedantic", "--fail-on", "error,warning",
               *sorted(BUILT.glob("*.deb")))
    assert (done.returncode, [line for line in done.stdout.splitlines() if not line.startswith("N:")]) == (0, [])


@pytest.mark.parametrize("name", NAMES)
def test_overrides_have_reasons(name):
    lines = (PACKAGING / f"debian/{name}.lintian-overrides").read_text().splitlines()
    assert lines[0].startswith("# ")


def pages_of(name):
    pages = {path.name for path in (PACKAGING / "man").iterdir()}
    own = {page for page in pages if page == "berth-api.8"}
    return {f"usr/share/man/man{page[-1]}/{page}.gz" for page in (own if name == "berth-api" else pages - own)}


def documents_of(name):
    if name == "berth-api":
        return {"usr/share/doc/berth-api"}  # a link to berth's
    own = {"README.md", *(f"docs/{path.name}" for path in (TREE / "docs").iterdir()), "changelog"}
    return {f"usr/share/doc/berth/{document}.gz" for document in own} | {"usr/share/doc/berth/copyright"}


@pytest.mark.parametrize("name", NAMES)
def test_contents(packages, name):
    package = packages[name]
    # debhelper packs what is larger than 4 KiB.
    found = {f"{path}.gz" if path.startswith("usr/share/doc/berth/") and path.endswith(".md") else path
             for path in package.files()}
    expected = {path.replace("MULTIARCH", multiarch()) for path in FILES[name]}
    assert found == expected | pages_of(name) | documents_of(name)


@pytest.mark.parametrize("name", NAMES)
def test_owners_and_modes(packages, name):
    """All root's; nothing that others may write, nothing that runs as its owner."""
    listed = subprocess.run(["dpkg-deb", "--fsys-tarfile", packages[name].file], capture_output=True, check=True).stdout
    archive = tarfile.open(fileobj=io.BytesIO(listed))  # pylint: disable=consider-using-with
    for member in archive:
        assert (member.uid, member.gid) == (0, 0), member.name
        assert member.issym() or member.mode & 0o7022 == 0, member.name
        programs = "/bin/", "/sbin/", "/libexec/"
        assert not member.isfile() or bool(member.mode & 0o111) == any(part in member.name for part in programs), member.name


@pytest.mark.parametrize("name", NAMES)
def test_etc_has_conffiles_alone(packages, name):
    conffiles = (packages[name].control / "conffiles").read_text().split()
    assert conffiles == [f"/etc/logrotate.d/{name}"]
    assert {f"/{path}" for path in packages[name].files() if path.startswith("etc/")} == set(conffiles)


def test_versions_agree(packages):
    changelog = output("dpkg-parsechangelog", "-l", PACKAGING / "debian/changelog", "-S", "Version").strip()
    assert changelog == version()
    for package in packages.values():
        assert package.field("Version") == version()
        architecture = output("dpkg", "--print-architecture").strip()
        assert package.file.name == f"{package.name}_{version()}_{architecture}.deb"
    root = packages["berth"].root
    said = {str(program): output(program, *arguments).strip() for program, arguments in (
        (root / "usr/bin/berth", ["version"]), (root / "usr/sbin/berthd", ["-V"]),
        (root / "usr/libexec/berth/berth-keys", ["-V"]), (packages["berth-api"].root / "usr/sbin/berth-api", ["-V"]))}
    assert {text.split()[-1] for text in said.values()} == {version()}, said


def test_what_they_depend_on(packages):
    berth, api = (packages[name].field("Depends") for name in NAMES)
    assert "openssh-server (>= 1:9.2)" in berth and "systemd-sysusers" in berth and "systemd-tmpfiles" in berth
    # In sshd and in every process of the host nothing but libc (and libpam) is loaded.
    assert f"berth (= {version()})" in api and "libmicrohttpd" in api and "libmicrohttpd" not in berth


# --- maintainer scripts ---


@pytest.mark.parametrize("name", NAMES)
def test_an_upgrade_restarts_daemons_that_run_and_nothing_else(packages, name):
    """Nothing is started or stopped but by these, nor enabled that the operator hasn't enabled."""
    service = "berthd.service" if name == "berth" else "berth-api.service"
    scripts = {script: (packages[name].control / script).read_text() for script in ("postinst", "prerm", "postrm")}
    invoked = [line.strip() for line in scripts["postinst"].splitlines() if "deb-systemd-invoke" in line]
    assert invoked == [f"deb-systemd-invoke try-restart '{service}' >/dev/null || true"]
    for script, text in scripts.items():
        assert "systemctl enable" not in text and "systemctl start" not in text, script
        assert run("sh", "-n", packages[name].control / script).returncode == 0
    assert not (packages[name].control / "preinst").exists()


def prerm(package, directory, *arguments, undo=0):
    """The script of the package with programs that note how they were called. Returns the result and the calls."""
    programs, calls = directory / "bin", directory / "calls"
    programs.mkdir(exist_ok=True)
    calls.write_text("")
    for program, status in (("berth", undo), ("deb-systemd-invoke", 0), ("systemctl", 0)):
        (programs / program).write_text(f'#!/bin/sh\necho "{program} $*" >>{calls}\nexit {status}\n')
        (programs / program).chmod(0o755)
    done = run("sh", package.control / "prerm", *arguments, env={"PATH": f"{programs}:{os.environ['PATH']}"})
    return done, calls.read_text().splitlines()


@pytest.mark.parametrize("how", ["remove", "deconfigure"])
def test_removal_undoes_the_wiring_first(packages, tmp_path, how):
    done, calls = prerm(packages["berth"], tmp_path, how)
    assert (done.returncode, done.stderr) == (0, "")
    assert calls[0] == "berth setup --undo --yes"


@pytest.mark.parametrize("how", ["remove", "deconfigure"])
def test_removal_stops_when_that_fails(packages, tmp_path, how):
    """Before anything was stopped: the host goes on as it is."""
    done, calls = prerm(packages["berth"], tmp_path, how, undo=255)
    assert done.returncode == 1 and calls == ["berth setup --undo --yes"]
    assert "NOT removed" in done.stderr and "berth setup --undo" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", NAMES)
def test_an_upgrade_stops_nothing(packages, tmp_path, name):
    done, calls = prerm(packages[name], tmp_path, "upgrade", "0.2.0", undo=255)
    assert (done.returncode, calls) == (0, [])


# --- users and directories ---


@needs_systemd
@needs_root
def test_users_and_directories(packages, tmp_path):
    """As systemd's own programs make them, in a tree that has nothing yet but root and adm."""
    root = packages["berth"].root
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nadm:x:4:\n")
    for kind in "sysusers", "tmpfiles":
        (tmp_path / f"usr/lib/{kind}.d").mkdir(parents=True)
        shutil.copy(root / f"usr/lib/{kind}.d/berth.conf", tmp_path / f"usr/lib/{kind}.d")
    output("systemd-sysusers", f"--root={tmp_path}", "berth.conf")
    output("systemd-tmpfiles", f"--root={tmp_path}", "--create", "berth.conf")
    accounts = [line.split(":") for line in (tmp_path / "etc/passwd").read_text().splitlines()]
    assert {(name, home, shell) for name, _, uid, _, _, home, shell in accounts if uid != "0"} == {
        ("berth", "/var/lib/berth", "/usr/sbin/nologin"), ("berth-keys", "/", "/usr/sbin/nologin"),
        ("berth-session", "/", "/usr/sbin/nologin")}
    # Those that the programs have compiled in.
    defaults = (TREE / "common/host/config.c").read_text()
    assert all(f'"{account[0]}"' in defaults for account in accounts if account[2] != "0")
    berth = next((int(account[2]), int(account[3])) for account in accounts if account[0] == "berth")
    for directory, mode, owner in (("run/berth", 0o755, (0, 0)), ("var/lib/berth", 0o700, berth),
                                   ("var/log/berth", 0o2750, (berth[0], 4))):
        status = (tmp_path / directory).stat()
        assert (status.st_mode & 0o7777, (status.st_uid, status.st_gid)) == (mode, owner), directory


# --- units ---


def units(packages, directory, drop_in=None):
    """A directory with the units; systemd-analyze wants their programs to be there."""
    for package in packages.values():
        for unit in (package.root / "lib/systemd/system").iterdir():
            text = re.sub("^ExecStart=.*", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE)
            (directory / unit.name).write_text(text)
    if drop_in:
        (directory / "berthd.service.d").mkdir()
        shutil.copy(packages["berth"].root / "usr/share/berth/systemd" / drop_in, directory / "berthd.service.d")
    return directory


@needs_systemd
@pytest.mark.parametrize("unit", ["berthd.service", "berthd.socket", "berth-api.service"])
@pytest.mark.parametrize("drop_in", [None, "berthd-remote.conf"])
def test_systemd_takes_the_units(packages, tmp_path, unit, drop_in):
    directory = units(packages, tmp_path, drop_in)
    done = run("systemd-analyze", "verify", "--man=no", directory / unit,
               env={**os.environ, "SYSTEMD_UNIT_PATH": f"{directory}:"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def exposure(directory, unit):
    shown = output("systemd-analyze", "--no-pager", "security", "--offline=true", directory / unit)
    return re.search(r"Overall exposure level for .*: ([0-9.]+)", shown).group(1)


@needs_systemd
def test_exposure_is_what_the_pages_say(packages, tmp_path):
    for name in "alone", "remote":
        (tmp_path / name).mkdir()
    alone = units(packages, tmp_path / "alone")
    remote = units(packages, tmp_path / "remote", "berthd-remote.conf")
    found = [exposure(alone, "berthd.service"), exposure(remote, "berthd.service"), exposure(alone, "berth-api.service")]
    assert all(float(number) <= 2.0 for number in found)
    pages = [(PACKAGING / f"man/{page}").read_text() for page in ("berthd.8", "berth-api.8")]
    assert f"finds is {found[0]}, and {found[1]} with the drop-in" in pages[0]
    assert f"finds is {found[2]}," in pages[1]


@pytest.mark.parametrize("unit", ["berthd.service", "berth-api.service"])
def test_a_daemon_is_never_given_up(unit):
    lines = (PACKAGING / "systemd" / unit).read_text().splitlines()
    assert {"StartLimitIntervalSec=0", "Restart=always", "RestartSec=1", "Type=notify"} <= set(lines)
    names = {line.partition("=")[0] for line in lines}
    assert {"WatchdogSec", "MemoryMax", "TasksMax", "LimitNOFILE", "SystemCallFilter", "CapabilityBoundingSet"} <= names


# --- building ---


def test_building_touches_nothing_but_build(packages, tmp_path):
    """From a tree that is no clone. What was compiled is used again, to be quick."""
    tree = tmp_path / "tree"
    shutil.copytree(TREE, tree, symlinks=True, ignore=lambda directory, names: {
        name for name in names if name in ("__pycache__", ".pytest_cache") or
        (directory == str(TREE) and name in ("build", ".git"))})
    output("cp", "-a", "--parents", "build/deb/source", tree, cwd=TREE)

    def seen():
        return {(str(path.relative_to(tree)), path.lstat().st_mtime_ns) for path in tree.rglob("*")
                if path.relative_to(tree).parts[0] != "build"}
    before = seen()
    output("packaging/deb.sh", cwd=tree)
    assert seen() == before
    for package in packages.values():
        rebuilt = tree / "build/deb" / package.file.name
        assert output("dpkg-deb", "-c", rebuilt) == output("dpkg-deb", "-c", package.file)
