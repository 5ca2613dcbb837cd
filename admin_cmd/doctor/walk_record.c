#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>

#include "admin_cmd/child.h"
#include "admin_cmd/doctor/walk.h"
#include "common/host/identity.h"
#include "common/host/line_file.h"
#include "common/host/passwd_file.h"
#include "common/host/paths.h"
#include "common/model/keys.h"

#define READ_SECONDS 30

/*
 * In the process that is the configuration's User.
 */

static void
take_key(struct walk_record *record, const struct ssh_key *key)
{
	struct walk_key *taken = &record->keys[record->key_count++];

	snprintf(taken->type, sizeof(taken->type), "%s", key->type);
	snprintf(taken->base64, sizeof(taken->base64), "%.*s", KEY_BASE64_MAX, key->base64);
	keys_fingerprint(taken->base64, taken->fingerprint);
	if (strcmp(taken->type, "ssh-rsa") == 0)
		taken->bits = keys_rsa_bits(taken->base64);
}

static void
take_user(struct walk *walk, const struct user_record *user)
{
	struct walk_record *record = walk->record;

	record->has_profile = user->has_profile;
	record->profile = user->profile;
	record->home_type = user->home_type;
	record->mapping_count = user->mapping_count;
	for (size_t i = 0; i < user->key_count && record->key_count < USER_KEYS_MAX; i++)
		take_key(record, &user->keys[i]);
	if (!user->has_profile && walk->config->has_default_profile) {
		record->profile.uid = walk->config->default_uid;
		record->profile.gid = walk->config->default_gid;
	}
}

static void
take_problem(struct walk_record *record, const char *problem)
{
	snprintf(record->problem, sizeof(record->problem), "%.500s", problem);
}

static void
read_store(struct walk *walk, struct store *store)
{
	struct walk_record *record = walk->record;
	struct user_record user = { 0 };
	struct api_error error = { .code = API_OK };
	int found = store_find_server(store, walk->config->server_id, &record->online, &error);

	record->server_found = found > 0;
	if (found < 0)
		take_problem(record, error.message);
	if (found <= 0)
		return;
	if (store_describe_user(store, walk->config->server_id, walk->name, &user, &error) == 0) {
		record->found = true;
		take_user(walk, &user);
		record_free_user(&user);
	} else if (error.code != API_NOT_FOUND) {
		take_problem(record, error.message);
	}
}

static void
read_cache(struct walk *walk)
{
	const struct config *config = walk->config;
	const struct cache_options options = cache_options_of(config);
	struct walk_record *record = walk->record;
	struct api_error error = { .code = API_OK };
	struct cache *cache = NULL;

	record->cached = true;
	if (cache_open(&options, false, &cache, &error) != 0) {
		if (error.code != API_NOT_FOUND)
			take_problem(record, error.message);
		return;
	}
	if (cache_look(cache, walk->name, &record->state, &error) != 0)
		take_problem(record, error.message);
	else if (record->state != CACHE_ABSENT)
		read_store(walk, cache_store(cache));
	record->age = cache_age(cache, walk->name);
	cache_close(cache);
}

static void
read_local(struct walk *walk)
{
	struct api_error error = { .code = API_OK };
	struct store *store = NULL;

	if (store_open(walk->config->store, STORE_READ, &store, &error) != 0) {
		take_problem(walk->record, error.message);
		return;
	}
	read_store(walk, store);
	store_close(store);
}

static int
read_as_user(void *context)
{
	struct walk *walk = context;
	const char *log_problem = line_file_test(walk->config->transfer_log_file);

	if (log_problem != NULL)
		snprintf(walk->record->log_problem, sizeof(walk->record->log_problem), "%s", log_problem);
	if (config_store_is_remote(walk->config))
		read_cache(walk);
	else
		read_local(walk);
	return 0;
}

/* read_record: fills in walk->record, and asks nobody but the store, or the cache. */
static void
read_record(struct walk *walk)
{
	struct walk_record *record = walk->record;
	int status = child_run(walk->config->user, READ_SECONDS, read_as_user, walk);

	if (status > 0 || (status < 0 && errno == ETIMEDOUT))
		take_problem(record, "reading it doesn't come to an end");
	else if (status < 0)
		snprintf(record->problem, sizeof(record->problem), "can't become User %.100s: %s", walk->config->user,
		    identity_problem(errno));
	/* What a process of another user wrote: ended where it must be. */
	record->problem[sizeof(record->problem) - 1] = '\0';
	record->log_problem[sizeof(record->log_problem) - 1] = '\0';
	if (record->key_count > USER_KEYS_MAX)
		record->key_count = USER_KEYS_MAX;
	if (record->profile.secondary_gid_count > SECONDARY_GIDS_MAX)
		record->profile.secondary_gid_count = SECONDARY_GIDS_MAX;
	for (size_t i = 0; i < record->key_count; i++) {
		struct walk_key *key = &record->keys[i];

		key->type[KEY_TYPE_MAX] = key->base64[KEY_BASE64_MAX] = key->fingerprint[FINGERPRINT_MAX] = '\0';
		key->unusable = false;
	}
}

/*
 * The steps.
 */

bool
walk_name(struct walk *walk)
{
	bool name_taken, uid_taken;

	if (passwd_file_find(walk->name, ID_NONE, &name_taken, &uid_taken) != 0) {
		FAULT(walk, "name", "chmod 0644 " BERTH_PASSWD_FILE, BERTH_PASSWD_FILE " can't be read: %s",
		    strerror(errno));
		return false;
	}
	if (name_taken) {
		FAULT(walk, "name", "take the account away (userdel, without -r, which removes its files), or "
		    "give Berth's user another name",
		    BERTH_PASSWD_FILE " has an account %.100s: it wins, and a record of this name is nobody", walk->name);
		return false;
	}
	if (!user_name_valid(walk->name)) {
		FAULT(walk, "name", "use the name that `berth admin list-users` shows",
		    "no name that a user of Berth's can have: %d to %d letters, digits, \"_\", \"-\", \".\", \"@\", none of "
		    "the last three in front", USER_NAME_MIN, USER_NAME_MAX);
		return false;
	}
	WELL(walk, "name", "%s: allowed, and no account of this host", walk->name);
	return true;
}

static bool
no_record(struct walk *walk)
{
	const struct walk_record *record = walk->record;
	const char *server = walk->config->server_id;

	if (record->problem[0] != '\0')
		FAULT(walk, "record", record->cached ? "berth cache drop --all; berthd -t" :
		    strstr(record->problem, "ermission denied") != NULL ? "berth doctor" : "berth fsck",
		    "it can't be read: %s", record->problem);
	else if (record->cached)
		FAULT(walk, "record", "berthd -t asks the store; there, describe-user shows the user",
		    "nothing is known here of %s, and %s", walk->name, walk->agent_status == WIRE_NOT_FOUND ?
		    "the store elsewhere has no such user" : "the store elsewhere can't be asked");
	else if (!record->server_found)
		FAULT(walk, "record", "berth admin list-servers; put the right ServerId into " BERTH_CONFIG_FILE,
		    "the store has no server %s", server);
	else
		FAULT(walk, "record", walk_cure(walk, "berth admin create-user --user-name %s …; or log in by "
		    "the name that `berth admin list-users` shows", walk->name), "server %s has no user %s", server,
		    walk->name);
	return false;
}

static void
say_record(struct walk *walk)
{
	const struct walk_record *record = walk->record;
	const struct posix_profile *profile = &record->profile;
	char mappings[64] = "";

	if (record->mapping_count > 0)
		snprintf(mappings, sizeof(mappings), " with %zu mapping%s", record->mapping_count,
		    record->mapping_count == 1 ? "" : "s");
	if (record->cached && record->state == CACHE_STALE)
		WARNING(walk, "record", "berthd -t says why the store elsewhere can't be asked",
		    "kept from %lld s ago, and not asked for again since: served until it is %u s old",
		    (long long)record->age, walk->config->stale_seconds);
	WELL(walk, "record", "server %s, Uid %u, Gid %u%s, %s%s", walk->config->server_id, profile->uid, profile->gid,
	    record->has_profile ? "" : " (DefaultPosixProfile)", record->home_type == HOME_LOGICAL ? "LOGICAL" : "PATH",
	    mappings);
}

/* gids_allowed: or says which isn't. */
static bool
gids_allowed(struct walk *walk)
{
	const struct posix_profile *profile = &walk->record->profile;
	uint32_t wrong = profile->gid;
	bool allowed = id_allowed(wrong, walk->config->min_gid);

	for (size_t i = 0; allowed && i < profile->secondary_gid_count; i++) {
		wrong = profile->secondary_gids[i];
		allowed = id_allowed(wrong, walk->config->min_gid);
	}
	if (!allowed)
		FAULT(walk, "ids", "give the record other gids: berth admin update-user --posix-profile "
		    "Uid=N,Gid=N", "gid %u is not allowed: below MinGid %u, or reserved", wrong, walk->config->min_gid);
	return allowed;
}

static bool
ids_allowed(struct walk *walk)
{
	const struct walk_record *record = walk->record;
	uint32_t uid = record->profile.uid;
	bool name_taken, uid_taken = true;

	if (!record->has_profile && !walk->config->has_default_profile) {
		FAULT(walk, "ids", walk_cure(walk, "berth admin update-user --user-name %s --posix-profile "
		    "Uid=N,Gid=N; or DefaultPosixProfile in " BERTH_CONFIG_FILE, walk->name),
		    "the record has no PosixProfile, and " BERTH_CONFIG_FILE " no DefaultPosixProfile");
		return false;
	}
	if (!id_allowed(uid, walk->config->min_uid)) {
		FAULT(walk, "ids", "give the record another Uid: berth admin update-user --posix-profile "
		    "Uid=N,Gid=N", "Uid %u is not allowed: below MinUid %u, or reserved", uid, walk->config->min_uid);
		return false;
	}
	if (!gids_allowed(walk))
		return false;
	if (passwd_file_find(NULL, uid, &name_taken, &uid_taken) == 0 && uid_taken && !config_shares_uid(walk->config, uid)) {
		FAULT(walk, "ids", "give the record another Uid: berth admin update-user; or ShareUid in "
		    BERTH_CONFIG_FILE, BERTH_PASSWD_FILE " has an account with uid %u: the record is nobody", uid);
		return false;
	}
	return true;
}

/* A group of the host with this gid: allowed, and worth knowing. */
static const char *
host_group(uint32_t gid, char *name, size_t size)
{
	const struct group *group;
	FILE *file = fopen(BERTH_GROUP_FILE, "re");

	name[0] = '\0';
	while (file != NULL && name[0] == '\0' && (group = fgetgrent(file)) != NULL)
		if (group->gr_gid == gid)
			snprintf(name, size, "%s", group->gr_name);
	if (file != NULL)
		fclose(file);
	return name;
}

bool
walk_record(struct walk *walk)
{
	const struct walk_record *record = walk->record;
	char group[64];

	/* First: of a store elsewhere, the agent's answer brings the record here. */
	walk_ask_agent(walk);
	read_record(walk);
	if (!record->found)
		return no_record(walk);
	say_record(walk);
	if (!ids_allowed(walk))
		return false;
	if (host_group(record->profile.gid, group, sizeof(group))[0] != '\0')
		WELL(walk, "ids", "above the floors, the uid no account's; gid %u is this host's group %s",
		    record->profile.gid, group);
	else
		WELL(walk, "ids", "above the floors, and no account's of this host");
	return true;
}
