#include "common/store/clashes.h"

#include <string.h>

#include "common/host/passwd_file.h"
#include "common/host/paths.h"
#include "common/wire/wire.h"

struct search {
	struct store *store;
	const struct config *config;
	clashes_visit *visit;
	void *context;
};

/* look: for one entry of /etc/passwd. */
static bool
look(void *context, const char *name, size_t length, uint32_t uid)
{
	const struct search *search = context;
	const char *server = search->config->server_id;
	char account[USER_NAME_MAX + 1] = "";
	struct clash clash = { .user_name = account, .account = account, .same_name = true, .uid = uid };
	struct store_login login;
	struct api_error error;

	if (length <= USER_NAME_MAX)
		memcpy(account, name, length);
	if (user_name_valid(account) && store_find_by_name(search->store, server, account, &login, &error) == 1)
		search->visit(search->context, &clash);
	if (!id_allowed(uid, ID_FLOOR) || config_shares_uid(search->config, uid) ||
	    store_find_by_uid(search->store, server, uid, &login, &error) != 1 || strcmp(login.user_name, account) == 0)
		return true;
	clash.user_name = login.user_name;
	clash.same_name = false;
	search->visit(search->context, &clash);
	return true;
}

int
clashes_each(struct store *store, const struct config *config, clashes_visit *visit, void *context)
{
	struct search search = { .store = store, .config = config, .visit = visit, .context = context };

	return config->server_id == NULL ? 0 : passwd_file_each(BERTH_PASSWD_FILE, look, &search);
}
