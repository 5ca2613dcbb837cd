/*
 * Asking the agent: one connection, one request, one answer, one deadline over all of it,
 * which the agent may ask to be put off once.
 *
 * This runs inside every process of the host that looks up a name, so it touches nothing of the process: no signal, no
 * environment, no descriptor that outlives the call.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/host/paths.h"
#include "common/wire/deadline.h"
#include "common/wire/wire.h"

/* The first read of a long answer, before its length is known. */
#define FIRST_READ 4096

struct exchange {
	int fd;
	int64_t deadline;
	enum wire_verb verb;
	int wait_ms;      /* how much longer an agent may ask us to wait; it may ask once */
	bool asked_to_wait;
	uint8_t header[WIRE_HEADER];
	uint8_t *body;    /* where the payload goes */
	size_t body_size;
	size_t got;       /* bytes received: the header's, then the payload's */
};

static int
wait_for(const struct exchange *exchange, short events)
{
	struct pollfd ready = { .fd = exchange->fd, .events = events };
	int left, count;

	do {
		left = deadline_left(exchange->deadline);
		if (left == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		count = poll(&ready, 1, left);
	} while (count == 0 || (count < 0 && errno == EINTR));
	return count < 0 ? -1 : 0;
}

/* check_peer: makes sure that it was the owner who listens there. */
static int
check_peer(int fd, uid_t owner)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
		return -1;
	if (length != sizeof(peer) || peer.uid != owner) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

/* close_failed: keeps errno. */
static int
close_failed(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
	return -1;
}

int
agent_connect(const char *path, uid_t owner)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	int fd;

	if (length >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, length);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 || check_peer(fd, owner) != 0)
		return close_failed(fd);
	return fd;
}

/*
 * connect_waiting: connect when the agent's backlog is full. A non-blocking connect can't wait for a place in it, a blocking
 * one with SO_SNDTIMEO can: the kernel lets the waiting in by turns, so a flood delays a login instead of failing it.
 */
static int
connect_waiting(const struct exchange *exchange)
{
	static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = BERTH_SOCKET };
	int result, left;
	struct timeval limit;

	do {
		left = deadline_left(exchange->deadline);
		if (left == 0) {
			errno = EAGAIN;
			return -1;
		}
		limit.tv_sec = left / 1000;
		limit.tv_usec = left % 1000 * 1000;
		if (setsockopt(exchange->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0)
			return -1;
		result = connect(exchange->fd, (const struct sockaddr *)&address, sizeof(address));
	} while (result != 0 && errno == EINTR);
	if (result != 0 || check_peer(exchange->fd, 0) != 0)
		return -1;
	return fcntl(exchange->fd, F_SETFL, O_NONBLOCK);
}

/* exchange_connect: the exchange's descriptor, or -1 with errno and nothing open. */
static int
exchange_connect(struct exchange *exchange)
{
	exchange->fd = agent_connect(BERTH_SOCKET, 0);
	if (exchange->fd >= 0 || errno != EAGAIN)
		return exchange->fd;
	exchange->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (exchange->fd >= 0 && connect_waiting(exchange) != 0)
		exchange->fd = close_failed(exchange->fd);
	return exchange->fd;
}

/* advance: takes `done` bytes off the front of the parts. */
static void
advance(struct iovec *parts, size_t count, size_t done)
{
	for (size_t i = 0; i < count && done > 0; i++) {
		size_t step = done < parts[i].iov_len ? done : parts[i].iov_len;

		parts[i].iov_base = (uint8_t *)parts[i].iov_base + step;
		parts[i].iov_len -= step;
		done -= step;
	}
}

static int
send_request(const struct exchange *exchange, enum wire_verb verb, const struct wire_out *request)
{
	uint8_t header[WIRE_HEADER];
	struct wire_out out;
	struct iovec parts[2] = { { header, sizeof(header) }, { request->data, request->used } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
	size_t left = sizeof(header) + request->used;
	ssize_t sent;

	wire_out_init(&out, header, sizeof(header));
	wire_put_header(&out, (uint16_t)verb, (uint32_t)request->used);
	while (left > 0) {
		sent = sendmsg(exchange->fd, &message, MSG_NOSIGNAL);
		/* An agent that is too busy answers without reading: the answer waits for us behind the broken pipe. */
		if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
			return 0;
		if (sent < 0 && errno != EINTR && errno != EAGAIN)
			return -1;
		if (sent < 0) {
			if (wait_for(exchange, POLLOUT) != 0)
				return -1;
			continue;
		}
		advance(parts, 2, (size_t)sent);
		left -= (size_t)sent;
	}
	return 0;
}

/* exchange_open: connects and sends. Returns 0, or -1 with errno and nothing open. */
static int
exchange_open(struct exchange *exchange, enum wire_verb verb, const struct wire_out *request,
    const struct agent_patience *patience)
{
	if (request->overflow || request->used > WIRE_REQUEST_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	exchange->verb = verb;
	exchange->got = 0;
	exchange->deadline = deadline_after(patience->answer_ms);
	exchange->wait_ms = patience->wait_ms;
	if (exchange_connect(exchange) < 0)
		return -1;
	return send_request(exchange, verb, request) == 0 ? 0 : close_failed(exchange->fd);
}

/* receive_some: one read of what comes next. There is no control buffer, so the kernel drops descriptors that come along. */
static ssize_t
receive_some(struct exchange *exchange)
{
	struct iovec parts[2] = { { exchange->header, WIRE_HEADER }, { exchange->body, exchange->body_size } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

	advance(parts, 2, exchange->got);
	return recvmsg(exchange->fd, &message, 0);
}

/* receive_until: reads until `want` bytes of the answer are there. */
static int
receive_until(struct exchange *exchange, size_t want)
{
	ssize_t count;

	while (exchange->got < want) {
		/* Asked before every read, so that an answer in drips ends in time too. */
		if (wait_for(exchange, POLLIN) != 0)
			return -1;
		count = receive_some(exchange);
		if (count < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (count == 0 || (count < 0 && errno == ECONNRESET))
			errno = EPROTO;
		if (count <= 0)
			return -1;
		exchange->got += (size_t)count;
	}
	return 0;
}

static int
not_the_protocol(void)
{
	errno = EPROTO;
	return -1;
}

/* drop_front: takes what is done with off the front of the bytes received. */
static void
drop_front(struct exchange *exchange, size_t length)
{
	uint8_t rest[2 * WIRE_HEADER];
	size_t left = exchange->got - length, head = left < WIRE_HEADER ? left : WIRE_HEADER;
	const uint8_t *body = exchange->body + (length - WIRE_HEADER);

	memcpy(rest, body, head);
	memmove(exchange->body, body + head, left - head);
	memcpy(exchange->header, rest, head);
	exchange->got = left;
}

/*
 * obey_wait: WIRE_WAIT's payload of `length` bytes: the deadline becomes a later one, but once, and never later than the
 * caller is willing to wait. Who isn't willing goes on as if it hadn't been said.
 */
static int
obey_wait(struct exchange *exchange, uint32_t length)
{
	struct wire_in in;
	uint32_t asked;
	int64_t until;

	if (exchange->asked_to_wait || !wire_may_wait(exchange->verb) || length != WIRE_WAIT_LENGTH ||
	    exchange->body_size < WIRE_WAIT_LENGTH)
		return not_the_protocol();
	if (receive_until(exchange, WIRE_HEADER + WIRE_WAIT_LENGTH) != 0)
		return -1;
	wire_in_init(&in, exchange->body, WIRE_WAIT_LENGTH);
	asked = wire_get_u32(&in);
	exchange->asked_to_wait = true;
	if (exchange->wait_ms > 0) {
		until = deadline_after(asked < (uint32_t)exchange->wait_ms ? (int)asked : exchange->wait_ms);
		if (until > exchange->deadline)
			exchange->deadline = until;
	}
	drop_front(exchange, WIRE_HEADER + WIRE_WAIT_LENGTH);
	return 0;
}

/* receive_header: the answer's status and length; the bytes behind it that came along are in the body already. */
static int
receive_header(struct exchange *exchange, size_t answer_max, uint32_t *length)
{
	uint16_t status;

	for (;;) {
		if (receive_until(exchange, WIRE_HEADER) != 0)
			return -1;
		if (!wire_get_header(exchange->header, &status, length, answer_max))
			return not_the_protocol();
		if (status != WIRE_WAIT)
			break;
		if (obey_wait(exchange, *length) != 0)
			return -1;
	}
	if (status > WIRE_BAD_REQUEST || exchange->got - WIRE_HEADER > *length)
		return not_the_protocol();
	return status;
}

/* exchange_close: releases the descriptor, keeps errno. */
static int
exchange_close(struct exchange *exchange, int result)
{
	int saved = errno;

	close(exchange->fd);
	errno = saved;
	return result;
}

int
agent_ask(enum wire_verb verb, const struct wire_out *request, void *answer, size_t answer_size, size_t *answer_length,
    const struct agent_patience *patience)
{
	struct exchange exchange = { .body = answer, .body_size = answer_size };
	uint32_t length = 0;
	int status;

	*answer_length = 0;
	if (exchange_open(&exchange, verb, request, patience) != 0)
		return -1;
	status = receive_header(&exchange, answer_size, &length);
	if (status >= 0 && receive_until(&exchange, WIRE_HEADER + (size_t)length) != 0)
		status = -1;
	if (status >= 0)
		*answer_length = length;
	return exchange_close(&exchange, status);
}

int
agent_ask_alloc(enum wire_verb verb, const struct wire_out *request, uint8_t **answer, size_t answer_max,
    size_t *answer_length, const struct agent_patience *patience)
{
	uint8_t first[FIRST_READ];
	struct exchange exchange = { .body = first, .body_size = sizeof(first) };
	uint32_t length = 0;
	int status;

	*answer = NULL;
	*answer_length = 0;
	if (exchange_open(&exchange, verb, request, patience) != 0)
		return -1;
	status = receive_header(&exchange, answer_max, &length);
	if (status < 0)
		return exchange_close(&exchange, -1);

	exchange.body = malloc(length > 0 ? length : 1);
	if (exchange.body == NULL)
		return exchange_close(&exchange, -1);
	exchange.body_size = length;
	memcpy(exchange.body, first, exchange.got - WIRE_HEADER);
	if (receive_until(&exchange, WIRE_HEADER + (size_t)length) != 0) {
		free(exchange.body);
		return exchange_close(&exchange, -1);
	}
	*answer = exchange.body;
	*answer_length = length;
	return exchange_close(&exchange, status);
}
