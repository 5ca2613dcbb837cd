#include "api_server/framing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Characters of a header's name: RFC 9110, token. */
static bool
is_token(const char *name)
{
	static const char TOKEN[] = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	return name[0] != '\0' && name[strspn(name, TOKEN)] == '\0';
}

static bool
read_length(const char *text, uint64_t *length)
{
	if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0')
		return false;
	errno = 0;
	*length = strtoull(text, NULL, 10);
	return errno == 0;
}

static int
uncertain(struct api_error *error, const char *what)
{
	return api_fail(error, API_SERIALIZATION, "Where this request ends is not certain: %s", what);
}

int
framing_read(const struct sigv4_header *headers, size_t count, const char *version, struct framing *framing,
    struct api_error *error)
{
	bool has_length = false;

	*framing = (struct framing){ 0 };
	for (size_t i = 0; i < count; i++) {
		const char *name = headers[i].name, *value = headers[i].value;

		if (!is_token(name))
			return uncertain(error, "a header's name has characters that names don't have");
		if (strcasecmp(name, "Content-Length") == 0) {
			if (has_length || !read_length(value, &framing->length))
				return uncertain(error, "Content-Length stands twice, or is no number");
			has_length = true;
		} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
			if (framing->chunked || strcasecmp(value, "chunked") != 0 || strcmp(version, "HTTP/1.1") != 0)
				return uncertain(error, "Transfer-Encoding must be \"chunked\", once, and in HTTP/1.1");
			framing->chunked = true;
		} else if (strcasecmp(name, "Expect") == 0)
			framing->waits = strcasecmp(value, "100-continue") == 0;
	}
	if (framing->chunked && has_length)
		return uncertain(error, "it has Content-Length and Transfer-Encoding");
	return 0;
}
