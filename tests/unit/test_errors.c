/*
 * The errors of what isn't there and of what is taken: code, Message, Resource and ResourceType, for every operation that
 * can have them; and that they leave the store alone.
 */
#include "tests/unit/store_world.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

#define NO_SERVER "s-ffffffffffffffff0"
#define NO_KEY    "key-ffffffffffffffff0"
#define ALICE     "\"ServerId\":\"$\",\"UserName\":\"alice\""
#define NOBODY    "\"ServerId\":\"$\",\"UserName\":\"nobody\""
#define NOWHERE   "\"ServerId\":\"" NO_SERVER "\",\"UserName\":\"alice\""
#define TAGS      "\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}]"
#define MAPPED    "\"HomeDirectoryMappings\":[{\"Entry\":\"/\",\"Target\":\"/b\"}]"

/* $ is the server, # the id of alice's key, in the requests and in the resources. */
static const struct refusal {
	const char *operation, *request;
	enum api_code code;
	const char *resource_type, *resource, *message; /* NULL: none, and any message */
} REFUSALS[] = {
	/* A server that isn't there: said before anything of the user is. */
	{ "DescribeServer", "{\"ServerId\":\"" NO_SERVER "\"}", API_NOT_FOUND, "Server", NO_SERVER, "Unknown server" },
	{ "UpdateServer", "{\"ServerId\":\"" NO_SERVER "\"}", API_NOT_FOUND, "Server", NO_SERVER, "Unknown server" },
	{ "UpdateServer", "{\"ServerId\":\"" NO_SERVER "\",\"Protocols\":[\"SFTP\"]}", API_NOT_FOUND, "Server", NO_SERVER,
	    "Unknown server" },
	{ "DeleteServer", "{\"ServerId\":\"" NO_SERVER "\"}", API_NOT_FOUND, "Server", NO_SERVER, "Unknown server" },
	{ "StartServer", "{\"ServerId\":\"" NO_SERVER "\"}", API_NOT_FOUND, "Server", NO_SERVER, "Unknown server" },
	{ "StopServer", "{\"ServerId\":\"" NO_SERVER "\"}", API_NOT_FOUND, "Server", NO_SERVER, "Unknown server" },
	{ "TestIdentityProvider", "{" NOWHERE "}", API_NOT_FOUND, "Server", NO_SERVER, "Unknown server" },
	{ "ListUsers", "{\"ServerId\":\"" NO_SERVER "\"}", API_NOT_FOUND, "Server", NO_SERVER, "Unknown server" },
	{ "CreateUser", "{" NOWHERE "," ROLE "}", API_NOT_FOUND, "Server", NO_SERVER, "Unknown server" },
	{ "CreateUser", "{" NOWHERE "," ROLE "," TAGS ",\"SshPublicKeyBody\":\"" KEY_1 "\"}", API_NOT_FOUND, "Server",
	    NO_SERVER, "Unknown server" },
	{ "UpdateUser", "{" NOWHERE "}", API_NOT_FOUND, "Server", NO_SERVER, "Unknown server" },
	{ "UpdateUser", "{" NOWHERE "," MAPPED "}", API_NOT_FOUND, "Server", NO_SERVER, "Unknown server" },
	{ "DescribeUser", "{" NOWHERE "}", API_NOT_FOUND, "Server", NO_SERVER, "Unknown server" },
	{ "DeleteUser", "{" NOWHERE "}", API_NOT_FOUND, "Server", NO_SERVER, "Unknown server" },
	{ "ImportSshPublicKey", "{" NOWHERE ",\"SshPublicKeyBody\":\"" KEY_1 "\"}", API_NOT_FOUND, "Server", NO_SERVER,
	    "Unknown server" },
	{ "DeleteSshPublicKey", "{" NOWHERE ",\"SshPublicKeyId\":\"#\"}", API_NOT_FOUND, "Server", NO_SERVER,
	    "Unknown server" },
	{ "TagResource", "{\"Arn\":\"" ARN_HEAD "server/" NO_SERVER "\"," TAGS "}", API_NOT_FOUND, "Server", NO_SERVER,
	    "Unknown server" },
	{ "TagResource", "{\"Arn\":\"" ARN_HEAD "user/" NO_SERVER "/alice\"," TAGS "}", API_NOT_FOUND, "Server", NO_SERVER,
	    "Unknown server" },
	{ "UntagResource", "{\"Arn\":\"" ARN_HEAD "server/" NO_SERVER "\",\"TagKeys\":[\"k\"]}", API_NOT_FOUND, "Server",
	    NO_SERVER, "Unknown server" },
	{ "UntagResource", "{\"Arn\":\"" ARN_HEAD "user/" NO_SERVER "/alice\",\"TagKeys\":[\"k\"]}", API_NOT_FOUND, "Server",
	    NO_SERVER, "Unknown server" },

	/* A user who isn't there; names are case-sensitive. */
	{ "UpdateUser", "{" NOBODY "}", API_NOT_FOUND, "User", "nobody", "Unknown user" },
	{ "UpdateUser", "{" NOBODY "," ROLE "}", API_NOT_FOUND, "User", "nobody", "Unknown user" },
	{ "DescribeUser", "{" NOBODY "}", API_NOT_FOUND, "User", "nobody", "Unknown user" },
	{ "DescribeUser", "{\"ServerId\":\"$\",\"UserName\":\"Alice\"}", API_NOT_FOUND, "User", "Alice", "Unknown user" },
	{ "DescribeUser", "{\"ServerId\":\"$\",\"UserName\":\"alice.\"}", API_NOT_FOUND, "User", "alice.", "Unknown user" },
	{ "DeleteUser", "{" NOBODY "}", API_NOT_FOUND, "User", "nobody", "Unknown user" },
	{ "DeleteUser", "{\"ServerId\":\"$\",\"UserName\":\"ALICE\"}", API_NOT_FOUND, "User", "ALICE", "Unknown user" },
	{ "ImportSshPublicKey", "{" NOBODY ",\"SshPublicKeyBody\":\"" KEY_1 "\"}", API_NOT_FOUND, "User", "nobody",
	    "Unknown user" },
	{ "DeleteSshPublicKey", "{" NOBODY ",\"SshPublicKeyId\":\"#\"}", API_NOT_FOUND, "User", "nobody", "Unknown user" },
	{ "TagResource", "{\"Arn\":\"" ARN_HEAD "user/$/nobody\"," TAGS "}", API_NOT_FOUND, "User", "nobody",
	    "Unknown user" },
	{ "UntagResource", "{\"Arn\":\"" ARN_HEAD "user/$/nobody\",\"TagKeys\":[\"k\"]}", API_NOT_FOUND, "User", "nobody",
	    "Unknown user" },

	/* A key that isn't there, or is another user's. */
	{ "DeleteSshPublicKey", "{" ALICE ",\"SshPublicKeyId\":\"" NO_KEY "\"}", API_NOT_FOUND, "SshPublicKey", NO_KEY,
	    "Unknown SSH public key" },
	{ "DeleteSshPublicKey", "{\"ServerId\":\"$\",\"UserName\":\"bob\",\"SshPublicKeyId\":\"#\"}", API_NOT_FOUND,
	    "SshPublicKey", "#", "Unknown SSH public key" },

	/* Taken names, and keys that are there: whatever their comment, whatever else the request asks for. */
	{ "CreateUser", "{" ALICE "," ROLE "}", API_EXISTS, "User", "alice", "The user alice already exists" },
	{ "CreateUser", "{" ALICE "," ROLE "," TAGS ",\"HomeDirectoryType\":\"LOGICAL\"," MAPPED
	    ",\"SshPublicKeyBody\":\"" KEY_2 "\",\"PosixProfile\":{\"Uid\":5001,\"Gid\":5001,\"SecondaryGids\":[5002]}}",
	    API_EXISTS, "User", "alice", "The user alice already exists" },
	{ "ImportSshPublicKey", "{" ALICE ",\"SshPublicKeyBody\":\"" KEY_1 "\"}", API_EXISTS, "SshPublicKey", "#",
	    "The SSH public key # already exists" },
	{ "ImportSshPublicKey", "{" ALICE ",\"SshPublicKeyBody\":\" " KEY_1 "  another comment\\n\"}", API_EXISTS,
	    "SshPublicKey", "#", "The SSH public key # already exists" },

	/* Errors without a resource. ListTagsForResource's model has no ResourceNotFoundException. */
	{ "ListTagsForResource", "{\"Arn\":\"" ARN_HEAD "server/" NO_SERVER "\"}", API_INVALID_REQUEST, NULL, NULL, NULL },
	{ "ListTagsForResource", "{\"Arn\":\"" ARN_HEAD "user/$/nobody\"}", API_INVALID_REQUEST, NULL, NULL, NULL },
	{ "ListTagsForResource", "{\"Arn\":\"arn:aws:transfer:eu-west-1:000000000000:server/$\"}", API_INVALID_REQUEST, NULL,
	    NULL, NULL },
	{ "TagResource", "{\"Arn\":\"arn:aws:transfer:us-east-1:000000000001:server/$\"," TAGS "}", API_INVALID_REQUEST,
	    NULL, NULL, NULL },
	{ "UntagResource", "{\"Arn\":\"" ARN_HEAD "user/$\",\"TagKeys\":[\"k\"]}", API_INVALID_REQUEST, NULL, NULL, NULL },
	{ "DeleteServer", "{\"ServerId\":\"$\"}", API_INVALID_REQUEST, NULL, NULL, NULL },
	{ "TestIdentityProvider", "{" ALICE "}", API_INVALID_REQUEST, NULL, NULL, NULL },
	{ "ListUsers", "{\"ServerId\":\"$\",\"NextToken\":\"x\"}", API_INVALID_TOKEN, NULL, NULL, NULL },
	{ "ListServers", "{\"NextToken\":\"00\"}", API_INVALID_TOKEN, NULL, NULL, NULL },
	{ "ListTagsForResource", "{\"Arn\":\"" ARN_HEAD "server/$\",\"NextToken\":\"00\"}", API_INVALID_TOKEN, NULL, NULL,
	    NULL },
	{ "CreateUser", "{" ALICE "}", API_VALIDATION, NULL, NULL, NULL },
	{ "NoSuchOperation", "{}", API_UNKNOWN_OPERATION, NULL, NULL, NULL },
};

static void
same_text(const struct refusal *refusal, const char *what, const char *got, const char *expected)
{
	char *filled = world_fill(expected == NULL ? "" : expected);

	if (strcmp(got, filled) != 0)
		fail_msg("%s %s: %s is \"%s\", not \"%s\"", refusal->operation, refusal->request, what, got, filled);
	free(filled);
}

static void
test_resources(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(REFUSALS); i++) {
		const struct refusal *refusal = &REFUSALS[i];

		/* What an earlier error said must not show through. */
		memset(&world.error, 'x', sizeof(world.error));
		if (world_call(refusal->operation, refusal->request, NULL) == 0)
			fail_msg("%s %s was carried out", refusal->operation, refusal->request);
		if (world.error.code != refusal->code)
			fail_msg("%s %s: %s \"%s\", not %s", refusal->operation, refusal->request,
			    api_error_name(world.error.code), world.error.message, api_error_name(refusal->code));
		same_text(refusal, "Resource", world.error.resource, refusal->resource);
		same_text(refusal, "ResourceType", world.error.resource_type, refusal->resource_type);
		if (refusal->message != NULL)
			same_text(refusal, "Message", world.error.message, refusal->message);
		assert_int_not_equal(world.error.message[0], '\0');
		if (!world_bytes_same())
			fail_msg("%s %s: the store was changed by a refusal", refusal->operation, refusal->request);
	}
}

/* What was taken is free again once it is gone, and what is gone is unknown. */
static void
test_gone(void **state)
{
	static const struct {
		const char *operation, *request;
		enum api_code code;
	} STEPS[] = {
		{ "ImportSshPublicKey", "{" ALICE ",\"SshPublicKeyBody\":\"" KEY_1 "\"}", API_EXISTS },
		{ "DeleteSshPublicKey", "{" ALICE ",\"SshPublicKeyId\":\"#\"}", API_OK },
		{ "DeleteSshPublicKey", "{" ALICE ",\"SshPublicKeyId\":\"#\"}", API_NOT_FOUND },
		{ "ImportSshPublicKey", "{" ALICE ",\"SshPublicKeyBody\":\"" KEY_1 "\"}", API_OK },
		{ "DeleteUser", "{" ALICE "}", API_OK },
		{ "DeleteUser", "{" ALICE "}", API_NOT_FOUND },
		{ "UpdateUser", "{" ALICE "}", API_NOT_FOUND },
		{ "CreateUser", "{" ALICE "," ROLE "}", API_OK },
		{ "CreateUser", "{" ALICE "," ROLE "}", API_EXISTS },
		{ "DeleteUser", "{" ALICE "}", API_OK },
		{ "DeleteServer", "{\"ServerId\":\"$\"}", API_INVALID_REQUEST },
		{ "DeleteUser", "{\"ServerId\":\"$\",\"UserName\":\"bob\"}", API_OK },
		{ "DeleteServer", "{\"ServerId\":\"$\"}", API_OK },
		{ "DeleteServer", "{\"ServerId\":\"$\"}", API_NOT_FOUND },
		{ "CreateUser", "{" ALICE "," ROLE "}", API_NOT_FOUND },
	};
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(STEPS); i++) {
		world.error.code = API_OK;
		world_call(STEPS[i].operation, STEPS[i].request, NULL);
		if (world.error.code != STEPS[i].code)
			fail_msg("step %zu, %s: %s \"%s\"", i + 1, STEPS[i].operation, api_error_name(world.error.code),
			    world.error.message);
	}
	world_restore();
}

static int
set_up(void **state)
{
	(void)state;
	world_open();
	world_works("CreateUser", "{" ALICE "," ROLE "," TAGS "}");
	world_works("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"bob\"," ROLE "}");
	world_learn("ImportSshPublicKey", "{" ALICE ",\"SshPublicKeyBody\":\"" KEY_1 "\"}", "SshPublicKeyId", world.key,
	    sizeof(world.key));
	world_keep();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resources),
		cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests_name("errors", tests, set_up, world_tear_down);
}
