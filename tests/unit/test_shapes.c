/*
 * The table of shapes against Transfer's own model, the patterns as code, and how faults are counted and worded, by examples
 * written out. test_bounds.c tries every member at every bound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/model/operations.h"
#include "common/model/patterns.h"
#include "common/model/shapes.h"
#include "tests/unit/transfer_shapes.h"

/* A value for every member that any of the operations has. */
static const char WHOLE[] =
    "{\"ServerId\":\"s-0123456789abcdef0\",\"UserName\":\"alice\",\"Role\":\"arn:aws:iam::000000000000:role/access\","
    "\"HomeDirectory\":\"/bucket/home\",\"HomeDirectoryType\":\"LOGICAL\","
    "\"HomeDirectoryMappings\":[{\"Entry\":\"/\",\"Target\":\"/bucket/home\",\"Type\":\"DIRECTORY\"}],"
    "\"Policy\":\"{}\",\"PosixProfile\":{\"Uid\":5001,\"Gid\":5001,\"SecondaryGids\":[7001]},"
    "\"SshPublicKeyBody\":\"ssh-ed25519 AAAA\",\"SshPublicKeyId\":\"key-0123456789abcdef0\","
    "\"Tags\":[{\"Key\":\"team\",\"Value\":\"blue\"}],\"MaxResults\":10,\"NextToken\":\"00\","
    "\"Certificate\":\"c\",\"Domain\":\"S3\",\"EndpointDetails\":{\"SubnetIds\":[\"x\"],\"AddressAllocationIds\":[\"x\"],"
    "\"VpcEndpointId\":\"vpce-0123456789abcdef0\",\"VpcId\":\"v\",\"SecurityGroupIds\":[\"sg-01234567\"]},"
    "\"EndpointType\":\"PUBLIC\",\"HostKey\":\"h\","
    "\"IdentityProviderDetails\":{\"Url\":\"u\",\"DirectoryId\":\"d-0123456789\","
    "\"Function\":\"arn:aws:lambda:x\",\"SftpAuthenticationMethods\":\"PASSWORD\","
    "\"InvocationRole\":\"arn:aws:iam::000000000000:role/access\"},"
    "\"IdentityProviderType\":\"SERVICE_MANAGED\",\"LoggingRole\":\"\",\"PostAuthenticationLoginBanner\":\"hi\","
    "\"PreAuthenticationLoginBanner\":\"hi\",\"Protocols\":[\"SFTP\"],\"ProtocolDetails\":{\"PassiveIp\":\"1.2.3.4\","
    "\"TlsSessionResumptionMode\":\"DISABLED\",\"SetStatOption\":\"DEFAULT\",\"As2Transports\":[\"HTTP\"]},"
    "\"SecurityPolicyName\":\"TransferSecurityPolicy-2018-11\","
    "\"WorkflowDetails\":{\"OnUpload\":[{\"WorkflowId\":\"w-0123456789abcdef0\","
    "\"ExecutionRole\":\"arn:aws:iam::000000000000:role/access\"}],\"OnPartialUpload\":[]},"
    "\"StructuredLogDestinations\":[],\"S3StorageOptions\":{\"DirectoryListingOptimization\":\"ENABLED\"},"
    "\"IpAddressType\":\"IPV4\"}";

static cJSON *
whole(void)
{
	struct api_error error = { 0 };
	cJSON *request = operation_parse(WHOLE, strlen(WHOLE), &error);

	if (request == NULL)
		fail_msg("%s", error.message);
	return request;
}

static void
set(cJSON *request, const char *member, cJSON *value)
{
	assert_non_null(value);
	if (cJSON_HasObjectItem(request, member))
		assert_true(cJSON_ReplaceItemInObjectCaseSensitive(request, member, value));
	else
		assert_true(cJSON_AddItemToObject(request, member, value));
}

/* The message of the check with this member set to the JSON text (NULL: taken out), or NULL when it passed. */
static const char *
verdict(const char *operation, const char *member, cJSON *value)
{
	static struct api_error error;
	cJSON *request = whole();
	int result;

	if (value == NULL)
		cJSON_DeleteItemFromObjectCaseSensitive(request, member);
	else
		set(request, member, value);
	result = shapes_check(shapes_request(operation), request, &error);
	cJSON_Delete(request);
	assert_true(result == 0 || error.code == API_VALIDATION);
	return result == 0 ? NULL : error.message;
}

static void
accepts(const char *operation, const char *member, cJSON *value)
{
	const char *message = verdict(operation, member, value);

	if (message != NULL)
		fail_msg("%s %s: %s", operation, member, message);
}

static void
refuses(const char *operation, const char *member, cJSON *value, const char *says)
{
	const char *message = verdict(operation, member, value);

	if (message == NULL)
		fail_msg("%s %s was accepted, not refused with \"%s\"", operation, member, says);
	if (strstr(message, says) == NULL)
		fail_msg("%s %s: \"%s\" doesn't say \"%s\"", operation, member, message, says);
}

static cJSON *
text(const char *string)
{
	return cJSON_CreateString(string);
}

static cJSON *
json(const char *string)
{
	struct api_error error = { 0 };
	cJSON *value = operation_parse(string, strlen(string), &error);

	if (value == NULL)
		fail_msg("%s", error.message);
	return value;
}

/* head, then `unit` again and again until the whole has `characters` characters. */
static cJSON *
filled(const char *head, const char *unit, size_t characters)
{
	char *string = calloc(1, strlen(head) + strlen(unit) * characters + 1);
	cJSON *value;
	size_t i;

	strcpy(string, head);
	for (i = strlen(head); i < characters; i++)
		strcat(string, unit);
	value = text(string);
	free(string);
	return value;
}

/* One line for what lies at the path, in the words of transfer_shapes.h; then those for what lies under it. */
static void
compare_shapes(const char *operation, const char *path, const struct shape *shape, bool required, size_t *line)
{
	static const char *const KINDS[] = { [SHAPE_STRING] = "string", [SHAPE_INTEGER] = "integer", [SHAPE_LIST] = "list",
		[SHAPE_STRUCTURE] = "structure" };
	const struct shape_member *member;
	char ours[1024], under[256];
	size_t i;
	int length;

	length = snprintf(ours, sizeof(ours), "%s %s %s %s %lld %lld %s", operation, path,
	    required ? "required" : "optional", KINDS[shape->kind], (long long)shape->min, (long long)shape->max,
	    shape->pattern != NULL ? "pattern " : shape->values != NULL ? "enum " : "-");
	if (shape->pattern != NULL)
		snprintf(ours + length, sizeof(ours) - (size_t)length, "%s", shape->pattern);
	for (i = 0; shape->values != NULL && shape->values[i] != NULL; i++)
		length += snprintf(ours + length, sizeof(ours) - (size_t)length, "%s%s", i == 0 ? "" : ", ",
		    shape->values[i]);
	assert_true((shape->pattern != NULL) == (shape->matches != NULL));
	if (path[0] != '\0') {
		assert_true(*line < sizeof(TRANSFER_SHAPES) / sizeof(*TRANSFER_SHAPES));
		assert_string_equal(ours, TRANSFER_SHAPES[*line]);
		++*line;
	}
	if (shape->kind == SHAPE_LIST) {
		snprintf(under, sizeof(under), "%.200s.member", path);
		compare_shapes(operation, under, shape->item, true, line);
	}
	for (member = shape->members; member != NULL && member->name != NULL; member++) {
		snprintf(under, sizeof(under), "%.200s%s%.50s", path, path[0] == '\0' ? "" : ".", member->name);
		compare_shapes(operation, under, member->shape, member->required, line);
	}
}

/* The whole table, number by number, is Transfer's own. */
static void
test_table_is_transfers(void **state)
{
	char operation[64];
	size_t line = 0;

	(void)state;
	while (line < sizeof(TRANSFER_SHAPES) / sizeof(*TRANSFER_SHAPES)) {
		snprintf(operation, sizeof(operation), "%.*s", (int)strcspn(TRANSFER_SHAPES[line], " "),
		    TRANSFER_SHAPES[line]);
		assert_non_null(shapes_request(operation));
		compare_shapes(operation, "", shapes_request(operation), false, &line);
	}
	assert_null(shapes_request("NoSuchOperation"));
}

static void
test_strings(void **state)
{
	static const struct {
		const char *member, *head, *unit;
		size_t min, max;
	} BOUNDS[] = {
		{ "UserName", "", "a", 3, 100 },
		{ "HomeDirectory", "/", "a", 1, 1024 },
		{ "HomeDirectory", "/", "\xc3\xa9", 1, 1024 },
		{ "HomeDirectory", "/", "\xf0\x9f\x98\x80", 1, 1024 },
		{ "Role", "arn:role/", "r", 20, 2048 },
		{ "Policy", "", "p", 0, 2048 },
		{ "SshPublicKeyBody", "ssh-rsa ", "A", 8, 2048 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(BOUNDS) / sizeof(*BOUNDS); i++) {
		accepts("CreateUser", BOUNDS[i].member, filled(BOUNDS[i].head, BOUNDS[i].unit, BOUNDS[i].min));
		accepts("CreateUser", BOUNDS[i].member, filled(BOUNDS[i].head, BOUNDS[i].unit, BOUNDS[i].max));
		if (strcmp(BOUNDS[i].member, "Policy") != 0)
			refuses("CreateUser", BOUNDS[i].member, filled(BOUNDS[i].head, BOUNDS[i].unit, BOUNDS[i].max + 1),
			    "Member must have length less than or equal to ");
	}
	refuses("CreateUser", "UserName", text("al"),
	    "Value at 'userName' failed to satisfy constraint: Member must have length greater "
	    "than or equal to 3");
	refuses("CreateUser", "Role", text("arn:aws:iam:role/xx"), "greater than or equal to 20");
	accepts("CreateServer", "LoggingRole", text("arn:role/x"));
	refuses("CreateServer", "LoggingRole", text("x"), "(|arn:.*role/\\S+)");
	refuses("CreateUser", "HomeDirectory", text("home"), "Value at 'homeDirectory'");
	accepts("CreateUser", "HomeDirectory", text(""));
	refuses("CreateUser", "HomeDirectory", text("/a\nb"), "pattern: (|/.*)");
	refuses("CreateUser", "HomeDirectory", text("/a\xc2\x85"), "pattern");
	refuses("CreateUser", "HomeDirectory", text("/a\xe2\x80\xa8"), "pattern");
	accepts("CreateUser", "HomeDirectory", text("/a\tb"));
	refuses("CreateUser", "HomeDirectory", text("/\xff"), "UTF-8");
	refuses("CreateUser", "HomeDirectory", text("/\xc0\xaf"), "UTF-8");
	refuses("CreateUser", "HomeDirectory", text("/\xed\xa0\x80"), "UTF-8");
	refuses("CreateUser", "UserName", text("al ice"), "pattern: [\\w][\\w@.-]{2,99}");
	refuses("CreateUser", "UserName", text("alice\n"), "pattern");
	refuses("CreateUser", "UserName", text("\xc3\xa9mile"), "pattern");
	refuses("CreateUser", "UserName", text("-alice"), "pattern");
	refuses("CreateUser", "UserName", text("@alice"), "pattern");
	accepts("CreateUser", "UserName", text("_li.ce@x-y"));
	refuses("DescribeUser", "ServerId", text("s-0123456789abcdeg0"), "s-([0-9a-f]{17})");
	refuses("DescribeUser", "ServerId", text("s-0123456789ABCDEF0"), "s-([0-9a-f]{17})");
	refuses("DeleteSshPublicKey", "SshPublicKeyId", text("key-0123456789abcdef"), "greater than or equal to 21");
	refuses("CreateUser", "SshPublicKeyBody", text("-----BEGIN OPENSSH PRIVATE KEY-----"),
	    "(this looks like a private key");
	refuses("CreateServer", "PreAuthenticationLoginBanner", text("h\xc3\xa9"), "pattern");
	accepts("CreateServer", "PreAuthenticationLoginBanner", text("a\tb\r\n"));
	refuses("CreateServer", "SecurityPolicyName", text("TransferSecurityPolicy-"), "pattern");
	refuses("CreateServer", "SecurityPolicyName", text("SecurityPolicy-1"), "pattern");
	accepts("CreateServer", "SecurityPolicyName", text("TransferFIPSSecurityPolicy-2020-06"));
}

static void
test_policy_has_its_own_words(void **state)
{
	cJSON *request = whole();
	struct api_error error;

	(void)state;
	set(request, "Policy", filled("", "p", 2049));
	assert_int_equal(shapes_check(shapes_request("CreateUser"), request, &error), -1);
	assert_string_equal(error.message, "Cannot exceed quota for PolicySize: 2048");
	cJSON_Delete(request);
}

static void
test_numbers_and_lists(void **state)
{
	(void)state;
	accepts("CreateUser", "PosixProfile", json("{\"Uid\":0,\"Gid\":4294967295}"));
	refuses("CreateUser", "PosixProfile", json("{\"Uid\":-1,\"Gid\":1}"),
	    "'posixProfile.uid' failed to satisfy constraint: Member "
	    "must have value greater than or equal to 0");
	refuses("CreateUser", "PosixProfile", json("{\"Uid\":1,\"Gid\":4294967296}"), "less than or equal to 4294967295");
	refuses("CreateUser", "PosixProfile", json("{\"Uid\":1.5,\"Gid\":1}"), "must be an integer");
	refuses("CreateUser", "PosixProfile", json("{\"Uid\":6001.0,\"Gid\":1}"), "must be an integer");
	refuses("CreateUser", "PosixProfile", json("{\"Uid\":6e3,\"Gid\":1}"), "must be an integer");
	refuses("CreateUser", "PosixProfile", json("{\"Uid\":1e30,\"Gid\":1}"), "must be an integer");
	refuses("CreateUser", "PosixProfile", json("{\"Uid\":99999999999999999999,\"Gid\":1}"), "must be an integer");
	refuses("CreateUser", "PosixProfile", json("{\"Uid\":\"6001\",\"Gid\":1}"), "must be an integer");
	refuses("CreateUser", "PosixProfile", json("{\"Uid\":true,\"Gid\":1}"), "must be an integer");
	refuses("CreateUser", "PosixProfile", json("{\"Uid\":1}"),
	    "Value null at 'posixProfile.gid' failed to satisfy constraint: "
	    "Member must not be null");
	refuses("CreateUser", "PosixProfile", json("{\"uid\":1,\"Gid\":1}"), "'posixProfile.uid'");
	accepts("CreateUser", "PosixProfile", json("{\"Uid\":1,\"Gid\":1,\"SecondaryGids\":[]}"));
	accepts("CreateUser", "PosixProfile",
	    json("{\"Uid\":1,\"Gid\":1,\"SecondaryGids\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}"));
	refuses("CreateUser", "PosixProfile",
	    json("{\"Uid\":1,\"Gid\":1,\"SecondaryGids\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}"),
	    "'posixProfile.secondaryGids' failed to satisfy constraint: Member must have length less than or equal to 16");
	refuses("CreateUser", "PosixProfile", json("{\"Uid\":1,\"Gid\":1,\"SecondaryGids\":[1,null]}"),
	    "secondaryGids.2.member");
	accepts("ListUsers", "MaxResults", json("1000"));
	refuses("ListUsers", "MaxResults", json("1001"), "less than or equal to 1000");
	refuses("ListUsers", "MaxResults", json("0"), "greater than or equal to 1");
	refuses("CreateUser", "HomeDirectoryMappings", json("[]"), "greater than or equal to 1");
	refuses("CreateUser", "HomeDirectoryMappings", json("[{\"Entry\":\"/a\"}]"),
	    "'homeDirectoryMappings.1.member.target'");
	refuses("CreateUser", "HomeDirectoryMappings",
	    json("[{\"Entry\":\"/a\",\"Target\":\"/b\"},{\"Entry\":\"a\",\"Target\":\"/b\"}]"),
	    "'homeDirectoryMappings.2.member.entry'");
	refuses("CreateUser", "Tags", json("[]"), "greater than or equal to 1");
	accepts("CreateUser", "Tags", json("[{\"Key\":\"\",\"Value\":\"\"}]"));
}

static void
test_mappings_bounds(void **state)
{
	cJSON *list = cJSON_CreateArray(), *mapping;
	int i;

	(void)state;
	for (i = 0; i < 50000; i++) {
		mapping = cJSON_CreateObject();
		cJSON_AddStringToObject(mapping, "Entry", "/e");
		cJSON_AddStringToObject(mapping, "Target", "/t");
		cJSON_AddItemToArray(list, mapping);
	}
	accepts("CreateUser", "HomeDirectoryMappings", cJSON_Duplicate(list, 1));
	cJSON_AddItemToArray(list, json("{\"Entry\":\"/e\",\"Target\":\"/t\"}"));
	refuses("CreateUser", "HomeDirectoryMappings", list, "less than or equal to 50000");
}

static void
test_all_faults_are_counted(void **state)
{
	cJSON *request = json("{\"UserName\":\"a\",\"HomeDirectoryType\":\"X\",\"Unknown\":[1.5],\"Policy\":null}");
	cJSON *list = cJSON_CreateArray();
	struct api_error error;
	int i;

	(void)state;
	assert_int_equal(shapes_check(shapes_request("CreateUser"), request, &error), -1);
	assert_string_equal(error.message,
	    "5 validation errors detected: "
	    "Value at 'homeDirectoryType' failed to satisfy constraint: Member must satisfy enum value set: "
	    "[PATH, LOGICAL]; "
	    "Value null at 'role' failed to satisfy constraint: Member must not be null; "
	    "Value null at 'serverId' failed to satisfy constraint: Member must not be null; "
	    "Value at 'userName' failed to satisfy constraint: Member must have length greater than or equal to 3; "
	    "Value at 'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: "
	    "[\\w][\\w@.-]{2,99}");
	cJSON_Delete(request);
	/* More faults than a message has room for. */
	for (i = 0; i < 40000; i++)
		cJSON_AddItemToArray(list, cJSON_CreateObject());
	refuses("CreateUser", "HomeDirectoryMappings", list, "80000 validation errors detected: Value null at "
	    "'homeDirectoryMappings.1.member.entry'");
}

static void
test_patterns(void **state)
{
	(void)state;
	assert_true(pattern_role("arn:x role/ role/y"));
	assert_false(pattern_role("arn:x role/y z"));
	assert_false(pattern_role("arn:role/"));
	assert_true(pattern_role("arn:role/role/"));
	assert_false(pattern_role("arn:\nrole/y"));
	assert_false(pattern_role("arn:role/y\n"));
	assert_true(pattern_role("arn:role/\xe2\x80\xa8"));
	assert_false(pattern_role("xarn:role/y"));
	assert_true(pattern_ssh_key_body("\n ssh-rsa\tAAAA== comment here \n"));
	assert_true(pattern_ssh_key_body("ecdsa-sha2-nistp256  AAAA"));
	assert_true(pattern_ssh_key_body("ssh-rsa  c@mment"));
	assert_false(pattern_ssh_key_body("ssh-rsa c@mment"));
	assert_false(pattern_ssh_key_body("ssh-rsa AAAA====" ));
	assert_false(pattern_ssh_key_body("ssh-rsa AAAA a\nb"));
	assert_false(pattern_ssh_key_body("ssh-rsa\nAAAA"));
	assert_false(pattern_ssh_key_body("ssh- AAAA"));
	assert_true(pattern_arn("arn:x"));
	assert_false(pattern_arn("arn:"));
	assert_false(pattern_arn("arn:a b"));
	assert_true(pattern_function("arn:aws-cn:lambda:"));
	assert_false(pattern_function("arn::lambda:"));
	assert_false(pattern_security_policy("TransferSecurityPolic-y"));
	assert_true(pattern_security_policy("TransferSecurityPolicy-SecurityPolicy-"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_is_transfers),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_policy_has_its_own_words),
		cmocka_unit_test(test_numbers_and_lists),
		cmocka_unit_test(test_mappings_bounds),
		cmocka_unit_test(test_all_faults_are_counted),
		cmocka_unit_test(test_patterns),
	};

	return cmocka_run_group_tests_name("shapes", tests, NULL, NULL);
}
