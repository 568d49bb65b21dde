/* The keys about TLS: files that can be read and belong together, and none that belong to a mode which is
 * off, because that would be a misunderstanding. */
#include "protocol/rsa_key.h"
#include "proxy/config_draft.h"
#include "proxy/tls_context.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    const char *section;
    enum tls_side side;
    const struct tls_settings *settings;
};

static const char *const file_keys[] = {"tls_ca", "tls_cert", "tls_key"};
enum { FILE_KEYS = sizeof(file_keys) / sizeof(file_keys[0]) };

/* True: they all can be. */
static bool check_files(struct config_draft *draft, const struct place *place)
{
    bool can_be_read = true;
    for (size_t i = 0; i < FILE_KEYS; i++) {
        const char *path = config_draft_text(draft, place->section, file_keys[i]);
        if (path[0] == '\0' || access(path, R_OK) == 0)
            continue;
        config_draft_problem(draft, config_draft_line(draft, place->section, file_keys[i]),
                             "%s %s cannot be read: %s", file_keys[i], path, strerror(errno));
        can_be_read = false;
    }
    return can_be_read;
}

/* A private key is as secret as a password. */
static void check_private(struct config_draft *draft, const char *key, const char *path, unsigned line)
{
    struct stat status;
    if (stat(path, &status) == 0 && (status.st_mode & (status.st_uid == 0 ? 0027 : 0077)) != 0)
        config_draft_problem(draft, line,
                             "%s %s can be read by others: chmod 600 it (or 640, when it belongs to root)",
                             key, path);
}

static void check_off(struct config_draft *draft, const struct place *place)
{
    for (size_t i = 0; i < FILE_KEYS && !config_draft_is_set(draft, place->section, "tls"); i++) {
        if (config_draft_text(draft, place->section, file_keys[i])[0] != '\0')
            config_draft_problem(
                draft, config_draft_line(draft, place->section, file_keys[i]),
                "[%s] has %s, but tls is off: set tls = preferred or tls = required (or tls = "
                "disabled, if that is meant)",
                place->section, file_keys[i]);
    }
}

static void check_local(struct config_draft *draft, const struct place *place)
{
    if (place->side == TLS_CLIENT && place->settings->mode >= TLS_REQUIRED &&
        config_draft_text(draft, "source", "host")[0] == '/')
        config_draft_problem(draft, config_draft_line(draft, "source", "tls"),
                             "host is a Unix socket, where ackgate uses no TLS; leave tls out");
}

static void check_place(struct config_draft *draft, const struct place *place)
{
    char error[TLS_ERROR_MAX];
    bool can_be_read = check_files(draft, place);
    if (place->settings->key != NULL)
        check_private(draft, "tls_key", place->settings->key,
                      config_draft_line(draft, place->section, "tls_key"));
    if (place->settings->mode == TLS_DISABLED) {
        check_off(draft, place);
        return;
    }
    check_local(draft, place);
    if (can_be_read && tls_settings_check(place->side, place->settings, error) != RESULT_OK)
        config_draft_problem(draft, config_draft_line(draft, place->section, "tls"), "[%s] %s",
                             place->section, error);
}

static void check_rsa_key(struct config_draft *draft)
{
    const char *path = draft->config->app.rsa_key;
    unsigned line = config_draft_line(draft, "app", "rsa_key");
    struct rsa_key *key;
    if (path == NULL)
        return;
    check_private(draft, "rsa_key", path, line);
    enum result result = rsa_key_read(path, &key);
    if (result == RESULT_OK)
        rsa_key_free(&key);
    else
        config_draft_problem(draft, line, "rsa_key %s cannot be used: %s", path,
                             result == RESULT_IO ? strerror(errno)
                                                 : "it is no private RSA key of 2048 to 8192 bits in PEM");
}

/* A subject can be asked for only where certificates are. */
static void check_subjects(struct config_draft *draft)
{
    const struct tls_settings *tls = &draft->config->replication.tls;
    if (draft->subject_line > 0 && (tls->mode == TLS_DISABLED || tls->ca == NULL))
        config_draft_problem(draft, draft->subject_line,
                             "tls_subject needs tls and tls_ca in [replication], so that replicas can show a "
                             "certificate");
}

void config_tls_check(struct config_draft *draft)
{
    const struct config *config = draft->config;
    const struct place places[] = {
        {"source",      TLS_CLIENT, &config->source.tls     },
        {"app",         TLS_SERVER, &config->app.tls        },
        {"replication", TLS_SERVER, &config->replication.tls},
        {"admin",       TLS_SERVER, &config->admin.tls      },
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        check_place(draft, &places[i]);
    check_rsa_key(draft);
    check_subjects(draft);
}
