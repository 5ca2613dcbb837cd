/*
 * group: berth-users, which exists here alone, and one group for each gid of a record. None lists its members: that would be
 * every user of the store, and nobody asks.
 */
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "nss_module/module.h"

NSS_DECLARE_MODULE_FUNCTIONS(berth)

#define PASSWORD "!"
#define GROUP_NAME_MAX (sizeof(GROUP_NAME_PREFIX) - 1 + 10)

/* group_gid: the gid that a name "berth-gN" says, or ID_NONE when it isn't such a name in its one spelling. */
static uint32_t
group_gid(const char *name)
{
	const size_t prefix = sizeof(GROUP_NAME_PREFIX) - 1;
	uint64_t gid = 0;
	size_t digits = 0;

	if (strncmp(name, GROUP_NAME_PREFIX, prefix) != 0)
		return ID_NONE;
	for (name += prefix; *name >= '0' && *name <= '9' && digits < 10; name++, digits++) {
		if (digits == 0 && *name == '0')
			return ID_NONE;
		gid = gid * 10 + (uint64_t)(*name - '0');
	}
	if (digits == 0 || *name != '\0' || gid >= ID_NONE)
		return ID_NONE;
	return (uint32_t)gid;
}

static enum nss_status
fill_entry(const char *name, gid_t gid, struct group *entry, char *buffer, size_t size, int *errnop)
{
	const size_t align = (size_t)(-(uintptr_t)buffer % _Alignof(char *)), name_size = strlen(name) + 1;

	if (size < align + sizeof(char *) + name_size + sizeof(PASSWORD))
		return module_no_room(errnop);
	entry->gr_mem = (char **)(void *)(buffer + align);
	entry->gr_mem[0] = NULL;
	entry->gr_name = memcpy(buffer + align + sizeof(char *), name, name_size);
	entry->gr_passwd = memcpy(entry->gr_name + name_size, PASSWORD, sizeof(PASSWORD));
	entry->gr_gid = gid;
	return NSS_STATUS_SUCCESS;
}

/* ask_gid: whether any record has this gid, and the group's entry if so. */
static enum nss_status
ask_gid(gid_t gid, struct group *entry, char *buffer, size_t size, int *errnop)
{
	char name[GROUP_NAME_MAX + 1];
	uint8_t question[4];
	struct wire_out request;
	enum nss_status status;
	size_t length;

	if (!id_allowed(gid, ID_FLOOR))
		return NSS_STATUS_NOTFOUND;
	wire_out_init(&request, question, sizeof(question));
	wire_put_u32(&request, gid);
	status = module_ask(WIRE_GROUP, &request, NULL, 0, &length, errnop);
	if (status != NSS_STATUS_SUCCESS)
		return status;
	snprintf(name, sizeof(name), GROUP_NAME_PREFIX "%u", gid);
	return fill_entry(name, gid, entry, buffer, size, errnop);
}

MODULE_EXPORT enum nss_status
_nss_berth_getgrnam_r(const char *name, struct group *entry, char *buffer, size_t size, int *errnop)
{
	if (strcmp(name, BERTH_USERS_GROUP) == 0)
		return fill_entry(name, BERTH_USERS_GID, entry, buffer, size, errnop);
	return ask_gid(group_gid(name), entry, buffer, size, errnop);
}

MODULE_EXPORT enum nss_status
_nss_berth_getgrgid_r(gid_t gid, struct group *entry, char *buffer, size_t size, int *errnop)
{
	if (gid == BERTH_USERS_GID)
		return fill_entry(BERTH_USERS_GROUP, gid, entry, buffer, size, errnop);
	return ask_gid(gid, entry, buffer, size, errnop);
}
