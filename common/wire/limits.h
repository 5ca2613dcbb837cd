/*
 * The limits that the thin side (NSS, PAM, keys command) enforces itself, whatever the agent or a store says.
 */
#ifndef BERTH_LIMITS_H
#define BERTH_LIMITS_H

#include <stdint.h>

/* Lengths in bytes, without a closing NUL. Source: the Transfer API's shapes UserName, ServerId,
 * MapEntry/MapTarget/HomeDirectory (1,024 characters, up to 4 bytes each in UTF-8), SshPublicKeyBody. */
#define USER_NAME_MIN    3
#define USER_NAME_MAX    100
#define SERVER_ID_LENGTH 19
#define SESSION_ID_LENGTH 16 /* hexadecimal digits; Berth's own */
#define PATH_BYTES_MAX   4096
#define KEY_TYPE_MAX     32
#define KEY_BASE64_MAX   2048
#define FINGERPRINT_MAX  50 /* "SHA256:" + 43 characters of base64 */

/* Of the agent's status. */
#define STATUS_TEXT_MAX    255
#define STATUS_NAME_MAX    63
#define STATUS_METRICS_MAX 128

/* LookupSeconds' greatest value: how long a client waits, at most, once an agent has said that it asks elsewhere. */
#define LOOKUP_SECONDS_MAX 10

#define SECONDARY_GIDS_MAX 16
#define MAPPINGS_MAX       50000
#define USER_KEYS_MAX      50

/* No Berth user may have an id below this, whatever the configuration says: MinUid and MinGid can raise it only. */
#define ID_FLOOR 1000u
/* (uid_t)-1 means "leave unchanged" to setresuid(2) and chown(2): never an id. */
#define ID_NONE 4294967295u

/*
 * The group that sshd's "Match Group berth-users" sees. It exists in the NSS module alone: no record may name its gid,
 * and a sealed session does not hold it. The number spells "BERT".
 */
#define BERTH_USERS_GROUP "berth-users"
#define BERTH_USERS_GID   1111839316u

/* A record's groups are called "berth-g" + gid: a name that a user can't have a say in. */
#define GROUP_NAME_PREFIX "berth-g"

/* The gecos field of every passwd entry from the NSS module. The PAM module knows its own users by it. */
#define GECOS_MARKER "Berth SFTP user"

/* id_allowed: whether a record may have this uid or gid at all; min is the configuration's floor. */
static inline int id_allowed(uint32_t id, uint32_t min)
{
	return id >= ID_FLOOR && id >= min && id != ID_NONE && id != BERTH_USERS_GID;
}

#endif
