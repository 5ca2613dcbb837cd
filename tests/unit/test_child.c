/*
 * Functions in processes of their own: how they end, who they are, what comes back.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin_cmd/child.h"

static int
end_with(void *context)
{
	return *(const int *)context;
}

static int
end_by_signal(void *context)
{
	return raise(*(const int *)context);
}

static int
note_who(void *context)
{
	uint32_t *who = context;

	who[0] = geteuid();
	who[1] = getegid();
	who[2] = getsid(0) == getpid();
	return 0;
}

/* hang: with one beside it that goes on when it is killed alone. Both keep the pipe open. */
static int
hang(void *ends)
{
	close(((const int *)ends)[0]);
	fork();
	while (pause() != 0)
		;
	return 0;
}

static void
test_how_it_ends(void **state)
{
	int number = 7, term = SIGTERM;
	sigset_t held, before;

	(void)state;
	assert_int_equal(child_run(NULL, 60, end_with, &number), 7);
	/* What is blocked here isn't blocked there. */
	sigemptyset(&held);
	sigaddset(&held, SIGTERM);
	sigprocmask(SIG_BLOCK, &held, &before);
	assert_int_equal(child_run(NULL, 60, end_by_signal, &term), 128 + SIGTERM);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

static void
test_time_limit(void **state)
{
	int ends[2];
	struct pollfd closed;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(child_run(NULL, 1, hang, ends), -1);
	assert_int_equal(errno, ETIMEDOUT);
	close(ends[1]);
	closed = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	assert_int_equal(poll(&closed, 1, 10000), 1);
	assert_true((closed.revents & POLLHUP) != 0);
	close(ends[0]);
}

static void
test_who_it_is(void **state)
{
	const char *user = geteuid() == 0 ? "nobody" : NULL;
	uint32_t *who = child_memory(3 * sizeof(*who));
	int number = 0;

	(void)state;
	assert_non_null(who);
	assert_int_equal(child_run(user, 60, note_who, who), 0);
	assert_int_equal(who[0], user != NULL ? 65534 : geteuid());
	assert_int_equal(who[1], user != NULL ? 65534 : getegid());
	assert_int_equal(who[2], 1);
	child_memory_free(who, 3 * sizeof(*who));
	if (geteuid() != 0)
		return;
	assert_int_equal(child_run("there-is-no-such-account", 60, end_with, &number), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(child_run("root", 60, end_with, &number), -1);
	assert_int_equal(errno, EPERM);
}

static int
answer_twice(void *text, FILE *out)
{
	fprintf(out, "%s,%s", (const char *)text, (const char *)text);
	return 3;
}

static int
answer_and_crash(void *context, FILE *out)
{
	fputs("half", out);
	fflush(out);
	return end_by_signal(context);
}

static void
test_answers(void **state)
{
	char answer[8] = "before", long_answer[128];
	int signal_number = SIGKILL; /* which cmocka has no handler for */

	(void)state;
	assert_int_equal(child_ask(answer_twice, (void *)(uintptr_t)"ab", answer, sizeof(answer)), 3);
	assert_string_equal(answer, "ab,ab");
	assert_int_equal(child_ask(answer_twice, (void *)(uintptr_t)"abcdef", answer, sizeof(answer)), 3);
	assert_string_equal(answer, "abcdef,");
	assert_int_equal(child_ask(answer_and_crash, &signal_number, long_answer, sizeof(long_answer)), -1);
	assert_string_equal(long_answer, "was ended by signal 9");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_how_it_ends),
		cmocka_unit_test(test_time_limit),
		cmocka_unit_test(test_who_it_is),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
