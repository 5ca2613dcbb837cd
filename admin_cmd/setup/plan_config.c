/*
 * The configuration as it will be, and the server that it names.
 */
#include <stdio.h>
#include <string.h>

#include "admin_cmd/setup/plan_private.h"
#include "admin_cmd/setup/texts.h"
#include "common/host/passwd_file.h"
#include "common/host/paths.h"
#include "common/wire/limits.h"

#define CONFIG_DIR "/etc/berth"
#define NEW_SERVER "s-(the new server's)"
#define USERS_CURE "`systemd-sysusers && systemd-tmpfiles --create` makes Berth's users and directories"

static int
check_account(const char *keyword, const char *name)
{
	bool name_taken = false, uid_taken;

	if (passwd_file_find(name, ID_NONE, &name_taken, &uid_taken) == 0 && name_taken)
		return 0;
	return plan_refuse("%s %s: " BERTH_PASSWD_FILE " has no such user: " USERS_CURE, keyword, name);
}

static int
check_accounts(const struct config *config)
{
	if (check_account("User", config->user) != 0 || check_account("KeysUser", config->keys_user) != 0)
		return -1;
	return check_account("SessionUser", config->session_user);
}

static void
report_fault(void *context, const char *fault)
{
	(void)context;
	fprintf(stderr, SETUP ": %s\n", fault);
}

static int
parse_wanted_config(struct plan *plan)
{
	const struct setup_file *file = &plan->files[FILE_CONFIG];
	const char *text = file->wanted != NULL ? file->wanted : "";

	config_free(&plan->config);
	plan->config = (struct config){ 0 };
	return config_parse(&plan->config, BERTH_CONFIG_FILE, text, strlen(text), report_fault, NULL) == 0 ? 0 :
	    plan_refuse("mend " BERTH_CONFIG_FILE " first: berth.conf(5); `berthd -t` checks it");
}

static int
want_config(struct plan *plan, const char *server_id)
{
	struct setup_file *file = &plan->files[FILE_CONFIG];

	setup_file_want(file, text_config(file->text, server_id));
	return file->wanted != NULL ? 0 : plan_refuse("no memory");
}

/* choose_server: the one that there is; *id is "" for one that has to be made. */
static int
choose_server(const struct config *config, char id[STORE_ANSWER_MAX])
{
	size_t length;

	id[0] = '\0';
	if (store_is_there(config) && store_servers(config, id) != 0)
		return plan_refuse("the servers of Store %s can't be listed%s%s: mend that, or write its ServerId into "
		    BERTH_CONFIG_FILE, config->store, id[0] != '\0' ? ": the store " : "", id);
	length = strcspn(id, "\n");
	if (id[0] != '\0' && id[length + 1] != '\0')
		return plan_refuse("Store %s has several servers: write one as ServerId into " BERTH_CONFIG_FILE ":\n%s",
		    config->store, id);
	id[length] = '\0';
	if (id[0] == '\0' && config_store_is_remote(config))
		return plan_refuse("Store %s has no server: make one where it is kept, or write its ServerId into "
		    BERTH_CONFIG_FILE, config->store);
	return 0;
}

int
plan_config(struct plan *plan)
{
	char server_id[STORE_ANSWER_MAX];
	struct config there = { 0 };
	int result = 0;

	/* The owner and mode of a file that is there, too. */
	if (plan->files[FILE_CONFIG].text != NULL)
		result = config_load(&there, BERTH_CONFIG_FILE, report_fault, NULL);
	config_free(&there);
	if (result != 0)
		return plan_refuse("mend " BERTH_CONFIG_FILE " first: berth.conf(5); `berthd -t` checks it");
	if (parse_wanted_config(plan) != 0 || check_accounts(&plan->config) != 0)
		return -1;
	plan_add_directory(plan, CONFIG_DIR);
	if (plan->config.server_id == NULL) {
		if (choose_server(&plan->config, server_id) != 0)
			return -1;
		if (want_config(plan, server_id[0] != '\0' ? server_id : NEW_SERVER) != 0)
			return -1;
		if (server_id[0] == '\0')
			plan_add_step(plan, STEP_SERVER);
		else if (parse_wanted_config(plan) != 0)
			return -1;
	}
	plan_add_file(plan, FILE_CONFIG);
	plan_add_directory(plan, plan->config.data_root);
	return 0;
}
