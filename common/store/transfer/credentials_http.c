#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>
#include <curl/curl.h>

#include "common/store/transfer/credentials_source.h"
#include "common/wire/deadline.h"

#define ANSWER_MAX 65536
#define CA_MAX     (4 * 1024 * 1024)
#define PAUSE_MS   100 /* before another try; twice as long before each further one */
#define SHOWN_MAX  200

/* The addresses to which http may go: loopback, and those that container agents and instances have on every host. */
static bool
is_address_here(const char *host)
{
	static const char *const HERE6[] = { "::1", "fd00:ec2::23", "fd00:ec2::254", NULL };
	struct in6_addr six, here;
	struct in_addr four;
	char bare[64];

	/* curl itself knows where localhost is, and asks nobody. */
	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127 || strcmp(host, "169.254.170.2") == 0 ||
		    strcmp(host, "169.254.170.23") == 0 || strcmp(host, "169.254.169.254") == 0;
	if (host[0] != '[' || strlen(host) >= sizeof(bare))
		return false;
	snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(host + 1, "]%"), host + 1);
	if (inet_pton(AF_INET6, bare, &six) != 1)
		return false;
	for (const char *const *address = HERE6; *address != NULL; address++)
		if (inet_pton(AF_INET6, *address, &here) == 1 && memcmp(&six, &here, sizeof(six)) == 0)
			return true;
	return false;
}

/* Taken apart by curl, which goes there: no other reading of the same text can differ from its own. */
static const char *
judge_url(CURLU *parts, const char *url, char *origin)
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	const char *wrong = "it isn't an https:// URL";

	if (curl_url_set(parts, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
		(void)curl_url_get(parts, CURLUPART_PORT, &port, 0);
		snprintf(origin, SOURCE_ORIGIN_MAX, "%.8s://%.250s%s%.5s", scheme, host, port != NULL ? ":" : "",
		    port != NULL ? port : "");
		if (strcmp(scheme, "https") == 0)
			wrong = NULL;
		else if (strcmp(scheme, "http") == 0)
			wrong = is_address_here(host) ? NULL :
			    "http:// is for addresses of this host alone; https:// is needed";
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	return wrong;
}

const char *
source_url(const char *url, char *origin)
{
	CURLU *parts = curl_url();
	const char *wrong;

	origin[0] = '\0';
	wrong = parts == NULL ? "out of memory" : judge_url(parts, url, origin);
	for (const char *at = url; *at != '\0'; at++)
		if (*at <= ' ' || *at > '~')
			wrong = "it isn't a URL";
	curl_url_cleanup(parts);
	return wrong;
}

static void
pause_ms(long milliseconds)
{
	struct timespec time = { .tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/* What went wrong, without the URL that such a message begins with. */
static enum source_result
say_error(struct source_search *search, const struct source_request *request, const struct api_error *error)
{
	const char *message = error->message;
	size_t shown = strnlen(request->url, 300);

	if (strncmp(message, request->url, shown) == 0 && strncmp(message + shown, ": ", 2) == 0)
		message += shown + 2;
	return source_say(search, SOURCE_FAILED, "%s: %s: %.*s", request->name, request->origin, SHOWN_MAX, message);
}

static int
send_once(struct source_search *search, const struct source_request *request, const char *ca, struct http_answer *answer,
    struct api_error *error)
{
	const struct http_request sent = {
		.method = request->method,
		.url = request->url,
		.headers = request->headers,
		.body = request->body,
		.body_length = request->body == NULL ? 0 : strlen(request->body),
		.ca = ca,
		.direct = strncmp(request->url, "https:", 6) != 0, /* within this host no proxy is on the way */
		.connect_ms = request->connect_ms,
		.deadline = deadline_after(request->try_ms),
		.answer_max = ANSWER_MAX,
	};

	return http_send(search->client, &sent, answer, error);
}

static enum source_result
send_tries(struct source_search *search, const struct source_request *request, const char *ca, struct http_answer *answer)
{
	struct api_error error;

	for (int tries = 1;; tries++) {
		if (send_once(search, request, ca, answer, &error) == 0) {
			if (answer->status < 500 || tries >= request->tries || atomic_load(search->stop))
				return SOURCE_FOUND;
			source_answer_free(answer);
		} else if (tries >= request->tries || atomic_load(search->stop)) {
			return say_error(search, request, &error);
		}
		pause_ms(PAUSE_MS << (tries - 1));
	}
}

enum source_result
source_send(struct source_search *search, const struct source_request *request, struct http_answer *answer)
{
	const char *file = source_variable("AWS_CA_BUNDLE"), *wrong;
	struct source_text ca = { 0 };
	enum source_result result;

	if (file != NULL && (wrong = source_read(file, CA_MAX, &ca)) != NULL)
		return source_say(search, SOURCE_FAILED, "%s: AWS_CA_BUNDLE: %s: %s", request->name, file, wrong);
	result = send_tries(search, request, ca.bytes, answer);
	source_text_free(&ca);
	return result;
}

void
source_answer_free(struct http_answer *answer)
{
	if (answer->body != NULL)
		explicit_bzero(answer->body, answer->length);
	http_answer_free(answer);
}

static const char *
json_text(const cJSON *object, const char *name)
{
	const cJSON *value = cJSON_GetObjectItem(object, name); /* "code", "Code" */

	return cJSON_IsString(value) ? value->valuestring : "";
}

enum source_result
source_say_status(struct source_search *search, const struct source_request *request, const struct http_answer *answer)
{
	cJSON *object = cJSON_ParseWithLength(answer->body, answer->length);
	const char *code = json_text(object, "code"), *message = json_text(object, "message");

	source_say(search, SOURCE_FAILED, "%s: %s: status %ld%s%.*s%s%.*s", request->name, request->origin, answer->status,
	    code[0] != '\0' ? ", " : "", SHOWN_MAX, code, message[0] != '\0' ? ": " : "", SHOWN_MAX, message);
	cJSON_Delete(object);
	return SOURCE_FAILED;
}
