/*
 * Events in systemd's journal, where there is one: a copy for those who look there. TransferLogFile is the log; what the
 * journal has no room for is left out, counted, and said once a minute. Never waits.
 */
#ifndef BERTH_JOURNAL_H
#define BERTH_JOURNAL_H

#include <stdint.h>

#include "common/wire/event.h"

struct journal {
	int fd;        /* connected to journald, or -1 */
	int64_t tried; /* milliseconds of CLOCK_MONOTONIC of the last attempt to connect */
	uint64_t lost; /* events since the last one that got through */
};

void journal_open(struct journal *journal);
void journal_close(struct journal *journal);

/* journal_send: one entry. Without a journal on this host, nothing. */
void journal_send(struct journal *journal, const struct event_session *session, const struct event *event);

#endif
