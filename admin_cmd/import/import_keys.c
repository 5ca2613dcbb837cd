/*
 * Files of public keys in directories that somebody else may write to, while this process may be root: every step is one
 * name below a directory that is open already, no link is followed, and what isn't a regular file is not read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin_cmd/import/import_key_lines.h"

/* Of one user: whoever may write the files decides what is in them, and must not fill our memory. */
#define BYTES_MAX (1024 * 1024)
#define FILES_MAX 1000

/* All of a regular file. Closes the descriptor. */
static void
read_file(struct key_reader *reader, const char *file, int descriptor)
{
	char *text = malloc(BYTES_MAX + 2);
	size_t used = 0, most = BYTES_MAX - reader->bytes;
	ssize_t count = 0;

	if (text == NULL)
		reader->no_memory = true;
	while (text != NULL && used <= most && (count = read(descriptor, text + used, most + 1 - used)) > 0)
		used += (size_t)count;
	if (count == -1)
		key_reader_unread(reader, file, strerror(errno));
	else if (used > most)
		key_reader_unread(reader, file,
		    reader->bytes == 0 ? "longer than 1 MiB" : "longer than 1 MiB with those before it");
	else if (text != NULL) {
		reader->bytes += used;
		text[used] = '\0';
		if (strlen(text) == used)
			key_reader_text(reader, file, text);
		else
			key_reader_unread(reader, file, "holds a NUL");
	}
	free(text);
	close(descriptor);
}

enum there { THERE_NOT, THERE_FILE, THERE_DIRECTORY, THERE_UNUSABLE };

/* What `name` is below the directory, and open when it can be used. */
static enum there
look(struct key_reader *reader, int directory, const char *name, const char *shown, int *descriptor)
{
	struct stat status;

	*descriptor = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (*descriptor == -1 && errno == ENOENT)
		return THERE_NOT;
	if (*descriptor == -1) {
		key_reader_unread(reader, shown,
		    errno == ELOOP ? "a symbolic link, which is not followed" : strerror(errno));
		return THERE_UNUSABLE;
	}
	if (fstat(*descriptor, &status) == 0 && S_ISREG(status.st_mode))
		return THERE_FILE;
	if (fstat(*descriptor, &status) == 0 && S_ISDIR(status.st_mode))
		return THERE_DIRECTORY;
	key_reader_unread(reader, shown, "not a regular file");
	close(*descriptor);
	return THERE_UNUSABLE;
}

/* Reads the file `name` below the directory if it is there. Returns whether it is, usable or not. */
static bool
read_below(struct key_reader *reader, int directory, const char *name, const char *shown)
{
	int descriptor;

	switch (look(reader, directory, name, shown, &descriptor)) {
	case THERE_NOT:
		return false;
	case THERE_FILE:
		read_file(reader, shown, descriptor);
		return true;
	case THERE_DIRECTORY:
		import_left_note(reader->source->left, LEFT_KEY_FILE, reader->source->line, reader->name,
		    "%s: not a regular file", shown);
		close(descriptor);
		return true;
	case THERE_UNUSABLE:
		break;
	}
	return true;
}

/* The directory `name` below another one, or -1: then it isn't there, or has been told of. */
static int
open_directory(struct key_reader *reader, int directory, const char *name, const char *shown)
{
	int descriptor;

	switch (look(reader, directory, name, shown, &descriptor)) {
	case THERE_DIRECTORY:
		return descriptor;
	case THERE_FILE:
		key_reader_unread(reader, shown, "not a directory");
		close(descriptor);
		break;
	case THERE_NOT:
	case THERE_UNUSABLE:
		break;
	}
	return -1;
}

static void
read_account_directory(struct key_reader *reader, int directory)
{
	int below;

	if (read_below(reader, directory, "authorized_keys", "authorized_keys"))
		return;
	below = open_directory(reader, directory, ".ssh", ".ssh");
	if (below == -1)
		return;
	read_below(reader, below, "authorized_keys", ".ssh/authorized_keys");
	close(below);
}

static void
read_account(struct key_reader *reader)
{
	int descriptor;

	switch (look(reader, reader->source->keys_directory, reader->name, reader->name, &descriptor)) {
	case THERE_FILE:
		read_file(reader, reader->name, descriptor);
		break;
	case THERE_DIRECTORY:
		read_account_directory(reader, descriptor);
		close(descriptor);
		break;
	case THERE_NOT:
	case THERE_UNUSABLE:
		break;
	}
}

static int
is_key_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.'; /* as the shell's * has it */
}

/* In the order of their names, in which the image puts them into one file. A key may have options in a file that was not
 * read, and sshd would go by these: so none is taken from what comes after it. Closes the directory. */
static void
read_all_files(struct key_reader *reader, int directory)
{
	struct dirent **entries = NULL;
	int count = scandirat(directory, ".", &entries, is_key_file, alphasort), i;
	char shown[sizeof(".ssh/keys/") + NAME_MAX];

	if (count == -1)
		key_reader_unread(reader, ".ssh/keys", strerror(errno));
	for (i = 0; i < count; i++) {
		snprintf(shown, sizeof(shown), ".ssh/keys/%s", entries[i]->d_name);
		if (i == FILES_MAX)
			key_reader_unread(reader, shown, "and what comes after it: too many files");
		else if (i < FILES_MAX && reader->unread)
			key_reader_unread(reader, shown, "not read: what comes before it could not all be read, and may "
			    "have the same keys with options");
		else if (i < FILES_MAX)
			read_below(reader, directory, entries[i]->d_name, shown);
		free(entries[i]);
	}
	free(entries);
	close(directory);
}

static void
read_image(struct key_reader *reader)
{
	int home = open_directory(reader, reader->source->keys_directory, reader->name, reader->name), ssh = -1, keys = -1;

	if (home != -1)
		ssh = open_directory(reader, home, ".ssh", ".ssh");
	if (ssh != -1)
		keys = open_directory(reader, ssh, "keys", ".ssh/keys");
	if (keys != -1)
		read_all_files(reader, keys);
	if (ssh != -1)
		close(ssh);
	if (home != -1)
		close(home);
}

static cJSON *
read_keys(struct import_source *source, const char *name, void (*read)(struct key_reader *))
{
	struct key_reader reader;

	key_reader_start(&reader, source, name);
	if (source->keys_directory != -1 && !reader.no_memory)
		read(&reader);
	return key_reader_end(&reader);
}

cJSON *
import_keys_of_account(struct import_source *source, const char *name)
{
	return read_keys(source, name, read_account);
}

cJSON *
import_keys_of_image(struct import_source *source, const char *name)
{
	return read_keys(source, name, read_image);
}
