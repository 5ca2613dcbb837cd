#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "session_helper/agent_link.h"

/* Events that go out with one system call. */
#define BATCH 64

bool
agent_link_init(struct agent_link *link, const char *path, uid_t owner, const struct event_session *session,
    struct event_queue *queue, int64_t now)
{
	struct wire_out header, payload;

	*link = (struct agent_link){
		.path = path, .owner = owner, .queue = queue, .fd = -1, .retry_at = now, .retry_ms = AGENT_RETRY_FIRST_MS,
		.away_since = now,
	};
	wire_out_init(&payload, link->request + WIRE_HEADER, sizeof(link->request) - WIRE_HEADER);
	event_put_session(&payload, session);
	wire_out_init(&header, link->request, WIRE_HEADER);
	wire_put_header(&header, WIRE_EVENTS, (uint32_t)payload.used);
	link->request_length = WIRE_HEADER + payload.used;
	return !payload.overflow;
}

void
agent_link_close(struct agent_link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	link->state = AGENT_AWAY;
}

/* disconnect: tries again after a while, which grows until the agent accepts. */
static void
disconnect(struct agent_link *link, int64_t now)
{
	if (link->state == AGENT_ACCEPTS)
		link->away_since = now;
	agent_link_close(link);
	link->retry_at = now + link->retry_ms;
	link->retry_ms += AGENT_RETRY_FIRST_MS;
	if (link->retry_ms > AGENT_RETRY_MAX_MS)
		link->retry_ms = AGENT_RETRY_MAX_MS;
}

short
agent_link_events(const struct agent_link *link)
{
	return link->blocked ? POLLIN | POLLOUT : POLLIN;
}

int64_t
agent_link_due(const struct agent_link *link)
{
	return link->state == AGENT_AWAY ? link->retry_at : INT64_MAX;
}

static void
dial(struct agent_link *link, int64_t now)
{
	link->fd = agent_connect(link->path, link->owner);
	if (link->fd < 0) {
		disconnect(link, now);
		return;
	}
	link->state = AGENT_ASKED;
	link->blocked = false;
	link->request_sent = 0;
	link->input_length = 0;
}

/* sent_nothing: whether that was because the socket is full; else the connection is over. */
static bool
sent_nothing(struct agent_link *link)
{
	link->blocked = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
	return link->blocked;
}

static bool
send_request(struct agent_link *link)
{
	ssize_t count;

	while (link->request_sent < link->request_length) {
		count = send(link->fd, link->request + link->request_sent, link->request_length - link->request_sent,
		    MSG_NOSIGNAL);
		if (count < 0)
			return sent_nothing(link);
		link->request_sent += (size_t)count;
	}
	return true;
}

static bool
send_events(struct agent_link *link)
{
	struct iovec parts[BATCH];
	struct msghdr message = { .msg_iov = parts };
	ssize_t count;

	while ((message.msg_iovlen = event_queue_unsent(link->queue, parts, BATCH)) > 0) {
		count = sendmsg(link->fd, &message, MSG_NOSIGNAL);
		if (count < 0)
			return sent_nothing(link);
		event_queue_sent(link->queue, (size_t)count);
	}
	return true;
}

/* is_ok: an answer's header; its length is that of a sequence. */
static bool
is_ok(const struct agent_link *link)
{
	uint16_t status;
	uint32_t length;

	return wire_get_header(link->input, &status, &length, sizeof(uint64_t)) && status == WIRE_OK &&
	    length == sizeof(uint64_t);
}

static bool
accepted(struct agent_link *link)
{
	struct wire_in in;

	wire_in_init(&in, link->input + WIRE_HEADER, sizeof(uint64_t));
	if (!event_queue_restart(link->queue, wire_get_u64(&in)))
		return false;
	link->state = AGENT_ACCEPTS;
	link->away_since = INT64_MAX;
	link->retry_ms = AGENT_RETRY_FIRST_MS;
	return true;
}

static bool
acknowledged(struct agent_link *link)
{
	struct wire_in in;

	wire_in_init(&in, link->input, sizeof(uint64_t));
	return event_queue_acknowledge(link->queue, wire_get_u64(&in));
}

/* awaited: the bytes of the next answer or acknowledgement. */
static size_t
awaited(const struct agent_link *link)
{
	return link->state == AGENT_ASKED ? WIRE_HEADER + sizeof(uint64_t) : sizeof(uint64_t);
}

/* take_input: what is there whole; a refusal is known by its header. False when the connection is of no use any more. */
static bool
take_input(struct agent_link *link)
{
	bool asked = link->state == AGENT_ASKED;

	if (asked && link->input_length >= WIRE_HEADER && !is_ok(link))
		return false;
	if (link->input_length < awaited(link))
		return true;
	link->input_length = 0;
	return asked ? accepted(link) : acknowledged(link);
}

/* receive: everything that has come. No more is read at once than what is awaited. False when the connection is over. */
static bool
receive(struct agent_link *link)
{
	ssize_t count;

	for (;;) {
		count = recv(link->fd, link->input + link->input_length, awaited(link) - link->input_length, 0);
		if (count < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
		if (count == 0)
			return false;
		link->input_length += (size_t)count;
		if (!take_input(link))
			return false;
	}
}

void
agent_link_run(struct agent_link *link, short ready, int64_t now)
{
	bool alive = true;

	if (link->state == AGENT_AWAY && now >= link->retry_at) {
		dial(link, now);
		ready = 0;
	}
	if (link->state == AGENT_AWAY)
		return;
	if ((ready & POLLOUT) != 0)
		link->blocked = false;
	if (!link->blocked)
		alive = send_request(link);
	if (alive && (ready & (POLLIN | POLLHUP | POLLERR)) != 0)
		alive = receive(link);
	if (alive && link->state == AGENT_ACCEPTS && !link->blocked && !send_events(link)) {
		receive(link); /* what it acknowledged before it went needn't be sent again */
		alive = false;
	}
	if (!alive)
		disconnect(link, now);
}
