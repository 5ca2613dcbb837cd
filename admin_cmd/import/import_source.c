#include "admin_cmd/import/import_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin_cmd/import/import_lines.h"
#include "common/model/rules.h"

#define HOME_DEFAULT "/home" /* where the image has its users' directories */

int
import_source_refuse(struct import_source *source, const char *name, const char *format, ...)
{
	struct api_error error;
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	api_fail(&error, API_INVALID_REQUEST, "%s", text);
	import_report_refused(source->report, source->line, name, &error);
	return 0;
}

bool
import_source_check_name(struct import_source *source, const char *name)
{
	struct api_error error;

	if (rules_check_name(name, &error) == 0)
		return true;
	import_left_note(source->left, LEFT_NAME, source->line, name, "%s", "");
	import_source_refuse(source, name, "%s", error.message);
	return false;
}

const char *
import_source_path_problem(const char *path)
{
	const char *component = path;
	size_t length;

	if (path[0] != '/')
		return "is not absolute";
	if (path[1] == '\0')
		return "is the root, which names no bucket";
	while (*component == '/' && component[1] != '\0') {
		component++;
		length = strcspn(component, "/");
		if (length == 0)
			return "has two slashes in a row";
		if (length <= 2 && strspn(component, ".") >= length)
			return "has a component . or ..";
		component += length;
	}
	return NULL;
}

bool
import_source_number(const char *text, uint32_t *number)
{
	uint64_t value = 0;

	if (text == NULL || text[0] == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
		if (value > UINT32_MAX)
			return false;
	}
	*number = (uint32_t)value;
	return true;
}

cJSON *
import_source_user(struct import_source *source, const char *name, const uint32_t *uid)
{
	const char *role = source->flags->role == NULL ? source->role : source->flags->role;
	cJSON *user = cJSON_CreateObject();

	if (import_accounts_have_name(source->accounts, name))
		import_left_note(source->left, LEFT_CLASH, source->line, name, "the name stands in /etc/passwd");
	else if (uid != NULL && import_accounts_have_uid(source->accounts, *uid) && !config_shares_uid(source->config, *uid))
		import_left_note(source->left, LEFT_CLASH, source->line, name, "uid %u stands in /etc/passwd", *uid);
	if (user != NULL && cJSON_AddStringToObject(user, "UserName", name) != NULL &&
	    cJSON_AddStringToObject(user, "Role", role) != NULL &&
	    cJSON_AddStringToObject(user, "HomeDirectoryType", "LOGICAL") != NULL &&
	    cJSON_AddArrayToObject(user, "HomeDirectoryMappings") != NULL)
		return user;
	cJSON_Delete(user);
	return NULL;
}

bool
import_source_add_profile(cJSON *user, uint32_t uid, uint32_t gid, const uint32_t *gids, size_t gid_count)
{
	cJSON *profile = cJSON_AddObjectToObject(user, "PosixProfile"), *list, *number;
	size_t i;

	if (profile == NULL || cJSON_AddNumberToObject(profile, "Uid", uid) == NULL ||
	    cJSON_AddNumberToObject(profile, "Gid", gid) == NULL)
		return false;
	if (gid_count == 0)
		return true;
	list = cJSON_AddArrayToObject(profile, "SecondaryGids");
	for (i = 0; list != NULL && i < gid_count; i++) {
		number = cJSON_CreateNumber(gids[i]);
		if (number == NULL)
			return false;
		cJSON_AddItemToArray(list, number);
	}
	return list != NULL;
}

bool
import_source_add_mapping(struct import_source *source, cJSON *user, const char *entry, const char *target, bool path)
{
	cJSON *mapping = cJSON_CreateObject();

	if (mapping == NULL || cJSON_AddStringToObject(mapping, "Entry", entry) == NULL ||
	    cJSON_AddStringToObject(mapping, "Target", target) == NULL ||
	    !cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(user, "HomeDirectoryMappings"), mapping)) {
		cJSON_Delete(mapping);
		return false;
	}
	if (target[0] == '/')
		import_buckets_check(&source->buckets, source->left, source->config, target, path);
	return true;
}

bool
import_source_add_keys(struct import_source *source, cJSON *user, const char *name, cJSON *keys)
{
	if (keys == NULL)
		return false;
	if (keys->child == NULL)
		import_left_note(source->left, LEFT_NO_KEY, source->line, name, "%s", "");
	if (cJSON_AddItemToObject(user, "SshPublicKeys", keys))
		return true;
	cJSON_Delete(keys);
	return false;
}

int
import_source_write(struct import_source *source, cJSON *user)
{
	char *text = user == NULL ? NULL : cJSON_PrintUnformatted(user);

	cJSON_Delete(user);
	if (text == NULL)
		return -1;
	fputs(text, source->out);
	cJSON_free(text);
	return 0;
}

/* One line in, one line out. */
static int
convert_line(struct import_source *source, const char *kind, const char *text, size_t length)
{
	char *line = strndup(text, length);
	int result;

	if (line == NULL)
		return -1;
	if (strlen(line) != length)
		result = import_source_refuse(source, "", "The line holds a NUL");
	else if (strcmp(kind, "passwd") == 0)
		result = import_passwd_line(source, line);
	else
		result = import_users_conf_line(source, line);
	putc('\n', source->out);
	free(line);
	return result;
}

static int
convert_lines(struct import_source *source, const char *kind, int file)
{
	struct import_lines lines;
	enum import_line got;
	const char *text;
	size_t length;
	int result = -1;

	if (import_lines_start(&lines, file) == -1)
		return -1;
	while ((got = import_lines_next(&lines, &text, &length)) == IMPORT_LINE || got == IMPORT_LINE_TOO_LONG) {
		source->line = lines.number;
		if (got == IMPORT_LINE && convert_line(source, kind, text, length) == -1) {
			errno = ENOMEM;
			goto out;
		}
		if (got == IMPORT_LINE_TOO_LONG) {
			import_source_refuse(source, "", "The line is longer than %u bytes", IMPORT_LINE_MAX);
			putc('\n', source->out);
		}
	}
	if (got == IMPORT_LINE_END && fflush(source->out) == 0 && !ferror(source->out))
		result = 0;
out:
	import_lines_free(&lines);
	return result;
}

static int
complain(const char *what)
{
	fprintf(stderr, "berth import: %s: %s\n", what, strerror(errno));
	return -1;
}

/* Directories and files that the source needs beside its own. A default for --home that isn't there holds no keys. */
static int
open_others(struct import_source *source, const char *kind)
{
	const struct import_source_flags *flags = source->flags;
	const char *directory = flags->keys_directory;

	if ((source->accounts = import_accounts_load()) == NULL)
		return complain("/etc/passwd");
	if (flags->group_file != NULL && (source->groups = import_groups_load(flags->group_file)) == NULL)
		return complain(flags->group_file);
	if (strcmp(kind, "users.conf") == 0)
		directory = flags->home == NULL ? HOME_DEFAULT : flags->home;
	if (directory == NULL)
		return 0;
	source->keys_directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (source->keys_directory == -1 && (flags->home != NULL || flags->keys_directory != NULL))
		return complain(directory);
	return 0;
}

static void
close_others(struct import_source *source)
{
	import_accounts_free(source->accounts);
	import_groups_free(source->groups);
	if (source->keys_directory != -1)
		close(source->keys_directory);
	import_buckets_free(&source->buckets);
	if (source->out != NULL)
		fclose(source->out);
}

int
import_source_convert(const char *kind, int file, const struct import_source_flags *flags, const struct config *config,
    struct import_report *report)
{
	struct import_source source = {
		.flags = flags, .config = config, .report = report, .left = report->left, .keys_directory = -1,
	};
	int converted = -1;

	snprintf(source.role, sizeof(source.role), "arn:aws:iam::%.12s:role/berth", config->account_id);
	if ((source.out = import_temporary_file()) == NULL)
		complain("no temporary file");
	else if (open_others(&source, kind) == 0) {
		if (convert_lines(&source, kind, file) == -1)
			complain("the source can't be converted");
		else if ((converted = fcntl(fileno(source.out), F_DUPFD_CLOEXEC, 3)) == -1 ||
		    lseek(converted, 0, SEEK_SET) == -1)
			complain("temporary file");
	}
	close_others(&source);
	return converted;
}
