/*
 * The threads that fetch records, so that the event loop doesn't wait for a store elsewhere. Fetches of records that are
 * known go first, and never find all threads busy with names that may be nobody's: who guesses names can't keep users
 * waiting.
 *
 * Its calls are for one thread, the loop's. A fetch belongs to the pool from fetch_pool_add() until fetch_pool_next() or
 * fetch_pool_withdraw() returns it; what the pool has when it is left, it frees with free().
 */
#ifndef BERTH_FETCH_POOL_H
#define BERTH_FETCH_POOL_H

#include "agent/remote/fetch.h"

#define FETCH_THREADS_MAX         8
#define FETCH_THREADS_FOR_UNKNOWN 6 /* of them */
#define FETCH_QUEUE_MAX           1024

struct fetch_pool;

/* fetch_pool_new: owns the source, also when it fails. NULL with errno. No thread is started before it is needed. */
struct fetch_pool *fetch_pool_new(struct fetch_source *source);

/* fetch_pool_descriptor: readable when fetch_pool_next() has something; it is the pool's. */
int fetch_pool_descriptor(const struct fetch_pool *pool);

/* fetch_pool_add: false when the queue is full, or no thread can be had: the fetch stays the caller's. *pushed_out: NULL,
 * or an unknown one that made room, the caller's again. */
bool fetch_pool_add(struct fetch_pool *pool, struct fetch *fetch, struct fetch **pushed_out);
/* fetch_pool_next: one that is over; NULL: none is. After one that has failed no other is begun until fetch_pool_go_on():
 * who hears of it may rather withdraw them. */
struct fetch *fetch_pool_next(struct fetch_pool *pool);
void fetch_pool_go_on(struct fetch_pool *pool);
/* fetch_pool_withdraw: one that hasn't begun; NULL: all have. */
struct fetch *fetch_pool_withdraw(struct fetch_pool *pool);
/* fetch_pool_withdraw_unknown: the same of those that aren't known. */
struct fetch *fetch_pool_withdraw_unknown(struct fetch_pool *pool);
/* fetch_pool_one_more: until the next call no more run at once than one beside those that run now, or as many as can. */
void fetch_pool_one_more(struct fetch_pool *pool, bool one);

/* fetch_pool_leave: threads that fetch go on to the end of it, and what comes of it is dropped; the last one frees the pool.
 * Waits up to wait_ms for that. Returns whether no thread is left. */
bool fetch_pool_leave(struct fetch_pool *pool, int wait_ms);

#endif
