/*
 * The text of a log line: as vsnprintf(3) has it, but for what a value may do to the line.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/host/log_format.h"

static char line[256];

static size_t __attribute__((format(printf, 2, 3)))
format(size_t size, const char *text, ...)
{
	va_list arguments;
	size_t length;

	memset(line, 'x', sizeof(line));
	va_start(arguments, text);
	length = log_format(line, size, text, arguments);
	va_end(arguments);
	assert_int_equal(length, strlen(line));
	return length;
}

#define FORMAT(...) format(sizeof(line), __VA_ARGS__)

static void
as_printf(void **state)
{
	char expected[sizeof(line)];

	(void)state;
#define SAME(...) do { \
	snprintf(expected, sizeof(expected), __VA_ARGS__); \
	FORMAT(__VA_ARGS__); \
	assert_string_equal(line, expected); \
} while (0)
	SAME("plain");
	SAME("%s=%s %%", "user", "alice");
	SAME("%d %d %d", 0, -1, INT32_MIN);
	SAME("%u %u", 0u, UINT32_MAX);
	SAME("%ld %lu %lld %llu", INT64_MIN, UINT64_MAX, (long long)INT64_MAX, (unsigned long long)UINT64_MAX);
	SAME("%zu %" PRIu64 " %" PRId64, SIZE_MAX, UINT64_MAX, INT64_MIN);
	SAME("%lu.%03lu", 7ul, 5ul);
	SAME("%.3s|%.*s|%.*s|%.9s", "abcdef", 2, "xyz", -1, "whole", "short");
	SAME("%.*s", 3, (const char[]){ 'a', 'b', 'c' });
	SAME("\303\244 \377 %s", "\303\244");
}

static void
quotes_stay_ours(void **state)
{
	(void)state;
	FORMAT("refused user=%s reason=\"%s\" file=%s", "al\"ice", "a \"b\" c\" user=root reason=\"", "\"x\"");
	assert_string_equal(line, "refused user=al\"ice reason=\"a 'b' c' user=root reason='\" file=\"x\"");
}

static void
controls_are_shown(void **state)
{
	(void)state;
	FORMAT("a=%s b=\"%s\"\n", "x\n<0>sshd: forged\r", "\033[2J\177\t");
	assert_string_equal(line, "a=x?<0>sshd: forged? b=\"?[2J??\"?");
}

static void
too_long_is_cut(void **state)
{
	(void)state;
	assert_int_equal(format(8, "user=%s", "alice"), 7);
	assert_string_equal(line, "user=al");
	assert_int_equal(line[8], 'x');
	assert_int_equal(format(1, "%u", 5u), 0);
	assert_int_equal(format(3, "%u", 12345u), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_printf),
		cmocka_unit_test(quotes_stay_ours),
		cmocka_unit_test(controls_are_shown),
		cmocka_unit_test(too_long_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
