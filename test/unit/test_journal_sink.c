/* layer: proxy */
/*
 * The journal on a real loop, disk thread and directory: what is synced when, that callbacks come in order
 * and only for what is on the disk, and that a failing disk is told and survived.
 */
#include "proxy/disk_io.h"
#include "proxy/journal_sink.h"
#include "proxy/log.h"
#include "proxy/timer.h"
#include "recovery/storage_posix.h"
#include "test/unit/memory_storage.h"

#include <check.h>
#include <unistd.h>

struct bench {
    char dir[64];
    struct loop *loop;
    struct disk *disk;
    struct journal_sink *sink;
    struct timer timer;
    unsigned failed, recovered;
    uint64_t tokens[64];
    size_t tokens_count, tokens_wanted;
    bool is_timed_out;
};

static void on_failed(void *argument, enum result result, int reason)
{
    struct bench *bench = argument;
    ck_assert(result == RESULT_IO || result == RESULT_FULL);
    ck_assert_int_ne(reason, 0);
    bench->failed++;
}

static void on_recovered(void *argument)
{
    struct bench *bench = argument;
    bench->recovered++;
    loop_stop(bench->loop);
}

static void on_time_out(void *argument)
{
    struct bench *bench = argument;
    bench->is_timed_out = true;
    loop_stop(bench->loop);
}

static void on_durable(void *argument, uint64_t token)
{
    struct bench *bench = argument;
    bench->tokens[bench->tokens_count++] = token;
    if (bench->tokens_count == bench->tokens_wanted)
        loop_stop(bench->loop);
}

static void open_sink(struct bench *bench, bool is_sync_always, struct storage *storage)
{
    bench->loop = loop_new();
    bench->disk = disk_new(bench->loop);
    struct journal_sink_options options = {.loop = bench->loop,
                                           .disk = bench->disk,
                                           .dir = bench->dir,
                                           .is_sync_always = is_sync_always,
                                           .storage = storage};
    struct journal_sink_callbacks callbacks = {on_failed, on_recovered, bench};
    struct journal_report report;
    ck_assert_int_eq(journal_sink_open(&options, &callbacks, &bench->sink, &report), RESULT_OK);
    ck_assert(!report.is_tail_cut);
    timer_init(&bench->timer, bench->loop, on_time_out, bench);
    timer_start(&bench->timer, 10000);
}

static void close_sink(struct bench *bench)
{
    journal_sink_close(&bench->sink);
    timer_release(&bench->timer);
    disk_free(&bench->disk);
    loop_free(&bench->loop);
}

static void bench_open(struct bench *bench, bool is_sync_always, struct storage *storage)
{
    memset(bench, 0, sizeof *bench);
    const char *tmp = getenv("TMPDIR");
    snprintf(bench->dir, sizeof bench->dir, "%s/ackgate-test-journal-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    ck_assert_ptr_nonnull(mkdtemp(bench->dir));
    open_sink(bench, is_sync_always, storage);
}

static void remove_entry(void *argument, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", (const char *)argument, name);
    unlink(path);
}

static void bench_close(struct bench *bench)
{
    close_sink(bench);
    ck_assert_int_eq(storage_list(storage_posix(), bench->dir, remove_entry, bench->dir), RESULT_OK);
    rmdir(bench->dir);
}

static void put_attach(struct bench *bench, uint64_t token)
{
    struct journal_record record = {
        .type = JOURNAL_ATTACH, .attach = {"r1", 1, "", token, {1, 4}}
    };
    journal_sink_put_synced(bench->sink, &record, on_durable, bench, token);
}

/* What another process would find in the directory now. */
static void read_back(struct bench *bench, struct journal_state *ret_state)
{
    struct journal_report report;
    journal_state_init(ret_state);
    ck_assert_int_eq(journal_reader_replay(storage_posix(), bench->dir, NULL, NULL, ret_state, &report),
                     RESULT_OK);
}

START_TEST(those_who_wait_are_called_in_order_when_it_is_on_the_disk)
{
    struct bench bench;
    bench_open(&bench, _i == 1, NULL);
    bench.tokens_wanted = 20;
    for (uint64_t i = 0; i < 20; i++) {
        journal_sink_put_ack(bench.sink, "r1", (struct position){1, 100 + i});
        put_attach(&bench, i);
        ck_assert_uint_eq(bench.tokens_count, 0);
    }
    loop_run(bench.loop);
    ck_assert(!bench.is_timed_out);
    for (uint64_t i = 0; i < 20; i++)
        ck_assert_uint_eq(bench.tokens[i], i);
    struct journal_state state;
    read_back(&bench, &state);
    ck_assert_uint_eq(state.attaches, 20);
    ck_assert_uint_eq(journal_state_consumer(&state, "r1")->acked.offset, 119);
    journal_state_release(&state);
    bench_close(&bench);
}
END_TEST

START_TEST(acks_and_confirms_are_written_by_themselves)
{
    struct bench bench;
    bench_open(&bench, _i == 1, NULL);
    struct gtid gtid = gtid_of_mariadb(0, 1, 17);
    journal_sink_put_confirm(bench.sink, (struct position){3, 500}, &gtid);
    timer_start(&bench.timer, 200);
    loop_run(bench.loop);
    struct journal_state state;
    read_back(&bench, &state);
    ck_assert_uint_eq(state.confirmed.offset, 500);
    ck_assert_str_eq(state.confirmed_gtid, "0-1-17");
    journal_state_release(&state);
    ck_assert_str_eq(journal_ring_line(journal_sink_ring(bench.sink), 0)->detail,
                     "up to 000003:500 gtid 0-1-17");
    bench_close(&bench);
}
END_TEST

START_TEST(a_closed_journal_has_everything_and_says_that_it_was_closed)
{
    struct bench bench;
    bench_open(&bench, false, NULL);
    journal_sink_put_ack(bench.sink, "r1", (struct position){1, 100});
    put_attach(&bench, 1);
    close_sink(&bench);
    ck_assert_uint_eq(bench.tokens_count, 0);
    struct journal_state state;
    read_back(&bench, &state);
    ck_assert(state.is_stopped && state.attaches == 1);
    journal_state_release(&state);
    open_sink(&bench, false, NULL);
    ck_assert(journal_sink_state(bench.sink)->is_stopped);
    bench_close(&bench);
}
END_TEST

/* ---- a disk that refuses ---- */

static unsigned syncs_to_fail;
static int (*real_fdatasync)(int fd);

static int fail_fdatasync(int fd)
{
    if (syncs_to_fail == 0)
        return real_fdatasync(fd);
    syncs_to_fail--;
    errno = EIO;
    return -1;
}

START_TEST(a_failed_sync_is_told_and_made_good_with_a_new_segment)
{
    struct bench bench;
    bench_open(&bench, false, NULL);
    real_fdatasync = disk_io.fdatasync;
    disk_io.fdatasync = fail_fdatasync;
    syncs_to_fail = 2;
    bench.tokens_wanted = 2;
    put_attach(&bench, 1);
    put_attach(&bench, 2);
    loop_run(bench.loop);
    ck_assert(!bench.is_timed_out);
    ck_assert_uint_eq(bench.failed, 1);
    ck_assert_uint_eq(bench.recovered, 1);
    ck_assert(!journal_sink_is_failed(bench.sink));
    if (bench.tokens_count < 2)
        loop_run(bench.loop);
    ck_assert_uint_eq(bench.tokens_count, 2);
    struct journal_state state;
    read_back(&bench, &state);
    ck_assert_uint_eq(state.attaches, 2);
    journal_state_release(&state);
    disk_io.fdatasync = real_fdatasync;
    bench_close(&bench);
}
END_TEST

START_TEST(a_full_disk_is_told_once_and_nothing_is_lost)
{
    struct memory_storage storage;
    memory_storage_init(&storage, 1);
    struct bench bench;
    bench_open(&bench, _i == 1, &storage.base);
    storage.calls = 0;
    storage.fail_at = 1;
    storage.fail_count = 3;
    storage.fail_errno = ENOSPC;
    for (uint64_t i = 0; i < 50; i++)
        put_attach(&bench, i);
    loop_run(bench.loop);
    ck_assert(!bench.is_timed_out);
    ck_assert_uint_eq(bench.failed, 1);
    ck_assert_uint_eq(bench.recovered, 1);
    ck_assert_uint_eq(bench.tokens_count, 50);
    struct journal_state state;
    struct journal_report report;
    journal_state_init(&state);
    ck_assert_int_eq(journal_reader_replay(&storage.base, bench.dir, NULL, NULL, &state, &report), RESULT_OK);
    ck_assert_uint_eq(state.attaches, 50);
    journal_state_release(&state);
    bench_close(&bench);
    memory_storage_release(&storage);
}
END_TEST

START_TEST(closing_while_the_disk_refuses_ends)
{
    struct memory_storage storage;
    memory_storage_init(&storage, 1);
    struct bench bench;
    bench_open(&bench, false, &storage.base);
    storage.calls = 0;
    storage.fail_at = 1;
    storage.fail_count = 1000000;
    put_attach(&bench, 1);
    timer_start(&bench.timer, 50);
    loop_run(bench.loop);
    ck_assert_uint_eq(bench.failed, 1);
    ck_assert(journal_sink_is_failed(bench.sink));
    bench_close(&bench);
    ck_assert_uint_eq(bench.recovered, 0);
    memory_storage_release(&storage);
}
END_TEST

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    Suite *suite = suite_create("journal_sink");
    TCase *tests = tcase_create("journal_sink");
    tcase_set_timeout(tests, 30);
    tcase_add_loop_test(tests, those_who_wait_are_called_in_order_when_it_is_on_the_disk, 0, 2);
    tcase_add_loop_test(tests, acks_and_confirms_are_written_by_themselves, 0, 2);
    tcase_add_test(tests, a_closed_journal_has_everything_and_says_that_it_was_closed);
    tcase_add_test(tests, a_failed_sync_is_told_and_made_good_with_a_new_segment);
    tcase_add_loop_test(tests, a_full_disk_is_told_once_and_nothing_is_lost, 0, 2);
    tcase_add_test(tests, closing_while_the_disk_refuses_ends);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
