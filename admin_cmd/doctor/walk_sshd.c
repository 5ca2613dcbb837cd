#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin_cmd/doctor/sshd_process.h"
#include "admin_cmd/doctor/walk.h"
#include "admin_cmd/wiring/sshd_pattern.h"

#define ANY_CLIENT "127.0.0.1" /* what sshd is asked with when nobody has said where the user comes from */
#define SETUP "berth setup, which writes " SSHD_CONFIG_DIR "/berth.conf"
#define WHERE "look for it in " SSHD_CONFIG_FILE " and " SSHD_CONFIG_DIR ": grep -ri "

/* setting: its first value, "" when sshd doesn't say. */
static const char *
setting(struct walk *walk, const char *keyword, char value[1024])
{
	if (sshd_settings_value(&walk->settings, keyword, 0, value, 1024) < 0)
		value[0] = '\0';
	return value;
}

static bool
is(struct walk *walk, const char *keyword, const char *wanted)
{
	char value[1024];

	return strcmp(setting(walk, keyword, value), wanted) == 0;
}

/* sshd admits nobody whose shell isn't there. */
static bool
shell_fits(struct walk *walk)
{
	struct stat status;

	if (stat(walk->shell, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 0111) != 0)
		return true;
	FAULT(walk, "sshd", "put that program back: apt-get install --reinstall login",
	    "User %s not allowed because shell %s does not exist, or isn't executable", walk->name, walk->shell);
	return false;
}

static bool
user_is_admitted(struct walk *walk)
{
	char why[SSHD_WHY_MAX];

	switch (sshd_admits(&walk->settings, walk->name, walk->doctor->client, walk->groups, why)) {
	case SSHD_NO:
		FAULT(walk, "sshd", "let AllowUsers, AllowGroups, DenyUsers and DenyGroups admit the user, or the group "
		    BERTH_USERS_GROUP ": grep -riE '(allow|deny)(users|groups)' /etc/ssh", "User %s not allowed because %s",
		    walk->name, why);
		return false;
	case SSHD_DEPENDS:
		WARNING(walk, "sshd", "berth doctor USER --from ADDRESS says whether from there",
		    "whether it admits %s depends on where they come from: %s", walk->name, why);
		return true;
	case SSHD_YES:
		break;
	}
	return true;
}

/* methods_fit: one public key, and nothing else, must be enough: the PAM module takes no other way in. */
static bool
methods_fit(struct walk *walk)
{
	char value[1024];

	setting(walk, "authenticationmethods", value);
	if (value[0] == '\0' || strcmp(value, "any") == 0)
		return true;
	for (char *word = strtok(value, " "); word != NULL; word = strtok(NULL, " "))
		if (strcmp(word, "publickey") == 0)
			return true;
	FAULT(walk, "sshd", SETUP, "AuthenticationMethods doesn't let a public key alone be enough");
	return false;
}

struct rule {
	const char *keyword, *wanted, *found, *cure;
};

static bool
rules_hold(struct walk *walk)
{
	static const struct rule RULES[] = {
		{ "usepam", "yes", "UsePAM is no: no session would be sealed", "say UsePAM yes in " SSHD_CONFIG_FILE },
		{ "pubkeyauthentication", "yes", "PubkeyAuthentication is no: sshd takes no key",
		    "say PubkeyAuthentication yes in " SSHD_CONFIG_FILE },
		{ "chrootdirectory", "none", "ChrootDirectory is set for this user: sshd would look for it inside the view",
		    WHERE "chrootdirectory /etc/ssh; say ChrootDirectory none for the group " BERTH_USERS_GROUP },
	};
	char value[1024];

	for (size_t i = 0; i < sizeof(RULES) / sizeof(RULES[0]); i++) {
		setting(walk, RULES[i].keyword, value);
		if (value[0] == '\0' || strcmp(value, RULES[i].wanted) == 0)
			continue;
		FAULT(walk, "sshd", RULES[i].cure, "%s", RULES[i].found);
		return false;
	}
	return true;
}

/* algorithm_fits: whether sshd takes signatures of this type of key. */
static bool
algorithm_fits(const struct walk_key *key, const char *algorithms)
{
	if (strcmp(key->type, "ssh-rsa") != 0)
		return sshd_list_has(algorithms, key->type);
	return sshd_list_has(algorithms, "rsa-sha2-256") || sshd_list_has(algorithms, "rsa-sha2-512") ||
	    sshd_list_has(algorithms, "ssh-rsa");
}

/* judge_key: why sshd wouldn't take it, in `why`; "" when it would. */
static void
judge_key(const struct walk_key *key, const char *algorithms, size_t rsa_bits, char why[128])
{
	why[0] = '\0';
	if (algorithms[0] != '\0' && !algorithm_fits(key, algorithms))
		snprintf(why, 128, "PubkeyAcceptedAlgorithms has none for %s", key->type);
	else if (key->bits > 0 && key->bits < rsa_bits)
		snprintf(why, 128, "%zu bits are fewer than RequiredRSASize %zu", key->bits, rsa_bits);
}

/* keys_are_taken: of those that count at least one. */
static bool
keys_are_taken(struct walk *walk)
{
	char algorithms[1024], number[1024], why[128] = "";
	size_t usable = 0, rsa_bits;

	setting(walk, "pubkeyacceptedalgorithms", algorithms);
	rsa_bits = strtoul(setting(walk, "requiredrsasize", number), NULL, 10);
	for (size_t i = 0; i < walk->record->key_count; i++) {
		struct walk_key *key = &walk->record->keys[i];

		if (walk->asked != NULL && walk->asked != key)
			continue;
		judge_key(key, algorithms, rsa_bits, why);
		key->unusable = why[0] != '\0';
		usable += !key->unusable;
		if (key->unusable)
			WARNING(walk, "sshd", NULL, "it doesn't take the key %s: %s", key->fingerprint, why);
	}
	if (usable == 0)
		FAULT(walk, "sshd", "give the user a key of another type (ssh-keygen -t ed25519), or let sshd take this one",
		    "it takes none of the user's keys: %s", why);
	return usable > 0;
}

/* command_fits: a program is none of the things that a view holds. */
static bool
command_fits(struct walk *walk)
{
	char command[1024];

	setting(walk, "forcecommand", command);
	if (command[0] == '\0' || strcmp(command, "none") == 0 ||
	    strncmp(command, "internal-sftp", strlen("internal-sftp")) == 0)
		return true;
	FAULT(walk, "sshd", WHERE "forcecommand /etc/ssh; it may not stand for the group " BERTH_USERS_GROUP,
	    "ForceCommand is %s for this user: nothing else than internal-sftp can be run inside a view", command);
	return false;
}

/* listens: whoever accepts for sshd. */
static bool
listens(struct walk *walk)
{
	char ports[128];

	if (sshd_process_listens(&walk->settings, ports))
		return true;
	FAULT(walk, "sshd", checks_service("systemctl start ssh", "start sshd, as this host starts its daemons"),
	    "nobody listens on port%s: sshd doesn't run", ports);
	return false;
}

static void
say_match(struct walk *walk)
{
	char command[1024];

	setting(walk, "forcecommand", command);
	if (strncmp(command, "internal-sftp", strlen("internal-sftp")) != 0)
		WARNING(walk, "sshd", SETUP "; and berth on the group line of /etc/nsswitch.conf",
		    "\"Match Group " BERTH_USERS_GROUP "\" doesn't apply: sessions are sealed all the same, and logged less "
		    "exactly");
	else
		WELL(walk, "sshd", "it admits %s, by public key alone, to %s", walk->name, command);
}

bool
walk_sshd(struct walk *walk)
{
	const char *client = walk->doctor->client != NULL ? walk->doctor->client : ANY_CLIENT;
	char why[SSHD_WHY_MAX];

	if (sshd_settings_read(&walk->settings, walk->name, client, why) != 0) {
		FAULT(walk, "sshd", "sshd -t", "its configuration is refused: %s", why);
		return false;
	}
	if (!listens(walk) || !shell_fits(walk) || !user_is_admitted(walk) || !rules_hold(walk) || !methods_fit(walk) ||
	    !command_fits(walk) || !keys_are_taken(walk))
		return false;
	if (is(walk, "authorizedkeyscommand", "none")) {
		FAULT(walk, "sshd", SETUP, "no AuthorizedKeysCommand is set: it asks berth-keys for no key");
		return false;
	}
	say_match(walk);
	return true;
}
