/*
 * Running operations: those that read at once, on the caller's thread, over a connection to the store of their own; those
 * that write on one thread, which takes all that wait for it and commits them together. What waits for the disk is so
 * shared: each write stands or fails by itself, and none is answered before all of its batch is durable.
 */
#ifndef BERTH_CALLS_H
#define BERTH_CALLS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/host/config.h"
#include "common/model/error.h"

struct call;
/* On the writer's thread: what the call asked for has been done, or refused. It must not wait. */
typedef void call_done(struct call *call);

/* Set by the caller, whose memory it is: `config` (which must live until the call is done), operation, request, done. Set by
 * calls_run(): the rest. */
struct call {
	const struct config *config;
	int operation;        /* operation_number() */
	const cJSON *request;
	call_done *done;
	int result;           /* 0, or -1 with `error` */
	cJSON *response;      /* the caller's from then on; NULL for an operation without output, and for a refused one */
	struct api_error error;
	STAILQ_ENTRY(call) waiting;
};

struct calls;

/* calls_start: with its writer's thread. Opens no store: one that isn't there now may be later. NULL with errno. */
struct calls *calls_start(void);
/* calls_run: true when the call is done; false when call->done() will be called, or has been already. Any thread. */
bool calls_run(struct calls *calls, struct call *call);
/* calls_ready: for a health check: whether the configuration's store can be opened and read. */
bool calls_ready(struct calls *calls, const struct config *config);
/* calls_stop: does what waits, then ends the thread and closes the store. Nobody may call calls_run() any more. */
void calls_stop(struct calls *calls);

/* calls_writing: for how many milliseconds the writer's thread has been at one batch; 0 while it waits for calls. */
int64_t calls_writing(struct calls *calls);

/* For metrics: writes done, and the commits that they took. */
void calls_count(struct calls *calls, unsigned long *writes, unsigned long *commits);

#endif
