/*
 * initgroups: a user's groups at login. glibc asks every service of the group line, whoever knows the user: a local user's
 * login passes here too.
 */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>

#include "nss_module/module.h"

NSS_DECLARE_MODULE_FUNCTIONS(berth)

/* gid | count | secondary gids */
#define ANSWER_MAX (4 + 4 + 4 * SECONDARY_GIDS_MAX)
/* The record's own gid, its secondary ones, and berth-users. */
#define GROUPS_MAX (1 + SECONDARY_GIDS_MAX + 1)

/* glibc's list: `used` of `size` gids, grown with realloc(3); a limit above 0 says how many the caller takes. */
struct group_list {
	gid_t **groups;
	long *used, *size;
	long limit;
};

/* read_groups: how many groups the answer holds, 0 when it can't be used. One bad gid spoils it whole. */
static size_t
read_groups(const void *answer, size_t length, gid_t groups[GROUPS_MAX])
{
	struct wire_in in;
	uint32_t count;
	size_t used = 0;

	wire_in_init(&in, answer, length);
	groups[used++] = wire_get_u32(&in);
	count = wire_get_u32(&in);
	if (count > SECONDARY_GIDS_MAX)
		return 0;
	while (count-- > 0)
		groups[used++] = wire_get_u32(&in);
	if (!wire_in_done(&in))
		return 0;
	for (size_t i = 0; i < used; i++)
		if (!id_allowed(groups[i], ID_FLOOR))
			return 0;
	groups[used++] = BERTH_USERS_GID;
	return used;
}

static bool
list_grow(struct group_list *list)
{
	long size = *list->size > 0 ? 2 * *list->size : GROUPS_MAX;
	gid_t *groups;

	if (list->limit > 0 && size > list->limit)
		size = list->limit;
	groups = realloc(*list->groups, (size_t)size * sizeof(*groups));
	if (groups == NULL)
		return false;
	*list->groups = groups;
	*list->size = size;
	return true;
}

/* list_add: past the caller's limit a group is left out, as glibc's own modules do. */
static bool
list_add(struct group_list *list, gid_t gid)
{
	if (list->limit > 0 && *list->used >= list->limit)
		return true;
	if (*list->used >= *list->size && !list_grow(list))
		return false;
	(*list->groups)[(*list->used)++] = gid;
	return true;
}

/*
 * skip is the group that the caller has put into the list already, the passwd entry's.
 *
 * A name in /etc/passwd is never asked for: a local user's login doesn't wait for the agent, and no agent can put a local
 * user into a group.
 */
MODULE_EXPORT enum nss_status
_nss_berth_initgroups_dyn(const char *name, gid_t skip, long *used, long *size, gid_t **list, long limit, int *errnop)
{
	uint8_t question[4 + USER_NAME_MAX], answer[ANSWER_MAX];
	struct group_list to = { .groups = list, .used = used, .size = size, .limit = limit };
	gid_t groups[GROUPS_MAX];
	struct wire_out request;
	enum nss_status status;
	size_t length, count;

	if (!user_name_valid(name) || module_is_local(name))
		return NSS_STATUS_NOTFOUND;
	wire_out_init(&request, question, sizeof(question));
	wire_put_string(&request, name);
	status = module_ask(WIRE_INITGROUPS, &request, answer, sizeof(answer), &length, errnop);
	if (status != NSS_STATUS_SUCCESS)
		return status;
	count = read_groups(answer, length, groups);
	if (count == 0)
		return NSS_STATUS_NOTFOUND;
	for (size_t i = 0; i < count; i++) {
		if (groups[i] == skip || list_add(&to, groups[i]))
			continue;
		*errnop = ENOMEM;
		return NSS_STATUS_TRYAGAIN;
	}
	return NSS_STATUS_SUCCESS;
}
