#include "agent/remote/remembered.h"

#include <stdio.h>
#include <string.h>

static size_t
slot_of(const char *name)
{
	return name_hash(name) % REMEMBERED_NAMES;
}

void
remembered_put(struct remembered *remembered, const char *name, enum remembered_what what, int64_t until)
{
	struct remembered_name *slot = &remembered->names[slot_of(name)];

	snprintf(slot->name, sizeof(slot->name), "%s", name);
	slot->what = what;
	slot->until = until;
}

enum remembered_what
remembered_get(const struct remembered *remembered, const char *name, int64_t now)
{
	const struct remembered_name *slot = &remembered->names[slot_of(name)];

	return slot->until > now && strcmp(slot->name, name) == 0 ? slot->what : REMEMBERED_NOTHING;
}

void
remembered_forget(struct remembered *remembered, const char *name)
{
	struct remembered_name *slot = &remembered->names[slot_of(name)];

	if (strcmp(slot->name, name) == 0)
		slot->until = 0;
}

void
remembered_forget_all(struct remembered *remembered)
{
	for (size_t i = 0; i < REMEMBERED_NAMES; i++)
		remembered->names[i].until = 0;
}
