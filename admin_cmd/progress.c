#include "admin_cmd/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DRAW_EVERY 0.2 /* seconds */

static double
seconds_since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - then->tv_sec) + (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

void
progress_start(struct progress *progress, bool wanted, uint64_t bytes_total)
{
	memset(progress, 0, sizeof(*progress));
	progress->wanted = wanted && isatty(STDERR_FILENO);
	progress->bytes_total = bytes_total;
	clock_gettime(CLOCK_MONOTONIC, &progress->started);
}

static bool
is_due(const struct progress *progress)
{
	return progress->wanted && seconds_since(&progress->drawn) >= DRAW_EVERY;
}

static void
draw(struct progress *progress, const char *line)
{
	int width = (int)strlen(line);

	fprintf(stderr, "\r%-*s", progress->width, line);
	progress->width = width > progress->width ? width : progress->width;
	clock_gettime(CLOCK_MONOTONIC, &progress->drawn);
}

/* ", 1:05:09 left", or nothing while there is nothing to go by. */
static void
print_left(const struct progress *progress, double elapsed, uint64_t bytes_done, char *text, size_t size)
{
	unsigned long left;

	text[0] = '\0';
	if (progress->bytes_total == 0 || bytes_done == 0 || bytes_done > progress->bytes_total)
		return;
	left = (unsigned long)(elapsed * (double)(progress->bytes_total - bytes_done) / (double)bytes_done + 0.5);
	if (left >= 3600)
		snprintf(text, size, ", %lu:%02lu:%02lu left", left / 3600, left / 60 % 60, left % 60);
	else
		snprintf(text, size, ", %lu:%02lu left", left / 60, left % 60);
}

void
progress_users(struct progress *progress, size_t count, uint64_t bytes_done)
{
	double elapsed = is_due(progress) ? seconds_since(&progress->started) : 0;
	char line[128], left[40];

	/* A rate needs some time to go by. */
	if (elapsed < DRAW_EVERY)
		return;
	print_left(progress, elapsed, bytes_done, left, sizeof(left));
	snprintf(line, sizeof(line), "%zu users, %.0f a second%s%s", count, (double)count / elapsed, left,
	    progress->more == NULL ? "" : progress->more);
	draw(progress, line);
}

void
progress_step(struct progress *progress, const char *command, const char *step, uint64_t done, uint64_t total)
{
	char line[128];

	if (!is_due(progress))
		return;
	if (total > 0)
		snprintf(line, sizeof(line), "%s: %s: %llu of %llu (%llu%%)", command, step, (unsigned long long)done,
		    (unsigned long long)total, (unsigned long long)(done * 100 / total));
	else
		snprintf(line, sizeof(line), "%s: %s: working", command, step);
	draw(progress, line);
}

void
progress_clear(struct progress *progress)
{
	if (progress->width > 0)
		fprintf(stderr, "\r%*s\r", progress->width, "");
	progress->width = 0;
}
