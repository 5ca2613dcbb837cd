"""Users from a passwd file, and from the users.conf of the atmoz/sftp image."""
import json
import os
import pathlib

import pytest

from import_lines import exported, lines, run, simple

ROLE = "arn:aws:iam::000000000000:role/berth"
AFTER = "not read: what comes before it could not all be read, and may have the same keys with options"


def key_lines(public_keys):
    return [key.strip() for key in public_keys]


def convert(admin, *words, status=0):
    """(summary of --output json, what is said on stderr)"""
    code, out, err = run(admin, "import", "--output", "json", *words)
    assert code == status, err
    return json.loads(out), err


def left(summary):
    """What could not be carried over: {kind: [(line, name, detail)]}."""
    return {kind["Kind"]: [(entry.get("Line"), entry.get("UserName"), entry["Detail"]) for entry in kind["Entries"]]
            for kind in summary["NotCarriedOver"]}


def user(name, target, uid, gid, keys=(), secondary=None, entry="/"):
    profile = {"Uid": uid, "Gid": gid}
    if secondary:
        profile["SecondaryGids"] = secondary
    return {"UserName": name, "Role": ROLE, "HomeDirectoryType": "LOGICAL", "PosixProfile": profile,
            "HomeDirectoryMappings": [{"Entry": entry, "Target": target}], "SshPublicKeys": list(keys)}


def bodies(users):
    for one in users:
        one["SshPublicKeys"] = [key["SshPublicKeyBody"] for key in one["SshPublicKeys"]]
    return users


@pytest.fixture
def passwd(tmp_path):
    def write(text):
        path = tmp_path / "passwd"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path
    return write


@pytest.fixture
def keys_directory(tmp_path):
    directory = tmp_path / "keys"
    directory.mkdir(mode=0o700)
    return directory


# -- passwd ------------------------------------------------------------------------------------------------------------

def test_passwd(admin, passwd, keys_directory, public_keys, tmp_path):
    one, two = key_lines(public_keys)
    path = passwd("root:x:0:0:root:/root:/bin/bash\ndaemon:*:1:1::/:/usr/sbin/nologin\n# a comment\n\n"
                  "anna:*:70001:70001:Anna,,,:/home/anna:/usr/sbin/nologin\n"
                  "berta:*:70002:70002::/data/people/berta/:/bin/false\n"
                  "clara:*:70003:70003::/home/clara:\n"
                  "nobody:*:65534:65534::/nonexistent:/usr/sbin/nologin\n"
                  "dora:*:70004:70004::/home/dora:/bin/false")
    (keys_directory / "anna").write_text(one + "\n# " + two + "\n\n   " + two + "\r\n" + one + "\n")
    (keys_directory / "berta" / ".ssh").mkdir(parents=True)
    (keys_directory / "berta" / "authorized_keys").write_text(two)
    (keys_directory / "berta" / ".ssh" / "authorized_keys").write_text(one)
    (keys_directory / "clara" / ".ssh").mkdir(parents=True)
    (keys_directory / "clara" / ".ssh" / "authorized_keys").write_text(one + "\n")
    group = tmp_path / "group"
    group.write_text("root:x:0:anna\nanna:x:70001:anna\nstaff:x:8001:anna,berta\nteam:x:8000:anna\nbroken\n#c:x:9:anna\n")
    summary, err = convert(admin, "--from", "passwd", "--authorized-keys", keys_directory, "--group", group, path)
    assert err == ""
    assert (summary["Created"], summary["Refused"], summary["SystemAccounts"], summary["Lines"]) == (4, 0, 3, 9)
    assert bodies(exported(admin)) == [
        user("anna", "/home/anna", 70001, 70001, [one, two], [8001, 8000]),
        user("berta", "/data/people/berta/", 70002, 70002, [two], [8001]),
        user("clara", "/home/clara", 70003, 70003, [one]),
        user("dora", "/home/dora", 70004, 70004)]
    assert left(summary) == {
        "NoKey": [(9, "dora", "")], "Groups": [(5, "anna", "gid 0 is below MinGid")],
        "Bucket": [(None, None, "Bucket home /home"), (None, None, "Bucket data /data")]}
    # And again: the same.
    summary, _ = convert(admin, "--from", "passwd", "--authorized-keys", keys_directory, "--group", group, path)
    assert (summary["Unchanged"], summary["Created"]) == (4, 0)


def test_passwd_with_a_template_and_a_role(admin, passwd):
    path = passwd("anna:*:70001:70001::relative:/bin/false\n")
    convert(admin, "--from", "passwd", "--target", "/bucket/${Transfer:UserName}/in", "--role", ROLE + "2", path)
    assert exported(admin) == [{**user("anna", "/bucket/anna/in", 70001, 70001), "Role": ROLE + "2"}]


def test_buckets_that_are_there_are_not_told_of(admin, passwd, tmp_path):
    (tmp_path / "root" / "data").mkdir(parents=True)
    admin.configure("Bucket home /home", "DataRoot %s" % (tmp_path / "root"))
    path = passwd("anna:*:70001:70001::/home/anna:\nbert:*:70002:70002::/data/bert:\n")
    assert set(left(convert(admin, "--from", "passwd", path)[0])) == {"NoKey"}


def test_what_passwd_has_and_berth_has_not(admin, passwd):
    taken = "daemon"
    path = passwd("me:*:70001:70001::/home/me:\n"
                  ".hidden:*:70002:70002::/home/h:\n"
                  "relative:*:70003:70003::home:\n"
                  "dotted:*:70004:70004::/home/../etc:\n"
                  "rootdir:*:70005:70005::/:\n"
                  "slashes:*:70006:70006::/home//x:\n"
                  "password:$6$x$y:70007:70007::/home/password:/bin/bash\n"
                  "shadow:x:70008:70008::/home/shadow:/usr/bin/rsync\n"
                  "%s:*:70009:70009::/home/taken:\n"
                  "gid:*:70010:100::/home/gid:\n"
                  "no line\n"
                  "uid:*:x70011:70011::/home/uid:\n" % taken)
    summary, err = convert(admin, "--from", "passwd", path, status=1)
    told = left(summary)
    assert told["Name"] == [(1, "me", ""), (2, ".hidden", "")]
    assert [entry[:2] for entry in told["HomeDirectory"]] == [(3, "relative"), (4, "dotted"), (5, "rootdir"), (6, "slashes")]
    assert told["Password"] == [(7, "password", ""), (8, "shadow", "")]
    assert told["Shell"] == [(7, "password", "/bin/bash"), (8, "shadow", "/usr/bin/rsync")]
    assert told["LocalAccount"] == [(9, taken, "the name stands in /etc/passwd")]
    assert [entry[:2] for entry in told["NoKey"]] == [(7, "password"), (8, "shadow"), (9, taken), (10, "gid")]
    assert [line["Line"] for line in summary["RefusedLines"]] == [1, 2, 3, 4, 5, 6, 11, 12, 10]
    assert (summary["Created"], summary["Refused"]) == (3, 9)
    assert "line 10: gid: PosixProfile: Gid 100 is below MinGid" in err


def test_what_is_so_of_everybody_is_cut_short(admin, passwd):
    path = passwd("".join(f"user{i}:x:{71000 + i}:71000::/home/user{i}:/bin/sh\n" for i in range(12)))
    code, out, _ = run(admin, "import", "--from", "passwd", "--dry-run", path)
    lines = out.splitlines()
    for kind, shell in (("passwords: Berth has none", ""), ("shells: Berth's users have sftp alone", ": /bin/sh")):
        first = lines.index(f"{kind} (12):") + 1
        assert lines[first:first + 10] == [f"    line {i + 1}: user{i}{shell}" for i in range(10)]
        assert lines[first + 10] == "    and 2 more, which --output json lists"
    without_key = lines.index("users without a key: they can't log in until they have one (12):") + 1
    assert lines[without_key + 11] == "    line 12: user11"
    _, out, _ = run(admin, "import", "--from", "passwd", "--dry-run", "--output", "json", path)
    kinds = {kind["Kind"]: kind["Entries"] for kind in json.loads(out)["NotCarriedOver"]}
    assert code == 0 and len(kinds["Password"]) == len(kinds["Shell"]) == 12


def test_the_list_as_text(admin, passwd):
    path = passwd("me:*:70001:70001::/home/me:\nanna:x:70002:70002::/home/anna:/bin/sh\n\x1b[1mx:x:70003:70003::/x:\n")
    code, out, err = run(admin, "import", "--from", "passwd", "--dry-run", path)
    assert code == 1
    assert out.splitlines() == [
        "names that a user can't have (2):", "    line 1: me", "    line 3: ?[1mx",
        "users without a key: they can't log in until they have one (1):", "    line 2: anna",
        "passwords: Berth has none (1):", "    line 2: anna",
        "shells: Berth's users have sftp alone (1):", "    line 2: anna: /bin/sh",
        "buckets that neither a Bucket line nor DataRoot has: these lines in berth.conf would do (1):",
        "    Bucket home /home",
        "dry run, nothing written: created 1, replaced 0, unchanged 0, refused 2, system accounts 0; 3 lines"]
    assert all(line.isprintable() for line in err.splitlines())
    assert exported(admin) == []


@pytest.fixture
def local_uid():
    """An account of this host whose uid a user could have."""
    if not os.path.exists("/run/private-host"):
        pytest.skip("changes /etc/passwd: only on the private host, tests/run.sh")
    path = pathlib.Path("/etc/passwd")
    before = path.read_text()
    path.write_text(before + "localone:x:70077:70077::/:/bin/false\n")
    yield 70077
    path.write_text(before)


def test_uid_of_a_local_account(admin, passwd, local_uid):
    path = passwd("anna:*:%d:70001::/home/anna:\n" % local_uid)
    summary, _ = convert(admin, "--from", "passwd", "--dry-run", path)
    assert left(summary)["LocalAccount"] == [(1, "anna", "uid 70077 stands in /etc/passwd")]
    admin.configure("ShareUid %d" % local_uid)
    assert "LocalAccount" not in left(convert(admin, "--from", "passwd", path)[0])


def test_keys_that_are_left_out(admin, passwd, keys_directory, public_keys):
    one, two = key_lines(public_keys)
    (keys_directory / "anna").write_text("\n".join([
        'from="10.0.0.0/8,192.0.2.1",no-pty ' + one,  # restricted …
        one,                                           # … and not let in by a later line
        'command="echo \\"a b\\"" ' + two.replace("ssh-ed25519", "ssh-rsa"),
        "ssh-dss AAAAB3NzaC1kc3MAAACB x", "sk-ssh-ed25519@openssh.com AAAA y", "ssh-ed25519-cert-v01@openssh.com AAAA z",
        "ssh-ed25519 AAAA", "1024 65537 1234567 old", "\x1b[31m", "cert-authority " + two]) + "\n")
    path = passwd("anna:*:70001:70001::/home/anna:\n")
    summary, _ = convert(admin, "--from", "passwd", "--authorized-keys", keys_directory, path)
    told = left(summary)
    assert told["KeyOptions"] == [(1, "anna", "anna line 1: from, no-pty"),
                                  (1, "anna", "anna line 2: a line before this one has the same key with options"),
                                  (1, "anna", "anna line 3: command"), (1, "anna", "anna line 10: cert-authority")]
    assert [entry[2] for entry in told["KeyType"]] == [
        "anna line 4: ssh-dss", "anna line 5: sk-ssh-ed25519@openssh.com", "anna line 6: ssh-ed25519-cert-v01@openssh.com"]
    assert [entry[2].split(":")[0] for entry in told["Key"]] == ["anna line 7", "anna line 8", "anna line 9"]
    assert told["NoKey"] == [(1, "anna", "")]
    assert exported(admin)[0]["SshPublicKeys"] == []


def test_a_comment_in_another_charset(admin, passwd, keys_directory, public_keys):
    one = key_lines(public_keys)[0]
    (keys_directory / "anna").write_bytes(" ".join(one.split()[:2]).encode() + b" J\xfcrgen\n")
    convert(admin, "--from", "passwd", "--authorized-keys", keys_directory, passwd("anna:*:70001:70001::/home/anna:\n"))
    assert bodies(exported(admin))[0]["SshPublicKeys"] == [" ".join(one.split()[:2])]


def test_nothing_of_a_users_own_is_followed(admin, passwd, keys_directory, public_keys, tmp_path):
    """Links, pipes, devices and large files in directories that users can write to."""
    secret = tmp_path / "secret"
    secret.write_text(public_keys[0])
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "authorized_keys").write_text(public_keys[0])
    (keys_directory / "link").symlink_to(secret)
    (keys_directory / "linkdir").symlink_to(tmp_path / "elsewhere")
    (keys_directory / "inner").mkdir()
    (keys_directory / "inner" / "authorized_keys").symlink_to(secret)
    (keys_directory / "ssh").mkdir()
    (keys_directory / "ssh" / ".ssh").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(keys_directory / "fifo")
    (keys_directory / "large").write_text((public_keys[0] + "\n") * 20000)
    (keys_directory / "nul").write_bytes(public_keys[0].encode() + b"\0\n")
    names = ["link", "linkdir", "inner", "ssh", "fifo", "large", "nul"]
    text = "".join("%s:*:%d:70000::/home/x:\n" % (name, 70000 + number) for number, name in enumerate(names))
    summary, _ = convert(admin, "--from", "passwd", "--authorized-keys", keys_directory, passwd(text))
    told = left(summary)
    assert [entry[1] for entry in told["NoKey"]] == names
    assert [(entry[1], entry[2].split(": ")[1]) for entry in told["KeyFile"]] == [
        ("link", "a symbolic link, which is not followed"), ("linkdir", "a symbolic link, which is not followed"),
        ("inner", "a symbolic link, which is not followed"), ("ssh", "a symbolic link, which is not followed"),
        ("fifo", "not a regular file"), ("large", "longer than 1 MiB"), ("nul", "holds a NUL")]
    assert all(one["SshPublicKeys"] == [] for one in exported(admin))


def test_other_files_that_are_not_there(admin, passwd, tmp_path):
    path = passwd("anna:*:70001:70001::/home/anna:\n")
    for words in (["--group", tmp_path / "no"], ["--authorized-keys", tmp_path / "no"]):
        code, out, err = run(admin, "import", "--from", "passwd", *words, path)
        assert (code, out) == (255, "") and "No such file" in err
    assert run(admin, "import", "--from", "users.conf", "--home", tmp_path / "no", path)[0] == 255
    assert exported(admin) == []


def test_replace_goes_with_sources_too(admin, passwd):
    convert(admin, "--from", "passwd", passwd("anna:*:70001:70001::/home/anna:\n"))
    path = passwd("anna:*:70002:70001::/home/anna:\n")
    assert convert(admin, "--from", "passwd", path, status=1)[0]["Refused"] == 1
    assert convert(admin, "--from", "passwd", "--replace", path)[0]["Replaced"] == 1


# -- users.conf --------------------------------------------------------------------------------------------------------

@pytest.fixture
def home(tmp_path):
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


def test_users_conf(admin, passwd, home, public_keys):
    """Lines as the image's README, examples and tests have them."""
    one, two = key_lines(public_keys)
    path = passwd("# comment\n    # whitespace before and after comment    \n\n# next line has only whitespace\n   \t  \n"
                  "foo:pass:70001:70001\n"
                  "bar:$1$0G2g0GSt$ewU0t6GXG15.0hWoOX8X9.:e:70002:70002\n"
                  "baz::70003:70003:upload\n"
                  "test::70004:70004:dir1,dir2,,deep/er\n"
                  "users:pass:70005:100\n"
                  "nogid::70006\n"
                  "user-from-conf:\n"
                  "user.with.dot\n"
                  "dirs::::dir1,dir2\n"
                  "many::70007:70007:a:b:c")
    (home / "foo" / ".ssh" / "keys").mkdir(parents=True)
    (home / "foo" / ".ssh" / "keys" / "b.pub").write_text(one + "\n")
    (home / "foo" / ".ssh" / "keys" / "a.pub").write_text(two + "\n" + one)
    (home / "foo" / ".ssh" / "keys" / "c.pub").write_text(one)
    (home / "foo" / ".ssh" / "keys" / ".hidden").write_text("junk")
    summary, err = convert(admin, "--from", "users.conf", "--home", home, "--gid", "70000", path)
    assert err == ""
    target = str(home)
    expected = [
        user("bar", target + "/bar", 70002, 70002), user("baz", target + "/baz/upload", 70003, 70003, entry="/upload"),
        user("dirs", "", 0, 0), user("foo", target + "/foo", 70001, 70001, [two, one]),
        user("many", target + "/many/a", 70007, 70007, entry="/a"), user("nogid", target + "/nogid", 70006, 70000),
        user("test", target, 70004, 70004), user("user-from-conf", target + "/user-from-conf", 0, 0),
        user("user.with.dot", target + "/user.with.dot", 0, 0), user("users", target + "/users", 70005, 70000)]
    for index in (2, 7, 8):
        del expected[index]["PosixProfile"]
    expected[2]["HomeDirectoryMappings"] = [{"Entry": "/" + name, "Target": "%s/dirs/%s" % (home, name)}
                                            for name in ("dir1", "dir2")]
    expected[6]["HomeDirectoryMappings"] = [{"Entry": "/" + name, "Target": "%s/test/%s" % (home, name)}
                                            for name in ("dir1", "dir2", "deep/er")]
    assert bodies(exported(admin)) == expected
    told = left(summary)
    assert [entry[:2] for entry in told["Password"]] == [(6, "foo"), (7, "bar"), (10, "users")]
    assert [entry[:2] for entry in told["NoPosixProfile"]] == [(12, "user-from-conf"), (13, "user.with.dot"), (14, "dirs")]
    assert told["Groups"] == [(10, "users", "gid 100 is below MinGid: 70000 instead")]
    assert told["Bucket"] == [(None, None, "Bucket tmp /tmp")]
    assert len(told["NoKey"]) == 9


def test_users_conf_lines_that_make_no_user(admin, passwd, home):
    path = passwd("me:pass:70001:70001\nnogid::70002\nbaduid::x:1\nbadgid::70003:users\nlow:p:1001:100\nroots::0:70000\n"
                  "nested::70004:70004:a,a/b\n:x\nfine::70005:70005\nfine::70006:70005\n")
    summary, err = convert(admin, "--from", "users.conf", "--home", home, path, status=1)
    assert summary["Created"] == 1 and summary["Refused"] == 9
    said = {int(line.split(":")[0].split()[1]): line for line in err.splitlines()}
    for number, says in ((1, "UserName"), (2, "--gid N says which"), (3, "uid is no number"), (4, "gid is no number"),
                         (5, "Gid 100 is below MinGid"), (6, "Uid 0 is below MinUid"), (7, "may not nest"), (8, "UserName"),
                         (10, "differs in PosixProfile")):
        assert says in said[number], said[number]


def test_users_conf_keys_directory_is_a_link(admin, passwd, home, public_keys, tmp_path):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "x.pub").write_text(public_keys[0])
    (home / "foo" / ".ssh").mkdir(parents=True)
    (home / "foo" / ".ssh" / "keys").symlink_to(tmp_path / "keys")
    summary, _ = convert(admin, "--from", "users.conf", "--home", home, passwd("foo::70001:70001\n"))
    assert left(summary)["KeyFile"] == [(1, "foo", ".ssh/keys: a symbolic link, which is not followed")]
    assert exported(admin)[0]["SshPublicKeys"] == []


def test_users_conf_keys_without_end(admin, passwd, home, public_keys):
    """A user who fills the directory of keys fills neither the disk nor the list, nor is anybody else's key lost."""
    one, two = key_lines(public_keys)
    for name in "foo", "bar", "baz":
        (home / name / ".ssh" / "keys").mkdir(parents=True)
    for number in range(3):
        (home / "foo" / ".ssh" / "keys" / f"a{number}").write_text((one + "\n" if number == 0 else "") + "x\n" * 600)
        (home / "bar" / ".ssh" / "keys" / f"a{number}").write_text((one + "\n") * (400 * 1024 // len(one)))
    for name in "foo", "bar", "baz":
        (home / name / ".ssh" / "keys" / "z").write_text(two + "\n")
    summary, _ = convert(admin, "--from", "users.conf", "--home", home,
                         passwd("foo::70001:70001\nbar::70002:70002\nbaz::70003:70003\n"))
    told = left(summary)
    assert len(told["Key"]) == 1000
    assert told["KeyFile"] == [
        (1, "foo", ".ssh/keys/a1: what comes after this is not read: too many lines that can't be used"),
        (1, "foo", f".ssh/keys/a2: {AFTER}"), (1, "foo", f".ssh/keys/z: {AFTER}"),
        (2, "bar", ".ssh/keys/a2: longer than 1 MiB with those before it"), (2, "bar", f".ssh/keys/z: {AFTER}")]
    assert [one["SshPublicKeys"] for one in bodies(exported(admin))] == [[one], [two], [one]]


def test_users_conf_keys_that_an_unread_file_may_restrict(admin, passwd, home, public_keys, tmp_path):
    """sshd goes by a key's first line: it may stand in what was not read."""
    one, two = key_lines(public_keys)
    (tmp_path / "forced").write_text(f'command="/bin/false" {two}\n')
    for name in "foo", "bar":
        keys = home / name / ".ssh" / "keys"
        keys.mkdir(parents=True)
        (keys / "a").write_text(one + "\n")
        (keys / "z").write_text(two + "\n")
    (home / "foo" / ".ssh" / "keys" / "b").symlink_to(tmp_path / "forced")
    (home / "bar" / ".ssh" / "keys" / "b").mkdir()
    summary, _ = convert(admin, "--from", "users.conf", "--home", home, passwd("foo::70001:70001\nbar::70002:70002\n"))
    assert left(summary)["KeyFile"] == [
        (1, "foo", ".ssh/keys/b: a symbolic link, which is not followed"), (1, "foo", f".ssh/keys/z: {AFTER}"),
        (2, "bar", ".ssh/keys/b: not a regular file")]
    assert {one["UserName"]: one["SshPublicKeys"] for one in bodies(exported(admin))} == {"foo": [one], "bar": [one, two]}


def test_users_conf_with_millions_of_directories(admin, passwd, home):
    """Refused before anything is made of them: they would take gigabytes."""
    path = passwd("foo::70001:70001:" + "a," * 4000000 + "\nbar::70002:70002:" + "a," * 50001 + "\nbaz::70003:70003:in\n")
    summary, err = convert(admin, "--from", "users.conf", "--home", home, path, status=1)
    assert (summary["Created"], summary["Refused"]) == (1, 2)
    assert [line.split(": ")[2].split(",")[0] for line in err.splitlines()] == ["More than 50000 directories"] * 2


def test_a_source_is_not_taken_for_lines(admin, passwd):
    """Without --from, each line is said to be no JSON; with it, JSON is said to be no passwd file."""
    assert run(admin, "import", passwd("anna:*:70001:70001::/home/anna:\n"))[0] == 1
    code, _, err = run(admin, "import", "--from", "passwd", data=lines([simple(1)]))
    assert code == 1 and "no line of a passwd file" in err
