/*
 * users.conf of the atmoz/sftp image: user:pass[:e][:uid[:gid[:dir1[,dir2]…]]]. Fields may be missing at the end, or empty;
 * blank lines, and those whose first character but blanks is '#', are none.
 */
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/import/import_source.h"
#include "common/wire/limits.h"

struct image_user {
	const char *name, *password, *uid, *gid;
	char *directories;
};

static void
split(char *line, struct image_user *user)
{
	static char none[] = "";
	char *rest = line, *field;

	user->name = strsep(&rest, ":");
	field = strsep(&rest, ":");
	user->password = field == NULL ? none : field;
	field = strsep(&rest, ":");
	if (field != NULL && strcmp(field, "e") == 0) /* the password is encrypted */
		field = strsep(&rest, ":");
	user->uid = field == NULL ? none : field;
	field = strsep(&rest, ":");
	user->gid = field == NULL ? none : field;
	field = strsep(&rest, ":");
	user->directories = field == NULL ? none : field;
}

/* DIR/NAME[/directory]; the caller frees it. */
static char *
path_of(const struct import_source *source, const char *name, const char *directory)
{
	const char *home = source->flags->home == NULL ? "/home" : source->flags->home;
	size_t length = strlen(home);
	char *path;

	while (length > 0 && home[length - 1] == '/')
		length--;
	if (asprintf(&path, "%.*s/%s%s%s", (int)length, home, name, directory[0] == '\0' ? "" : "/", directory) == -1)
		return NULL;
	return path;
}

static bool
add_directory(struct import_source *source, cJSON *user, const char *name, const char *directory)
{
	char *target = path_of(source, name, directory), *entry = NULL;
	bool well = target != NULL && asprintf(&entry, "/%s", directory) != -1 &&
	    import_source_add_mapping(source, user, entry, target, true);

	free(target);
	free(entry);
	return well;
}

/* Counted before anything is made of them: a line has room for millions. */
static bool
too_many(const char *directories)
{
	size_t count = 0;

	for (directories += strspn(directories, ","); *directories != '\0'; directories += strspn(directories, ",")) {
		directories += strcspn(directories, ",");
		count++;
	}
	return count > MAPPINGS_MAX;
}

/* Each directory becomes an entry; without any, the user's own directory is the root. */
static bool
add_directories(struct import_source *source, cJSON *user, const struct image_user *image)
{
	char *rest = image->directories, *directory;
	bool any = false;

	while ((directory = strsep(&rest, ",")) != NULL) {
		if (directory[0] == '\0')
			continue;
		any = true;
		if (!add_directory(source, user, image->name, directory))
			return false;
	}
	return any || add_directory(source, user, image->name, "");
}

/* The gid that a user with a uid gets; false: the line is refused. */
static bool
gid_of(struct import_source *source, const struct image_user *image, uint32_t *gid)
{
	const struct import_source_flags *flags = source->flags;
	bool given = image->gid[0] != '\0';

	if (given && !import_source_number(image->gid, gid)) {
		import_source_refuse(source, image->name, "The gid is no number");
		return false;
	}
	if (given && (!flags->has_gid || *gid >= source->config->min_gid))
		return true;
	if (!flags->has_gid) {
		import_source_refuse(source, image->name, "There is no gid; --gid N says which");
		return false;
	}
	if (given)
		import_left_note(source->left, LEFT_GROUPS, source->line, image->name,
		    "gid %u is below MinGid: %u instead", *gid, flags->gid);
	*gid = flags->gid;
	return true;
}

/* Whoever has no uid gets one when the image's container starts, which can't be known here: the record has no profile. */
static bool
add_profile(struct import_source *source, cJSON *user, const uint32_t *uid, uint32_t gid, const char *name)
{
	if (uid != NULL)
		return import_source_add_profile(user, *uid, gid, NULL, 0);
	import_left_note(source->left, LEFT_NO_PROFILE, source->line, name, "%s", "");
	return true;
}

int
import_users_conf_line(struct import_source *source, char *line)
{
	uint32_t uid = ID_NONE, gid = ID_NONE;
	struct image_user image;
	bool has_uid;
	cJSON *user;

	if (line[strspn(line, " \t")] == '\0' || line[strspn(line, " \t")] == '#')
		return 0;
	split(line, &image);
	has_uid = image.uid[0] != '\0';
	if (!import_source_check_name(source, image.name))
		return 0;
	if (has_uid && !import_source_number(image.uid, &uid))
		return import_source_refuse(source, image.name, "The uid is no number");
	if (has_uid && !gid_of(source, &image, &gid))
		return 0;
	if (too_many(image.directories))
		return import_source_refuse(source, image.name, "More than %d directories, the most that a user may see",
		    MAPPINGS_MAX);
	if (image.password[0] != '\0')
		import_left_note(source->left, LEFT_PASSWORD, source->line, image.name, "%s", "");
	user = import_source_user(source, image.name, has_uid ? &uid : NULL);
	if (user != NULL && add_profile(source, user, has_uid ? &uid : NULL, gid, image.name) &&
	    add_directories(source, user, &image) &&
	    import_source_add_keys(source, user, image.name, import_keys_of_image(source, image.name)))
		return import_source_write(source, user);
	cJSON_Delete(user);
	return -1;
}
