#include "admin_cmd/admin/skeleton.h"

/* Adds the member, or the item when it has no name, to what the caller has made; NULL for anything that isn't there. */
static cJSON *
with_child(cJSON *parent, const char *name, const struct shape *shape)
{
	cJSON *child = parent == NULL ? NULL : skeleton_make(shape);

	if (child == NULL || !(name == NULL ? cJSON_AddItemToArray(parent, child) :
	    cJSON_AddItemToObject(parent, name, child))) {
		cJSON_Delete(child);
		cJSON_Delete(parent);
		return NULL;
	}
	return parent;
}

cJSON *
skeleton_make(const struct shape *shape)
{
	cJSON *object;

	switch (shape->kind) {
	case SHAPE_STRING:
		return cJSON_CreateString(shape->values == NULL ? "" : shape->values[0]);
	case SHAPE_INTEGER:
		return cJSON_CreateNumber(0);
	case SHAPE_LIST:
		return with_child(cJSON_CreateArray(), NULL, shape->item);
	case SHAPE_STRUCTURE:
		object = cJSON_CreateObject();
		for (const struct shape_member *member = shape->members; member->name != NULL; member++)
			object = with_child(object, member->name, member->shape);
		return object;
	case SHAPE_TIME: /* of no request */
		break;
	}
	return NULL;
}
