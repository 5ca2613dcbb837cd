/*
 * The connections of the sessions' helpers (WIRE_EVENTS): what they send is read in turn, written down, and acknowledged.
 * While it can't be written nothing is read.
 *
 * The transfer log's thread alone uses it, but for connection_count.
 */
#ifndef BERTH_TRANSFER_HELPERS_H
#define BERTH_TRANSFER_HELPERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "agent/journal.h"
#include "agent/transfer_sessions.h"
#include "agent/transfer_writer.h"
#include "common/wire/event.h"

/* What is read of a connection at once: a busy one gets its turn as the others do. Any event fits. */
#define HELPERS_READ_BYTES (32 * 1024)

struct connection;

struct transfer_helpers {
	_Atomic size_t connection_count; /* with those not opened yet: who will call transfer_helpers_open() counts */
	int epoll;
	struct transfer_writer writer;
	struct transfer_sessions sessions;
	struct journal journal;
	LIST_HEAD(, connection) connections, closed;
	TAILQ_HEAD(, connection) owing; /* those that are to get an acknowledgement */
	uint8_t read[HELPERS_READ_BYTES];
	char strings[EVENT_BYTES_MAX]; /* of the event in hand */
};

/* transfer_helpers_init: `path`, of the file, is malloc'ed and the helpers' from now on. Opens no file. 0, or -1 with errno;
 * transfer_helpers_free() either way, once no connection is left. */
int transfer_helpers_init(struct transfer_helpers *helpers, char *path);
void transfer_helpers_free(struct transfer_helpers *helpers);

/* transfer_helpers_wake_by: a wait ends, too, when this can be read, which is the caller's to do. 0, or -1 with errno. */
int transfer_helpers_wake_by(struct transfer_helpers *helpers, int fd);

/* transfer_helpers_open: a new connection, whose descriptor is taken over, and its request answered. */
void transfer_helpers_open(struct transfer_helpers *helpers, int fd, const struct event_session *identity);
void transfer_helpers_close_all(struct transfer_helpers *helpers);

/* transfer_helpers_serve: the connections that are ready within the time, and then transfer_helpers_commit(). False when
 * nothing was ready. */
bool transfer_helpers_serve(struct transfer_helpers *helpers, int timeout_ms);

/* transfer_helpers_commit: writes what was gathered, then acknowledges it. False while it can't be written. */
bool transfer_helpers_commit(struct transfer_helpers *helpers);

#endif
