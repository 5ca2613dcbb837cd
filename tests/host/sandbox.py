"""What a unit of packaging/systemd lets its daemon do, held against a trace of what the daemon did (strace -f)."""
import pathlib
import re
import shutil
import subprocess

import pytest

UNITS = pathlib.Path(__file__).resolve().parents[2] / "packaging/systemd"

needs_tracing = pytest.mark.skipif(not (shutil.which("systemd-analyze") and shutil.which("strace")),
                                   reason="needs systemd-analyze and strace")


def settings(unit):
    """Each setting's words, in order: those of one line are a list."""
    found = {}
    for line in (UNITS / unit).read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value.split())
    return found


def calls_of(group):
    """The system calls of a group of systemd's, such as @system-service."""
    shown = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", group], capture_output=True, text=True,
                           check=True).stdout
    calls = set()
    for word in shown.splitlines()[1:]:
        word = word.strip()
        if word.startswith("@"):
            calls |= calls_of(word)
        elif word and not word.startswith("#"):
            calls.add(word)
    return calls


def allowed_calls(unit):
    calls = set()
    for first, *others in settings(unit)["SystemCallFilter"]:
        groups = [calls_of(group) for group in (first.lstrip("~"), *others)]
        calls = calls.difference(*groups) if first.startswith("~") else calls.union(*groups)
    return calls


def assert_let_through(unit, trace):
    """trace: from the daemon's own first call on, for its start is systemd's doing."""
    calls = set(re.findall(r"^\d+ +([a-z_0-9]+)\(", trace, re.MULTILINE))
    assert calls and calls - allowed_calls(unit) == set()
    families = {word for words in settings(unit)["RestrictAddressFamilies"] for word in words}
    assert set(re.findall(r"\bsocket\((AF_\w+)", trace)) <= families
    # MemoryDenyWriteExecute
    assert not re.findall(r"mmap\(.*PROT_WRITE\|PROT_EXEC|mprotect\(.*PROT_EXEC", trace)
    # RestrictRealtime, RestrictNamespaces
    assert not re.findall(r"SCHED_(?:FIFO|RR)|CLONE_NEW", trace)
