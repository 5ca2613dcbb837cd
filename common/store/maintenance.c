#include "common/store/maintenance.h"

#include "common/store/sqlite/sqlite_check.h"
#include "common/store/store_operations.h"

int
store_check(const char *spec, const struct store_care *care, struct store_findings *findings, struct api_error *error)
{
	const char *path = store_sqlite_path(spec, error);

	return path == NULL ? -1 : sqlite_check(path, care, findings, error);
}

int
store_repair(const char *spec, const struct store_care *care, struct store_findings *findings, char *kept,
    struct api_error *error)
{
	const char *path = store_sqlite_path(spec, error);

	return path == NULL ? -1 : sqlite_repair(path, care, findings, kept, error);
}

int
store_backup(const char *spec, int file, const struct store_care *care, struct api_error *error)
{
	const char *path = store_sqlite_path(spec, error);

	return path == NULL ? -1 : sqlite_backup(path, file, care, error);
}

int
store_restore(const char *spec, int file, const char *name, const struct store_care *care, char *kept,
    struct api_error *error)
{
	const char *path = store_sqlite_path(spec, error);

	return path == NULL ? -1 : sqlite_restore(path, file, name, care, kept, error);
}
