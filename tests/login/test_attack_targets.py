"""A Target never leaves the data root, and CreateHome never gives a neighbour's directory away: on real logins, with
somebody swapping names all the while. The same many thousand times over without sshd: tests/unit/test_target.c."""
import concurrent.futures
import os
import shutil
from pathlib import Path

import paramiko
import pytest

from attack_tools import View, Watch, assert_all_sealed, hold_open, processes_of_user, racing
from private_host import DATA_ROOT, wait_until

UID = 5601
OUTSIDE = Path("/srv/outside")


@pytest.fixture
def key(host):
    return host.key("targets")


@pytest.fixture
def outside(host):
    """A directory beside the data root, of the same shape as what targets name, and of the same owner."""
    for path in (OUTSIDE, OUTSIDE / "inner"):
        path.mkdir(exist_ok=True)
        os.chown(path, UID, UID)
    (OUTSIDE / "file").write_text("outside", encoding="ascii")
    os.chown(OUTSIDE / "file", UID, UID)
    yield OUTSIDE


@pytest.fixture
def user(host, key):
    """user(mappings…): (re)makes the user "targets" with these."""
    def make(*mappings, **options):
        host.admin("delete-user", "--user-name", "targets", check=False)
        host.create_user("targets", UID, mappings=list(mappings) or None, keys=[key], **options)
    yield make
    host.admin("delete-user", "--user-name", "targets", check=False)


def assert_refused(host, key, reason="symbolic link"):
    with Watch(View(UID)) as watch:
        assert not host.sftp("targets", key, "ls /\n").ok
        assert not host.ssh("targets", key, "id", timeout=20).ok
        hold_open(host, "targets", key)
    assert watch.seen == 0
    assert host.wait_log("refused user=targets .*%s" % reason)


LINKS = ["/srv/outside", "..", "/proc/self/root"]  # more of them in tests/unit/test_target.c


@pytest.mark.parametrize("leads_to", LINKS)
@pytest.mark.parametrize("target, link", [("/link", "link"), ("/link/inner", "link"), ("/bucket/link", "bucket/link"),
                                          ("/bucket/link/", "bucket/link"), ("/bucket/link/inner", "bucket/link"),
                                          ("/bucket/real/link",
                                           "bucket/real/link"), ("/bucket/real/link/new/home", "bucket/real/link")])
def test_no_symlink_in_any_position(host, key, outside, user, leads_to, target, link):
    host.bucket("bucket", "real/inner", owner=UID)
    os.symlink(leads_to, DATA_ROOT / link)
    try:
        user(("/", target))
        assert not host.sftp("targets", key, "ls /\n").ok
        assert host.wait_log("refused user=targets .*%s.*symbolic link" % target.rstrip("/"))
        assert processes_of_user(UID) == []
    finally:
        os.unlink(DATA_ROOT / link)
    assert not (OUTSIDE / "new").exists() and not Path("/etc/new").exists()


def test_no_symlink_in_an_entry_among_others_or_a_file(host, key, outside, user):
    host.bucket("bucket", "real/inner", owner=UID)
    os.symlink("/srv/outside", DATA_ROOT / "bucket/link")
    os.symlink("/srv/outside/file", DATA_ROOT / "bucket/file")
    try:
        user(("/good", "/bucket/real"), ("/bad", "/bucket/link"))
        assert_refused(host, key)
        user(("/good", "/bucket/real"), ("/bad", "/bucket/file", "FILE"))
        assert_refused(host, key)
        host.admin("delete-user", "--user-name", "targets")
        host.create_user("targets", UID, home="/bucket/link", keys=[key])
        assert_refused(host, key)
    finally:
        os.unlink(DATA_ROOT / "bucket/link")
        os.unlink(DATA_ROOT / "bucket/file")


def test_no_symlink_as_a_path_users_bucket(host, key, outside, user):
    os.symlink("/srv/outside", DATA_ROOT / "linked")
    try:
        user(home="/linked/inner")
        assert_refused(host, key)
        user(home="/linked")
        assert_refused(host, key)
    finally:
        os.unlink(DATA_ROOT / "linked")


def test_no_symlink_as_the_data_root(host, key, user):
    """Whoever could write beside it could swap all roots at once."""
    host.bucket("bucket", "real", owner=UID)
    user(("/", "/bucket/real"))
    os.symlink("/srv/berth", "/srv/link")
    text = Path("/etc/berth/berth.conf").read_text(encoding="utf-8")
    try:
        Path("/etc/berth/berth.conf").write_text(text.replace("DataRoot /srv/berth", "DataRoot /srv/link"), encoding="utf-8")
        assert_refused(host, key)
    finally:
        Path("/etc/berth/berth.conf").write_text(text, encoding="utf-8")
        os.unlink("/srv/link")


def inodes_below(path):
    """(device, inode) of everything there."""
    found = set()
    for directory, directories, files in os.walk(path):
        for name in [""] + directories + files:
            status = os.lstat(os.path.join(directory, name))
            found.add((status.st_dev, status.st_ino))
    return found


def strange_inodes(pid, allowed):
    """What of this session's root, and of what is mounted in it, is none of the allowed inodes; the sealed root is
    root's."""
    found = []
    try:
        for name in [""] + os.listdir("/proc/%d/root" % pid):
            status = os.stat("/proc/%d/root/%s" % (pid, name))
            if (status.st_dev, status.st_ino) not in allowed and not (name == "" and status.st_uid == 0):
                found.append("root/%s is inode %d" % (name, status.st_ino))
    except (FileNotFoundError, ProcessLookupError):
        pass  # another login's, which is over
    return found


def login_and_look(host, key, allowed):
    """One login: "in", "refused", or what is wrong with a root of this user's."""
    try:
        session = host.login("targets", key)
    except (paramiko.SSHException, EOFError, OSError):
        return "refused"
    with session:
        strange = [fault for pid in processes_of_user(UID) for fault in strange_inodes(pid, allowed)]
        return "; ".join(strange) or "in"


def logins_in_parallel(host, key, allowed, count):
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(lambda _: login_and_look(host, key, allowed), range(count)))
    assert set(outcomes) <= {"in", "refused"}, set(outcomes)
    return outcomes


@pytest.mark.parametrize("mappings", [[("/", "/bucket/owned/swap")], [("/", "/bucket/owned/swap/inner")],
                                      [("/one", "/bucket/owned/swap"), ("/two", "/bucket/owned/swap/inner")]],
                         ids=["the target", "above the target", "two entries"])
def test_a_link_swapped_in_while_logging_in(host, key, outside, user, mappings):
    """Between the account step and the session, and at every other moment: 60 logins against tens of thousands of swaps."""
    host.bucket("bucket", "owned/swap/inner", owner=UID)
    link = DATA_ROOT / "bucket/owned/link"
    os.symlink("/srv/outside", link)
    before = inodes_below("/srv/outside")
    user(*mappings)
    try:
        inside = inodes_below(DATA_ROOT)
        with Watch(View(UID)), racing("exchange", DATA_ROOT / "bucket/owned/swap", link):
            outcomes = logins_in_parallel(host, key, inside, 60)
    finally:
        wait_until(lambda: not processes_of_user(UID), what="the sessions' end")
        os.unlink(link if link.is_symlink() else DATA_ROOT / "bucket/owned/swap")
        if link.exists():
            link.rename(DATA_ROOT / "bucket/owned/swap")
    assert "in" in outcomes and "refused" in outcomes, "the race was never close: %s" % set(outcomes)
    assert inodes_below("/srv/outside") == before


def test_another_users_directory_swapped_in_is_at_least_inside(host, key, outside, user):
    """Whoever may rename in the data root may exchange directories there; the root stays beneath it all the same."""
    host.bucket("bucket", "owned/mine", "owned/yours", owner=UID)
    user(("/", "/bucket/owned/mine"))
    inside = inodes_below(DATA_ROOT)
    with Watch(View(UID)), racing("exchange", DATA_ROOT / "bucket/owned/mine", DATA_ROOT / "bucket/owned/yours"):
        outcomes = logins_in_parallel(host, key, inside, 30)
    assert set(outcomes) == {"in"}


def test_a_directory_moved_out_of_the_data_root_while_logging_in(host, key, outside, user):
    """Then it isn't in the data root any more: refused, or the login was first."""
    host.bucket("bucket", "owned/moving/inner", owner=UID)
    user(("/", "/bucket/owned/moving/inner"))
    everything = inodes_below("/srv")
    with Watch(View(UID)), racing("exchange", DATA_ROOT / "bucket/owned/moving", OUTSIDE):
        outcomes = logins_in_parallel(host, key, everything, 30)
    assert outcomes


@pytest.mark.parametrize("owner, mode", [(UID, 0o755), (0, 0o777)], ids=["the user's own", "all may write"])
def test_create_home_never_gives_a_neighbours_directory_away(host, key, user, owner, mode):
    """20 missing targets a login, each made by the account step or the session while the neighbour's directory is put in
    place of one: several hundred tries."""
    neighbour_uid = UID + 1
    directory = DATA_ROOT / "bucket/owned"
    host.bucket("bucket", "owned", "owned/neighbour", owner=neighbour_uid)
    os.chown(directory, owner, owner)
    os.chmod(directory, mode)
    os.chmod(directory / "neighbour", 0o700)
    user(*[("/%02d" % number, "/bucket/owned/new/%02d" % number) for number in range(20)])
    neighbour = os.open(directory / "neighbour", os.O_RDONLY | os.O_DIRECTORY)
    try:
        # No watch here: the module's own process that makes directories has the user's ids, and the host around it.
        with racing("replace", directory / "new", directory / "neighbour"):
            for _ in range(20):
                host.sftp("targets", key, "ls /\n")
                status = os.fstat(neighbour)
                assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (neighbour_uid, neighbour_uid, 0o700)
        assert os.listdir(neighbour) == [], "something was made in the neighbour's directory"
        assert [name for name in os.listdir(directory) if name.startswith("new")], "nothing was ever made: no race was run"
    finally:
        os.close(neighbour)
        wait_until(lambda: not processes_of_user(UID), what="the sessions' end")
        shutil.rmtree(directory)


def test_dotdot_in_the_store_is_refused(host, key, user):
    """Written by hand; the agent, the PAM module and the kernel each refuse it."""
    host.bucket("bucket", "real", owner=UID)
    for target in ("/bucket/..", "/../outside", "/bucket/../../outside", "/..", "/bucket/real/../../../outside", "/", "//",
                   "/bucket//real"):
        user(("/", "/bucket/real"))
        with host.database() as database:
            database.execute("UPDATE users SET mappings = replace(mappings, '/bucket/real', ?) WHERE user_name = 'targets'",
                             (target,))
        assert not host.sftp("targets", key, "ls /\n").ok, target
        assert host.log("targets"), "no line says why"
        assert processes_of_user(UID) == []


def test_entries_that_nest_or_repeat_by_direct_edit(host, key, user):
    """A later entry below an earlier one would be made inside somebody's directory, by root."""
    home = host.bucket("bucket", "nest", "second", owner=UID) / "nest"
    for entry in ("/a/b", "/a", "/", "/a/", "/a/b/c"):
        user(("/a", "/bucket/nest"), ("/z", "/bucket/second"))
        with host.database() as database:
            database.execute("UPDATE users SET mappings = replace(mappings, '\"/z\"', ?) WHERE user_name = 'targets'",
                             ('"%s"' % entry,))
        assert not host.sftp("targets", key, "ls /\n").ok, entry
        assert processes_of_user(UID) == []
        assert list(home.iterdir()) == []


def test_a_link_in_the_view_can_not_catch_a_mount(host, key, user):
    """The user's own directory holds links named as entries' parents would be."""
    home = host.bucket("bucket", "real", owner=UID) / "real"
    os.symlink("/srv/outside", home / "sub")
    user(("/a", "/bucket/real"), ("/b/sub", "/bucket/real"))
    try:
        with Watch(View(UID)), host.login("targets", key) as session:
            assert_all_sealed(View(UID, mounts={"/": None, "/a": home, "/b/sub": home}))
            assert sorted(session.sftp.listdir("/")) == ["a", "b"]
    finally:
        os.unlink(home / "sub")


def test_a_session_can_not_rename_its_target_away_from_itself(host, key, user):
    """The root of the view is a mount: whoever is inside has no name for what is above it."""
    home = host.bucket("bucket", "real", owner=UID) / "real"
    user(("/", "/bucket/real"))
    with host.login("targets", key) as session:
        for path in ("/", ".", "..", "/.."):
            with pytest.raises(OSError):
                session.sftp.rename(path, "/moved")
            with pytest.raises(OSError):
                session.sftp.rmdir(path)
        assert_all_sealed(View(UID, mounts={"/": home}))
    assert home.is_dir()
