/* The finished config of config.h: loading it in steps, giving it back, and its rows for `variables`. */
#include "proxy/config.h"

#include "protocol/xalloc.h"
#include "proxy/config_draft.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void free_listen(struct config_listen *listen)
{
    for (size_t i = 0; i < listen->count; i++)
        free(listen->addresses[i]);
    listen->count = 0;
}

static void free_secret(char *secret)
{
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

static void free_values(struct config *config)
{
    for (size_t i = 0; config->values != NULL && i < config_key_count_static(); i++)
        free(config->values[i].text);
    free(config->values);
}

/* Members of the table's text kinds; the others hold no memory or are released by the caller. */
static void free_texts(struct config *config)
{
    for (size_t i = 0; i < config_key_count_static(); i++) {
        const struct config_key *key = &config_keys[i];
        if (key->offset == CONFIG_NOWHERE)
            continue;
        void *member = (char *)config + key->offset;
        if (key->kind == CONFIG_TEXT)
            free(*(char **)member);
        else if (key->kind == CONFIG_SECRET)
            free_secret(*(char **)member);
        else if (key->kind == CONFIG_LISTEN)
            free_listen(member);
        else if (key->kind == CONFIG_NETWORKS)
            networks_free(member);
    }
}

void config_free(struct config **config)
{
    struct config *old = *config;
    if (old == NULL)
        return;
    *config = NULL;
    free_texts(old);
    free_values(old);
    for (size_t i = 0; i < old->voter_count; i++) {
        free(old->voters[i].server_uuid);
        free(old->voters[i].tls_subject);
    }
    free(old->file);
    free(old);
}

bool config_source_is_local(const struct config *config)
{
    return config->source.host[0] == '/';
}

/* Defaults that follow from other keys. */
static void derive(struct config *config)
{
    if (config->store.dir == NULL)
        config->store.dir =
            xasprintf("%s/store", config->ackgate.data_dir != NULL ? config->ackgate.data_dir : ".");
}

enum result config_load(const char *file, struct config **ret_config, char **ret_problems)
{
    struct config_draft draft = {.config = xcalloc(1, sizeof(struct config))};
    draft.config->file = xstrdup(file);
    if (config_read(&draft, file) == RESULT_OK) {
        for (size_t i = 0; i < config_key_count_static(); i++)
            config_value_apply(&draft, i);
        derive(draft.config);
        config_check(&draft);
        config_draft_keep_values(&draft);
    }
    char *problems = config_draft_problems(&draft);
    config_draft_release(&draft);
    *ret_problems = problems;
    if (problems != NULL) {
        config_free(&draft.config);
        return RESULT_MALFORMED;
    }
    *ret_config = draft.config;
    return RESULT_OK;
}

size_t config_variable_count(void)
{
    return config_key_count_static();
}

void config_variable(const struct config *config, size_t index, struct config_variable *ret_variable)
{
    assert(index < config_key_count_static());
    static char names[CONFIG_KEYS_MAX][64];
    const struct config_key *key = &config_keys[index];
    if (names[index][0] == '\0')
        snprintf(names[index], sizeof(names[index]), "%s.%s", key->section, key->name);
    ret_variable->name = names[index];
    ret_variable->origin = config->values[index].origin;
    ret_variable->is_reloadable = key->is_reloadable;
    snprintf(ret_variable->value, sizeof(ret_variable->value), "%s", config->values[index].text);
}
