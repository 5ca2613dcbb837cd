#include "api_server/sigv4_slice.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

bool
white_space(char character)
{
	return character == ' ' || (character >= '\t' && character <= '\r');
}

struct sigv4_slice
slice_trimmed(const char *text, size_t length)
{
	while (length > 0 && white_space(text[length - 1]))
		length--;
	while (length > 0 && white_space(*text)) {
		text++;
		length--;
	}
	return (struct sigv4_slice) { text, length };
}

bool
slice_take(struct sigv4_slice *rest, char separator, struct sigv4_slice *taken)
{
	const char *end = memchr(rest->text, separator, rest->length);

	*taken = *rest;
	if (end == NULL) {
		rest->text += rest->length;
		rest->length = 0;
		return false;
	}
	taken->length = (size_t)(end - rest->text);
	rest->text += taken->length + 1;
	rest->length -= taken->length + 1;
	return true;
}

bool
slice_is(struct sigv4_slice slice, const char *text)
{
	return slice.length == strlen(text) && memcmp(slice.text, text, slice.length) == 0;
}

int
slice_order(struct sigv4_slice one, struct sigv4_slice other)
{
	int order = memcmp(one.text, other.text, one.length < other.length ? one.length : other.length);

	if (order != 0)
		return order;
	return (one.length > other.length) - (one.length < other.length);
}

int
slice_order_name(struct sigv4_slice slice, const char *name)
{
	int order = strncasecmp(slice.text, name, slice.length);

	return order != 0 || name[slice.length] == '\0' ? order : -1;
}

int
slice_hex_value(char digit)
{
	return digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}

bool
slice_read_hash(struct sigv4_slice slice, unsigned char hash[SIGV4_HASH])
{
	size_t i;

	if (slice.length != 2 * SIGV4_HASH)
		return false;
	for (i = 0; i < slice.length; i++)
		if (!isxdigit((unsigned char)slice.text[i]) || isupper((unsigned char)slice.text[i]))
			return false;
	for (i = 0; i < SIGV4_HASH; i++)
		hash[i] = (unsigned char)(slice_hex_value(slice.text[2 * i]) << 4 | slice_hex_value(slice.text[2 * i + 1]));
	return true;
}
