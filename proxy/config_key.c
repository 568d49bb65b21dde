/* The table of config_key.h, and looking things up in it. */
#include "proxy/config_key.h"

#include "proxy/config.h"

#include <stddef.h>
#include <string.h>

#define AT(member)    .offset = offsetof(struct config, member)
#define NOWHERE       .offset = CONFIG_NOWHERE
#define FROM_TO(a, b) .min = (a), .max = (b)
#define RELOADS       .is_reloadable = true
#define REQUIRED      .is_required = true

enum { SECOND = 1000, HOUR = 3600 * SECOND };
#define DAY (24 * (uint64_t)HOUR)

#define TLS_KEY(place, key, member, type, default_value, ...)                                                \
    {                                                                                                        \
        .section = #place, .name = (key), .kind = (type),                                                    \
        .offset = offsetof(struct config, place.tls.member), .default_text = (default_value), __VA_ARGS__    \
    }
#define TLS_KEYS(place, modes)                                                                               \
    TLS_KEY(place, "tls", mode, CONFIG_CHOICE, "disabled", .choices = (modes)),                              \
        TLS_KEY(place, "tls_ca", ca, CONFIG_TEXT, ""), TLS_KEY(place, "tls_cert", cert, CONFIG_TEXT, ""),    \
        TLS_KEY(place, "tls_key", key, CONFIG_TEXT, ""),                                                     \
        TLS_KEY(place, "tls_min_version", min_version, CONFIG_CHOICE, "1.2", .choices = TLS_VERSIONS)

/* clang-format off */
const struct config_key config_keys[] = {
    {"ackgate", "data_dir", CONFIG_TEXT, AT(ackgate.data_dir), "/var/lib/ackgate"},
    {"ackgate", "log_file", CONFIG_TEXT, AT(ackgate.log_file), "", RELOADS},
    {"ackgate", "log_level", CONFIG_CHOICE, AT(ackgate.log_level), "info", "debug|info|warn|error", RELOADS},
    {"ackgate", "log_format", CONFIG_SWITCH, AT(ackgate.is_log_json), "text", "text|json", RELOADS},
    {"ackgate", "threads", CONFIG_NUMBER, AT(ackgate.threads), "0", FROM_TO(0, 256)},
    {"ackgate", "user", CONFIG_TEXT, AT(ackgate.user), ""},
    {"ackgate", "shutdown_timeout", CONFIG_DURATION, AT(ackgate.shutdown_timeout_ms), "10s", FROM_TO(0, HOUR), RELOADS},

    {"source", "host", CONFIG_TEXT, AT(source.host), "", REQUIRED},
    {"source", "port", CONFIG_NUMBER, AT(source.port), "3306", FROM_TO(1, 65535)},
    {"source", "user", CONFIG_TEXT, AT(source.user), "", REQUIRED},
    {"source", "password", CONFIG_SECRET, AT(source.password), ""},
    {"source", "password_file", CONFIG_TEXT, NOWHERE, ""},
    {"source", "server_id", CONFIG_NUMBER, AT(source.server_id), "4294967211", FROM_TO(1, UINT32_MAX)},
    {"source", "flavor", CONFIG_CHOICE, AT(source.flavor), "auto", "auto|mysql|mariadb"},
    {"source", "semi_sync", CONFIG_SWITCH, AT(source.is_semi_sync), "required", "off|required"},
    {"source", "configure", CONFIG_SWITCH, AT(source.is_configured), "on", "off|on"},
    {"source", "connect_timeout", CONFIG_DURATION, AT(source.connect_timeout_ms), "5s", FROM_TO(100, 10 * 60 * SECOND)},
    {"source", "heartbeat", CONFIG_DURATION, AT(source.heartbeat_ms), "1s", FROM_TO(100, HOUR)},
    {"source", "start_at", CONFIG_TEXT, AT(source.start_at), "oldest"},
    {"source", "proxy_protocol", CONFIG_SWITCH, AT(source.is_proxied), "off", "off|on"},
    TLS_KEYS(source, TLS_CLIENT_MODES),

    {"app", "listen", CONFIG_LISTEN, AT(app.listen), "0.0.0.0:3316"},
    {"app", "max_connections", CONFIG_NUMBER, AT(app.max_connections), "1000", FROM_TO(1, 100000), RELOADS},
    {"app", "commit_wait", CONFIG_DURATION, AT(app.commit_wait_ms), "0", FROM_TO(0, 365 * DAY), RELOADS},
    {"app", "hold", CONFIG_DURATION, AT(app.hold_ms), "10s", FROM_TO(0, HOUR), RELOADS},
    {"app", "auth_timeout", CONFIG_DURATION, AT(app.auth_timeout_ms), "10s", FROM_TO(100, HOUR), RELOADS},
    {"app", "idle_timeout", CONFIG_DURATION, AT(app.idle_timeout_ms), "0", FROM_TO(0, 365 * DAY), RELOADS},
    {"app", "rsa_key", CONFIG_TEXT, AT(app.rsa_key), ""},
    {"app", "proxy_protocol_from", CONFIG_NETWORKS, AT(app.proxies), "", RELOADS},
    TLS_KEYS(app, TLS_SERVER_MODES),

    {"replication", "listen", CONFIG_LISTEN, AT(replication.listen), "0.0.0.0:3317"},
    {"replication", "user", CONFIG_TEXT, AT(replication.account.user), "", REQUIRED, RELOADS},
    {"replication", "password", CONFIG_SECRET, NOWHERE, "", RELOADS},
    {"replication", "password_hash", CONFIG_SECRET, NOWHERE, "", RELOADS},
    {"replication", "allow_unlisted", CONFIG_SWITCH, AT(replication.is_unlisted_allowed), "on", "off|on", RELOADS},
    TLS_KEYS(replication, TLS_SERVER_MODES),

    {"admin", "listen", CONFIG_LISTEN, AT(admin.listen), "127.0.0.1:3318"},
    {"admin", "user", CONFIG_TEXT, AT(admin.account.user), "", REQUIRED, RELOADS},
    {"admin", "password", CONFIG_SECRET, NOWHERE, "", RELOADS},
    {"admin", "password_hash", CONFIG_SECRET, NOWHERE, "", RELOADS},
    {"admin", "stats_user", CONFIG_TEXT, AT(admin.stats.user), "", RELOADS},
    {"admin", "stats_password", CONFIG_SECRET, NOWHERE, "", RELOADS},
    {"admin", "stats_password_hash", CONFIG_SECRET, NOWHERE, "", RELOADS},
    TLS_KEYS(admin, TLS_SERVER_MODES),

    {"metrics", "listen", CONFIG_LISTEN, AT(metrics.listen), "127.0.0.1:3319"},

    {"quorum", "rule", CONFIG_TEXT, AT(quorum.rule), "", REQUIRED, RELOADS},

    {"store", "dir", CONFIG_TEXT, AT(store.dir), ""},
    {"store", "sync", CONFIG_SWITCH, AT(store.is_synced), "group", "os|group"},
    {"store", "retain_time", CONFIG_DURATION, AT(store.retain_time_ms), "7d", FROM_TO(0, 3650 * DAY), RELOADS},
    {"store", "retain_size", CONFIG_SIZE, AT(store.retain_size_bytes), "0", RELOADS},

    {"journal", "sync", CONFIG_SWITCH, AT(journal.is_synced_always), "lazy", "lazy|always"},

    {"replica", "server_uuid", CONFIG_VOTER, NOWHERE, "", RELOADS},
    {"replica", "server_id", CONFIG_VOTER, NOWHERE, "", RELOADS},
    {"replica", "tls_subject", CONFIG_VOTER, NOWHERE, "", RELOADS},
};
/* clang-format on */

enum { KEY_COUNT = sizeof(config_keys) / sizeof(config_keys[0]), VOTER_KEYS = 3, NAME_MAX_BYTES = 40 };

_Static_assert(sizeof(config_keys) / sizeof(config_keys[0]) <= (size_t)CONFIG_KEYS_MAX,
               "arrays by key are large enough");

size_t config_key_count(void)
{
    return KEY_COUNT;
}

size_t config_key_count_static(void)
{
    return KEY_COUNT - VOTER_KEYS;
}

size_t config_key_find(const char *section, const char *name)
{
    size_t i = 0;
    while (i < KEY_COUNT &&
           (strcmp(config_keys[i].section, section) != 0 || strcmp(config_keys[i].name, name) != 0))
        i++;
    return i;
}

bool config_key_has_section(const char *section)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(config_keys[i].section, section) == 0)
            return true;
    }
    return false;
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* How many letters must be added, taken away or changed; a long text is far from everything. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_BYTES + 1];
    size_t b_length = strlen(b);
    if (strlen(a) > NAME_MAX_BYTES || b_length > NAME_MAX_BYTES)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t above = row[j];
            row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_length];
}

static void consider(const char *wanted, const char *candidate, const char **best, size_t *best_distance)
{
    size_t far = distance(wanted, candidate);
    if (far < *best_distance) {
        *best_distance = far;
        *best = candidate;
    }
}

/* A third of the letters may be wrong. */
static size_t too_far(const char *wanted)
{
    return strlen(wanted) / 3 + 2;
}

const char *config_key_suggest(const char *section, const char *name)
{
    const char *best = NULL;
    size_t best_distance = too_far(name);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(config_keys[i].section, section) == 0)
            consider(name, config_keys[i].name, &best, &best_distance);
    }
    return best;
}

const char *config_key_suggest_section(const char *section)
{
    const char *best = NULL;
    size_t best_distance = too_far(section);
    for (size_t i = 0; i < KEY_COUNT; i++)
        consider(section, config_keys[i].section, &best, &best_distance);
    return best;
}
