/*
 * berth cache show: the records and their age. A table is kept until its widths are known; the rest is printed as it is
 * read.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/cache/cache_command.h"
#include "admin_cmd/columns.h"

struct show {
	enum output_format format;
	const char *server_id;
	const char *only;  /* a user's name; NULL: all */
	bool has_server;   /* its record came, and is kept in: */
	struct cached_record server;
	size_t users;
	struct cached_record *rows; /* of a table; user_name is their own */
	bool failed;                /* no memory */
};

static const char *
state_name(enum cache_state state)
{
	switch (state) {
	case CACHE_FRESH:
		return "fresh";
	case CACHE_STALE:
		return "stale";
	case CACHE_ABSENT:
		break;
	}
	return "expired";
}

/* For people: the largest unit that it is one of. */
static char *
age_text(int64_t seconds)
{
	static const struct {
		int64_t seconds;
		char name;
	} UNITS[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	char *text;
	size_t i = 0;

	if (seconds < 0)
		return strdup("-");
	while (i < 3 && seconds < UNITS[i].seconds)
		i++;
	return asprintf(&text, "%lld%c", (long long)(seconds / UNITS[i].seconds), UNITS[i].name) == -1 ? NULL : text;
}

static char *
time_text(double seconds)
{
	char text[64];

	output_time(floor(seconds), text, sizeof(text));
	return strdup(text);
}

static char *
id_text(const struct cached_record *user, uint32_t id)
{
	char *text;

	if (!user->has_profile)
		return strdup("-");
	return asprintf(&text, "%u", id) == -1 ? NULL : text;
}

static void
fill_user(const void *context, size_t row, char **cells)
{
	const struct cached_record *user = (const struct cached_record *)context + row;

	*cells++ = output_safe(user->user_name);
	*cells++ = strdup(state_name(user->state));
	*cells++ = age_text(user->age_seconds);
	*cells++ = time_text(user->fetched);
	*cells++ = id_text(user, user->uid);
	*cells++ = id_text(user, user->gid);
	if (asprintf(cells, "%zu", user->key_count) == -1)
		*cells = NULL;
}

static const char *const USER_NAMES[] = { "USER", "STATE", "AGE", "FETCHED", "UID", "GID", "KEYS" };
static const struct columns USER_COLUMNS = { USER_NAMES, sizeof(USER_NAMES) / sizeof(USER_NAMES[0]), fill_user };

static void
fill_server(const void *context, size_t row, char **cells)
{
	const struct show *show = context;

	(void)row;
	*cells++ = strdup(show->server_id);
	*cells++ = strdup(state_name(show->server.state));
	*cells++ = age_text(show->server.age_seconds);
	*cells++ = time_text(show->server.fetched);
	*cells = strdup(show->server.online ? "ONLINE" : "OFFLINE");
}

static const char *const SERVER_NAMES[] = { "SERVER", "STATE", "AGE", "FETCHED", "IS" };
static const struct columns SERVER_COLUMNS = { SERVER_NAMES, sizeof(SERVER_NAMES) / sizeof(SERVER_NAMES[0]), fill_server };

static int
keep_row(struct show *show, const struct cached_record *record)
{
	struct cached_record *more;

	/* Room is made in powers of two. */
	if ((show->users & (show->users - 1)) == 0) {
		more = reallocarray(show->rows, show->users == 0 ? 1 : 2 * show->users, sizeof(*more));
		if (more == NULL)
			return -1;
		show->rows = more;
	}
	show->rows[show->users] = *record;
	if ((show->rows[show->users].user_name = strdup(record->user_name)) == NULL)
		return -1;
	show->users++;
	return 0;
}

/* Age as seconds, for programs. */
static int
print_text(const struct cached_record *record, const char *name, const char *last)
{
	char *time = time_text(record->fetched), *safe = output_safe(name);
	int result = time == NULL || safe == NULL ? -1 : 0;

	if (result == 0 && record->age_seconds < 0)
		printf("%s\t%s\t-\t%s\t%s\n", safe, state_name(record->state), time, last);
	else if (result == 0)
		printf("%s\t%s\t%lld\t%s\t%s\n", safe, state_name(record->state), (long long)record->age_seconds, time, last);
	free(time);
	free(safe);
	return result;
}

static int
print_user_text(struct show *show, const struct cached_record *user)
{
	char last[64], ids[32] = "-\t-";

	if (user->has_profile)
		snprintf(ids, sizeof(ids), "%u\t%u", user->uid, user->gid);
	snprintf(last, sizeof(last), "%s\t%zu", ids, user->key_count);
	show->users++;
	return print_text(user, user->user_name, last);
}

static bool
add_times(cJSON *item, const struct cached_record *record)
{
	char time[64];

	output_time(floor(record->fetched), time, sizeof(time));
	return cJSON_AddStringToObject(item, "CacheState", state_name(record->state)) != NULL &&
	    (record->age_seconds < 0 || cJSON_AddNumberToObject(item, "AgeSeconds", (double)record->age_seconds) != NULL) &&
	    cJSON_AddStringToObject(item, "Fetched", time) != NULL;
}

static int
print_user_json(struct show *show, const struct cached_record *user)
{
	cJSON *item = cJSON_CreateObject();
	bool well = cJSON_AddStringToObject(item, "UserName", user->user_name) != NULL && add_times(item, user) &&
	    (!user->has_profile || (cJSON_AddNumberToObject(item, "Uid", user->uid) != NULL &&
	                               cJSON_AddNumberToObject(item, "Gid", user->gid) != NULL)) &&
	    cJSON_AddNumberToObject(item, "SshPublicKeyCount", (double)user->key_count) != NULL;

	if (well && show->users++ > 0)
		putchar(',');
	well = well && output_json_listed(stdout, item) == 0;
	cJSON_Delete(item);
	return well ? 0 : -1;
}

/* Beside the list of users, as a member of the whole. */
static int
print_server_json(const struct show *show)
{
	cJSON *all = cJSON_CreateObject(), *server = cJSON_AddObjectToObject(all, "Server");
	bool well = server != NULL && cJSON_AddStringToObject(server, "ServerId", show->server_id) != NULL &&
	    add_times(server, &show->server) &&
	    cJSON_AddStringToObject(server, "State", show->server.online ? "ONLINE" : "OFFLINE") != NULL;

	if (well)
		putchar(',');
	well = well && output_json_member(stdout, server) == 0;
	cJSON_Delete(all);
	return well ? 0 : -1;
}

static int
show_server(struct show *show, const struct cached_record *server)
{
	show->has_server = true;
	show->server = *server;
	if (show->format == OUTPUT_TEXT)
		return print_text(server, show->server_id, server->online ? "ONLINE" : "OFFLINE");
	return 0;
}

static int
show_user(struct show *show, const struct cached_record *user)
{
	switch (show->format) {
	case OUTPUT_JSON:
		return print_user_json(show, user);
	case OUTPUT_TEXT:
		return print_user_text(show, user);
	case OUTPUT_DEFAULT:
	case OUTPUT_TABLE:
		break;
	}
	return keep_row(show, user);
}

static int
show_record(void *context, const struct cached_record *record)
{
	struct show *show = context;

	if (show->only != NULL && strcmp(record->user_name, show->only) != 0)
		return 0;
	if ((record->user_name[0] == '\0' ? show_server : show_user)(show, record) == -1)
		show->failed = true;
	return show->failed || ferror(stdout);
}

static int
end_table(const struct show *show)
{
	if (show->has_server && (columns_print(&SERVER_COLUMNS, show, 1, true) == -1 || putchar('\n') == EOF))
		return -1;
	return show->only != NULL && show->users == 0 ? 0 : columns_print(&USER_COLUMNS, show->rows, show->users, true);
}

static int
end_json(const struct show *show)
{
	fputs(show->users > 0 ? "\n    ]" : "]", stdout);
	if (show->has_server && print_server_json(show) == -1)
		return -1;
	fputs("\n}\n", stdout);
	return 0;
}

/* No cache at all is an empty one. */
static int
show_all(const struct cache_options *options, struct show *show)
{
	struct api_error error = { .code = API_OK };
	struct cache *cache;
	int result;

	if (cache_open(options, false, &cache, &error) == -1 && error.code != API_NOT_FOUND)
		return cache_failed(&error);
	if (show->format == OUTPUT_JSON)
		fputs("{\n    \"Users\": [", stdout);
	result = cache == NULL ? 0 : cache_each(cache, show_record, show, &error);
	cache_close(cache);
	if (result == -1)
		return cache_failed(&error);
	if (!show->failed && show->format == OUTPUT_JSON)
		show->failed = end_json(show) == -1;
	else if (!show->failed && show->format != OUTPUT_TEXT)
		show->failed = end_table(show) == -1;
	if (show->failed)
		fputs(CACHE_COMMAND ": no memory\n", stderr);
	return !show->failed && output_flush() == 0 ? COMMAND_OK : COMMAND_FAILED;
}

static int
show_records(const struct cache_options *options, enum output_format format, char **words, const void *context)
{
	struct show show = { .format = format, .server_id = options->server_id, .only = words[0] };
	int result = show_all(options, &show);

	(void)context;
	for (size_t i = 0; show.rows != NULL && i < show.users; i++)
		free((char *)show.rows[i].user_name);
	free(show.rows);
	if (result != COMMAND_OK || show.only == NULL || show.users > 0)
		return result;
	fprintf(stderr, CACHE_COMMAND ": nothing is cached of a user \"%s\"\n", show.only);
	return COMMAND_UNMATCHED;
}

int
cache_show(int argc, char **argv, struct command_globals *globals)
{
	static const struct option options[] = {
		FLAGS_OF_ALL,
		{ NULL, 0, NULL, 0 },
	};
	static const struct flags flags = { CACHE_COMMAND " show", cache_usage, "unknown option ", options, NULL };
	int result = flags_read(&flags, argc, argv, globals, NULL);

	if (result != COMMAND_OK)
		return result;
	if (globals->help)
		return command_print(cache_usage);
	if (argc - optind > 1)
		return flags_wrong(&flags, "Unknown options: ", argv[optind + 1]);
	if (optind < argc && argv[optind][0] == '\0')
		return flags_wrong(&flags, "no user's name: ", "\"\"");
	return cache_run(globals, argv + optind, show_records, NULL);
}
