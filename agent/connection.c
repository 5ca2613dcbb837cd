/*
 * Connections that wait: who may hold how many, and what is left to send.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/server_private.h"
#include "common/wire/deadline.h"

/* is_exempt: a file that can't be read exempts nobody but root. */
static bool
is_exempt(struct server *server, uid_t uid)
{
	struct agent *agent = server->agent;

	return uid == 0 || local_accounts_is_either(&agent->accounts, agent->config.keys_user, agent->config.session_user,
	    uid) > 0;
}

static struct uid_count *
count_of(struct server *server, uid_t uid)
{
	for (size_t i = 0; i < server->count_used; i++) {
		if (server->counts[i].uid == uid)
			return &server->counts[i];
	}
	return NULL;
}

/* Nothing is looked up while nobody waits. */
bool
server_has_room(struct server *server, uid_t uid)
{
	const struct uid_count *count;

	if (server->counted == 0)
		return true;
	count = count_of(server, uid);
	if (server->counted < SERVER_CONNECTIONS_MAX && (count == NULL || count->waiting < UID_CONNECTIONS_MAX))
		return true;
	return is_exempt(server, uid);
}

static void
count_add(struct server *server, uid_t uid)
{
	struct uid_count *count = count_of(server, uid);

	if (count == NULL) {
		count = &server->counts[server->count_used++];
		count->uid = uid;
		count->waiting = 0;
	}
	count->waiting++;
	server->counted++;
}

static void
count_remove(struct server *server, uid_t uid)
{
	struct uid_count *count = count_of(server, uid);

	server->counted--;
	if (--count->waiting == 0)
		*count = server->counts[--server->count_used];
}

void
connection_free(struct connection *connection)
{
	struct server *server = connection->server;

	remote_wait_end(&connection->wait);
	server->parked -= connection->parked;
	if (connection->event != NULL)
		event_free(connection->event);
	if (connection->fd >= 0)
		close(connection->fd);
	free(connection->request);
	free(connection->answer);
	*connection->link = connection->next;
	if (connection->next != NULL)
		connection->next->link = connection->link;
	if (!connection->exempt)
		count_remove(server, connection->uid);
	server->total--;
	free(connection);
	if (server->total == 0 && server->done != NULL)
		server->done(server->done_context);
}

struct connection *
connection_new(struct server *server, int fd, uid_t uid)
{
	bool exempt = is_exempt(server, uid);
	struct connection *connection;

	if (!exempt && server->counted == SERVER_CONNECTIONS_MAX)
		return NULL;
	connection = calloc(1, sizeof(*connection));
	if (connection == NULL)
		return NULL;
	connection->server = server;
	connection->fd = fd;
	connection->uid = uid;
	connection->exempt = exempt;
	connection->next = server->connections;
	connection->link = &server->connections;
	if (connection->next != NULL)
		connection->next->link = &connection->next;
	server->connections = connection;
	server->total++;
	if (!exempt)
		count_add(server, uid);
	return connection;
}

void
connection_wait(struct connection *connection, short what, event_callback_fn callback)
{
	int left = deadline_left(connection->deadline);
	struct timeval limit;

	if (connection->event == NULL)
		connection->event = event_new(connection->server->base, connection->fd, what, callback, connection);
	limit.tv_sec = left / 1000;
	limit.tv_usec = left % 1000 * 1000;
	if (left == 0 || connection->event == NULL || event_add(connection->event, &limit) != 0)
		connection_free(connection);
}

static void
on_writable(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;
	ssize_t sent;

	if (what & EV_TIMEOUT) {
		connection_free(connection);
		return;
	}
	sent = send(fd, connection->answer + connection->sent, connection->length - connection->sent,
	    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		connection_free(connection);
		return;
	}
	if (sent > 0)
		connection->sent += (size_t)sent;
	if (connection->sent == connection->length)
		connection_free(connection);
	else
		connection_wait(connection, EV_WRITE, on_writable);
}

/* keep_rest: the part of the server's answer that the peer had no room for becomes the connection's. */
static int
keep_rest(struct connection *connection, struct lookup_answer *answer, size_t sent)
{
	if (answer->allocated != NULL) {
		connection->answer = answer->allocated;
		connection->sent = sent;
		connection->length = answer->length;
		answer->allocated = NULL;
		return 0;
	}
	connection->length = answer->length - sent;
	connection->answer = malloc(connection->length);
	if (connection->answer == NULL)
		return -1;
	memcpy(connection->answer, answer->data + sent, connection->length);
	return 0;
}

bool
server_send(struct server *server, int fd, size_t *sent)
{
	ssize_t count = send(fd, server->answer.data, server->answer.length, MSG_DONTWAIT | MSG_NOSIGNAL);
	int problem = errno;

	metrics_answered(&server->asked, server->answer.status);
	*sent = count > 0 ? (size_t)count : 0;
	if (count < 0)
		return problem != EAGAIN && problem != EINTR;
	return *sent == server->answer.length;
}

void
connection_wait_to_send(struct connection *connection, size_t sent)
{
	if (connection->event != NULL)
		event_free(connection->event);
	connection->event = NULL;
	free(connection->request);
	connection->request = NULL;
	connection->deadline = deadline_after(ANSWER_SECONDS * 1000);
	if (keep_rest(connection, &connection->server->answer, sent) != 0)
		connection_free(connection);
	else
		connection_wait(connection, EV_WRITE, on_writable);
}
