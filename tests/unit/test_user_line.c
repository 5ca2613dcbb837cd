/* A user as a line of JSON: read with all its rules, written, compared, completed; and points in time. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/model/shapes.h"
#include "common/model/timestamp.h"
#include "common/model/user_line.h"

#define SERVER "s-0123456789abcdef0"
#define ROLE   "\"Role\":\"arn:aws:iam::000000000000:role/access\""
#define KEY_1  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOJF0b2qMAuTf77U4ekCoTTI7A0x4Eg2GTBMTsKYS0C1"
#define KEY_2  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOJF0b2qMAuTf77U4ekCoTTI7A0x4Eg2GTBMTsKYS0C2"
#define ID_1   "key-00000000000000001"
#define ID_2   "key-00000000000000002"
#define ALICE  "{\"UserName\":\"alice\"," ROLE "}"

static struct config config = { .min_uid = 1000, .min_gid = 1000, .min_rsa_bits = 2048, .region = (char *)"us-east-1",
	.account_id = (char *)"000000000000" };
static struct api_error error;

static int
read_line(const char *text, struct user_line *line)
{
	return user_line_read(text, strlen(text), SERVER, &config, line, &error);
}

/* The line is fine. */
static void
reads(const char *text, struct user_line *line)
{
	if (read_line(text, line) == -1)
		fail_msg("%s: %s", text, error.message);
}

/* The line is refused so, with these words. */
static void
refuses(const char *text, enum api_code code, const char *says)
{
	struct user_line line;

	assert_int_equal(read_line(text, &line), -1);
	user_line_free(&line);
	assert_int_equal(error.code, code);
	if (strstr(error.message, says) == NULL)
		fail_msg("%s: \"%s\" is not in \"%s\"", text, says, error.message);
}

/* What is read is written the same, with the ARN in front. */
static void
same_again(const char *members)
{
	char text[4096], expected[4096];
	struct user_line line;
	char *written;

	snprintf(text, sizeof(text), "{%s}", members);
	reads(text, &line);
	assert_int_equal(user_line_complete(&line, NULL, &error), 0);
	written = user_line_write(&line.user, &config, &error);
	snprintf(expected, sizeof(expected),
	    "{\"Arn\":\"arn:aws:transfer:us-east-1:000000000000:user/" SERVER "/alice\",%s}", members);
	assert_string_equal(written, expected);
	cJSON_free(written);
	user_line_free(&line);
}

#define NO_KEYS "\"SshPublicKeys\":[]"
#define NAME    "\"UserName\":\"alice\""
#define FULL_KEY(date, body, id) \
	"{\"DateImported\":" date ",\"SshPublicKeyBody\":\"" body "\",\"SshPublicKeyId\":\"" id "\"}"

static void
test_every_member_again(void **state)
{
	(void)state;
	same_again(ROLE "," NO_KEYS "," NAME);
	same_again("\"HomeDirectory\":\"/bucket/x/\"," ROLE "," NO_KEYS "," NAME);
	same_again("\"HomeDirectory\":\"/a\",\"HomeDirectoryMappings\":[{\"Entry\":\"/a\",\"Target\":\"/b/c\"},"
	    "{\"Entry\":\"/f\",\"Target\":\"/b/f\",\"Type\":\"FILE\"},{\"Entry\":\"/d\",\"Target\":\"/b/d\",\"Type\":"
	    "\"DIRECTORY\"}],\"HomeDirectoryType\":\"LOGICAL\"," ROLE "," NO_KEYS "," NAME);
	same_again("\"HomeDirectoryType\":\"PATH\",\"Policy\":\"{\\\"a\\\": 1}\"," ROLE "," NO_KEYS "," NAME);
	same_again("\"PosixProfile\":{\"Uid\":1000,\"Gid\":4294967294,\"SecondaryGids\":[]}," ROLE "," NO_KEYS "," NAME);
	same_again("\"PosixProfile\":{\"Uid\":1000,\"Gid\":1001,\"SecondaryGids\":[1002,1003]}," ROLE "," NO_KEYS "," NAME);
	same_again(ROLE "," NO_KEYS ",\"Tags\":[{\"Key\":\"k\",\"Value\":\"\"},{\"Key\":\"b\xc3\xa9\",\"Value\":\"v\"}],"
	    NAME);
	same_again(ROLE ",\"SshPublicKeys\":[" FULL_KEY("1700000000.123", KEY_1 " a comment", ID_1) ","
	    FULL_KEY("0", KEY_2, ID_2) "]," NAME);
}

static void
test_controls_are_escaped(void **state)
{
	(void)state;
	same_again(ROLE "," NO_KEYS
	    ",\"Tags\":[{\"Key\":\"\\u001b[31m\\u007f\\u007f\",\"Value\":\"\\u0080x\\u009b\xc2\xa0\"}],"
	    NAME);
}

static void
test_what_else_is_taken(void **state)
{
	struct user_line line;

	(void)state;
	reads("{" ROLE "," NAME ",\"Arn\":\"anything\",\"ServerId\":\"s-other\",\"Tags\":[],\"HomeDirectoryMappings\":[],"
	    "\"HomeDirectory\":\"\",\"Policy\":null}", &line);
	assert_string_equal(line.user.server_id, SERVER);
	assert_null(line.user.home_directory);
	assert_int_equal(line.user.tag_count, 0);
	user_line_free(&line);
	/* As in a CreateUser. */
	reads("{" ROLE "," NAME ",\"HomeDirectory\":\"/b/${transfer:UserName}\"}", &line);
	assert_string_equal(line.user.home_directory, "/b/alice");
	user_line_free(&line);
}

static void
test_refusals(void **state)
{
	(void)state;
	refuses("", API_SERIALIZATION, "JSON");
	refuses("[]", API_SERIALIZATION, "no JSON object");
	refuses("{" ROLE "," NAME "} x", API_SERIALIZATION, "after the end");
	refuses("{" ROLE "," NAME "," NAME "}", API_SERIALIZATION, "twice");
	refuses("{" ROLE ",\"UserName\":\"a\\u0000b\"}", API_SERIALIZATION, "NUL");
	refuses("{" NAME "}", API_VALIDATION, "'role' failed to satisfy constraint: Member must not be null");
	refuses("{" ROLE "}", API_VALIDATION, "'userName'");
	refuses("{" ROLE ",\"UserName\":\"root\"}", API_INVALID_REQUEST, "root");
	refuses("{" ROLE ",\"UserName\":\"al\",\"Policy\":7}", API_VALIDATION, "3 validation errors detected");
	/* A number that isn't written as an integer is none, but in a date. */
	refuses("{" ROLE "," NAME ",\"PosixProfile\":{\"Uid\":5000.0,\"Gid\":5000}}", API_VALIDATION, "posixProfile.uid");
	refuses("{" ROLE "," NAME ",\"PosixProfile\":{\"Uid\":999,\"Gid\":5000}}", API_INVALID_REQUEST, "MinUid");
	refuses("{" ROLE "," NAME ",\"Tags\":[{\"Key\":\"a\",\"Value\":\"\"},{\"Key\":\"a\",\"Value\":\"\"}]}",
	    API_INVALID_REQUEST, "twice");
}

static void
test_unknown_members(void **state)
{
	(void)state;
	refuses("{" ROLE "," NAME ",\"HomeDirectry\":\"/a\"}", API_VALIDATION, "\"HomeDirectry\"");
	refuses("{" ROLE "," NAME ",\"homeDirectory\":\"/a\"}", API_VALIDATION, "\"homeDirectory\"");
	refuses("{" ROLE "," NAME ",\"PosixProfile\":{\"Uid\":5000,\"Gid\":5000,\"Gids\":[]}}", API_VALIDATION,
	    "'posixProfile.gids'");
	refuses("{" ROLE "," NAME ",\"Tags\":[{\"Key\":\"a\",\"Value\":\"\",\"Colour\":1}]}", API_VALIDATION,
	    "'tags.1.member.colour'");
	refuses("{" ROLE "," NAME ",\"SshPublicKeys\":[{\"SshPublicKeyBody\":\"" KEY_1 "\",\"Comment\":\"\"}]}",
	    API_VALIDATION, "\"Comment\"");
	refuses("{" ROLE "," NAME ",\"\":\"/a\"}", API_VALIDATION, "which \"\" is not");
	/* A request may have members that we don't know. */
	assert_int_equal(shapes_request("CreateUser")->closed, 0);
}

static void
test_keys(void **state)
{
	(void)state;
	refuses("{" ROLE "," NAME ",\"SshPublicKeys\":[{}]}", API_VALIDATION, "'sshPublicKeys.1.member.sshPublicKeyBody'");
	refuses("{" ROLE "," NAME ",\"SshPublicKeys\":[" FULL_KEY("1", "ssh-ed25519 AAAA", ID_1) "]}", API_INVALID_REQUEST,
	    "SshPublicKeyBody");
	refuses("{" ROLE "," NAME ",\"SshPublicKeys\":[" FULL_KEY("1", KEY_1, "key-1") "]}", API_VALIDATION,
	    "sshPublicKeyId");
	refuses("{" ROLE "," NAME ",\"SshPublicKeys\":[" FULL_KEY("-1", KEY_1, ID_1) "]}", API_VALIDATION, "dateImported");
	refuses("{" ROLE "," NAME ",\"SshPublicKeys\":[" FULL_KEY("\"now\"", KEY_1, ID_1) "]}", API_VALIDATION, "timestamp");
	refuses("{" ROLE "," NAME ",\"SshPublicKeys\":[" FULL_KEY("1", KEY_1, ID_1) "," FULL_KEY("1", KEY_2, ID_1) "]}",
	    API_INVALID_REQUEST, "same SshPublicKeyId");
	refuses("{" ROLE "," NAME ",\"SshPublicKeys\":[" FULL_KEY("1", KEY_1, ID_1) "," FULL_KEY("1", KEY_1, ID_2) "]}",
	    API_INVALID_REQUEST, "keys 1 and 2 are the same key");
}

static const struct shape *
shape_of(const struct shape *structure, const char *name)
{
	const struct shape_member *member;

	for (member = structure->members; member->name != NULL; member++)
		if (strcmp(member->name, name) == 0)
			return member->shape;
	fail_msg("the shape has no %s", name);
	return NULL;
}

/* The bounds of a line are those of the requests that would make the same user. */
static void
test_bounds_are_the_requests(void **state)
{
	static const char *const SAME[] = { "HomeDirectory", "HomeDirectoryType", "Policy", "PosixProfile", "Role", "UserName" };
	static const char *const LISTS[] = { "HomeDirectoryMappings", "Tags" };
	const struct shape *line = shapes_user_line(), *create = shapes_request("CreateUser"), *key;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(SAME) / sizeof(*SAME); i++)
		assert_ptr_equal(shape_of(line, SAME[i]), shape_of(create, SAME[i]));
	for (i = 0; i < sizeof(LISTS) / sizeof(*LISTS); i++) {
		assert_ptr_equal(shape_of(line, LISTS[i])->item, shape_of(create, LISTS[i])->item);
		assert_int_equal(shape_of(line, LISTS[i])->max, shape_of(create, LISTS[i])->max);
	}
	key = shape_of(line, "SshPublicKeys")->item;
	assert_ptr_equal(shape_of(key, "SshPublicKeyBody"), shape_of(create, "SshPublicKeyBody"));
	assert_ptr_equal(shape_of(key, "SshPublicKeyId"),
	    shape_of(shapes_request("DeleteSshPublicKey"), "SshPublicKeyId"));
}

/* `count` keys that differ. */
static void
many_keys(char *text, size_t size, int count)
{
	static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	int i, used = snprintf(text, size, "{" ROLE "," NAME ",\"SshPublicKeys\":[");

	for (i = 0; i < count; i++)
		used += snprintf(text + used, size - (size_t)used, "%s{\"SshPublicKeyBody\":\"%.75s%c%s\"}",
		    i == 0 ? "" : ",", KEY_1, DIGITS[i], &KEY_1[76]);
	snprintf(text + used, size - (size_t)used, "]}");
}

static void
test_most_keys(void **state)
{
	static char text[16384];
	struct user_line line;

	(void)state;
	many_keys(text, sizeof(text), 50);
	reads(text, &line);
	assert_int_equal(line.user.key_count, 50);
	user_line_free(&line);
	many_keys(text, sizeof(text), 51);
	refuses(text, API_VALIDATION, "less than or equal to 50");
}

static void
differ(const char *one, const char *other, const char *members)
{
	char found[USER_LINE_MEMBERS_MAX];
	struct user_line line, stored;

	reads(one, &line);
	reads(other, &stored);
	user_line_differences(&line, &stored.user, found);
	assert_string_equal(found, members);
	user_line_free(&line);
	user_line_free(&stored);
}

#define LOGICAL(mapping) \
	"{" ROLE "," NAME ",\"HomeDirectoryType\":\"LOGICAL\",\"HomeDirectoryMappings\":[" mapping "]}"

static void
test_differences(void **state)
{
	(void)state;
	differ(ALICE, ALICE, "");
	differ("{" NAME ",\"Role\":\"arn:aws:iam::000000000000:role/other\"}", ALICE, "Role");
	differ("{" ROLE "," NAME ",\"HomeDirectory\":\"/a\",\"HomeDirectoryType\":\"PATH\",\"Policy\":\"{}\"}", ALICE,
	    "HomeDirectory, HomeDirectoryType, Policy");
	differ("{" ROLE "," NAME ",\"PosixProfile\":{\"Uid\":5000,\"Gid\":5000}}", ALICE, "PosixProfile");
	differ("{" ROLE "," NAME ",\"PosixProfile\":{\"Uid\":5000,\"Gid\":5000}}",
	    "{" ROLE "," NAME ",\"PosixProfile\":{\"Uid\":5000,\"Gid\":5000,\"SecondaryGids\":[]}}", "PosixProfile");
	differ(LOGICAL("{\"Entry\":\"/\",\"Target\":\"/a\"}"),
	    LOGICAL("{\"Entry\":\"/\",\"Target\":\"/a\",\"Type\":\"DIRECTORY\"}"), "HomeDirectoryMappings");
	/* The order of tags says nothing. */
	differ("{" ROLE "," NAME ",\"Tags\":[{\"Key\":\"a\",\"Value\":\"1\"},{\"Key\":\"b\",\"Value\":\"2\"}]}",
	    "{" ROLE "," NAME ",\"Tags\":[{\"Key\":\"b\",\"Value\":\"2\"},{\"Key\":\"a\",\"Value\":\"1\"}]}", "");
	differ("{" ROLE "," NAME ",\"Tags\":[{\"Key\":\"a\",\"Value\":\"1\"}]}",
	    "{" ROLE "," NAME ",\"Tags\":[{\"Key\":\"a\",\"Value\":\"2\"}]}", "Tags");
}

#define KEYS(list)  "{" ROLE "," NAME ",\"SshPublicKeys\":[" list "]}"
#define BARE(body)  "{\"SshPublicKeyBody\":\"" body "\"}"

static void
test_differences_of_keys(void **state)
{
	(void)state;
	differ(KEYS(BARE(KEY_1)), KEYS(FULL_KEY("5", KEY_1, ID_1)), "");
	differ(KEYS(BARE(KEY_1) "," BARE(KEY_2)), KEYS(FULL_KEY("5", KEY_2, ID_1) "," FULL_KEY("6", KEY_1, ID_2)), "");
	differ(KEYS(FULL_KEY("5.0001", KEY_1, ID_1)), KEYS(FULL_KEY("5", KEY_1, ID_1)), "");
	differ(KEYS(FULL_KEY("5.001", KEY_1, ID_1)), KEYS(FULL_KEY("5", KEY_1, ID_1)), "SshPublicKeys");
	differ(KEYS(FULL_KEY("5", KEY_1, ID_2)), KEYS(FULL_KEY("5", KEY_1, ID_1)), "SshPublicKeys");
	differ(KEYS(BARE(KEY_1 " other")), KEYS(FULL_KEY("5", KEY_1, ID_1)), "SshPublicKeys");
	differ(KEYS(BARE(KEY_1)), KEYS(BARE(KEY_1) "," BARE(KEY_2)), "SshPublicKeys");
	differ(KEYS(BARE(KEY_1) "," BARE(KEY_2)), KEYS(BARE(KEY_1)), "SshPublicKeys");
}

static void
test_completion(void **state)
{
	struct user_line line, stored;

	(void)state;
	reads(KEYS(BARE(KEY_1 " new comment") "," BARE(KEY_2)), &line);
	reads(KEYS(FULL_KEY("5", KEY_1, ID_1)), &stored);
	assert_int_equal(user_line_complete(&line, &stored.user, &error), 0);
	assert_string_equal(line.user.keys[0].id, ID_1);
	assert_true(fabs(line.user.keys[0].imported - 5) < 0.0001);
	assert_int_equal(strlen(line.user.keys[1].id), KEY_ID_LENGTH);
	assert_true(fabs(line.user.keys[1].imported - timestamp_now()) < 60);
	user_line_free(&line);

	/* The id of the key that is known is given to the other one. */
	reads(KEYS(BARE(KEY_1) "," FULL_KEY("7", KEY_2, ID_1)), &line);
	assert_int_equal(user_line_complete(&line, &stored.user, &error), 0);
	assert_string_not_equal(line.user.keys[0].id, ID_1);
	assert_string_equal(line.user.keys[1].id, ID_1);
	user_line_free(&line);
	user_line_free(&stored);
}

static bool
is_time(const char *text, double expected)
{
	cJSON *value = cJSON_CreateString(text);
	double seconds = -1;
	bool well = timestamp_read(value, &seconds) && fabs(seconds - expected) < 0.0005;

	cJSON_Delete(value);
	return well;
}

static bool
is_no_time(const char *text)
{
	cJSON *value = cJSON_CreateString(text);
	double seconds;
	bool well = !timestamp_read(value, &seconds);

	cJSON_Delete(value);
	return well;
}

static void
test_timestamps(void **state)
{
	(void)state;
	assert_true(is_time("1970-01-01T00:00:00Z", 0));
	assert_true(is_time("2024-02-29T12:30:15.250000+00:00", 1709209815.25));
	assert_true(is_time("2024-02-29T12:30:15+02:30", 1709209815 - 9000));
	assert_true(is_time("2024-02-29T12:30:15-02:30", 1709209815 + 9000));
	assert_true(is_time("9999-12-31T23:59:59Z", 253402300799));
	assert_true(is_no_time(""));
	assert_true(is_no_time("2024-02-29"));
	assert_true(is_no_time("2024-02-29T12:30:15"));
	assert_true(is_no_time("2024-02-29T12:30:15Zx"));
	assert_true(is_no_time("2024-02-29T12:30:15.Z"));
	assert_true(is_no_time("2023-02-29T12:30:15Z"));
	assert_true(is_no_time("2024-13-01T00:00:00Z"));
	assert_true(is_no_time("2024-01-01T24:00:00Z"));
	assert_true(is_no_time("2024-01-01T00:00:00+24:00"));
	assert_true(is_no_time("1969-12-31T23:59:59Z"));
	assert_true(is_no_time("9999-12-31T23:59:59-00:01"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_member_again),
		cmocka_unit_test(test_controls_are_escaped),
		cmocka_unit_test(test_what_else_is_taken),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_unknown_members),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_bounds_are_the_requests),
		cmocka_unit_test(test_most_keys),
		cmocka_unit_test(test_differences),
		cmocka_unit_test(test_differences_of_keys),
		cmocka_unit_test(test_completion),
		cmocka_unit_test(test_timestamps),
	};

	return cmocka_run_group_tests_name("user_line", tests, NULL, NULL);
}
