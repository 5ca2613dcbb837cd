/* An event's line, byte by byte, and what is found in it again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "agent/event_json.h"
#include "common/model/text.h"

#define ID "0123456789abcdef"
#define START "{\"time\":\"2026-11-22T10:30:00.123456Z\",\"session\":\"" ID "\",\"sequence\":7,\"server\":\"s-1\"," \
    "\"user\":\"alice\",\"uid\":5001,\"client\":\"::1\",\"port\":22,\"key\":\"SHA256:x\",\"operation\":"

static const struct event_session session = { .id = ID, .server_id = "s-1", .user = "alice", .client = "::1",
    .client_port = 22, .fingerprint = "SHA256:x", .uid = 5001 };

static char line[EVENT_JSON_ROOM(EVENT_BYTES_MAX) + 1];

static struct event
new_event(enum event_operation operation)
{
	return (struct event){ .sequence = 7, .time = 1795343400123456, .operation = operation, .status = "", .path = "",
	    .new_path = "", .target = "", .new_target = "", .text = "" };
}

static size_t
write_line(const struct event *event)
{
	size_t length = event_json_write(&session, event, line, sizeof(line) - 1);
	cJSON *value;

	assert_true(length > 0);
	line[length] = '\0';
	assert_ptr_equal(strchr(line, '\n'), line + length - 1);
	assert_true(text_is_utf8(line, length, NULL));
	line[length - 1] = '\0';
	value = cJSON_ParseWithOpts(line, NULL, 1);
	assert_non_null(value);
	cJSON_Delete(value);
	return length;
}

static void
becomes(const struct event *event, const char *rest)
{
	write_line(event);
	assert_memory_equal(line, START, strlen(START));
	assert_string_equal(line + strlen(START), rest);
}

static void
test_members_in_order(void **state)
{
	struct event event = new_event(EVENT_SESSION_CLOSE);

	(void)state;
	event.flags = EVENT_FLAGS;
	event.bytes = UINT64_MAX;
	event.duration = 61000001;
	event.corrects = 3;
	event.status = "ok";
	event.path = "/a";
	event.target = "/t/\xff";
	event.new_path = "/\xfe";
	event.new_target = "/n";
	event.text = "mode 0644";
	event.totals = (struct event_totals){ 1, 2, 3, 4, 5, 6, 7 };
	becomes(&event, "\"session-close\",\"path\":\"/a\",\"target\":\"/t/\xef\xbf\xbd\",\"target_base64\":\"L3Qv/w==\","
	    "\"new_path\":\"/\xef\xbf\xbd\",\"new_path_base64\":\"L/4=\",\"new_target\":\"/n\",\"bytes\":18446744073709551615,"
	    "\"duration\":61.000001,\"status\":\"ok\",\"cut\":true,\"corrects\":3,\"text\":\"mode 0644\",\"totals\":"
	    "{\"files_put\":1,\"files_got\":2,\"bytes_put\":3,\"bytes_got\":4,\"operations\":5,\"failed\":6,\"dropped\":7}}");
	event = new_event(EVENT_DROPPED);
	event.totals.dropped = 12;
	becomes(&event, "\"dropped\",\"dropped\":12}");
	event = new_event(EVENT_GET);
	becomes(&event, "\"get\",\"complete\":false}");
	event = new_event(EVENT_MKDIR);
	becomes(&event, "\"mkdir\"}");
}

static void
test_characters(void **state)
{
	static const struct {
		const char *text, *json;
	} cases[] = {
		{ "/\x01\n\x1f\x7f", "/\\u0001\\u000a\\u001f\\u007f" },
		{ "/\xc2\x80\xc2\x9f\xc2\xa0", "/\\u0080\\u009f\xc2\xa0" },
		{ "/\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae\xe2\x81\xa9", "/\\u2028\\u2029\\u202e\\u2069" },
		{ "/\"\\/", "/\\\"\\\\/" },
		{ "/\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf", "/\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf" },
	};
	struct event event = new_event(EVENT_MKDIR);
	char rest[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		event.path = cases[i].text;
		snprintf(rest, sizeof(rest), "\"mkdir\",\"path\":\"%s\"}", cases[i].json);
		becomes(&event, rest);
	}
}

/* Overlong forms, surrogates, beyond U+10FFFF, lone and missing continuations: each byte of them is one U+FFFD. */
static void
test_not_utf8(void **state)
{
	static const char *const bad[] = { "\xc0\x80", "\xe0\x80\xaf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80",
	    "\xf8\x88\x80\x80\x80", "\x80", "\xe2\x82", "\xff", "\xf0\x9f\x98" };
	struct event event = new_event(EVENT_MKDIR);
	char expected[100];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		event.path = bad[i];
		write_line(&event);
		strcpy(expected, "\"mkdir\",\"path\":\"");
		for (size_t j = 0; j < strlen(bad[i]); j++)
			strcat(expected, "\xef\xbf\xbd");
		strcat(expected, "\",\"path_base64\":\"");
		assert_memory_equal(line + strlen(START), expected, strlen(expected));
	}
}

/* fill: a string of the worst: each control character takes six bytes, and base64 is added for the last one. */
static char *
fill(size_t length)
{
	char *text = malloc(length + 1);

	assert_non_null(text);
	memset(text, 1, length - 1);
	memcpy(text + length - 1, "\xff", 2);
	return text;
}

static void
test_room(void **state)
{
	char *path = fill(EVENT_PATH_MAX), *target = fill(EVENT_TARGET_MAX), *text = fill(EVENT_TEXT_MAX);
	struct event event = new_event(EVENT_SESSION_CLOSE);
	size_t length;

	(void)state;
	event.sequence = event.bytes = event.duration = event.corrects = UINT64_MAX;
	event.time = INT64_MAX;
	event.flags = EVENT_FLAGS;
	event.path = event.new_path = path;
	event.target = event.new_target = target;
	event.text = text;
	memset(&event.totals, 0xff, sizeof(event.totals));
	length = write_line(&event);
	for (size_t size = 0; size < length; size += size < 2000 ? 1 : 997)
		assert_int_equal(event_json_write(&session, &event, line, size), 0);
	assert_int_equal(event_json_write(&session, &event, line, length - 1), 0);
	assert_int_equal(event_json_write(&session, &event, line, length), length);
	free(path);
	free(target);
	free(text);
}

static void
test_mark(void **state)
{
	struct event event = new_event(EVENT_PUT);
	char id[SESSION_ID_LENGTH + 1];
	uint64_t sequence;
	size_t length;

	(void)state;
	event.sequence = UINT64_MAX;
	event.time = INT64_MAX;
	length = write_line(&event);
	assert_true(event_json_mark(line, length - 1, id, &sequence));
	assert_string_equal(id, ID);
	assert_true(sequence == UINT64_MAX);
	/* Up to the comma after the sequence it isn't one. */
	length = (size_t)(strstr(line, ",\"server\"") - line);
	for (size_t cut = 0; cut <= length; cut++)
		assert_false(event_json_mark(line, cut, id, &sequence));
	memcpy(line + length, "0,", 3); /* one digit more than there is room for */
	assert_false(event_json_mark(line, length + 2, id, &sequence));
	event.sequence = 7;
	length = write_line(&event);
	line[strlen("{\"time\":\"2026-11-22T10:30:00.123456Z\",\"session\":\"")] = 'G';
	assert_false(event_json_mark(line, length - 1, id, &sequence));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members_in_order),
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_not_utf8),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
