"""Many users in a test's store, as copies of one by SQL; and how much memory a command on them takes."""
import contextlib
import os
import pathlib
import re
import sqlite3
import subprocess

from admin_command import BERTH

COPY = """
BEGIN;
CREATE TEMP TABLE numbers AS
    WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < {count}) SELECT n FROM counted;
INSERT INTO users (server_key, user_name, {columns})
    SELECT server_key, printf('user%07d', n), {columns} FROM numbers, users WHERE user_name = 'template';
INSERT INTO user_tags (user_key, {tag_columns})
    SELECT copy.user_key, {tag_columns} FROM users AS copy, user_tags
    JOIN users AS template ON template.user_key = user_tags.user_key
    WHERE template.user_name = 'template' AND copy.user_name <> 'template';
DELETE FROM users WHERE user_name = 'template';
COMMIT;
"""


def add_users(admin, count):
    """user0000001 and so on, each with the tag team=ops."""
    admin.create_user("template", "--home-directory", "/bucket/home", "--tags", "Key=team,Value=ops")
    with contextlib.closing(sqlite3.connect(admin.store)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")

        def columns(table, *others):
            return ", ".join(row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[1] not in others)
        connection.executescript(COPY.format(count=count, columns=columns("users", "user_key", "server_key", "user_name"),
                                             tag_columns=columns("user_tags", "user_key")))


def peak(admin, *words):
    """What the command prints, and the most memory it had, in KiB. It can't end unseen: it waits for its output to be read,
    but for what the last pipe holds."""
    highest = 0
    output = []
    with subprocess.Popen([BERTH, "admin", "--config", admin.config, *words], stdout=subprocess.PIPE) as process:
        status = pathlib.Path(f"/proc/{process.pid}/status")
        while True:
            found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"))
            highest = int(found[1]) if found else highest
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                break
            output.append(chunk)
    assert process.returncode == 0
    return b"".join(output).decode(), highest
