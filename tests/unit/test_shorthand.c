/* The command line's values: shorthand, and what the flags' shapes make of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin_cmd/admin/operation_table.h"
#include "admin_cmd/admin/shorthand.h"
#include "admin_cmd/admin/value.h"

/* Parses, and compares with JSON written without spaces; json NULL: it must be refused. */
static void
check_shorthand(const char *text, const char *json)
{
	struct api_error error = { .code = API_OK };
	cJSON *item = shorthand_parse(text, &error);
	char *printed;

	if (json == NULL) {
		if (item != NULL)
			fail_msg("taken: %s", text);
		assert_int_equal(error.code, API_VALIDATION);
		assert_true(strlen(error.message) > 0);
		return;
	}
	if (item == NULL)
		fail_msg("%s: %s", text, error.message);
	printed = cJSON_PrintUnformatted(item);
	assert_string_equal(printed, json);
	free(printed);
	cJSON_Delete(item);
}

static void
test_taken(void **state)
{
	(void)state;
	check_shorthand("Key=k,Value=v", "{\"Key\":\"k\",\"Value\":\"v\"}");
	check_shorthand(" Key = k , Value = v ", "{\"Key\":\"k\",\"Value\":\"v\"}");
	check_shorthand("Key=k,Value=", "{\"Key\":\"k\",\"Value\":\"\"}");
	check_shorthand("Key=,Value=v", "{\"Key\":\"\",\"Value\":\"v\"}");
	check_shorthand("Uid=1,Gid=2,SecondaryGids=3,4", "{\"Uid\":\"1\",\"Gid\":\"2\",\"SecondaryGids\":[\"3\",\"4\"]}");
	check_shorthand("SecondaryGids=3,4,5,Uid=1", "{\"SecondaryGids\":[\"3\",\"4\",\"5\"],\"Uid\":\"1\"}");
	check_shorthand("SecondaryGids=[3, 4],Uid=1", "{\"SecondaryGids\":[\"3\",\"4\"],\"Uid\":\"1\"}");
	check_shorthand("SecondaryGids=[]", "{\"SecondaryGids\":[]}");
	check_shorthand("Entry=/,Target=/b=x", "{\"Entry\":\"/\",\"Target\":\"/b=x\"}");
	check_shorthand("Entry=/a b,Target=/c d", "{\"Entry\":\"/a b\",\"Target\":\"/c d\"}");
}

static void
test_quoted(void **state)
{
	(void)state;
	check_shorthand("Key=\"a,b\",Value='c\"d'", "{\"Key\":\"a,b\",\"Value\":\"c\\\"d\"}");
	check_shorthand("Key=\"a\\\"b\\\\c\"", "{\"Key\":\"a\\\"b\\\\c\"}");
	check_shorthand("Key='it\\'s'", "{\"Key\":\"it's\"}");
	check_shorthand("Key=''", "{\"Key\":\"\"}");
	check_shorthand("Key=\"x=y\",\"a=b\"", "{\"Key\":[\"x=y\",\"a=b\"]}");
	check_shorthand("Value=a b\\, c", "{\"Value\":\"a b, c\"}");
	check_shorthand("Value=back\\slash", "{\"Value\":\"back\\\\slash\"}");
}

static void
test_variables(void **state)
{
	(void)state;
	check_shorthand("Entry=/,Target=/b/${Transfer:UserName}",
	    "{\"Entry\":\"/\",\"Target\":\"/b/${Transfer:UserName}\"}");
	check_shorthand("Target=/b/${transfer:UserName}/x,Entry=/",
	    "{\"Target\":\"/b/${transfer:UserName}/x\",\"Entry\":\"/\"}");
	check_shorthand("A={B=/${Transfer:UserName}}", "{\"A\":{\"B\":\"/${Transfer:UserName}\"}}");
}

static void
test_nested(void **state)
{
	(void)state;
	check_shorthand("A={B=1,C=2,3},D=4", "{\"A\":{\"B\":\"1\",\"C\":[\"2\",\"3\"]},\"D\":\"4\"}");
	check_shorthand("OnUpload=[{WorkflowId=w,ExecutionRole=r}],OnPartialUpload=[]",
	    "{\"OnUpload\":[{\"WorkflowId\":\"w\",\"ExecutionRole\":\"r\"}],\"OnPartialUpload\":[]}");
}

static void
test_refused(void **state)
{
	static const char *const texts[] = { "", " ", "Key", "Key,Value=v", "=v", "Key=k,", "Key=k,Key=l", "Key=\"k",
		"Key='k", "Key=\"k\"z", "Key={A=1", "Key={A=1]", "Key=[a", "Key=[a}", "Key={}", "Key@=/etc/passwd", "a b=c",
		"A=[[[[[[[[[x]]]]]]]]]", "\"Key\"=v", "Key=a,,b", "Key=[a,]", "Key=[,]" };
	char long_text[600];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check_shorthand(texts[i], NULL);
	memset(long_text, 'a', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	check_shorthand(long_text, NULL);
}

/* Every cut of an input is an answer or a refusal, never a read past its end: run with a sanitizer, this tells. */
static void
test_cut(void **state)
{
	static const char whole[] = "A={B=\"1\\\"\",C=[2,{D='3\\''}]},E=4\\,5,6,F=${x},G=";

	(void)state;
	for (size_t length = 0; length < sizeof(whole); length++) {
		struct api_error error = { .code = API_OK };
		char *text = malloc(length + 1);

		assert_non_null(text);
		memcpy(text, whole, length);
		text[length] = '\0';
		cJSON_Delete(shorthand_parse(text, &error));
		free(text);
	}
}

static const struct shape_member *
find_member(const char *operation_name, const char *flag)
{
	const struct admin_operation *operation = operation_table_find(operation_name);
	char name[FLAG_NAME_SIZE];

	assert_non_null(operation);
	for (const struct shape_member *member = operation_members(operation); member->name != NULL; member++) {
		flag_name(member->name, name);
		if (strcmp(name, flag) == 0)
			return member;
	}
	fail_msg("%s has no --%s", operation_name, flag);
	return NULL;
}

static void
test_flag_names(void **state)
{
	static const struct {
		const char *member, *flag;
	} cases[] = {
		{ "Arn", "arn" }, { "SshPublicKeyBody", "ssh-public-key-body" }, { "SourceIp", "source-ip" },
		{ "S3StorageOptions", "s3-storage-options" }, { "HTTPServer", "http-server" }, { "aB", "a-b" },
	};
	char name[FLAG_NAME_SIZE], longest[3 * FLAG_NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		flag_name(cases[i].member, name);
		assert_string_equal(name, cases[i].flag);
	}
	for (size_t i = 0; i < sizeof(longest); i++)
		longest[i] = i % 2 == 0 ? 'A' : 'a';
	longest[sizeof(longest) - 1] = '\0';
	flag_name(longest, name);
	assert_true(strlen(name) < sizeof(name));
}

/* The value of create-user's flag for up to two words; json NULL: refused with a message that holds `message`. */
static void
check_value(const char *flag, const char *first, const char *second, const char *json, const char *message)
{
	const char *words[] = { first, second };
	struct api_error error = { .code = API_OK };
	cJSON *item = value_parse(find_member("create-user", flag), words, second == NULL ? 1 : 2, &error);
	char *printed;

	if (json == NULL) {
		if (item != NULL)
			fail_msg("taken: %s", first);
		if (strstr(error.message, message) == NULL)
			fail_msg("%s: %s", first, error.message);
		return;
	}
	if (item == NULL)
		fail_msg("%s: %s", first, error.message);
	printed = cJSON_PrintUnformatted(item);
	assert_string_equal(printed, json);
	free(printed);
	cJSON_Delete(item);
}

static void
test_values(void **state)
{
	(void)state;
	check_value("user-name", "alice", NULL, "\"alice\"", NULL);
	check_value("posix-profile", "Uid=5001,Gid=5002,SecondaryGids=7001,7002", NULL,
	    "{\"Uid\":5001,\"Gid\":5002,\"SecondaryGids\":[7001,7002]}", NULL);
	check_value("posix-profile", "Uid=5001,Gid=5002,SecondaryGids=7001", NULL,
	    "{\"Uid\":5001,\"Gid\":5002,\"SecondaryGids\":[7001]}", NULL);
	check_value("posix-profile", " {\"Uid\":5001,\"Gid\":4294967295}", NULL,
	    "{\"Uid\":5001,\"Gid\":4294967295}", NULL);
	check_value("tags", "Key=a,Value=b", "{\"Key\":\"c\",\"Value\":\"d\"}",
	    "[{\"Key\":\"a\",\"Value\":\"b\"},{\"Key\":\"c\",\"Value\":\"d\"}]", NULL);
	check_value("tags", "[{\"Key\":\"a\",\"Value\":\"b\"}]", NULL, "[{\"Key\":\"a\",\"Value\":\"b\"}]", NULL);
	check_value("tags", "[]", NULL, "[]", NULL);
	/* Names that nobody knows are said of the whole request. */
	check_value("posix-profile", "uid=5001,Gid=1", NULL, "{\"uid\":\"5001\",\"Gid\":1}", NULL);
	/* A wrong type in JSON is the operation's to refuse. */
	check_value("posix-profile", "{\"Uid\":\"5001\"}", NULL, "{\"Uid\":\"5001\"}", NULL);
}

static void
test_values_refused(void **state)
{
	(void)state;
	check_value("posix-profile", "Uid=abc,Gid=1", NULL, NULL, "Invalid value for parameter PosixProfile.Uid: \"abc\"");
	check_value("posix-profile", "Uid=-1,Gid=1", NULL, NULL, "not a whole number");
	check_value("posix-profile", "Uid=1.5,Gid=1", NULL, NULL, "not a whole number");
	check_value("posix-profile", "Uid=1,Gid=1,SecondaryGids=1,x", NULL, NULL, "PosixProfile.SecondaryGids[1]");
	check_value("tags", "Key=a,Value=b,c", NULL, NULL, "Tags[0].Value: a list");
	check_value("tags", "Key=a,Value=b", "Key=a,Value=b,c", NULL, "Tags[1].Value: a list");
	check_value("tags", "[{\"Key\":\"a\"", NULL, NULL, "Error parsing parameter '--tags': Invalid JSON");
	check_value("tags", "{\"Key\":\"a\\u0000b\"}", NULL, NULL, "Invalid JSON");
	check_value("user-name", "al\xff", NULL, NULL, "not UTF-8");
	check_value("user-name", "file:///nonexistent", NULL, NULL,
	    "Unable to load paramfile file:///nonexistent: No such file");
	check_value("user-name", "file:///", NULL, NULL, "Is a directory");
	check_value("user-name", "file:///dev/zero", NULL, NULL, "File too large");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_quoted),
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_flag_names),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_values_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
