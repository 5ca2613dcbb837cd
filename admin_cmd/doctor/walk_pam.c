#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin_cmd/cures.h"
#include "admin_cmd/doctor/places.h"
#include "admin_cmd/doctor/walk.h"
#include "admin_cmd/wiring/pam_file.h"
#include "common/host/passwd_file.h"
#include "common/host/paths.h"

static bool
refused(struct walk *walk, const char *link, const char *reason)
{
	FAULT(walk, link, cure_of(reason), "%s", reason);
	return false;
}

/* host_is_open: as pam_berth's account step looks at pam_nologin's files. */
static bool
host_is_open(struct walk *walk)
{
	static const char *const files[] = { "/etc/nologin", "/run/nologin" };
	char reason[128];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (access(files[i], F_OK) != 0 && errno == ENOENT)
			continue;
		snprintf(reason, sizeof(reason), "%s: the host is closed to logins", files[i]);
		return refused(walk, "pam", reason);
	}
	return true;
}

/* stack_is_well: PAM comes to Berth's lines, in their places, and can load what they name. */
static bool
stack_is_well(struct walk *walk)
{
	char why[WIRING_WHY_MAX], *text = place_read(BERTH_PAM_SERVICE_FILE);
	int judged = text != NULL ? pam_file_judge(text, why) : 0;

	if (text == NULL)
		FAULT(walk, "pam", "berth doctor", BERTH_PAM_SERVICE_FILE ": %s", strerror(errno));
	else if (judged != 0)
		FAULT(walk, "pam", "berth setup", BERTH_PAM_SERVICE_FILE ": %s", why);
	else if (access(INSTALLED_PAM_MODULE, R_OK) != 0)
		FAULT(walk, "pam", "apt-get install --reinstall berth", INSTALLED_PAM_MODULE ": %s: nobody gets in by sshd",
		    strerror(errno));
	free(text);
	return text != NULL && judged == 0 && access(INSTALLED_PAM_MODULE, R_OK) == 0;
}

/* key_to_ask: the one that sshd would have accepted. */
static void
key_to_ask(const struct walk *walk, struct session_key *asked)
{
	const struct walk_key *key = walk->asked;

	memset(asked, 0, sizeof(*asked));
	for (size_t i = 0; key == NULL && i < walk->record->key_count; i++)
		if (!walk->record->keys[i].unusable)
			key = &walk->record->keys[i];
	if (key == NULL)
		return;
	memcpy(asked->type, key->type, sizeof(asked->type));
	memcpy(asked->base64, key->base64, sizeof(asked->base64));
}

bool
walk_pam(struct walk *walk)
{
	struct session_key key;
	char reason[REASON_MAX];

	if (!stack_is_well(walk) || !host_is_open(walk))
		return false;
	key_to_ask(walk, &key);
	if (session_ask(&walk->session, walk->config, &walk->entry, &key, reason) != 0)
		return refused(walk, "pam", reason);
	WELL(walk, "pam", "pam_berth admits %s to server %s with %s", walk->name, walk->session.server_id,
	    walk->session.fingerprint);
	return true;
}

/* log_problem: why a session would have no transfer log; "" when it would. */
static const char *
log_problem(struct walk *walk, char problem[512])
{
	bool name_taken = false, uid_taken;

	problem[0] = '\0';
	if (access(BERTH_SESSION_HELPER, X_OK) != 0)
		snprintf(problem, 512, BERTH_SESSION_HELPER ": %s", strerror(errno));
	else if (passwd_file_find(walk->config->session_user, ID_NONE, &name_taken, &uid_taken) != 0 || !name_taken)
		snprintf(problem, 512, "SessionUser %.100s has no account", walk->config->session_user);
	else if (walk->record->log_problem[0] != '\0')
		snprintf(problem, 512, "the agent can't write %.150s: %.250s", walk->config->transfer_log_file,
		    walk->record->log_problem);
	return problem;
}

bool
walk_log(struct walk *walk)
{
	bool required = walk->config->transfer_log == TRANSFER_LOG_REQUIRED;
	char problem[512];

	if (walk->config->transfer_log == TRANSFER_LOG_OFF)
		WELL(walk, "transfer-log", "TransferLog is off");
	else if (log_problem(walk, problem)[0] == '\0')
		WELL(walk, "transfer-log", "%s can be written", walk->config->transfer_log_file);
	else
		FOUND(walk, required ? FINDING_FAULT : FINDING_WARNING, "transfer-log", required ?
		    "berth doctor says what to do; TransferLog best-effort lets people in meanwhile" :
		    "berth doctor", "%s%s", required ? "TransferLog is required, and " :
		    "sessions have no transfer log: ", problem);
	return true;
}
