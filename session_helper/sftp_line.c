#include <string.h>

#include "session_helper/sftp_line.h"

/* A piece of the message. */
struct span {
	const char *at, *end;
};

enum trait {
	FORCED = 1,
	CUT_IS_OTHER = 2, /* without its end the line doesn't say what was done */
	CUT_CLOSE = 4,
};

/*
 * A form: a fixed beginning, then one name up to the line's last quote, or two with `between` between them, then the suffix.
 * In a suffix:
 *   %f open's flags    %r, %w bytes read, written    %o octal, %d decimal digits    %t a time    %e anything, not nothing
 * A form without a quote at its beginning has no name. The suffix, from its first space on if there is a name, is the
 * line's detail, for the kinds that have one.
 */
struct form {
	enum sftp_line_kind kind;
	const char *prefix, *between, *suffix;
	unsigned traits;
};

static const struct form forms[] = {
	{ SFTP_OPEN, "open \"", NULL, "\" flags %f mode 0%o", CUT_IS_OTHER },
	{ SFTP_CLOSE, "close \"", NULL, "\" bytes read %r written %w", CUT_IS_OTHER | CUT_CLOSE },
	{ SFTP_CLOSE, "forced close \"", NULL, "\" bytes read %r written %w", CUT_IS_OTHER | CUT_CLOSE | FORCED },
	{ SFTP_STATUS, "sent status ", NULL, "%e", CUT_IS_OTHER },
	{ SFTP_OPENDIR, "opendir \"", NULL, "\"", 0 },
	{ SFTP_CLOSEDIR, "closedir \"", NULL, "\"", 0 },
	{ SFTP_CLOSEDIR, "forced closedir \"", NULL, "\"", FORCED },
	{ SFTP_MKDIR, "mkdir name \"", NULL, "\" mode 0%o", 0 },
	{ SFTP_RMDIR, "rmdir name \"", NULL, "\"", 0 },
	{ SFTP_REMOVE, "remove name \"", NULL, "\"", 0 },
	{ SFTP_RENAME, "rename old \"", "\" new \"", "\"", 0 },
	{ SFTP_RENAME, "posix-rename old \"", "\" new \"", "\"", 0 },
	{ SFTP_SYMLINK, "symlink old \"", "\" new \"", "\"", CUT_IS_OTHER },
	{ SFTP_LINK, "hardlink old \"", "\" new \"", "\"", 0 },
	{ SFTP_SETSTAT, "set \"", NULL, "\" size %d", 0 },
	{ SFTP_SETSTAT, "set \"", NULL, "\" mode %o", 0 },
	{ SFTP_SETSTAT, "set \"", NULL, "\" modtime %t", 0 },
	{ SFTP_SETSTAT, "set \"", NULL, "\" owner %d group %d", 0 },
	{ SFTP_STATVFS, "statvfs \"", NULL, "\"", 0 },
	{ SFTP_FAULT, "error: process_write: write \"", NULL, "\": %e", CUT_IS_OTHER },
	{ SFTP_FAULT, "error: process_write: seek \"", NULL, "\": %e", CUT_IS_OTHER },
	{ SFTP_FAULT, "error: process_read: read \"", NULL, "\": %e", CUT_IS_OTHER },
	{ SFTP_FAULT, "error: process_read: seek \"", NULL, "\": %e", CUT_IS_OTHER },
	{ SFTP_ERROR, "error: ", NULL, "%e", 0 },
	{ SFTP_ERROR, "fatal: ", NULL, "%e", 0 },
	{ SFTP_SESSION_OPENED, "session opened for local user ", NULL, "%e", 0 },
	{ SFTP_SESSION_CLOSED, "session closed for local user ", NULL, "%e", 0 },
	{ SFTP_SYNC, "fsync \"", NULL, "\"", 0 },
	{ SFTP_SILENT, "stat name \"", NULL, "\"", 0 },
	{ SFTP_SILENT, "lstat name \"", NULL, "\"", 0 },
	{ SFTP_SILENT, "realpath \"", NULL, "\"", 0 },
	{ SFTP_SILENT, "readlink \"", NULL, "\"", 0 },
	{ SFTP_SILENT, "expand \"", NULL, "\"", 0 },
	{ SFTP_SILENT, "home-directory \"", NULL, "\"", 0 },
	{ SFTP_SILENT, "users-groups-by-id: ", NULL, "%e", 0 },
	{ SFTP_SILENT, "received client version ", NULL, "%d", 0 },
	{ SFTP_NOTICE, "Refusing open request in read-only mode", NULL, "", 0 },
	{ SFTP_DEBUG, "debug1: ", NULL, "%e", 0 },
	{ SFTP_DEBUG, "debug2: ", NULL, "%e", 0 },
	{ SFTP_DEBUG, "debug3: ", NULL, "%e", 0 },
};

static bool
is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/*
 * unescape: one character of vis(3)'s. Returns how many bytes of the input it took, 0 when that is no escape that vis(3)
 * writes, and -1 when the input ends inside it.
 */
static int
unescape(const char *at, size_t left, char *byte)
{
	static const char letters[] = "nrbavtf\\", values[] = "\n\r\b\a\v\t\f\\";
	const char *letter;

	*byte = *at;
	if (*at != '\\')
		return 1;
	if (left == 1)
		return -1;
	letter = strchr(letters, at[1]);
	if (letter != NULL && *letter != '\0') {
		*byte = values[letter - letters];
		return 2;
	}
	for (size_t i = 1; i < 4; i++) {
		if (i == left)
			return -1;
		if (!is_octal(at[i]) || (i == 1 && at[i] > '3'))
			return 0;
	}
	*byte = (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
	return *byte == '\0' ? 0 : 4;
}

/* decode: undoes the escapes, into *memory, which moves behind the copy. NULL when they aren't vis(3)'s. */
static const char *
decode(struct span from, bool cut, char **memory)
{
	char *start = *memory, *to = start;

	while (from.at < from.end) {
		int taken = unescape(from.at, (size_t)(from.end - from.at), to);

		if (taken < 0 && cut)
			break;
		if (taken <= 0)
			return NULL;
		from.at += taken;
		to++;
	}
	*to = '\0';
	*memory = to + 1;
	return start;
}

static bool
take_digits(struct span *rest, const char *digits, uint64_t *value)
{
	const char *start = rest->at;
	uint64_t base = strlen(digits), number = 0;

	for (; rest->at < rest->end && memchr(digits, *rest->at, base) != NULL; rest->at++) {
		uint64_t digit = (uint64_t)(*rest->at - '0');

		if (number > (UINT64_MAX - digit) / base)
			return false;
		number = number * base + digit;
	}
	*value = number;
	return rest->at > start;
}

static bool
take_time(struct span *rest)
{
	const char *start = rest->at;

	while (rest->at < rest->end && memchr("0123456789-:", *rest->at, 12) != NULL)
		rest->at++;
	return rest->at > start;
}

static bool
take_word(struct span *rest, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(rest->end - rest->at) < length || memcmp(rest->at, word, length) != 0)
		return false;
	rest->at += length;
	return true;
}

/* take_flags: in sftp-server's order, with commas between them; none at all is possible. */
static bool
take_flags(struct span *rest, unsigned *flags)
{
	static const char *const words[] = { "READ", "WRITE", "APPEND", "CREATE", "TRUNCATE", "EXCL" };

	*flags = 0;
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct span try = *rest;

		if (*flags != 0 && !take_word(&try, ","))
			return true;
		if (!take_word(&try, words[i]))
			continue;
		*flags |= 1u << i;
		*rest = try;
	}
	return true;
}

static bool
take_field(struct span *rest, char field, struct sftp_line *line)
{
	uint64_t number;

	switch (field) {
	case 'f':
		return take_flags(rest, &line->flags);
	case 'r':
		return take_digits(rest, "0123456789", &line->bytes_read);
	case 'w':
		return take_digits(rest, "0123456789", &line->bytes_written);
	case 'd':
		return take_digits(rest, "0123456789", &number);
	case 'o':
		return take_digits(rest, "01234567", &number);
	case 't':
		return take_time(rest);
	default: /* 'e' */
		if (rest->at == rest->end)
			return false;
		rest->at = rest->end;
		return true;
	}
}

/* fits: whether the rest of the line is what the suffix says, whole. */
static bool
fits(struct span rest, const char *suffix, struct sftp_line *line)
{
	for (; *suffix != '\0'; suffix++) {
		if (*suffix == '%') {
			if (!take_field(&rest, *++suffix, line))
				return false;
			continue;
		}
		if (rest.at == rest.end || *rest.at != *suffix)
			return false;
		rest.at++;
	}
	return rest.at == rest.end;
}

/* split: the two names. False unless there is exactly one place to split at. */
static bool
split(struct span names, const char *between, struct span *first, struct span *second)
{
	size_t length = strlen(between);
	const char *place = memmem(names.at, (size_t)(names.end - names.at), between, length);

	if (place == NULL || memmem(place + 1, (size_t)(names.end - place - 1), between, length) != NULL)
		return false;
	*first = (struct span){ names.at, place };
	*second = (struct span){ place + length, names.end };
	return true;
}

/* detail_of: leaves the detail empty when its escapes are not vis(3)'s. */
static void
detail_of(const struct form *form, struct span suffix, struct sftp_line *line, char **memory)
{
	const char *detail;

	if (form->kind != SFTP_SETSTAT && form->kind != SFTP_STATUS && form->kind != SFTP_FAULT)
		return;
	if (*form->suffix == '"')
		suffix.at += strcspn(form->suffix, " ") + 1;
	detail = decode(suffix, false, memory);
	if (detail != NULL)
		line->detail = detail;
}

/* read_whole: a line that wasn't cut. */
static bool
read_whole(const struct form *form, struct span rest, struct sftp_line *line, char *memory)
{
	struct span name = rest, second = { rest.end, rest.end };
	const char *quote = memrchr(rest.at, '"', (size_t)(rest.end - rest.at));
	const char *decoded, *decoded_second;

	if (*form->suffix != '"') {
		if (!fits(rest, form->suffix, line))
			return false;
		detail_of(form, rest, line, &memory);
		return true;
	}
	if (quote == NULL || !fits((struct span){ quote, rest.end }, form->suffix, line))
		return false;
	name.end = quote;
	if (form->between != NULL && !split(name, form->between, &name, &second))
		return false;
	decoded = decode(name, false, &memory);
	decoded_second = decode(second, false, &memory);
	if (decoded == NULL || decoded_second == NULL)
		return false;
	line->name = decoded;
	line->new_name = decoded_second;
	detail_of(form, (struct span){ quote, rest.end }, line, &memory);
	return true;
}

/* surely_name: up to the last quote that the end of the name could be: of the name in any case, if maybe not all of it. */
static struct span
surely_name(struct span rest)
{
	const char *quote = memrchr(rest.at, '"', (size_t)(rest.end - rest.at));

	if (quote != NULL && (quote + 1 == rest.end || quote[1] == ' '))
		rest.end = quote;
	return rest;
}

/* read_cut: no end is there to begin from. What is surely of the name counts as the name; of two names only if it is the
 * first. */
static bool
read_cut(const struct form *form, struct span rest, struct sftp_line *line, char *memory)
{
	const char *decoded;

	if (*form->suffix != '"' || form->kind == SFTP_FAULT || form->kind == SFTP_SYMLINK)
		return (form->traits & CUT_IS_OTHER) == 0;
	if (form->between != NULL && memchr(rest.at, '"', (size_t)(rest.end - rest.at)) != NULL)
		return false;
	decoded = decode(surely_name(rest), true, &memory);
	if (decoded == NULL)
		return false;
	line->name = decoded;
	line->close = (form->traits & CUT_CLOSE) != 0;
	return true;
}

static void
clear(struct sftp_line *line)
{
	line->kind = SFTP_OTHER;
	line->cut = line->close = line->forced = false;
	line->flags = 0;
	line->bytes_read = line->bytes_written = 0;
	line->name = line->new_name = line->detail = line->text = "";
}

/* copy_text: returns where the copy ends. */
static char *
copy_text(struct span message, struct sftp_line *line)
{
	size_t length = (size_t)(message.end - message.at);

	if (length > EVENT_TEXT_MAX)
		length = EVENT_TEXT_MAX;
	memcpy(line->memory, message.at, length);
	line->memory[length] = '\0';
	line->text = line->memory;
	return line->memory + length + 1;
}

static void
forget_fields(struct sftp_line *line)
{
	line->flags = 0;
	line->bytes_read = line->bytes_written = 0;
}

void
sftp_line_parse(const char *bytes, size_t length, struct sftp_line *line)
{
	struct span message = { bytes, bytes + strnlen(bytes, length) };
	char *memory;

	clear(line);
	memory = copy_text(message, line);
	if (message.end - message.at >= SFTP_LINE_MAX) {
		line->cut = true;
		message.end = message.at + SFTP_LINE_MAX;
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct span rest = message;

		if (!take_word(&rest, forms[i].prefix))
			continue;
		if (!(line->cut ? read_cut : read_whole)(&forms[i], rest, line, memory)) {
			forget_fields(line);
			continue;
		}
		if (!line->cut || (forms[i].traits & CUT_IS_OTHER) == 0)
			line->kind = forms[i].kind;
		line->forced = (forms[i].traits & FORCED) != 0;
		return;
	}
}
