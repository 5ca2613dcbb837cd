/*
 * What Berth reads and keeps on its host: /etc/passwd as a file, the live sessions and their ends, becoming an
 * unprivileged user.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common/host/identity.h"
#include "common/host/passwd_file.h"
#include "common/host/paths.h"
#include "common/host/process_tree.h"
#include "common/host/registry.h"
#include "common/wire/deadline.h"
#include "tests/unit/private_run.h"

/* passwd_file. */

struct seen {
	char text[4096];
	size_t count, longest;
};

static bool
see(void *context, const char *name, size_t length, uint32_t uid)
{
	struct seen *seen = context;
	size_t used = strlen(seen->text);

	seen->count++;
	if (length > seen->longest)
		seen->longest = length;
	if (length < 64)
		snprintf(seen->text + used, sizeof(seen->text) - used, "%.*s=%u ", (int)length, name, uid);
	return true;
}

/* see_all: what passwd_file_each makes of these bytes. */
static struct seen
see_all(const char *bytes, size_t length)
{
	char path[] = "/tmp/berth-test-passwd-XXXXXX";
	int fd = mkstemp(path);
	struct seen seen = { 0 };

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), length);
	close(fd);
	assert_int_equal(passwd_file_each(path, see, &seen), 0);
	unlink(path);
	return seen;
}

static void
entries_are_seen_as_glibc_sees_them(void **state)
{
	static const char text[] =
	    "root:x:0:0:root:/root:/bin/bash\n"
	    "# comment:x:1:1\n"
	    "\n"
	    "  indented:x:1001:1001::/:/bin/sh\n"
	    "+nis:x:5:5\n"
	    "-nis:x:5:5\n"
	    "nocolon\n"
	    "nouid:x\n"
	    "words:x:abc:1\n"
	    "negative:x:-1:1\n"
	    "huge:x:4294967296:1\n"
	    "top:x:4294967294:1\n"
	    "empty:x::1\n"
	    "plus:x: +1002:1\n"
	    "last:x:1003:1::/:/bin/sh";
	struct seen seen;

	(void)state;
	seen = see_all(text, sizeof(text) - 1);
	assert_string_equal(seen.text,
	    "root=0 indented=1001 nouid=4294967295 words=4294967295 negative=4294967295 huge=4294967295 top=4294967294 "
	    "empty=4294967295 plus=1002 last=1003 ");
}

static void
long_lines_break_nothing(void **state)
{
	static const size_t lengths[] = { 300, 8180, 8191, 8192, 8193, 16384, 100000 };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t size = 3 * lengths[i] + 200, used = 0;
		char *text = malloc(size);
		struct seen seen;

		assert_non_null(text);
		memset(text, 'n', lengths[i]); /* a long name, with a uid behind it */
		used = lengths[i];
		used += (size_t)sprintf(text + used, ":x:2001:1::/:/bin/sh\nlongpassword:");
		memset(text + used, 'p', lengths[i]);
		used += lengths[i];
		used += (size_t)sprintf(text + used, ":2002:1::/:/bin/sh\nlonggecos:x:2003:1:");
		memset(text + used, ':', lengths[i]);
		used += lengths[i];
		used += (size_t)sprintf(text + used, "\nafter:x:2004:1::/:/bin/sh\n");
		seen = see_all(text, used);
		assert_int_equal(seen.count, 4);
		assert_true(seen.longest > 100); /* never cut to what could be a Berth user's name */
		assert_string_equal(seen.text, "longpassword=2002 longgecos=2003 after=2004 ");
		free(text);
	}
}

static void
lines_across_every_chunk_border_are_seen(void **state)
{
	char *text = malloc(200000);

	(void)state;
	assert_non_null(text);
	for (size_t shift = 0; shift < 40; shift++) {
		size_t used = (size_t)sprintf(text, "#%.*s\n", (int)shift, "........................................");
		struct seen seen;

		for (unsigned i = 0; i < 1000; i++)
			used += (size_t)sprintf(text + used, "user%04u:x:%u:1::/home/user:/bin/sh\n", i, 10000 + i);
		seen = see_all(text, used);
		assert_int_equal(seen.count, 1000);
		assert_int_equal(seen.longest, 8);
	}
	free(text);
}

static void
a_file_that_can_not_be_read_is_an_error(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(passwd_file_each("/nonexistent", see, &seen), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(passwd_file_each("/tmp", see, &seen), -1);
	assert_int_equal(errno, EISDIR);
}

static void
names_and_uids_are_found(void **state)
{
	bool name, uid;

	(void)state;
	assert_int_equal(private_file(BERTH_PASSWD_FILE, "root:x:0:0::/:/bin/sh\nalice:x:1001:1001::/:/bin/sh\n"), 0);
	assert_int_equal(passwd_file_find("alice", 1001, &name, &uid), 0);
	assert_true(name && uid);
	assert_int_equal(passwd_file_find("alice", ID_NONE, &name, &uid), 0);
	assert_true(name && !uid);
	assert_int_equal(passwd_file_find(NULL, 1001, &name, &uid), 0);
	assert_true(!name && uid);
	assert_int_equal(passwd_file_find("alic", 1002, &name, &uid), 0);
	assert_true(!name && !uid);
	assert_int_equal(passwd_file_find("alice:x", 100, &name, &uid), 0);
	assert_true(!name && !uid);
	assert_int_equal(passwd_file_find("root", 1001, &name, &uid), 0);
	assert_true(name && uid);
	assert_int_equal(umount(BERTH_PASSWD_FILE), 0);
}

/* The registry. */

enum manner {
	ENDS,          /* on SIGTERM: ends its child, removes its file, ends */
	LEAVES_CHILD,  /* on SIGTERM: ends, its child doesn't care */
	STAYS,         /* neither does it */
};

static volatile sig_atomic_t told;

static void
be_told(int signal_number)
{
	(void)signal_number;
	told = 1;
}

/* hang: for as long as it takes; a minute at most, should the test fail. */
static void
hang(void)
{
	signal(SIGTERM, SIG_IGN);
	alarm(60);
	for (;;)
		pause();
}

static pid_t
start_child(void)
{
	pid_t child = fork();

	if (child == 0) {
		if (fork() >= 0)
			hang();
		_exit(1);
	}
	return child;
}

static void
be_monitor(int ready, enum manner manner)
{
	struct live_session session = { .user = "alice", .server_id = "s-0123456789abcdef0", .client = "127.0.0.1",
		.client_port = 2222, .fingerprint = "SHA256:abc", .uid = 5001 };
	pid_t child = start_child();

	signal(SIGTERM, be_told);
	alarm(60);
	if (child < 0 || registry_add(&session) != 0)
		_exit(1);
	usleep(20000); /* the child has its own child by now */
	if (write(ready, &child, sizeof(child)) != sizeof(child))
		_exit(1);
	if (manner == STAYS)
		hang();
	while (!told)
		usleep(1000);
	if (manner == ENDS && (kill(child, SIGKILL) != 0 || registry_remove(session.id) != 0))
		_exit(1);
	_exit(0);
}

/* start_monitor: stands in for sshd's monitor; its child is a session that ignores SIGTERM, with a child too. */
static pid_t
start_monitor(enum manner manner, pid_t *child)
{
	int pipe_ends[2];
	pid_t monitor;

	assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
	monitor = fork();
	assert_true(monitor >= 0);
	if (monitor == 0)
		be_monitor(pipe_ends[1], manner);
	close(pipe_ends[1]);
	assert_int_equal(read(pipe_ends[0], child, sizeof(*child)), sizeof(*child));
	close(pipe_ends[0]);
	return monitor;
}

static size_t
files_in_registry(void)
{
	DIR *stream = opendir(BERTH_SESSIONS_DIR);
	struct dirent *entry;
	size_t count = 0;

	assert_non_null(stream);
	while ((entry = readdir(stream)) != NULL)
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(stream);
	return count;
}

/* reap: every process that these tests started and left behind comes to this one, their subreaper. */
static void
reap(void)
{
	while (waitpid(-1, NULL, 0) > 0)
		;
}

/* is_running: a zombie isn't. */
static bool
is_running(pid_t pid)
{
	unsigned long long started = process_started(pid);
	int pidfd = started != 0 ? process_open(pid, started) : -1;

	if (pidfd >= 0)
		close(pidfd);
	return pidfd >= 0;
}

static void
no_directory_means_no_sessions(void **state)
{
	struct live_session *sessions;

	(void)state;
	assert_int_equal(registry_list(&sessions), 0);
	assert_null(sessions);
}

static void
a_session_is_listed_and_removed(void **state)
{
	struct live_session session = { .user = "a.b@c-d", .server_id = "s-0123456789abcdef0", .client = "::1",
		.client_port = 65535, .fingerprint = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
		.uid = 4294967294u };
	struct live_session *sessions;
	struct stat status;

	(void)state;
	assert_int_equal(registry_add(&session), 0);
	assert_int_equal(strlen(session.id), SESSION_ID_LENGTH);
	assert_int_equal(stat(BERTH_SESSIONS_DIR, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	assert_int_equal(registry_list(&sessions), 1);
	assert_string_equal(sessions[0].id, session.id);
	assert_string_equal(sessions[0].user, session.user);
	assert_string_equal(sessions[0].server_id, session.server_id);
	assert_string_equal(sessions[0].client, session.client);
	assert_string_equal(sessions[0].fingerprint, session.fingerprint);
	assert_int_equal(sessions[0].client_port, 65535);
	assert_int_equal(sessions[0].uid, 4294967294u);
	assert_int_equal(sessions[0].monitor, getpid());
	assert_true(sessions[0].monitor_started == session.monitor_started);
	assert_true(sessions[0].since == session.since);
	free(sessions);
	assert_int_equal(registry_remove(session.id), 0);
	assert_int_equal(registry_remove(session.id), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(registry_remove("../../../etc/pa"), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(registry_list(&sessions), 0);
}

static void
what_would_break_a_line_is_not_written(void **state)
{
	struct live_session session = { .user = "alice", .client = "127.0.0.1\nuser=bob", .uid = 5001 };

	(void)state;
	assert_int_equal(registry_add(&session), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(files_in_registry(), 0);
}

static void
put_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), BERTH_SESSIONS_DIR "/%s", name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void
files_that_are_not_ours_are_passed_over(void **state)
{
	static const char good[] =
	    "user=alice\nserver=s-1\nclient=-\nport=0\nfingerprint=\nuid=5001\nsince=1\nmonitor=%s\nstarted=%s\n%s";
	char text[1400];
	struct live_session *sessions;

	(void)state;
	put_file("0000000000000001", "");
	put_file("0000000000000002", "user=alice\n");
	snprintf(text, sizeof(text), good, "1", "1", "");
	put_file("0000000000000003", text); /* init is nobody's monitor */
	snprintf(text, sizeof(text), good, "-5", "1", "");
	put_file("0000000000000004", text);
	snprintf(text, sizeof(text), good, "99999999999", "1", "");
	put_file("0000000000000005", text);
	snprintf(text, sizeof(text), good, "5", "1", "more=1\n");
	put_file("0000000000000006", text);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	put_file("0000000000000007", text);
	assert_int_equal(symlink("/etc/passwd", BERTH_SESSIONS_DIR "/0000000000000008"), 0);
	assert_int_equal(mkfifo(BERTH_SESSIONS_DIR "/0000000000000009", 0600), 0);
	snprintf(text, sizeof(text), good, "2147483647", "1", "");
	put_file("000000000000000a", text);
	assert_int_equal(chown(BERTH_SESSIONS_DIR "/000000000000000a", 65534, 65534), 0);
	put_file("other", "file");
	assert_int_equal(registry_list(&sessions), 0);
	assert_int_equal(files_in_registry(), 11);
	assert_int_equal(system("rm -r " BERTH_SESSIONS_DIR), 0);
}

static void
a_directory_that_others_can_write_is_not_believed(void **state)
{
	struct live_session *sessions, session = { .user = "alice", .client = "-", .uid = 5001 };

	(void)state;
	assert_int_equal(mkdir(BERTH_SESSIONS_DIR, 0700), 0);
	assert_int_equal(chmod(BERTH_SESSIONS_DIR, 0770), 0);
	assert_int_equal(registry_list(&sessions), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(registry_add(&session), -1);
	assert_int_equal(chmod(BERTH_SESSIONS_DIR, 0700), 0);
	assert_int_equal(chown(BERTH_SESSIONS_DIR, 65534, 65534), 0);
	assert_int_equal(registry_list(&sessions), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(rmdir(BERTH_SESSIONS_DIR), 0);
	assert_int_equal(symlink("/tmp", BERTH_SESSIONS_DIR), 0);
	assert_int_equal(registry_list(&sessions), -1);
	assert_int_equal(unlink(BERTH_SESSIONS_DIR), 0);
}

static void
sessions_end_in_every_manner(void **state)
{
	static const enum manner manners[] = { ENDS, LEAVES_CHILD, STAYS };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct live_session *sessions;
		pid_t child, monitor = start_monitor(manners[i], &child);
		int64_t start = deadline_now();

		assert_int_equal(registry_list(&sessions), 1);
		assert_int_equal(sessions[0].monitor, monitor);
		assert_int_equal(registry_end(&sessions[0], 300), 0);
		assert_true(deadline_now() - start < 3000);
		assert_false(is_running(monitor));
		assert_false(is_running(child));
		assert_int_equal(files_in_registry(), 0);
		free(sessions);
		reap();
	}
}

static void
a_pid_that_is_anothers_by_now_is_left_alone(void **state)
{
	struct live_session *sessions, stale;
	pid_t child, monitor = start_monitor(LEAVES_CHILD, &child);

	(void)state;
	assert_int_equal(registry_list(&sessions), 1);
	stale = sessions[0];
	stale.monitor_started--;
	assert_int_equal(registry_end(&stale, 100), 0);
	assert_true(is_running(monitor));
	assert_true(is_running(child));
	assert_int_equal(process_tree_end(monitor, sessions[0].monitor_started, 100), 0);
	free(sessions);
	reap();
}

static void
a_dead_monitors_file_is_removed(void **state)
{
	struct live_session *sessions;
	pid_t child, monitor = start_monitor(ENDS, &child);

	(void)state;
	assert_int_equal(kill(monitor, SIGKILL), 0);
	assert_int_equal(waitpid(monitor, NULL, 0), monitor);
	assert_int_equal(files_in_registry(), 1);
	assert_int_equal(registry_list(&sessions), 0);
	assert_int_equal(files_in_registry(), 0);
	assert_int_equal(process_tree_end(child, process_started(child), 10), 0);
	reap();
}

/* identity. */

static int
become_and_look(const char *user, uid_t uid, gid_t gid, gid_t other)
{
	gid_t groups[8];
	int count;

	if (identity_become(user) != 0)
		return errno;
	count = getgroups(8, groups);
	if (getuid() != uid || geteuid() != uid || getgid() != gid || getegid() != gid || count != 2)
		return 201;
	if (!((groups[0] == gid && groups[1] == other) || (groups[1] == gid && groups[0] == other)))
		return 202;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || setuid(0) == 0 || setgid(0) == 0)
		return 203;
	return 0;
}

static void
expect_identity(const char *user, int expected)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(become_and_look(user, 901, 902, 903));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), expected);
}

static void
an_identity_is_taken_for_good(void **state)
{
	(void)state;
	assert_int_equal(private_file(BERTH_PASSWD_FILE, "root:x:0:0::/:/bin/sh\nberth:x:901:902::/:/bin/false\n"
	    "nobodys:x:901:0::/:/bin/false\n"), 0);
	assert_int_equal(private_file(BERTH_GROUP_FILE, "root:x:0:\nberth:x:902:\nextra:x:903:x,berth\n"
	    "not:x:904:berthx\n"), 0);
	expect_identity("berth", 0);
	expect_identity("root", EPERM);
	expect_identity("nobodys", EPERM);
	expect_identity("unknown", ENOENT);
	assert_int_equal(umount(BERTH_PASSWD_FILE), 0);
	assert_int_equal(umount(BERTH_GROUP_FILE), 0);
}

int
main(void)
{
	const struct CMUnitTest plain[] = {
		cmocka_unit_test(entries_are_seen_as_glibc_sees_them),
		cmocka_unit_test(long_lines_break_nothing),
		cmocka_unit_test(lines_across_every_chunk_border_are_seen),
		cmocka_unit_test(a_file_that_can_not_be_read_is_an_error),
	};
	struct CMUnitTest private[] = {
		cmocka_unit_test(names_and_uids_are_found),
		cmocka_unit_test(no_directory_means_no_sessions),
		cmocka_unit_test(a_session_is_listed_and_removed),
		cmocka_unit_test(what_would_break_a_line_is_not_written),
		cmocka_unit_test(files_that_are_not_ours_are_passed_over),
		cmocka_unit_test(a_directory_that_others_can_write_is_not_believed),
		cmocka_unit_test(sessions_end_in_every_manner),
		cmocka_unit_test(a_pid_that_is_anothers_by_now_is_left_alone),
		cmocka_unit_test(a_dead_monitors_file_is_removed),
		cmocka_unit_test(an_identity_is_taken_for_good),
	};
	int failed = cmocka_run_group_tests_name("passwd file", plain, NULL, NULL);

	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
		return 1;
	private_run_enter(private, sizeof(private) / sizeof(private[0]));
	return failed + cmocka_run_group_tests_name("host", private, NULL, NULL);
}
