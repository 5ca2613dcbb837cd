#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/host/session_channel.h"
#include "common/host/whole_io.h"
#include "session_helper/start.h"

#define GRACE_MAX 3600
/* The two lengths of a mapping. */
#define MAPPING_MIN 8

/* read_all: malloc'ed; NULL when it can't be read. Not mapped: a file that got shorter would kill us. */
static uint8_t *
read_all(int fd, size_t *size)
{
	struct stat status;
	uint8_t *data;

	if (fstat(fd, &status) != 0 || status.st_size <= 0 || status.st_size > SESSION_START_MAX)
		return NULL;
	*size = (size_t)status.st_size;
	data = malloc(*size);
	if (data != NULL && whole_read(fd, data, *size, 0) == (ssize_t)*size)
		return data;
	free(data);
	return NULL;
}

static bool
get_place(struct wire_in *in, struct place *place)
{
	size_t length;

	place->entry = wire_get_view(in, EVENT_PATH_MAX, &length);
	place->entry_length = (uint32_t)length;
	place->target = wire_get_view(in, EVENT_TARGET_MAX, &length);
	place->target_length = (uint32_t)length;
	return !in->bad && places_check(place);
}

static bool
get_places(struct wire_in *in, struct places *places)
{
	size_t count = wire_get_u32(in);

	if (in->bad || count > MAPPINGS_MAX || count > (in->size - in->at) / MAPPING_MIN)
		return false;
	places->list = calloc(count > 0 ? count : 1, sizeof(*places->list));
	if (places->list == NULL)
		return false;
	for (places->count = 0; places->count < count; places->count++)
		if (!get_place(in, &places->list[places->count]))
			return false;
	places_sort(places);
	return true;
}

static const char *
parse(struct wire_in *in, struct session_start *start)
{
	uint32_t required;

	if (wire_get_u32(in) != SESSION_START_VERSION)
		return "what it was told is another version's";
	if (!event_get_session(in, &start->session))
		return "it was told no identity";
	required = wire_get_u32(in);
	start->required = required == 1;
	start->grace = wire_get_u32(in);
	wire_get_string(in, start->landing, EVENT_PATH_MAX);
	if (in->bad || required > 1 || start->grace == 0 || start->grace > GRACE_MAX ||
	    (*start->landing != '\0' && *start->landing != '/'))
		return "it was told bad settings";
	if (!get_places(in, &start->places) || !wire_in_done(in))
		return "it was told bad mappings";
	return NULL;
}

const char *
session_start_read(int fd, struct session_start *start)
{
	struct wire_in in;
	const char *wrong;
	size_t size;

	memset(start, 0, sizeof(*start));
	start->memory = read_all(fd, &size);
	if (start->memory == NULL)
		return "what it was told can't be read";
	wire_in_init(&in, start->memory, size);
	wrong = parse(&in, start);
	if (wrong != NULL)
		session_start_free(start);
	return wrong;
}

void
session_start_free(struct session_start *start)
{
	free(start->places.list);
	free(start->memory);
	start->places.list = NULL;
	start->memory = NULL;
}
