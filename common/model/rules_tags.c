/* What a list of tags may be. */
#include <stdlib.h>
#include <string.h>

#include "common/model/rules.h"

/* At most 50: each with each. */
int
rules_check_tags(const struct tag *tags, size_t count, struct api_error *error)
{
	size_t i, j;

	for (i = 0; i < count; i++)
		for (j = 0; j < i; j++)
			if (strcmp(tags[i].key, tags[j].key) == 0)
				return api_fail(error, API_INVALID_REQUEST,
				    "Tags: the Key \"%.200s\" is there twice; a key has one value", tags[i].key);
	return 0;
}

/* The place of the tag with this key, or count. */
static size_t
find_tag(const struct tag *tags, size_t count, const char *key)
{
	size_t i;

	for (i = 0; i < count && strcmp(tags[i].key, key) != 0; i++)
		continue;
	return i;
}

/* Adds the tag, or gives the one with its key another value. The list has room. */
static int
put_tag(struct tag *tags, size_t *count, const struct tag *tag, struct api_error *error)
{
	size_t place = find_tag(tags, *count, tag->key);
	char *value = strdup(tag->value);

	if (value == NULL)
		return api_fail_memory(error);
	if (place < *count) {
		free(tags[place].value);
		tags[place].value = value;
		return 0;
	}
	tags[place].key = strdup(tag->key);
	if (tags[place].key == NULL) {
		free(value);
		return api_fail_memory(error);
	}
	tags[place].value = value;
	(*count)++;
	return 0;
}

int
rules_merge_tags(struct tag **tags, size_t *count, const struct tag *given, size_t given_count, struct api_error *error)
{
	struct tag *wider = reallocarray(*tags, *count + given_count + 1, sizeof(**tags));
	size_t i;

	if (wider == NULL)
		return api_fail_memory(error);
	*tags = wider;
	for (i = 0; i < given_count; i++)
		if (put_tag(*tags, count, &given[i], error) == -1)
			return -1;
	if (*count > TAGS_MAX)
		return api_fail(error, API_INVALID_REQUEST, "Tags: %zu with those that are there already; a resource has at "
		    "most %d", *count, TAGS_MAX);
	return 0;
}

void
rules_remove_tag(struct tag *tags, size_t *count, const char *key)
{
	size_t place = find_tag(tags, *count, key);

	if (place == *count)
		return;
	free(tags[place].key);
	free(tags[place].value);
	(*count)--;
	memmove(&tags[place], &tags[place + 1], (*count - place) * sizeof(*tags));
}
