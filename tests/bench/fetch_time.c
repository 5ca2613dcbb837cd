/*
 * fetch_time: a user who has to be fetched from a Transfer API; each sample is the next one of those that the benchmark
 * makes.
 *
 *   fetch_time BATCH lookup FIRST                          getpwnam() on a host whose agent has none of them in its cache
 *   fetch_time BATCH bare FIRST URL CA KEY SERVER-ID       DescribeUser alone, on a connection that is kept
 *
 * FIRST: the number of the first user. KEY: a file with an access key's id and secret, a line each.
 */
#include <pwd.h>

#include "common/store/transfer/http.h"
#include "common/wire/deadline.h"
#include "tests/bench/api_rows.h"
#include "tests/bench/worker.h"

#define PATIENCE_MS  10000
#define ANSWER_BYTES 65536
#define CA_BYTES     8192

struct fetch {
	unsigned long next;
	const char *url, *server;
	char ca[CA_BYTES], id[128], secret[128];
	struct http_client *client;
};

static double
lookup(void *context)
{
	struct fetch *fetch = context;
	unsigned long number = fetch->next++;
	char name[WORKER_NAME_MAX];
	struct passwd *found;
	double start, end;

	snprintf(name, sizeof(name), API_ROWS_USER, number);
	start = worker_now();
	found = getpwnam(name);
	end = worker_now();
	if (found != NULL && found->pw_uid == API_ROWS_UID + number)
		return end - start;
	fprintf(stderr, "fetch_time: %s isn't there\n", name);
	exit(1);
}

static double
bare(void *context)
{
	static const char *const headers[] = { "Content-Type: application/x-amz-json-1.1",
		"X-Amz-Target: TransferService.DescribeUser", NULL };
	struct fetch *fetch = context;
	struct http_signature signature = { .access_key_id = fetch->id, .secret_access_key = fetch->secret,
		.region = "us-east-1", .service = "transfer" };
	struct http_request request = { .method = "POST", .url = fetch->url, .headers = headers, .signature = &signature,
		.ca = fetch->ca, .direct = true, .connect_ms = PATIENCE_MS, .answer_max = ANSWER_BYTES };
	char name[WORKER_NAME_MAX], body[256];
	struct http_answer answer;
	struct api_error error;
	double start, end;

	snprintf(name, sizeof(name), API_ROWS_USER, fetch->next++);
	start = worker_now();
	snprintf(body, sizeof(body), "{\"ServerId\":\"%s\",\"UserName\":\"%s\"}", fetch->server, name);
	request.body = body;
	request.body_length = strlen(body);
	request.deadline = deadline_after(PATIENCE_MS);
	if (http_send(fetch->client, &request, &answer, &error) != 0) {
		fprintf(stderr, "fetch_time: %s\n", error.message);
		exit(1);
	}
	end = worker_now();
	if (answer.status != 200 || strstr(answer.body, name) == NULL) {
		fprintf(stderr, "fetch_time: answered with %ld\n%s\n", answer.status, answer.body);
		exit(1);
	}
	http_answer_free(&answer);
	return end - start;
}

static void
read_key(struct fetch *fetch, const char *path)
{
	FILE *file = fopen(path, "re");

	if (file == NULL || fscanf(file, "%127s %127s", fetch->id, fetch->secret) != 2)
		worker_die(path);
	fclose(file);
}

static void
read_ca(struct fetch *fetch, const char *path)
{
	FILE *file = fopen(path, "re");

	if (file == NULL || fread(fetch->ca, 1, sizeof(fetch->ca) - 1, file) == 0)
		worker_die(path);
	fclose(file);
}

int
main(int argc, char **argv)
{
	static struct fetch fetch;

	if (argc == 4 && strcmp(argv[2], "lookup") == 0) {
		fetch.next = worker_number(argv[3]);
		return worker_serve(worker_number(argv[1]), lookup, &fetch);
	}
	if (argc != 8 || strcmp(argv[2], "bare") != 0) {
		fprintf(stderr, "usage: fetch_time BATCH lookup FIRST\n"
		    "       fetch_time BATCH bare FIRST URL CA KEY SERVER-ID\n");
		return 2;
	}
	fetch.next = worker_number(argv[3]);
	fetch.url = argv[4];
	read_ca(&fetch, argv[5]);
	read_key(&fetch, argv[6]);
	fetch.server = argv[7];
	fetch.client = http_client_new();
	if (fetch.client == NULL)
		worker_die("http_client_new");
	return worker_serve(worker_number(argv[1]), bare, &fetch);
}
