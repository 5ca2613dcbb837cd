/*
 * Checking and repairing an SQLite store. Private to
 *
 *   sqlite_check.c         a whole check: the file, its schema, rows that belong to nobody, then the records
 *   sqlite_walk.c          every record of a file that may be damaged
 *   sqlite_judge.c         one user, read part by part
 *   sqlite_judge_parts.c   its keys, tags and gids
 *   sqlite_judge_server.c  one server
 *   sqlite_repair.c        the sound records into a new store, and that into the place of the old one
 *   sqlite_replace.c       one store's contents into another's place, and a copy of what was there
 *   sqlite_backup.c        to a file and back
 *   sqlite_descriptor.c    a database in a file that is known by its descriptor alone
 */
#ifndef BERTH_SQLITE_CHECK_H
#define BERTH_SQLITE_CHECK_H

#include "common/store/maintenance.h"
#include "common/store/sqlite/sqlite_store.h"

enum check_statement {
	CHECK_NEXT_SERVER,
	CHECK_READ_SERVER,
	CHECK_SERVER_TAGS,
	CHECK_NEXT_USER,
	CHECK_NEXT_KEY,
	CHECK_READ_USER,
	CHECK_GIDS,
	CHECK_KEYS,
	CHECK_KEY,
	CHECK_KEY_OWNER,
	CHECK_TAGS,
	CHECK_STATEMENTS
};

struct check_server {
	int64_t key;
	char id[SERVER_ID_LENGTH + 1];
};

struct check {
	struct sqlite_store source; /* what is checked, in one transaction; only path, connection and version are used */
	const struct store_care *care;
	struct store_findings *findings;
	struct store *rescue; /* what is sound goes in there; NULL: it is a check alone */
	sqlite3_stmt *statements[CHECK_STATEMENTS];
	struct check_server *servers; /* those read so far */
	size_t server_count;
	const char *server_id, *user_name; /* what is being judged, for reports */
	uint64_t user_total;
	bool damaged; /* users are known to be lost */
	sqlite3 *found; /* in a file with faults: a database of ours that knows the places of all keys; else NULL */
	sqlite3_stmt *add_found, *find_found;
	bool failed;  /* *error says why; the check ends */
	struct api_error *error;
};

/* check_fault: reports one. `repair` NULL makes it a warning. The format is api_fail()'s. */
void check_fault(struct check *check, const char *member, const char *repair, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void check_progress(struct check *check, const char *step, uint64_t done, uint64_t total);

/* check_open: a connection for reading a file that may be damaged, whatever its schema holds, within a transaction. NULL
 * with *error. */
sqlite3 *check_open(const char *path, struct api_error *error);

/* check_damaged: after a failure: whether the file can't be read there, and the next row may be. What else it may be (no
 * memory, no room, locked) ends the check: check_failed() says why. */
bool check_damaged(struct check *check);
/* check_failed: *error from the connection's last error, once. Returns -1. */
int check_failed(struct check *check);

/* check_model_fault: reports what the model has refused. */
void check_model_fault(struct check *check, const char *member, const char *repair, const struct api_error *why);
/* check_column: after a column was read: whether it holds what it should. If not, that is reported. */
bool check_column(struct check *check, struct sqlite_row *row, const char *member, const char *repair);

/* check_query: prepared once, its parameter bound. NULL: the table can't be used, or the check has failed. check_step: 1 for
 * a row; 0 at the end; -1 when what follows can't be read, or the check has failed. */
sqlite3_stmt *check_query(struct check *check, enum check_statement which, const char *sql, int64_t parameter);
int check_step(struct check *check, sqlite3_stmt *statement);

/* check_all: the file, its schema, orphans, and all records, on a connection that check_open() has made. 0, or -1 with
 * *error; faults are no error. check_records: the last part of it. */
int check_all(sqlite3 *db, const char *path, const struct store_care *care, struct store *rescue,
    struct store_findings *findings, struct api_error *error);
int check_records(struct check *check);

/* check_server, check_user: the row of this key. They report what is wrong and hand what is sound to the rescue.
 * check_lost_server: one of which the index of ids alone still knows. */
void check_server(struct check *check, int64_t server_key);
void check_user(struct check *check, int64_t user_key);
void check_lost_server(struct check *check, int64_t server_key, const char *server_id);
/* check_server_id: of a server that was read and can be kept, or NULL. */
const char *check_server_id(const struct check *check, int64_t server_key);

/* check_gids, check_keys, check_tags: into the record, without those that are unsound. */
void check_gids(struct check *check, int64_t user_key, int64_t server_key, bool has_gids, struct user_record *user);
void check_keys(struct check *check, int64_t user_key, struct user_record *user);
void check_tags(struct check *check, enum check_statement which, const char *sql, int64_t key, struct tag **tags,
    size_t *count);

/* copy_contents: all of one database into another, in one transaction; *backup as from sqlite3_backup_init(), not ended. */
int copy_contents(sqlite3_backup *backup, const struct store_care *care, const char *step);

/*
 * Another database's contents into the place of a store's.
 *
 * replace_begin: takes the writer's lock of the store at path. The source must not be empty; it may still change. Returns 1
 * when the file is none that can be written so (no database, no Berth store). replace_commit: all that is there now is
 * copied to PATH.WHY-TIME, which is then in kept; then the source's contents are the store's, durably. replace_end: gives
 * the lock back; without a commit nothing has changed.
 */
struct replace {
	struct sqlite_store store; /* its path and connection are used */
	sqlite3_backup *backup;
	int old_file; /* what was copied from; 0: nothing yet */
};
int replace_begin(struct replace *replace, const char *path, sqlite3 *source, struct api_error *error);
int replace_commit(struct replace *replace, const char *why, const struct store_care *care, char *kept,
    struct api_error *error);
void replace_end(struct replace *replace);
/* replace_move: a file that can't be written as above goes out of the way, with its log, under a name
 * like that of such a copy. replace_move_back: it stays after all, since what *error tells of has failed. */
int replace_move(const char *path, const char *why, char *kept, struct api_error *error);
void replace_move_back(const char *path, char *kept, struct api_error *error);

/* scratch_open: an empty database in a file without a name, in the directory of the store at path, to be filled and thrown
 * away. NULL with *error. */
sqlite3 *scratch_open(const char *path, struct api_error *error);

/*
 * descriptor_vfs: the VFS by which sqlite3_open_v2() opens a database in a file that is open already; its descriptor as a
 * decimal number is the name, and stays the caller's. There is no lock and no log: nobody else may write to it. NULL: no
 * memory.
 */
const char *descriptor_vfs(void);
#define DESCRIPTOR_NAME_MAX 16

/* The calls of maintenance.h, for an SQLite store at path. */
int sqlite_check(const char *path, const struct store_care *, struct store_findings *, struct api_error *);
int sqlite_repair(const char *path, const struct store_care *, struct store_findings *, char *, struct api_error *);
int sqlite_backup(const char *path, int, const struct store_care *, struct api_error *);
int sqlite_restore(const char *path, int, const char *, const struct store_care *, char *, struct api_error *);

#endif
