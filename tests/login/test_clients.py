"""Clients beside OpenSSH's: paramiko, lftp, rclone, sshfs, each doing its everyday work in a sealed view."""
import os
import shutil
import subprocess

import paramiko
import pytest

from private_host import SSH_OPTIONS, load_key, run

UID = 5601


@pytest.fixture
def key(host):
    key = host.key("alice")
    host.bucket("bucket", "alice", owner=UID)
    if not host.admin("describe-user", "--user-name", "alice", check=False).ok:
        host.create_user("alice", UID, mappings=[("/", "/bucket/alice")], keys=[key])
    return key


@pytest.fixture
def home(host, key):
    path = host.bucket("bucket") / "alice"
    yield path
    for below in path.iterdir():
        if below.is_dir():
            shutil.rmtree(below)
        else:
            below.unlink()


@pytest.fixture
def tree(tmp_path):
    """A small local tree."""
    for name, size in (("one", 10), ("two words", 70_000), ("sub/three", 0), ("sub/deep/four", 300_000)):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    return tmp_path / "tree"


def assert_same_tree(here, there):
    result = run("diff", "-r", here, there)
    assert result.ok, repr(result)


def test_paramiko(host, key, home, upload):
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect("127.0.0.1", host.port, "alice", pkey=load_key(key), allow_agent=False, look_for_keys=False)
    with client, client.open_sftp() as sftp:
        sftp.put(str(upload), "/data")
        sftp.mkdir("folder")
        sftp.rename("/data", "/folder/data")
        sftp.posix_rename("/folder/data", "/folder/renamed")
        sftp.truncate("/folder/renamed", 1000)
        sftp.chmod("/folder/renamed", 0o600)
        sftp.utime("/folder/renamed", (1_000_000_000, 1_000_000_000))
        status = sftp.stat("/folder/renamed")
        assert (status.st_size, status.st_mode & 0o777, status.st_mtime, status.st_uid) == (1000, 0o600, 1_000_000_000, UID)
        with sftp.open("/folder/renamed", "rb") as file:
            assert file.read() == upload.read_bytes()[:1000]
        sftp.symlink("renamed", "/folder/link")
        assert sftp.readlink("/folder/link") == "renamed"
    assert (home / "folder/renamed").stat().st_uid == UID


def test_openssh_recursive_and_resumed(host, key, home, tree, tmp_path):
    result = host.sftp("alice", key, "put -Rp %s\nget -Rp tree %s/back\n" % (tree, tmp_path))
    assert result.ok, repr(result)
    assert_same_tree(tree, home / "tree")
    assert_same_tree(tree, tmp_path / "back")
    (home / "tree/sub/deep/four").write_bytes((tree / "sub/deep/four").read_bytes()[:1000])
    result = host.sftp("alice", key, "reput %s tree/sub/deep/four\ndf /\n" % (tree / "sub/deep/four"))
    assert result.ok, repr(result)
    assert_same_tree(tree, home / "tree")


def test_scp_over_sftp(host, key, home, tree):
    result = run("scp", "-s", *host.client_options(key), "-P", host.port, "-r", tree, "alice@127.0.0.1:/")
    assert result.ok, repr(result)
    assert_same_tree(tree, home / "tree")


def test_lftp(host, key, home, tree, tmp_path):
    connect = "ssh -a -x %s" % " ".join(host.client_options(key))
    result = run("lftp", "-f", "/dev/stdin", input="""
        set cmd:fail-exit yes
        set net:max-retries 1
        set sftp:auto-confirm yes
        set sftp:connect-program "%s"
        open -u alice,unused sftp://127.0.0.1:%d
        mirror -R --parallel=3 %s tree
        cls -1 tree
        mv tree/one tree/uno
        mirror tree %s/back
        rm -r tree/sub
        """ % (connect, host.port, tree, tmp_path))
    assert result.ok, repr(result)
    (tree / "one").rename(tree / "uno")
    assert_same_tree(tree, tmp_path / "back")
    shutil.rmtree(tree / "sub")
    assert_same_tree(tree, home / "tree")
    assert (home / "tree/uno").stat().st_uid == UID


def test_rclone(host, key, home, tree, tmp_path):
    options = ["--config", "/dev/null", "--sftp-host", "127.0.0.1", "--sftp-port", str(host.port), "--sftp-user", "alice",
               "--sftp-key-file", key.path, "--retries", "1"]
    for command in (["copy", tree, ":sftp:/tree"],
                    ["check", tree, ":sftp:/tree", "--download"],
                    ["sync", ":sftp:/tree", tmp_path / "back"],
                    ["moveto", ":sftp:/tree/one", ":sftp:/tree/uno"],
                    ["purge", ":sftp:/tree/sub"]):
        result = run("rclone", *command, *options)
        assert result.ok, "%s: %r" % (command, result)
    assert_same_tree(tree, tmp_path / "back")
    shutil.rmtree(tree / "sub")
    (tree / "one").rename(tree / "uno")
    assert_same_tree(tree, home / "tree")


def test_sshfs(host, key, home, tree, tmp_path):
    if not os.path.exists("/dev/fuse"):
        pytest.skip("no /dev/fuse")
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    options = [option for option in SSH_OPTIONS if option not in ("-F", "/dev/null")]
    result = run("sshfs", "-F", "/dev/null", "alice@127.0.0.1:/", mounted, "-p", host.port, *options,
                 "-o", "IdentityFile=" + key.path)
    assert result.ok, repr(result)
    try:
        shutil.copytree(tree, mounted / "tree")
        assert_same_tree(tree, mounted / "tree")
        with open(mounted / "tree/one", "ab") as file:
            file.write(b"appended")
        os.rename(mounted / "tree/one", mounted / "tree/uno")
        assert os.statvfs(mounted).f_bsize > 0
        assert sorted(os.listdir(mounted / "tree")) == ["sub", "two words", "uno"]
    finally:
        subprocess.run(["fusermount3", "-u", mounted], check=True)
    assert (home / "tree/uno").read_bytes() == (tree / "one").read_bytes() + b"appended"
    assert (home / "tree/uno").stat().st_uid == UID
