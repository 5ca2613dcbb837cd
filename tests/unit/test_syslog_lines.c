/* A message of syslog(3) as a line of the log: whatever it holds, it is one line, and its time and host are ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "syslog_reader/lines.h"

#define NOW 1700000000 /* Nov 14 22:13:20 UTC */
#define BEGINNING "Nov 14 22:13:20 box "

static void
assert_becomes(const char *message, size_t length, const char *rest)
{
	char line[LINE_MAX_BYTES], wanted[LINE_MAX_BYTES];
	size_t got = line_of_message(message, length, NOW, "box", line);

	strcpy(wanted, BEGINNING);
	strcat(wanted, rest);
	strcat(wanted, "\n");
	line[got] = '\0';
	assert_string_equal(line, wanted);
}

static void
messages_become_lines(void **state)
{
	static const char *const cases[][2] = {
		{ "<86>Nov  1 01:02:03 sshd[12]: Accepted publickey", "sshd[12]: Accepted publickey" },
		{ "<86>Nov 21 01:02:03 sshd[12]: text\n", "sshd[12]: text" },
		{ "<6>berthd: no time", "berthd: no time" },
		{ "no priority", "no priority" },
		{ "<1>Nov 21 01:02:03", "Nov 21 01:02:03" },
		{ "<191>Nov 21 01:02:03 x", "x" },
		{ "<1911>x", "<1911>x" },
		{ "<>x", "<>x" },
		{ "<86", "<86" },
		{ "<86>Nov 21 01:02:03 sshd[1]: a\nNov 21 01:02:04 box sshd[1]: Accepted",
		    "sshd[1]: a?Nov 21 01:02:04 box sshd[1]: Accepted" },
		{ "<86>x\x1b[2J\x7f\t\ry", "x?[2J???y" },
		{ "<86>name=\xc3\xa4", "name=\xc3\xa4" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_becomes(cases[i][0], strlen(cases[i][0]), cases[i][1]);
	assert_becomes("<86>x\0y\0", 8, "x?y");
}

static void
nothing_is_no_line(void **state)
{
	static const char *const cases[] = { "", "\n", "<86>", "<86>\n\n", "<86>Nov 21 01:02:03 " };
	char line[LINE_MAX_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(line_of_message(cases[i], strlen(cases[i]), NOW, "box", line), 0);
}

static void
long_ones_are_cut(void **state)
{
	char *message = malloc(2 * MESSAGE_MAX), host[1024], line[LINE_MAX_BYTES];
	size_t length;

	(void)state;
	memset(message, 'x', 2 * MESSAGE_MAX);
	memset(host, 'h', sizeof(host));
	host[sizeof(host) - 1] = '\0';
	length = line_of_message(message, 2 * MESSAGE_MAX, NOW, host, line);
	assert_in_range(length, MESSAGE_MAX, LINE_MAX_BYTES);
	assert_int_equal(line[length - 1], '\n');
	free(message);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_become_lines),
		cmocka_unit_test(nothing_is_no_line),
		cmocka_unit_test(long_ones_are_cut),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
