/* Taking and checking the proxy's answer. */
#include "recovery/plan.h"

#include "protocol/xalloc.h"

#include <stdlib.h>
#include <string.h>

enum column { GTID, BINLOG_FILE, START_POS, END_POS, VERDICT, REASON, KEPT_AS };

void plan_init(struct plan *plan)
{
    *plan = (struct plan){.overall = VERDICT_REFUSE};
}

void plan_release(struct plan *plan)
{
    free(plan->kept_as);
    free(plan->reason);
    plan_init(plan);
}

static bool parse_number(const char *text, uint64_t *ret_number)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    unsigned long long number = strtoull(text, &end, 10);
    if (*end != '\0' || number > INT64_MAX)
        return false;
    *ret_number = number;
    return true;
}

static bool parse_position(const struct tail *tail, const char *file, const char *offset,
                           struct position *ret_position)
{
    struct span base;
    struct position position;
    if (binlog_name_parse(span_of_text(file), &base, &position.file) != RESULT_OK ||
        !span_is_text(base, tail->base) || !parse_number(offset, &position.offset))
        return false;
    *ret_position = position;
    return true;
}

/* The kept file has a plain name and lies in keep_dir. */
static bool is_in_keep_dir(const struct tail *tail, const char *path)
{
    size_t length = strlen(tail->keep_dir);
    if (length == 0 || strncmp(path, tail->keep_dir, length) != 0 || path[length] != '/')
        return false;
    const char *name = path + length + 1;
    return name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL &&
           strlen(path) < TAIL_PATH_MAX - 16;
}

static enum result take_first(struct plan *plan, const struct tail *tail, const char *const *cells,
                              const char **ret_problem)
{
    enum verdict_overall overall;
    struct position cut = POSITION_NONE;
    *ret_problem = "the first row is no overall verdict";
    if (cells[GTID][0] != '\0' || !verdict_overall_parse(cells[VERDICT], &overall))
        return RESULT_MALFORMED;
    if (overall == VERDICT_CUT) {
        *ret_problem = "there is no place to cut at, or no file to keep the bytes in";
        if (!parse_position(tail, cells[BINLOG_FILE], cells[START_POS], &cut) || cut.offset <= BINLOG_START ||
            !is_in_keep_dir(tail, cells[KEPT_AS]))
            return RESULT_MALFORMED;
        plan->kept_as = xstrdup(cells[KEPT_AS]);
    }
    plan->overall = overall;
    plan->cut = cut;
    plan->reason = xstrdup(cells[REASON]);
    return RESULT_OK;
}

static void count(struct plan *plan, enum verdict_action action)
{
    plan->kept += action == VERDICT_KEEP;
    plan->completed += action == VERDICT_COMPLETE;
    plan->discarded += action == VERDICT_DISCARD;
    plan->refused += action == VERDICT_DIVERGED || action == VERDICT_BEHIND;
}

static enum result take_txn(struct plan *plan, const struct tail *tail, const char *const *cells,
                            const char **ret_problem)
{
    char gtid[GTID_TEXT_MAX];
    struct position start;
    uint64_t end;
    enum verdict_action action;
    *ret_problem = "there are more rows than transactions";
    if (plan->rows > tail->txn_count)
        return RESULT_MALFORMED;
    const struct tail_txn *txn = &tail->txns[plan->rows - 1];
    *ret_problem = "its rows are not the transactions of the tail";
    if (strcmp(cells[GTID], gtid_format(&txn->gtid, gtid)) != 0 ||
        !parse_position(tail, cells[BINLOG_FILE], cells[START_POS], &start) ||
        !position_equal(start, tail_txn_start(txn)) || !parse_number(cells[END_POS], &end) ||
        end != txn->end || !verdict_action_parse(cells[VERDICT], &action))
        return RESULT_MALFORMED;
    *ret_problem = "it keeps a transaction behind one that it discards";
    if (plan->has_discarded && action != VERDICT_DISCARD)
        return RESULT_MALFORMED;
    *ret_problem = "it discards what a cut does not undo";
    if (action == VERDICT_DISCARD && (!txn->is_undone || tail->is_closed || tail->fault != TAIL_READABLE))
        return RESULT_MALFORMED;
    if (action == VERDICT_DISCARD && !plan->has_discarded) {
        plan->has_discarded = true;
        plan->first_discarded = start;
    }
    count(plan, action);
    return RESULT_OK;
}

enum result plan_take_row(struct plan *plan, const struct tail *tail, const char *const cells[PLAN_COLUMNS],
                          const char **ret_problem)
{
    const char *filled[PLAN_COLUMNS];
    for (size_t i = 0; i < PLAN_COLUMNS; i++)
        filled[i] = cells[i] == NULL ? "" : cells[i];
    enum result result = plan->rows == 0 ? take_first(plan, tail, filled, ret_problem)
                                         : take_txn(plan, tail, filled, ret_problem);
    plan->rows += result == RESULT_OK;
    return result;
}

static const char *find_problem(const struct plan *plan, const struct tail *tail)
{
    bool is_cut = plan->overall == VERDICT_CUT;
    if (plan->rows == 0)
        return "it is empty";
    if (plan->rows != tail->txn_count + 1 && !tail->is_partial)
        return "transactions are missing in it";
    if (plan->overall == VERDICT_NOTHING && plan->refused > 0)
        return "it lets a source start that it refuses";
    if (plan->has_discarded && plan->overall == VERDICT_NOTHING)
        return "it discards without a cut";
    if (is_cut && plan->has_discarded && !position_equal(plan->cut, plan->first_discarded))
        return "the cut is not at the first transaction that it discards";
    if (is_cut && !plan->has_discarded && !position_equal(plan->cut, tail->end))
        return "the cut is not at a transaction, and not at the end";
    if (is_cut && (tail->is_partial || tail->fault != TAIL_READABLE || tail->start != TAIL_START_FOUND))
        return "it cuts a binlog that was not read to its end";
    return NULL;
}

enum result plan_finish(const struct plan *plan, const struct tail *tail, const char **ret_problem)
{
    const char *problem = find_problem(plan, tail);
    if (problem == NULL)
        return RESULT_OK;
    *ret_problem = problem;
    return RESULT_MALFORMED;
}
