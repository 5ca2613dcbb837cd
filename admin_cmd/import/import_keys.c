/*
 * Files of public keys in directories that somebody else may write to, while this process may be root: every step is one
 * name below a directory that is open already, no link is followed, and what isn't a regular file is not read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin_cmd/import/import_source.h"
#include "common/model/keys.h"
#include "common/model/text.h"

/* Of one user: whoever may write the files decides what is in them, and must not fill our memory or disk, or the screen. */
#define BYTES_MAX      (1024 * 1024)
#define FILES_MAX      1000
#define LINES_TOLD_MAX 1000
#define BODY_MAX       2048 /* characters, as the shape has it */
#define SHOWN_MAX      60   /* of what a file holds, in a message */

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

static int
open_below(int directory, const char *name, int flags)
{
	return openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | flags);
}

static void
note_file(struct key_reader *reader, const char *file, const char *why)
{
	import_left_note(reader->source->left, LEFT_KEY_FILE, reader->source->line, reader->name, "%s: %s", file, why);
	reader->unread = true;
}

/* After the last that is told of, nothing more is read. */
__attribute__((format(printf, 3, 4))) static void
note(struct key_reader *reader, enum left_kind kind, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	import_left_note(reader->source->left, kind, reader->source->line, reader->name, "%s line %zu: %s", reader->file,
	    reader->line, text);
	if (++reader->lines_told == LINES_TOLD_MAX)
		note_file(reader, reader->file, "what comes after this is not read: too many lines that can't be used");
}

/* sshd goes by a key's first line: one that had options there is not let in without them by a later one. */
static bool
is_restricted(const struct key_reader *reader, const char *base64)
{
	const cJSON *known;

	cJSON_ArrayForEach(known, reader->restricted)
		if (strcmp(known->valuestring, base64) == 0)
			return true;
	return false;
}

static bool
is_double(const struct key_reader *reader, const char *base64)
{
	size_t i;

	for (i = 0; i < reader->count; i++)
		if (strcmp(reader->base64[i], base64) == 0)
			return true;
	return false;
}

/* Takes what it needs of the key; the caller frees the rest. */
static void
append(struct key_reader *reader, struct ssh_key *key)
{
	cJSON *item = cJSON_CreateObject();

	if (item == NULL || cJSON_AddStringToObject(item, "SshPublicKeyBody", key->body) == NULL ||
	    !cJSON_AddItemToArray(reader->list, item)) {
		cJSON_Delete(item);
		reader->no_memory = true;
		return;
	}
	reader->base64[reader->count++] = key->base64;
	key->base64 = NULL;
}

static void
add_key(struct key_reader *reader, char *body)
{
	char *comment = body + strcspn(body, " \t");
	struct ssh_key key;
	struct api_error error;
	size_t characters;

	/* Comments were Latin-1 once. The key is as good without. */
	comment += strspn(comment, " \t");
	comment += strcspn(comment, " \t");
	if (!text_is_utf8(comment, strlen(comment), NULL))
		*comment = '\0';
	if (text_is_utf8(body, strlen(body), &characters) && characters > BODY_MAX) {
		note(reader, LEFT_KEY_BAD, "longer than %d characters", BODY_MAX);
		return;
	}
	if (keys_parse(body, reader->source->config->min_rsa_bits, &key, &error) == -1) {
		note(reader, LEFT_KEY_BAD, "%s", error.message);
		return;
	}
	if (is_restricted(reader, key.base64))
		note(reader, LEFT_KEY_OPTIONS, "%s", "a line before this one has the same key with options");
	else if (!is_double(reader, key.base64)) {
		if (reader->count == USER_KEYS_MAX)
			note(reader, LEFT_KEY_BAD, "the user has %d keys already, the most there may be", USER_KEYS_MAX);
		else
			append(reader, &key);
	}
	record_free_key(&key);
}

/* Whether a line's first word is a type of key, though maybe none of ours. */
static bool
is_type(const char *word, size_t length)
{
	static const char *const BEGINNINGS[] = { "ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "rsa-sha2-" };
	size_t i;

	if (memchr(word, '=', length) != NULL || memchr(word, ',', length) != NULL)
		return false;
	for (i = 0; i < sizeof(BEGINNINGS) / sizeof(*BEGINNINGS); i++)
		if (strncmp(word, BEGINNINGS[i], strlen(BEGINNINGS[i])) == 0)
			return true;
	return false;
}

/* The length of the options that a line begins with: a blank ends them, but within quotes. */
static size_t
options_length(const char *line)
{
	bool quoted = false;
	size_t at;

	for (at = 0; line[at] != '\0' && (quoted || (line[at] != ' ' && line[at] != '\t')); at++) {
		if (line[at] == '\\' && line[at + 1] == '"')
			at++;
		else if (line[at] == '"')
			quoted = !quoted;
	}
	return at;
}

/* What the options are called, without their values: "from, command". */
static void
option_names(const char *options, size_t length, char *names, size_t size)
{
	bool quoted = false, value = false;
	size_t used = 0, at;

	for (at = 0; at < length && used + 3 < size; at++) {
		if (options[at] == '"')
			quoted = !quoted;
		else if (quoted)
			continue;
		else if (options[at] == ',') {
			value = false;
			names[used++] = ',';
			names[used++] = ' ';
		} else if (options[at] == '=')
			value = true;
		else if (!value)
			names[used++] = options[at];
	}
	names[used] = '\0';
}

/* Remembers the key of "TYPE BASE64 …". */
static void
restrict_key(struct key_reader *reader, char *key)
{
	cJSON *base64;

	key += strcspn(key, " \t");
	key += strspn(key, " \t");
	key[strcspn(key, " \t")] = '\0';
	base64 = cJSON_CreateString(key);
	if (base64 == NULL || !cJSON_AddItemToArray(reader->restricted, base64)) {
		cJSON_Delete(base64);
		reader->no_memory = true;
	}
}

static void
read_line(struct key_reader *reader, char *line)
{
	char names[SHOWN_MAX + 1], word[KEY_TYPE_MAX + 1], *key;
	size_t length;

	line += strspn(line, " \t");
	if (line[0] == '\0' || line[0] == '#')
		return;
	length = strcspn(line, " \t");
	snprintf(word, sizeof(word), "%.*s", length > KEY_TYPE_MAX ? 0 : (int)length, line);
	if (keys_type_known(word)) {
		add_key(reader, line);
		return;
	}
	if (is_type(line, length)) {
		note(reader, LEFT_KEY_TYPE, "%.*s", length > SHOWN_MAX ? SHOWN_MAX : (int)length, line);
		return;
	}
	length = options_length(line);
	key = line + length + strspn(line + length, " \t");
	option_names(line, length, names, sizeof(names));
	if (is_type(key, strcspn(key, " \t"))) {
		note(reader, LEFT_KEY_OPTIONS, "%s", names);
		restrict_key(reader, key);
	} else
		note(reader, LEFT_KEY_BAD, "no public key");
}

static void
read_text(struct key_reader *reader, const char *file, char *text)
{
	char *line;

	reader->file = file;
	reader->line = 0;
	while (!reader->no_memory && !reader->unread && (line = strsep(&text, "\n")) != NULL) {
		reader->line++;
		line[strcspn(line, "\r")] = '\0';
		read_line(reader, line);
	}
}

/* All of a regular file. Closes the descriptor. */
static void
read_file(struct key_reader *reader, const char *file, int descriptor)
{
	char *text = malloc(BYTES_MAX + 2);
	size_t used = 0, most = BYTES_MAX - reader->bytes;
	ssize_t count = 0;

	if (text == NULL)
		reader->no_memory = true;
	while (text != NULL && used <= most && (count = read(descriptor, text + used, most + 1 - used)) > 0)
		used += (size_t)count;
	if (count == -1)
		note_file(reader, file, strerror(errno));
	else if (used > most)
		note_file(reader, file, reader->bytes == 0 ? "longer than 1 MiB" : "longer than 1 MiB with those before it");
	else if (text != NULL) {
		reader->bytes += used;
		text[used] = '\0';
		if (strlen(text) == used)
			read_text(reader, file, text);
		else
			note_file(reader, file, "holds a NUL");
	}
	free(text);
	close(descriptor);
}

enum there { THERE_NOT, THERE_FILE, THERE_DIRECTORY, THERE_UNUSABLE };

/* What `name` is below the directory, and open when it can be used. */
static enum there
look(struct key_reader *reader, int directory, const char *name, const char *shown, int *descriptor)
{
	struct stat status;

	*descriptor = open_below(directory, name, 0);
	if (*descriptor == -1 && errno == ENOENT)
		return THERE_NOT;
	if (*descriptor == -1) {
		note_file(reader, shown, errno == ELOOP ? "a symbolic link, which is not followed" : strerror(errno));
		return THERE_UNUSABLE;
	}
	if (fstat(*descriptor, &status) == 0 && S_ISREG(status.st_mode))
		return THERE_FILE;
	if (fstat(*descriptor, &status) == 0 && S_ISDIR(status.st_mode))
		return THERE_DIRECTORY;
	note_file(reader, shown, "not a regular file");
	close(*descriptor);
	return THERE_UNUSABLE;
}

/* Reads the file `name` below the directory if it is there. Returns whether it is, usable or not. */
static bool
read_below(struct key_reader *reader, int directory, const char *name, const char *shown)
{
	int descriptor;

	switch (look(reader, directory, name, shown, &descriptor)) {
	case THERE_NOT:
		return false;
	case THERE_FILE:
		read_file(reader, shown, descriptor);
		return true;
	case THERE_DIRECTORY:
		import_left_note(reader->source->left, LEFT_KEY_FILE, reader->source->line, reader->name,
		    "%s: not a regular file", shown);
		close(descriptor);
		return true;
	case THERE_UNUSABLE:
		break;
	}
	return true;
}

/* The directory `name` below another one, or -1: then it isn't there, or has been told of. */
static int
open_directory(struct key_reader *reader, int directory, const char *name, const char *shown)
{
	int descriptor;

	switch (look(reader, directory, name, shown, &descriptor)) {
	case THERE_DIRECTORY:
		return descriptor;
	case THERE_FILE:
		note_file(reader, shown, "not a directory");
		close(descriptor);
		break;
	case THERE_NOT:
	case THERE_UNUSABLE:
		break;
	}
	return -1;
}

static void
read_account_directory(struct key_reader *reader, int directory)
{
	int below;

	if (read_below(reader, directory, "authorized_keys", "authorized_keys"))
		return;
	below = open_directory(reader, directory, ".ssh", ".ssh");
	if (below == -1)
		return;
	read_below(reader, below, "authorized_keys", ".ssh/authorized_keys");
	close(below);
}

static void
read_account(struct key_reader *reader)
{
	int descriptor;

	switch (look(reader, reader->source->keys_directory, reader->name, reader->name, &descriptor)) {
	case THERE_FILE:
		read_file(reader, reader->name, descriptor);
		break;
	case THERE_DIRECTORY:
		read_account_directory(reader, descriptor);
		close(descriptor);
		break;
	case THERE_NOT:
	case THERE_UNUSABLE:
		break;
	}
}

static int
is_key_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.'; /* as the shell's * has it */
}

/* In the order of their names, in which the image puts them into one file. A key may have options in a file that was not
 * read, and sshd would go by these: so none is taken from what comes after it. Closes the directory. */
static void
read_all_files(struct key_reader *reader, int directory)
{
	struct dirent **entries = NULL;
	int count = scandirat(directory, ".", &entries, is_key_file, alphasort), i;
	char shown[sizeof(".ssh/keys/") + NAME_MAX];

	if (count == -1)
		note_file(reader, ".ssh/keys", strerror(errno));
	for (i = 0; i < count; i++) {
		snprintf(shown, sizeof(shown), ".ssh/keys/%s", entries[i]->d_name);
		if (i == FILES_MAX)
			note_file(reader, shown, "and what comes after it: too many files");
		else if (i < FILES_MAX && reader->unread)
			note_file(reader, shown, "not read: what comes before it could not all be read, and may have the same "
			    "keys with options");
		else if (i < FILES_MAX)
			read_below(reader, directory, entries[i]->d_name, shown);
		free(entries[i]);
	}
	free(entries);
	close(directory);
}

static void
read_image(struct key_reader *reader)
{
	int home = open_directory(reader, reader->source->keys_directory, reader->name, reader->name), ssh = -1, keys = -1;

	if (home != -1)
		ssh = open_directory(reader, home, ".ssh", ".ssh");
	if (ssh != -1)
		keys = open_directory(reader, ssh, "keys", ".ssh/keys");
	if (keys != -1)
		read_all_files(reader, keys);
	if (ssh != -1)
		close(ssh);
	if (home != -1)
		close(home);
}

static cJSON *
read_keys(struct import_source *source, const char *name, void (*read)(struct key_reader *))
{
	struct key_reader reader = { .source = source, .name = name };

	reader.list = cJSON_CreateArray();
	reader.restricted = cJSON_CreateArray();
	reader.no_memory = reader.list == NULL || reader.restricted == NULL;
	if (source->keys_directory != -1 && !reader.no_memory)
		read(&reader);
	while (reader.count > 0)
		free(reader.base64[--reader.count]);
	cJSON_Delete(reader.restricted);
	if (!reader.no_memory)
		return reader.list;
	cJSON_Delete(reader.list);
	return NULL;
}

cJSON *
import_keys_of_account(struct import_source *source, const char *name)
{
	return read_keys(source, name, read_account);
}

cJSON *
import_keys_of_image(struct import_source *source, const char *name)
{
	return read_keys(source, name, read_image);
}
