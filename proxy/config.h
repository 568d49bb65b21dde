/*
 * The configuration as the daemon uses it: every key of conf/ackgate.cnf, parsed, defaulted and checked.
 *
 * config_load() collects every problem with file and line; a config with problems is never used. Strings are
 * owned by the config. Durations are milliseconds, sizes bytes. What a reload may change (config_change.h) is
 * for the replication loop only; other threads get copies of it.
 */
#ifndef ACKGATE_PROXY_CONFIG_H
#define ACKGATE_PROXY_CONFIG_H

#include "protocol/error.h"
#include "protocol/flavor.h"
#include "proxy/log.h"
#include "proxy/networks.h"
#include "recovery/tls_settings.h"

#include <stdint.h>

enum { CONFIG_LISTEN_MAX = 8, CONFIG_VOTERS_MAX = 32, CONFIG_NAME_MAX = 64 };

struct config_listen {
    char *addresses[CONFIG_LISTEN_MAX];
    size_t count;
};

/* An account of ackgate's own: what the admin and replication ports check a login against (login.h). */
struct config_account {
    char *user;
    uint8_t native_hash[20]; /* SHA1(SHA1(password)) */
    uint8_t sha2_hash[32];   /* SHA256(SHA256(password)) */
    bool has_password;       /* false: an empty password */
};

struct config_voter {
    char name[CONFIG_NAME_MAX + 1];
    char *server_uuid;  /* lower case, or NULL */
    char *tls_subject;  /* of the certificate that it has to show (tls.h); NULL: none */
    uint32_t server_id; /* or 0 */
    bool is_removed;    /* by a reload: its number is not another's before a restart */
};

struct config_value; /* config.c */

struct config {
    char *file;                  /* where it was read from */
    struct config_value *values; /* by key, for config_variable() */
    struct {
        char *data_dir; /* /var/lib/ackgate */
        char *log_file;
        enum log_level log_level;
        bool is_log_json;
        unsigned threads; /* 0: one per core */
        char *user;       /* to run as, when started as root */
        uint64_t shutdown_timeout_ms;
    } ackgate;
    struct {
        char *host; /* a path means a Unix socket */
        unsigned port;
        char *user;
        char *password;
        uint32_t
            server_id; /* as which ackgate registers at the source; default 4294967000 + something unlikely */
        enum flavor flavor; /* FLAVOR_UNKNOWN: auto */
        bool is_semi_sync;  /* required | off */
        bool is_configured; /* configure = on */
        uint64_t connect_timeout_ms;
        uint64_t heartbeat_ms;
        char *start_at;  /* "oldest", "current" or a file's name */
        bool is_proxied; /* sessions tell it whose they are, in a PROXY header */
        struct tls_settings tls;
    } source;
    struct {
        struct config_listen listen;
        unsigned max_connections;
        uint64_t commit_wait_ms; /* 0: for ever */
        uint64_t hold_ms;
        uint64_t auth_timeout_ms;
        uint64_t idle_timeout_ms; /* 0: never */
        char *rsa_key;            /* a file; NULL: one is made at the start */
        struct networks *proxies; /* who may send PROXY headers; NULL: nobody */
        struct tls_settings tls;
    } app;
    struct {
        struct config_listen listen;
        struct config_account account;
        bool is_unlisted_allowed;
        struct tls_settings tls;
    } replication;
    struct {
        struct config_listen listen;
        struct config_account account;
        struct config_account stats; /* may only look; user NULL: there is none */
        struct tls_settings tls;
    } admin;
    struct {
        struct config_listen listen;
    } metrics;
    struct {
        char *rule; /* as text; checked against the voters */
    } quorum;
    struct config_voter voters[CONFIG_VOTERS_MAX];
    size_t voter_count;
    struct {
        char *dir; /* data_dir/store */
        bool is_synced;
        uint64_t retain_time_ms;
        uint64_t retain_size_bytes;
    } store;
    struct {
        bool is_synced_always;
    } journal;
};

/*
 * Reads and checks. On problems: RESULT_MALFORMED, and *ret_problems is an allocated text, one "FILE:LINE:
 * what, and what to do" a line. On success *ret_config is owned by the caller (config_free) and *ret_problems
 * is NULL.
 */
MUST_CHECK enum result config_load(const char *file, struct config **ret_config, char **ret_problems);
void config_free(struct config **config);
/* source.host is the path of a Unix socket. */
bool config_source_is_local(const struct config *config);

/* "10s", "250ms", "2min", "7d"; a bare number is seconds. Sizes: "512", "64K", "1M", "2G". */
MUST_CHECK enum result config_parse_duration(const char *text, uint64_t *ret_ms);
MUST_CHECK enum result config_parse_size(const char *text, uint64_t *ret_bytes);

/* The text form of both hashes, as `ackgate passwd` prints it. RESULT_MALFORMED leaves the account alone. */
enum { CONFIG_HASH_LENGTH = 9 + 40 + 1 + 64 };
MUST_CHECK enum result config_account_parse_hash(const char *text, struct config_account *account);
void config_account_format_hash(const struct config_account *account, char ret_text[CONFIG_HASH_LENGTH + 1]);
void config_account_set_password(struct config_account *account, const char *password);

/* One row of the `variables` table; secrets show as "********". */
enum config_origin { CONFIG_FROM_DEFAULT, CONFIG_FROM_FILE, CONFIG_FROM_RUNTIME /* SET */ };
struct config_variable {
    const char *name; /* "app.commit_wait" */
    char value[1024];
    enum config_origin origin;
    bool is_reloadable;
};
size_t config_variable_count(void);
void config_variable(const struct config *config, size_t index, struct config_variable *ret_variable);

#endif
