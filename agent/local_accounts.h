/*
 * The host's own accounts, as the agent knows them: the names and uids of /etc/passwd and the gids of /etc/group, read as
 * files, kept sorted in memory, and read again whenever stat(2) says that the file is another one.
 */
#ifndef BERTH_LOCAL_ACCOUNTS_H
#define BERTH_LOCAL_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct local_account {
	char *name;
	uint32_t id; /* ID_NONE when the file has no readable one */
};

/* One file's entries: by name, and their ids once more in order. */
struct local_table {
	const char *path;
	struct local_account *accounts;
	uint32_t *ids;
	size_t count, room;
	bool incomplete; /* memory ran out while it was read */
	bool loaded;
	bool settled; /* the file was old enough when read: any later change shows in `seen` */
	struct stat seen;
};

struct local_accounts {
	struct local_table passwd, group;
};

void local_accounts_init(struct local_accounts *accounts);
void local_accounts_free(struct local_accounts *accounts);

/*
 * Each asks the file as it is now, and returns -1 with errno when it can't be read: the caller must then fail closed.
 *
 * taken: 0, and whether an entry of /etc/passwd has the name, and whether one has the uid.
 */
int local_accounts_taken(struct local_accounts *accounts, const char *name, uint32_t uid, bool *name_taken, bool *uid_taken);
/* has_gid: 1 when an entry of /etc/group has it, 0 when none has. */
int local_accounts_has_gid(struct local_accounts *accounts, uint32_t gid);
/* uid: 1 with the uid of a name in /etc/passwd; 0 when there is none, or none that can be read. */
int local_accounts_uid(struct local_accounts *accounts, const char *name, uint32_t *uid);
/* is_either: 1 when one of the two names in /etc/passwd has the uid, 0 when neither has. One stat(2) for both. */
int local_accounts_is_either(struct local_accounts *accounts, const char *one, const char *other, uint32_t uid);

#endif
