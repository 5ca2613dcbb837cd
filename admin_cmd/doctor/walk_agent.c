#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/doctor/walk.h"
#include "admin_cmd/run_program.h"
#include "common/host/paths.h"
#include "common/wire/wire.h"

#define ASK_MS 2000

void
walk_ask_agent(struct walk *walk)
{
	const struct agent_patience patience = { .answer_ms = ASK_MS, .wait_ms = LOOKUP_SECONDS_MAX * 1000 };
	uint8_t question[4 + USER_NAME_MAX], answer[4 + USER_NAME_MAX + 4 + 4 + 4 + PATH_BYTES_MAX];
	struct wire_out request;
	struct wire_in in;
	size_t length = 0;

	wire_out_init(&request, question, sizeof(question));
	wire_put_string(&request, walk->name);
	walk->agent_status = agent_ask(WIRE_PASSWD_BY_NAME, &request, answer, sizeof(answer), &length, &patience);
	walk->agent_error = errno;
	if (walk->agent_status != WIRE_OK)
		return;
	wire_in_init(&in, answer, length);
	wire_get_string(&in, walk->entry_name, USER_NAME_MAX);
	walk->entry.pw_uid = wire_get_u32(&in);
	walk->entry.pw_gid = wire_get_u32(&in);
	wire_get_string(&in, walk->entry_home, PATH_BYTES_MAX);
	walk->entry.pw_name = walk->entry_name;
	walk->entry.pw_dir = walk->entry_home;
	if (wire_in_done(&in))
		return;
	walk->agent_status = -1;
	walk->agent_error = EPROTO;
}

bool
walk_agent(struct walk *walk)
{
	const struct posix_profile *profile = &walk->record->profile;

	switch (walk->agent_status) {
	case WIRE_OK:
		break;
	case WIRE_NOT_FOUND:
		FAULT(walk, "agent", "systemctl reload berthd; journalctl -t berthd says \"record not served\", with "
		    "the reason", "it knows no user %s, though the record is here: its configuration is another one",
		    walk->name);
		return false;
	case WIRE_UNAVAILABLE:
		FAULT(walk, "agent", "journalctl -t berthd; berthd -t", "it can't read its store now");
		return false;
	case -1:
		FAULT(walk, "agent", "systemctl restart berthd.socket berthd; berthd -t",
		    "it can't be asked: %s", strerror(walk->agent_error));
		return false;
	default:
		FAULT(walk, "agent", "journalctl -t berthd", "it answers with status %d", walk->agent_status);
		return false;
	}
	if (walk->entry.pw_uid != profile->uid || walk->entry.pw_gid != profile->gid) {
		FAULT(walk, "agent", "systemctl reload berthd", "it gives %s the ids %u:%u, and the record says "
		    "%u:%u: its configuration is another one", walk->name, (unsigned)walk->entry.pw_uid,
		    (unsigned)walk->entry.pw_gid, profile->uid, profile->gid);
		return false;
	}
	WELL(walk, "agent", "it knows %s as %u:%u, home %s", walk->name, (unsigned)walk->entry.pw_uid,
	    (unsigned)walk->entry.pw_gid, walk->entry_home);
	return true;
}

/* get_entry: `getent [-s SERVICE] passwd NAME`, its first line in `line`; "" when there is none. -1: getent can't be run. */
static int
get_entry(const char *service, const char *name, char *line, size_t size)
{
	const char *const with[] = { GETENT_PROGRAM, "-s", service, "passwd", name, NULL };
	const char *const without[] = { GETENT_PROGRAM, "passwd", name, NULL };
	struct program_result result;
	int ran = run_program(service != NULL ? with : without, NULL, &result);

	snprintf(line, size, "%.*s", (int)strcspn(result.output != NULL ? result.output : "", "\n"),
	    result.output != NULL ? result.output : "");
	program_free(&result);
	return ran;
}

struct nss_entry {
	char *name, *uid, *gid, *gecos, *shell;
};

/* split_entry: NAME:PASSWORD:UID:GID:GECOS:HOME:SHELL; cuts the line. */
static bool
split_entry(char *line, struct nss_entry *entry)
{
	char *fields[7];

	for (size_t i = 0; i < 7; i++)
		if ((fields[i] = strsep(&line, ":")) == NULL)
			return false;
	*entry = (struct nss_entry){ fields[0], fields[2], fields[3], fields[4], fields[6] };
	return true;
}

static bool
not_by_nss(struct walk *walk)
{
	char line[8192];

	if (get_entry("berth", walk->name, line, sizeof(line)) == 0 && line[0] != '\0')
		FAULT(walk, "nss", "berth setup, which puts berth on the line passwd of /etc/nsswitch.conf",
		    "getent passwd %s finds nobody, getent -s berth does: NSS isn't told to ask berth", walk->name);
	else
		FAULT(walk, "nss", "berth doctor; install the package again if libnss_berth.so.2 isn't there",
		    "getent -s berth passwd %s finds nobody, though the agent answers", walk->name);
	return false;
}

/* The groups by which sshd judges, as a process of its own gets them. */
static void
get_groups(struct walk *walk)
{
	const char *const argv[] = { "/usr/bin/id", "-G", "-n", "--", walk->name, NULL };
	struct program_result result;

	if (run_program(argv, NULL, &result) == 0)
		snprintf(walk->groups, sizeof(walk->groups), "%.*s", (int)strcspn(result.output, "\n"), result.output);
	program_free(&result);
}

bool
walk_nss(struct walk *walk)
{
	struct nss_entry entry;
	char line[8192];

	if (get_entry(NULL, walk->name, line, sizeof(line)) != 0) {
		FOUND(walk, FINDING_UNKNOWN, "nss", NULL, GETENT_PROGRAM ": %s", strerror(errno));
		return false;
	}
	if (line[0] == '\0')
		return not_by_nss(walk);
	if (!split_entry(line, &entry) || strcmp(entry.gecos, GECOS_MARKER) != 0) {
		FAULT(walk, "nss", "give Berth's user another name, or take the account out of that service",
		    "another service of /etc/nsswitch.conf has a user %s, and is asked before berth", walk->name);
		return false;
	}
	if (strtoul(entry.uid, NULL, 10) != walk->entry.pw_uid || strtoul(entry.gid, NULL, 10) != walk->entry.pw_gid ||
	    strcmp(entry.name, walk->name) != 0) {
		FAULT(walk, "nss", "nscd -i passwd, if nscd runs", "getent passwd %s says %s:%s:%s, the agent "
		    "%u:%u: something keeps an old answer", walk->name, entry.name, entry.uid, entry.gid,
		    (unsigned)walk->entry.pw_uid, (unsigned)walk->entry.pw_gid);
		return false;
	}
	snprintf(walk->shell, sizeof(walk->shell), "%s", entry.shell);
	get_groups(walk);
	WELL(walk, "nss", "getent passwd %s finds it; groups %s", walk->name, walk->groups);
	return true;
}
