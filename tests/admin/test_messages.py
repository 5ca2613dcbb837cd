"""docs/troubleshooting.md and the sources have the same log lines and the same reasons, in both directions."""
import re

import pytest

import message_sources

PAGE = (message_sources.TREE / "docs/troubleshooting.md").read_text(encoding="utf-8")
FOLDERS = {"pam_berth": "pam_module", "berthd": "agent", "berth-keys": "keys_cmd", "berth-session": "session_helper",
           "berth-api": "api_server", "berthd and berth-api": "common/host"}
WITH_REASONS = ["pam_berth", "berthd", "berth-keys", "berth-session"]


def section(title):
    """Of the page: from a heading to the next one."""
    return re.search(rf"^##+ {re.escape(title)}$(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]


def rows(title):
    """The cells of the section's tables, the first one as the code spans in it."""
    found = re.findall(r"^\| `.*$", section(title), re.MULTILINE)
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in found]
    return [(re.findall("`([^`]+)`", first), *rest) for first, *rest in cells]


def said(lines):
    """Without what markdown can't show within code."""
    return {line.replace("`", ""): value for line, value in lines.items()}


@pytest.mark.parametrize("program", FOLDERS)
def test_every_line_has_its_row(program):
    in_sources = said(message_sources.lines(FOLDERS[program]))
    on_page = {line: priority for found, priority, *_ in rows(program) for line in found}
    assert len(in_sources) > 0
    for line, priority in in_sources.items():
        assert line in on_page, f"{FOLDERS[program]} logs a line that docs/troubleshooting.md, \"## {program}\", lacks: add " \
            f"a row | `{line}` | {priority} | what it means | what to do |"
        assert priority is None or on_page[line] == priority, f"docs/troubleshooting.md: `{line}` is logged with {priority}"
    for line in on_page:
        assert line in in_sources, f"docs/troubleshooting.md, \"## {program}\", has a row for a line that {FOLDERS[program]} " \
            f"doesn't log: `{line}`: remove it, or write it as the source does, with … for each value"


@pytest.mark.parametrize("program", WITH_REASONS)
def test_every_reason_has_its_row(program):
    in_sources = message_sources.reasons(FOLDERS[program])
    on_page = {reason for found, *_ in rows(f"Reasons of {program}") for reason in found}
    for reason in in_sources:
        assert reason in on_page, f"{FOLDERS[program]} has a reason that docs/troubleshooting.md, \"### Reasons of {program}\"" \
            f", lacks: add a row | `{reason}` | what it means | what to do |"
    # The calls that a view is made of: fail_call() names them, and strerror(3) says the rest.
    calls = {reason for reason in on_page if re.fullmatch(r"[a-z_]+: …", reason)}
    for reason in on_page - calls:
        assert reason in in_sources, f"docs/troubleshooting.md, \"### Reasons of {program}\", has a reason that " \
            f"{FOLDERS[program]} doesn't give: `{reason}`: remove it, or write it as the source does"
    source = "".join(message_sources.sources(FOLDERS[program]))
    assert all(f'"{reason.split(":")[0]}"' in source or f'"{reason.split(":")[0]}: ' in source for reason in calls)


def test_every_row_is_whole():
    """A row that has no cure says at least what it means; and no cell is missing."""
    for program in FOLDERS:
        for found, priority, meaning, cure in rows(program):
            assert found and priority and (meaning or cure), found
    for program in WITH_REASONS:
        for found, meaning, cure in rows(f"Reasons of {program}"):
            assert found and (meaning or cure), found


def test_formats_are_what_log_format_knows():
    """A line ends before a conversion that common/host/log_format.h doesn't have."""
    for folder in FOLDERS.values():
        for source in message_sources.sources(folder):
            for name, place in message_sources.LINES.items():
                for call in message_sources.arguments(source, name):
                    text = "".join(word[1:-1] if word[0] == '"' else word for word in (call + [[], []])[place])
                    text = re.sub(r"PRI([du])(?:32|64)", r"\1", text).replace("%%", "")
                    for directive in re.findall(r"%[^A-Za-z]*(?:ll|l|z)?[A-Za-z]", text):
                        assert re.fullmatch(r"%(0\d+)?(\.(\d+|\*))?(ll|l|z)?[dus]", directive), (directive, text)


def test_sections_are_found():
    """Each link of the page into a page of ours leads somewhere."""
    for file, anchor in re.findall(r"\]\(([a-z-]+\.md)?#([a-z_-]+)\)", PAGE):
        text = PAGE if not file else (message_sources.TREE / "docs" / file).read_text(encoding="utf-8")
        headings = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in
                    re.findall(r"^##+ (.*)$", text, re.MULTILINE)}
        assert anchor in headings, (file, anchor)
