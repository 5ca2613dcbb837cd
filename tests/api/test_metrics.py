"""GET /metrics, read as strictly as Prometheus' own checker does, and what it counts."""
import math
import re

from admin_command import ROLE
from http_client import Client, ask, call, message

NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = '([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\\\n]|\\\\["\\\\n])*)"'
SAMPLE = re.compile(f"({NAME})(?:{{({LABEL}(?:,{LABEL})*)}})? (\\S+)")
PARTS = {"histogram": ("_bucket", "_sum", "_count")}


def parse(text):
    """{family: (type, {(name, frozenset of labels): value})}; each family's lines stand together, after HELP and TYPE."""
    assert text.endswith("\n") and "\r" not in text
    families, family = {}, None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            family, words = line[7:].split(" ", 1)
            assert re.fullmatch(NAME, family) and words and family not in families
            families[family] = (None, {})
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert name == family and families[family] == (None, {}) and kind in ("counter", "gauge", "histogram")
            families[family] = (kind, {})
        else:
            add_sample(line, family, *families[family])
    for name, (kind, samples) in families.items():
        assert samples, f"{name} has no samples"
        if kind == "histogram":
            check_histogram(name, samples)
    return families


def add_sample(line, family, kind, samples):
    match = SAMPLE.fullmatch(line)
    assert match, line
    name, labels, value = match.group(1), re.findall(LABEL, match.group(2) or ""), float(match.groups()[-1])
    assert name in [family + part for part in PARTS.get(kind, ("",))], line
    assert len({label for label, _ in labels}) == len(labels), line
    assert (name, frozenset(labels)) not in samples, line
    assert math.isfinite(value) and (kind == "gauge" or value >= 0), line
    assert kind != "counter" or name.endswith("_total"), line
    samples[name, frozenset(labels)] = value


def check_histogram(name, samples):
    """Buckets grow to +Inf, which is the count."""
    series = {}
    for (part, labels), value in samples.items():
        others = frozenset(label for label in labels if label[0] != "le")
        bound = [float(text) for label, text in labels if label == "le"]
        assert len(bound) == (part == name + "_bucket")
        series.setdefault(others, {}).setdefault(part, []).append((*bound, value))
    for parts in series.values():
        buckets = parts[name + "_bucket"]
        assert buckets == sorted(buckets) and [value for _, value in buckets] == sorted(value for _, value in buckets)
        assert buckets[-1][0] == math.inf and parts[name + "_count"] == [(buckets[-1][1],)]
        assert len(parts[name + "_sum"]) == 1


def metrics(api):
    status, headers, body = api.get("/metrics")
    assert status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parse(body.decode())


def value(families, name, part="", **labels):
    return families[name][1].get((name + part, frozenset(labels.items())), 0)


def requests(families, operation, result):
    return value(families, "berth_api_requests_total", operation=operation, result=result)


def create(api, name):
    return call(api, "CreateUser", {"ServerId": api.server_id, "UserName": name, "Role": ROLE})


def test_form_and_names(api):
    families = metrics(api)
    assert {name: kind for name, (kind, _) in families.items()} == {
        "berth_api_requests_total": "counter", "berth_api_request_seconds": "histogram", "berth_api_connections": "gauge",
        "berth_api_requests_in_progress": "gauge", "berth_api_writes_total": "counter", "berth_api_commits_total": "counter",
        "berth_api_audit_lines_lost_total": "counter", "berth_api_connections_timed_out_total": "counter",
        "berth_build_info": "gauge"}
    # An operation that was never called stands there with 0: else its first call is no increase.
    assert requests(families, "DeleteServer", "ok") == 0
    assert ("berth_api_requests_total", frozenset({("operation", "DeleteServer"), ("result", "ok")})) in \
        families["berth_api_requests_total"][1]


def test_calls_are_counted(api):
    with Client(api) as client:
        for name, status in (("alice", 200), ("bobby", 200), ("alice", 400), ("", 400)):
            assert client.ask(create(api, name)).status == status
        assert client.ask(call(api, "DescribeUser", {"ServerId": api.server_id, "UserName": "alice"})).status == 200
        assert client.ask(call(api, 'No"Such\\Operation', {})).status == 400
        assert client.ask(message([("Host", "berth")], b"{}")).status == 400
        families = metrics(api)
        assert value(families, "berth_api_connections") == 2  # this one, and that of the question
    assert requests(families, "CreateUser", "ok") == 2
    assert requests(families, "CreateUser", "ResourceExistsException") == 1
    assert requests(families, "CreateUser", "ValidationException") == 1
    assert requests(families, "DescribeUser", "ok") == 1
    assert requests(families, "unknown", "UnknownOperationException") == 1
    assert requests(families, "unknown", "MissingAuthenticationTokenException") == 1
    assert value(families, "berth_api_writes_total") == 2
    assert 1 <= value(families, "berth_api_commits_total") <= 2
    for kind, count in (("write", 4), ("read", 1), ("unknown", 2)):
        assert value(families, "berth_api_request_seconds", "_count", kind=kind) == count
    assert 0 < value(families, "berth_api_request_seconds", "_sum", kind="write") < 60


def test_lost_audit_lines_are_counted(api):
    ask(api, create(api, "alice"))
    assert value(metrics(api), "berth_api_audit_lines_lost_total") == 0
    api.log_file.unlink()
    api.log_file.mkdir()
    api.hangup()
    api.wait_log("audit log can't be written")
    ask(api, create(api, "bobby"))
    assert value(metrics(api), "berth_api_audit_lines_lost_total") == 1
    assert '"user":"bobby"' in api.log()  # it went to the daemon's own log
    api.log_file.rmdir()
    ask(api, create(api, "carol"))
    assert [line["user"] for line in api.audit()] == ["carol"]
    assert value(metrics(api), "berth_api_audit_lines_lost_total") == 1
