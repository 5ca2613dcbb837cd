"""The credentials of a host whose users are kept elsewhere: each source on its own, with keys that the real berth-api on the
other side knows; what is said when there are none; and files as botocore reads them."""
import json
import random
import re
import ssl
import time

import botocore.exceptions
import botocore.session
import pytest

from api_host import new_api
from credentials_endpoint import ROLE, ROLES, Endpoint, add_address, vanishing_connections
from remote_store import new_near
from scripted_api import Answer, Authority, ScriptedApi

CONTAINER, INSTANCE, INSTANCE_6 = "169.254.170.2", "169.254.169.254", "fd00:ec2::254"
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJ="


@pytest.fixture(scope="module", name="far")
def real_api():
    """A real berth-api over TLS, with the user alice."""
    with new_api() as far:
        far.configure(*far.make_certificate())
        far.admin.create_user("alice")
        far.start()
        yield far


@pytest.fixture(name="near")
def host_without_credentials(far):
    with new_near(far.url, ca_file=far.certificate, server_id=far.server_id) as near:
        near.home = near.directory / "home"
        (near.home / ".aws").mkdir(parents=True)
        near.environment["HOME"] = str(near.home)
        yield near


@pytest.fixture(name="recorder")
def recording_api():
    """A server that takes any signature and notes it (berth-api has no session tokens), and a near host."""
    with new_near("", server_id="s-0123456789abcdef0") as near:
        authority = Authority(near.directory)
        with ScriptedApi(authority.certificate()) as api:
            api.script(Answer({"ServerId": near.server_id, "Users": []}))
            near.url, near.ca_file = api.url, authority.file
            near.configure()
            api.near = near
            yield api


def lists_alice(near):
    done = near.run("list-users")
    assert (done.returncode, done.stderr) == (0, "")
    assert [user["UserName"] for user in json.loads(done.stdout)["Users"]] == ["alice"]


def fails(near):
    """What it says when there are no credentials: one line, without a secret."""
    done = near.run("list-users")
    assert done.returncode == 254 and done.stdout == "", done
    text = done.stderr.strip().split(": ", 1)[1]
    assert "\n" not in text and "No credentials for the store: " in text, done.stderr
    return text.split("No credentials for the store: ", 1)[1]


def keys(key, **more):
    return "\n".join([f"aws_access_key_id = {key.id}", f"aws_secret_access_key = {key.secret}",
                      *(f"{name} = {value}" for name, value in more.items())]) + "\n"


def write(path, text, mode=0o644):
    path.write_text(text)
    path.chmod(mode)
    return path


# ---- environment ----


def test_environment(far, near):
    near.environment.update(AWS_ACCESS_KEY_ID=far.key.id, AWS_SECRET_ACCESS_KEY=far.key.secret)
    lists_alice(near)
    near.environment["AWS_SECRET_ACCESS_KEY"] = far.key.secret[:-1] + ("A" if far.key.secret[-1] != "A" else "B")
    assert "InvalidSignatureException" in near.refused("list-users")
    del near.environment["AWS_SECRET_ACCESS_KEY"]
    assert fails(near) == "environment: AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY isn't"


def test_session_token(recorder):
    recorder.near.environment.update(AWS_ACCESS_KEY_ID="AKIA", AWS_SECRET_ACCESS_KEY="x/+", AWS_SESSION_TOKEN=TOKEN)
    recorder.near.ok("list-users")
    request = recorder.requests[0]
    assert request.key_id == "AKIA" and request.headers["x-amz-security-token"] == TOKEN
    assert "x-amz-security-token" in request.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")


# ---- profiles ----


def test_files(far, near):
    other = far.create_key("--allow", "DescribeServer")  # is refused, which shows that it was taken
    write(near.home / ".aws/credentials", f"[default]\n{keys(far.key)}[denied]\n{keys(other)}")
    lists_alice(near)
    near.environment["AWS_PROFILE"] = "denied"
    assert "AccessDeniedException" in near.refused("list-users")
    write(near.home / ".aws/config", f"[profile third one]\n[profile \"third one\"]\n{keys(far.key)}")
    near.environment["AWS_PROFILE"] = "third one"
    lists_alice(near)
    near.environment["AWS_PROFILE"] = "fourth"
    files = f"{near.home}/.aws/credentials or {near.home}/.aws/config"
    assert fails(near).endswith(f"; profile fourth: no such profile in {files}")


def test_store_credentials(far, near):
    other = far.create_key("--allow", "DescribeServer")
    near.write_credentials(far.key.id, far.key.secret)
    write(near.home / ".aws/credentials", f"[default]\n{keys(other)}[site]\n{keys(other)}")
    near.configure()
    lists_alice(near)
    near.configure("StoreProfile site")
    assert fails(near) == f"profile site: no such profile in {near.credentials}"
    near.write_credentials(far.key.id, far.key.secret, profile="site")
    lists_alice(near)
    near.credentials.chmod(0o640)
    assert fails(near) == f"profile site: {near.credentials}: others may read it (chmod 600 is expected)"
    near.credentials.unlink()
    near.configure(f"StoreCredentials {near.credentials}")
    assert fails(near) == f"profile default: {near.credentials}: No such file or directory"


def test_credential_process(far, near):
    shown = json.dumps({"Version": 1, "AccessKeyId": far.key.id, "SecretAccessKey": far.key.secret})
    answer = write(near.home / "answer", shown)

    def process(command):
        write(near.home / ".aws/config", f"[default]\ncredential_process = {command}\n")
    process(f"cat {answer}")
    lists_alice(near)
    process(f"cat {answer} | cat && true")
    lists_alice(near)
    process("echo 'no session:\033[2J log in again' >&2; echo more >&2; false")
    assert fails(near).startswith("environment: AWS_ACCESS_KEY_ID isn't set; web identity: ")
    assert fails(near).endswith("profile default: credential_process failed with status 1: no session:?[2J log in again")
    process(f"cut -c 2- {answer}")
    assert fails(near).endswith("profile default: what credential_process printed: it isn't a JSON object")
    process("cat /dev/zero")
    assert fails(near).endswith("profile default: credential_process prints too much")
    process(f"cat {answer}")
    (near.home / ".aws/config").chmod(0o666)
    assert fails(near).endswith("its credential_process isn't run, as others may write the file")


# ---- container ----


def test_container(far, near):
    add_address(CONTAINER)
    with Endpoint(CONTAINER, 80) as endpoint:
        endpoint.hand_out(far.key.id, far.key.secret)
        near.environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = endpoint.container_path
        lists_alice(near)
        assert endpoint.paths == [("GET", endpoint.container_path)]
        near.environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/credentials/other"
        said = fails(near)
        assert said.endswith("; container: http://169.254.170.2: status 404, NotFound: no such task")


def test_container_with_token(far, near):
    with Endpoint() as endpoint:
        endpoint.hand_out(far.key.id, far.key.secret)
        endpoint.authorization = "eyJ.to-ken"
        near.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = endpoint.url + endpoint.container_path
        assert fails(near).endswith(f"; container: {endpoint.url}: status 401, Unauthorized: wrong token")
        near.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = str(write(near.home / "token", "eyJ.to-ken\n"))
        lists_alice(near)
        near.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://example.com/"
        assert "http:// is for addresses of this host alone" in fails(near)


def test_container_over_tls(far, near, tmp_path):
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate())
    with Endpoint(context=context) as endpoint:
        endpoint.hand_out(far.key.id, far.key.secret)
        near.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = endpoint.url + endpoint.container_path
        assert "certificate" in fails(near)
        assert endpoint.requests == []
        near.environment["AWS_CA_BUNDLE"] = str(authority.file)
        lists_alice(near)


# ---- instance ----


def test_instance(far, near):
    add_address(INSTANCE)
    near.environment["AWS_EC2_METADATA_DISABLED"] = "false"
    with Endpoint(INSTANCE, 80) as endpoint:
        endpoint.hand_out(far.key.id, far.key.secret)
        lists_alice(near)
        assert endpoint.paths == [("PUT", "/latest/api/token"), ("GET", ROLES), ("GET", ROLES + ROLE)]
        near.environment["AWS_EC2_METADATA_DISABLED"] = "true"
        assert fails(near).endswith("instance metadata: AWS_EC2_METADATA_DISABLED is set")
    near.environment["AWS_EC2_METADATA_DISABLED"] = "false"
    assert "instance metadata: http://169.254.169.254: " in fails(near)


def test_instance_by_ipv6(far, near):
    add_address(INSTANCE_6)
    near.environment.update(AWS_EC2_METADATA_DISABLED="", AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE="IPv6")
    with Endpoint(INSTANCE_6, 80) as endpoint:
        endpoint.hand_out(far.key.id, far.key.secret)
        lists_alice(near)


def test_no_instance(near):
    """Where packets to the metadata service vanish, what there is to say comes soon."""
    add_address(INSTANCE)
    near.environment["AWS_EC2_METADATA_DISABLED"] = ""
    with vanishing_connections(INSTANCE, 80):
        began = time.monotonic()
        said = fails(near).split("; ")
        took = time.monotonic() - began
    assert 0.9 < took < 10
    assert [part.split(": ")[0] for part in said] == ["environment", "web identity", "profile default", "container",
                                                     "instance metadata"]
    assert said[2] == f"profile default: {near.home}/.aws/credentials: No such file or directory"
    assert said[4].startswith("instance metadata: http://169.254.169.254: ") and re.search(r"after 1\d\d\d m", said[4])


# ---- web identity ----


def test_web_identity(recorder):
    near, token = recorder.near, write(recorder.near.directory / "token", "eyJhbGciOi.J9+/=.x_-\n")
    with Endpoint() as endpoint:
        endpoint.hand_out("ASIAEXAMPLE", "s/e+c", TOKEN)
        endpoint.identity = "eyJhbGciOi.J9+/=.x_-"
        near.environment.update(AWS_WEB_IDENTITY_TOKEN_FILE=str(token), AWS_ENDPOINT_URL_STS=endpoint.url,
                                AWS_ROLE_ARN="arn:aws:iam::1:role/r", AWS_ROLE_SESSION_NAME="host@site")
        near.ok("list-users")
        (request,) = recorder.requests
        assert (request.key_id, request.headers["x-amz-security-token"]) == ("ASIAEXAMPLE", TOKEN)
        (_, path, headers, body), = endpoint.requests
        assert path == "/" and "Authorization" not in headers
        assert "&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=host%40site&" in body
        write(token, "another")
        assert fails(near).endswith(f"web identity: {endpoint.url}: InvalidIdentityToken: No OpenIDConnect provider found")


# ---- as botocore reads them ----

FILES = [
    "[default]\naws_access_key_id=A\naws_secret_access_key=s\n",
    "\r\n# c\r\n[default]\r\naws_access_key_id = A\r\naws_secret_access_key = s\r\naws_session_token = t\r\n",
    "[default]\nAWS_ACCESS_KEY_ID : A\naws_Secret_Access_Key\t=\ts=:#;\n",
    "[default] trailing\n  aws_access_key_id = A\n  aws_secret_access_key = s\n",
    "[default]\naws_access_key_id = A\ns3 =\n  max_concurrent_requests = 20\n  aws_access_key_id = B\n"
    "aws_secret_access_key = s\n",
    "[other]\naws_access_key_id = B\naws_secret_access_key = s\n\n[default]\n;x\naws_access_key_id = A\n\n"
    "aws_secret_access_key = s",
    "  [default]\naws_access_key_id = A\naws_secret_access_key = s\n  [other]\naws_access_key_id = B\n",
    "[default]\nregion = x\n  [other]\naws_access_key_id = A\naws_secret_access_key = s\n",
    "[default]\naws_access_key_id = A\naws_access_key_id = B\naws_secret_access_key = s\n",
    "[default]\naws_access_key_id = A\naws_secret_access_key = s\n[default]\nregion = x\n",
    "[default]\naws_access_key_id = A\naws_secret_access_key = s\nnonsense\n",
    "aws_access_key_id = A\n[default]\naws_secret_access_key = s\n",
    "[ default ]\naws_access_key_id = A\naws_secret_access_key = s\n",
    "[default]x]\naws_access_key_id = A\naws_secret_access_key = s\n",
    "[default]\n= A\naws_access_key_id = A\naws_secret_access_key = s\n",
    "[DEFAULT]\naws_access_key_id = A\naws_secret_access_key = s\n",
]
LINES = ["[default]", "[other]", " [default]", "[default", "aws_access_key_id = A", "aws_access_key_id=B",
         "  aws_access_key_id : C", "aws_secret_access_key = s", "\taws_secret_access_key=t = u", "aws_session_token = T",
         "region = x", "s3 =", "", "  ", "# [default]", "  ; x", "s3=", "nonsense"]


def botocore_reads(monkeypatch, path):
    """(key id, session token) or None, as botocore finds them in this credentials file."""
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path) + ".none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    try:
        found = botocore.session.Session().get_credentials()
    except botocore.exceptions.BotoCoreError:
        return None
    parts = [found.access_key, found.secret_key, found.token or ""] if found else [" "]
    # What goes on in a further line isn't a key, whoever takes it for one.
    return None if any(set(part) & set(" \n") for part in parts) else (found.access_key, found.token)


def test_files_as_botocore_reads_them(recorder, monkeypatch):
    choose = random.Random(6)
    texts = FILES + ["\n".join(choose.choice(LINES) for _ in range(choose.randint(2, 8))) for _ in range(40)]
    for _ in range(100):
        lines = ["aws_access_key_id = A", "aws_secret_access_key = s", *choose.sample(LINES, choose.randint(1, 3))]
        texts.append("\n".join(["[default]", *choose.sample(lines, len(lines))]))
    near, path, found = recorder.near, recorder.near.directory / "read", 0
    near.environment.update(AWS_SHARED_CREDENTIALS_FILE=str(path), AWS_CONFIG_FILE=str(path) + ".none")
    for text in texts:
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        expected, recorder.requests = botocore_reads(monkeypatch, path), []
        done = near.run("list-users")
        requests = [(request.key_id, request.headers.get("x-amz-security-token")) for request in recorder.requests]
        assert requests == ([expected] if expected else []), (text, done.stderr)
        found += expected is not None
    assert found > 20  # both kinds were there
