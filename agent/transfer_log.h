/*
 * The transfer log, kept by a thread of its own: a disk that doesn't answer must not hang a lookup. The thread holds the
 * connections of the sessions' helpers (WIRE_EVENTS), writes each event as a line of JSON to TransferLogFile and to the
 * journal, and acknowledges what is written. docs/transfer-log.md describes the lines.
 *
 * While the file can't be written nothing is read and nothing acknowledged; it is tried again each second. Nothing here
 * waits for the disk but the thread itself.
 */
#ifndef BERTH_TRANSFER_LOG_H
#define BERTH_TRANSFER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/protocol.h"

struct transfer_log;

/*
 * transfer_log_start: begins to write to `file`, which is copied. `wanted`: it is opened at once, and made when it isn't
 * there; otherwise (TransferLog off) not before a session asks. NULL with errno when there is no thread to be had.
 */
struct transfer_log *transfer_log_start(const char *file, bool wanted);

/* transfer_log_reopen: from now on to this file, opened anew: after SIGHUP, when logrotate has renamed the old one. */
void transfer_log_reopen(struct transfer_log *log, const char *file, bool wanted);

/*
 * transfer_log_adopt: a connection that has asked WIRE_EVENTS, with the request's payload. WIRE_OK: the descriptor is the
 * log's from now on, which answers the request itself. Else it stays the caller's, who has to answer
 *   WIRE_BAD_REQUEST  the payload is no identity
 *   WIRE_UNAVAILABLE  the log holds too many connections, or the thread is stuck
 */
enum wire_status transfer_log_adopt(struct transfer_log *log, int fd, const uint8_t *payload, size_t length);

/* transfer_log_connections: of sessions' helpers. */
size_t transfer_log_connections(const struct transfer_log *log);

/* transfer_log_stop: writes and acknowledges what has arrived, closes everything, ends the thread. At most a second: a
 * thread that the disk doesn't let go by then is left to the end of the process. */
void transfer_log_stop(struct transfer_log *log);

#endif
