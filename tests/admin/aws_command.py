"""The AWS command line itself, against an endpoint on 127.0.0.1 that has a real `berth` do what it is asked.

Each request's body goes to `berth admin OPERATION --cli-input-json`, and what that prints goes back as the API puts it on
the wire: so what /usr/bin/aws prints of a response can be compared with what berth prints of the same one.
"""
import datetime
import http.server
import json
import os
import re
import subprocess
import tempfile
import threading

from admin_command import command_name

AWS = "/usr/bin/aws"


def as_on_the_wire(value):
    """A printed response as the API sends it: times are seconds."""
    if isinstance(value, list):
        return [as_on_the_wire(item) for item in value]
    if not isinstance(value, dict):
        return value
    wire = {name: as_on_the_wire(member) for name, member in value.items()}
    if "DateImported" in wire:
        wire["DateImported"] = datetime.datetime.fromisoformat(wire["DateImported"]).timestamp()
    return wire


def aws_environment(home, **variables):
    """All that `aws` sees; nothing of who runs the test. variables: in addition, or in place of these."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "TZ": "UTC", "LC_ALL": "C.UTF-8", "AWS_PAGER": "",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            **variables}


def run_aws(words, url, home, **variables):
    return subprocess.run([AWS, "transfer", *words, "--endpoint-url", url], text=True, capture_output=True, timeout=60,
                          check=False, env=aws_environment(home, **variables))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):  # pylint: disable=invalid-name
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        status, answer = self.server.answer(self.headers["X-Amz-Target"].split(".")[1], body)
        content = json.dumps(answer).encode() if answer is not None else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments):  # pylint: disable=arguments-differ
        pass


class Endpoint(http.server.ThreadingHTTPServer):
    """What `aws transfer` calls instead of AWS. requests: the bodies it was sent, in order."""

    def __init__(self, admin):
        super().__init__(("127.0.0.1", 0), Handler)
        self.admin = admin
        self.requests = []
        self.home = tempfile.TemporaryDirectory(prefix="berth-aws-")  # pylint: disable=consider-using-with
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()
        self.home.cleanup()

    def answer(self, operation, body):
        self.requests.append(json.loads(body))
        single = ["--no-paginate"] if operation.startswith("List") else []
        done = self.admin.run(command_name(operation), *single, "--cli-input-json", body, "--output", "json")
        if done.returncode == 0:
            return 200, as_on_the_wire(json.loads(done.stdout)) if done.stdout else None
        refusal = re.fullmatch(r"\nAn error occurred \((\w+)\) when calling the \w+ operation: (.*)\n", done.stderr)
        assert refusal, done.stderr
        return 400, {"__type": refusal[1], "Message": refusal[2]}

    def aws(self, *words, timezone="UTC", port=None):
        return run_aws(words, f"http://127.0.0.1:{port or self.server_port}", self.home.name, TZ=timezone)
