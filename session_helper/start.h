/*
 * What a session's helper is told at its start (common/host/session_channel.h).
 */
#ifndef BERTH_SESSION_START_H
#define BERTH_SESSION_START_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire/event.h"
#include "session_helper/places.h"

struct session_start {
	struct event_session session;
	bool required;     /* the session must end when its log can't be kept */
	uint32_t grace;    /* for so many seconds it may */
	char landing[EVENT_PATH_MAX + 1];
	struct places places;
	uint8_t *memory;   /* that the places lie in */
};

/* session_start_read: all of the file. NULL when it is good; else why not, and nothing to free. */
const char *session_start_read(int fd, struct session_start *start);
void session_start_free(struct session_start *start);

#endif
