#include "api_server/sigv4_canonical.h"

#include <ctype.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "api_server/sigv4_slice.h"

static const char UPPER_DIGITS[] = "0123456789ABCDEF", LOWER_DIGITS[] = "0123456789abcdef";

/* The canonical request on its way into its hash: no copy of it exists. */
struct writer {
	gnutls_hash_hd_t digest;
	char text[512];
	size_t used;
	bool failed;
};

static void
flush(struct writer *to)
{
	if (!to->failed && gnutls_hash(to->digest, to->text, to->used) != 0)
		to->failed = true;
	to->used = 0;
}

static void
put(struct writer *to, char character)
{
	if (to->used == sizeof(to->text))
		flush(to);
	to->text[to->used++] = character;
}

static void
put_text(struct writer *to, const char *text)
{
	for (; *text != '\0'; text++)
		put(to, *text);
}

static void
put_slice(struct writer *to, struct sigv4_slice slice)
{
	size_t i;

	for (i = 0; i < slice.length; i++)
		put(to, slice.text[i]);
}

static bool
unreserved(char character)
{
	return (character >= 'A' && character <= 'Z') || (character >= 'a' && character <= 'z') ||
	    (character >= '0' && character <= '9') || character == '-' || character == '.' || character == '_' ||
	    character == '~';
}

/* Writes a byte URI-encoded, which takes at most three. Returns where it ends. */
static char *
encode(char *at, char character)
{
	if (unreserved(character)) {
		*at++ = character;
		return at;
	}
	*at++ = '%';
	*at++ = UPPER_DIGITS[(unsigned char)character >> 4];
	*at++ = UPPER_DIGITS[(unsigned char)character & 0xf];
	return at;
}

/* Without "//", "/./" and what "/.." takes back. `normal` has room for the path, two characters and the NUL. */
static void
normalise(const char *path, char *normal)
{
	struct sigv4_slice rest = { path, strlen(path) }, segment;
	bool more, slash_ends = rest.length > 0 && path[rest.length - 1] == '/';
	size_t length = 0;

	do {
		more = slice_take(&rest, '/', &segment);
		if (segment.length == 0 || slice_is(segment, "."))
			continue;
		if (slice_is(segment, "..")) {
			while (length > 0 && normal[--length] != '/')
				;
			continue;
		}
		normal[length++] = '/';
		memcpy(normal + length, segment.text, segment.length);
		length += segment.length;
	} while (more);
	if (length == 0 || slash_ends)
		normal[length++] = '/';
	normal[length] = '\0';
}

static int
put_path(struct writer *to, const char *path, struct api_error *error)
{
	char *normal = malloc(strlen(path) + sizeof("//")), code[4] = "", *at;

	if (normal == NULL)
		return api_fail_memory(error);
	normalise(path, normal);
	for (at = normal; *at != '\0'; at++) {
		if (*at == '/') {
			put(to, '/');
			continue;
		}
		*encode(code, *at) = '\0';
		put_text(to, code);
	}
	free(normal);
	return 0;
}

/* The next byte of what isn't at its end, decoded; a % that begins no code stands for itself. */
static char
take_decoded(struct sigv4_slice *rest)
{
	bool code = *rest->text == '%' && rest->length >= 3 && isxdigit((unsigned char)rest->text[1]) &&
	    isxdigit((unsigned char)rest->text[2]);
	char character = *rest->text;
	size_t length = code ? 3 : 1;

	if (code)
		character = (char)(slice_hex_value(rest->text[1]) << 4 | slice_hex_value(rest->text[2]));
	rest->text += length;
	rest->length -= length;
	return character;
}

/* A parameter's name or value in the one encoding that signatures know, ended by a NUL. Returns where the next may stand. */
static char *
recode(char *at, struct sigv4_slice encoded)
{
	while (encoded.length > 0)
		at = encode(at, take_decoded(&encoded));
	*at++ = '\0';
	return at;
}

struct parameter {
	const char *name, *value; /* encoded */
};

static int
parameter_order(const void *one, const void *other)
{
	const struct parameter *a = one, *b = other;
	int order = strcmp(a->name, b->name);

	return order != 0 ? order : strcmp(a->value, b->value);
}

static size_t
read_parameters(struct sigv4_slice query, struct parameter *parameters, char *text)
{
	struct sigv4_slice value, name;
	size_t count = 0;
	bool more;

	do {
		more = slice_take(&query, '&', &value);
		if (value.length == 0)
			continue;
		slice_take(&value, '=', &name);
		parameters[count].name = text;
		text = recode(text, name);
		parameters[count++].value = text;
		text = recode(text, value);
	} while (more);
	return count;
}

static int
put_query(struct writer *to, const char *query, struct api_error *error)
{
	size_t length = strlen(query), most = 1, count, i;
	struct parameter *parameters;
	char *text;

	if (length == 0)
		return 0;
	for (i = 0; i < length; i++)
		most += query[i] == '&';
	parameters = calloc(most, sizeof(*parameters));
	text = calloc(3 * length + 2 * most, 1);
	if (parameters == NULL || text == NULL) {
		free(parameters);
		free(text);
		return api_fail_memory(error);
	}
	count = read_parameters((struct sigv4_slice) { query, length }, parameters, text);
	qsort(parameters, count, sizeof(*parameters), parameter_order);
	for (i = 0; i < count; i++) {
		if (i > 0)
			put(to, '&');
		put_text(to, parameters[i].name);
		put(to, '=');
		put_text(to, parameters[i].value);
	}
	free(parameters);
	free(text);
	return 0;
}

/* No line end gets through: what is one header here was one when it was signed. */
static void
put_value(struct writer *to, const char *value)
{
	struct sigv4_slice trimmed = slice_trimmed(value, strlen(value));
	size_t i;

	for (i = 0; i < trimmed.length; i++) {
		if (!white_space(trimmed.text[i]))
			put(to, trimmed.text[i]);
		else if (!white_space(trimmed.text[i - 1]))
			put(to, ' ');
	}
}

static void
put_header(struct writer *to, struct sigv4_slice name, const struct sigv4_request *request)
{
	bool first = true;
	size_t i;

	put_slice(to, name);
	for (i = 0; i < request->header_count; i++) {
		if (slice_order_name(name, request->headers[i].name) != 0)
			continue;
		put(to, first ? ':' : ',');
		put_value(to, request->headers[i].value);
		first = false;
	}
	put(to, '\n');
}

static void
put_headers(struct writer *to, const struct sigv4_request *request, const struct sigv4_authorization *authorization)
{
	size_t i;

	for (i = 0; i < authorization->signed_header_count; i++)
		put_header(to, authorization->signed_header[i], request);
	put(to, '\n');
	put_slice(to, authorization->signed_headers);
}

void
canonical_hex(const unsigned char hash[SIGV4_HASH], char hex[SIGV4_HEX])
{
	size_t i;

	for (i = 0; i < SIGV4_HASH; i++) {
		hex[2 * i] = LOWER_DIGITS[hash[i] >> 4];
		hex[2 * i + 1] = LOWER_DIGITS[hash[i] & 0xf];
	}
	hex[2 * SIGV4_HASH] = '\0';
}

static int
put_request(struct writer *to, const struct sigv4_request *request, const struct sigv4_authorization *authorization,
    const unsigned char body_hash[SIGV4_HASH], struct api_error *error)
{
	char hex[SIGV4_HEX];

	put_text(to, request->method);
	put(to, '\n');
	if (put_path(to, request->path, error) == -1)
		return -1;
	put(to, '\n');
	if (put_query(to, request->query, error) == -1)
		return -1;
	put(to, '\n');
	put_headers(to, request, authorization);
	put(to, '\n');
	canonical_hex(body_hash, hex);
	put_text(to, hex);
	flush(to);
	return 0;
}

int
canonical_hash(const struct sigv4_request *request, const struct sigv4_authorization *authorization,
    const unsigned char body_hash[SIGV4_HASH], unsigned char hash[SIGV4_HASH], struct api_error *error)
{
	struct writer to;
	int result;

	to.used = 0;
	to.failed = false;
	if (gnutls_hash_init(&to.digest, GNUTLS_DIG_SHA256) != 0)
		return api_fail_memory(error);
	result = put_request(&to, request, authorization, body_hash, error);
	gnutls_hash_deinit(to.digest, hash);
	if (result == 0 && to.failed)
		result = api_fail(error, API_INTERNAL, "SHA-256 can't be computed");
	return result;
}

bool
canonical_query_signs(const char *query)
{
	static const char PREFIX[] = "x-amz-";
	struct sigv4_slice rest = { query, strlen(query) }, parameter;
	size_t matched;
	bool more;

	do {
		more = slice_take(&rest, '&', &parameter);
		for (matched = 0; PREFIX[matched] != '\0' && parameter.length > 0; matched++)
			if ((take_decoded(&parameter) | 0x20) != (PREFIX[matched] | 0x20))
				break;
		if (PREFIX[matched] == '\0')
			return true;
	} while (more);
	return false;
}
