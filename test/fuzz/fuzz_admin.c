/* The admin port's SQL: whatever is said, one whole response comes back. The pipeline behind it shows one of
 * everything and agrees to much. The first byte: bit 0, only reading is allowed; bit 1, what capabilities the
 * client has. */
#include "protocol/constants.h"
#include "protocol/packet.h"
#include "proxy/admin_statement.h"
#include "proxy/recover_source.h"
#include "proxy/runtime.h"
#include "recovery/journal_text.h"
#include "test/fuzz/fuzz.h"

#include <signal.h>
#include <unistd.h>

static struct config *config;
static struct journal_ring ring;

/* ---- the pipeline ---- */

struct tls_contexts *pipeline_tls(struct pipeline *pipeline)
{
    static struct tls_contexts none;

    (void)pipeline;
    return &none;
}

const struct config *pipeline_config(const struct pipeline *pipeline)
{
    (void)pipeline;
    return config;
}

const struct store *pipeline_store(const struct pipeline *pipeline)
{
    (void)pipeline;
    return NULL;
}

const struct journal_ring *pipeline_journal(const struct pipeline *pipeline)
{
    (void)pipeline;
    return &ring;
}

const struct journal_state *pipeline_journal_state(const struct pipeline *pipeline)
{
    static struct journal_state state = {.flavor = FLAVOR_MYSQL, .source_base = "binlog"};

    (void)pipeline;
    return &state;
}

void pipeline_view_source(struct pipeline *pipeline, struct view_source *ret_view)
{
    (void)pipeline;
    *ret_view = (struct view_source){
        .host = "10.0.0.1", .state = "open", .confirmed = {"binlog.000002", 77}
    };
}

size_t pipeline_view_replicas(struct pipeline *pipeline, struct view_replica *ret_views, size_t max)
{
    (void)pipeline;
    fuzz_check(max > 0);
    ret_views[0] = (struct view_replica){.name = "r1", .is_voter = true, .state = "streaming"};
    return 1;
}

void pipeline_view_quorum(struct pipeline *pipeline, struct view_quorum *ret_view)
{
    (void)pipeline;
    *ret_view = (struct view_quorum){.rule = "ANY 1 (r1, r2)"};
}

struct view_waiting_list *pipeline_view_waiting(struct pipeline *pipeline, size_t max)
{
    struct view_waiting_list *list = xcalloc(1, sizeof(*list) + sizeof(list->items[0]));

    (void)pipeline;
    fuzz_check(max > 0);
    list->count = 1;
    list->items[0] = (struct view_waiting_item){
        .gtid = gtid_of_mariadb(0, 1, 18), .end = {2, 99}
    };
    return list;
}

size_t pipeline_view_sessions_max(struct pipeline *pipeline)
{
    (void)pipeline;
    return 10;
}

size_t pipeline_view_sessions(struct pipeline *pipeline, struct view_session *ret_views, size_t max)
{
    (void)pipeline;
    fuzz_check(max > 0);
    ret_views[0] = (struct view_session){.id = 1, .user = "app", .command = "Query", .state = "idle"};
    return 1;
}

void pipeline_view_counters(struct pipeline *pipeline, struct view_counters *ret_view)
{
    (void)pipeline;
    *ret_view = (struct view_counters){.commits_confirmed = 42};
}

void pipeline_view_commit_wait(struct pipeline *pipeline, struct view_histogram *ret_view)
{
    (void)pipeline;
    *ret_view = (struct view_histogram){.total_us = 0};
}

enum result pipeline_set_quorum_rule(struct pipeline *pipeline, const char *rule, char *ret_error,
                                     size_t error_max)
{
    (void)pipeline;
    (void)snprintf(ret_error, error_max, "%s is no rule", rule);
    return strlen(rule) % 2 ? RESULT_OK : RESULT_MALFORMED;
}

void pipeline_reconfigure(struct pipeline *pipeline)
{
    (void)pipeline;
}

void pipeline_set_paused(struct pipeline *pipeline, bool is_paused)
{
    (void)pipeline;
    (void)is_paused;
}

enum result pipeline_kill(struct pipeline *pipeline, uint64_t connection_id)
{
    (void)pipeline;
    return connection_id % 2 ? RESULT_OK : RESULT_NOT_FOUND;
}

enum result pipeline_purge_to(struct pipeline *pipeline, const char *file, char *ret_error, size_t error_max)
{
    (void)pipeline;
    (void)snprintf(ret_error, error_max, "%s is needed", file);
    return RESULT_CONFLICT;
}

void pipeline_recover_status(struct pipeline *pipeline, struct recover_status *ret_status)
{
    (void)pipeline;
    *ret_status = (struct recover_status){.epoch = 2, .flavor = FLAVOR_MYSQL, .base = "binlog"};
}

enum result pipeline_recover_tail(struct pipeline *pipeline, const struct tail *tail, bool decides,
                                  struct recover_answer *ret_answer, char ret_error[RECOVER_ERROR_MAX])
{
    (void)pipeline;
    (void)ret_error;
    (void)decides;
    *ret_answer = (struct recover_answer){.kept_as = "/data/kept"};
    struct verdict *verdict = &ret_answer->verdict;
    verdict->overall = VERDICT_CUT;
    verdict->item_count = tail->txn_count;
    verdict->items = xcalloc(tail->txn_count + 1, sizeof(*verdict->items));
    for (size_t i = 0; i < tail->txn_count; i++)
        verdict->items[i] = (struct verdict_item){VERDICT_DISCARD, "never sent"};
    return RESULT_OK;
}

enum result pipeline_recover_engine(struct pipeline *pipeline, const struct engine_report *report,
                                    char ret_error[RECOVER_ERROR_MAX])
{
    (void)pipeline;
    (void)snprintf(ret_error, RECOVER_ERROR_MAX, "%.200s", report->file);
    return report->offset > 100 ? RESULT_CONFLICT : RESULT_OK;
}

enum result pipeline_resolve(struct pipeline *pipeline, const char *gtid, bool is_discard, const char *who,
                             char ret_error[RECOVER_ERROR_MAX])
{
    (void)pipeline;
    (void)who;
    (void)snprintf(ret_error, RECOVER_ERROR_MAX, "%.100s", gtid);
    return is_discard ? RESULT_OK : RESULT_NOT_FOUND;
}

/* ---- asking ---- */

static const char config_text[] =
    "[source]\nhost = h\nuser = u\npassword = p\n[replication]\nuser = r\npassword = p\n"
    "[admin]\nuser = admin\npassword = p\n[replica r1]\nserver_id = 1\n"
    "[replica r2]\nserver_id = 2\n[quorum]\nrule = ANY 1 (r1, r2)\n";

static void set_up(void)
{
    char path[] = "/tmp/ackgate-fuzz-XXXXXX", *problems = NULL;
    int fd = mkstemp(path);

    fuzz_check(write(fd, config_text, sizeof config_text - 1) > 0 && close(fd) == 0);
    fuzz_check(config_load(path, &config, &problems) == RESULT_OK);
    (void)unlink(path);
    log_set_level(LOG_LEVEL_ERROR + 1);
    (void)signal(SIGTERM, SIG_IGN); /* what SHUTDOWN sends */
    runtime_start(config);
}

/* Whole packets, and a whole response in them. */
static void check(const struct resultset_writer *out, uint64_t caps)
{
    struct resultset_reader results;
    struct packet_joiner joiner;
    struct reader stream;
    struct span payload;
    enum resultset_step step = RESULTSET_STEP_MORE;

    resultset_reader_init(&results, caps);
    packet_joiner_init(&joiner, 1, 16 * 1024 * 1024);
    reader_init(&stream, out->data, out->length);
    while (packet_joiner_next(&joiner, &stream, &payload) == RESULT_OK)
        fuzz_check(resultset_reader_next(&results, payload, &step) == RESULT_OK);
    fuzz_check(reader_at_end(&stream));
    fuzz_check(step == RESULTSET_STEP_END || step == RESULTSET_STEP_OK || step == RESULTSET_STEP_ERROR);
    packet_joiner_release(&joiner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    static struct admin_sql *sql;
    struct resultset_writer out;

    if (length < 1)
        return 0;
    if (sql == NULL) {
        set_up();
        sql = admin_sql_new(NULL);
    }
    struct admin_context context = {.sql = sql,
                                    .connection_id = 9,
                                    .user = "admin",
                                    .peer = "10.0.0.7:40000",
                                    .is_read_only = data[0] & 1};
    struct span statement = fuzz_copy((struct span){data + 1, length - 1});
    uint64_t caps = CAP_PROTOCOL_41 | (data[0] & 2 ? CAP_DEPRECATE_EOF : 0);
    resultset_writer_init(&out, caps, 1);
    admin_statement_run(&context, statement, &out);
    if (!context.is_waiting)
        check(&out, caps);
    resultset_writer_release(&out);
    fuzz_free(statement);
    return 0;
}
