"""Lists that take many pages: 2,500 users, and servers and tags enough."""
from admin_command import ROLE
from import_lines import simple_file

USERS, SERVERS, TAGS = 2500, 23, 50


def add_users(host, count=USERS):
    """Imports them; returns their names, in order."""
    host.admin.create_user("zz-last")  # byte order: after all the others
    done = host.admin.berth("import", "--config", host.admin.config, simple_file(host.directory / "users.jsonl", count - 1))
    assert done.returncode == 0, done.stderr
    return [f"user{number:06d}" for number in range(count - 1)] + ["zz-last"]


def add_servers(host):
    """Returns all ids, in order."""
    return sorted([host.server_id] + [host.admin.ok("create-server")["ServerId"] for _ in range(SERVERS - 1)])


def add_tags(host):
    """A user with as many tags as there can be: its Arn, and the tags in order."""
    tags = [{"Key": f"key {number:02d}", "Value": f"{number}"} for number in range(TAGS)]
    host.admin.ok("create-user", "--user-name", "tagged", "--role", ROLE, "--tags",
                  *(f"Key={tag['Key']},Value={tag['Value']}" for tag in tags))
    return host.admin.user("tagged")["Arn"], tags
