/*
 * The configuration in force, and what it names that berth-api keeps in memory. Reference counted: who has taken one keeps
 * it as it is while SIGHUP puts another in its place.
 */
#ifndef BERTH_SETTINGS_H
#define BERTH_SETTINGS_H

#include <stdatomic.h>

#include "api_server/sigv4.h"
#include "api_server/tls.h"
#include "common/host/config.h"

struct settings {
	struct config config;
	struct sigv4_scope scope;      /* whose requests are taken */
	struct tls_identity *identity; /* NULL: plain HTTP */
	char *metrics_token;           /* NULL: metrics for loopback alone */
	atomic_uint references;
};

/* settings_read: the configuration, and the rules that are berth-api's alone: certificate and key come together; plain HTTP
 * is for loopback unless ApiInsecure says otherwise. NULL after at least one report. */
struct settings *settings_read(const char *config_file, config_report *report, void *context);
/* settings_read_files: certificate, key and token, as the User who will have to. Returns 0, or -1 after a report of each. */
int settings_read_files(struct settings *settings, config_report *report, void *context);
/* settings_warn: reports what an operator should know about at once, and is no fault. */
void settings_warn(const struct settings *settings, config_report *report, void *context);

struct settings_box;

/* settings_box_new: `settings` is the box's from now on. NULL when memory is out. */
struct settings_box *settings_box_new(struct settings *settings);
void settings_box_free(struct settings_box *box);
/* settings_replace: the same for others. */
void settings_replace(struct settings_box *box, struct settings *settings);
/* settings_take: those in force now, for settings_release(). Any thread. */
struct settings *settings_take(struct settings_box *box);
void settings_release(struct settings *settings); /* NULL is fine */

#endif
