"""Lines for an import, and running one."""
import base64
import json
import os
import random
import subprocess

from admin_command import BERTH, ROLE

SUMMARY = "created %d, replaced %d, unchanged %d, refused %d; %d line%s\n"


def ed25519(chance):
    """The body of a key that nobody has the other half of."""
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + chance.randbytes(32)
    return "ssh-ed25519 " + base64.b64encode(blob).decode()


def key_id(chance):
    return "key-%017x" % chance.getrandbits(68)


def simple(number, chance=random):
    """A user with one key."""
    return {"UserName": "user%06d" % number, "Role": ROLE, "PosixProfile": {"Uid": 100000 + number, "Gid": 100000},
            "HomeDirectoryType": "LOGICAL",
            "HomeDirectoryMappings": [{"Entry": "/", "Target": "/bucket/home/user%06d" % number}],
            "SshPublicKeys": [{"SshPublicKeyBody": ed25519(chance)}]}


def lines(users):
    return "".join(json.dumps(user) + "\n" for user in users)


def simple_file(path, count, seed=1):
    chance = random.Random(seed)
    path.write_text(lines(simple(number, chance) for number in range(count)))
    return path


def word(chance, longest):
    letters = "abcXYZ0189_-. éß水😀"
    return "".join(chance.choice(letters) for _ in range(chance.randint(1, longest)))


def random_mappings(chance):
    if chance.random() < 0.3:
        return [{"Entry": "/", "Target": "/bucket/%s" % word(chance, 20).replace(".", "")}]
    mappings = []
    for number in range(chance.randint(1, 5)):
        mapping = {"Entry": "/entry %d/%s" % (number, chance.choice(["a", "b/c", "ü"])),
                   "Target": "/bucket%d/%s" % (number, chance.choice(["x", "y/z/", "深"]))}
        if chance.random() < 0.5:
            mapping["Type"] = chance.choice(["FILE", "DIRECTORY"])
        mappings.append(mapping)
    return mappings


def random_user(chance, number):
    """Any member there or not, in any shape that is allowed."""
    user = {"UserName": "r%05d%s" % (number, chance.choice(["", "@example.com", ".x", "-y", "_Z"])), "Role": ROLE}
    kind = chance.choice(["", "PATH", "LOGICAL"])
    if kind:
        user["HomeDirectoryType"] = kind
    if kind == "LOGICAL":
        user["HomeDirectoryMappings"] = random_mappings(chance)
    elif chance.random() < 0.6:
        user["HomeDirectory"] = "/bucket/" + word(chance, 40).replace(".", "")
    if chance.random() < 0.3:
        user["Policy"] = json.dumps({"Statement": word(chance, 300)}, ensure_ascii=chance.random() < 0.5)
    if chance.random() < 0.8:
        user["PosixProfile"] = {"Uid": chance.randint(1000, 2**31), "Gid": chance.randint(1000, 2**31)}
        if chance.random() < 0.4:
            user["PosixProfile"]["SecondaryGids"] = [chance.randint(1000, 2**31) for _ in range(chance.randint(0, 16))]
    if chance.random() < 0.4:
        user["Tags"] = [{"Key": "%d %s" % (tag, word(chance, 50)), "Value": chance.choice(["", word(chance, 200)])}
                        for tag in range(chance.choice([1, 2, 50]))]
    user["SshPublicKeys"] = []
    for _ in range(chance.choice([0, 1, 1, 2, 50])):
        key = {"SshPublicKeyBody": ed25519(chance) + chance.choice(["", " comment", " a b  ü".replace("  ", " ")])}
        key["SshPublicKeyId"] = key_id(chance)
        key["DateImported"] = round(chance.uniform(0, 4e9), 3)
        user["SshPublicKeys"].append(key)
    return user


def run(admin, command, *words, data=None):
    """`berth import` or `berth export`; data: its stdin, in bytes or text."""
    if isinstance(data, str):
        data = data.encode()
    done = subprocess.run([BERTH, command, "--config", admin.config, *map(str, words)], input=data, capture_output=True,
                          timeout=120, check=False, env={**os.environ, "TZ": "UTC"})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def imported(admin, data, *words, created=0, replaced=0, unchanged=0):
    """An import in which nothing is refused: these counts."""
    code, out, err = run(admin, "import", *words, data=data)
    assert (code, err) == (0, "")
    count = data.count("\n")
    assert out == SUMMARY % (created, replaced, unchanged, 0, count, "" if count == 1 else "s")


def exported(admin, *words):
    """What is there, user by user, without ARNs."""
    code, out, err = run(admin, "export", *words)
    assert (code, err) == (0, "")
    users = [json.loads(line) for line in out.splitlines()]
    for user in users:
        assert user.pop("Arn").endswith("/" + user["UserName"])
    return users


def without_made_up(user):
    """A user without what an import makes up for a key."""
    keys = [{"SshPublicKeyBody": key["SshPublicKeyBody"]} for key in user["SshPublicKeys"]]
    return {**user, "SshPublicKeys": keys}
