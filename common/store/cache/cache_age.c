#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "common/store/cache/cache_private.h"

#define BOOT_ID_FILE   "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_LENGTH 36

#define AGE_MAX_MS     ((int64_t)1 << 50)

static pthread_once_t boot_once = PTHREAD_ONCE_INIT;
static int64_t boot;

/* The first half of a random UUID is as good as all of it. */
static bool
read_boot_id(void)
{
	char text[BOOT_ID_LENGTH + 1] = "", digits[17] = "";
	int file = open(BOOT_ID_FILE, O_RDONLY | O_CLOEXEC);
	size_t length = 0, i;
	ssize_t got;

	if (file == -1)
		return false;
	got = read(file, text, BOOT_ID_LENGTH);
	close(file);
	for (i = 0; got == BOOT_ID_LENGTH && i < BOOT_ID_LENGTH && length < 16; i++)
		if (text[i] != '-')
			digits[length++] = text[i];
	boot = (int64_t)strtoull(digits, NULL, 16);
	return length == 16 && boot != 0;
}

/* A host that hides it: what this process has fetched is fresh for this process. */
static void
find_boot(void)
{
	if (!read_boot_id() && getrandom(&boot, sizeof(boot), 0) != (ssize_t)sizeof(boot))
		abort();
}

int64_t
cache_boot(void)
{
	pthread_once(&boot_once, find_boot);
	return boot;
}

struct cache_now
cache_now(void)
{
	struct timespec since_boot = { 0 }, wall = { 0 };

	clock_gettime(CLOCK_BOOTTIME, &since_boot);
	clock_gettime(CLOCK_REALTIME, &wall);
	return (struct cache_now){ (int64_t)since_boot.tv_sec * 1000 + since_boot.tv_nsec / 1000000,
		(double)wall.tv_sec + (double)wall.tv_nsec / 1e9 };
}

/* What the file says needn't be what any clock has said. */
static int64_t
age_by_boot_clock(int64_t asked, int64_t now)
{
	return asked > now || asked < now - AGE_MAX_MS ? -1 : now - asked;
}

/* The age by a clock that somebody may have set: into the future, it says nothing. */
static int64_t
age_by_wall_clock(double asked, double now)
{
	double age = now - asked;

	if (!(age >= -CACHE_CLOCK_SLACK && age < AGE_MAX_MS / 1000))
		return -1;
	return age < 0 ? 0 : (int64_t)(age * 1000);
}

enum cache_state
cache_judge(const struct cache *cache, const struct fetched *fetched, const struct cache_now *now, int64_t *age)
{
	bool this_boot = fetched->boot == cache->boot;

	if (this_boot)
		*age = age_by_boot_clock(fetched->asked, now->boot_ms);
	else
		*age = age_by_wall_clock(fetched->time, now->time);
	if (*age == -1)
		return CACHE_ABSENT;
	if (this_boot && *age < (int64_t)cache->options.cache_seconds * 1000)
		return CACHE_FRESH;
	return *age < (int64_t)cache->options.stale_seconds * 1000 ? CACHE_STALE : CACHE_ABSENT;
}
