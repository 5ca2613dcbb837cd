/*
 * The events that the agent hasn't acknowledged yet, as they go over the wire, in one buffer. Gives events their sequences:
 * 1, 2, 3 …, without gaps, as an event that finds no room gets none.
 */
#ifndef BERTH_EVENT_QUEUE_H
#define BERTH_EVENT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/wire/event.h"

#define EVENT_QUEUE_MAX (4 * 1024 * 1024)

/* Offsets into `data`: what is acknowledged, the first event not sent whole, the end. */
struct event_queue {
	uint8_t *data;
	size_t room;
	size_t acknowledged, sending, end;
	size_t sent;       /* bytes of the event at `sending` that are sent */
	size_t max;        /* bytes; beyond, events are lost */
	uint64_t sequence; /* of the newest event */
	uint64_t acknowledged_sequence;
	uint64_t sent_sequence; /* the newest event of which a byte was sent */
	uint64_t lost;     /* not said yet, in an event of its own */
};

/* event_queue_init: `max` bytes, but for a reserve for what a session's end has to say. */
void event_queue_init(struct event_queue *queue, size_t max);
void event_queue_free(struct event_queue *queue);

/*
 * event_queue_add: sets the event's sequence and returns it. 0 when there is no room: the event (or what it says is lost) is
 * counted then, and said with the next that finds room. `now`: milliseconds of CLOCK_MONOTONIC.
 */
uint64_t event_queue_add(struct event_queue *queue, struct event *event, int64_t now);

/* event_queue_bytes: what the events that aren't acknowledged take. */
size_t event_queue_bytes(const struct event_queue *queue);

/* event_queue_left: how many events aren't acknowledged. */
uint64_t event_queue_left(const struct event_queue *queue);

/* event_queue_oldest: when the oldest of them was added; INT64_MAX when there are none. */
int64_t event_queue_oldest(const struct event_queue *queue);

/* event_queue_unsent: what is to be sent next, in at most `count` parts; returns how many. They live until the next call. */
size_t event_queue_unsent(const struct event_queue *queue, struct iovec *parts, size_t count);
/* event_queue_sent: so many bytes of that were. */
void event_queue_sent(struct event_queue *queue, size_t bytes);

/* event_queue_acknowledge: this event and all before are in the log. False when it can't be: it was never sent. */
bool event_queue_acknowledge(struct event_queue *queue, uint64_t sequence);

/*
 * event_queue_restart: a new connection to an agent that has everything through this event; what it hasn't is sent again.
 * False when there is no such event.
 */
bool event_queue_restart(struct event_queue *queue, uint64_t sequence);

#endif
