/* Servers and tags: what changes, what is refused, pages of tags, and errors as the protocol writes them. */
#include "common/model/error_json.h"
#include "tests/unit/operation_calls.h"

#define NOBODY "s-00000000000000000"
#define ARN    ARN_HEAD

/* The member of DescribeServer's answer as JSON; "" when it isn't there. */
static const char *
now(const char *member)
{
	static char text[4096];
	cJSON *response, *value;
	char *printed;

	assert_int_equal(world_call("DescribeServer", "{\"ServerId\":\"$\"}", &response), 0);
	value = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItem(response, "Server"), member);
	printed = value == NULL ? NULL : cJSON_PrintUnformatted(value);
	snprintf(text, sizeof(text), "%s", printed == NULL ? "" : printed);
	cJSON_free(printed);
	cJSON_Delete(response);
	return text;
}

static void
test_update_server(void **state)
{
	char expected[64];

	(void)state;
	works("UpdateServer", "{\"ServerId\":\"$\",\"PreAuthenticationLoginBanner\":\"hello\",\"StructuredLogDestinations\":[],"
	    "\"SecurityPolicyName\":\"TransferSecurityPolicy-2018-11\",\"LoggingRole\":\"arn:aws:iam::000000000000:role/log\"}");
	assert_string_equal(now("PreAuthenticationLoginBanner"), "\"hello\"");
	assert_string_equal(now("StructuredLogDestinations"), "[]");
	snprintf(expected, sizeof(expected), "{\"ServerId\":\"%s\"}", world.server);
	answers("UpdateServer", "{\"ServerId\":\"$\",\"PostAuthenticationLoginBanner\":\"bye\"}", expected);
	assert_string_equal(now("PreAuthenticationLoginBanner"), "\"hello\"");
	assert_string_equal(now("PostAuthenticationLoginBanner"), "\"bye\"");
	works("UpdateServer", "{\"ServerId\":\"$\",\"PreAuthenticationLoginBanner\":\"\",\"LoggingRole\":\"\"}");
	assert_string_equal(now("PreAuthenticationLoginBanner"), "");
	assert_string_equal(now("LoggingRole"), "");
	assert_string_equal(now("SecurityPolicyName"), "\"TransferSecurityPolicy-2018-11\"");
	assert_string_equal(now("Domain"), "\"S3\"");
	refused("UpdateServer", "{\"ServerId\":\"$\",\"Protocols\":[\"SFTP\",\"FTP\"]}", API_INVALID_REQUEST, "FTP");
	refused("UpdateServer", "{\"ServerId\":\"$\",\"EndpointType\":\"VPC\"}", API_INVALID_REQUEST, "EndpointType");
	refused("UpdateServer", "{\"ServerId\":\"$\",\"HostKey\":\"x\",\"SecurityPolicyName\":\"TransferSecurityPolicy-2020-06\"}",
	    API_INVALID_REQUEST, "HostKey");
	assert_string_equal(now("SecurityPolicyName"), "\"TransferSecurityPolicy-2018-11\"");
	refused("UpdateServer", "{\"ServerId\":\"" NOBODY "\"}", API_NOT_FOUND, "Unknown server");
}

static void
test_start_stop(void **state)
{
	(void)state;
	assert_string_equal(now("State"), "\"ONLINE\"");
	works("StopServer", "{\"ServerId\":\"$\"}");
	assert_string_equal(now("State"), "\"OFFLINE\"");
	works("StopServer", "{\"ServerId\":\"$\"}");
	works("StartServer", "{\"ServerId\":\"$\"}");
	assert_string_equal(now("State"), "\"ONLINE\"");
	refused("StartServer", "{\"ServerId\":\"" NOBODY "\"}", API_NOT_FOUND, "Unknown server");
	refused("StopServer", "{\"ServerId\":\"" NOBODY "\"}", API_NOT_FOUND, "Unknown server");
}

static void
test_delete_server(void **state)
{
	char kept[SERVER_ID_LENGTH + 1];
	cJSON *response;

	(void)state;
	memcpy(kept, world.server, sizeof(kept));
	assert_int_equal(world_call("CreateServer", "{\"Tags\":[{\"Key\":\"a\",\"Value\":\"b\"}]}", &response), 0);
	snprintf(world.server, sizeof(world.server), "%s", cJSON_GetObjectItem(response, "ServerId")->valuestring);
	cJSON_Delete(response);
	works("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"," ROLE "}");
	refused("DeleteServer", "{\"ServerId\":\"$\"}", API_INVALID_REQUEST, "still has users");
	works("DescribeUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"}");
	works("DeleteUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"}");
	works("DeleteServer", "{\"ServerId\":\"$\"}");
	refused("DescribeServer", "{\"ServerId\":\"$\"}", API_NOT_FOUND, "Unknown server");
	refused("DeleteServer", "{\"ServerId\":\"$\"}", API_NOT_FOUND, "Unknown server");
	memcpy(world.server, kept, sizeof(kept));
}

static void
test_delete_server_with_users(void **state)
{
	char kept[SERVER_ID_LENGTH + 1];
	cJSON *response;

	(void)state;
	memcpy(kept, world.server, sizeof(kept));
	works("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"," ROLE "}");
	assert_int_equal(world_call("CreateServer", "{}", &response), 0);
	snprintf(world.server, sizeof(world.server), "%s", cJSON_GetObjectItem(response, "ServerId")->valuestring);
	cJSON_Delete(response);
	works("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\",\"Tags\":[{\"Key\":\"a\",\"Value\":\"b\"}]," ROLE "}");
	world.context.with_users = true;
	works("DeleteServer", "{\"ServerId\":\"$\"}");
	world.context.with_users = false;
	refused("DescribeUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"}", API_NOT_FOUND, "Unknown server");
	memcpy(world.server, kept, sizeof(kept));
	/* Another server's user of the same name stays. */
	works("DeleteUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"}");
}

static void
test_identity_provider(void **state)
{
	(void)state;
	refused("TestIdentityProvider", "{\"ServerId\":\"$\",\"UserName\":\"alice\",\"UserPassword\":\"x\"}", API_INVALID_REQUEST,
	    "not configured for external auth");
	refused("TestIdentityProvider", "{\"ServerId\":\"" NOBODY "\",\"UserName\":\"alice\"}", API_NOT_FOUND, "Unknown server");
	refused("TestIdentityProvider", "{\"ServerId\":\"$\",\"UserName\":\"alice\",\"SourceIp\":\"host\"}", API_VALIDATION,
	    "sourceIp");
}

/* The tags as ListTagsForResource answers with them. */
static void
tags_are(const char *resource, const char *expected)
{
	char request[256], whole[2048];

	snprintf(request, sizeof(request), "{\"Arn\":\"" ARN "%s\"}", resource);
	snprintf(whole, sizeof(whole), "{\"Arn\":\"" ARN "%s\",\"Tags\":[%s]}", resource, expected);
	/* The harness puts the server's id in place of each $ of a request alone. */
	if (strchr(resource, '$') != NULL) {
		const char *rest = strchr(resource, '$');

		snprintf(whole, sizeof(whole), "{\"Arn\":\"" ARN "%.*s%s%s\",\"Tags\":[%s]}", (int)(rest - resource),
		    resource, world.server, rest + 1, expected);
	}
	answers("ListTagsForResource", request, whole);
}

static void
test_tags(void **state)
{
	static const char *const RESOURCES[] = { "server/$", "user/$/bob@x.y" };
	char request[512];
	size_t i;

	(void)state;
	works("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"bob@x.y\"," ROLE "}");
	for (i = 0; i < 2; i++) {
		tags_are(RESOURCES[i], "");
		snprintf(request, sizeof(request), "{\"Arn\":\"" ARN "%s\",\"Tags\":[{\"Key\":\"team\",\"Value\":\"blue\"},"
		    "{\"Key\":\"env\",\"Value\":\"prod\"}]}", RESOURCES[i]);
		works("TagResource", request);
		snprintf(request, sizeof(request), "{\"Arn\":\"" ARN "%s\",\"Tags\":[{\"Key\":\"team\",\"Value\":\"red\"}]}",
		    RESOURCES[i]);
		works("TagResource", request);
		tags_are(RESOURCES[i], "{\"Key\":\"env\",\"Value\":\"prod\"},{\"Key\":\"team\",\"Value\":\"red\"}");
		snprintf(request, sizeof(request), "{\"Arn\":\"" ARN "%s\",\"TagKeys\":[\"env\",\"absent\",\"env\"]}", RESOURCES[i]);
		works("UntagResource", request);
		tags_are(RESOURCES[i], "{\"Key\":\"team\",\"Value\":\"red\"}");
		snprintf(request, sizeof(request), "{\"Arn\":\"" ARN "%s\",\"Tags\":[{\"Key\":\"a\",\"Value\":\"1\"},"
		    "{\"Key\":\"a\",\"Value\":\"2\"}]}", RESOURCES[i]);
		refused("TagResource", request, API_INVALID_REQUEST, "twice");
		tags_are(RESOURCES[i], "{\"Key\":\"team\",\"Value\":\"red\"}");
	}
	assert_string_equal(now("Tags"), "[{\"Key\":\"team\",\"Value\":\"red\"}]");
	works("DeleteUser", "{\"ServerId\":\"$\",\"UserName\":\"bob@x.y\"}");
}

/* Fifty in all, counted when new ones and old ones are together. */
static void
test_tag_count(void **state)
{
	char request[8192];
	size_t at;
	int i;

	(void)state;
	works("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"bob\"," ROLE ",\"Tags\":[{\"Key\":\"k0\",\"Value\":\"old\"}]}");
	at = (size_t)snprintf(request, sizeof(request), "{\"Arn\":\"" ARN "user/$/bob\",\"Tags\":[");
	for (i = 0; i < 50; i++)
		at += (size_t)sprintf(request + at, "%s{\"Key\":\"k%d\",\"Value\":\"v\"}", i == 0 ? "" : ",", i);
	strcpy(request + at, "]}");
	works("TagResource", request);
	refused("TagResource", "{\"Arn\":\"" ARN "user/$/bob\",\"Tags\":[{\"Key\":\"one more\",\"Value\":\"\"}]}",
	    API_INVALID_REQUEST, "51");
	works("TagResource", "{\"Arn\":\"" ARN "user/$/bob\",\"Tags\":[{\"Key\":\"k7\",\"Value\":\"w\"}]}");
	works("UntagResource", "{\"Arn\":\"" ARN "user/$/bob\",\"TagKeys\":[\"k7\"]}");
	works("TagResource", "{\"Arn\":\"" ARN "user/$/bob\",\"Tags\":[{\"Key\":\"one more\",\"Value\":\"\"}]}");
	works("DeleteUser", "{\"ServerId\":\"$\",\"UserName\":\"bob\"}");
}

/* An empty key, too, is one to go on after. */
static void
test_tag_pages(void **state)
{
	char request[1024], token[512] = "", seen[64] = "";
	cJSON *response, *item;
	int pages = 0;

	(void)state;
	works("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"bob\"," ROLE ",\"Tags\":[{\"Key\":\"c\",\"Value\":\"3\"},"
	    "{\"Key\":\"\",\"Value\":\"0\"},{\"Key\":\"\xc3\xa9\",\"Value\":\"4\"},{\"Key\":\"a\",\"Value\":\"1\"}]}");
	do {
		snprintf(request, sizeof(request), "{\"Arn\":\"" ARN "user/$/bob\",\"MaxResults\":1%s%s%s}",
		    token[0] ? ",\"NextToken\":\"" : "", token, token[0] ? "\"" : "");
		assert_int_equal(world_call("ListTagsForResource", request, &response), 0);
		cJSON_ArrayForEach(item, cJSON_GetObjectItem(response, "Tags"))
			strcat(seen, cJSON_GetObjectItem(item, "Value")->valuestring);
		item = cJSON_GetObjectItem(response, "NextToken");
		snprintf(token, sizeof(token), "%s", item == NULL ? "" : item->valuestring);
		cJSON_Delete(response);
		assert_true(++pages <= 4);
	} while (token[0] != '\0');
	assert_string_equal(seen, "0134");
	assert_int_equal(pages, 4);
	/* A token is good for its own list alone. */
	works("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"eve\"," ROLE "}");
	refused("ListTagsForResource", "{\"Arn\":\"" ARN "user/$/eve\",\"NextToken\":\"74\"}", API_INVALID_TOKEN, "NextToken");
	works("DeleteUser", "{\"ServerId\":\"$\",\"UserName\":\"eve\"}");
	works("DeleteUser", "{\"ServerId\":\"$\",\"UserName\":\"bob\"}");
}

static void
test_unknown_arns(void **state)
{
	static const char *const NONE[] = { "arn:aws:transfer:us-east-1:000000000000:agreement/$/x",
		"arn:aws:transfer:eu-west-1:000000000000:server/$", "arn:aws:transfer:us-east-1:111111111111:server/$",
		"arn:aws:s3:us-east-1:000000000000:server/$", ARN "server/$/alice", ARN "user/$", ARN "user/$/", ARN "server/s-1",
		ARN "user/$/a", ARN "user/$/alice/x", ARN "server/$ ", "arn:aws:iam::000000000000:role/x" };
	char request[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(NONE) / sizeof(*NONE); i++) {
		snprintf(request, sizeof(request), "{\"Arn\":\"%s\",\"Tags\":[{\"Key\":\"a\",\"Value\":\"b\"}]}", NONE[i]);
		if (strchr(NONE[i], ' ') != NULL)
			refused("TagResource", request, API_VALIDATION, "arn");
		else
			refused("TagResource", request, API_INVALID_REQUEST, "Arn");
	}
	refused("TagResource", "{\"Arn\":\"" ARN "user/$/nobody\",\"Tags\":[{\"Key\":\"a\",\"Value\":\"b\"}]}", API_NOT_FOUND,
	    "Unknown user");
	refused("UntagResource", "{\"Arn\":\"" ARN "server/" NOBODY "\",\"TagKeys\":[\"a\"]}", API_NOT_FOUND, "Unknown server");
	refused("ListTagsForResource", "{\"Arn\":\"" ARN "user/$/nobody\"}", API_INVALID_REQUEST, "there is no arn:");
	refused("ListTagsForResource", "{\"Arn\":\"" ARN "server/" NOBODY "\"}", API_INVALID_REQUEST, "there is no arn:");
}

static void
body_is(const char *expected)
{
	cJSON *body = api_error_json(&world.error);
	char *text = cJSON_PrintUnformatted(body);

	assert_string_equal(text, expected);
	cJSON_free(text);
	cJSON_Delete(body);
}

static void
test_error_bodies(void **state)
{
	(void)state;
	refused("DescribeUser", "{\"ServerId\":\"$\",\"UserName\":\"nobody\"}", API_NOT_FOUND, "");
	body_is("{\"__type\":\"ResourceNotFoundException\",\"Message\":\"Unknown user\",\"Resource\":\"nobody\","
	    "\"ResourceType\":\"User\"}");
	works("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"bob\"," ROLE "}");
	refused("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"bob\"," ROLE "}", API_EXISTS, "");
	body_is("{\"__type\":\"ResourceExistsException\",\"Message\":\"The user bob already exists\",\"Resource\":\"bob\","
	    "\"ResourceType\":\"User\"}");
	works("DeleteUser", "{\"ServerId\":\"$\",\"UserName\":\"bob\"}");
	api_fail_throttled(&world.error, 3);
	body_is("{\"__type\":\"ThrottlingException\",\"Message\":\"Rate exceeded; try again in 3 s\",\"RetryAfterSeconds\":\"3\"}");
	api_fail(&world.error, API_INVALID_REQUEST, "no");
	body_is("{\"__type\":\"InvalidRequestException\",\"Message\":\"no\"}");
}

static void
test_host_key(void **state)
{
	char path[96];
	FILE *file;

	(void)state;
	snprintf(path, sizeof(path), "%s/host_key.pub", world.folder);
	file = fopen(path, "w");
	fputs("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOJF0b2qMAuTf77U4ekCoTTI7A0x4Eg2GTBMTsKYS0C1 root@host\n", file);
	fclose(file);
	world.config.host_public_key = path;
	assert_string_equal(now("HostKeyFingerprint"), "\"SHA256:9iDVM8cw4QQnleyY7r1p0EWasl5IDSTwz1YeriC5C7k=\"");
	file = fopen(path, "w");
	fputs("-----BEGIN OPENSSH PRIVATE KEY-----\n", file);
	fclose(file);
	assert_string_equal(now("HostKeyFingerprint"), "");
	unlink(path);
	assert_string_equal(now("HostKeyFingerprint"), "");
	world.config.host_public_key = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_update_server),
		cmocka_unit_test(test_start_stop),
		cmocka_unit_test(test_delete_server),
		cmocka_unit_test(test_delete_server_with_users),
		cmocka_unit_test(test_identity_provider),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_tag_count),
		cmocka_unit_test(test_tag_pages),
		cmocka_unit_test(test_unknown_arns),
		cmocka_unit_test(test_error_bodies),
		cmocka_unit_test(test_host_key),
	};

	return cmocka_run_group_tests_name("servers and tags", tests, set_up, world_tear_down);
}
