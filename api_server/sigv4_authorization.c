#include "api_server/sigv4_authorization.h"

#include <stdio.h>
#include <string.h>

#include "api_server/sigv4_slice.h"

#define HEADER_NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~" /* RFC 9110's token, in lower case */

enum { CREDENTIAL, SIGNED_HEADERS, SIGNATURE, PART_COUNT };
static const char *const PARTS[PART_COUNT] = { "Credential", "SignedHeaders", "Signature" };

static int
take_part(struct sigv4_slice part, struct sigv4_slice parts[PART_COUNT], struct api_error *error)
{
	struct sigv4_slice name;
	int i;

	if (!slice_take(&part, '=', &name))
		return api_fail(error, API_INCOMPLETE_SIGNATURE,
		    "Authorization header has a part that isn't a valid key=value pair (missing equal-sign)");
	for (i = 0; i < PART_COUNT && !slice_is(name, PARTS[i]); i++)
		;
	if (i == PART_COUNT)
		return api_fail(error, API_INCOMPLETE_SIGNATURE,
		    "Authorization header has a parameter other than Credential, SignedHeaders and Signature");
	if (parts[i].text != NULL)
		return api_fail(error, API_INCOMPLETE_SIGNATURE, "Authorization header has more than one '%s' parameter",
		    PARTS[i]);
	parts[i] = part;
	return 0;
}

static int
take_parts(struct sigv4_slice rest, struct sigv4_slice parts[PART_COUNT], struct api_error *error)
{
	struct sigv4_slice part;
	bool more;

	do {
		more = slice_take(&rest, ',', &part);
		if (take_part(slice_trimmed(part.text, part.length), parts, error) == -1)
			return -1;
	} while (more);
	return 0;
}

/* All parameters that aren't there, in one message. */
static int
check_parts(const struct sigv4_slice parts[PART_COUNT], struct api_error *error)
{
	char message[PART_COUNT * sizeof("Authorization header requires 'SignedHeaders' parameter. ")] = "";
	size_t length = 0;
	int i;

	for (i = 0; i < PART_COUNT; i++)
		if (parts[i].text == NULL || parts[i].length == 0)
			length += (size_t)snprintf(message + length, sizeof(message) - length,
			    "%sAuthorization header requires '%s' parameter.", length > 0 ? " " : "", PARTS[i]);
	return length == 0 ? 0 : api_fail(error, API_INCOMPLETE_SIGNATURE, "%s", message);
}

static bool
key_id_character(char character)
{
	return (character >= 'A' && character <= 'Z') || (character >= 'a' && character <= 'z') ||
	    (character >= '0' && character <= '9') || character == '_';
}

static void
read_key_id(struct sigv4_slice credential, char key_id[SIGV4_KEY_ID_MAX + 1])
{
	struct sigv4_slice id;
	size_t i;

	if (!slice_take(&credential, '/', &id) || id.length > SIGV4_KEY_ID_MAX)
		return;
	for (i = 0; i < id.length; i++)
		if (!key_id_character(id.text[i]))
			return;
	memcpy(key_id, id.text, id.length);
	key_id[id.length] = '\0';
}

static int
read_scope(struct sigv4_slice credential, struct sigv4_slice scope[SCOPE_COUNT], struct api_error *error)
{
	struct sigv4_slice key_id;
	bool more = slice_take(&credential, '/', &key_id);
	int i;

	for (i = 0; i < SCOPE_COUNT && more; i++)
		more = slice_take(&credential, '/', &scope[i]);
	if (i < SCOPE_COUNT || more)
		return api_fail(error, API_INCOMPLETE_SIGNATURE, "Credential must have exactly 5 slash-delimited elements, "
		    "e.g. keyid/date/region/service/term");
	return 0;
}

static bool
header_name(struct sigv4_slice name)
{
	size_t i;

	for (i = 0; i < name.length; i++)
		if (name.text[i] == '\0' || strchr(HEADER_NAME_CHARACTERS, name.text[i]) == NULL)
			return false;
	return name.length > 0;
}

static int
read_signed_headers(struct sigv4_slice list, struct sigv4_authorization *authorization, struct api_error *error)
{
	struct sigv4_slice *names = authorization->signed_header, name;
	size_t count = 0;
	bool more;

	authorization->signed_headers = list;
	do {
		more = slice_take(&list, ';', &name);
		if (count == SIGV4_SIGNED_MAX)
			return api_fail(error, API_INCOMPLETE_SIGNATURE, "'SignedHeaders' may name at most %d headers",
			    SIGV4_SIGNED_MAX);
		if (!header_name(name) || (count > 0 && slice_order(names[count - 1], name) >= 0))
			return api_fail(error, API_INCOMPLETE_SIGNATURE, "'SignedHeaders' must be a list of header names, "
			    "in lower case, sorted, each once, with ';' between them");
		names[count++] = name;
	} while (more);
	authorization->signed_header_count = count;
	return 0;
}

int
authorization_parse(const char *value, struct sigv4_authorization *authorization, struct sigv4_slice scope[SCOPE_COUNT],
    struct api_error *error)
{
	struct sigv4_slice rest = slice_trimmed(value, strlen(value)), algorithm, parts[PART_COUNT] = { 0 };
	int result;

	slice_take(&rest, ' ', &algorithm);
	if (!slice_is(algorithm, SIGV4_ALGORITHM))
		return api_fail(error, API_INCOMPLETE_SIGNATURE, "Authorization header requires the algorithm '%s'",
		    SIGV4_ALGORITHM);
	result = rest.length > 0 ? take_parts(rest, parts, error) : 0;
	if (parts[CREDENTIAL].text != NULL)
		read_key_id(parts[CREDENTIAL], authorization->key_id);
	if (result == -1 || check_parts(parts, error) == -1 || read_scope(parts[CREDENTIAL], scope, error) == -1 ||
	    read_signed_headers(parts[SIGNED_HEADERS], authorization, error) == -1)
		return -1;
	if (!slice_read_hash(parts[SIGNATURE], authorization->signature))
		return api_fail(error, API_INCOMPLETE_SIGNATURE, "'Signature' must be %d hexadecimal digits, in lower case",
		    2 * SIGV4_HASH);
	return 0;
}
