/* layer: proxy
 *
 * The whole pipeline on a real store and journal in a directory, without its neighbours: the source does not
 * answer, what it would have sent is put into the store by the test, and what replicas would say is said for
 * them. Looked at is what an application's OK would meet at the gate.
 */
#include "proxy/pipeline_parts.h"
#include "store_fixture.h"

enum { R1, R2, TXNS = 4 };

static const char config_text[] = "[ackgate]\n"
                                  "data_dir = %s/data\n"
                                  "threads = 1\n"
                                  "[source]\n"
                                  "host = %s/nobody.sock\n"
                                  "user = ackgate\n"
                                  "password = secret\n"
                                  "[app]\n"
                                  "listen = unix:%s/app.sock\n"
                                  "[replication]\n"
                                  "listen = unix:%s/replication.sock\n"
                                  "user = repl\n"
                                  "password = p\n"
                                  "[admin]\n"
                                  "user = admin\n"
                                  "password = p\n"
                                  "[replica r1]\n"
                                  "server_id = 11\n"
                                  "[replica r2]\n"
                                  "server_id = 12\n"
                                  "[quorum]\n"
                                  "rule = %s\n";

static struct {
    char dir[64];
    struct config *config;
    struct loop *loop;
    struct pipeline *pipeline;
    struct source_file file;
    size_t ends[TXNS + 1]; /* of the transactions in the file; [0]: where the first begins */
    size_t fed;            /* up to here the store has it */
} t;

static void open_pipeline(void)
{
    t.loop = loop_new();
    ck_assert_int_eq(pipeline_start(t.loop, t.config, &t.pipeline), RESULT_OK);
}

static void close_pipeline(void)
{
    pipeline_stop(&t.pipeline);
    ck_assert_ptr_null(t.pipeline);
    loop_free(&t.loop);
}

static void start(const char *rule)
{
    char path[128];
    char *problems = NULL;
    memset(&t, 0, sizeof(t));
    strcpy(t.dir, "/tmp/ackgate-pipeline-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(t.dir));
    log_set_level(LOG_LEVEL_ERROR + 1);
    snprintf(path, sizeof(path), "%s/ackgate.cnf", t.dir);
    FILE *out = fopen(path, "w");
    fprintf(out, config_text, t.dir, t.dir, t.dir, t.dir, rule);
    fclose(out);
    chmod(path, 0600);
    ck_assert_msg(config_load(path, &t.config, &problems) == RESULT_OK, "%s", problems);
    t.file = source_file_new(FLAVOR_MYSQL, "binlog.000001", "", true);
    t.ends[0] = t.file.length;
    for (int64_t gno = 1; gno <= TXNS; gno++) {
        struct gtid gtid = mysql_gtid(gno);
        source_file_txn(&t.file, &gtid, 100);
        t.ends[gno] = t.file.length;
    }
    open_pipeline();
}

static void remove_tree(const char *dir)
{
    DIR *list = opendir(dir);
    for (struct dirent *entry = readdir(list); entry != NULL; entry = readdir(list)) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        if (entry->d_type != DT_DIR)
            unlink(path);
        else if (entry->d_name[0] != '.')
            remove_tree(path);
    }
    closedir(list);
    rmdir(dir);
}

static void stop(void)
{
    close_pipeline();
    source_file_free(&t.file);
    config_free(&t.config);
    remove_tree(t.dir);
}

static void run_once(void)
{
    event_base_loop(loop_base(t.loop), EVLOOP_ONCE);
}

static struct position end_of(int txn)
{
    return (struct position){1, t.ends[txn]};
}

/* The source sends everything up to this transaction; nothing of it is on the disk yet. */
static void source_sends(int txn)
{
    struct store *store = t.pipeline->store;
    if (t.fed == 0) {
        ck_assert_int_eq(store_begin_file(store, FLAVOR_MYSQL, t.file.name), RESULT_OK);
        t.fed = BINLOG_START;
    }
    ck_assert_int_eq(feed_range(store, &t.file, t.fed, t.ends[txn], SIZE_MAX / 2, 0), RESULT_OK);
    t.fed = t.ends[txn];
    pipeline_on_batch(t.pipeline);
}

static void wait_synced(void)
{
    while (!position_equal(store_durable(t.pipeline->store), store_end(t.pipeline->store)))
        run_once();
    for (int i = 0; i < 3; i++) /* and what follows from it */
        event_base_loop(loop_base(t.loop), EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void attach(uint32_t voter, int has_txn)
{
    static uint64_t connection_id = 1000;
    pipeline_on_attaching(t.pipeline, connection_id++, voter, true, end_of(has_txn), end_of(has_txn));
}

/* The OKs of the transactions up to this one pass, and no others; the journal knows it. */
static void assert_confirmed(int txn)
{
    char text[80];
    struct position confirmed = txn == 0 ? POSITION_NONE : end_of(txn);
    for (int i = 1; i <= TXNS; i++) {
        snprintf(text, sizeof(text), "%s:%d", uuid_text, i);
        ck_assert_msg(gate_is_open(t.pipeline->gate, span_of_text(text)) == (i <= txn),
                      "transaction %d, where %d are confirmed", i, txn);
    }
    ck_assert(position_equal(core_confirmed(t.pipeline->core), confirmed));
    ck_assert(position_equal(journal_sink_state(t.pipeline->journal)->confirmed, confirmed));
}

/* ---- the tests ---- */

START_TEST(an_ok_passes_with_the_quorum_and_the_disk_together)
{
    start("ANY 1 (r1, r2)");
    attach(R1, 0);
    source_sends(3);
    assert_confirmed(0);
    wait_synced();
    assert_confirmed(0); /* on the disk, but with no replica */
    pipeline_on_ack(t.pipeline, R1, end_of(2));
    assert_confirmed(2);
    source_sends(4);
    pipeline_on_ack(t.pipeline, R1, end_of(4));
    assert_confirmed(3); /* with a replica, but not all of it on the disk */
    wait_synced();
    assert_confirmed(4);
    stop();
}
END_TEST

START_TEST(all_that_the_rule_names_are_needed)
{
    start("ALL (r1, r2)");
    attach(R1, 0);
    attach(R2, 0);
    source_sends(3);
    wait_synced();
    pipeline_on_ack(t.pipeline, R1, end_of(3));
    assert_confirmed(0);
    pipeline_on_ack(t.pipeline, FANOUT_OBSERVER, end_of(3));
    assert_confirmed(0);
    pipeline_on_ack(t.pipeline, R2, end_of(1));
    assert_confirmed(1);
    pipeline_on_ack(t.pipeline, R2, end_of(3));
    assert_confirmed(3);
    stop();
}
END_TEST

/* What was confirmed stays so; what was not, waits on. */
START_TEST(a_restart_forgets_nothing)
{
    start("ANY 1 (r1, r2)");
    attach(R1, 0);
    source_sends(4);
    wait_synced();
    pipeline_on_ack(t.pipeline, R1, end_of(2));
    close_pipeline();
    for (int i = 0; i < 2; i++) {
        open_pipeline();
        assert_confirmed(2);
        ck_assert_uint_eq(core_waiting_count(t.pipeline->core), 2);
        if (i == 0)
            close_pipeline();
    }
    attach(R2, 4); /* it turns out to have everything */
    wait_synced();
    assert_confirmed(4);
    stop();
}
END_TEST

/* It lost its relay log: what it acked and does not have any more counts no longer. */
START_TEST(a_replica_that_comes_back_with_less_is_asked_again)
{
    start("ANY 1 (r1, r2)");
    attach(R1, 0);
    source_sends(1);
    wait_synced();
    pipeline_on_ack(t.pipeline, R1, end_of(1));
    source_sends(3);
    pipeline_on_ack(t.pipeline, R1, end_of(3));
    pipeline_on_detached(t.pipeline, 1, R1, end_of(3));
    attach(R1, 1);
    wait_synced();
    assert_confirmed(1);
    pipeline_on_ack(t.pipeline, R1, end_of(3));
    assert_confirmed(3);
    stop();
}
END_TEST

/* A confirm is for ever, whoever goes. */
START_TEST(a_detached_replica_takes_nothing_back)
{
    start("MAJORITY (r1, r2)");
    attach(R1, 0);
    attach(R2, 0);
    source_sends(2);
    wait_synced();
    pipeline_on_ack(t.pipeline, R1, end_of(2));
    pipeline_on_ack(t.pipeline, R2, end_of(1));
    assert_confirmed(1);
    pipeline_on_detached(t.pipeline, 2, R2, end_of(2));
    assert_confirmed(1);
    attach(R2, 0);
    assert_confirmed(1);
    pipeline_on_ack(t.pipeline, R2, end_of(2));
    assert_confirmed(2);
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pipeline");
    TCase *tests = tcase_create("pipeline");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, an_ok_passes_with_the_quorum_and_the_disk_together);
    tcase_add_test(tests, all_that_the_rule_names_are_needed);
    tcase_add_test(tests, a_restart_forgets_nothing);
    tcase_add_test(tests, a_replica_that_comes_back_with_less_is_asked_again);
    tcase_add_test(tests, a_detached_replica_takes_nothing_back);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
