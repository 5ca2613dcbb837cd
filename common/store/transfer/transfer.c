/* What threads share, and one call. */
#include "common/store/transfer/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/model/operations.h"
#include "common/store/transfer/transfer_call.h"
#include "common/wire/deadline.h"

#define CONTENT_TYPE "Content-Type: application/x-amz-json-1.1"

/* The greatest record: 8 MiB of mappings, keys, tags and a policy, some of it escaped. A page of a list has 1,000 items of
 * less than 8 KiB. */
#define DESCRIBE_MAX (16u * 1024 * 1024)
#define ANSWER_MAX   (8u * 1024 * 1024)

#define CA_FILE_MAX (4u * 1024 * 1024)

/* How often a call is tried, and the wait before it is tried again: doubled each time, and by chance between half of it and
 * all, so that many hosts don't come back together. */
#define TRIES_FAILED    4
#define TRIES_THROTTLED 12
#define WAIT_FIRST_MS   100
#define WAIT_MOST_MS    5000

/* A signature is taken within five minutes of the other side's time. */
#define SKEW_SECONDS 240

/* -- what threads share ------------------------------------------------------------------------------------------------ */

char *
transfer_endpoint(const char *region)
{
	/* The partitions whose names aren't amazonaws.com's. */
	static const struct {
		const char *prefix, *domain;
	} PARTITIONS[] = {
		{ "cn-", "amazonaws.com.cn" }, { "eusc-", "amazonaws.eu" }, { "us-iso-", "c2s.ic.gov" },
		{ "us-isob-", "sc2s.sgov.gov" }, { "us-isof-", "csp.hci.ic.gov" }, { "eu-isoe-", "cloud.adc-e.uk" },
	};
	const char *domain = "amazonaws.com";
	char *url;

	for (size_t i = 0; i < sizeof(PARTITIONS) / sizeof(PARTITIONS[0]); i++)
		if (strncmp(region, PARTITIONS[i].prefix, strlen(PARTITIONS[i].prefix)) == 0)
			domain = PARTITIONS[i].domain;
	return asprintf(&url, "https://transfer.%s.%s", region, domain) == -1 ? NULL : url;
}

static int
ca_fault(const struct transfer_options *options, const char *problem, struct api_error *error)
{
	return api_fail(error, API_INVALID_REQUEST, "%s: %.300s: %s",
	    options->ca_name == NULL ? "StoreCAFile" : options->ca_name, options->ca_file, problem);
}

static int
read_all(int file, const struct transfer_options *options, char **text, struct api_error *error)
{
	struct stat status;
	ssize_t length;

	if (fstat(file, &status) == -1)
		return ca_fault(options, strerror(errno), error);
	if (!S_ISREG(status.st_mode) || status.st_size > CA_FILE_MAX)
		return ca_fault(options, "no regular file, or one of more than 4 MiB", error);
	if ((*text = calloc(1, (size_t)status.st_size + 1)) == NULL)
		return api_fail_memory(error);
	length = read(file, *text, (size_t)status.st_size);
	if (length == -1)
		return ca_fault(options, strerror(errno), error);
	if (strstr(*text, "CERTIFICATE-----") == NULL)
		return ca_fault(options, "holds no certificate in PEM", error);
	return 0;
}

static int
read_ca(const struct transfer_options *options, char **text, struct api_error *error)
{
	int file, result;

	if (options->ca_file == NULL)
		return 0;
	if ((file = open(options->ca_file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) == -1)
		return ca_fault(options, strerror(errno), error);
	result = read_all(file, options, text, error);
	close(file);
	return result;
}

int
transfer_remote_new(const struct transfer_options *options, struct credential_chain *chain,
    struct transfer_remote **remote, struct api_error *error)
{
	struct transfer_remote *made = calloc(1, sizeof(*made));

	*remote = NULL;
	if (made == NULL)
		return api_fail_memory(error);
	made->options = *options;
	made->chain = chain;
	made->region = strdup(options->region);
	made->url = options->url[0] == '\0' ? transfer_endpoint(options->region) : strdup(options->url);
	if (made->region == NULL || made->url == NULL) {
		transfer_remote_free(made);
		return api_fail_memory(error);
	}
	if (read_ca(options, &made->ca, error) == -1) {
		transfer_remote_free(made);
		return -1;
	}
	made->options.url = made->options.region = made->options.ca_file = made->options.ca_name = NULL;
	*remote = made;
	return 0;
}

void
transfer_remote_free(struct transfer_remote *remote)
{
	if (remote == NULL)
		return;
	free(remote->url);
	free(remote->region);
	free(remote->ca);
	free(remote);
}

/* -- one call ---------------------------------------------------------------------------------------------------------- */

struct call {
	struct transfer_store *store;
	const char *operation;
	char *body;
	int64_t deadline;
	struct credentials credentials;
	unsigned tries;
	int64_t asked_ms; /* how long the last answer asked to wait; 0: it didn't */
	bool renewed; /* the credentials have been asked for again */
	bool writes;
	bool unsure;  /* the last try may have been acted on */
};

/* An answer that came much earlier or later than this host's clock says explains why a signature was refused. */
static void
tell_skew(const struct call *call, const struct http_answer *answer, enum transfer_verdict *verdict, struct api_error *error)
{
	int64_t ahead = answer->date == -1 ? 0 : (int64_t)time(NULL) - answer->date;
	size_t length = strlen(error->message);

	if (*verdict != TRANSFER_UNSIGNED || error->code != API_INVALID_SIGNATURE ||
	    (ahead < SKEW_SECONDS && ahead > -SKEW_SECONDS))
		return;
	snprintf(error->message + length, sizeof(error->message) - length,
	    "; this host's clock is %" PRId64 " seconds %s that of %.300s", ahead < 0 ? -ahead : ahead,
	    ahead < 0 ? "behind" : "ahead of", call->store->remote->url);
	*verdict = TRANSFER_REFUSED;
}

static enum transfer_verdict
try(struct call *call, cJSON **response, struct api_error *error)
{
	const struct transfer_remote *remote = call->store->remote;
	const struct credentials *credentials = &call->credentials;
	const struct http_signature signature = {
		.access_key_id = credentials->access_key_id,
		.secret_access_key = credentials->secret_access_key,
		.session_token = credentials->session_token[0] == '\0' ? NULL : credentials->session_token,
		.region = remote->region,
		.service = "transfer",
	};
	char url[512], target[96];
	const char *const headers[] = { CONTENT_TYPE, target, NULL };
	const struct http_request request = {
		.method = "POST",
		.url = url,
		.headers = headers,
		.body = call->body,
		.body_length = strlen(call->body),
		.signature = &signature,
		.ca = remote->ca,
		.direct = strncmp(remote->url, "http://", strlen("http://")) == 0, /* to this host itself */
		.once = call->writes,
		.connect_ms = (int)remote->options.connect_ms,
		.deadline = call->deadline,
		.answer_max = strncmp(call->operation, "Describe", strlen("Describe")) == 0 ? DESCRIBE_MAX : ANSWER_MAX,
	};
	enum transfer_verdict verdict = TRANSFER_REFUSED;
	struct http_answer answer;
	int sent;

	snprintf(url, sizeof(url), "%s/", remote->url);
	snprintf(target, sizeof(target), "X-Amz-Target: TransferService.%s", call->operation);
	sent = http_send(call->store->client, &request, &answer, error);
	if (sent == 0) {
		verdict = transfer_judge(remote->url, call->operation, &answer, response, error);
		tell_skew(call, &answer, &verdict, error);
	}
	call->asked_ms = 0;
	if (sent == 0 && verdict == TRANSFER_THROTTLED)
		call->asked_ms = (int64_t)error->retry_after * 1000;
	else if (sent == 0 && answer.retry_after_ms > 0)
		call->asked_ms = answer.retry_after_ms;
	call->unsure = sent == -1 ? answer.sent : verdict == TRANSFER_FAILED || answer.status < 400;
	if (sent == 0)
		http_answer_free(&answer);
	return verdict;
}

/* Between half and all of it. */
static int64_t
jittered(int64_t milliseconds)
{
	uint32_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
		return milliseconds;
	return milliseconds / 2 + random % (uint32_t)(milliseconds / 2 + 1);
}

static void
pause_for(int64_t milliseconds)
{
	struct timespec left = { milliseconds / 1000, milliseconds % 1000 * 1000000 };

	while (nanosleep(&left, &left) == -1 && errno == EINTR)
		;
}

/* Waits, and returns whether to try again: not when there isn't the time. */
static bool
wait_again(const struct call *call)
{
	int64_t wait = WAIT_FIRST_MS;

	for (unsigned i = 1; i < call->tries && wait < WAIT_MOST_MS; i++)
		wait *= 2;
	wait = jittered(wait < WAIT_MOST_MS ? wait : WAIT_MOST_MS) + call->asked_ms;
	if (deadline_left(call->deadline) <= wait)
		return false;
	pause_for(wait);
	return true;
}

/* Whether there are other credentials by now than those that were refused. */
static bool
renew(struct call *call)
{
	struct credentials *used = &call->credentials, fresh;
	struct api_error ignored; /* the refusal says more */
	bool other = false;

	if (call->renewed)
		return false;
	call->renewed = true;
	credential_chain_rejected(call->store->remote->chain, used);
	if (credential_chain_get(call->store->remote->chain, call->deadline, &fresh, &ignored) == 0) {
		other = strcmp(fresh.access_key_id, used->access_key_id) != 0 ||
		    strcmp(fresh.secret_access_key, used->secret_access_key) != 0 ||
		    strcmp(fresh.session_token, used->session_token) != 0;
		*used = fresh;
	}
	explicit_bzero(&fresh, sizeof(fresh));
	return other;
}

/*
 * Whether to try once more. A write is tried again only where it wasn't done for sure: a CreateUser that was done before its
 * answer became a 500 would be told that the user exists.
 */
static bool
again(struct call *call, enum transfer_verdict verdict)
{
	switch (verdict) {
	case TRANSFER_THROTTLED:
		return !call->store->remote->options.throttled_at_once && call->tries < TRIES_THROTTLED &&
		    wait_again(call);
	case TRANSFER_FAILED:
		return !call->writes && call->tries < TRIES_FAILED && wait_again(call);
	case TRANSFER_UNSIGNED:
		return renew(call);
	case TRANSFER_ANSWERED:
	case TRANSFER_REFUSED:
		break;
	}
	return false;
}

/* Whose signature it was: what the other side says of one rarely names the key, or the region. */
static void
tell_signer(const struct call *call, enum transfer_verdict verdict, struct api_error *error)
{
	size_t length = strlen(error->message);

	if (verdict == TRANSFER_UNSIGNED)
		snprintf(error->message + length, sizeof(error->message) - length,
		    " (signed with access key %s for region %s)", call->credentials.access_key_id,
		    call->store->remote->region);
}

static void
tell_unsure(const struct call *call, struct api_error *error)
{
	size_t length = strlen(error->message);

	if (call->writes && call->unsure)
		snprintf(error->message + length, sizeof(error->message) - length, "; whether it was done isn't known");
}

static int
try_until_done(struct call *call, cJSON **response, struct api_error *error)
{
	enum transfer_verdict verdict;

	if (credential_chain_get(call->store->remote->chain, call->deadline, &call->credentials, error) == -1)
		return -1;
	do {
		call->tries++;
		verdict = try(call, response, error);
		if (verdict == TRANSFER_ANSWERED)
			return 0;
	} while (again(call, verdict));
	if (error->code == API_THROTTLING && error->retry_after == 0)
		error->retry_after = 1;
	tell_signer(call, verdict, error);
	tell_unsure(call, error);
	return -1;
}

int
transfer_call(struct transfer_store *store, const char *operation, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	struct call call = {
		.store = store,
		.operation = operation,
		.writes = operation_writes(operation),
		.body = cJSON_PrintUnformatted(request),
		.deadline = deadline_after((int)store->remote->options.call_ms),
	};
	int result;

	*response = NULL;
	if (call.body == NULL)
		return api_fail_memory(error);
	result = try_until_done(&call, response, error);
	explicit_bzero(&call.credentials, sizeof(call.credentials));
	cJSON_free(call.body);
	return result;
}
