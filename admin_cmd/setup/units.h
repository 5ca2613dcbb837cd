/*
 * systemd's units: Berth's, and sshd's.
 */
#ifndef BERTH_SETUP_UNITS_H
#define BERTH_SETUP_UNITS_H

#include <stdbool.h>

#include "admin_cmd/setup/files.h" /* SETUP_WHY_MAX */

#define UNITS_COUNT 2

struct units {
	bool systemd;              /* it is what runs this host; all else is false otherwise */
	bool enabled[UNITS_COUNT]; /* berthd.socket, berthd.service */
	bool active[UNITS_COUNT];
	const char *sshd;          /* the active unit of sshd; NULL: none */
};

void units_read(struct units *units);

/* units_on: whether both are enabled and active; units_off: whether neither is. */
bool units_on(const struct units *units);
bool units_off(const struct units *units);

/* Each returns 0, or -1 with `why` (SETUP_WHY_MAX bytes). */
int units_start(char *why);                      /* enable --now */
int units_stop(char *why);                       /* disable --now */
int units_put_back(const struct units *before, char *why); /* as they were read */
int units_restart_agent(char *why);              /* try-restart: where it runs */
int units_reload_manager(char *why);             /* daemon-reload */
int units_reload_sshd(const struct units *units, char *why); /* and it still runs */
int units_revive_sshd(const struct units *units, char *why); /* reload; started, if it had ended */

#endif
