/*
 * What sshd makes of its configuration, asked of sshd itself: `sshd -t` and `sshd -T`.
 */
#ifndef BERTH_SSHD_SETTINGS_H
#define BERTH_SSHD_SETTINGS_H

#include <stddef.h>

#define SSHD_PROGRAM     "/usr/sbin/sshd"
#define SSHD_CONFIG_FILE "/etc/ssh/sshd_config"
#define SSHD_CONFIG_DIR  "/etc/ssh/sshd_config.d"

#define SSHD_PID_FILE    "/run/sshd.pid" /* there while sshd runs, written anew each time it has read its configuration */
/* Debian's ssh.service makes it and takes it away again. Without it sshd answers nothing, and serves nobody. Where no sshd
 * runs, asking makes it. */
#define SSHD_EMPTY_DIR   "/run/sshd"

#define SSHD_WHY_MAX 512

/* sshd_test: whether sshd would start with its configuration as it is now: 0, or -1 with what it says in `why`
 * (SSHD_WHY_MAX bytes). */
int sshd_test(char *why);

/* The settings in force, "keyword value" a line, keywords in lower case, defaults filled in. */
struct sshd_settings {
	char *text;
};

/*
 * sshd_settings_read: for a login of `user` from `client` (an address), Match blocks applied; NULL for the settings before
 * any login. A user whom NSS doesn't know is in no group. Root alone can ask. 0, or -1 with `why`; either way
 * sshd_settings_free() releases it.
 */
int sshd_settings_read(struct sshd_settings *settings, const char *user, const char *client, char *why);
void sshd_settings_free(struct sshd_settings *settings);

/*
 * sshd_settings_value: the `number`th value (from 0) of a keyword in lower case, up to the line's end, in `value`; more than
 * that is cut. Returns its length, or -1 when there is none. Keywords that take several words (allowusers) have a line each.
 */
int sshd_settings_value(const struct sshd_settings *settings, const char *keyword, size_t number, char *value, size_t size);

#endif
