/*
 * The HTTP server: some daemons of libmicrohttpd, each a thread with connections of its own, and in front of them the main
 * thread, which accepts and hands over in turn. That it is ours who accept is what makes a stop without loss possible: the
 * listening socket's queue can be emptied before it is closed.
 */
#ifndef BERTH_HTTP_SERVER_H
#define BERTH_HTTP_SERVER_H

#include <stdbool.h>

#include "api_server/api.h"

#define HTTP_SERVER_CONNECTIONS_MAX 1000
#define HTTP_SERVER_STOP_SECONDS    10 /* for what is under way when it is to stop */

struct http_server;

/* http_server_connections_max: how many connections there may be, by the limit of open files. */
unsigned http_server_connections_max(void);

/* http_server_start: serves the listening socket, which is its own from now on, even when it fails. With TLS when the
 * settings have a certificate. NULL after saying why in the log. */
struct http_server *http_server_start(struct api *api, int listener);

/* http_server_descriptor: becomes readable when there is something to accept; -1 while no more may be accepted.
 * http_server_accept: what waits there. http_server_tick: once a second or so. */
int http_server_descriptor(const struct http_server *server);
void http_server_accept(struct http_server *server);
void http_server_tick(struct http_server *server);

/* http_server_stop: answers all requests that have been sent to us, but waits HTTP_SERVER_STOP_SECONDS at most; then nothing
 * runs any more, and nothing calls back. */
void http_server_stop(struct http_server *server);

#endif
