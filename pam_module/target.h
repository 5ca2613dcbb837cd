/*
 * Targets: from a path on the store, "/BUCKET/PATH", to a descriptor beneath the data root. A target never leads out of
 * it: no "..", no symbolic link, no race.
 */
#ifndef BERTH_PAM_TARGET_H
#define BERTH_PAM_TARGET_H

#include <stdbool.h>

#include "common/host/config.h"
#include "pam_module/session.h"

/* target_finder: the data root's and the last bucket's descriptors, kept from one target to the next. */
struct target_finder {
	const struct config *config;
	const struct session *session; /* as whom to look where root may not, and to whom a new home belongs */
	const struct config_bucket *bucket; /* the one that base_fd is of; NULL: the data root */
	int base_fd;
};

void target_finder_init(struct target_finder *finder, const struct config *config, const struct session *session);
void target_finder_close(struct target_finder *finder);

/*
 * target_open: an O_PATH descriptor of the directory (or regular file) that the target names. With `create`, and
 * CreateHome in the configuration, missing directories are made: see target.c for as whom.
 * Returns the descriptor, or -1 with `reason` naming the target; errno is ENOENT when it, or what it lies below, isn't there.
 */
int target_open(struct target_finder *finder, const char *target, enum wire_mapping_type type, bool create, char *reason);

/*
 * targets_check: opens every target of the session once, in a process of its own, so that one that hangs (a dead NFS or FUSE
 * server) costs TargetSeconds and not the monitor. Returns 0, or -1 with the reason.
 */
int targets_check(const struct config *config, const struct session *session, char *reason);

/* target_host_path: where a target lies on the host, below its Bucket's path or DataRoot, in `path` of this size; false when
 * it doesn't fit. By text alone: nothing is opened. */
bool target_host_path(const struct config *config, const char *target, char *path, size_t size);

/* session_landing_target: for a LOGICAL session whose landing directory lies below an entry, the path of it on the store
 * in `path` (size PATH_BYTES_MAX + 1); false when the landing directory is an entry itself, above them, or too long. */
bool session_landing_target(const struct session *session, char *path);

#endif
