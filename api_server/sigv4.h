/*
 * AWS Signature Version 4, the verifying side. Source: AWS General Reference, "Signing AWS API requests"; what real clients
 * sign is in docs/api.md.
 *
 * In two steps, since the body comes after the headers: sigv4_read() refuses all that can be refused without a secret and
 * before the body, sigv4_verify() computes. Nothing here looks at a store, a clock or a socket.
 */
#ifndef BERTH_SIGV4_H
#define BERTH_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/model/error.h"

#define SIGV4_HASH         32  /* bytes of a SHA-256 */
#define SIGV4_KEY_ID_MAX   128
#define SIGV4_SKEW_SECONDS 900 /* how far a signature's time may be from ours, either way */
#define SIGV4_SIGNED_MAX   64  /* headers that a signature may name */
#define SIGV4_HEADERS_MAX  256 /* headers that a request may have */

struct sigv4_header {
	const char *name, *value; /* as received; a name that came twice stands here twice, in the order received */
};

/* A request as it stood on the wire; all of it lives with the caller. */
struct sigv4_request {
	const char *method; /* "POST" */
	const char *path;   /* up to the '?', not decoded: "/" */
	const char *query;  /* after the '?', not decoded; "" for none */
	const struct sigv4_header *headers;
	size_t header_count;
};

/* Whose requests are taken. */
struct sigv4_scope {
	const char *region, *service; /* "us-east-1", "transfer" */
};

/* What the Authorization header says. The slices point into the header's value. */
struct sigv4_authorization {
	char key_id[SIGV4_KEY_ID_MAX + 1]; /* letters, digits and _ alone: fit for a log */
	char date[sizeof("YYYYMMDD")];     /* of the scope; the day of `time` */
	char time[sizeof("YYYYMMDDTHHMMSSZ")];
	struct sigv4_slice {
		const char *text;
		size_t length;
	} signed_headers, signed_header[SIGV4_SIGNED_MAX]; /* the list as a whole, and each of it */
	size_t signed_header_count;
	unsigned char signature[SIGV4_HASH];
};

/*
 * sigv4_read: the header's form, the scope, the clock, and that host, content-type, and every x-amz-* header that is there
 * are signed. A header that decides something (Authorization, Host, Content-Type, X-Amz-Date, X-Amz-Target,
 * X-Amz-Content-Sha256) may stand once. Payloads that aren't signed (UNSIGNED-PAYLOAD, STREAMING-*), session tokens and
 * signatures in the query are refused. Once it is known, key_id is filled in, whatever is refused afterwards; until then it
 * is "". Returns 0 or -1.
 */
int sigv4_read(const struct sigv4_request *request, const struct sigv4_scope *scope, time_t now,
    struct sigv4_authorization *authorization, struct api_error *error);

/* sigv4_signing_key: of a secret for this day and scope; the same all day long, so that it is worth keeping. Returns 0, or
 * -1 with *error when the library fails. */
int sigv4_signing_key(const char *secret, const char *date, const struct sigv4_scope *scope, unsigned char key[SIGV4_HASH],
    struct api_error *error);

/* sigv4_verify: the signature, compared in constant time; an X-Amz-Content-Sha256 header must be the body's hash. The
 * request is the one that was read. Returns 0 or -1. */
int sigv4_verify(const struct sigv4_request *request, const struct sigv4_authorization *authorization,
    const struct sigv4_scope *scope, const unsigned char signing_key[SIGV4_HASH], const unsigned char body_hash[SIGV4_HASH],
    struct api_error *error);

#endif
