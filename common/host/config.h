/*
 * The configuration, BERTH_CONFIG_FILE: one "Keyword value" a line, in the manner of sshd_config(5); berth.conf(5)
 * describes it. Read by the agent, the admin command, and the PAM module, which takes the data root, the buckets and the
 * floors from here and never from the agent. libc only.
 */
#ifndef BERTH_CONFIG_H
#define BERTH_CONFIG_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_bucket {
	char *name; /* the first component of a Target */
	char *path; /* absolute */
};

struct config_listen {
	struct in6_addr address; /* an IPv4 address is a mapped one */
	uint16_t port;
};

enum config_transfer_log { TRANSFER_LOG_OFF, TRANSFER_LOG_BEST_EFFORT, TRANSFER_LOG_REQUIRED };

struct config {
	char *server_id;           /* ServerId; NULL when absent */
	char *store;               /* Store, "sqlite:/var/lib/berth/berth.db"; or "transfer:https://HOST[:PORT]", "transfer:" */
	char *user;                /* User that berthd becomes, "berth" */
	char *keys_user;           /* KeysUser: sshd's AuthorizedKeysCommandUser, "berth-keys" */
	char *session_user;        /* SessionUser: what berth-session runs as, "berth-session" */
	char *data_root;           /* DataRoot, "/srv/berth" */
	struct config_bucket *buckets; /* Bucket NAME PATH, any number of them */
	size_t bucket_count;
	bool create_home;          /* CreateHome, yes */
	bool path_shows_all;       /* PathShowsAll, no */
	uint32_t min_uid, min_gid; /* MinUid, MinGid: 1000; never below ID_FLOOR */
	uint32_t *share_uids;      /* ShareUid UID, any number of them */
	size_t share_uid_count;
	bool has_default_profile;  /* DefaultPosixProfile UID:GID */
	uint32_t default_uid, default_gid;
	char *region;              /* Region, "us-east-1" */
	char *account_id;          /* AccountId, "000000000000" */
	char *host_public_key;     /* HostPublicKey: a file of sshd's; NULL: the first of its usual ones */
	unsigned min_rsa_bits;     /* MinRsaBits, 2048 */
	unsigned target_seconds;   /* TargetSeconds: how long resolving a session's targets may take, 10 */
	enum config_transfer_log transfer_log; /* TransferLog off | best-effort | required; best-effort */
	unsigned transfer_log_grace; /* TransferLogGrace: seconds that a session whose log is required lives without it, 30 */
	char *transfer_log_file;   /* TransferLogFile, BERTH_TRANSFER_LOG */

	/* of a store kept elsewhere: */
	char *store_credentials;   /* StoreCredentials: a shared credentials file; NULL: where AWS's own tools look */
	char *store_profile;       /* StoreProfile; NULL: "default", or what the environment says */
	char *store_ca_file;       /* StoreCAFile, PEM; NULL: the system's certificates */
	char *cache_file;          /* CacheFile, BERTH_CACHE_FILE */
	unsigned cache_seconds;    /* CacheSeconds, 60: how long a record is served without asking again */
	unsigned stale_seconds;    /* StaleSeconds, 86400: how long it is served while the store can't be asked */
	unsigned lookup_seconds;   /* LookupSeconds, 5: how long a login waits for the store */

	/* berth-api's: */
	struct config_listen api_listen; /* ApiListen ADDRESS:PORT, 127.0.0.1:8443 */
	char *api_certificate, *api_certificate_key; /* ApiCertificate, ApiCertificateKey: PEM files; NULL: plain HTTP */
	bool api_insecure;         /* ApiInsecure, no: plain HTTP on an address other hosts reach */
	char *api_keys_file;       /* ApiKeysFile, BERTH_API_KEYS */
	char *api_log_file;        /* ApiLogFile, BERTH_API_LOG */
	char *api_metrics_token_file; /* ApiMetricsTokenFile; NULL: metrics for loopback alone */
	unsigned api_rate;         /* ApiRate: requests a second of one access key, 100; 0: without bound */
};

/* Called once for each fault: "FILE line N: …", with the keyword, what is wrong and what is allowed. */
typedef void config_report(void *context, const char *fault);

/*
 * config_load: reads the file into *config, defaults filled in. The file must be a regular file that root (or the
 * caller itself) owns and nobody else can write: it says which directories become whose root.
 * Returns 0, or -1 after at least one report. Either way config_free() releases it.
 */
int config_load(struct config *config, const char *path, config_report *report, void *context);
/* config_parse: the same from memory; `name` stands for the file in reports. For tests and fuzzing. */
int config_parse(struct config *config, const char *name, const char *text, size_t length, config_report *report,
    void *context);
void config_free(struct config *config);

/* config_store_is_remote: whether Store names a store kept elsewhere. */
bool config_store_is_remote(const struct config *config);

/* config_listens_on_loopback: whether only this host reaches ApiListen. */
bool config_listens_on_loopback(const struct config *config);

/* config_shares_uid: whether a ShareUid line allows records to have this uid although /etc/passwd has it. */
bool config_shares_uid(const struct config *config, uint32_t uid);

#endif
