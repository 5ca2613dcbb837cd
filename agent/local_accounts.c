/*
 * /etc/passwd and /etc/group in memory.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/local_accounts.h"
#include "common/host/passwd_file.h"
#include "common/host/paths.h"
#include "common/wire/limits.h"

/*
 * Time stamps of files come from a clock that ticks a few times in a hundredth of a second: two writes within a tick
 * look the same. A file is trusted to show its next change only when it was older than this as it was read.
 */
#define SETTLED_NS 1000000000

void
local_accounts_init(struct local_accounts *accounts)
{
	memset(accounts, 0, sizeof(*accounts));
	accounts->passwd.path = BERTH_PASSWD_FILE;
	accounts->group.path = BERTH_GROUP_FILE;
}

static void
table_clear(struct local_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->accounts[i].name);
	free(table->accounts);
	free(table->ids);
	table->accounts = NULL;
	table->ids = NULL;
	table->count = table->room = 0;
	table->loaded = false;
}

void
local_accounts_free(struct local_accounts *accounts)
{
	table_clear(&accounts->passwd);
	table_clear(&accounts->group);
}

static bool
table_grow(struct local_table *table)
{
	size_t room = table->room > 0 ? table->room * 2 : 64;
	struct local_account *accounts = reallocarray(table->accounts, room, sizeof(*accounts));

	if (accounts == NULL)
		return false;
	table->accounts = accounts;
	table->room = room;
	return true;
}

/* table_add: stops at the first line there is no memory for; that table must not be used. */
static bool
table_add(void *context, const char *name, size_t length, uint32_t id)
{
	struct local_table *table = context;
	char *copy = NULL;

	if (table->count < table->room || table_grow(table))
		copy = strndup(name, length);
	if (copy == NULL) {
		table->incomplete = true;
		return false;
	}
	table->accounts[table->count++] = (struct local_account){ .name = copy, .id = id };
	return true;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(((const struct local_account *)a)->name, ((const struct local_account *)b)->name);
}

static int
compare_ids(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

static int
table_sort(struct local_table *table)
{
	table->ids = malloc((table->count > 0 ? table->count : 1) * sizeof(*table->ids));
	if (table->ids == NULL)
		return -1;
	for (size_t i = 0; i < table->count; i++)
		table->ids[i] = table->accounts[i].id;
	if (table->count > 0) {
		qsort(table->accounts, table->count, sizeof(*table->accounts), compare_names);
		qsort(table->ids, table->count, sizeof(*table->ids), compare_ids);
	}
	return 0;
}

static int64_t
nanoseconds(const struct timespec *time)
{
	return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	    nanoseconds(&a->st_mtim) == nanoseconds(&b->st_mtim) && nanoseconds(&a->st_ctim) == nanoseconds(&b->st_ctim);
}

/* table_load: `now_seen` was taken before the file is opened, so a change in between is seen at the next lookup. */
static int
table_load(struct local_table *table, const struct stat *now_seen)
{
	struct timespec now;

	table_clear(table);
	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return -1;
	table->incomplete = false;
	if (passwd_file_each(table->path, table_add, table) != 0 || table->incomplete || table_sort(table) != 0) {
		table_clear(table);
		return -1;
	}
	table->seen = *now_seen;
	table->settled = nanoseconds(&now) - nanoseconds(&now_seen->st_ctim) > SETTLED_NS;
	table->loaded = true;
	return 0;
}

/* table_refresh: the table is the file as it is now, or -1. */
static int
table_refresh(struct local_table *table)
{
	struct stat now_seen;

	if (stat(table->path, &now_seen) != 0)
		return -1;
	if (table->loaded && table->settled && same_file(&table->seen, &now_seen))
		return 0;
	return table_load(table, &now_seen);
}

static const struct local_account *
find_name(const struct local_table *table, const char *name)
{
	struct local_account wanted = { .name = (char *)name };

	if (table->count == 0)
		return NULL;
	return bsearch(&wanted, table->accounts, table->count, sizeof(wanted), compare_names);
}

static bool
has_id(const struct local_table *table, uint32_t id)
{
	return table->count > 0 && bsearch(&id, table->ids, table->count, sizeof(id), compare_ids) != NULL;
}

int
local_accounts_taken(struct local_accounts *accounts, const char *name, uint32_t uid, bool *name_taken, bool *uid_taken)
{
	*name_taken = *uid_taken = true;
	if (table_refresh(&accounts->passwd) != 0)
		return -1;
	*name_taken = find_name(&accounts->passwd, name) != NULL;
	*uid_taken = has_id(&accounts->passwd, uid);
	return 0;
}

int
local_accounts_has_gid(struct local_accounts *accounts, uint32_t gid)
{
	if (table_refresh(&accounts->group) != 0)
		return -1;
	return has_id(&accounts->group, gid);
}

static bool
name_has_id(const struct local_table *table, const char *name, uint32_t id)
{
	const struct local_account *account = find_name(table, name);

	return account != NULL && account->id != ID_NONE && account->id == id;
}

int
local_accounts_is_either(struct local_accounts *accounts, const char *one, const char *other, uint32_t uid)
{
	if (table_refresh(&accounts->passwd) != 0)
		return -1;
	return name_has_id(&accounts->passwd, one, uid) || name_has_id(&accounts->passwd, other, uid);
}

int
local_accounts_uid(struct local_accounts *accounts, const char *name, uint32_t *uid)
{
	const struct local_account *account;

	if (table_refresh(&accounts->passwd) != 0)
		return -1;
	account = find_name(&accounts->passwd, name);
	if (account == NULL || account->id == ID_NONE)
		return 0;
	*uid = account->id;
	return 1;
}
