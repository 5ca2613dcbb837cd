"""What programs ended with, and waiting for what they do."""
import time


class Result:
    """What a program ended with: code, out, err."""

    def __init__(self, completed):
        self.code, self.out, self.err = completed.returncode, completed.stdout, completed.stderr

    @property
    def ok(self):
        return self.code == 0

    def __repr__(self):
        return "exit %d\n--- out\n%s\n--- err\n%s" % (self.code, self.out, self.err)


def wait_until(condition, seconds=10.0, what="the condition"):
    """Polls until condition() is true and returns its value; AssertionError after that many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("waited %.0f s for %s" % (seconds, what))
        time.sleep(0.02)
