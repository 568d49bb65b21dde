/* What the admin port answers to ackgate-recover: where to begin, and the plan for the tail of a real binlog.
 * Whatever it is, nothing of the binlog is lost: what a cut takes out is in the kept file. The first byte:
 * bit 0, a MariaDB's file; bit 1, it was closed. The second: which transaction the usual answer cuts at. */
#include "protocol/binlog_event.h"
#include "recovery/apply.h"
#include "recovery/binlog_tail.h"
#include "recovery/recover_talk.h"
#include "test/fuzz/fuzz_sql.h"
#include "test/unit/memory_storage.h"

#define KEEP_DIR "/d/ackgate-discarded"

enum { FLAGS_AT = BINLOG_START + 17, PLAN_TEXT_MAX = 16384 };

struct binlog {
    const char *path;
    uint8_t *bytes;
    size_t length;
};

static struct binlog goldens[] = {
    {"test/golden/binlog_mysql_tagged.binlog",    NULL, 0},
    {"test/golden/binlog_mariadb_domains.binlog", NULL, 0}
};

static struct {
    struct memory_storage storage;
    struct binlog_index index;
    struct tail *tail;
    size_t cut;
    char plan[PLAN_TEXT_MAX];
} scene;

static void read_golden(struct binlog *binlog)
{
    static uint8_t bytes[65536];
    FILE *in = fopen(binlog->path, "rbe");

    fuzz_check(in != NULL);
    binlog->length = fread(bytes, 1, sizeof bytes, in);
    binlog->bytes = xmalloc(binlog->length);
    memcpy(binlog->bytes, bytes, binlog->length);
    (void)fclose(in);
}

static void put(const char *path, const void *bytes, size_t length)
{
    struct storage_file *file;
    enum result result = storage_open(&scene.storage.base, path, STORAGE_CREATE, &file);

    if (result == RESULT_OK)
        result = storage_write(file, 0, bytes, length);
    fuzz_check(result == RESULT_OK);
    storage_close(&file);
}

/* As the daemon would answer that keeps all up to scene.cut. */
static const char *usual_plan(void)
{
    size_t at = 0, count = scene.tail->txn_count, cut = scene.cut < count ? scene.cut : count;
    char gtid[GTID_TEXT_MAX];
    struct position place = cut < count ? tail_txn_start(&scene.tail->txns[cut]) : scene.tail->end;

    at += (size_t)snprintf(scene.plan, sizeof scene.plan, "=\tb.%06u\t%u\t0\tcut\tnever sent\t" KEEP_DIR "/k",
                           (unsigned)place.file, (unsigned)place.offset);
    for (size_t i = 0; i < count && at < sizeof scene.plan - 256; i++) {
        const struct tail_txn *txn = &scene.tail->txns[i];
        at += (size_t)snprintf(scene.plan + at, sizeof scene.plan - at, "\n%s\tb.%06u\t%u\t%u\t%s\t\t",
                               gtid_format(&txn->gtid, gtid), (unsigned)txn->file, (unsigned)txn->start,
                               (unsigned)txn->end, i < cut ? "keep" : "discard");
    }
    return scene.plan;
}

static const char *fuzz_sql_usual(const char *sql)
{
    if (strcmp(sql, "RECOVER SOURCE STATUS") == 0)
        return "=epoch\t1\nflavor\tmysql\nbase\tb\nfrom_file\tb.000001\nfrom_pos\t4";
    fuzz_check(strncmp(sql, "RECOVER SOURCE TAIL '", 21) == 0);
    return usual_plan();
}

static enum result read_tail(void *argument, const struct recover_status *status, struct tail *ret_tail,
                             char **ret_problem)
{
    struct position from = POSITION_NONE;
    struct binlog_tail_request request = {&scene.storage.base, "/d", &scene.index, POSITION_NONE};

    (void)argument;
    if (binlog_name_parse(span_of_text(status->from_file), NULL, &from.file) == RESULT_OK)
        request.from = (struct position){from.file, status->from_offset};
    enum result result = binlog_tail_read(&request, ret_tail, ret_problem);
    (void)snprintf(ret_tail->keep_dir, sizeof ret_tail->keep_dir, KEEP_DIR);
    return result;
}

/* The head of the binlog and what the kept file has behind its own head are the whole. */
static void check_nothing_lost(const struct binlog *binlog, const struct plan *plan,
                               const struct apply_report *report)
{
    struct memory_inode *left = memory_storage_file(&scene.storage, "/d/b.000001");
    size_t cut = (size_t)plan->cut.offset, gone = binlog->length - cut;

    fuzz_check(left->live.length == cut && cut <= binlog->length);
    fuzz_check(memcmp(left->live.data + FLAGS_AT + 1, binlog->bytes + FLAGS_AT + 1, cut - FLAGS_AT - 1) == 0);
    if (gone == 0)
        return;
    fuzz_check(report->kept_as != NULL && strncmp(report->kept_as, KEEP_DIR "/", sizeof KEEP_DIR) == 0);
    struct memory_inode *kept = memory_storage_file(&scene.storage, report->kept_as);
    fuzz_check(kept != NULL && kept->live.length > gone);
    fuzz_check(memcmp(kept->live.data + kept->live.length - gone, binlog->bytes + cut, gone) == 0);
}

static void check_whole(const struct binlog *binlog)
{
    struct memory_inode *left = memory_storage_file(&scene.storage, "/d/b.000001");

    fuzz_check(left->live.length == binlog->length);
}

static void carry_out(const struct binlog *binlog, const struct tail *tail, const struct plan *plan)
{
    struct apply_request request = {&scene.storage.base, &scene.index, tail, plan->cut, plan->kept_as};
    struct apply_report report = {0};
    char *problem = NULL;

    if (plan->overall != VERDICT_CUT) {
        check_whole(binlog);
        return;
    }
    enum result result = apply_cut(&request, &report, &problem);
    fuzz_check((result == RESULT_OK) == (problem == NULL));
    if (result == RESULT_OK)
        check_nothing_lost(binlog, plan, &report);
    else
        check_whole(binlog);
    free(problem);
    apply_report_release(&report);
}

static void talk(const struct binlog *binlog)
{
    struct recover_talk talk = {.host = "h", .port = 1, .user = "u", .read_tail = read_tail};
    struct tail tail;
    struct plan plan;
    char *problem = NULL;

    tail_init(&tail);
    plan_init(&plan);
    scene.tail = &tail;
    enum recover_outcome outcome = recover_ask(&talk, "TAIL", &tail, &plan, &problem);
    fuzz_check((outcome == RECOVER_ANSWERED) == (problem == NULL));
    if (outcome == RECOVER_ANSWERED)
        carry_out(binlog, &tail, &plan);
    free(problem);
    plan_release(&plan);
    tail_release(&tail);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct reader reader;

    if (length < 2)
        return 0;
    struct binlog *binlog = &goldens[data[0] & 1];
    if (binlog->bytes == NULL)
        read_golden(binlog);
    scene.cut = data[1];
    reader_init(&reader, data + 2, length - 2);
    fuzz_sql_script(&reader);
    memory_storage_init(&scene.storage, 1);
    put("/d/b.index", "b.000001\n", 9);
    put("/d/b.000001", binlog->bytes, binlog->length);
    if ((data[0] & 2) == 0)
        memory_storage_file(&scene.storage, "/d/b.000001")->live.data[FLAGS_AT] |= BINLOG_FLAG_IN_USE;
    fuzz_check(binlog_index_read(&scene.storage.base, "/d/b.index", "/d", &scene.index) == RESULT_OK);
    talk(binlog);
    binlog_index_release(&scene.index);
    memory_storage_release(&scene.storage);
    return 0;
}
