"""Terraform with its aws provider, which comes from a filesystem mirror: a directory as `terraform providers mirror` makes
it, or unpacked; TF_PLUGIN_MIRROR names it, or it is one of the places below."""
import os
import pathlib
import shutil
import subprocess

MIRRORS = [os.environ.get("TF_PLUGIN_MIRROR", ""), "/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins",
           "/opt/tf-plugins"]
NO_CHANGES, CHANGES = 0, 2
INSTALLATION = """provider_installation {
  filesystem_mirror {
    path = "%s"
  }
}
"""


def mirror():
    """The first that has the provider, or None."""
    return next((path for path in MIRRORS if path and next(pathlib.Path(path).glob("*/hashicorp/aws"), None)), None)


def missing():
    """Why it can't run here, or None."""
    if shutil.which("terraform") is None:
        return "terraform is not installed"
    if mirror() is None:
        return "no mirror with Terraform's aws provider in " + ", ".join(filter(None, MIRRORS))
    return None


class Terraform:
    """directory: with its configuration. variables: of the environment, in addition, or in place of these."""

    def __init__(self, directory, **variables):
        self.directory = directory
        installation = directory / "terraform.rc"
        installation.write_text(INSTALLATION % mirror())
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "CHECKPOINT_DISABLE": "1",
                            "GOGC": "400",  # less often: a third of a command's time is Go's collector
                            "TF_CLI_CONFIG_FILE": str(installation), "TF_IN_AUTOMATION": "1", "TF_CLI_ARGS": "-no-color",
                            "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", **variables}
        self.ok("init", "-input=false")

    def run(self, *words):
        return subprocess.run(["terraform", *words], cwd=self.directory, env=self.environment, text=True,
                              capture_output=True, timeout=300, check=False)

    def ok(self, *words):
        done = self.run(*words)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def plan(self):
        """NO_CHANGES or CHANGES, of what is wanted against what is there; and the plan."""
        done = self.run("plan", "-input=false", "-detailed-exitcode")
        assert done.returncode in (NO_CHANGES, CHANGES), f"{done.stdout}\n{done.stderr}"
        return done.returncode, done.stdout

    def apply(self):
        return self.ok("apply", "-input=false", "-auto-approve")
