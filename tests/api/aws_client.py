"""Debian's awscli on a berth-api."""
import json
import re

from admin_command import command_name
from all_operations import Refused
from aws_command import as_on_the_wire, run_aws

REFUSAL = re.compile(r"\nAn error occurred \((\w+)\) when calling the \w+ operation(?: \(reached max retries: \d\))?: "
                     r"(.*)\n")


class AwsClient:
    def __init__(self, host, key=None, **variables):
        key = key or host.key
        self.host = host
        self.variables = {"AWS_ACCESS_KEY_ID": key.id, "AWS_SECRET_ACCESS_KEY": key.secret, "AWS_MAX_ATTEMPTS": "1",
                          **variables}

    def run(self, *words, **variables):
        return run_aws(words, self.host.url, self.host.directory, **{**self.variables, **variables})

    def ok(self, *words, **variables):
        """What it prints, read; {} when that is nothing."""
        done = self.run(*words, "--output", "json", **variables)
        assert (done.returncode, done.stderr) == (0, "")
        return as_on_the_wire(json.loads(done.stdout)) if done.stdout else {}

    def __call__(self, operation, members):
        done = self.run(command_name(operation), "--cli-input-json", json.dumps(members), "--output", "json")
        if done.returncode == 0:
            return as_on_the_wire(json.loads(done.stdout)) if done.stdout else {}
        refused = REFUSAL.fullmatch(done.stderr)
        assert done.returncode == 254 and done.stdout == "" and refused, done
        raise Refused(refused[1], refused[2])
