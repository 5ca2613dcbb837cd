"""The manual pages in packaging/man, as far as tests read mdoc(7): names, sections, cross references, flags, examples."""
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "packaging/man"


class Page:
    """One page. name: "berth-store.8"."""

    def __init__(self, path):
        self.path, self.name = path, path.name
        self.text = path.read_text(encoding="utf-8")

    def section(self, title):
        """The source of a section; "" when there is none."""
        found = re.search(rf"^\.Sh {title}\n(.*?)(?=^\.Sh |\Z)", self.text, re.MULTILINE | re.DOTALL)
        return found[1] if found else ""

    @property
    def names(self):
        """What man(1) finds the page by, with the section."""
        return {f"{name}.{self.path.suffix[1:]}" for name in re.findall(r"^\.Nm (\S+)", self.section("NAME"), re.MULTILINE)}

    @property
    def references(self):
        """Pages that it refers to: "berthd.8"."""
        return {f"{name}.{number}" for name, number in re.findall(r"^\.Xr (\S+) (\d)", self.text, re.MULTILINE)}

    @property
    def flags(self):
        """Its program's flags: "--config", "-f". Not those in its examples, which may be other programs'."""
        text = self.text.replace(self.section("EXAMPLES"), "")
        return {"-" + flag for line in re.findall(r"^\.(?:.* )?Fl .*", text, re.MULTILINE)
                for flag in flags_of_line(line)}

    @property
    def examples(self):
        """The blocks of EXAMPLES as text, each as a reader sees it; a displayed line is a block, too."""
        blocks = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed|^\.Dl (.*?\n)", self.section("EXAMPLES"),
                            re.MULTILINE | re.DOTALL)
        return [(block or line).replace("\\e", "\\").replace("\\&", "") for block, line in blocks]


def flags_of_line(line):
    """The flags of a macro line. `Fl etV` is three; `Fl -config` is one; `Fl l n` two."""
    found = []
    for words in re.findall(r"\bFl ((?:-?[A-Za-z][\w-]*(?: (?=\S)|$))?)", line):
        word = words.strip()
        found += [word] if word.startswith("-") else list(word)
    return found


def pages():
    return [Page(path) for path in sorted(FOLDER.glob("*.[1-9]"))]


def console(block):
    """A block as (prompt, command, output) each: "# berth fsck", with what is indented below it, and what it prints."""
    found = []
    for line in block.splitlines():
        start = re.match(r"((?:\w+)?[#$]) (.*)", line)
        if start:
            found.append([start[1], start[2], ""])
        elif found and line.startswith(" "):
            found[-1][1] += "\n" + line
        elif found:
            found[-1][2] += line + "\n"
    return found
