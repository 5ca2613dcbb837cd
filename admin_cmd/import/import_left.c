#include "admin_cmd/import/import_left.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/import/import_report.h"
#include "common/wire/limits.h"

#define TEXT_MAX  1024
/* Lines of text about what is so of nearly everybody: several hundred of them would hide the others. */
#define LISTED_MAX 10
/* An entry in its file: line, name and text between tabs. */
#define ENTRY_MAX (TEXT_MAX + USER_NAME_MAX + 64)

struct import_left {
	FILE *files[LEFT_KINDS]; /* without a name; made when first needed: there may be one entry a user, and more */
	size_t counts[LEFT_KINDS];
	bool lost; /* an entry that could not be kept */
};

static const struct {
	const char *name, *meaning;
} KINDS[LEFT_KINDS] = {
	[LEFT_NAME] = { "Name", "names that a user can't have" },
	[LEFT_HOME] = { "HomeDirectory", "home directories that can't be a Target" },
	[LEFT_NO_KEY] = { "NoKey", "users without a key: they can't log in until they have one" },
	[LEFT_PASSWORD] = { "Password", "passwords: Berth has none" },
	[LEFT_NO_PROFILE] = { "NoPosixProfile", 
	    "users without a uid: DefaultPosixProfile says who they are, or they can't log in" },
	[LEFT_CLASH] = { "LocalAccount", "users who are accounts of this host: not served here until those are removed" },
	[LEFT_GROUPS] = { "Groups", "groups that a user can't have" },
	[LEFT_SHELL] = { "Shell", "shells: Berth's users have sftp alone" },
	[LEFT_KEY_OPTIONS] = { "KeyOptions", "keys with options: left out, since they would open more without them" },
	[LEFT_KEY_TYPE] = { "KeyType", "keys of types that Berth doesn't take" },
	[LEFT_KEY_BAD] = { "Key", "lines that are no usable key" },
	[LEFT_KEY_FILE] = { "KeyFile", "files of keys that were not read" },
	[LEFT_KEY_UNUSABLE] = { "UnusableKey", "keys that can't be used here: left out" },
	[LEFT_KEY_COUNT] = { "KeyCount", "keys beyond the 50 that a user may have" },
	[LEFT_MEMBER] = { "Member", "parts of records that Berth doesn't know or can't keep: left out" },
	[LEFT_NO_HOME] = { "NoHomeDirectory",
	    "PATH users without a HomeDirectory: they can't log in until they have one, or PathShowsAll is yes" },
	[LEFT_POLICY] = { "Policy", "session policies: kept and returned, but not enforced here" },
	[LEFT_GONE] = { "Gone", "users who were deleted there while the import ran" },
	[LEFT_SERVER] = { "Server", "of the server" },
	[LEFT_BUCKET] = { "Bucket", 
	    "buckets that neither a Bucket line nor DataRoot has: these lines in berth.conf would do" },
};

struct import_left *
import_left_new(void)
{
	return calloc(1, sizeof(struct import_left));
}

void
import_left_free(struct import_left *left)
{
	size_t i;

	for (i = 0; left != NULL && i < LEFT_KINDS; i++)
		if (left->files[i] != NULL)
			fclose(left->files[i]);
	free(left);
}

void
import_left_note(struct import_left *left, enum left_kind kind, size_t line, const char *name, const char *format, ...)
{
	struct api_error clean_name, clean_text;
	char text[TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	left->counts[kind]++;
	if (left->files[kind] == NULL && (left->files[kind] = import_temporary_file()) == NULL) {
		left->lost = true;
		return;
	}
	/* A message is one line without control characters, whatever comes in. */
	api_fail(&clean_name, API_OK, "%.*s", USER_NAME_MAX, name);
	api_fail(&clean_text, API_OK, "%s", text);
	if (fprintf(left->files[kind], "%zu\t%s\t%s\n", line, clean_name.message, clean_text.message) < 0)
		left->lost = true;
}

/* An entry of the file into text, in its parts; false at the end. */
static bool
read_entry(FILE *file, char *text, size_t size, size_t *line, const char **name, const char **what)
{
	char *tab;

	if (fgets(text, (int)size, file) == NULL)
		return false;
	text[strcspn(text, "\n")] = '\0';
	*line = strtoul(text, &tab, 10);
	*name = tab + 1;
	tab = strchr(*name, '\t');
	*tab = '\0';
	*what = tab + 1;
	return true;
}

static void
print_kind(FILE *file, size_t count, size_t listed)
{
	char text[ENTRY_MAX];
	const char *name, *what;
	size_t line, i;

	rewind(file);
	for (i = 0; i < listed && read_entry(file, text, sizeof(text), &line, &name, &what); i++) {
		if (line > 0)
			printf("    line %zu: ", line);
		else
			printf("    ");
		printf("%s%s%s\n", name, name[0] == '\0' || what[0] == '\0' ? "" : ": ", what);
	}
	if (count > listed)
		printf("    and %zu more, which --output json lists\n", count - listed);
}

/* How many entries of a kind are listed in text: all of those that somebody has to act on. */
static size_t
listed_in_text(enum left_kind kind, size_t count)
{
	bool nearly_everybody = kind == LEFT_PASSWORD || kind == LEFT_SHELL || kind == LEFT_POLICY;

	return nearly_everybody && count > LISTED_MAX ? LISTED_MAX : count;
}

int
import_left_print(struct import_left *left)
{
	size_t i;

	for (i = 0; i < LEFT_KINDS; i++) {
		if (left->counts[i] == 0 || left->files[i] == NULL)
			continue;
		printf("%s (%zu):\n", KINDS[i].meaning, left->counts[i]);
		print_kind(left->files[i], left->counts[i], listed_in_text(i, left->counts[i]));
	}
	if (!left->lost)
		return 0;
	errno = EIO;
	return -1;
}

static cJSON *
entry_item(size_t line, const char *name, const char *what)
{
	cJSON *item = cJSON_CreateObject();

	if (item != NULL && (line == 0 || cJSON_AddNumberToObject(item, "Line", (double)line) != NULL) &&
	    ((line == 0 && name[0] == '\0') || cJSON_AddStringToObject(item, "UserName", name) != NULL) &&
	    cJSON_AddStringToObject(item, "Detail", what) != NULL)
		return item;
	cJSON_Delete(item);
	return NULL;
}

static int
print_entries_json(FILE *file)
{
	char text[ENTRY_MAX], *printed;
	const char *name, *what;
	size_t line, count = 0;
	cJSON *item;

	rewind(file);
	while (read_entry(file, text, sizeof(text), &line, &name, &what)) {
		item = entry_item(line, name, what);
		printed = item == NULL ? NULL : cJSON_PrintUnformatted(item);
		cJSON_Delete(item);
		if (printed == NULL)
			return -1;
		printf("%s                %s", count++ == 0 ? "\n" : ",\n", printed);
		cJSON_free(printed);
	}
	return 0;
}

int
import_left_print_json(struct import_left *left)
{
	size_t i, count = 0;

	printf("[");
	for (i = 0; i < LEFT_KINDS; i++) {
		if (left->counts[i] == 0 || left->files[i] == NULL)
			continue;
		printf("%s\n        {\n            \"Kind\": \"%s\",\n            \"Count\": %zu,\n"
		    "            \"Entries\": [", count++ == 0 ? "" : ",", KINDS[i].name, left->counts[i]);
		if (print_entries_json(left->files[i]) == -1) {
			errno = ENOMEM;
			return -1;
		}
		printf("\n            ]\n        }");
	}
	printf("%s]", count == 0 ? "" : "\n    ");
	if (!left->lost)
		return 0;
	errno = EIO;
	return -1;
}
