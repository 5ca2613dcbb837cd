"""`berth tail --follow`: what comes, through rotation, truncation and pauses."""
import gzip
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from admin_command import BERTH
from tail_log import PATIENCE, SESSION, event, new_log


@pytest.fixture
def log():
    with new_log() as new:
        yield new


def test_what_is_there_and_what_comes(log):
    old = [event(number) for number in range(1, 13)]
    log.write(*old)
    with log.follow() as follower:
        follower.expect(*old[-10:])
        for number in range(13, 40):
            log.write(event(number, time="t"))
        follower.expect(*[event(number, time="t") for number in range(13, 40)])
    with log.follow("-n", "0") as follower:
        time.sleep(0.3)
        log.write(event(40, time="t"))
        follower.expect(event(40, time="t"))


def seconds_until(log, follower, path):
    """How long it takes until a line that is written there is out."""
    before, line = time.monotonic(), event()
    log.write(line, path=path)
    follower.expect(line)
    return time.monotonic() - before


def test_it_comes_at_once_and_idling_costs_nothing(log):
    """Far sooner than the second after which it would look by itself: also in a file that is renamed already, in one that
    was made before, and in one that wasn't."""
    log.write(event(1))
    seconds = []
    with log.follow("-n", "0") as follower:
        time.sleep(0.3)
        for made_before in [False, True] * 5:
            seconds.append(seconds_until(log, follower, log.path))
            log.rotate()
            if made_before:
                log.write(b"")
            time.sleep(0.13)
            seconds.append(seconds_until(log, follower, log.rotated(1)))
            time.sleep(0.13)
            seconds.append(seconds_until(log, follower, log.path))
        assert max(seconds) < 0.4, seconds
        used = follower.cpu_seconds()
        time.sleep(2)
        assert follower.cpu_seconds() - used <= 0.02


def test_filters(log):
    with log.follow("--operation", "put", "--user", "alice", "--complete") as follower:
        follower.expect_message("isn't there yet: waiting for it")
        fits = [event(2), event(5)]
        log.write(event(1, "get"), fits[0], event(3, user="bobby"), event(4, complete=False), fits[1])
        follower.expect(*fits)
        log.write(event(6, "dropped"), event(7, "dropped", user="bobby"))
        follower.expect_message(f"7 events of session {SESSION} (alice) were lost")
        follower.expect_silence(0.3)


def test_a_line_in_pieces(log):
    """Printed when its newline has come, and not before; also one that was there in part at the start."""
    first, second = event(1), event(2)
    log.write(first[:50])
    with log.follow() as follower:
        for at in range(50, len(first), 40):
            time.sleep(0.01)
            log.write(first[at:at + 40])
        follower.expect(first)
        log.write(second[:-1])
        follower.expect_silence()
        log.write("\n")
        follower.expect(second)


def test_a_line_that_is_too_long(log):
    """Nothing of it is kept, however it comes."""
    log.write(event(1, time="t"))
    with log.follow() as follower:
        follower.expect(event(1, time="t"))
        for _ in range(5):
            log.write("x" * 300000)
            time.sleep(0.05)
        log.write(event(9), event(2, time="t"))
        follower.expect(event(2, time="t"))
        follower.expect_message("passed over 1 line that holds no event")
        log.write("{}\n", "{}\n", event(3, time="t"))
        follower.expect(event(3, time="t"))
        follower.expect_message("passed over 2 lines that hold no event")
        follower.expect_silence(0.3)


def test_rotation(log):
    """The writer goes on with the old file until it is told to open the new one, which it makes, or logrotate did."""
    log.write(event(1, time="t"))
    for made_before in False, True:
        with log.follow("-n", "1") as follower:
            follower.expect(event(1, time="t"))
            old = log.rotated(1)
            log.rotate()
            if made_before:
                log.write(b"")
            log.write(event(2, time="t"), path=old)
            follower.expect(event(2, time="t"))
            log.write(event(3, time="t"), path=old)
            log.write(event(4, time="t"))
            follower.expect(event(3, time="t"), event(4, time="t"))
            log.write(event(1, time="t"))
            follower.expect(event(1, time="t"))
            follower.expect_silence(0.3)


@pytest.mark.parametrize("rotations", [1, 2, 3, 12])
@pytest.mark.parametrize("dated", [False, True])
def test_stopped_over_rotations(log, rotations, dated):
    """SIGSTOP stands for whatever keeps the reader: a pipe that nobody reads, a slow job."""
    log.write(event(0, time="t"))
    with log.follow() as follower:
        follower.expect(event(0, time="t"))
        follower.stop(signal.SIGSTOP)
        expected = []
        for number in range(1, rotations + 1):
            lines = [event(10 * number, time="t"), event(10 * number + 1, time="t")]
            log.write(lines[0])
            if dated:
                log.path.rename(log.path.with_name(f"{log.path.name}-202611{number:02d}"))
            else:
                log.rotate()
            log.write(lines[1])
            expected += lines
        follower.process.send_signal(signal.SIGCONT)
        follower.expect(*expected)
        log.write(event(5, time="t"))
        follower.expect(event(5, time="t"))
        follower.expect_silence(0.3)


@pytest.mark.parametrize("names", ["1 -20261122", "-20261122 1", "-20261122 -20261123", "-20261122 -20261122-1"])
def test_names_of_rotated_files(log, names):
    """Numbers, dates, and both when somebody has changed his mind."""
    log.write(event(0, time="t"))
    with log.follow() as follower:
        follower.expect(event(0, time="t"))
        follower.stop(signal.SIGSTOP)
        for number, name in enumerate(names.split(), start=1):
            log.path.rename(str(log.path) + (name if name.startswith("-") else f".{name}"))
            time.sleep(0.05)
            log.write(event(number, time="t"))
        follower.process.send_signal(signal.SIGCONT)
        follower.expect(event(1, time="t"), event(2, time="t"))
        follower.expect_silence(0.3)


def compress(path):
    """As logrotate does: the compressed file has the plain one's time."""
    status = path.stat()
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
    path.unlink()


def rotate_compressed(log, delay):
    for number in range(9, 0, -1):
        packed = log.rotated(number).with_name(log.rotated(number).name + ".gz")
        if packed.exists():
            packed.rename(log.rotated(number + 1).with_name(log.rotated(number + 1).name + ".gz"))
    log.rotate()
    compress_number = 2 if delay else 1
    if log.rotated(compress_number).exists():
        compress(log.rotated(compress_number))


@pytest.mark.parametrize("delay", [False, True])
def test_the_old_file_is_compressed(log, delay):
    """What was open is read to its end, whatever became of its name; nothing was missed, and nothing is said."""
    log.write(event(0, time="t"))
    with log.follow() as follower:
        follower.expect(event(0, time="t"))
        follower.stop(signal.SIGSTOP)
        log.write(event(1, time="t"))
        rotate_compressed(log, delay)
        log.write(event(2, time="t"))
        follower.process.send_signal(signal.SIGCONT)
        follower.expect(event(1, time="t"), event(2, time="t"))
        follower.expect_silence(0.3)


def test_files_in_between_are_compressed(log):
    log.write(event(0, time="t"))
    with log.follow() as follower:
        follower.expect(event(0, time="t"))
        follower.stop(signal.SIGSTOP)
        os.utime(log.path, (1700000000, 1700000000))
        for number in range(1, 5):
            rotate_compressed(log, True)
            log.write(event(number, time="t"))
        follower.process.send_signal(signal.SIGCONT)
        follower.expect(event(3, time="t"), event(4, time="t"))
        follower.expect_message("was rotated, and 2 of its files are compressed: events are missing")
        log.write(event(5, time="t"))
        follower.expect(event(5, time="t"))


def test_a_file_that_is_just_being_compressed(log):
    """It is there twice, and the plain one is whole."""
    log.write(event(0, time="t"))
    with log.follow() as follower:
        follower.expect(event(0, time="t"))
        follower.stop(signal.SIGSTOP)
        for number in 1, 2:
            log.rotate()
            log.write(event(number, time="t"))
        log.write(b"half of it", path=log.rotated(1).with_name(log.rotated(1).name + ".gz"))
        follower.process.send_signal(signal.SIGCONT)
        follower.expect(event(1, time="t"), event(2, time="t"))
        follower.expect_silence(0.3)


needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace, to make a system call take long")


def make_slow(log, slow):
    """A system call of the reader's takes 0.8 seconds; returns its name."""
    call = slow.partition(":")[0]
    only = ["-P", str(log.path)] if call == "openat" else []
    follow = log.words
    log.words = lambda *words: ["strace", "-qq", "-o", str(log.directory / "calls"), *only, "-e", f"trace={call}",
                                "-e", f"inject={slow}", *follow(*words)]
    return call


@needs_strace
def test_the_old_file_is_written_to_while_the_next_is_looked_for(log):
    log.write(event(0, time="t"))
    make_slow(log, "getdents64:delay_enter=800000:when=1")
    with log.follow() as follower:
        follower.expect(event(0, time="t"))
        log.rotate()
        time.sleep(0.4)
        log.write(event(1, time="t"), path=log.rotated(1))
        log.write(event(2, time="t"))
        follower.expect(event(1, time="t"), event(2, time="t"))


@needs_strace
@pytest.mark.parametrize("slow", ["getdents64:delay_exit=800000:when=1", "openat:delay_enter=800000:when=2"])
def test_rotated_while_the_next_file_is_looked_for(log, slow):
    """Names that were read are another file's by then, and the file that has the log's name isn't the next one."""
    log.write(event(0, time="t"))
    call = make_slow(log, slow)
    with log.follow() as follower:
        follower.expect(event(0, time="t"))
        log.rotate()
        log.write(event(1, time="t"))
        time.sleep(0.4)
        log.rotate()
        log.write(event(2, time="t"))
        follower.expect(event(1, time="t"), event(2, time="t"))
        follower.expect_silence(0.3)
        assert call in (log.directory / "calls").read_text()


def test_the_old_file_is_removed(log):
    """What came after it, as far as it is there, is known by the time; what was there before isn't read again."""
    log.write(event(90), path=log.rotated(1))
    os.utime(log.rotated(1), (1700000000, 1700000000))
    log.write(event(0, time="t"))
    with log.follow() as follower:
        follower.expect(event(0, time="t"))
        follower.stop(signal.SIGSTOP)
        log.write(event(1, time="t"))
        log.rotate()
        log.rotated(1).unlink()
        time.sleep(0.05)
        log.write(event(2, time="t"))
        log.rotate()
        log.write(event(3, time="t"))
        follower.process.send_signal(signal.SIGCONT)
        follower.expect(event(1, time="t"), event(2, time="t"), event(3, time="t"))
        follower.expect_message("was rotated, and the file that was read is gone: events may be missing")
        follower.expect_silence(0.3)


def test_other_files_beside_it(log):
    """Nothing but the names that logrotate gives is the log's."""
    log.write(event(0, time="t"))
    with log.follow() as follower:
        follower.expect(event(0, time="t"))
        for ending in ".bak", "~", ".1.tmp", "-old", "--":
            log.write(event(77), path=log.directory / f"transfers.jsonl{ending}")
        log.write(event(77), path=log.directory / "other.jsonl.1")
        os.symlink("/etc/passwd", log.rotated(3))
        log.rotated(5).mkdir()
        log.path.rename(log.directory / "moved-away")
        log.write(event(1, time="t"))
        follower.expect(event(1, time="t"))
        follower.expect_message("the file that was read is gone")
        follower.expect_silence(0.3)


def test_an_unfinished_line_at_the_end_of_a_rotated_file(log):
    """The writer was killed in it: left out, and said; the next file's first line stands by itself."""
    log.write(event(0, time="t"))
    with log.follow() as follower:
        follower.expect(event(0, time="t"))
        log.write(event(1)[:40])
        log.rotate()
        log.write(event(2, time="t"))
        follower.expect(event(2, time="t"))
        follower.expect_message("passed over 1 line that holds no event")


@pytest.mark.parametrize("stopped", [False, True])
def test_an_unfinished_line_is_taken_back(log, stopped):
    """As berthd does when a write stopped short, or when it was killed in one: cut off, and another line in its place."""
    log.write(event(0, time="t"))
    with log.follow() as follower:
        follower.expect(event(0, time="t"))
        size = log.path.stat().st_size
        log.write(event(1)[:100])
        time.sleep(0.3)
        if stopped:
            follower.stop(signal.SIGSTOP)
        os.truncate(log.path, size)
        if not stopped:
            time.sleep(1.2)
        log.write(event(2, time="t"), event(3, time="t"))
        follower.process.send_signal(signal.SIGCONT)
        follower.expect(event(2, time="t"), event(3, time="t"))
        follower.expect_silence(0.3)


def test_truncation(log):
    log.write(event(1, time="t"), event(2, time="t"), event(3)[:30])
    with log.follow() as follower:
        follower.expect(event(1, time="t"), event(2, time="t"))
        os.truncate(log.path, 0)
        log.write(event(4, time="t"))
        follower.expect_message("was cut short: it is read from its start, and events may be missing")
        follower.expect(event(4, time="t"))
        log.write(event(5, time="t"))
        follower.expect(event(5, time="t"))


def test_a_log_that_is_not_there_yet(log):
    """Nor its directory; and the table's heading doesn't wait."""
    folder = log.directory / "later"
    log.path = folder / "transfers.jsonl"
    log.config.write_text(f"TransferLogFile {log.path}\n")
    with log.follow("--output", "table") as follower:
        follower.expect_message("isn't there yet: waiting for it")
        assert follower.output.get(timeout=PATIENCE).split()[0] == "TIME"
        folder.mkdir()
        log.write(event(1))
        assert "/in/1.csv" in follower.output.get(timeout=PATIENCE)
        log.write(event(2))
        assert "/in/2.csv" in follower.output.get(timeout=PATIENCE)


def test_removed_and_made_again(log):
    log.write(event(1, time="t"))
    with log.follow() as follower:
        follower.expect(event(1, time="t"))
        log.path.unlink()
        time.sleep(0.3)
        log.write(event(2, time="t"))
        follower.expect(event(2, time="t"))
        follower.expect_message("the file that was read is gone: events may be missing")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_the_new_file_may_not_be_read_yet(log):
    """logrotate makes a file before it gives it away."""
    log.write(event(1, time="t"))
    log.path.chmod(0o644)
    reachable = shutil.copy(BERTH, log.directory)
    words = ["setpriv", "--reuid=65534", "--clear-groups", reachable, *log.words()[1:]]
    log.words = lambda *more: [*words, *more]
    with log.follow() as follower:
        follower.expect(event(1, time="t"))
        log.rotate()
        log.path.touch()
        log.path.chmod(0o600)
        log.write(event(2, time="t"))
        follower.expect_message("can't be opened now: Permission denied")
        follower.expect_silence()
        log.path.chmod(0o644)
        follower.expect(event(2, time="t"))


@pytest.mark.parametrize("writes_more", [False, True])
def test_the_reader_goes_away(log, writes_more):
    """Ends by SIGPIPE, at once even where nothing comes any more."""
    log.write(event(1))
    process = subprocess.Popen(log.words("-f", "--output", "json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline()
    process.stdout.close()
    if writes_more:
        log.write(event(2))
    assert process.wait(5) == -signal.SIGPIPE
    assert process.stderr.read() == b""
    process.stderr.close()


def test_a_reader_that_stalls_loses_nothing(log):
    """The pipe fills, `berth tail` waits, and the log is rotated under it."""
    log.write(event(0, time="t"))
    expected = [event(0, time="t")]
    with subprocess.Popen(log.words("-f", "--output", "json"), stdout=subprocess.PIPE) as process:
        for rotation in range(3):
            lines = [event(10000 * rotation + number, time="t") for number in range(2000)]  # half a megabyte
            log.write(*lines)
            expected += lines
            time.sleep(0.3)
            log.rotate()
        log.write(event(7, time="t"))
        expected.append(event(7, time="t"))
        assert [process.stdout.readline().decode() for _line in expected] == expected
        process.terminate()


ROTATING_WRITER = """
import os, sys
path, line = sys.argv[1:]
file = open(path, "a")
for number in range(20000):
    file.write(line.replace("NUMBER", str(number)) + "\\n")
    file.flush()
    if number % 500 == 499:
        for old in range(60, 0, -1):
            if os.path.exists(f"{path}.{old}"):
                os.rename(f"{path}.{old}", f"{path}.{old + 1}")
        os.rename(path, path + ".1")
        file = open(path, "a")
"""


def test_nothing_is_lost_while_it_is_rotated_all_the_time(log):
    """A writer that opens the new file whenever it has to, and a reader that is as fast as it can be."""
    log.write(b"")
    with log.follow() as follower:
        line = event(1, path="/NUMBER").strip()
        subprocess.run(["/usr/bin/python3", "-c", ROTATING_WRITER, log.path, line], check=True, timeout=60)
        numbers = [re.search(r'"path":"/(\d+)"', follower.output.get(timeout=PATIENCE))[1] for _ in range(20000)]
        assert numbers == [str(number) for number in range(20000)]
        assert follower.messages.empty()
