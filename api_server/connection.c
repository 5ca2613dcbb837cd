#include "api_server/connection.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/deadline.h"

struct connections {
	pthread_mutex_t mutex; /* over the list and all that stands in it */
	TAILQ_HEAD(, connection) list;
	unsigned count, expected, max;
	bool closed; /* no call begins any more */
	unsigned long timed_out;
	atomic_bool stopping;
};

struct connections *
connections_new(unsigned max)
{
	struct connections *connections = calloc(1, sizeof(*connections));

	if (connections == NULL)
		return NULL;
	if (pthread_mutex_init(&connections->mutex, NULL) != 0) {
		free(connections);
		return NULL;
	}
	TAILQ_INIT(&connections->list);
	connections->max = max;
	return connections;
}

void
connections_free(struct connections *connections)
{
	if (connections == NULL)
		return;
	pthread_mutex_destroy(&connections->mutex);
	free(connections);
}

void
connections_expect(struct connections *connections)
{
	pthread_mutex_lock(&connections->mutex);
	connections->expected++;
	pthread_mutex_unlock(&connections->mutex);
}

void
connections_lost(struct connections *connections)
{
	pthread_mutex_lock(&connections->mutex);
	connections->expected--;
	pthread_mutex_unlock(&connections->mutex);
}

unsigned
connections_open(struct connections *connections)
{
	unsigned count;

	pthread_mutex_lock(&connections->mutex);
	count = connections->count + connections->expected;
	pthread_mutex_unlock(&connections->mutex);
	return count;
}

static void
name_peer(struct connection *connection, const struct sockaddr *peer)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)peer;
	const struct sockaddr_in *four = (const struct sockaddr_in *)peer;
	struct in_addr mapped;

	if (peer->sa_family == AF_INET) {
		connection->port = ntohs(four->sin_port);
		connection->loopback = ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
		inet_ntop(AF_INET, &four->sin_addr, connection->address, sizeof(connection->address));
		return;
	}
	connection->port = ntohs(six->sin6_port);
	if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
		memcpy(&mapped, &six->sin6_addr.s6_addr[12], sizeof(mapped));
		connection->loopback = ntohl(mapped.s_addr) >> 24 == IN_LOOPBACKNET;
		inet_ntop(AF_INET, &mapped, connection->address, sizeof(connection->address));
		return;
	}
	connection->loopback = IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
	inet_ntop(AF_INET6, &six->sin6_addr, connection->address, sizeof(connection->address));
}

struct connection *
connection_open(struct connections *connections, int fd, const struct sockaddr *peer, struct tls_identity *identity)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (connection == NULL) {
		connections_lost(connections);
		return NULL;
	}
	connection->all = connections;
	connection->fd = fd;
	connection->since = deadline_now();
	connection->identity = tls_identity_keep(identity);
	name_peer(connection, peer);
	pthread_mutex_lock(&connections->mutex);
	TAILQ_INSERT_TAIL(&connections->list, connection, next);
	connections->count++;
	connections->expected--;
	pthread_mutex_unlock(&connections->mutex);
	return connection;
}

void
connection_close(struct connection *connection)
{
	struct connections *connections = connection->all;

	pthread_mutex_lock(&connections->mutex);
	TAILQ_REMOVE(&connections->list, connection, next);
	connections->count--;
	pthread_mutex_unlock(&connections->mutex);
	tls_identity_release(connection->identity);
	free(connection);
}

void
connection_begin_request(struct connection *connection)
{
	/* Its time goes on: it began with the end of the last one. */
	pthread_mutex_lock(&connection->all->mutex);
	connection->state = CONNECTION_REQUEST;
	pthread_mutex_unlock(&connection->all->mutex);
}

bool
connection_begin_call(struct connection *connection)
{
	bool wanted;

	pthread_mutex_lock(&connection->all->mutex);
	wanted = !connection->cut && !connection->all->closed;
	if (wanted) {
		connection->state = CONNECTION_CALL;
		connection->known = true;
	}
	pthread_mutex_unlock(&connection->all->mutex);
	return wanted;
}

/* wait_for: what the connection is to do next is its own affair, from now on. */
static void
wait_for(struct connection *connection, enum connection_state state)
{
	int64_t now = deadline_now();

	pthread_mutex_lock(&connection->all->mutex);
	connection->state = state;
	connection->since = now;
	pthread_mutex_unlock(&connection->all->mutex);
}

void
connection_end_call(struct connection *connection)
{
	wait_for(connection, CONNECTION_REQUEST);
}

void
connection_end_request(struct connection *connection)
{
	wait_for(connection, CONNECTION_IDLE);
}

static int
seconds_allowed(const struct connection *connection, unsigned open, unsigned max)
{
	if (open >= max && !connection->known)
		return CONNECTION_SECONDS_FULL;
	return open > max / 2 ? CONNECTION_SECONDS_CROWDED : CONNECTION_SECONDS;
}

bool
connection_overdue(const struct connection *connection, unsigned open, unsigned max, int64_t now)
{
	return connection->state != CONNECTION_CALL &&
	    now - connection->since >= (int64_t)seconds_allowed(connection, open, max) * 1000;
}

/* cut: under the mutex, so that the descriptor is this connection's. Both ways, or a reader that doesn't read would stay. */
static void
cut(struct connection *connection)
{
	connection->cut = true;
	shutdown(connection->fd, SHUT_RDWR);
}

/*
 * wake_ended: libmicrohttpd looks for edges, and of a client that closed its side while its last bytes were still unread it
 * may never see the end. What has been received is still read first.
 */
static void
wake_ended(const struct connection *connection)
{
	struct pollfd polled = { .fd = connection->fd, .events = POLLRDHUP };

	if (connection->state != CONNECTION_CALL && poll(&polled, 1, 0) == 1 && (polled.revents & POLLRDHUP) != 0)
		shutdown(connection->fd, SHUT_RD);
}

void
connections_cut_overdue(struct connections *connections)
{
	int64_t now = deadline_now();
	struct connection *connection;
	unsigned open;

	pthread_mutex_lock(&connections->mutex);
	open = connections->count + connections->expected;
	TAILQ_FOREACH(connection, &connections->list, next) {
		if (connection->cut)
			continue;
		if (!connection_overdue(connection, open, connections->max, now)) {
			wake_ended(connection);
			continue;
		}
		cut(connection);
		connections->timed_out++;
	}
	pthread_mutex_unlock(&connections->mutex);
}

void
connections_stop(struct connections *connections)
{
	atomic_store(&connections->stopping, true);
}

bool
connections_stopping(struct connections *connections)
{
	return atomic_load(&connections->stopping);
}

void
connections_let_go(struct connections *connections)
{
	int64_t now = deadline_now();
	struct connection *connection;

	pthread_mutex_lock(&connections->mutex);
	TAILQ_FOREACH(connection, &connections->list, next) {
		/* For reading alone: what the kernel has received by now is still read, and answered. */
		if (connection->state == CONNECTION_IDLE || (connection->state == CONNECTION_NEW &&
		    now - connection->since >= CONNECTION_GRACE_MILLISECONDS))
			shutdown(connection->fd, SHUT_RD);
		else
			wake_ended(connection);
	}
	pthread_mutex_unlock(&connections->mutex);
}

unsigned
connections_cut_all(struct connections *connections)
{
	struct connection *connection;
	unsigned calls = 0;

	pthread_mutex_lock(&connections->mutex);
	connections->closed = true;
	TAILQ_FOREACH(connection, &connections->list, next) {
		if (connection->state == CONNECTION_CALL)
			calls++;
		else
			cut(connection);
	}
	pthread_mutex_unlock(&connections->mutex);
	return calls;
}

void
connections_count(struct connections *connections, struct connections_now *now)
{
	const struct connection *connection;

	*now = (struct connections_now){ 0 };
	pthread_mutex_lock(&connections->mutex);
	now->open = connections->count;
	now->timed_out = connections->timed_out;
	TAILQ_FOREACH(connection, &connections->list, next) {
		now->requests += connection->state == CONNECTION_REQUEST || connection->state == CONNECTION_CALL;
		now->calls += connection->state == CONNECTION_CALL;
	}
	pthread_mutex_unlock(&connections->mutex);
}
