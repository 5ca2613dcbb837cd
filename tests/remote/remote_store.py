"""A host whose users are kept elsewhere: the real `berth` with `Store transfer:`, and what it asks.

    Near         the configuration of such a host, and the commands on it
    Remote       the other side: a real berth-api over TLS with a store of its own (far), and a Near on it

Like tests/admin and tests/api it needs none of the host's files: the configurations are named, all files lie in temporary
directories. As root, the commands become the user nobody, whom the credentials belong to.
"""
import contextlib
import os
import pathlib
import pwd
import subprocess
import sys

for suite in ("admin", "api"):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / suite))

from admin_command import BERTH, STORE_USER, Admin, new_admin  # noqa: E402  pylint: disable=wrong-import-position
from api_host import new_api  # noqa: E402  pylint: disable=wrong-import-position

REGION = "us-east-1"


class Near(Admin):
    """An Admin whose store is elsewhere.

    url: what follows "transfer:". key: an object with id and secret; its file is the configuration's StoreCredentials.
    """

    def __init__(self, directory, url, key=None, ca_file=None, server_id=None):
        self.url, self.ca_file = url, ca_file
        self.credentials = directory / "credentials"
        self.environment = {}
        super().__init__(directory)
        self.server_id = server_id
        if key is not None:
            self.write_credentials(key.id, key.secret)
        self.configure()

    def write_credentials(self, key_id, secret, token=None, profile="default"):
        lines = [f"[{profile}]", f"aws_access_key_id = {key_id}", f"aws_secret_access_key = {secret}"]
        self.credentials.write_text("\n".join(lines + ([f"aws_session_token = {token}"] if token else [])) + "\n")
        self.credentials.chmod(0o600)
        if os.geteuid() == 0:
            account = pwd.getpwnam(STORE_USER)
            os.chown(self.credentials, account.pw_uid, account.pw_gid)

    def configure(self, *lines):
        given = {line.split()[0] for line in lines}
        own = [f"User {STORE_USER}", f"Store transfer:{self.url}", f"Region {REGION}",
               f"CacheFile {self.store_directory}/cache.db"]
        if self.server_id:
            own.append(f"ServerId {self.server_id}")
        if self.ca_file:
            own.append(f"StoreCAFile {self.ca_file}")
        if self.credentials.exists():
            own.append(f"StoreCredentials {self.credentials}")
        text = [line for line in own if line.split()[0] not in given] + list(lines)
        self.config.write_text("\n".join(text) + "\n")

    def berth(self, *words, timezone="UTC", **options):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment.update({"TZ": timezone, "AWS_EC2_METADATA_DISABLED": "true"}, **self.environment)
        return subprocess.run([BERTH, *words], text=True, capture_output=True, timeout=60, check=False, env=environment,
                              **options)


class Remote:
    """far: an ApiHost over TLS. near: a Near on it, with an access key that may do all. direct: the far store's own
    Admin."""

    def __init__(self, far, near):
        self.far, self.near, self.direct = far, near, far.admin

    def calls(self):
        """What berth-api has been called for, in order."""
        return [line["operation"] for line in self.far.audit()] if self.far.log_file.exists() else []


@contextlib.contextmanager
def new_near(url, **given):
    with new_admin() as made:
        made.store_directory.rmdir()  # Near makes it again
        yield Near(made.directory, url, **given)


@contextlib.contextmanager
def new_remote(*lines):
    """A Remote whose berth-api runs; lines: of the far configuration."""
    with new_api() as far:
        far.configure(*far.make_certificate(), *lines)
        far.start()
        with new_near(far.url, key=far.key, ca_file=far.certificate, server_id=far.server_id) as near:
            yield Remote(far, near)
