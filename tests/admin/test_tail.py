"""`berth tail`: the lines that are there, which of them, and how they are shown."""
import base64
import json
import os
import pty
import re
import shutil
import signal
import subprocess

import pytest

from admin_command import BERTH
from tail_log import SERVER, SESSION, event, new_log, now

BLOCK = 65536  # what is read at once
LINE_MAX = 1024 * 1024


@pytest.fixture
def log():
    with new_log() as new:
        yield new


def sized(sequence, size):
    """A line of so many bytes."""
    return event(sequence, path="/" + "x" * (size - len(event(sequence, path="/"))))


def test_the_last_ten(log):
    lines = [event(number) for number in range(1, 26)]
    log.write(*lines)
    assert log.lines() == lines[-10:]
    assert log.lines("-n", "3") == log.lines("-n3") == log.lines("--lines=3") == lines[-3:]
    assert log.lines("-n", "0") == []
    assert log.lines("-n", "all") == log.lines("-n", "1000") == lines


@pytest.mark.parametrize("shift", [-1, 0, 1, 511])
def test_edges_of_blocks(log, shift):
    """Lines that end and begin where one block ends and the next begins, and a byte beside."""
    lines = [sized(number, 1024) for number in range(1, 200)] + [sized(200, 1024 + shift)]
    log.write(*lines)
    for count in 1, 2, 62, 63, 64, 65, 66, 127, 128, 129, 199, 200, 201:
        assert log.lines("-n", str(count)) == lines[-count:], count


def test_lines_longer_than_a_block(log):
    lines = [sized(1, 500), sized(2, 3 * BLOCK), sized(3, BLOCK), sized(4, 700), sized(5, LINE_MAX + 1)]
    log.write(*lines)
    for count in range(1, 6):
        assert log.lines("-n", str(count)) == lines[-count:]
    assert log.lines("-n", "all") == lines


def test_an_unfinished_line_is_left_out(log):
    whole = event(1)
    log.write(whole, event(2)[:-1])
    assert log.lines() == log.lines("-n", "all") == [whole]
    log.path.write_text(event(3)[:-1])
    assert log.lines() == log.lines("-n", "all") == []


def test_an_empty_log(log):
    log.write(b"")
    assert log.lines() == []
    assert log.ok().split() == ["TIME", "USER", "OPERATION", "BYTES", "DURATION", "STATUS", "PATH"]


def test_little_is_read_of_a_large_log(log):
    lines = [sized(number, 1024) for number in range(1, 1001)]
    for _ in range(100):
        log.write(*lines)
    assert log.path.stat().st_size == 100 * 1000 * 1024
    script = f"{' '.join(log.words('--output', 'json'))} > {log.directory}/output; cat /proc/$$/io"
    # The shell's own numbers have its children's added when they are over.
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert (log.directory / "output").read_text() == "".join(lines[-10:])
    read = int(re.search(r"^rchar: (\d+)$", done.stdout, re.MULTILINE)[1])
    assert 10 * 1024 < read < 1024 * 1024, read


def test_memory_does_not_grow_with_the_log(log):
    """Nor with the lines that are asked for."""
    lines = [sized(number, 1024) for number in range(1, 1001)]
    peaks = []
    for copies in 1, 40:
        log.write(*lines * copies)
        script = (f"import os, resource, subprocess\nwith open({str(log.directory / 'output')!r}, 'w') as output:\n"
                  f"    subprocess.run({log.words('--output', 'json', '-n', '1000000')!r}, stdout=output, check=True)\n"
                  "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
        peaks.append(int(subprocess.run(["/usr/bin/python3", "-c", script], capture_output=True, check=True).stdout))
    assert (log.directory / "output").stat().st_size == log.path.stat().st_size
    assert peaks[1] - peaks[0] < 4 * 1024, peaks


def test_filters(log):
    other_session, other_server = "f" * 16, "s-00000000000000000"
    lines = {"put": event(1), "partial": event(2, complete=False, status="No space left on device"),
             "get": event(3, "get"), "bobby": event(4, user="bobby"), "mkdir": event(5, "mkdir", path="/alice"),
             "session": event(6, session=other_session), "server": event(7, server=other_server),
             "append": event(8, "append", complete=True, path="/put"), "named": event(9, "remove", path="alice")}
    log.write(*lines.values())

    def shown(*words):
        found = log.lines("-n", "all", *words)
        return [name for name, line in lines.items() if line in found]

    everything = list(lines)
    for flag in "--user-name", "--user":
        assert shown(flag, "alice") == [name for name in everything if name != "bobby"]
        assert shown(flag, "bobby") == ["bobby"]
    assert shown("--user", "alic") == []
    assert shown("--session", other_session) == ["session"]
    assert shown("--server-id", other_server) == ["server"]
    assert shown("--operation", "put") == ["put", "partial", "bobby", "session", "server"]
    assert shown("--operation", "get,mkdir") == shown("--operation", "mkdir", "--operation", "get") == ["get", "mkdir"]
    assert shown("--operation", "get,mkdir,append,list,rename,remove") == ["get", "mkdir", "append", "named"]
    assert shown("--complete") == ["put", "get", "bobby", "session", "server", "append"]
    assert shown("--complete", "--operation", "append,mkdir") == ["append"]
    assert shown("--complete", "--operation", "mkdir") == []
    assert shown("--user", "alice", "--operation", "put", "--session", SESSION) == ["put", "partial", "server"]
    assert log.lines("--operation", "put", "-n", "2") == [lines["session"], lines["server"]]


def test_a_filter_reads_escapes(log):
    """JSON may write a name in more than one way."""
    spelled = event(1).replace('"alice"', '"\\u0061lice"').replace('"put"', '"\\u0070ut"')
    log.write(spelled)
    assert log.lines("--user", "alice", "--operation", "put") == [spelled]
    assert log.lines("--user", "bobby") == []


@pytest.mark.parametrize("since, shown", [("30s", 1), ("10m", 2), ("3h", 3), ("2d", 4), ("100000d", 5), ("date", 5),
                                          ("time", 4), ("zone", 4)])
def test_since(log, since, shown):
    """And without -n all of those."""
    ages = [9 * 86400, 86400 + 3600, 2 * 3600, 300, 5]
    lines = [event(number, time=now(age)) for number, age in enumerate(ages)]
    log.write(event(9, time=now(99999 * 86400), path="/a").replace('"/a"', '"/\\u0061"'))
    log.write(*lines, *[event(number, "list") for number in range(20)])
    exact = now(86400 + 3600)
    since = {"date": now(9 * 86400)[:10], "time": exact[:19] + "Z", "zone": exact[:19] + "+00:00"}.get(since, since)
    assert log.lines("--since", since, "--operation", "put") == lines[-shown:]
    assert log.lines("--since", since, "--operation", "put", "-n", "1") == lines[-1:]
    assert len(log.lines("--since", since)) == shown + 20


def test_lost_events_are_always_said(log):
    """On stderr where --operation leaves them out: what reads the pipe isn't disturbed."""
    lost, put = event(1, "dropped"), event(2)
    log.write(put, lost, put)
    assert log.lines("-n", "all") == [put, lost, put]
    assert log.lines("-n", "all", "--operation", "dropped") == [lost]
    said = f"berth tail: 7 events of session {SESSION} (alice) were lost before they reached the log\n"
    for words in ["--operation", "put"], ["--complete"], ["--operation", "put,get,list,link,mkdir", "--user", "alice"]:
        done = log.run("--output", "json", *words)
        assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (0, 2 * put, said)
    done = log.run("--output", "json", "--operation", "put", in_one=True)
    assert done.stdout.decode() == put + said + put  # where it belongs, when both go to one place
    for words in ["--user", "bobby"], ["--session", "f" * 16]:
        done = log.run("--output", "json", "--operation", "put", *words)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_transfers_that_may_be_of_those_asked_for_are_said(log):
    """A user can make a path so long that sftp's log doesn't say whether it was put: no job of an upload's starts, unsaid."""
    put = event(1)
    cut = [event(2, "other", path="/lo\u202eng", cut=True, text='close "/long'),
           event(3, "other", path="/gone", cut=True, text='forced close "/gone')]
    others = [event(4, "other", path="/long", cut=True, text='open "/long'), event(5, "other", text='close "/whole'),
              event(6, "rename", path="/long", cut=True)]
    log.write(put, *cut, *others, put)
    said = "".join("berth tail: a transfer of session %s (alice) has too long a path for sftp's log, it may be of those asked "
                   "for: %s\n" % (SESSION, path) for path in ("/lo\\xe2\\x80\\xaeng", "/gone"))
    for words in ["--operation", "put"], ["--complete"], ["--operation", "get,list"]:
        done = log.run("--output", "json", *words)
        assert (done.returncode, done.stderr.decode()) == (0, said), done
        assert done.stdout.decode() == ("" if "get,list" in words else 2 * put)
    assert log.run("--output", "json", "--operation", "rename").stderr == b""
    assert log.lines("-n", "all") == [put, *cut, *others, put]


NO_EVENTS = {
    "text": b"no event\n", "brace": b"{\n", "empty": b"\n", "list": b"[1]\n", "string": b'"put"\n',
    "NULs": b"\0" * 300 + event(5).encode(), "its start": event(5)[:-20].encode() + b"\n",
    "torn": b'{"time":"2026"' + event(5).encode(), "bytes": b"\xff\xfe}{\n", "two": b'{"operation":"put"}' * 2 + b"\n",
    "no operation": b'{"path":"/a"}\n', "bare control": event(5).replace("in", "i\x1bn").encode(),
    "deep": b'{"operation":' + b"[" * 2000 + b"}\n", "too long": b'{"operation":"' + b"x" * (LINE_MAX + BLOCK) + b'"}\n'}


@pytest.mark.parametrize("bad", NO_EVENTS.values(), ids=NO_EVENTS)
@pytest.mark.parametrize("form", ["json", "text", "table"])
def test_lines_that_are_no_event(log, bad, form):
    """Passed over, and said; what is around them is shown."""
    log.write(event(1), bad, event(2), event(3))
    done = log.run("--output", form)
    assert (done.returncode, done.stderr.decode()) == (0, "berth tail: passed over 1 line that holds no event\n")
    assert re.findall(rb"/in/\d+.csv", done.stdout) == [b"/in/1.csv", b"/in/2.csv", b"/in/3.csv"]
    assert len(log.lines("-n", "2")) == 2


def test_json_is_the_line_itself(log):
    odd = event(1).replace('"user":', ' "user" : ').replace("1234", "1234.0e0").replace("/in", "\\u002fin\u202e\x9b")
    log.write(odd)
    assert log.lines() == [odd]


def test_text(log):
    log.write(event(1, time="2026-11-22T10:30:00.123456Z", duration=61.5), event(2, "rename", path="/a", new_path="/b"))
    rows = [line.split("\t") for line in log.ok("--output", "text").split("\n")[:-1]]
    assert rows[0] == ["2026-11-22T10:30:00.123456Z", SESSION, "1", SERVER, "alice", "192.0.2.7", "put", "1234", "61.500000",
                       "ok", "true", "/in/1.csv", "", ""]
    assert rows[1][4:] == ["alice", "192.0.2.7", "rename", "", "", "ok", "", "/a", "/b", ""]


def test_table(log):
    totals = {"files_put": 2, "files_got": 1, "bytes_put": 40, "bytes_got": 7, "operations": 9, "failed": 3, "dropped": 0}
    log.write(event(1, "session-open", time="2020-01-02T03:04:05.678901Z"),
              event(2, user="a-rather-long-name", bytes=123456789012, duration=3725.9, path="/x y"),
              event(3, complete=False, status="Connection lost"), event(4, "get", complete=False),
              event(5, "rename", path="/a", new_path="/b"), event(6, "symlink", path="/l", text="../t"),
              event(7, "setstat", path="/s", text="mode 0644", cut=True), event(8, "dropped"),
              event(9, "other", text="a line", corrects=3), event(10, "session-close", duration=75, totals=totals))
    header, *rows = log.ok().splitlines()
    columns = {name: header.index(name) for name in ["USER", "OPERATION", "STATUS", "PATH"]}
    assert all(row[columns[name] - 2:columns[name]] == "  " for row in rows for name in columns)
    assert [row[columns["PATH"]:] for row in rows] == [
        "from 192.0.2.7", "/x y", "/in/3.csv", "/out/a.pdf", "/a -> /b", "/l -> ../t", "/s  mode 0644  (cut)",
        "7 events were lost", "a line  (corrects event 3 of the session)",
        "put 2 (40 bytes), got 1 (7 bytes), 3 failed"]
    assert [row[columns["STATUS"]:columns["PATH"]].strip() for row in rows] == [
        "ok", "ok", "incomplete: Connection lost", "incomplete", "ok", "ok", "ok", "", "ok", "ok"]
    assert rows[0].startswith("2020-01-02 03:04:05  ")
    assert re.match(r" {11}\d\d:\d\d:\d\d  a-rather-long-name  put  +123456789012 +1h02m  ok", rows[1])
    assert {row.index("ok") for row in rows[4:7]} == {columns["STATUS"]}
    assert rows[9].split()[3] == "1m15s"


HOSTILE = [("a\x1b]0;x\x07b", r"a\x1b]0;x\x07b"), ("a\nb\tc\x7f", r"a\x0ab\x09c\x7f"), ("\x9b31m", r"\xc2\x9b31m"),
           ("\u202egpj.exe", r"\xe2\x80\xaegpj.exe"), ("\u2066x\u2069\u200f", r"\xe2\x81\xa6x\xe2\x81\xa9\xe2\x80\x8f"),
           ("a\u2028b\u200bc\ufeff", r"a\xe2\x80\xa8b\xe2\x80\x8bc\xef\xbb\xbf"), ("\U000e0041", r"\xf3\xa0\x81\x81"),
           ("grün 日本", "grün 日本")]


@pytest.mark.parametrize("name, shown", HOSTILE)
@pytest.mark.parametrize("form", ["text", "table"])
def test_hostile_names(log, name, shown, form):
    log.write(event(1, "rename", path="/" + name, new_path="/n" + name), event(2, "other", text=name),
              event(3, user=name, status=name, client=name, time=name, operation=name),
              event(4, "session-open", client=name))
    output = log.run("--output", form).stdout.decode()
    assert output.count(shown) == (9 if form == "text" else 8)  # a table shows the client only where a session begins
    assert re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]",
                     output) is None
    assert output.count("\n") == (4 if form == "text" else 5)


def test_names_that_are_not_utf8(log):
    """Their exact bytes, so that two of them are told apart; and a lie in base64 harms nobody."""
    for name in b"/caf\xe9\x1b", b"/c\xe9", b"/d\xe9+":  # base64 ends in none, one and two "="
        log.write(event(1, path=name.decode(errors="replace"), path_base64=base64.b64encode(name).decode()))
    log.write(event(2, path="/b\ufffd", path_base64="=!no"),
              event(3).encode().replace(b"/in/3", b"/in/\xff"))
    for form in "text", "table":
        output = log.run("--output", form).stdout.decode()
        assert re.findall(r"(/.*?)\t*\n", output) == [r"/caf\xe9\x1b", r"/c\xe9", r"/d\xe9+", "/b\ufffd", r"/in/\xff.csv"]


def test_hostile_numbers(log):
    for number, value in enumerate([-1, 1e300, 1e18, "12", None, [1], {"a": 1}, True]):
        log.write(event(value, bytes=value, duration=value, dropped=value, corrects=value, totals=value, complete=value),
                  event(number, "session-close", totals={"files_put": value}))
    for form in "text", "table":
        output = log.ok("--output", form, "-n", "all")
        assert all(len(line) < 250 for line in output.splitlines())


def on_terminal(words):
    """The output on a terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(words[0], words)
    output = b""
    try:
        while chunk := os.read(terminal, 65536):
            output += chunk
    except OSError:  # EIO: it has ended
        pass
    os.close(terminal)
    os.waitpid(pid, 0)
    return output.decode()


@pytest.mark.parametrize("name, _shown", HOSTILE)
def test_json_on_a_terminal_is_safe_and_means_the_same(log, name, _shown):
    line = event(1, path=name)
    log.write(line)
    assert log.lines() == [line]
    output = on_terminal(log.words("--output", "json")).replace("\r\n", "\n")
    assert json.loads(output) == json.loads(line)
    assert re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]",
                     output) is None


def test_no_log(log):
    done = log.run()
    assert (done.returncode, done.stdout) == (255, b"")
    assert done.stderr.decode() == f"berth tail: {log.path} can't be opened: No such file or directory\n"


def test_a_log_that_is_off_may_still_be_read(log):
    log.write(event(1))
    log.config.write_text(log.config.read_text() + "TransferLog off\n")
    done = log.run("--output", "json")
    assert done.returncode == 0 and done.stdout.decode().count("\n") == 1
    assert done.stderr.decode() == "berth tail: the configuration has TransferLog off: nothing is written to the log\n"


@pytest.mark.parametrize("kind, says", [("link", "it is a symbolic link"), ("fifo", "it is no regular file"),
                                        ("directory", "it is no regular file")])
def test_what_is_no_log(log, kind, says):
    """Whoever owns the directory could have put it there for root to read."""
    if kind == "link":
        log.path.symlink_to("/etc/passwd")
    elif kind == "fifo":
        os.mkfifo(log.path)
    else:
        log.path.mkdir()
    for words in [], ["--follow"]:
        done = log.run(*words)
        assert (done.returncode, done.stdout) == (255, b"")
        assert done.stderr.decode() == f"berth tail: {log.path} can't be opened: {says}\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_who_may_read_it(log):
    log.write(event(1))
    os.chown(log.path, 0, 4)  # adm
    log.path.chmod(0o640)
    reachable = shutil.copy(BERTH, log.directory)  # nobody may not get to where it was built
    words = [reachable, *log.words("--output", "json")[1:]]
    nobody = {"capture_output": True, "text": True, "check": False, "user": "nobody", "group": "nogroup"}
    done = subprocess.run(words, extra_groups=[], **nobody)
    assert (done.returncode, done.stdout) == (255, "")
    assert done.stderr == f"berth tail: {log.path} can't be opened: Permission denied\n"
    done = subprocess.run(words, extra_groups=[4], **nobody)
    assert (done.returncode, done.stdout, done.stderr) == (0, log.path.read_text(), "")


@pytest.mark.parametrize("words, problem", [
    (["--colour"], "unknown option --colour"), (["-x"], "unknown option -x"), (["-fx"], "unknown option -x"),
    (["--follow=1"], "unknown option --follow=1"), (["alice"], "Unknown options: alice"),
    (["-n"], "expected one argument: -n"), (["--operation"], "expected one argument: --operation"),
    (["-n", "ten"], 'argument --lines: neither a number nor "all": ten'),
    (["-n", "-1"], 'argument --lines: neither a number nor "all": -1'),
    (["-n", "1x"], 'argument --lines: neither a number nor "all": 1x'),
    (["--user-name", "a\x1bb"], "argument --user-name: no user's name: a"),
    (["--session", "12"], "argument --session: no session's id, which has 16 hexadecimal digits: 12"),
    (["--server-id", "s-1"], "argument --server-id: no server's id, s- and 17 hexadecimal digits: s-1"),
    (["--since", "yesterday"], "argument --since: no time (10m, 2h, 2026-11-22, 2026-11-22T10:30:00Z): yesterday"),
    (["--since", "2026-13-22"], "argument --since: no time"), (["--since", "10"], "argument --since: no time"),
    (["--since", "-5m"], "argument --since: no time"), (["--output", "yaml"], "none of json, text, table: yaml"),
    (["--operation", "put,upload"], "argument --operation: none of session-open, session-close, put, get, append, list, "
     "mkdir, rmdir, rename, remove, link, symlink, setstat, dropped, other: upload"),
    (["--operation", ""], "argument --operation: none of "), (["--operation", "put,"], "argument --operation: none of "),
    (["--operation", "x" * 200], "argument --operation: none of "),
])
def test_wrong_flags(log, words, problem):
    message = log.wrong(*words)
    assert message.startswith("usage: berth tail ")
    assert f"berth tail: error: {problem}" in message or problem in message


def test_help(log):
    for words in ["help"], ["--help"]:
        usage = log.ok(*words)
        assert usage.startswith("usage: berth tail ")
        assert all(len(line) <= 125 for line in usage.splitlines())
    assert "tail [--follow]" in subprocess.run([BERTH, "help"], capture_output=True, text=True, check=True).stdout


def test_output_before_the_command(log):
    log.write(event(1))
    done = subprocess.run([BERTH, "--config", log.config, "--output", "json", "tail"], capture_output=True, check=True)
    assert done.stdout == log.path.read_bytes()


def test_the_pipe_is_closed(log):
    """Ends by SIGPIPE, as tail(1) does, without a word."""
    log.write(*[sized(number, 1000) for number in range(1, 2000)])
    words = log.words("-n", "all", "--output", "json")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as done:
        done.stdout.readline()
        done.stdout.close()
        assert done.wait(10) == -signal.SIGPIPE
        assert done.stderr.read() == b""


def test_a_full_disk(log):
    log.write(event(1))
    with open("/dev/full", "wb") as full:
        done = subprocess.run(log.words(), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (255, "berth: the output can't be written: No space left on device\n")
