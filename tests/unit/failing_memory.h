/*
 * SQLite's memory, of which an allocation can be made to fail.
 */
#ifndef TEST_FAILING_MEMORY_H
#define TEST_FAILING_MEMORY_H

#include <stdbool.h>

#include <sqlite3.h>

static sqlite3_mem_methods real_memory;
static long countdown = -1; /* so many allocations still succeed; -1: all */
static bool for_good, failed;

static inline bool
allocation_fails(void)
{
	if (countdown == -1 || countdown-- > 0)
		return false;
	countdown = for_good ? 0 : -1;
	failed = true;
	return true;
}

static inline void *
allocate(int size)
{
	return allocation_fails() ? NULL : real_memory.xMalloc(size);
}

static inline void *
reallocate(void *memory, int size)
{
	return allocation_fails() ? NULL : real_memory.xRealloc(memory, size);
}

/* failing_memory: before the library is used; 0 or -1. */
static inline int
failing_memory(void)
{
	sqlite3_mem_methods methods;

	/* Without the memory that a connection sets aside: each allocation is one of ours. */
	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory) != SQLITE_OK ||
	    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) != SQLITE_OK)
		return -1;
	methods = real_memory;
	methods.xMalloc = allocate;
	methods.xRealloc = reallocate;
	return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK ? 0 : -1;
}

#endif
