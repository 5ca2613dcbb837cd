/*
 * Sources of another kind: read by whoever runs the command, and turned into lines of an import, one a source line, so that
 * line numbers stay what they are. A line that makes no user becomes a blank one.
 *
 *   import_source.c      what the sources share
 *   import_passwd.c      a passwd file
 *   import_users_conf.c  the users.conf of the atmoz/sftp image
 *   import_groups.c      a group file's members
 *   import_keys.c        files of public keys; import_key_lines.c: their lines
 *   import_accounts.c    this host's own accounts
 */
#ifndef BERTH_IMPORT_SOURCE_H
#define BERTH_IMPORT_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "admin_cmd/import/import_buckets.h"
#include "admin_cmd/import/import_report.h"
#include "common/host/config.h"

/* The flags of sources; NULL and false: not given. */
struct import_source_flags {
	const char *role, *target;
	const char *group_file, *keys_directory;
	const char *home;
	bool has_gid;
	uint32_t gid;
};

struct import_source {
	const struct import_source_flags *flags;
	const struct config *config;
	struct import_report *report;
	struct import_left *left;
	struct import_accounts *accounts;
	struct import_groups *groups;
	int keys_directory; /* -1: none */
	FILE *out;
	size_t line;        /* that is being read */
	char role[128];     /* when none is given */
	struct import_buckets buckets;
};

/* import_source_convert: kind is "passwd" or "users.conf"; file is read. Returns a file without a name, for the caller to
 * close, or -1 after saying on stderr why not. report->left must be there. */
int import_source_convert(const char *kind, int file, const struct import_source_flags *flags, const struct config *config,
    struct import_report *report);

/* One line of a source, that ends with NUL and is the callee's to cut up. It becomes a user, or is refused, or nothing.
 * Return 0, or -1 when memory is out. */
int import_passwd_line(struct import_source *source, char *line);
int import_users_conf_line(struct import_source *source, char *line);

/* import_source_refuse: the line makes no user, for this reason. Returns 0. */
int import_source_refuse(struct import_source *source, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* import_source_check_name: whether a user can have this name; else the line is refused. */
bool import_source_check_name(struct import_source *source, const char *name);
/* import_source_path_problem: why a path can't be a Target ("is not absolute"), or NULL. */
const char *import_source_path_problem(const char *path);
/* import_source_number: decimal digits alone, up to 2^32 - 1. */
bool import_source_number(const char *text, uint32_t *number);

/* import_source_user: begins a line: the name, the role, and what of the user clashes with this host. NULL: memory is
 * out. */
cJSON *import_source_user(struct import_source *source, const char *name, const uint32_t *uid);
bool import_source_add_profile(cJSON *user, uint32_t uid, uint32_t gid, const uint32_t *gids, size_t gid_count);
/* import_source_add_mapping: also tells of a bucket that the configuration doesn't have. path: the target is a path of this
 * host. */
bool import_source_add_mapping(struct import_source *source, cJSON *user, const char *entry, const char *target,
    bool path);
/* import_source_add_keys: takes the list over. Tells who can't log in. */
bool import_source_add_keys(struct import_source *source, cJSON *user, const char *name, cJSON *keys);
/* import_source_write: the line; the user is freed. NULL for user: memory is out. Returns 0 or -1. */
int import_source_write(struct import_source *source, cJSON *user);

/* The names and uids of this host's /etc/passwd. */
struct import_accounts *import_accounts_load(void); /* NULL with errno */
void import_accounts_free(struct import_accounts *accounts);
bool import_accounts_have_name(const struct import_accounts *accounts, const char *name);
bool import_accounts_have_uid(const struct import_accounts *accounts, uint32_t uid);

/* The members of a group file. */
struct import_groups *import_groups_load(const char *path); /* NULL with errno */
void import_groups_free(struct import_groups *groups);
/* import_groups_of: the gids of the groups that name the user as a member, in the file's order; at most max. Returns how
 * many there are. */
size_t import_groups_of(const struct import_groups *groups, const char *name, uint32_t *gids, size_t max);

/*
 * Keys of one user, as an SshPublicKeys list; what can't be taken is noted. They lie in directories that the user may write
 * to: no symbolic link is followed there, and only regular files are read, up to a limit. NULL: memory is out.
 */
cJSON *import_keys_of_account(struct import_source *source, const char *name);
cJSON *import_keys_of_image(struct import_source *source, const char *name);

#endif
