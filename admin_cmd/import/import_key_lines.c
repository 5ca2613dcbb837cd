#include "admin_cmd/import/import_key_lines.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/keys.h"
#include "common/model/text.h"

#define BODY_MAX  2048 /* characters, as the shape has it */
#define SHOWN_MAX 60   /* of what a file holds, in a message */
/* Whoever may write the files decides what is in them, and must not fill our memory or disk, or the screen. */
#define LINES_TOLD_MAX 1000 /* of one user */

void
key_reader_unread(struct key_reader *reader, const char *file, const char *why)
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
		key_reader_unread(reader, reader->file,
		    "what comes after this is not read: too many lines that can't be used");
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

void
key_reader_text(struct key_reader *reader, const char *file, char *text)
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

void
key_reader_start(struct key_reader *reader, struct import_source *source, const char *name)
{
	*reader = (struct key_reader){ .source = source, .name = name };
	reader->list = cJSON_CreateArray();
	reader->restricted = cJSON_CreateArray();
	reader->no_memory = reader->list == NULL || reader->restricted == NULL;
}

cJSON *
key_reader_end(struct key_reader *reader)
{
	while (reader->count > 0)
		free(reader->base64[--reader->count]);
	cJSON_Delete(reader->restricted);
	if (!reader->no_memory)
		return reader->list;
	cJSON_Delete(reader->list);
	return NULL;
}
