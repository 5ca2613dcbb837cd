/* Writers wait for each other, no longer than they may, and readers never do. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "common/store/sqlite/sqlite_store.h"
#include "tests/unit/store_folder.h"

#define BATCH_MS 250
#define PAUSE_MS 5 /* what a batch writer leaves the others */
#define SINGLES  10

static int
set_up(void **state)
{
	(void)state;
	if (folder_make() == -1)
		return -1;
	store_close(with_server());
	return 0;
}

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int
create(struct store *store, const char *prefix, int number)
{
	struct user_record user = { .server_id = SERVER, .role = (char *)"r" };

	snprintf(user.user_name, sizeof(user.user_name), "%s%d", prefix, number);
	return store_create_user(store, &user, &error);
}

/* A child that holds the writer's lock until it is killed. */
static pid_t
holder(void)
{
	int ready[2];
	char byte;
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		if (store_begin(opened(STORE_WRITE), &error) == -1 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return child;
}

static void
end(pid_t child)
{
	int status;

	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
}

static void
test_no_longer_than_that(void **state)
{
	struct store *writer, *reader;
	struct store_login login;
	int64_t start;
	pid_t child;

	(void)state;
	child = holder();
	writer = opened(STORE_WRITE);
	reader = opened(STORE_READ);
	((struct sqlite_store *)writer)->writer_wait_ms = 200;
	start = now_ms();
	assert_int_equal(create(writer, "alice", 0), -1);
	assert_in_range(now_ms() - start, 190, 2000);
	assert_int_equal(error.code, API_UNAVAILABLE);
	assert_non_null(strstr(error.message, folder));
	assert_non_null(strstr(error.message, "locked"));
	start = now_ms();
	assert_int_equal(store_find_by_name(reader, SERVER, "alice0", &login, &error), 0);
	assert_in_range(now_ms() - start, 0, 150);
	/* Stopped, it holds the lock just the same. */
	assert_int_equal(kill(child, SIGSTOP), 0);
	assert_int_equal(create(writer, "alice", 0), -1);
	assert_int_equal(store_find_by_name(reader, SERVER, "alice0", &login, &error), 0);
	/* Once it is gone, its batch is as if it had never been, and the next in line gets in. */
	end(child);
	assert_int_equal(create(writer, "alice", 0), 0);
	assert_int_equal(store_find_by_name(reader, SERVER, "alice0", &login, &error), 1);
	store_close(writer);
	store_close(reader);
}

static void
write_batches(int report)
{
	struct store *store = opened(STORE_WRITE);
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	int64_t start;
	int number = 0;

	for (;;) {
		start = now_ms();
		if (store_begin(store, &error) == -1)
			_exit(1);
		while (now_ms() - start < BATCH_MS)
			if (create(store, "batch", number++) == -1)
				_exit(2);
		if (store_commit(store, &error) == -1 || write(report, &number, sizeof(number)) != sizeof(number))
			_exit(3);
		nanosleep(&pause, NULL);
	}
}

/* A single write gets in between somebody's batches. */
static void
test_between_batches(void **state)
{
	int64_t start, longest = 0;
	struct store *writer, *reader;
	int report[2], number, last = 0;
	const struct timespec into_batch = { .tv_nsec = BATCH_MS / 3 * 1000000L };
	struct store_login login;
	char name[32];
	pid_t child;

	(void)state;
	assert_int_equal(pipe(report), 0);
	child = fork();
	if (child == 0)
		write_batches(report[1]);
	close(report[1]);
	assert_int_equal(read(report[0], &last, sizeof(last)), sizeof(last));
	writer = opened(STORE_WRITE);
	for (number = 0; number < SINGLES; number++) {
		nanosleep(&into_batch, NULL);
		start = now_ms();
		assert_int_equal(create(writer, "single", number), 0);
		if (now_ms() - start > longest)
			longest = now_ms() - start;
	}
	store_close(writer);
	end(child);
	while (read(report[0], &number, sizeof(number)) == sizeof(number))
		last = number;
	close(report[0]);
	print_message("a single write waited %lld ms at most; %d were written in batches\n", (long long)longest, last);
	assert_in_range(longest, 0, 2000);
	/* All that was committed is there; of the batch under way, nothing. */
	reader = opened(STORE_READ);
	snprintf(name, sizeof(name), "batch%d", last - 1);
	assert_int_equal(store_find_by_name(reader, SERVER, name, &login, &error), 1);
	snprintf(name, sizeof(name), "single%d", SINGLES - 1);
	assert_int_equal(store_find_by_name(reader, SERVER, name, &login, &error), 1);
	store_close(reader);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, folder_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_longer_than_that),
		TEST(test_between_batches),
	};

	return cmocka_run_group_tests_name("store locks", tests, NULL, NULL);
}
