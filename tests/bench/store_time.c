/*
 * store_time: one call of the library in this process, on a store of any size.
 *
 *   store_time BATCH WHAT STORE SERVER-ID PREFIX COUNT    STORE as in berth.conf, sqlite:PATH
 *
 *   describe    DescribeUser of a user, from the request's JSON to the answer's
 *   list        ListUsers, a page of 100 after a user, likewise
 *   uid         a user by uid, as the agent asks
 *   tag         the users of one of ten tags, all 100 of them
 */
#include "common/model/operations.h"
#include "common/model/record_json.h"
#include "tests/bench/worker.h"

#define PAGE      "100"
#define FIRST_UID 1000000u

struct calls {
	struct operation_context context;
	const char *server_id;
	struct worker_names names;
	char name[WORKER_NAME_MAX]; /* of the call */
	struct api_error error;
};

typedef int call(struct calls *calls);

static int
call_operation(struct calls *calls, const char *operation, const char *request_text)
{
	cJSON *request = operation_parse(request_text, strlen(request_text), &calls->error), *response;
	int result;

	if (request == NULL)
		return -1;
	result = operation_call(&calls->context, operation, request, &response, &calls->error);
	cJSON_Delete(request);
	cJSON_Delete(response);
	return result;
}

static int
describe(struct calls *calls)
{
	char request[512];

	snprintf(request, sizeof(request), "{\"ServerId\":\"%s\",\"UserName\":\"%s\"}", calls->server_id, calls->name);
	return call_operation(calls, "DescribeUser", request);
}

/* A token as the operation itself makes them: "u SERVER-ID NAME" in hexadecimal. */
static int
list(struct calls *calls)
{
	char plain[256], token[2 * sizeof(plain)], request[1024];
	size_t i;

	snprintf(plain, sizeof(plain), "u %s %s", calls->server_id, calls->name);
	for (i = 0; plain[i] != '\0'; i++)
		snprintf(token + 2 * i, 3, "%02x", (unsigned char)plain[i]);
	snprintf(request, sizeof(request), "{\"ServerId\":\"%s\",\"MaxResults\":" PAGE ",\"NextToken\":\"%s\"}", calls->server_id,
	    token);
	return call_operation(calls, "ListUsers", request);
}

static int
find_uid(struct calls *calls)
{
	struct store_login login;
	uint32_t uid = FIRST_UID + (uint32_t)strtoul(calls->name + strlen(calls->names.prefix), NULL, 10);

	return store_find_by_uid(calls->context.store, calls->server_id, uid, &login, &calls->error) == 1 ? 0 : -1;
}

static int
count_user(void *count, const struct listed_user *user)
{
	*(size_t *)count += user->user_name != NULL;
	return 0;
}

static int
find_tag(struct calls *calls)
{
	char value[] = "team?";
	struct tag tag = { (char *)"team", value };
	size_t count = 0;

	value[4] = calls->name[strlen(calls->name) - 1];
	if (store_find_users(calls->context.store, calls->server_id, &tag, 1, NULL, SIZE_MAX, count_user, &count,
	        &calls->error) == -1)
		return -1;
	if (count == strtoul(PAGE, NULL, 10))
		return 0;
	return api_fail(&calls->error, API_INTERNAL, "%zu users have the tag, not " PAGE, count);
}

static const struct {
	const char *what;
	call *run;
} CALLS[] = { { "describe", describe }, { "list", list }, { "uid", find_uid }, { "tag", find_tag } };

static call *chosen;

static double
sample(void *context)
{
	struct calls *calls = context;
	double start;

	worker_next_name(&calls->names, calls->name);
	start = worker_now();
	if (chosen(calls) == 0)
		return worker_now() - start;
	fprintf(stderr, "store_time: %s: %s\n", calls->name, calls->error.message);
	exit(1);
}

int
main(int argc, char **argv)
{
	static const struct config config = { .region = (char *)"us-east-1", .account_id = (char *)"000000000000" };
	static struct calls calls = { .context.config = &config };
	size_t i;

	for (i = 0; argc == 7 && i < sizeof(CALLS) / sizeof(*CALLS); i++)
		if (strcmp(argv[2], CALLS[i].what) == 0)
			chosen = CALLS[i].run;
	if (chosen == NULL) {
		fprintf(stderr, "usage: store_time BATCH describe|list|uid|tag STORE SERVER-ID PREFIX COUNT\n");
		return 2;
	}
	if (store_open(argv[3], STORE_READ, &calls.context.store, &calls.error) == -1) {
		fprintf(stderr, "store_time: %s\n", calls.error.message);
		return 1;
	}
	calls.server_id = argv[4];
	calls.names.prefix = argv[5];
	calls.names.count = worker_number(argv[6]);
	return worker_serve(worker_number(argv[1]), sample, &calls);
}
