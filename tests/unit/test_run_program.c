/*
 * Other programs run to their end: what comes back, limits, who they are, and what they are given.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin_cmd/run_program.h"
#include "common/wire/deadline.h"

static int
run_shell(const char *script, const struct program_options *options, struct program_result *result)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };

	return run_program(argv, options, result);
}

static void
test_streams_and_status(void **state)
{
	struct program_result result;

	(void)state;
	assert_int_equal(run_shell("echo out; echo more; echo wrong >&2; exit 7", NULL, &result), 0);
	assert_int_equal(result.status, 7);
	assert_false(result.timed_out);
	assert_string_equal(result.output, "out\nmore\n");
	assert_int_equal(result.output_length, 9);
	assert_string_equal(result.errors, "wrong\n");
	assert_string_equal(program_said(&result), "wrong");
	program_free(&result);
	assert_int_equal(run_shell("echo first; echo second", NULL, &result), 0);
	assert_string_equal(program_said(&result), "first");
	program_free(&result);
	assert_int_equal(run_shell("kill -TERM $$", NULL, &result), 0);
	assert_int_equal(result.status, 128 + 15);
	assert_string_equal(result.output, "");
	assert_string_equal(program_said(&result), "");
	program_free(&result);
}

static void
test_what_it_is_given(void **state)
{
	const struct program_options options = { .input = "one\ntwo\n" };
	struct program_result result;
	int left = open("/dev/null", O_RDONLY); /* inherited, if it weren't closed */

	(void)state;
	assert_true(left >= 0);
	setenv("BERTH_SECRET", "1", 1);
	assert_int_equal(run_shell("cat; pwd; env; ls /proc/self/fd | wc -l", &options, &result), 0);
	assert_non_null(strstr(result.output, "one\ntwo\n/\n"));
	assert_non_null(strstr(result.output, "LC_ALL=C\n"));
	assert_null(strstr(result.output, "BERTH_SECRET"));
	assert_non_null(strstr(result.output, "\n4\n")); /* the three, and the directory that ls reads */
	program_free(&result);
	assert_int_equal(run_shell("cat", NULL, &result), 0);
	assert_string_equal(result.output, "");
	program_free(&result);
	unsetenv("BERTH_SECRET");
	close(left);
}

static void
test_time_limit(void **state)
{
	const struct program_options options = { .seconds = 1 };
	struct program_result result;
	int64_t start = deadline_now();

	(void)state;
	assert_int_equal(run_shell("echo begun; sleep 600 & sleep 600", &options, &result), 0);
	assert_true(result.timed_out);
	assert_int_equal(result.status, 128 + 9);
	assert_string_equal(result.output, "begun\n");
	assert_true(deadline_now() - start < 30000);
	program_free(&result);
}

/* What it leaves running holds its output open, and isn't waited for. */
static void
test_what_it_leaves_running(void **state)
{
	const struct program_options options = { .seconds = 60 };
	struct program_result result;
	int64_t start = deadline_now();
	long left;

	(void)state;
	assert_int_equal(run_shell("sleep 600 & echo $!", &options, &result), 0);
	assert_false(result.timed_out);
	assert_int_equal(result.status, 0);
	assert_true(deadline_now() - start < 30000);
	left = strtol(result.output, NULL, 10);
	assert_true(left > 1);
	assert_int_equal(kill((pid_t)left, SIGKILL), 0);
	program_free(&result);
}

static void
test_more_than_is_kept(void **state)
{
	struct program_result result;

	(void)state;
	assert_int_equal(run_shell("head -c 6000000 /dev/zero | tr '\\0' x; echo end >&2", NULL, &result), 0);
	assert_int_equal(result.status, 0);
	assert_int_equal(result.output_length, PROGRAM_OUTPUT_MAX);
	assert_int_equal(strlen(result.output), PROGRAM_OUTPUT_MAX);
	assert_string_equal(result.errors, "end\n");
	program_free(&result);
}

static void
test_what_cannot_be_run(void **state)
{
	const char *const missing[] = { "/nonexistent/program", NULL };
	const struct program_options as_nobody = { .user = "there-is-no-such-account" };
	struct program_result result;

	(void)state;
	assert_int_equal(run_program(missing, NULL, &result), -1);
	assert_int_equal(errno, ENOENT);
	assert_string_equal(result.output, "");
	program_free(&result);
	assert_int_equal(run_shell("echo here", &as_nobody, &result), geteuid() == 0 ? -1 : 0);
	assert_string_equal(result.output, geteuid() == 0 ? "" : "here\n");
	program_free(&result);
}

static void
test_as_another_user(void **state)
{
	const struct program_options options = { .user = "nobody" };
	struct program_result result;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(run_shell("id -u; id -G", &options, &result), 0);
	assert_string_equal(result.output, "65534\n65534\n");
	program_free(&result);
}

/* Where the caller's own standard descriptors are closed, pipes get their numbers. */
static void
test_without_standard_descriptors(void **state)
{
	struct program_result result;
	int kept = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10);

	(void)state;
	close(STDIN_FILENO);
	assert_int_equal(run_shell("cat; echo out; echo err >&2", NULL, &result), 0);
	if (kept >= 0) {
		dup2(kept, STDIN_FILENO);
		close(kept);
	}
	assert_string_equal(result.output, "out\n");
	assert_string_equal(result.errors, "err\n");
	program_free(&result);
}

/* Whoever ignores ended processes can't tell how one ended: that is no success. */
static void
test_ended_processes_ignored(void **state)
{
	struct program_result result;
	void (*before)(int) = signal(SIGCHLD, SIG_IGN);

	(void)state;
	assert_int_equal(run_shell("exit 7", NULL, &result), -1);
	assert_int_equal(errno, ECHILD);
	program_free(&result);
	signal(SIGCHLD, before);
}

/* It leads a session of its own, so our terminal isn't its. */
static void
test_no_terminal(void **state)
{
	struct program_result result;

	(void)state;
	assert_int_equal(run_shell("read -r pid name state parent group session rest </proc/$$/stat; test $pid = $session",
	    NULL, &result), 0);
	assert_int_equal(result.status, 0);
	program_free(&result);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams_and_status),
		cmocka_unit_test(test_what_it_is_given),
		cmocka_unit_test(test_time_limit),
		cmocka_unit_test(test_what_it_leaves_running),
		cmocka_unit_test(test_more_than_is_kept),
		cmocka_unit_test(test_what_cannot_be_run),
		cmocka_unit_test(test_as_another_user),
		cmocka_unit_test(test_without_standard_descriptors),
		cmocka_unit_test(test_no_terminal),
		cmocka_unit_test(test_ended_processes_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
