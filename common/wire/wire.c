/*
 * The protocol's fields, written and read.
 */
#include <string.h>

#include "common/wire/wire.h"

void
wire_out_init(struct wire_out *out, void *memory, size_t size)
{
	out->data = memory;
	out->size = size;
	out->used = 0;
	out->overflow = false;
}

static void
put_bytes(struct wire_out *out, const void *bytes, size_t length)
{
	if (out->overflow || length > out->size - out->used) {
		out->overflow = true;
		return;
	}
	if (length > 0)
		memcpy(out->data + out->used, bytes, length);
	out->used += length;
}

void
wire_put_u16(struct wire_out *out, uint16_t value)
{
	put_bytes(out, &value, sizeof(value));
}

void
wire_put_u32(struct wire_out *out, uint32_t value)
{
	put_bytes(out, &value, sizeof(value));
}

void
wire_put_u64(struct wire_out *out, uint64_t value)
{
	put_bytes(out, &value, sizeof(value));
}

void
wire_put_string(struct wire_out *out, const char *string)
{
	size_t length = strlen(string);

	if (length > UINT32_MAX) {
		out->overflow = true;
		return;
	}
	wire_put_u32(out, (uint32_t)length);
	put_bytes(out, string, length);
}

void
wire_put_header(struct wire_out *out, uint16_t kind, uint32_t length)
{
	wire_put_u32(out, WIRE_MAGIC);
	wire_put_u16(out, WIRE_VERSION);
	wire_put_u16(out, kind);
	wire_put_u32(out, length);
}

void
wire_in_init(struct wire_in *in, const void *data, size_t size)
{
	in->data = data;
	in->size = size;
	in->at = 0;
	in->bad = false;
}

/* get_bytes: where the next length bytes stand, or NULL (and bad) when there are fewer. */
static const uint8_t *
get_bytes(struct wire_in *in, size_t length)
{
	const uint8_t *bytes;

	if (in->bad || length > in->size - in->at) {
		in->bad = true;
		return NULL;
	}
	bytes = in->data + in->at;
	in->at += length;
	return bytes;
}

uint16_t
wire_get_u16(struct wire_in *in)
{
	uint16_t value = 0;
	const uint8_t *bytes = get_bytes(in, sizeof(value));

	if (bytes != NULL)
		memcpy(&value, bytes, sizeof(value));
	return value;
}

uint32_t
wire_get_u32(struct wire_in *in)
{
	uint32_t value = 0;
	const uint8_t *bytes = get_bytes(in, sizeof(value));

	if (bytes != NULL)
		memcpy(&value, bytes, sizeof(value));
	return value;
}

uint64_t
wire_get_u64(struct wire_in *in)
{
	uint64_t value = 0;
	const uint8_t *bytes = get_bytes(in, sizeof(value));

	if (bytes != NULL)
		memcpy(&value, bytes, sizeof(value));
	return value;
}

const char *
wire_get_view(struct wire_in *in, size_t max, size_t *length)
{
	size_t size = wire_get_u32(in);
	const uint8_t *bytes;

	*length = 0;
	if (size > max)
		in->bad = true;
	bytes = get_bytes(in, size);
	if (bytes == NULL || size == 0)
		return "";
	if (memchr(bytes, '\0', size) != NULL) {
		in->bad = true;
		return "";
	}
	*length = size;
	return (const char *)bytes;
}

void
wire_get_string(struct wire_in *in, char *to, size_t max)
{
	size_t length;
	const char *view = wire_get_view(in, max, &length);

	memcpy(to, view, length);
	to[length] = '\0';
}

bool
wire_in_done(const struct wire_in *in)
{
	return !in->bad && in->at == in->size;
}

bool
wire_get_header(const uint8_t header[WIRE_HEADER], uint16_t *kind, uint32_t *length, size_t max)
{
	struct wire_in in;
	uint32_t magic;
	uint16_t version;

	wire_in_init(&in, header, WIRE_HEADER);
	magic = wire_get_u32(&in);
	version = wire_get_u16(&in);
	*kind = wire_get_u16(&in);
	*length = wire_get_u32(&in);
	return wire_in_done(&in) && magic == WIRE_MAGIC && version == WIRE_VERSION && *length <= max;
}
