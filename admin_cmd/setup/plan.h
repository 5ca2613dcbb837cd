/*
 * What setup will do: steps, each of which leaves a host that root and local users log in to, in whatever order they are
 * broken off.
 */
#ifndef BERTH_SETUP_PLAN_H
#define BERTH_SETUP_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "admin_cmd/setup/files.h"
#include "admin_cmd/setup/host_state.h"
#include "admin_cmd/setup/store_child.h"
#include "admin_cmd/setup/units.h"
#include "common/host/config.h"

#define SETUP "berth setup"

enum plan_file { FILE_CONFIG, FILE_NSSWITCH, FILE_PAM, FILE_DROP_IN, FILE_SSHD, FILE_REMOTE, FILE_COUNT };

enum step_kind {
	STEP_DIRECTORY,      /* made */
	STEP_SERVER,         /* made in the store; its id goes into FILE_CONFIG */
	STEP_FILE,           /* put in place, and root and local users checked */
	STEP_RELOAD_MANAGER, /* systemd reads its units again */
	STEP_START,          /* Berth's units are enabled and started */
	STEP_RESTART,        /* the agent, which runs, is started again */
	STEP_STOP,           /* Berth's units are disabled and stopped */
	STEP_RELOAD_SSHD,
};

struct step {
	enum step_kind kind;
	const char *path;        /* STEP_DIRECTORY */
	struct setup_file *file; /* STEP_FILE */
	bool done;
};

#define STEPS_MAX    16
#define WARNINGS_MAX 16

struct plan {
	bool undo;
	struct setup_file files[FILE_COUNT];
	struct step steps[STEPS_MAX];
	size_t step_count;
	char *warnings[WARNINGS_MAX];
	size_t warning_count;
	struct config config;    /* setup: as it will be; without a ServerId while its server has to be made */
	struct units units;
	struct host_state before;
	char keys_command[PATH_MAX]; /* "": undo */
};

/*
 * plan_make: reads the host. 0, or -1 after saying on stderr why there can be no setup, and the cure. Either way
 * plan_free() releases it.
 */
int plan_make(struct plan *plan, bool undo);
void plan_free(struct plan *plan);

#endif
