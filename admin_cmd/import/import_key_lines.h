/*
 * The lines of authorized_keys files as a user's keys: each key once, without what a record can't say (options, types that
 * aren't taken), which is told of as left behind. Where the files are, import_keys.c knows.
 */
#ifndef BERTH_IMPORT_KEY_LINES_H
#define BERTH_IMPORT_KEY_LINES_H

#include "admin_cmd/import/import_source.h"
#include "common/model/record.h"

/* One user's keys, over all of the user's files. */
struct key_reader {
	struct import_source *source;
	const char *name; /* the user's */
	const char *file; /* as it is called in messages */
	size_t line;      /* of the file */
	cJSON *list;
	cJSON *restricted; /* the base64 of keys whose first line has options */
	char *base64[USER_KEYS_MAX];
	size_t count;
	size_t bytes, lines_told; /* so far */
	bool unread; /* a file, or the rest of one, that sshd would go by, was not read */
	bool no_memory;
};

/* key_reader_start: source and name must outlive the reader; key_reader_end() releases it, whatever came between. */
void key_reader_start(struct key_reader *reader, struct import_source *source, const char *name);

/* key_reader_text: takes the keys of a file's text, which it divides. `file` is what messages call it. */
void key_reader_text(struct key_reader *reader, const char *file, char *text);

/* key_reader_unread: tells that a file, or the rest of one, is not read. */
void key_reader_unread(struct key_reader *reader, const char *file, const char *why);

/* key_reader_end: the list of keys, as a line's SshPublicKeys, which the caller frees; NULL: no memory. */
cJSON *key_reader_end(struct key_reader *reader);

#endif
