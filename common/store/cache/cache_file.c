/*
 * The file. What can't be used is taken out of its place, and a new one is made under another name and linked in whole.
 *
 * The library finds a database's log by the database's name: who had just opened the old file must not find the new one's
 * log, nor take it away when it closes. So opening, closing and replacing go by a lock, on a file beside it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/store/cache/cache_private.h"

#define LOCK_SUFFIX       "-lock"
#define OLD_SUFFIX        ".old" /* what was there and was no cache of ours */
#define LOCK_STEP_MS      2
#define READER_LOCK_MS    200
#define WRITER_LOCK_MS    2000
#define WRITER_WAIT_MS    5000 /* for other writers of the database */

static const char CACHE_TABLES[] =
    "CREATE TABLE cache ("
    "  one INTEGER PRIMARY KEY CHECK (one = 1),"
    "  spec TEXT NOT NULL,"
    "  server_id TEXT NOT NULL,"
    "  drops INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE fetched ("
    "  user_name TEXT PRIMARY KEY,"
    "  boot INTEGER NOT NULL,"
    "  asked INTEGER NOT NULL,"
    "  time REAL NOT NULL"
    ") STRICT, WITHOUT ROWID;";

static int
file_fail(const struct cache *cache, const char *doing, struct api_error *error)
{
	return api_fail(error, API_UNAVAILABLE, "CacheFile %.1000s: %s: %s", cache->options.file, doing, strerror(errno));
}

static int
wait_for_lock(int file, int how, int wait_ms)
{
	const struct timespec step = { .tv_nsec = LOCK_STEP_MS * 1000000L };
	int waited;

	for (waited = 0; flock(file, how | LOCK_NB) == -1; waited += LOCK_STEP_MS) {
		if ((errno != EWOULDBLOCK && errno != EINTR) || waited >= wait_ms)
			return -1;
		nanosleep(&step, NULL);
	}
	return 0;
}

/* The lock's file, to be closed; -1 with errno. A reader finds none where nobody has ever made a cache: ENOENT. */
static int
lock(const struct cache *cache, int how)
{
	int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (cache->writes ? O_CREAT : 0), file, saved;
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s" LOCK_SUFFIX, cache->options.file) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	file = open(path, flags, 0600);
	if (file == -1 || wait_for_lock(file, how, cache->writes ? WRITER_LOCK_MS : READER_LOCK_MS) == 0)
		return file;
	saved = errno;
	close(file);
	errno = saved;
	return -1;
}

static void
unlock(int file)
{
	if (file != -1)
		close(file);
}

/* Whether what failed is the file itself, and not what the host can't give now. */
static bool
is_unusable(const struct sqlite_store *store)
{
	switch (store->db == NULL ? SQLITE_NOMEM : sqlite3_errcode(store->db) & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_NOMEM:
	case SQLITE_PROTOCOL:
	case SQLITE_INTERRUPT:
		return false;
	}
	return true;
}

/* That its tables are there: whoever asks for more is to find out about the rest. */
static int
check_tables(struct cache *cache, struct api_error *error)
{
	struct fetched fetched;
	uint64_t drops;
	bool ours;
	int got;

	if (cache_get_fetched(cache, "", &fetched, error) == -1)
		return -1;
	got = cache_query_owner(cache, &ours, &drops, error);
	if (got == 0)
		return api_fail(error, API_UNAVAILABLE, "CacheFile %.1000s is not a cache of this release",
		    cache->options.file);
	return got == 1 ? 0 : -1;
}

static int
set_up_writer(struct cache *cache, struct api_error *error)
{
	cache->store->writer_wait_ms = WRITER_WAIT_MS;
	if (sqlite3_exec(cache->store->db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return sqlite_fail(cache->store, "setting up", error);
}

/* Opens what is there. 0, -1, or 1 with *error: it is none that can be used. */
static int
open_there(struct cache *cache, struct api_error *error)
{
	struct sqlite_store *store = calloc(1, sizeof(*store));

	if (store == NULL || (store->path = strdup(cache->options.file)) == NULL) {
		free(store);
		return api_fail_memory(error);
	}
	store->is_cache = true;
	cache->store = store;
	if (sqlite_connect(store, cache->writes ? STORE_WRITE : STORE_READ, error) == 0 && check_tables(cache, error) == 0 &&
	    (!cache->writes || set_up_writer(cache, error) == 0))
		return 0;
	return is_unusable(store) ? 1 : -1;
}

static void
close_there(struct cache *cache)
{
	if (cache->store != NULL)
		sqlite_close(&cache->store->base);
	cache->store = NULL;
}

/* Nobody's log may be found by a new file's name. */
static int
unlink_beside(const struct cache *cache, struct api_error *error)
{
	static const char *const SUFFIXES[] = { "-wal", "-shm", "-journal" };
	char path[PATH_MAX + 16];
	size_t i;

	for (i = 0; i < sizeof(SUFFIXES) / sizeof(*SUFFIXES); i++) {
		snprintf(path, sizeof(path), "%s%s", cache->options.file, SUFFIXES[i]);
		if (unlink(path) == -1 && errno != ENOENT)
			return file_fail(cache, "what lies beside it can't be removed", error);
	}
	return 0;
}

/* Out of its place, what can be had again is removed, and what may be something else is kept under another name. */
static int
move_away(const struct cache *cache, int64_t application, struct api_error *error)
{
	char old[PATH_MAX + 16];

	if (application == SQLITE_STORE_APPLICATION)
		return api_fail(error, API_INVALID_REQUEST,
		    "CacheFile %.1000s is a Berth store, and no cache; name another file", cache->options.file);
	snprintf(old, sizeof(old), "%s" OLD_SUFFIX, cache->options.file);
	if ((application >> 8 == SQLITE_CACHE_APPLICATION >> 8 ? unlink(cache->options.file)
	                                                       : rename(cache->options.file, old)) == -1 &&
	    errno != ENOENT)
		return file_fail(cache, "can't be made anew", error);
	return unlink_beside(cache, error);
}

/* An empty cache, in memory. NULL with *error. */
static sqlite3 *
make_contents(const struct cache *cache, struct api_error *error)
{
	sqlite3 *contents = NULL;
	sqlite3_stmt *statement = NULL;
	uint64_t drops;
	char mark[64];
	int code;

	snprintf(mark, sizeof(mark), "PRAGMA application_id = %d", SQLITE_CACHE_APPLICATION);
	/* Any number, so that nobody takes the new file's for the old one's. */
	if (getrandom(&drops, sizeof(drops), 0) != (ssize_t)sizeof(drops))
		drops = (uint64_t)cache_now().boot_ms << 16;
	if ((code = sqlite3_open(":memory:", &contents)) == SQLITE_OK &&
	    (code = sqlite_schema_apply(contents, 0, 0)) == SQLITE_OK &&
	    (code = sqlite3_exec(contents, CACHE_TABLES, NULL, NULL, NULL)) == SQLITE_OK &&
	    (code = sqlite3_exec(contents, mark, NULL, NULL, NULL)) == SQLITE_OK &&
	    (code = sqlite3_prepare_v2(contents, "INSERT INTO cache VALUES (1, ?1, ?2, ?3)", -1, &statement, NULL)) ==
	        SQLITE_OK &&
	    (code = sqlite3_bind_text(statement, 1, cache->options.spec, -1, SQLITE_STATIC)) == SQLITE_OK &&
	    (code = sqlite3_bind_text(statement, 2, cache->options.server_id, -1, SQLITE_STATIC)) == SQLITE_OK &&
	    (code = sqlite3_bind_int64(statement, 3, (int64_t)(drops >> 2))) == SQLITE_OK)
		code = sqlite3_step(statement) == SQLITE_DONE ? SQLITE_OK : SQLITE_ERROR;
	sqlite3_finalize(statement);
	if (code == SQLITE_OK)
		return contents;
	sqlite3_close(contents);
	api_fail(error, API_UNAVAILABLE, "CacheFile %.1000s: can't be made: %s", cache->options.file, sqlite3_errstr(code));
	return NULL;
}

static int
make(const struct cache *cache, struct api_error *error)
{
	sqlite3 *contents = make_contents(cache, error);
	struct api_error why;
	int result;

	if (contents == NULL)
		return -1;
	result = sqlite_make(cache->options.file, contents, &why);
	sqlite3_close(contents);
	if (result != -1)
		return 0;
	/* A store's words for it. */
	return api_fail(error, why.code, "CacheFile%.4000s",
	    strncmp(why.message, "Store", 5) == 0 ? why.message + 5 : why.message);
}

/* Whoever could have written it says who may log in, and with which key. */
static int
check_owner(const struct cache *cache, const struct stat *status, struct api_error *error)
{
	if (status->st_uid != 0 && status->st_uid != geteuid())
		return api_fail(error, API_UNAVAILABLE, "CacheFile %.1000s belongs to another user (uid %u)",
		    cache->options.file, (unsigned)status->st_uid);
	if ((status->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return api_fail(error, API_UNAVAILABLE, "CacheFile %.1000s: others may write it (mode %04o)",
		    cache->options.file, (unsigned)status->st_mode & 07777);
	return 1;
}

/* Whether there is a file, or something that stands in its way. */
static int
check_place(const struct cache *cache, struct api_error *error)
{
	struct stat status;

	if (stat(cache->options.file, &status) == -1)
		return errno == ENOENT ? 0 : file_fail(cache, "can't be opened", error);
	if (!S_ISREG(status.st_mode))
		return api_fail(error, API_UNAVAILABLE, "CacheFile %.1000s is not a regular file", cache->options.file);
	return check_owner(cache, &status, error);
}

static int
open_reader(struct cache *cache, struct api_error *error)
{
	int got = check_place(cache, error);

	if (got == 0)
		return api_fail(error, API_NOT_FOUND, "CacheFile %.1000s: nothing has been cached yet", cache->options.file);
	if (got == 1)
		got = open_there(cache, error);
	return got == 0 ? 0 : -1;
}

static int
open_writer(struct cache *cache, struct api_error *error)
{
	int got = check_place(cache, error), again;
	int64_t application;

	for (again = 0; again < 2 && got != -1; again++) {
		if (got == 1 && (got = open_there(cache, error)) != 1)
			return got;
		application = cache->store == NULL ? SQLITE_CACHE_APPLICATION : cache->store->application;
		close_there(cache);
		if (move_away(cache, application, error) == -1 || make(cache, error) == -1)
			return -1;
		got = 1;
	}
	return got == -1 ? -1 : open_there(cache, error) == 0 ? 0 : -1;
}

int
cache_file_open(struct cache *cache, struct api_error *error)
{
	int held, result;

	if (cache->options.file[0] != '/')
		return api_fail(error, API_INVALID_REQUEST, "CacheFile: \"%.200s\" is not an absolute path",
		    cache->options.file);
	held = lock(cache, cache->writes ? LOCK_EX : LOCK_SH);
	if (held == -1 && (cache->writes || errno != ENOENT))
		return file_fail(cache, "can't be locked", error);
	result = cache->writes ? open_writer(cache, error) : open_reader(cache, error);
	if (result == -1)
		close_there(cache);
	unlock(held);
	return result;
}

void
cache_file_close(struct cache *cache)
{
	int held;

	if (cache->store == NULL)
		return;
	held = lock(cache, LOCK_SH);
	close_there(cache);
	unlock(held);
}

int
cache_file_remove(struct cache *cache, struct api_error *error)
{
	int held = lock(cache, LOCK_EX), result = 0;

	if (held == -1)
		return file_fail(cache, "can't be locked", error);
	/* Somebody else may have done it. */
	if (cache->store == NULL || !store_moved(&cache->store->base))
		result = move_away(cache, SQLITE_CACHE_APPLICATION, error);
	close_there(cache);
	unlock(held);
	return result;
}
