/*
 * For tests of the whole pipeline: a real store and journal in a directory, without its neighbours. The
 * source does not answer, what it would have sent is put into the store by the test, and what replicas would
 * say is said for them.
 */
#ifndef ACKGATE_TEST_PIPELINE_FIXTURE_H
#define ACKGATE_TEST_PIPELINE_FIXTURE_H

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

static inline void open_pipeline(void)
{
    t.loop = loop_new();
    ck_assert_int_eq(pipeline_start(t.loop, t.config, &t.pipeline), RESULT_OK);
}

static inline void close_pipeline(void)
{
    pipeline_stop(&t.pipeline);
    ck_assert_ptr_null(t.pipeline);
    loop_free(&t.loop);
}

static inline void start(const char *rule)
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

static inline void remove_tree(const char *dir)
{
    DIR *list = opendir(dir);
    for (struct dirent *entry = readdir(list); entry != NULL; entry = readdir(list)) {
        char path[512];
        ck_assert_int_lt(snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name), (int)sizeof(path));
        if (entry->d_type != DT_DIR)
            unlink(path);
        else if (entry->d_name[0] != '.')
            remove_tree(path);
    }
    closedir(list);
    rmdir(dir);
}

static inline void stop(void)
{
    close_pipeline();
    source_file_free(&t.file);
    config_free(&t.config);
    remove_tree(t.dir);
}

static inline void run_once(void)
{
    event_base_loop(loop_base(t.loop), EVLOOP_ONCE);
}

static inline struct position end_of(int txn)
{
    return (struct position){1, t.ends[txn]};
}

/* The source sends everything up to this transaction; nothing of it is on the disk yet. */
static inline void source_sends(int txn)
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

static inline void wait_synced(void)
{
    while (!position_equal(store_durable(t.pipeline->store), store_end(t.pipeline->store)))
        run_once();
    for (int i = 0; i < 3; i++) /* and what follows from it */
        event_base_loop(loop_base(t.loop), EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static inline void attach(uint32_t voter, int has_txn)
{
    static uint64_t connection_id = 1000;
    pipeline_on_attaching(t.pipeline, connection_id++, voter, true, end_of(has_txn), end_of(has_txn));
}

/* The OKs of the transactions up to this one pass, and no others; the journal knows it. */
static inline void assert_confirmed(int txn)
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

#endif
