/*
 * The agent: what its parts share.
 *
 *   main.c            options, start, signals, stop
 *   listener.c        the socket: systemd's, or made here
 *   server.c          connections: accepted, read, answered
 *   connection.c      those that wait for their peer: who may hold how many, for how long
 *   lookup.c          one function a verb
 *   status.c          but for WIRE_STATUS: how the agent is doing
 *   metrics.c         what is counted for that; histogram.c: how long lookups took
 *   judge.c           the judgement over records: who may be anybody, and who may open a session
 *   local_accounts.c  the host's own names and ids, which no record may have
 *   clashes.c         records that they keep from being served, logged at start and reload
 *   store_handle.c    the store, opened again when it must be
 *
 * One thread, one event loop. Nothing in it waits but the store's own reads from disk. A store kept elsewhere is asked by
 * threads of its own, and the loop reads what they have put into the cache:
 *
 *   lookup_need.c     which records a request needs
 *   parking.c         requests that wait for one
 *
 *   remote/remote.c        what may be served of them now
 *   remote/remote_jobs.c   what is fetched, and what came of it
 *   remote/remote_wait.c   who waits for that
 *   remote/cache_reader.c  the cache, opened again when it must be
 *   remote/breaker.c       whether the store elsewhere is to be asked now
 *   remote/remembered.c    names that it doesn't have, for some seconds
 *   remote/outdated.c      records of the cache that it couldn't be rid of
 *   remote/fetch_pool.c    the threads
 *   remote/fetch.c         what they do: ask for a record, write it to the cache
 *
 * The transfer log has a thread too, which may wait for the disk as long as it must:
 *
 *   transfer_log.c       the thread, and what it is told by the other one
 *   transfer_helpers.c   the connections of sessions' helpers, in turn
 *   transfer_sessions.c  up to which event each session is written down
 *   transfer_writer.c    lines on their way to the file, tried again while it can't be written
 *   event_json.c         an event as a line
 *   journal.c            an event as the journal's entry
 */
#ifndef BERTH_AGENT_H
#define BERTH_AGENT_H

#include "agent/local_accounts.h"
#include "agent/store_handle.h"
#include "agent/transfer_log.h"
#include "common/host/config.h"
#include "common/host/daemon_log.h"

struct agent {
	const char *config_file;
	struct config config;
	struct local_accounts accounts;
	struct store_handle store;
	struct transfer_log *transfer_log;
	struct log_topics stranger_keys; /* keys that were offered and aren't the user's, see lookup.c */
};

#endif
