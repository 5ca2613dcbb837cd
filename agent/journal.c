/*
 * The journal's native protocol: a datagram an entry, of fields "NAME=value\n", or, for a value that may hold any byte,
 * "NAME\n", its length as 64 bits in little-endian order, the value, "\n".
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "agent/journal.h"
#include "common/host/daemon_log.h"
#include "common/host/log_socket.h"
#include "common/model/text.h"
#include "common/wire/deadline.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define RETRY_MS       1000
/* All strings once as fields, the path and the new path once more in MESSAGE. */
#define ENTRY_MAX (EVENT_BYTES_MAX + 2 * EVENT_PATH_MAX + 2048)

struct entry {
	char data[ENTRY_MAX];
	size_t used;
	bool overflow;
};

static void
put_bytes(struct entry *entry, const void *bytes, size_t length)
{
	if (length > sizeof(entry->data) - entry->used) {
		entry->overflow = true;
		return;
	}
	memcpy(entry->data + entry->used, bytes, length);
	entry->used += length;
}

static void put(struct entry *entry, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
put(struct entry *entry, const char *format, ...)
{
	size_t room = sizeof(entry->data) - entry->used;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(entry->data + entry->used, room, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= room)
		entry->overflow = true;
	else
		entry->used += (size_t)length;
}

/* put_safe: a word of MESSAGE, which is shown as it is: what isn't a character to be seen becomes '?'. */
static void
put_safe(struct entry *entry, const char *text)
{
	const char *end = text + strlen(text), *start;
	int32_t point;

	while (text < end) {
		start = text;
		point = text_next(&text, end);
		if (point < 0)
			text++;
		if (text_is_unsafe(point))
			put_bytes(entry, "?", 1);
		else
			put_bytes(entry, start, (size_t)(text - start));
	}
}

static void
put_word(struct entry *entry, const char *text)
{
	if (text[0] == '\0')
		return;
	put_bytes(entry, " ", 1);
	put_safe(entry, text);
}

static void
put_message(struct entry *entry, const struct event_session *session, const struct event *event)
{
	put(entry, "MESSAGE=%s %s", session->user, event_operation_name(event->operation));
	put_word(entry, event->path);
	put_word(entry, event->new_path);
	put_word(entry, event->text);
	if (event->flags & EVENT_HAS_BYTES)
		put(entry, " %" PRIu64 " bytes", event->bytes);
	put_word(entry, event->status);
	put_bytes(entry, "\n", 1);
}

static bool
has_control(const char *value)
{
	for (; *value != '\0'; value++)
		if ((unsigned char)*value < ' ' || *value == 0x7f)
			return true;
	return false;
}

static void
put_field(struct entry *entry, const char *name, const char *value)
{
	uint64_t length = htole64(strlen(value));

	if (value[0] == '\0')
		return;
	put(entry, "%s%c", name, has_control(value) ? '\n' : '=');
	if (has_control(value))
		put_bytes(entry, &length, sizeof(length));
	put_bytes(entry, value, strlen(value));
	put_bytes(entry, "\n", 1);
}

static void
put_fields(struct entry *entry, const struct event_session *session, const struct event *event)
{
	bool failed = event->status[0] != '\0' && strcmp(event->status, EVENT_STATUS_OK) != 0;

	put(entry, "PRIORITY=%d\nSYSLOG_IDENTIFIER=berth-transfers\n", failed ? LOG_NOTICE : LOG_INFO);
	put_field(entry, "BERTH_SESSION", session->id);
	put(entry, "BERTH_SEQUENCE=%" PRIu64 "\n", event->sequence);
	put_field(entry, "BERTH_USER", session->user);
	put_field(entry, "BERTH_SERVER", session->server_id);
	put_field(entry, "BERTH_CLIENT", session->client);
	put_field(entry, "BERTH_OPERATION", event_operation_name(event->operation));
	put_field(entry, "BERTH_PATH", event->path);
	put_field(entry, "BERTH_TARGET", event->target);
	put_field(entry, "BERTH_NEW_PATH", event->new_path);
	put_field(entry, "BERTH_NEW_TARGET", event->new_target);
	if (event->flags & EVENT_HAS_BYTES)
		put(entry, "BERTH_BYTES=%" PRIu64 "\n", event->bytes);
	put_field(entry, "BERTH_STATUS", event->status);
}

static bool
journal_connect(struct journal *journal)
{
	int64_t now = deadline_now();

	if (journal->tried != 0 && now - journal->tried < RETRY_MS)
		return false;
	journal->tried = now;
	journal->fd = log_socket_open(JOURNAL_SOCKET);
	return journal->fd >= 0;
}

void
journal_open(struct journal *journal)
{
	*journal = (struct journal){ .fd = -1 };
	journal_connect(journal);
}

void
journal_close(struct journal *journal)
{
	if (journal->fd >= 0)
		close(journal->fd);
	journal->fd = -1;
}

/* send_entry: false when it is lost. A journald that was started anew has another socket: then once more. */
static bool
send_entry(struct journal *journal, const struct entry *entry)
{
	if (send(journal->fd, entry->data, entry->used, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)entry->used)
		return true;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == EMSGSIZE)
		return false;
	journal_close(journal);
	return journal_connect(journal) &&
	    send(journal->fd, entry->data, entry->used, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)entry->used;
}

void
journal_send(struct journal *journal, const struct event_session *session, const struct event *event)
{
	struct entry entry;

	if (journal->fd < 0 && !journal_connect(journal))
		return;
	entry.used = 0;
	entry.overflow = false;
	put_message(&entry, session, event);
	put_fields(&entry, session, event);
	if (entry.overflow || !send_entry(journal, &entry))
		journal->lost++;
	if (journal->lost > 0 && daemon_log_limited("journal", LOG_WARNING,
	    "the journal had no room for transfers, which are in the log's file: left_out=%" PRIu64, journal->lost))
		journal->lost = 0;
}
