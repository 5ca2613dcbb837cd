/*
 * The connections that are open, and since when each has kept us waiting. A connection that hasn't brought a whole request,
 * or hasn't taken its answer, within CONNECTION_SECONDS is cut off, whatever it sends meanwhile: slow headers, a slow body,
 * a slow reader, a handshake that stalls, silence. libmicrohttpd's own limit is one of silence alone. The time that a call
 * takes is ours and doesn't count. Whoever takes all connections that there may be, without a key, so keeps the others out
 * for CONNECTION_SECONDS_FULL.
 */
#ifndef BERTH_CONNECTION_H
#define BERTH_CONNECTION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "api_server/tls.h"

#define CONNECTION_SECONDS         60
#define CONNECTION_SECONDS_CROWDED 10 /* when more than half of the connections that there may be are open */
#define CONNECTION_SECONDS_FULL    2  /* when all are, for who has brought no call with a right signature yet */
#define CONNECTION_GRACE_MILLISECONDS 2000 /* from its acceptance to its first request, once the server stops */

enum connection_state {
	CONNECTION_NEW,     /* hasn't begun a request yet */
	CONNECTION_IDLE,    /* between requests */
	CONNECTION_REQUEST, /* a request comes, or its answer goes */
	CONNECTION_CALL,    /* a request is being done */
};

struct connections;

/* Made when a connection is accepted, for as long as its descriptor is open. */
struct connection {
	struct connections *all;
	int fd;
	enum connection_state state;
	int64_t since; /* when we began to wait for it; deadline_now()'s */
	bool known;    /* it has brought a call of somebody who may call */
	bool cut;      /* off: nothing that it asks for is done any more */
	char address[INET6_ADDRSTRLEN]; /* an IPv4 address as such */
	uint16_t port;
	bool loopback;
	struct tls_identity *identity;
	struct request *request; /* the one that comes or is answered, or NULL; request.c's */
	TAILQ_ENTRY(connection) next;
};

struct connections *connections_new(unsigned max); /* NULL when memory is out */
void connections_free(struct connections *connections);

/* connections_expect: one has been accepted, and will be opened; connections_lost: it won't. connections_open: how many
 * there are, with those that are expected. */
void connections_expect(struct connections *connections);
void connections_lost(struct connections *connections);
unsigned connections_open(struct connections *connections);

/* connection_open: one that was expected; identity, which may be NULL, is kept while it is open. NULL when memory is out.
 * connection_close: before its descriptor is closed. */
struct connection *connection_open(struct connections *connections, int fd, const struct sockaddr *peer,
    struct tls_identity *identity);
void connection_close(struct connection *connection);

/* What happens on it. connection_begin_call: false when it has been cut off: what it asks for must not be done. */
void connection_begin_request(struct connection *connection);
bool connection_begin_call(struct connection *connection);
void connection_end_call(struct connection *connection);
void connection_end_request(struct connection *connection);

/* connections_cut_overdue: cuts off those that took too long. Those whose clients have gone are closed then, too. */
void connections_cut_overdue(struct connections *connections);
/* connection_overdue: whether it has taken too long, while so many are open of those that there may be. */
bool connection_overdue(const struct connection *connection, unsigned open, unsigned max, int64_t now);

/* connections_stop: from now on connections_stopping() is true, and every answer says "Connection: close".
 * connections_let_go: those that have nothing to ask for read an end; what has been received by then is still served. To be
 * called again until none is left. connections_cut_all: the others too, and none begins a call any more; returns how many
 * calls are still under way, whose connections it leaves alone. */
void connections_stop(struct connections *connections);
bool connections_stopping(struct connections *connections);
void connections_let_go(struct connections *connections);
unsigned connections_cut_all(struct connections *connections);

struct connections_now {
	unsigned open, requests, calls; /* calls are requests too */
	unsigned long timed_out;        /* cut off since the start, since they took too long */
};

void connections_count(struct connections *connections, struct connections_now *now);

#endif
