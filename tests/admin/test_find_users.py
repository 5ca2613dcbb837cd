"""berth admin find-users: by tags, on a real store."""
import json

import pytest

from admin_command import ROLE


@pytest.fixture
def tagged(admin):
    for name, tags in {
        "alice": ["Key=team,Value=ops", "Key=site,Value=north"],
        "bob": ["Key=team,Value=ops", "Key=a=b,Value=c"],
        "carol": ["Key=team,Value=dev", "Key=site,Value=north", "Key=note,Value=a=b"],
        "dave": ["Key=Team,Value=ops", "Key=empty,Value="],
        "eve": [],
    }.items():
        admin.create_user(name, *(["--tags", *tags] if tags else []))
    return admin


def found(admin, *words):
    return [user["UserName"] for user in admin.ok("find-users", *words)["Users"]]


@pytest.mark.parametrize("tags, names", [
    (["team=ops"], ["alice", "bob"]),
    (["team"], ["alice", "bob", "carol"]),
    (["site=north", "team=ops"], ["alice"]),
    (["site", "team=ops"], ["alice"]),
    (["team=ops", "team=dev"], []),
    (["Team"], ["dave"]),
    (["empty="], ["dave"]),
    (["empty"], ["dave"]),
    (["team="], []),
    (["note=a=b"], ["carol"]),
    (["nobody=has"], []),
    (["tea"], []), (["team=%"], []), (["team=op_"], []),
])
def test_all_tags_must_hold(tagged, tags, names):
    assert found(tagged, *(word for tag in tags for word in ("--tag", tag))) == names


def test_the_first_equals_sign_divides(tagged):
    """A key with one in it can be had by the part before it: no, such a key is out of reach here, and nothing else is found
    in its place."""
    assert found(tagged, "--tag", "a=b=c") == []
    assert found(tagged, "--tag", "a") == []


def test_printed_as_a_list_of_users(tagged):
    tagged.ok("delete-user", "--user-name", "eve")
    for name in "alice", "bob", "carol", "dave":
        tagged.ok("tag-resource", "--arn", tagged.user(name)["Arn"], "--tags", "Key=all,Value=1")
    for form in "json", "text", "table":
        listed, searched = (tagged.run(*words, "--output", form).stdout
                            for words in (["list-users"], ["find-users", "--tag", "all=1"]))
        assert searched == listed.replace("ListUsers", "FindUsers") and "alice" in searched
    assert found(tagged, "--tag", "nobody") == []
    assert tagged.ok("find-users", "--tag", "nobody") == {"Users": [], "ServerId": tagged.server_id}


def test_in_parts(tagged):
    part = tagged.ok("find-users", "--tag", "team", "--max-items", "2")
    assert [user["UserName"] for user in part["Users"]] == ["alice", "bob"]
    rest = tagged.ok("find-users", "--tag", "team", "--max-items", "2", "--starting-token", part["NextToken"])
    assert [user["UserName"] for user in rest["Users"]] == ["carol"] and "NextToken" not in rest
    assert "NextToken" not in tagged.ok("find-users", "--tag", "team", "--max-items", "3")
    text = tagged.run("find-users", "--tag", "team", "--max-items", "1", "--output", "text").stdout
    assert text.splitlines()[-1] == "NEXTTOKEN\talice"


def test_of_another_server(tagged):
    other = tagged.ok("create-server")["ServerId"]
    tagged.ok("create-user", "--server-id", other, "--user-name", "alice", "--role", ROLE, "--tags", "Key=team,Value=x")
    assert found(tagged, "--server-id", other, "--tag", "team") == ["alice"]
    assert found(tagged, "--server-id", other, "--tag", "team=ops") == []
    done = tagged.run("find-users", "--server-id", "s-00000000000000000", "--tag", "team")
    assert (done.returncode, done.stdout) == (254, "")
    assert "(ResourceNotFoundException) when calling the FindUsers operation: Unknown server" in done.stderr


@pytest.mark.parametrize("words, problem", [
    ([], "the following arguments are required: --tag"),
    (["--tag"], "expected one argument: --tag"),
    (["--tag", "=x"], "argument --tag: expected KEY=VALUE or KEY"),
    (["--tag", "a", "b"], "Unknown options: b"),
    (["--tag", "a", "--max-items", "0"], "argument --max-items: not a number from 1: 0"),
    (["--tag", "a", "--colour"], "Unknown options: --colour"),
    (["--tag", "a", "-xy"], "Unknown options: -x"),
    (["--tag", "a", "--output", "yaml"], "argument --output: none of json, text, table: yaml"),
])
def test_wrong_words(tagged, words, problem):
    message = tagged.wrong("find-users", *words)
    assert message.startswith("usage: berth admin find-users ") and message.endswith(f"error: {problem}\n")


def test_more_tags_than_a_user_may_have(tagged):
    tags = [word for number in range(51) for word in ("--tag", f"k{number}")]
    assert "(InvalidRequestException)" in tagged.refused("find-users", *tags)


def test_without_a_server(tagged):
    tagged.server_id = None
    tagged.configure()
    assert "are required: --server-id" in tagged.wrong("find-users", "--tag", "a")


def test_help(tagged):
    for word in "help", "--help":
        done = tagged.berth("admin", "find-users", word)
        assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("usage: berth admin find-users ")


def test_many_pages(admin):
    """More than are printed at once."""
    from many_users import add_users
    add_users(admin, 2500)
    names = [f"user{number:07d}" for number in range(1, 2501)]
    assert found(admin, "--tag", "team=ops") == names
    assert found(admin, "--tag", "team=ops", "--max-items", "1000") == names[:1000]
    assert json.loads(admin.run("find-users", "--tag", "team=ops", "--starting-token", names[999],
                                "--max-items", "1500").stdout).get("NextToken") is None
