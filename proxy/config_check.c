/*
 * What only makes sense together: needed keys, keys that exclude each other, files that others can read,
 * addresses used twice, the quorum rule and its names.
 */
#include "protocol/position.h"
#include "protocol/xalloc.h"
#include "proxy/config_draft.h"
#include "proxy/quorum.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PASSWORD_FILE_MAX = 1024 };

static void check_required(struct config_draft *draft)
{
    for (size_t i = 0; i < config_key_count_static(); i++) {
        const struct config_key *key = &config_keys[i];
        const char *text = draft->texts[i].text;
        if (key->is_required && (text == NULL || text[0] == '\0'))
            config_draft_problem(draft, config_draft_line(draft, key->section, key->name),
                                 "[%s] needs %s = …", key->section, key->name);
    }
}

/* As PostgreSQL does it for keys: root's may be readable by a group, everybody else's by the owner only. */
static bool is_private(const struct stat *status)
{
    return (status->st_mode & (status->st_uid == 0 ? 0027 : 0077)) == 0;
}

/* No file with a password may be one that others can read. */
static void check_config_files(struct config_draft *draft)
{
    uint64_t told = 0;
    _Static_assert(CONFIG_FILES_MAX <= 64, "a bit for each file");
    for (size_t i = 0; i < config_key_count_static(); i++) {
        struct stat status;
        const char *text = draft->texts[i].text;
        unsigned line = draft->texts[i].line;
        if (config_keys[i].kind != CONFIG_SECRET || text == NULL || text[0] == '\0')
            continue;
        const char *file = config_draft_file(draft, line);
        uint64_t bit = UINT64_C(1) << (line >> CONFIG_LINE_BITS);
        if ((told & bit) == 0 && stat(file, &status) == 0 && !is_private(&status))
            config_draft_problem(
                draft, line,
                "the file holds a password and others can read it: chmod 600 %s (or 640, when it "
                "belongs to root)",
                file);
        told |= bit;
    }
}

static void take_password_line(struct config_draft *draft, FILE *file)
{
    char password[PASSWORD_FILE_MAX] = "";
    if (fgets(password, sizeof(password), file) == NULL)
        password[0] = '\0';
    password[strcspn(password, "\r\n")] = '\0';
    free(draft->config->source.password);
    draft->config->source.password = xstrdup(password);
    explicit_bzero(password, sizeof(password));
}

static void read_password_file(struct config_draft *draft, const char *path, unsigned line)
{
    struct stat status;
    FILE *file = fopen(path, "re");
    if (file == NULL || fstat(fileno(file), &status) != 0)
        config_draft_problem(draft, line, "password_file %s cannot be read: %s", path, strerror(errno));
    else if (!S_ISREG(status.st_mode))
        config_draft_problem(draft, line, "password_file %s is not a file", path);
    else if (!is_private(&status))
        config_draft_problem(draft, line,
                             "password_file %s can be read by others: chmod 600 it (or 640, when it belongs "
                             "to root)",
                             path);
    else
        take_password_line(draft, file);
    if (file != NULL)
        fclose(file);
}

static void check_source(struct config_draft *draft)
{
    const char *path = config_draft_text(draft, "source", "password_file");
    unsigned line = config_draft_line(draft, "source", "password_file");
    if (config_draft_is_set(draft, "source", "password") && path[0] != '\0')
        config_draft_problem(draft, line, "[source] has both password and password_file; leave one out");
    else if (path[0] != '\0')
        read_password_file(draft, path, line);
    else if (!config_draft_is_set(draft, "source", "password"))
        config_draft_problem(draft, line,
                             "[source] needs password or password_file (password = for an empty one)");
    const char *start_at = config_draft_text(draft, "source", "start_at");
    if (strcmp(start_at, "oldest") != 0 && strcmp(start_at, "current") != 0 &&
        binlog_name_parse(span_of_text(start_at), NULL, NULL) != RESULT_OK)
        config_draft_problem(
            draft, config_draft_line(draft, "source", "start_at"),
            "start_at must be oldest, current or a binlog file's name like binlog.000042, not "
            "\"%s\"",
            start_at);
    if (config_draft_is_set(draft, "source", "port") && config_draft_text(draft, "source", "host")[0] == '/')
        config_draft_problem(draft, config_draft_line(draft, "source", "port"),
                             "host is a Unix socket, which has no port; leave port out");
    if (draft->config->source.is_proxied && draft->config->source.flavor == FLAVOR_MYSQL)
        config_draft_problem(draft, config_draft_line(draft, "source", "proxy_protocol"),
                             "proxy_protocol = on needs a MariaDB source: MySQL takes no PROXY headers");
}

static bool is_local(const char *address)
{
    return strncmp(address, "unix:", 5) == 0 || strncmp(address, "127.", 4) == 0 ||
           strncmp(address, "localhost:", 10) == 0 || strncmp(address, "[::1]:", 6) == 0;
}

/* A port without a password must not be reachable from elsewhere. */
static void check_open_port(struct config_draft *draft, const char *section,
                            const struct config_listen *listen)
{
    for (size_t i = 0; i < listen->count; i++) {
        if (!is_local(listen->addresses[i]))
            config_draft_problem(draft, config_draft_line(draft, section, "listen"),
                                 "[%s] has an empty password and listens on %s, where others can reach it; "
                                 "set a password or listen on 127.0.0.1",
                                 section, listen->addresses[i]);
    }
}

/* The sample file's passwords: everybody knows them. */
static void check_sample(struct config_draft *draft, unsigned line, const char *name,
                         const struct config_account *account)
{
    struct config_account sample = {.user = NULL};
    config_account_set_password(&sample, "change-me");
    if (account->has_password && memcmp(account->sha2_hash, sample.sha2_hash, sizeof(sample.sha2_hash)) == 0)
        config_draft_problem(
            draft, line,
            "%s is that of the sample, which everybody knows; `ackgate passwd` makes one of your own", name);
}

struct account_keys {
    const char *section;
    const char *user;
    const char *password;
    const char *hash;
};

static void check_account(struct config_draft *draft, const struct account_keys *keys,
                          struct config_account *account, const struct config_listen *listen)
{
    const char *section = keys->section;
    const char *hash = config_draft_text(draft, section, keys->hash);
    unsigned line = config_draft_line(draft, section, keys->hash);
    bool has_password = config_draft_is_set(draft, section, keys->password);
    if (has_password && hash[0] != '\0') {
        config_draft_problem(draft, line, "[%s] has both %s and %s; leave one out", section, keys->password,
                             keys->hash);
    } else if (hash[0] != '\0') {
        if (config_account_parse_hash(hash, account) != RESULT_OK)
            config_draft_problem(draft, line, "%s is not what `ackgate passwd` prints", keys->hash);
        check_sample(draft, line, keys->hash, account);
    } else if (has_password) {
        config_account_set_password(account, config_draft_text(draft, section, keys->password));
        check_sample(draft, config_draft_line(draft, section, keys->password), keys->password, account);
        if (!account->has_password)
            check_open_port(draft, section, listen);
    } else {
        config_draft_problem(draft, config_draft_line(draft, section, keys->user),
                             "[%s] needs %s (see `ackgate passwd`) or %s", section, keys->hash,
                             keys->password);
    }
}

static void check_accounts(struct config_draft *draft)
{
    static const struct account_keys replication = {"replication", "user", "password", "password_hash"};
    static const struct account_keys admin = {"admin", "user", "password", "password_hash"};
    static const struct account_keys stats = {"admin", "stats_user", "stats_password", "stats_password_hash"};
    struct config *config = draft->config;
    const char *name = config->admin.stats.user;
    check_account(draft, &replication, &config->replication.account, &config->replication.listen);
    check_account(draft, &admin, &config->admin.account, &config->admin.listen);
    if (name != NULL)
        check_account(draft, &stats, &config->admin.stats, &config->admin.listen);
    else if (config_draft_is_set(draft, "admin", "stats_password") ||
             config_draft_is_set(draft, "admin", "stats_password_hash"))
        config_draft_problem(draft, config_draft_line(draft, "admin", "stats_password"),
                             "[admin] has a password for stats_user and no stats_user");
    if (name != NULL && config->admin.account.user != NULL && strcmp(name, config->admin.account.user) == 0)
        config_draft_problem(draft, config_draft_line(draft, "admin", "stats_user"),
                             "stats_user is the admin's own name; the user who may only look needs another");
}

struct address_use {
    const char *section;
    const struct config_listen *listen;
};

static void check_addresses(struct config_draft *draft)
{
    const struct config *config = draft->config;
    const struct address_use uses[] = {
        {"app",         &config->app.listen        },
        {"replication", &config->replication.listen},
        {"admin",       &config->admin.listen      },
        {"metrics",     &config->metrics.listen    },
    };
    const char *seen[4 * CONFIG_LISTEN_MAX];
    size_t seen_count = 0;
    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        for (size_t j = 0; j < uses[i].listen->count; j++) {
            const char *address = uses[i].listen->addresses[j];
            for (size_t k = 0; k < seen_count; k++) {
                if (strcmp(seen[k], address) == 0)
                    config_draft_problem(draft, config_draft_line(draft, uses[i].section, "listen"),
                                         "%s is listened on twice", address);
            }
            seen[seen_count++] = address;
        }
    }
}

static void check_needed_listen(struct config_draft *draft, const char *section,
                                const struct config_listen *listen)
{
    const char *text = config_draft_text(draft, section, "listen");
    if (listen->count == 0 && text[strspn(text, " ,\t")] == '\0')
        config_draft_problem(draft, config_draft_line(draft, section, "listen"),
                             "[%s] needs an address to listen on", section);
}

static void check_quorum(struct config_draft *draft)
{
    const struct config *config = draft->config;
    char error[512] = "";
    unsigned line = config_draft_line(draft, "quorum", "rule");
    if (config->voter_count == 0)
        config_draft_problem(draft, line,
                             "there is no [replica NAME] section: nobody could confirm a commit");
    else if (config->quorum.rule != NULL &&
             quorum_rule_check(config->quorum.rule, config->voters, config->voter_count, error,
                               sizeof(error)) != RESULT_OK)
        config_draft_problem(draft, line, "rule: %s", error);
}

static void check_user(struct config_draft *draft)
{
    const char *user = draft->config->ackgate.user;
    if (user != NULL && getpwnam(user) == NULL)
        config_draft_problem(draft, config_draft_line(draft, "ackgate", "user"), "there is no user %s", user);
}

void config_check(struct config_draft *draft)
{
    struct config *config = draft->config;
    check_required(draft);
    check_config_files(draft);
    check_user(draft);
    check_source(draft);
    check_accounts(draft);
    check_needed_listen(draft, "app", &config->app.listen);
    check_needed_listen(draft, "replication", &config->replication.listen);
    check_addresses(draft);
    config_tls_check(draft);
    config_voter_check(draft);
    check_quorum(draft);
}
