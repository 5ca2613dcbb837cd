/* A call's line, what of hostile requests comes into it, and where lines go when the file is in the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <ctype.h>
#include <pthread.h>
#include <sys/stat.h>

#include "api_server/audit.h"
#include "api_server/audit_line.h"
#include "common/model/text.h"
#include "common/wire/deadline.h"

#define SERVER "s-0123456789abcdef0"
#define ARN    "arn:aws:transfer:us-east-1:000000000000:user/" SERVER "/alice"
#define THREADS 4
#define LINES   500

static char folder[64], path[96], moved[96], lines[1 << 20];

static int
set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/berth-audit.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/api.jsonl", folder);
	snprintf(moved, sizeof(moved), "%s/api.jsonl.1", folder);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unlink(path);
	unlink(moved);
	return rmdir(folder);
}

static struct audit_entry
entry_of(const char *operation, const char *request)
{
	struct audit_entry entry = { .request_id = "11111111-2222-4333-8444-555555555555", .key_id = "BRTHAAAAAAAAAAAAAAAA",
		.authenticated = true, .address = "127.0.0.1", .port = 50022, .operation = operation, .microseconds = 1234 };

	if (request != NULL && (entry.request = cJSON_Parse(request)) == NULL)
		fail_msg("no JSON: %s", request);
	return entry;
}

/* The line without its time, whose form is looked at; valid until the next. */
static const char *
line_of(const struct audit_entry *entry)
{
	static const char FORM[] = "{\"time\":\"0000-00-00T00:00:00.000000Z\"";
	static char line[AUDIT_LINE_BYTES + 1];
	size_t length = audit_line_write(entry, line, AUDIT_LINE_BYTES), i;
	cJSON *value;

	assert_in_range(length, 1, AUDIT_LINE_BYTES);
	line[length] = '\0';
	assert_ptr_equal(strchr(line, '\n'), line + length - 1);
	assert_true(text_is_utf8(line, length, NULL));
	line[length - 1] = '\0';
	assert_false(text_has_control(line));
	value = cJSON_ParseWithOpts(line, NULL, 1);
	assert_non_null(value);
	cJSON_Delete(value);
	for (i = 0; i < sizeof(FORM) - 1; i++)
		assert_true(FORM[i] == '0' ? isdigit((unsigned char)line[i]) : line[i] == FORM[i]);
	return line + i;
}

static void
becomes(struct audit_entry entry, const char *rest)
{
	char whole[1024];

	snprintf(whole, sizeof(whole), ",\"request\":\"11111111-2222-4333-8444-555555555555\",\"key\":\"BRTHAAAAAAAAAAAAAAAA\","
	    "\"authenticated\":true,\"client\":\"127.0.0.1\",\"port\":50022%s,\"milliseconds\":1.234}", rest);
	assert_string_equal(line_of(&entry), whole);
	cJSON_Delete((cJSON *)entry.request);
	cJSON_Delete((cJSON *)entry.response);
}

static void
test_what_was_done(void **state)
{
	struct audit_entry entry;

	(void)state;
	becomes(entry_of("UpdateUser", "{\"ServerId\":\"" SERVER "\",\"UserName\":\"alice\",\"Role\":\"r\",\"Policy\":\"\","
	    "\"PosixProfile\":null,\"SecretOfMine\":1}"),
	    ",\"operation\":\"UpdateUser\",\"server\":\"" SERVER "\",\"user\":\"alice\",\"result\":\"ok\","
	    "\"changed\":[\"Policy\",\"Role\"]");
	becomes(entry_of("DescribeUser", "{\"ServerId\":\"" SERVER "\",\"UserName\":\"alice\"}"),
	    ",\"operation\":\"DescribeUser\",\"server\":\"" SERVER "\",\"user\":\"alice\",\"result\":\"ok\"");
	becomes(entry_of("TagResource", "{\"Arn\":\"" ARN "\",\"Tags\":[{\"Key\":\"secret\",\"Value\":\"v\"}]}"),
	    ",\"operation\":\"TagResource\",\"server\":\"" SERVER "\",\"user\":\"alice\",\"result\":\"ok\","
	    "\"changed\":[\"Tags\"]");
	becomes(entry_of("StopServer", "{\"ServerId\":\"" SERVER "\"}"),
	    ",\"operation\":\"StopServer\",\"server\":\"" SERVER "\",\"result\":\"ok\"");
	becomes(entry_of("DeleteSshPublicKey", "{\"SshPublicKeyId\":\"key-0123456789abcdef0\"}"),
	    ",\"operation\":\"DeleteSshPublicKey\",\"ssh_public_key\":\"key-0123456789abcdef0\",\"result\":\"ok\"");
	/* Members that the operation doesn't have say nothing of what it was about. */
	becomes(entry_of("CreateServer", "{\"ServerId\":\"" SERVER "\",\"UserName\":\"alice\",\"Arn\":\"" ARN "\"}"),
	    ",\"operation\":\"CreateServer\",\"result\":\"ok\"");
	becomes(entry_of("DescribeServer", "{\"UserName\":\"alice\",\"Arn\":\"" ARN "\"}"),
	    ",\"operation\":\"DescribeServer\",\"result\":\"ok\"");
	/* What the answer names. */
	entry = entry_of("CreateServer", "{\"Domain\":\"S3\"}");
	entry.response = cJSON_Parse("{\"ServerId\":\"" SERVER "\"}");
	becomes(entry, ",\"operation\":\"CreateServer\",\"server\":\"" SERVER "\",\"result\":\"ok\",\"changed\":[\"Domain\"]");
	entry = entry_of("ImportSshPublicKey", "{\"SshPublicKeyBody\":\"ssh-rsa AAAA\"}");
	entry.response = cJSON_Parse("{\"SshPublicKeyId\":\"key-0123456789abcdef0\"}");
	becomes(entry, ",\"operation\":\"ImportSshPublicKey\",\"ssh_public_key\":\"key-0123456789abcdef0\",\"result\":\"ok\","
	    "\"changed\":[\"SshPublicKeyBody\"]");
}

static void
test_what_was_refused(void **state)
{
	struct audit_entry entry = entry_of("UpdateUser", "{\"ServerId\":\"" SERVER "\",\"Role\":\"r\"}");
	struct api_error error;
	const char *line;

	(void)state;
	api_fail(&error, API_VALIDATION, "no \"good\"");
	entry.error = &error;
	becomes(entry, ",\"operation\":\"UpdateUser\",\"server\":\"" SERVER "\",\"result\":\"ValidationException\","
	    "\"message\":\"no \\\"good\\\"\"");
	/* Before anything is known. */
	entry = (struct audit_entry){ .request_id = "r", .key_id = "", .address = "::1", .error = &error };
	assert_string_equal(line_of(&entry), ",\"request\":\"r\",\"authenticated\":false,\"client\":\"::1\",\"port\":0,"
	    "\"result\":\"ValidationException\",\"message\":\"no \\\"good\\\"\",\"milliseconds\":0.000}");
	/* Cut where a character ends, and marked. */
	memset(error.message, 'x', 479);
	strcpy(error.message + 479, "\u00e9");
	line = line_of(&entry);
	assert_non_null(strstr(line, "xx…\","));
	assert_null(strstr(line, "\u00e9"));
	error.message[479] = 'x';
	error.message[480] = '\0';
	assert_non_null(strstr(line_of(&entry), "xxx\","));
}

static void
test_what_is_not_written_so(void **state)
{
	static const char *const REQUESTS[] = {
		"{\"ServerId\":\"s-short\",\"UserName\":\"a\\nb\",\"Arn\":\"x\"}",
		"{\"ServerId\":7,\"UserName\":[\"alice\"],\"Arn\":{}}",
		"{\"ServerId\":null,\"UserName\":\"\",\"Arn\":\"arn:aws:transfer:::user/" SERVER "0/alice\"}",
		"{\"UserName\":\"\\u202eecila\",\"Arn\":\"a/s-0123456789abcdef0/\xff\xfe\"}",
		"[1]",
		"\"text\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(REQUESTS) / sizeof(*REQUESTS); i++)
		becomes(entry_of("DescribeUser", REQUESTS[i]), ",\"operation\":\"DescribeUser\",\"result\":\"ok\"");
}

/* Everything as long, and as much in need of escaping, as it may be. */
static void
test_longest(void **state)
{
	static const char EVERYTHING[] = "{\"ServerId\":\"" SERVER "\",\"UserName\":\"uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"
	    "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu\",\"Role\":\"\"}";
	struct audit_entry entry = entry_of("UpdateUser", EVERYTHING);
	struct api_error error = { .code = API_VALIDATION };
	static char word[5000];

	(void)state;
	memset(word, 1, sizeof(word) - 1);
	memset(error.message, 1, sizeof(error.message) - 1);
	entry.request_id = entry.key_id = entry.address = entry.operation = word;
	entry.microseconds = INT64_MAX;
	line_of(&entry);
	entry.error = &error;
	line_of(&entry);
	memset(word, 0xff, sizeof(word) - 1); /* not UTF-8 */
	memset(error.message, 0xbf, sizeof(error.message) - 1);
	line_of(&entry);
	cJSON_Delete((cJSON *)entry.request);
}

/* The file's lines; returns how many. */
static int
read_lines(const char *from)
{
	FILE *file = fopen(from, "r");
	size_t length;
	int count = 0;

	if (file == NULL)
		return -1;
	length = fread(lines, 1, sizeof(lines) - 1, file);
	fclose(file);
	lines[length] = '\0';
	assert_true(length == 0 || lines[length - 1] == '\n');
	for (size_t i = 0; i < length; i++)
		count += lines[i] == '\n';
	return count;
}

static void
test_file(void **state)
{
	struct audit_entry entry = entry_of("ListServers", NULL);
	struct audit *audit = audit_open(path);
	struct stat status;

	(void)state;
	assert_non_null(audit);
	audit_write(audit, &entry);
	assert_int_equal(read_lines(path), 1);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	/* logrotate, which says so. */
	assert_int_equal(rename(path, moved), 0);
	audit_reopen(audit, path);
	audit_write(audit, &entry);
	audit_write(audit, &entry);
	assert_int_equal(read_lines(path), 2);
	assert_int_equal(read_lines(moved), 1);
	/* Another path. */
	assert_int_equal(unlink(moved), 0);
	audit_reopen(audit, moved);
	audit_write(audit, &entry);
	assert_int_equal(read_lines(moved), 1);
	/* Somebody who doesn't say so is noticed within a second. */
	assert_int_equal(rename(moved, path), 0);
	for (int64_t end = deadline_after(20000); read_lines(moved) < 1 && deadline_left(end) > 0; usleep(20000))
		audit_write(audit, &entry);
	assert_int_equal(read_lines(moved), 1);
	assert_int_equal(audit_lost(audit), 0);
	audit_close(audit);
}

static void
test_file_in_the_way(void **state)
{
	struct audit_entry entry = entry_of("ListServers", NULL);
	struct audit *audit;

	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	audit = audit_open(path);
	assert_non_null(audit);
	audit_write(audit, &entry);
	audit_write(audit, &entry);
	assert_int_equal(audit_lost(audit), 2);
	/* As soon as it can be, it is written again. */
	assert_int_equal(rmdir(path), 0);
	audit_write(audit, &entry);
	assert_int_equal(read_lines(path), 1);
	assert_int_equal(audit_lost(audit), 2);
	audit_close(audit);
}

static void
test_through_a_link(void **state)
{
	struct audit_entry entry = entry_of("ListServers", NULL);
	struct audit *audit;

	(void)state;
	assert_int_equal(symlink("/dev/full", path), 0);
	audit = audit_open(path);
	audit_write(audit, &entry);
	assert_int_equal(audit_lost(audit), 1);
	audit_close(audit);
}

/* A flood of calls that anybody can make. */
static void
test_refused_suppressed(void **state)
{
	struct audit_entry refused = entry_of(NULL, NULL), known = entry_of("ListServers", NULL);
	struct audit *audit = audit_open(path);
	int64_t start = deadline_now(), seconds;
	int written, thrown = 0;
	const char *told;
	unsigned long count;

	(void)state;
	refused.authenticated = false;
	for (; thrown < 2000 || deadline_now() - start < 2500; thrown++) {
		audit_write(audit, &refused);
		usleep(thrown < 2000 ? 0 : 1000);
	}
	written = read_lines(path);
	seconds = (deadline_now() - start) / 1000 + 1;
	assert_in_range(written, AUDIT_REFUSED_AT_ONCE, AUDIT_REFUSED_AT_ONCE + 2 * seconds);
	/* Others get theirs meanwhile. */
	for (int i = 0; i < 100; i++)
		audit_write(audit, &known);
	assert_in_range(read_lines(path), written + 100, written + 102);
	/* What was left out is told, at the latest in the end. */
	audit_close(audit);
	read_lines(path);
	for (told = strstr(lines, "\"suppressed\":"), count = 0; told != NULL; told = strstr(told + 1, "\"suppressed\":"))
		count += strtoul(told + strlen("\"suppressed\":"), NULL, 10);
	for (told = strstr(lines, "\"authenticated\":false"); told != NULL; told = strstr(told + 1, "\"authenticated\":false"))
		count++;
	assert_int_equal(count, thrown);
}

/* A second later they get lines again, after one that says how many were left out. */
static void
test_suppressed_told(void **state)
{
	struct audit_entry refused = entry_of(NULL, NULL);
	struct audit *audit = audit_open(path);
	int64_t end = deadline_after(20000);
	char *told = NULL;

	(void)state;
	refused.authenticated = false;
	for (; told == NULL && deadline_left(end) > 0; usleep(20000)) {
		for (int i = 0; i <= AUDIT_REFUSED_AT_ONCE; i++)
			audit_write(audit, &refused);
		read_lines(path);
		told = strstr(lines, "\"suppressed\":");
	}
	assert_non_null(told);
	assert_non_null(strstr(told, "\"authenticated\":false"));
	audit_close(audit);
}

static void *
write_lines(void *audit)
{
	struct audit_entry entry = entry_of("ListServers", NULL);

	for (int i = 0; i < LINES; i++) {
		audit_write(audit, &entry);
		if (i % 100 == 0)
			audit_reopen(audit, path);
	}
	return NULL;
}

static void
test_threads(void **state)
{
	struct audit *audit = audit_open(path);
	pthread_t threads[THREADS];
	char *line, *rest = lines;
	cJSON *value;

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, audit), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	audit_close(audit);
	assert_int_equal(read_lines(path), THREADS * LINES);
	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		value = cJSON_ParseWithOpts(line, NULL, 1);
		assert_non_null(value);
		cJSON_Delete(value);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_done),
		cmocka_unit_test(test_what_was_refused),
		cmocka_unit_test(test_what_is_not_written_so),
		cmocka_unit_test(test_longest),
		TEST(test_file),
		TEST(test_file_in_the_way),
		TEST(test_through_a_link),
		TEST(test_refused_suppressed),
		TEST(test_suppressed_told),
		TEST(test_threads),
	};

	return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
