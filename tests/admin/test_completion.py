"""packaging/completion/berth in a real bash: what it offers is what `berth … help` lists, and is there."""
import os
import pathlib
import pty
import re
import select
import subprocess
import time

import pytest

from admin_command import BERTH

TREE = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = TREE / "packaging/completion/berth"
# The words of a line, cut as readline does it, and then the function that bash would call; compopt works only there.
CALL = r"""
compopt() { echo "compopt $*"; }
complete_line() {
	local cut
	COMP_LINE=$1 COMP_POINT=${2-${#1}}
	cut=${1//=/ = } cut=${cut//:/ : }
	read -ra COMP_WORDS <<<"$cut"
	[[ $1 == *" " ]] && COMP_WORDS+=("")
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	[[ $(complete -p berth) == "complete -F _berth berth" ]] && _berth berth "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
	printf '%s\n' "${COMPREPLY[@]}" "--- $?"
}
"""


def environment(**more):
    return {**os.environ, "PATH": f"{BERTH.parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", **more}


def offered(*lines, cwd=TREE):
    """What is offered for each line, with the cursor at its end: a list of lists."""
    script = CALL + f"source '{SCRIPT}'\n" + "".join("complete_line %s\n" % quoted(line) for line in lines)
    done = subprocess.run(["bash", "--norc", "-u", "-c", script], capture_output=True, text=True, timeout=120, check=False,
                          cwd=cwd, env=environment())
    assert done.stderr == "", done.stderr
    answers = [answer.split("\n")[:-1] for answer in done.stdout.split("--- 0\n")[:-1]]
    assert len(answers) == len(lines), done.stdout
    return [[word for word in answer if word and not word.startswith("compopt ")] for answer in answers]


def quoted(line):
    return "'" + line.replace("'", "'\\''") + "'"


def run(*words):
    return subprocess.run([BERTH, *words], capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)


def help_of(*words):
    done = run(*words, "help")
    assert (done.returncode, done.stderr) == (0, ""), words
    return done.stdout


def words_in(text):
    """The commands, operations or subcommands that a help's lines begin with."""
    return sorted({word for line in re.findall(r"^  ([a-z][a-z|-]*)", text, re.MULTILINE) for word in line.split("|")})


def flags_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text)) - {"--query"}


COMMANDS = [word for word in words_in(help_of()) if word not in ("help", "version")]
OPERATIONS = words_in(help_of("admin"))
PLACES = [[command] for command in COMMANDS if command != "admin"] + [["admin", operation] for operation in OPERATIONS]


def test_commands_and_operations():
    commands, operations, some = offered("berth ", "berth admin ", "berth --config=x --output text admin list-")
    assert set(commands) == {*COMMANDS, "help", "version"} and len(COMMANDS) > 13
    assert set(operations) == {*OPERATIONS, "help"} and len(OPERATIONS) > 18
    assert set(some) == {word for word in OPERATIONS if word.startswith("list-")}


def test_every_flag_is_one_and_is_offered():
    """Of each command and operation: what its help mentions, no more and no less; all of it is taken."""
    texts = [help_of(*place) for place in PLACES]
    subcommands = [[] if place[0] == "admin" else words_in(text) for place, text in zip(PLACES, texts)]
    lines = [[*place, *more] for place, own in zip(PLACES, subcommands) for more in ([[word] for word in own] or [[]])]
    answers = dict(zip(map(tuple, lines), offered(*(" ".join(["berth", *line, "-"]) for line in lines))))
    for place, text, own in zip(PLACES, texts, subcommands):
        flags = {flag for word in own or [None] for flag in answers[(*place, word) if word else tuple(place)]}
        assert {flag for flag in flags if flag.startswith("--")} == flags_in(text) | {"--help"}, place
        assert flags - flags_in(text) - {"--help"} == set(re.findall(r"^ +(-[a-z]), --", text, re.MULTILINE)), place
    for line, flags in answers.items():
        for flag in flags:
            done = run(*line, "--help", flag, "1")
            assert not re.search(f"nknown options?:? {flag}\\b", done.stderr), (line, flag, done.stderr)


def test_every_flag_of_the_tables_has_its_help():
    known = {flag for words in ([], *PLACES) for flag in flags_in(help_of(*words))} | {"--help", "--version", "--query"}
    tables = "".join(path.read_text() for path in (TREE / "admin_cmd").rglob("*.c"))
    names = set(re.findall(r'\{ "([a-z-]+)", (?:no|required|optional)_argument', tables))
    assert len(names) > 35 and {f"--{name}" for name in names} <= known


def test_subcommands():
    for command in COMMANDS:
        if command == "admin":
            continue
        own = words_in(help_of(command))
        if own:
            assert set(offered(f"berth {command} ")[0]) == {*own, "help"}, command
            for word in own:
                assert run(command, word, "--help").returncode != 252, (command, word)
    assert offered("berth cache drop -", "berth cache show -", "berth api-key list --r", "berth api-key create --r") == \
        [sorted_as(["--all", "--config", "--help", "--output"], "berth cache drop -"),
         sorted_as(["--config", "--help", "--output"], "berth cache show -"), [], ["--rate"]]


def sorted_as(words, line):
    """The words in the order in which they are offered, which is bash's own."""
    answer, = offered(line)
    assert sorted(answer) == words
    return answer


@pytest.mark.parametrize("line, words", [
    ("berth --output ", ["json", "text", "table"]),
    ("berth sessions --output t", ["text", "table"]),
    ("berth fsck --output ", ["json", "text"]),
    ("berth admin create-user --output=j", ["json"]),
    ("berth admin create-user --home-directory-type ", ["PATH", "LOGICAL"]),
    ("berth admin create-user --home-directory-type=L", ["LOGICAL"]),
    ("berth admin create-server --domain ", ["S3", "EFS"]),
    ("berth admin create-server --protocols ", ["SFTP"]),
    ("berth import --from ", ["passwd", "users.conf", "transfer:"]),
    ("berth tail -n ", ["all"]),
    ("berth tail --operation put,re", ["put,rename", "put,remove"]),
    ("berth admin create-user --user-name alice --posix-profile ", []),
    ("berth --config x nonsense ", None),
])
def test_values(line, words):
    answer, = offered(line)
    assert answer == words if words is not None else set(answer) == {*COMMANDS, "help", "version"}


def test_operations_of_the_log():
    listed = re.search(r"--operation NAME\S* +(.*?);", help_of("tail"), re.DOTALL)[1]
    assert offered("berth tail --operation ")[0] == re.findall(r"[a-z-]+", listed)
    assert run("tail", "--operation", listed.replace("\n", "").replace(" ", ""), "--help").returncode == 0


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "alice.pub").touch()
    (tmp_path / "all").mkdir()
    return tmp_path


def test_files(directory):
    lines = ["berth --config a", "berth backup a", "berth import al", "berth import --authorized-keys a",
             "berth --config=ali", "berth admin create-user --ssh-public-key-body file://a"]
    files, backup, imported, keys, equal, url = offered(*lines, cwd=directory)
    assert sorted(files) == sorted(backup) == sorted(imported) == ["alice.pub", "all"]
    assert keys == ["all"] and equal == ["alice.pub"]
    # Bash puts it behind the colon, where it has cut the word.
    assert sorted(url) == ["//alice.pub ", "//all/"]


def test_names_that_the_store_has(admin):
    """Asked of the configuration that the line names."""
    for name in "alice", "alba", "bob":
        admin.create_user(name)
    config = f"--config {admin.config}"
    assert [sorted(words) for words in offered(
        f"berth {config} admin describe-user --user-name al", f"berth admin delete-user {config} --user-name=b",
        f"berth doctor {config} al", f"berth export {config} --server-id ", f"berth tail {config} --user ")] == \
        [["alba", "alice"], ["bob"], ["alba", "alice"], [admin.server_id], ["alba", "alice", "bob"]]
    admin.configure(f"ApiKeysFile {admin.store_directory}/keys.json")
    made = admin.berth("api-key", "create", "--config", admin.config, "--output", "text").stdout.split("\t")[0]
    assert offered(f"berth api-key {config} disable ") == [[made]]


@pytest.fixture
def terminal(directory):
    """A bash that somebody types at."""
    child, master = pty.fork()
    if child == 0:
        os.chdir(directory)
        os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], environment(PS1="", TERM="dumb", HISTFILE=""))
    os.write(master, b"bind 'set bell-style none'; PS1='READY> '; source '%s'\n" % bytes(SCRIPT))
    read_until(master, "READY> ")
    yield master
    os.close(master)
    os.waitpid(child, 0)


def read_until(master, *words):
    text, deadline = "", time.monotonic() + 30
    while not all(word in text for word in words):
        assert select.select([master], [], [], max(0, deadline - time.monotonic()))[0], text
        text += os.read(master, 65536).decode(errors="replace")
    return text


@pytest.mark.parametrize("typed, line", [
    ("berth adm\tcreate-u\t--home-directory-ty\tL\t", "berth admin create-user --home-directory-type LOGICAL "),
    ("berth tail --output=j\t--foll\t", "berth tail --output=json --follow "),
    ("berth admin import-ssh\t--ssh-public-key-b\tfile://ali\t--user", "--ssh-public-key-body file://alice.pub --user"),
    ("berth import --from tr\t", "berth import --from transfer:"),
])
def test_typed_at_a_terminal(terminal, typed, line):
    os.write(terminal, typed.encode())
    # Ctrl-A and # make a comment of the line, which is then echoed whole.
    os.write(terminal, b"\x01echo '[\x05]'\n")
    read_until(terminal, f"[{line}" if line.startswith("berth ") else line)
