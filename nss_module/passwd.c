/*
 * passwd: entries by name and by uid.
 */
#include <pwd.h>
#include <string.h>

#include "nss_module/module.h"

NSS_DECLARE_MODULE_FUNCTIONS(berth)

/* sshd with UsePAM no takes "!" for a locked account and refuses it. */
#define PASSWORD "!"
/* Must exist on the host: sshd checks that before it lets anybody in. */
#define SHELL "/usr/sbin/nologin"

/* name | uid | gid | home */
#define ANSWER_MAX (4 + USER_NAME_MAX + 4 + 4 + 4 + PATH_BYTES_MAX)

/* An answer's fields; home points into the answer, or to "/". */
struct fields {
	char name[USER_NAME_MAX + 1];
	uint32_t uid, gid;
	const char *home;
	size_t home_length;
};

/* home_usable: absolute, and nothing in it that would break a line of passwd(5) or a terminal. */
static bool
home_usable(const char *home, size_t length)
{
	if (length == 0 || home[0] != '/')
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)home[i] < ' ' || home[i] == 0x7f || home[i] == ':')
			return false;
	return true;
}

/* read_fields: the answer, believed only as far as a Berth user's entry goes: no system id, no name of a local user. */
static bool
read_fields(const void *answer, size_t length, struct fields *fields)
{
	struct wire_in in;

	wire_in_init(&in, answer, length);
	wire_get_string(&in, fields->name, USER_NAME_MAX);
	fields->uid = wire_get_u32(&in);
	fields->gid = wire_get_u32(&in);
	fields->home = wire_get_view(&in, PATH_BYTES_MAX, &fields->home_length);
	if (!wire_in_done(&in) || !user_name_valid(fields->name))
		return false;
	if (!id_allowed(fields->uid, ID_FLOOR) || !id_allowed(fields->gid, ID_FLOOR))
		return false;
	if (!home_usable(fields->home, fields->home_length)) {
		fields->home = "/";
		fields->home_length = 1;
	}
	return !module_is_local(fields->name);
}

/* place: copies a string into the buffer, which has room, and moves on behind it. */
static char *
place(char **at, const char *string, size_t length)
{
	char *start = *at;

	memcpy(start, string, length);
	start[length] = '\0';
	*at += length + 1;
	return start;
}

static enum nss_status
fill_entry(const struct fields *fields, struct passwd *entry, char *buffer, size_t size, int *errnop)
{
	const size_t name_length = strlen(fields->name);
	char *at = buffer;

	if (size < name_length + 1 + sizeof(PASSWORD) + sizeof(GECOS_MARKER) + fields->home_length + 1 + sizeof(SHELL))
		return module_no_room(errnop);
	entry->pw_name = place(&at, fields->name, name_length);
	entry->pw_passwd = place(&at, PASSWORD, sizeof(PASSWORD) - 1);
	entry->pw_uid = fields->uid;
	entry->pw_gid = fields->gid;
	entry->pw_gecos = place(&at, GECOS_MARKER, sizeof(GECOS_MARKER) - 1);
	entry->pw_dir = place(&at, fields->home, fields->home_length);
	entry->pw_shell = place(&at, SHELL, sizeof(SHELL) - 1);
	return NSS_STATUS_SUCCESS;
}

/* ask: the agent's answer to either question, as fields that may be used; home points into `answer`. */
static enum nss_status
ask(enum wire_verb verb, const struct wire_out *request, uint8_t answer[ANSWER_MAX], struct fields *fields, int *errnop)
{
	size_t length;
	enum nss_status status = module_ask(verb, request, answer, ANSWER_MAX, &length, errnop);

	if (status == NSS_STATUS_SUCCESS && !read_fields(answer, length, fields))
		return NSS_STATUS_NOTFOUND;
	return status;
}

MODULE_EXPORT enum nss_status
_nss_berth_getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size, int *errnop)
{
	uint8_t question[4 + USER_NAME_MAX], answer[ANSWER_MAX];
	struct wire_out request;
	struct fields fields;
	enum nss_status status;

	if (!user_name_valid(name))
		return NSS_STATUS_NOTFOUND;
	wire_out_init(&request, question, sizeof(question));
	wire_put_string(&request, name);
	status = ask(WIRE_PASSWD_BY_NAME, &request, answer, &fields, errnop);
	if (status != NSS_STATUS_SUCCESS)
		return status;
	if (strcmp(fields.name, name) != 0)
		return NSS_STATUS_NOTFOUND;
	return fill_entry(&fields, entry, buffer, size, errnop);
}

MODULE_EXPORT enum nss_status
_nss_berth_getpwuid_r(uid_t uid, struct passwd *entry, char *buffer, size_t size, int *errnop)
{
	uint8_t question[4], answer[ANSWER_MAX];
	struct wire_out request;
	struct fields fields;
	enum nss_status status;

	if (!id_allowed(uid, ID_FLOOR))
		return NSS_STATUS_NOTFOUND;
	wire_out_init(&request, question, sizeof(question));
	wire_put_u32(&request, uid);
	status = ask(WIRE_PASSWD_BY_UID, &request, answer, &fields, errnop);
	if (status != NSS_STATUS_SUCCESS)
		return status;
	if (fields.uid != uid)
		return NSS_STATUS_NOTFOUND;
	return fill_entry(&fields, entry, buffer, size, errnop);
}
