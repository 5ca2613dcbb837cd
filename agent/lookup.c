/*
 * One function a verb. Each reads its request, asks the store, has the record judged (judge.h), and writes its answer; what
 * may go wrong ends in a status. A record gets past judge_record() or nobody hears of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/judge.h"
#include "agent/lookup.h"
#include "common/host/daemon_log.h"
#include "common/host/paths.h"
#include "common/model/keys.h"
#include "common/wire/wire.h"

struct lookup {
	struct agent *agent;
	struct judge judge;
	struct store *store; /* NULL: not asked for yet, or it can't be had */
	struct wire_in in;
	struct wire_out out; /* the payload */
	struct lookup_answer *answer;
};

typedef enum wire_status lookup_verb(struct lookup *lookup);

/* known_or_not: for the verbs whose clients are told no reason. */
static enum wire_status
known_or_not(enum wire_status status)
{
	return status == WIRE_REFUSED ? WIRE_NOT_FOUND : status;
}

/* open_store: the same one for the whole of a lookup. */
static struct store *
open_store(struct lookup *lookup)
{
	if (lookup->store == NULL)
		lookup->store = store_handle_get(&lookup->agent->store, &lookup->agent->config);
	return lookup->store;
}

static enum wire_status
store_failed(struct lookup *lookup, const struct api_error *error)
{
	store_handle_failed(&lookup->agent->store, error);
	lookup->store = NULL;
	return WIRE_UNAVAILABLE;
}

/* find_user: the record of a name, judged; its ids in `login` are those to log in with. */
static enum wire_status
find_user(struct lookup *lookup, const char *name, struct store_login *login)
{
	struct store *store;
	struct api_error error;
	int found;

	if (!user_name_valid(name))
		return WIRE_NOT_FOUND;
	store = open_store(lookup);
	if (store == NULL)
		return WIRE_UNAVAILABLE;
	found = store_find_by_name(store, lookup->agent->config.server_id, name, login, &error);
	if (found < 0)
		return store_failed(lookup, &error);
	if (found == 0)
		return WIRE_NOT_FOUND;
	return judge_record(&lookup->judge, login->user_name, login->has_profile, &login->uid, &login->gid);
}

static void
put_passwd(struct lookup *lookup, const struct store_login *login)
{
	wire_put_string(&lookup->out, login->user_name);
	wire_put_u32(&lookup->out, login->uid);
	wire_put_u32(&lookup->out, login->gid);
	wire_put_string(&lookup->out, login->home_directory[0] != '\0' ? login->home_directory : "/");
}

static enum wire_status
answer_passwd_by_name(struct lookup *lookup)
{
	char name[USER_NAME_MAX + 1];
	struct store_login login;
	enum wire_status status;

	wire_get_string(&lookup->in, name, USER_NAME_MAX);
	if (!wire_in_done(&lookup->in))
		return WIRE_BAD_REQUEST;
	status = find_user(lookup, name, &login);
	if (status == WIRE_OK)
		put_passwd(lookup, &login);
	return known_or_not(status);
}

/* A record without a profile isn't found by the default profile's uid: that uid is no one's in particular. */
static enum wire_status
answer_passwd_by_uid(struct lookup *lookup)
{
	uint32_t uid = wire_get_u32(&lookup->in);
	struct store_login login;
	struct store *store;
	struct api_error error;
	enum wire_status status;
	int found;

	if (!wire_in_done(&lookup->in))
		return WIRE_BAD_REQUEST;
	if (!id_allowed(uid, lookup->agent->config.min_uid))
		return WIRE_NOT_FOUND;
	store = open_store(lookup);
	if (store == NULL)
		return WIRE_UNAVAILABLE;
	found = store_find_by_uid(store, lookup->agent->config.server_id, uid, &login, &error);
	if (found < 0)
		return store_failed(lookup, &error);
	if (found == 0 || !login.has_profile || login.uid != uid)
		return WIRE_NOT_FOUND;
	status = judge_record(&lookup->judge, login.user_name, true, &login.uid, &login.gid);
	if (status == WIRE_OK)
		put_passwd(lookup, &login);
	return known_or_not(status);
}

static enum wire_status
answer_group(struct lookup *lookup)
{
	const struct config *config = &lookup->agent->config;
	uint32_t gid = wire_get_u32(&lookup->in);
	struct store *store;
	struct api_error error;
	int found;

	if (!wire_in_done(&lookup->in))
		return WIRE_BAD_REQUEST;
	if (!id_allowed(gid, config->min_gid))
		return WIRE_NOT_FOUND;
	found = local_accounts_has_gid(&lookup->agent->accounts, gid);
	if (found < 0)
		return judge_accounts_failed(BERTH_GROUP_FILE);
	if (found > 0)
		return WIRE_NOT_FOUND; /* it has the name that the host gave it */
	if (config->has_default_profile && gid == config->default_gid)
		return WIRE_OK;
	store = open_store(lookup);
	if (store == NULL)
		return WIRE_UNAVAILABLE;
	found = store_find_gid(store, config->server_id, gid, &error);
	if (found < 0)
		return store_failed(lookup, &error);
	return found > 0 ? WIRE_OK : WIRE_NOT_FOUND;
}

static void
put_gids(struct wire_out *out, const uint32_t *gids, size_t count)
{
	wire_put_u32(out, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		wire_put_u32(out, gids[i]);
}

static enum wire_status
answer_initgroups(struct lookup *lookup)
{
	char name[USER_NAME_MAX + 1];
	uint32_t gids[SECONDARY_GIDS_MAX];
	size_t count = 0;
	struct store_login login;
	struct api_error error;
	enum wire_status status;

	wire_get_string(&lookup->in, name, USER_NAME_MAX);
	if (!wire_in_done(&lookup->in))
		return WIRE_BAD_REQUEST;
	status = find_user(lookup, name, &login);
	if (status != WIRE_OK)
		return known_or_not(status);
	if (store_secondary_gids(open_store(lookup), lookup->agent->config.server_id, name, gids, &count, &error) != 0)
		return store_failed(lookup, &error);
	status = judge_secondary(&lookup->judge, name, gids, count);
	if (status != WIRE_OK)
		return known_or_not(status);
	wire_put_u32(&lookup->out, login.gid);
	put_gids(&lookup->out, gids, count);
	return WIRE_OK;
}

struct key_list {
	struct lookup *lookup;
	const char *user;
	uint32_t count;
};

/* put_key: a key that no client could take is left out, and the others stay. */
static int
put_key(void *context, const char *type, const char *base64)
{
	struct key_list *list = context;
	struct judge *judge = &list->lookup->judge;

	if (strlen(type) > KEY_TYPE_MAX || strlen(base64) > KEY_BASE64_MAX) {
		judge_refuse(judge, list->user, "a key that is longer than any can be (the others are served)");
		return 0;
	}
	if (list->count == USER_KEYS_MAX) {
		judge_refuse(judge, list->user, "more than %d keys (the first ones are served)", USER_KEYS_MAX);
		return 1;
	}
	wire_put_string(&list->lookup->out, type);
	wire_put_string(&list->lookup->out, base64);
	list->count++;
	return 0;
}

/*
 * tell_stranger: sshd was offered a key that isn't the user's, and says nothing of it itself: it is the commonest reason why
 * somebody doesn't get in. Once a minute for each user and key. Whoever knows a user's name can offer keys as they like; so
 * these lines have topics of their own, and the fingerprint is made for a line that is said.
 */
static void
tell_stranger(struct lookup *lookup, const char *user, const char *base64)
{
	char topic[USER_NAME_MAX + 1 + KEY_BASE64_MAX + 1], fingerprint[FINGERPRINT_MAX + 1];

	snprintf(topic, sizeof(topic), "%s %s", user, base64);
	if (!log_topics_due(&lookup->agent->stranger_keys, topic))
		return;
	keys_fingerprint(base64, fingerprint);
	daemon_log(LOG_INFO, "key is not the user's: user=%s server=%s key=%s", user, lookup->agent->config.server_id,
	    fingerprint[0] != '\0' ? fingerprint : "-");
}

static enum wire_status
answer_keys(struct lookup *lookup)
{
	char name[USER_NAME_MAX + 1], type[KEY_TYPE_MAX + 1], base64[KEY_BASE64_MAX + 1];
	struct key_list list = { .lookup = lookup, .user = name };
	struct store_login login;
	struct api_error error;
	enum wire_status status;
	uint32_t uid;
	bool one;

	wire_get_string(&lookup->in, name, USER_NAME_MAX);
	uid = wire_get_u32(&lookup->in);
	wire_get_string(&lookup->in, type, KEY_TYPE_MAX);
	wire_get_string(&lookup->in, base64, KEY_BASE64_MAX);
	if (!wire_in_done(&lookup->in))
		return WIRE_BAD_REQUEST;
	status = find_user(lookup, name, &login);
	if (status != WIRE_OK)
		return known_or_not(status);
	if (uid != ID_NONE && uid != login.uid)
		return WIRE_NOT_FOUND;
	one = type[0] != '\0' && base64[0] != '\0';
	wire_put_u32(&lookup->out, 0);
	if (store_find_keys(open_store(lookup), lookup->agent->config.server_id, name, one ? type : NULL,
	    one ? base64 : NULL, put_key, &list, &error) != 0)
		return store_failed(lookup, &error);
	if (one && list.count == 0)
		tell_stranger(lookup, name, base64);
	memcpy(lookup->out.data, &list.count, sizeof(list.count));
	return WIRE_OK;
}

/* session_room: memory for the answer, as much as it can need. */
static enum wire_status
session_room(struct lookup *lookup, const struct user_record *user)
{
	size_t size = 256 + SECONDARY_GIDS_MAX * sizeof(uint32_t);

	if (user->home_directory != NULL)
		size += strlen(user->home_directory);
	for (size_t i = 0; user->home_type == HOME_LOGICAL && i < user->mapping_count; i++)
		size += 3 * sizeof(uint32_t) + strlen(user->mappings[i].entry) + strlen(user->mappings[i].target);
	if (size > WIRE_SESSION_MAX)
		return judge_refuse(&lookup->judge, user->user_name,
		    "the HomeDirectoryMappings are too large for a session: %zu bytes", size);
	lookup->answer->allocated = malloc(WIRE_HEADER + size);
	if (lookup->answer->allocated == NULL)
		return WIRE_UNAVAILABLE;
	wire_out_init(&lookup->out, lookup->answer->allocated + WIRE_HEADER, size);
	return WIRE_OK;
}

static void
put_session(struct lookup *lookup, const struct user_record *user, const char *base64)
{
	char fingerprint[FINGERPRINT_MAX + 1];
	struct wire_out *out = &lookup->out;
	bool logical = user->home_type == HOME_LOGICAL;
	const char *landing = user->home_directory;

	if (landing == NULL)
		landing = logical ? "/" : "";
	wire_put_string(out, lookup->agent->config.server_id);
	wire_put_u32(out, user->profile.uid);
	wire_put_u32(out, user->profile.gid);
	put_gids(out, user->profile.secondary_gids, user->profile.secondary_gid_count);
	wire_put_u32(out, logical ? WIRE_HOME_LOGICAL : WIRE_HOME_PATH);
	wire_put_string(out, landing);
	wire_put_u32(out, logical ? (uint32_t)user->mapping_count : 0);
	for (size_t i = 0; logical && i < user->mapping_count; i++) {
		wire_put_u32(out, user->mappings[i].type == MAPPING_FILE ? WIRE_MAPPING_FILE : WIRE_MAPPING_DIRECTORY);
		wire_put_string(out, user->mappings[i].entry);
		wire_put_string(out, user->mappings[i].target);
	}
	/* No key, no fingerprint; and one for the log alone is no reason to refuse. */
	keys_fingerprint(base64, fingerprint);
	wire_put_string(out, fingerprint);
}

/* find_server: the server of this host, judged. */
static enum wire_status
find_server(struct lookup *lookup, const char *user)
{
	struct api_error error;
	bool online = false;
	int found = store_find_server(open_store(lookup), lookup->agent->config.server_id, &online, &error);

	if (found < 0)
		return store_failed(lookup, &error);
	return judge_server(&lookup->judge, user, found > 0, online);
}

/* may_open: everything that can stand between a user who exists and a session. */
static enum wire_status
may_open(struct lookup *lookup, struct user_record *user, const char *type, const char *base64)
{
	struct posix_profile *profile = &user->profile;
	struct judge *judge = &lookup->judge;
	enum wire_status status;

	status = judge_record(judge, user->user_name, user->has_profile, &profile->uid, &profile->gid);
	if (status == WIRE_OK)
		status = judge_secondary(judge, user->user_name, profile->secondary_gids, profile->secondary_gid_count);
	if (status == WIRE_OK)
		status = find_server(lookup, user->user_name);
	if (status == WIRE_OK)
		status = judge_key(judge, user, type, base64);
	if (status == WIRE_OK)
		status = judge_mappings(judge, user);
	return status;
}

static enum wire_status
find_session(struct lookup *lookup, const char *name, const char *type, const char *base64)
{
	struct store *store = open_store(lookup);
	struct user_record user = { 0 };
	struct api_error error;
	enum wire_status status;

	if (store == NULL)
		return WIRE_UNAVAILABLE;
	if (store_describe_user(store, lookup->agent->config.server_id, name, &user, &error) != 0)
		return error.code == API_NOT_FOUND ? WIRE_NOT_FOUND : store_failed(lookup, &error);
	lookup->judge.asker_logs = true;
	status = may_open(lookup, &user, type, base64);
	if (status == WIRE_OK)
		status = session_room(lookup, &user);
	if (status == WIRE_OK)
		put_session(lookup, &user, base64);
	record_free_user(&user);
	return status;
}

static enum wire_status
answer_session(struct lookup *lookup)
{
	char name[USER_NAME_MAX + 1], type[KEY_TYPE_MAX + 1], base64[KEY_BASE64_MAX + 1];

	wire_get_string(&lookup->in, name, USER_NAME_MAX);
	wire_get_string(&lookup->in, type, KEY_TYPE_MAX);
	wire_get_string(&lookup->in, base64, KEY_BASE64_MAX);
	if (!wire_in_done(&lookup->in) || (type[0] == '\0') != (base64[0] == '\0'))
		return WIRE_BAD_REQUEST;
	if (!user_name_valid(name))
		return WIRE_NOT_FOUND;
	return find_session(lookup, name, type, base64);
}

/* Who may ask besides root. */
enum asker { ASKER_ANYONE, ASKER_KEYS_USER, ASKER_SESSION_USER, ASKER_USER, ASKER_ROOT };

static const struct {
	lookup_verb *answer; /* NULL: the server's */
	enum asker asker;
	const char *denied;
} verbs[] = {
	[WIRE_PASSWD_BY_NAME] = { answer_passwd_by_name, ASKER_ANYONE, "" },
	[WIRE_PASSWD_BY_UID] = { answer_passwd_by_uid, ASKER_ANYONE, "" },
	[WIRE_GROUP] = { answer_group, ASKER_ANYONE, "" },
	[WIRE_INITGROUPS] = { answer_initgroups, ASKER_ANYONE, "" },
	[WIRE_KEYS] = { answer_keys, ASKER_KEYS_USER, "keys are for root and KeysUser" },
	[WIRE_SESSION] = { answer_session, ASKER_ROOT, "sessions are for root" },
	[WIRE_EVENTS] = { NULL, ASKER_SESSION_USER, "a session's log is for root and SessionUser" },
	[WIRE_STATUS] = { NULL, ASKER_USER, "the agent's state is for root and User" },
};

/* may_ask: WIRE_OK, WIRE_DENIED, or WIRE_UNAVAILABLE when it can't be told. */
static enum wire_status
may_ask(struct agent *agent, uid_t peer, enum asker asker)
{
	const char *names[] = {
		[ASKER_KEYS_USER] = agent->config.keys_user,
		[ASKER_SESSION_USER] = agent->config.session_user,
		[ASKER_USER] = agent->config.user,
	};
	uint32_t uid;
	int found;

	if (asker == ASKER_ANYONE || peer == 0)
		return WIRE_OK;
	if (asker == ASKER_ROOT)
		return WIRE_DENIED;
	found = local_accounts_uid(&agent->accounts, names[asker], &uid);
	if (found < 0)
		return judge_accounts_failed(BERTH_PASSWD_FILE);
	return found > 0 && uid == peer ? WIRE_OK : WIRE_DENIED;
}

enum wire_status
lookup_may_ask(struct agent *agent, uid_t peer, uint16_t verb)
{
	enum wire_status status = may_ask(agent, peer, verbs[verb].asker);
	char topic[32];

	if (status == WIRE_DENIED) {
		snprintf(topic, sizeof(topic), "denied %u", peer);
		daemon_log_limited(topic, LOG_WARNING, "request denied: peer_uid=%u reason=\"%s\"", peer, verbs[verb].denied);
	}
	return status;
}

static enum wire_status
dispatch(struct lookup *lookup, uid_t peer, uint16_t verb)
{
	enum wire_status status;

	if (verb >= sizeof(verbs) / sizeof(verbs[0]) || verbs[verb].answer == NULL)
		return WIRE_BAD_REQUEST;
	status = lookup_may_ask(lookup->agent, peer, verb);
	return status == WIRE_OK ? verbs[verb].answer(lookup) : status;
}

void
lookup_answer_status(struct lookup_answer *answer, enum wire_status status)
{
	struct wire_out header;

	wire_out_init(&header, answer->room, WIRE_HEADER);
	wire_put_header(&header, (uint16_t)status, 0);
	answer->allocated = NULL;
	answer->data = answer->room;
	answer->length = WIRE_HEADER;
	answer->status = status;
}

/* complete: puts the header before the payload. A payload goes with WIRE_OK, and the reason with WIRE_REFUSED. */
static void
complete(struct lookup *lookup, enum wire_status status)
{
	struct lookup_answer *answer = lookup->answer;
	struct wire_out header;
	uint8_t *data;

	if (status == WIRE_OK && lookup->out.overflow) {
		daemon_log_limited("overflow", LOG_ERR, "an answer is longer than the protocol allows, "
		    "the lookup is answered UNAVAILABLE");
		status = WIRE_UNAVAILABLE;
	}
	if (status != WIRE_OK) {
		lookup_release(answer);
		wire_out_init(&lookup->out, answer->room + WIRE_HEADER, WIRE_ANSWER_MAX);
	}
	if (status == WIRE_REFUSED)
		wire_put_string(&lookup->out, lookup->judge.reason);
	data = answer->allocated != NULL ? answer->allocated : answer->room;
	wire_out_init(&header, data, WIRE_HEADER);
	wire_put_header(&header, (uint16_t)status, (uint32_t)lookup->out.used);
	answer->data = data;
	answer->length = WIRE_HEADER + lookup->out.used;
	answer->status = status;
}

void
lookup_answer_request(struct agent *agent, uid_t peer, uint16_t verb, const uint8_t *payload, size_t length,
    struct lookup_answer *answer)
{
	struct lookup lookup = { .agent = agent, .judge.agent = agent, .answer = answer };

	answer->allocated = NULL;
	wire_in_init(&lookup.in, payload, length);
	wire_out_init(&lookup.out, answer->room + WIRE_HEADER, WIRE_ANSWER_MAX);
	complete(&lookup, dispatch(&lookup, peer, verb));
}

void
lookup_release(struct lookup_answer *answer)
{
	free(answer->allocated);
	answer->allocated = NULL;
}
