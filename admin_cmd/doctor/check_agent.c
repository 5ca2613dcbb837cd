/* The agent and its socket. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "admin_cmd/agent_status.h"
#include "admin_cmd/doctor/apart.h"
#include "admin_cmd/doctor/places.h"
#include "admin_cmd/run_program.h"
#include "common/host/identity.h"
#include "common/host/paths.h"
#include "common/wire/wire.h"

#define LINK "agent"
#define ASK_MS  2000
#define SECONDS 4
#define NOBODY "berth-doctor" /* no user's: an answer is enough */

#define ENABLE "systemctl enable --now berthd.socket berthd.service"
#define START checks_service(ENABLE, "Start berthd, as this host starts daemons.")
#define RESTART checks_service("systemctl restart berthd", "Stop berthd and start it again, as this host starts daemons.")
#define RELOAD checks_service("systemctl reload berthd", "pkill -HUP -x berthd")

/* check_socket: clients believe only a socket that root made, where root alone could have made it; and all must reach it. */
static bool
check_socket(struct checks *checks)
{
	char directory[PATH_MAX];
	struct place_fault fault;
	struct stat status;

	place_above(BERTH_SOCKET, directory);
	if (stat(directory, &status) == 0 && place_judge_path(directory, &fault) == 1) {
		check_fault(checks, LINK, fault.cure, "%s", fault.found);
		return false;
	}
	if (stat(directory, &status) == 0 && (status.st_mode & 0555) != 0555) {
		check_fault(checks, LINK, "chmod 0755 /run/berth",
		    "%s has mode %04o, so others can't reach the agent's socket in it", directory, status.st_mode & 07777);
		return false;
	}
	if (lstat(BERTH_SOCKET, &status) != 0) {
		check_fault(checks, LINK, START, BERTH_SOCKET ": %s: the agent doesn't run", strerror(errno));
		return false;
	}
	if (!S_ISSOCK(status.st_mode)) {
		check_fault(checks, LINK, RESTART, BERTH_SOCKET " is no socket");
		return false;
	}
	if (status.st_uid != 0 || (status.st_mode & 0666) != 0666) {
		check_fault(checks, LINK,
		    status.st_uid != 0 ? "chown root:root " BERTH_SOCKET : "chmod 0666 " BERTH_SOCKET,
		    BERTH_SOCKET " belongs to uid %u and has mode %04o; everybody must be able to connect to it, so it is "
		    "root's with mode 0666", status.st_uid, status.st_mode & 07777);
		return false;
	}
	return true;
}

/* ask: a question that anybody may ask; 0 when it was answered, or errno. */
static int
ask(void)
{
	const struct agent_patience patience = { .answer_ms = ASK_MS };
	uint8_t memory[64], answer[WIRE_ANSWER_MAX];
	struct wire_out request;
	size_t length;

	wire_out_init(&request, memory, sizeof(memory));
	wire_put_string(&request, NOBODY);
	return agent_ask(WIRE_INITGROUPS, &request, answer, sizeof(answer), &length, &patience) >= 0 ? 0 : errno;
}

static void
ask_apart(struct checks *checks, void *problem)
{
	(void)checks;
	*(int *)problem = ask();
}

static void
add_silence(struct checks *checks, int problem)
{
	switch (problem) {
	case ECONNREFUSED:
	case ENOENT:
		check_fault(checks, LINK, START, "nobody listens at " BERTH_SOCKET ": the agent doesn't run");
		break;
	case ETIMEDOUT:
	case EAGAIN:
		check_fault(checks, LINK, RESTART, "it gives no answer within %d s: %s", ASK_MS / 1000,
		    problem == EAGAIN ? "its queue is full" : "it hangs, or is stopped");
		break;
	case EPERM:
		check_fault(checks, LINK, RESTART,
		    "who listens at " BERTH_SOCKET " isn't root's: clients don't believe it");
		break;
	default:
		check_fault(checks, LINK, RESTART, "it can't be asked: %s", strerror(problem));
	}
}

/* check_unprivileged: NSS asks as anybody, the keys command as KeysUser. */
static bool
check_unprivileged(struct checks *checks)
{
	const char *user = checks->doctor->configured ? checks->config->keys_user : "nobody";
	int problem = 0;

	if (apart_run(checks, user, SECONDS, ask_apart, &problem, sizeof(problem)) != 0)
		return true; /* "accounts" has said it */
	if (problem == 0)
		return true;
	check_fault(checks, LINK, RESTART, "it answers root, but not %s: %s", user, strerror(problem));
	return false;
}

static bool
is_cut_from(const char *cut, const char *whole)
{
	return strncmp(cut, whole, STATUS_TEXT_MAX) == 0 && (strlen(whole) <= STATUS_TEXT_MAX ||
	    strlen(cut) == STATUS_TEXT_MAX);
}

/* check_status: whether it is the agent that is installed, with the configuration that is there. */
static void
check_status(struct checks *checks)
{
	const struct config *config = checks->config;
	struct agent_status status;

	if (agent_status_ask(&status) != 0 && errno == EPROTO) {
		check_warning(checks, LINK, RESTART,
		    "it can't say how it is doing: it is of another version than " BERTH_VERSION ", which is installed");
		return;
	}
	if (status.version[0] == '\0')
		check_warning(checks, LINK, RESTART, "it doesn't say how it is doing: %s", strerror(errno));
	else if (strcmp(status.version, BERTH_VERSION) != 0)
		check_warning(checks, LINK, RESTART, "version %s runs, " BERTH_VERSION " is installed",
		    status.version);
	else if (checks->doctor->configured && strcmp(checks->doctor->config_file, BERTH_CONFIG_FILE) == 0 &&
	    (!is_cut_from(status.store, config->store) ||
	        strcmp(status.server_id, config->server_id != NULL ? config->server_id : "") != 0))
		check_fault(checks, LINK, RELOAD,
		    "it serves server %s of %s, and %s says server %s of %s",
		    status.server_id[0] != '\0' ? status.server_id : "(none)",
		    status.store, checks->doctor->config_file, config->server_id != NULL ? config->server_id : "(none)",
		    config->store);
}

/* says_yes: what systemctl says of berthd.socket. */
static bool
says_yes(const char *question)
{
	const char *const argv[] = { SYSTEMCTL_PROGRAM, question, "--quiet", "berthd.socket", NULL };
	struct program_result result;
	bool yes = run_program(argv, NULL, &result) == 0 && result.status == 0;

	program_free(&result);
	return yes;
}

/* check_enabled: a reboot must not be the end of it. An agent that isn't systemd's is somebody else's business. */
static void
check_enabled(struct checks *checks)
{
	if (checks_systemd() && says_yes("is-active") && !says_yes("is-enabled"))
		check_warning(checks, LINK, ENABLE, "berthd.socket isn't enabled: nobody of Berth's logs in after a reboot");
}

void
check_agent(struct checks *checks)
{
	size_t before = checks->findings->count;
	int problem;

	if (!check_socket(checks))
		return;
	problem = ask();
	if (problem != 0) {
		add_silence(checks, problem);
		return;
	}
	if (!check_unprivileged(checks))
		return;
	checks->agent_well = true;
	check_status(checks);
	check_enabled(checks);
	if (checks->findings->count == before)
		check_ok(checks, LINK, "it answers at " BERTH_SOCKET ", as the configuration is now");
}
