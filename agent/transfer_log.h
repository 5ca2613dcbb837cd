/*
 * The transfer log, kept by a thread of its own: a disk that doesn't answer must not hang a lookup. The thread holds the
 * connections of the sessions' helpers (WIRE_EVENTS), writes each event as a line of JSON to TransferLogFile and to the
 * journal, and acknowledges what is written. docs/transfer-log.md describes the lines.
 */
#ifndef BERTH_TRANSFER_LOG_H
#define BERTH_TRANSFER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/host/config.h"

struct transfer_log;

/* transfer_log_start: begins to write to `file`, which is copied. NULL with errno when there is no thread to be had. */
struct transfer_log *transfer_log_start(const char *file);

/* transfer_log_reopen: from now on to this file, opened anew: after SIGHUP, when logrotate has renamed the old one. */
void transfer_log_reopen(struct transfer_log *log, const char *file);

/*
 * transfer_log_adopt: a connection that has asked WIRE_EVENTS, with the request's payload. The descriptor is the log's from
 * now on, which answers the request itself. A payload that is no identity is answered with WIRE_BAD_REQUEST.
 */
void transfer_log_adopt(struct transfer_log *log, int fd, const uint8_t *payload, size_t length);

/* transfer_log_stop: writes and acknowledges what has arrived, closes everything, ends the thread. At most a second. */
void transfer_log_stop(struct transfer_log *log);

#endif
