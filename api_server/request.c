#include "api_server/request.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "api_server/answer.h"
#include "api_server/api.h"
#include "api_server/authorize.h"
#include "api_server/framing.h"
#include "api_server/pages.h"
#include "common/model/operations.h"

#define PASSED_OVER_MAX (4 * (uint64_t)BODY_MAX) /* of a body that nobody will look at */
#define TARGET_PREFIX "TransferService."

enum place { PLACE_API, PLACE_HEALTH, PLACE_METRICS, PLACE_NONE };

/* What libmicrohttpd's next callback for this request is about. */
enum stage {
	STAGE_HEADERS, /* they are all there */
	STAGE_BODY,    /* a piece of it, or its end */
	STAGE_WRITE,   /* nothing new: the write begins */
	STAGE_WRITTEN, /* the connection goes on: the write is done */
};

struct request {
	struct api *api;
	struct MHD_Connection *mhd;
	struct connection *connection;
	struct settings *settings;
	enum stage stage;
	enum place place;
	char id[ANSWER_ID_LENGTH + 1];
	int64_t began; /* microseconds, when its headers had come */

	struct sigv4_header *headers;
	size_t header_count, header_room;
	struct sigv4_request wire; /* as it was sent */
	char *query;
	struct framing framing;
	bool close; /* the connection ends with this request */
	uint64_t passed_over;
	bool large;           /* it, or its answer */
	size_t answer_length; /* counted among all answers */

	struct caller caller;
	struct body body;
	cJSON *json;
	const char *operation; /* NULL until it is known */
	struct call call;
	struct api_error error; /* code API_OK while nothing was refused */
	unsigned status;        /* of the answer, where it isn't the error's own */
	const char *allow;
};

static int64_t
now_microseconds(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
		return 0;
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static struct connection *
connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

static enum place
find_place(const char *target, size_t length)
{
	static const struct {
		const char *path;
		enum place place;
	} places[] = { { "/", PLACE_API }, { "/healthz", PLACE_HEALTH }, { "/metrics", PLACE_METRICS } };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (strlen(places[i].path) == length && strncmp(places[i].path, target, length) == 0)
			return places[i].place;
	}
	return PLACE_NONE;
}

static void
release(struct request *request)
{
	if (request->large)
		atomic_store(&request->api->large_passed, true);
	connection_end_request(request->connection);
	body_total_release(&request->api->answers, request->answer_length);
	body_release(&request->body);
	authorize_release(&request->caller);
	settings_release(request->settings);
	cJSON_Delete(request->json);
	cJSON_Delete(request->call.response);
	free(request->headers);
	free(request->query);
	free(request);
}

void
request_drop(struct connection *connection)
{
	if (connection->request != NULL)
		release(connection->request);
	connection->request = NULL;
}

void *
request_begin(void *api, const char *target, struct MHD_Connection *mhd)
{
	struct connection *connection = connection_of(mhd);
	struct request *request = calloc(1, sizeof(*request));
	size_t path_length;

	if (target == NULL)
		target = "";
	path_length = strcspn(target, "?");
	if (request != NULL)
		request->query = strdup(target[path_length] == '?' ? target + path_length + 1 : "");
	if (connection == NULL || request == NULL || request->query == NULL) {
		if (request != NULL)
			free(request->query);
		free(request);
		return NULL;
	}
	request_drop(connection);
	connection->request = request;
	request->connection = connection;
	request->api = api;
	request->mhd = mhd;
	request->place = find_place(target, path_length);
	request->settings = settings_take(request->api->settings);
	answer_make_id(request->id);
	connection_begin_request(connection);
	return request;
}

void
request_end(void *api, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode how)
{
	struct request *request = *context;

	(void)api;
	(void)connection;
	(void)how;
	*context = NULL;
	if (request != NULL)
		request_drop(request->connection);
}

static bool
is_refused(const struct request *request)
{
	return request->error.code != API_OK;
}

/* -- the answer -------------------------------------------------------------------------------------------------------- */

static void
record(struct request *request, const struct api_error *error)
{
	int64_t microseconds = now_microseconds() - request->began;
	const struct audit_entry entry = {
		.request_id = request->id,
		.key_id = request->caller.authorization.key_id,
		.authenticated = request->caller.authenticated,
		.address = request->connection->address,
		.port = request->connection->port,
		.operation = request->operation,
		.request = request->json,
		.response = request->call.response,
		.error = error,
		.microseconds = microseconds,
	};

	audit_write(request->api->audit, &entry);
	metrics_call(request->api->metrics, request->operation != NULL ? operation_number(request->operation) : -1,
	    error != NULL ? error->code : API_OK, microseconds);
}

static enum MHD_Result
send_answer(struct request *request, struct answer *answer)
{
	answer->request_id = request->id;
	answer->allow = request->allow;
	answer->close = request->close || connections_stopping(request->api->connections);
	return answer_send(request->mhd, answer);
}

/* has_room: whether all answers that are on their way leave some for this one. */
static bool
has_room(struct request *request, size_t length)
{
	if (!body_total_reserve(&request->api->answers, 0, length))
		return false;
	request->answer_length = length;
	request->large = request->large || length > BODY_SMALL;
	return true;
}

/* make_answer: returns the error that it tells of, or NULL. Only those who ask for much get much: a call that changed
 * something is never refused afterwards. */
static const struct api_error *
make_answer(struct request *request, struct answer *answer)
{
	if (!is_refused(request) && request->call.result == 0) {
		answer_response(answer, request->call.response);
		if (has_room(request, answer->length))
			return NULL;
		free(answer->body);
		api_fail(&request->error, API_UNAVAILABLE, "Too many large answers at once; try again");
	}
	if (!is_refused(request))
		request->error = request->call.error;
	answer_error(answer, &request->error);
	if (request->status != 0)
		answer->status = request->status;
	return &request->error;
}

/* answer_post: the one place where a POST's fate is written down, and sent. */
static enum MHD_Result
answer_post(struct request *request)
{
	struct answer answer = { 0 };

	record(request, make_answer(request, &answer));
	cJSON_Delete(request->json);
	cJSON_Delete(request->call.response);
	request->json = request->call.response = NULL;
	body_release(&request->body);
	return send_answer(request, &answer);
}

static enum MHD_Result
answer_get(struct request *request)
{
	const char *authorization = MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, "Authorization");
	struct answer answer = { 0 };

	if (is_refused(request)) {
		answer_error(&answer, &request->error);
		if (request->status != 0)
			answer.status = request->status;
	} else if (request->place == PLACE_HEALTH)
		pages_health(request->api, request->settings, &answer);
	else
		pages_metrics(request->api, request->settings, request->connection->loopback, authorization, &answer);
	return send_answer(request, &answer);
}

static bool
is_post(const struct request *request)
{
	return strcmp(request->wire.method, MHD_HTTP_METHOD_POST) == 0;
}

static enum MHD_Result
answer_now(struct request *request)
{
	return is_post(request) ? answer_post(request) : answer_get(request);
}

/* -- the headers ------------------------------------------------------------------------------------------------------- */

static enum MHD_Result
take_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct request *request = context;

	(void)kind;
	if (request->header_count == request->header_room)
		return MHD_NO;
	request->headers[request->header_count++] = (struct sigv4_header){ name, value != NULL ? value : "" };
	return MHD_YES;
}

/* take_headers: they live in libmicrohttpd's memory, for as long as the request does. */
static int
take_headers(struct request *request)
{
	int count = MHD_get_connection_values(request->mhd, MHD_HEADER_KIND, NULL, NULL);

	if (count > SIGV4_HEADERS_MAX)
		return api_fail(&request->error, API_SERIALIZATION, "The request has more than %d headers",
		    SIGV4_HEADERS_MAX);
	request->header_room = count > 0 ? (size_t)count : 0;
	request->headers = calloc(request->header_room + 1, sizeof(*request->headers));
	if (request->headers == NULL)
		return api_fail_memory(&request->error);
	MHD_get_connection_values(request->mhd, MHD_HEADER_KIND, take_header, request);
	request->wire.headers = request->headers;
	request->wire.header_count = request->header_count;
	return 0;
}

/* check_place: whether there is something at this place for this method. */
static int
check_place(struct request *request)
{
	const char *method = request->wire.method;
	bool reads = strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;

	if (request->place == PLACE_NONE) {
		request->status = MHD_HTTP_NOT_FOUND;
		return api_fail(&request->error, API_UNKNOWN_OPERATION, "There is nothing at this path: the API is POST /");
	}
	if (request->place == PLACE_API ? is_post(request) : reads)
		return 0;
	request->status = MHD_HTTP_METHOD_NOT_ALLOWED;
	request->allow = request->place == PLACE_API ? "POST" : "GET, HEAD";
	return api_fail(&request->error, API_UNKNOWN_OPERATION, "The method must be %s here", request->allow);
}

/* check_headers: all that can be refused before the body. */
static int
check_headers(struct request *request)
{
	if (check_place(request) != 0)
		return -1;
	if (request->place != PLACE_API)
		return 0;
	if (authorize_headers(&request->caller, &request->wire, request->settings, request->api->key_rings,
	    &request->error) != 0)
		return -1;
	if (request->framing.length > BODY_MAX)
		return body_too_large(&request->error);
	return body_begin(&request->body, &request->api->bodies, &request->error);
}

static enum MHD_Result
read_headers(struct request *request, const char *method, const char *version)
{
	request->began = now_microseconds();
	request->stage = STAGE_BODY;
	request->wire = (struct sigv4_request){ .method = method, .path = "/", .query = request->query };
	if (take_headers(request) != 0 || framing_read(request->headers, request->header_count, version, &request->framing,
	    &request->error) != 0) {
		request->close = true;
		return answer_now(request);
	}
	if (check_headers(request) == 0)
		return MHD_YES;
	if (request->framing.waits || request->framing.length > PASSED_OVER_MAX) {
		request->close = true;
		return answer_now(request);
	}
	return MHD_YES;
}

/* -- the body ---------------------------------------------------------------------------------------------------------- */

/* read_body: MHD_NO closes the connection: nobody reads so much for nothing. */
static enum MHD_Result
read_body(struct request *request, const char *bytes, size_t length)
{
	request->large = request->large || request->body.length > BODY_SMALL;
	if (!is_refused(request) && request->place == PLACE_API) {
		if (body_append(&request->body, bytes, length, &request->error) == 0)
			return MHD_YES;
		body_release(&request->body);
	}
	request->passed_over += length;
	return request->passed_over <= PASSED_OVER_MAX ? MHD_YES : MHD_NO;
}

/* -- the call ---------------------------------------------------------------------------------------------------------- */

static const char *
header(const struct request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++) {
		if (strcasecmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	}
	return NULL;
}

static int
check_operation(struct request *request)
{
	const char *target = header(request, "X-Amz-Target");
	const char *name = target != NULL && strncmp(target, TARGET_PREFIX, strlen(TARGET_PREFIX)) == 0 ?
	    target + strlen(TARGET_PREFIX) : "";
	int number = operation_number(name);

	if (number < 0)
		return api_fail(&request->error, API_UNKNOWN_OPERATION, "X-Amz-Target names no operation: it must be "
		    TARGET_PREFIX "CreateUser, or another one that docs/api.md lists");
	request->operation = operation_name(number);
	request->call.operation = number;
	return 0;
}

static int
check_content(struct request *request)
{
	const char *type = header(request, "Content-Type");
	const char *encoding = header(request, "Content-Encoding");
	size_t length = type != NULL ? strcspn(type, "; \t") : 0;

	if (encoding != NULL)
		return api_fail(&request->error, API_SERIALIZATION, "Content-Encoding isn't taken: send the body as it is");
	if (length != strlen(ANSWER_JSON) || strncasecmp(type, ANSWER_JSON, length) != 0)
		return api_fail(&request->error, API_SERIALIZATION, "Content-Type must be " ANSWER_JSON);
	type += length + strspn(type + length, "; \t");
	if (type[0] != '\0' && strcasecmp(type, "charset=utf-8") != 0)
		return api_fail(&request->error, API_SERIALIZATION, "Content-Type may say charset=utf-8 and nothing else");
	return 0;
}

static int
read_json(struct request *request)
{
	request->json = operation_parse(request->body.text != NULL ? request->body.text : "", request->body.length,
	    &request->error);
	body_forget(&request->body);
	return request->json != NULL ? 0 : -1;
}

/* renew_settings: a body may have taken its time, and what is in force when the call is done counts. */
static void
renew_settings(struct request *request)
{
	settings_release(request->settings);
	request->settings = settings_take(request->api->settings);
}

/* prepare: all that stands between a request and its call. */
static int
prepare(struct request *request)
{
	const struct config *config;
	unsigned char hash[SIGV4_HASH];

	renew_settings(request);
	config = &request->settings->config;
	body_hash(&request->body, hash);
	if (authorize_body(&request->caller, &request->wire, request->settings, request->api->key_rings, hash,
	    request->api->rate, &request->error) != 0 ||
	    check_operation(request) != 0 ||
	    authorize_operation(&request->caller, request->operation, &request->error) != 0 ||
	    check_content(request) != 0 || read_json(request) != 0 ||
	    authorize_call(&request->caller, request->operation, request->json, config, &request->error) != 0)
		return -1;
	request->call.config = config;
	request->call.request = request->json;
	return 0;
}

/* on_done: on the writer's thread; the request may be gone as soon as its connection goes on. */
static void
on_done(struct call *call)
{
	struct request *request = (struct request *)(void *)((char *)call - offsetof(struct request, call));

	MHD_resume_connection(request->mhd);
}

static enum MHD_Result
run_read(struct request *request)
{
	if (!connection_begin_call(request->connection))
		return MHD_NO;
	calls_run(request->api->calls, &request->call);
	connection_end_call(request->connection);
	return answer_post(request);
}

/* run_write: it may be done on another thread before calls_run() returns, and so the connection is suspended by then. */
static enum MHD_Result
run_write(struct request *request)
{
	if (!connection_begin_call(request->connection))
		return MHD_NO;
	request->stage = STAGE_WRITTEN;
	request->call.done = on_done;
	MHD_suspend_connection(request->mhd);
	if (calls_run(request->api->calls, &request->call))
		on_done(&request->call);
	return MHD_YES;
}

static enum MHD_Result
complete(struct request *request)
{
	if (request->place != PLACE_API || !is_post(request))
		return answer_now(request);
	if (!is_refused(request))
		prepare(request);
	if (is_refused(request))
		return answer_post(request);
	if (!operation_writes(request->operation))
		return run_read(request);
	/*
	 * A connection that is resumed goes on with what it did when it was suspended, and now it reads: of a client that
	 * has closed its side meanwhile it would find the end, and drop the answer. When we return without one,
	 * libmicrohttpd notes that it waits for us alone, and asks again at once.
	 */
	request->stage = STAGE_WRITE;
	return MHD_YES;
}

enum MHD_Result
request_handle(void *api, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
    const char *upload, size_t *upload_size, void **context)
{
	struct request *request = *context;
	size_t length = *upload_size;

	(void)api;
	(void)connection;
	(void)url;
	if (request == NULL)
		return MHD_NO;
	switch (request->stage) {
	case STAGE_HEADERS:
		return read_headers(request, method, version);
	case STAGE_BODY:
		break;
	case STAGE_WRITE:
		return run_write(request);
	case STAGE_WRITTEN:
		/* Here, and not when the writer was done: a stop waits for calls, and this one's line and answer are to come. */
		connection_end_call(request->connection);
		return answer_post(request);
	}
	if (length == 0)
		return complete(request);
	*upload_size = 0;
	return read_body(request, upload, length);
}
