"""Public keys, real and broken, through the real command.

Each case is a body, and what must become of it: stored in its one form, with OpenSSH agreeing on which key it is; or refused
with words that say what it looks like or what is wrong with it, the store unchanged. OpenSSH's verdict is that of
ssh-keygen -l, which reads a key with sshd's code; a case that it takes and Berth doesn't says why.
"""
import base64
import collections
import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import sqlite3
import struct
import subprocess
import tempfile

import pytest

from admin_command import Admin, ROLE

OPTIONS = 'restrict,command="internal-sftp -l INFO" '  # what berth-keys puts in front of a key
PATTERN = "ValidationException"
RULE = "InvalidRequestException"
HOST = "ssh-keygen -l passes over a host in front; sshd wouldn't"

P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
P521 = 2**521 - 1
ED25519_P = 2**255 - 19
ORDER_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"

Taken = collections.namedtuple("Taken", "body private", defaults=(None,))
Refused = collections.namedtuple("Refused", "body error words why_all_the_same", defaults=(None,))


# Blobs.

def field(data):
    return struct.pack(">I", len(data)) + data


def fields(text):
    """The blob of a line, as its strings."""
    blob, found = base64.b64decode(text.split()[1]), []
    while blob:
        length, = struct.unpack(">I", blob[:4])
        found.append(blob[4:4 + length])
        blob = blob[4 + length:]
    return found


def integer(number):
    """An mpint: with a zero in front when its top bit would make it negative."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big") if number else b""


def line(kind, *strings, tail=b"", comment="made by hand"):
    blob = b"".join(field(string) for string in strings) + tail
    return f"{kind} {base64.b64encode(blob).decode()} {comment}"


def rsa(exponent, modulus, **others):
    """Each an integer, or the bytes of one."""
    exponent, modulus = (integer(part) if isinstance(part, int) else part for part in (exponent, modulus))
    return line("ssh-rsa", b"ssh-rsa", exponent, modulus, **others)


def odd(bits):
    """A number of that many bits which is no product of primes that anybody knows; readers of public keys can't tell."""
    return int.from_bytes(os.urandom(bits // 8 + 1), "big") % 2**(bits - 1) | 2**(bits - 1) | 1


def ecdsa(point, curve=b"nistp256", kind="ecdsa-sha2-nistp256"):
    return line(kind, kind.encode(), curve, point)


def ed25519(point, kind="ssh-ed25519"):
    return line(kind, b"ssh-ed25519", point)


def padded(text, characters, filler="x"):
    """With a comment that brings it to so many characters."""
    text = " ".join(text.split()[:2]) + " "
    return text + filler * (characters - len(text))


def cut(text, keep):
    """The blob's first bytes, encoded anew."""
    kind, encoded = text.split()[:2]
    return f"{kind} {base64.b64encode(base64.b64decode(encoded)[:keep]).decode()}"


def with_base64(text, change):
    kind, encoded = text.split()[:2]
    return f"{kind} {change(encoded)}"


def spare_bits(encoded):
    """The last character before the padding, with a bit that belongs to no byte."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    stem = encoded.rstrip("=")
    assert stem != encoded
    return stem[:-1] + alphabet[alphabet.index(stem[-1]) | 1] + encoded[len(stem):]


# The corpus' real half.

class Keys:
    """What ssh-keygen and openssl make. keys[name] is a public key as its file has it."""

    MADE = {"rsa1024": "-t rsa -b 1024", "rsa2048": "-t rsa -b 2048", "rsa3072": "-t rsa -b 3072",
            "rsa4096": "-t rsa -b 4096", "ecdsa256": "-t ecdsa -b 256", "ecdsa384": "-t ecdsa -b 384",
            "ecdsa521": "-t ecdsa -b 521", "ed25519": "-t ed25519", "other": "-t ed25519", "dsa": "-t dsa",
            "ca": "-t ed25519"}

    def __init__(self, directory):
        self.directory = directory
        running = [subprocess.Popen(["ssh-keygen", "-q", "-N", "", "-C", f"{name}@host", "-f", directory / name,
                                     *flags.split()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                   for name, flags in self.MADE.items()]
        for process in running:
            process.wait()
        for name in ("rsa2048", "ecdsa256", "ed25519"):
            self.run("ssh-keygen", "-q", "-s", directory / "ca", "-I", "id", "-n", "alice", directory / f"{name}.pub")

    def run(self, *words):
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout

    def __getitem__(self, name):
        path = self.directory / f"{name}.pub"
        if not path.exists():
            pytest.skip(f"ssh-keygen makes no key of {self.MADE[name]}")
        return path.read_text()

    def path(self, name):
        return self.directory / name

    def private(self, name):
        return self.path(name).read_text()

    def base64(self, name):
        return self[name].split()[1]

    def strings(self, name):
        return fields(self[name])

    def exported(self, name, *flags):
        return self.run("ssh-keygen", "-e", *flags, "-f", self.path(f"{name}.pub"))

    def private_pem(self):
        return self.run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")

    def certificate_x509(self):
        return self.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=alice", "-keyout",
                        "/dev/null")

    def fingerprint_line(self, name, *flags):
        return self.run("ssh-keygen", "-l", *flags, "-f", self.path(f"{name}.pub"))

    def hashed_host(self, name):
        path = self.directory / "known_hosts"
        path.write_text(f"sftp.example.com {self[name]}")
        self.run("ssh-keygen", "-q", "-H", "-f", path)
        return path.read_text()


def off_curve(keys, name="ecdsa256"):
    kind, curve, point = keys.strings(name)
    return ecdsa(point[:-1] + bytes([point[-1] ^ 1]), curve, kind.decode())


def compressed(point):
    half = len(point) // 2
    return bytes([2 + point[-1] % 2]) + point[1:1 + half]


def hybrid(point):
    return bytes([6 + point[-1] % 2]) + point[1:]


def beyond_the_field(keys):
    """The same point with p added to x, for which P-521's 66 bytes have room."""
    kind, curve, point = keys.strings("ecdsa521")
    x = int.from_bytes(point[1:67], "big") + P521
    return ecdsa(point[:1] + x.to_bytes(66, "big") + point[67:], curve, kind.decode())


def huge_length(text, which):
    """The length of one of the blob's strings as 0xffffffff."""
    strings = [field(string) for string in fields(text)]
    strings[which] = b"\xff\xff\xff\xff" + strings[which][4:]
    return f"{text.split()[0]} {base64.b64encode(b''.join(strings)).decode()}"


def wrapped(text, width=64):
    kind, encoded = text.split()[:2]
    return f"{kind} " + "\n".join(encoded[at:at + width] for at in range(0, len(encoded), width))


# What a person may have in front of a key, or instead of one.

PPK = """PuTTY-User-Key-File-3: ssh-ed25519
Encryption: none
Comment: alice
Public-Lines: 2
AAAAC3NzaC1lZDI1NTE5AAAAIHJDRyv0G5Rj7CLb0cXJjYvGbPxYbBVZb8f0pPp8
KEY7
Private-Lines: 1
AAAAIEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaMDEyMzQ1
Private-MAC: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
"""
PGP = """-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEZXwXKxYJKwYBBAHaRw8BAQdAQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaMDEy
MzQ1tAVhbGljZQ==
-----END PGP PUBLIC KEY BLOCK-----
"""

TAKEN = {
    "rsa 2048": lambda k: Taken(k["rsa2048"], "rsa2048"),
    "rsa 3072": lambda k: Taken(k["rsa3072"], "rsa3072"),
    "rsa 4096": lambda k: Taken(k["rsa4096"], "rsa4096"),
    "rsa 8192": lambda k: Taken(rsa(65537, odd(8192))),
    "rsa, as long as the body may be": lambda k: Taken(padded(rsa(65537, odd(12000)), 2048)),
    "rsa of 2049 bits": lambda k: Taken(rsa(65537, odd(2049))),
    "rsa with exponent 3": lambda k: Taken(rsa(3, odd(2048))),
    "rsa with exponent 35": lambda k: Taken(rsa(35, odd(2048))),
    "rsa with an exponent of 64 bits": lambda k: Taken(rsa(2**64 - 1, odd(4096))),
    "ecdsa 256": lambda k: Taken(k["ecdsa256"], "ecdsa256"),
    "ecdsa 384": lambda k: Taken(k["ecdsa384"], "ecdsa384"),
    "ecdsa 521": lambda k: Taken(k["ecdsa521"], "ecdsa521"),
    "ed25519": lambda k: Taken(k["ed25519"], "ed25519"),
    "no comment": lambda k: Taken(f"ssh-ed25519 {k.base64('ed25519')}"),
    "no line end": lambda k: Taken(k["ed25519"].strip()),
    "CRLF": lambda k: Taken(k["ed25519"].strip() + "\r\n"),
    "CR alone": lambda k: Taken(k["ed25519"].strip() + "\r"),
    "tabs": lambda k: Taken(k["ed25519"].replace(" ", "\t")),
    "several blanks": lambda k: Taken(k["ed25519"].replace(" ", "  \t ")),
    "blanks in the comment": lambda k: Taken(k["ed25519"].strip() + " of   alice's\t\tlaptop  "),
    "white space in front": lambda k: Taken("\n\t  \r\n" + k["ed25519"]),
    "white space of all kinds around": lambda k: Taken("\v\f " + k["ed25519"] + " \v\f\n\n\t"),
    "comment in UTF-8": lambda k: Taken(k["ecdsa256"].strip() + " Zoë’s ноутбук 🔑\n"),
    "no-break space in the comment": lambda k: Taken(k["ed25519"].strip() + " a\u00a0b"),
    "comment that speaks of other things":
        lambda k: Taken(k["ed25519"].strip() + " -----BEGIN PGP PRIVATE KEY ssh-rsa SHA256:x command=\"ls\" # {"),
    "comment of all printable ASCII": lambda k: Taken(k["ed25519"].strip() + "".join(map(chr, range(0x21, 0x7f)))),
    "comment like base64": lambda k: Taken(f"ssh-ed25519 {k.base64('ed25519')} AAAA==="),
    "2,048 characters": lambda k: Taken(padded(k["ed25519"], 2048)),
    "2,048 characters with the line end": lambda k: Taken(padded(k["rsa2048"], 2047) + "\n"),
    "2,048 characters of two bytes": lambda k: Taken(padded(k["ed25519"], 2048, "é")),
    "2,048 characters of four bytes": lambda k: Taken(padded(k["ed25519"], 2048, "🔑")),
}

REFUSED = {
    # Of a right type, and yet not to be had.
    "rsa 1024": lambda k: Refused(k["rsa1024"], RULE, "1024 bits; MinRsaBits asks for at least 2048", "MinRsaBits"),
    "rsa 2047": lambda k: Refused(rsa(65537, odd(2047)), RULE, "2047 bits; MinRsaBits asks for at least 2048",
                                  "MinRsaBits"),
    "rsa 16384": lambda k: Refused(rsa(65537, odd(16384)), PATTERN, "length less than or equal to 2048",
                                   "longer than the API's body"),
    "rsa, exponent 1": lambda k: Refused(rsa(1, odd(2048)), RULE, "exponent is 1, with which anybody can sign",
                                         "any signature verifies"),
    "rsa, exponent 0": lambda k: Refused(rsa(0, odd(2048)), RULE, "exponent is zero", "not an RSA key"),
    "rsa, even exponent": lambda k: Refused(rsa(65536, odd(2048)), RULE, "exponent is even", "not an RSA key"),
    "rsa, exponent of 65 bits": lambda k: Refused(rsa(2**64 + 1, odd(4096)), RULE, "exponent has 65 bits",
                                                  "sshd verifies no signature with it"),
    "rsa, exponent of 2048 bits": lambda k: Refused(rsa(odd(2048), odd(2048)), RULE, "exponent has 2048 bits",
                                                    "to verify with it takes as long as to sign"),
    "rsa, negative exponent": lambda k: Refused(rsa(b"\x81\x00\x01", odd(2048)), RULE, "exponent is negative"),
    "rsa, exponent with zeros in front":
        lambda k: Refused(rsa(b"\0\x01\0\x01", odd(2048)), RULE, "exponent is written with needless zeros",
                          "two bodies for one key"),
    "rsa, even modulus": lambda k: Refused(rsa(65537, odd(2048) - 1), RULE, "modulus is even", "2 divides it"),
    "rsa, modulus 0": lambda k: Refused(rsa(65537, 0), RULE, "modulus is zero"),
    "rsa, modulus of one zero byte": lambda k: Refused(rsa(65537, b"\0"), RULE, "modulus is written with needless zeros"),
    "rsa, negative modulus": lambda k: Refused(rsa(65537, odd(2048).to_bytes(256, "big")), RULE, "modulus is negative"),
    "rsa, modulus with zeros in front":
        lambda k: Refused(rsa(65537, b"\0" + integer(odd(2048))), RULE, "modulus is written with needless zeros",
                          "two bodies for one key"),
    "rsa, modulus and exponent exchanged":
        lambda k: Refused(rsa(odd(2048), 65537), RULE, "exponent has 2048 bits"),
    "ecdsa, off its curve": lambda k: Refused(off_curve(k), RULE, "not on its curve"),
    "ecdsa 384, off its curve": lambda k: Refused(off_curve(k, "ecdsa384"), RULE, "not on its curve"),
    "ecdsa 521, off its curve": lambda k: Refused(off_curve(k, "ecdsa521"), RULE, "not on its curve"),
    "ecdsa, coordinates 0": lambda k: Refused(ecdsa(b"\4" + bytes(64)), RULE, "not on its curve"),
    "ecdsa, coordinates p": lambda k: Refused(ecdsa(b"\4" + 2 * P256.to_bytes(32, "big")), RULE, "not on its curve"),
    "ecdsa, coordinate beyond p": lambda k: Refused(beyond_the_field(k), RULE, "not on its curve"),
    "ecdsa, the point at infinity": lambda k: Refused(ecdsa(b"\0"), RULE, "not an uncompressed one"),
    "ecdsa, no point": lambda k: Refused(ecdsa(b""), RULE, "not an uncompressed one"),
    "ecdsa, compressed point": lambda k: Refused(ecdsa(compressed(k.strings("ecdsa256")[2])), RULE,
                                                 "not an uncompressed one"),
    "ecdsa, hybrid point": lambda k: Refused(ecdsa(hybrid(k.strings("ecdsa256")[2])), RULE, "not an uncompressed one"),
    "ecdsa, point of another curve": lambda k: Refused(ecdsa(k.strings("ecdsa384")[2]), RULE, "not an uncompressed one"),
    "ecdsa, another curve's name": lambda k: Refused(ecdsa(k.strings("ecdsa256")[2], b"nistp384"), RULE,
                                                     "curve inside the key"),
    "ecdsa, a curve of no name": lambda k: Refused(ecdsa(k.strings("ecdsa256")[2], b""), RULE, "curve inside the key"),
    "ed25519 of 31 bytes": lambda k: Refused(ed25519(k.strings("ed25519")[1][:31]), RULE, "31 bytes instead of 32"),
    "ed25519 of 33 bytes": lambda k: Refused(ed25519(k.strings("ed25519")[1] + b"\0"), RULE, "33 bytes instead of 32"),
    "ed25519 of no bytes": lambda k: Refused(ed25519(b""), RULE, "0 bytes instead of 32"),
    "ed25519, the neutral point": lambda k: Refused(ed25519(b"\1" + bytes(31)), RULE, "small order",
                                                    "sshd takes a signature of zeros for it"),
    "ed25519, all zeros": lambda k: Refused(ed25519(bytes(32)), RULE, "small order", "anybody can sign"),
    "ed25519, order 8": lambda k: Refused(ed25519(bytes.fromhex(ORDER_8)), RULE, "small order", "anybody can sign"),
    "ed25519, order 8, negative": lambda k: Refused(ed25519(bytes.fromhex(ORDER_8[:-2] + "85")), RULE, "small order",
                                                    "anybody can sign"),
    "ed25519, order 1 beyond p": lambda k: Refused(ed25519((ED25519_P + 1).to_bytes(32, "little")), RULE, "small order",
                                                   "anybody can sign"),

    # The frame of the blob.
    "type in front is another": lambda k: Refused(f"ssh-rsa {k.base64('ed25519')}", RULE, "type inside the key"),
    "ecdsa 256 called 384": lambda k: Refused(f"ecdsa-sha2-nistp384 {k.base64('ecdsa256')}", RULE, "type inside the key"),
    "ed25519 called sk-": lambda k: Refused(f"sk-ssh-ed25519@openssh.com {k.base64('ed25519')}", PATTERN,
                                            "security token"),
    "certificate called ed25519": lambda k: Refused(f"ssh-ed25519 {k.base64('ed25519-cert')}", RULE, "type inside the key"),
    "inner type with a NUL": lambda k: Refused(line("ssh-ed25519", b"ssh-ed25519\0", k.strings("ed25519")[1]), RULE,
                                               "type inside the key", "two bodies for one key"),
    "inner type longer": lambda k: Refused(line("ssh-ed25519", b"ssh-ed25519x", k.strings("ed25519")[1]), RULE,
                                           "type inside the key"),
    "trailing byte in the blob": lambda k: Refused(line("ssh-ed25519", *k.strings("ed25519"), tail=b"\0"), RULE,
                                                   "bytes trail the key"),
    "trailing string in the blob": lambda k: Refused(line("ssh-rsa", *k.strings("rsa2048"), b"more"), RULE,
                                                     "bytes trail the key"),
    "trailing byte after an ecdsa point": lambda k: Refused(
        line("ecdsa-sha2-nistp256", *k.strings("ecdsa256"), tail=b"\0"), RULE, "bytes trail the key"),
    "trailing base64": lambda k: Refused(f"ssh-ed25519 {k.base64('ed25519')}AAAA", RULE, "bytes trail the key"),
    "blob cut in the type": lambda k: Refused(cut(k["ed25519"], 9), RULE, "cut short"),
    "blob cut in a length": lambda k: Refused(cut(k["ed25519"], 17), RULE, "cut short"),
    "blob cut in ed25519": lambda k: Refused(cut(k["ed25519"], 48), RULE, "cut short"),
    "blob cut in the exponent": lambda k: Refused(cut(k["rsa2048"], 16), RULE, "exponent is cut short"),
    "blob cut in the modulus": lambda k: Refused(cut(k["rsa2048"], 200), RULE, "modulus is cut short"),
    "blob cut in the point": lambda k: Refused(cut(k["ecdsa256"], 100), RULE, "cut short"),
    "length of the type 0xffffffff": lambda k: Refused(huge_length(k["ed25519"], 0), RULE, "cut short"),
    "length of the point 0xffffffff": lambda k: Refused(huge_length(k["ecdsa256"], 2), RULE, "cut short"),
    "length of the modulus 0xffffffff": lambda k: Refused(huge_length(k["rsa2048"], 2), RULE, "modulus is cut short"),

    # Base64.
    "base64 cut to 40 characters": lambda k: Refused(with_base64(k["ed25519"], lambda text: text[:40]), RULE, "cut short"),
    "base64 cut to 41 characters": lambda k: Refused(with_base64(k["ed25519"], lambda text: text[:41]), RULE, "cut short"),
    "padding missing": lambda k: Refused(with_base64(k["ecdsa256"], lambda text: text.rstrip("=")), RULE, "cut short"),
    "padding too long": lambda k: Refused(with_base64(k["ecdsa256"], lambda text: text + "="), RULE, "malformed"),
    "padding without need": lambda k: Refused(with_base64(k["ed25519"], lambda text: text + "==="), RULE, "malformed"),
    "padding of four": lambda k: Refused(with_base64(k["ed25519"], lambda text: text + "===="), PATTERN, "pattern"),
    "spare bits set": lambda k: Refused(with_base64(k["ecdsa256"], spare_bits), RULE, "not in canonical form"),
    "padding, then more": lambda k: Refused(with_base64(k["ecdsa256"], lambda text: text + "AAAA"), PATTERN, "pattern"),
    "URL's alphabet": lambda k: Refused(with_base64(k["ed25519"], lambda text: text[:30] + "-_" + text[32:]), PATTERN,
                                        "pattern"),
    "base64 broken by a blank": lambda k: Refused(with_base64(k["ed25519"], lambda text: text[:30] + " " + text[30:]), RULE,
                                                  "cut short"),
    "base64 broken into lines": lambda k: Refused(wrapped(k["rsa2048"]), PATTERN, "broken into several lines; join them"),
    "empty base64": lambda k: Refused("ssh-ed25519 ", RULE, "the key itself is missing"),
    "empty base64 and a comment": lambda k: Refused("ssh-ed25519  alice@host", RULE, "base64"),
    "only a type": lambda k: Refused("ssh-ed25519", PATTERN, "pattern"),
    "no-break space before the base64": lambda k: Refused(k["ed25519"].replace(" ", "\u00a0", 1), PATTERN, "pattern"),

    # The body's bounds and its comment.
    "empty": lambda k: Refused("", PATTERN, "nothing at all"),
    "white space alone": lambda k: Refused(" \r\n\t", PATTERN, "nothing at all"),
    "2,049 characters": lambda k: Refused(padded(k["ed25519"], 2049), PATTERN, "length less than or equal to 2048",
                                          "longer than the API's body"),
    "2,049 characters with the line end": lambda k: Refused(padded(k["ed25519"], 2048) + "\n", PATTERN,
                                                            "length less than or equal to 2048",
                                                            "longer than the API's body"),
    "2,049 characters of two bytes": lambda k: Refused(padded(k["ed25519"], 2049, "é"), PATTERN,
                                                       "length less than or equal to 2048", "longer than the API's body"),
    "2,049 characters of white space": lambda k: Refused(k["ed25519"] + "\n" * (2049 - len(k["ed25519"])), PATTERN,
                                                         "length less than or equal to 2048", "longer than the API's body"),
    "escape in the comment": lambda k: Refused(k["ed25519"].strip() + "\033[2J", RULE, "control character",
                                               "it would act on a terminal"),
    "backspace in the comment": lambda k: Refused(k["ed25519"].strip() + "\b\b", RULE, "control character",
                                                  "it would act on a terminal"),
    "DEL in the comment": lambda k: Refused(k["ed25519"].strip() + "\x7f", RULE, "control character",
                                            "it would act on a terminal"),
    "NEL in the comment": lambda k: Refused(k["ed25519"].strip() + "a\u0085b", RULE, "control character",
                                            "a line end to some readers"),
    "CSI in the comment": lambda k: Refused(k["ed25519"].strip() + "a\u009b2J", RULE, "control character",
                                            "it would act on a terminal"),
    "vertical tab in the comment": lambda k: Refused(k["ed25519"].strip() + "\va", PATTERN, "pattern",
                                                     "the API's pattern"),

    # More than a key.
    "two keys": lambda k: Refused(k["ed25519"] + k["other"], PATTERN, "several lines, as in an authorized_keys file",
                                  "one key a call"),
    "one key twice": lambda k: Refused(2 * k["ed25519"], PATTERN, "several lines", "one key a call"),
    "two keys, CR between": lambda k: Refused(k["ed25519"].strip() + "\r" + k["other"], PATTERN, "several lines",
                                              "one key a call"),
    "an authorized_keys file": lambda k: Refused("# alice\n" + k["ed25519"] + 'from="10.0.0.0/8" ' + k["rsa2048"], PATTERN,
                                                 "several lines, as in an authorized_keys file", "one key a call"),
    "a comment line": lambda k: Refused("# " + k["ed25519"], PATTERN, "a comment"),
    "command=": lambda k: Refused('command="x" ' + k["ed25519"], PATTERN, "options in front", "Berth sets the options"),
    "command= with blanks": lambda k: Refused('command="ls -l /x.y" ' + k["ed25519"], PATTERN, "options in front",
                                              "Berth sets the options"),
    "restrict": lambda k: Refused("restrict " + k["ed25519"], PATTERN, "options in front", "Berth sets the options"),
    "no-pty,from=": lambda k: Refused('no-pty,from="10.0.0.1" ' + k["rsa2048"], PATTERN, "options in front",
                                      "Berth sets the options"),
    "cert-authority": lambda k: Refused("cert-authority " + k["ca"], PATTERN, "options in front", "Berth sets the options"),
    "environment=": lambda k: Refused('environment="A=b" ' + k["ecdsa256"], PATTERN, "options in front",
                                      "Berth sets the options"),
    "known_hosts": lambda k: Refused("sftp.example.com,192.0.2.1 " + k["ed25519"], PATTERN, "known_hosts", HOST),
    "known_hosts, a port": lambda k: Refused("[sftp.example.com]:2222 " + k["ed25519"], PATTERN, "known_hosts", HOST),
    "known_hosts, hashed": lambda k: Refused(k.hashed_host("ed25519"), PATTERN, "known_hosts", HOST),
    "known_hosts, marked": lambda k: Refused("@cert-authority *.example.com " + k["ca"], PATTERN, "known_hosts"),

    # Types that aren't Berth's.
    "dsa": lambda k: Refused(k["dsa"], RULE, "a DSA key", "sshd hasn't allowed it since 7.0"),
    "sk-ssh-ed25519": lambda k: Refused(
        line("sk-ssh-ed25519@openssh.com", b"sk-ssh-ed25519@openssh.com", k.strings("ed25519")[1], b"ssh:"), PATTERN,
        "security token", "the API has no such type"),
    "sk-ecdsa": lambda k: Refused(
        line("sk-ecdsa-sha2-nistp256@openssh.com", b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256",
             k.strings("ecdsa256")[2], b"ssh:"), PATTERN, "security token", "the API has no such type"),
    "rsa certificate": lambda k: Refused(k["rsa2048-cert"], PATTERN, "a certificate; give the plain public key",
                                         "the API has no such type"),
    "ecdsa certificate": lambda k: Refused(k["ecdsa256-cert"], PATTERN, "a certificate", "the API has no such type"),
    "ed25519 certificate": lambda k: Refused(k["ed25519-cert"], PATTERN, "a certificate", "the API has no such type"),
    "ed448": lambda k: Refused(line("ssh-ed448", b"ssh-ed448", bytes(57)), RULE, "its type is unknown"),
    "ecdsa on a curve of no type": lambda k: Refused(ecdsa(b"\4" + bytes(56), b"nistp224", "ecdsa-sha2-nistp224"), RULE,
                                                     "its type is unknown"),
    "a very long type": lambda k: Refused("ssh-" + 500 * "a" + " " + k.base64("ed25519"), RULE, "its type is unknown"),
    "type in capitals": lambda k: Refused(k["ed25519"].replace("ssh-ed25519", "SSH-ED25519"), PATTERN, "pattern"),
    "protocol 1": lambda k: Refused(f"2048 35 {odd(2048)} alice", PATTERN, "SSH protocol 1"),
    "a type and no key": lambda k: Refused(k.base64("ed25519") + " alice", PATTERN, "a key without its type"),

    # Other formats.
    "SSH2": lambda k: Refused(k.exported("rsa2048"), PATTERN, "SSH2 (RFC 4716) format; convert it with ssh-keygen -i"),
    "PEM": lambda k: Refused(k.exported("rsa2048", "-m", "PEM"), PATTERN,
                             "PEM format; convert it with ssh-keygen -i -m PEM"),
    "PKCS8": lambda k: Refused(k.exported("ecdsa256", "-m", "PKCS8"), PATTERN,
                               "PEM format; convert it with ssh-keygen -i -m PKCS8"),
    "OpenSSH private key": lambda k: Refused(k.private("ed25519"), PATTERN, "a private key; keep it secret",
                                             "ssh-keygen -l opens it; sshd wouldn't"),
    "its middle": lambda k: Refused("".join(k.private("ed25519").splitlines()[1:-1]), PATTERN, "a private key"),
    "public and private key": lambda k: Refused(k["ed25519"] + k.private("ed25519"), PATTERN, "a private key",
                                                "one key a call"),
    "PEM private key": lambda k: Refused(k.private_pem(), PATTERN, "a private key"),
    "PuTTY private key": lambda k: Refused(PPK, PATTERN, "a private key"),
    "PGP": lambda k: Refused(PGP, PATTERN, "a PGP key"),
    "PGP private key": lambda k: Refused(PGP.replace("PUBLIC", "PRIVATE"), PATTERN, "a private key"),
    "X.509": lambda k: Refused(k.certificate_x509(), PATTERN, "an X.509 certificate"),
    "fingerprint line": lambda k: Refused(k.fingerprint_line("ed25519"), PATTERN, "a key's fingerprint"),
    "fingerprint line, MD5": lambda k: Refused(k.fingerprint_line("rsa2048", "-E", "md5"), PATTERN, "a key's fingerprint"),
    "fingerprint alone": lambda k: Refused(k.fingerprint_line("ed25519").split()[1], PATTERN, "a key's fingerprint"),
    "URL": lambda k: Refused("https://github.com/alice.keys", PATTERN, "an address"),
    "file name": lambda k: Refused("~/.ssh/id_ed25519.pub", PATTERN, "a file's name"),
    "JSON": lambda k: Refused('{"SshPublicKeyBody": "%s"}' % k["ed25519"].strip(), PATTERN, "JSON"),
    "quotation marks": lambda k: Refused('"%s"' % k["ed25519"].strip(), PATTERN, "quotation marks"),
    "byte order mark": lambda k: Refused("\ufeff" + k["ed25519"], PATTERN, "byte order mark"),
    "a word": lambda k: Refused("hello", PATTERN, "pattern"),
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def store():
    """One store for all cases, with a user who never gets a key."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="berth-admin-"))
    directory.chmod(0o711)  # the store's user has to get through
    admin = Admin(directory)
    admin.server_id = admin.ok("create-server")["ServerId"]
    admin.configure()
    admin.create_user("keyless")
    yield admin
    shutil.rmtree(directory)


@pytest.fixture
def user(store):
    """The name of a user who isn't there yet, and won't be afterwards."""
    yield "alice"
    store.run("delete-user", "--user-name", "alice")


def body_file(store, body):
    path = store.directory / "body"
    path.write_bytes(body.encode())
    return f"file://{path}"


def fingerprint(tmp_path, text):
    """What OpenSSH takes the text for, as a file of keys: a fingerprint, or None."""
    path = tmp_path / "line.pub"
    path.write_bytes(text.encode())
    done = subprocess.run(["ssh-keygen", "-lf", path], capture_output=True, check=False)
    return done.stdout.split()[1].decode() if done.returncode == 0 else None


def sha256(encoded):
    digest = hashlib.sha256(base64.b64decode(encoded, validate=True)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def stored_keys(store, user):
    """Types and base64 as the agent gives them to berth-keys."""
    with contextlib.closing(sqlite3.connect(f"file:{store.store}?mode=ro", uri=True)) as database:
        return database.execute("SELECT type, base64 FROM ssh_keys JOIN users USING (user_key) WHERE user_name = ?",
                                [user]).fetchall()


@pytest.mark.parametrize("case", TAKEN)
def test_taken(store, keys, user, tmp_path, case):
    body, private = TAKEN[case](keys)
    words = re.split("[ \t\n\v\f\r]+", body.strip(" \t\n\v\f\r"))
    store.create_user(user, "--ssh-public-key-body", body_file(store, body))
    stored = store.user(user)["SshPublicKeys"][0]["SshPublicKeyBody"]
    assert stored == " ".join(words)
    (kind, encoded), = stored_keys(store, user)
    assert [kind, encoded] == words[:2]
    assert fingerprint(tmp_path, stored + "\n") == sha256(encoded)
    assert fingerprint(tmp_path, f"{OPTIONS}{kind} {encoded}\n") == sha256(encoded)
    if private is not None:
        assert keys.run("ssh-keygen", "-y", "-f", keys.path(private)).split()[:2] == [kind, encoded]
    # The other way in, and the same key for it: it is there.
    said = store.refused("import-ssh-public-key", "--user-name", user, "--ssh-public-key-body", body_file(store, stored))
    assert "(ResourceExistsException)" in said


@pytest.mark.parametrize("case", REFUSED)
def test_refused(store, keys, user, tmp_path, case):
    body, error, words, why_all_the_same = REFUSED[case](keys)
    file = body_file(store, body)
    before = store.store.read_bytes()
    member = "Value at 'sshPublicKeyBody' failed to satisfy constraint: " if error == PATTERN else "SshPublicKeyBody: "
    for operation, words_of_it in (("ImportSshPublicKey", ("import-ssh-public-key", "--user-name", "keyless")),
                                   ("CreateUser", ("create-user", "--user-name", user, "--role", ROLE))):
        said = store.refused(*words_of_it, "--ssh-public-key-body", file)
        assert said.startswith(f"\nAn error occurred ({error}) when calling the {operation} operation: ")
        assert member in said
        assert words in said
        assert said.replace("\n", "").isprintable()
    assert store.store.read_bytes() == before
    assert (fingerprint(tmp_path, body) is not None) == (why_all_the_same is not None)


def test_generic_words_hint_at_nothing(store):
    """A body that is like nothing we know isn't said to look like something."""
    for body in ("hello", "ssh-ed25519", "SSH-RSA AAAA"):
        said = store.refused("import-ssh-public-key", "--user-name", "keyless", "--ssh-public-key-body", body)
        assert "this looks like" not in said


@pytest.mark.parametrize("flags", [(), ("-m", "PEM"), ("-m", "PKCS8")], ids=["SSH2", "PEM", "PKCS8"])
def test_what_a_refusal_advises_works(store, keys, user, flags):
    """The refusal names a command; what that command makes of the body is taken."""
    path = store.directory / "foreign"
    path.write_text(keys.exported("rsa2048", *flags))
    said = store.refused("create-user", "--user-name", user, "--role", ROLE, "--ssh-public-key-body", f"file://{path}")
    command = said[said.index("ssh-keygen -i"):].rstrip().rstrip(")").split()
    body = keys.run(*command, "-f", path)
    store.create_user(user, "--ssh-public-key-body", body_file(store, body))
    assert stored_keys(store, user) == [tuple(keys["rsa2048"].split()[:2])]


def test_the_floor_is_the_configurations(store, keys, user):
    store.configure("MinRsaBits 1024")
    try:
        store.create_user(user, "--ssh-public-key-body", body_file(store, keys["rsa1024"]))
    finally:
        store.configure()
