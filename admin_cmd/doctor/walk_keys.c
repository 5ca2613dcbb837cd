#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin_cmd/doctor/walk.h"
#include "common/host/whole_io.h"
#include "common/model/keys.h"

#define SHOWN_MAX 10
#define KEY_FILE_MAX 16384
#define IMPORT "berth admin import-ssh-public-key --user-name %s --ssh-public-key-body file://KEY.pub"
#define FINGERPRINT_START "SHA256:"

static void
say_key(struct walk *walk, const struct walk_key *key)
{
	if (key->bits > 0 && key->bits < walk->config->min_rsa_bits)
		WARNING(walk, "keys", "replace it: berth admin delete-ssh-public-key and import-ssh-public-key",
		    "%s %s: %zu bits, fewer than MinRsaBits %u asks for of new keys", key->type, key->fingerprint, key->bits,
		    walk->config->min_rsa_bits);
	else if (key->bits > 0)
		WELL(walk, "keys", "%s %s, %zu bits", key->type, key->fingerprint, key->bits);
	else
		WELL(walk, "keys", "%s %s", key->type, key->fingerprint);
}

/* read_key_file: 0, or -1 after saying what is wrong. */
static int
read_key_file(struct walk *walk, struct ssh_key *key)
{
	const char *file = walk->doctor->key_file;
	char text[KEY_FILE_MAX + 1];
	struct api_error error = { .code = API_OK };
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t length = fd >= 0 ? whole_read(fd, text, KEY_FILE_MAX, 0) : -1;

	if (length < 0)
		FAULT(walk, "key", "name a file that holds a public key", "%.200s: %s", file, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (length < 0)
		return -1;
	text[length] = '\0';
	if (keys_parse(text, 0, key, &error) == 0)
		return 0;
	FAULT(walk, "key", "ask the user for the .pub file of the key that they use", "%.200s: %s", file,
	    error.message);
	return -1;
}

/* asked_fingerprint: of the key that --key names; false after saying what is wrong with it. */
static bool
asked_fingerprint(struct walk *walk, char fingerprint[FINGERPRINT_MAX + 1])
{
	const char *given = walk->doctor->key_file;
	struct ssh_key key;

	if (strncmp(given, FINGERPRINT_START, strlen(FINGERPRINT_START)) == 0) {
		snprintf(fingerprint, FINGERPRINT_MAX + 1, "%s", given);
		return true;
	}
	if (read_key_file(walk, &key) != 0)
		return false;
	keys_fingerprint(key.base64, fingerprint);
	record_free_key(&key);
	return true;
}

static bool
find_asked(struct walk *walk)
{
	char fingerprint[FINGERPRINT_MAX + 1];
	struct walk_record *record = walk->record;

	if (!asked_fingerprint(walk, fingerprint))
		return false;
	for (size_t i = 0; i < record->key_count; i++)
		if (strcmp(record->keys[i].fingerprint, fingerprint) == 0)
			walk->asked = &record->keys[i];
	if (walk->asked != NULL) {
		WELL(walk, "key", "%s is one of them", fingerprint);
		return true;
	}
	FAULT(walk, "key", walk_cure(walk, IMPORT ", if it is to open this user; or let the user offer one of the "
	    "record's", walk->name),
	    "the key that the user offers, %s, is not among the record's (%zu)", fingerprint, record->key_count);
	return false;
}

bool
walk_keys(struct walk *walk)
{
	const struct walk_record *record = walk->record;

	for (size_t i = 0; i < record->key_count && i < SHOWN_MAX; i++)
		say_key(walk, &record->keys[i]);
	if (record->key_count > SHOWN_MAX)
		WELL(walk, "keys", "and %zu more", record->key_count - SHOWN_MAX);
	if (record->key_count == 0) {
		FAULT(walk, "keys", walk_cure(walk, IMPORT, walk->name), "the record has no SSH public key");
		return false;
	}
	return walk->doctor->key_file == NULL || find_asked(walk);
}
