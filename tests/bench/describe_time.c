/*
 * describe_time: one DescribeUser, from the request's JSON to the answer's, in this process.
 *
 *   describe_time BATCH STORE SERVER-ID PREFIX COUNT    STORE as in berth.conf, sqlite:PATH
 */
#include "common/model/operations.h"
#include "tests/bench/worker.h"

struct describe {
	struct operation_context context;
	const char *server_id;
	struct worker_names names;
};

static void __attribute__((noreturn))
refuse(const char *what, const struct api_error *error)
{
	fprintf(stderr, "describe_time: %s: %s\n", what, error->message);
	exit(1);
}

static cJSON *
make_request(const struct describe *describe, const char *name)
{
	cJSON *request = cJSON_CreateObject();

	if (cJSON_AddStringToObject(request, "ServerId", describe->server_id) == NULL ||
	    cJSON_AddStringToObject(request, "UserName", name) == NULL)
		worker_die("request");
	return request;
}

static double
describe_sample(void *context)
{
	struct describe *describe = context;
	char name[WORKER_NAME_MAX];
	cJSON *request, *response;
	struct api_error error;
	double start, end;

	worker_next_name(&describe->names, name);
	request = make_request(describe, name);
	start = worker_now();
	if (operation_call(&describe->context, "DescribeUser", request, &response, &error) == -1)
		refuse(name, &error);
	end = worker_now();
	cJSON_Delete(request);
	cJSON_Delete(response);
	return end - start;
}

int
main(int argc, char **argv)
{
	static const struct config config = { .region = (char *)"us-east-1", .account_id = (char *)"000000000000" };
	struct describe describe = { .context.config = &config };
	struct api_error error;

	if (argc != 6) {
		fprintf(stderr, "usage: describe_time BATCH STORE SERVER-ID PREFIX COUNT\n");
		return 2;
	}
	if (store_open(argv[2], STORE_READ, &describe.context.store, &error) == -1)
		refuse(argv[2], &error);
	describe.server_id = argv[3];
	describe.names.prefix = argv[4];
	describe.names.count = worker_number(argv[5]);
	return worker_serve(worker_number(argv[1]), describe_sample, &describe);
}
