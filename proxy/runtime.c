/* The settings of runtime.h. */
#include "proxy/runtime.h"

#include "proxy/config_change.h"
#include "proxy/quorum.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct config *live;

void runtime_start(struct config *config)
{
    live = config;
}

/* ---- SET ---- */

static bool is_named(const struct config_key *key, const char *name)
{
    size_t length = strlen(key->section);
    bool has_section = strncasecmp(name, key->section, length) == 0 && name[length] == '.';
    return strcasecmp(has_section ? name + length + 1 : name, key->name) == 0;
}

/* A name without its section may be that of several keys: the one that can be set is meant. */
size_t runtime_key(const char *name)
{
    size_t found = config_key_count();
    if (strcasecmp(name, "quorum_rule") == 0)
        return config_key_find("quorum", "rule");
    for (size_t i = 0; i < config_key_count_static(); i++) {
        bool is_better = found == config_key_count() || !config_keys[found].is_reloadable;
        if (is_better && is_named(&config_keys[i], name))
            found = i;
    }
    return found;
}

static bool is_settable(const struct config_key *key)
{
    bool is_plain = key->kind == CONFIG_NUMBER || key->kind == CONFIG_DURATION || key->kind == CONFIG_SIZE ||
                    key->kind == CONFIG_SWITCH || key->kind == CONFIG_CHOICE;
    return key->is_reloadable && is_plain;
}

static enum result apply_log(const struct config *config)
{
    return log_open(config->ackgate.log_file, config->ackgate.log_level, config->ackgate.is_log_json);
}

static enum result set_key(struct pipeline *pipeline, size_t key, const char *value, char *ret_error,
                           size_t error_max)
{
    struct config *one;
    enum result result = config_change_parse(key, value, &one, ret_error, error_max);
    if (result != RESULT_OK)
        return result;
    config_change_take(live, one, key, CONFIG_FROM_RUNTIME);
    config_free(&one);
    pipeline_reconfigure(pipeline);
    log_settings(live->ackgate.log_level, live->ackgate.is_log_json);
    return RESULT_OK;
}

enum result runtime_set(struct pipeline *pipeline, size_t key, const char *value, char *ret_error,
                        size_t error_max)
{
    const struct config_key *what = &config_keys[key];
    enum result result = RESULT_CONFLICT;
    if (key == config_key_find("quorum", "rule"))
        result = pipeline_set_quorum_rule(pipeline, value, ret_error, error_max);
    else if (is_settable(what))
        result = set_key(pipeline, key, value, ret_error, error_max);
    else
        snprintf(ret_error, error_max, "change %s.%s in the config file and %s", what->section, what->name,
                 what->is_reloadable ? "RELOAD" : "restart ackgate");
    if (result == RESULT_OK)
        log_warn("config", "%s.%s was set to %s on the admin port", what->section, what->name,
                 log_quote_text(value));
    return result;
}

/* ---- reading the file again ---- */

struct reload {
    struct config *fresh;
    bool is_rule_changed;
    bool are_voters_changed;
    char applied[RUNTIME_TEXT_MAX / 2];
    char waiting[RUNTIME_TEXT_MAX / 2]; /* what needs a restart */
};

static void add_name(char *list, size_t max, const char *section, const char *name)
{
    size_t length = strlen(list);
    snprintf(list + length, max - length, "%s%s.%s", length > 0 ? ", " : "", section, name);
}

/* The rule that will be in force: the file's if that is another one, else whatever is now. */
static bool is_rule_possible(struct pipeline *pipeline, const struct reload *reload, char *ret_text,
                             size_t text_max)
{
    struct config_voter voters[CONFIG_VOTERS_MAX];
    size_t count;
    char error[VIEW_TEXT];
    struct view_quorum view;
    if (config_change_merge_voters(live, reload->fresh, voters, &count) != RESULT_OK) {
        snprintf(ret_text, text_max,
                 "with those that were removed since the start there are more than %d replicas: restart "
                 "ackgate",
                 CONFIG_VOTERS_MAX);
        return false;
    }
    pipeline_view_quorum(pipeline, &view);
    const char *rule = reload->is_rule_changed ? reload->fresh->quorum.rule : view.rule;
    if (quorum_rule_check(rule, voters, count, error, sizeof(error)) == RESULT_OK)
        return true;
    snprintf(ret_text, text_max, "%s%s", error,
             reload->is_rule_changed ? "" : "; that rule is in force: SET quorum_rule to another one first");
    return false;
}

/* What cannot be applied is found before anything is. RESULT_MALFORMED: ret_text says why. */
static enum result prepare(struct pipeline *pipeline, struct reload *reload, char *ret_text, size_t text_max)
{
    const struct config *fresh = reload->fresh;
    reload->is_rule_changed = config_change_differs(live, fresh, config_key_find("quorum", "rule"));
    reload->are_voters_changed = config_change_voters_differ(live, fresh);
    if (!is_rule_possible(pipeline, reload, ret_text, text_max))
        return RESULT_MALFORMED;
    if (strlen(fresh->quorum.rule) >= VIEW_TEXT) {
        snprintf(ret_text, text_max, "quorum.rule is longer than %d bytes", VIEW_TEXT - 1);
        return RESULT_MALFORMED;
    }
    if (apply_log(fresh) != RESULT_OK) {
        snprintf(ret_text, text_max, "ackgate.log_file %s cannot be opened: %s", fresh->ackgate.log_file,
                 strerror(errno));
        return RESULT_MALFORMED;
    }
    return RESULT_OK;
}

static void take_key(struct reload *reload, size_t key)
{
    const struct config_key *what = &config_keys[key];
    bool differs = config_change_differs(live, reload->fresh, key);
    if (differs && !what->is_reloadable)
        add_name(reload->waiting, sizeof(reload->waiting), what->section, what->name);
    else if (differs)
        add_name(reload->applied, sizeof(reload->applied), what->section, what->name);
    if (what->is_reloadable)
        config_change_take(live, reload->fresh, key, config_change_origin(reload->fresh, key));
}

/* A rule with * means the replicas that there are now. */
static void apply_rule(struct pipeline *pipeline, const struct reload *reload)
{
    char error[VIEW_TEXT];
    struct view_quorum view;
    pipeline_view_quorum(pipeline, &view);
    const char *rule = reload->is_rule_changed ? live->quorum.rule : view.rule;
    bool has_changed = reload->is_rule_changed || (reload->are_voters_changed && strchr(rule, '*') != NULL);
    if (!has_changed)
        return;
    enum result result = pipeline_set_quorum_rule(pipeline, rule, error, sizeof(error));
    assert(result == RESULT_OK); /* prepare() has looked */
    (void)result;
}

static void apply(struct pipeline *pipeline, struct reload *reload)
{
    for (size_t i = 0; i < config_key_count_static(); i++)
        take_key(reload, i);
    if (reload->are_voters_changed)
        add_name(reload->applied, sizeof(reload->applied), "replica", "*");
    config_change_take_voters(live, reload->fresh);
    pipeline_reconfigure(pipeline);
    apply_rule(pipeline, reload);
}

/* A line of the log for each; they stand one below the other. */
static void log_problems(const char *problems)
{
    log_error("config", "%s was not read again and nothing was changed; mend this, then RELOAD:", live->file);
    for (const char *line = problems; *line != '\0';) {
        int length = (int)strcspn(line, "\n");
        log_error("config", "%.*s", length, line);
        line += length + (line[length] == '\n');
    }
}

/* The config was checked with its own files; where it names others, these are still the old ones. */
static void reload_certificates(struct pipeline *pipeline, char *ret_text, size_t text_max)
{
    char problems[4 * TLS_ERROR_MAX];
    unsigned count = tls_contexts_reload(pipeline_tls(pipeline), problems, sizeof(problems));
    ret_text[0] = '\0';
    if (problems[0] != '\0')
        snprintf(ret_text, text_max, "; certificates that stay as they were: %s", problems);
    else if (count > 0)
        snprintf(ret_text, text_max, "; certificates read again");
}

enum result runtime_reload(struct pipeline *pipeline, char *ret_text, size_t text_max)
{
    struct reload reload = {.fresh = NULL};
    char *problems = NULL;
    enum result result = config_load(live->file, &reload.fresh, &problems);
    if (result == RESULT_OK)
        result = prepare(pipeline, &reload, ret_text, text_max);
    else
        snprintf(ret_text, text_max, "%s", problems);
    if (result == RESULT_OK) {
        apply(pipeline, &reload);
        snprintf(ret_text, text_max, "%s%s%s%s", reload.applied[0] != '\0' ? "applied " : "nothing to apply",
                 reload.applied, reload.waiting[0] != '\0' ? "; a restart is needed for " : "",
                 reload.waiting);
        reload_certificates(pipeline, ret_text + strlen(ret_text), text_max - strlen(ret_text));
        log_info("config", "read %s again: %s", live->file, ret_text);
    } else {
        log_problems(problems != NULL ? problems : ret_text);
    }
    free(problems);
    config_free(&reload.fresh);
    return result;
}
