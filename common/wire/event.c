#include <string.h>

#include "common/wire/event.h"

static const char *const names[EVENT_OPERATIONS] = {
	[EVENT_SESSION_OPEN] = "session-open",
	[EVENT_SESSION_CLOSE] = "session-close",
	[EVENT_PUT] = "put",
	[EVENT_GET] = "get",
	[EVENT_APPEND] = "append",
	[EVENT_LIST] = "list",
	[EVENT_MKDIR] = "mkdir",
	[EVENT_RMDIR] = "rmdir",
	[EVENT_RENAME] = "rename",
	[EVENT_REMOVE] = "remove",
	[EVENT_LINK] = "link",
	[EVENT_SYMLINK] = "symlink",
	[EVENT_SETSTAT] = "setstat",
	[EVENT_DROPPED] = "dropped",
	[EVENT_OTHER] = "other",
};

const char *
event_operation_name(enum event_operation operation)
{
	return (unsigned)operation < EVENT_OPERATIONS ? names[operation] : NULL;
}

bool
event_operation_is_transfer(enum event_operation operation)
{
	return operation == EVENT_PUT || operation == EVENT_GET || operation == EVENT_APPEND;
}

enum event_operation
event_operation_find(const char *name)
{
	for (unsigned i = 1; i < EVENT_OPERATIONS; i++)
		if (strcmp(names[i], name) == 0)
			return (enum event_operation)i;
	return 0;
}

static void
put_totals(struct wire_out *out, const struct event_totals *totals)
{
	wire_put_u64(out, totals->files_put);
	wire_put_u64(out, totals->files_got);
	wire_put_u64(out, totals->bytes_put);
	wire_put_u64(out, totals->bytes_got);
	wire_put_u64(out, totals->operations);
	wire_put_u64(out, totals->failed);
	wire_put_u64(out, totals->dropped);
}

static void
get_totals(struct wire_in *in, struct event_totals *totals)
{
	totals->files_put = wire_get_u64(in);
	totals->files_got = wire_get_u64(in);
	totals->bytes_put = wire_get_u64(in);
	totals->bytes_got = wire_get_u64(in);
	totals->operations = wire_get_u64(in);
	totals->failed = wire_get_u64(in);
	totals->dropped = wire_get_u64(in);
}

void
event_put(struct wire_out *out, const struct event *event)
{
	wire_put_u64(out, event->sequence);
	wire_put_u64(out, (uint64_t)event->time);
	wire_put_u32(out, (uint32_t)event->operation);
	wire_put_u32(out, event->flags);
	wire_put_u64(out, event->bytes);
	wire_put_u64(out, event->duration);
	wire_put_u64(out, event->corrects);
	wire_put_string(out, event->status);
	wire_put_string(out, event->path);
	wire_put_string(out, event->new_path);
	wire_put_string(out, event->target);
	wire_put_string(out, event->new_target);
	wire_put_string(out, event->text);
	put_totals(out, &event->totals);
}

/* copy_string: the next string, to *memory, which moves behind it. */
static const char *
copy_string(struct wire_in *in, size_t max, char **memory)
{
	size_t length;
	const char *view = wire_get_view(in, max, &length);
	char *copy = *memory;

	if (in->bad)
		return "";
	memcpy(copy, view, length);
	copy[length] = '\0';
	*memory += length + 1;
	return copy;
}

bool
event_get(const void *data, size_t length, struct event *event, char *memory)
{
	struct wire_in in;
	uint64_t time;

	wire_in_init(&in, data, length);
	event->sequence = wire_get_u64(&in);
	time = wire_get_u64(&in);
	event->operation = (enum event_operation)wire_get_u32(&in);
	event->flags = wire_get_u32(&in);
	event->bytes = wire_get_u64(&in);
	event->duration = wire_get_u64(&in);
	event->corrects = wire_get_u64(&in);
	event->status = copy_string(&in, EVENT_STATUS_MAX, &memory);
	event->path = copy_string(&in, EVENT_PATH_MAX, &memory);
	event->new_path = copy_string(&in, EVENT_PATH_MAX, &memory);
	event->target = copy_string(&in, EVENT_TARGET_MAX, &memory);
	event->new_target = copy_string(&in, EVENT_TARGET_MAX, &memory);
	event->text = copy_string(&in, EVENT_TEXT_MAX, &memory);
	get_totals(&in, &event->totals);
	event->time = (int64_t)time;
	return wire_in_done(&in) && event->sequence > 0 && time <= INT64_MAX && event_operation_name(event->operation) != NULL &&
	    (event->flags & ~(uint32_t)EVENT_FLAGS) == 0;
}

void
event_put_session(struct wire_out *out, const struct event_session *session)
{
	wire_put_string(out, session->id);
	wire_put_string(out, session->server_id);
	wire_put_string(out, session->user);
	wire_put_string(out, session->client);
	wire_put_u32(out, session->client_port);
	wire_put_string(out, session->fingerprint);
	wire_put_u32(out, session->uid);
}

static bool
is_word(const char *text)
{
	return *text != '\0' && text_visible(text);
}

bool
event_get_session(struct wire_in *in, struct event_session *session)
{
	wire_get_string(in, session->id, SESSION_ID_LENGTH);
	wire_get_string(in, session->server_id, SERVER_ID_LENGTH);
	wire_get_string(in, session->user, USER_NAME_MAX);
	wire_get_string(in, session->client, EVENT_CLIENT_MAX);
	session->client_port = wire_get_u32(in);
	wire_get_string(in, session->fingerprint, FINGERPRINT_MAX);
	session->uid = wire_get_u32(in);
	return !in->bad && session_id_valid(session->id) && is_word(session->server_id) && user_name_valid(session->user) &&
	    is_word(session->client) && session->client_port <= 65535 && is_word(session->fingerprint) &&
	    session->uid != ID_NONE;
}
