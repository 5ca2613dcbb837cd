/* The operations on a real store: each rule refused and accepted, the merges of UpdateUser, answers, pages. */
#include "tests/unit/operation_calls.h"

/* A CreateUser or UpdateUser of alice with these members. */
static const char *
alice(const char *members)
{
	static char request[4096];

	snprintf(request, sizeof(request), "{\"ServerId\":\"$\",\"UserName\":\"alice\",%s}", members);
	return request;
}

static void
is_now(const char *members)
{
	char expected[4096];

	snprintf(expected, sizeof(expected),
	    "{\"ServerId\":\"%s\",\"User\":{\"Arn\":\"arn:aws:transfer:us-east-1:000000000000:user/%s/alice\","
	    "%s,\"UserName\":\"alice\"}}",
	    world.server, world.server, members);
	answers("DescribeUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"}", expected);
}

static int
no_alice(void **state)
{
	cJSON *response;

	(void)state;
	world_call("DeleteUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"}", &response);
	return 0;
}

#define LOGICAL(mappings) ROLE ",\"HomeDirectoryType\":\"LOGICAL\",\"HomeDirectoryMappings\":[" mappings "]"
#define MAP(entry, target) "{\"Entry\":\"" entry "\",\"Target\":\"" target "\"}"

/* Refuses to create alice, and she isn't there after. */
static void
no_create(const char *members, const char *says)
{
	refused("CreateUser", alice(members), API_INVALID_REQUEST, says);
	refused("DescribeUser", alice("\"x\":1"), API_NOT_FOUND, "Unknown user");
}

static void
creates(const char *members)
{
	works("CreateUser", alice(members));
	works("DeleteUser", alice("\"x\":1"));
}

static void
test_names(void **state)
{
	(void)state;
	refused("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"root\"," ROLE "}", API_INVALID_REQUEST, "UserName: root");
	refused("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\".alice\"," ROLE "}", API_VALIDATION, "userName");
	works("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"Alice\"," ROLE "}");
	works("CreateUser", alice(ROLE));
	refused("CreateUser", alice(ROLE), API_EXISTS, "alice");
	assert_string_equal(world.error.resource_type, "User");
	assert_string_equal(world.error.resource, "alice");
	works("DeleteUser", "{\"ServerId\":\"$\",\"UserName\":\"Alice\"}");
	refused("DeleteUser", "{\"ServerId\":\"$\",\"UserName\":\"Alice\"}", API_NOT_FOUND, "Unknown user");
	refused("CreateUser", "{\"ServerId\":\"s-00000000000000000\",\"UserName\":\"bob\"," ROLE "}", API_NOT_FOUND,
	    "Unknown server");
	assert_string_equal(world.error.resource, "s-00000000000000000");
}

static void
test_home_directory_type(void **state)
{
	(void)state;
	no_create(ROLE ",\"HomeDirectoryType\":\"LOGICAL\"", "needs at least one");
	no_create(ROLE ",\"HomeDirectoryType\":\"PATH\",\"HomeDirectoryMappings\":[" MAP("/", "/b") "]",
	    "not with HomeDirectoryType PATH");
	no_create(ROLE ",\"HomeDirectoryMappings\":[" MAP("/", "/b") "]", "PATH, which is the default");
	creates(LOGICAL(MAP("/", "/b")));
	creates(ROLE ",\"HomeDirectory\":\"/\"");
	creates(ROLE ",\"HomeDirectory\":\"/bucket/\"");
	creates(LOGICAL(MAP("/a", "/b") "," MAP("/c/d", "/b")) ",\"HomeDirectory\":\"/c/d/e\"");
	creates(LOGICAL(MAP("/a/", "/b")) ",\"HomeDirectory\":\"/a\"");
	creates(LOGICAL(MAP("/", "/b")) ",\"HomeDirectory\":\"/anywhere\"");
	creates(LOGICAL(MAP("/a", "/b")) ",\"HomeDirectory\":\"\"");
	no_create(LOGICAL(MAP("/a", "/b")) ",\"HomeDirectory\":\"/ab\"", "lies at or under no Entry");
	no_create(LOGICAL(MAP("/a", "/b")) ",\"HomeDirectory\":\"/\"", "lies at or under no Entry");
	no_create(LOGICAL("{\"Entry\":\"/f\",\"Target\":\"/b/f\",\"Type\":\"FILE\"}") ",\"HomeDirectory\":\"/f\"",
	    "Type FILE");
	no_create(LOGICAL("{\"Entry\":\"/\",\"Target\":\"/b/f\",\"Type\":\"FILE\"}"), "can't be of Type FILE");
}

static void
test_entries(void **state)
{
	(void)state;
	no_create(LOGICAL(MAP("/a", "/b") "," MAP("/a", "/c")), "entries may not repeat");
	no_create(LOGICAL(MAP("/a", "/b") "," MAP("/x", "/b") "," MAP("/a/", "/c")), "entries may not repeat");
	no_create(LOGICAL(MAP("/a/b/c", "/b") "," MAP("/a.b", "/b") "," MAP("/a", "/c")), "may not nest");
	no_create(LOGICAL(MAP("/a/b/", "/b") "," MAP("/a-", "/b") "," MAP("/a/", "/c")), "may not nest");
	no_create(LOGICAL(MAP("/a", "/b") "," MAP("/", "/c")), "/ stands alone");
	no_create(LOGICAL(MAP("/", "/b") "," MAP("/", "/c")), "may not repeat");
	creates(
	    LOGICAL(MAP("/a", "/b") "," MAP("/a.b", "/b") "," MAP("/a-", "/b") "," MAP("/ab", "/b") "," MAP("/b/a", "/b")));
	no_create(LOGICAL(MAP("/a/../b", "/b")), "component . or ..");
	no_create(LOGICAL(MAP("/.", "/b")), "component . or ..");
	no_create(LOGICAL(MAP("/a/..", "/b")), "component . or ..");
	no_create(LOGICAL(MAP("/a/./", "/b")), "component . or ..");
	no_create(LOGICAL(MAP("//a", "/b")), "empty component");
	no_create(LOGICAL(MAP("/a//", "/b")), "empty component");
	no_create(LOGICAL(MAP("//", "/b")), "empty component");
	no_create(LOGICAL(MAP("/a\\tb", "/b")), "control character");
	no_create(LOGICAL(MAP("/a\\u009bb", "/b")), "control character");
	creates(LOGICAL(MAP("/...", "/b/..a/.b/a..")));
	no_create(LOGICAL(MAP("/a", "/b/../c")), "Target of mapping 1");
	no_create(LOGICAL(MAP("/a", "/b//c")), "empty component");
	no_create(LOGICAL(MAP("/a", "/")), "names no bucket");
	no_create(LOGICAL(MAP("/a", "/b\\u007f")), "control character");
	no_create(ROLE ",\"HomeDirectory\":\"/b/../c\"", "HomeDirectory: ");
	no_create(ROLE ",\"HomeDirectory\":\"//\"", "empty component");
}

static void
test_many_entries(void **state)
{
	size_t size = 12 * 1024 * 1024, at;
	char *request = malloc(size);
	int i;

	(void)state;
	for (int nested = 0; nested <= 1; nested++) {
		at = (size_t)snprintf(request, size,
		    "{\"ServerId\":\"$\",\"UserName\":\"alice\"," ROLE ",\"HomeDirectoryType\":\"LOGICAL\","
		    "\"HomeDirectoryMappings\":[");
		for (i = 0; i < 50000; i++)
			at += (size_t)sprintf(request + at, "%s" MAP("/entry/%d%s", "/bucket/${Transfer:UserName}/%d"),
			    i == 0 ? "" : ",", nested && i == 49999 ? 7 : i, nested && i == 49999 ? "/x" : "", i);
		sprintf(request + at, "]}");
		if (nested)
			refused("CreateUser", request, API_INVALID_REQUEST,
			    "\"/entry/7/x\" lies under the Entry \"/entry/7\"");
		else
			works("CreateUser", request);
		if (!nested)
			works("UpdateUser", alice("\"HomeDirectory\":\"/entry/49999\""));
		no_alice(NULL);
	}
	/* Just above 8 MiB of JSON. */
	at = (size_t)snprintf(request, size,
	    "{\"ServerId\":\"$\",\"UserName\":\"alice\"," ROLE ",\"HomeDirectoryType\":\"LOGICAL\","
	    "\"HomeDirectoryMappings\":[");
	for (i = 0; i < 9000; i++)
		at += (size_t)sprintf(request + at, "%s" MAP("/entry/%d", "/%0950d"), i == 0 ? "" : ",", i, i);
	sprintf(request + at, "]}");
	refused("CreateUser", request, API_INVALID_REQUEST, "HomeDirectoryMappings: 8");
	free(request);
}

static void
test_expansion(void **state)
{
	char members[2048], request[4096];

	(void)state;
	works("CreateUser", alice(
	    LOGICAL(MAP("/alice", "/b/${Transfer:UserName}/${transfer:UserName}x${TRANSFER:UserName}/${Transfer:username}"))
	    ",\"HomeDirectory\":\"/${Transfer:UserName}/\",\"Policy\":\"{\\\"a\\\":\\\"${Transfer:UserName}\\\"}\""));
	is_now("\"HomeDirectory\":\"/alice/\","
	    "\"HomeDirectoryMappings\":[" MAP("/alice", "/b/alice/alicexalice/${Transfer:username}") "],"
	    "\"HomeDirectoryType\":\"LOGICAL\",\"Policy\":\"{\\\"a\\\":\\\"${Transfer:UserName}\\\"}\"," ROLE
	    ",\"SshPublicKeys\":[]");
	works("DeleteUser", alice("\"x\":1"));
	/* 50 variables of 20 characters: shorter as five of alice's, too long as names of 50. */
	strcpy(members, ROLE ",\"HomeDirectory\":\"/");
	for (int i = 0; i < 50; i++)
		strcat(members, "${Transfer:UserName}");
	strcat(members, "\"");
	works("CreateUser", alice(members));
	snprintf(request, sizeof(request), "{\"ServerId\":\"$\",\"UserName\":\"a%049d\",%s}", 0, members);
	refused("CreateUser", request, API_INVALID_REQUEST, "HomeDirectory: longer than 1024 characters");
}

static void
test_policy(void **state)
{
	(void)state;
	creates(ROLE ",\"Policy\":\"\"");
	creates(ROLE ",\"Policy\":\"{}\"");
	no_create(ROLE ",\"Policy\":\"[]\"", "Policy: must be a JSON object");
	no_create(ROLE ",\"Policy\":\"{\"", "Policy: must be a JSON object");
	no_create(ROLE ",\"Policy\":\"x\"", "Policy: must be a JSON object");
	no_create(ROLE ",\"Policy\":\"{} x\"", "Policy: must be a JSON object");
}

static void
test_profile_floors(void **state)
{
	(void)state;
#define PROFILE(uid, gid, gids) ROLE ",\"PosixProfile\":{\"Uid\":" uid ",\"Gid\":" gid ",\"SecondaryGids\":[" gids "]}"
	creates(PROFILE("2000", "1500", "1500,1501"));
	no_create(PROFILE("1999", "1500", ""), "Uid 1999 is below MinUid, which is 2000");
	no_create(PROFILE("0", "1500", ""), "Uid 0");
	no_create(PROFILE("4294967295", "1500", ""), "reserved");
	no_create(PROFILE("2000", "1499", ""), "Gid 1499 is below MinGid, which is 1500");
	no_create(PROFILE("2000", "0", ""), "Gid 0");
	no_create(PROFILE("2000", "4294967295", ""), "reserved");
	no_create(PROFILE("2000", "1111839316", ""), "reserved");
	no_create(PROFILE("2000", "1500", "1500,27"), "SecondaryGids 27");
	no_create(PROFILE("2000", "1500", "4294967295"), "reserved");
	works("CreateUser", alice(PROFILE("4294967294", "1500", "")));
	is_now("\"PosixProfile\":{\"Uid\":4294967294,\"Gid\":1500,\"SecondaryGids\":[]}," ROLE ",\"SshPublicKeys\":[]");
	refused("UpdateUser", alice("\"PosixProfile\":{\"Uid\":0,\"Gid\":1500}"), API_INVALID_REQUEST, "Uid 0");
	works("UpdateUser", alice("\"PosixProfile\":{\"Uid\":2001,\"Gid\":1500}"));
	is_now("\"PosixProfile\":{\"Uid\":2001,\"Gid\":1500}," ROLE ",\"SshPublicKeys\":[]");

	/* A floor that was raised since holds for all that is written, given or not. */
	world.config.min_gid = 1600;
	refused("UpdateUser", alice("\"HomeDirectory\":\"/b\""), API_INVALID_REQUEST, "Gid 1500 is below MinGid");
	works("UpdateUser", alice("\"HomeDirectory\":\"/b\",\"PosixProfile\":{\"Uid\":2001,\"Gid\":1600}"));
	world.config.min_gid = 1500;
	is_now("\"HomeDirectory\":\"/b\",\"PosixProfile\":{\"Uid\":2001,\"Gid\":1600}," ROLE ",\"SshPublicKeys\":[]");
}

static void
test_update_merges(void **state)
{
#define REST "," ROLE ",\"SshPublicKeys\":[]"
	static const char MAPPED[] = "\"HomeDirectoryMappings\":[" MAP("/a", "/b") "],\"HomeDirectoryType\":\"LOGICAL\"";

	(void)state;
	works("CreateUser", alice(ROLE));
	is_now(ROLE ",\"SshPublicKeys\":[]");
	works("UpdateUser", alice("\"x\":1"));
	works("UpdateUser", alice("\"HomeDirectory\":null"));
	is_now(ROLE ",\"SshPublicKeys\":[]");
	works("UpdateUser", alice("\"HomeDirectory\":\"/b/${Transfer:UserName}/\""));
	is_now("\"HomeDirectory\":\"/b/alice/\"" REST);
	works("UpdateUser", alice("\"Policy\":\"{}\""));
	is_now("\"HomeDirectory\":\"/b/alice/\",\"Policy\":\"{}\"" REST);
	works("UpdateUser", alice("\"Policy\":\"\",\"HomeDirectoryType\":\"PATH\""));
	is_now("\"HomeDirectory\":\"/b/alice/\",\"HomeDirectoryType\":\"PATH\"" REST);
	works("UpdateUser", alice("\"HomeDirectory\":\"\""));
	is_now("\"HomeDirectoryType\":\"PATH\"" REST);

	/* PATH to LOGICAL: by the mappings alone, and the stored home directory goes. */
	works("UpdateUser", alice("\"HomeDirectory\":\"/b/home\""));
	refused("UpdateUser", alice("\"HomeDirectoryType\":\"LOGICAL\""), API_INVALID_REQUEST, "needs at least one");
	is_now("\"HomeDirectory\":\"/b/home\",\"HomeDirectoryType\":\"PATH\"" REST);
	refused("UpdateUser", alice("\"HomeDirectoryType\":\"PATH\",\"HomeDirectoryMappings\":[" MAP("/a", "/b") "]"),
	    API_INVALID_REQUEST, "not with HomeDirectoryType PATH");
	works("UpdateUser", alice("\"HomeDirectoryMappings\":[" MAP("/a", "/b") "]"));
	is_now("\"HomeDirectoryMappings\":[" MAP("/a", "/b") "],\"HomeDirectoryType\":\"LOGICAL\"" REST);

	/* LOGICAL: the landing directory is judged against what the record then has. */
	works("UpdateUser", alice("\"HomeDirectory\":\"/a/sub\""));
	refused("UpdateUser", alice("\"HomeDirectoryMappings\":[" MAP("/c", "/b") "]"), API_INVALID_REQUEST,
	    "under no Entry");
	works("UpdateUser", alice("\"HomeDirectoryMappings\":[" MAP("/c", "/b") "," MAP("/a/sub", "/b") "]"));
	works("UpdateUser", alice("\"HomeDirectoryMappings\":[" MAP("/c", "/b") "],\"HomeDirectory\":\"\""));
	works("UpdateUser", alice("\"HomeDirectoryType\":\"LOGICAL\",\"HomeDirectoryMappings\":[" MAP("/a", "/b") "]"));
	refused("UpdateUser", alice("\"HomeDirectory\":\"/elsewhere\""), API_INVALID_REQUEST, "under no Entry");
	works("UpdateUser", alice("\"HomeDirectory\":\"/a\""));
	is_now("\"HomeDirectory\":\"/a\",\"HomeDirectoryMappings\":[" MAP("/a", "/b") "],"
	    "\"HomeDirectoryType\":\"LOGICAL\"" REST);

	/* LOGICAL to PATH: mappings and home directory go, unless the call brings one. */
	works("UpdateUser", alice("\"HomeDirectoryType\":\"PATH\""));
	is_now("\"HomeDirectoryType\":\"PATH\"" REST);
	works("UpdateUser", alice(MAPPED));
	works("UpdateUser", alice("\"HomeDirectoryType\":\"PATH\",\"HomeDirectory\":\"/b/home\""));
	is_now("\"HomeDirectory\":\"/b/home\",\"HomeDirectoryType\":\"PATH\"" REST);
	works("UpdateUser",
	    alice("\"Role\":\"arn:aws:iam::000000000000:role/other\",\"PosixProfile\":{\"Uid\":2000,\"Gid\":1500,"
	          "\"SecondaryGids\":[1501,1500]}"));
	is_now("\"HomeDirectory\":\"/b/home\",\"HomeDirectoryType\":\"PATH\",\"PosixProfile\":{\"Uid\":2000,\"Gid\":1500,"
	    "\"SecondaryGids\":[1501,1500]},\"Role\":\"arn:aws:iam::000000000000:role/other\",\"SshPublicKeys\":[]");
	refused("UpdateUser", "{\"ServerId\":\"$\",\"UserName\":\"bob\"}", API_NOT_FOUND, "Unknown user");
}

static void
test_keys(void **state)
{
	cJSON *response, *user, *key;
	char request[512], id[32];

	(void)state;
	works("CreateUser",
	    alice(ROLE ",\"SshPublicKeyBody\":\" " KEY_1 "  a\\t b\\n\",\"Tags\":[{\"Key\":\"k\",\"Value\":\"\"}]"));
	assert_int_equal(world_call("DescribeUser", alice("\"x\":1"), &response), 0);
	user = cJSON_GetObjectItem(response, "User");
	key = cJSON_GetObjectItem(user, "SshPublicKeys")->child;
	assert_string_equal(cJSON_GetObjectItem(key, "SshPublicKeyBody")->valuestring, KEY_1 " a b");
	assert_true(cJSON_GetObjectItem(key, "DateImported")->valuedouble > 1.6e9);
	assert_string_equal(cJSON_GetObjectItem(user, "Tags")->child->child->valuestring, "k");
	snprintf(id, sizeof(id), "%s", cJSON_GetObjectItem(key, "SshPublicKeyId")->valuestring);
	assert_int_equal(strlen(id), 21);
	cJSON_Delete(response);

	refused("ImportSshPublicKey", alice("\"SshPublicKeyBody\":\"" KEY_1 " other comment\""), API_EXISTS, id);
	refused("ImportSshPublicKey", alice("\"SshPublicKeyBody\":\"ssh-ed25519 AAAA\""), API_INVALID_REQUEST,
	    "SshPublicKeyBody: ");
	refused("ImportSshPublicKey", alice("\"SshPublicKeyBody\":\"restrict " KEY_1 "\""), API_VALIDATION,
	    "options in front");
	snprintf(request, sizeof(request), "\"SshPublicKeyId\":\"%s\"", id);
	works("DeleteSshPublicKey", alice(request));
	refused("DeleteSshPublicKey", alice(request), API_NOT_FOUND, "Unknown SSH public key");
	assert_string_equal(world.error.resource, id);
	works("ImportSshPublicKey", alice("\"SshPublicKeyBody\":\"" KEY_1 "\\n\""));
	no_alice(NULL);
	no_create(ROLE ",\"SshPublicKeyBody\":\"ssh-ed25519 AAAA\"", "SshPublicKeyBody: ");
	no_create(ROLE ",\"Tags\":[{\"Key\":\"k\",\"Value\":\"1\"},{\"Key\":\"k\",\"Value\":\"2\"}]", "is there twice");
}

static const char WHOLE_SERVER[] =
    "{\"Domain\":\"EFS\",\"Protocols\":[\"SFTP\"],\"LoggingRole\":\"\",\"Certificate\":\"\","
    "\"StructuredLogDestinations\":[],\"SecurityPolicyName\":\"TransferSecurityPolicy-2018-11\","
    "\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}],\"PreAuthenticationLoginBanner\":\"hi\"}";

static void
test_servers(void **state)
{
	char expected[1024], request[128], id[32];
	cJSON *response;

	(void)state;
	refused("CreateServer", "{\"EndpointType\":\"VPC\"}", API_INVALID_REQUEST, "EndpointType: VPC is not supported");
	refused("CreateServer", "{\"Protocols\":[\"SFTP\",\"FTPS\"]}", API_INVALID_REQUEST, "Protocols: FTPS");
	refused("CreateServer", "{\"IdentityProviderType\":\"AWS_LAMBDA\"}", API_INVALID_REQUEST,
	    "IdentityProviderType: AWS_LAMBDA");
	refused("CreateServer", "{\"HostKey\":\"x\"}", API_INVALID_REQUEST, "HostKey: not supported");
	refused("CreateServer", "{\"EndpointDetails\":{}}", API_INVALID_REQUEST, "EndpointDetails: not supported");
	assert_int_equal(world_call("CreateServer", WHOLE_SERVER, &response), 0);
	snprintf(id, sizeof(id), "%s", response->child->valuestring);
	cJSON_Delete(response);
	snprintf(request, sizeof(request), "{\"ServerId\":\"%s\"}", id);
	snprintf(expected, sizeof(expected),
	    "{\"Server\":{\"Arn\":\"arn:aws:transfer:us-east-1:000000000000:server/%s\",\"Domain\":\"EFS\","
	    "\"EndpointType\":\"PUBLIC\",\"IdentityProviderType\":\"SERVICE_MANAGED\","
	    "\"PreAuthenticationLoginBanner\":\"hi\",\"Protocols\":[\"SFTP\"],"
	    "\"SecurityPolicyName\":\"TransferSecurityPolicy-2018-11\",\"ServerId\":\"%s\",\"State\":\"ONLINE\","
	    "\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}],\"UserCount\":0,\"StructuredLogDestinations\":[]}}",
	    id, id);
	answers("DescribeServer", request, expected);
	refused("DescribeServer", "{\"ServerId\":\"s-00000000000000000\"}", API_NOT_FOUND, "Unknown server");
	works("ListServers", "{}");
	works("ListServers", "{\"MaxResults\":1}");
}

static void
test_pages(void **state)
{
	char request[1024], token[512] = "", last[32] = "";
	cJSON *response, *user, *next;
	int pages = 0, users = 0;

	(void)state;
	for (int i = 0; i < 10; i++) {
		snprintf(request, sizeof(request), "{\"ServerId\":\"$\",\"UserName\":\"user%02d\"," ROLE "}", (i * 7) % 10);
		works("CreateUser", request);
	}
	do {
		snprintf(request, sizeof(request), "{\"ServerId\":\"$\",\"MaxResults\":%d%s%s%s}", pages == 0 ? 4 : 3,
		    token[0] ? ",\"NextToken\":\"" : "", token, token[0] ? "\"" : "");
		assert_int_equal(world_call("ListUsers", request, &response), 0);
		cJSON_ArrayForEach(user, cJSON_GetObjectItem(response, "Users")) {
			assert_true(strcmp(cJSON_GetObjectItem(user, "UserName")->valuestring, last) > 0);
			snprintf(last, sizeof(last), "%s", cJSON_GetObjectItem(user, "UserName")->valuestring);
			assert_int_equal(cJSON_GetObjectItem(user, "SshPublicKeyCount")->valueint, 0);
			users++;
		}
		next = cJSON_GetObjectItem(response, "NextToken");
		snprintf(token, sizeof(token), "%s", next == NULL ? "" : next->valuestring);
		/* A page goes on after its last key, whatever became of that user. */
		if (pages == 0)
			works("DeleteUser", "{\"ServerId\":\"$\",\"UserName\":\"user03\"}");
		cJSON_Delete(response);
		pages++;
	} while (token[0] != '\0');
	assert_int_equal(users, 10);
	assert_int_equal(pages, 3);
	refused("ListUsers", "{\"ServerId\":\"$\",\"NextToken\":\"x\"}", API_INVALID_TOKEN, "NextToken");
	refused("ListUsers", "{\"ServerId\":\"$\",\"NextToken\":\"00\"}", API_INVALID_TOKEN, "NextToken");
	refused("ListUsers", "{\"ServerId\":\"$\",\"NextToken\":\"7573\"}", API_INVALID_TOKEN, "NextToken");
	refused("ListServers", "{\"NextToken\":\"7320782d\"}", API_INVALID_TOKEN, "NextToken");
	refused("ListUsers", "{\"ServerId\":\"s-00000000000000000\"}", API_NOT_FOUND, "Unknown server");
}

static void
test_requests(void **state)
{
	cJSON *response, *list = cJSON_CreateArray();

	(void)state;
	assert_int_equal(operation_call(&world.context, "CreateUser", list, &response, &world.error), -1);
	assert_int_equal(world.error.code, API_SERIALIZATION);
	cJSON_Delete(list);
	refused("NoSuch", "{}", API_UNKNOWN_OPERATION, "no operation");
	assert_true(operation_makes_store("CreateServer"));
	assert_false(operation_makes_store("CreateUser"));
	/* What is quoted from outside is one line of UTF-8, wherever it is cut. */
	api_fail(&world.error, API_INTERNAL, "%.3s|%s", "a\xc3\xa9\xc3\xa9", "\n\x1b\xff");
	assert_string_equal(world.error.message, "a\xc3\xa9|???");
	api_fail(&world.error, API_INTERNAL, "%.2s", "a\xc3\xa9");
	assert_string_equal(world.error.message, "a?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_names, no_alice),
		cmocka_unit_test_teardown(test_home_directory_type, no_alice),
		cmocka_unit_test_teardown(test_entries, no_alice),
		cmocka_unit_test_teardown(test_many_entries, no_alice),
		cmocka_unit_test_teardown(test_expansion, no_alice),
		cmocka_unit_test_teardown(test_policy, no_alice),
		cmocka_unit_test_teardown(test_profile_floors, no_alice),
		cmocka_unit_test_teardown(test_update_merges, no_alice),
		cmocka_unit_test_teardown(test_keys, no_alice),
		cmocka_unit_test_teardown(test_servers, no_alice),
		cmocka_unit_test_teardown(test_pages, no_alice),
		cmocka_unit_test_teardown(test_requests, no_alice),
	};

	return cmocka_run_group_tests_name("model", tests, set_up, world_tear_down);
}
