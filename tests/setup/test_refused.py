"""What setup refuses to touch: nothing is changed, and the message names the cure."""
import os
import re
import subprocess
from pathlib import Path

import pytest

from setup_host import CONFIG, DROP_IN, NSSWITCH, PACKAGED, PAM, SSHD, STATE

SITE = DROP_IN.with_name("00-a-site.conf")
KEYS = Path("/usr/libexec/berth/berth-keys")


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def services(more):
    """passwd's line of nsswitch.conf, which has files alone or, where libnss-systemd is, two."""
    text = NSSWITCH.read_text(encoding="utf-8")
    changed = re.sub(r"(?m)^(passwd:.*)$", r"\1 " + more, text)
    assert changed != text
    NSSWITCH.write_text(changed, encoding="utf-8")


def link(path):
    """The file becomes a symbolic link to one elsewhere."""
    target = Path("/srv") / path.name
    target.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(target)


def configure(text, mode=0o644):
    CONFIG.parent.mkdir()
    CONFIG.write_text(text, encoding="utf-8")
    CONFIG.chmod(mode)


def several_servers(host):
    configure("DataRoot /srv/berth\n")
    for _ in range(2):
        host.admin("create-server")


def damaged_store(_host):
    (STATE / "berth.db").write_bytes(b"no database" * 1000)
    os.chmod(STATE / "berth.db", 0o666)


def no_directory_of_the_store(_host):
    configure("Store sqlite:/var/lib/elsewhere/berth.db\n")


FAULTS = {  # what is planted: (how, what the message says)
    "nsswitch.conf is a link": (lambda host: link(NSSWITCH), ["/etc/nsswitch.conf is a symbolic link", "cp --remove-dest"]),
    "pam.d/sshd is a link": (lambda host: link(PAM), ["/etc/pam.d/sshd is a symbolic link", "authselect"]),
    "nsswitch.conf has no place": (lambda host: services("[NOTFOUND=return] compat"),
                                   ["/etc/nsswitch.conf isn't as expected", "[NOTFOUND=return]", "libnss_berth(8)"]),
    "pam.d/sshd has no place": (lambda host: PAM.write_text("# none\n"),
                                ["/etc/pam.d/sshd isn't as expected", "it has no auth line", "pam_berth(8)"]),
    "no pam.d/sshd": (lambda host: PAM.unlink(), ["/etc/pam.d/sshd isn't there"]),
    "UsePAM no": (lambda host: SITE.write_text("UsePAM no\n"), ["UsePAM no", "set UsePAM yes"]),
    "PubkeyAuthentication no": (lambda host: SITE.write_text("PubkeyAuthentication no\n"), ["set PubkeyAuthentication yes"]),
    "AuthorizedKeysCommand": (lambda host: SITE.write_text("AuthorizedKeysCommand /usr/bin/sss_ssh_authorizedkeys\n"
                                                           "AuthorizedKeysCommandUser nobody\n"),
                              ["AuthorizedKeysCommand of somebody else", "/usr/bin/sss_ssh_authorizedkeys", "take it out"]),
    "sshd would not start": (lambda host: SITE.write_text("NoSuchKeyword yes\n"),
                             ["sshd would not start", "NoSuchKeyword", "mend that first"]),
    "sshd has a faulty Include": (lambda host: SITE.write_text("Include\n"), ["sshd would not start", "mend that first"]),
    "the PAM module is gone": (lambda host: host.pam_module.unlink(),
                               ["pam_berth.so can't be loaded", "install Berth again"]),
    "the PAM module is broken": (lambda host: host.replace(host.pam_module, b"\x7fELF"), ["pam_berth.so can't be loaded"]),
    "the NSS module is gone": (lambda host: host.nss_module.unlink(), ["NSS module can't be loaded", "ldconfig"]),
    "the keys command is gone": (lambda host: KEYS.unlink(), ["berth-keys: No such file", "install Berth again"]),
    "the keys command is another's": (lambda host: os.chown(KEYS, 2901, 0), ["must be root's, 0755", "chown root:root"]),
    "its directory is another's": (lambda host: KEYS.parent.chmod(0o777), ["others than root can change", "chmod go-w"]),
    "the drop-in is gone": (lambda host: PACKAGED.unlink(), ["/usr/share/berth/sshd/berth.conf isn't there"]),
    "berth.conf is faulty": (lambda host: configure("DataRot /srv\n"), ["line 1", "DataRot", "mend /etc/berth/berth.conf"]),
    "berth.conf is another's": (lambda host: configure("DataRoot /srv/berth\n", 0o666),
                                ["mend /etc/berth/berth.conf first"]),
    "no such user": (lambda host: configure("User nobody-there\n"), ["User nobody-there", "systemd-sysusers"]),
    "several servers": (several_servers, ["has several servers", "ServerId into /etc/berth/berth.conf", "\ns-"]),
    "the store is damaged": (damaged_store, ["can't be listed", "not a Berth store"]),
    "a store elsewhere doesn't answer": (lambda host: configure("Store transfer:http://127.0.0.1:9\n"),
                                         ["can't be listed", "ServerId into /etc/berth/berth.conf"]),
}


@pytest.fixture
def planted(host, request):
    """The fault is planted, and taken away behind the test."""
    kept = KEYS.read_bytes()
    request.param[0](host)
    yield request.param[1]
    KEYS.parent.chmod(0o755)
    if not KEYS.exists():
        KEYS.touch()
    host.replace(KEYS, kept)
    os.chown(KEYS, 0, 0)
    KEYS.chmod(0o755)
    PAM.touch()


@pytest.mark.parametrize("planted", FAULTS.values(), ids=FAULTS.keys(), indirect=True)
def test_refused_with_the_cure(host, planted):
    before = host.everything()
    result = host.setup("--yes")
    assert result.code == 255 and result.err.startswith("berth setup: "), result
    for words in planted:
        assert words in result.err, result
    assert "Go on?" not in result.err and "--- /etc" not in result.out
    assert host.everything() == before


def test_what_the_store_says_moves_no_cursor(host):
    """Its User may have written anything there; root reads it on a terminal."""
    several_servers(host)
    with host.database() as store:
        store.execute("UPDATE servers SET server_id = char(27) || ']0;x' || char(7) WHERE rowid = 1")
    result = host.setup("--yes")
    assert result.code == 255 and "\n?]0;x?\n" in result.err, result


def test_a_service_that_hangs_already(host, tmp_path):
    module = host.nss_module.with_name("libnss_hangs.so.2")
    build_hanging(module, "hangs")
    edit(NSSWITCH, "passwd:         files", "passwd:         files hangs")
    before = host.everything()
    result = host.setup("--yes")
    module.unlink()
    assert result.code == 255 and "/etc/nsswitch.conf hangs; mend that first" in result.err, result
    assert host.everything() == before


def build_hanging(module, service):
    source = Path(__file__).with_name("nss_hangs.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-DSERVICE=" + service, "-o", module, source], check=True)


def test_undo_works_where_berth_is_half_gone(host):
    """With its modules gone nobody gets in: undo is the cure, so it may not refuse."""
    bare = host.bytes()
    assert host.setup("--yes").ok
    host.pam_module.unlink()
    host.nss_module.unlink()
    CONFIG.write_text("nonsense\n", encoding="utf-8")
    undone = host.setup("--undo", "--yes")
    assert undone.ok, undone
    assert host.bytes() == bare


def test_undo_where_nothing_could_be_set_up(host):
    """Files that setup refuses to change, and so has never changed, are no reason to refuse the package's removal."""
    link(NSSWITCH)
    link(PAM)
    undone = host.setup("--undo", "--yes")
    assert undone.ok and undone.out == "nothing to change\n", undone
    services("berth")
    refused = host.setup("--undo", "--yes")
    assert refused.code == 255 and "/etc/nsswitch.conf is a symbolic link" in refused.err


def test_undo_where_sshd_is_broken(host):
    """What didn't work before needn't after; that doesn't keep Berth from going."""
    bare = host.bytes()
    assert host.setup("--yes").ok
    SITE.write_text("NoSuchKeyword yes\n", encoding="utf-8")
    undone = host.setup("--undo", "--yes")
    assert undone.ok, undone
    assert host.bytes() == bare


def test_an_account_that_is_refused_anyway_is_no_obstacle(host):
    """What counts is that it stays as it was."""
    text = Path("/etc/shadow").read_text(encoding="utf-8")
    lines = [line if not line.startswith("localtwo:") else ":".join(line.split(":")[:7] + ["1", ""])
             for line in text.splitlines()]
    Path("/etc/shadow").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert host.setup("--yes").ok
    assert "pam_berth" in PAM.read_text(encoding="utf-8") and SSHD.exists()
