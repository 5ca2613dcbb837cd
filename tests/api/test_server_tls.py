"""berth-api over TLS: who trusts it, which versions, and a certificate that is replaced while clients are connected."""
import datetime
import os
import ssl
import subprocess

import botocore.exceptions
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from admin_command import ROLE
from api_host import PATIENCE
from boto3_client import new_client
from http_client import Client, ask, call
from test_server import MEGABYTE, crowd, describe, run_test


@pytest.fixture
def tls(host):
    """berth-api with a certificate."""
    host.configure(*host.make_certificate())
    host.start()
    return host


def trusting(host):
    return ssl.create_default_context(cafile=host.certificate)


def sdk(host, verify):
    return new_client(host.url, host.key, verify=str(verify))


def test_who_trusts_the_certificate(tls):
    assert "tls=yes" in tls.log()
    assert sdk(tls, tls.certificate).describe_server(ServerId=tls.server_id)["Server"]["State"] == "ONLINE"


def test_who_does_not(tls):
    with pytest.raises(botocore.exceptions.SSLError):
        sdk(tls, "/etc/ssl/certs/ca-certificates.crt").describe_server(ServerId=tls.server_id)
    assert not tls.log_file.exists() or tls.audit() == []


def test_plain_http_is_not_spoken(tls):
    with Client(tls) as client:
        client.send(describe(tls))
        assert b"HTTP/1.1 200" not in client.until_closed()


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_versions_taken(tls, version):
    context = trusting(tls)
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    with Client(tls, tls=context) as client:
        assert client.socket.version() == version.replace("_", ".")
        for _ in range(3):
            assert client.ask(describe(tls)).status == 200


@pytest.mark.parametrize("taken, flags", [
    (True, "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256@SECLEVEL=0"), (True, "-tls1_3"),
    (False, "-tls1_1 -cipher DEFAULT@SECLEVEL=0"), (False, "-tls1 -cipher DEFAULT@SECLEVEL=0"),
    (False, "-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA@SECLEVEL=0")])
def test_old_versions_and_ciphers(tls, taken, flags):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{tls.port}", "-servername", "localhost",
                           *flags.replace("@", ":@").split()], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=30, check=False)
    assert ("Cipher is (NONE)" not in done.stdout) == taken, done.stdout


def fingerprint(client):
    return client.socket.getpeercert(binary_form=True)


def test_certificate_is_replaced_without_dropping_a_connection(tls):
    with Client(tls, tls=trusting(tls)) as old:
        assert old.ask(describe(tls)).status == 200
        for count in range(1, 4):
            tls.make_certificate()
            tls.hangup()
            tls.wait_log("configuration reloaded", count)
            with Client(tls, tls=trusting(tls)) as fresh:
                assert fresh.ask(describe(tls)).status == 200
                assert fingerprint(fresh) != fingerprint(old)
            assert old.ask(describe(tls)).status == 200


def test_handshake_that_a_reload_overtakes(tls):
    """Begun with the old certificate, it ends with it."""
    context = trusting(tls)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    handshake = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with Client(tls) as client, pytest.raises(ssl.SSLWantReadError):
        handshake.do_handshake()
    with Client(tls) as client:
        hello = outgoing.read()
        client.send(hello[:40])
        ask(tls, describe(tls), tls=context)  # by now the other one's beginning has been read
        tls.make_certificate()
        tls.hangup()
        tls.wait_log("configuration reloaded")
        client.send(hello[40:])
        while True:
            try:
                handshake.do_handshake()
                break
            except ssl.SSLWantReadError:
                client.send(outgoing.read())
                incoming.write(client.socket.recv(65536))
        assert handshake.getpeercert(binary_form=True) is not None


def break_certificate(host, how):
    certificate, key = host.certificate, host.admin.store_directory / "key.pem"
    if how == "another's key":
        text = key.read_text()
        host.make_certificate()
        key.write_text(text)
    elif how == "others can read the key":
        key.chmod(0o644)
    elif how == "no key":
        key.unlink()
    elif how == "no certificate":
        certificate.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    else:
        os.truncate(certificate, 100)


@pytest.mark.parametrize("how, words", [
    ("another's key", "not the key of"), ("others can read the key", "others can read it"), ("no key", "No such file"),
    ("no certificate", "no certificate as PEM"), ("half a certificate", "no certificate as PEM")])
def test_faulty_certificate(tls, how, words):
    """A reload leaves the old one in force; a start, and -t, are refused."""
    context = trusting(tls)
    with Client(tls, tls=context) as old:
        assert old.ask(describe(tls)).status == 200
        break_certificate(tls, how)
        tls.hangup()
        tls.wait_log("configuration not reloaded, the old one stays")
        assert words in tls.log()
        with Client(tls, tls=context) as fresh:
            assert fresh.ask(describe(tls)).status == 200
            assert fingerprint(fresh) == fingerprint(old)
        assert old.ask(describe(tls)).status == 200
    assert tls.stop() == 0
    status, said = run_test(tls)
    assert status == 1 and words in said
    tls.start(wait=False)
    assert tls.process.wait(PATIENCE) == 1


def sign_for(host, begins, ends):
    """The host's certificate anew, valid from and to so many days from now."""
    key = serialization.load_pem_private_key((host.admin.store_directory / "key.pem").read_bytes(), None)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(),
                                   now + datetime.timedelta(begins), now + datetime.timedelta(ends)).sign(key, hashes.SHA256())
    host.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize("begins, ends, words", [(-9, -1, "has expired"), (1, 90, "isn't valid yet"), (-1, 90, "")])
def test_certificate_that_clients_refuse_is_said(tls, begins, ends, words):
    sign_for(tls, begins, ends)
    tls.hangup()
    tls.wait_log("configuration reloaded")
    status, said = run_test(tls)
    assert status == 0 and words in said and (words == "") == (said == "")


def test_certificate_that_expires_soon_is_said(tls):
    tls.wait_log("expires in less than 7 days")
    status, said = run_test(tls)
    assert status == 0 and said.startswith("warning: ApiCertificate: ")


def test_tls_comes_and_goes_with_a_start_alone(tls):
    tls.configure()
    tls.hangup()
    tls.wait_log("changes only when berth-api is started anew: tls=yes")
    tls.wait_log("configuration reloaded")
    assert ask(tls, describe(tls), tls=trusting(tls)).status == 200


def test_stalled_handshakes_keep_nobody_out(tls):
    with crowd(tls, 100) as stalled:
        for client in stalled[::2]:
            client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert ask(tls, describe(tls), tls=trusting(tls)).status == 200


def test_large_bodies_over_tls(tls):
    mappings = [{"Entry": f"/{n:0900}", "Target": f"/b/{n:0900}"} for n in range(2000)]
    members = {"ServerId": tls.server_id, "UserName": "alice"}
    with Client(tls, tls=trusting(tls)) as client:
        assert client.ask(call(tls, "CreateUser", {**members, "Role": ROLE, "HomeDirectoryType": "LOGICAL",
                                                   "HomeDirectoryMappings": mappings})).status == 200
        assert client.ask(call(tls, "DescribeUser", members)).json["User"]["HomeDirectoryMappings"] == mappings


def test_memory_of_200_connections(tls):
    context = trusting(tls)
    clients = [Client(tls, tls=context) for _ in range(200)]
    for client in clients:
        for _ in range(2):
            assert client.ask(describe(tls)).status == 200
    assert tls.memory() <= 32 * MEGABYTE
    for client in clients:
        client.socket.close()
