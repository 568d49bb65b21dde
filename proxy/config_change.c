/* Changing single keys and voters: config_change.h. */
#include "proxy/config_change.h"

#include "protocol/xalloc.h"
#include "proxy/config_draft.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* ---- accounts ---- */

/* The account that the key is a password of, or NULL. */
static struct config_account *account_of(struct config *config, const struct config_key *key)
{
    if (key->kind != CONFIG_SECRET || key->offset != CONFIG_NOWHERE)
        return NULL;
    if (strcmp(key->section, "replication") == 0)
        return &config->replication.account;
    return strncmp(key->name, "stats_", 6) == 0 ? &config->admin.stats : &config->admin.account;
}

static bool is_same_account(const struct config_account *a, const struct config_account *b)
{
    return a->has_password == b->has_password &&
           memcmp(a->native_hash, b->native_hash, sizeof(a->native_hash)) == 0 &&
           memcmp(a->sha2_hash, b->sha2_hash, sizeof(a->sha2_hash)) == 0;
}

static void take_password(struct config_account *account, const struct config_account *from)
{
    memcpy(account->native_hash, from->native_hash, sizeof(account->native_hash));
    memcpy(account->sha2_hash, from->sha2_hash, sizeof(account->sha2_hash));
    account->has_password = from->has_password;
}

/* ---- keys ---- */

bool config_change_differs(const struct config *config, const struct config *other, size_t index)
{
    const struct config_key *key = &config_keys[index];
    const struct config_account *account = account_of((struct config *)config, key);
    if (account != NULL && !is_same_account(account, account_of((struct config *)other, key)))
        return true;
    if (key->kind == CONFIG_SECRET && key->offset != CONFIG_NOWHERE)
        return !is_same_text(*(char *const *)((const char *)config + key->offset),
                             *(char *const *)((const char *)other + key->offset));
    return strcmp(config->values[index].text, other->values[index].text) != 0;
}

static void swap_bytes(void *a, void *b, size_t length)
{
    uint8_t kept[sizeof(uint64_t)];
    assert(length <= sizeof(kept));
    memcpy(kept, a, length);
    memcpy(a, b, length);
    memcpy(b, kept, length);
}

static size_t member_bytes(enum config_kind kind)
{
    switch (kind) {
    case CONFIG_TEXT:
    case CONFIG_NETWORKS:
        return sizeof(void *);
    case CONFIG_NUMBER:
        return sizeof(uint32_t);
    case CONFIG_DURATION:
    case CONFIG_SIZE:
        return sizeof(uint64_t);
    case CONFIG_SWITCH:
        return sizeof(bool);
    case CONFIG_CHOICE:
        return sizeof(unsigned);
    default:
        return 0; /* needs a restart, or is no member */
    }
}

void config_change_take(struct config *config, struct config *from, size_t index, enum config_origin origin)
{
    const struct config_key *key = &config_keys[index];
    struct config_account *account = account_of(config, key);
    assert(key->is_reloadable);
    if (account != NULL)
        take_password(account, account_of(from, key));
    else if (key->offset != CONFIG_NOWHERE)
        swap_bytes((char *)config + key->offset, (char *)from + key->offset, member_bytes(key->kind));
    struct config_value kept = config->values[index];
    config->values[index] = from->values[index];
    config->values[index].origin = origin;
    from->values[index] = kept;
}

enum config_origin config_change_origin(const struct config *config, size_t key)
{
    return config->values[key].origin;
}

enum result config_change_parse(size_t key, const char *text, struct config **ret_config, char *ret_error,
                                size_t error_max)
{
    struct config_draft draft = {.config = xcalloc(1, sizeof(struct config))};
    draft.texts[key].text = xstrdup(text);
    config_value_apply(&draft, key);
    config_draft_keep_values(&draft);
    bool is_good = draft.problem_count == 0;
    if (!is_good)
        snprintf(ret_error, error_max, "%s", draft.problems[0].text);
    config_draft_release(&draft);
    if (is_good)
        *ret_config = draft.config;
    else
        config_free(&draft.config);
    return is_good ? RESULT_OK : RESULT_MALFORMED;
}

/* ---- voters ---- */

static size_t find_voter(const struct config *config, const char *name)
{
    size_t i = 0;
    while (i < config->voter_count && strcmp(config->voters[i].name, name) != 0)
        i++;
    return i;
}

static bool is_same_voter(const struct config_voter *a, const struct config_voter *b)
{
    return is_same_text(a->server_uuid, b->server_uuid) && a->server_id == b->server_id &&
           is_same_text(a->tls_subject, b->tls_subject);
}

/* As one that counts: not one that was removed. */
static const struct config_voter *find_present(const struct config *config, const char *name)
{
    size_t i = find_voter(config, name);
    return i < config->voter_count && !config->voters[i].is_removed ? &config->voters[i] : NULL;
}

bool config_change_voters_differ(const struct config *config, const struct config *other)
{
    for (size_t i = 0; i < config->voter_count; i++)
        if (!config->voters[i].is_removed && find_present(other, config->voters[i].name) == NULL)
            return true;
    for (size_t i = 0; i < other->voter_count; i++) {
        const struct config_voter *before = find_present(config, other->voters[i].name);
        if (before == NULL || !is_same_voter(before, &other->voters[i]))
            return true;
    }
    return false;
}

enum result config_change_merge_voters(const struct config *config, const struct config *other,
                                       struct config_voter *ret_voters, size_t *ret_count)
{
    size_t count = config->voter_count;
    memcpy(ret_voters, config->voters, count * sizeof(ret_voters[0]));
    for (size_t i = 0; i < count; i++)
        ret_voters[i].is_removed = find_present(other, config->voters[i].name) == NULL;
    for (size_t i = 0; i < other->voter_count; i++) {
        size_t here = find_voter(config, other->voters[i].name);
        if (here == config->voter_count && count == CONFIG_VOTERS_MAX)
            return RESULT_TOO_LARGE;
        ret_voters[here < config->voter_count ? here : count++] = other->voters[i];
    }
    *ret_count = count;
    return RESULT_OK;
}

static void remove_missing(struct config *config, const struct config *from)
{
    for (size_t i = 0; i < config->voter_count; i++) {
        struct config_voter *voter = &config->voters[i];
        if (find_present(from, voter->name) != NULL)
            continue;
        free(voter->server_uuid);
        free(voter->tls_subject);
        voter->server_uuid = voter->tls_subject = NULL;
        voter->server_id = 0;
        voter->is_removed = true;
    }
}

void config_change_take_voters(struct config *config, struct config *from)
{
    remove_missing(config, from);
    for (size_t i = 0; i < from->voter_count; i++) {
        size_t here = find_voter(config, from->voters[i].name);
        if (here == config->voter_count) {
            assert(config->voter_count < CONFIG_VOTERS_MAX);
            config->voters[config->voter_count++] = from->voters[i];
            from->voters[i].server_uuid = from->voters[i].tls_subject = NULL;
        } else {
            struct config_voter kept = config->voters[here];
            config->voters[here] = from->voters[i];
            from->voters[i] = kept;
        }
    }
}
