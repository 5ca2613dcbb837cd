/*
 * The store over a Transfer API, from the inside: what its answers are taken for, which records are used and what of them,
 * and how long it waits. Whole calls over TLS: tests/remote.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/model/operations.h"
#include "common/store/transfer/transfer_call.h"
#include "common/wire/deadline.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

#define SERVER "s-0123456789abcdef0"
#define KEY_A  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPav7idKHIAgj2bGJ+ZND3ybvRLoAClUwKR/1pTeDbvr"
#define KEY_B  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN51dmBxKyOIAsW2RNXptkuL6Le9e0qXp1mS4zQXnpMO"
#define ID_A   "key-0123456789abcdef0"
#define ID_B   "key-0123456789abcdef1"
/* As many bits as AWS takes, and fewer than MinRsaBits asks of what is written here. */
#define RSA_1024 "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQCyuvMYnFqejN+sLpqiXfIZY3PToo5XvH/sYLRUwV/uwx5Z3+11/toppO5vhvhA" \
    "633WWc2Z3y/VpNqnJ7icmj/RT7ROKuyXq5cGz4xgbU4zwYzsSMeqd8vlcoJJKCDNHFV2FUU1LkPHLwFDO+20PZx6LENbl/Akme5NdDHFatWZ8w=="

/* -- records ----------------------------------------------------------------------------------------------------------- */

/* What was lost, "MEMBER: WHY\n" each. */
static char lost[16384];
static size_t lost_count;

static void
keep_lost(void *context, const char *user_name, const char *member, const char *why)
{
	size_t used = strlen(lost);

	assert_ptr_equal(context, &lost);
	assert_string_equal(user_name, "alice");
	snprintf(lost + used, sizeof(lost) - used, "%s: %s\n", member, why);
	lost_count++;
}

static int
read_answer(const char *text, struct user_record *user, struct api_error *error)
{
	const struct transfer_losses losses = { keep_lost, &lost };
	cJSON *answer = operation_parse_answer(text, strlen(text), error);
	int result;

	lost[0] = '\0';
	lost_count = 0;
	if (answer == NULL)
		fail_msg("%s: %s", text, error->message);
	result = transfer_read_user(SERVER, "alice", answer, &losses, user, error);
	cJSON_Delete(answer);
	return result;
}

/* A record with these members besides its name. */
static int
read_members(const char *members, struct user_record *user, struct api_error *error)
{
	char *text;
	int result;

	assert_int_not_equal(asprintf(&text, "{\"ServerId\":\"%s\",\"User\":{\"UserName\":\"alice\"%s%s}}", SERVER,
	    members[0] == '\0' ? "" : ",", members), -1);
	result = read_answer(text, user, error);
	free(text);
	return result;
}

static void
used(const char *members, struct user_record *user)
{
	struct api_error error;

	if (read_members(members, user, &error) == -1)
		fail_msg("%s: %s", members, error.message);
	assert_string_equal(user->user_name, "alice");
	assert_string_equal(user->server_id, SERVER);
}

static void
unusable(const char *members, const char *message)
{
	struct user_record user;
	struct api_error error;

	if (read_members(members, &user, &error) == 0)
		fail_msg("%.200s: used", members);
	if (error.code != API_INTERNAL || strncmp(error.message, message, strlen(message)) != 0)
		fail_msg("%.200s: %s: %s", members, api_error_name(error.code), error.message);
	assert_null(user.mappings);
	assert_null(user.keys);
}

static void
loses(const char *members, const char *what)
{
	struct user_record user;

	used(members, &user);
	if (strcmp(lost, what) != 0)
		fail_msg("%.200s: lost: %s", members, lost);
	record_free_user(&user);
}

static void
a_whole_record(void **state)
{
	struct user_record user;

	(void)state;
	used("\"Arn\":\"arn:x\",\"HomeDirectory\":\"/in/new\",\"HomeDirectoryMappings\":[{\"Entry\":\"/in\",\"Target\":"
	    "\"/b/in\"},{\"Entry\":\"/f\",\"Target\":\"/b/f\",\"Type\":\"FILE\"},{\"Entry\":\"/d\",\"Target\":\"/b/d\",\"Type\":"
	    "\"DIRECTORY\"}],\"HomeDirectoryType\":\"LOGICAL\",\"Policy\":\"{\\n}\",\"PosixProfile\":{\"Uid\":5001,\"Gid\":"
	    "4294967295,\"SecondaryGids\":[0,7.0]},\"Role\":\"r\",\"SshPublicKeys\":[{\"DateImported\":1.5E9,"
	    "\"SshPublicKeyBody\":\"" KEY_A "  a  comment\\n\",\"SshPublicKeyId\":\"" ID_A "\"}],\"Tags\":[{\"Key\":\"k\","
	    "\"Value\":\"v\"},{\"Key\":\"empty\"}]", &user);
	assert_string_equal(lost, "");
	assert_string_equal(user.home_directory, "/in/new");
	assert_int_equal(user.home_type, HOME_LOGICAL);
	assert_int_equal(user.mapping_count, 3);
	assert_string_equal(user.mappings[0].entry, "/in");
	assert_string_equal(user.mappings[0].target, "/b/in");
	assert_int_equal(user.mappings[0].type, MAPPING_NOT_GIVEN);
	assert_int_equal(user.mappings[1].type, MAPPING_FILE);
	assert_int_equal(user.mappings[2].type, MAPPING_DIRECTORY);
	assert_string_equal(user.policy, "{\n}");
	assert_true(user.has_profile);
	assert_int_equal(user.profile.uid, 5001);
	assert_int_equal(user.profile.gid, 4294967295u); /* judged when somebody logs in */
	assert_true(user.profile.has_secondary_gids);
	assert_int_equal(user.profile.secondary_gid_count, 2);
	assert_int_equal(user.profile.secondary_gids[1], 7);
	assert_string_equal(user.role, "r");
	assert_int_equal(user.key_count, 1);
	assert_string_equal(user.keys[0].id, ID_A);
	assert_string_equal(user.keys[0].body, KEY_A " a comment");
	assert_true(user.keys[0].imported == 1.5e9);
	assert_int_equal(user.tag_count, 2);
	assert_string_equal(user.tags[1].value, "");
	record_free_user(&user);
}

static void
an_empty_record(void **state)
{
	static const char *const NOTHING[] = {
		"",
		"\"HomeDirectory\":\"\",\"Role\":\"\",\"Policy\":\"\",\"HomeDirectoryMappings\":[],\"SshPublicKeys\":[],\"Tags\":[]",
		("\"HomeDirectory\":null,\"Role\":null,\"Policy\":null,\"HomeDirectoryMappings\":null,\"SshPublicKeys\":null,"
		"\"Tags\":null,\"PosixProfile\":null,\"HomeDirectoryType\":null,\"New\":null"),
	};
	struct user_record user;

	(void)state;
	for (size_t i = 0; i < LENGTH(NOTHING); i++) {
		used(NOTHING[i], &user);
		assert_string_equal(lost, "");
		assert_null(user.role);
		assert_null(user.home_directory);
		assert_null(user.policy);
		assert_null(user.mappings);
		assert_null(user.keys);
		assert_null(user.tags);
		assert_false(user.has_profile);
		assert_int_equal(user.home_type, HOME_NOT_GIVEN);
		record_free_user(&user);
	}
}

static void
a_name_that_is_not_expanded_there(void **state)
{
	struct user_record user;

	(void)state;
	used("\"HomeDirectory\":\"/b/${transfer:UserName}\",\"HomeDirectoryMappings\":[{\"Entry\":\"/\",\"Target\":"
	    "\"/b/${Transfer:UserName}/x\"}]", &user);
	assert_string_equal(user.home_directory, "/b/alice");
	assert_string_equal(user.mappings[0].target, "/b/alice/x");
	record_free_user(&user);
}

static void
whose_record_it_is(void **state)
{
	static const char *const OTHERS[] = {
		"{}", "[]", "{\"User\":{}}", "{\"User\":[]}", "{\"User\":null}", "{\"User\":\"alice\"}",
		"{\"User\":{\"UserName\":\"bobby\"}}", "{\"User\":{\"UserName\":\"Alice\"}}",
		"{\"User\":{\"UserName\":\"alice \"}}", "{\"User\":{\"UserName\":[\"alice\"]}}",
		"{\"User\":{\"username\":\"alice\"}}", "{\"UserName\":\"alice\"}",
		"{\"ServerId\":\"s-0123456789abcdef1\",\"User\":{\"UserName\":\"alice\"}}",
		"{\"ServerId\":7,\"User\":{\"UserName\":\"alice\"}}",
	};
	struct user_record user;
	struct api_error error;

	(void)state;
	for (size_t i = 0; i < LENGTH(OTHERS); i++) {
		if (read_answer(OTHERS[i], &user, &error) == 0)
			fail_msg("%s: used", OTHERS[i]);
		assert_int_equal(error.code, API_UNAVAILABLE);
		assert_string_equal(error.message, "The answer to DescribeUser isn't about user alice of server " SERVER);
	}
	assert_int_equal(read_answer("{\"User\":{\"UserName\":\"alice\"}}", &user, &error), 0);
	record_free_user(&user);
}

static void
records_that_cannot_be_used(void **state)
{
	static const struct {
		const char *members, *message;
	} CASES[] = {
		{ "\"PosixProfile\":{\"Uid\":4294967296,\"Gid\":1}", "PosixProfile: Uid is no whole number" },
		{ "\"PosixProfile\":{\"Uid\":-1,\"Gid\":1}", "PosixProfile: Uid is no whole number" },
		{ "\"PosixProfile\":{\"Uid\":5000.5,\"Gid\":1}", "PosixProfile: Uid is no whole number" },
		{ "\"PosixProfile\":{\"Uid\":1e300,\"Gid\":1}", "PosixProfile: Uid is no whole number" },
		{ "\"PosixProfile\":{\"Uid\":1e999,\"Gid\":1}", "PosixProfile: Uid is no whole number" },
		{ "\"PosixProfile\":{\"Uid\":\"5000\",\"Gid\":1}", "PosixProfile: Uid is no whole number" },
		{ "\"PosixProfile\":{\"Uid\":true,\"Gid\":1}", "PosixProfile: Uid is no whole number" },
		{ "\"PosixProfile\":{\"Uid\":null,\"Gid\":1}", "PosixProfile: Uid is no whole number" },
		{ "\"PosixProfile\":{\"Gid\":1}", "PosixProfile: Uid is no whole number" },
		{ "\"PosixProfile\":{\"uid\":5000,\"Gid\":1}", "PosixProfile: Uid is no whole number" },
		{ "\"PosixProfile\":{\"Uid\":5000}", "PosixProfile: Gid is no whole number" },
		{ "\"PosixProfile\":{\"Uid\":5000,\"Gid\":[1]}", "PosixProfile: Gid is no whole number" },
		{ "\"PosixProfile\":{}", "PosixProfile: Uid is no whole number" },
		{ "\"PosixProfile\":[5000,5000]", "PosixProfile: is no structure" },
		{ "\"PosixProfile\":{\"Uid\":1,\"Gid\":1,\"SecondaryGids\":[1,-1]}", "PosixProfile: one of the SecondaryGids" },
		{ "\"PosixProfile\":{\"Uid\":1,\"Gid\":1,\"SecondaryGids\":[[]]}", "PosixProfile: one of the SecondaryGids" },
		{ "\"PosixProfile\":{\"Uid\":1,\"Gid\":1,\"SecondaryGids\":7}", "PosixProfile: SecondaryGids is no list" },
		{ "\"PosixProfile\":{\"Uid\":1,\"Gid\":1,\"SecondaryGids\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}",
		    "PosixProfile: SecondaryGids is no list, or of more than 16" },
		{ "\"HomeDirectoryType\":\"logical\"", "HomeDirectoryType: \"logical\" is not known to Berth" },
		{ "\"HomeDirectoryType\":\"\"", "HomeDirectoryType: \"\" is not known to Berth" },
		{ "\"HomeDirectoryType\":1", "HomeDirectoryType: is no text" },
		{ "\"HomeDirectory\":\"b\"", "HomeDirectory: is no absolute path" },
		{ "\"HomeDirectory\":\"/b\\nx:y\"", "HomeDirectory: is no absolute path" },
		{ "\"HomeDirectory\":[\"/b\"]", "HomeDirectory: is no absolute path" },
		{ "\"HomeDirectoryMappings\":{\"Entry\":\"/\",\"Target\":\"/b\"}", "HomeDirectoryMappings: no list" },
		{ "\"HomeDirectoryMappings\":[\"/\"]", "HomeDirectoryMappings, mapping 1: its Entry or Target" },
		{ "\"HomeDirectoryMappings\":[{\"Entry\":\"/\"}]", "HomeDirectoryMappings, mapping 1: its Entry or Target" },
		{ "\"HomeDirectoryMappings\":[{\"Entry\":\"/\",\"Target\":\"/b\"},{\"Entry\":\"x\",\"Target\":\"/b\"}]",
		    "HomeDirectoryMappings, mapping 2: its Entry or Target" },
		{ "\"HomeDirectoryMappings\":[{\"Entry\":\"/\",\"Target\":\"/b\\u007f\"}]",
		    "HomeDirectoryMappings, mapping 1: its Entry or Target" },
		{ "\"HomeDirectoryMappings\":[{\"Entry\":\"/\",\"Target\":\"/b\",\"Type\":\"LINK\"}]",
		    "HomeDirectoryMappings, mapping 1: its Type \"LINK\" is not known to Berth" },
		{ "\"HomeDirectoryMappings\":[{\"Entry\":\"/\",\"Target\":\"/b\",\"Type\":7}]",
		    "HomeDirectoryMappings, mapping 1: its Type is no text" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(CASES); i++)
		unusable(CASES[i].members, CASES[i].message);
}

/* As long as they may be, and one byte longer. */
static void
lengths(void **state)
{
	char path[PATH_BYTES_MAX + 2], members[2 * PATH_BYTES_MAX];
	struct user_record user;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[PATH_BYTES_MAX] = '\0';
	snprintf(members, sizeof(members), "\"HomeDirectory\":\"%s\"", path);
	used(members, &user);
	assert_string_equal(user.home_directory, path);
	record_free_user(&user);
	snprintf(members, sizeof(members), "\"HomeDirectoryMappings\":[{\"Entry\":\"%s\",\"Target\":\"/b\"}]", path);
	used(members, &user);
	record_free_user(&user);
	path[PATH_BYTES_MAX] = 'x';
	path[PATH_BYTES_MAX + 1] = '\0';
	snprintf(members, sizeof(members), "\"HomeDirectory\":\"%s\"", path);
	unusable(members, "HomeDirectory: is no absolute path");
	snprintf(members, sizeof(members), "\"HomeDirectoryMappings\":[{\"Entry\":\"/\",\"Target\":\"%s\"}]", path);
	unusable(members, "HomeDirectoryMappings, mapping 1: its Entry or Target");
	/* What counts is what comes, and what it becomes. */
	path[PATH_BYTES_MAX - 20] = '\0';
	snprintf(members, sizeof(members), "\"HomeDirectory\":\"%s${transfer:UserName}\"", path);
	used(members, &user);
	record_free_user(&user);
}

static char *
repeated(const char *before, const char *item, size_t count, const char *after)
{
	size_t length = strlen(item) + 1;
	char *text = malloc(strlen(before) + count * length + strlen(after) + 1), *to;

	assert_non_null(text);
	to = stpcpy(text, before);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			*to++ = ',';
		to = stpcpy(to, item);
	}
	strcpy(to, after);
	return text;
}

static void
counts(void **state)
{
	static const char MAPPING[] = "{\"Entry\":\"/\",\"Target\":\"/b\"}";
	struct user_record user;
	char *members;

	(void)state;
	members = repeated("\"HomeDirectoryMappings\":[", MAPPING, MAPPINGS_MAX, "]");
	used(members, &user);
	assert_int_equal(user.mapping_count, MAPPINGS_MAX);
	record_free_user(&user);
	free(members);
	members = repeated("\"HomeDirectoryMappings\":[", MAPPING, MAPPINGS_MAX + 1, "]");
	unusable(members, "HomeDirectoryMappings: no list, or of more than 50000 mappings");
	free(members);
	members = repeated("\"SshPublicKeys\":[", "{\"SshPublicKeyBody\":\"" KEY_A "\"}", USER_KEYS_MAX + 2, "]");
	used(members, &user);
	assert_int_equal(user.key_count, 1);
	assert_string_equal(lost, "SshPublicKeys: all after the first 50 of 52\n");
	record_free_user(&user);
	free(members);
	members = repeated("\"Tags\":[", "{\"Key\":\"k\",\"Value\":\"v\"}", TAGS_MAX + 1, "]");
	used(members, &user);
	assert_int_equal(user.tag_count, 1);
	assert_int_equal(lost_count, TAGS_MAX);
	record_free_user(&user);
	free(members);
}

static void
keys(void **state)
{
	struct user_record user;

	(void)state;
	/* One that can't be used costs nobody the others; the same twice is one; an id counts once; and who has no id or date
	 * has none. */
	used("\"SshPublicKeys\":["
	    "{\"SshPublicKeyId\":\"" ID_A "\",\"SshPublicKeyBody\":\"ssh-dss AAAAB3NzaC1kc3MAAACBAP\"},"
	    "{\"SshPublicKeyId\":\"" ID_A "\",\"SshPublicKeyBody\":\"" KEY_A "\",\"DateImported\":\"yesterday\"},"
	    "{\"SshPublicKeyId\":\"" ID_B "\",\"SshPublicKeyBody\":\"" KEY_A " again\"},"
	    "{\"SshPublicKeyId\":\"" ID_A "\",\"SshPublicKeyBody\":\"" KEY_B "\"},"
	    "{\"SshPublicKeyId\":7},\"" KEY_B "\",null,"
	    "{\"SshPublicKeyId\":\"\\u001b[2J\",\"SshPublicKeyBody\":\"command=\\\"x\\\" " KEY_B "\"},"
	    "{\"SshPublicKeyBody\":\"" KEY_B " \\u001b[2J\"}]", &user);
	assert_int_equal(user.key_count, 2);
	assert_string_equal(user.keys[0].body, KEY_A);
	assert_string_equal(user.keys[0].id, ID_A);
	assert_true(user.keys[0].imported == 0);
	assert_string_equal(user.keys[1].body, KEY_B);
	assert_string_equal(user.keys[1].id, "");
	assert_int_equal(lost_count, 6);
	assert_non_null(strstr(lost, "SshPublicKeys: " ID_A ": "));
	assert_non_null(strstr(lost, "SshPublicKeys: key 5: has no SshPublicKeyBody that is a public key\n"));
	assert_null(strchr(lost, '\x1b'));
	record_free_user(&user);
	used("\"SshPublicKeys\":[{\"SshPublicKeyBody\":\"" RSA_1024 "\"}]", &user);
	assert_int_equal(user.key_count, 1);
	record_free_user(&user);
	loses("\"SshPublicKeys\":{}", "SshPublicKeys: is no list\n");
	loses("\"SshPublicKeys\":\"" KEY_A "\"", "SshPublicKeys: is no list\n");
}

static void
parts_that_are_lost(void **state)
{
	static char text[9000];
	char members[10000];
	struct user_record user;

	(void)state;
	loses("\"Role\":7", "Role: is no text, longer than 2048 bytes, or has control characters\n");
	loses("\"Role\":\"a\\u001bb\"", "Role: is no text, longer than 2048 bytes, or has control characters\n");
	loses("\"Policy\":{}", "Policy: is no text, or longer than 8192 bytes\n");
	memset(text, 'x', 8193);
	snprintf(members, sizeof(members), "\"Policy\":\"%s\"", text);
	loses(members, "Policy: is no text, or longer than 8192 bytes\n");
	loses("\"Tags\":{\"k\":\"v\"}", "Tags: is no list\n");
	loses("\"Tags\":[{\"Key\":\"a\"},{\"Key\":\"\"},{\"Value\":\"v\"},{\"Key\":\"b\",\"Value\":1},{\"Key\":\"a\"},7]",
	    "Tags: one that has no Key or Value of a tag, or the Key of another\n"
	    "Tags: one that has no Key or Value of a tag, or the Key of another\n"
	    "Tags: one that has no Key or Value of a tag, or the Key of another\n"
	    "Tags: one that has no Key or Value of a tag, or the Key of another\n"
	    "Tags: one that has no Key or Value of a tag, or the Key of another\n");
	/* Told of for those who copy records. */
	loses("\"homedirectory\":\"/\",\"Shoe\":{\"Size\":43}", "homedirectory: is not known to Berth\n"
	    "Shoe: is not known to Berth\n");
	loses("\"\\u001b[2J\":1", "?[2J: is not known to Berth\n");
	used("\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1,\"n\":1,"
	    "\"o\":1,\"p\":1,\"q\":1,\"r\":1", &user);
	assert_int_equal(lost_count, 16);
	record_free_user(&user);
}

/* -- servers ----------------------------------------------------------------------------------------------------------- */

static int
read_server(const char *text, const char *server_id, struct server_record *server)
{
	struct api_error error;
	cJSON *object = operation_parse_answer(text, strlen(text), &error);
	int result;

	assert_non_null(object);
	result = transfer_read_server(server_id, object, server, &error);
	if (result == -1)
		assert_int_equal(error.code, API_UNAVAILABLE);
	cJSON_Delete(object);
	return result;
}

static void
servers(void **state)
{
	static const char *const NONE[] = {
		"{}", "[]", "{\"ServerId\":\"" SERVER "\"}", "{\"State\":\"ONLINE\"}", "{\"ServerId\":7,\"State\":\"ONLINE\"}",
		"{\"ServerId\":\"s-0\",\"State\":\"ONLINE\"}", "{\"ServerId\":\"" SERVER "\",\"State\":true}",
		"{\"ServerId\":\"s-0123456789abcdef1\",\"State\":\"ONLINE\"}",
	};
	static const char *const OFFLINE[] = { "OFFLINE", "STARTING", "STOPPING", "START_FAILED", "STOP_FAILED", "online", "" };
	struct server_record server;
	char text[256];

	(void)state;
	assert_int_equal(read_server("{\"ServerId\":\"" SERVER "\",\"State\":\"ONLINE\",\"UserCount\":7,\"Domain\":\"S3\","
	    "\"Arn\":\"a\",\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"},7,{\"Key\":8}]}", SERVER, &server), 0);
	assert_true(server.online);
	assert_int_equal(server.user_count, 7);
	assert_string_equal(server.settings, "{\"Domain\":\"S3\"}");
	assert_int_equal(server.tag_count, 1);
	record_free_server(&server);
	for (size_t i = 0; i < LENGTH(OFFLINE); i++) {
		snprintf(text, sizeof(text), "{\"ServerId\":\"%s\",\"State\":\"%s\",\"UserCount\":-1}", SERVER, OFFLINE[i]);
		assert_int_equal(read_server(text, NULL, &server), 0);
		assert_false(server.online);
		assert_int_equal(server.user_count, 0);
		record_free_server(&server);
	}
	for (size_t i = 0; i < LENGTH(NONE); i++)
		assert_int_equal(read_server(NONE[i], SERVER, &server), -1);
}

/* -- answers ----------------------------------------------------------------------------------------------------------- */

static enum transfer_verdict
judge(const char *operation, long status, const char *body, const char *type, cJSON **response, struct api_error *error)
{
	struct http_answer answer = { .status = status, .body = (char *)body, .length = strlen(body), .retry_after_ms = -1,
		.date = -1 };

	snprintf(answer.error_type, sizeof(answer.error_type), "%s", type);
	error->code = API_OK;
	error->message[0] = '\0';
	return transfer_judge("https://x", operation, &answer, response, error);
}

static void
errors(void **state)
{
	static const struct {
		long status;
		const char *body, *type;
		enum transfer_verdict verdict;
		enum api_code code;
		const char *message;
	} CASES[] = {
		{ 400, "{\"__type\":\"ResourceNotFoundException\",\"Message\":\"m\"}", "", TRANSFER_REFUSED, API_NOT_FOUND, "m" },
		{ 404, "{\"__type\":\"com.amazonaws.transfer#ResourceNotFoundException\",\"message\":\"m\"}", "", TRANSFER_REFUSED,
		    API_NOT_FOUND, "m" },
		{ 400, "{\"__type\":\"ResourceExistsException:http://x/\"}", "", TRANSFER_REFUSED, API_EXISTS,
		    "ResourceExistsException" },
		{ 400, "{\"code\":\"ConflictException\",\"Message\":\"\"}", "", TRANSFER_REFUSED, API_CONFLICT, "ConflictException" },
		{ 400, "", "ValidationException", TRANSFER_REFUSED, API_VALIDATION, "ValidationException" },
		{ 400, "{}", "x.y#InvalidRequestException:http://x/", TRANSFER_REFUSED, API_INVALID_REQUEST,
		    "InvalidRequestException" },
		{ 400, "{\"__type\":\"QuotaException\",\"message\":\"m\"}", "", TRANSFER_REFUSED, API_INVALID_REQUEST,
		    "QuotaException: m" },
		{ 400, "{\"__type\":\"QuotaException\"}", "", TRANSFER_REFUSED, API_INVALID_REQUEST,
		    "QuotaException: without a message" },
		{ 403, "{\"__type\":\"NobodyException\",\"message\":\"m\"}", "", TRANSFER_REFUSED, API_ACCESS_DENIED,
		    "NobodyException: m" },
		{ 400, "{\"__type\":\"AccessDeniedException\",\"Message\":\"m\"}", "", TRANSFER_REFUSED, API_ACCESS_DENIED, "m" },
		{ 400, "{\"__type\":\"ThrottlingException\",\"Message\":\"m\"}", "", TRANSFER_THROTTLED, API_THROTTLING, "m" },
		{ 500, "{\"__type\":\"ThrottlingException\",\"Message\":\"m\"}", "", TRANSFER_THROTTLED, API_THROTTLING, "m" },
		{ 429, "{\"__type\":\"NewException\",\"Message\":\"m\"}", "", TRANSFER_THROTTLED, API_THROTTLING, "NewException: m" },
		{ 429, "slow", "", TRANSFER_THROTTLED, API_THROTTLING, "https://x answered with status 429" },
		{ 500, "{\"__type\":\"InternalServiceError\",\"Message\":\"m\"}", "", TRANSFER_FAILED, API_INTERNAL, "m" },
		{ 500, "{\"__type\":\"NewException\",\"Message\":\"m\"}", "", TRANSFER_FAILED, API_UNAVAILABLE, "NewException: m" },
		{ 503, "", "", TRANSFER_FAILED, API_UNAVAILABLE, "https://x answered with status 503 and nothing else" },
		{ 400, "{\"__type\":\"InternalFailure\"}", "", TRANSFER_FAILED, API_INTERNAL, "InternalFailure: without" },
		{ 403, "{\"__type\":\"ExpiredTokenException\",\"message\":\"m\"}", "", TRANSFER_UNSIGNED, API_UNRECOGNIZED_CLIENT,
		    "ExpiredTokenException: m" },
		{ 403, "{\"__type\":\"InvalidSignatureException\",\"message\":\"m\"}", "", TRANSFER_UNSIGNED,
		    API_INVALID_SIGNATURE, "m" },
		{ 400, "{\"message\":\"m\"}", "", TRANSFER_REFUSED, API_UNAVAILABLE, "https://x answered with status 400" },
		{ 400, "{\"__type\":7}", "", TRANSFER_REFUSED, API_UNAVAILABLE, "https://x answered with status 400" },
		{ 400, "{\"__type\":\"a b\"}", "", TRANSFER_REFUSED, API_UNAVAILABLE, "https://x answered with status 400" },
		{ 400, "{\"__type\":\"\"}", "", TRANSFER_REFUSED, API_UNAVAILABLE, "https://x answered with status 400" },
		{ 400, "[\"__type\"]", "", TRANSFER_REFUSED, API_UNAVAILABLE, "https://x answered with status 400" },
		{ 301, "{\"__type\":\"ResourceNotFoundException\"}", "", TRANSFER_REFUSED, API_UNAVAILABLE,
		    "https://x answered with status 301" },
		/* No name makes a success an error. */
		{ 200, "x", "ResourceNotFoundException", TRANSFER_REFUSED, API_UNAVAILABLE, "https://x answered with status 200" },
	};
	struct api_error error;
	cJSON *response;

	(void)state;
	for (size_t i = 0; i < LENGTH(CASES); i++) {
		enum transfer_verdict verdict = judge("DescribeUser", CASES[i].status, CASES[i].body, CASES[i].type, &response,
		    &error);

		if (verdict != CASES[i].verdict || error.code != CASES[i].code ||
		    strncmp(error.message, CASES[i].message, strlen(CASES[i].message)) != 0)
			fail_msg("%ld %s: %d %s: %s", CASES[i].status, CASES[i].body, (int)verdict, api_error_name(error.code),
			    error.message);
		assert_null(response);
	}
	judge("DescribeUser", 400, "{\"__type\":\"ResourceNotFoundException\",\"Resource\":\"al\\u001bice\",\"ResourceType\":"
	    "\"User\"}", "", &response, &error);
	assert_string_equal(error.resource, "al?ice");
	assert_string_equal(error.resource_type, "User");
}

static void
outputs(void **state)
{
	struct api_error error;
	cJSON *response;

	(void)state;
	assert_int_equal(judge("DescribeUser", 200, "{\"a\":1.5,\"b\":2.0}", "", &response, &error), TRANSFER_ANSWERED);
	/* Numbers are what they are, unlike a request's. */
	assert_true(cJSON_GetObjectItemCaseSensitive(response, "a")->valuedouble == 1.5);
	assert_true(cJSON_GetObjectItemCaseSensitive(response, "b")->valuedouble == 2);
	cJSON_Delete(response);
	assert_int_equal(judge("DescribeUser", 200, "", "", &response, &error), TRANSFER_REFUSED);
	assert_int_equal(judge("DescribeUser", 201, "{}", "", &response, &error), TRANSFER_REFUSED);
	assert_int_equal(judge("DeleteUser", 200, "", "", &response, &error), TRANSFER_ANSWERED);
	assert_null(response);
	assert_int_equal(judge("DeleteUser", 200, "{}", "", &response, &error), TRANSFER_ANSWERED);
	assert_null(response);
	assert_int_equal(judge("DeleteUser", 200, "OK", "", &response, &error), TRANSFER_REFUSED);
}

static void
error_names(void **state)
{
	(void)state;
	for (enum api_code code = API_OK + 1; code < API_CODE_COUNT; code++)
		assert_int_equal(api_error_code(api_error_name(code)), code);
	assert_int_equal(api_error_code("OK"), API_OK);
	assert_int_equal(api_error_code(""), API_OK);
	assert_int_equal(api_error_code("validationexception"), API_OK);
}

/* -- the store --------------------------------------------------------------------------------------------------------- */

static void
endpoints(void **state)
{
	static const char *const CASES[][2] = {
		{ "us-east-1", "https://transfer.us-east-1.amazonaws.com" },
		{ "us-gov-west-1", "https://transfer.us-gov-west-1.amazonaws.com" },
		{ "cn-north-1", "https://transfer.cn-north-1.amazonaws.com.cn" },
		{ "us-iso-east-1", "https://transfer.us-iso-east-1.c2s.ic.gov" },
		{ "us-isob-east-1", "https://transfer.us-isob-east-1.sc2s.sgov.gov" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(CASES); i++) {
		char *url = transfer_endpoint(CASES[i][0]);

		assert_string_equal(url, CASES[i][1]);
		free(url);
	}
}

static struct store *
open_store(const char *url, unsigned connect_ms, unsigned call_ms)
{
	const struct credential_options credentials = { .region = "us-east-1" };
	const struct transfer_options options = { .url = url, .region = "us-east-1", .connect_ms = connect_ms,
		.call_ms = call_ms };
	struct api_error error;
	struct store *store;

	setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
	if (transfer_open_own(&options, &credentials, &store, &error) == -1)
		fail_msg("%s", error.message);
	return store;
}

static void
what_such_a_store_refuses(void **state)
{
	struct store *store = open_store("http://127.0.0.1:1", 100, 100);
	struct user_record user = { .server_id = SERVER };
	struct store_login login;
	struct api_error error;
	uint32_t gids[SECONDARY_GIDS_MAX];
	size_t count;

	(void)state;
	assert_true(store_is_remote(store));
	assert_false(store_moved(store));
	assert_int_equal(store_create_user(store, &user, &error), -1);
	assert_int_equal(error.code, API_INVALID_REQUEST);
	assert_non_null(strstr(error.message, "kept elsewhere"));
	error.code = API_OK;
	assert_int_equal(store_begin(store, &error), -1);
	assert_int_equal(error.code, API_INVALID_REQUEST);
	assert_int_equal(store_commit(store, &error), -1);
	assert_int_equal(store_replace_user(store, &user, &error), -1);
	assert_int_equal(store_delete_user(store, SERVER, "alice", &error), -1);
	assert_int_equal(store_delete_server(store, SERVER, true, &error), -1);
	assert_int_equal(store_find_by_uid(store, SERVER, 5000, &login, &error), -1);
	assert_int_equal(store_find_gid(store, SERVER, 5000, &error), -1);
	assert_int_equal(store_secondary_gids(store, SERVER, "alice", gids, &count, &error), -1);
	store_abandon(store);
	store_close(store);
}

static void
where_such_a_store_is_not_opened(void **state)
{
	struct api_error error;
	struct store *store;

	(void)state;
	assert_int_equal(store_open("transfer:https://x", STORE_READ, &store, &error), -1);
	assert_null(store);
	assert_int_equal(error.code, API_INVALID_REQUEST);
	assert_string_equal(error.message,
	    "Store: transfer:https://x is kept elsewhere; this works on a store of this host alone");
}

/* Names that nobody can have aren't asked for: nobody listens there. */
static void
names_that_are_not_asked_for(void **state)
{
	static const char *const NAMES[] = { "", "ab", "../x", "al ice", "-alice", "a\nb", "al\xffice" };
	struct store *store = open_store("http://127.0.0.1:1", 100, 100);
	struct user_record user;
	struct store_login login;
	struct api_error error;
	bool online;

	(void)state;
	for (size_t i = 0; i < LENGTH(NAMES); i++) {
		assert_int_equal(store_describe_user(store, SERVER, NAMES[i], &user, &error), -1);
		assert_int_equal(error.code, API_NOT_FOUND);
		assert_int_equal(store_find_by_name(store, SERVER, NAMES[i], &login, &error), 0);
	}
	assert_int_equal(store_find_server(store, "s-1", &online, &error), 0);
	assert_int_equal(store_find_by_name(store, SERVER, "alice", &login, &error), -1);
	assert_int_equal(error.code, API_UNAVAILABLE);
	store_close(store);
}

/* Takes connections and says nothing. */
static int
listen_silently(char url[64])
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 16), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	snprintf(url, 64, "http://127.0.0.1:%u", ntohs(address.sin_port));
	return listener;
}

static void
silence(void **state)
{
	char url[64];
	int listener = listen_silently(url);
	struct store *store = open_store(url, 5000, 300);
	int64_t begun = deadline_now(), took;
	struct user_record user;
	struct api_error error;

	(void)state;
	assert_int_equal(store_describe_user(store, SERVER, "alice", &user, &error), -1);
	took = deadline_now() - begun;
	assert_int_equal(error.code, API_UNAVAILABLE);
	assert_non_null(strstr(error.message, url));
	assert_true(took >= 290);
	assert_true(took < 5000); /* far less, but on a machine that has other things to do */
	store_close(store);
	close(listener);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_record),
		cmocka_unit_test(an_empty_record),
		cmocka_unit_test(a_name_that_is_not_expanded_there),
		cmocka_unit_test(whose_record_it_is),
		cmocka_unit_test(records_that_cannot_be_used),
		cmocka_unit_test(lengths),
		cmocka_unit_test(counts),
		cmocka_unit_test(keys),
		cmocka_unit_test(parts_that_are_lost),
		cmocka_unit_test(servers),
		cmocka_unit_test(errors),
		cmocka_unit_test(outputs),
		cmocka_unit_test(error_names),
		cmocka_unit_test(endpoints),
		cmocka_unit_test(what_such_a_store_refuses),
		cmocka_unit_test(where_such_a_store_is_not_opened),
		cmocka_unit_test(names_that_are_not_asked_for),
		cmocka_unit_test(silence),
	};

	return cmocka_run_group_tests_name("transfer", tests, NULL, NULL);
}
