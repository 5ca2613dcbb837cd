"""docs/api.md: its examples do what is said there, over TLS, with a key as `berth api-key create` prints it."""
import http.client
import http.server
import json
import os
import pathlib
import pwd
import random
import re
import shutil
import subprocess
import threading

import pytest

import javascript_client
import terraform_client
from admin_command import BERTH, OPERATIONS, ROLE
from api_host import BERTH_API, ApiKey, new_api, wait_until
from aws_command import AWS
from boto3_client import new_client
from import_lines import ed25519

TREE = pathlib.Path(__file__).resolve().parents[2]
PAGE = (TREE / "docs" / "api.md").read_text(encoding="utf-8")
BLOCKS = [re.sub("^    ", "", block, flags=re.MULTILINE)
          for block in re.findall(r"(?:^    .*\n(?:\n+(?=    ))?)+", PAGE, re.MULTILINE)]
SERVER = "s-0123456789abcdef0"
URLS = "https://sftp.example.com:8443", "http://127.0.0.1:8443"


pytestmark = pytest.mark.skipif(not all(map(shutil.which, ["curl", "jq", AWS])), reason="needs curl, jq and Debian's awscli")


def documented(start):
    """The one block that begins so."""
    found = [block for block in BLOCKS if block.startswith(start)]
    assert len(found) == 1, start
    return found[0]


def console(start):
    """The commands of a block of lines that begin with "$ "."""
    return re.findall(r"^\$ (.*)", documented("$ " + start), re.MULTILINE)


class Site:
    """A host as the page has one, and the home directory of who calls."""

    def __init__(self, host):
        self.host, self.home = host, host.directory / "home"
        self.home.mkdir()
        self.token = host.directory / "metrics.token"
        self.private_key = host.admin.store_directory / "key.pem"
        host.make_certificate()
        host.configure(*self.here(documented("ApiListen")).splitlines())
        variables = {name: str(host.certificate) for name in re.findall(r"`(\w+)=/etc/berth/api\.pem`", PAGE)}
        assert len(variables) == 3
        self.environment = {"PATH": f"{self.home}:{os.environ['PATH']}", "HOME": str(self.home), "LC_ALL": "C.UTF-8",
                            "AWS_PROFILE": "berth", "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "", **variables}
        (self.home / "aws").symlink_to(AWS)
        for number, name in enumerate(["alice", "alice-laptop", "bob"]):
            (self.home / f"{name}.pub").write_text(ed25519(random.Random(number)) + f" {name}\n")

    def here(self, text):
        """With this host's own names."""
        names = {SERVER: self.host.server_id, "/etc/berth/api.pem": self.host.certificate,
                 "/etc/berth/api.key": self.private_key, "/etc/berth/metrics.token": self.token,
                 "0.0.0.0:8443": f"0.0.0.0:{self.host.port}", "sudo ": "", **{url: self.host.url for url in URLS}}
        for name, own in names.items():
            text = text.replace(name, str(own))
        return re.sub(r"\bberth api-key (\w+)", f"{BERTH} api-key \\1 --config {self.host.admin.config}", text)

    def start(self):
        """As the page begins; returns what its commands printed."""
        self.host.start()
        service, directory, create, listing = console("sudo systemctl")
        assert service.endswith("berth-api")
        return self.bash(directory) + self.bash(create) + self.bash(listing)

    def run(self, *words, **variables):
        return subprocess.run(words, cwd=self.home, env={**self.environment, **variables}, text=True, capture_output=True,
                              timeout=100, check=False)

    def bash(self, command, **variables):
        done = self.run("bash", "-c", self.here(command), **variables)
        assert (done.returncode, done.stderr) == (0, ""), (command, done, self.host.log())
        return done.stdout

    def credentials(self):
        return dict(re.findall(r"^(\w+) *= *(\S+)$", (self.home / ".aws" / "credentials").read_text(), re.MULTILINE))

    def create_user(self, name="alice", home="/bucket/home/alice"):
        self.host.admin.create_user(name, "--home-directory-type", "LOGICAL", "--home-directory-mappings",
                                    f"Entry=/,Target={home}")

    def target(self, name="alice"):
        return self.host.admin.user(name)["HomeDirectoryMappings"][0]["Target"]


@pytest.fixture
def made():
    with new_api() as host:
        yield Site(host)


@pytest.fixture
def site(made):
    made.start()
    return made


def test_the_beginning(made):
    """Three lines, from nothing to the first answer."""
    assert json.loads(made.start())["Servers"][0]["ServerId"] == made.host.server_id


def test_boto3(site):
    program = site.home / "program.py"
    program.write_text(site.here(documented("import boto3")))
    for printed in "alice 1\n", "alice is there already\nalice 1\n":
        done = site.run("/usr/bin/python3", program)
        assert (done.returncode, done.stdout, done.stderr) == (0, printed, "")
    user = site.host.admin.user()
    assert site.target() == "/bucket/home/alice" and user["PosixProfile"] == {"Uid": 5001, "Gid": 5001}


def test_aws(site):
    site.create_user()
    assert site.bash(documented("aws transfer")).count(site.host.server_id) == 2
    user = site.host.admin.user()
    assert site.target() == "/bucket/clients/alice" and user["SshPublicKeys"][0]["SshPublicKeyBody"].endswith("alice-laptop")


@pytest.mark.skipif(terraform_client.missing() is not None, reason=str(terraform_client.missing()))
def test_terraform(site):
    directory = site.home / "terraform"
    directory.mkdir()
    (directory / "main.tf").write_text(site.here(documented("provider")))
    shutil.copy(site.home / "bob.pub", directory)
    terraform = terraform_client.Terraform(directory, AWS_CA_BUNDLE=str(site.host.certificate),
                                           AWS_SHARED_CREDENTIALS_FILE=str(site.home / ".aws" / "credentials"))
    assert "2 added" in terraform.apply()
    assert site.target("bob") == "/bucket/home/bob" and len(site.host.admin.user("bob")["SshPublicKeys"]) == 1


@pytest.mark.skipif(javascript_client.missing() is not None, reason=str(javascript_client.missing()))
def test_javascript(site):
    """The address in the program, and, as for a program that can't be changed, in the environment."""
    (site.home / "node_modules").symlink_to(javascript_client.MODULES)
    text = site.here(documented("import { DescribeUser"))
    (site.home / "program.mjs").write_text(text)
    unchanged = text.replace(f'endpoint: "{site.host.url}", ', "")
    assert unchanged != text
    (site.home / "unchanged.mjs").write_text(unchanged)
    export = site.here(documented("export AWS_ENDPOINT_URL"))
    quiet = {"NODE_NO_WARNINGS": "1"}  # of the SDK, of how long it will go on with Debian 12's node
    assert site.bash("node program.mjs", **quiet) == "there is no alice\n"
    site.create_user()
    assert site.bash("node program.mjs", **quiet) == "/bucket/home/alice\n"
    assert site.bash(f"{export}node unchanged.mjs", **quiet) == "/bucket/home/alice\n"


def test_curl(site):
    site.create_user()
    keys = site.credentials()
    shown = json.loads(site.bash(documented("curl -sS --aws"), AWS_ACCESS_KEY_ID=keys["aws_access_key_id"],
                                 AWS_SECRET_ACCESS_KEY=keys["aws_secret_access_key"]))
    assert shown["User"]["UserName"] == "alice"


def test_keys_and_limits(site):
    key_id = site.credentials()["aws_access_key_id"]
    printed = site.bash(documented("berth api-key").replace("BRTHAAAAAAAAAAAAAAAA", key_id))
    for words in "Describe*,List*", "monitoring", "terraform", site.host.server_id, key_id:
        assert words in printed
    refused = site.run("aws", "transfer", "list-servers", "--endpoint-url", site.host.url)
    assert "(UnrecognizedClientException)" in refused.stderr


# The audit log


@pytest.fixture
def log(site):
    """The path of a log with calls of both kinds."""
    client = new_client(site.host.url, site.host.key, verify=str(site.host.certificate))
    alice = {"ServerId": site.host.server_id, "UserName": "alice"}
    client.create_user(Role=ROLE, **alice)
    key = client.import_ssh_public_key(SshPublicKeyBody=ed25519(random.Random(9)), **alice)
    client.delete_ssh_public_key(SshPublicKeyId=key["SshPublicKeyId"], **alice)
    client.update_user(HomeDirectory="/bucket/secret", Policy="{}", **alice)
    for _ in range(2):
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.describe_user(ServerId=site.host.server_id, UserName="nobody")
    site.host.stop()
    return site


def test_the_line_of_the_audit_log(log):
    """As on the page, member by member in its order; and every member that there is, is in its table."""
    example = json.loads(documented('{"time"'))
    lines = log.host.audit()
    line = lines[-3]
    assert list(line) == list(example) and line["operation"] == example["operation"] == "UpdateUser"
    assert (line["user"], line["server"], line["result"], line["key"], line["authenticated"]) == \
        ("alice", log.host.server_id, "ok", log.host.key.id, True)
    assert line["changed"] == ["HomeDirectory", "Policy"] and "secret" not in json.dumps(line)
    for kind in "time", "request", "client":
        assert re.sub("[0-9a-f]", "0", line[kind]).count("0") > 3 and type(line[kind]) is type(example[kind])
    section = PAGE[PAGE.index("## The audit log"):PAGE.index("## Health")]
    table = "\n".join(row for row in section.splitlines() if row.startswith("| `"))
    assert {member for line in lines for member in line} <= set(re.findall(r"`(\w+)`", table))
    assert "ssh_public_key" in lines[-4] and "message" in lines[-1]


def jq(log, start):
    return log.bash(re.sub(r" log$", f" {log.host.log_file}", documented(start), flags=re.MULTILINE))


def test_who_changed_what(log):
    rows = [row.split("\t") for row in jq(log, "jq -r 'select(.result == ").splitlines()]
    assert {(row[1], row[3]) for row in rows} == {(log.host.key.id, log.host.server_id)}
    assert [(row[2], *row[4:]) for row in rows] == [
        ("CreateUser", "alice", "Role"), ("ImportSshPublicKey", "alice", "SshPublicKeyBody"),
        ("DeleteSshPublicKey", "alice", ""), ("UpdateUser", "alice", "HomeDirectory,Policy")]


def test_what_was_refused(log):
    rows = [row.split("\t") for row in jq(log, "jq -r 'select(.result and").splitlines()]
    assert [row[1:] for row in rows] == 2 * [["127.0.0.1", log.host.key.id, "ResourceNotFoundException", "Unknown user"]]


def test_when_keys_were_used(log):
    last = {line["key"]: line["time"] for line in log.host.audit()}
    assert len(last) == 2 and dict(row.split("\t") for row in jq(log, "jq -rn 'reduce").splitlines()) == last


# Health, metrics, and what is in between


def test_a_certificate_of_ones_own(made):
    """Made and put in place as on the page; the host's name is one of the URLs that the clients of the test can use."""
    command = documented("$ openssl req").removeprefix("$ ").replace("DNS:sftp.example.com", "IP:127.0.0.1")
    assert made.run("bash", "-c", command).returncode == 0
    assert (made.home / "privkey.pem").read_text() != made.private_key.read_text()
    certificate, key, test = console("sudo install -m 0644 fullchain")
    owner = pwd.getpwuid(made.host.admin.store_directory.stat().st_uid).pw_name
    made.bash(certificate)
    made.bash(key.replace("-o berth", f"-o {owner}"))
    assert made.private_key.stat().st_mode & 0o7777 == 0o600
    assert test.startswith("sudo berth-api -t && ")
    done = made.run(BERTH_API, "-t", "-f", made.host.admin.config)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(made.start())["Servers"]


def test_health(site):
    healthy, = console("curl -sS https://sftp.example.com:8443/healthz")
    assert site.bash(healthy) == "ok\n"
    site.host.admin.store.rename(site.host.directory / "away")
    status = site.here(f"{healthy} -o /dev/null -w '%{{http_code}}'")
    wait_until(lambda: site.run("bash", "-c", status).stdout == "503")


def test_metrics(made):
    plain, = console("curl -sS http://127.0.0.1:8443/metrics")
    make, token = console("openssl rand")
    owner = pwd.getpwuid(made.host.admin.store_directory.stat().st_uid).pw_name
    made.bash(make.replace("-o berth", f"-o {owner}"))
    made.host.configure(*made.host.lines, f"ApiMetricsTokenFile {made.token}")
    made.start()
    documented("scrape_configs")
    for printed in made.bash(plain), made.bash(token):
        assert 'berth_api_requests_total{operation="ListServers",result="ok"} 1\n' in printed
        assert {f'"{operation}"' for operation in OPERATIONS} <= set(re.findall(r'operation=("\w+")', printed))
        assert set(re.findall(r"`(berth_api_\w+)`", PAGE)) <= set(re.findall(r"^# TYPE (\w+)", printed, re.MULTILINE))


class Proxy(http.server.BaseHTTPRequestHandler):
    """A proxy that adds what proxies add. server.host_header: the Host that it sends on; None: the client's."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):  # pylint: disable=invalid-name
        body = self.rfile.read(int(self.headers["Content-Length"]))
        own = "connection", "content-length", "host"
        headers = {name: value for name, value in self.headers.items() if name.lower() not in own}
        headers.update({"X-Forwarded-For": "192.0.2.7", "X-Amzn-Trace-Id": "Root=1-67891233-abcdef012345678912345678",
                        "Via": "1.1 proxy", "Host": self.server.host_header or self.headers["Host"]})
        connection = http.client.HTTPConnection("127.0.0.1", self.server.behind)
        connection.request("POST", self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "date"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        connection.close()

    def log_message(self, *_arguments):  # pylint: disable=arguments-differ
        pass


@pytest.mark.parametrize("host_header, code", [(None, None), ("127.0.0.1", "InvalidSignatureException")])
def test_behind_a_proxy(api, host_header, code):
    """What proxies add does no harm; a Host of their own does."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        proxy.behind, proxy.host_header = api.port, host_header
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        client = new_client(f"http://127.0.0.1:{proxy.server_port}", api.key)
        try:
            assert client.list_servers()["Servers"][0]["ServerId"] == api.server_id and code is None
        except client.exceptions.ClientError as refused:
            assert refused.response["Error"]["Code"] == code
        finally:
            proxy.shutdown()
            thread.join()
    assert api.audit()[-1]["client"] == "127.0.0.1"


def test_every_error_is_named():
    """The table has all that berth-api can answer, and no other."""
    source = (TREE / "common" / "model" / "error.c").read_text(encoding="utf-8")
    errors = PAGE[PAGE.index("## Errors"):PAGE.index("## Throttling")]
    named = re.findall(r"^\| (\w+)(?: \(500\))? \|", errors, re.MULTILINE)[1:]
    assert set(named) == set(re.findall(r'"(\w+(?:Exception|Error))"', source))
    client = new_client("http://127.0.0.1:1", ApiKey({"AccessKeyId": "none", "SecretAccessKey": "none"}))
    typed = {shape.name for shape in client.meta.service_model.error_shapes}
    assert set(named[:9]) == typed


def test_every_operation_is_named():
    compatible = PAGE[PAGE.index("## What is compatible"):PAGE.index("## What differs")]
    assert set(OPERATIONS) <= set(re.findall(r"\b[A-Z]\w+", compatible))


def test_every_example_is_tried():
    """None is added without a test of it; Prometheus' own is only known to be there."""
    assert len(BLOCKS) == 19


def test_what_goes_wrong_is_found_by_its_words():
    """Log lines that the page explains are those of the sources, as far as their fixed words go."""
    trouble = PAGE[PAGE.index("| berth-api's log says"):]
    source = "".join(path.read_text(encoding="utf-8") for folder in ("api_server", "common/store", "common/store/sqlite")
                     for path in (TREE / folder).glob("*.c"))
    source = re.sub(r'"\s*\n\s*"', "", source)
    for line in re.findall("^\\| `([^`]+)`", trouble, re.MULTILINE):
        for words in re.split(" ?… ?", line):
            if words not in ("", "database is locked", "disk is full"):  # SQLite's
                assert words in source, words
    assert trouble.count("\n|") > 8
