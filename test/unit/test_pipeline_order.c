/* layer: proxy
 *
 * What has to be on the journal's disk, or off somebody's mind, before something else happens: a replica's
 * first byte, the answer to ackgate-recover, the ack to a source that has come back. The tail is listed as
 * ackgate-recover would list it.
 */
#include "pipeline_fixture.h"
#include "protocol/constants.h"
#include "proxy/client_login.h"
#include "proxy/recover_source.h"
#include "proxy/source_handshake.h"
#include "recovery/crc32c.h"
#include "recovery/journal_reader.h"
#include "recovery/storage_posix.h"

#include <signal.h>
#include <sys/resource.h>

/* ---- a replica of flesh and blood ---- */

static struct replica {
    struct channel *channel;
    struct client_login *login;
    struct source_handshake *handshake;
    bool is_attached; /* it has asked for its dump */
    size_t heard;     /* payloads since */
} replica;

static void on_dumped(void *argument, struct span payload)
{
    (void)argument;
    (void)payload;
    replica.heard++;
}

static void on_gone(void *argument, enum result reason)
{
    (void)argument;
    ck_abort_msg("the replica was dropped: %s", result_text(reason));
}

static void on_asked(void *argument, enum result result, const char *message)
{
    static const struct channel_callbacks dumping = {on_dumped, on_gone, NULL};
    (void)argument;
    replica.handshake = NULL;
    ck_assert_msg(result == RESULT_OK, "%s", message);
    channel_set_callbacks(replica.channel, &dumping);
    replica.is_attached = true;
}

static void on_logged_in(void *argument, enum result result, const char *message)
{
    struct source_handshake_options options = {.flavor = FLAVOR_MYSQL,
                                               .capabilities = CAP_PROTOCOL_41,
                                               .server_id = 11,
                                               .server_uuid = "00000000-0000-0000-0000-000000000011",
                                               .heartbeat_ms = 10000,
                                               .is_semi_sync = true,
                                               .file = "binlog.000001",
                                               .offset = 4};
    (void)argument;
    replica.login = NULL;
    ck_assert_msg(result == RESULT_OK, "%s", message);
    replica.handshake = source_handshake_start(replica.channel, &options, on_asked, NULL);
}

static void on_greeted(void *argument, struct span payload)
{
    struct client_login_options options = {
        .user = "repl",
        .password = "p",
        .is_local = true,
        .capabilities = CAP_LONG_PASSWORD | CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION | CAP_PLUGIN_AUTH,
    };
    (void)argument;
    replica.login = client_login_start(replica.channel, payload, &options, on_logged_in, NULL);
}

static void connect_replica(void)
{
    static const struct channel_callbacks greeting = {on_greeted, on_gone, NULL};
    char path[128];
    snprintf(path, sizeof(path), "%s/replication.sock", t.dir);
    replica = (struct replica){0};
    ck_assert_int_eq(channel_connect(t.loop, path, 0, 65536, &greeting, &replica.channel), RESULT_OK);
}

/* ---- a journal's disk that refuses ---- */

static int (*real_fdatasync)(int fd);

static int refuse(int fd)
{
    (void)fd;
    errno = EIO;
    return -1;
}

/* ---- a crashed source's tail ---- */

/* What another process would find in the journal now. */
static void read_journal(struct journal_state *ret_state)
{
    char dir[128];
    struct journal_report report;
    snprintf(dir, sizeof(dir), "%s/data/journal", t.dir);
    journal_state_init(ret_state);
    ck_assert_int_eq(journal_reader_replay(storage_posix(), dir, NULL, NULL, ret_state, &report), RESULT_OK);
}

/* The source is known and was let in: the journal proves what was sent. */
static void admit_source(void)
{
    struct journal_record source = {
        .type = JOURNAL_SOURCE, .source = {FLAVOR_MYSQL, 1, uuid_text, "binlog", "9.7.4"}
    };
    journal_sink_put(t.pipeline->journal, &source);
    journal_sink_put(t.pipeline->journal, &(struct journal_record){.type = JOURNAL_ADMITTED, .text = "s"});
}

/* Asks about a tail with all transactions up to this one. */
static enum verdict_overall recover(int txn, bool decides, struct position *ret_cut)
{
    char error[RECOVER_ERROR_MAX] = "";
    struct recover_status status;
    struct recover_answer answer;
    struct tail tail;
    pipeline_recover_status(t.pipeline, &status);
    tail_init(&tail);
    tail.flavor = FLAVOR_MYSQL;
    tail.server_id = 1;
    snprintf(tail.server_uuid, sizeof(tail.server_uuid), "%s", uuid_text);
    snprintf(tail.base, sizeof(tail.base), "binlog");
    snprintf(tail.keep_dir, sizeof(tail.keep_dir), "/kept");
    tail.start = TAIL_START_FOUND;
    tail.from = status.from;
    tail.end = end_of(txn);
    tail_add_file(&tail, 1, t.ends[txn]);
    for (int i = 1; i <= txn; i++) {
        size_t start_at = t.ends[i - 1];
        size_t length = t.ends[i] - start_at;
        struct tail_txn one = {.gtid = mysql_gtid(i),
                               .file = 1,
                               .start = start_at,
                               .end = t.ends[i],
                               .kind = TXN_ROWS,
                               .is_undone = true,
                               .crc = crc32c(0, t.file.bytes + start_at, length)};
        if (t.ends[i] > status.from.offset)
            ck_assert(tail_add_txn(&tail, &one));
    }
    ck_assert_msg(pipeline_recover_tail(t.pipeline, &tail, decides, &answer, error) == RESULT_OK, "%s",
                  error);
    enum verdict_overall overall = answer.verdict.overall;
    *ret_cut = answer.verdict.cut;
    verdict_release(&answer.verdict);
    tail_release(&tail);
    return overall;
}

/* A consumer that came and went, and was sent this much. */
static void was_sent(int txn)
{
    static uint64_t connection_id = 5000;
    struct journal_record came = {
        .type = JOURNAL_ATTACH, .attach = {"observer", 0, "", ++connection_id, end_of(0)}
    };
    struct journal_record went = {
        .type = JOURNAL_DETACH,
        .detach = {.name = "observer", .connection_id = connection_id, .sent = end_of(txn)}
    };
    journal_sink_put(t.pipeline->journal, &came);
    journal_sink_put(t.pipeline->journal, &went);
}

/* ---- the tests ---- */

START_TEST(a_replica_gets_nothing_before_its_attachment_is_on_disk)
{
    start("ANY 1 (r1, r2)");
    source_sends(3);
    wait_synced();
    ck_assert_int_eq(journal_sink_settle(t.pipeline->journal), RESULT_OK);
    real_fdatasync = disk_io.fdatasync;
    disk_io.fdatasync = refuse;
    connect_replica();
    while (!replica.is_attached || journal_sink_state(t.pipeline->journal)->attaches == 0)
        run_once();
    while (!journal_sink_is_failed(t.pipeline->journal))
        run_once();
    ck_assert_uint_eq(replica.heard, 0);
    disk_io.fdatasync = real_fdatasync;
    while (replica.heard == 0)
        run_once();
    struct journal_state state;
    read_journal(&state);
    ck_assert_uint_eq(state.attaches, 1);
    journal_state_release(&state);
    channel_free(&replica.channel);
    stop();
}
END_TEST

START_TEST(a_discard_is_on_disk_before_it_is_answered)
{
    struct journal_state state;
    struct position cut;
    start("ANY 1 (r1, r2)");
    admit_source();
    source_sends(3);
    wait_synced();
    ck_assert_int_eq(recover(3, false, &cut), VERDICT_CUT);
    read_journal(&state);
    ck_assert_uint_eq(state.discards_count, 0);
    journal_state_release(&state);
    ck_assert_int_eq(recover(3, true, &cut), VERDICT_CUT);
    ck_assert(position_equal(cut, end_of(0)));
    read_journal(&state);
    ck_assert_uint_eq(state.discards_count, 1);
    ck_assert(position_equal(state.discards[0].from, end_of(0)));
    journal_state_release(&state);
    stop();
}
END_TEST

/* Said once, for one transaction; the next one with its GTID is another, and was sent to somebody. */
START_TEST(an_operators_discard_is_over_when_it_is_done)
{
    char error[RECOVER_ERROR_MAX] = "";
    char gtid[80];
    struct position cut;
    start("ANY 1 (r1, r2)");
    admit_source();
    source_sends(3);
    wait_synced();
    was_sent(3);
    ck_assert_int_eq(recover(3, true, &cut), VERDICT_NOTHING);
    snprintf(gtid, sizeof(gtid), "%s:3", uuid_text);
    ck_assert_int_eq(pipeline_resolve(t.pipeline, gtid, true, "admin", error), RESULT_OK);
    ck_assert_int_eq(recover(3, true, &cut), VERDICT_CUT);
    ck_assert(position_equal(cut, end_of(2)));
    t.fed = t.ends[2];
    source_sends(3);
    wait_synced();
    was_sent(3);
    ck_assert_int_eq(recover(3, true, &cut), VERDICT_NOTHING);
    stop();
}
END_TEST

/* No file can grow, as on a full disk. */
static void let_files_grow(bool may)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = may ? limit.rlim_max : 0;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* What MariaDB's engine had after the crash is said once, and a cut is judged by it. */
START_TEST(a_source_is_not_let_in_on_a_report_that_is_not_on_disk)
{
    char error[RECOVER_ERROR_MAX] = "";
    struct engine_report report = {.flavor = FLAVOR_MARIADB};
    start("ANY 1 (r1, r2)");
    ck_assert(recover_may_admit(t.pipeline));
    let_files_grow(false);
    enum result result = pipeline_recover_engine(t.pipeline, &report, error);
    let_files_grow(true);
    ck_assert_int_ne(result, RESULT_OK);
    ck_assert_str_eq(error, "the journal cannot be written now: say it again");
    ck_assert(!recover_may_admit(t.pipeline));
    ck_assert_int_eq(pipeline_recover_engine(t.pipeline, &report, error), RESULT_OK);
    ck_assert(recover_may_admit(t.pipeline));
    stop();
}
END_TEST

/* Its dump begins where the quorum was when it was looked over: what was confirmed since, nobody has acked.
 */
START_TEST(a_source_that_comes_back_is_owed_an_ack)
{
    start("ANY 1 (r1, r2)");
    attach(R1, 0);
    source_sends(2);
    wait_synced();
    pipeline_on_source_event(t.pipeline, SOURCE_STREAMING, "");
    pipeline_on_ack(t.pipeline, R1, end_of(2));
    assert_confirmed(2);
    ck_assert(t.pipeline->owes_ack);
    pipeline_on_batch(t.pipeline);
    ck_assert(!t.pipeline->owes_ack); /* paid with the first bytes that come */
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pipeline_order");
    TCase *tests = tcase_create("pipeline_order");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_replica_gets_nothing_before_its_attachment_is_on_disk);
    tcase_add_test(tests, a_discard_is_on_disk_before_it_is_answered);
    tcase_add_test(tests, an_operators_discard_is_over_when_it_is_done);
    tcase_add_test(tests, a_source_is_not_let_in_on_a_report_that_is_not_on_disk);
    tcase_add_test(tests, a_source_that_comes_back_is_owed_an_ack);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
