#include <stdio.h>
#include <string.h>

#include "common/store/transfer/credentials_source.h"

#define NAME       "container"
#define ENDPOINT   "http://169.254.170.2"
#define TOKEN_MAX  8000
#define CONNECT_MS 1000
#define TRY_MS     2000
#define TRIES      3

/* The endpoint may know who asks by a token, which somebody renews in its file. Returns SOURCE_FOUND, with `header` set or
 * "", or SOURCE_FAILED. */
static enum source_result
take_token(struct source_search *search, char *header, size_t size)
{
	static const char PREFIX[] = "Authorization: ";
	const char *file = source_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"), *wrong;
	const char *token = source_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
	const size_t prefix = sizeof(PREFIX) - 1;

	header[0] = '\0';
	if (file == NULL && token == NULL)
		return SOURCE_FOUND;
	memcpy(header, PREFIX, prefix);
	if (file != NULL) {
		wrong = source_read_token(file, header + prefix, size - prefix);
		return wrong == NULL ? SOURCE_FOUND : source_say(search, SOURCE_FAILED, NAME ": %s: %s", file, wrong);
	}
	for (const char *at = token; *at != '\0'; at++)
		if (*at < ' ' || *at > '~') /* it would be another header */
			return source_say(search, SOURCE_FAILED, NAME ": AWS_CONTAINER_AUTHORIZATION_TOKEN isn't a token");
	if (snprintf(header + prefix, size - prefix, "%s", token) >= (int)(size - prefix))
		return source_say(search, SOURCE_FAILED, NAME ": AWS_CONTAINER_AUTHORIZATION_TOKEN is too long");
	return SOURCE_FOUND;
}

static enum source_result
ask(struct source_search *search, const char *url, const char *origin, const char *authorization,
    struct credentials *credentials)
{
	const char *headers[] = { "Accept: application/json", authorization[0] != '\0' ? authorization : NULL, NULL };
	const struct source_request request = { .name = NAME, .origin = origin, .method = "GET", .url = url,
		.headers = headers, .connect_ms = CONNECT_MS, .try_ms = TRY_MS, .tries = TRIES };
	struct http_answer answer;
	enum source_result result;
	const char *wrong;

	if (source_send(search, &request, &answer) != SOURCE_FOUND)
		return SOURCE_FAILED;
	if (answer.status != 200)
		result = source_say_status(search, &request, &answer);
	else if ((wrong = source_take_json(credentials, answer.body, answer.length, "Token", false)) == NULL)
		result = SOURCE_FOUND;
	else
		result = source_say(search, SOURCE_FAILED, NAME ": %s: the answer: %s", origin, wrong);
	source_answer_free(&answer);
	return result;
}

enum source_result
source_container(struct source_search *search, struct credentials *credentials)
{
	const char *relative = source_variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), *wrong;
	const char *full = source_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	char url[4096], origin[SOURCE_ORIGIN_MAX], authorization[TOKEN_MAX];
	enum source_result result;
	int length;

	if (relative == NULL && full == NULL)
		return source_say(search, SOURCE_ABSENT, NAME ": AWS_CONTAINER_CREDENTIALS_RELATIVE_URI isn't set");
	if (relative != NULL && relative[0] != '/')
		return source_say(search, SOURCE_FAILED,
		    NAME ": AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with \"/\"");
	length = snprintf(url, sizeof(url), "%s%s", relative != NULL ? ENDPOINT : "", relative != NULL ? relative : full);
	wrong = length < (int)sizeof(url) ? source_url(url, origin) : "it is too long";
	if (wrong != NULL)
		return source_say(search, SOURCE_FAILED, NAME ": AWS_CONTAINER_CREDENTIALS_%s_URI: %s",
		    relative != NULL ? "RELATIVE" : "FULL", wrong);
	if ((result = take_token(search, authorization, sizeof(authorization))) == SOURCE_FOUND)
		result = ask(search, url, origin, authorization, credentials);
	explicit_bzero(authorization, sizeof(authorization));
	return result;
}
