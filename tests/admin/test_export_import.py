"""All users of a server as lines of JSON, out and in again."""
import array
import fcntl
import hashlib
import json
import os
import pathlib
import pwd
import random
import select
import shutil
import sqlite3
import subprocess
import tempfile
import termios
import time

import pytest

from admin_command import BERTH, ROLE, STORE_USER, Admin
from import_lines import SUMMARY, exported, imported, lines, random_user, run, simple, simple_file, without_made_up


@pytest.fixture
def second():
    """Another store with a server of its own."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="berth-second-"))
    directory.chmod(0o711)
    other = Admin(directory)
    other.server_id = other.ok("create-server")["ServerId"]
    other.configure()
    yield other
    shutil.rmtree(directory)


def create_all_kinds(admin, public_keys):
    """Users that together have every member."""
    admin.create_user("bare")
    admin.create_user("path", "--home-directory-type", "PATH", "--home-directory", "/bucket/${Transfer:UserName}/",
                      "--policy", '{"Version": "2012-10-17", "Über": ["a\\"b"]}', "--posix-profile", "Uid=5001,Gid=5001",
                      "--ssh-public-key-body", public_keys[0], "--tags", "Key=team,Value=a b", "Key=empty,Value=")
    admin.ok("import-ssh-public-key", "--user-name", "path", "--ssh-public-key-body", public_keys[1])
    admin.create_user("logical", "--home-directory-type", "LOGICAL", "--home-directory", "/in/x",
                      "--posix-profile", '{"Uid":4294967294,"Gid":5002,"SecondaryGids":[6000,6001]}',
                      "--home-directory-mappings",
                      '[{"Entry":"/in","Target":"/b/in"},{"Entry":"/f","Target":"/b/f","Type":"FILE"},'
                      '{"Entry":"/d","Target":"/b/d","Type":"DIRECTORY"}]')
    admin.create_user("no-groups", "--posix-profile", '{"Uid":5003,"Gid":5003,"SecondaryGids":[]}')


def test_every_member_to_another_server_and_another_store(admin, second, public_keys):
    create_all_kinds(admin, public_keys)
    code, out, err = run(admin, "export")
    assert (code, err) == (0, "")
    names = [json.loads(line)["UserName"] for line in out.splitlines()]
    assert names == ["bare", "logical", "no-groups", "path"]
    another = admin.ok("create-server")["ServerId"]
    imported(admin, out, "--server-id", another, created=4)
    imported(second, out, created=4)
    assert exported(admin, "--server-id", another) == exported(admin) == exported(second)
    for name in names:
        shown = admin.user(name)
        assert {**second.user(name), "Arn": shown["Arn"]} == shown


def test_a_line_is_what_describe_user_prints(admin, public_keys):
    create_all_kinds(admin, public_keys)
    shown = [admin.user(name) for name in ("bare", "logical", "no-groups", "path")]
    assert shown[3]["SshPublicKeys"][0]["DateImported"].endswith("+00:00")
    imported(admin, lines(shown), unchanged=4)
    for line, user in zip(run(admin, "export")[1].splitlines(), shown):
        line = json.loads(line)
        assert list(line) == list(user)
        for key in line["SshPublicKeys"] + user["SshPublicKeys"]:
            key.pop("DateImported")
        assert line == user


def test_random_users(admin, second):
    chance = random.Random(2000)
    users = sorted((random_user(chance, number) for number in range(2000)), key=lambda user: user["UserName"].encode())
    imported(admin, lines(users), created=2000)
    there = exported(admin)
    assert there == users
    imported(second, lines(there), created=2000)
    assert exported(second) == users
    imported(admin, lines(users), unchanged=2000)


def test_keys_keep_what_the_line_gives_and_get_the_rest(admin):
    user = simple(1)
    user["SshPublicKeys"] = [
        {"SshPublicKeyBody": simple(2)["SshPublicKeys"][0]["SshPublicKeyBody"], "SshPublicKeyId": "key-0123456789abcdef0",
         "DateImported": "2020-01-02T03:04:05.678+01:00"},
        {"SshPublicKeyBody": simple(3)["SshPublicKeys"][0]["SshPublicKeyBody"]}]
    before = time.time()
    imported(admin, lines([user]), created=1)
    first, second = exported(admin)[0]["SshPublicKeys"]
    assert (first["SshPublicKeyId"], first["DateImported"]) == ("key-0123456789abcdef0", 1577930645.678)
    assert len(second["SshPublicKeyId"]) == 21 and before - 1 < second["DateImported"] < time.time() + 1


def store_bytes(admin):
    """What the store's files hold. Whoever only reads may leave an empty log, and its index."""
    files = {path.name: path.read_bytes() for path in admin.store_directory.iterdir() if not path.name.endswith("-shm")}
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items() if content}


def test_a_second_run_changes_nothing(admin, tmp_path):
    path = simple_file(tmp_path / "users", 5000)
    imported(admin, path.read_text(), path, created=5000)
    before = store_bytes(admin)
    imported(admin, path.read_text(), path, unchanged=5000)
    assert store_bytes(admin) == before


def test_users_who_differ(admin):
    old, new = simple(1), simple(1)
    imported(admin, lines([old]), created=1)
    key = exported(admin)[0]["SshPublicKeys"][0]
    new["PosixProfile"]["Uid"] += 1
    new["Tags"] = [{"Key": "a", "Value": "b"}]
    new["SshPublicKeys"].insert(0, old["SshPublicKeys"][0])
    before = store_bytes(admin)
    code, out, err = run(admin, "import", data=lines([new]))
    assert (code, out) == (1, SUMMARY % (0, 0, 0, 1, 1, ""))
    assert err == ("line 1: user000001: The user user000001 already exists, and differs in PosixProfile, SshPublicKeys, "
                   "Tags; --replace makes it what the line says\n")
    assert store_bytes(admin) == before
    imported(admin, lines([new]), "--replace", replaced=1)
    there = exported(admin)[0]
    assert without_made_up(there) == new
    assert there["SshPublicKeys"][0] == key
    imported(admin, lines([new]), "--replace", unchanged=1)
    # What the line doesn't have, the user hasn't any more.
    imported(admin, lines([{"UserName": new["UserName"], "Role": ROLE}]), "--replace", replaced=1)
    assert exported(admin) == [{"UserName": new["UserName"], "Role": ROLE, "SshPublicKeys": []}]


def test_dry_run(admin):
    imported(admin, lines([simple(1)]), created=1)
    before = store_bytes(admin)
    changed = {**exported(admin)[0], "Role": ROLE + "/other"}
    data = lines([changed, simple(2), {"UserName": "x"}])
    code, out, err = run(admin, "import", "--dry-run", "--replace", data=data)
    assert (code, out) == (1, "dry run, nothing written: " + SUMMARY % (1, 1, 0, 1, 3, "s"))
    assert err.startswith("line 3: x: ")
    assert run(admin, "import", "--dry-run", data=lines([changed]))[2].startswith("line 1: user000001: The user")
    assert store_bytes(admin) == before


BAD = [  # a line, and what is said of it
    (b"nonsense", "line {n}: This isn't valid JSON"),
    (b"[1]", "line {n}: The line is no JSON object"),
    (b'{"UserName":"half1","Role":"' + ROLE.encode(), "line {n}: This isn't valid JSON"),
    (b'{"UserName":"bad\xff\xfe","Role":"' + ROLE.encode() + b'"}',
     "line {n}: This isn't valid JSON: there is bytes that are not UTF-8"),
    (b'{"UserName":"nul\x00nul"}', "line {n}: This isn't valid JSON"),
    (b'{"UserName":"nul1\\u0000","Role":"x"}', "line {n}: This isn't valid JSON: there is a NUL"),
    (b'{"UserName":"twice","UserName":"twice"}', 'line {n}: The JSON has the member "UserName" twice'),
    (b'{"UserName":"no-role"}', "line {n}: no-role: 1 validation error detected: Value null at 'role'"),
    (b'{"Role":"' + ROLE.encode() + b'"}', "line {n}: 1 validation error detected: Value null at 'userName'"),
    (b'{"UserName":"unknown","Role":"' + ROLE.encode() + b'","HomeDirectry":"/a"}',
     "line {n}: unknown: 1 validation error detected: Value at 'homeDirectry' failed to satisfy constraint: Member must be "
     "one that is known here"),
    (b'{"UserName":"root","Role":"' + ROLE.encode() + b'"}', "line {n}: root: UserName: root is the host's own"),
    (b'{"UserName":"\\u001b[31mred\\u009b\\n","Role":"' + ROLE.encode() + b'"}',
     "line {n}: ?[31mred???: 1 validation error"),
    (b'{"UserName":"two-faults","Role":7,"Tags":{}}', "line {n}: two-faults: 2 validation errors detected"),
    (b'{"UserName":"floor","Role":"' + ROLE.encode() + b'","PosixProfile":{"Uid":0,"Gid":5000}}',
     "line {n}: floor: PosixProfile: Uid 0 is below MinUid"),
    (b'{"UserName":"nested","Role":"' + ROLE.encode() + b'","HomeDirectoryType":"LOGICAL","HomeDirectoryMappings":'
     b'[{"Entry":"/a","Target":"/b"},{"Entry":"/a/b","Target":"/b"}]}', "line {n}: nested: HomeDirectoryMappings"),
    (b'{"UserName":"key","Role":"' + ROLE.encode() + b'","SshPublicKeys":[{"SshPublicKeyBody":"ssh-ed25519 AAAA"}]}',
     "line {n}: key: SshPublicKeyBody: "),
    (b'{"UserName":"' + b"x" * (9 * 1024 * 1024) + b'"}', "line {n}: The line is longer than"),
    (b"x" * (30 * 1024 * 1024), "line {n}: The line is longer than"),
]


def test_bad_lines_of_every_kind_among_good_ones(admin):
    data, expected, good = [], [], 0
    for bad, says in BAD:
        data.append(lines([simple(good)]).encode().rstrip())
        data.append(bad)
        expected.append(says.format(n=len(data)))
        good += 1
    data += [b"", b"   \t", lines([simple(good)]).encode().rstrip()]
    code, out, err = run(admin, "import", data=b"\n".join(data) + b"\n")
    assert code == 1
    assert out == SUMMARY % (good + 1, 0, 0, len(BAD), len(data), "s")
    said = err.splitlines()
    assert len(said) == len(expected)
    for line, beginning in zip(said, expected):
        assert line.startswith(beginning), (line[:200], beginning)
        assert line.isprintable()
    assert [user["UserName"] for user in exported(admin)] == ["user%06d" % number for number in range(good + 1)]


def test_json_summary_lists_the_refused_lines(admin):
    data = lines([simple(1), {"UserName": "a\nb", "Role": ROLE}, simple(1)]) + "x\n"
    code, out, err = run(admin, "import", "--output", "json", data=data)
    assert code == 1 and len(err.splitlines()) == 3
    told = json.loads(out)
    refused = told.pop("RefusedLines")
    assert told == {"Created": 1, "Replaced": 0, "Unchanged": 0, "Refused": 3, "Lines": 4, "DryRun": False}
    assert [(line["Line"], line["UserName"], line["Error"]["__type"]) for line in refused] == [
        (2, "a?b", "ValidationException"), (3, "user000001", "ResourceExistsException"), (4, "", "SerializationException")]
    assert (refused[1]["Error"]["Resource"], refused[1]["Error"]["ResourceType"]) == ("user000001", "User")
    assert refused[1]["Error"]["Message"].startswith("The user user000001 already exists, and differs in SshPublicKeys")
    assert json.loads(run(admin, "import", "--output", "json", data="")[1])["RefusedLines"] == []


@pytest.mark.parametrize("data, count", [
    (lambda line: line.encode(), 1), (lambda line: line.encode() + b"\r\n", 1),
    (lambda line: b"\xef\xbb\xbf" + line.encode(), 1),
    (lambda line: b"\r\n\n  \n" + line.encode() + b"\r\n\r\n", 5)])
def test_how_lines_may_end(admin, data, count):
    code, out, err = run(admin, "import", data=data(lines([simple(1)]).rstrip()))
    assert (code, out, err) == (0, SUMMARY % (1, 0, 0, 0, count, "" if count == 1 else "s"), "")


def test_nothing_at_all(admin):
    assert run(admin, "import", data="") == (0, SUMMARY % (0, 0, 0, 0, 0, "s"), "")


@pytest.mark.parametrize("indent, says", [(4, "several lines"), (None, "a JSON list")])
def test_json_that_is_no_lines(admin, indent, says):
    text = json.dumps([simple(number) for number in range(1000)] if indent is None else simple(1), indent=indent)
    code, out, err = run(admin, "import", data="\n\n" + text + "\n")
    assert (code, out) == (255, "")
    assert says in err and "jq -c" in err and len(err.splitlines()) == 1
    assert exported(admin) == []


def test_a_very_large_user(admin, second):
    user = simple(1)
    user["HomeDirectoryMappings"] = [{"Entry": "/%s/%06d" % ("e" * 50, number), "Target": "/bucket/%06d" % number}
                                     for number in range(50000)]
    imported(admin, lines([user, simple(2)]), created=2)
    out = run(admin, "export")[1]
    imported(second, out, created=2)
    assert exported(second) == exported(admin)
    assert exported(second)[0]["HomeDirectoryMappings"] == user["HomeDirectoryMappings"]


def unread(pipe):
    """How many bytes the other end hasn't read yet."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def test_kill_9_and_again(admin, tmp_path):
    """Wherever it is killed, what is there is whole, and running it again completes it."""
    path = simple_file(tmp_path / "users", 6000)
    text = path.read_bytes()
    users = [json.loads(line) for line in text.decode().splitlines()]
    chance, seen = random.Random(9), set()
    for turn in range(1, 41):
        left = memoryview(text)[:chance.randrange(len(text) * turn // 40)]
        with subprocess.Popen([BERTH, "import", "--config", admin.config], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, bufsize=0) as process:
            while left:
                left = left[process.stdin.write(left[:chance.choice([1000, 20000, 500000])]):]
            # Once the pipe is empty, it goes on to write what it has: that takes some hundredths of a second.
            while unread(process.stdin):
                pass
            until = time.monotonic() + chance.uniform(0, 0.06)
            while time.monotonic() < until:
                pass
            process.kill()
        there = exported(admin)
        assert [without_made_up(user) for user in there] == users[:len(there)]
        seen.add(len(there))
    assert len(seen) > 10, "too little was ever written before the kill"
    code, out, err = run(admin, "import", path)
    assert (code, err) == (0, "")
    assert out == SUMMARY % (6000 - len(there), 0, len(there), 0, 6000, "s")
    assert [without_made_up(user) for user in exported(admin)] == users


def test_other_writers_get_in(admin, tmp_path):
    path = simple_file(tmp_path / "users", 60000)
    with subprocess.Popen([BERTH, "import", "--config", admin.config, path], stdout=subprocess.PIPE, text=True) as process:
        created = 0
        while process.poll() is None:
            admin.create_user("other%04d" % created)
            created += 1
        assert process.stdout.read() == SUMMARY % (60000, 0, 0, 0, 60000, "s")
    assert process.returncode == 0
    connection = sqlite3.connect(admin.store)
    names = [name for name, in connection.execute("SELECT user_name FROM users ORDER BY user_key")]
    connection.close()
    assert len(names) == 60000 + created
    # Not only before its first batch and after its last one: in between.
    changes = sum(one.startswith("user") and other.startswith("other") for one, other in zip(names, names[1:]))
    assert changes >= 3


def test_what_comes_slowly_is_in_at_once(admin):
    """A pipe's writer may pause for long: what it has sent is written, and no lock is held meanwhile."""
    with subprocess.Popen([BERTH, "import", "--config", admin.config], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        for number in range(3):
            process.stdin.write(lines([simple(number)]).encode())
            process.stdin.flush()
            deadline = time.monotonic() + 20
            while admin.run("describe-user", "--user-name", "user%06d" % number).returncode != 0:
                assert time.monotonic() < deadline
            admin.create_user("other%d" % number)
        process.stdin.close()
        assert process.wait(20) == 0


def needs_private_host():
    if not os.path.exists("/run/private-host"):
        pytest.skip("mounts a file system: only on the private host, tests/run.sh")


def test_a_full_disk(admin, tmp_path):
    """All up to the line that is named is in; with room, the same import goes on."""
    needs_private_host()
    path = simple_file(tmp_path / "users", 20000)
    account = pwd.getpwnam(STORE_USER)
    small = admin.directory / "small"
    small.mkdir()
    options = "size=6m,mode=700,uid=%d,gid=%d" % (account.pw_uid, account.pw_gid)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "small", small], check=True)
    try:
        admin.store = small / "berth.db"
        admin.configure()
        admin.server_id = admin.ok("create-server")["ServerId"]
        admin.configure()
        code, out, err = run(admin, "import", path)
        assert (code, out) == (255, "")
        assert "full" in err or "No space" in err
        line = int(err.split("All up to line ")[1].split()[0])
        assert line >= 4000 and len(err.splitlines()) == 1
        subprocess.run(["mount", "-o", "remount,size=100m", small], check=True)
        assert len(exported(admin)) == line
        code, out, err = run(admin, "import", path)
        assert (code, out, err) == (0, SUMMARY % (20000 - line, 0, line, 0, 20000, "s"), "")
    finally:
        subprocess.run(["umount", small], check=True)


def test_export_is_of_one_moment(admin, tmp_path):
    imported(admin, simple_file(tmp_path / "users", 3000).read_text(), created=3000)
    with subprocess.Popen([BERTH, "export", "--config", admin.config], stdout=subprocess.PIPE, text=True) as process:
        first = process.stdout.readline()
        admin.ok("delete-user", "--user-name", "user002999")
        admin.create_user("user999999")
        rest = process.stdout.read().splitlines()
    assert process.returncode == 0
    names = [json.loads(line)["UserName"] for line in [first, *rest]]
    assert names == ["user%06d" % number for number in range(3000)]


def test_export_of_a_record_that_cannot_be_read(admin):
    imported(admin, lines(simple(number) for number in range(4)), created=4)
    connection = sqlite3.connect(admin.store)
    with connection:
        connection.execute("UPDATE users SET mappings = '{\"a\": \x1b' WHERE user_name = 'user000001'")
        connection.execute("UPDATE users SET uid = -5 WHERE user_name = 'user000002'")
    connection.close()
    code, out, err = run(admin, "export")
    assert code == 1
    assert [json.loads(line)["UserName"] for line in out.splitlines()] == ["user000000", "user000003"]
    assert [line.split(": ")[1] for line in err.splitlines()] == ["user000001", "user000002"]
    # An import says so of the line, and can mend it.
    data = lines(simple(number) for number in (1, 2))
    code, _, err = run(admin, "import", data=data)
    assert code == 1 and [line.split(": ")[1] for line in err.splitlines()] == ["user000001", "user000002"]
    imported(admin, data, "--replace", replaced=2)
    assert len(exported(admin)) == 4


def test_export_to_a_full_disk(admin):
    imported(admin, lines(simple(number) for number in range(4)), created=4)
    with open("/dev/full", "wb") as full:
        done = subprocess.run([BERTH, "export", "--config", admin.config], stdout=full, stderr=subprocess.PIPE, text=True,
                              check=False)
    assert done.returncode == 255 and "can't be written" in done.stderr


# -- progress ----------------------------------------------------------------------------------------------------------

class Terminal:
    """A pseudo-terminal that a command's stderr (and more) is."""

    def __init__(self):
        self.ours, self.theirs = os.openpty()
        self.text = ""

    def read(self, seconds):
        """What comes within this time at the latest; False at the end."""
        if not select.select([self.ours], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.ours, 65536)
        except OSError:
            return False
        self.text += data.decode()
        return bool(data)

    def close_theirs(self):
        os.close(self.theirs)

    def close(self):
        os.close(self.ours)


@pytest.fixture
def terminal():
    made = Terminal()
    yield made
    made.close()


def on_terminal(terminal, *command, **options):
    started = time.monotonic()
    with subprocess.Popen([BERTH, *command], stderr=terminal.theirs, **options) as process:
        terminal.close_theirs()
        while terminal.read(60):
            pass
    assert process.returncode == 0
    return time.monotonic() - started


def test_progress_of_a_file(admin, terminal, tmp_path):
    path = simple_file(tmp_path / "users", 60000)
    seconds = on_terminal(terminal, "import", "--config", admin.config, path, stdout=subprocess.DEVNULL)
    drawn = [text for text in terminal.text.split("\r") if "users" in text]
    assert drawn, "it was over before anything was drawn"
    assert len(drawn) <= seconds * 5 + 1
    for text in drawn:
        count, rate, left = text.strip().split(", ")
        assert 0 < int(count.split(" users")[0]) <= 60000 and rate.endswith(" a second") and left.endswith(" left")
    assert terminal.text.endswith("\r") and terminal.text.split("\r")[-2].strip() == "", "the line is still there"
    assert "\n" not in terminal.text


def test_progress_of_a_pipe_has_no_time_left(admin, terminal):
    with subprocess.Popen([BERTH, "import", "--config", admin.config], stderr=terminal.theirs, stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL) as process:
        terminal.close_theirs()
        number = 0
        while "users" not in terminal.text:
            process.stdin.write(lines([simple(number)]).encode())
            process.stdin.flush()
            terminal.read(0.01)
            number += 1
        process.stdin.close()
        while terminal.read(60):
            pass
    assert process.returncode == 0
    assert "a second" in terminal.text and "left" not in terminal.text


def test_progress_of_an_export(admin, terminal, tmp_path):
    imported(admin, simple_file(tmp_path / "users", 60000).read_text(), created=60000)
    on_terminal(terminal, "export", "--config", admin.config, stdout=subprocess.DEVNULL)
    assert " users, " in terminal.text


def test_no_progress_where_nobody_looks(admin, tmp_path, terminal):
    path = simple_file(tmp_path / "users", 30000)
    code, _, err = run(admin, "import", path)
    assert (code, err) == (0, "")
    code, _, err = run(admin, "export")
    assert (code, err) == (0, "")
    # An export to the terminal itself would be written over.
    on_terminal(terminal, "export", "--config", admin.config, stdout=terminal.theirs)
    assert "a second" not in terminal.text and terminal.text.count("\n") == 30000


# -- the command line --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("words, says", [
    (["a", "b"], "only one file"), (["--colour"], "unknown option --colour"), (["-xy"], "unknown option -x"),
    (["--from", "ldap"], "neither passwd nor"),
    (["--group", "x"], "go with --from passwd"), (["--home", "/x"], "go with --from users.conf"),
    (["--from", "passwd", "--gid", "5"], "go with --from users.conf"), (["--role", "x"], "--role goes with --from"),
    (["--from", "users.conf", "--gid", "12x"], "not a gid"),
    (["--from", "users.conf", "--home", "x"], "not an absolute path"),
    (["--from"], "expected one argument"), (["--output", "yaml"], "none of json")])
def test_wrong_flags(admin, words, says):
    code, out, err = run(admin, "import", *words)
    assert (code, out) == (252, "")
    assert err.startswith("usage: berth import") and says in err.splitlines()[-1]


def test_wrong_flags_of_export(admin):
    assert run(admin, "export", "--all")[0] == 252
    assert run(admin, "export", "file")[0] == 252
    assert run(admin, "export", "help")[1].startswith("usage: berth export")
    assert run(admin, "import", "--help")[1].startswith("usage: berth import")


def test_no_server(admin):
    for command in ("export", "import"):
        code, out, err = run(admin, command, "--server-id", "s-00000000000000000", data=lines([simple(1)]))
        assert (code, out, err) == (255, "", f"berth {command}: the store has no server s-00000000000000000\n")
    admin.server_id = None
    admin.configure()
    for command in ("export", "import"):
        code, _, err = run(admin, command)
        assert code == 252 and err.endswith("the following arguments are required: --server-id\n")


def test_files_that_are_none(admin, tmp_path):
    code, out, err = run(admin, "import", tmp_path / "missing")
    assert (code, out) == (255, "") and "No such file" in err
    code, out, err = run(admin, "import", tmp_path)
    assert (code, out) == (255, "") and "directory" in err


def test_a_file_that_the_stores_user_may_not_read(admin, tmp_path):
    path = simple_file(tmp_path / "users", 3)
    path.chmod(0o600)
    imported(admin, path.read_text(), path, created=3)
