#include "admin_cmd/doctor/records.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "admin_cmd/doctor/places.h"
#include "common/host/passwd_file.h"
#include "common/host/paths.h"
#include "common/store/clashes.h"

#define LINK "names"
#define CLASHES_SHOWN 10

static int
count_key(void *context, const char *type, const char *base64)
{
	(void)type;
	(void)base64;
	(*(size_t *)context)++;
	return 0;
}

bool
records_try(const struct checks *checks, struct store *store, const char *user_name, struct probe *probe)
{
	const struct config *config = checks->config;
	struct probe tried = { .name = "" };
	struct store_login login;
	struct api_error error;
	bool name_taken, uid_taken;

	if (store_find_by_name(store, config->server_id, user_name, &login, &error) != 1)
		return false;
	tried.uid = login.has_profile ? login.uid : config->default_uid;
	tried.gid = login.has_profile ? login.gid : config->default_gid;
	if ((!login.has_profile && !config->has_default_profile) || !id_allowed(tried.uid, config->min_uid) ||
	    !id_allowed(tried.gid, config->min_gid))
		return false;
	if (passwd_file_find(user_name, tried.uid, &name_taken, &uid_taken) != 0 || name_taken ||
	    (uid_taken && !config_shares_uid(config, tried.uid)))
		return false;
	if (store_find_keys(store, config->server_id, user_name, NULL, NULL, count_key, &tried.key_count, &error) != 0)
		return false;
	if (probe->name[0] == '\0' || tried.key_count > 0) {
		snprintf(tried.name, sizeof(tried.name), "%s", login.user_name);
		*probe = tried;
	}
	return probe->key_count > 0;
}

struct clash_report {
	struct checks *checks;
	size_t count;
};

static void
report_clash(void *context, const struct clash *clash)
{
	struct clash_report *report = context;
	struct checks *checks = report->checks;
	char cure[CURE_MAX], name[PATH_MAX];

	if (report->count++ >= CLASHES_SHOWN)
		return;
	/* Whoever writes the store chooses it, and root may paste what is shown. */
	place_word(clash->user_name, name);
	if (clash->same_name)
		check_warning(checks, LINK,
		    cure_format(cure, "`userdel %s` (without -r) makes the name the record's; "
		        "`berth admin delete-user --server-id %s --user-name %s` leaves it to the account.",
		        name, checks->config->server_id, name),
		    "the record %s isn't served: " BERTH_PASSWD_FILE " has an account of this name", clash->user_name);
	else
		check_warning(checks, LINK,
		    cure_format(cure, "Give the record another Uid: `berth admin update-user --server-id %s --user-name %s "
		        "--posix-profile Uid=UID,Gid=GID`; or allow it: a line \"ShareUid %u\" in %s.",
		        checks->config->server_id, name, clash->uid, checks->doctor->config_file),
		    "the record %s isn't served: uid %u is that of the account %s in " BERTH_PASSWD_FILE, clash->user_name,
		    clash->uid, clash->account);
}

void
records_check_names(struct checks *checks, struct store *store)
{
	struct clash_report report = { .checks = checks };

	if (clashes_each(store, checks->config, report_clash, &report) != 0) {
		check_fault(checks, LINK, "chmod 0644 " BERTH_PASSWD_FILE, BERTH_PASSWD_FILE ": %s",
		    strerror(errno));
		return;
	}
	if (report.count == 0)
		check_ok(checks, LINK, "no record has the name or uid of an account of the host");
	if (report.count > CLASHES_SHOWN)
		check_warning(checks, LINK, "Put these right first; berthd's log has a line for each.",
		    "%zu more records aren't served", report.count - CLASHES_SHOWN);
}
