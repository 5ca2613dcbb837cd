/* Calls on a real store: who reads, who writes, what is committed together, and what is left when that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <time.h>

#include "api_server/calls.h"
#include "common/model/operations.h"
#include "common/wire/deadline.h"

#define ROLE    "\"Role\":\"arn:aws:iam::000000000000:role/access\""
#define THREADS 8
#define CALLS   40
#define WAIT_MS 30000
/* More than a batch takes, and longer than one may last. */
#define SLOW_CALLS    80
#define SLOW_MAPPINGS 5000

static struct {
	char folder[64], path[96], spec[112], other[112];
	struct config config;
	struct calls *calls;
	char server[SERVER_ID_LENGTH + 1];
} world;

/* A call, and whoever waits for it. */
struct asked {
	struct call call;
	sem_t done;
	int order; /* the how-manieth to be done */
	cJSON *request;
};

static pthread_mutex_t order_mutex = PTHREAD_MUTEX_INITIALIZER;
static int order;

static void
is_done(struct call *call)
{
	struct asked *asked = (struct asked *)call;

	pthread_mutex_lock(&order_mutex);
	asked->order = ++order;
	pthread_mutex_unlock(&order_mutex);
	sem_post(&asked->done);
}

/* ask_json: the request stays the caller's. */
static void
ask_json(struct asked *asked, const struct config *config, const char *operation, const cJSON *request)
{
	sem_init(&asked->done, 0, 0);
	asked->call = (struct call){ .config = config, .operation = operation_number(operation), .request = request,
		.done = is_done };
	assert_true(asked->call.operation >= 0);
	if (calls_run(world.calls, &asked->call))
		sem_post(&asked->done);
}

/* ask_of: `$` in the request is the server's id. */
static void
ask_of(struct asked *asked, const struct config *config, const char *operation, const char *request)
{
	char text[1024], *to = text;

	for (; *request != '\0'; request++)
		to = *request == '$' ? stpcpy(to, world.server) : (*to = *request, to + 1);
	*to = '\0';
	asked->request = cJSON_Parse(text);
	assert_non_null(asked->request);
	ask_json(asked, config, operation, asked->request);
}

static void
ask(struct asked *asked, const char *operation, const char *request)
{
	ask_of(asked, &world.config, operation, request);
}

static bool
is_answered(struct asked *asked, int milliseconds)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += milliseconds / 1000;
	until.tv_nsec += milliseconds % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	return sem_timedwait(&asked->done, &until) == 0;
}

/* The result; releases what was asked, but for its error. */
static int
answer(struct asked *asked)
{
	if (!is_answered(asked, WAIT_MS))
		fail_msg("no answer");
	assert_true(asked->call.result == 0 || asked->call.response == NULL);
	cJSON_Delete(asked->call.response);
	cJSON_Delete(asked->request);
	sem_destroy(&asked->done);
	return asked->call.result;
}

static void
works(const char *operation, const char *request)
{
	struct asked asked;

	ask(&asked, operation, request);
	if (answer(&asked) == -1)
		fail_msg("%s %s: %s", operation, request, asked.call.error.message);
}

/* Nobody outside of this host is told where its files are. */
static void
is_refused_as(const struct asked *asked, enum api_code code)
{
	if (asked->call.error.code != code)
		fail_msg("%s: %s", api_error_name(asked->call.error.code), asked->call.error.message);
	assert_null(strstr(asked->call.error.message, "/"));
	assert_string_not_equal(asked->call.error.message, "");
}

static void
is_refused(struct asked *asked, enum api_code code)
{
	assert_int_equal(answer(asked), -1);
	is_refused_as(asked, code);
}

static void
refused(const char *operation, const char *request, enum api_code code)
{
	struct asked asked;

	ask(&asked, operation, request);
	is_refused(&asked, code);
}

static void
make_server(void)
{
	struct asked asked;
	const char *id;

	ask(&asked, "CreateServer", "{}");
	assert_true(is_answered(&asked, WAIT_MS));
	assert_int_equal(asked.call.result, 0);
	id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(asked.call.response, "ServerId"));
	assert_non_null(id);
	snprintf(world.server, sizeof(world.server), "%s", id);
	sem_post(&asked.done);
	answer(&asked);
}

static int
start(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	strcpy(world.folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/berth-calls.XXXXXX" : "/tmp/berth-calls.XXXXXX");
	if (mkdtemp(world.folder) == NULL)
		return -1;
	snprintf(world.path, sizeof(world.path), "%s/berth.db", world.folder);
	snprintf(world.spec, sizeof(world.spec), "sqlite:%s", world.path);
	snprintf(world.other, sizeof(world.other), "sqlite:%s/other.db", world.folder);
	world.config = (struct config){ .store = world.spec, .region = (char *)"us-east-1",
		.account_id = (char *)"000000000000", .min_uid = 1000, .min_gid = 1000, .min_rsa_bits = 2048 };
	world.calls = calls_start();
	order = 0;
	return world.calls == NULL ? -1 : 0;
}

static int
with_server(void **state)
{
	if (start(state) == -1)
		return -1;
	make_server();
	return 0;
}

static int
stop(void **state)
{
	char command[128];

	(void)state;
	calls_stop(world.calls);
	snprintf(command, sizeof(command), "rm -rf %s", world.folder);
	return system(command);
}

static void
counts(unsigned long *writes, unsigned long *commits)
{
	calls_count(world.calls, writes, commits);
}

/* -- the writer's lock, held from outside ------------------------------------------------------------------------------ */

static sqlite3 *
take_lock(void)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(world.path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_busy_timeout(db, WAIT_MS), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static void
leave_lock(sqlite3 *db)
{
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* Whether the user is there, for somebody who has the store open anew. */
static bool
is_there(const char *spec, const char *user)
{
	struct store_login login;
	struct api_error error;
	struct store *store;
	int found;

	assert_int_equal(store_open(spec, STORE_READ, &store, &error), 0);
	found = store_find_by_name(store, world.server, user, &login, &error);
	store_close(store);
	assert_in_range(found, 0, 1);
	return found == 1;
}

/* -- tests ------------------------------------------------------------------------------------------------------------- */

static void
test_read_and_write(void **state)
{
	struct asked asked;
	cJSON *user;

	(void)state;
	works("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"," ROLE "}");
	assert_true(is_there(world.spec, "alice"));
	ask(&asked, "DescribeUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"}");
	assert_true(is_answered(&asked, 0)); /* on this thread */
	user = cJSON_GetObjectItemCaseSensitive(asked.call.response, "User");
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(user, "UserName")), "alice");
	sem_post(&asked.done);
	assert_int_equal(answer(&asked), 0);
	/* What the caller did wrong is told as it is. */
	ask(&asked, "CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"," ROLE "}");
	assert_int_equal(answer(&asked), -1);
	assert_int_equal(asked.call.error.code, API_EXISTS);
	assert_string_equal(asked.call.error.resource, "alice");
	works("DeleteUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"}");
	refused("DescribeUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"}", API_NOT_FOUND);
}

/* There is no store before the first server. */
static void
test_first_server(void **state)
{
	(void)state;
	assert_false(calls_ready(world.calls, &world.config));
	refused("ListServers", "{}", API_UNAVAILABLE);
	refused("CreateUser", "{\"ServerId\":\"s-0123456789abcdef0\",\"UserName\":\"alice\"," ROLE "}", API_UNAVAILABLE);
	assert_int_equal(access(world.path, F_OK), -1);
	make_server();
	assert_true(calls_ready(world.calls, &world.config));
	works("ListServers", "{}");
}

/* Those that wait are committed together, in the order in which they came; each stands or fails by itself. */
static void
test_shared_commit(void **state)
{
	struct asked asked[CALLS];
	unsigned long writes, commits, more_writes, more_commits;
	sqlite3 *lock = take_lock();
	char request[256];

	(void)state;
	counts(&writes, &commits);
	for (int i = 0; i < CALLS; i++) {
		/* Every fourth a second time the same. */
		snprintf(request, sizeof(request), "{\"ServerId\":\"$\",\"UserName\":\"user%d\"," ROLE "}", i - (i % 4 == 3));
		ask(&asked[i], "CreateUser", request);
	}
	assert_false(is_answered(&asked[CALLS - 1], 20));
	assert_false(is_there(world.spec, "user0"));
	leave_lock(lock);
	for (int i = 0; i < CALLS; i++) {
		assert_int_equal(answer(&asked[i]), i % 4 == 3 ? -1 : 0);
		assert_int_equal(asked[i].order, i + 2); /* after the server */
		if (i % 4 == 3)
			assert_int_equal(asked[i].call.error.code, API_EXISTS);
	}
	counts(&more_writes, &more_commits);
	assert_int_equal(more_writes - writes, CALLS / 4 * 3);
	/* The first may have gone alone; a slow machine's batch may end early. */
	assert_in_range(more_commits - commits, 1, CALLS / 4);
	assert_true(is_there(world.spec, "user0"));
}

/* A batch that takes long is ended, and what it had no time for comes before what came later. */
static void
test_order_kept_by_slow_calls(void **state)
{
	struct asked asked[SLOW_CALLS] = { 0 };
	sqlite3 *lock = take_lock();
	cJSON *user, *mappings, *mapping;
	char text[32];

	(void)state;
	user = cJSON_CreateObject();
	cJSON_AddStringToObject(user, "ServerId", world.server);
	cJSON_AddStringToObject(user, "UserName", "alice");
	cJSON_AddStringToObject(user, "HomeDirectoryType", "LOGICAL");
	mappings = cJSON_AddArrayToObject(user, "HomeDirectoryMappings");
	for (int i = 0; i < SLOW_MAPPINGS; i++) {
		mapping = cJSON_CreateObject();
		snprintf(text, sizeof(text), "/%d", i);
		cJSON_AddStringToObject(mapping, "Entry", text);
		cJSON_AddStringToObject(mapping, "Target", text);
		cJSON_AddItemToArray(mappings, mapping);
	}
	for (int i = 0; i < SLOW_CALLS; i++)
		ask_json(&asked[i], &world.config, "UpdateUser", user);
	leave_lock(lock);
	for (int i = 0; i < SLOW_CALLS; i++) {
		is_refused(&asked[i], API_NOT_FOUND);
		assert_int_equal(asked[i].order, i + 2);
	}
	cJSON_Delete(user);
}

static void
test_none_done_is_no_commit(void **state)
{
	struct asked asked[CALLS];
	unsigned long writes, commits, more_writes, more_commits;
	sqlite3 *lock = take_lock();

	(void)state;
	counts(&writes, &commits);
	for (int i = 0; i < CALLS; i++)
		ask(&asked[i], "DeleteUser", "{\"ServerId\":\"$\",\"UserName\":\"nobody\"}");
	leave_lock(lock);
	for (int i = 0; i < CALLS; i++)
		is_refused(&asked[i], API_NOT_FOUND);
	counts(&more_writes, &more_commits);
	assert_int_equal(more_writes, writes);
	assert_int_equal(more_commits, commits);
	works("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"," ROLE "}");
}

/* Nobody who reads waits for those who write. */
static void
test_readers_dont_wait(void **state)
{
	struct asked writer, reader;
	sqlite3 *lock = take_lock();
	int64_t start_ms = deadline_now();

	(void)state;
	ask(&writer, "CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"," ROLE "}");
	for (int i = 0; i < 100; i++) {
		ask(&reader, "DescribeServer", "{\"ServerId\":\"$\"}");
		assert_true(is_answered(&reader, 0));
		sem_post(&reader.done);
		assert_int_equal(answer(&reader), 0);
	}
	assert_in_range(deadline_now() - start_ms, 0, WAIT_MS / 3);
	assert_false(is_answered(&writer, 0));
	leave_lock(lock);
	assert_int_equal(answer(&writer), 0);
}

struct thread {
	pthread_t thread;
	int number, wrong;
};

static void *
write_and_read(void *context)
{
	struct thread *thread = context;
	struct asked asked;
	char request[256];

	for (int i = 0; i < CALLS; i++) {
		snprintf(request, sizeof(request), "{\"ServerId\":\"$\",\"UserName\":\"user%d-%d\"," ROLE "}", thread->number, i);
		ask(&asked, "CreateUser", request);
		thread->wrong += answer(&asked) != 0;
		snprintf(request, sizeof(request), "{\"ServerId\":\"$\",\"UserName\":\"user%d-%d\"}", thread->number, i);
		ask(&asked, "DescribeUser", request); /* what was acknowledged is there */
		thread->wrong += answer(&asked) != 0;
		if (i % 8 == 0)
			thread->wrong += !calls_ready(world.calls, &world.config);
		ask(&asked, i % 2 == 0 ? "DeleteUser" : "ListUsers", i % 2 == 0 ? request : "{\"ServerId\":\"$\"}");
		thread->wrong += answer(&asked) != 0;
	}
	return NULL;
}

static void
test_threads(void **state)
{
	struct thread threads[THREADS] = { 0 };
	unsigned long writes, commits;
	char name[32];

	(void)state;
	for (int i = 0; i < THREADS; i++) {
		threads[i].number = i;
		assert_int_equal(pthread_create(&threads[i].thread, NULL, write_and_read, &threads[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i].thread, NULL), 0);
		assert_int_equal(threads[i].wrong, 0);
	}
	for (int i = 0; i < THREADS; i++) {
		for (int j = 0; j < CALLS; j++) {
			snprintf(name, sizeof(name), "user%d-%d", i, j);
			assert_int_equal(is_there(world.spec, name), j % 2 == 1);
		}
	}
	counts(&writes, &commits);
	assert_int_equal(writes, 1 + THREADS * CALLS * 3 / 2);
	assert_in_range(commits, 1, writes);
}

/* The file may not grow: as on a full disk, the commit fails. Of the batch nothing is there, and everybody is told. */
static void
test_commit_fails(void **state)
{
	struct rlimit before, limit;
	struct asked asked[CALLS];
	sqlite3 *lock = take_lock();
	unsigned long writes, commits, more_writes, more_commits;
	char request[256];
	int i;

	(void)state;
	counts(&writes, &commits);
	for (i = 0; i < CALLS; i++) {
		snprintf(request, sizeof(request), "{\"ServerId\":\"$\",\"UserName\":\"%s%d\"," ROLE "}", i == 5 ? "-" : "user", i);
		ask(&asked[i], "CreateUser", request);
	}
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	leave_lock(lock);
	for (i = 0; i < CALLS; i++) {
		assert_int_equal(answer(&asked[i]), -1);
		/* The one that is wrong may be told so, or that there is no store to ask. */
		if (asked[i].call.error.code != API_VALIDATION || i != 5)
			is_refused_as(&asked[i], API_UNAVAILABLE);
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	for (i = 0; i < CALLS; i++) {
		snprintf(request, sizeof(request), "user%d", i);
		assert_false(is_there(world.spec, request));
	}
	counts(&more_writes, &more_commits);
	assert_int_equal(more_writes, writes);
	assert_int_equal(more_commits, commits);
	/* It was the disk's fault: once there is room all is well. */
	works("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"," ROLE "}");
	assert_true(is_there(world.spec, "alice"));
}

/* Another store has taken the place: who reads sees it within a second, who writes at once. */
static void
test_store_replaced(void **state)
{
	char command[512], old[SERVER_ID_LENGTH + 1];
	struct asked asked;
	int64_t end;
	int result;

	(void)state;
	works("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"," ROLE "}");
	works("DescribeUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"}");
	snprintf(command, sizeof(command), "rm %s*", world.path);
	assert_int_equal(system(command), 0);
	memcpy(old, world.server, sizeof(old));
	make_server();
	assert_false(is_there(world.spec, "alice"));
	end = deadline_after(WAIT_MS);
	do {
		ask(&asked, "DescribeServer", "{\"ServerId\":\"$\"}");
		result = answer(&asked);
	} while (result == -1 && deadline_left(end) > 0);
	assert_int_equal(result, 0);
	memcpy(world.server, old, sizeof(old));
	refused("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"," ROLE "}", API_NOT_FOUND);
	refused("DescribeServer", "{\"ServerId\":\"$\"}", API_NOT_FOUND);
}

/* Something else is in its place, and then the store again. */
static void
test_no_store_in_its_place(void **state)
{
	int64_t end = deadline_after(WAIT_MS);
	char command[512];
	struct asked asked;

	(void)state;
	works("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"," ROLE "}");
	snprintf(command, sizeof(command), "cd %s && mkdir kept && mv berth.db* kept && echo no store >berth.db", world.folder);
	assert_int_equal(system(command), 0);
	do {
		ask(&asked, "DescribeServer", "{\"ServerId\":\"$\"}");
		answer(&asked);
	} while (asked.call.result == 0 && deadline_left(end) > 0);
	is_refused_as(&asked, API_UNAVAILABLE);
	assert_false(calls_ready(world.calls, &world.config));
	refused("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"bobby\"," ROLE "}", API_UNAVAILABLE);
	refused("CreateServer", "{}", API_UNAVAILABLE);
	snprintf(command, sizeof(command), "cd %s && rm berth.db && mv kept/* .", world.folder);
	assert_int_equal(system(command), 0);
	works("DescribeUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"}");
	works("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"bobby\"," ROLE "}");
	assert_true(calls_ready(world.calls, &world.config));
}

/* Two configurations are in force while the daemon goes from one to the other. */
static void
test_two_configurations(void **state)
{
	struct config other = world.config;
	char first[SERVER_ID_LENGTH + 1];
	struct asked asked[CALLS];
	char request[256];
	sqlite3 *lock;

	(void)state;
	memcpy(first, world.server, sizeof(first));
	other.store = world.other;
	ask_of(&asked[0], &other, "CreateServer", "{}");
	assert_int_equal(answer(&asked[0]), 0);
	lock = take_lock();
	for (int i = 0; i < CALLS; i++) {
		snprintf(request, sizeof(request), "{\"ServerId\":\"%s\",\"UserName\":\"user%d\"," ROLE "}", first, i);
		ask_of(&asked[i], i % 3 == 0 ? &other : &world.config, "CreateUser", request);
	}
	leave_lock(lock);
	for (int i = 0; i < CALLS; i++) {
		if (i % 3 == 0)
			is_refused(&asked[i], API_NOT_FOUND);
		else
			assert_int_equal(answer(&asked[i]), 0);
	}
	for (int i = 0; i < CALLS; i++) {
		snprintf(request, sizeof(request), "{\"ServerId\":\"$\",\"UserName\":\"user%d\"}", i);
		ask_of(&asked[i], i % 2 == 0 ? &other : &world.config, "DescribeUser", request);
		assert_int_equal(answer(&asked[i]), i % 2 == 0 || i % 3 == 0 ? -1 : 0);
	}
	other.store = (char *)"etcd:/x";
	assert_false(calls_ready(world.calls, &other));
	ask_of(&asked[0], &other, "DescribeUser", "{\"ServerId\":\"$\",\"UserName\":\"user1\"}");
	is_refused(&asked[0], API_UNAVAILABLE);
}

/* What waits when it is to end is done. */
static void
test_stop(void **state)
{
	struct asked asked[CALLS];
	sqlite3 *lock = take_lock();
	char request[256];

	(void)state;
	for (int i = 0; i < CALLS; i++) {
		snprintf(request, sizeof(request), "{\"ServerId\":\"$\",\"UserName\":\"user%d\"," ROLE "}", i);
		ask(&asked[i], "CreateUser", request);
	}
	leave_lock(lock);
	calls_stop(world.calls);
	world.calls = NULL;
	for (int i = 0; i < CALLS; i++) {
		assert_true(is_answered(&asked[i], 0));
		sem_post(&asked[i].done);
		assert_int_equal(answer(&asked[i]), 0);
	}
	assert_true(is_there(world.spec, "user0"));
}

/* Somebody else's writes get in, however many wait here. */
static void *
write_all_the_time(void *context)
{
	bool *end = context;
	struct asked asked;

	while (!__atomic_load_n(end, __ATOMIC_RELAXED)) {
		ask(&asked, "UpdateUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"," ROLE "}");
		answer(&asked);
	}
	return NULL;
}

static void
test_others_get_in(void **state)
{
	pthread_t threads[THREADS];
	int64_t start_ms, longest = 0;
	bool end = false;

	(void)state;
	works("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"," ROLE "}");
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_all_the_time, &end), 0);
	for (int i = 0; i < 10; i++) {
		struct user_record user = { .role = (char *)"r" };
		struct api_error error;
		struct store *store;

		start_ms = deadline_now();
		snprintf(user.server_id, sizeof(user.server_id), "%s", world.server);
		snprintf(user.user_name, sizeof(user.user_name), "other%d", i);
		assert_int_equal(store_open(world.spec, STORE_WRITE, &store, &error), 0);
		assert_int_equal(store_create_user(store, &user, &error), 0);
		store_close(store);
		if (deadline_now() - start_ms > longest)
			longest = deadline_now() - start_ms;
	}
	__atomic_store_n(&end, true, __ATOMIC_RELAXED);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	print_message("another process's write waited %lld ms at most\n", (long long)longest);
	assert_in_range(longest, 0, 5000);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, with_server, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_first_server, start, stop),
		TEST(test_read_and_write),
		TEST(test_shared_commit),
		TEST(test_order_kept_by_slow_calls),
		TEST(test_none_done_is_no_commit),
		TEST(test_readers_dont_wait),
		TEST(test_threads),
		TEST(test_commit_fails),
		TEST(test_store_replaced),
		TEST(test_no_store_in_its_place),
		TEST(test_two_configurations),
		TEST(test_stop),
		TEST(test_others_get_in),
	};

	return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
