/*
 * A VFS for a database in a file that is known by its descriptor alone: who opened it may do what this process may not.
 *
 * One that was in WAL mode says so in its header. Here it has no log, and stands as it is: the header is read without that.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/store/sqlite/sqlite_check.h"

#define VFS_NAME      "berth-descriptor"
#define SECTOR_BYTES  4096
/* The header's bytes that say which version may write and read it: 1, or 2 for WAL. */
#define VERSION_FIRST 18
#define VERSION_LAST  19

struct descriptor_file {
	sqlite3_file base;
	int descriptor;
};

static int
descriptor_of(sqlite3_file *file)
{
	return ((struct descriptor_file *)file)->descriptor;
}

static int
file_close(sqlite3_file *file)
{
	(void)file;
	return SQLITE_OK;
}

static int
file_read(sqlite3_file *file, void *to, int size, sqlite3_int64 offset)
{
	size_t wanted = (size_t)size, done = 0;
	uint8_t *bytes = to;
	ssize_t got;
	int at;

	while (done < wanted && (got = pread(descriptor_of(file), bytes + done, wanted - done, offset + (off_t)done)) != 0) {
		if (got > 0)
			done += (size_t)got;
		else if (errno != EINTR)
			return SQLITE_IOERR_READ;
	}
	memset(bytes + done, 0, wanted - done);
	for (at = VERSION_FIRST; at <= VERSION_LAST; at++)
		if (offset <= at && at < offset + (off_t)done && bytes[at - offset] == 2)
			bytes[at - offset] = 1;
	return done == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int
file_write(sqlite3_file *file, const void *from, int size, sqlite3_int64 offset)
{
	size_t wanted = (size_t)size, done = 0;
	const uint8_t *bytes = from;
	ssize_t put;

	while (done < wanted) {
		put = pwrite(descriptor_of(file), bytes + done, wanted - done, offset + (off_t)done);
		if (put >= 0)
			done += (size_t)put;
		else if (errno != EINTR)
			return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? SQLITE_FULL : SQLITE_IOERR_WRITE;
	}
	return SQLITE_OK;
}

static int
file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return ftruncate(descriptor_of(file), size) == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static int
file_sync(sqlite3_file *file, int flags)
{
	(void)flags;
	return fsync(descriptor_of(file)) == 0 ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int
file_size(sqlite3_file *file, sqlite3_int64 *size)
{
	struct stat status;

	if (fstat(descriptor_of(file), &status) == -1)
		return SQLITE_IOERR_FSTAT;
	*size = status.st_size;
	return SQLITE_OK;
}

static int
file_lock(sqlite3_file *file, int level)
{
	(void)file;
	(void)level;
	return SQLITE_OK;
}

static int
file_locked(sqlite3_file *file, int *locked)
{
	(void)file;
	*locked = 0;
	return SQLITE_OK;
}

static int
file_control(sqlite3_file *file, int operation, void *argument)
{
	(void)file;
	(void)operation;
	(void)argument;
	return SQLITE_NOTFOUND;
}

static int
file_sector(sqlite3_file *file)
{
	(void)file;
	return SECTOR_BYTES;
}

static int
file_device(sqlite3_file *file)
{
	(void)file;
	return 0;
}

static const sqlite3_io_methods METHODS = {
	.iVersion = 1,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_lock,
	.xCheckReservedLock = file_locked,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_device,
};

/* The library's own temporary files go to the system's VFS. */
static int
vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *flags_out)
{
	sqlite3_vfs *system = vfs->pAppData;
	struct descriptor_file *opened = (struct descriptor_file *)file;

	if (name == NULL)
		return system->xOpen(system, name, file, flags, flags_out);
	opened->base.pMethods = NULL;
	if ((flags & SQLITE_OPEN_MAIN_DB) == 0)
		return SQLITE_CANTOPEN;
	opened->base.pMethods = &METHODS;
	opened->descriptor = (int)strtol(name, NULL, 10);
	if (flags_out != NULL)
		*flags_out = flags;
	return SQLITE_OK;
}

static int
vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	(void)name;
	(void)sync;
	return SQLITE_OK;
}

static int
vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
	(void)vfs;
	(void)name;
	(void)flags;
	*result = 0;
	return SQLITE_OK;
}

static int
vfs_full_path(sqlite3_vfs *vfs, const char *name, int size, char *full)
{
	(void)vfs;
	return snprintf(full, (size_t)size, "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

const char *
descriptor_vfs(void)
{
	sqlite3_vfs *system = sqlite3_vfs_find(NULL), *vfs;

	if (sqlite3_vfs_find(VFS_NAME) != NULL)
		return VFS_NAME;
	if (system == NULL || (vfs = malloc(sizeof(*vfs))) == NULL)
		return NULL;
	*vfs = *system;
	vfs->pNext = NULL;
	vfs->zName = VFS_NAME;
	vfs->pAppData = system;
	if (vfs->szOsFile < (int)sizeof(struct descriptor_file))
		vfs->szOsFile = (int)sizeof(struct descriptor_file);
	vfs->xOpen = vfs_open;
	vfs->xDelete = vfs_delete;
	vfs->xAccess = vfs_access;
	vfs->xFullPathname = vfs_full_path;
	/* It stays registered, as long as the process lives. */
	if (sqlite3_vfs_register(vfs, 0) == SQLITE_OK)
		return VFS_NAME;
	free(vfs);
	return NULL;
}
