"""The manual pages: clean mdoc, whole, installed; their references, keywords and flags are those that there are."""
import pathlib
import re
import shutil
import subprocess

import pytest

import manual_pages
from admin_command import BERTH

TREE = pathlib.Path(__file__).resolve().parents[2]
PAGES = manual_pages.pages()
BY_NAME = {page.name: page for page in PAGES}
# What a page is about, where that isn't the one command of its name.
COMMANDS = {"berth.1": [[]], "berth-import.1": [["import"], ["export"]],
            "berth-store.8": [["fsck"], ["backup"], ["restore"]]}
DAEMONS = {"berthd.8", "berth-api.8"}
NO_PROGRAM = {"berth.conf.5", "libnss_berth.8", "pam_berth.8", "berth-session.8", "berth-keys.8"} | DAEMONS
# berth-session is nothing that anybody could run.
NO_EXAMPLES = {"berth-session.8"}
# The flags of all commands, which the page of one needn't have: berth(1) has them. And one that is said not to be there.
COMMON = {"--config", "--output", "--help", "--query"}

page_of_each = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def help_of(*words):
    done = subprocess.run([BERTH, *words, "help"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


def long_flags(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text))


def commands_of(page):
    """The commands whose flags a page has to have."""
    return COMMANDS.get(page.name) or [[page.path.stem.removeprefix("berth-")]]


def admin_operations():
    """But for the one that is refused whatever its flags are."""
    return [name for name in re.findall(r"^  ([a-z]+-[a-z-]+)", help_of("admin"), re.MULTILINE)
            if name != "test-identity-provider"]


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="needs mandoc")
@page_of_each
def test_lint(page):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page.path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@page_of_each
def test_whole(page):
    for title in "NAME", "DESCRIPTION", "SEE ALSO":
        assert page.section(title), title
    assert page.section("SYNOPSIS") or page.name.endswith(".5")
    assert page.section("EXAMPLES") or page.name in NO_EXAMPLES
    assert page.section("EXIT STATUS") or page.name in NO_PROGRAM - DAEMONS - {"berth-keys.8"}
    assert page.section("SECURITY CONSIDERATIONS") or page.name not in NO_PROGRAM - {"berth.conf.5"}


def test_references_exist():
    """Those to pages of ours; and none of these is found by nobody."""
    names = {name for page in PAGES for name in (page.name, *page.names)}
    ours = {name for page in PAGES for name in page.references if re.match(r"berth|pam_berth|libnss_berth", name)}
    assert ours - names == set()
    referred = {name for page in PAGES for name in page.references - page.names}
    for page in PAGES:
        assert page.name in referred or page.names & referred, page.name


def test_berth_refers_to_each_page_of_a_command():
    assert {page.name for page in PAGES if page.name.startswith("berth-") and page.name not in NO_PROGRAM} <= \
        BY_NAME["berth.1"].references


@pytest.mark.skipif(not BERTH.exists(), reason="needs the build")
def test_installed(tmp_path):
    def places(action):
        subprocess.run([TREE / "packaging/install.sh", action, tmp_path, "/usr", "/usr/lib/x", "/usr/lib/x/security",
                        "/usr/libexec/berth", "/usr/share/man", "/lib/systemd/system"], check=True, capture_output=True)
    places("install")
    for page in PAGES:
        there = tmp_path / f"usr/share/man/man{page.path.suffix[1:]}" / page.name
        assert there.read_bytes() == page.path.read_bytes()
    places("uninstall")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_keywords():
    """Each keyword of berth.conf is in its page, in order, and no other is."""
    source = (TREE / "common/host/config_keywords.c").read_text(encoding="utf-8")
    known = re.findall(r'^\t\{ "([A-Z]\w+)", set_', source, re.MULTILINE)
    items = re.findall(r"^\.It (Cm [A-Z].*)$", BY_NAME["berth.conf.5"].section("DESCRIPTION"), re.MULTILINE)
    documented = [re.findall(r"Cm ([A-Z]\w+)", item) for item in items]
    assert sorted(word for words in documented for word in words) == sorted(known) and len(known) > 35
    assert documented == sorted(documented, key=lambda words: words[0].lower())


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in NO_PROGRAM], ids=lambda page: page.name)
def test_flags(page):
    """Each flag of the command is in its page, and each in the page is one of the command's."""
    places = [["admin", operation] for operation in admin_operations()] + [["admin"]] if page.name == "berth-admin.1" else \
        commands_of(page)
    texts = [help_of(*place) for place in places]
    known = {flag for text in texts for flag in long_flags(text)} | {flag for text in texts
                                                                    for flag in re.findall(r"^ +(-[a-z]), --", text, re.M)}
    refused = {entry.split()[0] for text in texts for entry in re.split(r"\n  (?=--)", text) if "refused here" in entry}
    if page.name == "berth.1":
        commands = set(re.findall(r"^  ([a-z][a-z-]*)", texts[0], re.MULTILINE)) - {"help", "version"}
        known |= {flag for command in commands for flag in re.findall(r"-[a-z0-9-]+", help_of(command))} | {"--version"}
    else:
        assert known - refused - COMMON - page.flags == set()
    assert page.flags - known - COMMON == set()


@pytest.mark.parametrize("name", sorted(DAEMONS))
def test_flags_of_daemons(name):
    letters = re.search(r'getopt\(argc, argv, "([^"]+)"', (TREE / "common/host/daemon_options.c").read_text())[1]
    assert BY_NAME[name].flags == {f"-{letter}" for letter in letters if letter != ":"}


def test_files_of_other_pages():
    """The three PAM lines, nsswitch's and sshd_config's stand in the pages as setup writes them."""
    pam = BY_NAME["pam_berth.8"]
    for kind in "auth", "account", "session":
        line = re.search(rf"^{kind} .*pam_berth.so$", "".join(pam.examples), re.MULTILINE)
        assert line, kind
    packaged = [line.split() for line in (TREE / "packaging/sshd/berth.conf").read_text().splitlines()
                if line.strip() and not line.strip().startswith("#")]
    shown = [line.split() for block in pam.examples if "Match Group" in block for line in block.splitlines()]
    assert [words for words in shown if words] == packaged
