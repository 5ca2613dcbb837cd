/* operation_parse, operation_parse_answer: strict JSON in front of cJSON, which takes more than JSON and drops what it can't
 * represent. */
#include <stdlib.h>
#include <string.h>

#include "common/model/operations.h"
#include "common/model/text.h"

/* The deepest shape (a workflow's details) has five levels; a Policy and members we don't know may have some more. */
#define DEPTH_MAX 16

/* How many values a text may hold: 50,000 mappings have 200,000. One takes cJSON 64 bytes and more, and the shortest two
 * bytes of the text: without a bound, a text would become forty times as large. */
#define VALUES_MAX 400000

struct scanner {
	char *start, *at, *end;
	size_t values;
	const char *problem; /* NULL while all is well */
	bool time;           /* the next value is a timestamp's */
	bool any_number;     /* numbers stay as they are written */
};

static bool scan_value(struct scanner *scanner, int depth);

static bool
problem(struct scanner *scanner, const char *what)
{
	if (scanner->problem == NULL)
		scanner->problem = what;
	return false;
}

/* The next byte that isn't white space, or '\0' at the end. */
static char
peek(struct scanner *scanner)
{
	while (scanner->at < scanner->end && strchr(" \t\r\n", *scanner->at) != NULL && *scanner->at != '\0')
		scanner->at++;
	return scanner->at < scanner->end ? *scanner->at : '\0';
}

static bool
scan_escape(struct scanner *scanner)
{
	size_t left = (size_t)(scanner->end - scanner->at);

	if (left >= 2 && strchr("\"\\/bfnrt", scanner->at[1]) != NULL && scanner->at[1] != '\0') {
		scanner->at += 2;
		return true;
	}
	if (left < 6 || scanner->at[1] != 'u' || strspn(scanner->at + 2, "0123456789abcdefABCDEF") < 4)
		return problem(scanner, "an escape that JSON doesn't have");
	if (strncmp(scanner->at + 2, "0000", 4) == 0)
		return problem(scanner, "a NUL character (\\u0000)");
	scanner->at += 6;
	return true;
}

static bool
scan_string(struct scanner *scanner)
{
	const char *character;

	scanner->at++;
	while (scanner->at < scanner->end && *scanner->at != '"') {
		if ((unsigned char)*scanner->at < 0x20)
			return problem(scanner, "a control character in a string");
		if (*scanner->at == '\\') {
			if (!scan_escape(scanner))
				return false;
			continue;
		}
		character = scanner->at;
		if (text_next(&character, scanner->end) == -1)
			return problem(scanner, "bytes that are not UTF-8");
		scanner->at += character - scanner->at;
	}
	if (scanner->at == scanner->end)
		return problem(scanner, "a string without its end");
	scanner->at++;
	return true;
}

static size_t
skip_digits(struct scanner *scanner)
{
	char *from = scanner->at;

	while (scanner->at < scanner->end && *scanner->at >= '0' && *scanner->at <= '9')
		scanner->at++;
	return (size_t)(scanner->at - from);
}

/*
 * cJSON keeps a number's value and not how it was written, and every number of a request must be written as an integer. What
 * isn't (6001.0, 6e3, 1e30) is overwritten with 0.5, which no integer member takes. A timestamp may have a fraction.
 */
static bool
scan_number(struct scanner *scanner)
{
	char *from = scanner->at, *digits;
	bool integer = true;

	if (*scanner->at == '-')
		scanner->at++;
	digits = scanner->at;
	if (skip_digits(scanner) == 0 || (digits[0] == '0' && scanner->at - digits > 1))
		return problem(scanner, "a number that isn't written as JSON's");
	if (scanner->at < scanner->end && *scanner->at == '.') {
		integer = false;
		scanner->at++;
		if (skip_digits(scanner) == 0)
			return problem(scanner, "a number that isn't written as JSON's");
	}
	if (scanner->at < scanner->end && (*scanner->at == 'e' || *scanner->at == 'E')) {
		integer = false;
		scanner->at++;
		if (scanner->at < scanner->end && (*scanner->at == '+' || *scanner->at == '-'))
			scanner->at++;
		if (skip_digits(scanner) == 0)
			return problem(scanner, "a number that isn't written as JSON's");
	}
	if (!integer && !scanner->time && !scanner->any_number) {
		memset(from, ' ', (size_t)(scanner->at - from));
		memcpy(from, "0.5", 3);
	}
	return true;
}

static bool
scan_word(struct scanner *scanner, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(scanner->end - scanner->at) < length || memcmp(scanner->at, word, length) != 0)
		return problem(scanner, "something that isn't JSON");
	scanner->at += length;
	return true;
}

/* Whether a member's name, in its quotes, is that of the one member that holds a timestamp. */
static bool
names_time(const char *name, const char *end)
{
	static const char NAME[] = "\"DateImported\"";

	return (size_t)(end - name) == sizeof(NAME) - 1 && memcmp(name, NAME, sizeof(NAME) - 1) == 0;
}

/* An object (closing is '}') or an array. */
static bool
scan_members(struct scanner *scanner, char closing, int depth)
{
	char *name;

	scanner->at++;
	if (peek(scanner) == closing) {
		scanner->at++;
		return true;
	}
	for (;;) {
		if (closing == '}') {
			if (peek(scanner) != '"')
				return problem(scanner, "a member without a name in quotes");
			name = scanner->at;
			if (!scan_string(scanner))
				return false;
			scanner->time = names_time(name, scanner->at);
			if (peek(scanner) != ':')
				return problem(scanner, "a member's name without a colon");
			scanner->at++;
		}
		if (!scan_value(scanner, depth))
			return false;
		scanner->time = false;
		if (peek(scanner) == closing)
			break;
		if (peek(scanner) != ',')
			return problem(scanner, "something else than a comma or the end of an object or list");
		scanner->at++;
	}
	scanner->at++;
	return true;
}

static bool
scan_value(struct scanner *scanner, int depth)
{
	char first = peek(scanner);

	if (depth == DEPTH_MAX)
		return problem(scanner, "objects or lists nested too deep");
	if (++scanner->values > VALUES_MAX)
		return problem(scanner, "more of it than is read");
	switch (first) {
	case '{':
		return scan_members(scanner, '}', depth + 1);
	case '[':
		return scan_members(scanner, ']', depth + 1);
	case '"':
		return scan_string(scanner);
	case 't':
		return scan_word(scanner, "true");
	case 'f':
		return scan_word(scanner, "false");
	case 'n':
		return scan_word(scanner, "null");
	}
	if (first == '-' || (first >= '0' && first <= '9'))
		return scan_number(scanner);
	return problem(scanner, first == '\0' ? "an end too early, or a NUL" : "something that isn't JSON");
}

static int
compare_names(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Sorted, not compared one with the other: a hostile object may have a million members. */
static int
check_names(const cJSON *object, struct api_error *error)
{
	size_t count = (size_t)cJSON_GetArraySize(object), i = 0;
	const cJSON *member;
	const char **names;
	int result = 0;

	if (count < 2)
		return 0;
	names = calloc(count, sizeof(*names));
	if (names == NULL)
		return api_fail_memory(error);
	cJSON_ArrayForEach(member, object)
		names[i++] = member->string;
	qsort(names, count, sizeof(*names), compare_names);
	for (i = 1; i < count && result == 0; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			result = api_fail(error, API_SERIALIZATION, "The JSON has the member \"%.200s\" twice in one object",
			    names[i]);
	free(names);
	return result;
}

static int
check_all_names(const cJSON *value, struct api_error *error)
{
	const cJSON *member;

	if (cJSON_IsObject(value) && check_names(value, error) == -1)
		return -1;
	cJSON_ArrayForEach(member, value)
		if (check_all_names(member, error) == -1)
			return -1;
	return 0;
}

static cJSON *
parse(const char *text, size_t length, bool any_number, struct api_error *error)
{
	struct scanner scanner = { .any_number = any_number };
	cJSON *parsed = NULL;

	scanner.start = scanner.at = malloc(length + 1);
	if (scanner.start == NULL) {
		api_fail_memory(error);
		return NULL;
	}
	memcpy(scanner.start, text, length);
	scanner.start[length] = '\0';
	scanner.end = scanner.start + length;
	if (scan_value(&scanner, 0) && (peek(&scanner) != '\0' || scanner.at < scanner.end))
		problem(&scanner, "bytes after the end");
	if (scanner.problem == NULL && (parsed = cJSON_ParseWithLength(scanner.start, length)) == NULL)
		scanner.problem = "something that isn't JSON";
	if (scanner.values > VALUES_MAX)
		api_fail(error, API_SERIALIZATION, "The JSON has more than %d values", VALUES_MAX);
	else if (parsed == NULL)
		api_fail(error, API_SERIALIZATION, "This isn't valid JSON: there is %s at byte %zu", scanner.problem,
		    (size_t)(scanner.at - scanner.start));
	else if (check_all_names(parsed, error) == -1) {
		cJSON_Delete(parsed);
		parsed = NULL;
	}
	explicit_bzero(scanner.start, length); /* it may hold secrets */
	free(scanner.start);
	return parsed;
}

cJSON *
operation_parse(const char *text, size_t length, struct api_error *error)
{
	return parse(text, length, false, error);
}

cJSON *
operation_parse_answer(const char *text, size_t length, struct api_error *error)
{
	return parse(text, length, true, error);
}
