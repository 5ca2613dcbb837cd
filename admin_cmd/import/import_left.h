/*
 * What a source of another kind has and Berth can't take over: noted while it is read, listed at the end, by kind.
 */
#ifndef BERTH_IMPORT_LEFT_H
#define BERTH_IMPORT_LEFT_H

#include <stddef.h>

enum left_kind {
	LEFT_NAME,       /* Transfer's pattern refuses it */
	LEFT_HOME,       /* no path that a Target may be */
	LEFT_NO_KEY,     /* can't log in */
	LEFT_PASSWORD,
	LEFT_NO_PROFILE, /* no uid in the source */
	LEFT_CLASH,      /* the name or the uid is an account's of this host */
	LEFT_GROUPS,
	LEFT_SHELL,
	LEFT_KEY_OPTIONS,
	LEFT_KEY_TYPE,
	LEFT_KEY_BAD,
	LEFT_KEY_FILE,
	LEFT_KEY_UNUSABLE, /* of a record */
	LEFT_KEY_COUNT,  /* more keys than a user may have */
	LEFT_MEMBER,     /* a member that Berth doesn't know, or of which it needs another value */
	LEFT_NO_HOME,    /* PATH without a directory */
	LEFT_POLICY,
	LEFT_GONE,       /* deleted while the import ran */
	LEFT_SERVER,     /* of the server itself, and of all its users alike */
	LEFT_BUCKET,
	LEFT_KINDS
};

struct import_left;

/* import_left_new: NULL when memory is out. */
struct import_left *import_left_new(void);
void import_left_free(struct import_left *left);

/* import_left_note: line 0: of no one line; name "": of no one user. The text may come from anywhere: what would disturb a
 * terminal becomes '?'. What can't be kept makes printing fail. */
void import_left_note(struct import_left *left, enum left_kind kind, size_t line, const char *name, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* On stdout. Return 0, or -1 with errno. */
int import_left_print(struct import_left *left);
int import_left_print_json(struct import_left *left);

#endif
