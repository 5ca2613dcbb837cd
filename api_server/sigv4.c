#include "api_server/sigv4.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api_server/sigv4_authorization.h"
#include "api_server/sigv4_canonical.h"
#include "api_server/sigv4_slice.h"

#define TERMINATOR "aws4_request"
#define SECRET_MAX 256

/* The header's value without the white space around it; text is NULL when it isn't there. Twice is refused: whoever reads it
 * elsewhere could read the other one. */
static int
take_header(const struct sigv4_request *request, const char *name, struct sigv4_slice *value, struct api_error *error)
{
	size_t i;

	*value = (struct sigv4_slice) { NULL, 0 };
	for (i = 0; i < request->header_count; i++) {
		if (strcasecmp(request->headers[i].name, name) != 0)
			continue;
		if (value->text != NULL)
			return api_fail(error, API_INCOMPLETE_SIGNATURE, "The header '%s' may stand only once in a request",
			    name);
		*value = slice_trimmed(request->headers[i].value, strlen(request->headers[i].value));
	}
	return 0;
}

/* Those that must stand once whether this file reads them or not. */
static int
check_single(const struct sigv4_request *request, struct api_error *error)
{
	static const char *const SINGLE[] = { "Host", "Content-Type", "X-Amz-Target" };
	struct sigv4_slice value;
	size_t i;

	for (i = 0; i < sizeof(SINGLE) / sizeof(*SINGLE); i++)
		if (take_header(request, SINGLE[i], &value, error) == -1)
			return -1;
	return 0;
}

static int
read_authorization(const struct sigv4_request *request, struct sigv4_authorization *authorization,
    struct sigv4_slice scope[SCOPE_COUNT], struct api_error *error)
{
	bool presigned = canonical_query_signs(request->query);
	struct sigv4_slice value;

	if (take_header(request, "Authorization", &value, error) == -1)
		return -1;
	if (value.text == NULL && presigned)
		return api_fail(error, API_MISSING_TOKEN, "Missing Authentication Token: a signature in a query (X-Amz-…) "
		    "isn't taken, only one in the Authorization header");
	if (value.text == NULL)
		return api_fail(error, API_MISSING_TOKEN, "Missing Authentication Token");
	if (authorization_parse(value.text, authorization, scope, error) == -1)
		return -1;
	if (presigned)
		return api_fail(error, API_INCOMPLETE_SIGNATURE, "A request with an Authorization header may have no "
		    "parameter of a signature (X-Amz-…) in its query");
	return 0;
}

static void
print_time(time_t time, char text[sizeof("YYYYMMDDTHHMMSSZ")])
{
	struct tm parts;

	if (gmtime_r(&time, &parts) == NULL || strftime(text, sizeof("YYYYMMDDTHHMMSSZ"), "%Y%m%dT%H%M%SZ", &parts) == 0)
		text[0] = '\0';
}

static int
two_digits(const char *text)
{
	return 10 * (text[0] - '0') + (text[1] - '0');
}

/* What timegm() had to carry over, the 31st of June, is no date. */
static bool
read_time(const char *text, time_t *time)
{
	struct tm parts = { 0 }, normal;

	if (strspn(text, "0123456789") != 8 || text[8] != 'T' || strspn(text + 9, "0123456789") != 6 ||
	    strcmp(text + 15, "Z") != 0)
		return false;
	parts.tm_year = 100 * two_digits(text) + two_digits(text + 2) - 1900;
	parts.tm_mon = two_digits(text + 4) - 1;
	parts.tm_mday = two_digits(text + 6);
	parts.tm_hour = two_digits(text + 9);
	parts.tm_min = two_digits(text + 11);
	parts.tm_sec = two_digits(text + 13);
	normal = parts;
	*time = timegm(&normal);
	return normal.tm_mon == parts.tm_mon && normal.tm_mday == parts.tm_mday && normal.tm_hour == parts.tm_hour &&
	    normal.tm_min == parts.tm_min && normal.tm_sec == parts.tm_sec;
}

static int
read_date_header(const struct sigv4_request *request, struct sigv4_authorization *authorization, time_t *time,
    struct api_error *error)
{
	struct sigv4_slice value;

	if (take_header(request, "X-Amz-Date", &value, error) == -1)
		return -1;
	if (value.text == NULL)
		return api_fail(error, API_INCOMPLETE_SIGNATURE,
		    "Authorization header requires existence of a 'X-Amz-Date' header.");
	if (value.length < sizeof(authorization->time)) {
		memcpy(authorization->time, value.text, value.length);
		authorization->time[value.length] = '\0';
	}
	if (!read_time(authorization->time, time))
		return api_fail(error, API_INCOMPLETE_SIGNATURE,
		    "X-Amz-Date must be in ISO-8601 'basic format', as in 20150830T123600Z");
	memcpy(authorization->date, authorization->time, sizeof(authorization->date) - 1);
	return 0;
}

/* What can be no access key of this server, whatever ApiKeysFile says. */
static int
check_client(const struct sigv4_request *request, const struct sigv4_authorization *authorization, struct api_error *error)
{
	struct sigv4_slice token;

	if (take_header(request, "X-Amz-Security-Token", &token, error) == -1)
		return -1;
	if (token.text != NULL)
		return api_fail(error, API_UNRECOGNIZED_CLIENT, "The security token included in the request is invalid: "
		    "this server's access keys go without X-Amz-Security-Token.");
	if (authorization->key_id[0] == '\0')
		return api_fail(error, API_UNRECOGNIZED_CLIENT, "The security token included in the request is invalid.");
	return 0;
}

/* A slice for "%.*s", cut. */
#define SHOWN(slice) (int)((slice).length < 64 ? (slice).length : 64), (slice).text

static int
check_scope(const struct sigv4_slice claimed[SCOPE_COUNT], const struct sigv4_scope *scope,
    const struct sigv4_authorization *authorization, struct api_error *error)
{
	if (!slice_is(claimed[SCOPE_REGION], scope->region))
		return api_fail(error, API_INVALID_SIGNATURE, "Credential should be scoped to a valid region, not '%.*s'.",
		    SHOWN(claimed[SCOPE_REGION]));
	if (!slice_is(claimed[SCOPE_SERVICE], scope->service))
		return api_fail(error, API_INVALID_SIGNATURE, "Credential should be scoped to correct service: '%s'.",
		    scope->service);
	if (!slice_is(claimed[SCOPE_TERMINATOR], TERMINATOR))
		return api_fail(error, API_INVALID_SIGNATURE,
		    "Credential should be scoped with a valid terminator: '" TERMINATOR "', not '%.*s'.",
		    SHOWN(claimed[SCOPE_TERMINATOR]));
	if (!slice_is(claimed[SCOPE_DATE], authorization->date))
		return api_fail(error, API_INVALID_SIGNATURE, "Date in Credential scope does not match YYYYMMDD from "
		    "ISO-8601 version of date from HTTP: '%.*s' != '%s', from '%s'.", SHOWN(claimed[SCOPE_DATE]),
		    authorization->date, authorization->time);
	return 0;
}

static int
check_clock(const char *signed_text, time_t signed_time, time_t now, struct api_error *error)
{
	char now_text[sizeof("YYYYMMDDTHHMMSSZ")], limit[sizeof("YYYYMMDDTHHMMSSZ")];

	if (signed_time >= now - SIGV4_SKEW_SECONDS && signed_time <= now + SIGV4_SKEW_SECONDS)
		return 0;
	print_time(now, now_text);
	if (signed_time < now - SIGV4_SKEW_SECONDS) {
		print_time(now - SIGV4_SKEW_SECONDS, limit);
		return api_fail(error, API_INVALID_SIGNATURE, "Signature expired: %s is now earlier than %s (%s - %d min.)",
		    signed_text, limit, now_text, SIGV4_SKEW_SECONDS / 60);
	}
	print_time(now + SIGV4_SKEW_SECONDS, limit);
	return api_fail(error, API_INVALID_SIGNATURE, "Signature not yet current: %s is still later than %s (%s + %d min.)",
	    signed_text, limit, now_text, SIGV4_SKEW_SECONDS / 60);
}

/* Which of the signed headers this is, or -1. They are sorted. */
static int
signed_index(const struct sigv4_authorization *authorization, const char *name)
{
	size_t low = 0, high = authorization->signed_header_count, middle;
	int order;

	while (low < high) {
		middle = low + (high - low) / 2;
		order = slice_order_name(authorization->signed_header[middle], name);
		if (order == 0)
			return (int)middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

/* Unsigned, they could be changed by whoever sees the request go by: another X-Amz-Target is another operation. Host, which
 * must be there, is looked for by itself. */
static bool
must_be_signed(const char *name)
{
	return strcasecmp(name, "content-type") == 0 || strncasecmp(name, "x-amz-", 6) == 0;
}

static int
check_signed_headers(const struct sigv4_request *request, const struct sigv4_authorization *authorization,
    struct api_error *error)
{
	bool there[SIGV4_SIGNED_MAX] = { false };
	size_t i;
	int index;

	if (signed_index(authorization, "host") == -1)
		return api_fail(error, API_INVALID_SIGNATURE, "'Host' must be a 'SignedHeader' in the AWS Authorization.");
	for (i = 0; i < request->header_count; i++) {
		index = signed_index(authorization, request->headers[i].name);
		if (index != -1)
			there[index] = true;
		else if (must_be_signed(request->headers[i].name))
			return api_fail(error, API_INVALID_SIGNATURE,
			    "'%.64s' must be a 'SignedHeader' in the AWS Authorization.", request->headers[i].name);
	}
	for (i = 0; i < authorization->signed_header_count; i++)
		if (!there[i])
			return api_fail(error, API_INVALID_SIGNATURE, "The signed header '%.*s' isn't in the request",
			    SHOWN(authorization->signed_header[i]));
	return 0;
}

/* hash: what X-Amz-Content-Sha256 says; *there is false without that header. */
static int
read_payload_hash(const struct sigv4_request *request, bool *there, unsigned char hash[SIGV4_HASH], struct api_error *error)
{
	struct sigv4_slice value;

	if (take_header(request, "X-Amz-Content-Sha256", &value, error) == -1)
		return -1;
	*there = value.text != NULL;
	if (!*there || slice_read_hash(value, hash))
		return 0;
	return api_fail(error, API_INVALID_SIGNATURE, "X-Amz-Content-Sha256 must be the SHA-256 of the body, in lower-case "
	    "hexadecimal: a payload that is unsigned (UNSIGNED-PAYLOAD) or signed in parts (STREAMING-…) isn't taken");
}

int
sigv4_read(const struct sigv4_request *request, const struct sigv4_scope *scope, time_t now,
    struct sigv4_authorization *authorization, struct api_error *error)
{
	struct sigv4_slice claimed[SCOPE_COUNT];
	unsigned char payload_hash[SIGV4_HASH];
	time_t signed_time = 0;
	bool there;

	memset(authorization, 0, sizeof(*authorization));
	if (request->header_count > SIGV4_HEADERS_MAX)
		return api_fail(error, API_INCOMPLETE_SIGNATURE, "A request may have at most %d headers", SIGV4_HEADERS_MAX);
	if (read_authorization(request, authorization, claimed, error) == -1 || check_single(request, error) == -1 ||
	    read_date_header(request, authorization, &signed_time, error) == -1 ||
	    check_client(request, authorization, error) == -1 || check_scope(claimed, scope, authorization, error) == -1 ||
	    check_clock(authorization->time, signed_time, now, error) == -1 ||
	    check_signed_headers(request, authorization, error) == -1)
		return -1;
	return read_payload_hash(request, &there, payload_hash, error);
}

static bool
hmac(const void *key, size_t key_length, const char *text, unsigned char code[SIGV4_HASH])
{
	return gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, key_length, text, strlen(text), code) == 0;
}

int
sigv4_signing_key(const char *secret, const char *date, const struct sigv4_scope *scope, unsigned char key[SIGV4_HASH],
    struct api_error *error)
{
	char seed[sizeof("AWS4") + SECRET_MAX];
	int length = snprintf(seed, sizeof(seed), "AWS4%s", secret);
	bool done = length > 0 && (size_t)length < sizeof(seed) && hmac(seed, (size_t)length, date, key) &&
	    hmac(key, SIGV4_HASH, scope->region, key) && hmac(key, SIGV4_HASH, scope->service, key) &&
	    hmac(key, SIGV4_HASH, TERMINATOR, key);

	explicit_bzero(seed, sizeof(seed));
	if (done)
		return 0;
	explicit_bzero(key, SIGV4_HASH);
	return api_fail(error, API_INTERNAL, "The signing key can't be computed");
}

/* What the request's signature would be. */
static int
compute_signature(const struct sigv4_authorization *authorization, const struct sigv4_scope *scope,
    const unsigned char signing_key[SIGV4_HASH], const unsigned char request_hash[SIGV4_HASH],
    unsigned char signature[SIGV4_HASH], struct api_error *error)
{
	char text[512], hex[SIGV4_HEX];
	int length;

	canonical_hex(request_hash, hex);
	length = snprintf(text, sizeof(text), SIGV4_ALGORITHM "\n%s\n%s/%s/%s/" TERMINATOR "\n%s", authorization->time,
	    authorization->date, scope->region, scope->service, hex);
	if (length < 0 || (size_t)length >= sizeof(text) || !hmac(signing_key, SIGV4_HASH, text, signature))
		return api_fail(error, API_INTERNAL, "The signature can't be computed");
	return 0;
}

int
sigv4_verify(const struct sigv4_request *request, const struct sigv4_authorization *authorization,
    const struct sigv4_scope *scope, const unsigned char signing_key[SIGV4_HASH], const unsigned char body_hash[SIGV4_HASH],
    struct api_error *error)
{
	unsigned char payload_hash[SIGV4_HASH], request_hash[SIGV4_HASH], signature[SIGV4_HASH];
	bool there;

	if (read_payload_hash(request, &there, payload_hash, error) == -1)
		return -1;
	if (there && memcmp(payload_hash, body_hash, SIGV4_HASH) != 0)
		return api_fail(error, API_INVALID_SIGNATURE,
		    "The provided 'x-amz-content-sha256' header does not match what was computed.");
	if (canonical_hash(request, authorization, body_hash, request_hash, error) == -1 ||
	    compute_signature(authorization, scope, signing_key, request_hash, signature, error) == -1)
		return -1;
	if (gnutls_memcmp(signature, authorization->signature, SIGV4_HASH) == 0)
		return 0;
	return api_fail(error, API_INVALID_SIGNATURE, "The request signature we calculated does not match the signature you "
	    "provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.");
}
