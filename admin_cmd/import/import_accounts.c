#include <stdlib.h>
#include <string.h>

#include "admin_cmd/import/import_source.h"
#include "common/host/passwd_file.h"
#include "common/host/paths.h"
#include "common/wire/limits.h"

struct import_accounts {
	char **names;
	uint32_t *uids;
	size_t count, size;
	bool no_memory;
};

static bool
grow(struct import_accounts *accounts)
{
	size_t size = accounts->size == 0 ? 64 : accounts->size * 2;
	char **names = reallocarray(accounts->names, size, sizeof(*names));
	uint32_t *uids;

	if (names == NULL)
		return false;
	accounts->names = names;
	uids = reallocarray(accounts->uids, size, sizeof(*uids));
	if (uids == NULL)
		return false;
	accounts->uids = uids;
	accounts->size = size;
	return true;
}

static bool
add(void *context, const char *name, size_t length, uint32_t uid)
{
	struct import_accounts *accounts = context;

	if ((accounts->count == accounts->size && !grow(accounts)) ||
	    (accounts->names[accounts->count] = strndup(name, length)) == NULL) {
		accounts->no_memory = true;
		return false;
	}
	accounts->uids[accounts->count++] = uid;
	return true;
}

static int
compare_names(const void *one, const void *other)
{
	return strcmp(*(char *const *)one, *(char *const *)other);
}

static int
compare_uids(const void *one, const void *other)
{
	uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;

	return a < b ? -1 : a > b;
}

struct import_accounts *
import_accounts_load(void)
{
	struct import_accounts *accounts = calloc(1, sizeof(*accounts));

	if (accounts == NULL)
		return NULL;
	if (passwd_file_each(BERTH_PASSWD_FILE, add, accounts) == -1 || accounts->no_memory) {
		import_accounts_free(accounts);
		return NULL;
	}
	if (accounts->count > 0) {
		qsort(accounts->names, accounts->count, sizeof(*accounts->names), compare_names);
		qsort(accounts->uids, accounts->count, sizeof(*accounts->uids), compare_uids);
	}
	return accounts;
}

void
import_accounts_free(struct import_accounts *accounts)
{
	size_t i;

	if (accounts == NULL)
		return;
	for (i = 0; i < accounts->count; i++)
		free(accounts->names[i]);
	free(accounts->names);
	free(accounts->uids);
	free(accounts);
}

bool
import_accounts_have_name(const struct import_accounts *accounts, const char *name)
{
	return accounts->count > 0 &&
	    bsearch(&name, accounts->names, accounts->count, sizeof(*accounts->names), compare_names) != NULL;
}

bool
import_accounts_have_uid(const struct import_accounts *accounts, uint32_t uid)
{
	return accounts->count > 0 &&
	    bsearch(&uid, accounts->uids, accounts->count, sizeof(*accounts->uids), compare_uids) != NULL;
}
