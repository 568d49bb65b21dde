/* `make soak MINUTES=60`: sessions (plain, with TLS, compressed), replicas, binlog clients, operators and
 * browsers come and go, in good order and not, while others write; ackgate's memory and descriptors must
 * stay flat.
 *
 * Every tenth of the time all guests leave, and what ackgate has then is noted: its resident memory, its
 * descriptors, its threads. After the third round memory may grow by no more than a tenth and 4 MiB, the
 * others not at all. Each kind of guest must have been served in each round: nothing leaks where nobody gets
 * in. PAUSE_MS is how long each guest and writer rests between two visits or commits. */
#include <check.h>
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/lib/binlog_files.h"
#include "test/lib/certificate.h"
#include "test/lib/http.h"
#include "test/lib/load.h"
#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum {
    ROUNDS = 10,
    SETTLED = 2,
    GUESTS = 6,
    WRITERS = 2,
    ALLOWED_KIB = 4096,
    ALLOWED_FILES = 4,
    GONE_SECONDS = 60,
    READ_TIMEOUT_S = 20,
    DEFAULT_PAUSE_MS = 5,
};

enum kind { KIND_APP, KIND_APP_TLS, KIND_APP_COMPRESSED, KIND_ADMIN, KIND_REPLICATION, KIND_BROWSER, KINDS };
static const char *const kind_names[KINDS] = {"app", "TLS", "compressed", "admin", "replication", "HTTP"};

struct sample {
    long rss_kib;
    long descriptors;
    long threads;
};

struct soak {
    struct topology *t;
    const char *ca;
    atomic_bool is_over; /* the round */
    unsigned pause_ms;
    atomic_ulong visits;
    atomic_ulong served[KINDS]; /* visits that got what they came for */
    pid_t binlog_client;
    unsigned long commits;
};

/* ---- what ackgate has ---- */

static long of_status(pid_t pid, const char *name)
{
    char *text = place_read_file(place_format("/proc/%d/status", (int)pid), NULL);
    const char *line = text ? strstr(text, name) : NULL;
    long value = line ? strtol(line + strlen(name), NULL, 10) : -1;

    free(text);
    return value;
}

static long count_descriptors(pid_t pid)
{
    DIR *folder = opendir(place_format("/proc/%d/fd", (int)pid));
    long count = 0;

    ck_assert(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    (void)closedir(folder);
    return count;
}

static struct sample take_sample(const struct gate *gate)
{
    return (struct sample){of_status(gate->pid, "VmRSS:"), count_descriptors(gate->pid),
                           of_status(gate->pid, "Threads:")};
}

/* ---- guests ---- */

static struct sql *visit(struct sql_options options)
{
    options.read_timeout_s = READ_TIMEOUT_S;
    return sql_try_open(&options);
}

static void note_visit(struct soak *soak, enum kind kind, const struct sql *guest)
{
    if (sql_errno(guest) == 0)
        (void)atomic_fetch_add(&soak->served[kind], 1);
}

/* An application: a few statements, then it leaves, one in three without a word. */
static void visit_app(struct soak *soak, unsigned i)
{
    static const enum kind kinds[] = {KIND_APP, KIND_APP_TLS, KIND_APP, KIND_APP_COMPRESSED};
    enum kind kind = kinds[i / 10 % 4];
    struct sql *app = visit((struct sql_options){.port = soak->t->gate->app_port,
                                                 .user = "app",
                                                 .password = i % 7 ? "app-pw" : "wrong",
                                                 .tls = kind == KIND_APP_TLS,
                                                 .tls_ca = kind == KIND_APP_TLS ? soak->ca : NULL,
                                                 .compress = kind == KIND_APP_COMPRESSED});

    for (unsigned n = 0; n < 5 && sql_errno(app) == 0; n++)
        (void)sql_try(app, n % 2 ? "SELECT REPEAT('x', 100000)" : "REPLACE INTO soak.t VALUES (%u, NOW())",
                      i % 50);
    note_visit(soak, kind, app);
    if (i % 3 == 0 && sql_errno(app) == 0)
        sql_break(app);
    sql_close(app);
}

static void visit_admin(struct soak *soak, unsigned i)
{
    static const char *const looks[] = {"SELECT * FROM replicas", "SHOW PROCESSLIST", "SHOW STATUS",
                                        "SELECT nothing", "SELECT count(*) FROM journal"};
    struct sql *admin = visit((struct sql_options){
        .port = soak->t->gate->admin_port, .user = "admin", .password = i % 5 ? "admin-pw" : "wrong"});

    for (unsigned n = 0; n < 5 && (sql_errno(admin) == 0 || n > 0); n++)
        (void)sql_try(admin, "%s", looks[(i + n) % 5]);
    note_visit(soak, KIND_ADMIN, admin);
    sql_close(admin);
}

/* Something that asks the replication port questions, as a client for changes does. */
static void visit_replication(struct soak *soak, unsigned i)
{
    struct sql *client = visit(
        (struct sql_options){.port = soak->t->gate->replication_port, .user = "repl", .password = "repl-pw"});

    if (sql_errno(client) == 0)
        (void)sql_try(client, i % 20 < 10 ? "SHOW BINARY LOGS" : "SELECT @@GLOBAL.SERVER_ID");
    note_visit(soak, KIND_REPLICATION, client);
    if (i % 20 < 10 && sql_errno(client) == 0)
        sql_break(client);
    sql_close(client);
}

static void *run_guest(void *arg)
{
    struct soak *soak = arg;

    while (!atomic_load(&soak->is_over)) {
        unsigned i = (unsigned)atomic_fetch_add(&soak->visits, 1);
        if (i % 10 < 7)
            visit_app(soak, i);
        else if (i % 10 < 9)
            visit_admin(soak, i);
        else
            visit_replication(soak, i);
        sleep_ms(soak->pause_ms);
    }
    return NULL;
}

/* A replica goes, in good order or not, and comes back. */
static void move_replica(struct soak *soak, unsigned turn)
{
    struct server *replica = soak->t->replica[turn % 2];

    if (turn % 8 < 7) {
        replica_stop_receiver(replica);
        replica_start_receiver(replica);
    } else {
        server_stop(replica);
        server_start(replica);
    }
    replica_wait_streaming(replica);
}

static void visit_http(struct soak *soak, unsigned turn)
{
    static const char *const paths[] = {"/metrics", "/", "/status.json", "/nothing"};
    int expected = turn % 4 < 3 ? 200 : 404;

    if (http_get(soak->t->gate->metrics_port, paths[turn % 4]).status == expected)
        (void)atomic_fetch_add(&soak->served[KIND_BROWSER], 1);
}

/* One that follows what comes for a while, and is cut. */
static void move_binlog_client(struct soak *soak)
{
    struct gate *gate = soak->t->gate;
    const char *out = place_format("%s/followed", gate->dir);
    const struct sql_rows *at =
        sql_rows(gate_admin(gate), "SELECT confirmed_file, confirmed_pos FROM source");
    const char *from = place_format("--start-position=%s", sql_cell(at, 0, "confirmed_pos"));

    if (soak->binlog_client)
        process_kill(soak->binlog_client);
    (void)unlink(out);
    soak->binlog_client = binlog_client_start(
        soak->t->family, gate->replication_port, out,
        (const char *const[]){"--stop-never", from, sql_cell(at, 0, "confirmed_file"), NULL});
}

static bool guests_are_gone(void *arg)
{
    const char *sessions = gate_status((struct gate *)arg, "Ackgate_sessions");

    return sessions && strcmp(sessions, "0") == 0;
}

static struct sample run_round(struct soak *soak, double seconds)
{
    pthread_t guests[GUESTS];
    uint64_t end = now_ms() + (uint64_t)(seconds * 1000);
    struct load *load = load_start(soak->t->gate, WRITERS);

    load_rest(load, soak->pause_ms);
    sql_exec(server_admin(soak->t->source), "FLUSH BINARY LOGS");
    atomic_store(&soak->is_over, false);
    for (int kind = 0; kind < KINDS; kind++)
        atomic_store(&soak->served[kind], 0);
    for (unsigned i = 0; i < GUESTS; i++)
        ck_assert_int_eq(pthread_create(&guests[i], NULL, run_guest, soak), 0);
    for (unsigned turn = 0; now_ms() < end; turn++) {
        sleep_ms(500);
        visit_http(soak, turn);
        if (turn % 4 == 0)
            move_binlog_client(soak);
        move_replica(soak, turn);
    }
    atomic_store(&soak->is_over, true);
    for (unsigned i = 0; i < GUESTS; i++)
        (void)pthread_join(guests[i], NULL);
    load_stop(load);
    soak->commits += load_oks(load);
    topology_wait_open(soak->t);
    wait_until(guests_are_gone, soak->t->gate, GONE_SECONDS, "the guests to leave");
    return take_sample(soak->t->gate);
}

struct few {
    const struct gate *gate;
    long descriptors;
};

static bool are_few(void *arg)
{
    struct few *few = arg;

    return count_descriptors(few->gate->pid) <= few->descriptors;
}

/* The last good-byes to the source for clients that left early may still be under way, and the store keeps a
 * few of its files open for reading. */
static void assert_flat(const struct gate *gate, const struct sample *settled, const struct sample *now)
{
    struct few few = {gate, settled->descriptors + ALLOWED_FILES};

    wait_until(are_few, &few, GONE_SECONDS, "as few descriptors as in the third round");
    ck_assert_msg(now->rss_kib <= settled->rss_kib + settled->rss_kib / 10 + ALLOWED_KIB,
                  "memory grew: %ld KiB, then %ld", settled->rss_kib, now->rss_kib);
    ck_assert_msg(now->threads <= settled->threads, "threads: %ld, then %ld", settled->threads, now->threads);
}

static void assert_served(struct soak *soak)
{
    for (int kind = 0; kind < KINDS; kind++)
        ck_assert_msg(atomic_load(&soak->served[kind]) > 0, "no guest of the kind %s was served",
                      kind_names[kind]);
}

static double number_of(const char *variable, double otherwise)
{
    const char *text = getenv(variable);

    return text && *text ? strtod(text, NULL) : otherwise;
}

static double minutes(void)
{
    return number_of("MINUTES", 60);
}

static void start(struct soak *soak, enum family family)
{
    char dir[108];

    place_make_dir("certificates", dir, sizeof dir);
    certificate_make_usual(dir);
    soak->pause_ms = (unsigned)number_of("PAUSE_MS", DEFAULT_PAUSE_MS);
    soak->ca = place_format("%s/ca.pem", dir);
    soak->t = topology_start_with(&(struct topology_options){.family = family,
                                                             .rule = "ANY 1 (r1, r2)",
                                                             .replicas = 2,
                                                             .certificates = dir,
                                                             .app_tls = "preferred"});
}

static void print_round(const struct soak *soak, int round, const struct sample *sample)
{
    (void)printf("%s round %d: %lu visits, %lu commits, %ld KiB, %ld descriptors, %ld threads; served",
                 family_name(soak->t->family), round, atomic_load(&soak->visits), soak->commits,
                 sample->rss_kib, sample->descriptors, sample->threads);
    for (int kind = 0; kind < KINDS; kind++)
        (void)printf(" %s %lu", kind_names[kind], atomic_load(&soak->served[kind]));
    (void)printf("\n");
    (void)fflush(stdout);
}

START_TEST(flat)
{
    struct soak soak = {0};
    struct sample sample[ROUNDS];

    start(&soak, TEST_FAMILY);
    struct sql *app = gate_app(soak.t->gate);
    sql_exec(app, "CREATE DATABASE soak; CREATE TABLE soak.t (id INT PRIMARY KEY, at TIMESTAMP)");
    sql_close(app);
    for (int i = 0; i < ROUNDS; i++) {
        sample[i] = run_round(&soak, minutes() * 60 / ROUNDS);
        print_round(&soak, i + 1, &sample[i]);
        assert_served(&soak);
        if (i > SETTLED)
            assert_flat(soak.t->gate, &sample[SETTLED], &sample[i]);
    }
    topology_assert_same_data(soak.t);
    gate_stop(soak.t->gate);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("soak");

    e2e_add_within(suite, "soak", flat, minutes() * 60 * 2 + 600);
    return e2e_main(suite);
}
