/* The checks of admission.h. */
#include "proxy/admission.h"

#include "protocol/xalloc.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char resolve_word[] = "RESOLVE '";
static const char adopt_word[] = "ADOPT '";
static const char engine_word[] = "ENGINE ";

/* The text between the quotes behind a word; false: the override is another one. */
static bool quoted_behind(const char *text, const char *word, struct span *ret_value, const char **ret_rest)
{
    size_t length = strlen(word);
    if (strncmp(text, word, length) != 0)
        return false;
    const char *end = strchr(text + length, '\'');
    if (end == NULL)
        return false;
    *ret_value = (struct span){(const uint8_t *)text + length, (size_t)(end - text) - length};
    *ret_rest = end + 1;
    return true;
}

static bool parse_resolve(enum flavor flavor, const char *text, struct verdict_override *ret_override)
{
    struct span gtid;
    const char *rest;
    if (!quoted_behind(text, resolve_word, &gtid, &rest) || flavor == FLAVOR_UNKNOWN ||
        gtid_parse(flavor, gtid, &ret_override->gtid) != RESULT_OK)
        return false;
    ret_override->is_discard = strncmp(rest, " DISCARD", strlen(" DISCARD")) == 0;
    return true;
}

size_t admission_overrides(const struct journal_state *state, struct verdict_override **ret_overrides)
{
    size_t count = 0;
    struct verdict_override *overrides = xcalloc(state->overrides_count + 1, sizeof(*overrides));
    for (size_t i = 0; i < state->overrides_count; i++)
        count += parse_resolve(state->flavor, state->overrides[i], &overrides[count]);
    *ret_overrides = overrides;
    return count;
}

/* ---- MySQL: @@gtid_executed ---- */

/* All that the source may have beyond the store; *ret_has_adopted: it was admitted before. */
static void gather_allowed(const struct journal_state *state, struct gtid_set *allowed, bool *ret_has_adopted)
{
    struct span value;
    const char *rest;
    struct verdict_override override;
    *ret_has_adopted = false;
    for (size_t i = 0; i < state->overrides_count; i++) {
        if (parse_resolve(FLAVOR_MYSQL, state->overrides[i], &override)) {
            gtid_set_add(allowed, &override.gtid.mysql);
        } else if (quoted_behind(state->overrides[i], adopt_word, &value, &rest) &&
                   gtid_set_parse(allowed, value) == RESULT_OK) {
            *ret_has_adopted = true;
        }
    }
}

static bool is_discarded(const struct journal_discarded *discarded, const struct gtid_set *set)
{
    struct gtid_set gone;
    gtid_set_init(&gone);
    bool is_in =
        gtid_set_parse(&gone, span_of_text(discarded->gtids)) == RESULT_OK && gtid_set_intersects(&gone, set);
    gtid_set_release(&gone);
    return is_in;
}

static const struct journal_discarded *find_discard(const struct journal_state *state,
                                                    const struct gtid_set *set)
{
    for (size_t i = state->discards_count; i > 0; i--)
        if (is_discarded(&state->discards[i - 1], set))
            return &state->discards[i - 1];
    return NULL;
}

static void refuse_mysql(const struct journal_discarded *discarded, const struct gtid_set *rest,
                         char *ret_reason, size_t reason_max)
{
    char *text = gtid_set_format(rest);
    if (discarded != NULL)
        snprintf(
            ret_reason, reason_max,
            "its engine has committed %.300s, which was discarded (epoch %" PRIu32
            ") and is on no replica. Its bytes are kept in %.300s on the source: undo its changes by hand "
            "(read them with mysqlbinlog -v), or make the source anew from a replica; then RESOLVE "
            "'GTID' DISCARD for each. RESOLVE 'GTID' COMPLETE instead if you brought them to all replicas",
            text, discarded->epoch, discarded->kept_as);
    else
        snprintf(
            ret_reason, reason_max,
            "it has executed %.600s, which neither its binlog nor ackgate has: no replica can get that. "
            "Make the source anew from a replica, or RESOLVE 'GTID' COMPLETE for each if they are to stay",
            text);
    free(text);
}

static bool check_mysql(const struct journal_state *state, const char *executed,
                        const struct gtid_state *stored, char **ret_adopted, char *ret_reason,
                        size_t reason_max)
{
    struct gtid_set rest;
    struct gtid_set allowed;
    bool has_adopted;
    gtid_set_init(&rest);
    gtid_set_init(&allowed);
    gather_allowed(state, &allowed, &has_adopted);
    bool is_good = gtid_set_parse(&rest, span_of_text(executed)) == RESULT_OK;
    if (!is_good)
        snprintf(ret_reason, reason_max, "its gtid_executed is no set of GTIDs");
    gtid_set_subtract(&rest, &stored->set);
    gtid_set_subtract(&rest, &allowed);
    const struct journal_discarded *discarded = find_discard(state, &rest);
    if (is_good && !gtid_set_is_empty(&rest) && (has_adopted || discarded != NULL)) {
        refuse_mysql(discarded, &rest, ret_reason, reason_max);
        is_good = false;
    }
    if (is_good && !has_adopted)
        *ret_adopted = gtid_set_format(&rest);
    gtid_set_release(&rest);
    gtid_set_release(&allowed);
    return is_good;
}

/* ---- MariaDB: the engine's last position ---- */

/* The last discard that cut the source's binlog; NULL: none did. */
static const struct journal_discarded *last_cut(const struct journal_state *state)
{
    for (size_t i = state->discards_count; i > 0; i--)
        if (state->discards[i - 1].kept_as[0] != '\0')
            return &state->discards[i - 1];
    return NULL;
}

/* ENGINE is journaled with the epoch of its time, which is later than the one that the discard ended. */
static bool is_verified(const struct journal_state *state, uint32_t epoch)
{
    for (size_t i = 0; i < state->overrides_count; i++) {
        const char *text = state->overrides[i];
        if (strncmp(text, engine_word, strlen(engine_word)) == 0 &&
            strtoull(text + strlen(engine_word), NULL, 10) > epoch)
            return true;
    }
    return false;
}

struct covering {
    const struct verdict_override *overrides;
    size_t count;
};

static bool is_covered(void *context, const struct gtid_mariadb *gtid)
{
    const struct covering *covering = context;
    for (size_t i = 0; i < covering->count; i++) {
        const struct gtid_mariadb *resolved = &covering->overrides[i].gtid.mariadb;
        if (resolved->domain == gtid->domain && resolved->server == gtid->server &&
            resolved->seq == gtid->seq)
            return true;
    }
    return false;
}

static bool is_not_covered(void *context, const struct gtid_mariadb *gtid)
{
    return !is_covered(context, gtid);
}

static bool is_resolved(const struct journal_state *state, const struct journal_discarded *discarded)
{
    struct verdict_override *overrides;
    struct covering covering = {.count = admission_overrides(state, &overrides)};
    covering.overrides = overrides;
    bool are_all = false;
    enum result result =
        gtid_list_parse_each(span_of_text(discarded->gtids), is_covered, &covering, &are_all);
    free(overrides);
    return result == RESULT_OK && are_all;
}

static bool check_mariadb(const struct journal_state *state, char *ret_reason, size_t reason_max)
{
    const struct journal_discarded *discarded = last_cut(state);
    if (discarded == NULL || is_verified(state, discarded->epoch) || is_resolved(state, discarded))
        return true;
    snprintf(ret_reason, reason_max,
             "%.300s was discarded (epoch %" PRIu32
             "), and whether its engine had committed it is not known yet: run  ackgate-recover verify  on "
             "the source's host. Or look for its changes yourself (its bytes are kept in %.300s) and say "
             "RESOLVE 'GTID' DISCARD",
             discarded->gtids, discarded->epoch, discarded->kept_as);
    return false;
}

bool admission_check_engine(const struct journal_state *state, const struct engine_report *report,
                            char *ret_reason, size_t reason_max)
{
    uint64_t file;
    const struct journal_discarded *discarded = last_cut(state);
    if (report->flavor != FLAVOR_MARIADB || report->file[0] == '\0' || discarded == NULL)
        return true;
    if (binlog_name_parse(span_of_text(report->file), NULL, &file) != RESULT_OK) {
        snprintf(ret_reason, reason_max, "the engine's binlog file has a name that cannot be");
        return false;
    }
    struct position engine = {file, report->offset};
    bool is_same_file = file == discarded->from.file;
    bool is_first_start = !is_verified(state, discarded->epoch);
    if ((!is_same_file && !is_first_start) || position_compare(engine, discarded->from) <= 0 ||
        is_resolved(state, discarded))
        return true;
    snprintf(ret_reason, reason_max,
             "its engine has committed up to %.200s:%" PRIu64
             ", behind the place where its binlog was cut (%" PRIu64
             "): of %.200s, which was discarded and is on no replica, something is in its tables. The bytes "
             "are kept in %.300s: undo the changes by hand, or make the source anew from a replica; then "
             "RESOLVE 'GTID' DISCARD for each",
             report->file, report->offset, discarded->from.offset, discarded->gtids, discarded->kept_as);
    return false;
}

bool admission_check(const struct journal_state *state, const char *executed, const struct gtid_state *stored,
                     char **ret_adopted, char *ret_reason, size_t reason_max)
{
    *ret_adopted = NULL;
    if (state->flavor == FLAVOR_MARIADB)
        return check_mariadb(state, ret_reason, reason_max);
    if (executed == NULL || stored->flavor != FLAVOR_MYSQL)
        return true;
    return check_mysql(state, executed, stored, ret_adopted, ret_reason, reason_max);
}

bool admission_is_discarded(const struct journal_state *state, const struct gtid *gtid)
{
    struct gtid_set one;
    struct verdict_override override = {.gtid = *gtid};
    struct covering covering = {&override, 1};
    gtid_set_init(&one);
    if (gtid->flavor == FLAVOR_MYSQL)
        gtid_set_add(&one, &gtid->mysql);
    bool is_found = false;
    for (size_t i = 0; i < state->discards_count && !is_found; i++) {
        const struct journal_discarded *discarded = &state->discards[i];
        bool are_none = true;
        if (gtid->flavor == FLAVOR_MYSQL)
            is_found = is_discarded(discarded, &one);
        else if (gtid_list_parse_each(span_of_text(discarded->gtids), is_not_covered, &covering, &are_none) ==
                 RESULT_OK)
            is_found = !are_none;
    }
    gtid_set_release(&one);
    return is_found;
}

/* ---- counting ---- */

static bool count_one(void *context, const struct gtid_mariadb *gtid)
{
    (void)gtid;
    *(uint64_t *)context += 1;
    return true;
}

uint64_t admission_discarded_count(const struct journal_discarded *discarded, enum flavor flavor)
{
    uint64_t count = 0;
    struct span text = span_of_text(discarded->gtids);
    if (flavor == FLAVOR_MARIADB) {
        bool are_all;
        enum result ignored = gtid_list_parse_each(text, count_one, &count, &are_all);
        (void)ignored;
        return count;
    }
    struct gtid_set set;
    gtid_set_init(&set);
    if (gtid_set_parse(&set, text) == RESULT_OK)
        count = gtid_set_count(&set);
    gtid_set_release(&set);
    return count;
}
