"""Each fault is planted on a host that works. Doctor finds that one, in its link, and says a cure; with the cure, it finds
nothing any more. A cure that is a command is taken literally.
"""
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from doctor_host import doctor, edit, sshd_lines, sshd_reads
from private_host import CONFIG_FILE, PAM_FILE, STORE_FILE, run, wait_until

NSSWITCH = "/etc/nsswitch.conf"
SSHD_DIR = Path("/etc/ssh/sshd_config.d")
COMMAND = re.compile(r"(berth|chmod|chown|mount|install|userdel|gpasswd|groupdel|mkdir|rm|kill|pkill|systemd-sysusers) ?")


class Fault:
    """name; link and level of the finding; plant(host); found and cure: what it says, regular expressions. mend(host): what
    a cure that is a sentence tells to do; None: the cure is a command, and is run. also: links that it breaks, too."""

    def __init__(self, name, link, plant, found, cure, *, mend=None, level="fault", also=()):
        self.name, self.link, self.plant, self.found, self.cure = name, link, plant, found, cure
        self.mend, self.level, self.also = mend, level, also


def shell(command):
    return lambda host: subprocess.run(command, shell=True, check=True)


def config(*lines):
    """With these lines; the agent is told."""
    return lambda host: host.reload(*lines)


def quiet_config(change):
    """An edit of berth.conf that the agent isn't told of."""
    return lambda host: edit(CONFIG_FILE, change)


def sshd(text):
    return lambda host: sshd_lines(text)


def sshd_match(text):
    """For alice: as the first of the Match blocks that apply to her."""
    return sshd("Match User alice\n    " + text)


def starts(before, after):
    """sshd takes the last MaxStartups, not the first."""
    def change(text):
        return text.replace("MaxStartups " + before, "MaxStartups " + after)
    return lambda host: (edit(SSHD_DIR / "00-host.conf", change), sshd_reads())


def sshd_mended(host):
    sshd_lines("")


def rewrite(path, change):
    return lambda host: edit(path, change)


def config_back(host):
    host.reload()


def wrong_pam(change):
    return lambda host: host.edit_pam(change)


def move_line(kind, behind):
    """Berth's line of this kind goes behind the line that begins so."""
    def change(text):
        lines = text.splitlines(keepends=True)
        ours = next(line for line in lines if line.startswith(kind) and "pam_berth.so" in line)
        lines.remove(ours)
        lines.insert(next(number for number, line in enumerate(lines) if line.startswith(behind)) + 1, ours)
        return "".join(lines)
    return change


def without_berth_lines(text):
    return "".join(line for line in text.splitlines(keepends=True) if "pam_berth.so" not in line)


def account(line):
    return lambda host: edit("/etc/passwd", lambda text: text + line + "\n")


def unknown_server(host):
    host.server_id, host.right_id = "s-00000000000000000", host.server_id
    host.reload()


def right_server(host):
    host.server_id = host.right_id
    host.reload()


def store_away(host):
    host.stop_agent()
    shell("mkdir /var/lib/berth/away && mv /var/lib/berth/berth.db* /var/lib/berth/away/")(host)
    host.start_agent()


def store_back(host):
    host.stop_agent()
    shell("rm -f /var/lib/berth/berth.db*; mv /var/lib/berth/away/* /var/lib/berth/ && rmdir /var/lib/berth/away")(host)
    host.start_agent()


def no_database(host):
    store_away(host)
    STORE_FILE.write_text("# not this\n" * 1000, encoding="ascii")
    shutil.chown(STORE_FILE, "berth", "berth")
    STORE_FILE.chmod(0o600)


def other_version(host):
    """An agent from before an upgrade: the program, with another number in it, as text and in instructions."""
    program = Path("/usr/sbin/berthd").read_bytes()
    begin = run("/usr/sbin/berthd", "-V").out.split()[1].encode()[:4]
    old = Path("/tmp/berthd-old")
    old.write_bytes(program.replace(begin, b"9.9."))
    old.chmod(0o755)
    host.stop_agent()
    host.agent = subprocess.Popen([old], stdin=subprocess.DEVNULL)
    wait_until(host.agent_answers, what="the old berthd")


def restart_agent(host):
    host.stop_agent()
    host.start_agent()


def other_store(host):
    """The same store by another name; the agent isn't told."""
    subprocess.run("ln -sfn /var/lib/berth /run/other", shell=True, check=True)
    edit(CONFIG_FILE, lambda text: text.replace("/var/lib/berth/", "/run/other/"))


def freeze(host):
    host.agent.send_signal(19)


def link_to_data(host):
    os.rename("/srv/berth", "/srv/real")
    os.symlink("/srv/real", "/srv/berth")


def real_data(host):
    os.unlink("/srv/berth")
    os.rename("/srv/real", "/srv/berth")


FAULTS = [
    # -- configuration and accounts
    Fault("configuration missing", "configuration", shell("mv /etc/berth/berth.conf /tmp/"), "No such file", "^berth setup$",
          mend=shell("mv /tmp/berth.conf /etc/berth/"), also={"accounts", "store", "sshd", "data-root", "transfer-log"}),
    Fault("configuration writable by all", "configuration", shell("chmod 0666 /etc/berth/berth.conf"), "mode 0666",
          "^chmod 0644 /etc/berth/berth.conf$", also={"accounts", "store", "sshd", "data-root", "transfer-log"}),
    Fault("configuration of somebody else", "configuration", shell("chown localuser /etc/berth/berth.conf"), "uid 2901",
          "^chown -h root: /etc/berth/berth.conf$", also={"accounts", "store", "sshd", "data-root", "transfer-log"}),
    Fault("configuration's directory writable", "configuration", shell("chmod 0777 /etc/berth"), r"/etc/berth \(directory\)",
          "^chmod 0755 /etc/berth$"),
    Fault("configuration unreadable for User", "configuration", shell("chmod 0600 /etc/berth/berth.conf"),
          "User berth can't read it", "^chmod go.rx /etc/berth && chmod go.r /etc/berth/berth.conf$"),
    Fault("keyword misspelt", "configuration", quiet_config(lambda text: text + "DataRot /srv\n"),
          "line 4: DataRot: unknown keyword, is DataRoot meant", "Put it right in /etc/berth/berth.conf", mend=config_back,
          also={"accounts", "store", "sshd", "data-root", "transfer-log"}),
    Fault("no account for SessionUser", "accounts", rewrite("/etc/passwd", lambda text: re.sub("berth-session:.*\n",
          "", text)),
          "SessionUser berth-session: no such account", "^systemd-sysusers$", also={"store", "transfer-log", "sshd"}),
    Fault("SessionUser is User", "accounts", config("SessionUser berth"), "User and SessionUser are one account",
          "an account of its own", mend=config_back, level="warning"),
    Fault("User in a powerful group", "accounts", shell("gpasswd -a berth shadow >/dev/null"), "in the group shadow",
          "^gpasswd -d berth shadow$", level="warning"),
    # -- store
    Fault("store readable by all", "store", shell("chmod 0755 /var/lib/berth"), "/var/lib/berth .directory. has mode 0755",
          "^chmod 0700 /var/lib/berth$", level="warning"),
    Fault("store's directory is root's", "store", shell("chown root /var/lib/berth"), "belongs to uid 0, not to berth",
          "^chown -h berth: /var/lib/berth$", also={"sshd"}),
    Fault("store's index is root's", "store", shell("chown root /var/lib/berth/berth.db-shm"),
          "berth.db-shm belongs to uid 0",
          "^chown -h berth: /var/lib/berth/berth.db-shm$", also={"sshd"}),
    Fault("store read-only", "store", shell("chmod 0400 /var/lib/berth/berth.db"), "can't be written",
          "^chmod u.w /var/lib/berth/berth.db$", level="warning"),
    Fault("store missing", "store", store_away, "no such store", "berth restore FILE", mend=store_back, also={"sshd"}),
    Fault("store is no database", "store", no_database, "/var/lib/berth/berth.db", "^berth fsck$",
          mend=store_back, also={"sshd"}),
    Fault("server OFFLINE", "store", lambda host: host.admin("stop-server", "--server-id", host.server_id), "is OFFLINE",
          "^berth admin start-server --server-id s-[0-9a-f]{17}$"),
    Fault("server unknown", "store", unknown_server, "ServerId s-0{17}: Unknown server", "berth admin list-servers",
          mend=right_server, also={"sshd"}),
    # -- names
    Fault("record with an account's name", "names", account("alice:x:2950:2950::/:/usr/sbin/nologin"),
          "the record alice isn't served: /etc/passwd has an account of this name", "`userdel alice`",
          mend=shell("userdel alice"), level="warning", also={"sshd"}),
    Fault("record with an account's uid", "names", account("carol:x:5001:5001::/:/usr/sbin/nologin"),
          "uid 5001 is that of the account carol", '"ShareUid 5001" in /etc/berth/berth.conf', mend=shell("userdel carol"),
          level="warning", also={"sshd"}),
    # -- programs and modules
    Fault("PAM module writable by its group", "permissions", shell("chmod 0775 /usr/lib/*/security/pam_berth.so"),
          "pam_berth.so",
          "^chmod 0755 /usr/lib/.*/security/pam_berth.so$"),
    Fault("session helper of somebody else", "permissions", shell("chown localuser /usr/libexec/berth/berth-session"),
          "berth-session belongs to uid 2901", "^chown -h root: /usr/libexec/berth/berth-session$"),
    Fault("session helper not for all to run", "permissions", shell("chmod 0700 /usr/libexec/berth/berth-session"),
          "mode 0700", "^chmod a.rx /usr/libexec/berth/berth-session$"),
    Fault("NSS module missing", "permissions", shell("mv /usr/lib/*/libnss_berth.so.2 /tmp/"),
          "libnss_berth.so.2: No such file",
          "^apt-get install --reinstall berth$", mend=shell("mv /tmp/libnss_berth.so.2 /usr/lib/$(gcc -print-multiarch)/"),
          also={"nss", "sshd"}),
    # -- agent
    Fault("socket's mode", "agent", shell("chmod 0600 /run/berth/agent.sock"), "mode 0600",
          "^chmod 0666 /run/berth/agent.sock$",
          also={"nss", "keys-command", "sshd"}),
    Fault("socket's directory closed", "agent", shell("chmod 0700 /run/berth"), "/run/berth has mode 0700",
          "^chmod 0755 /run/berth$", also={"nss", "keys-command", "sshd"}),
    Fault("socket's directory writable", "agent", shell("chmod 0777 /run/berth"), r"/run/berth \(directory\) has mode 0777",
          "^chmod 0755 /run/berth$", also={"permissions", "nss", "keys-command", "sshd"}),
    Fault("agent stopped", "agent", lambda host: host.stop_agent(), "doesn't run", "Start berthd",
          mend=lambda host: host.start_agent(), also={"nss", "keys-command", "sshd"}),
    Fault("agent frozen", "agent", freeze, "no answer within 2 s", "start it again", mend=restart_agent,
          also={"nss", "keys-command", "sshd"}),
    Fault("agent with another configuration", "agent", other_store, "it serves server .* of sqlite:/var/lib",
          "^pkill -HUP -x berthd$"),
    Fault("agent of before an upgrade", "agent", other_version, "version 9.* runs", "start it again", mend=restart_agent,
          level="warning"),
    # -- NSS
    Fault("nsswitch.conf without berth", "nss", rewrite(NSSWITCH, lambda text: text.replace(" berth", "")), NSSWITCH,
          "^berth setup$", also={"sshd"}),
    Fault("nsswitch.conf without berth for groups", "nss",
          rewrite(NSSWITCH, lambda text: re.sub("(?m)^(group:.*) berth", r"\1", text)), "group", "^berth setup$",
          also={"sshd"}),
    Fault("nsswitch.conf ends before berth", "nss",
          rewrite(NSSWITCH, lambda text: re.sub("(?m)^(passwd:.*) berth", r"\1 [NOTFOUND=return] berth", text)),
          NSSWITCH, "setup",
          mend=rewrite(NSSWITCH, lambda text: text.replace(" [NOTFOUND=return]", "")), also={"sshd"}),
    Fault("a group of the host called berth-users", "nss", rewrite("/etc/group", lambda text: text + "berth-users:x:777:\n"),
          "another service has a group berth-users", "^groupdel berth-users$", also={"sshd"}),
    # -- keys command
    Fault("keys command of somebody else", "keys-command", shell("chown localuser /usr/libexec/berth/berth-keys"),
          "belongs to uid 2901", "^chown -h root: /usr/libexec/berth/berth-keys$"),
    Fault("keys command writable by its group", "keys-command", shell("chmod 0775 /usr/libexec/berth/berth-keys"),
          "mode 0775",
          "^chmod 0755 /usr/libexec/berth/berth-keys$"),
    Fault("keys command not for all to run", "keys-command", shell("chmod 0700 /usr/libexec/berth/berth-keys"), "mode 0700",
          "^chmod a.rx /usr/libexec/berth/berth-keys$"),
    Fault("keys command's directory writable", "keys-command", shell("chmod 0777 /usr/libexec/berth"),
          "directory.*mode 0777",
          "^chmod 0755 /usr/libexec/berth$", also={"permissions"}),
    Fault("AuthorizedKeysCommand of somebody else", "keys-command", sshd("AuthorizedKeysCommand /usr/bin/true\n"),
          "AuthorizedKeysCommand is \"/usr/bin/true\"", "^berth setup$", mend=sshd_mended),
    Fault("AuthorizedKeysCommandUser isn't KeysUser", "keys-command", sshd("AuthorizedKeysCommandUser localuser\n"),
          "sshd runs it as localuser", "KeysUser", mend=sshd_mended),
    # -- PAM
    Fault("PAM lines missing", "pam", wrong_pam(without_berth_lines), "/etc/pam.d/sshd", "^berth setup$",
          also={"keys-command"}),
    Fault("PAM auth line too late", "pam", wrong_pam(move_line("auth", "@include common-auth")), "auth", "^berth setup$",
          also={"keys-command"}),
    Fault("PAM account line too late", "pam", wrong_pam(move_line("account", "@include common-account")), "account",
          "^berth setup$"),
    Fault("PAM session line too late", "pam", wrong_pam(move_line("session", "@include common-session")), "session",
          "^berth setup$"),
    Fault("PAM file writable by all", "pam", shell("chmod 0666 /etc/pam.d/sshd"), "mode 0666",
          "^chmod 0644 /etc/pam.d/sshd$"),
    # -- sshd
    Fault("sshd's configuration broken", "sshd", shell("echo Nonsense yes >/etc/ssh/sshd_config.d/00-0-test.conf"),
          "00-0-test.conf.*Nonsense", "sshd -t", mend=sshd_mended, also={"keys-command"}),
    Fault("no privilege separation directory", "sshd", shell("rmdir /run/sshd"), "rivilege separation",
          "^mkdir -m 0755 /run/sshd$", also={"keys-command"}),
    Fault("UsePAM no", "sshd", sshd("UsePAM no"), "UsePAM is no", "Set \"UsePAM yes\" .*00-0-test.conf line 1",
          mend=sshd_mended),
    Fault("PubkeyAuthentication no", "sshd", sshd("PubkeyAuthentication no"), "PubkeyAuthentication is no", "yes",
          mend=sshd_mended),
    Fault("ChrootDirectory", "sshd", sshd_match("ChrootDirectory /srv"), "ChrootDirectory is /srv", "ChrootDirectory none",
          mend=sshd_mended),
    Fault("two methods wanted", "sshd", sshd_match("AuthenticationMethods publickey,password"), "publickey,password",
          "AuthenticationMethods publickey\"", mend=sshd_mended),
    Fault("AuthorizedKeysFile", "sshd", sshd_match("AuthorizedKeysFile .ssh/authorized_keys"), "AuthorizedKeysFile is",
          "AuthorizedKeysFile none", mend=sshd_mended),
    Fault("another ForceCommand", "sshd", sshd_match("ForceCommand /bin/sh"), "nothing else is there",
          "internal-sftp -l VERBOSE",
          mend=sshd_mended),
    Fault("ForceCommand at INFO", "sshd", sshd_match("ForceCommand internal-sftp -l INFO"), "below VERBOSE", "VERBOSE",
          mend=sshd_mended, level="warning"),
    Fault("forwarding on", "sshd", sshd_match("DisableForwarding no"), "DisableForwarding is no", "DisableForwarding yes",
          mend=sshd_mended, level="warning"),
    Fault("AllowUsers", "sshd", sshd("AllowUsers root localuser"), "AllowUsers keeps alice out", "AllowUsers alice",
          mend=sshd_mended),
    Fault("AllowGroups", "sshd", sshd("AllowGroups sudo"), "AllowGroups keeps alice out", "AllowGroups berth-users",
          mend=sshd_mended),
    Fault("DenyGroups", "sshd", sshd("DenyGroups berth-*"), "DenyGroups keeps alice out", "DenyGroups", mend=sshd_mended),
    Fault("no Match block", "sshd", shell("mv /etc/ssh/sshd_config.d/berth.conf /tmp/"), "Match Group berth-users",
          "^berth setup$", mend=lambda host: (shutil.move("/tmp/berth.conf", SSHD_DIR / "berth.conf"), sshd_reads()),
          also={"keys-command"}),
    Fault("a Match before Berth's", "sshd",
          sshd("Match all\n    ForceCommand none\n    DisableForwarding no\n    AuthenticationMethods any"),
          "Match Group berth-users", "Match of /etc/ssh/sshd_config.d/.* line 1 leave out the group", mend=sshd_mended),
    Fault("key types left out", "sshd", sshd("PubkeyAcceptedAlgorithms ssh-ed25519"), "leaves out ecdsa-sha2-nistp256",
          "PubkeyAcceptedAlgorithms", mend=sshd_mended, level="warning"),
    Fault("little grace", "sshd", sshd("LoginGraceTime 5"), "LoginGraceTime is 5 s", "LoginGraceTime 15", mend=sshd_mended,
          level="warning"),
    Fault("few starts", "sshd", starts("1000", "2"), "MaxStartups is 2:", "MaxStartups 10:30:100",
          mend=starts("2", "1000"), level="warning"),
    Fault("no sessions", "sshd", sshd("MaxSessions 0"), "MaxSessions is 0", "MaxSessions 10", mend=sshd_mended),
    Fault("large RSA keys alone", "sshd", sshd("RequiredRSASize 4096"), "RequiredRSASize is 4096", "MinRsaBits 4096",
          mend=sshd_mended, level="warning"),
    Fault("no Subsystem sftp", "sshd", lambda host: (edit("/etc/ssh/sshd_config", lambda text: text.replace(
        "\nSubsystem", "\n#Subsystem")), sshd_reads()), "no Subsystem sftp", "Subsystem sftp internal-sftp",
          mend=lambda host: (edit("/etc/ssh/sshd_config", lambda text: text.replace("\n#Subsystem", "\nSubsystem")),
                             sshd_reads())),
    Fault("sshd stopped", "sshd", lambda host: host.stop_sshd(), "nobody listens on port 22", "Start sshd",
          mend=lambda host: host.start_sshd()),
    Fault("sshd not reloaded", "sshd", shell("touch /etc/ssh/sshd_config"), "sshd_config was changed after",
          r"^kill -HUP \d+$",
          level="warning"),
    # -- data
    Fault("data root writable by all", "data-root", shell("chmod 0777 /srv/berth"), "mode 0777", "^chmod 0755 /srv/berth$"),
    Fault("data root of a user", "data-root", shell("chown 5001 /srv/berth"), "belongs to uid 5001",
          "^chown -h root: /srv/berth$"),
    Fault("data root missing", "data-root", shell("mv /srv/berth /srv/away"), "No such file",
          "^install -d -m 0755 /srv/berth$"),
    Fault("data root through a link", "data-root", link_to_data, "symbolic link", "/srv/real", mend=real_data),
    Fault("file system not mounted", "data-root",
          shell("mkdir /srv/berth/nfs; echo '/dev/null /srv/berth/nfs tmpfs defaults 0 0' "
                                                        ">/etc/fstab"), "isn't mounted", "^mount /srv/berth/nfs$"),
    Fault("bucket missing", "data-root", config("Bucket away /srv/nowhere"), "Bucket away /srv/nowhere: No such file",
          "^Mount what belongs there", mend=shell("mkdir /srv/nowhere")),
    # -- logs, host
    Fault("log's directory is root's", "transfer-log",
          shell("chown root /var/log/berth; rm -f /var/log/berth/*; chmod 0755 /var/log/berth"),
          "can't be written as berth", "^chown -Rh berth: /var/log/berth", level="warning"),
    Fault("log required and can't be written", "transfer-log", lambda host: (host.reload("TransferLog required"), shell(
        "chown -R root /var/log/berth; chmod 0755 /var/log/berth")(host)), "no session goes on without it",
          "^chown -Rh berth: /var/log/berth"),
    Fault("nobody listens at /dev/log", "log", shell("mv /dev/log /dev/log.away"), "/dev/log: No such file", "syslog",
          mend=shell("mv /dev/log.away /dev/log"), level="warning"),
    Fault("nologin", "nologin", shell("echo upgrade >/etc/nologin"), "closed to logins", "^rm /etc/nologin$"),
    Fault("clock behind the program", "clock", shell("touch -d '+2 days' /usr/bin/berth"), "the clock is wrong",
          "^timedatectl set-ntp true$", mend=shell("touch /usr/bin/berth"), level="warning"),
    Fault("clock behind the store", "clock", shell("touch -d '+2 days' /var/lib/berth/berth.db"), "the store was written at",
          "^timedatectl set-ntp true$", mend=shell("touch /var/lib/berth/berth.db"), level="warning"),
]


def check(fault, report):
    ours = [finding for finding in report.bad if finding["Link"] == fault.link]
    assert ours and ours[0]["Level"] == fault.level, report
    assert re.search(fault.found, ours[0]["Found"]), report
    assert re.search(fault.cure, ours[0]["Cure"]), report
    for finding in report.bad:
        assert finding["Link"] == fault.link or finding["Link"] in fault.also, report
    assert report.code == (1 if fault.level == "fault" else 0), report
    if fault.level == "fault":
        assert report.faults and fault.link in report.verdict or fault.also, report
    return ours[0]["Cure"]


def apply(cure):
    """A cure that is a command, as an operator would paste it."""
    assert COMMAND.match(cure), cure
    done = run("bash", "-c", cure + (" --yes" if cure == "berth setup" else ""))
    assert done.ok, (cure, done)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_planted_fault(host, fault):
    fault.plant(host)
    cure = check(fault, doctor())
    if fault.mend is None:
        apply(cure)
    else:
        fault.mend(host)
    wait_until(lambda: doctor().bad == [], what="a clean doctor")  # a reload takes its moment


def test_a_cure_runs_nothing_that_a_name_says(host):
    """Whoever has become User writes any name into the store; root pastes what is shown."""
    with host.database() as store:
        store.execute("UPDATE users SET user_name = 'a;reboot', uid = 2901")
    [cure] = [finding["Cure"] for finding in doctor().of("names")]
    assert " --user-name 'a;reboot' " in cure
