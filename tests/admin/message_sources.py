"""The log lines and the reasons of refusals in the C sources, as a reader of the log knows them: … for what is filled in."""
import itertools
import pathlib
import re

TREE = pathlib.Path(__file__).resolve().parents[2]
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[A-Za-z_]\w*|/\*.*?\*/|\S', re.DOTALL)
REASON = re.compile('reason="([^"]*)"')
CONVERSION = re.compile(r"%[0-9.*]*(?:ll|l|z)?[A-Za-z…]")

# What logs a line: the function, and which of its arguments is the format; the priority is the one before.
LINES = {"daemon_log": 1, "daemon_log_limited": 2, "log_line": 2, "complain": 0, "host_log_say": 2}
# What makes a reason="…": the functions, and of snprintf(3)'s buffers these. The format is the first argument with a literal.
REASONS = {"judge_refuse", "refuse", "fail", "say_reason"}
BUFFERS = re.compile(r"(hook->|hook->state->|view->)?(reason|progress|why)")
# Macros that are a literal.
MACROS = {}
for path in sorted(TREE.glob("[a-z]*_*/**/*.[ch]")) + sorted(TREE.glob("common/**/*.h")) + sorted(TREE.glob("agent/**/*.[ch]")):
    MACROS.update(re.findall(r'^#define ([A-Z_]+)\s+"([^"]*)"$', path.read_text(encoding="utf-8"), re.MULTILINE))


def arguments(text, name):
    """Of each call of the function: its arguments, as lists of tokens."""
    for call in re.finditer(rf"\b{name}\(", text):
        found, depth = [[]], 1
        for token in TOKEN.finditer(text, call.end()):
            word = token[0]
            depth += (word == "(") - (word == ")")
            if depth == 0:
                break
            if word == "," and depth == 1:
                found.append([])
            elif not word.startswith("/*"):
                found[-1].append(word)
        yield found


def texts(tokens):
    """What an argument can be: literals that stand together are one, a macro among them is filled in; "a ? b : c" is two."""
    parts = [""]
    for place, token in enumerate(tokens):
        if token.startswith('"'):
            parts[-1] += token[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        elif token == "?":
            parts[-1] = ""
        elif token == ":":
            parts.append("")
        elif re.match(r"[A-Z]", token) and any(near.startswith('"') for near in tokens[max(place - 1, 0):place + 2]):
            parts[-1] += MACROS.get(token, "…")
    return [re.sub("…+", "…", CONVERSION.sub("…", part).replace("%%", "%")) for part in parts if part]


def sources(folder):
    return [path.read_text(encoding="utf-8") for path in sorted((TREE / folder).rglob("*.c"))]


def telling(text):
    """Whether there is anything in it to search for."""
    return re.search(r"[A-Za-z]{3}", text.replace("reason=", "").replace("user=", "")) is not None


def lines(folder):
    """The log lines of a folder's sources, each with its priority, as syslog(3) calls it; None where it varies."""
    found = {}
    for source in sources(folder):
        for name, place in LINES.items():
            for call in arguments(source, name):
                priority = re.fullmatch("LOG_([A-Z]+)", "".join(call[place - 1])) if place > 0 else ["", "err"]
                for text in texts(call[place]) if len(call) > place else []:
                    found[REASON.sub('reason="…"', text)] = priority and priority[1].lower()
        # The notes that the logs make of themselves.
        for call in arguments(source, "snprintf"):
            if call[0] in (["note"], ["line"]):
                found.update((text, "warning") for text in texts(call[2]) if "=" in text)
    return {text: priority for text, priority in found.items() if telling(text)}


def written(call):
    """What a call's format becomes; one that fills in a single word of a few, with each of these."""
    place = next((number for number, argument in enumerate(call) if any(word[0] == '"' for word in argument)), None)
    if place is None:
        return []
    found = texts(call[place])
    filled = call[place + 1] if len(call) == place + 2 and found[0].count("…") == 1 else []
    words = texts(filled)
    return found * (len(words) <= filled.count(":")) + [found[0].replace("…", word) for word in words]


def returned(source):
    """The literals of return statements that aren't an argument of a call there."""
    for start in re.finditer(r"\breturn\b", source):
        depth, statement = 0, []
        for token in TOKEN.finditer(source, start.end()):
            depth += (token[0] == "(") - (token[0] == ")")
            if token[0] == ";" or depth > 0 and token[0][0] == '"':
                break
            statement.append(token[0])
        if depth == 0:
            yield from texts(statement)


def reasons(folder):
    """The reasons, of refusals and of whatever else has one, of a folder's sources. A target's begin with its name."""
    found = set()
    for source in sources(folder):
        for name in (*REASONS, "snprintf"):
            for call in arguments(source, name):
                if name != "snprintf" or BUFFERS.fullmatch("".join(call[0])):
                    found.update("target …: " + text if call[1:2] == [["target"]] else text for text in written(call))
        found.update(returned(source))
        for name, place in LINES.items():
            for call in arguments(source, name):
                found.update(reason for text in texts(call[place]) for reason in REASON.findall(text))
                found.update(text for value in call[place + 1:] for text in texts(value))
    return {text for text in found if telling(text) and " " in text.strip()}
