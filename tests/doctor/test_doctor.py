"""The command itself: what it prints, how long it may take, what it leaves alone; and faults that take more than a line to
plant."""
import contextlib
import os
import re
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from doctor_host import assert_clean, doctor, edit, mounted, sshd_lines
from private_host import CONFIG_FILE, run

BERTH = "/usr/bin/berth"
NSSWITCH = "/etc/nsswitch.conf"
LINKS = ["configuration", "accounts", "store", "names", "permissions", "agent", "nss", "keys-command", "pam", "sshd",
         "kernel", "data-root", "transfer-log", "log", "nologin", "clock"]
# Everything that a look could change. SQLite's index beside the store keeps its readers' places.
PLACES = ["/etc", "/var/lib/berth", "/var/log/berth", "/run", "/srv", "/usr/libexec/berth", "/dev"]


def only(report, link, level):
    """The one finding that isn't ok is of this link and level."""
    assert [(finding["Link"], finding["Level"]) for finding in report.bad] == [(link, level)], report
    return report.bad[0]


def test_a_good_host(host):
    begin = time.monotonic()
    report = doctor()
    assert time.monotonic() - begin < 1
    assert [finding["Link"] for finding in report.findings] == LINKS
    assert all(set(finding) == {"Level", "Link", "Found"} and finding["Level"] == "ok" for finding in report.findings)
    assert (report.code, report.faults, report.warnings) == (0, 0, 0)
    assert report.verdict == "No fault: the host lets Berth's users in."


def test_for_people(host):
    Path("/etc/nologin").write_text("", encoding="ascii")
    shown = run(BERTH, "doctor")
    text = run(BERTH, "doctor", "--output", "text").out
    os.unlink("/etc/nologin")
    assert shown.code == 1
    assert "fault    nologin        /etc/nologin is there: the host is closed to logins\n" \
           "         -> rm /etc/nologin\n" in shown.out
    assert shown.out.endswith("\n1 fault: nologin.\n")
    assert "fault\tnologin\t/etc/nologin is there: the host is closed to logins\trm /etc/nologin\n" in text


def test_a_terminals_width(host):
    """What was found is broken between words, a cure never is: it is there to be copied."""
    def shown(columns):
        command = "stty cols %d; berth doctor" % columns
        out = run("script", "--quiet", "--command", command, "/dev/null").out.replace("\r", "")
        return re.sub(r"\d\d:\d\d:\d\d", "10:30:00", out).splitlines()
    sshd_lines("Match User alice\n    ForceCommand /bin/true")
    wide, narrow = shown(1000), shown(80)
    sshd_lines("")
    assert max(map(len, wide)) > 80
    assert all(len(line) <= 80 or " -> " in line for line in narrow)
    assert [line.strip() for line in narrow if " -> " in line] == [line.strip() for line in wide if " -> " in line] != []
    assert " ".join(" ".join(narrow).split()) == " ".join(" ".join(wide).split())


def test_a_user(host):
    report = doctor("alice")
    assert report.code == 0 and report.findings[0]["Link"] == "configuration", report
    assert doctor("nobodyhere").code == 1
    os.rename(CONFIG_FILE, "/etc/berth/away")
    report = doctor("alice")
    os.rename("/etc/berth/away", CONFIG_FILE)
    assert report.code == 1 and "can't be used" in report.verdict


def test_flags(host):
    assert "usage: berth doctor" in run(BERTH, "doctor", "help").out
    assert run(BERTH, "doctor", "--nonsense").code == 252
    assert run(BERTH, "doctor", "alice", "bob").code == 252
    assert run(BERTH, "doctor", "--key", "/tmp/key").code == 252
    with open("/dev/full", "wb") as full:
        assert subprocess.run([BERTH, "doctor"], stdout=full, stderr=subprocess.DEVNULL, check=False).returncode == 255


def test_root_alone_looks(host):
    refused = run("setpriv", "--reuid=localuser", "--regid=localuser", "--clear-groups", BERTH, "doctor")
    assert refused.code == 255 and refused.out == "" and "only root" in refused.err


def snapshot():
    lines = set()
    for place in PLACES:
        for directory, names, files in os.walk(place):
            for name in ["."] + names + files:
                path = os.path.join(directory, name)
                with contextlib.suppress(FileNotFoundError):
                    status = os.lstat(path)
                    if path.endswith("-shm"):
                        lines.add((path, status.st_mode, status.st_uid))
                    else:
                        lines.add((path, status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_mtime_ns,
                                      status.st_ctime_ns))
    return lines


def test_nothing_is_changed(host):
    before, mounts = snapshot(), Path("/proc/self/mounts").read_text(encoding="utf-8")
    processes = len(os.listdir("/proc"))
    assert_clean()
    after = snapshot()
    assert sorted(before ^ after) == []
    assert Path("/proc/self/mounts").read_text(encoding="utf-8") == mounts
    assert abs(len(os.listdir("/proc")) - processes) <= 1


def test_no_login_is_logged(host):
    """Looking leaves no line in the log that an operator would take for somebody's login."""
    host.mark_log()
    assert_clean()
    assert host.log("pam_berth|Accepted|Failed|refused") == []


def test_without_users(host):
    host.delete_user("alice")
    report = doctor()
    host.create_user("alice", 5001, mappings=[("/", "/bucket/alice")], keys=[host.key_of_alice])
    assert only(report, "sshd", "unknown")["Found"] == "what applies to Berth's users takes a user of the store to try"
    assert report.code == 0


def test_names_that_nobody_reads_as_text(host):
    """What stands in files is made printable."""
    edit(CONFIG_FILE, lambda text: text + "Bucket bad /srv/\u009b31mred\n")
    shown = run(BERTH, "doctor")
    host.reload()
    assert "\u009b" not in shown.out and "\\x9b" in shown.out


# -- what hangs

def test_a_frozen_agent_does_not_hang_it(host):
    with host.frozen_agent():
        begin = time.monotonic()
        report = doctor()
        assert time.monotonic() - begin < 8
    assert report.bad[0]["Link"] == "agent" and "no answer within 2 s" in report.bad[0]["Found"], report


@pytest.fixture(scope="module")
def hanging_service():
    """An NSS service that never answers."""
    source = Path("/tmp/hang.c")
    source.write_text("#include <nss.h>\n#include <grp.h>\n#include <pwd.h>\n#include <unistd.h>\n"
                      "enum nss_status _nss_hang_getpwnam_r(const char *n, struct passwd *p, char *b, size_t s, int *e)"
                      "{ for (;;) pause(); }\n"
                      "enum nss_status _nss_hang_getgrnam_r(const char *n, struct group *g, char *b, size_t s, int *e)"
                      "{ for (;;) pause(); }\n", encoding="ascii")
    multiarch = run("gcc", "-print-multiarch").out.strip()
    library = Path("/usr/lib/%s/libnss_hang.so.2" % multiarch)
    subprocess.run(["gcc", "-shared", "-fPIC", "-w", "-o", library, source], check=True)
    yield "hang"
    library.unlink()


def test_a_hanging_name_service_does_not_hang_it(host, hanging_service):
    before = Path(NSSWITCH).read_text(encoding="ascii")
    edit(NSSWITCH, lambda text: text.replace(" berth", " hang berth"))
    begin = time.monotonic()
    report = doctor()
    seconds = time.monotonic() - begin
    Path(NSSWITCH).write_text(before, encoding="ascii")
    assert seconds < 12
    nss = report.of("nss")[0]
    assert nss["Level"] == "fault" and "a service before it on the line doesn't answer" in nss["Found"], report
    assert {finding["Link"] for finding in report.bad} == {"nss", "keys-command", "sshd"}


def test_nscd_is_told_of(host):
    """Anything that accepts there: what it makes of it is glibc's business."""
    os.mkdir("/run/nscd")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("/run/nscd/socket")
        listener.listen()

        def hang_up():
            with contextlib.suppress(OSError):
                while True:
                    listener.accept()[0].close()
        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        report = doctor()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    subprocess.run(["rm", "-r", "/run/nscd"], check=True)
    assert "nscd.conf" in only(report, "nss", "warning")["Cure"]


# -- the kernel

def test_what_a_container_takes_away(host):
    report = doctor(prefix=("setpriv", "--bounding-set=-sys_admin"))
    found = only(report, "kernel", "fault")
    assert "unshare(CLONE_NEWNS): Operation not permitted" in found["Found"] and "CAP_SYS_ADMIN" in found["Cure"]


# -- file systems

def cured(command):
    subprocess.run(command, shell=True, check=True)
    assert_clean()


def test_keys_command_on_a_noexec_mount(host):
    with mounted("/usr/libexec/berth", "mode=0755", "noexec"):
        cure = only(doctor(), "keys-command", "fault")["Cure"]
        assert cure == "mount -o remount,exec /usr/libexec/berth"
        cured(cure)


def test_store_on_a_read_only_mount(host):
    host.stop_agent()
    with mounted("/var/lib/berth", "mode=0700"):
        assert run(BERTH, "export").ok  # the index of the store is there, as on a host that has served for a while
        subprocess.run(["mount", "-o", "remount,ro", "/var/lib/berth"], check=True)
        host.start_agent()
        report = doctor()
        assert {(finding["Link"], finding["Level"]) for finding in report.bad} == {("store", "warning")}, report
        assert report.bad[0]["Cure"] == "mount -o remount,rw /var/lib/berth"
        cured(report.bad[0]["Cure"])
        host.stop_agent()
    host.start_agent()


def test_a_full_log(host):
    with mounted("/var/log/berth", "mode=2750", "size=1m"):
        host.stop_agent()
        subprocess.run("chown berth:adm /var/log/berth; head -c 900k /dev/zero >/var/log/berth/full", shell=True, check=True)
        host.start_agent()
        found = only(doctor(), "transfer-log", "warning")
        assert "0 MiB are left" in found["Found"] and "file system at /var/log/berth" in found["Cure"]
        os.unlink("/var/log/berth/full")
        assert_clean()
        host.stop_agent()
    host.start_agent()


def test_a_full_data_root(host):
    with mounted("/srv/berth", "mode=0755", "size=2m", "nosuid", "nodev", "noexec"):
        assert_clean()
        subprocess.run("head -c 1800k /dev/zero >/srv/berth/bucket/full", shell=True, check=True)
        assert "DataRoot /srv/berth: 0 MiB are left" in only(doctor(), "data-root", "warning")["Found"]
        os.unlink("/srv/berth/bucket/full")
        assert_clean()


@pytest.mark.parametrize("options, cure", [
    (("mode=0755",), "mount -o remount,nosuid,nodev,noexec /srv/berth"),
    (("mode=0755", "nosuid", "nodev"), None),
], ids=["usual", "sealed"])
def test_data_root_of_its_own_file_system(host, options, cure):
    with mounted("/srv/berth", *options):
        if cure is None:
            assert_clean()
        else:
            assert only(doctor(), "data-root", "warning")["Cure"] == cure
            cured(cure)
            subprocess.run(["mount", "-o", "remount,ro", "/srv/berth"], check=True)
            cured(only(doctor(), "data-root", "warning")["Cure"])


# -- berth-api

def test_api_key_that_others_read(host):
    subprocess.run("openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN=localhost -keyout /etc/berth/api.key "
                   "-out /etc/berth/api.pem 2>/dev/null; chmod 0644 /etc/berth/api.*; chown berth /etc/berth/api.key",
                   shell=True, check=True)
    run(BERTH, "api-key", "create")
    host.reload("ApiCertificate /etc/berth/api.pem", "ApiCertificateKey /etc/berth/api.key")
    found = only(doctor(), "api", "fault")
    assert "ApiCertificateKey" in found["Found"] and "berth-api -t" in found["Cure"]
    os.chmod("/etc/berth/api.key", 0o600)
    assert_clean()
    subprocess.run("openssl req -x509 -key /etc/berth/api.key -days 1 -subj /CN=localhost -out /etc/berth/api.pem",
                   shell=True, check=True)
    assert "expires in less than" in only(doctor(), "api", "warning")["Found"]
    for path in ("/etc/berth/api.pem", "/etc/berth/api.key", "/var/lib/berth/api-keys.json"):
        os.unlink(path)
    host.reload()


def test_systemd_words_the_cures(host):
    """Where systemd runs the host, what starts and reloads is systemctl."""
    os.makedirs("/run/systemd/system")
    host.stop_agent()
    report = doctor()
    os.removedirs("/run/systemd/system")
    host.start_agent()
    assert report.of("agent")[0]["Cure"] == "systemctl enable --now berthd.socket berthd.service"
