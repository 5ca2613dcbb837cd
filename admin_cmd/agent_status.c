#include "admin_cmd/agent_status.h"

#include <errno.h>
#include <string.h>

#include "common/wire/wire.h"

#define ASK_MS 2000

static int
parse(struct agent_status *status, const uint8_t *answer, size_t length)
{
	struct wire_in in;
	uint32_t count;

	wire_in_init(&in, answer, length);
	wire_get_string(&in, status->version, STATUS_TEXT_MAX);
	wire_get_string(&in, status->server_id, STATUS_TEXT_MAX);
	wire_get_string(&in, status->store, STATUS_TEXT_MAX);
	count = wire_get_u32(&in);
	for (status->count = 0; status->count < count && status->count < STATUS_METRICS_MAX; status->count++) {
		wire_get_string(&in, status->metrics[status->count].name, STATUS_NAME_MAX);
		status->metrics[status->count].value = wire_get_u64(&in);
	}
	return wire_in_done(&in) ? 0 : -1;
}

int
agent_status_ask(struct agent_status *status)
{
	const struct agent_patience patience = { .answer_ms = ASK_MS };
	uint8_t answer[WIRE_STATUS_LENGTH_MAX];
	struct wire_out request;
	size_t length;
	int result;

	memset(status, 0, sizeof(*status));
	wire_out_init(&request, NULL, 0);
	result = agent_ask(WIRE_STATUS, &request, answer, sizeof(answer), &length, &patience);
	if (result == -1)
		return -1;
	if (result == WIRE_OK && parse(status, answer, length) == 0)
		return 0;
	errno = result == WIRE_DENIED ? EACCES : result == WIRE_BUSY ? EBUSY : EPROTO;
	return -1;
}

uint64_t
agent_status_value(const struct agent_status *status, const char *name)
{
	for (size_t i = 0; i < status->count; i++)
		if (strcmp(status->metrics[i].name, name) == 0)
			return status->metrics[i].value;
	return 0;
}
