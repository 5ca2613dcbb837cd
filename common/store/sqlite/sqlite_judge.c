/*
 * One user, read part by part and judged as the model judges what is written.
 *
 * What can be taken away without letting anybody in further (a key, a tag, a secondary gid) goes by itself when it is bad. A
 * fault in what says who the user is and what is seen makes the whole record go.
 */
#include <stdio.h>
#include <string.h>

#include "common/model/record_json.h"
#include "common/model/rules.h"
#include "common/model/shapes.h"
#include "common/model/text.h"
#include "common/store/sqlite/sqlite_check.h"

#define DROP_USER "the user is dropped; create it again"

#define ROLE_MAX       (2048u * TEXT_CHARACTER_MAX)
#define POLICY_MAX     (2048u * TEXT_CHARACTER_MAX)
#define MAPPINGS_BYTES (9u * 1024 * 1024)

bool
check_column(struct check *check, struct sqlite_row *row, const char *member, const char *repair)
{
	if (!row->bad)
		return true;
	if (row->why == NULL)
		check->failed = true; /* no memory: *error says so */
	else
		check_fault(check, member, repair, "holds %s", row->why);
	row->bad = false;
	row->why = NULL;
	return false;
}

void
check_model_fault(struct check *check, const char *member, const char *repair, const struct api_error *why)
{
	if (why->code == API_UNAVAILABLE) {
		check->failed = true;
		*check->error = *why;
	} else
		check_fault(check, member, repair, "%s", why->message);
}

static void
read_profile(struct check *check, struct sqlite_row *row, struct user_record *user, bool *whole)
{
	user->has_profile = sqlite_row_has(row, 8) || sqlite_row_has(row, 9);
	if (!user->has_profile)
		return;
	user->profile.uid = sqlite_row_u32(row, 8);
	*whole &= check_column(check, row, "PosixProfile: Uid", DROP_USER);
	user->profile.gid = sqlite_row_u32(row, 9);
	*whole &= check_column(check, row, "PosixProfile: Gid", DROP_USER);
}

static void
read_mappings(struct check *check, struct sqlite_row *row, struct user_record *user, bool *whole)
{
	const char *mappings = sqlite_row_text(row, 6, MAPPINGS_BYTES);
	struct api_error why;

	*whole &= check_column(check, row, "HomeDirectoryMappings", DROP_USER);
	if (mappings == NULL ||
	    record_json_read_mappings(mappings, strlen(mappings), &user->mappings, &user->mapping_count, &why) == 0)
		return;
	*whole = false;
	check_model_fault(check, "HomeDirectoryMappings", DROP_USER, &why);
}

/* All columns but the keys of the row. Returns whether the record can be kept. */
static bool
read_user(struct check *check, struct sqlite_row *row, struct user_record *user)
{
	bool whole = true;

	user->home_type = sqlite_row_home_type(row, 2);
	whole &= check_column(check, row, "HomeDirectoryType", DROP_USER);
	user->home_directory = sqlite_row_dup(row, 3, PATH_BYTES_MAX);
	whole &= check_column(check, row, "HomeDirectory", DROP_USER);
	user->role = sqlite_row_dup(row, 4, ROLE_MAX);
	whole &= check_column(check, row, "Role", DROP_USER);
	user->policy = sqlite_row_dup(row, 5, POLICY_MAX);
	whole &= check_column(check, row, "Policy", DROP_USER);
	read_mappings(check, row, user, &whole);
	read_profile(check, row, user, &whole);
	return whole;
}

/* Whose row it is: for reports, and the record. A name that can't be one is shown as far as it can be. */
static bool
read_identity(struct check *check, struct sqlite_row *row, struct user_record *user, struct api_error *shown)
{
	int64_t server_key = sqlite3_column_int64(row->statement, 0);
	const char *server_id = check_server_id(check, server_key);
	const char *name = (const char *)sqlite3_column_text(row->statement, 1);
	bool whole = server_id != NULL;

	api_fail(shown, API_INTERNAL, "%.100s", name == NULL ? "" : name);
	check->user_name = shown->message;
	check->server_id = server_id;
	if (server_id == NULL)
		check_fault(check, "server_key", DROP_USER, "the server with key %lld isn't there, or can't be kept",
		    (long long)server_key);
	else
		snprintf(user->server_id, sizeof(user->server_id), "%s", server_id);
	sqlite_row_copy(row, 1, user->user_name, USER_NAME_MAX);
	return check_column(check, row, "UserName", DROP_USER) && whole;
}

/* What CreateUser's shape says of it. */
static int
judge_shape(const struct user_record *user, const struct config *config, struct api_error *why)
{
	cJSON *request = record_json_described_user(user, config, why);
	int result = -1;

	if (request != NULL && cJSON_AddStringToObject(request, "ServerId", user->server_id) == NULL)
		api_fail_memory(why);
	else if (request != NULL)
		result = shapes_check(shapes_request("CreateUser"), request, why);
	cJSON_Delete(request);
	return result;
}

static bool
judge_user(struct check *check, struct user_record *user)
{
	const struct config *config = check->care->config;
	bool has_profile = user->has_profile, whole;
	struct api_error why;

	whole = rules_check_name(user->user_name, &why) == 0 && judge_shape(user, config, &why) == 0;
	/* The floors are the configuration's, and not the record's fault: they are judged when it is used. */
	user->has_profile = false;
	whole = whole && rules_check_members(user, config, &why) == 0 && rules_check_user(user, &why) == 0;
	user->has_profile = has_profile;
	if (!whole)
		check_model_fault(check, NULL, DROP_USER, &why);
	return whole;
}

static void
warn_of_ids(struct check *check, const struct user_record *user)
{
	static const char WARNING[] = "%s %u is below the configuration's floor, or reserved: nobody logs in with it";
	const struct config *config = check->care->config;
	size_t i;

	if (!user->has_profile)
		return;
	if (!id_allowed(user->profile.uid, config->min_uid))
		check_fault(check, "PosixProfile", NULL, WARNING, "Uid", user->profile.uid);
	if (!id_allowed(user->profile.gid, config->min_gid))
		check_fault(check, "PosixProfile", NULL, WARNING, "Gid", user->profile.gid);
	for (i = 0; i < user->profile.secondary_gid_count; i++)
		if (!id_allowed(user->profile.secondary_gids[i], config->min_gid))
			check_fault(check, "PosixProfile", NULL, WARNING, "the secondary gid",
			    user->profile.secondary_gids[i]);
}

static void
rescue_user(struct check *check, const struct user_record *user)
{
	if (check->failed)
		return;
	check->findings->users++;
	if (check->rescue == NULL || store_create_user(check->rescue, user, check->error) == 0)
		return;
	/* Of two that have one name, which has been reported, the first is kept. */
	check->failed = check->error->code != API_EXISTS;
}

void
check_user(struct check *check, int64_t user_key)
{
	struct sqlite_row row = { .store = &check->source, .error = check->error };
	struct user_record user = { .has_profile = false };
	int64_t server_key = -1, has_gids = 0;
	struct api_error shown;
	bool whole = false;

	row.statement = check_query(check, CHECK_READ_USER,
	    "SELECT server_key, user_name, home_directory_type, home_directory, role, policy, mappings, has_secondary_gids, "
	    "uid, gid FROM users WHERE user_key = ?1", user_key);
	if (row.statement == NULL)
		return;
	if (check_step(check, row.statement) == 1) {
		server_key = sqlite3_column_int64(row.statement, 0);
		has_gids = sqlite3_column_int64(row.statement, 7);
		whole = read_identity(check, &row, &user, &shown);
		whole &= read_user(check, &row, &user);
	} else if (!check->failed)
		check_fault(check, "users", DROP_USER, "the row with key %lld can't be read: %s", (long long)user_key,
		    sqlite3_errmsg(check->source.db));
	sqlite3_reset(row.statement);
	if (!check->failed && check->user_name != NULL) {
		check_gids(check, user_key, server_key, has_gids != 0, &user);
		check_keys(check, user_key, &user);
		check_tags(check, CHECK_TAGS,
		    "SELECT position, key, value FROM user_tags WHERE user_key = ?1 ORDER BY position", user_key, &user.tags,
		    &user.tag_count);
	}
	if (!check->failed && whole && judge_user(check, &user)) {
		warn_of_ids(check, &user);
		rescue_user(check, &user);
	}
	check->server_id = check->user_name = NULL;
	record_free_user(&user);
}
