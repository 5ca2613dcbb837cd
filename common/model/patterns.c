#include "common/model/patterns.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/model/text.h"

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT  "0123456789"
#define ALNUM  UPPER LOWER DIGIT
#define HEX    DIGIT "abcdef"
#define SPACE  " \t\n\v\f\r"
#define BASE64 ALNUM "+/"

static bool
starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* prefix, then min to max of the characters in set, and no more. */
static bool
matches_id(const char *text, const char *prefix, const char *set, size_t min, size_t max)
{
	size_t length;

	if (!starts_with(text, prefix))
		return false;
	text += strlen(prefix);
	length = strspn(text, set);
	return length >= min && length <= max && text[length] == '\0';
}

/* .* over the bytes from text to end. */
static bool
no_line_end(const char *text, const char *end)
{
	int32_t character;

	while (text < end) {
		character = text_next(&text, end);
		if (character == '\n' || character == '\r' || character == 0x85 || character == 0x2028 ||
		    character == 0x2029 || character == -1)
			return false;
	}
	return true;
}

/* \S+ */
static bool
no_space(const char *text)
{
	return *text != '\0' && text[strcspn(text, SPACE)] == '\0';
}

bool
pattern_banner(const char *text)
{
	for (; *text != '\0'; text++)
		if (!(*text >= 0x09 && *text <= 0x0d) && !(*text >= 0x20 && *text <= 0x7e))
			return false;
	return true;
}

bool
pattern_source_ip(const char *text)
{
	return matches_id(text, "", HEX "ABCDEF.:", 1, SIZE_MAX);
}

bool
pattern_security_policy(const char *text)
{
	static const char PREFIX[] = "Transfer", MIDDLE[] = "SecurityPolicy";
	size_t head = strspn(text, ALNUM);

	if (!starts_with(text, PREFIX) || head < strlen(PREFIX) + strlen(MIDDLE) || text[head] != '-')
		return false;
	if (!starts_with(text + head - strlen(MIDDLE), MIDDLE))
		return false;
	return matches_id(text + head, "-", ALNUM "-", 1, SIZE_MAX);
}

bool
pattern_server_id(const char *text)
{
	return matches_id(text, "s-", HEX, 17, 17);
}

bool
pattern_ssh_key_id(const char *text)
{
	return matches_id(text, "key-", HEX, 17, 17);
}

bool
pattern_vpc_endpoint_id(const char *text)
{
	return matches_id(text, "vpce-", HEX, 17, 17);
}

bool
pattern_security_group_id(const char *text)
{
	return matches_id(text, "sg-", HEX, 8, 17);
}

bool
pattern_directory_id(const char *text)
{
	return matches_id(text, "d-", HEX, 10, 10);
}

bool
pattern_workflow_id(const char *text)
{
	return matches_id(text, "w-", LOWER DIGIT, 17, 17);
}

bool
pattern_user_name(const char *text)
{
	static const char WORD[] = ALNUM "_";

	return *text != '\0' && strchr(WORD, *text) != NULL && matches_id(text + 1, "", ALNUM "_@.-", 2, 99);
}

bool
pattern_map_path(const char *text)
{
	return *text == '/' && no_line_end(text, text + strlen(text));
}

bool
pattern_home_directory(const char *text)
{
	return *text == '\0' || pattern_map_path(text);
}

bool
pattern_arn(const char *text)
{
	return starts_with(text, "arn:") && no_space(text + 4);
}

/* The first "role/" whose rest has no white space leaves the least to the ".*" before it: if that one doesn't match, none
 * does. */
bool
pattern_role(const char *text)
{
	const char *role;

	if (!starts_with(text, "arn:"))
		return false;
	for (role = strstr(text + 4, "role/"); role != NULL; role = strstr(role + 1, "role/"))
		if (no_space(role + 5))
			return no_line_end(text + 4, role);
	return false;
}

bool
pattern_nullable_role(const char *text)
{
	return *text == '\0' || pattern_role(text);
}

bool
pattern_function(const char *text)
{
	static const char SERVICE[] = ":lambda:";
	size_t partition;

	if (!starts_with(text, "arn:"))
		return false;
	text += 4;
	partition = strspn(text, LOWER "-");
	if (partition == 0 || !starts_with(text + partition, SERVICE))
		return false;
	text += partition + strlen(SERVICE);
	return no_line_end(text, text + strlen(text));
}

/* (\s*|[ \t]+[\S \t]*\s*): nothing but white space, or a comment on the same line. */
static bool
matches_comment(const char *text)
{
	const char *line_end = text + strcspn(text, "\n\v\f\r");

	if (text[strspn(text, SPACE)] == '\0')
		return true;
	return (*text == ' ' || *text == '\t') && line_end[strspn(line_end, SPACE)] == '\0';
}

bool
pattern_ssh_key_body(const char *text)
{
	size_t length, blanks, padding;

	text += strspn(text, SPACE);
	if (!starts_with(text, "ssh-") && !starts_with(text, "ecdsa-"))
		return false;
	text = strchr(text, '-') + 1;
	length = strspn(text, LOWER DIGIT "-");
	blanks = strspn(text + length, " \t");
	if (length == 0 || blanks == 0)
		return false;
	text += length + blanks;
	/* The base64 may be empty, and the second blank then begins the comment. */
	if (blanks > 1 && matches_comment(text - 1))
		return true;
	text += strspn(text, BASE64);
	padding = strspn(text, "=");
	return padding <= 3 && matches_comment(text + padding);
}
