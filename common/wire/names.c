/*
 * Which names a Berth user may have at all, and what a session is called.
 */
#include <string.h>

#include "common/wire/wire.h"

/* name_character: [A-Za-z0-9_], without the locale's say. */
static bool
name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool
user_name_valid(const char *name)
{
	size_t length = strnlen(name, USER_NAME_MAX + 1);

	if (length < USER_NAME_MIN || length > USER_NAME_MAX)
		return false;
	if (!name_character(name[0]))
		return false;
	for (size_t i = 1; i < length; i++)
		if (!name_character(name[i]) && name[i] != '-' && name[i] != '.' && name[i] != '@')
			return false;
	return strcmp(name, "root") != 0;
}

bool
text_visible(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

bool
session_id_valid(const char *id)
{
	return strlen(id) == SESSION_ID_LENGTH && strspn(id, "0123456789abcdef") == SESSION_ID_LENGTH;
}
