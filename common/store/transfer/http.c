#include "common/store/transfer/http.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "common/model/text.h"
#include "common/wire/deadline.h"

#define HEADER_MAX 8192 /* of a session token, with its name */
#define FIRST_ROOM 4096

struct http_client {
	CURL *curl;
	char why[CURL_ERROR_SIZE];
};

/* One exchange. */
struct exchange {
	const struct http_request *request;
	struct http_answer *answer;
	struct curl_slist *headers;
	size_t room;
	bool too_long, no_memory;
};

static pthread_once_t initialised = PTHREAD_ONCE_INIT;
static CURLcode initialised_code;

static void
initialise(void)
{
	initialised_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http_client *
http_client_new(void)
{
	struct http_client *client;

	pthread_once(&initialised, initialise);
	if (initialised_code != CURLE_OK || (client = calloc(1, sizeof(*client))) == NULL)
		return NULL;
	if ((client->curl = curl_easy_init()) != NULL)
		return client;
	free(client);
	return NULL;
}

void
http_client_free(struct http_client *client)
{
	if (client == NULL)
		return;
	curl_easy_cleanup(client->curl);
	free(client);
}

/* A piece of the answer's body. What it returns other than `size` ends the transfer. */
static size_t
take_body(char *data, size_t one, size_t size, void *context)
{
	struct exchange *exchange = context;
	struct http_answer *answer = exchange->answer;
	size_t room = exchange->room > 0 ? exchange->room : FIRST_ROOM;
	char *body;

	(void)one;
	if (size > exchange->request->answer_max - answer->length) {
		exchange->too_long = true;
		return 0;
	}
	while (room < answer->length + size + 1)
		room *= 2;
	if (room != exchange->room) {
		if ((body = realloc(answer->body, room)) == NULL) {
			exchange->no_memory = true;
			return 0;
		}
		answer->body = body;
		exchange->room = room;
	}
	memcpy(answer->body + answer->length, data, size);
	answer->length += size;
	answer->body[answer->length] = '\0';
	return size;
}

static int
add_header(struct exchange *exchange, const char *header)
{
	struct curl_slist *headers = curl_slist_append(exchange->headers, header);

	if (headers == NULL)
		return -1;
	exchange->headers = headers;
	return 0;
}

static int
add_headers(struct exchange *exchange)
{
	const struct http_request *request = exchange->request;
	char token[HEADER_MAX];
	int length, added;

	for (const char *const *header = request->headers; header != NULL && *header != NULL; header++)
		if (add_header(exchange, *header) == -1)
			return -1;
	if (request->signature == NULL || request->signature->session_token == NULL)
		return 0;
	length = snprintf(token, sizeof(token), "X-Amz-Security-Token: %s", request->signature->session_token);
	added = length < (int)sizeof(token) ? add_header(exchange, token) : -1;
	explicit_bzero(token, sizeof(token));
	return added;
}

/* The session token is one of them. */
static void
free_headers(struct exchange *exchange)
{
	for (struct curl_slist *header = exchange->headers; header != NULL; header = header->next)
		explicit_bzero(header->data, strlen(header->data));
	curl_slist_free_all(exchange->headers);
}

static CURLcode
set_signature(CURL *curl, const struct http_signature *signature)
{
	char scope[256];
	CURLcode code;

	if (signature == NULL)
		return CURLE_OK;
	snprintf(scope, sizeof(scope), "aws:amz:%s:%s", signature->region, signature->service);
	if ((code = curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, scope)) != CURLE_OK ||
	    (code = curl_easy_setopt(curl, CURLOPT_USERNAME, signature->access_key_id)) != CURLE_OK)
		return code;
	return curl_easy_setopt(curl, CURLOPT_PASSWORD, signature->secret_access_key);
}

static CURLcode
set_body(CURL *curl, const struct http_request *request)
{
	CURLcode code = CURLE_OK;

	if (request->body != NULL &&
	    (code = curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length)) == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
	/* After the body, which alone would make it a POST. */
	return code == CURLE_OK ? curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method) : code;
}

static CURLcode
set_ca(CURL *curl, const char *ca)
{
	struct curl_blob blob = { .data = (void *)ca, .flags = CURL_BLOB_COPY };
	CURLcode code;

	if (ca == NULL)
		return CURLE_OK;
	blob.len = strlen(ca);
	/* Instead of the system's, not besides them. */
	if ((code = curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob)) != CURLE_OK ||
	    (code = curl_easy_setopt(curl, CURLOPT_CAPATH, NULL)) != CURLE_OK)
		return code;
	return CURLE_OK;
}

static CURLcode
set_limits(CURL *curl, const struct http_request *request)
{
	long left = deadline_left(request->deadline);
	long connect = request->connect_ms < left ? request->connect_ms : left;
	CURLcode code;

	/* 0 would be curl's own limit, which is none. */
	if ((code = curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, left > 0 ? left : 1L)) != CURLE_OK)
		return code;
	return curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, connect > 0 ? connect : 1L);
}

static CURLcode
set_up(struct http_client *client, struct exchange *exchange)
{
	const struct http_request *request = exchange->request;
	CURL *curl = client->curl;
	CURLcode code;

	curl_easy_reset(curl); /* the options; connections stay */
	client->why[0] = '\0';
	if (add_headers(exchange) == -1)
		return CURLE_OUT_OF_MEMORY;
	/* QUICK_EXIT: a resolver that is stuck is left behind, and not waited for beyond the deadline. */
	if ((code = curl_easy_setopt(curl, CURLOPT_URL, request->url)) != CURLE_OK ||
	    (code = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https")) != CURLE_OK ||
	    (code = curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)) != CURLE_OK ||
	    (code = curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)) != CURLE_OK ||
	    (code = curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L)) != CURLE_OK ||
	    (code = curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L)) != CURLE_OK ||
	    (code = curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->why)) != CURLE_OK ||
	    (code = curl_easy_setopt(curl, CURLOPT_HTTPHEADER, exchange->headers)) != CURLE_OK ||
	    (code = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body)) != CURLE_OK ||
	    (code = curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange)) != CURLE_OK ||
	    (request->once && (code = curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L)) != CURLE_OK) ||
	    (request->direct && (code = curl_easy_setopt(curl, CURLOPT_NOPROXY, "*")) != CURLE_OK) ||
	    (code = set_limits(curl, request)) != CURLE_OK || (code = set_body(curl, request)) != CURLE_OK ||
	    (code = set_signature(curl, request->signature)) != CURLE_OK)
		return code;
	return set_ca(curl, request->ca);
}

/* The reason in curl's own words, made fit for a log: parts of it may come from the peer. */
static int
fail(const struct http_client *client, const struct exchange *exchange, CURLcode code, struct api_error *error)
{
	const char *url = exchange->request->url;
	char why[CURL_ERROR_SIZE];

	/* The peer's headers have no more room than curl gives them, which it calls that, too. */
	if (code == CURLE_OUT_OF_MEMORY && exchange->answer->sent)
		return api_fail(error, API_UNAVAILABLE, "%.300s: the answer's headers are too long, or memory is out", url);
	if (exchange->no_memory || code == CURLE_OUT_OF_MEMORY)
		return api_fail_memory(error);
	if (exchange->too_long)
		return api_fail(error, API_UNAVAILABLE, "%.300s: the answer is longer than %zu bytes", url,
		    exchange->request->answer_max);
	snprintf(why, sizeof(why), "%s", client->why[0] != '\0' ? client->why : curl_easy_strerror(code));
	text_make_safe(why);
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return api_fail(error, API_UNAVAILABLE, "%.300s: %s (trusted are %s)", url, why,
		    exchange->request->ca != NULL ? "the certificates of the file given for it alone" : "the system's authorities");
	return api_fail(error, API_UNAVAILABLE, "%.300s: %s", url, why);
}

/* The headers that somebody asks for. */
static void
read_headers(CURL *curl, struct http_answer *answer)
{
	struct curl_header *header;
	curl_off_t retry_after = 0;

	if (curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after) != CURLE_OK || retry_after <= 0 ||
	    retry_after >= INT32_MAX)
		answer->retry_after_ms = -1;
	else
		answer->retry_after_ms = (int64_t)retry_after * 1000;
	answer->date = -1;
	if (curl_easy_header(curl, "Date", 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
		answer->date = curl_getdate(header->value, NULL);
	if (curl_easy_header(curl, "x-amzn-ErrorType", 0, CURLH_HEADER, -1, &header) == CURLHE_OK &&
	    strlen(header->value) < sizeof(answer->error_type))
		memcpy(answer->error_type, header->value, strlen(header->value) + 1);
}

int
http_send(struct http_client *client, const struct http_request *request, struct http_answer *answer,
    struct api_error *error)
{
	struct exchange exchange = { .request = request, .answer = answer };
	long sent = 0;
	CURLcode code;

	memset(answer, 0, sizeof(*answer));
	code = set_up(client, &exchange);
	if (code == CURLE_OK) {
		code = curl_easy_perform(client->curl);
		answer->sent = curl_easy_getinfo(client->curl, CURLINFO_REQUEST_SIZE, &sent) != CURLE_OK || sent > 0;
	}
	if (code == CURLE_OK && answer->body == NULL && take_body("", 1, 0, &exchange) == 0 && answer->body == NULL)
		code = CURLE_OUT_OF_MEMORY;
	if (code == CURLE_OK)
		code = curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &answer->status);
	if (code == CURLE_OK)
		read_headers(client->curl, answer);
	free_headers(&exchange);
	if (code == CURLE_OK)
		return 0;
	http_answer_free(answer);
	return fail(client, &exchange, code, error);
}

void
http_answer_free(struct http_answer *answer)
{
	free(answer->body);
	answer->body = NULL;
}
