#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session_helper/open_files.h"

struct open_file *
open_file_new(const char *name, unsigned flags, int64_t opened)
{
	struct open_file *file = calloc(1, sizeof(*file));

	if (file == NULL)
		return NULL;
	file->flags = flags;
	file->opened = opened;
	snprintf(file->name, sizeof(file->name), "%s", name);
	return file;
}

void
open_file_blame(struct open_file *file, const char *reason)
{
	if (*file->reason == '\0' || strcmp(file->reason, "Failure") == 0)
		snprintf(file->reason, sizeof(file->reason), "%s", reason);
}

bool
open_files_add(struct open_files *files, struct open_file *file)
{
	if (files->count == files->room) {
		size_t room = files->room > 0 ? 2 * files->room : 8;
		struct open_file **list = reallocarray(files->list, room, sizeof(struct open_file *));

		if (list == NULL) {
			free(file);
			return false;
		}
		files->list = list;
		files->room = room;
	}
	files->list[files->count++] = file;
	return true;
}

static struct open_file *
take(struct open_files *files, size_t index)
{
	struct open_file *file = files->list[index];

	files->count--;
	memmove(&files->list[index], &files->list[index + 1], (files->count - index) * sizeof(struct open_file *));
	return file;
}

enum { NO_FIT, FITS_REFUSED, FITS_NAME, FITS };

static int
how_well(const struct open_file *file, const struct sftp_line *close)
{
	/* What is cut off a close is never its name, when that of the open wasn't. */
	if (strcmp(file->name, close->name) != 0)
		return NO_FIT;
	if (file->refused)
		return FITS_REFUSED;
	if ((close->bytes_read > 0 && (file->flags & SFTP_READ) == 0) ||
	    (close->bytes_written > 0 && (file->flags & SFTP_WRITE) == 0))
		return FITS_NAME;
	return FITS;
}

struct open_file *
open_files_take(struct open_files *files, const struct sftp_line *close)
{
	int best = NO_FIT;
	size_t best_index = 0;

	for (size_t i = 0; i < files->count && best != FITS; i++) {
		int fit = how_well(files->list[i], close);

		if (fit > best || (fit == best && fit == FITS_REFUSED)) {
			best = fit;
			best_index = i;
		}
	}
	return best != NO_FIT ? take(files, best_index) : NULL;
}

struct open_file *
open_files_take_first(struct open_files *files)
{
	return files->count > 0 ? take(files, 0) : NULL;
}

void
open_files_blame(struct open_files *files, const char *name, const char *reason)
{
	size_t length = strlen(name);
	bool whole = length < SFTP_FAULT_NAME_MAX;

	for (size_t i = 0; i < files->count; i++)
		if (strncmp(files->list[i]->name, name, whole ? SFTP_LINE_MAX : length) == 0)
			open_file_blame(files->list[i], reason);
}

static bool
is_written(const struct open_file *file)
{
	return (file->flags & SFTP_WRITE) != 0 && !file->refused;
}

bool
open_files_blame_written(struct open_files *files, const char *reason)
{
	bool any = false;

	for (size_t i = 0; i < files->count; i++) {
		if (!is_written(files->list[i]))
			continue;
		open_file_blame(files->list[i], reason);
		any = true;
	}
	return any;
}

bool
open_files_any_written(const struct open_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		if (is_written(files->list[i]))
			return true;
	return false;
}

void
open_files_forget_refused(struct open_files *files, size_t most)
{
	size_t refused = 0;

	for (size_t i = 0; i < files->count; i++)
		refused += files->list[i]->refused;
	for (size_t i = 0; i < files->count && refused > most; ) {
		if (!files->list[i]->refused) {
			i++;
			continue;
		}
		free(take(files, i));
		refused--;
	}
}

void
open_files_clear(struct open_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->list[i]);
	free(files->list);
	*files = (struct open_files){ 0 };
}
