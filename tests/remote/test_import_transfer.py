"""`berth import --from transfer:`: the users of a berth-api, and of services that are not as they should be."""
import contextlib
import os
import pty
import random
import signal
import subprocess
import threading
import time

import pytest

from import_host import ROLE, SERVER, left, new_here, new_there
from admin_command import BERTH
from api_host import ApiKey, wait_until
from import_lines import ed25519, exported, lines, random_user, run, simple
from scripted_api import Answer, Authority, ScriptedApi, refusal

USERS = 1200
AGAIN = "; the same command with --resume goes on from there"


@pytest.fixture
def there():
    with new_there() as made:
        yield made


@pytest.fixture
def here():
    with new_here() as made:
        made.use_key(ApiKey({"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "secret"}))
        yield made


# -- from a real berth-api ---------------------------------------------------------------------------------------------

def test_all_users_of_a_server(there):
    """As they are there, keys' ids and dates, tags and all; and the server, which this host didn't have."""
    chance = random.Random(7)
    users = [simple(number, chance) for number in range(USERS - 200)]
    users += [random_user(chance, number) for number in range(200)]
    assert run(there.far.admin, "import", data=lines(users))[0] == 0
    there.far.admin.ok("update-server", "--server-id", there.far.server_id, "--post-authentication-login-banner", "welcome")
    summary, err = there.summary()
    server = there.far.server_id
    assert (err, summary["Created"], summary["Users"], summary["Refused"], summary["Unchanged"]) == ("", USERS, USERS, 0, 0)
    assert (summary["FromServerId"], summary["ServerId"], summary["ServerCreated"]) == (server, server, True)
    assert summary["Complete"] is True and summary["DryRun"] is False and summary["RefusedUsers"] == []
    assert exported(there.here, "--server-id", server) == exported(there.far.admin)
    made, was = (admin.ok("describe-server", "--server-id", server) for admin in (there.here, there.far.admin))
    assert made == was and made["Server"]["PostAuthenticationLoginBanner"] == "welcome"
    assert there.calls("DescribeUser") == USERS and there.calls("ListUsers") == 5


def test_again(there):
    """Nothing changes; who differs stays, unless --replace says otherwise; with --resume nobody is asked about."""
    there.fill(20)
    there.bring()
    there.far.admin.ok("update-user", "--user-name", "user000003", "--role", ROLE)
    there.far.admin.create_user("newcomer")
    summary, err = there.summary(status=1)
    assert (summary["Created"], summary["Unchanged"], summary["Refused"]) == (1, 19, 1)
    assert err == ("user000003: The user user000003 already exists, and differs in Role; --replace makes it what the service "
                   "says\n")
    refused, = summary["RefusedUsers"]
    assert refused["UserName"] == "user000003" and refused["Error"]["__type"] == "ResourceExistsException"
    before = there.calls("DescribeUser")
    there.far.admin.create_user("another")
    summary, _ = there.summary("--resume")
    assert (summary["Created"], summary["Skipped"], summary["Users"]) == (1, 21, 1)
    assert there.calls("DescribeUser") == before + 1
    summary, _ = there.summary("--replace")
    assert (summary["Replaced"], summary["Unchanged"], summary["Refused"]) == (1, 21, 0)
    assert there.here.users(there.far.server_id)["user000003"]["Role"] == ROLE


def test_into_another_server(there):
    there.fill(3)
    there.here.make_server()
    summary, _ = there.summary()
    assert (summary["ServerId"], summary["ServerCreated"]) == (there.here.server_id, False)
    assert len(there.here.users(there.here.server_id)) == 3
    code, out, err = there.bring("--server-id", SERVER)
    assert (code, out) == (255, "")
    assert err == (f"berth import: the store has no server {SERVER}. It is made only under the id that it has there: "
                   f"--server-id {there.far.server_id}\n")
    summary, _ = there.summary("--server-id", there.far.server_id)
    assert summary["ServerCreated"] is True and summary["Created"] == 3


def test_which_server(there):
    other = there.far.admin.ok("create-server")["ServerId"]
    code, _, err = there.bring()
    assert code == 255 and "--from-server-id says which one is meant: " in err
    assert there.far.server_id in err and other in err
    summary, _ = there.summary("--from-server-id", other)
    assert (summary["FromServerId"], summary["Users"]) == (other, 0)
    code, out, err = there.bring("--from-server-id", SERVER)
    assert (code, out, err) == (255, "", f"berth import: {there.far.url} has no server {SERVER}\n")
    code, _, err = there.bring("--from-server-id", "mine")
    assert code == 255 and '"mine" is no server\'s id' in err


def test_dry_run(there):
    """All is judged, and nothing is there afterwards: no store, and no server in one that is there."""
    there.fill(5)
    summary, _ = there.summary("--dry-run")
    assert (summary["Created"], summary["ServerCreated"], summary["DryRun"]) == (5, True, True)
    assert not there.here.store_directory.exists() or list(there.here.store_directory.iterdir()) == []
    there.here.make_server()
    before = there.here.store.read_bytes()
    for words in [], ["--server-id", there.far.server_id]:
        summary, _ = there.summary("--dry-run", *words)
        assert summary["Created"] == 5
    code, out, _ = there.bring("--dry-run")
    assert code == 0 and out.endswith("dry run, nothing written: created 5, replaced 0, unchanged 0, refused 0; 5 users\n")
    assert there.here.store.read_bytes() == before and there.here.count() == 0
    assert there.here.ok("list-servers")["Servers"][0]["ServerId"] == there.here.server_id


def run_until_some_are_in(there, count=400):
    """An import that is slow enough to be met in the middle, when some of its users are in."""
    there.fill(count)
    there.rate(100)
    process = there.start()
    wait_until(lambda: there.here.count() > 0, lambda: process.poll())
    return process


def check_resumes(there, count=400):
    there.rate(0)
    were_in, before = there.here.count(), there.calls("DescribeUser")
    assert 0 < were_in < count
    summary, _ = there.summary("--resume")
    assert (summary["Skipped"], summary["Created"], summary["Refused"]) == (were_in, count - were_in, 0)
    assert there.calls("DescribeUser") - before == count - were_in
    assert exported(there.here, "--server-id", there.far.server_id) == exported(there.far.admin)


def test_killed(there):
    process = run_until_some_are_in(there)
    process.kill()
    process.communicate()
    check_resumes(there)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(there, number):
    """What is fetched is written, the summary says how far it came, and the shell learns of the signal."""
    process = run_until_some_are_in(there)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == -number
    count = there.here.count()
    assert err == f"berth import: interrupted with {count} users done{AGAIN}\n"
    assert out.endswith(f"created {count}, replaced 0, unchanged 0, refused 0; {count} users\n")
    check_resumes(there)


def test_the_service_dies(there):
    process = run_until_some_are_in(there)
    there.far.stop(signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    count = there.here.count()
    assert process.returncode == 255
    assert err.endswith(f"berth import: it ended with {count} users done{AGAIN}\n") and "Failed to connect" in err
    assert out.endswith(f"created {count}, replaced 0, unchanged 0, refused 0; {count} users\n")
    there.far.start(wait=False)
    there.far.wait_log("started ", count=2)
    check_resumes(there)


def test_throttled(there):
    """All arrive, and nobody is told of an error; the service is left alone meanwhile."""
    there.fill(400)
    there.rate(100)
    summary, err = there.summary()
    assert (summary["Created"], summary["Refused"], summary["Complete"], err) == (400, 0, True, "")
    assert exported(there.here, "--server-id", there.far.server_id) == exported(there.far.admin)
    # Eight at once, then ever fewer, a second apart: not one refusal for each user that had to wait.
    assert 1 <= there.calls(None, "ThrottlingException") <= 40


def test_progress_on_a_terminal(there):
    """How many, how fast, how long; and why it takes so long."""
    there.fill(300)
    there.rate(50)
    master, slave = pty.openpty()
    shown = b""
    with subprocess.Popen(there.here.command(there.far.url, "--ca-bundle", there.far.certificate), stdout=subprocess.DEVNULL,
                          env=there.here.environment(), stderr=slave) as process:
        os.close(slave)
        with contextlib.suppress(OSError):
            while data := os.read(master, 4096):
                shown += data
    os.close(master)
    assert process.returncode == 0
    assert b" a second, " in shown and b" left, waiting for the service's rate limit" in shown


@pytest.mark.parametrize("allowed, operation", [("List*,DescribeServer", "DescribeUser"), ("Describe*", "ListServers"),
                                                ("Describe*,ListServers", "ListUsers"),
                                                ("List*,DescribeUser", "DescribeServer")])
def test_no_permission(there, allowed, operation):
    there.fill(3)
    there.here.use_key(there.far.create_key("--allow", allowed))
    code, _, err = there.bring()
    assert code == 255 and operation in err and there.here.count() == 0


def test_wrong_secret(there):
    there.here.variables["AWS_SECRET_ACCESS_KEY"] += "x"
    code, out, err = there.bring()
    assert (code, out) == (255, "") and "signature" in err and there.far.key.secret not in err


def test_no_credentials(there):
    there.here.variables = {"HOME": str(there.here.directory)}
    code, out, err = there.bring()
    assert (code, out) == (255, "") and err.startswith("berth import: No credentials for the store: ") and \
        err.count("No credentials") == 1 and there.far.audit() == []


def test_certificates(there):
    """Nothing is sent to whoever has no trusted certificate."""
    code, _, err = there.here.bring(there.far.url)
    assert code == 255 and "certificate" in err
    code, _, err = there.here.bring(there.far.url, "--ca-bundle", "/nowhere")
    assert (code, err) == (255, "berth import: --ca-bundle: /nowhere: No such file or directory\n")
    assert there.far.audit() == []


def test_where_the_store_is_elsewhere(there):
    there.here.configure(f"Store transfer:{there.far.url}")
    config = there.here.config.read_text().splitlines()
    there.here.config.write_text("\n".join(line for line in config if "sqlite" not in line))
    code, out, err = there.bring()
    assert (code, out) == (255, "") and "kept elsewhere" in err


# -- credentials -------------------------------------------------------------------------------------------------------

PROGRAM = """#!/bin/sh
id -u >> {log}
date -u -d '+{seconds} seconds' '+{{"Version": 1, "AccessKeyId": "{id}", "SecretAccessKey": "{secret}", \
"Expiration": "%Y-%m-%dT%H:%M:%SZ"}}'
"""


def write_program(there, seconds, key_pair):
    program = there.here.directory / "home" / "program"
    new = program.with_suffix(".new")
    new.write_text(PROGRAM.format(log=program.with_name("ran"), seconds=seconds, id=key_pair.id, secret=key_pair.secret))
    new.chmod(0o700)
    new.rename(program)
    return program


def use_program(there, seconds, profile="default"):
    """Credentials from a program in a profile of the caller's alone; returns the file with who ran it."""
    home = there.here.directory / "home"
    (home / ".aws").mkdir(parents=True, mode=0o700)
    home.chmod(0o700)
    program = write_program(there, seconds, there.far.key)
    section = profile if profile == "default" else f"profile {profile}"
    (home / ".aws" / "config").write_text(f"[{section}]\ncredential_process = {program}\n")
    there.here.variables = {"HOME": str(home)}
    return program.with_name("ran")


def test_a_profile(there):
    there.fill(3)
    log = use_program(there, 3600, profile="mover")
    assert there.bring()[0] == 255
    code, _, err = there.bring("--profile", "mover")
    assert (code, err, there.here.count()) == (0, "", 3)
    assert log.read_text() == f"{os.getuid()}\n"


def test_credentials_are_renewed_as_the_caller(there):
    """They last less long than the import: the program is run again, by whom it is meant for, although the import has long
    been another user."""
    there.fill(400)
    there.rate(100)
    log = use_program(there, 2)
    code, _, err = there.bring()
    assert (code, err, there.here.count()) == (0, "", 400)
    ran = log.read_text().split()
    assert len(ran) >= 2 and set(ran) == {str(os.getuid())}


def test_credentials_that_are_replaced(there):
    """The key is taken away in the middle, and there is another one: no user is lost."""
    there.fill(400)
    there.rate(100)
    log = use_program(there, 3600)
    process = there.start()
    wait_until(lambda: there.here.count() > 0, process.poll)
    write_program(there, 3600, there.far.create_key())
    assert there.far.admin.berth("api-key", "disable", there.far.key.id, "--config", there.far.admin.config).returncode == 0
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err, there.here.count()) == (0, "", 400) and "created 400," in out
    assert log.read_text().count("\n") == 2


def test_credentials_that_cannot_be_renewed(there):
    there.fill(400)
    there.rate(100)
    use_program(there, 2)
    program = there.here.directory / "home" / "program"
    process = there.start()
    wait_until(lambda: there.here.count() > 0, process.poll)
    program.unlink()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 255 and "credential" in err and err.endswith(f"users done{AGAIN}\n")
    assert f"created {there.here.count()}," in out


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_who_the_process_is(there):
    """From before the first byte of the service, the store's user; and no core of it, nor its memory, tells a secret."""
    process = run_until_some_are_in(there)
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{process.pid}/status", encoding="ascii") if ":\t" in line)
    owner = there.here.store_directory.stat().st_uid
    assert set(status["Uid"].split()) == {str(owner)} and os.stat(f"/proc/{process.pid}/mem").st_uid == 0
    secret = there.far.key.secret.encode()
    with open(f"/proc/{process.pid}/cmdline", "rb") as words:
        assert secret not in words.read()
    process.kill()
    process.communicate()


# -- from services that are not as they should be ----------------------------------------------------------------------

def described(name, **members):
    return {"Arn": f"arn:aws:transfer:us-east-1:123456789012:user/{SERVER}/{name}", "UserName": name, "Role": ROLE,
            "HomeDirectoryType": "LOGICAL", "HomeDirectoryMappings": [{"Entry": "/", "Target": f"/bucket/{name}"}],
            "PosixProfile": {"Uid": 5001, "Gid": 5001}, "SshPublicKeys": [key(name)], **members}


def key(seed, **members):
    chance = random.Random(seed)
    return {"SshPublicKeyBody": ed25519(chance), "SshPublicKeyId": "key-%017x" % chance.getrandbits(68),
            "DateImported": 1700000000.5, **members}


class Script:
    """What a service says. users: by name, whole, or an Answer in place of one."""

    def __init__(self, users, **server):
        self.users = {user["UserName"]: user for user in users} if isinstance(users, list) else users
        self.server = {"Arn": "arn:aws:transfer:us-east-1:123456789012:server/" + SERVER, "ServerId": SERVER,
                       "State": "ONLINE", "IdentityProviderType": "SERVICE_MANAGED", "EndpointType": "PUBLIC",
                       "Domain": "S3", "Protocols": ["SFTP"], "UserCount": len(self.users), "Tags": [], **server}
        self.pages = None

    def __call__(self, request):
        return getattr(self, request.operation)(request.members)

    def ListServers(self, _members):  # pylint: disable=invalid-name
        return Answer({"Servers": [{"ServerId": SERVER}]})

    def DescribeServer(self, _members):  # pylint: disable=invalid-name
        return Answer({"Server": self.server})

    def ListUsers(self, members):  # pylint: disable=invalid-name
        names = [{"UserName": name} for name in self.users]
        return Answer({"ServerId": SERVER, "Users": names} if self.pages is None else self.pages(members))

    def DescribeUser(self, members):  # pylint: disable=invalid-name
        user = self.users[members["UserName"]]
        return Answer({"ServerId": SERVER, "User": user}) if isinstance(user, dict) else user


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def service(authority):
    with ScriptedApi(authority.certificate()) as api:
        api.ca_file = authority.file
        yield api


def bring(service, here, script, *words, status=0):
    service.script(script)
    return here.summary(service.url, "--ca-bundle", service.ca_file, *words, status=status)


@pytest.fixture(scope="module")
def weak(tmp_path_factory):
    """The body of an RSA key of 1024 bits."""
    path = tmp_path_factory.mktemp("weak") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "1024", "-N", "", "-C", "", "-f", path], check=True)
    return path.with_suffix(".pub").read_text().strip()


def test_keys_that_cannot_be_used(service, here, weak):
    """They are left out and named; the user comes with the others, which keep their ids and dates."""
    good = key("good")
    users = [described("weak", SshPublicKeys=[key("w", SshPublicKeyBody=weak), good]),
             described("odd", SshPublicKeys=[key("o", SshPublicKeyBody="ssh-dss AAAA"), "no key", {"DateImported": 1}]),
             described("twice", SshPublicKeys=[good, good]),
             described("many", SshPublicKeys=[key(number) for number in range(60)]),
             described("anew", SshPublicKeys=[key("a", SshPublicKeyId="mine", DateImported="yesterday")]),
             described("text", SshPublicKeys="none")]
    summary, err = bring(service, here, Script(users))
    assert (summary["Created"], summary["Refused"], err) == (6, 0, "")
    brought = here.users()
    assert brought["weak"]["SshPublicKeys"] == brought["twice"]["SshPublicKeys"] == [good]
    assert brought["many"]["SshPublicKeys"] == [key(number) for number in range(50)]
    anew, = brought["anew"]["SshPublicKeys"]
    assert anew["SshPublicKeyBody"] == key("a")["SshPublicKeyBody"] and anew["SshPublicKeyId"] != "mine"
    told = left(summary)
    unusable = sorted(told["UnusableKey"])
    assert [name for name, _ in unusable] == ["odd", "odd", "odd", "text", "twice", "weak"]
    assert unusable[4][1].endswith("the user has this key twice")
    assert "1024 bits" in unusable[5][1] and unusable[5][1].startswith(key("w")["SshPublicKeyId"])
    assert told["KeyCount"] == [("many", key(number)["SshPublicKeyId"]) for number in range(50, 60)]
    assert sorted(told["NoKey"]) == [("odd", ""), ("text", "")]
    assert told["Member"] == [("anew", "SshPublicKeyId of key 1: a new one is made"),
                              ("anew", "DateImported of key 1: it becomes today's")]


def test_members_that_are_not_known(service, here):
    user = described("alice", Colour="red", SshPublicKeys=[key("a", Strength=9)])
    user["HomeDirectoryMappings"][0]["Access"] = "RO"
    user["PosixProfile"]["Umask"] = 18
    del user["Role"]
    summary, _ = bring(service, here, Script([user]))
    assert sorted(detail for _, detail in left(summary)["Member"]) == sorted(
        ["Colour", "SshPublicKeys.Strength", "HomeDirectoryMappings.Access", "PosixProfile.Umask",
         "there is no Role: it becomes arn:aws:iam::000000000000:role/berth"])
    assert summary["Created"] == 1


def test_users_whom_this_host_refuses(service, here):
    """The floors hold whatever a service says; the others come."""
    users = [described("zero", PosixProfile={"Uid": 0, "Gid": 0}), described("low", PosixProfile={"Uid": 5001, "Gid": 10}),
             described("none", PosixProfile={"Uid": 4294967295, "Gid": 5001}), described("root"), described("fine"),
             described("climbs", HomeDirectoryMappings=[{"Entry": "/", "Target": "/bucket/../etc"}]),
             described("typed", HomeDirectoryMappings="all")]
    summary, err = bring(service, here, Script(users), status=1)
    assert (summary["Created"], summary["Refused"], summary["Users"]) == (1, 6, 7)
    assert set(here.users()) == {"fine"} and {item["UserName"] for item in summary["RefusedUsers"]} == \
        {"zero", "low", "none", "root", "climbs", "typed"}
    assert err.count("\n") == 6 and "zero: " in err and "line" not in err


def test_what_this_host_cannot_honour(service, here):
    """By kind, with who and why."""
    (here.directory / "here").mkdir()
    here.configure(f"DataRoot {here.directory}", "Bucket data /data")
    home = [{"Entry": "/", "Target": target} for target in ("/data/x", "/here/x", "/gone/x")]
    users = [described("nohome", HomeDirectoryType="PATH", HomeDirectoryMappings=[]),
             described("policy", Policy="{}", HomeDirectoryMappings=home[:1]),
             described("profile", HomeDirectoryMappings=home[1:2]), described("daemon", HomeDirectoryMappings=home[2:]),
             described("one", PosixProfile={"Uid": 65534, "Gid": 65533}, HomeDirectoryMappings=home[:1]),
             described("path", HomeDirectoryType="PATH", HomeDirectoryMappings=[], HomeDirectory="/pathbucket/path")]
    del users[2]["PosixProfile"]
    script = Script(users, Protocols=["SFTP", "FTPS"], EndpointType="VPC", EndpointDetails={"VpcId": "vpc-1"},
                    WorkflowDetails={"OnUpload": [{"WorkflowId": "w-1"}]}, PreAuthenticationLoginBanner="hello",
                    HostKeyFingerprint="SHA256:abc", LoggingRole=ROLE, Colour="red",
                    Tags=[{"Key": "team", "Value": "ops"}])
    summary, _ = bring(service, here, script)
    told = left(summary)
    assert summary["Created"] == 6 and told["NoHomeDirectory"] == [("nohome", "")] and told["Policy"] == [("policy", "")]
    assert told["NoPosixProfile"] == [("profile", "")]
    assert sorted(told["LocalAccount"]) == [("daemon", "the name stands in /etc/passwd"),
                                            ("one", "uid 65534 stands in /etc/passwd")]
    assert sorted(told["Bucket"]) == [(None, "Bucket gone PATH"), (None, "Bucket pathbucket PATH")]
    server = [detail.split(":")[0] for _, detail in told["Server"]]
    assert sorted(server) == ["Colour", "EndpointDetails", "EndpointType", "LoggingRole", "PreAuthenticationLoginBanner",
                              "Protocols", "Role of each user", "WorkflowDetails", "host key SHA256"]
    made = here.ok("describe-server", "--server-id", SERVER)["Server"]
    assert (made["Protocols"], made["EndpointType"], made["PreAuthenticationLoginBanner"]) == (["SFTP"], "PUBLIC", "hello")
    assert made["Tags"] == [{"Key": "team", "Value": "ops"}] and made["State"] == "ONLINE"
    here.configure("DefaultPosixProfile 2000:2000", "PathShowsAll yes")
    told = left(bring(service, here, script)[0])
    assert not {"NoPosixProfile", "NoHomeDirectory"} & set(told)


def test_the_summary_for_people(service, here):
    service.script(Script([described("alice"), described("bob", PosixProfile={"Uid": 0, "Gid": 0})], State="OFFLINE"))
    code, out, err = here.bring(service.url, "--ca-bundle", service.ca_file)
    assert code == 1 and err.startswith("bob: ") and err.count("\n") == 1
    assert "State: it is OFFLINE, as there" in out and "    Bucket bucket PATH\n" in out
    assert out.endswith(f"server {SERVER} of {service.url}, into {SERVER}, which was made; berth.conf needs its ServerId to "
                        "serve it\ncreated 1, replaced 0, unchanged 0, refused 1; 2 users\n")


def test_users_of_another_identity_provider(service, here):
    service.script(Script([], IdentityProviderType="AWS_LAMBDA"))
    code, out, err = here.bring(service.url, "--ca-bundle", service.ca_file)
    assert (code, out) == (255, "") and "IdentityProviderType is AWS_LAMBDA" in err and not here.store.exists()


def test_one_user_that_cannot_be_had(service, here):
    """The others come; one who is gone meanwhile isn't missed."""
    users = {name: described(name) for name in ("alice", "bob", "carol", "dora", "emil")}
    users["bob"] = refusal("InternalServiceError", "the record can't be read", 500)
    users["carol"] = refusal("ResourceNotFoundException", "Unknown user", Resource="carol", ResourceType="User")
    users["dora"] = described("somebody")
    summary, err = bring(service, here, Script(users), status=1)
    assert (summary["Created"], summary["Refused"], summary["Complete"]) == (2, 2, True)
    assert "bob: the record can't be read\n" in err and 'dora: The answer is about another user, "somebody"' in err
    assert left(summary)["Gone"] == [("carol", "")] and set(here.users()) == {"alice", "emil"}


def test_a_session_that_expires(service, here):
    """As AWS says it. Those who were fetched stay, and the way on is said."""
    script = Script([described(f"user{number}") for number in range(40)])
    describe, count = script.DescribeUser, iter(range(1000))
    script.DescribeUser = lambda members: describe(members) if next(count) < 20 else refusal(
        "ExpiredTokenException", "The security token included in the request is expired")
    service.script(script)
    code, out, err = here.bring(service.url, "--ca-bundle", service.ca_file)
    assert code == 255 and "The security token included in the request is expired" in err
    assert err.endswith(f"berth import: it ended with 20 users done{AGAIN}\n") and "created 20," in out
    assert here.count() == 20


def test_a_user_who_is_listed_twice(service, here):
    script = Script([described("alice")])
    script.pages = lambda members: {"Users": [{"UserName": "alice"}] * 3}
    summary, err = bring(service, here, script)
    assert (summary["Created"], summary["Unchanged"], err) == (1, 2, "")


def test_the_greatest_record(service, here):
    mappings = [{"Entry": f"/entry{number:05d}", "Target": f"/bucket/{'x' * 100}/{number}"} for number in range(50000)]
    summary, err = bring(service, here, Script([described("great", HomeDirectoryMappings=mappings), described("small")]))
    assert (summary["Created"], err) == (2, "") and here.users()["great"]["HomeDirectoryMappings"] == mappings


def test_lists_that_do_not_end(service, here):
    """A token that leads to itself, or in a circle, or is none; names that can be none."""
    script = Script([described("alice")])
    script.pages = lambda members: {"Users": [{"UserName": "alice"}], "NextToken": "again"}
    service.script(script)
    code, _, err = here.bring(service.url, "--ca-bundle", service.ca_file)
    assert code == 255 and "NextToken leads to the same page" in err
    following = {None: "a", "a": "b", "b": "c", "c": "a"}
    script.pages = lambda members: {"Users": [{"UserName": "alice"}], "NextToken": following[members.get("NextToken")]}
    code, _, err = here.bring(service.url, "--ca-bundle", service.ca_file)
    assert code == 255 and "NextToken leads to the same page" in err
    script.pages = lambda members: {"Users": [], "NextToken": "a" * 10000}
    code, _, err = here.bring(service.url, "--ca-bundle", service.ca_file)
    assert code == 255 and "NextToken is too long" in err
    script.pages = lambda members: {"Users": [{"UserName": "a" * 5000}, {"UserName": "a b\x1b[2J"}, {}, 7,
                                              {"UserName": "alice"}]}
    summary, err = bring(service, here, script, status=1)
    assert summary["Refused"] == 4 and "\x1b" not in err and max(map(len, err.splitlines())) < 300
    script.pages = lambda members: {"Users": "all"}
    service.script(script)
    code, _, err = here.bring(service.url, "--ca-bundle", service.ca_file)
    assert code == 255 and "ListUsers: the answer has no Users" in err


def test_throttled_at_once_and_for_a_while(service, here):
    """Retry-After is honoured, by all, and the number at once is halved and grows back."""
    script = Script([described(f"user{number}") for number in range(60)])
    now, most, together = 0, [], threading.Lock()
    refused, first = [], threading.Barrier(8)

    def describe(members):
        nonlocal now
        with together:
            now += 1
            most.append((time.monotonic(), now))
            number = len(most)
        throttle = number == 30
        if number <= 8:
            first.wait(60)
        if throttle:
            refused.append(time.monotonic())
        time.sleep(0.02)
        with together:
            now -= 1
        if throttle:
            return refusal("ThrottlingException", "Rate exceeded", headers={"Retry_After": "2"})
        return Script.DescribeUser(script, members)

    script.DescribeUser = describe
    summary, err = bring(service, here, script)
    assert (summary["Created"], err) == (60, "")
    assert max(count for _, count in most) == 8
    later = [(at - refused[0], count) for at, count in most if at > refused[0] + 1]
    assert len(most) == 61 and later[0][0] >= 2 and max(count for _, count in later[:8]) <= 5


# -- flags -------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("words, said", [
    (["--from", "transfer:ftp://x"], "not a URL that begins with https://"),
    (["--from", "transfer:http://sftp.example.com"], "could be read on the way"),
    (["--from", "transfer:", "users.jsonl"], "there is no file"),
    (["--from", "transfer:", "--resume", "--replace"], "one of both"),
    (["--from", "transfer:", "--role", ROLE], "--role goes with"),
    (["--from", "transfer:", "--region", "x.example.com/"], "argument --region"),
    (["--from", "transfer:", "--home", "/home"], "go with --from users.conf"),
    (["--resume"], "go with --from transfer:"),
    (["--from", "passwd", "--profile", "x", "/etc/passwd"], "go with --from transfer:"),
])
def test_flags(here, words, said):
    done = subprocess.run([BERTH, "import", "--config", here.config, *words], text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (252, "") and said in done.stderr
