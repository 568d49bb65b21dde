/* The settings of runtime.h. */
#include "proxy/runtime.h"

#include "proxy/config_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CHANGED_MAX = 8 };

static struct {
    const char *name;
    char value[sizeof(((struct config_variable *)0)->value)];
    bool is_from_file;
} changed[CHANGED_MAX];
static size_t changed_count;

static size_t find_changed(const char *name)
{
    size_t i = 0;
    while (i < changed_count && strcmp(changed[i].name, name) != 0)
        i++;
    return i;
}

const char *runtime_value(const char *name, bool *ret_is_from_file)
{
    size_t i = find_changed(name);
    if (i == changed_count)
        return NULL;
    *ret_is_from_file = changed[i].is_from_file;
    return changed[i].value;
}

static void note(const char *name, const char *value, bool is_from_file)
{
    size_t i = find_changed(name);
    if (i == CHANGED_MAX)
        return;
    if (i == changed_count)
        changed_count++;
    changed[i].name = name;
    changed[i].is_from_file = is_from_file;
    snprintf(changed[i].value, sizeof(changed[i].value), "%s", value);
}

const char *runtime_key(const char *name)
{
    static const char *const keys[] = {"app.commit_wait", "ackgate.log_level", "quorum.rule"};
    if (strcasecmp(name, "quorum_rule") == 0)
        return "quorum.rule";
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcasecmp(name, keys[i]) == 0 || strcasecmp(name, strchr(keys[i], '.') + 1) == 0)
            return keys[i];
    }
    for (size_t i = 0; i < config_key_count_static(); i++) {
        const struct config_key *key = &config_keys[i];
        size_t length = strlen(key->section);
        bool has_section = strncasecmp(name, key->section, length) == 0 && name[length] == '.';
        if (strcasecmp(has_section ? name + length + 1 : name, key->name) == 0)
            return key->name;
    }
    return NULL;
}

static enum result set_commit_wait(struct pipeline *pipeline, const char *value, char *ret_error,
                                   size_t error_max)
{
    uint64_t ms;
    if (config_parse_duration(value, &ms) != RESULT_OK) {
        snprintf(ret_error, error_max, "commit_wait is a duration like '500ms', '10s' or 0 (for ever)");
        return RESULT_MALFORMED;
    }
    pipeline_set_commit_wait(pipeline, ms);
    return RESULT_OK;
}

static enum result set_log_level(const char *value, char *ret_error, size_t error_max)
{
    enum log_level level;
    if (!log_parse_level(value, &level)) {
        snprintf(ret_error, error_max, "log_level is one of debug, info, warn and error");
        return RESULT_MALFORMED;
    }
    log_set_level(level);
    return RESULT_OK;
}

static enum result apply(struct pipeline *pipeline, const char *key, const char *value, char *ret_error,
                         size_t error_max)
{
    if (strcmp(key, "app.commit_wait") == 0)
        return set_commit_wait(pipeline, value, ret_error, error_max);
    if (strcmp(key, "ackgate.log_level") == 0)
        return set_log_level(value, ret_error, error_max);
    if (strcmp(key, "quorum.rule") == 0)
        return pipeline_set_quorum_rule(pipeline, value, ret_error, error_max);
    snprintf(ret_error, error_max, "change %s in the config file and restart", key);
    return RESULT_CONFLICT;
}

enum result runtime_set(struct pipeline *pipeline, const char *name, const char *value, char *ret_error,
                        size_t error_max)
{
    const char *key = runtime_key(name);
    if (key == NULL) {
        snprintf(ret_error, error_max, "no such setting");
        return RESULT_NOT_FOUND;
    }
    enum result result = apply(pipeline, key, value, ret_error, error_max);
    if (result == RESULT_OK) {
        note(key, value, false);
        log_warn("admin", "%s is now %s", key, log_quote_text(value));
    }
    return result;
}

/* What the daemon goes by now, for comparing with a fresh file. */
static const char *current_value(const struct config_variable *loaded)
{
    bool is_from_file;
    const char *value = runtime_value(loaded->name, &is_from_file);
    return value != NULL ? value : loaded->value;
}

struct reload {
    struct pipeline *pipeline;
    unsigned applied;
    char waiting[512]; /* names whose change needs a restart */
};

static void note_waiting(struct reload *reload, const char *what)
{
    size_t length = strlen(reload->waiting);
    snprintf(reload->waiting + length, sizeof(reload->waiting) - length, "%s%s", length > 0 ? ", " : "",
             what);
}

static void reload_key(struct reload *reload, const struct config_variable *old,
                       const struct config_variable *new)
{
    char error[256];
    bool is_changed = strcmp(new->value, new->is_reloadable ? current_value(old) : old->value) != 0;
    if (!is_changed)
        return;
    if (new->is_reloadable &&
        apply(reload->pipeline, new->name, new->value, error, sizeof(error)) == RESULT_OK) {
        note(new->name, new->value, true);
        log_info("config", "%s is now %s", new->name, log_quote_text(new->value));
        reload->applied++;
        return;
    }
    note_waiting(reload, new->name);
}

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_same_account(const struct config_account *a, const struct config_account *b)
{
    return a->has_password == b->has_password &&
           memcmp(a->native_hash, b->native_hash, sizeof(a->native_hash)) == 0;
}

static bool are_same_voters(const struct config *a, const struct config *b)
{
    bool is_same = a->voter_count == b->voter_count;
    for (size_t i = 0; is_same && i < a->voter_count; i++)
        is_same = strcmp(a->voters[i].name, b->voters[i].name) == 0 &&
                  is_same_text(a->voters[i].server_uuid, b->voters[i].server_uuid) &&
                  a->voters[i].server_id == b->voters[i].server_id;
    return is_same;
}

/* What the table of variables hides or does not have. */
static void compare_others(struct reload *reload, const struct config *old, const struct config *fresh)
{
    if (!is_same_text(old->source.password, fresh->source.password))
        note_waiting(reload, "the source's password");
    if (!is_same_account(&old->replication.account, &fresh->replication.account))
        note_waiting(reload, "the replicas' password");
    if (!is_same_account(&old->admin.account, &fresh->admin.account))
        note_waiting(reload, "the admin password");
    if (!are_same_voters(old, fresh))
        note_waiting(reload, "the replicas");
}

enum result runtime_reload(struct pipeline *pipeline, char *ret_text, size_t text_max)
{
    const struct config *old = pipeline_config(pipeline);
    struct config *fresh = NULL;
    char *problems = NULL;
    struct reload reload = {.pipeline = pipeline};
    if (config_load(old->file, &fresh, &problems) != RESULT_OK) {
        snprintf(ret_text, text_max, "%s", problems);
        free(problems);
        return RESULT_MALFORMED;
    }
    for (size_t i = 0; i < config_variable_count(); i++) {
        struct config_variable before;
        struct config_variable after;
        config_variable(old, i, &before);
        config_variable(fresh, i, &after);
        reload_key(&reload, &before, &after);
    }
    compare_others(&reload, old, fresh);
    config_free(&fresh);
    snprintf(ret_text, text_max, "%u applied%s%s", reload.applied,
             reload.waiting[0] != '\0' ? "; a restart is needed for " : "", reload.waiting);
    return RESULT_OK;
}
