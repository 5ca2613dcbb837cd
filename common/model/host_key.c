#include "common/model/host_key.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/model/keys.h"

static const char *const USUAL[] = {
	"/etc/ssh/ssh_host_ed25519_key.pub", "/etc/ssh/ssh_host_ecdsa_key.pub", "/etc/ssh/ssh_host_rsa_key.pub",
};

/* The file's beginning as text; a public key is shorter than the room. */
static int
read_line(const char *path, char *text, size_t size)
{
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t length;

	if (file == -1)
		return -1;
	length = read(file, text, size - 1);
	close(file);
	if (length <= 0)
		return -1;
	text[length] = '\0';
	return 0;
}

/* TYPE BASE64 [COMMENT]. Returns 0, or -1 when the file isn't that. */
static int
fingerprint_of(const char *path, char *fingerprint)
{
	char text[KEY_TYPE_MAX + KEY_BASE64_MAX + 512], *rest, *type, *base64;

	if (read_line(path, text, sizeof(text)) == -1)
		return -1;
	type = strtok_r(text, " \t\n", &rest);
	base64 = strtok_r(NULL, " \t\n", &rest);
	if (!keys_type_known(type) || !keys_is_base64(base64) || keys_fingerprint(base64, fingerprint) == -1)
		return -1;
	strcat(fingerprint, "=");
	return 0;
}

void
host_key_fingerprint(const struct config *config, char *fingerprint)
{
	size_t i;

	fingerprint[0] = '\0';
	if (config->host_public_key != NULL) {
		fingerprint_of(config->host_public_key, fingerprint);
		return;
	}
	for (i = 0; i < sizeof(USUAL) / sizeof(*USUAL); i++)
		if (fingerprint_of(USUAL[i], fingerprint) == 0)
			return;
}
