/*
 * The NSS module's functions against a real socket whose answers the test chooses: right, hostile, late, none.
 */
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <pthread.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/host/paths.h"
#include "common/wire/deadline.h"
#include "common/wire/wire.h"
#include "tests/unit/private_run.h"

NSS_DECLARE_MODULE_FUNCTIONS(berth)

#define PASSWD_FILE "root:x:0:0::/root:/bin/bash\nlocal:x:1001:1001::/:/bin/sh\n"
#define THREADS 8
#define ROUNDS  300

/* The agent: a thread that answers every connection with the status and payload that the test has set. */

struct agent {
	int listener;
	pthread_t thread;
	atomic_int asked;
	uint16_t status;
	uint8_t payload[8192];
	struct wire_out out;
	uint16_t verb; /* of the last request */
	char text[256]; /* its string, for the verbs that have one */
	uint32_t number; /* its number, for those that have one */
	uint32_t wait_ms; /* not 0: WIRE_WAIT says so, and the answer comes that much later */
};

static struct agent agent;

static void
note_request(const uint8_t *bytes, size_t length)
{
	struct wire_in in;
	uint32_t payload;

	if (length < WIRE_HEADER || !wire_get_header(bytes, &agent.verb, &payload, WIRE_REQUEST_MAX))
		return;
	wire_in_init(&in, bytes + WIRE_HEADER, length - WIRE_HEADER);
	if (agent.verb == WIRE_PASSWD_BY_UID || agent.verb == WIRE_GROUP)
		agent.number = wire_get_u32(&in);
	else
		wire_get_string(&in, agent.text, sizeof(agent.text) - 1);
}

static void *
serve(void *argument)
{
	uint8_t request[1024], answer[WIRE_HEADER + sizeof(agent.payload)];
	struct wire_out out;
	ssize_t count;
	int fd;

	(void)argument;
	while ((fd = accept(agent.listener, NULL, NULL)) >= 0) {
		count = recv(fd, request, sizeof(request), 0);
		atomic_fetch_add(&agent.asked, 1);
		note_request(request, count > 0 ? (size_t)count : 0);
		if (agent.wait_ms > 0) {
			wire_out_init(&out, answer, sizeof(answer));
			wire_put_header(&out, WIRE_WAIT, WIRE_WAIT_LENGTH);
			wire_put_u32(&out, agent.wait_ms + 1000);
			send(fd, answer, out.used, MSG_NOSIGNAL);
			usleep(agent.wait_ms * 1000);
		}
		wire_out_init(&out, answer, sizeof(answer));
		wire_put_header(&out, agent.status, (uint32_t)agent.out.used);
		memcpy(answer + WIRE_HEADER, agent.payload, agent.out.used);
		send(fd, answer, WIRE_HEADER + agent.out.used, MSG_NOSIGNAL);
		close(fd);
	}
	return NULL;
}

static void
listen_at_socket(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = BERTH_SOCKET };

	agent.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(agent.listener >= 0);
	assert_int_equal(bind(agent.listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(agent.listener, 128), 0);
}

static int
agent_start(void **state)
{
	(void)state;
	memset(&agent, 0, sizeof(agent));
	wire_out_init(&agent.out, agent.payload, sizeof(agent.payload));
	listen_at_socket();
	return pthread_create(&agent.thread, NULL, serve, NULL);
}

static int
agent_stop(void **state)
{
	(void)state;
	shutdown(agent.listener, SHUT_RDWR);
	pthread_join(agent.thread, NULL);
	close(agent.listener);
	return unlink(BERTH_SOCKET);
}

static void
answer_passwd(const char *name, uint32_t uid, uint32_t gid, const char *home)
{
	agent.status = WIRE_OK;
	wire_out_init(&agent.out, agent.payload, sizeof(agent.payload));
	wire_put_string(&agent.out, name);
	wire_put_u32(&agent.out, uid);
	wire_put_u32(&agent.out, gid);
	wire_put_string(&agent.out, home);
}

static void
answer_groups(uint32_t gid, size_t count, const uint32_t *secondary)
{
	agent.status = WIRE_OK;
	wire_out_init(&agent.out, agent.payload, sizeof(agent.payload));
	wire_put_u32(&agent.out, gid);
	wire_put_u32(&agent.out, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		wire_put_u32(&agent.out, secondary[i]);
}

/* passwd. */

static enum nss_status
by_name(const char *name, struct passwd *entry)
{
	static char buffer[8192];
	int error = 0;

	return _nss_berth_getpwnam_r(name, entry, buffer, sizeof(buffer), &error);
}

static enum nss_status
by_uid(uid_t uid, struct passwd *entry)
{
	static char buffer[8192];
	int error = 0;

	return _nss_berth_getpwuid_r(uid, entry, buffer, sizeof(buffer), &error);
}

static void
an_entry_is_found_by_name_and_uid(void **state)
{
	struct passwd entry;

	(void)state;
	answer_passwd("alice", 5001, 5002, "/partner/in box");
	assert_int_equal(by_name("alice", &entry), NSS_STATUS_SUCCESS);
	assert_string_equal(entry.pw_name, "alice");
	assert_string_equal(entry.pw_passwd, "!");
	assert_int_equal(entry.pw_uid, 5001);
	assert_int_equal(entry.pw_gid, 5002);
	assert_string_equal(entry.pw_gecos, GECOS_MARKER);
	assert_string_equal(entry.pw_dir, "/partner/in box");
	assert_string_equal(entry.pw_shell, "/usr/sbin/nologin");
	assert_int_equal(agent.verb, WIRE_PASSWD_BY_NAME);
	assert_string_equal(agent.text, "alice");

	assert_int_equal(by_uid(5001, &entry), NSS_STATUS_SUCCESS);
	assert_string_equal(entry.pw_name, "alice");
	assert_int_equal(agent.verb, WIRE_PASSWD_BY_UID);
	assert_int_equal(agent.number, 5001);
}

static void
small_buffers_are_asked_to_grow(void **state)
{
	const size_t needed = sizeof("alice" "!" GECOS_MARKER "/home" "/usr/sbin/nologin") + 4;
	char buffer[256];
	struct passwd entry;
	struct group group;
	int error;
	size_t size;

	(void)state;
	answer_passwd("alice", 5001, 5002, "/home");
	for (size = 0;; size++) {
		memset(buffer, 0x55, sizeof(buffer));
		error = 0;
		if (_nss_berth_getpwnam_r("alice", &entry, buffer, size, &error) == NSS_STATUS_SUCCESS)
			break;
		assert_int_equal(error, ERANGE);
		assert_int_equal(buffer[size], 0x55);
		assert_true(size < sizeof(buffer) - 1);
	}
	assert_int_equal(size, needed);
	assert_int_equal(buffer[size], 0x55);
	for (size_t shift = 0; shift < 16; shift++) {
		for (size = 0;; size++) {
			memset(buffer, 0x55, sizeof(buffer));
			error = 0;
			if (_nss_berth_getgrnam_r("berth-users", &group, buffer + shift, size, &error) == NSS_STATUS_SUCCESS)
				break;
			assert_int_equal(error, ERANGE);
			assert_int_equal(buffer[shift + size], 0x55);
			assert_true(size < 100);
		}
		assert_int_equal((uintptr_t)group.gr_mem % sizeof(char *), 0);
		assert_int_equal(buffer[shift + size], 0x55);
	}
}

static void
the_longest_entry_fits(void **state)
{
	char name[USER_NAME_MAX + 1], home[PATH_BYTES_MAX + 2];
	struct passwd entry;

	(void)state;
	memset(name, 'n', USER_NAME_MAX);
	name[USER_NAME_MAX] = '\0';
	memset(home, '/', PATH_BYTES_MAX + 1);
	home[PATH_BYTES_MAX] = '\0';
	answer_passwd(name, 4294967294u, 4294967294u, home);
	assert_int_equal(by_name(name, &entry), NSS_STATUS_SUCCESS);
	assert_string_equal(entry.pw_dir, home);
	home[PATH_BYTES_MAX] = '/';
	home[PATH_BYTES_MAX + 1] = '\0';
	answer_passwd(name, 4294967294u, 4294967294u, home);
	assert_int_not_equal(by_name(name, &entry), NSS_STATUS_SUCCESS);
}

static void
hostile_entries_are_nobody(void **state)
{
	static const struct {
		const char *name;
		uint32_t uid, gid;
	} hostile[] = {
		{ "bob", 5001, 5001 }, { "Alice", 5001, 5001 }, { "alice ", 5001, 5001 }, { "", 5001, 5001 },
		{ "root", 5001, 5001 }, { "alice", 0, 5001 }, { "alice", 999, 5001 }, { "alice", ID_NONE, 5001 },
		{ "alice", BERTH_USERS_GID, 5001 }, { "alice", 5001, 0 }, { "alice", 5001, 27 },
		{ "alice", 5001, ID_NONE }, { "alice", 5001, BERTH_USERS_GID },
	};
	struct passwd entry;

	(void)state;
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		answer_passwd(hostile[i].name, hostile[i].uid, hostile[i].gid, "/");
		assert_int_equal(by_name("alice", &entry), NSS_STATUS_NOTFOUND);
	}
	answer_passwd("alice", 5002, 5001, "/");
	assert_int_equal(by_uid(5001, &entry), NSS_STATUS_NOTFOUND);
	answer_passwd("local", 5001, 5001, "/"); /* stands in /etc/passwd */
	assert_int_equal(by_uid(5001, &entry), NSS_STATUS_NOTFOUND);
	assert_int_equal(by_name("local", &entry), NSS_STATUS_NOTFOUND);
}

static void
answers_of_the_wrong_size_are_nobody(void **state)
{
	struct passwd entry;
	size_t whole;

	(void)state;
	answer_passwd("alice", 5001, 5001, "/home");
	whole = agent.out.used;
	for (agent.out.used = 0; agent.out.used < whole; agent.out.used++)
		assert_int_equal(by_name("alice", &entry), NSS_STATUS_NOTFOUND);
	assert_int_equal(by_name("alice", &entry), NSS_STATUS_SUCCESS);
	wire_put_u16(&agent.out, 0);
	assert_int_equal(by_name("alice", &entry), NSS_STATUS_NOTFOUND);
	answer_passwd("alice", 5001, 5001, "/home");
	agent.payload[4 + 2] = '\0';
	assert_int_equal(by_name("alice", &entry), NSS_STATUS_NOTFOUND);
}

static void
unusable_homes_become_the_root(void **state)
{
	static const char *const homes[] = { "", "relative", "/a:b", "/a\nroot::0:0::/:/bin/sh", "/\x1b[31m", "/\x7f" };
	struct passwd entry;

	(void)state;
	for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++) {
		answer_passwd("alice", 5001, 5001, homes[i]);
		assert_int_equal(by_name("alice", &entry), NSS_STATUS_SUCCESS);
		assert_string_equal(entry.pw_dir, "/");
	}
	answer_passwd("alice", 5001, 5001, "/k\xc3\xb6ln");
	assert_int_equal(by_name("alice", &entry), NSS_STATUS_SUCCESS);
	assert_string_equal(entry.pw_dir, "/k\xc3\xb6ln");
}

static void
what_can_not_be_ours_is_not_asked_for(void **state)
{
	static const char *const names[] = { "", "ab", "root", "-x-", "a b c", "a:b", "../x", "berth\nusers" };
	static const uid_t ids[] = { 0, 1, 999, ID_NONE, BERTH_USERS_GID };
	static const char *const groups[] = {
		"", "root", "berth", "berth-", "berth-g", "berth-g0", "berth-g999", "berth-g05001", "berth-g+5001",
		"berth-g 5001", "berth-g5001x", "berth-g-1", "berth-g4294967295", "berth-g4294967296", "berth-g99999999999",
		"berth-g1111839316", "Berth-g5001", "berth-g18446744073709556617",
	};
	struct passwd entry;
	struct group group;
	char buffer[256];
	long used = 0, size = 0;
	gid_t *list = NULL;
	int error;

	(void)state;
	answer_passwd("alice", 5001, 5001, "/");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(by_name(names[i], &entry), NSS_STATUS_NOTFOUND);
		assert_int_equal(_nss_berth_initgroups_dyn(names[i], 1, &used, &size, &list, 0, &error),
		    NSS_STATUS_NOTFOUND);
	}
	assert_int_equal(_nss_berth_initgroups_dyn("local", 1, &used, &size, &list, 0, &error), NSS_STATUS_NOTFOUND);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		assert_int_equal(by_uid(ids[i], &entry), NSS_STATUS_NOTFOUND);
		if (ids[i] != BERTH_USERS_GID)
			assert_int_equal(_nss_berth_getgrgid_r(ids[i], &group, buffer, sizeof(buffer), &error),
			    NSS_STATUS_NOTFOUND);
	}
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		assert_int_equal(_nss_berth_getgrnam_r(groups[i], &group, buffer, sizeof(buffer), &error),
		    NSS_STATUS_NOTFOUND);
	assert_int_equal(atomic_load(&agent.asked), 0);
	assert_int_equal(used, 0);
}

static void
the_agents_status_is_passed_on(void **state)
{
	static const struct {
		uint16_t status;
		enum nss_status expected;
	} pairs[] = {
		{ WIRE_NOT_FOUND, NSS_STATUS_NOTFOUND }, { WIRE_REFUSED, NSS_STATUS_NOTFOUND },
		{ WIRE_DENIED, NSS_STATUS_NOTFOUND }, { WIRE_UNAVAILABLE, NSS_STATUS_UNAVAIL },
		{ WIRE_BUSY, NSS_STATUS_UNAVAIL },
		{ WIRE_BAD_REQUEST, NSS_STATUS_UNAVAIL }, { 4711, NSS_STATUS_UNAVAIL },
	};
	struct passwd entry;

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		agent.status = pairs[i].status;
		errno = E2BIG;
		assert_int_equal(by_name("alice", &entry), pairs[i].expected);
		if (pairs[i].expected == NSS_STATUS_NOTFOUND)
			assert_int_equal(errno, E2BIG); /* getpwnam(3): nobody found is no error */
	}
}

/* group. */

static void
groups_are_found_by_name_and_gid(void **state)
{
	struct group group;
	char buffer[256];
	int error;

	(void)state;
	agent.status = WIRE_OK;
	assert_int_equal(_nss_berth_getgrnam_r("berth-g5001", &group, buffer, sizeof(buffer), &error), NSS_STATUS_SUCCESS);
	assert_string_equal(group.gr_name, "berth-g5001");
	assert_string_equal(group.gr_passwd, "!");
	assert_int_equal(group.gr_gid, 5001);
	assert_null(group.gr_mem[0]);
	assert_int_equal(agent.verb, WIRE_GROUP);
	assert_int_equal(agent.number, 5001);
	assert_int_equal(_nss_berth_getgrgid_r(4294967294u, &group, buffer, sizeof(buffer), &error), NSS_STATUS_SUCCESS);
	assert_string_equal(group.gr_name, "berth-g4294967294");
	agent.status = WIRE_NOT_FOUND;
	assert_int_equal(_nss_berth_getgrgid_r(5002, &group, buffer, sizeof(buffer), &error), NSS_STATUS_NOTFOUND);
}

/* initgroups. */

static enum nss_status
groups_of(const char *name, gid_t skip, long *used, long *size, gid_t **list, long limit)
{
	int error = 0;

	return _nss_berth_initgroups_dyn(name, skip, used, size, list, limit, &error);
}

static void
a_users_groups_are_listed(void **state)
{
	static const uint32_t secondary[] = { 7001, 7002, 5001 };
	static const gid_t expected[] = { 5001, 7001, 7002, BERTH_USERS_GID };
	long used = 1, size = 1;
	gid_t *list = malloc(sizeof(*list));

	(void)state;
	assert_non_null(list);
	list[0] = 5001;
	answer_groups(5001, 3, secondary);
	assert_int_equal(groups_of("alice", 5001, &used, &size, &list, 0), NSS_STATUS_SUCCESS);
	assert_int_equal(used, 4);
	assert_true(size >= used);
	assert_memory_equal(list, expected, sizeof(expected));
	assert_int_equal(agent.verb, WIRE_INITGROUPS);
	assert_string_equal(agent.text, "alice");
	free(list);
}

static void
the_record_s_own_group_is_not_lost(void **state)
{
	long used = 0, size = 0;
	gid_t *list = NULL;

	(void)state;
	answer_groups(5001, 0, NULL);
	assert_int_equal(groups_of("alice", 1234, &used, &size, &list, 0), NSS_STATUS_SUCCESS);
	assert_int_equal(used, 2);
	assert_int_equal(list[0], 5001);
	assert_int_equal(list[1], BERTH_USERS_GID);
	free(list);
}

static void
the_callers_limit_holds(void **state)
{
	uint32_t secondary[SECONDARY_GIDS_MAX];
	long used = 1, size = 2;
	gid_t *list = malloc(2 * sizeof(*list));

	(void)state;
	for (uint32_t i = 0; i < SECONDARY_GIDS_MAX; i++)
		secondary[i] = 7000 + i;
	answer_groups(5001, SECONDARY_GIDS_MAX, secondary);
	assert_int_equal(groups_of("alice", 5001, &used, &size, &list, 5), NSS_STATUS_SUCCESS);
	assert_int_equal(used, 5);
	assert_int_equal(size, 5);
	used = 1;
	assert_int_equal(groups_of("alice", 5001, &used, &size, &list, 0), NSS_STATUS_SUCCESS);
	assert_int_equal(used, 1 + SECONDARY_GIDS_MAX + 1);
	free(list);
}

static void
hostile_groups_are_none(void **state)
{
	static const uint32_t bad[] = { 0, 27, 999, ID_NONE, BERTH_USERS_GID };
	uint32_t many[SECONDARY_GIDS_MAX + 1], two[2] = { 7001, 0 };
	long used = 0, size = 0;
	gid_t *list = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		answer_groups(bad[i], 0, NULL);
		assert_int_equal(groups_of("alice", 1, &used, &size, &list, 0), NSS_STATUS_NOTFOUND);
		two[1] = bad[i];
		answer_groups(5001, 2, two);
		assert_int_equal(groups_of("alice", 1, &used, &size, &list, 0), NSS_STATUS_NOTFOUND);
	}
	for (size_t i = 0; i < SECONDARY_GIDS_MAX + 1; i++)
		many[i] = 7001;
	answer_groups(5001, SECONDARY_GIDS_MAX + 1, many);
	assert_int_not_equal(groups_of("alice", 1, &used, &size, &list, 0), NSS_STATUS_SUCCESS);
	answer_groups(5001, 2, many);
	agent.payload[4] = 1; /* says one, brings two */
	assert_int_equal(groups_of("alice", 1, &used, &size, &list, 0), NSS_STATUS_NOTFOUND);
	agent.payload[4] = 3;
	assert_int_equal(groups_of("alice", 1, &used, &size, &list, 0), NSS_STATUS_NOTFOUND);
	assert_int_equal(used, 0);
	assert_null(list);
}

static void
without_a_passwd_file_nobody_is_ours(void **state)
{
	long used = 0, size = 0;
	struct passwd entry;
	gid_t *list = NULL;

	(void)state;
	answer_groups(5001, 0, NULL);
	assert_int_equal(mount("/dev/null", BERTH_PASSWD_FILE, NULL, MS_BIND, NULL), 0);
	assert_int_equal(groups_of("alice", 1, &used, &size, &list, 0), NSS_STATUS_SUCCESS); /* empty: read whole */
	assert_int_equal(umount(BERTH_PASSWD_FILE), 0);
	assert_int_equal(mount("tmpfs", "/etc", "tmpfs", 0, NULL), 0);
	used = 0;
	assert_int_equal(groups_of("alice", 1, &used, &size, &list, 0), NSS_STATUS_NOTFOUND);
	answer_passwd("alice", 5001, 5001, "/");
	assert_int_equal(by_name("alice", &entry), NSS_STATUS_NOTFOUND);
	assert_int_equal(umount("/etc"), 0);
	free(list);
}

/* No agent, or one that doesn't answer. */

static void
without_an_agent_it_is_said_at_once(void **state)
{
	int64_t start = deadline_now();
	struct passwd entry;
	struct group group;
	long used = 0, size = 0;
	gid_t *list = NULL;
	char buffer[256];
	int error = 0;

	(void)state;
	assert_int_equal(_nss_berth_getpwnam_r("alice", &entry, buffer, sizeof(buffer), &error), NSS_STATUS_UNAVAIL);
	assert_int_equal(error, ENOENT);
	assert_int_equal(by_uid(5001, &entry), NSS_STATUS_UNAVAIL);
	assert_int_equal(_nss_berth_getgrgid_r(5001, &group, buffer, sizeof(buffer), &error), NSS_STATUS_UNAVAIL);
	assert_int_equal(groups_of("alice", 1, &used, &size, &list, 0), NSS_STATUS_UNAVAIL);
	assert_int_equal(_nss_berth_getgrnam_r("berth-users", &group, buffer, sizeof(buffer), &error), NSS_STATUS_SUCCESS);
	assert_int_equal(group.gr_gid, BERTH_USERS_GID);
	assert_int_equal(_nss_berth_getgrgid_r(BERTH_USERS_GID, &group, buffer, sizeof(buffer), &error), NSS_STATUS_SUCCESS);
	assert_string_equal(group.gr_name, "berth-users");
	assert_true(deadline_now() - start < 100);
}

static void
a_stopped_agent_costs_a_second_at_most(void **state)
{
	struct passwd entry;
	char buffer[256];
	int64_t start;
	int error = 0;

	(void)state;
	listen_at_socket(); /* and nobody accepts */
	start = deadline_now();
	assert_int_equal(_nss_berth_getpwnam_r("alice", &entry, buffer, sizeof(buffer), &error), NSS_STATUS_UNAVAIL);
	assert_int_equal(error, ETIMEDOUT);
	assert_true(deadline_now() - start <= 1000);
	close(agent.listener);
	unlink(BERTH_SOCKET);
}

static void
a_name_is_waited_for_when_the_agent_says_so(void **state)
{
	struct passwd entry;
	int64_t start = deadline_now();

	(void)state;
	agent.wait_ms = 1200;
	answer_passwd("alice", 5001, 5002, "/home");
	assert_int_equal(by_name("alice", &entry), NSS_STATUS_SUCCESS);
	assert_int_equal(entry.pw_uid, 5001);
	assert_true(deadline_now() - start >= 1199);
}

/* Threads. */

static void *
look_up(void *argument)
{
	size_t *wrong = argument;
	char buffer[256];
	struct passwd entry;
	int error;

	for (int i = 0; i < ROUNDS; i++) {
		memset(&entry, 0, sizeof(entry));
		if (_nss_berth_getpwnam_r("alice", &entry, buffer, sizeof(buffer), &error) != NSS_STATUS_SUCCESS ||
		    strcmp(entry.pw_name, "alice") != 0 || entry.pw_uid != 5001 || strcmp(entry.pw_dir, "/home") != 0)
			++*wrong;
	}
	return NULL;
}

static void
threads_do_not_disturb_each_other(void **state)
{
	pthread_t threads[THREADS];
	size_t wrong[THREADS] = { 0 };

	(void)state;
	answer_passwd("alice", 5001, 5001, "/home");
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, look_up, &wrong[i]), 0);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(wrong[i], 0);
	}
	assert_int_equal(atomic_load(&agent.asked), THREADS * ROUNDS);
}

#define with_agent(test) cmocka_unit_test_setup_teardown(test, agent_start, agent_stop)

int
main(void)
{
	struct CMUnitTest tests[] = {
		with_agent(an_entry_is_found_by_name_and_uid),
		with_agent(small_buffers_are_asked_to_grow),
		with_agent(the_longest_entry_fits),
		with_agent(hostile_entries_are_nobody),
		with_agent(answers_of_the_wrong_size_are_nobody),
		with_agent(unusable_homes_become_the_root),
		with_agent(what_can_not_be_ours_is_not_asked_for),
		with_agent(the_agents_status_is_passed_on),
		with_agent(groups_are_found_by_name_and_gid),
		with_agent(a_users_groups_are_listed),
		with_agent(the_record_s_own_group_is_not_lost),
		with_agent(the_callers_limit_holds),
		with_agent(hostile_groups_are_none),
		with_agent(without_a_passwd_file_nobody_is_ours),
		cmocka_unit_test(without_an_agent_it_is_said_at_once),
		cmocka_unit_test(a_stopped_agent_costs_a_second_at_most),
		with_agent(a_name_is_waited_for_when_the_agent_says_so),
		with_agent(threads_do_not_disturb_each_other),
	};
	const size_t count = sizeof(tests) / sizeof(tests[0]);

	private_run_enter(tests, count);
	if (tests[0].test_func != private_run_skipped && private_file(BERTH_PASSWD_FILE, PASSWD_FILE) != 0)
		return 1;
	return cmocka_run_group_tests_name("nss", tests, NULL, NULL);
}
