/*
 * The judgement over records; judge.h says what is answered and who logs it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/judge.h"
#include "common/host/daemon_log.h"
#include "common/host/paths.h"
#include "common/wire/wire.h"

enum wire_status
judge_refuse(struct judge *judge, const char *user, const char *format, ...)
{
	char topic[USER_NAME_MAX + 16];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(judge->reason, sizeof(judge->reason), format, arguments);
	va_end(arguments);
	if (judge->asker_logs)
		return WIRE_REFUSED;
	snprintf(topic, sizeof(topic), "refused %s", user);
	daemon_log_limited(topic, LOG_WARNING, "record not served: user=%s server=%s reason=\"%s\"", user,
	    judge->agent->config.server_id, judge->reason);
	return WIRE_REFUSED;
}

enum wire_status
judge_accounts_failed(const char *file)
{
	daemon_log_limited(file, LOG_ERR,
	    "local accounts can't be read, lookups are answered UNAVAILABLE: file=%s reason=\"%s\"", file, strerror(errno));
	return WIRE_UNAVAILABLE;
}

/* clash: the record is nobody, for any peer; so it is always the agent that says why. */
static enum wire_status
clash(struct judge *judge, const char *user, const char *reason)
{
	judge->asker_logs = false;
	judge_refuse(judge, user, "%s", reason);
	return WIRE_NOT_FOUND;
}

/* judge_local: a record must not have the name or the uid of an account of the host, or it would open that account. */
static enum wire_status
judge_local(struct judge *judge, const char *name, uint32_t uid)
{
	bool name_taken, uid_taken;
	char reason[JUDGE_REASON_MAX];

	if (local_accounts_taken(&judge->agent->accounts, name, uid, &name_taken, &uid_taken) != 0)
		return judge_accounts_failed(BERTH_PASSWD_FILE);
	if (name_taken)
		return clash(judge, name, "/etc/passwd has an account of this name");
	if (!uid_taken || config_shares_uid(&judge->agent->config, uid))
		return WIRE_OK;
	snprintf(reason, sizeof(reason), "/etc/passwd has an account with uid %u; ShareUid would allow it", uid);
	return clash(judge, name, reason);
}

enum wire_status
judge_record(struct judge *judge, const char *name, bool has_profile, uint32_t *uid, uint32_t *gid)
{
	const struct config *config = &judge->agent->config;

	if (!user_name_valid(name))
		return judge_refuse(judge, name, "not a user name that Berth allows");
	if (!has_profile && !config->has_default_profile)
		return judge_refuse(judge, name, "no PosixProfile, and no DefaultPosixProfile in the configuration");
	if (!has_profile) {
		*uid = config->default_uid;
		*gid = config->default_gid;
	}
	if (!id_allowed(*uid, config->min_uid))
		return judge_refuse(judge, name, "Uid %u is not allowed: below MinUid %u, or reserved", *uid,
		    config->min_uid);
	if (!id_allowed(*gid, config->min_gid))
		return judge_refuse(judge, name, "Gid %u is not allowed: below MinGid %u, or reserved", *gid,
		    config->min_gid);
	return judge_local(judge, name, *uid);
}

enum wire_status
judge_secondary(struct judge *judge, const char *user, const uint32_t *gids, size_t count)
{
	uint32_t min_gid = judge->agent->config.min_gid;

	if (count > SECONDARY_GIDS_MAX)
		return judge_refuse(judge, user, "more than %d SecondaryGids", SECONDARY_GIDS_MAX);
	for (size_t i = 0; i < count; i++) {
		if (!id_allowed(gids[i], min_gid))
			return judge_refuse(judge, user, "secondary gid %u is not allowed: below MinGid %u, or reserved",
			    gids[i], min_gid);
	}
	return WIRE_OK;
}

enum wire_status
judge_server(struct judge *judge, const char *user, bool found, bool online)
{
	const char *server_id = judge->agent->config.server_id;

	if (!found)
		return judge_refuse(judge, user, "server %s does not exist", server_id);
	if (!online)
		return judge_refuse(judge, user, "server %s is OFFLINE", server_id);
	return WIRE_OK;
}

enum wire_status
judge_key(struct judge *judge, const struct user_record *user, const char *type, const char *base64)
{
	if (type[0] == '\0')
		return WIRE_OK;
	for (size_t i = 0; i < user->key_count; i++) {
		if (strcmp(user->keys[i].type, type) == 0 && strcmp(user->keys[i].base64, base64) == 0)
			return WIRE_OK;
	}
	return judge_refuse(judge, user->user_name, "key %s …%.16s is no longer this user's", type,
	    base64 + (strlen(base64) > 16 ? strlen(base64) - 16 : 0));
}

enum wire_status
judge_mappings(struct judge *judge, const struct user_record *user)
{
	if (user->home_directory != NULL && strlen(user->home_directory) > PATH_BYTES_MAX)
		return judge_refuse(judge, user->user_name, "HomeDirectory is longer than %d bytes", PATH_BYTES_MAX);
	if (user->home_type != HOME_LOGICAL)
		return WIRE_OK;
	if (user->mapping_count == 0)
		return judge_refuse(judge, user->user_name, "HomeDirectoryType LOGICAL without HomeDirectoryMappings");
	if (user->mapping_count > MAPPINGS_MAX)
		return judge_refuse(judge, user->user_name, "more than %d HomeDirectoryMappings", MAPPINGS_MAX);
	for (size_t i = 0; i < user->mapping_count; i++) {
		if (strlen(user->mappings[i].entry) > PATH_BYTES_MAX || strlen(user->mappings[i].target) > PATH_BYTES_MAX)
			return judge_refuse(judge, user->user_name, "an Entry or Target is longer than %d bytes",
			    PATH_BYTES_MAX);
	}
	return WIRE_OK;
}
