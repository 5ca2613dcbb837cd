/*
 * Who sshd lets log in at all: AllowUsers, DenyUsers, AllowGroups and DenyGroups, judged by sshd's own rules (match.c and
 * auth.c of OpenSSH): `*` and `?` in names, USER@HOST with lists of patterns and networks, `!` before a host's pattern.
 */
#ifndef BERTH_SSHD_PATTERN_H
#define BERTH_SSHD_PATTERN_H

#include <stdbool.h>

#include "admin_cmd/wiring/sshd_settings.h"

/* sshd_pattern_matches: `*` is any characters, `?` is one. */
bool sshd_pattern_matches(const char *text, const char *pattern);

enum sshd_match {
	SSHD_NO,
	SSHD_YES,
	SSHD_DEPENDS, /* on where from, which wasn't said */
};

/* sshd_user_matches: a word of AllowUsers or DenyUsers, against the user's name and the client's address; NULL: not known.
 * sshd is taken to know the client by its address alone (UseDNS no). */
enum sshd_match sshd_user_matches(const char *user, const char *client, const char *pattern);

/*
 * sshd_admits: whether sshd would go on with this user, whose groups are `groups`, names with spaces between. SSHD_DEPENDS
 * and SSHD_NO with the reason in sshd's own words in `why` (SSHD_WHY_MAX bytes), and the setting's line.
 */
enum sshd_match sshd_admits(const struct sshd_settings *settings, const char *user, const char *client, const char *groups,
    char *why);

/* sshd_list_has: whether a comma-separated list has the word. */
bool sshd_list_has(const char *list, const char *word);

#endif
