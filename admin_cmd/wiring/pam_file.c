#include "admin_cmd/wiring/pam_file.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin_cmd/wiring/text.h"
#include "common/host/paths.h"

/* keys_cmd/pam_stack.c reads no more than this. */
#define TEXT_MAX 65000

#define WHITE_SPACE " \t\r\v\f\n"
#define CONTROL     "[success=done ignore=ignore default=die]"

enum type { TYPE_AUTH, TYPE_ACCOUNT, TYPE_SESSION, TYPE_COUNT };

static const char *const NAMES[TYPE_COUNT] = { "auth", "account", "session" };
static const char *const LINES[TYPE_COUNT] = {
	"auth     " CONTROL "  " BERTH_PAM_MODULE "\n",
	"account  " CONTROL "  " BERTH_PAM_MODULE "\n",
	"session  " CONTROL "  " BERTH_PAM_MODULE "\n",
};

/* One line as libpam reads it, of several lines of the file where it is continued. */
struct line {
	const char *start, *end; /* its last newline included */
	unsigned number;
	bool ours;            /* it calls our module */
	bool right;           /* ours, and in the words that it must have */
	bool has[TYPE_COUNT]; /* libpam may ask it for this type */
	bool early;           /* a session line that belongs before ours */
	bool open;            /* continued into nothing: the file ends there */
};

struct word {
	const char *start;
	size_t length;
};

static bool
word_is(struct word word, const char *text)
{
	return word.length == strlen(text) && strncasecmp(word.start, text, word.length) == 0;
}

/* module_is: by the name of its file alone. */
static bool
module_is(struct word word, const char *name)
{
	size_t length = strlen(name);

	return word.length >= length && strncmp(word.start + word.length - length, name, length) == 0 &&
	    (word.length == length || word.start[word.length - length - 1] == '/');
}

/* next_word: as in keys_cmd/pam_stack.c, a word in brackets is one. A backslash at the line's end is white space. */
static struct word
next_word(const char **at, const char *end)
{
	struct word word;
	const char *next = *at;

	while (next < end && (strchr(WHITE_SPACE, *next) != NULL || (*next == '\\' && next + 1 < end && next[1] == '\n')))
		next++;
	word.start = next;
	if (next < end && *next == '[') {
		while (next < end && *next != ']')
			next++;
		next += next < end;
	} else {
		while (next < end && strchr(WHITE_SPACE, *next) == NULL)
			next++;
	}
	word.length = (size_t)(next - word.start);
	*at = next;
	return word;
}

/* read_extent: where the line ends, in the file's lines; and what libpam takes of it, up to a comment. */
static const char *
read_extent(struct line *line)
{
	const char *at = line->start, *content, *end;

	for (;;) {
		end = at + strcspn(at, "\n");
		content = at + strcspn(at, "#\n");
		line->end = *end == '\n' ? end + 1 : end;
		while (content > at && strchr(WHITE_SPACE, content[-1]) != NULL)
			content--;
		if (content == at || content[-1] != '\\')
			return content;
		line->open = *line->end == '\0';
		if (line->open)
			return content;
		at = line->end;
	}
}

/* read_include: "@include NAME". Debian's four files hold lines of the type in their name alone; of others nobody knows. */
static void
read_include(struct line *line, struct word name)
{
	line->has[TYPE_AUTH] = true;
	line->has[TYPE_ACCOUNT] = !word_is(name, "common-auth") && !word_is(name, "common-password") &&
	    !word_is(name, "common-session") && !word_is(name, "common-session-noninteractive");
	line->has[TYPE_SESSION] = !word_is(name, "common-auth") && !word_is(name, "common-password") &&
	    !word_is(name, "common-account");
}

/* is_right: letter for letter what we write, but for blanks, the module's directory and a comment at its end. */
static bool
is_right(const struct line *line, enum type type, const char *module, size_t length)
{
	const char *end = line->end - (line->end > line->start && line->end[-1] == '\n'), *at = line->start;
	struct word word = next_word(&at, end);

	for (const char *c = line->start; c < end; c++)
		if ((isspace((unsigned char)*c) && *c != ' ' && *c != '\t') || *c == '\\')
			return false;
	if (!word_is(word, NAMES[type]))
		return false;
	word = next_word(&at, end);
	if (word.length != strlen(CONTROL) || strncmp(word.start, CONTROL, word.length) != 0)
		return false;
	if (at == end || (*at != ' ' && *at != '\t'))
		return false;
	word = next_word(&at, end);
	if (word.start != module || word.length != length || (length > strlen(BERTH_PAM_MODULE) && word.start[0] != '/'))
		return false;
	word = next_word(&at, end);
	return word.length == 0 || word.start[0] == '#';
}

/* jumps: over as many lines of its type as it says. Ours among them would be one that it didn't count. */
static bool
jumps(struct word control)
{
	size_t i = 0;

	while (i < control.length && !isdigit((unsigned char)control.start[i]))
		i++;
	return i < control.length;
}

static void
read_rule(struct line *line, struct word type, const char *at, const char *end)
{
	struct word control, module;
	size_t i;

	if (type.length > 0 && type.start[0] == '-')
		type = (struct word){ type.start + 1, type.length - 1 };
	control = next_word(&at, end);
	module = next_word(&at, end);
	line->ours = module_is(module, BERTH_PAM_MODULE);
	for (i = 0; i < TYPE_COUNT && !word_is(type, NAMES[i]); i++)
		;
	if (i < TYPE_COUNT) {
		line->has[i] = true;
		line->right = line->ours && is_right(line, (enum type)i, module.start, module.length);
	} else if (!word_is(type, "password")) {
		line->has[TYPE_AUTH] = true; /* libpam takes what it doesn't know for auth */
	}
	line->early = i == TYPE_SESSION && !jumps(control) &&
	    (module_is(module, "pam_selinux.so") || module_is(module, "pam_loginuid.so") ||
	    module_is(module, "pam_keyinit.so") || module_is(module, "pam_namespace.so"));
}

/* next_line: the one behind *line, which begins as { .end = text }. False at the end. */
static bool
next_line(struct line *line)
{
	const char *at = line->start, *end;
	unsigned number = line->start == NULL ? 1 : line->number;
	struct word word;

	for (; at != NULL && at < line->end; at++)
		number += *at == '\n';
	*line = (struct line){ .start = line->end, .number = number };
	if (*line->start == '\0')
		return false;
	end = read_extent(line);
	at = line->start;
	word = next_word(&at, end);
	if (word.length > 0 && word.start[0] == '@')
		read_include(line, next_word(&at, end));
	else if (word.length > 0)
		read_rule(line, word, at, end);
	return true;
}

/* ends_in_backslash: then keys_cmd/pam_stack.c trusts nothing behind it, be it a comment. */
static bool
ends_in_backslash(const struct line *line)
{
	for (const char *at = line->start; at < line->end; at++)
		if (*at == '\\' && (at[1] == '\n' || at[1] == '\0'))
			return true;
	return false;
}

/* comes_after_ours: of the lines that aren't ours, those that our line of the type must stand before. */
static bool
comes_after_ours(const struct line *line, enum type type)
{
	return (line->has[type] && !line->early) || (type == TYPE_AUTH && ends_in_backslash(line));
}

/* The lines of one type. A number is 0 where there is no such line. */
struct places {
	unsigned first;      /* that must come after ours */
	unsigned last_early; /* that must come before ours, of those before `first` */
	bool open;           /* the last line of the text is continued into nothing */
};

static struct places
find_places(const char *text, enum type type)
{
	struct line line = { .end = text };
	struct places places = { 0 };

	while (next_line(&line)) {
		places.open = line.open;
		if (line.ours)
			continue;
		if (places.first == 0 && comes_after_ours(&line, type))
			places.first = line.number;
		if (places.first == 0 && line.has[type])
			places.last_early = line.number;
	}
	return places;
}

static int
judge_line(const struct line *line, enum type type, const struct places *places, char *why)
{
	if (!line->right)
		return text_wrong(why, "line %u: the %s line of " BERTH_PAM_MODULE " must be: %.*s", line->number, NAMES[type],
		    (int)strlen(LINES[type]) - 1, LINES[type]);
	if (places->first != 0 && line->number > places->first)
		return text_wrong(why, "line %u: the %s line of " BERTH_PAM_MODULE " must come before line %u", line->number,
		    NAMES[type], places->first);
	if (line->number < places->last_early)
		return text_wrong(why, "line %u: the %s line of " BERTH_PAM_MODULE " must come after line %u", line->number,
		    NAMES[type], places->last_early);
	return 0;
}

/* judge_type: whether our line of the type is there, once, right, and in its place. */
static int
judge_type(const char *text, enum type type, char *why)
{
	struct line line = { .end = text };
	struct places places = find_places(text, type);
	unsigned found = 0;

	while (next_line(&line)) {
		if (!line.ours || !line.has[type])
			continue;
		if (found != 0)
			return text_wrong(why, "line %u: line %u is an %s line of " BERTH_PAM_MODULE " already", line.number,
			    found, NAMES[type]);
		if (judge_line(&line, type, &places, why) != 0)
			return -1;
		found = line.number;
	}
	return found != 0 ? 0 : text_wrong(why, "there is no %s line of " BERTH_PAM_MODULE, NAMES[type]);
}

int
pam_file_judge(const char *text, char *why)
{
	struct line line = { .end = text };

	if (strlen(text) > TEXT_MAX)
		return text_wrong(why, "it has more than %d bytes", TEXT_MAX);
	for (enum type type = 0; type < TYPE_COUNT; type++)
		if (judge_type(text, type, why) != 0)
			return -1;
	while (next_line(&line))
		if (line.ours && !line.right)
			return text_wrong(why, "line %u: " BERTH_PAM_MODULE " has no such line", line.number);
	return 0;
}

char *
pam_file_remove(const char *text)
{
	struct line line = { .end = text };
	char *result = NULL, *newline;
	size_t size;
	bool cut = false;
	FILE *out = open_memstream(&result, &size);

	while (out != NULL && next_line(&line)) {
		if (!line.ours)
			fwrite(line.start, 1, (size_t)(line.end - line.start), out);
		/* The line before ours got its newline from us. */
		cut = line.ours && line.end[-1] != '\n';
	}
	if (out == NULL || text_end(out) != 0) {
		free(result);
		return NULL;
	}
	newline = size > 0 ? result + size - 1 : NULL;
	if (cut && newline != NULL && *newline == '\n')
		*newline = '\0';
	return result;
}

/* write_last: the session line, where only such as belong before it are there. Behind a text whose last line has no newline,
 * ours has none. */
static void
write_last(FILE *out, const char *text)
{
	const char *line = LINES[TYPE_SESSION];

	if (text[strlen(text) - 1] != '\n')
		fprintf(out, "\n%.*s", (int)strlen(line) - 1, line);
	else
		fputs(line, out);
}

/* insert: all three into a text that has none of ours. */
static int
insert(const char *text, FILE *out, char *why)
{
	struct line line = { .end = text };
	struct places places[TYPE_COUNT];

	for (enum type type = 0; type < TYPE_COUNT; type++) {
		places[type] = find_places(text, type);
		if (places[type].first == 0 && places[type].last_early == 0)
			return text_wrong(why, "it has no %s line", NAMES[type]);
		if (places[type].first == 0 && places[type].open)
			return text_wrong(why, "its last line ends in a backslash");
	}
	while (next_line(&line)) {
		for (enum type type = 0; type < TYPE_COUNT; type++)
			if (line.number == places[type].first)
				fputs(LINES[type], out);
		fwrite(line.start, 1, (size_t)(line.end - line.start), out);
	}
	if (places[TYPE_SESSION].first == 0)
		write_last(out, text);
	return 0;
}

char *
pam_file_add(const char *text, char *why)
{
	char *bare, *result = NULL;
	size_t size;
	int answer = -1;
	FILE *out;

	if (pam_file_judge(text, why) == 0)
		return strdup(text);
	if (strlen(text) > TEXT_MAX - sizeof("\n") - 3 * strlen(LINES[TYPE_ACCOUNT])) {
		text_wrong(why, "it has more than %d bytes", TEXT_MAX);
		return NULL;
	}
	bare = pam_file_remove(text);
	out = bare != NULL ? open_memstream(&result, &size) : NULL;
	if (out == NULL)
		text_wrong(why, "no memory");
	else
		answer = insert(bare, out, why);
	if (out != NULL && text_end(out) != 0)
		answer = text_wrong(why, "no memory");
	free(bare);
	if (answer == 0)
		return result;
	free(result);
	return NULL;
}
