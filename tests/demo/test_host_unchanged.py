"""The demo and `make install`, seen from outside: they work, and leave the host as it was."""
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
UNABLE = 77


def run(*command, **options):
    options.setdefault("timeout", 120)
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL if "input" not in options else None, **options)


def snapshot():
    return run(SOURCE / "tests/host/snapshot").stdout


@pytest.fixture(scope="module", autouse=True)
def private_host_possible():
    result = run(SOURCE / "tests/host/enter", "true")
    if result.returncode == UNABLE:
        pytest.skip(result.stderr.strip())


@pytest.fixture
def host_stays_the_same():
    before = snapshot()
    yield
    assert snapshot() == before


def test_demo_shows_four_users_and_leaves_nothing(host_stays_the_same):
    result = run(SOURCE / "tests/demo/demo.sh")
    assert result.returncode == 0, result.stdout + result.stderr
    for shown in ("5001:5001", "5002:5002", "5003:5003", "5003:7001", "5004:5004", "Remote working directory: /\n",
                  "Remote working directory: /bucket/home/carol\n", "welcome.txt"):
        assert shown in result.stdout, result.stdout
    for refused in ('File "/etc/passwd" not found', '"/other-bucket" not found', "Permission denied"):
        assert refused in result.stdout, result.stdout
    transfers = result.stdout.partition("$ berth tail")[2]
    outage = result.stdout.partition("berth-api is stopped:")[2]
    assert re.search(r"alice  stale .*\n\$ sftp alice@127.0.0.1\n.*\nupload.txt\nway-out\nrecord served stale: user=alice",
                     outage), outage
    looked = result.stdout.partition("$ sftp -i bob alice@127.0.0.1")[2]
    for shown in ("alice can log in", "a key was offered that isn't among the user's", "lookups "):
        assert shown in looked, looked
    for event in (r"alice  put +21 .* ok +/upload.txt", r"bob +put .*incomplete: Failure +/upload.txt",
                  r"carol  put .* ok +/bucket/team/upload.txt", r"dave +put .* ok +/upload.txt"):
        assert re.search(event, transfers), transfers
    for shown in ("$ berth api-key create >> ~/.aws/credentials\n$ aws ", "--endpoint-url http://127.0.0.1:",
                  " transfer create-user "):
        assert shown in result.stdout, result.stdout
    assert not (SOURCE / "build/demo").exists()


def test_kept_demo_can_be_used_and_stopped(host_stays_the_same):
    result = run(SOURCE / "tests/demo/demo.sh", "--keep")
    try:
        assert result.returncode == 0, result.stdout + result.stderr
        commands = re.findall(r"^sftp -P .*$", result.stdout, re.MULTILINE)
        assert len(commands) == 4, result.stdout
        for command in commands:
            connected = run(*shlex.split(command.replace("sftp ", "sftp -b - -F /dev/null ", 1)), input="pwd\nls -1\n")
            assert connected.returncode == 0, connected.stderr
            assert "upload.txt" in connected.stdout or "/in" in connected.stdout or "in\n" in connected.stdout
    finally:
        stop = re.search(r"sudo (\S+/demo\.sh --stop)$", result.stdout, re.MULTILINE)
        stopped = run(*shlex.split(stop.group(1) if stop else "%s/tests/demo/demo.sh --stop" % SOURCE))
    assert stopped.returncode == 0, stopped.stderr
    port = re.search(r"-P (\d+)", result.stdout).group(1)
    assert run("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/%s" % port).returncode != 0
    assert not (SOURCE / "build/demo").exists()


def test_private_host_hides_what_happens_on_it(host_stays_the_same):
    result = run(SOURCE / "tests/host/enter", "bash", "-c", """
        set -e
        touch /etc/left /usr/lib/left /var/lib/left /root/left /left /srv/left /run/left /tmp/left-by-berth
        mount -t tmpfs tmpfs /mnt
        echo 'left:x:0:0::/:/bin/sh' >>/etc/passwd
        sleep 1000 & disown
    """)
    assert result.returncode == 0, result.stderr
    for path in ("/left", "/root/left", "/usr/lib/left", "/var/lib/left", "/tmp/left-by-berth"):
        assert not os.path.exists(path)


def test_source_tree_may_be_anywhere(tmp_path):
    tree = tmp_path / "a tree"
    shutil.copytree(SOURCE, tree, ignore=shutil.ignore_patterns(".git", "build"), symlinks=True)
    result = run(tree / "tests/host/enter", "bash", "-c", "pwd; ls Makefile; touch build/written; touch here || true")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "/source\nMakefile\n"
    assert (tree / "build/written").exists() and not (tree / "here").exists()


def test_without_root_it_says_so_in_one_line():
    for command in (["tests/host/enter", "true"], ["tests/demo/demo.sh"]):
        program = SOURCE / command[0]
        result = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                     "bash", "-c", 'test -x "$0" || exit 99; "$0" "$@"', program, *command[1:])
        if result.returncode == 99:
            pytest.skip("nobody can't reach the source tree at %s" % SOURCE)
        assert result.returncode != 0
        assert result.stderr.count("\n") == 1 and "root" in result.stderr, result.stderr


def installed(directory):
    return sorted(str(path.relative_to(directory)) for path in Path(directory).rglob("*") if not path.is_dir())


def test_install_and_uninstall(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "usr/libexec").mkdir(parents=True)
    (root / "usr/libexec/foreign").touch()
    result = run("make", "-C", SOURCE, "install", "DESTDIR=%s" % root)
    assert result.returncode == 0, result.stderr
    files = installed(root)
    for name in ("usr/bin/berth", "usr/sbin/berthd", "usr/sbin/berth-api", "usr/libexec/berth/berth-keys",
                 "lib/systemd/system/berthd.service", "lib/systemd/system/berth-api.service",
                 "usr/share/man/man5/berth.conf.5", "usr/share/berth/sshd/berth.conf",
                 "usr/share/berth/systemd/berthd-remote.conf",
                 "usr/share/berth/logrotate/berth", "usr/share/berth/logrotate/berth-api",
                 "usr/share/bash-completion/completions/berth"):
        assert name in files, files
    assert [name for name in files if name.endswith("/libnss_berth.so.2")]
    assert [name for name in files if name.endswith("/security/pam_berth.so")]
    assert not (root / "etc").exists()
    result = run("make", "-C", SOURCE, "uninstall", "DESTDIR=%s" % root)
    assert result.returncode == 0, result.stderr
    assert installed(root) == ["usr/libexec/foreign"]
    assert "/var/log/berth" in result.stdout
    assert not (root / "usr/share/berth").exists() and not (root / "usr/libexec/berth").exists()
