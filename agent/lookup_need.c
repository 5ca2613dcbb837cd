#include "agent/lookup_need.h"

#include <stdio.h>

#include "agent/judge.h"
#include "agent/lookup.h"
#include "common/host/paths.h"
#include "common/wire/wire.h"

static enum wire_status
need_name(struct agent *agent, struct wire_in *in, struct remote_need *need)
{
	char name[USER_NAME_MAX + 1];
	bool name_taken, uid_taken;

	wire_get_string(in, name, USER_NAME_MAX);
	if (in->bad || !user_name_valid(name))
		return WIRE_OK;
	if (local_accounts_taken(&agent->accounts, name, ID_NONE, &name_taken, &uid_taken) != 0)
		return judge_accounts_failed(BERTH_PASSWD_FILE);
	if (name_taken)
		return WIRE_NOT_FOUND;
	snprintf(need->user_name, sizeof(need->user_name), "%s", name);
	return WIRE_OK;
}

/* need_uid: only who was asked for by name before has a uid here. */
static enum wire_status
need_uid(struct agent *agent, struct wire_in *in, struct remote_need *need)
{
	uint32_t uid = wire_get_u32(in);
	struct store_login login;
	struct api_error error;
	bool name_taken, uid_taken;
	struct store *store;
	int found;

	if (!wire_in_done(in) || !id_allowed(uid, agent->config.min_uid))
		return WIRE_OK;
	if (local_accounts_taken(&agent->accounts, "", uid, &name_taken, &uid_taken) != 0)
		return judge_accounts_failed(BERTH_PASSWD_FILE);
	if (uid_taken && !config_shares_uid(&agent->config, uid))
		return WIRE_NOT_FOUND;
	if ((store = store_handle_get(&agent->store, &agent->config)) == NULL)
		return WIRE_OK;
	found = store_find_by_uid(store, agent->config.server_id, uid, &login, &error);
	if (found < 0) {
		store_handle_failed(&agent->store, &error);
		return WIRE_UNAVAILABLE;
	}
	if (found > 0)
		snprintf(need->user_name, sizeof(need->user_name), "%s", login.user_name);
	return WIRE_OK;
}

enum wire_status
lookup_need(struct agent *agent, uid_t peer, uint16_t verb, const uint8_t *payload, size_t length, struct remote_need *need)
{
	enum wire_status status;
	struct wire_in in;

	*need = (struct remote_need){ .may_wait = wire_may_wait(verb) };
	wire_in_init(&in, payload, length);
	switch (verb) {
	case WIRE_KEYS:
	case WIRE_SESSION:
		if (lookup_may_ask(agent, peer, verb) != WIRE_OK)
			return WIRE_OK;
		status = need_name(agent, &in, need);
		need->server = verb == WIRE_SESSION && need->user_name[0] != '\0';
		return status;
	case WIRE_PASSWD_BY_NAME:
	case WIRE_INITGROUPS:
		return need_name(agent, &in, need);
	case WIRE_PASSWD_BY_UID:
		return need_uid(agent, &in, need);
	default:
		return WIRE_OK;
	}
}
