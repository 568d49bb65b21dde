/* The [replica NAME] sections: the voters, each known by its server_uuid or server_id. */
#include "proxy/config_draft.h"

#include "protocol/xalloc.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { UUID_LENGTH = 36 };

/* Words of the quorum rule and the like, and names that the `replicas` table gives to observers. */
static bool is_reserved(const char *name)
{
    static const char *const words[] = {"any", "all", "and", "or", "majority"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(name, words[i]) == 0)
            return true;
    }
    return strncasecmp(name, "observer-", 9) == 0;
}

static bool is_name(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length > CONFIG_NAME_MAX || is_reserved(name) || isdigit((unsigned char)name[0]))
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == length;
}

void config_voter_begin(struct config_draft *draft, const char *name, unsigned line)
{
    struct config *config = draft->config;
    draft->is_voter_known = false;
    if (!is_name(name)) {
        config_draft_problem(draft, line,
                             "\"%s\" is no replica's name: letters, digits, _ . - and at most %d of them, no "
                             "digit first, and no word of the quorum rule",
                             name, CONFIG_NAME_MAX);
        return;
    }
    for (size_t i = 0; i < config->voter_count; i++) {
        if (strcasecmp(config->voters[i].name, name) == 0) {
            config_draft_problem(draft, line, "[replica %s] is there twice, first in %s", name,
                                 config_draft_where(draft, draft->voter_lines[i], line));
            return;
        }
    }
    if (config->voter_count == CONFIG_VOTERS_MAX) {
        config_draft_problem(draft, line, "there are more than %d replicas", CONFIG_VOTERS_MAX);
        return;
    }
    draft->is_voter_known = true;
    draft->voter_lines[config->voter_count] = line;
    snprintf(config->voters[config->voter_count].name, sizeof(config->voters[0].name), "%s", name);
    config->voter_count++;
}

static bool is_uuid(const char *text)
{
    if (strlen(text) != UUID_LENGTH)
        return false;
    for (size_t i = 0; i < UUID_LENGTH; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
            return false;
    }
    return true;
}

static void set_uuid(struct config_draft *draft, struct config_voter *voter, const char *text, unsigned line)
{
    if (voter->server_uuid != NULL) {
        config_draft_problem(draft, line, "server_uuid is set twice in [replica %s]", voter->name);
        return;
    }
    if (!is_uuid(text)) {
        config_draft_problem(draft, line,
                             "server_uuid must look like 6f9619ff-8b86-11ef-b42d-00c04fc964ff (SELECT "
                             "@@server_uuid on the replica), not \"%s\"",
                             text);
        return;
    }
    voter->server_uuid = xstrdup(text);
    for (char *at = voter->server_uuid; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
}

static void set_server_id(struct config_draft *draft, struct config_voter *voter, const char *text,
                          unsigned line)
{
    char *end;
    unsigned long long number = isdigit((unsigned char)text[0]) ? strtoull(text, &end, 10) : 0;
    if (voter->server_id != 0)
        config_draft_problem(draft, line, "server_id is set twice in [replica %s]", voter->name);
    else if (number == 0 || number > UINT32_MAX || *end != '\0')
        config_draft_problem(
            draft, line,
            "server_id must be a whole number from 1 to 4294967295 (SELECT @@server_id on the "
            "replica), not \"%s\"",
            text);
    else
        voter->server_id = (uint32_t)number;
}

static void set_subject(struct config_draft *draft, struct config_voter *voter, const char *text,
                        unsigned line)
{
    if (voter->tls_subject != NULL) {
        config_draft_problem(draft, line, "tls_subject is set twice in [replica %s]", voter->name);
        return;
    }
    if (text[0] == '\0')
        return;
    voter->tls_subject = xstrdup(text);
    if (draft->subject_line == 0)
        draft->subject_line = line;
}

void config_voter_set(struct config_draft *draft, size_t key, const char *text, unsigned line)
{
    if (!draft->is_voter_known)
        return;
    struct config_voter *voter = &draft->config->voters[draft->config->voter_count - 1];
    if (strcmp(config_keys[key].name, "server_uuid") == 0)
        set_uuid(draft, voter, text, line);
    else if (strcmp(config_keys[key].name, "tls_subject") == 0)
        set_subject(draft, voter, text, line);
    else
        set_server_id(draft, voter, text, line);
}

static void check_pair(struct config_draft *draft, size_t first, size_t second)
{
    const struct config_voter *a = &draft->config->voters[first];
    const struct config_voter *b = &draft->config->voters[second];
    unsigned line = draft->voter_lines[second];
    if (a->server_uuid != NULL && b->server_uuid != NULL && strcmp(a->server_uuid, b->server_uuid) == 0)
        config_draft_problem(draft, line, "[replica %s] has the server_uuid of [replica %s]", b->name,
                             a->name);
    if (a->server_id != 0 && a->server_id == b->server_id)
        config_draft_problem(draft, line, "[replica %s] has the server_id of [replica %s]", b->name, a->name);
}

void config_voter_check(struct config_draft *draft)
{
    const struct config *config = draft->config;
    for (size_t i = 0; i < config->voter_count; i++) {
        const struct config_voter *voter = &config->voters[i];
        unsigned line = draft->voter_lines[i];
        if (voter->server_uuid == NULL && voter->server_id == 0)
            config_draft_problem(draft, line,
                                 "[replica %s] needs its server_uuid (MySQL) or server_id (MariaDB), so that "
                                 "it is known when it connects",
                                 voter->name);
        if (voter->server_id != 0 && voter->server_id == config->source.server_id)
            config_draft_problem(draft, line,
                                 "[replica %s] has the server_id as which ackgate reads from the source; set "
                                 "another source.server_id",
                                 voter->name);
        for (size_t before = 0; before < i; before++)
            check_pair(draft, before, i);
    }
}
