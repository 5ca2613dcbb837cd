"""docs/container.md: what it says to type is typed here, as far as a container of our own can do it."""
import json
import pathlib
import re
import shlex
import subprocess

from conftest import CAPABILITIES, DOCUMENT, KEY

COMMANDS = re.findall(r"^    \$ (docker .*)$", DOCUMENT, re.M)


def inside(command):
    """What `docker exec [-i] berth …` runs, and its standard input; None for what isn't that."""
    words = shlex.split(command)
    if words[:2] != ["docker", "exec"] or "|" in words or "&&" in words:
        return None
    stdin = None
    if "<" in words:
        at = words.index("<")
        stdin, words = words[at + 1], words[:at]
    words = [word for word in words[2:] if word != "-i"]
    assert words[0] == "berth"
    return words[1:], stdin


def test_its_commands(container):
    running = container().ready()
    done = 0
    for command in COMMANDS:
        found = inside(command)
        if found is None or found[0][:2] == ["berth", "why"]:
            continue
        words, stdin = found
        if stdin is not None:
            stdin = KEY.with_suffix(".pub").read_text()
        result = running.execute(*words, input=stdin)
        assert result.returncode == 0, (command, result.stderr)
        done += 1
    assert done >= 7
    assert running.sftp("alice", "pwd\n").returncode == 0


def test_its_log_is_read_by_why(container):
    """The lines have the form that `berth why --log` reads."""
    running = container().ready()
    assert running.sftp("nobody-here", "pwd\n").returncode != 0
    running.wait_log("Invalid user nobody-here")
    pathlib.Path("/tmp/berth.log").write_text(running.log())
    command = next(command for command in COMMANDS if "berth why" in command)
    result = running.execute(*[word.replace("alice", "nobody-here") for word in inside(command)[0]])
    assert result.returncode == 0, result.stderr
    assert "nobody-here" in result.stdout


def test_its_profile():
    """The filter for jq adds to Docker's profile what it lacks, and leaves the rest."""
    command = re.search(r"^    (jq .*) default\.json > ", DOCUMENT, re.M).group(1)
    profile = {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}
    done = subprocess.run(shlex.split(command), input=json.dumps(profile), capture_output=True, text=True, check=True)
    made = json.loads(done.stdout)
    assert made["syscalls"][0] == profile["syscalls"][0] and made["syscalls"][1]["names"] == ["pivot_root"]


def test_its_tables():
    """Every capability that is added has a row that says why, and none else has."""
    rows = re.findall(r"^\| ((?:`[A-Z_]+`(?:, )?)+) \|", DOCUMENT, re.M)
    assert sorted(name for row in rows for name in re.findall(r"[A-Z_]+", row)) == CAPABILITIES
