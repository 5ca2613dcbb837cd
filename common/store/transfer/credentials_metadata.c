/* The instance's metadata service, version 2 alone: its first version gives the role's keys to whoever can make a program of
 * this host fetch a URL. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/store/transfer/credentials_source.h"

#define NAME       "instance metadata"
#define ROLES      "/latest/meta-data/iam/security-credentials/"
#define TOKEN_TIME "X-aws-ec2-metadata-token-ttl-seconds: 300"
#define TOKEN_MAX  1024
#define ROLE_MAX   128
#define CONNECT_MS 1000 /* it is on the host's own link, or not there */
#define TRY_MS     2000
#define TRIES      2    /* once it has answered */

struct service {
	struct source_search *search;
	char url[512];
	char origin[SOURCE_ORIGIN_MAX];
	char token[TOKEN_MAX]; /* a header */
};

static const char *
endpoint(void)
{
	const char *given = source_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	const char *mode = source_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");

	if (given != NULL)
		return given;
	return mode != NULL && strcasecmp(mode, "IPv6") == 0 ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
}

static bool
is_disabled(void)
{
	const char *variable = source_variable("AWS_EC2_METADATA_DISABLED");

	return variable != NULL && strcasecmp(variable, "true") == 0;
}

/* The answer to a request of this path; its status is 200. FOUND, or FAILED with why. */
static enum source_result
send(struct service *service, const char *method, const char *path, const char *header, int tries,
    struct http_answer *answer)
{
	const char *headers[] = { header, NULL };
	char url[sizeof(service->url) + sizeof(ROLES) + ROLE_MAX];
	const struct source_request request = { .name = NAME, .origin = service->origin, .method = method, .url = url,
		.headers = headers, .connect_ms = CONNECT_MS, .try_ms = TRY_MS, .tries = tries };

	snprintf(url, sizeof(url), "%s%s", service->url, path);
	if (source_send(service->search, &request, answer) != SOURCE_FOUND)
		return SOURCE_FAILED;
	if (answer->status == 200)
		return SOURCE_FOUND;
	if (answer->status == 404 && strcmp(path, ROLES) == 0)
		source_say(service->search, SOURCE_FAILED, NAME ": %s: the instance has no role", service->origin);
	else
		source_say_status(service->search, &request, answer);
	source_answer_free(answer);
	return SOURCE_FAILED;
}

/* A token is a word of visible characters; a proxy's page isn't. */
static enum source_result
take_token(struct service *service)
{
	struct http_answer answer;
	size_t length = 0;

	/* One try: on a host that isn't an instance nobody answers, and that takes its time. */
	if (send(service, "PUT", "/latest/api/token", TOKEN_TIME, 1, &answer) != SOURCE_FOUND)
		return SOURCE_FAILED;
	while (length < answer.length && answer.body[length] > ' ' && answer.body[length] <= '~')
		length++;
	if (length > 0 && length == answer.length &&
	    snprintf(service->token, sizeof(service->token), "X-aws-ec2-metadata-token: %s", answer.body) <
	    (int)sizeof(service->token)) {
		source_answer_free(&answer);
		return SOURCE_FOUND;
	}
	source_answer_free(&answer);
	return source_say(service->search, SOURCE_FAILED, NAME ": %s: what it gave isn't a token", service->origin);
}

/* The first line: IAM's names have no character that means something in a URL. */
static enum source_result
take_role(struct service *service, char *role)
{
	static const char NAMES[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=,.@-";
	struct http_answer answer;
	size_t length;
	bool good;

	if (send(service, "GET", ROLES, service->token, TRIES, &answer) != SOURCE_FOUND)
		return SOURCE_FAILED;
	length = strspn(answer.body, NAMES);
	good = length > 0 && length < ROLE_MAX && answer.body[0] != '.' && strchr("\r\n", answer.body[length]) != NULL;
	if (good)
		snprintf(role, ROLE_MAX, "%.*s", (int)length, answer.body);
	source_answer_free(&answer);
	return good ? SOURCE_FOUND :
	    source_say(service->search, SOURCE_FAILED, NAME ": %s: what it gave isn't a role's name", service->origin);
}

static enum source_result
take_credentials(struct service *service, const char *role, struct credentials *credentials)
{
	char path[sizeof(ROLES) + ROLE_MAX];
	struct http_answer answer;
	const char *wrong;

	snprintf(path, sizeof(path), "%s%s", ROLES, role);
	if (send(service, "GET", path, service->token, TRIES, &answer) != SOURCE_FOUND)
		return SOURCE_FAILED;
	wrong = source_take_json(credentials, answer.body, answer.length, "Token", false);
	source_answer_free(&answer);
	return wrong == NULL ? SOURCE_FOUND :
	    source_say(service->search, SOURCE_FAILED, NAME ": %s: role %s: %s", service->origin, role, wrong);
}

enum source_result
source_metadata(struct source_search *search, struct credentials *credentials)
{
	struct service service = { .search = search };
	char role[ROLE_MAX];
	enum source_result result;
	const char *wrong;
	size_t length;

	if (is_disabled())
		return source_say(search, SOURCE_ABSENT, NAME ": AWS_EC2_METADATA_DISABLED is set");
	length = (size_t)snprintf(service.url, sizeof(service.url), "%s", endpoint());
	wrong = length < sizeof(service.url) ? source_url(service.url, service.origin) : "it is too long";
	if (wrong != NULL)
		return source_say(search, SOURCE_FAILED, NAME ": AWS_EC2_METADATA_SERVICE_ENDPOINT: %s", wrong);
	while (length > 0 && service.url[length - 1] == '/')
		service.url[--length] = '\0';
	if ((result = take_token(&service)) == SOURCE_FOUND && (result = take_role(&service, role)) == SOURCE_FOUND)
		result = take_credentials(&service, role, credentials);
	explicit_bzero(service.token, sizeof(service.token));
	return result;
}
