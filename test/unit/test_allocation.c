/* layer: proxy */
/*
 * The i-th allocation fails, for every i of what the journal, the store and the recovery tool do with a disk.
 * The process ends there (protocol/xalloc.h): a child does the work and dies, and what it leaves is the old
 * state, the new one, or one on the way which the same work, done again, brings to the new one.
 *
 * The linker hands the six functions of xalloc.h to the ones here (--wrap).
 */
#include "recovery/apply.h"
#include "recovery/journal_writer.h"
#include "test/unit/recover_fixture.h"
#include "test/unit/store_fixture.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <sys/wait.h>

enum { DIED = 33 };

static atomic_long allocations_left; /* until the one that fails; 0: none does */

static void die_when_due(void)
{
    if (atomic_load(&allocations_left) > 0 && atomic_fetch_sub(&allocations_left, 1) == 1)
        _exit(DIED);
}

#define FAILING(type, name, parameters, arguments)                                                           \
    type __real_##name parameters;                                                                           \
    type __wrap_##name parameters;                                                                           \
    type __wrap_##name parameters                                                                            \
    {                                                                                                        \
        die_when_due();                                                                                      \
        return __real_##name arguments;                                                                      \
    }

FAILING(void *, xmalloc, (size_t size), (size))
FAILING(void *, xcalloc, (size_t count, size_t size), (count, size))
FAILING(void *, xrealloc, (void *memory, size_t size), (memory, size))
FAILING(char *, xstrdup, (const char *text), (text))
FAILING(char *, xstrndup, (const char *text, size_t length_max), (text, length_max))

__attribute__((format(printf, 1, 2))) char *__wrap_xasprintf(const char *format, ...);
char *__wrap_xasprintf(const char *format, ...)
{
    char *text;
    va_list arguments;
    die_when_due();
    va_start(arguments, format);
    ck_assert_int_ge(vasprintf(&text, format, arguments), 0);
    va_end(arguments);
    return text;
}

/* Work on a directory that can be done again until it is done. */
struct work {
    void (*prepare)(struct recover_dir *dir);            /* to the old state */
    void (*run)(struct recover_dir *dir);                /* from there, or from the middle, to the new one */
    void (*check)(struct recover_dir *dir, bool is_new); /* false: nothing is refused, nothing old is lost */
    int deaths_min;
};

static bool run_and_die(const struct work *work, struct recover_dir *dir, long allocation)
{
    int status;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        atomic_store(&allocations_left, allocation);
        work->run(dir);
        _exit(EXIT_SUCCESS);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_msg(WEXITSTATUS(status) == DIED || WEXITSTATUS(status) == EXIT_SUCCESS,
                  "allocation %ld: exit code %d", allocation, WEXITSTATUS(status));
    return WEXITSTATUS(status) == DIED;
}

static void fail_each(const struct work *work)
{
    bool has_died = true;
    int deaths = 0;
    log_set_level(LOG_LEVEL_ERROR + 1);
    for (long i = 1; has_died; i++) {
        struct recover_dir dir;
        recover_dir_make(&dir);
        work->prepare(&dir);
        has_died = run_and_die(work, &dir, i);
        deaths += has_died;
        work->check(&dir, !has_died);
        work->run(&dir);
        work->check(&dir, true);
        recover_dir_remove(&dir);
    }
    ck_assert_int_ge(deaths, work->deaths_min);
}

/* ---- the journal: appending, new segments with their checkpoints, opening ---- */

enum { OLD_CONFIRM = 20, NEW_CONFIRM = 60 };

static struct journal_writer *open_journal(const struct recover_dir *dir)
{
    static char path[128];
    struct journal_writer *writer;
    struct journal_report report;
    snprintf(path, sizeof path, "%s/journal", dir->path);
    struct journal_writer_options options = {
        .storage = storage_posix(), .dir = path, .segment_bytes = 1024, .waiting_bytes = 512};
    ck_assert_int_eq(journal_writer_open(&options, 1, &writer, &report), RESULT_OK);
    return writer;
}

static void confirm_up_to(const struct recover_dir *dir, uint64_t last)
{
    struct journal_writer *writer = open_journal(dir);
    for (uint64_t i = journal_writer_state(writer)->confirmed.offset + 1; i <= last; i++) {
        char gtid[64];
        snprintf(gtid, sizeof gtid, "%s:%u", uuid_text, (unsigned)i);
        struct journal_record record = {
            .type = JOURNAL_CONFIRM, .confirm = {{1, i}, gtid}
        };
        journal_writer_append(writer, &record, i);
        ck_assert_int_eq(i % 4 == 0 ? journal_writer_sync(writer, i) : journal_writer_flush(writer, i),
                         RESULT_OK);
    }
    ck_assert_int_eq(journal_writer_sync(writer, 1), RESULT_OK);
    journal_writer_close(&writer);
}

static void prepare_journal(struct recover_dir *dir)
{
    struct journal_writer *writer = open_journal(dir);
    journal_writer_append(writer, &(struct journal_record){.type = JOURNAL_ADMITTED, .text = "db1"}, 1);
    ck_assert_int_eq(journal_writer_sync(writer, 1), RESULT_OK);
    journal_writer_close(&writer);
    confirm_up_to(dir, OLD_CONFIRM);
}

static void run_journal(struct recover_dir *dir)
{
    confirm_up_to(dir, NEW_CONFIRM);
}

static void check_journal(struct recover_dir *dir, bool is_new)
{
    struct journal_writer *writer = open_journal(dir);
    const struct journal_state *state = journal_writer_state(writer);
    ck_assert_uint_ge(state->confirmed.offset, is_new ? NEW_CONFIRM : OLD_CONFIRM);
    ck_assert_uint_le(state->confirmed.offset, NEW_CONFIRM);
    ck_assert(!state->is_unproven);
    journal_writer_close(&writer);
}

START_TEST(of_the_journal)
{
    fail_each(&(struct work){prepare_journal, run_journal, check_journal, 100});
}
END_TEST

/* ---- the store: writing over a rotation, syncing, a cut, a purge, opening ---- */

static struct source_file files[2];
static uint64_t cut_at; /* in the first */

static void make_files(void)
{
    files[0] = source_file_new(FLAVOR_MYSQL, "binlog.000001", "", true);
    for (int64_t i = 1; i <= 6; i++) {
        struct gtid gtid = mysql_gtid(i);
        cut_at = i < 6 ? files[0].length : cut_at;
        source_file_txn(&files[0], &gtid, i == 3 ? 200000 : 50); /* past the WAL, and into it */
    }
    source_file_rotate(&files[0], "binlog.000002");
    files[1] =
        source_file_new(FLAVOR_MYSQL, "binlog.000002", "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-6", true);
    for (int64_t i = 7; i <= 9; i++) {
        struct gtid gtid = mysql_gtid(i);
        source_file_txn(&files[1], &gtid, 50);
    }
}

static void open_store(struct fixture *fixture, const struct recover_dir *dir, struct store_cut cut)
{
    *fixture = (struct fixture){.loop = loop_new(), .cut = cut};
    snprintf(fixture->dir, sizeof fixture->dir, "%s", dir->path);
    ck_assert_int_eq(fixture_open(fixture), RESULT_OK);
}

static void close_store(struct fixture *fixture)
{
    store_close(&fixture->store);
    loop_free(&fixture->loop);
}

/* Goes on from where the store is, a sync for each event. */
static void feed_files(struct fixture *fixture, size_t count)
{
    for (size_t i = store_is_empty(fixture->store) ? 0 : (size_t)store_end(fixture->store).file - 1;
         i < count; i++) {
        ck_assert_int_eq(store_begin_file(fixture->store, FLAVOR_MYSQL, files[i].name), RESULT_OK);
        ck_assert_int_eq(feed_range(fixture->store, &files[i], store_end(fixture->store).offset,
                                    files[i].length, 65536, 1),
                         RESULT_OK);
        wait_durable(fixture);
    }
}

static void feed_store(const struct recover_dir *dir, size_t count)
{
    struct fixture fixture;
    open_store(&fixture, dir, (struct store_cut){POSITION_NONE, 0});
    feed_files(&fixture, count);
    close_store(&fixture);
}

static void prepare_nothing(struct recover_dir *dir)
{
    (void)dir;
}

static void prepare_full(struct recover_dir *dir)
{
    feed_store(dir, 2);
}

static void run_feeding(struct recover_dir *dir)
{
    feed_store(dir, 2);
}

/* Each file there is a beginning of the source's. */
static void check_beginnings(const struct fixture *fixture, bool is_whole)
{
    for (size_t i = 0; i < 2; i++) {
        size_t length = 0;
        if (!is_whole && !is_there(fixture, files[i].name))
            continue;
        free(slurp(path_of(fixture, files[i].name), &length));
        assert_same_file(fixture, &files[i], is_whole ? files[i].length : length,
                         store_end(fixture->store).file == i + 1);
    }
}

static void check_fed(struct recover_dir *dir, bool is_new)
{
    struct fixture fixture;
    open_store(&fixture, dir, (struct store_cut){POSITION_NONE, 0});
    check_beginnings(&fixture, is_new);
    close_store(&fixture);
}

START_TEST(of_the_store)
{
    make_files();
    fail_each(&(struct work){prepare_nothing, run_feeding, check_fed, 20});
}
END_TEST

/* The journal has the discard before the store is cut, and each later start hands it over. */
static void cut_store(const struct recover_dir *dir, bool is_begun)
{
    struct store_cut cut = {
        {1, cut_at},
        1
    };
    struct fixture fixture;
    open_store(&fixture, dir, is_begun ? cut : (struct store_cut){POSITION_NONE, 0});
    if (!is_begun)
        ck_assert_int_eq(store_cut(fixture.store, &cut), RESULT_OK);
    close_store(&fixture);
}

static void run_cut(struct recover_dir *dir)
{
    cut_store(dir, atomic_load(&allocations_left) == 0); /* the child's is the first */
}

static void check_cut(struct recover_dir *dir, bool is_new)
{
    struct fixture fixture;
    open_store(&fixture, dir,
               (struct store_cut){
                   {1, cut_at},
                   1
    });
    (void)is_new; /* a start brings it to its end */
    ck_assert(position_equal(store_end(fixture.store), (struct position){1, cut_at}));
    assert_same_file(&fixture, &files[0], cut_at, true);
    ck_assert(!is_there(&fixture, files[1].name));
    close_store(&fixture);
}

START_TEST(of_a_cut_of_the_store)
{
    make_files();
    fail_each(&(struct work){prepare_full, run_cut, check_cut, 20});
}
END_TEST

static void run_purge(struct recover_dir *dir)
{
    struct fixture fixture;
    open_store(&fixture, dir, (struct store_cut){POSITION_NONE, 0});
    ck_assert_int_eq(store_purge_to(fixture.store, 2, store_end(fixture.store)), RESULT_OK);
    close_store(&fixture);
}

static void check_purged(struct recover_dir *dir, bool is_new)
{
    struct fixture fixture;
    open_store(&fixture, dir, (struct store_cut){POSITION_NONE, 0});
    ck_assert(position_equal(store_end(fixture.store), (struct position){2, files[1].length}));
    ck_assert(!is_new || !is_there(&fixture, files[0].name));
    assert_same_file(&fixture, &files[1], files[1].length, true);
    assert_gtids(fixture.store, "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-9");
    close_store(&fixture);
}

START_TEST(of_a_purge_of_the_store)
{
    make_files();
    fail_each(&(struct work){prepare_full, run_purge, check_purged, 20});
}
END_TEST

/* ---- the tool: reading a tail, cutting it ---- */

static struct binlog_golden golden;
static struct recover_expected expected[128];

static void prepare_binlog(struct recover_dir *dir)
{
    binlog_golden_load(&golden, "mysql_row");
    ck_assert_uint_gt(recover_expect("mysql_row", expected), 3);
    recover_mark_in_use(&golden);
    recover_write(dir, "binlog.000001", golden.bytes, golden.length);
    recover_write_index(dir, "./binlog.000001\n");
}

static void run_tool(struct recover_dir *dir)
{
    struct binlog_index index;
    struct tail tail;
    char *problem = NULL;
    char kept_as[128];
    struct apply_report report = {0};
    ck_assert_int_eq(recover_tail(dir, (struct position){1, expected[0].start}, &tail), RESULT_OK);
    ck_assert_int_eq(binlog_index_read(storage_posix(), dir->index_path, dir->path, &index), RESULT_OK);
    snprintf(tail.keep_dir, sizeof tail.keep_dir, "%s/ackgate-discarded", dir->path);
    snprintf(kept_as, sizeof kept_as, "%s/ackgate-discarded/epoch1.binlog", dir->path);
    struct apply_request request = {
        storage_posix(), &index, &tail, {1, expected[3].start},
           kept_as
    };
    ck_assert_int_eq(apply_cut(&request, &report, &problem), RESULT_OK);
    apply_report_release(&report);
    tail_release(&tail);
    binlog_index_release(&index);
}

/* Old or cut; what is cut is kept, all of it. */
static void check_binlog(struct recover_dir *dir, bool is_new)
{
    size_t length, kept_length = 0;
    uint8_t *bytes = recover_read(dir, "binlog.000001", &length);
    uint8_t *kept = recover_read(dir, "ackgate-discarded/epoch1.binlog", &kept_length);
    bool is_cut = length == expected[3].start;
    ck_assert(is_cut || (length == golden.length && !is_new));
    ck_assert_mem_eq(bytes, golden.bytes, length);
    size_t cut_bytes = golden.length - expected[3].start;
    ck_assert(!is_cut ||
              (kept_length > cut_bytes &&
               memcmp(kept + kept_length - cut_bytes, golden.bytes + expected[3].start, cut_bytes) == 0));
    free(bytes);
    free(kept);
}

START_TEST(of_the_recovery_tool)
{
    fail_each(&(struct work){prepare_binlog, run_tool, check_binlog, 20});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("allocation");
    TCase *tests = tcase_create("the_ith_fails");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, of_the_journal);
    tcase_add_test(tests, of_the_store);
    tcase_add_test(tests, of_a_cut_of_the_store);
    tcase_add_test(tests, of_a_purge_of_the_store);
    tcase_add_test(tests, of_the_recovery_tool);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
