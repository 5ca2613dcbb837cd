/*
 * Targets: nothing that a user or a record can put in the way leads out of the data root, or gives away a neighbour's
 * directory. On a file system of the test's own, in a mount namespace of its own; needs root.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pam_module/target.h"

#define UID 60001u
#define GID 60002u
#define NEIGHBOUR 60009u
#define RACE_TRIES 3000

static char scratch[] = "/tmp/berth-target-XXXXXX";
static char data_root[64], outside[64];

/* path: "data/…" below the scratch file system, in memory that the next eight calls leave alone. */
static const char *
path(const char *below)
{
	static char paths[8][256];
	static unsigned next;
	char *to = paths[next++ % 8];

	snprintf(to, sizeof(paths[0]), "%s/%s", scratch, below);
	return to;
}

static void
make_directory(const char *below, uint32_t owner, mode_t mode)
{
	assert_int_equal(mkdir(path(below), 0700), 0);
	assert_int_equal(chown(path(below), owner, owner), 0);
	assert_int_equal(chmod(path(below), mode), 0);
}

static void
make_file(const char *below)
{
	int fd = open(path(below), O_CREAT | O_EXCL | O_WRONLY, 0644);

	assert_true(fd >= 0);
	close(fd);
}

static int
enter_scratch(void **state)
{
	(void)state;
	if (geteuid() != 0 || mkdtemp(scratch) == NULL || unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return -1;
	umask(022);
	snprintf(data_root, sizeof(data_root), "%s/data", scratch);
	snprintf(outside, sizeof(outside), "%s/outside", scratch);
	return 0;
}

static int
leave_scratch(void **state)
{
	(void)state;
	return rmdir(scratch);
}

/* Each test starts with data/bucket, root's, and outside/, both on a new file system. */
static int
make_scratch(void **state)
{
	(void)state;
	if (mount("tmpfs", scratch, "tmpfs", 0, "mode=0755") != 0)
		return -1;
	make_directory("data", 0, 0755);
	make_directory("data/bucket", 0, 0755);
	make_directory("outside", 0, 0755);
	make_directory("outside/inner", 0, 0755);
	make_file("outside/file");
	return 0;
}

static int
drop_scratch(void **state)
{
	(void)state;
	return umount2(scratch, MNT_DETACH);
}

static struct config
configuration(void)
{
	return (struct config){
		.data_root = data_root, .create_home = true, .min_uid = 1000, .min_gid = 1000, .target_seconds = 10,
	};
}

static struct session
session_of(uint32_t uid, uint32_t gid)
{
	return (struct session){ .uid = uid, .gid = gid, .home_type = WIRE_HOME_LOGICAL, .landing = "/" };
}

/* open_target: as target_open, alone. */
static int
open_target(const struct config *config, const char *target, enum wire_mapping_type type, char *reason)
{
	const struct session session = session_of(UID, GID);
	struct target_finder finder;
	int fd;

	reason[0] = '\0';
	target_finder_init(&finder, config, &session);
	fd = target_open(&finder, target, type, true, reason);
	target_finder_close(&finder);
	return fd;
}

static void
assert_refused(const struct config *config, const char *target, enum wire_mapping_type type)
{
	char reason[REASON_MAX];
	int fd = open_target(config, target, type, reason);

	if (fd >= 0)
		fail_msg("%s was opened", target);
	assert_non_null(strstr(reason, target));
}

static ino_t
inode_of(int fd)
{
	struct stat status;

	assert_int_equal(fstat(fd, &status), 0);
	return status.st_ino;
}

static void
opens_what_is_there(void **state)
{
	const struct config config = configuration();
	char reason[REASON_MAX];
	struct stat wanted;
	int fd;

	(void)state;
	make_directory("data/bucket/alice", UID, 0700);
	make_file("data/bucket/alice/file");
	assert_int_equal(stat(path("data/bucket/alice"), &wanted), 0);
	fd = open_target(&config, "/bucket/alice", WIRE_MAPPING_DIRECTORY, reason);
	assert_true(fd >= 0);
	assert_int_equal(inode_of(fd), wanted.st_ino);
	assert_int_equal(fcntl(fd, F_GETFL) & O_PATH, O_PATH);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	fd = open_target(&config, "/bucket/alice/", WIRE_MAPPING_DIRECTORY, reason);
	assert_true(fd >= 0);
	close(fd);
	fd = open_target(&config, "/bucket/alice/file", WIRE_MAPPING_FILE, reason);
	assert_true(fd >= 0);
	close(fd);
}

static void
symbolic_links_are_refused_in_every_position(void **state)
{
	const char *const leads_to[] = { "/", "/etc", "..", "../..", "../../outside", "inner", ".", outside, data_root,
		"/proc/self/root", "/proc/self/cwd" };
	static const char *const links[] = { "data/link", "data/bucket/link", "data/bucket/inner/deep/link" };
	const struct config config = configuration();
	char below[128];

	(void)state;
	make_directory("data/bucket/inner", UID, 0755);
	make_directory("data/bucket/inner/deep", UID, 0755);
	for (size_t i = 0; i < sizeof(leads_to) / sizeof(leads_to[0]); i++) {
		assert_int_equal(symlink(leads_to[i], path("data/link")), 0);
		assert_int_equal(symlink(leads_to[i], path("data/bucket/link")), 0);
		assert_int_equal(symlink(leads_to[i], path("data/bucket/inner/deep/link")), 0);
		assert_refused(&config, "/link", WIRE_MAPPING_DIRECTORY);
		assert_refused(&config, "/link/inner", WIRE_MAPPING_DIRECTORY);
		assert_refused(&config, "/link/made/new", WIRE_MAPPING_DIRECTORY);
		assert_refused(&config, "/bucket/link", WIRE_MAPPING_DIRECTORY);
		assert_refused(&config, "/bucket/link/deep", WIRE_MAPPING_DIRECTORY);
		assert_refused(&config, "/bucket/link/made/new", WIRE_MAPPING_DIRECTORY);
		assert_refused(&config, "/bucket/inner/deep/link", WIRE_MAPPING_DIRECTORY);
		assert_refused(&config, "/bucket/inner/deep/link/", WIRE_MAPPING_DIRECTORY);
		assert_refused(&config, "/bucket/link", WIRE_MAPPING_FILE);
		for (size_t j = 0; j < sizeof(links) / sizeof(links[0]); j++)
			assert_int_equal(unlink(path(links[j])), 0);
	}
	snprintf(below, sizeof(below), "%s/file", outside);
	assert_int_equal(symlink(below, path("data/bucket/file")), 0);
	assert_refused(&config, "/bucket/file", WIRE_MAPPING_FILE);
	assert_int_equal(access(path("outside/made"), F_OK), -1);
	assert_int_equal(access(path("data/made"), F_OK), -1);
}

static void
a_linked_data_root_or_bucket_is_refused(void **state)
{
	struct config config = configuration();
	char linked[128];
	struct config_bucket bucket = { .name = (char *)"elsewhere", .path = linked };

	(void)state;
	assert_int_equal(symlink(data_root, path("link")), 0);
	snprintf(linked, sizeof(linked), "%s/link", scratch);
	config.data_root = linked;
	assert_refused(&config, "/bucket", WIRE_MAPPING_DIRECTORY);
	snprintf(linked, sizeof(linked), "%s/link/bucket", scratch);
	assert_refused(&config, "/alice", WIRE_MAPPING_DIRECTORY);
	config = configuration();
	config.buckets = &bucket;
	config.bucket_count = 1;
	assert_refused(&config, "/elsewhere", WIRE_MAPPING_DIRECTORY);
	assert_refused(&config, "/elsewhere/alice", WIRE_MAPPING_DIRECTORY);
}

/* The agent's check of paths may be broken; this one isn't the only one, but it has to hold alone. */
static void
dots_are_refused(void **state)
{
	static const char *const targets[] = { "/", "/..", "/../outside", "/bucket/..", "/bucket/../../outside", "/bucket/.",
		"/bucket/./x", "//bucket", "/bucket//x", "bucket", "" };
	const struct config config = configuration();

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		assert_refused(&config, targets[i], WIRE_MAPPING_DIRECTORY);
}

static void
types_must_fit(void **state)
{
	const struct config config = configuration();

	(void)state;
	make_directory("data/bucket/directory", UID, 0755);
	make_file("data/bucket/file");
	assert_int_equal(mkfifo(path("data/bucket/fifo"), 0666), 0);
	assert_int_equal(mknod(path("data/bucket/device"), S_IFCHR | 0666, makedev(1, 3)), 0);
	assert_refused(&config, "/bucket/directory", WIRE_MAPPING_FILE);
	assert_refused(&config, "/bucket/file", WIRE_MAPPING_DIRECTORY);
	assert_refused(&config, "/bucket/file/below", WIRE_MAPPING_DIRECTORY);
	assert_refused(&config, "/bucket/fifo", WIRE_MAPPING_FILE);
	assert_refused(&config, "/bucket/fifo", WIRE_MAPPING_DIRECTORY);
	assert_refused(&config, "/bucket/device", WIRE_MAPPING_FILE);
	assert_refused(&config, "/bucket/missing-file", WIRE_MAPPING_FILE);
	assert_int_equal(access(path("data/bucket/missing-file"), F_OK), -1);
}

static void
assert_owner(const char *below, uint32_t uid, uint32_t gid, mode_t mode)
{
	struct stat status;

	assert_int_equal(lstat(path(below), &status), 0);
	assert_true(S_ISDIR(status.st_mode));
	assert_int_equal(status.st_uid, uid);
	assert_int_equal(status.st_gid, gid);
	assert_int_equal(status.st_mode & 07777, mode);
}

static void
missing_directories_are_made(void **state)
{
	struct config config = configuration();
	char reason[REASON_MAX];
	int fd;

	(void)state;
	fd = open_target(&config, "/bucket/a/b/alice", WIRE_MAPPING_DIRECTORY, reason);
	assert_true(fd >= 0);
	close(fd);
	assert_owner("data/bucket/a", 0, 0, 0755);
	assert_owner("data/bucket/a/b", 0, 0, 0755);
	assert_owner("data/bucket/a/b/alice", UID, GID, 0750);

	/* Below what others can write, and below the user's own: as the user. */
	make_directory("data/bucket/public", 0, 01777);
	fd = open_target(&config, "/bucket/public/x/y", WIRE_MAPPING_DIRECTORY, reason);
	assert_true(fd >= 0);
	close(fd);
	assert_owner("data/bucket/public/x", UID, GID, 0750);
	assert_owner("data/bucket/public/x/y", UID, GID, 0750);
	make_directory("data/bucket/neighbour", NEIGHBOUR, 0755);
	assert_refused(&config, "/bucket/neighbour/alice", WIRE_MAPPING_DIRECTORY);
	make_directory("data/bucket/group", 0, 0775);
	assert_refused(&config, "/bucket/group/alice", WIRE_MAPPING_DIRECTORY);

	config.create_home = false;
	assert_refused(&config, "/bucket/absent", WIRE_MAPPING_DIRECTORY);
	assert_int_equal(access(path("data/bucket/absent"), F_OK), -1);
}

/* race: a process that runs `swap` over and over, as `uid`, until it is killed. */
static pid_t
race(void (*swap)(unsigned round), uint32_t uid)
{
	pid_t child = fork();

	if (child == 0) {
		if (setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0)
			_exit(1);
		for (unsigned round = 0;; round++)
			swap(round);
	}
	assert_true(child > 0);
	return child;
}

static void
end_race(pid_t child)
{
	int status;

	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static void
swap_directory_and_link(unsigned round)
{
	(void)round;
	renameat2(AT_FDCWD, path("data/bucket/owned/swap"), AT_FDCWD, path("data/bucket/owned/link"), RENAME_EXCHANGE);
}

/* The link leads to a directory of the same shape outside: whoever follows it finds all that it looks for. */
static void
a_link_swapped_in_is_never_followed(void **state)
{
	const struct config config = configuration();
	char reason[REASON_MAX];
	ino_t directory, inner, found;
	unsigned opened = 0, i;
	struct stat status;
	pid_t racer;
	int fd;

	(void)state;
	make_directory("data/bucket/owned", UID, 0755);
	make_directory("data/bucket/owned/swap", UID, 0755);
	make_directory("data/bucket/owned/swap/inner", UID, 0755);
	assert_int_equal(symlink(outside, path("data/bucket/owned/link")), 0);
	assert_int_equal(stat(path("data/bucket/owned/swap"), &status), 0);
	directory = status.st_ino;
	assert_int_equal(stat(path("data/bucket/owned/swap/inner"), &status), 0);
	inner = status.st_ino;

	racer = race(swap_directory_and_link, UID);
	for (i = 0; i < 10 * RACE_TRIES; i++) {
		fd = open_target(&config, i % 2 ? "/bucket/owned/swap" : "/bucket/owned/swap/inner", WIRE_MAPPING_DIRECTORY,
		    reason);
		if (fd < 0)
			continue;
		found = inode_of(fd);
		close(fd);
		opened++;
		if (found != (i % 2 ? directory : inner))
			break;
	}
	end_race(racer);
	assert_int_equal(i, 10 * RACE_TRIES);
	assert_true(opened > 0);
}

/* As tests/login/rename_race.c does it: whatever appears under the name is moved away, and the neighbour's directory put
 * there. */
static void
put_neighbour_in_place(unsigned round)
{
	char away[256];

	snprintf(away, sizeof(away), "%s/data/bucket/owned/away.%u", scratch, round);
	if (rename(path("data/bucket/owned/new"), away) != 0)
		return;
	rename(path("data/bucket/owned/neighbour"), path("data/bucket/owned/new"));
	for (volatile unsigned wait = 0; wait < round % 64 * 100; wait++)
		;
	rename(path("data/bucket/owned/new"), path("data/bucket/owned/neighbour"));
}

static void
a_neighbours_directory_is_never_given_away(uint32_t owner, mode_t mode, uint32_t racer_uid)
{
	const struct config config = configuration();
	char reason[REASON_MAX];
	struct stat status;
	unsigned i, made = 0;
	int neighbour, fd;
	pid_t racer;

	make_directory("data/bucket/owned", owner, mode);
	make_directory("data/bucket/owned/neighbour", NEIGHBOUR, 0700);
	neighbour = open(path("data/bucket/owned/neighbour"), O_RDONLY | O_DIRECTORY);
	assert_true(neighbour >= 0);
	racer = race(put_neighbour_in_place, racer_uid);
	for (i = 0; i < RACE_TRIES; i++) {
		fd = open_target(&config, i % 2 ? "/bucket/owned/new" : "/bucket/owned/new/below", WIRE_MAPPING_DIRECTORY,
		    reason);
		if (fd >= 0)
			close(fd);
		made += fd >= 0;
		assert_int_equal(fstat(neighbour, &status), 0);
		if (status.st_uid != NEIGHBOUR || (status.st_mode & 07777) != 0700)
			break;
	}
	end_race(racer);
	close(neighbour);
	assert_int_equal(i, RACE_TRIES);
	assert_true(made > 0);
}

static void
no_chown_below_the_users_own_directory(void **state)
{
	(void)state;
	a_neighbours_directory_is_never_given_away(UID, 0755, UID);
}

static void
no_chown_below_a_directory_that_all_may_write(void **state)
{
	(void)state;
	a_neighbours_directory_is_never_given_away(0, 0777, UID + 1);
}

/* without_override: root as an NFS server with root_squash sees it: a stranger to other people's directories. */
static void
without_override(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) != 0)
		_exit(100);
	data[0].effective &= ~(1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH);
	if (syscall(SYS_capset, &header, data) != 0)
		_exit(101);
}

static void
where_root_may_not_go_the_user_does(void **state)
{
	const struct config config = configuration();
	char reason[REASON_MAX];
	int status, fd;
	pid_t child;

	(void)state;
	make_directory("data/bucket/closed", UID, 0700);
	make_directory("data/bucket/closed/home", UID, 0700);
	assert_int_equal(symlink(outside, path("data/bucket/closed/link")), 0);
	make_directory("data/bucket/foreign", NEIGHBOUR, 0700);
	make_directory("data/bucket/foreign/home", UID, 0700);
	child = fork();
	if (child == 0) {
		without_override();
		fd = open_target(&config, "/bucket/closed/home", WIRE_MAPPING_DIRECTORY, reason);
		if (fd < 0 || (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0)
			_exit(1);
		if (open_target(&config, "/bucket/foreign/home", WIRE_MAPPING_DIRECTORY, reason) >= 0)
			_exit(2);
		if (open_target(&config, "/bucket/closed/link", WIRE_MAPPING_DIRECTORY, reason) >= 0 ||
		    open_target(&config, "/bucket/closed/link/inner", WIRE_MAPPING_DIRECTORY, reason) >= 0)
			_exit(3);
		_exit(getuid() == 0 && geteuid() == 0 ? 0 : 4);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
check_of_all_targets(void **state)
{
	const struct config config = configuration();
	struct session_mapping mappings[] = {
		{ WIRE_MAPPING_DIRECTORY, "/one", "/bucket/one" },
		{ WIRE_MAPPING_DIRECTORY, "/two", "/bucket/link" },
	};
	struct session session = session_of(UID, GID);
	char reason[REASON_MAX];

	(void)state;
	assert_int_equal(symlink(outside, path("data/bucket/link")), 0);
	session.mappings = mappings;
	session.mapping_count = 1;
	assert_int_equal(targets_check(&config, &session, reason), 0);
	session.mapping_count = 2;
	assert_int_equal(targets_check(&config, &session, reason), -1);
	assert_non_null(strstr(reason, "/bucket/link"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_scratch, drop_scratch)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(opens_what_is_there),
		TEST(symbolic_links_are_refused_in_every_position),
		TEST(a_linked_data_root_or_bucket_is_refused),
		TEST(dots_are_refused),
		TEST(types_must_fit),
		TEST(missing_directories_are_made),
		TEST(a_link_swapped_in_is_never_followed),
		TEST(no_chown_below_the_users_own_directory),
		TEST(no_chown_below_a_directory_that_all_may_write),
		TEST(where_root_may_not_go_the_user_does),
		TEST(check_of_all_targets),
	};

	if (geteuid() != 0) {
		print_message("[  SKIPPED ] %zu test(s): targets need root\n", sizeof(tests) / sizeof(tests[0]));
		return 0;
	}
	return cmocka_run_group_tests(tests, enter_scratch, leave_scratch);
}
