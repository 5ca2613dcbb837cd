/* transfer_judge: an answer of a Transfer API, or of whatever stands in its place. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/operations.h"
#include "common/model/record_json.h"
#include "common/model/text.h"
#include "common/store/transfer/transfer_call.h"

#define NAME_MAX_LENGTH 80
#define SHOWN_MAX 60 /* bytes of an answer that is none, in a message */
#define SECONDS_MAX 86400

/* What AWS's services call, beside the Transfer API's own names, the errors that we know. */
static const struct {
	const char *name;
	enum api_code code;
} OTHER_NAMES[] = {
	{ "AccessDenied", API_ACCESS_DENIED },
	{ "OptInRequired", API_ACCESS_DENIED },
	{ "Throttling", API_THROTTLING },
	{ "ThrottledException", API_THROTTLING },
	{ "TooManyRequestsException", API_THROTTLING },
	{ "RequestLimitExceeded", API_THROTTLING },
	{ "RequestThrottled", API_THROTTLING },
	{ "RequestThrottledException", API_THROTTLING },
	{ "SlowDown", API_THROTTLING },
	{ "InternalFailure", API_INTERNAL },
	{ "InternalServerError", API_INTERNAL },
	{ "InternalServerException", API_INTERNAL },
	{ "ServiceUnavailable", API_UNAVAILABLE },
	{ "ExpiredToken", API_UNRECOGNIZED_CLIENT },
	{ "ExpiredTokenException", API_UNRECOGNIZED_CLIENT },
	{ "InvalidClientTokenId", API_UNRECOGNIZED_CLIENT },
	{ "InvalidAccessKeyId", API_UNRECOGNIZED_CLIENT },
	{ "SignatureDoesNotMatch", API_INVALID_SIGNATURE },
	{ "RequestExpired", API_INVALID_SIGNATURE },
	{ "RequestTimeTooSkewed", API_INVALID_SIGNATURE },
	{ "IncompleteSignature", API_INCOMPLETE_SIGNATURE },
	{ "MissingAuthenticationToken", API_MISSING_TOKEN },
	{ "ValidationError", API_VALIDATION },
};

static enum api_code
code_of(const char *name)
{
	for (size_t i = 0; i < sizeof(OTHER_NAMES) / sizeof(OTHER_NAMES[0]); i++)
		if (strcmp(OTHER_NAMES[i].name, name) == 0)
			return OTHER_NAMES[i].code;
	return api_error_code(name);
}

static bool
has_output(const char *operation)
{
	static const char *const WITHOUT[] = { "DeleteServer", "StartServer", "StopServer", "DeleteUser",
		"DeleteSshPublicKey", "TagResource", "UntagResource" };

	for (size_t i = 0; i < sizeof(WITHOUT) / sizeof(WITHOUT[0]); i++)
		if (strcmp(operation, WITHOUT[i]) == 0)
			return false;
	return true;
}

/* What came in place of an answer, its first bytes shown. */
static enum transfer_verdict
strange(const char *url, const struct http_answer *answer, struct api_error *error)
{
	char shown[SHOWN_MAX + 1];
	size_t length = answer->length < SHOWN_MAX ? answer->length : SHOWN_MAX;

	for (size_t i = 0; i < length; i++)
		shown[i] = answer->body[i] == '\0' ? '?' : answer->body[i];
	shown[length] = '\0';
	text_make_safe(shown);
	if (length == 0)
		api_fail(error, API_UNAVAILABLE, "%.300s answered with status %ld and nothing else, which is no answer of a "
		    "Transfer API", url, answer->status);
	else
		api_fail(error, API_UNAVAILABLE, "%.300s answered with status %ld and something that is no answer of a "
		    "Transfer API: \"%s%s\"", url, answer->status, shown, length < answer->length ? "…" : "");
	return TRANSFER_REFUSED;
}

static bool
is_memory(const cJSON *parsed, const struct api_error *error)
{
	return parsed == NULL && error->code == API_UNAVAILABLE;
}

static enum transfer_verdict
read_output(const char *url, const char *operation, const struct http_answer *answer, cJSON **response,
    struct api_error *error)
{
	cJSON *parsed = NULL;

	if (answer->length > 0 && (parsed = operation_parse_answer(answer->body, answer->length, error)) == NULL)
		return is_memory(parsed, error) ? TRANSFER_REFUSED : strange(url, answer, error);
	if (has_output(operation) ? cJSON_IsObject(parsed) : parsed == NULL || cJSON_IsObject(parsed)) {
		if (has_output(operation))
			*response = parsed;
		else
			cJSON_Delete(parsed);
		return TRANSFER_ANSWERED;
	}
	cJSON_Delete(parsed);
	return strange(url, answer, error);
}

/* "Name" of "com.amazonaws.transfer#Name:http://…", as far as it is one. */
static void
bare_name(const char *text, char name[NAME_MAX_LENGTH + 1])
{
	static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	const char *hash;
	size_t length;

	name[0] = '\0';
	if (text == NULL)
		return;
	hash = strrchr(text, '#');
	text = hash == NULL ? text : hash + 1;
	length = strcspn(text, ":");
	if (length > 0 && length <= NAME_MAX_LENGTH && strspn(text, LETTERS) == length)
		snprintf(name, NAME_MAX_LENGTH + 1, "%.*s", (int)length, text);
}

static void
error_name(const struct http_answer *answer, const cJSON *body, char name[NAME_MAX_LENGTH + 1])
{
	bare_name(record_json_string(body, "__type"), name);
	if (name[0] == '\0')
		bare_name(record_json_string(body, "code"), name);
	if (name[0] == '\0')
		bare_name(answer->error_type, name);
}

/* A member of an error, fit for a terminal and a log. */
static void
take_text(const cJSON *body, const char *name, const char *other_name, char *to, size_t size)
{
	const char *text = record_json_string(body, name);

	if (text == NULL)
		text = record_json_string(body, other_name);
	snprintf(to, size, "%s", text == NULL ? "" : text);
	text_make_safe(to);
}

/* Seconds to wait, for whoever throttles: the header's, or else the body's, which is a text at AWS. */
static unsigned
retry_after(const struct http_answer *answer, const cJSON *body)
{
	const char *text = record_json_string(body, "RetryAfterSeconds");
	long seconds = text == NULL ? 0 : strtol(text, NULL, 10);

	if (answer->retry_after_ms > 0)
		seconds = answer->retry_after_ms / 1000;
	return seconds <= 0 ? 0 : seconds > SECONDS_MAX ? SECONDS_MAX : (unsigned)seconds;
}

static void
set_error(const struct http_answer *answer, const char *name, enum api_code code, const cJSON *body,
    struct api_error *error)
{
	char message[sizeof(error->message)];

	take_text(body, "Message", "message", message, sizeof(message));
	/* An error that we don't know is called by its name in the message: the code can't say it. */
	if (api_error_code(name) == API_OK && name[0] != '\0')
		api_fail(error, code, "%s: %s", name, message[0] != '\0' ? message : "without a message");
	else
		api_fail(error, code, "%s", message[0] != '\0' ? message : name);
	if (code == API_NOT_FOUND || code == API_EXISTS) {
		take_text(body, "Resource", "resource", error->resource, sizeof(error->resource));
		take_text(body, "ResourceType", "resourceType", error->resource_type, sizeof(error->resource_type));
	}
	if (code == API_THROTTLING)
		error->retry_after = retry_after(answer, body);
}

static enum transfer_verdict
verdict_of(enum api_code code)
{
	switch (code) {
	case API_THROTTLING:
		return TRANSFER_THROTTLED;
	case API_INTERNAL:
	case API_UNAVAILABLE:
		return TRANSFER_FAILED;
	case API_UNRECOGNIZED_CLIENT:
	case API_INVALID_SIGNATURE:
		return TRANSFER_UNSIGNED;
	default:
		return TRANSFER_REFUSED;
	}
}

/* The code of an error of this name, which we may not know: then the status tells. */
static enum api_code
code_with_status(const char *name, long status)
{
	enum api_code code = code_of(name);

	if (code != API_OK)
		return code;
	if (status == 429)
		return API_THROTTLING;
	if (status >= 500)
		return API_UNAVAILABLE;
	return status == 401 || status == 403 ? API_ACCESS_DENIED : API_INVALID_REQUEST;
}

static enum transfer_verdict
read_error(const char *url, const struct http_answer *answer, struct api_error *error)
{
	char name[NAME_MAX_LENGTH + 1];
	enum transfer_verdict verdict;
	cJSON *body = NULL;

	if (answer->length > 0 && (body = operation_parse_answer(answer->body, answer->length, error)) == NULL &&
	    is_memory(body, error))
		return TRANSFER_REFUSED;
	error_name(answer, body, name);
	if (name[0] != '\0') {
		set_error(answer, name, code_with_status(name, answer->status), body, error);
		verdict = verdict_of(error->code);
	} else {
		/* Not the API but something before it: a balancer, a proxy. */
		verdict = strange(url, answer, error);
		if (answer->status == 429) {
			error->code = API_THROTTLING;
			error->retry_after = retry_after(answer, NULL);
			verdict = TRANSFER_THROTTLED;
		} else if (answer->status >= 500) {
			verdict = TRANSFER_FAILED;
		}
	}
	cJSON_Delete(body);
	return verdict;
}

enum transfer_verdict
transfer_judge(const char *url, const char *operation, const struct http_answer *answer, cJSON **response,
    struct api_error *error)
{
	*response = NULL;
	if (answer->status == 200)
		return read_output(url, operation, answer, response, error);
	/* Redirections aren't followed, and no success has another status. */
	return answer->status >= 400 ? read_error(url, answer, error) : strange(url, answer, error);
}
