/*
 * pam_berth: the hooks that sshd calls, in this order (9.2p1 and 10.5p1):
 *
 *   monitor  pam_acct_mgmt           may this user log in at all, and does every target resolve?
 *   monitor  pam_setcred(ESTABLISH)  noted; nothing else
 *   monitor  pam_open_session        the key is still the record's; the session is registered, its transfer log begun
 *   child    pam_setcred             root still, after initgroups, right before it drops to the user: the view is entered
 * here
 *   monitor  pam_close_session       the session is struck off, its transfer log ended
 *
 * The child's setcred is on every path to a user's process, so the seal is there and depends on no other hook having run.
 * sshd carries on after a failing setcred, and with -N after a failing open_session; so where sealing fails the process
 * ends itself.
 *
 * A user is Berth's when the passwd entry says so (GECOS_MARKER, written by our NSS module). Anybody else is PAM_IGNORE.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <security/pam_modules.h>

#include "common/host/config.h"
#include "common/host/paths.h"
#include "common/host/registry.h"
#include "pam_module/filter.h"
#include "pam_module/log.h"
#include "pam_module/session.h"
#include "pam_module/session_log.h"
#include "pam_module/target.h"
#include "pam_module/view.h"

#define EXPORT __attribute__((visibility("default")))
#define STATE_NAME "berth"
#define PASSWD_BUFFER 16384
/* In state.progress: the child has logged itself why there is no view. */
#define REFUSED "-"

/* What one login leaves for its later hooks. sshd's child has a copy from fork(2); with keyboard-interactive the account
 * step's is lost, so no hook relies on another's but to refuse. */
struct state {
	bool foreign, ours;      /* what this login's user was seen to be: not Berth's, or Berth's */
	bool passed_on;          /* the auth step left the user to the modules after us; libpam holds setcred to that */
	pid_t monitor;           /* the process whose setcred was seen first, as root with root's group */
	bool refused;            /* open_session refused: the child must not go on */
	struct live_session live;
	struct session_log transfers;
	char *progress;          /* shared with the child: REASON_MAX bytes, see view_enter() */
};

/* One call of a hook. */
struct hook {
	pam_handle_t *pamh;
	int flags;
	struct log log;
	const char *user;
	struct passwd entry;
	char entry_memory[PASSWD_BUFFER];
	struct config config;
	struct session session;
	struct state *state;
	char reason[REASON_MAX];
};

enum owner { OWNER_FOREIGN, OWNER_BERTH, OWNER_UNKNOWN };

/*
 * The state.
 */

static void
state_free(pam_handle_t *pamh, void *data, int status)
{
	struct state *state = data;

	(void)pamh;
	(void)status;
	session_log_end(&state->transfers);
	if (state->progress != NULL)
		munmap(state->progress, REASON_MAX);
	free(state);
}

static struct state *
state_get(pam_handle_t *pamh)
{
	const void *found = NULL;
	struct state *state;

	if (pam_get_data(pamh, STATE_NAME, &found) == PAM_SUCCESS && found != NULL)
		return (struct state *)(uintptr_t)found;
	state = calloc(1, sizeof(*state));
	if (state == NULL)
		return NULL;
	state->progress = mmap(NULL, REASON_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (state->progress == MAP_FAILED)
		state->progress = NULL;
	if (state->progress != NULL && pam_set_data(pamh, STATE_NAME, state, state_free) == PAM_SUCCESS)
		return state;
	state_free(pamh, state, 0);
	return NULL;
}

/*
 * Beginning and ending a hook.
 */

static void
hook_end(struct hook *hook)
{
	session_free(&hook->session);
	config_free(&hook->config);
	log_close(&hook->log);
	free(hook);
}

static struct hook *
hook_begin(pam_handle_t *pamh, const char *name)
{
	const void *service = NULL;
	struct hook *hook = calloc(1, sizeof(*hook));

	if (hook == NULL)
		return NULL;
	hook->pamh = pamh;
	if (pam_get_item(pamh, PAM_SERVICE, &service) != PAM_SUCCESS || service == NULL)
		service = "pam";
	log_open(&hook->log, service, name);
	if (pam_get_user(pamh, &hook->user, NULL) != PAM_SUCCESS || hook->user == NULL)
		hook->user = "";
	hook->state = state_get(pamh);
	return hook;
}

/* whose: looks the user up, into hook->entry. UNKNOWN: nobody's, or it can't be told now: refuse. */
static enum owner
whose(struct hook *hook)
{
	struct passwd *found = NULL;

	if (hook->state == NULL)
		return OWNER_UNKNOWN;
	if (getpwnam_r(hook->user, &hook->entry, hook->entry_memory, sizeof(hook->entry_memory), &found) != 0 ||
	    found == NULL) {
		/* libc may have left somebody else's line there. */
		memset(&hook->entry, 0, sizeof(hook->entry));
		return hook->state->foreign ? OWNER_FOREIGN : OWNER_UNKNOWN;
	}
	if (hook->entry.pw_gecos != NULL && strcmp(hook->entry.pw_gecos, GECOS_MARKER) == 0) {
		hook->state->ours = true;
		/* The modules after us would run inside the view, as root. */
		return hook->state->passed_on ? OWNER_UNKNOWN : OWNER_BERTH;
	}
	/* Once Berth's, always Berth's for this login: a local account of the same name may have been made just now. */
	if (hook->state->ours)
		return OWNER_UNKNOWN;
	hook->state->foreign = true;
	return OWNER_FOREIGN;
}

static void
refuse_line(struct hook *hook)
{
	const void *client = NULL;

	if (pam_get_item(hook->pamh, PAM_RHOST, &client) != PAM_SUCCESS || client == NULL)
		client = "-";
	log_line(&hook->log, LOG_NOTICE, "refused user=%.100s client=%.64s reason=\"%s\"", hook->user, (const char *)client,
	    hook->reason);
}

/* refuse_and_end: where sshd would carry on after a refusal. */
static void __attribute__((noreturn))
refuse_and_end(struct hook *hook)
{
	refuse_line(hook);
	_exit(255);
}

static void
report_config(void *context, const char *fault)
{
	struct hook *hook = context;

	if (hook->reason[0] == '\0')
		snprintf(hook->reason, sizeof(hook->reason), "%s", fault);
}

/* find_session: configuration and the agent's answer, checked. */
static int
find_session(struct hook *hook, const struct session_key *key)
{
	hook->reason[0] = '\0';
	if (config_load(&hook->config, BERTH_CONFIG_FILE, report_config, hook) != 0)
		return -1;
	return session_ask(&hook->session, &hook->config, &hook->entry, key, hook->reason);
}

/* find_session_by_key: the same with the key that opened this session, which must be known. */
static int
find_session_by_key(struct hook *hook)
{
	struct session_key key;

	if (session_key_parse(&key, pam_getenv(hook->pamh, "SSH_AUTH_INFO_0")))
		return find_session(hook, &key);
	snprintf(hook->reason, sizeof(hook->reason), "sshd did not log this session in by one public key alone");
	return -1;
}

/*
 * The child: sealed, or ended.
 */

static int
set_groups(const struct session *session)
{
	gid_t groups[SECONDARY_GIDS_MAX];
	size_t i;

	for (i = 0; i < session->secondary_gid_count; i++)
		groups[i] = session->secondary_gids[i];
	/* Exactly these: sshd's initgroups may have added what /etc/group says of this name, and berth-users. */
	return setgroups(session->secondary_gid_count, groups);
}

static int
seal(struct hook *hook)
{
	struct session_log *transfers = &hook->state->transfers;
	int line_fd;
	bool lands;

	if (getuid() != 0 || geteuid() != 0) {
		snprintf(hook->reason, sizeof(hook->reason), "the process is not root's any more: it can't be sealed");
		return -1;
	}
	if (find_session_by_key(hook) != 0)
		return -1;
	if (view_enter(&hook->config, &hook->session, &lands, hook->state->progress, hook->reason) != 0)
		return -1;
	if (set_groups(&hook->session) != 0) {
		snprintf(hook->reason, sizeof(hook->reason), "setgroups: %s", strerror(errno));
		return -1;
	}
	/* libc may hold a datagram socket for its own syslog(3); that could be aimed at any abstract socket of the host. */
	closelog();
	line_fd = session_log_enter(transfers, &hook->config, hook->reason);
	if (line_fd < -1)
		return -1;
	if (filter_install(hook->session.uid, hook->session.gid, line_fd) != 0) {
		snprintf(hook->reason, sizeof(hook->reason), "seccomp: %s", strerror(errno));
		return -1;
	}
	session_log_sealed(transfers, lands);
	return 0;
}

/* forget_progress: the monitor logs what stands there; from here on that is nothing that this process could write. */
static int
forget_progress(const struct hook *hook)
{
	return mmap(hook->state->progress, REASON_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
	    0) == MAP_FAILED ? -1 : 0;
}

static unsigned long
microseconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long)(now.tv_sec - start->tv_sec) * 1000000ul + (unsigned long)(now.tv_nsec / 1000) -
	    (unsigned long)(start->tv_nsec / 1000);
}

/* seal_or_end: returns only from inside the view. */
static void
seal_or_end(struct hook *hook)
{
	const struct live_session *live = &hook->state->live;
	struct timespec start;
	unsigned long took;

	/* open_session has logged why. */
	if (hook->state->refused)
		_exit(255);
	clock_gettime(CLOCK_MONOTONIC, &start);
	if (seal(hook) != 0) {
		snprintf(hook->state->progress, REASON_MAX, REFUSED);
		refuse_and_end(hook);
	}
	if (forget_progress(hook) != 0)
		_exit(255);
	took = microseconds_since(&start);
	log_line(&hook->log, LOG_INFO, "session opened user=%s server=%s client=%s port=%u key=%s uid=%u session=%s "
	    "mappings=%zu view_ms=%lu.%03lu", hook->user, hook->session.server_id, live->client[0] != '\0' ? live->client : "-",
	    live->client_port, hook->session.fingerprint, hook->session.uid, live->id[0] != '\0' ? live->id : "-",
	    hook->session.mapping_count, took / 1000, took % 1000);
}

/* in_monitor: sshd's privileged process: root with root's group. By the time the child's setcred runs, sshd has set the
 * group to the entry's, which is never 0 for a Berth user. */
static bool
in_monitor(const struct state *state)
{
	return getuid() == 0 && geteuid() == 0 && getegid() == 0 && (state->monitor == 0 || state->monitor == getpid());
}

/* stale_entry: sshd's child runs with the group of the passwd entry that sshd read before it asked us. When that isn't
 * this user's group, the account was replaced in between, maybe a Berth user by a local one. */
static bool
stale_entry(const struct hook *hook)
{
	const void *service = NULL;

	return pam_get_item(hook->pamh, PAM_SERVICE, &service) == PAM_SUCCESS && service != NULL &&
	    strcmp(service, "sshd") == 0 && geteuid() == 0 && getegid() != 0 && hook->entry.pw_name != NULL &&
	    getegid() != hook->entry.pw_gid;
}

/* foreign: no user of ours, unless sshd's child shows that it was, or that its key is a record's. */
static int
foreign(struct hook *hook)
{
	if (in_monitor(hook->state))
		return PAM_IGNORE;
	if (stale_entry(hook))
		snprintf(hook->reason, sizeof(hook->reason), "the account was replaced while it logged in");
	else if (session_shares_name(hook->entry.pw_name != NULL ? &hook->entry : NULL, hook->user))
		snprintf(hook->reason, sizeof(hook->reason),
		    "a service of /etc/nsswitch.conf has an account with a record's name and Uid");
	else
		return PAM_IGNORE;
	refuse_and_end(hook);
}

static int
setcred(struct hook *hook)
{
	if (hook->flags & PAM_DELETE_CRED) {
		/* Not by whose(), where it is known: the client waits for the end, and the agent may hang. */
		if (hook->state != NULL && hook->state->ours)
			return PAM_SUCCESS;
		return whose(hook) == OWNER_FOREIGN ? PAM_IGNORE : PAM_SUCCESS;
	}
	switch (whose(hook)) {
	case OWNER_FOREIGN:
		return foreign(hook);
	case OWNER_UNKNOWN:
		snprintf(hook->reason, sizeof(hook->reason), "the user can't be looked up any more");
		refuse_line(hook);
		/* In the monitor nothing of the user's runs yet, and open_session or the child will end it. */
		if (hook->state != NULL && in_monitor(hook->state))
			return PAM_USER_UNKNOWN;
		_exit(255);
	case OWNER_BERTH:
		break;
	}
	if (in_monitor(hook->state)) {
		hook->state->monitor = getpid();
		return PAM_SUCCESS;
	}
	seal_or_end(hook);
	return PAM_SUCCESS;
}

/*
 * The monitor's hooks.
 */

/*
 * authenticate: a Berth user's key is sshd's business. By password or keyboard-interactive nobody gets in. Names that nobody
 * has go on to the modules after us: refused here, at once, they would tell by the time it takes who has a local account.
 */
static int
authenticate(struct hook *hook)
{
	if (hook->state == NULL)
		return PAM_BUF_ERR;
	if (whose(hook) == OWNER_BERTH || hook->state->ours)
		return PAM_AUTH_ERR;
	hook->state->passed_on = true;
	return PAM_IGNORE;
}

/* host_is_closed: pam_nologin's files. Its line comes after ours and is not asked for our users. */
static bool
host_is_closed(struct hook *hook)
{
	static const char *const files[] = { "/etc/nologin", "/run/nologin" };
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (access(files[i], F_OK) != 0 && errno == ENOENT)
			continue;
		snprintf(hook->reason, sizeof(hook->reason), "%s: the host is closed to logins", files[i]);
		return true;
	}
	return false;
}

static int
account(struct hook *hook)
{
	static const struct session_key not_yet; /* SSH_AUTH_INFO_0 is empty in this step */

	switch (whose(hook)) {
	case OWNER_FOREIGN:
		return PAM_IGNORE;
	case OWNER_UNKNOWN:
		return PAM_USER_UNKNOWN;
	case OWNER_BERTH:
		break;
	}
	if (!host_is_closed(hook) && find_session(hook, &not_yet) == 0 &&
	    targets_check(&hook->config, &hook->session, hook->reason) == 0)
		return PAM_SUCCESS;
	refuse_line(hook);
	return PAM_PERM_DENIED;
}

/* find_client: "SSH_CONNECTION=ADDRESS PORT ADDRESS PORT" in PAM's environment. */
static void
find_client(struct hook *hook, struct live_session *live)
{
	const char *connection = pam_getenv(hook->pamh, "SSH_CONNECTION");

	if (connection == NULL || sscanf(connection, "%63s %u", live->client, &live->client_port) != 2)
		snprintf(live->client, sizeof(live->client), "-");
}

static void
register_session(struct hook *hook)
{
	struct live_session *live = &hook->state->live;

	memset(live, 0, sizeof(*live));
	snprintf(live->user, sizeof(live->user), "%s", hook->user);
	snprintf(live->server_id, sizeof(live->server_id), "%s", hook->session.server_id);
	snprintf(live->fingerprint, sizeof(live->fingerprint), "%s", hook->session.fingerprint);
	live->uid = hook->session.uid;
	find_client(hook, live);
	if (registry_add(live) != 0)
		log_line(&hook->log, LOG_ERR, "session not listed, `berth sessions` can't see it user=%s session=%s "
		    "reason=\"%s: %s\"", hook->user, live->id, BERTH_SESSIONS_DIR, strerror(errno));
}

static void
strike_off(struct hook *hook)
{
	const struct live_session *live = &hook->state->live;

	if (registry_remove(live->id) != 0 && errno != ENOENT)
		log_line(&hook->log, LOG_ERR, "session still listed user=%s session=%s reason=\"%s\"", live->user, live->id,
		    strerror(errno));
}

/* begin_transfer_log: -1 when there can be none and the session needs one. */
static int
begin_transfer_log(struct hook *hook)
{
	struct state *state = hook->state;

	if (session_log_begin(&state->transfers, &hook->config, &hook->session, &state->live, &hook->log, hook->reason) == 0)
		return 0;
	if (hook->config.transfer_log == TRANSFER_LOG_REQUIRED)
		return -1;
	log_line(&hook->log, LOG_ERR, "no transfer log for this session user=%s session=%s reason=\"%s\"", hook->user,
	    state->live.id, hook->reason);
	return 0;
}

static int
open_session(struct hook *hook)
{
	switch (whose(hook)) {
	case OWNER_FOREIGN:
		return PAM_IGNORE;
	case OWNER_UNKNOWN:
		snprintf(hook->reason, sizeof(hook->reason), "the user can't be looked up any more");
		refuse_and_end(hook);
	case OWNER_BERTH:
		break;
	}
	if (hook->state->monitor != getpid()) {
		/* An earlier line of the stack kept our setcred from running: the child would not be sealed by it either. */
		snprintf(hook->reason, sizeof(hook->reason), "the PAM stack passed over pam_berth's auth line; it must be the first "
		    "one");
		refuse_and_end(hook);
	}
	if (find_session_by_key(hook) != 0) {
		hook->state->refused = true;
		refuse_line(hook);
		return PAM_SESSION_ERR;
	}
	register_session(hook);
	if (begin_transfer_log(hook) != 0) {
		hook->state->refused = true;
		refuse_line(hook);
		strike_off(hook);
		return PAM_SESSION_ERR;
	}
	snprintf(hook->state->progress, REASON_MAX, "sshd ended before the view was begun");
	return PAM_SUCCESS;
}

/* close_session: not by whose(): the record may be gone by now, and the session still has to be struck off. */
static int
close_session(struct hook *hook)
{
	const struct live_session *live;
	const char *ended;

	if (hook->state == NULL || hook->state->live.id[0] == '\0')
		return PAM_IGNORE;
	live = &hook->state->live;
	ended = session_log_end(&hook->state->transfers);
	strike_off(hook);
	if (ended != NULL)
		log_line(&hook->log, LOG_ERR, hook->state->transfers.required ? "session ended user=%s session=%s reason=\"%s\"" :
		    "transfer log not whole user=%s session=%s reason=\"%s\"", live->user, live->id, ended);
	if (hook->state->progress[0] == '\0') {
		log_line(&hook->log, LOG_INFO, "session closed user=%s server=%s client=%s port=%u session=%s seconds=%ld",
		    live->user, live->server_id, live->client, live->client_port, live->id, (long)(time(NULL) - live->since));
	} else if (strcmp(hook->state->progress, REFUSED) != 0) {
		/* What the child was at when something ended it that it could not log: its own alarm, or a kill. */
		snprintf(hook->reason, sizeof(hook->reason), "%.*s", REASON_MAX - 1, hook->state->progress);
		refuse_line(hook);
	}
	return PAM_SUCCESS;
}

/*
 * What libpam calls.
 */

typedef int hook_function(struct hook *hook);

static int
run(pam_handle_t *pamh, const char *name, int flags, hook_function *function)
{
	struct hook *hook = hook_begin(pamh, name);
	int result;

	/* sshd carries on after these two have failed. */
	if (hook == NULL && (function == setcred || function == open_session))
		_exit(255);
	if (hook == NULL)
		return PAM_BUF_ERR;
	hook->flags = flags;
	result = function(hook);
	hook_end(hook);
	return result;
}

#define HOOK(name, shown, function) \
	EXPORT int \
	pam_sm_##name(pam_handle_t *pamh, int flags, int argc, const char **argv) \
	{ \
		(void)argc; \
		(void)argv; \
		return run(pamh, shown, flags, function); \
	}

HOOK(authenticate, "auth", authenticate)
HOOK(setcred, "setcred", setcred)
HOOK(acct_mgmt, "account", account)
HOOK(open_session, "session", open_session)
HOOK(close_session, "session", close_session)
