/* The store of this host: looked at as User, who owns it; root never opens it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin_cmd/doctor/apart.h"
#include "admin_cmd/doctor/places.h"
#include "admin_cmd/doctor/records.h"
#include "common/host/config_value.h"
#include "common/host/identity.h"

#define LINK "store"
#define LOCAL "sqlite:"
#define SECONDS 10
#define USERS_TRIED 64

struct report {
	bool well;
	struct probe probe;
};

static const char *
store_file(const struct config *config)
{
	return config->store + strlen(LOCAL);
}

/* check_place: one of the store's own, wherever a symbolic link may have put it; true when it is as it must be, or isn't
 * there. */
static bool
check_place(struct checks *checks, const char *name)
{
	char path[PATH_MAX];
	struct place_fault fault;
	struct stat status;
	bool harmless;

	if (realpath(name, path) == NULL || place_judge(path, geteuid(), checks->config->user, 0077, &fault) != 1)
		return true;
	/* That others may read names and keys lets nobody in. */
	harmless = lstat(path, &status) == 0 && status.st_uid == geteuid() && (status.st_mode & 0022) == 0;
	findings_add(checks->findings, harmless ? FINDING_WARNING : FINDING_FAULT, LINK, fault.cure, "%s", fault.found);
	return harmless;
}

/* check_places: the directory and the file with its log and index, which somebody who looked with sqlite3 as root may have
 * made root's. */
static bool
check_places(struct checks *checks)
{
	static const char *const ENDS[] = { "", "-wal", "-shm" };
	const char *file = store_file(checks->config);
	char path[PATH_MAX];
	bool well = check_place(checks, place_above(file, path));

	for (size_t i = 0; i < sizeof(ENDS) / sizeof(ENDS[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", file, ENDS[i]);
		well = check_place(checks, path) && well;
	}
	return well;
}

static void
check_writable(struct checks *checks, const char *path)
{
	char cure[CURE_MAX], word[PATH_MAX];
	struct place_mount mount = { .point = "" };

	if (access(path, W_OK) == 0)
		return;
	if (errno == EROFS && place_mount_find(path, &mount) == 0)
		cure_format(cure, "mount -o remount,rw %s", place_word(mount.point, word));
	else if (errno == EACCES)
		cure_format(cure, "chmod u+w %s", place_word(path, word));
	else
		cure_format(cure, "Let %s write it.", checks->config->user);
	check_warning(checks, LINK, cure, "%s can't be written, so no user can be made or changed: %s",
	    path, strerror(errno));
}

static void
check_server(struct checks *checks, struct store *store, struct report *report)
{
	const char *server_id = checks->config->server_id;
	struct server_record server = { .online = false };
	struct api_error error;
	char cure[CURE_MAX];

	if (store_describe_server(store, server_id, &server, &error) != 0) {
		if (error.code == API_NOT_FOUND)
			cure_format(cure, "Let ServerId in %s be one of `berth admin list-servers`, then reload berthd.",
			    checks->doctor->config_file);
		else
			cure_format(cure, "berth fsck");
		check_fault(checks, LINK, cure, "ServerId %s: %s", server_id, error.message);
	} else if (!server.online) {
		check_fault(checks, LINK,
		    cure_format(cure, "berth admin start-server --server-id %s", server_id),
		    "server %s is OFFLINE, so none of its users gets in", server_id);
	} else {
		report->well = true;
		check_ok(checks, LINK, "%s: server %s is ONLINE, with %zu user%s",
		    store_file(checks->config), server_id, server.user_count, server.user_count == 1 ? "" : "s");
	}
	record_free_server(&server);
}

/* A visit is no time for another question to the same store: the names first. */
struct names {
	size_t count;
	char names[USERS_TRIED][USER_NAME_MAX + 1];
};

static int
note_name(void *context, const struct listed_user *user)
{
	struct names *names = context;

	snprintf(names->names[names->count++], USER_NAME_MAX + 1, "%s", user->user_name);
	return names->count == USERS_TRIED;
}

static void
find_probe(struct checks *checks, struct store *store, struct probe *probe)
{
	struct names *names = calloc(1, sizeof(*names));
	struct api_error error;

	if (names != NULL)
		store_list_users(store, checks->config->server_id, NULL, USERS_TRIED, note_name, names, &error);
	for (size_t i = 0; names != NULL && i < names->count; i++)
		if (records_try(checks, store, names->names[i], probe))
			break;
	free(names);
}

static void
look(struct checks *checks, void *shared)
{
	const char *file = store_file(checks->config);
	struct store *store = NULL;
	struct api_error error;
	char directory[PATH_MAX];

	if (!check_places(checks))
		return;
	if (store_open(checks->config->store, STORE_READ, &store, &error) != 0) {
		check_fault(checks, LINK,
		    access(file, F_OK) == 0 ? "berth fsck" :
		        "Put a backup back with `berth restore FILE`, or make a server with `berth admin create-server`.",
		    "%s", error.message);
		return;
	}
	check_writable(checks, file);
	check_writable(checks, place_above(file, directory));
	place_check_room(checks, LINK, "the store's directory", directory);
	check_server(checks, store, shared);
	records_check_names(checks, store);
	find_probe(checks, store, &((struct report *)shared)->probe);
	store_close(store);
}

void
check_store(struct checks *checks)
{
	struct report report = { .well = false };

	if (checks->doctor->configured && config_store_is_remote(checks->config))
		return;
	if (!checks->doctor->configured || checks->config->server_id == NULL || !checks->accounts_well) {
		check_unknown(checks, LINK, "it takes the configuration, a ServerId and User to look");
		return;
	}
	if (apart_run(checks, checks->config->user, SECONDS, look, &report, sizeof(report)) != 0) {
		check_fault(checks, LINK, "Look at the disk or file server that it lies on.",
		    "%s can't be looked at as %s: %s", store_file(checks->config), checks->config->user,
		    errno == ETIMEDOUT ? "no answer" : identity_problem(errno));
		return;
	}
	checks->store_well = report.well;
	checks->probe = report.probe;
	checks->probe.name[USER_NAME_MAX] = '\0';
}
