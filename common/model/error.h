/*
 * The Transfer API's errors, as every operation returns them.
 */
#ifndef BERTH_ERROR_H
#define BERTH_ERROR_H

enum api_code {
	API_OK = 0,
	API_VALIDATION,       /* ValidationException: a shape's constraint is broken */
	API_INVALID_REQUEST,  /* InvalidRequestException: a rule of meaning is broken */
	API_NOT_FOUND,        /* ResourceNotFoundException */
	API_EXISTS,           /* ResourceExistsException */
	API_INVALID_TOKEN,    /* InvalidNextTokenException */
	API_CONFLICT,         /* ConflictException */
	API_ACCESS_DENIED,    /* AccessDeniedException */
	API_THROTTLING,       /* ThrottlingException */
	API_INTERNAL,         /* InternalServiceError: ours, or the store's data can't be read */
	API_UNAVAILABLE,      /* ServiceUnavailableException: the store can't be reached or written now */
	API_SERIALIZATION,    /* SerializationException: the request isn't a JSON object */
	API_UNKNOWN_OPERATION, /* UnknownOperationException */
	/* Of signatures (Signature Version 4), in the order in which they are looked for: */
	API_MISSING_TOKEN,        /* MissingAuthenticationTokenException: not signed */
	API_INCOMPLETE_SIGNATURE, /* IncompleteSignatureException: what is needed to judge it isn't there */
	API_UNRECOGNIZED_CLIENT,  /* UnrecognizedClientException: no such access key, or it is disabled */
	API_INVALID_SIGNATURE,    /* InvalidSignatureException: wrong, expired, or of less than the whole request */
	API_CODE_COUNT,
};

struct api_error {
	enum api_code code;
	char message[4096];      /* one line of UTF-8, without control characters */
	char resource[160];      /* NOT_FOUND and EXISTS: which one; else "" */
	char resource_type[32];  /* "Server", "User", "SshPublicKey" */
	unsigned retry_after;    /* THROTTLING: seconds, at least 1; else 0 */
};

/* api_fail: sets code and message (printf's format, cut when too long) and returns -1, so that a refusal is one line. */
int api_fail(struct api_error *error, enum api_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* api_fail_resource: the same for NOT_FOUND ("Unknown user") and EXISTS, with resource and type. Returns -1. */
int api_fail_resource(struct api_error *error, enum api_code code, const char *resource_type, const char *resource);
/* api_fail_throttled: API_THROTTLING; seconds, at least 1, until it is worth trying again. Returns -1. */
int api_fail_throttled(struct api_error *error, unsigned seconds);
/* api_fail_memory: API_UNAVAILABLE, for an allocation that failed. Returns -1. */
int api_fail_memory(struct api_error *error);
/* api_error_name: "ResourceNotFoundException" … */
const char *api_error_name(enum api_code code);
/* api_error_code: the code of such a name; API_OK for a name that is none of them. */
enum api_code api_error_code(const char *name);

#endif
