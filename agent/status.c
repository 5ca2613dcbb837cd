#include "agent/status.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* put_text: cut where it is too long. */
static void
put_text(struct wire_out *out, const char *text)
{
	char cut[STATUS_TEXT_MAX + 1];

	snprintf(cut, sizeof(cut), "%s", text != NULL ? text : "");
	wire_put_string(out, cut);
}

/* memory: bytes that are resident; 0 where /proc doesn't tell. */
static uint64_t
memory(void)
{
	unsigned long long size, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file == NULL)
		return 0;
	if (fscanf(file, "%llu %llu", &size, &resident) != 2)
		resident = 0;
	fclose(file);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* descriptors: those that are open, but for the one that looks. */
static uint64_t
descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	const struct dirent *entry;
	uint64_t count = 0;

	if (directory == NULL)
		return 0;
	while ((entry = readdir(directory)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count > 0 ? count - 1 : 0;
}

static uint64_t
descriptors_max(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

/* put_now: what is so now. Returns how many. */
static uint32_t
put_now(struct server *server, struct wire_out *out)
{
	struct agent *agent = server->agent;
	const struct remote *remote = agent->store.remote;
	bool down = remote != NULL ? remote_state(remote) == BREAKER_DOWN : agent->store.store == NULL;
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{ "connections", server->total },
		{ "parked", server->parked },
		{ "transfer_connections", transfer_log_connections(agent->transfer_log) },
		{ "store_down", down },
		{ "store_probing", remote != NULL && remote_state(remote) == BREAKER_PROBING },
		{ "memory_bytes", memory() },
		{ "descriptors", descriptors() },
		{ "descriptors_max", descriptors_max() },
	};
	const uint32_t count = sizeof(numbers) / sizeof(numbers[0]);

	for (uint32_t i = 0; i < count; i++)
		metrics_put_one(out, numbers[i].name, numbers[i].value);
	return count;
}

static void
put_status(struct server *server, struct wire_out *out)
{
	const struct config *config = &server->agent->config;
	size_t at;
	uint32_t count;

	put_text(out, BERTH_VERSION);
	put_text(out, config->server_id);
	put_text(out, config->store);
	at = out->used;
	wire_put_u32(out, 0);
	count = metrics_put(out) + put_now(server, out);
	if (!out->overflow)
		memcpy(out->data + at, &count, sizeof(count));
}

void
status_answer(struct server *server, uid_t peer, uint32_t length)
{
	struct lookup_answer *answer = &server->answer;
	enum wire_status status = lookup_may_ask(server->agent, peer, WIRE_STATUS);
	struct wire_out out, header;

	lookup_answer_status(answer, status == WIRE_OK && length > 0 ? WIRE_BAD_REQUEST : status);
	if (answer->status != WIRE_OK)
		return;
	wire_out_init(&out, answer->room + WIRE_HEADER, WIRE_STATUS_LENGTH_MAX);
	put_status(server, &out);
	wire_out_init(&header, answer->room, WIRE_HEADER);
	wire_put_header(&header, WIRE_OK, (uint32_t)out.used);
	answer->length = WIRE_HEADER + out.used;
}
