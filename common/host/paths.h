/*
 * Where Berth's files are. Compiled in: neither the NSS nor the PAM module may let an environment variable or a
 * caller choose them.
 */
#ifndef BERTH_PATHS_H
#define BERTH_PATHS_H

#define BERTH_CONFIG_FILE  "/etc/berth/berth.conf"
#define BERTH_SOCKET       "/run/berth/agent.sock"
#define BERTH_SESSIONS_DIR "/run/berth/sessions"
#define BERTH_SESSION_HELPER "/usr/libexec/berth/berth-session"
#define BERTH_TRANSFER_LOG "/var/log/berth/transfers.jsonl"
#define BERTH_CACHE_FILE   "/var/lib/berth/cache.db"
#define BERTH_REMOTE_DROP_IN "/usr/share/berth/systemd/berthd-remote.conf"
#define BERTH_SSHD_DROP_IN "/usr/share/berth/sshd/berth.conf"
#define BERTH_API_KEYS     "/var/lib/berth/api-keys.json"
#define BERTH_API_LOG      "/var/log/berth/api.jsonl"
#define BERTH_PASSWD_FILE  "/etc/passwd"
#define BERTH_GROUP_FILE   "/etc/group"
/* What sshd asks of PAM: its service is called as its program is. */
#define BERTH_PAM_SERVICE_FILE "/etc/pam.d/sshd"
#define BERTH_PAM_MODULE   "pam_berth.so"

#endif
