/* The quorum rule of quorum.h: a small parser, and the k-th largest position for each clause. */
#include "proxy/quorum.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct parser {
    const char *rule;
    const char *at;
    const struct config_voter *voters;
    size_t voter_count;
    char *error;
    size_t error_max;
};

__attribute__((format(printf, 2, 3))) static enum result fail(struct parser *parser, const char *format, ...)
{
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    snprintf(parser->error, parser->error_max, "quorum rule: %s at character %zu of '%.200s'", what,
             (size_t)(parser->at - parser->rule) + 1, parser->rule);
    return RESULT_MALFORMED;
}

static void skip_space(struct parser *parser)
{
    while (isspace((unsigned char)*parser->at))
        parser->at++;
}

static bool is_name_byte(char byte)
{
    return isalnum((unsigned char)byte) || byte == '_' || byte == '-' || byte == '.';
}

/* Takes the word if it comes next. */
static bool take_word(struct parser *parser, const char *word)
{
    skip_space(parser);
    size_t length = strlen(word);
    if (strncasecmp(parser->at, word, length) != 0 || is_name_byte(parser->at[length]))
        return false;
    parser->at += length;
    return true;
}

static bool take_byte(struct parser *parser, char byte)
{
    skip_space(parser);
    if (*parser->at != byte)
        return false;
    parser->at++;
    return true;
}

static enum result parse_name(struct parser *parser, uint32_t *voters)
{
    skip_space(parser);
    size_t length = 0;
    while (is_name_byte(parser->at[length]))
        length++;
    if (length == 0)
        return fail(parser, "a replica's name or * is expected");
    for (size_t i = 0; i < parser->voter_count; i++) {
        const char *name = parser->voters[i].name;
        if (parser->voters[i].is_removed || strlen(name) != length || strncmp(name, parser->at, length) != 0)
            continue;
        if (*voters & 1u << i)
            return fail(parser, "replica %s is named twice", name);
        *voters |= 1u << i;
        parser->at += length;
        return RESULT_OK;
    }
    return fail(parser, "there is no section [replica %.*s]", (int)length, parser->at);
}

static uint32_t all_voters(const struct parser *parser)
{
    uint32_t voters = 0;
    for (size_t i = 0; i < parser->voter_count; i++)
        if (!parser->voters[i].is_removed)
            voters |= 1u << i;
    return voters;
}

/* "(r1, r2)" or "(*)" */
static enum result parse_names(struct parser *parser, uint32_t *ret_voters)
{
    if (!take_byte(parser, '('))
        return fail(parser, "'(' is expected");
    uint32_t voters = 0;
    if (take_byte(parser, '*')) {
        voters = all_voters(parser);
        if (voters == 0)
            return fail(parser, "* stands for no replica, as there is no [replica NAME] section");
    } else {
        do {
            enum result result = parse_name(parser, &voters);
            if (result != RESULT_OK)
                return result;
        } while (take_byte(parser, ','));
    }
    if (!take_byte(parser, ')'))
        return fail(parser, "')' or ',' is expected");
    *ret_voters = voters;
    return RESULT_OK;
}

static enum result parse_count(struct parser *parser, unsigned *ret_count)
{
    skip_space(parser);
    if (!isdigit((unsigned char)*parser->at))
        return fail(parser, "a number is expected after ANY");
    char *end;
    unsigned long count = strtoul(parser->at, &end, 10);
    if (count == 0 || count > CONFIG_VOTERS_MAX)
        return fail(parser, "the number after ANY must be from 1 to %d", CONFIG_VOTERS_MAX);
    parser->at = end;
    *ret_count = (unsigned)count;
    return RESULT_OK;
}

static enum result parse_clause(struct parser *parser, struct quorum_clause *ret_clause)
{
    struct quorum_clause clause = {0};
    enum { ANY, ALL, MAJORITY } kind;
    if (take_word(parser, "ANY"))
        kind = ANY;
    else if (take_word(parser, "ALL"))
        kind = ALL;
    else if (take_word(parser, "MAJORITY"))
        kind = MAJORITY;
    else
        return fail(parser, "ANY, ALL or MAJORITY is expected");
    enum result result = kind == ANY ? parse_count(parser, &clause.needed) : RESULT_OK;
    if (result == RESULT_OK)
        result = parse_names(parser, &clause.voters);
    if (result != RESULT_OK)
        return result;
    unsigned count = (unsigned)__builtin_popcount(clause.voters);
    if (kind == ALL)
        clause.needed = count;
    if (kind == MAJORITY)
        clause.needed = count / 2 + 1;
    if (clause.needed > count)
        return fail(parser, "%u acks are asked for and only %u replicas are named", clause.needed, count);
    *ret_clause = clause;
    return RESULT_OK;
}

enum result quorum_parse(const char *rule, const struct config_voter *voters, size_t voter_count,
                         struct quorum *ret_quorum, char *ret_error, size_t error_max)
{
    assert(voter_count <= CONFIG_VOTERS_MAX);
    struct parser parser = {rule, rule, voters, voter_count, ret_error, error_max};
    struct quorum quorum = {.clause_count = 0};
    do {
        if (quorum.clause_count == QUORUM_CLAUSES_MAX)
            return fail(&parser, "more than %d clauses", QUORUM_CLAUSES_MAX);
        enum result result = parse_clause(&parser, &quorum.clauses[quorum.clause_count]);
        if (result != RESULT_OK)
            return result;
        quorum.clause_count++;
    } while (take_word(&parser, "AND"));
    skip_space(&parser);
    if (*parser.at != '\0')
        return fail(&parser, "AND or the end is expected");
    *ret_quorum = quorum;
    return RESULT_OK;
}

enum result quorum_rule_check(const char *rule, const struct config_voter *voters, size_t voter_count,
                              char *ret_error, size_t error_max)
{
    struct quorum ignored;
    return quorum_parse(rule, voters, voter_count, &ignored, ret_error, error_max);
}

/* The needed-th largest of the clause's positions: insertion into a sorted list of at most 32. */
static struct position clause_position(const struct quorum_clause *clause, const struct position *acked)
{
    struct position sorted[CONFIG_VOTERS_MAX];
    size_t count = 0;
    for (uint32_t left = clause->voters; left != 0; left &= left - 1) {
        struct position position = acked[__builtin_ctz(left)];
        size_t at = count++;
        for (; at > 0 && position_compare(sorted[at - 1], position) < 0; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = position;
    }
    assert(clause->needed >= 1 && clause->needed <= count);
    return sorted[clause->needed - 1];
}

struct position quorum_position(const struct quorum *quorum, const struct position *acked)
{
    assert(quorum->clause_count > 0);
    struct position least = clause_position(&quorum->clauses[0], acked);
    for (size_t i = 1; i < quorum->clause_count; i++)
        least = position_min(least, clause_position(&quorum->clauses[i], acked));
    return least;
}

bool quorum_is_satisfied(const struct quorum *quorum, uint32_t voters)
{
    for (size_t i = 0; i < quorum->clause_count; i++)
        if ((unsigned)__builtin_popcount(quorum->clauses[i].voters & voters) < quorum->clauses[i].needed)
            return false;
    return true;
}

uint32_t quorum_missing(const struct quorum *quorum, const struct position *acked, struct position position)
{
    uint32_t missing = 0;
    for (size_t i = 0; i < quorum->clause_count; i++) {
        const struct quorum_clause *clause = &quorum->clauses[i];
        if (position_compare(clause_position(clause, acked), position) >= 0)
            continue;
        for (uint32_t left = clause->voters; left != 0; left &= left - 1) {
            unsigned voter = (unsigned)__builtin_ctz(left);
            if (position_compare(acked[voter], position) < 0)
                missing |= 1u << voter;
        }
    }
    return missing;
}

bool quorum_is_same(const struct quorum *a, const struct quorum *b)
{
    bool is_same = a->clause_count == b->clause_count;
    for (size_t i = 0; i < a->clause_count && is_same; i++)
        is_same =
            a->clauses[i].voters == b->clauses[i].voters && a->clauses[i].needed == b->clauses[i].needed;
    return is_same;
}

void quorum_format_voters(const struct config_voter *voters, uint32_t mask, char *ret_text, size_t text_max)
{
    size_t length = 0;
    ret_text[0] = '\0';
    for (uint32_t left = mask; left != 0 && length < text_max; left &= left - 1) {
        const char *name = voters[__builtin_ctz(left)].name;
        int added = snprintf(ret_text + length, text_max - length, "%s%s", length == 0 ? "" : ", ", name);
        length += added > 0 ? (size_t)added : 0;
    }
}
