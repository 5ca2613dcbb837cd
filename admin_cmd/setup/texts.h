/*
 * The texts of the files that setup writes, but for those of admin_cmd/wiring. Each returns a text that the caller frees, or
 * NULL when memory is out.
 */
#ifndef BERTH_SETUP_TEXTS_H
#define BERTH_SETUP_TEXTS_H

#include <stdbool.h>

/* text_config: berth.conf with this ServerId: `text`, which has none, and it at the end; or a new one when text is NULL. */
char *text_config(const char *text, const char *server_id);

/* text_sshd_drop_in: the package's sshd_config.d/berth.conf with this KeysUser. */
char *text_sshd_drop_in(const char *packaged, const char *keys_user);

/* text_reads_drop_in: whether an Include of sshd_config, before any Match, reads this file. */
bool text_reads_drop_in(const char *sshd_config, const char *path);
/* text_include_add, text_include_remove: the one line that reads this file, at the top. */
char *text_include_add(const char *sshd_config, const char *path);
char *text_include_remove(const char *sshd_config, const char *path);

#endif
