#include "agent/remote/outdated.h"

#include <stdio.h>
#include <string.h>

static size_t
find(const struct outdated *outdated, const char *name)
{
	size_t i = 0;

	while (i < outdated->count && strcmp(outdated->names[i], name) != 0)
		i++;
	return i;
}

void
outdated_add(struct outdated *outdated, const char *name, int64_t now)
{
	size_t at = find(outdated, name);

	if (at == OUTDATED_NAMES) {
		outdated->all_before = now;
		return;
	}
	snprintf(outdated->names[at], sizeof(outdated->names[at]), "%s", name);
	if (at == outdated->count)
		outdated->count++;
}

bool
outdated_has(const struct outdated *outdated, const char *name, int64_t fetched)
{
	return fetched < outdated->all_before || find(outdated, name) < outdated->count;
}

void
outdated_remove(struct outdated *outdated, const char *name)
{
	size_t at = find(outdated, name);

	if (at == outdated->count)
		return;
	outdated->count--;
	if (at != outdated->count)
		memcpy(outdated->names[at], outdated->names[outdated->count], sizeof(outdated->names[at]));
}
