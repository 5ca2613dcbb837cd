"""Flags, values, the configuration, and what is said about wrong ones."""
import json
import os
import subprocess

import pytest

from admin_command import BERTH, OPERATIONS, ROLE, command_name

COMMANDS = [command_name(operation) for operation in OPERATIONS]
WITHOUT_USER_NAME = {command for command in COMMANDS
                     if "server" in command or "resource" in command or command == "list-users"}


def create(*words):
    return ["create-user", "--user-name", "alice", "--role", ROLE, *words]


def test_missing_flags(admin):
    message = admin.wrong("create-user")
    assert message.startswith("usage: berth admin create-user ")
    assert message.endswith("error: the following arguments are required: --role, --user-name\n")


def test_missing_server_id(admin):
    admin.server_id = None
    admin.configure()
    message = admin.wrong("delete-user", "--user-name", "alice")
    assert message.startswith("usage: berth admin delete-user ")
    assert message.endswith("error: the following arguments are required: --server-id\n")


@pytest.mark.parametrize("words, problem", [
    (["--colour", "red"], "Unknown options: --colour"),
    (["-x"], "Unknown options: -x"),
    (["alice"], "Unknown options: alice"),
    (["--", "alice"], "Unknown options: alice"),
    (["--user-name"], "argument --user-name: expected one argument"),
    (["--user-name", "--server-id"], "argument --user-name: expected one argument"),
    (["--output", "yaml"], 'argument --output: "yaml" is none of json, text, table'),
])
@pytest.mark.parametrize("operation", COMMANDS)
def test_wrong_flags(admin, operation, words, problem):
    message = admin.wrong(operation, *words)
    assert message.startswith(f"usage: berth admin {operation}")
    if operation not in WITHOUT_USER_NAME or "user-name" not in words[0]:
        assert f"berth admin {operation}: error: {problem}" in message


@pytest.mark.parametrize("operation", COMMANDS)
@pytest.mark.parametrize("word", ["help", "--help"])
def test_help_of_an_operation(admin, operation, word):
    done = admin.berth("admin", operation, word)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: berth admin {operation} ")


def test_general_help(admin):
    for words in ["help"], ["--help"], ["admin", "help"], ["sessions", "help"]:
        done = admin.berth(*words)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("usage: berth ")
    for words in ([], ["admin"], ["nonsense"], ["--nonsense"], ["admin", "nonsense"],
                  ["admin", "--output", "x", "list-users"]):
        done = admin.berth(*words)
        assert (done.returncode, done.stdout) == (252, "")
        assert "usage: berth " in done.stderr


def test_version(admin):
    for word in "version", "--version":
        done = admin.berth(word)
        assert done.returncode == 0
        assert done.stdout.startswith("berth ")


def test_global_flags_anywhere(admin):
    admin.create_user()
    for words in (["--config", admin.config, "admin", "--output", "text", "list-users"],
                  ["--output=text", "admin", f"--config={admin.config}", "list-users"],
                  ["admin", "list-users", "--config", admin.config, "--output", "text"]):
        done = admin.berth(*words)
        assert done.returncode == 0
        assert done.stdout.splitlines()[0] == admin.server_id


@pytest.mark.parametrize("profile", [
    "Uid=5001,Gid=5002,SecondaryGids=7001,7002",
    "SecondaryGids=[7001,7002], Gid=5002, Uid=5001",
    '{"Uid": 5001, "Gid": 5002, "SecondaryGids": [7001, 7002]}',
])
def test_profile_forms(admin, profile):
    admin.ok(*create("--posix-profile", profile))
    assert admin.user()["PosixProfile"] == {"Uid": 5001, "Gid": 5002, "SecondaryGids": [7001, 7002]}


MAPPINGS = [{"Entry": "/in", "Target": "/bucket/alice"},
            {"Entry": "/out", "Target": "/bucket/alice/out", "Type": "DIRECTORY"}]


@pytest.mark.parametrize("words", [
    ["Entry=/in,Target=/bucket/${Transfer:UserName}", "Entry=/out,Target=/bucket/alice/out,Type=DIRECTORY"],
    [json.dumps(MAPPINGS)],
    [json.dumps(mapping) for mapping in MAPPINGS],
])
def test_mapping_forms(admin, words):
    admin.ok(*create("--home-directory-type", "LOGICAL", "--home-directory-mappings", *words))
    assert admin.user()["HomeDirectoryMappings"] == MAPPINGS


def test_mapping_with_only_a_target(admin):
    admin.ok(*create("--home-directory-type", "LOGICAL", "--home-directory-mappings", "Target=/bucket/a",
                     '{"Target": "/bucket/b", "Type": "FILE"}', '{"Entry": null, "Target": "/bucket/c"}'))
    assert admin.user()["HomeDirectoryMappings"] == [
        {"Entry": "/bucket/a", "Target": "/bucket/a"}, {"Entry": "/bucket/b", "Target": "/bucket/b", "Type": "FILE"},
        {"Entry": "/bucket/c", "Target": "/bucket/c"}]


def test_mapping_with_only_a_target_that_names_its_user(admin):
    """Shown as it is once it is written, and again when it is changed; what is no variable stays as it is."""
    words = ["--home-directory-mappings", "Target=/b/${Transfer:UserName}", "Target=/c/${transfer:UserName}s/${Other}"]
    mappings = [{"Entry": target, "Target": target} for target in ("/b/alice", "/c/alices/${Other}")]
    admin.ok(*create("--home-directory-type", "LOGICAL", *words))
    assert admin.user()["HomeDirectoryMappings"] == mappings
    admin.ok("update-user", "--user-name", "alice", *words[:2])
    assert admin.user()["HomeDirectoryMappings"] == mappings[:1]
    assert "--user-name" in admin.wrong("create-user", "--role", ROLE, *words)
    assert "userName" in admin.refused("create-user", "--role", ROLE, "--user-name", "x" * 5000, *words)


def test_many_mappings_from_a_file(admin):
    mappings = [{"Entry": f"/dir{number}", "Target": f"/bucket/{number}"} for number in range(50000)]
    admin.ok(*create("--home-directory-type", "LOGICAL", "--home-directory-mappings",
                     admin.file("mappings.json", json.dumps(mappings))))
    assert admin.user()["HomeDirectoryMappings"] == mappings


def test_tag_forms(admin):
    admin.ok(*create("--tags", "Key=a,Value=b c", "Key='x,y',Value=", '{"Key": "j", "Value": "ü"}'))
    assert admin.user()["Tags"] == [{"Key": "a", "Value": "b c"}, {"Key": "x,y", "Value": ""}, {"Key": "j", "Value": "ü"}]


@pytest.mark.parametrize("words, problem", [
    (["--tags", "Key=a,Value=b,Key=c"], "Error parsing parameter '--tags': Second instance of key \"Key\""),
    (["--tags", 'Key=a,Value="b"c'], "Error parsing parameter '--tags': Expected: ',', received: 'c' "
     'at byte 16 of: Key=a,Value="b"c\n'),
    (["--tags", "Key"], "Expected: '=', received: the end"),
    (["--tags", '[{"Key": "a"'], "Error parsing parameter '--tags': Invalid JSON: "),
    (["--tags", "Key=a,Wert=b"], 'Unknown parameter in Tags[0]: "Wert", must be one of: Key, Value'),
    (["--posix-profile", "uid=5001,Gid=5001"], 'Unknown parameter in PosixProfile: "uid", must be one of: Uid, Gid'),
    (["--posix-profile", "Uid=alice,Gid=5001"], 'PosixProfile.Uid: "alice" is not a whole number'),
    (["--home-directory", "file:///nonexistent/x"], "Error parsing parameter '--home-directory': "
     "Unable to load paramfile file:///nonexistent/x: No such file or directory"),
    (["--policy", "file:///dev/zero"], "File too large"),
    (["--policy", "fileb:///"], "Is a directory"),
])
def test_wrong_values(admin, words, problem):
    message = admin.wrong(*create(*words))
    assert problem in message
    assert "ResourceNotFoundException" in admin.refused("describe-user", "--user-name", "alice")


def test_wrong_types_in_json_are_the_operations(admin):
    for profile in '{"Uid": "5001", "Gid": 5001}', '{"Uid": 5001.5, "Gid": 5001}', '{"Uid": {}, "Gid": []}':
        admin.refused(*create("--posix-profile", profile))


def test_value_that_is_not_utf8(admin):
    done = subprocess.run([BERTH, "admin", "create-user", "--config", admin.config, "--role", ROLE,
                           "--user-name", b"al\xffce"], capture_output=True, check=False)
    assert done.returncode == 252
    assert b"'--user-name': the value is not UTF-8" in done.stderr


def test_file_in_the_home_directory(admin, public_keys):
    admin.create_user()
    admin.file("id.pub", public_keys[0])
    done = subprocess.run([BERTH, "admin", "import-ssh-public-key", "--config", admin.config, "--user-name", "alice",
                           "--ssh-public-key-body", "file://~/id.pub"], env={"HOME": str(admin.directory)}, check=False)
    assert done.returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can read a file that the store's user can't")
def test_files_are_read_before_root_is_given_up(admin, public_keys):
    admin.create_user()
    private = admin.directory / "private.pub"
    private.write_text(public_keys[0])
    private.chmod(0o600)
    admin.ok("import-ssh-public-key", "--user-name", "alice", "--ssh-public-key-body", f"file://{private}")


def test_policy_from_a_file(admin):
    admin.ok(*create("--policy", admin.file("policy.json", '{\n  "Version": "2012-10-17"\n}\n')))
    assert json.loads(admin.user()["Policy"]) == {"Version": "2012-10-17"}


def test_configuration_faults(admin):
    admin.configure("Colour red", "MinUid 5")
    done = admin.run("list-users")
    assert (done.returncode, done.stdout) == (255, "")
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all(f"{admin.config} line " in line for line in lines)
    assert "Colour" in lines[0] and "MinUid" in lines[1]


def test_no_configuration(admin):
    done = admin.berth("admin", "list-users", "--config", admin.directory / "nothing.conf")
    assert done.returncode == 255
    assert "nothing.conf" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes the store's user")
def test_users_that_the_store_cannot_belong_to(admin):
    for user, problem in (("berth-no-such", "/etc/passwd has no such user"), ("root", "User: the agent never runs as root")):
        admin.config.write_text(f"User {user}\nStore sqlite:{admin.store}\n")
        done = admin.run("list-servers")
        assert done.returncode == 255
        assert problem in done.stderr


def test_not_our_store(admin):
    admin.store.write_text("no database\n")
    done = admin.run("list-users")
    assert done.returncode == 255
    assert str(admin.store) in done.stderr
    assert admin.store.read_text() == "no database\n"
