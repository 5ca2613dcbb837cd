#include <stdio.h>
#include <stdlib.h>

#include "common/store/cache/cache_private.h"

struct cache_options
cache_options_of(const struct config *config)
{
	return (struct cache_options){
		.file = config->cache_file,
		.spec = config->store,
		.server_id = config->server_id,
		.cache_seconds = config->cache_seconds,
		.stale_seconds = config->stale_seconds,
	};
}

int
cache_open(const struct cache_options *options, bool writes, struct cache **opened, struct api_error *error)
{
	struct cache *cache = calloc(1, sizeof(*cache));

	*opened = NULL;
	if (cache == NULL)
		return api_fail_memory(error);
	cache->options = *options;
	cache->writes = writes;
	cache->boot = cache_boot();
	if (cache_file_open(cache, error) == 0) {
		*opened = cache;
		return 0;
	}
	cache_close(cache);
	return -1;
}

void
cache_close(struct cache *cache)
{
	if (cache == NULL)
		return;
	cache_file_close(cache);
	free(cache);
}

bool
cache_moved(struct cache *cache)
{
	return cache->store == NULL || store_moved(&cache->store->base);
}

bool
cache_damaged(const struct cache *cache)
{
	return cache->store != NULL && cache->store->damaged;
}

struct store *
cache_store(struct cache *cache)
{
	return cache->store == NULL ? NULL : &cache->store->base;
}
