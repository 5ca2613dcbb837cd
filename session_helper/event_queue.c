#include <stdlib.h>
#include <string.h>

#include "session_helper/event_queue.h"

/* Before each event in the buffer, for us alone: when it was added. Then its length and itself, as the wire has them. */
struct frame {
	int64_t added;
	uint32_t length;
};

#define STAMP       sizeof(int64_t)
#define FRAME       (STAMP + sizeof(uint32_t))
#define FRAME_MAX   (FRAME + EVENT_BYTES_MAX)
/* For the session's end, and what was lost before it. */
#define RESERVE     (4 * FRAME_MAX)
#define FIRST_ROOM  4096
/* What the buffer keeps when it is empty. */
#define IDLE_ROOM   (64 * 1024)

void
event_queue_init(struct event_queue *queue, size_t max)
{
	*queue = (struct event_queue){ .max = max };
}

void
event_queue_free(struct event_queue *queue)
{
	free(queue->data);
	queue->data = NULL;
}

static struct frame
frame_at(const struct event_queue *queue, size_t offset)
{
	struct frame frame;

	memcpy(&frame.added, queue->data + offset, sizeof(frame.added));
	memcpy(&frame.length, queue->data + offset + STAMP, sizeof(frame.length));
	return frame;
}

static uint64_t
sequence_at(const struct event_queue *queue, size_t offset)
{
	uint64_t sequence;

	memcpy(&sequence, queue->data + offset + FRAME, sizeof(sequence));
	return sequence;
}

/* compact: what is acknowledged goes; an empty buffer doesn't stay large. */
static void
compact(struct event_queue *queue)
{
	size_t gone = queue->acknowledged;

	if (gone == queue->end && queue->room > IDLE_ROOM) {
		free(queue->data);
		queue->data = NULL;
		queue->room = 0;
	}
	if (gone < queue->end && gone < queue->room / 2)
		return;
	if (gone < queue->end)
		memmove(queue->data, queue->data + gone, queue->end - gone);
	queue->acknowledged = 0;
	queue->sending -= gone;
	queue->end -= gone;
}

/* make_room: for one more event, of any length. */
static bool
make_room(struct event_queue *queue)
{
	size_t room = queue->room > 0 ? queue->room : FIRST_ROOM;
	uint8_t *data;

	if (queue->room - queue->end >= FRAME_MAX)
		return true;
	while (room - queue->end < FRAME_MAX)
		room *= 2;
	data = realloc(queue->data, room);
	if (data == NULL)
		return false;
	queue->data = data;
	queue->room = room;
	return true;
}

size_t
event_queue_bytes(const struct event_queue *queue)
{
	return queue->end - queue->acknowledged;
}

static uint64_t
append(struct event_queue *queue, struct event *event, int64_t now)
{
	struct wire_out out;
	uint32_t length;

	if (!make_room(queue))
		return 0;
	event->sequence = queue->sequence + 1;
	wire_out_init(&out, queue->data + queue->end + FRAME, EVENT_BYTES_MAX);
	event_put(&out, event);
	if (out.overflow)
		return 0;
	length = (uint32_t)out.used;
	memcpy(queue->data + queue->end, &now, sizeof(now));
	memcpy(queue->data + queue->end + STAMP, &length, sizeof(length));
	queue->end += FRAME + out.used;
	queue->sequence = event->sequence;
	return event->sequence;
}

static bool
say_lost(struct event_queue *queue, int64_t time, int64_t now)
{
	struct event lost = {
		.time = time, .operation = EVENT_DROPPED,
		.status = "", .path = "", .new_path = "", .target = "", .new_target = "", .text = "",
		.totals = { .dropped = queue->lost },
	};

	if (append(queue, &lost, now) == 0)
		return false;
	queue->lost = 0;
	return true;
}

static uint64_t
lose(struct event_queue *queue, const struct event *event)
{
	queue->lost += event->operation == EVENT_DROPPED ? event->totals.dropped : 1;
	return 0;
}

/* has_room: a full queue has room for its session's last event, and for what is lost before that. */
static bool
has_room(const struct event_queue *queue, const struct event *event)
{
	size_t reserve = event->operation == EVENT_SESSION_CLOSE ? 2 * FRAME_MAX : RESERVE;

	return event_queue_bytes(queue) + reserve <= queue->max;
}

uint64_t
event_queue_add(struct event_queue *queue, struct event *event, int64_t now)
{
	uint64_t sequence;

	compact(queue);
	if (!has_room(queue, event) || (queue->lost > 0 && !say_lost(queue, event->time, now)))
		return lose(queue, event);
	sequence = append(queue, event, now);
	return sequence != 0 ? sequence : lose(queue, event);
}

uint64_t
event_queue_left(const struct event_queue *queue)
{
	return queue->sequence - queue->acknowledged_sequence;
}

int64_t
event_queue_oldest(const struct event_queue *queue)
{
	return event_queue_bytes(queue) > 0 ? frame_at(queue, queue->acknowledged).added : INT64_MAX;
}

/* The frame behind the one at this offset. */
static size_t
next(const struct event_queue *queue, size_t offset)
{
	return offset + FRAME + frame_at(queue, offset).length;
}

size_t
event_queue_unsent(const struct event_queue *queue, struct iovec *parts, size_t count)
{
	size_t offset = queue->sending, skip = queue->sent, used_parts = 0;

	while (offset < queue->end && used_parts < count) {
		size_t end = next(queue, offset);

		parts[used_parts].iov_base = queue->data + offset + STAMP + skip;
		parts[used_parts++].iov_len = end - offset - STAMP - skip;
		offset = end;
		skip = 0;
	}
	return used_parts;
}

void
event_queue_sent(struct event_queue *queue, size_t bytes)
{
	while (bytes > 0) {
		size_t end = next(queue, queue->sending), left = end - queue->sending - STAMP - queue->sent;

		queue->sent_sequence = sequence_at(queue, queue->sending);
		if (bytes < left) {
			queue->sent += bytes;
			return;
		}
		bytes -= left;
		queue->sending = end;
		queue->sent = 0;
	}
}

static void
forget_through(struct event_queue *queue, uint64_t sequence)
{
	while (queue->acknowledged < queue->end && sequence_at(queue, queue->acknowledged) <= sequence)
		queue->acknowledged = next(queue, queue->acknowledged);
	if (sequence > queue->acknowledged_sequence)
		queue->acknowledged_sequence = sequence;
}

bool
event_queue_acknowledge(struct event_queue *queue, uint64_t sequence)
{
	/* Of the event that is being sent, only its beginning is. */
	if (sequence > queue->sent_sequence || (sequence == queue->sent_sequence && queue->sent > 0))
		return false;
	forget_through(queue, sequence);
	return true;
}

bool
event_queue_restart(struct event_queue *queue, uint64_t sequence)
{
	if (sequence > queue->sequence)
		return false;
	forget_through(queue, sequence);
	queue->sending = queue->acknowledged;
	queue->sent = 0;
	queue->sent_sequence = queue->acknowledged_sequence;
	return true;
}
