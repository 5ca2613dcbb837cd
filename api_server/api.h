/*
 * berth-api: the Transfer API over HTTP, for any AWS SDK. What its parts share.
 *
 *   main.c        options, start, signals, stop; -t
 *   http_socket.c the listening socket
 *   http_server.c HTTP daemons (libmicrohttpd), accepting, what is too slow, the graceful stop
 *   connection.c  which connections there are, and since when each has kept us waiting
 *   request.c     one request, from its first line to its answer
 *   framing.c     where a request's body ends, and whether that is certain
 *   pages.c       /healthz and /metrics
 *   body.c        a request's body: bounded, hashed as it comes
 *   authorize.c   who sends a request, and whether they may
 *   answer.c      answers: JSON, errors, headers
 *   settings.c    the configuration in force, replaced on SIGHUP
 *   key_ring.c    the access keys in force, read again when their file changes
 *   input_file.c  small files that the configuration names
 *   tls.c         certificate and key
 *   sigv4*.c      Signature Version 4, the verifying side
 *   calls.c       operations: reads at once, writes through one thread that commits many together
 *   rate.c        requests a second for each key
 *   audit.c       a line of JSON for every call
 *   metrics.c     counters for Prometheus
 *   self_test.c   berth-api -t
 *
 * Threads: the main one accepts, keeps time and takes signals; a few are libmicrohttpd's, each with its own connections, and
 * wait for nothing but the store's own reads from disk; one is the writer's. A connection whose request writes is suspended
 * until the writer is done.
 */
#ifndef BERTH_API_H
#define BERTH_API_H

#include "api_server/audit.h"
#include "api_server/body.h"
#include "api_server/calls.h"
#include "api_server/connection.h"
#include "api_server/key_ring.h"
#include "api_server/metrics.h"
#include "api_server/rate.h"
#include "api_server/settings.h"

/* What all requests share; made and released by main.c. */
struct api {
	struct settings_box *settings;
	struct key_rings *key_rings;
	struct connections *connections;
	struct body_total bodies, answers;
	atomic_bool large_passed; /* a large request or answer has gone, and with it memory that the kernel may have back */
	struct calls *calls;
	struct audit *audit;
	struct metrics *metrics;
	struct rate *rate;
};

#endif
