#include "api_server/http_server.h"

#include <errno.h>
#include <malloc.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "api_server/request.h"
#include "common/host/daemon_log.h"
#include "common/wire/deadline.h"

#define DAEMONS_MIN 2
#define DAEMONS_MAX 8
#define CONNECTION_MEMORY ((size_t)32 * 1024) /* a request's headers fit into it, and a part of a body */
#define SILENCE_SECONDS 90                    /* libmicrohttpd's own limit, behind connection.h's */
#define RESERVED_FILES 64                     /* descriptors that aren't connections */
#define ACCEPTED_AT_ONCE 256                  /* then the main thread looks for signals and the time again */
#define QUEUE_MILLISECONDS 1000               /* for those who wait to be accepted when it is to stop */
#define STEP_MILLISECONDS 20
#define LAST_ANSWERS_MILLISECONDS 500         /* for those whose calls outlasted the stop */

struct http_server {
	struct api *api;
	int listener; /* -1: closed */
	struct MHD_Daemon *daemons[DAEMONS_MAX];
	unsigned daemon_count, next;
};

unsigned
http_server_connections_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= HTTP_SERVER_CONNECTIONS_MAX + RESERVED_FILES)
		return HTTP_SERVER_CONNECTIONS_MAX;
	return limit.rlim_cur > 2 * RESERVED_FILES ? (unsigned)limit.rlim_cur - RESERVED_FILES : RESERVED_FILES;
}

static void on_log(void *context, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

/* on_log: what libmicrohttpd has to say, mostly of clients that break the protocol. */
static void
on_log(void *context, const char *format, va_list arguments)
{
	char line[512];

	(void)context;
	vsnprintf(line, sizeof(line), format, arguments);
	line[strcspn(line, "\r\n")] = '\0';
	daemon_log_limited("http", LOG_DEBUG, "http: reason=\"%s\"", line);
}

static void
on_connection(void *context, struct MHD_Connection *mhd, void **socket_context, enum MHD_ConnectionNotificationCode what)
{
	struct api *api = context;
	const union MHD_ConnectionInfo *info;
	struct settings *settings;
	struct connection *connection;
	int fd;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*socket_context != NULL) {
			request_drop(*socket_context);
			connection_close(*socket_context);
		}
		*socket_context = NULL;
		return;
	}
	fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	settings = settings_take(api->settings);
	connection = connection_open(api->connections, fd, info->client_addr, settings->identity);
	settings_release(settings);
	*socket_context = connection;
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	if (info != NULL && info->tls_session != NULL)
		gnutls_session_set_ptr(info->tls_session, connection != NULL ? connection->identity : NULL);
}

static struct MHD_Daemon *
start_daemon(struct api *api, bool tls)
{
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET |
	    MHD_USE_ERROR_LOG | (tls ? MHD_USE_TLS : 0);
	struct MHD_OptionItem tls_options[] = {
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(intptr_t)TLS_PRIORITIES },
		{ MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(intptr_t)tls_retrieve },
		{ MHD_OPTION_END, 0, NULL },
	};

	return MHD_start_daemon(flags, 0, NULL, NULL, request_handle, api,
	    MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
	    MHD_OPTION_URI_LOG_CALLBACK, request_begin, api,
	    MHD_OPTION_NOTIFY_COMPLETED, request_end, api,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, api,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_SERVER_CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENCE_SECONDS,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_ARRAY, tls ? tls_options : &tls_options[2],
	    MHD_OPTION_END);
}

static unsigned
choose_daemon_count(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (processors < DAEMONS_MIN)
		return DAEMONS_MIN;
	return processors > DAEMONS_MAX ? DAEMONS_MAX : (unsigned)processors;
}

static void
stop_daemons(struct http_server *server)
{
	for (unsigned i = 0; i < server->daemon_count; i++)
		MHD_stop_daemon(server->daemons[i]);
	if (server->listener >= 0)
		close(server->listener);
	free(server);
}

struct http_server *
http_server_start(struct api *api, int listener)
{
	struct http_server *server = calloc(1, sizeof(*server));
	struct settings *settings = settings_take(api->settings);
	unsigned count = choose_daemon_count();
	bool tls = settings->identity != NULL;

	settings_release(settings);
	if (server == NULL) {
		daemon_log(LOG_ERR, "no HTTP server: reason=\"%s\"", strerror(errno));
		close(listener);
		return NULL;
	}
	server->api = api;
	server->listener = listener;
	for (; server->daemon_count < count; server->daemon_count++) {
		server->daemons[server->daemon_count] = start_daemon(api, tls);
		if (server->daemons[server->daemon_count] == NULL) {
			daemon_log(LOG_ERR, "no HTTP server: reason=\"%s\"", strerror(errno));
			stop_daemons(server);
			return NULL;
		}
	}
	return server;
}

int
http_server_descriptor(const struct http_server *server)
{
	unsigned open = connections_open(server->api->connections);

	if (open < http_server_connections_max())
		return server->listener;
	daemon_log_limited("full", LOG_WARNING, "as many connections as there may be, others wait: connections=%u", open);
	return -1;
}

static void
pause_a_step(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = STEP_MILLISECONDS * 1000000 }, NULL);
}

/* hand_over: false when there was nothing to accept, or it couldn't be had. */
static bool
hand_over(struct http_server *server)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);
	int fd = accept4(server->listener, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno == ECONNABORTED || errno == EINTR)
			return true;
		if (errno != EAGAIN) {
			daemon_log_limited("accept", LOG_WARNING, "a connection can't be accepted: reason=\"%s\"",
			    strerror(errno));
			pause_a_step();
		}
		return false;
	}
	connections_expect(server->api->connections);
	/* It closes the descriptor when it fails. */
	if (MHD_add_connection(server->daemons[server->next], fd, (struct sockaddr *)&peer, length) != MHD_YES)
		connections_lost(server->api->connections);
	server->next = (server->next + 1) % server->daemon_count;
	return true;
}

void
http_server_accept(struct http_server *server)
{
	for (int i = 0; i < ACCEPTED_AT_ONCE && http_server_descriptor(server) >= 0 && hand_over(server); i++)
		;
}

void
http_server_tick(struct http_server *server)
{
	connections_cut_overdue(server->api->connections);
	/* What lies between pieces that are still in use is given back by this alone. */
	if (atomic_exchange(&server->api->large_passed, false))
		malloc_trim(0);
}

/* let_go: until no connection is left, or the time is over. */
static void
let_go(struct connections *connections, int milliseconds)
{
	int64_t end = deadline_after(milliseconds);

	for (;;) {
		connections_let_go(connections);
		if (connections_open(connections) == 0 || deadline_left(end) == 0)
			return;
		pause_a_step();
	}
}

/* cut_rest: what is with the writer is waited for: it will be done. */
static void
cut_rest(struct connections *connections)
{
	struct connections_now now;

	connections_count(connections, &now);
	if (now.open == 0)
		return;
	daemon_log(LOG_WARNING, "stopping: cut off after %d s: connections=%u requests=%u", HTTP_SERVER_STOP_SECONDS,
	    now.open, now.requests);
	if (connections_cut_all(connections) == 0)
		return;
	while (connections_cut_all(connections) > 0)
		pause_a_step();
	let_go(connections, LAST_ANSWERS_MILLISECONDS);
}

void
http_server_stop(struct http_server *server)
{
	struct connections *connections = server->api->connections;
	int64_t end = deadline_after(QUEUE_MILLISECONDS);

	connections_stop(connections);
	/* Those who wait in the queue have been told that they are connected. Who never ceases to come doesn't keep us. */
	while (deadline_left(end) > 0 && hand_over(server))
		;
	close(server->listener);
	server->listener = -1;
	let_go(connections, HTTP_SERVER_STOP_SECONDS * 1000);
	cut_rest(connections);
	stop_daemons(server);
}
