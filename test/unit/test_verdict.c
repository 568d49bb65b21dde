/* layer: recovery */
/*
 * The verdict, row by row.
 *
 * Transactions are numbered; number n stands at offsets n00 to n00 + 100 of its file. In `tail` and `store`
 * they are listed as they stand: "1 2 / 3": 3 is in the next file. Behind a number: '!' a cut does not undo
 * it; 'x' other bytes; 'g' another GTID. A "~" at the end of the store: half of another transaction follows.
 * `confirmed` and `exposed` are numbers, up to whose end; "3+" is up to its end and some bytes more, "?" is
 * not known.
 */
#include "protocol/xalloc.h"
#include "recovery/tail_text.h"
#include "recovery/verdict.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char uuid[] = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

enum flags {
    CLOSED = 1,
    PARTIAL = 2,
    ENCRYPTED = 4,
    PURGED = 8,
    BEYOND = 16,
    INSIDE = 32,
    UNKNOWN = 64, /* nothing is known of the source */
    OTHER = 128,  /* the tail is of another server */
    NO_FILES = 256,
    LOST_STORE = 512, /* an empty store */
    DAMAGED = 1024,
    RENAMED = 2048,
};

struct row {
    const char *story;
    const char *tail;
    const char *store;
    const char *confirmed;
    const char *exposed;
    const char *expected;  /* k keep, c complete, d discard, D diverged */
    const char *overall;   /* "nothing", "cut N": at the start of N, "diverged", "behind" */
    const char *store_cut; /* "": none, "3": at the end of 3, "<3": at its start */
    unsigned flags;
    enum flavor flavor;    /* FLAVOR_UNKNOWN: both */
    const char *overrides; /* "3d 4c" */
};

static const struct row rows[] = {
    {"all confirmed",                                "1 2 3",       "1 2 3",   "3", "3",  "kkk",   "nothing",  "",   0,          0,              ""     },
    {"an empty tail",                                "",            "",        "0", "0",  "",      "nothing",  "",   0,          0,              ""     },
    {"stored, sent, not confirmed",                  "1 2 3",       "1 2 3",   "1", "3",  "kcc",   "nothing",  "",   0,          0,              ""     },
    {"sent in part",                                 "1 2",         "1 2",     "1", "1+", "kc",    "nothing",  "",   0,          0,              ""     },
    {"stored, never sent",                           "1 2 3",       "1 2 3",   "1", "1",  "kdd",   "cut 2",    "<2", 0,          0,              ""     },
    {"never received",                               "1 2 3",       "1",       "1", "1",  "kdd",   "cut 2",    "",   0,          0,              ""     },
    {"received in part",                             "1 2 3",       "1 ~",     "1", "1",  "kdd",   "cut 2",    "<2", 0,          0,              ""     },
    {"sent to one, stored, never received",          "1 2 3 4",     "1 2 3",   "1", "2",  "kcdd",  "cut 3",    "<3", 0,          0,              ""     },
    {"who was sent what is not known",               "1 2 3",       "1 2 3",   "1", "?",  "kcc",   "nothing",  "",   0,          0,              ""     },
    {"the journal is lost, nothing is confirmed",    "1 2",         "1 2",     "0", "?",  "cc",    "nothing",  "",   0,          0,              ""     },
    {"nothing is known of any source",               "1 2",         "",        "0", "0",  "cc",    "nothing",  "",   UNKNOWN,    0,              ""     },
    {"the store is lost",                            "1 2 3",       "",        "2", "?",  "kkc",   "nothing",  "",   LOST_STORE, 0,              ""     },

    {"one that cannot be undone stays",              "1 2!",        "1",       "1", "1",  "kc",    "nothing",  "",   0,          0,              ""     },
    {"and all before it",                            "1 2 3!",      "1",       "1", "1",  "kcc",   "nothing",  "",   0,          0,              ""     },
    {"what follows it goes",                         "1 2 3! 4",    "1",       "1", "1",  "kccd",  "cut 4",    "",   0,          0,              ""     },
    {"a confirmed one keeps nothing else",           "1! 2",        "1",       "1", "1",  "kd",    "cut 2",    "",   0,          0,              ""     },
    {"two that cannot",                              "1 2! 3 4! 5", "1",       "1", "1",  "kcccd", "cut 5",    "",   0,          0,              ""     },

    {"closed in good order",                         "1 2",         "1",       "1", "1",  "kc",    "nothing",  "",   CLOSED,     0,              ""     },
    {"encrypted",                                    "1 2",         "1",       "1", "1",  "kc",    "nothing",  "",   ENCRYPTED,  0,              ""     },
    {"damaged",                                      "1 2",         "1",       "1", "1",  "kc",    "nothing",  "",   DAMAGED,    0,              ""     },
    {"too long to be listed",                        "1 2",         "1",       "1", "1",  "kc",    "nothing",  "",   PARTIAL,    0,              ""     },
    {"the confirmed position's file is purged",      "2 3",         "1",       "1", "1",  "cc",    "nothing",  "",   PURGED,     0,              ""     },

    {"MySQL rotates only what is committed",         "1 2 / 3",     "1",       "1", "1",  "kcd",   "cut 3",    "",   0,          FLAVOR_MYSQL,
     ""                                                                                                                                                 },
    {"MariaDB cuts over files",                      "1 2 / 3",     "1",       "1", "1",  "kdd",   "cut 2",    "",   0,          FLAVOR_MARIADB, ""     },
    {"MariaDB, stored over files",                   "1 2 / 3",     "1 2 / 3", "1", "1",  "kdd",   "cut 2",    "<2", 0,          FLAVOR_MARIADB,
     ""                                                                                                                                                 },

    {"other bytes in the same place",                "1 2x",        "1 2",     "1", "1",  "kD",    "diverged", "",   0,          0,              ""     },
    {"other bytes where it is confirmed",            "1x 2",        "1 2",     "2", "2",  "Dk",    "diverged", "",   0,          0,              ""     },
    {"another GTID in the same place",               "1 2g",        "1 2",     "1", "2",  "kD",    "diverged", "",   0,          0,              ""     },
    {"a later one where the store has an earlier",   "1 3",         "1 2",     "1", "2",  "kD",    "diverged", "",   0,          0,              ""     },
    {"the store has it whole, elsewhere",            "1 2",         "1 3",     "1", "1",  "kD",    "diverged", "",   0,          0,              ""     },

    {"lost a confirmed one",                         "1",           "1 2",     "2", "2",  "k",     "behind",   "",   0,          0,              ""     },
    {"lost one that was sent",                       "1",           "1 2",     "1", "2",  "k",     "behind",   "",   0,          0,              ""     },
    {"lost one that may have been sent",             "1",           "1 2",     "1", "?",  "k",     "behind",   "",   0,          0,              ""     },
    {"lost one that was never sent",                 "1",           "1 2",     "1", "1",  "k",     "nothing",  "1",  0,          0,              ""     },
    {"lost a confirmed one that the store lost too", "1",           "1",       "2", "?",  "k",     "behind",   "",   0,          0,              ""     },
    {"half of one, which the source lost",           "1",           "1 ~",     "1", "1",  "k",     "nothing",  "1",  0,          0,              ""     },
    {"half of one that was sent",                    "1",           "1 ~",     "1", "1+", "k",     "nothing",  "1",  0,          0,              ""     },
    {"ends before the confirmed position",           "",            "1",       "1", "1",  "",      "behind",   "",   BEYOND,     0,              ""     },
    {"no binlog files",                              "",            "1",       "1", "1",  "",      "behind",   "",   NO_FILES,   0,              ""     },
    {"no event at the confirmed position",           "",            "1",       "1", "1",  "",      "diverged", "",   INSIDE,     0,              ""     },
    {"another server",                               "1 2",         "1",       "1", "1",  "kd",    "diverged", "",   OTHER,      0,              ""     },
    {"other file names",                             "1 2",         "1",       "1", "1",  "kd",    "called",   "",   RENAMED,    0,              ""     },

    {"an operator keeps one that would go",          "1 2 3",       "1",       "1", "1",  "kcd",   "cut 3",    "",   0,          0,              "2c"   },
    {"and all before it",                            "1 2 3",       "1",       "1", "1",  "kcc",   "nothing",  "",   0,          0,              "3c"   },
    {"an operator discards what may be anywhere",    "1 2",         "1 2",     "1", "?",  "kd",    "cut 2",    "<2", 0,          0,              "2d"   },
    {"not what stands before one that stays",        "1 2 3",       "1 2 3",   "1", "3",  "kcc",   "nothing",  "",   0,          0,              "2d"   },
    {"never a confirmed one",                        "1 2",         "1 2",     "2", "2",  "kk",    "nothing",  "",   0,          0,              "2d"   },
    {"the last word counts",                         "1 2",         "1 2",     "1", "2",  "kc",    "nothing",  "",   0,          0,              "2d 2c"},
    {"not one that cannot be undone",                "1 2!",        "1 2",     "1", "2",  "kc",    "nothing",  "",   0,          0,              "2d"   },
};

static struct gtid gtid_of(enum flavor flavor, uint64_t number)
{
    struct gtid_origin origin = {.tag_length = 0};
    if (flavor == FLAVOR_MARIADB)
        return gtid_of_mariadb(0, 1, number);
    ck_assert_int_eq(uuid_parse(span_of_text(uuid), origin.uuid), RESULT_OK);
    return gtid_of_mysql(&origin, (int64_t)number);
}

struct list {
    struct tail_txn txns[16];
    size_t count;
    uint64_t file;
    bool has_half;
};

static void parse_list(const char *text, enum flavor flavor, struct list *list)
{
    *list = (struct list){.file = 1};
    for (const char *at = text; *at != '\0';) {
        if (*at == '/')
            list->file++;
        list->has_half = list->has_half || *at == '~';
        if (*at < '0' || *at > '9') {
            at++;
            continue;
        }
        char *end;
        uint64_t number = strtoull(at, &end, 10);
        struct tail_txn *txn = &list->txns[list->count++];
        *txn = (struct tail_txn){
            .gtid = gtid_of(flavor, *end == 'g' ? number + 50 : number),
            .file = list->file,
            .start = number * 100,
            .end = number * 100 + 100,
            .kind = TXN_ROWS,
            .is_undone = *end != '!',
            .crc = (uint32_t)number + (*end == 'x' ? 1000 : 0),
        };
        at = *end == 'x' || *end == 'g' || *end == '!' ? end + 1 : end;
    }
}

static struct position end_of(const struct list *list, const char *number)
{
    uint64_t wanted = strtoull(number, NULL, 10);
    uint64_t extra = strchr(number, '+') != NULL ? 10 : 0;
    if (wanted == 0)
        return POSITION_NONE;
    for (size_t i = 0; i < list->count; i++)
        if (list->txns[i].start == wanted * 100)
            return (struct position){list->txns[i].file, wanted * 100 + 100 + extra};
    return (struct position){1, wanted * 100 + 100 + extra};
}

static void fill_tail(const struct row *row, enum flavor flavor, const struct list *list, struct tail *tail)
{
    unsigned flags = row->flags;
    tail_init(tail);
    tail->flavor = flavor;
    tail->server_id = (flags & OTHER) != 0 ? 9 : 1;
    if (flavor == FLAVOR_MYSQL)
        strcpy(tail->server_uuid, uuid);
    if (flavor == FLAVOR_MYSQL && (flags & OTHER) != 0)
        tail->server_uuid[0] = '4';
    strcpy(tail->base, (flags & RENAMED) != 0 ? "other" : "binlog");
    strcpy(tail->keep_dir, "/data/ackgate-discarded");
    tail->is_closed = (flags & CLOSED) != 0;
    tail->is_partial = (flags & PARTIAL) != 0;
    tail->fault = (flags & ENCRYPTED) != 0 ? TAIL_ENCRYPTED
                  : (flags & DAMAGED) != 0 ? TAIL_DAMAGED
                                           : TAIL_READABLE;
    tail->start = (flags & PURGED) != 0   ? TAIL_START_PURGED
                  : (flags & BEYOND) != 0 ? TAIL_START_BEYOND
                  : (flags & INSIDE) != 0 ? TAIL_START_INSIDE
                                          : TAIL_START_FOUND;
    tail->from = (flags & PURGED) != 0 ? tail_txn_start(&list->txns[0]) : (struct position){1, 4};
    tail->end = (struct position){list->file, 4};
    for (size_t i = 0; i < list->count; i++) {
        ck_assert(tail_add_txn(tail, &list->txns[i]));
        tail->end = tail_txn_end(&list->txns[i]);
    }
    for (uint64_t file = 1; file <= list->file && (flags & NO_FILES) == 0; file++)
        tail_add_file(tail, file, 5000);
}

static size_t parse_overrides(const char *text, enum flavor flavor, struct verdict_override *ret_overrides)
{
    size_t count = 0;
    char *end;
    for (; *text != '\0'; text = *end == '\0' || end[1] == '\0' ? "" : end + 2) {
        uint64_t number = strtoull(text, &end, 10);
        ret_overrides[count++] = (struct verdict_override){gtid_of(flavor, number), *end == 'd'};
    }
    return count;
}

static void check_overall(const struct row *row, const struct list *list, const struct verdict *verdict)
{
    const char *overall = verdict_overall_name(verdict->overall);
    if (strncmp(row->overall, "cut", 3) == 0) {
        struct position cut = end_of(list, row->overall + 4);
        cut.offset -= 100;
        ck_assert_msg(strcmp(overall, "cut") == 0 && position_equal(verdict->cut, cut), "%s: %s", row->story,
                      verdict->reason);
    } else if (strcmp(row->overall, "nothing") == 0) {
        ck_assert_msg(strcmp(overall, "nothing") == 0, "%s: %s", row->story, verdict->reason);
    } else {
        ck_assert_msg(strcmp(overall, "refuse") == 0 && strstr(verdict->reason, row->overall) != NULL,
                      "%s: %s %s", row->story, overall, verdict->reason);
    }
    ck_assert_msg(verdict->has_store_cut == (row->store_cut[0] != '\0'), "%s: store cut", row->story);
    if (verdict->has_store_cut) {
        bool is_start = row->store_cut[0] == '<';
        struct position cut = end_of(list, row->store_cut + is_start);
        cut.offset -= is_start ? 100 : 0;
        ck_assert_msg(position_equal(verdict->store_cut, cut), "%s: store cut", row->story);
    }
}

/* Rows that a cut does not undo and that are kept in doubt: MariaDB may lose them, and that is said. */
static void check_warning(const struct row *row, const struct list *list, const struct verdict *verdict)
{
    bool is_fragile = false;
    for (size_t i = 0; i < verdict->item_count; i++)
        is_fragile = is_fragile || strstr(verdict->items[i].reason, "crash recovery may lose it") != NULL;
    bool is_expected = list->count > 0 && list->txns[0].gtid.flavor == FLAVOR_MARIADB && row->flags == 0 &&
                       strchr(row->tail, '!') != NULL && strchr(row->expected, 'c') != NULL &&
                       strcmp(row->overall, "diverged") != 0;
    ck_assert_msg(is_fragile == is_expected || row->overrides[0] != '\0', "%s: fragile", row->story);
    ck_assert_msg(is_fragile == (strstr(verdict->reason, "may lose some") != NULL), "%s: %s", row->story,
                  verdict->reason);
}

static void run_row(const struct row *row, enum flavor flavor)
{
    struct list list;
    struct list stored;
    struct tail tail;
    struct verdict verdict;
    struct verdict_override overrides[4];
    parse_list(row->tail, flavor, &list);
    parse_list(row->store, flavor, &stored);
    fill_tail(row, flavor, &list, &tail);
    struct verdict_facts facts = {
        .is_known = (row->flags & UNKNOWN) == 0,
        .flavor = flavor,
        .server_uuid = flavor == FLAVOR_MYSQL ? uuid : "",
        .server_id = 1,
        .base = "binlog",
        .confirmed = end_of(stored.count > 0 ? &stored : &list, row->confirmed),
        .is_exposure_known = row->exposed[0] != '?',
        .exposed = end_of(&stored, row->exposed),
        .stored = stored.txns,
        .stored_count = stored.count,
        .overrides = overrides,
        .override_count = parse_overrides(row->overrides, flavor, overrides),
    };
    facts.store_end = (row->flags & LOST_STORE) != 0 ? POSITION_NONE : (struct position){1, 4};
    if (stored.count > 0)
        facts.store_end = tail_txn_end(&stored.txns[stored.count - 1]);
    facts.store_end.offset += stored.has_half ? 50 : 0;
    verdict_pass(&facts, &tail, &verdict);
    ck_assert_uint_eq(verdict.item_count, list.count);
    for (size_t i = 0; i < verdict.item_count; i++) {
        char is = "kcdDb"[verdict.items[i].action];
        ck_assert_msg(is == row->expected[i], "%s (%s): transaction %zu is %s: %s", row->story,
                      flavor_name(flavor), i + 1, verdict_action_name(verdict.items[i].action),
                      verdict.items[i].reason);
        ck_assert(verdict.items[i].reason[0] != '\0');
    }
    check_overall(row, stored.count >= list.count ? &stored : &list, &verdict);
    check_warning(row, &list, &verdict);
    verdict_release(&verdict);
    tail_release(&tail);
}

START_TEST(every_row)
{
    const struct row *row = &rows[_i];
    if (row->flavor != FLAVOR_MARIADB)
        run_row(row, FLAVOR_MYSQL);
    if (row->flavor != FLAVOR_MYSQL)
        run_row(row, FLAVOR_MARIADB);
}
END_TEST

START_TEST(a_known_gtid_that_comes_again)
{
    struct gtid_state before;
    struct tail tail;
    struct verdict verdict;
    struct list list;
    struct row row = {.flags = 0};
    gtid_state_init(&before, FLAVOR_MYSQL);
    ck_assert_int_eq(gtid_state_parse(&before, span_of_text("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5")),
                     RESULT_OK);
    parse_list("5", FLAVOR_MYSQL, &list);
    fill_tail(&row, FLAVOR_MYSQL, &list, &tail);
    struct verdict_facts facts = {
        .is_known = true,
        .flavor = FLAVOR_MYSQL,
        .server_uuid = uuid,
        .base = "binlog",
        .confirmed = {1, 4},
        .is_exposure_known = true,
        .exposed = {1, 4},
        .store_end = {1, 4},
        .before = &before,
    };
    verdict_pass(&facts, &tail, &verdict);
    ck_assert_int_eq(verdict.overall, VERDICT_REFUSE);
    ck_assert_ptr_nonnull(strstr(
        verdict.reason, "diverged: transaction 3e11fa47-71ca-11e1-9e33-c80aa9429562:5 at binlog.000001:500"));
    verdict_release(&verdict);
    tail_release(&tail);
    gtid_state_release(&before);
}
END_TEST

static void fill_many(struct tail *tail, enum flavor flavor, size_t count)
{
    struct row row = {.flags = 0};
    struct list list = {.file = 1};
    fill_tail(&row, flavor, &list, tail);
    for (size_t i = 1; i <= count; i++) {
        struct tail_txn txn = {.gtid = gtid_of(flavor, i),
                               .file = 1,
                               .start = i * 300,
                               .end = i * 300 + 300,
                               .kind = TXN_ROWS,
                               .is_undone = true,
                               .crc = (uint32_t)i};
        tail_add_txn(tail, &txn);
        tail->end = tail_txn_end(&txn);
    }
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

START_TEST(a_hundred_thousand)
{
    struct tail tail;
    struct tail parsed;
    struct verdict verdict;
    size_t line;
    size_t length;
    double start = seconds();
    fill_many(&tail, _i == 0 ? FLAVOR_MYSQL : FLAVOR_MARIADB, 100000);
    char *text = tail_format(&tail, &length);
    tail_init(&parsed);
    ck_assert_int_eq(tail_parse((struct span){(const uint8_t *)text, length}, &parsed, &line), RESULT_OK);
    struct verdict_facts facts = {
        .is_known = true,
        .flavor = tail.flavor,
        .server_uuid = tail.server_uuid,
        .server_id = 1,
        .base = "binlog",
        .confirmed = {1, 300 * 1001},
        .is_exposure_known = true,
        .exposed = {1, 300 * 2001},
        .store_end = tail_txn_end(&tail.txns[99998]),
        .stored = tail.txns,
        .stored_count = 99999,
    };
    verdict_pass(&facts, &parsed, &verdict);
    ck_assert_uint_eq(verdict.kept, 1000);
    ck_assert_uint_eq(verdict.completed, 1000);
    ck_assert_uint_eq(verdict.discarded, 98000);
    ck_assert_uint_eq(verdict.cut.offset, 300 * 2001);
    double took = seconds() - start;
    ck_assert_msg(took < 4.0, "took %.2f s", took);
    verdict_release(&verdict);
    tail_release(&tail);
    tail_release(&parsed);
    free(text);
}
END_TEST

START_TEST(words)
{
    enum verdict_action action;
    enum verdict_overall overall;
    for (enum verdict_action is = VERDICT_KEEP; is < VERDICT_ACTION_END; is++) {
        ck_assert(verdict_action_parse(verdict_action_name(is), &action));
        ck_assert_int_eq(action, is);
    }
    for (enum verdict_overall is = VERDICT_NOTHING; is < VERDICT_OVERALL_END; is++) {
        ck_assert(verdict_overall_parse(verdict_overall_name(is), &overall));
        ck_assert_int_eq(overall, is);
    }
    ck_assert(!verdict_action_parse("", &action));
    ck_assert(!verdict_overall_parse("keep", &overall));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verdict");
    TCase *tcase = tcase_create("verdict");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, every_row, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tcase, a_known_gtid_that_comes_again);
    tcase_add_loop_test(tcase, a_hundred_thousand, 0, 2);
    tcase_add_test(tcase, words);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
