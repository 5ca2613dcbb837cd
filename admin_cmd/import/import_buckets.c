#include "admin_cmd/import/import_buckets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/wire/limits.h"

static bool
is_known(const struct import_buckets *buckets, const struct config *config, const char *name)
{
	char path[PATH_BYTES_MAX + 1];
	struct stat status;
	size_t i;

	for (i = 0; i < config->bucket_count; i++)
		if (strcmp(config->buckets[i].name, name) == 0)
			return true;
	for (i = 0; i < buckets->count; i++)
		if (strcmp(buckets->names[i], name) == 0)
			return true;
	snprintf(path, sizeof(path), "%s/%s", config->data_root, name);
	return lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

void
import_buckets_check(struct import_buckets *buckets, struct import_left *left, const struct config *config,
    const char *target, bool is_path)
{
	size_t length = strcspn(target + 1, "/");
	char *name = strndup(target + 1, length);

	if (name == NULL || strchr(name, '$') != NULL || buckets->count == IMPORT_BUCKETS_MAX ||
	    is_known(buckets, config, name)) {
		free(name);
		return;
	}
	if (is_path)
		import_left_note(left, LEFT_BUCKET, 0, "", "Bucket %s /%s", name, name);
	else
		import_left_note(left, LEFT_BUCKET, 0, "", "Bucket %s PATH", name);
	buckets->names[buckets->count++] = name;
}

void
import_buckets_free(struct import_buckets *buckets)
{
	while (buckets->count > 0)
		free(buckets->names[--buckets->count]);
}
