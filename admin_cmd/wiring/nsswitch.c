#include "admin_cmd/wiring/nsswitch.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin_cmd/wiring/text.h"

#define SERVICE "berth"
#define SERVICES_MAX 64

struct service {
	const char *name, *end; /* from its name to behind its criteria */
	size_t length;          /* of the name */
	bool ends;              /* [NOTFOUND=return]: who isn't found there is looked for nowhere else */
};

/* One line of a database that Berth is asked for. */
struct entry {
	const char *start, *end; /* the line, its newline included */
	const char *database;
	struct service services[SERVICES_MAX];
	size_t count;
	bool broken; /* glibc takes the services so far, and passes over what follows */
};

static const char *const DATABASES[] = { "passwd", "group", "initgroups" };
#define DATABASE_COUNT (sizeof(DATABASES) / sizeof(DATABASES[0]))
/* The first two must be there; initgroups may be. */
#define NEEDED_COUNT 2

static const char *
skip_space(const char *at, const char *end)
{
	while (at < end && isspace((unsigned char)*at))
		at++;
	return at;
}

/* skip_word: up to white space or one of these characters. */
static const char *
skip_word(const char *at, const char *end, const char *stops)
{
	while (at < end && !isspace((unsigned char)*at) && strchr(stops, *at) == NULL)
		at++;
	return at;
}

static bool
is_word(const char *word, const char *end, const char *name)
{
	return (size_t)(end - word) == strlen(name) && strncasecmp(word, name, strlen(name)) == 0;
}

/* find_database: the names of databases are told apart by case. */
static const char *
find_database(const char *name, const char *end)
{
	for (size_t i = 0; i < DATABASE_COUNT; i++)
		if (is_word(name, end, DATABASES[i]) && strncmp(name, DATABASES[i], strlen(DATABASES[i])) == 0)
			return DATABASES[i];
	return NULL;
}

/* read_criterion: "[!]STATUS=ACTION" at *at. Whether it is one. */
static bool
read_criterion(const char **at, const char *end, bool *ends)
{
	const char *status, *status_end, *action, *action_end;
	bool others = *at < end && **at == '!';

	status = *at + others;
	status_end = skip_word(status, end, "=]");
	action = skip_space(status_end, end);
	if (status_end == status || action == end || *action != '=')
		return false;
	action = skip_space(action + 1, end);
	action_end = skip_word(action, end, "=]");
	if (is_word(status, status_end, "NOTFOUND") != others)
		*ends = is_word(action, action_end, "return");
	*at = action_end;
	return action_end > action;
}

/* read_criteria: "[...]" at *at, if it is there. Whether what is there can be read. */
static bool
read_criteria(const char **at, const char *end, struct service *service)
{
	const char *next = skip_space(*at, end);

	service->end = *at;
	if (next == end || *next != '[')
		return true;
	for (next = skip_space(next + 1, end); next < end && *next != ']'; next = skip_space(next, end))
		if (!read_criterion(&next, end, &service->ends))
			return false;
	if (next == end)
		return false;
	*at = service->end = next + 1;
	return true;
}

static void
read_services(struct entry *entry, const char *at, const char *end)
{
	struct service *service;

	while ((at = skip_space(at, end)) < end) {
		if (entry->count == SERVICES_MAX || *at == '[') {
			entry->broken = true;
			return;
		}
		service = &entry->services[entry->count++];
		*service = (struct service){ .name = at };
		at = skip_word(at, end, "[");
		service->length = (size_t)(at - service->name);
		if (!read_criteria(&at, end, service)) {
			entry->broken = true;
			return;
		}
	}
}

/* read_entry: the line that begins at `line`, as glibc reads it; its database is NULL when it isn't one of ours. */
static void
read_entry(const char *line, struct entry *entry)
{
	const char *end = line + strcspn(line, "\n"), *comment = memchr(line, '#', (size_t)(end - line)), *name, *name_end;

	*entry = (struct entry){ .start = line, .end = *end == '\n' ? end + 1 : end };
	if (comment != NULL)
		end = comment;
	name = skip_space(line, end);
	name_end = skip_word(name, end, ":");
	if (name_end == end)
		return;
	entry->database = find_database(name, name_end);
	if (entry->database != NULL)
		read_services(entry, name_end + 1, end);
}

static bool
is_service(const struct service *service, const char *name)
{
	return service->length == strlen(name) && strncmp(service->name, name, service->length) == 0;
}

/* has_place: whether Berth can be asked at the end of these services, those of ours left out. */
static int
has_place(const struct entry *entry, char *why)
{
	bool files = false, others = false;

	if (entry->broken)
		return text_wrong(why, "%s: the line can't be read to its end", entry->database);
	for (size_t i = 0; i < entry->count; i++) {
		const struct service *service = &entry->services[i];

		if (is_service(service, SERVICE))
			continue;
		if (service->ends)
			return text_wrong(why, "%s: who isn't found in %.*s isn't looked for any further ([NOTFOUND=return])",
			    entry->database, (int)service->length, service->name);
		others = true;
		files = files || is_service(service, "files") || is_service(service, "compat");
	}
	if (files || (others && strcmp(entry->database, "initgroups") == 0))
		return 0;
	return text_wrong(why, "%s: files is not among the services", entry->database);
}

static int
judge_entry(const struct entry *entry, char *why)
{
	bool files = strcmp(entry->database, "initgroups") == 0, found = false;

	if (entry->broken)
		return text_wrong(why, "%s: the line can't be read to its end", entry->database);
	for (size_t i = 0; i < entry->count; i++) {
		const struct service *service = &entry->services[i];

		if (is_service(service, SERVICE)) {
			if (found)
				return text_wrong(why, "%s: " SERVICE " is there more than once", entry->database);
			if (!files)
				return text_wrong(why, "%s: " SERVICE " must come after files", entry->database);
			found = true;
		}
		if (!found && service->ends)
			return text_wrong(why, "%s: who isn't found in %.*s isn't looked for any further ([NOTFOUND=return])",
			    entry->database, (int)service->length, service->name);
		files = files || is_service(service, "files") || is_service(service, "compat");
	}
	return found ? 0 : text_wrong(why, "%s: " SERVICE " is not among the services", entry->database);
}

/* copy_entry: without our service, its criteria and the white space before it; or with it, at the services' end. */
static void
copy_entry(const struct entry *entry, bool add, FILE *out)
{
	const char *at = entry->start, *from;
	size_t last = entry->count;

	while (last > 0 && is_service(&entry->services[last - 1], SERVICE))
		last--;
	for (size_t i = 0; i < entry->count; i++) {
		const struct service *service = &entry->services[i];

		if (is_service(service, SERVICE)) {
			from = service->name - (service->name > at && isspace((unsigned char)service->name[-1]));
			fwrite(at, 1, (size_t)(from - at), out);
			at = service->end;
		} else if (add && i + 1 == last) {
			fwrite(at, 1, (size_t)(service->end - at), out);
			fputs(" " SERVICE, out);
			at = service->end;
		}
	}
	fwrite(at, 1, (size_t)(entry->end - at), out);
}

static int
add_to_entry(const struct entry *entry, FILE *out, char *why)
{
	bool there = judge_entry(entry, why) == 0;

	if (!there && has_place(entry, why) != 0)
		return -1;
	if (there)
		fwrite(entry->start, 1, (size_t)(entry->end - entry->start), out);
	else
		copy_entry(entry, true, out);
	return 0;
}

/* missing: the first database that must be there and isn't, or NULL. */
static const char *
missing(const char *text)
{
	bool found[DATABASE_COUNT] = { false };
	struct entry entry;

	for (; *text != '\0'; text = entry.end) {
		read_entry(text, &entry);
		for (size_t i = 0; i < DATABASE_COUNT; i++)
			found[i] = found[i] || entry.database == DATABASES[i];
	}
	for (size_t i = 0; i < NEEDED_COUNT; i++)
		if (!found[i])
			return DATABASES[i];
	return NULL;
}

/* rewrite: `why` is NULL for taking our service away. */
static char *
rewrite(const char *text, char *why)
{
	struct entry entry;
	char *result = NULL;
	size_t size;
	int answer = 0;
	FILE *out = open_memstream(&result, &size);

	for (; out != NULL && answer == 0 && *text != '\0'; text = entry.end) {
		read_entry(text, &entry);
		if (entry.database != NULL && why != NULL)
			answer = add_to_entry(&entry, out, why);
		else if (entry.database != NULL)
			copy_entry(&entry, false, out);
		else
			fwrite(entry.start, 1, (size_t)(entry.end - entry.start), out);
	}
	if (out == NULL || text_end(out) != 0) {
		if (why != NULL)
			text_wrong(why, "no memory");
		answer = -1;
	}
	if (answer == 0)
		return result;
	free(result);
	return NULL;
}

char *
nsswitch_add(const char *text, char *why)
{
	const char *database = missing(text);

	if (database == NULL)
		return rewrite(text, why);
	text_wrong(why, "there is no line %s:", database);
	return NULL;
}

char *
nsswitch_remove(const char *text)
{
	return rewrite(text, NULL);
}

int
nsswitch_judge(const char *text, char *why)
{
	const char *database = missing(text);
	struct entry entry;

	if (database != NULL)
		return text_wrong(why, "there is no line %s:", database);
	for (; *text != '\0'; text = entry.end) {
		read_entry(text, &entry);
		if (entry.database != NULL && judge_entry(&entry, why) != 0)
			return -1;
	}
	return 0;
}
