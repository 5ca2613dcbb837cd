#include "agent/clashes.h"

#include "common/host/daemon_log.h"
#include "common/store/clashes.h"

static void
report_one(void *context, const struct clash *clash)
{
	const char *server = context;

	if (clash->same_name)
		daemon_log(LOG_WARNING, "record not served: user=%s server=%s reason=\"/etc/passwd has an account of this "
		    "name\"",
		    clash->user_name, server);
	else
		daemon_log(LOG_WARNING, "record not served: user=%s server=%s reason=\"/etc/passwd has an account with uid "
		    "%u, "
		    "%.100s; ShareUid would allow it\"", clash->user_name, server, clash->uid, clash->account);
}

void
clashes_report(struct agent *agent)
{
	struct store *store = agent->config.server_id != NULL ? store_handle_get(&agent->store, &agent->config) : NULL;

	/* A store that can't be read is the lookups' business to log. */
	if (store != NULL)
		clashes_each(store, &agent->config, report_one, agent->config.server_id);
}
