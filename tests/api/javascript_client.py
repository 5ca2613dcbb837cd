"""The AWS SDK for JavaScript, which packaging/deps.sh puts into build/javascript: a node process that does as it is told."""
import json
import os
import pathlib
import shutil
import subprocess

from admin_command import BERTH
from all_operations import Refused
from api_host import REGION
from aws_command import as_on_the_wire

MODULES = BERTH.parent / "javascript" / "node_modules"
PROGRAM = pathlib.Path(__file__).with_name("javascript") / "client.cjs"


def missing():
    """Why it can't run here, or None."""
    if shutil.which("node") is None:
        return "node is not installed (packaging/deps.sh)"
    if not MODULES.is_dir():
        return "the JavaScript SDK is not in build/javascript (packaging/deps.sh)"
    return None


def environment(**variables):
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "NODE_PATH": str(MODULES), **variables}


class JavascriptClient:
    """options: of TransferClient, beside region, endpoint and credentials."""

    def __init__(self, host, key=None, variables=None, **options):
        key = key or host.key
        configuration = {"region": REGION, "endpoint": host.url,
                         "credentials": {"accessKeyId": key.id, "secretAccessKey": key.secret}, **options}
        self.process = subprocess.Popen(["node", PROGRAM, json.dumps(configuration)], env=environment(**variables or {}),
                                        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(20)

    def ask(self, operation, members, **more):
        """The program's answer as it is: output, pages or error; metadata; clockOffset."""
        self.process.stdin.write(json.dumps({"operation": operation, "input": members, **more}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def __call__(self, operation, members):
        answer = self.ask(operation, members)
        if "error" in answer:
            error = answer["error"]
            raise Refused(error["name"], error["message"], error)
        return as_on_the_wire(answer["output"])

    def pages(self, operation, members, size):
        return as_on_the_wire(self.ask(operation, members, paginate=True, pageSize=size)["pages"])
