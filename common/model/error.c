#include "common/model/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/model/text.h"

/* A message may quote what came from outside, cut anywhere: it must still be one line of UTF-8 when it is logged or sent. */
static void
clean(char *message)
{
	char *end = message + strlen(message);
	const char *next;
	int32_t character;

	while (message < end) {
		next = message;
		character = text_next(&next, end);
		if (character == -1 || character < 0x20 || (character >= 0x7f && character <= 0x9f)) {
			/* A character's further bytes are no character by themselves: they go the same way. */
			*message++ = '?';
			continue;
		}
		message += next - message;
	}
}

int
api_fail(struct api_error *error, enum api_code code, const char *format, ...)
{
	va_list arguments;

	memset(error, 0, sizeof(*error));
	error->code = code;
	va_start(arguments, format);
	vsnprintf(error->message, sizeof(error->message), format, arguments);
	va_end(arguments);
	clean(error->message);
	return -1;
}

/* The service's words for a type of resource in its messages. */
static const char *
resource_words(const char *resource_type)
{
	if (strcmp(resource_type, "Server") == 0)
		return "server";
	if (strcmp(resource_type, "User") == 0)
		return "user";
	if (strcmp(resource_type, "SshPublicKey") == 0)
		return "SSH public key";
	return "resource";
}

int
api_fail_resource(struct api_error *error, enum api_code code, const char *resource_type, const char *resource)
{
	const char *words = resource_words(resource_type);

	if (code == API_EXISTS)
		api_fail(error, code, "The %s %s already exists", words, resource);
	else
		api_fail(error, code, "Unknown %s", words);
	snprintf(error->resource, sizeof(error->resource), "%s", resource);
	snprintf(error->resource_type, sizeof(error->resource_type), "%s", resource_type);
	return -1;
}

int
api_fail_throttled(struct api_error *error, unsigned seconds)
{
	api_fail(error, API_THROTTLING, "Rate exceeded; try again in %u s", seconds);
	error->retry_after = seconds;
	return -1;
}

int
api_fail_memory(struct api_error *error)
{
	return api_fail(error, API_UNAVAILABLE, "Out of memory");
}

const char *
api_error_name(enum api_code code)
{
	switch (code) {
	case API_OK:
		return "OK";
	case API_VALIDATION:
		return "ValidationException";
	case API_INVALID_REQUEST:
		return "InvalidRequestException";
	case API_NOT_FOUND:
		return "ResourceNotFoundException";
	case API_EXISTS:
		return "ResourceExistsException";
	case API_INVALID_TOKEN:
		return "InvalidNextTokenException";
	case API_CONFLICT:
		return "ConflictException";
	case API_ACCESS_DENIED:
		return "AccessDeniedException";
	case API_THROTTLING:
		return "ThrottlingException";
	case API_INTERNAL:
		return "InternalServiceError";
	case API_UNAVAILABLE:
		return "ServiceUnavailableException";
	case API_SERIALIZATION:
		return "SerializationException";
	case API_UNKNOWN_OPERATION:
		return "UnknownOperationException";
	case API_MISSING_TOKEN:
		return "MissingAuthenticationTokenException";
	case API_INCOMPLETE_SIGNATURE:
		return "IncompleteSignatureException";
	case API_UNRECOGNIZED_CLIENT:
		return "UnrecognizedClientException";
	case API_INVALID_SIGNATURE:
		return "InvalidSignatureException";
	case API_CODE_COUNT:
		break;
	}
	return "InternalServiceError";
}

enum api_code
api_error_code(const char *name)
{
	for (enum api_code code = API_OK + 1; code < API_CODE_COUNT; code++)
		if (strcmp(api_error_name(code), name) == 0)
			return code;
	return API_OK;
}
