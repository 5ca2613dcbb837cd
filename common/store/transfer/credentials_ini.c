/*
 * The shared credentials and config files, as botocore reads them (Python's configparser): sections, settings with "=" or
 * ":", whole lines of comments, and lines that are indented more deeply than the setting before them, which belong to it.
 */
#include <stdint.h>
#include <string.h>

#include "common/store/transfer/credentials_source.h"

/* Where the reader is. */
struct reader {
	struct ini_section *section;
	const char *profile;
	bool config;
	bool any;       /* a section has begun */
	bool wanted;    /* and it is the profile's */
	bool setting;   /* the line before is a setting, which this one may belong to */
	size_t indent;  /* of that one */
	char *value, *end; /* the value of the last setting of a wanted section, which may grow; NULL: none */
};

static bool
is_space(char character)
{
	return character == ' ' || (character >= '\t' && character <= '\r');
}

static char *
strip(char *text)
{
	size_t length = strlen(text);

	while (length > 0 && is_space(text[length - 1]))
		text[--length] = '\0';
	while (is_space(*text))
		text++;
	return text;
}

/* A name as a shell would read it: quotes may stand around it, or parts of it. False when it isn't one word. */
static bool
is_word(const char *text, const char *word)
{
	char quote = '\0';

	for (; *text != '\0'; text++) {
		if (quote == '\0' && (*text == '"' || *text == '\'')) {
			quote = *text;
			continue;
		}
		if (quote != '\0' && *text == quote) {
			quote = '\0';
			continue;
		}
		if (quote == '\0' && is_space(*text))
			break;
		if (quote != '\'' && *text == '\\' && text[1] != '\0' &&
		    (quote == '\0' || text[1] == '\\' || text[1] == '"'))
			text++;
		if (*text != *word++)
			return false;
	}
	while (is_space(*text))
		text++;
	return quote == '\0' && *text == '\0' && *word == '\0';
}

static bool
is_profile(const struct reader *reader, const char *header)
{
	static const char WORD[] = "profile";

	if (!reader->config)
		return strcmp(header, reader->profile) == 0;
	if (strcmp(header, "default") == 0)
		return strcmp(reader->profile, "default") == 0;
	if (strncmp(header, WORD, sizeof(WORD) - 1) != 0 || !is_space(header[sizeof(WORD) - 1]))
		return false;
	header += sizeof(WORD) - 1;
	return is_word(header + strspn(header, " \t\v\f"), reader->profile);
}

static const char *
read_header(struct reader *reader, char *line, char *end)
{
	struct ini_section *section = reader->section;

	*end = '\0';
	reader->any = true;
	reader->setting = false;
	reader->value = NULL;
	reader->wanted = is_profile(reader, line);
	if (!reader->wanted)
		return NULL;
	if (section->found && strcmp(section->header, line) == 0)
		return "the profile is there twice";
	/* By another name for it ([default], [profile default]) the later one counts. */
	memset(section, 0, sizeof(*section));
	section->found = true;
	section->header = line;
	return NULL;
}

static const char *
read_setting(struct reader *reader, char *line)
{
	struct ini_section *section = reader->section;
	char *between = strpbrk(line, "=:"), *name;

	if (between == NULL || between == line)
		return "neither a [section] nor a setting";
	reader->setting = true;
	reader->value = NULL;
	if (!reader->wanted)
		return NULL;
	*between = '\0';
	name = strip(line);
	for (char *at = name; *at != '\0'; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at - 'A' + 'a');
	for (size_t i = 0; i < section->count; i++)
		if (strcmp(section->settings[i].name, name) == 0)
			return "a setting is there twice";
	if (section->count == INI_SETTINGS_MAX)
		return "the profile has too many settings";
	reader->value = strip(between + 1);
	reader->end = reader->value + strlen(reader->value);
	section->settings[section->count].name = name;
	section->settings[section->count++].value = reader->value;
	return NULL;
}

/* More of the value: nested settings, when it is empty, none of which matter here. */
static void
read_more(struct reader *reader, const char *line)
{
	size_t length = strlen(line);

	if (reader->value == NULL || reader->value[0] == '\0')
		return;
	*reader->end++ = ' '; /* there is room: a newline at least stood between them */
	memmove(reader->end, line, length + 1);
	reader->end += length;
}

static const char *
read_line(struct reader *reader, char *line)
{
	size_t indent = 0;
	char *end;

	while (is_space(line[indent]))
		indent++;
	line = strip(line);
	if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
		return NULL;
	if (reader->setting && indent > reader->indent) {
		read_more(reader, line);
		return NULL;
	}
	reader->indent = indent;
	if (line[0] == '[' && (end = strrchr(line, ']')) != NULL && end > line + 1)
		return read_header(reader, line + 1, end);
	return reader->any ? read_setting(reader, line) : "no [section] above it";
}

const char *
ini_read(char *text, size_t length, const char *profile, bool config, struct ini_section *section, int *line)
{
	static const char BYTE_ORDER_MARK[] = "\xef\xbb\xbf";
	struct reader reader = { .section = section, .profile = profile, .config = config };
	char *end = text + length, *next;
	const char *wrong;
	bool carriage_return;

	memset(section, 0, sizeof(*section));
	*line = 1;
	if (memchr(text, '\0', length) != NULL)
		return "it holds a NUL byte";
	if (strncmp(text, BYTE_ORDER_MARK, 3) == 0)
		text += 3;
	for (; text < end; text = next, (*line)++) {
		next = text + strcspn(text, "\r\n");
		carriage_return = *next == '\r';
		if (next < end)
			*next++ = '\0';
		if (carriage_return && *next == '\n')
			*next++ = '\0';
		if ((wrong = read_line(&reader, text)) != NULL)
			return wrong;
	}
	return NULL;
}

const char *
ini_value(const struct ini_section *section, const char *name)
{
	for (size_t i = 0; i < section->count; i++)
		if (strcmp(section->settings[i].name, name) == 0)
			return section->settings[i].value[0] == '\0' ? NULL : section->settings[i].value;
	return NULL;
}
