#include <string.h>

#include "agent/clashes.h"
#include "common/host/daemon_log.h"
#include "common/host/passwd_file.h"
#include "common/host/paths.h"
#include "common/wire/wire.h"

/* report_one: for one entry of /etc/passwd. A store that can't be read is the lookups' business to log. */
static bool
report_one(void *context, const char *name, size_t length, uint32_t uid)
{
	struct agent *agent = context;
	struct store *store = store_handle_get(&agent->store, &agent->config);
	const char *server = agent->config.server_id;
	char account[USER_NAME_MAX + 1] = "";
	struct store_login login;
	struct api_error error;

	if (store == NULL)
		return false;
	if (length <= USER_NAME_MAX)
		memcpy(account, name, length);
	if (user_name_valid(account) && store_find_by_name(store, server, account, &login, &error) == 1)
		daemon_log(LOG_WARNING, "record not served: user=%s server=%s reason=\"/etc/passwd has an account of this name\"",
		    account, server);
	if (id_allowed(uid, ID_FLOOR) && !config_shares_uid(&agent->config, uid) &&
	    store_find_by_uid(store, server, uid, &login, &error) == 1 && strcmp(login.user_name, account) != 0)
		daemon_log(LOG_WARNING, "record not served: user=%s server=%s reason=\"/etc/passwd has an account with uid %u, "
		    "%.100s; ShareUid would allow it\"", login.user_name, server, uid, account);
	return true;
}

void
clashes_report(struct agent *agent)
{
	if (agent->config.server_id != NULL)
		passwd_file_each(BERTH_PASSWD_FILE, report_one, agent);
}
