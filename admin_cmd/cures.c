#include "admin_cmd/cures.h"

#include <stddef.h>
#include <string.h>

#define CONFIG "/etc/berth/berth.conf"

/* The first whose words all stand in the reason, in this order. */
static const struct {
	const char *words[2];
	const char *cure;
} CURES[] = {
	{ { "server s-", " is OFFLINE" }, "berth admin start-server" },
	{ { "server s-", " does not exist" }, "put the server's ServerId into " CONFIG ": berth admin list-servers" },
	{ { "(CreateHome is no)" }, "make the directory, the user's own, or say CreateHome yes in " CONFIG },
	{ { "there is no such file" }, "make the file, or change the mapping: berth admin update-user" },
	{ { "Bucket ", "can't be opened" }, "mount it: the path of a Bucket line is never made" },
	{ { "DataRoot ", "can't be opened" }, "make that directory, or correct DataRoot in " CONFIG },
	{ { "a symbolic link is in its path" }, "put the directory itself there, or let the Target name the real one" },
	{ { "it leads out of the data root" }, "mount it as a bucket of its own: a Bucket line in " CONFIG },
	{ { "is not a directory" }, "put a directory there, or change the Target: berth admin update-user" },
	{ { "the mapping's Type is" }, "change the mapping's Type or its Target: berth admin update-user" },
	{ { "it names no bucket" }, "let the Target name a bucket, /BUCKET/PATH: berth admin update-user" },
	{ { "repeats another entry" }, "let each Entry stand once, and none in another: berth admin update-user" },
	{ { "must stand alone" }, "let the Entry / be the only one: berth admin update-user" },
	{ { "the user may not make it" }, "make it, the user's own, or let the user write where it is to lie" },
	{ { "target ", "did not answer" }, "look at the mount that it lies on: its file server gives no answer" },
	{ { "target ", "ermission denied" }, "let the user reach it: its owner and mode, and those of what it lies in" },
	{ { "TransferLog is required" },
	    "make the log writable again: berthd -t; TransferLog best-effort lets people in" },
	{ { "the agent can't read its store" }, "berth doctor" },
	{ { "the agent can't be asked: Permission denied" }, "berth doctor" },
	{ { "the agent can't be asked" }, "systemctl restart berthd.socket berthd" },
	{ { "the agent doesn't answer" }, "systemctl restart berthd.socket berthd" },
	{ { "the agent has too many connections" }, "journalctl -t berthd says who holds them" },
	{ { "the agent knows no such user" }, "berth admin describe-user: the record was removed or changed" },
	{ { "no PosixProfile" },
	    "berth admin update-user --posix-profile Uid=N,Gid=N; or DefaultPosixProfile in " CONFIG },
	{ { "below MinUid" }, "give the record another Uid: berth admin update-user --posix-profile Uid=N,Gid=N" },
	{ { "below MinGid" }, "give the record other gids: berth admin update-user --posix-profile Uid=N,Gid=N" },
	{ { "ShareUid" }, "give the record another Uid: berth admin update-user; or ShareUid in " CONFIG },
	{ { "/etc/passwd has an account of this name" },
	    "take the account away (userdel, without -r), or rename the user" },
	{ { "the name stands in /etc/passwd" }, "take the account away (userdel, without -r), or rename the user" },
	{ { "/etc/passwd can't be read" }, "chmod 0644 /etc/passwd" },
	{ { "is no longer this user's" }, "berth admin import-ssh-public-key, if the key is still to open this user" },
	{ { "PathShowsAll" }, "give the user a HomeDirectory: berth admin update-user --home-directory /BUCKET/PATH" },
	{ { "the host is closed to logins" }, "remove that file when the host may be used again" },
	{ { "by one public key alone" }, "berth setup, which writes AuthenticationMethods publickey" },
	{ { "pam_berth's auth line" }, "berth setup, which puts PAM's lines right" },
	{ { "is not pam_berth.so" }, "berth setup, which puts PAM's lines right" },
	{ { "KeysUser of berth.conf alone" }, "let AuthorizedKeysCommandUser and KeysUser be the same: berth setup" },
	{ { "another PAM module left it open" }, "take that module out of the session lines of /etc/pam.d/sshd" },
	{ { "Linux 5.12" }, "run Linux 5.12 or newer" },
	{ { "LOGICAL without HomeDirectoryMappings" }, "berth admin update-user --home-directory-mappings …" },
	{ { CONFIG " line" }, "berthd -t" },
};

static int
has_words(const char *reason, const char *const words[2])
{
	for (size_t i = 0; i < 2 && words[i] != NULL; i++) {
		reason = strstr(reason, words[i]);
		if (reason == NULL)
			return 0;
		reason += strlen(words[i]);
	}
	return 1;
}

const char *
cure_of(const char *reason)
{
	for (size_t i = 0; i < sizeof(CURES) / sizeof(CURES[0]); i++)
		if (has_words(reason, CURES[i].words))
			return CURES[i].cure;
	return NULL;
}
