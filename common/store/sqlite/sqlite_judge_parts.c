/* A record's lists: each item stands or goes by itself. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/keys.h"
#include "common/model/patterns.h"
#include "common/model/text.h"
#include "common/store/sqlite/sqlite_check.h"

#define DROP_KEY  "the key is dropped"
#define DROP_TAG  "the tag is dropped"
#define DROP_GID  "the gid is dropped"
#define DROP_REST "these are dropped"

/* The shapes' lengths. */
#define TAG_KEY_CHARACTERS   128u
#define TAG_VALUE_CHARACTERS 256u

/* Rows of a list that are stepped through; ended by finish_list(). */
struct list {
	struct check *check;
	const char *member;
	sqlite3_stmt *statement;
	size_t read; /* how many rows so far */
	int got;
};

static bool
next_item(struct list *list)
{
	list->got = list->check->failed ? 0 : check_step(list->check, list->statement);
	list->read += list->got == 1;
	return list->got == 1;
}

static void
finish_list(struct list *list)
{
	if (list->got == -1 && !list->check->failed)
		check_fault(list->check, list->member, DROP_REST, "what follows the first %zu can't be read: %s", list->read,
		    sqlite3_errmsg(list->check->source.db));
	sqlite3_reset(list->statement);
}

static void
check_position(struct list *list)
{
	if (sqlite3_column_int64(list->statement, 0) < 0)
		check_fault(list->check, list->member, "the list is numbered anew", "number %zu has the position %lld",
		    list->read, (long long)sqlite3_column_int64(list->statement, 0));
}

void
check_gids(struct check *check, int64_t user_key, int64_t server_key, bool has_gids, struct user_record *user)
{
	static const char SQL[] = "SELECT position, gid, server_key FROM secondary_gids WHERE user_key = ?1 "
	    "ORDER BY position";
	struct list list = { .check = check, .member = "PosixProfile: SecondaryGids" };
	struct sqlite_row row = { .store = &check->source, .error = check->error };
	struct posix_profile *profile = &user->profile;
	uint32_t gid;

	profile->has_secondary_gids = has_gids;
	if ((row.statement = list.statement = check_query(check, CHECK_GIDS, SQL, user_key)) == NULL)
		return;
	while (next_item(&list)) {
		gid = sqlite_row_u32(&row, 1);
		if (!row.bad && profile->secondary_gid_count == SECONDARY_GIDS_MAX)
			sqlite_row_bad(&row, 1, "more than 16 secondary gids");
		if (!row.bad && !user->has_profile)
			sqlite_row_bad(&row, 1, "a gid, and the user has no PosixProfile");
		if (!check_column(check, &row, list.member, DROP_GID))
			continue;
		check_position(&list);
		if (sqlite3_column_int64(list.statement, 2) != server_key)
			check_fault(check, list.member, "the number is put right",
			    "gid %u is listed for the server with key %lld, and not for the user's", gid,
			    (long long)sqlite3_column_int64(list.statement, 2));
		profile->secondary_gids[profile->secondary_gid_count++] = gid;
	}
	finish_list(&list);
	if (profile->secondary_gid_count > 0 && !has_gids) {
		check_fault(check, list.member, "the mark is put right",
		    "there are some, and the record says that there is no such list");
		profile->has_secondary_gids = true;
	}
}

/* Each column must be what it is in the body, which is made of them: neither type nor base64 may hold a space. */
static void
judge_key(struct sqlite_row *row, const struct ssh_key *key)
{
	struct ssh_key parsed;
	struct api_error why;

	if (!pattern_ssh_key_id(key->id))
		sqlite_row_bad(row, 1, "no id of a key");
	else if (!isfinite(key->imported) || key->imported < 0)
		sqlite_row_bad(row, 5, "no date of import");
	else if (keys_parse(key->body, 0, &parsed, &why) == -1) {
		if (why.code == API_UNAVAILABLE)
			sqlite_row_no_memory(row);
		else
			sqlite_row_bad(row, 3, "no public key in its canonical form");
	} else {
		if (strcmp(parsed.type, key->type) != 0 || strcmp(parsed.base64, key->base64) != 0)
			sqlite_row_bad(row, 3, "no public key in its canonical form");
		record_free_key(&parsed);
	}
}

/* The floor for RSA keys is the configuration's, and may have been raised since. */
static void
warn_of_bits(struct check *check, const struct ssh_key *key)
{
	struct ssh_key parsed;
	struct api_error why;

	if (strcmp(key->type, "ssh-rsa") != 0)
		return;
	if (keys_parse(key->body, check->care->config->min_rsa_bits, &parsed, &why) == 0)
		record_free_key(&parsed);
	else
		check_fault(check, "SshPublicKeys", NULL, "%s: %s", key->id, why.message);
}

static void
compare_keys(struct sqlite_row *row, const struct user_record *user, const struct ssh_key *key)
{
	size_t i;

	if (user->key_count == USER_KEYS_MAX)
		sqlite_row_bad(row, 1, "more keys than a user may have");
	for (i = 0; i < user->key_count && !row->bad; i++)
		if (strcmp(user->keys[i].base64, key->base64) == 0)
			sqlite_row_bad(row, 3, "a key that the user has already");
		else if (strcmp(user->keys[i].id, key->id) == 0)
			sqlite_row_bad(row, 1, "an id that another of the user's keys has");
}

static void
check_key(struct list *list, struct user_record *user)
{
	struct check *check = list->check;
	struct sqlite_row row = { .store = &check->source, .statement = list->statement, .error = check->error };
	struct ssh_key key;
	char member[64];

	snprintf(member, sizeof(member), "SshPublicKeys, number %zu", list->read);
	sqlite_row_key(&row, 1, &key);
	if (!row.bad)
		judge_key(&row, &key);
	if (!row.bad)
		compare_keys(&row, user, &key);
	if (!row.bad && user->keys == NULL && (user->keys = calloc(USER_KEYS_MAX, sizeof(*user->keys))) == NULL)
		sqlite_row_no_memory(&row);
	if (check_column(check, &row, member, DROP_KEY)) {
		check_position(list);
		warn_of_bits(check, &key);
		user->keys[user->key_count++] = key;
	} else
		record_free_key(&key);
}

/* In a file with faults: each where it was found. */
static void
check_found_keys(struct list *list, int64_t user_key, struct user_record *user)
{
	static const char SQL[] = "SELECT position, key_id, type, base64, comment, date_imported FROM ssh_keys NOT INDEXED "
	    "WHERE ssh_key_key = ?1";
	struct check *check = list->check;

	sqlite3_bind_int64(check->find_found, 1, user_key);
	while (!check->failed && sqlite3_step(check->find_found) == SQLITE_ROW) {
		list->statement = check_query(check, CHECK_KEY, SQL, sqlite3_column_int64(check->find_found, 0));
		if (list->statement == NULL)
			break;
		if (next_item(list))
			check_key(list, user);
		else if (!check->failed)
			check_fault(check, list->member, DROP_KEY, "the row of number %zu can't be read", ++list->read);
		sqlite3_reset(list->statement);
	}
	if (sqlite3_reset(check->find_found) != SQLITE_OK && !check->failed)
		check_fault(check, list->member, DROP_REST, "what follows the first %zu can't be found", list->read);
}

void
check_keys(struct check *check, int64_t user_key, struct user_record *user)
{
	static const char SQL[] = "SELECT position, key_id, type, base64, comment, date_imported FROM ssh_keys "
	    "WHERE user_key = ?1 ORDER BY position";
	static const char OLD_SQL[] = "SELECT position, key_id, type, base64, " SQLITE_COMMENT_OF_BODY " AS comment, "
	    "date_imported FROM ssh_keys WHERE user_key = ?1 ORDER BY position";
	struct list list = { .check = check, .member = "SshPublicKeys" };

	if (check->found != NULL) {
		check_found_keys(&list, user_key, user);
		return;
	}
	list.statement = check_query(check, CHECK_KEYS, check->source.version < SQLITE_SCHEMA_COMMENTS ? OLD_SQL : SQL,
	    user_key);
	if (list.statement == NULL)
		return;
	while (next_item(&list))
		check_key(&list, user);
	finish_list(&list);
}

/* Text of no more than this many characters. */
static char *
dup_characters(struct sqlite_row *row, int column, size_t max)
{
	char *text = sqlite_row_dup(row, column, max * TEXT_CHARACTER_MAX);
	size_t characters;

	if (text == NULL && !row->bad)
		sqlite_row_bad(row, column, "nothing");
	if (text != NULL && text_is_utf8(text, strlen(text), &characters) && characters > max)
		sqlite_row_bad(row, column, "more characters than it may");
	return text;
}

static void
compare_tags(struct sqlite_row *row, const struct tag *tags, size_t count, const struct tag *tag)
{
	size_t i;

	if (count == TAGS_MAX)
		sqlite_row_bad(row, 1, "more tags than there may be");
	for (i = 0; i < count && !row->bad; i++)
		if (strcmp(tags[i].key, tag->key) == 0)
			sqlite_row_bad(row, 1, "a Key that is there already");
}

void
check_tags(struct check *check, enum check_statement which, const char *sql, int64_t key, struct tag **tags, size_t *count)
{
	struct list list = { .check = check, .member = "Tags" };
	struct sqlite_row row = { .store = &check->source, .error = check->error };
	char member[64];

	if ((row.statement = list.statement = check_query(check, which, sql, key)) == NULL)
		return;
	while (next_item(&list)) {
		struct tag tag;

		snprintf(member, sizeof(member), "Tags, number %zu", list.read);
		tag.key = dup_characters(&row, 1, TAG_KEY_CHARACTERS);
		tag.value = dup_characters(&row, 2, TAG_VALUE_CHARACTERS);
		if (!row.bad)
			compare_tags(&row, *tags, *count, &tag);
		if (!row.bad && *tags == NULL && (*tags = calloc(TAGS_MAX, sizeof(**tags))) == NULL)
			sqlite_row_no_memory(&row);
		if (check_column(check, &row, member, DROP_TAG)) {
			check_position(&list);
			(*tags)[(*count)++] = tag;
			continue;
		}
		free(tag.key);
		free(tag.value);
	}
	finish_list(&list);
}
