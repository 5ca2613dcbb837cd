#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/store/transfer/credentials_source.h"

#define FILE_MAX       (1024 * 1024)
#define NAME_MAX_SHOWN 128
#define PROCESS_MS     30000 /* of a credential_process */

/* One of the two files, with what it says of the profile. */
struct ini_file {
	char path[PATH_MAX];
	bool config;
	bool there;
	struct source_text text;
	struct ini_section section;
};

/* What is looked for, and in what. */
struct profile {
	struct source_search *search;
	const char *name;
	bool named;     /* it was asked for by name, or its file was: then it must be there */
	char title[160]; /* for why */
	struct ini_file files[SOURCE_FILES_MAX]; /* the credentials file first: it wins */
	size_t file_count;
};

static bool
home_directory(char *home, size_t size)
{
	const char *variable = source_variable("HOME");
	char room[4096];
	struct passwd entry, *found = NULL;

	if (variable == NULL && getpwuid_r(geteuid(), &entry, room, sizeof(room), &found) == 0 && found != NULL)
		variable = found->pw_dir;
	return variable != NULL && snprintf(home, size, "%s", variable) < (int)size;
}

/* A path as people write it: "~/" is the home directory. */
static void
expand(char *path, size_t size, const char *from)
{
	char home[PATH_MAX];

	if (strncmp(from, "~/", 2) == 0 && home_directory(home, sizeof(home)))
		snprintf(path, size, "%s%s", home, from + 1);
	else
		snprintf(path, size, "%s", from);
}

static void
add_file(struct profile *profile, const char *variable, const char *place, bool config)
{
	struct ini_file *file = &profile->files[profile->file_count++];
	const char *path = source_variable(variable);

	expand(file->path, sizeof(file->path), path != NULL ? path : place);
	file->config = config;
}

static void
name_it(struct profile *profile, struct source_search *search)
{
	const char *variable = source_variable("AWS_PROFILE");

	if (variable == NULL)
		variable = source_variable("AWS_DEFAULT_PROFILE");
	profile->search = search;
	profile->named = search->profile != NULL || search->file != NULL || variable != NULL;
	profile->name = search->profile != NULL ? search->profile : variable != NULL ? variable : "default";
	snprintf(profile->title, sizeof(profile->title), "profile %.*s", NAME_MAX_SHOWN, profile->name);
}

/* ---- reading ---- */

/* Others' keys would be anybody's. AWS's own tools don't look, so their own places go unjudged. */
static const char *
named_file_problem(const struct stat *status)
{
	if ((status->st_mode & (S_IRGRP | S_IROTH)) != 0)
		return "others may read it (chmod 600 is expected)";
	if ((status->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "others may write it (chmod 600 is expected)";
	return NULL;
}

/* SOURCE_ABSENT: no such file, or for this process there is none, with why. */
static enum source_result
read_file(struct profile *profile, struct ini_file *file)
{
	struct source_search *search = profile->search;
	struct source_file *seen = &search->files[search->file_count++];
	const char *wrong = source_read(file->path, FILE_MAX, &file->text);
	bool absent;
	int line;

	snprintf(seen->path, sizeof(seen->path), "%s", file->path);
	seen->status = file->text.status;
	if (wrong != NULL) {
		absent = errno == ENOENT || errno == ENOTDIR || errno == EACCES;
		if (stat(file->path, &seen->status) == -1) /* as the chain will see it, too */
			memset(&seen->status, 0, sizeof(seen->status));
		return source_say(search, absent ? SOURCE_ABSENT : SOURCE_FAILED, "%s: %s: %s", profile->title, file->path,
		    wrong);
	}
	if (search->file != NULL && (wrong = named_file_problem(&file->text.status)) != NULL)
		return source_say(search, SOURCE_FAILED, "%s: %s: %s", profile->title, file->path, wrong);
	file->there = true;
	wrong = ini_read(file->text.bytes, file->text.length, profile->name, file->config, &file->section, &line);
	if (wrong != NULL) /* without the line itself, which may be a secret */
		return source_say(search, SOURCE_FAILED, "%s: %s: line %d: %s", profile->title, file->path, line, wrong);
	return SOURCE_FOUND;
}

static enum source_result
read_files(struct profile *profile)
{
	enum source_result result;
	char first[sizeof(profile->search->why)];
	size_t absent = 0;
	bool found = false;

	for (size_t i = 0; i < profile->file_count; i++) {
		if ((result = read_file(profile, &profile->files[i])) == SOURCE_FAILED)
			return SOURCE_FAILED;
		if (result == SOURCE_ABSENT && absent++ == 0)
			memcpy(first, profile->search->why, sizeof(first));
		found = found || profile->files[i].section.found;
	}
	if (found)
		return SOURCE_FOUND;
	if (absent == profile->file_count) /* the credentials file's reason will do */
		return source_say(profile->search, profile->named ? SOURCE_FAILED : SOURCE_ABSENT, "%s", first);
	return source_say(profile->search, profile->named ? SOURCE_FAILED : SOURCE_ABSENT, "%s: no such profile in %s%s%s",
	    profile->title, profile->files[0].there ? profile->files[0].path : profile->files[1].path,
	    profile->files[0].there && profile->files[1].there ? " or " : "",
	    profile->files[0].there && profile->files[1].there ? profile->files[1].path : "");
}

/* ---- what it says ---- */

/* The setting, and the file that it stands in. */
static const char *
value_of(const struct profile *profile, const char *name, const struct ini_file **file)
{
	const char *value;

	for (size_t i = 0; i < profile->file_count; i++) {
		value = ini_value(&profile->files[i].section, name);
		if (value != NULL) {
			if (file != NULL)
				*file = &profile->files[i];
			return value;
		}
	}
	return NULL;
}

static enum source_result
unsupported(const struct profile *profile, const char *setting)
{
	return source_say(profile->search, SOURCE_FAILED,
	    "%s: %s isn't supported; a credential_process can do it (\"aws configure export-credentials\")", profile->title,
	    setting);
}

/* A profile that assumes a role is meant to: its own keys, which may do other things, aren't taken instead. */
static enum source_result
take_role(const struct profile *profile, struct credentials *credentials)
{
	static const char *const FROM[] = { "source_profile", "credential_source", NULL };
	const char *role = value_of(profile, "role_arn", NULL), *file = value_of(profile, "web_identity_token_file", NULL);
	char path[PATH_MAX], setting[64];

	if (role == NULL && file == NULL)
		return SOURCE_ABSENT;
	if (file != NULL && role == NULL)
		return source_say(profile->search, SOURCE_FAILED, "%s: it has web_identity_token_file and no role_arn",
		    profile->title);
	if (file != NULL) {
		expand(path, sizeof(path), file);
		return source_assume_role(profile->search, profile->title, path, role,
		    value_of(profile, "role_session_name", NULL), credentials);
	}
	for (const char *const *from = FROM; *from != NULL; from++) {
		if (value_of(profile, *from, NULL) != NULL) {
			snprintf(setting, sizeof(setting), "role_arn with %s", *from);
			return unsupported(profile, setting);
		}
	}
	return unsupported(profile, "role_arn without web_identity_token_file");
}

static enum source_result
take_keys(const struct profile *profile, const struct ini_file *file, struct credentials *credentials)
{
	const char *id = ini_value(&file->section, "aws_access_key_id");
	const char *secret = ini_value(&file->section, "aws_secret_access_key"), *wrong;

	if (id == NULL && secret == NULL)
		return SOURCE_ABSENT;
	if (id == NULL || secret == NULL)
		return source_say(profile->search, SOURCE_FAILED, "%s: %s: it has no %s", profile->title, file->path,
		    id == NULL ? "aws_access_key_id" : "aws_secret_access_key");
	wrong = source_take(credentials, id, secret, ini_value(&file->section, "aws_session_token"), 0);
	return wrong == NULL ? SOURCE_FOUND :
	    source_say(profile->search, SOURCE_FAILED, "%s: %s: %s", profile->title, file->path, wrong);
}

/* Who may write the file may run what he likes as this process's user. */
static enum source_result
take_process(const struct profile *profile, struct credentials *credentials)
{
	const struct ini_file *file = NULL;
	const char *command = value_of(profile, "credential_process", &file);
	const struct stat *status;

	if (command == NULL)
		return SOURCE_ABSENT;
	status = &file->text.status;
	if (status->st_uid != 0 && status->st_uid != geteuid())
		return source_say(profile->search, SOURCE_FAILED,
		    "%s: %s: its credential_process isn't run, as the file belongs to another user (uid %u)", profile->title,
		    file->path, (unsigned)status->st_uid);
	if ((status->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return source_say(profile->search, SOURCE_FAILED,
		    "%s: %s: its credential_process isn't run, as others may write the file", profile->title, file->path);
	return source_run(profile->search, profile->title, command, PROCESS_MS, credentials);
}

static enum source_result
nothing_usable(const struct profile *profile)
{
	static const char *const SSO[] = { "sso_session", "sso_start_url", "sso_account_id", "sso_role_name", NULL };
	const char *where = profile->files[0].section.found ? profile->files[0].path : profile->files[1].path;

	for (const char *const *setting = SSO; *setting != NULL; setting++)
		if (value_of(profile, *setting, NULL) != NULL)
			return unsupported(profile, *setting);
	/* A default profile often holds a region alone. */
	return source_say(profile->search, profile->named ? SOURCE_FAILED : SOURCE_ABSENT,
	    "%s: %s: it has neither aws_access_key_id nor credential_process", profile->title, where);
}

static enum source_result
take(const struct profile *profile, struct credentials *credentials)
{
	enum source_result result = take_role(profile, credentials);

	if (result == SOURCE_ABSENT)
		result = take_keys(profile, &profile->files[0], credentials);
	if (result == SOURCE_ABSENT)
		result = take_process(profile, credentials);
	if (result == SOURCE_ABSENT && profile->file_count > 1)
		result = take_keys(profile, &profile->files[1], credentials);
	return result == SOURCE_ABSENT ? nothing_usable(profile) : result;
}

enum source_result
source_profile(struct source_search *search, struct credentials *credentials)
{
	struct profile *profile = calloc(1, sizeof(*profile));
	enum source_result result;

	search->file_count = 0;
	if (profile == NULL)
		return source_say(search, SOURCE_FAILED, "profile: out of memory");
	name_it(profile, search);
	if (search->file != NULL) {
		snprintf(profile->files[0].path, sizeof(profile->files[0].path), "%s", search->file);
		profile->file_count = 1;
	} else {
		add_file(profile, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", false);
		add_file(profile, "AWS_CONFIG_FILE", "~/.aws/config", true);
	}
	if ((result = read_files(profile)) == SOURCE_FOUND)
		result = take(profile, credentials);
	for (size_t i = 0; i < profile->file_count; i++)
		source_text_free(&profile->files[i].text);
	free(profile);
	return result;
}
