/* operation_parse(): what cJSON would let through or mangle is refused, and what is JSON is read as it was written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/model/operations.h"
#include "common/model/text.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static struct api_error error;

static void
refuses(const char *text, size_t length)
{
	cJSON *value = operation_parse(text, length, &error);

	if (value != NULL)
		fail_msg("taken: %.*s", (int)length, text);
	if (error.code != API_SERIALIZATION)
		fail_msg("%.*s: %s", (int)length, text, api_error_name(error.code));
	assert_true(text_is_utf8(error.message, strlen(error.message), NULL));
	assert_false(text_has_control(error.message));
	assert_string_equal(error.resource, "");
}

static void
takes(const char *text)
{
	cJSON *value = operation_parse(text, strlen(text), &error);

	if (value == NULL)
		fail_msg("%s: %s", text, error.message);
	cJSON_Delete(value);
}

static void
test_refused(void **state)
{
	static const char *const BAD[] = { "", " ", "{", "}", "{}x", "{} {}", "{}}", "[1,]", "[,1]", "[1 2]", "{\"a\":1,}",
		"{,}", "{\"a\" 1}", "{\"a\"}", "{\"a\":}", "{a:1}", "{'a':1}", "{1:1}", "{null:1}", "[1}", "{\"a\":1]",
		"nul", "tru", "True", "NULL", "truefalse", "\"a", "\"\\", "\"\\x\"", "\"\\'\"", "\"\\u12\"", "\"\\u12g4\"",
		"\"a\nb\"", "\"a\tb\"", "\"\x01\"", "\xef\xbb\xbf{}", "\x0b{}", "\x0c{}", "\xc2\xa0{}", "//x\n{}",
		"{}//x", "{/**/}", "undefined", "{\"a\":b}" };
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(BAD); i++)
		refuses(BAD[i], strlen(BAD[i]));
}

static void
test_taken(void **state)
{
	static const char *const GOOD[] = { "{}", " \t\r\n{ } \n", "[]", "\"\\ud83d\\ude00\"", "null", "true", "false",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "[[[[1]]]]", "\"\x7f\"", "\"\\u0001\"", "{\"\":1}", "{\"a\":{},\"b\":[]}",
		"\"\xf4\x8f\xbf\xbf\"" };
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(GOOD); i++)
		takes(GOOD[i]);
}

static void
test_nul(void **state)
{
	static const char *const BAD[] = { "\"\\u0000\"", "\"alice\\u0000bob\"", "{\"a\":\"\\u0000\"}", "{\"a\\u0000\":1}",
		"[{\"a\":[\"x\\u0000\"]}]" };
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(BAD); i++)
		refuses(BAD[i], strlen(BAD[i]));
	refuses("{}\0", 3);
	refuses("\0{}", 3);
	refuses("{}\0{}", 5);
	refuses("\"a\0b\"", 5);
	refuses("[1,\0 2]", 7);
	takes("\"\\\\u0000\"");
}

static void
test_not_utf8(void **state)
{
	static const char *const BAD[] = { "\xff", "\x80", "\xc3", "\xc0\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\x80",
		"\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
		"\xf8\x88\x80\x80\x80", "\xe4\xb8", "\xc3(" };
	static const char *const SURROGATES[] = { "\\ud800", "\\udc00", "\\ud800x", "\\ud800\\ud800", "\\udc00\\ud800",
		"\\ud800\\u0041", "\\ud83d \\ude00" };
	char text[64];
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(BAD) + LENGTH(SURROGATES); i++) {
		const char *bad = i < LENGTH(BAD) ? BAD[i] : SURROGATES[i - LENGTH(BAD)];

		snprintf(text, sizeof(text), "\"%s\"", bad);
		refuses(text, strlen(text));
		snprintf(text, sizeof(text), "{\"a%s\":1}", bad);
		refuses(text, strlen(text));
	}
}

static void
test_members_twice(void **state)
{
	static const char *const INNER[] = { "{\"a\":1,\"a\":1}", "{\"a\":1,\"b\":2,\"a\":null}", "{\"a\":1,\"\\u0061\":2}",
		"{\"\":1,\"\":2}", "{\"\xc3\xa9\":1,\"\\u00e9\":2}", "{\"b\":{},\"a\":[],\"b\":{}}" };
	static const char *const AROUND[][2] = { { "", "" }, { "[", "]" }, { "{\"x\":", "}" },
		{ "{\"x\":[1,{\"y\":", "}]}" }, { "[[[[[[[[", "]]]]]]]]" }, { "{\"a\":1,\"b\":", "}" } };
	char text[128];
	size_t i, j;

	(void)state;
	for (i = 0; i < LENGTH(INNER); i++) {
		for (j = 0; j < LENGTH(AROUND); j++) {
			snprintf(text, sizeof(text), "%s%s%s", AROUND[j][0], INNER[i], AROUND[j][1]);
			refuses(text, strlen(text));
			assert_non_null(strstr(error.message, "twice"));
		}
	}
	/* Names that differ in case are different; the same name in two objects is no fault. */
	takes("{\"a\":1,\"A\":2,\"\xc3\xa9\":3,\"\xc3\x89\":4}");
	takes("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}");
}

static void
test_depth(void **state)
{
	char *text = malloc(2000001);
	size_t depth;
	int kind;

	(void)state;
	assert_non_null(text);
	for (kind = 0; kind < 2; kind++) {
		for (depth = 1; depth <= 1000000; depth = depth < 20 ? depth + 1 : depth * 50) {
			size_t i, length = 0;

			for (i = 0; i < depth && length < 2000000 - depth - 8; i++)
				length += (size_t)sprintf(text + length, "%s", kind == 0 ? "[" : "{\"a\":");
			text[length++] = '1';
			for (i = 0; i < depth && length < 2000000; i++)
				text[length++] = kind == 0 ? ']' : '}';
			text[length] = '\0';
			/* A Policy has some levels; what has more is not read, however deep it goes. */
			if (depth < 16)
				takes(text);
			else
				refuses(text, length);
		}
	}
	free(text);
}

/* An integer is read as it is, and what isn't written as one is none. */
static void
test_numbers(void **state)
{
	static const char *const BAD[] = { "01", "-01", "00", "+1", "1.", ".5", "-", "-.5", "1e", "1e+", "1.e3", "0x10",
		"1_0", "NaN", "nan", "Infinity", "-Infinity", "inf", "--1", "1-", "1a", "0b1", "1,0", "1 0", "\xd9\xa1" };
	static const char *const NOT_INTEGERS[] = { "1.5", "1.0", "-0.0", "1e3", "1E3", "1e+3", "1e-3", "1e30", "1e400",
		"-1e400", "0.1e1", "1.7976931348623159e308" };
	static const struct {
		const char *text;
		double value;
	} INTEGERS[] = { { "0", 0 }, { "-0", 0 }, { "-1", -1 }, { "1000", 1000 }, { "4294967295", 4294967295.0 },
		{ "9007199254740991", 9007199254740991.0 }, { "-2147483649", -2147483649.0 } };
	cJSON *value;
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(BAD); i++)
		refuses(BAD[i], strlen(BAD[i]));
	for (i = 0; i < LENGTH(NOT_INTEGERS); i++) {
		value = operation_parse(NOT_INTEGERS[i], strlen(NOT_INTEGERS[i]), &error);
		assert_true(cJSON_IsNumber(value));
		if ((double)(int64_t)value->valuedouble == value->valuedouble)
			fail_msg("%s reads as an integer", NOT_INTEGERS[i]);
		cJSON_Delete(value);
	}
	for (i = 0; i < LENGTH(INTEGERS); i++) {
		value = operation_parse(INTEGERS[i].text, strlen(INTEGERS[i].text), &error);
		assert_true(cJSON_IsNumber(value) && value->valuedouble == INTEGERS[i].value);
		cJSON_Delete(value);
	}
}

/* Longer than any number that cJSON reads whole: still JSON, and no integer that a member takes. */
static void
test_long_numbers(void **state)
{
	char text[512];
	size_t digits;
	cJSON *value;

	(void)state;
	for (digits = 1; digits < sizeof(text) - 3; digits++) {
		text[0] = '[';
		memset(text + 1, '7', digits);
		strcpy(text + 1 + digits, "]");
		value = operation_parse(text, digits + 2, &error);
		if (value == NULL)
			fail_msg("%zu digits: %s", digits, error.message);
		if (digits > 20)
			assert_true(value->child->valuedouble < 1 || value->child->valuedouble > 1e19);
		cJSON_Delete(value);
	}
}

/* A request cut short anywhere, or with any one byte spoilt, is never taken for another one. */
static void
test_every_byte(void **state)
{
	static const char WHOLE[] = "{\"ServerId\":\"s-0123456789abcdef0\",\"UserName\":\"alice\",\"PosixProfile\":"
	    "{\"Uid\":5001,\"Gid\":5001,\"SecondaryGids\":[7001,true,null]},\"HomeDirectory\":\"/b/\xc3\xa9\\u00e9\"}";
	static const char SPOILS[] = { '\0', '\x01', '\x1f', '\xff', '\x80' };
	char copy[sizeof(WHOLE)];
	size_t i, j;

	(void)state;
	takes(WHOLE);
	for (i = 0; i < strlen(WHOLE); i++) {
		refuses(WHOLE, i);
		for (j = 0; j < sizeof(SPOILS); j++) {
			/* 0x80 in place of a byte that follows another one is another character. */
			if (SPOILS[j] == '\x80' && (WHOLE[i] & 0xc0) == 0x80)
				continue;
			memcpy(copy, WHOLE, sizeof(copy));
			copy[i] = SPOILS[j];
			refuses(copy, strlen(WHOLE));
		}
	}
	for (i = 1; i < 256; i++) {
		snprintf(copy, sizeof(copy), "{}%c", (int)i);
		if (strchr(" \t\r\n", (int)i) == NULL)
			refuses(copy, 3);
	}
}

/* A million members are looked through in no time. */
static void
test_many_members(void **state)
{
	char *text = malloc(20000000), *to = text;
	int i;

	(void)state;
	assert_non_null(text);
	*to++ = '{';
	for (i = 0; i < 300000; i++)
		to += sprintf(to, "\"n%d\":0,", i);
	strcpy(to, "\"last\":0}");
	takes(text);
	strcpy(to, "\"n150000\":0}");
	refuses(text, strlen(text));
	free(text);
}

/* A list of empty lists, of so many values in all. */
static char *
write_values(char *text, int count)
{
	char *to = text;

	*to++ = '[';
	for (int i = 1; i < count; i++)
		to += sprintf(to, "%s[]", i > 1 ? "," : "");
	strcpy(to, "]");
	return text;
}

/* The largest request that there is reason for is read; what becomes many times as large in memory is not. */
static void
test_many_values(void **state)
{
	static const char MAPPING[] = "{\"Entry\":\"/\",\"Target\":\"/b\",\"Type\":\"FILE\"},";
	char *text = malloc(16000000), *to = text;

	(void)state;
	assert_non_null(text);
	to += sprintf(to, "{\"HomeDirectoryMappings\":[");
	for (int i = 0; i < 50000; i++)
		to += sprintf(to, "%s", MAPPING);
	strcpy(to - 1, "]}");
	takes(text);
	takes(write_values(text, 400000));
	write_values(text, 400001);
	refuses(text, strlen(text));
	assert_non_null(strstr(error.message, "more than 400000 values"));
	write_values(text, 5000000);
	refuses(text, strlen(text));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_not_utf8),
		cmocka_unit_test(test_members_twice),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_long_numbers),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_many_members),
		cmocka_unit_test(test_many_values),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
