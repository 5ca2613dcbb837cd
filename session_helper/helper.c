#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/host/session_channel.h"
#include "common/wire/deadline.h"
#include "session_helper/agent_link.h"
#include "session_helper/helper.h"
#include "session_helper/host_log.h"
#include "session_helper/lines.h"
#include "session_helper/sshd_line.h"
#include "session_helper/tracker.h"

/* A busy session's lines are read together, a few hundred times a second at most: their socket holds some thousand, and each
 * wake-up costs more than what it reads. */
#define REST_MS 5
/* Unless there were so many that the socket could have got full. */
#define REST_LINES_MAX 64
/* Between two looks at the rest of the world. */
#define LINES_AT_ONCE 512

/* Between the two descriptors that the monitor closes at the session's end. */
#define CLOSING_MS 1000

/* From SESSION_END to the end of the lines, which takes a monitor that asks a stopped agent about a second. */
#define HEED_MS 3000

struct helper {
	const struct session_start *start;
	struct helper_surroundings where;
	struct tracker *tracker;
	struct event_queue queue;
	struct agent_link link;
	struct host_log log;
	struct sftp_line line;
	char datagram[LINE_DATAGRAM_MAX];
	int64_t now;        /* of this turn of the loop */
	int64_t rest_until; /* the lines are not read before */
	int64_t over_at;    /* the lines have ended: how long their events are held. Else INT64_MAX */
	int64_t ended_at;   /* the lines have ended. Else INT64_MAX */
	int64_t hang_up_at; /* SESSION_END was in vain until then. Else INT64_MAX */
	bool ready;         /* SESSION_READY was sent */
	bool ending;        /* SESSION_END was sent */
	bool said_stuck;    /* that processes of the session ended themselves */
};

static uint64_t
queue_event(void *context, struct event *event)
{
	struct helper *helper = context;

	return event_queue_add(&helper->queue, event, helper->now);
}

/* grace: milliseconds. */
static int64_t
grace(const struct helper *helper)
{
	return (int64_t)helper->start->grace * 1000;
}

/* reading: whether lines are read, now or when the rest is over. A log that is required leaves them where they are rather
 * than lose an event; unless the session is ending, which a full queue must not hide. */
static bool
reading(const struct helper *helper)
{
	if (helper->where.lines < 0)
		return false;
	return !helper->start->required || helper->ending || event_queue_bytes(&helper->queue) <= EVENT_QUEUE_MAX;
}

static void
tell(struct helper *helper, char what)
{
	if (helper->where.control >= 0)
		(void)!send(helper->where.control, &what, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* say_stuck: a process that can't log ends without a word, and sshd has none for it either. */
static void
say_stuck(struct helper *helper)
{
	const struct event_session *session = &helper->start->session;

	if (helper->said_stuck)
		return;
	helper->said_stuck = true;
	host_log_say(&helper->log, LOG_ERR, "a session's process has ended itself, as its transfer log can't be kept: user=%s "
	    "session=%s reason=\"berth-session stood still for a second, or waits for the agent\"", session->user, session->id);
}

static void
take_note(struct helper *helper, const char *note, size_t length, int64_t sent)
{
	struct wire_in in;
	uint32_t lost;

	if (length == 2 && note[0] == SESSION_NOTE_SEALED)
		tracker_sealed(helper->tracker, sent, note[1] == '1' && *helper->start->landing != '\0');
	if (length == 0 || note[0] != SESSION_NOTE_LOST)
		return;
	wire_in_init(&in, note + 1, length - 1);
	lost = wire_get_u32(&in);
	if (!wire_in_done(&in))
		return;
	tracker_lost(helper->tracker, sent, lost);
	if (helper->start->required)
		say_stuck(helper);
}

static bool
is_sftp(const struct syslog_line *line)
{
	return syslog_line_is(line, "internal-sftp") || syslog_line_is(line, "sftp-server");
}

static bool
is_sshd(const struct syslog_line *line)
{
	return syslog_line_is(line, "sshd") || syslog_line_is(line, "sshd-session") || syslog_line_is(line, "sshd-auth");
}

/* What of sftp's an administrator looks for in syslog, not in the transfer log. */
static bool
is_for_syslog(const struct sftp_line *line)
{
	return line->kind == SFTP_ERROR || line->kind == SFTP_DEBUG;
}

/* take_line: a line that claims to be another program's is none: its sender runs nothing but sshd and sftp. */
static void
take_line(struct helper *helper, size_t length, int64_t sent)
{
	struct syslog_line line;

	if (!syslog_line_parse(helper->datagram, length, &line))
		return;
	if (is_sshd(&line)) {
		if (sshd_line_is_own(&line, &helper->start->session))
			host_log_pass(&helper->log, &line, helper->now);
		else
			host_log_quote(&helper->log, &line, &helper->start->session, helper->now);
		return;
	}
	if (!is_sftp(&line))
		return;
	sftp_line_parse(line.message, line.message_length, &helper->line);
	if (is_for_syslog(&helper->line))
		host_log_quote(&helper->log, &line, &helper->start->session, helper->now);
	tracker_line(helper->tracker, line.pid, &helper->line, sent, helper->now);
}

/* end_of_lines: the session's last process is over. */
static void
end_of_lines(struct helper *helper)
{
	close(helper->where.lines);
	helper->where.lines = -1;
	tracker_finish(helper->tracker, wall_clock());
	helper->ended_at = helper->now;
	helper->over_at = helper->now + (helper->start->required ? grace(helper) : HELPER_LINGER_MS);
}

static void
read_lines(struct helper *helper)
{
	enum lines_result result = LINES_NOTHING;
	size_t length, count;
	int64_t sent;

	for (count = 0; count < LINES_AT_ONCE && reading(helper); count++) {
		result = lines_read(helper->where.lines, helper->datagram, &length, &sent);
		if (result != LINES_DATAGRAM)
			break;
		if (length > 0 && helper->datagram[0] == '\0')
			take_note(helper, helper->datagram + 1, length - 1, sent);
		else
			take_line(helper, length, sent);
	}
	if (result == LINES_END)
		end_of_lines(helper);
	else if (count > 0 && count <= REST_LINES_MAX)
		helper->rest_until = helper->now + REST_MS;
}

/* read_control: there is nothing to read but the end. */
static void
read_control(struct helper *helper)
{
	char byte;

	if (recv(helper->where.control, &byte, 1, MSG_DONTWAIT) != 0)
		return;
	close(helper->where.control);
	helper->where.control = -1;
}

/* overdue: when a session whose log is required must end, as things are now. */
static int64_t
overdue(const struct helper *helper)
{
	int64_t since = event_queue_oldest(&helper->queue);

	if (!helper->start->required || helper->ending || helper->where.lines < 0)
		return INT64_MAX;
	if (helper->link.away_since < since)
		since = helper->link.away_since;
	return since == INT64_MAX ? INT64_MAX : since + grace(helper);
}

static const char *
what_is_wrong(const struct helper *helper)
{
	return helper->link.state == AGENT_ACCEPTS ? "the agent writes nothing down" : "the agent is away, or can't write its file";
}

static void
check_agent(struct helper *helper)
{
	const struct event_session *session = &helper->start->session;

	if (helper->link.state == AGENT_ACCEPTS && !helper->ready) {
		tell(helper, SESSION_READY);
		helper->ready = true;
	}
	if (helper->now < overdue(helper))
		return;
	host_log_say(&helper->log, LOG_ERR, "ending a session, as its transfer log can't be kept: user=%s session=%s "
	    "reason=\"%s\" events=%llu", session->user, session->id,
	    what_is_wrong(helper), (unsigned long long)event_queue_left(&helper->queue));
	tell(helper, SESSION_END);
	helper->ending = true;
	helper->hang_up_at = helper->now + (helper->where.control >= 0 ? HEED_MS : 0);
}

/* hang_up: the monitor is dead or hangs, and the session goes on. Its next line then ends who says it: see line_socket.h. */
static void
hang_up(struct helper *helper)
{
	const struct event_session *session = &helper->start->session;

	if (helper->where.lines < 0 || helper->now < helper->hang_up_at)
		return;
	host_log_say(&helper->log, LOG_ERR, "a session was not ended by its monitor, and ends by what it does next: user=%s "
	    "session=%s", session->user, session->id);
	end_of_lines(helper);
}

/* closing: the monitor has closed the lines, and is about to close the control socket. */
static bool
closing(const struct helper *helper)
{
	return helper->where.lines < 0 && helper->where.control >= 0 && helper->now < helper->ended_at + CLOSING_MS;
}

static bool
is_over(const struct helper *helper)
{
	return helper->where.lines < 0 && !closing(helper) &&
	    (event_queue_left(&helper->queue) == 0 || helper->now >= helper->over_at);
}

/* say_cut_off: the monitor holds an end of the lines for as long as it lives: who ended them was in the session, with code
 * of its own. When the log is required, the helper's end is the session's. */
static void
say_cut_off(struct helper *helper)
{
	const struct event_session *session = &helper->start->session;

	if (helper->where.control >= 0 && !helper->ending)
		host_log_say(&helper->log, LOG_CRIT, "a session has cut off its own transfer log: user=%s session=%s client=%s",
		    session->user, session->id, session->client);
}

/* wait_time: milliseconds, as poll(2) takes them. */
static int
wait_time(const struct helper *helper)
{
	const int64_t due[] = {
		tracker_due(helper->tracker), agent_link_due(&helper->link), overdue(helper), helper->over_at,
		helper->rest_until > helper->now ? helper->rest_until : INT64_MAX,
		closing(helper) ? helper->ended_at + CLOSING_MS : INT64_MAX,
		helper->where.lines >= 0 ? helper->hang_up_at : INT64_MAX,
	};
	int64_t first = INT64_MAX;

	for (size_t i = 0; i < sizeof(due) / sizeof(due[0]); i++)
		if (due[i] < first)
			first = due[i];
	if (first == INT64_MAX)
		return -1;
	first -= helper->now;
	return first < 0 ? 0 : first > INT_MAX ? INT_MAX : (int)first;
}

/* turn: waits for what comes next, and does it. */
static void
turn(struct helper *helper)
{
	bool resting = helper->rest_until > helper->now;
	/* A descriptor of -1 is passed over; one that has ended would wake us whether we ask for it or not. */
	struct pollfd ready[] = {
		{ .fd = helper->where.control, .events = POLLIN },
		{ .fd = reading(helper) && !resting ? helper->where.lines : -1, .events = POLLIN },
		{ .fd = helper->link.fd, .events = agent_link_events(&helper->link) },
	};

	if (poll(ready, 3, wait_time(helper)) < 0)
		ready[0].revents = ready[1].revents = ready[2].revents = 0;
	helper->now = deadline_now();
	if (ready[0].revents != 0)
		read_control(helper);
	if (ready[1].revents != 0)
		read_lines(helper);
	tracker_settle(helper->tracker, helper->now);
	agent_link_run(&helper->link, ready[2].revents, helper->now);
	check_agent(helper);
	hang_up(helper);
}

static void
say_lost(struct helper *helper)
{
	const struct event_session *session = &helper->start->session;
	uint64_t left = event_queue_left(&helper->queue), lost = left + helper->queue.lost;

	if (lost > 0)
		host_log_say(&helper->log, LOG_ERR, "transfer log lost user=%s session=%s events=%llu reason=\"%s\"", session->user,
		    session->id, (unsigned long long)lost, left > 0 ? what_is_wrong(helper) : "the agent was away for too long");
}

static bool
begin(struct helper *helper)
{
	const struct session_start *start = helper->start;
	/* A log that is required has room for all that can be said at the end. */
	size_t max = start->required ? 2 * EVENT_QUEUE_MAX : EVENT_QUEUE_MAX;

	helper->now = deadline_now();
	helper->over_at = helper->ended_at = helper->hang_up_at = INT64_MAX;
	host_log_open(&helper->log, helper->where.syslog_path, helper->now);
	event_queue_init(&helper->queue, max);
	helper->tracker = tracker_new(start->landing, &start->places, queue_event, helper);
	return helper->tracker != NULL && agent_link_init(&helper->link, helper->where.agent_path, helper->where.agent_owner,
	    &start->session, &helper->queue, helper->now);
}

static void
end(struct helper *helper)
{
	agent_link_close(&helper->link);
	host_log_close(&helper->log);
	tracker_free(helper->tracker);
	event_queue_free(&helper->queue);
	if (helper->where.control >= 0)
		close(helper->where.control);
	if (helper->where.lines >= 0)
		close(helper->where.lines);
	free(helper);
}

int
helper_run(const struct session_start *start, const struct helper_surroundings *where)
{
	struct helper *helper = calloc(1, sizeof(*helper));
	int result = 1;

	if (helper == NULL)
		return 1;
	helper->start = start;
	helper->where = *where;
	helper->link.fd = helper->log.fd = -1;
	if (begin(helper)) {
		while (!is_over(helper))
			turn(helper);
		say_cut_off(helper);
		say_lost(helper);
		result = event_queue_left(&helper->queue) > 0;
	}
	end(helper);
	return result;
}
