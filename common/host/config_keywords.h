/*
 * The configuration's keywords: one table. For config.c, which reads the lines.
 */
#ifndef BERTH_CONFIG_KEYWORDS_H
#define BERTH_CONFIG_KEYWORDS_H

#include <stdbool.h>

#include "common/host/config.h"

#define CONFIG_KEYWORD_COUNT 36

/* A keyword's value or values go to `set`, which returns NULL or says what is wrong with them. */
struct config_keyword {
	const char *name;
	const char *(*set)(struct config *config, char **values);
	const char *allowed;
	unsigned value_count;
	bool repeats;
};

extern const struct config_keyword config_keywords[CONFIG_KEYWORD_COUNT];

/* config_keyword_find: case doesn't matter; NULL when there is none of that name. */
const struct config_keyword *config_keyword_find(const char *name);

#endif
