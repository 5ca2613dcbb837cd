"""A list is printed while it is read: what a command takes doesn't grow with the number of users."""
import contextlib
import json

import pytest

from admin_command import new_admin
from many_users import add_users, peak

FEW, MANY = 2000, 200000
# SQLite keeps up to 2,000 KiB of a file's pages in memory, and as many of what it puts together for a search.
ALLOWED = 4 * 1024


@pytest.fixture(scope="module")
def stores():
    """The same users, few and many."""
    with contextlib.ExitStack() as stack:
        admins = [stack.enter_context(new_admin()) for _count in (FEW, MANY)]
        for admin, count in zip(admins, (FEW, MANY)):
            admin.make_server()
            add_users(admin, count)
        yield admins


def user_names(output, form):
    if form == "json":
        return [user["UserName"] for user in json.loads(output)["Users"]]
    return [line.split("\t")[-1] for line in output.splitlines() if line.startswith("USERS\t")]


@pytest.mark.parametrize("words", [["list-users"], ["list-users", "--page-size", "100"],
                                   ["find-users", "--tag", "team=ops"]])
@pytest.mark.parametrize("form", ["json", "text"])
def test_memory_is_constant(stores, words, form):
    peaks = []
    for admin, count in zip(stores, (FEW, MANY)):
        output, most = peak(admin, *words, "--output", form)
        assert user_names(output, form) == [f"user{number:07d}" for number in range(1, count + 1)]
        peaks.append(most)
    print(f"{' '.join(words)} --output {form}: {peaks[0]} KiB with {FEW} users, {peaks[1]} KiB with {MANY}")
    assert peaks[1] - peaks[0] <= ALLOWED


def test_a_table_holds_its_rows(stores):
    """Its widths depend on all of them; and so this is what a list that isn't printed meanwhile takes."""
    output, most = peak(stores[1], "list-users", "--output", "table")
    assert len(output.splitlines()) > MANY
    assert most > peak(stores[0], "list-users", "--output", "table")[1] + 10 * ALLOWED
