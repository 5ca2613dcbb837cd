"""`berth api-key`: keys made, listed, disabled and deleted; the file is as private as its secrets."""
import configparser
import json
import os
import re
import stat
import subprocess

import pytest

from admin_command import BERTH, OPERATIONS

ID, SECRET = r"BRTH[A-Z2-7]{16}", r"[A-Za-z0-9]{40}"
NONE = "BRTHAAAAAAAAAAAAAAAA"


class Keys:
    """`berth api-key` on an Admin's configuration."""

    def __init__(self, admin):
        self.admin, self.file = admin, admin.store_directory / "api-keys.json"
        admin.configure(f"ApiKeysFile {self.file}")

    def run(self, *words, **options):
        return self.admin.berth("api-key", *words, "--config", self.admin.config, **options)

    def ok(self, *words, stderr=""):
        done = self.run(*words)
        assert (done.returncode, done.stderr) == (0, stderr), done.stderr
        return done.stdout

    def create(self, *words, stderr=""):
        return json.loads(self.ok("create", "--output", "json", *words, stderr=stderr))["AccessKey"]

    def list(self):
        return json.loads(self.ok("list", "--output", "json"))["AccessKeyMetadata"]

    def refused(self, code, *words):
        """What is said, and nothing is changed or printed."""
        before = self.file.read_bytes() if self.file.exists() else None
        done = self.run(*words)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert (self.file.read_bytes() if self.file.exists() else None) == before
        return done.stderr


@pytest.fixture
def keys(empty):
    return Keys(empty)


def test_one_command_makes_the_first_key(keys):
    key = keys.create()
    assert list(key) == ["AccessKeyId", "SecretAccessKey", "Status", "CreateDate"]
    assert re.fullmatch(ID, key["AccessKeyId"]) and re.fullmatch(SECRET, key["SecretAccessKey"])
    assert key["Status"] == "Active"
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", key["CreateDate"])
    status = keys.file.stat()
    assert stat.S_IMODE(status.st_mode) == 0o600
    directory = keys.admin.store_directory.stat()
    assert (status.st_uid, status.st_gid) == (directory.st_uid, directory.st_gid)
    assert [path.name for path in keys.admin.store_directory.iterdir()] == ["api-keys.json"]


def test_restrictions_are_kept_and_shown(keys):
    server = "s-0123456789abcdef0"
    key = keys.create("--allow", "Describe*,List*", "--allow", "*User", "--server", f"{server},s-{'0' * 17}",
                      "--server", "s-" + "f" * 17, "--rate", "7", "--description", "Terraform, \"blau\" ü")
    expected = {"Description": "Terraform, \"blau\" ü", "Allow": ["Describe*", "List*", "*User"],
                "Servers": [server, f"s-{'0' * 17}", "s-" + "f" * 17], "Rate": 7}
    assert {name: key[name] for name in list(key)[4:]} == expected
    listed, = keys.list()
    assert listed == {name: value for name, value in key.items() if name != "SecretAccessKey"}
    assert keys.create("--rate", "0")["Rate"] == 0


def test_no_secret_is_listed(keys):
    secrets = [keys.create()["SecretAccessKey"] for _ in range(3)]
    for form in "json", "text", "table":
        shown = keys.ok("list", "--output", form)
        assert not [secret for secret in secrets if secret in shown]
    assert all(secret in keys.file.read_text() for secret in secrets)


def test_table_can_be_pasted_into_a_credentials_file(keys, tmp_path):
    keys.admin.configure(f"ApiKeysFile {keys.file}", "Region eu-west-3")
    shown = keys.ok("create", "--allow", "List*", "--description", "for CI")
    assert "isn't shown again" in shown and "List*" in shown and "for CI" in shown
    second = keys.ok("create", "--profile", "ci.2")
    text = "[default]\naws_access_key_id = x\naws_secret_access_key = y\n" + shown + second
    (tmp_path / "credentials").write_text(text)
    parser = configparser.RawConfigParser()
    parser.read(tmp_path / "credentials")
    for profile, stored in zip(("berth", "ci.2"), json.loads(keys.file.read_text())["AccessKeys"], strict=True):
        assert dict(parser[profile]) == {"aws_access_key_id": stored["AccessKeyId"],
                                         "aws_secret_access_key": stored["SecretAccessKey"], "region": "eu-west-3"}


@pytest.mark.parametrize("name", ["", "two words", "a]b", "x\ny", "ü", "p" * 65])
def test_a_profile_is_a_plain_name(keys, name):
    done = keys.run("create", "--profile", name)
    assert done.returncode == 252 and "argument --profile: not 1 to 64 of" in done.stderr
    assert not keys.file.exists()


def test_text_is_id_and_secret(keys):
    words = keys.ok("create", "--output", "text", "--allow", "List*").removesuffix("\n").split("\t")
    stored, = json.loads(keys.file.read_text())["AccessKeys"]
    assert words == [stored["AccessKeyId"], stored["SecretAccessKey"]]


def test_list_for_people_and_scripts(keys):
    assert keys.ok("list").split() == ["ID", "STATUS", "CREATED", "RATE", "OPERATIONS", "SERVERS", "DESCRIPTION"]
    assert keys.ok("list", "--output", "text") == ""
    assert keys.list() == []
    assert not keys.file.exists()
    first = keys.create("--allow", "Describe*,List*", "--rate", "5", "--description", "for CI, über alles")
    second = keys.create()
    keys.ok("disable", second["AccessKeyId"])
    assert keys.ok("list", "--output", "text").splitlines() == [
        f"{first['AccessKeyId']}\tActive\t{first['CreateDate']}\t5\tDescribe*,List*\tall\tfor CI, über alles",
        f"{second['AccessKeyId']}\tInactive\t{second['CreateDate']}\t-\tall\tall\t-"]
    lines = keys.ok("list").splitlines()
    assert len({line.index(word) for line, word in zip(lines, ["OPERATIONS", "Describe*", "all"])}) == 1


def test_disable_enable_delete(keys):
    ids = [keys.create("--description", str(number))["AccessKeyId"] for number in range(4)]
    assert keys.ok("disable", ids[0], ids[2]) == ""
    assert [key["Status"] for key in keys.list()] == ["Inactive", "Active", "Inactive", "Active"]
    keys.ok("disable", ids[0])
    keys.ok("enable", ids[2], ids[1])
    assert [key["Status"] for key in keys.list()] == ["Inactive", "Active", "Active", "Active"]
    keys.ok("delete", ids[3], ids[1])
    assert [(key["AccessKeyId"], key["Description"]) for key in keys.list()] == [(ids[0], "0"), (ids[2], "2")]
    keys.ok("delete", *ids[::2])
    assert keys.list() == []


@pytest.mark.parametrize("what", ["enable", "disable", "delete"])
def test_unknown_id_changes_nothing(keys, what):
    assert NONE in keys.refused(254, what, NONE)
    assert not keys.file.exists()
    known = keys.create()["AccessKeyId"]
    if what == "enable":
        keys.ok("disable", known)
    for ids in [known, NONE], [NONE, known], [known, ""], [known, known.lower()]:
        said = keys.refused(254, what, *ids)
        assert "there is no access key" in said and said.count("\n") == 1
    assert "ID" in keys.refused(252, what)


def test_id_given_twice_is_unknown_when_it_is_deleted(keys):
    known = keys.create()["AccessKeyId"]
    assert known in keys.refused(254, "delete", known, known)


@pytest.mark.parametrize("words, says", [
    (["--allow", "Describ*,Foo*"], "Foo*"),
    (["--allow", "describe*"], "describe*"),
    (["--allow", ""], "--allow"),
    (["--allow", "List*,"], "--allow"),
    (["--allow", "transfer:ListUsers"], "transfer:ListUsers"),
    (["--server", "s-123"], "s-123"),
    (["--server", "all"], "all"),
    (["--rate", "-1"], "-1"),
    (["--rate", "1.5"], "1.5"),
    (["--rate", " 5"], "--rate"),
    (["--rate", "100001"], "100001"),
    (["--rate", "99999999999999999999"], "99999999999999999999"),
    (["--secret", "x"], "--secret"),
    (["word"], "word"),
    (["--output", "yaml"], "yaml"),
    (["--query", "x"], "--query"),
])
def test_wrong_flags(keys, words, says):
    said = keys.refused(252, "create", *words)
    assert says in said.splitlines()[-1] or says in said.splitlines()[-2], said


def test_pattern_that_fits_nothing_names_the_operations(keys):
    said = keys.refused(252, "create", "--allow", "Foo*")
    assert "fits no operation: Foo*" in said
    assert all(operation in said for operation in OPERATIONS)


def test_other_wrong_words(keys):
    assert "there is no subcommand show" in keys.refused(252, "show")
    assert "usage: berth api-key" in keys.refused(252)
    assert keys.refused(252, "list", "word")
    for words in ["help"], ["--help"], ["create", "--help"], ["create", "help"], ["list", "--help"], ["delete", "--help"]:
        assert keys.ok(*words).startswith("usage: berth api-key create ")


@pytest.mark.parametrize("text", ["a\tb", "a\nb", "a\x1b[31mb", "", "x" * 257, "a\u202eb"])
def test_description_is_one_line_that_can_be_shown(keys, text):
    assert "description" in keys.refused(254, "create", "--description", text)


def test_too_many_restrictions(keys):
    assert "allow" in keys.refused(254, "create", "--allow", ",".join(["*"] * 101))
    assert len(keys.create("--allow", ",".join(["*"] * 100))["Allow"]) == 100


def test_server_that_the_store_does_not_know_is_a_warning(keys):
    # Without a store nothing can be said about it.
    keys.create("--server", "s-" + "1" * 17)
    keys.admin.make_server()
    Keys(keys.admin)
    keys.create("--server", keys.admin.server_id)
    unknown = "s-" + "1" * 17
    keys.create("--server", f"{keys.admin.server_id},{unknown}",
                stderr=f"berth api-key: warning: there is no server {unknown} yet\n")


def test_file_that_others_can_read_is_refused(keys):
    known = keys.create()["AccessKeyId"]
    keys.file.chmod(0o640)
    for words in ["list"], ["create"], ["disable", known], ["delete", known]:
        said = keys.refused(255, *words)
        assert str(keys.file) in said and "0600" in said


def test_file_that_was_edited_wrongly(keys):
    keys.create("--allow", "List*")
    text = keys.file.read_text()
    for edited, says in [(text.replace("List*", "Lits*"), "accessKeys.1.member.allow.1.member"),
                         (text.replace('"Allow"', '"Alow"'), "Alow"),
                         (text.replace('"Version":1', '"Version":2'), "Version"),
                         (text + "x", "valid JSON")]:
        keys.file.write_text(edited)
        for words in ["list"], ["create"], ["delete", NONE]:
            said = keys.refused(255, *words)
            assert str(keys.file) in said and says in said and said.count("\n") == 1
        assert json.loads(text)["AccessKeys"][0]["SecretAccessKey"] not in said


def test_symbolic_link_is_not_followed(keys):
    """The directory is User's: what it links to may be anybody's."""
    target = keys.admin.directory / "target"
    keys.file.symlink_to(target)
    assert "symbolic link" in keys.refused(255, "create")
    assert not target.exists() and keys.file.is_symlink()


def test_missing_directory_is_named(keys):
    keys.admin.configure(f"ApiKeysFile {keys.admin.directory}/none/api-keys.json")
    assert "its directory is missing" in keys.refused(255, "create")


def test_secret_that_could_not_be_shown(keys):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([BERTH, "api-key", "create", "--config", keys.admin.config], stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)
    known, = keys.list()
    assert done.returncode == 255
    assert f"the key {known['AccessKeyId']} is made, but its secret couldn't be shown: delete it" in done.stderr


def test_keys_made_at_once_are_all_there(keys):
    words = [BERTH, "api-key", "create", "--config", keys.admin.config, "--output", "text"]
    running = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(12)]
    made = sorted(process.communicate(timeout=60)[0].split("\t")[0] for process in running)
    assert [process.returncode for process in running] == [0] * 12
    assert sorted(key["AccessKeyId"] for key in keys.list()) == made


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_others_see_and_change_nothing(keys):
    keys.create()
    for what in "create", "list":
        done = subprocess.run(["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", BERTH, "api-key", what,
                               "--config", keys.admin.config], text=True, capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (255, "")
        assert "Permission denied" in done.stderr
    assert len(keys.list()) == 1
