/* What a query costs: straight to the source, through HAProxy in TCP mode, MySQL Router, and ackgate, on one
 * topology; and once more with TLS on both sides.
 *
 *     SERVER=mariadb THREADS=1,8,64 ROUNDS=7 SECONDS=3 build/bench/app
 *     TESTS=prepared,unprepared,rows,row,connect,tls WAYS=direct,HAProxy,Router,ackgate …     only these
 *
 * One thread is measured on one core. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "test/bench/clients.h"
#include "test/bench/comparison.h"
#include "test/bench/front.h"
#include "test/bench/report.h"
#include "test/bench/sysbench.h"
#include "test/lib/certificate.h"
#include "test/lib/place.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"

enum { CONNECTING = 8 }; /* threads */

struct way {
    const char *name;
    struct front front;       /* its pid is 0 when nothing is between */
    const char *certificates; /* NULL: in the clear */
};

enum { WAY_COUNT = 4 };

static struct way ways[WAY_COUNT];

struct work {
    bool is_unprepared;
    bool is_connecting;
    const char *query; /* NULL: sysbench's point selects */
};

static struct work work;

/* From what it was before, for each of so many; where there is nothing between, it is not measured. */
static double cpu_us(const struct way *way, double before_s, double count)
{
    return way->front.pid == 0 ? NAN : (figures_cpu_s(way->front.pid) - before_s) / count * 1e6;
}

static double cpu_s(const struct way *way)
{
    return way->front.pid == 0 ? 0 : figures_cpu_s(way->front.pid);
}

static void run_selects(void *argument, const struct comparison *comparison, double *ret_values)
{
    const struct way *way = argument;
    double before_s = cpu_s(way);
    struct sysbench_figures figures =
        sysbench_run(&(struct sysbench_load){.test = "oltp_point_select",
                                             .port = way->front.port,
                                             .threads = comparison->threads,
                                             .seconds = bench_seconds(),
                                             .is_unprepared = work.is_unprepared,
                                             .certificates = way->certificates});
    ret_values[0] = figures.per_second;
    ret_values[1] = cpu_us(way, before_s, figures.count);
}

/* The first measure is connections or megabytes. */
static void run_clients(void *argument, const struct comparison *comparison, double *ret_values)
{
    const struct way *way = argument;
    double before_s = cpu_s(way);
    struct clients_figures figures = clients_run(&(struct clients_load){.query = work.query,
                                                                        .is_connecting = work.is_connecting,
                                                                        .certificates = way->certificates,
                                                                        .port = way->front.port,
                                                                        .threads = comparison->threads,
                                                                        .seconds = bench_seconds()});
    double count = work.is_connecting ? figures.count : figures.bytes / 1e6;
    ret_values[0] = count / figures.seconds;
    ret_values[1] = cpu_us(way, before_s, count);
}

static void add_target(struct comparison *comparison, struct comparison_target target)
{
    size_t i = 0;
    while (comparison->targets[i].text != NULL)
        i++;
    target.way = "ackgate";
    comparison->targets[i] = target;
}

static void add_ratio(struct comparison *comparison, const char *text, const char *against, double must,
                      double proud)
{
    add_target(comparison,
               (struct comparison_target){
                   .text = text, .against = against, .kind = TARGET_RATIO, .must = must, .proud = proud});
}

static void compare(struct comparison *comparison, comparison_run_fn *run)
{
    size_t count = 0;
    comparison->baseline = "direct";
    for (size_t i = 0; i < WAY_COUNT; i++)
        if (ways[i].name != NULL)
            comparison->ways[count++] = (struct comparison_way){ways[i].name, run, &ways[i]};
    comparison_run(comparison);
}

static void measure_selects(const char *test, bool is_unprepared, const char *threads, bool tls)
{
    work = (struct work){.is_unprepared = is_unprepared};
    for (unsigned count = bench_next(&threads); count > 0; count = bench_next(&threads)) {
        struct comparison comparison = {
            .test = test,
            .threads = count,
            .is_one_core = count == 1,
            .measures = {{"queries", "/s", 0}, {"CPU between", "µs a query", 1}},
        };
        if (tls) {
            add_ratio(&comparison, "point selects against MySQL Router, TLS on both sides", "Router", 1.1,
                      1.3);
        } else {
            add_ratio(&comparison, "point selects against HAProxy", "HAProxy", 1.0, 1.1);
            add_ratio(&comparison, "point selects against MySQL Router", "Router", count == 1 ? 1.1 : 1.25,
                      1.3);
        }
        compare(&comparison, run_selects);
    }
}

static void measure_results(const char *test, const char *query, bool tls)
{
    struct comparison comparison = {
        .test = test,
        .threads = 1,
        .measures = {{"rows", "MB/s", 0}, {"CPU between", "µs a MB", 0}},
    };
    work = (struct work){.query = query};
    if (tls) {
        add_ratio(&comparison, "large results against MySQL Router, TLS on both sides", "Router", 1.1, 1.3);
    } else {
        add_ratio(&comparison, "large results against direct", "direct", 0.90, 0.95);
        add_target(&comparison, (struct comparison_target){.text = "CPU of ackgate, µs a MB",
                                                           .measure = 1,
                                                           .kind = TARGET_VALUE,
                                                           .is_at_most = true,
                                                           .must = 450,
                                                           .proud = 400});
    }
    compare(&comparison, run_clients);
}

static void measure_connecting(const char *test, bool tls)
{
    struct comparison comparison = {
        .test = test,
        .threads = CONNECTING,
        .measures = {{"connections", "/s", 0}, {"CPU between", "µs each", 0}},
    };
    work = (struct work){.query = "SELECT 1", .is_connecting = true};
    if (!tls)
        add_ratio(&comparison, "connect-select-close against HAProxy", "HAProxy", 1.0, 1.1);
    compare(&comparison, run_clients);
}

static const char rows_query[] = "SELECT * FROM bench.many";
static const char row_query[] = "SELECT REPEAT('x', 16 * 1024 * 1024)";

static struct topology *start_topology(const char *certificates)
{
    static const char *const plain[] = {"ackgate", "log_level = info", NULL};
    static const char *const tls[] = {"ackgate", "log_level = info", "source", "tls = required", NULL};
    const char *const options[] = {"--innodb-buffer-pool-size=256M",
                                   bench_family() == FAMILY_MYSQL ? "--innodb-redo-log-capacity=512M"
                                                                  : "--innodb-log-file-size=256M",
                                   "--max-allowed-packet=64M", NULL};
    struct topology *t =
        topology_start_with(&(struct topology_options){.family = bench_family(),
                                                       .rule = "ANY 1 (r1)",
                                                       .replicas = 1,
                                                       .source_options = options,
                                                       .replica_options = options,
                                                       .gate_lines = certificates == NULL ? plain : tls,
                                                       .certificates = certificates,
                                                       .app_tls = certificates == NULL ? NULL : "required"});
    replica_stop_applier(t->replica[0]);
    sysbench_prepare(t->source->port);
    struct sql *source = server_admin(t->source);
    sql_exec(source, "CREATE TABLE bench.many AS SELECT s.* FROM bench.sbtest1 s, "
                     "(SELECT id FROM bench.sbtest1 LIMIT 10) AS ten");
    return t;
}

static void start_ways(const struct topology *t, const char *certificates)
{
    const struct way all[WAY_COUNT] = {
        {"direct",  {t->source->port, 0},              certificates},
        {"HAProxy", {0, 0},                            certificates},
        {"Router",  {0, 0},                            certificates},
        {"ackgate", {t->gate->app_port, t->gate->pid}, certificates},
    };
    for (size_t i = 0; i < WAY_COUNT; i++) {
        ways[i] = all[i];
        if (!bench_wants("WAYS", ways[i].name) || (i == 1 && certificates != NULL))
            ways[i].name = NULL;
    }
    if (ways[1].name != NULL)
        ways[1].front = front_start_haproxy(t->source->port);
    if (ways[2].name != NULL)
        ways[2].front = front_start_router(t->source->port, certificates);
}

static void stop_ways(struct topology *t)
{
    front_stop(&ways[1].front);
    front_stop(&ways[2].front);
    topology_stop(t);
}

static void measure_in_the_clear(void)
{
    struct topology *t = start_topology(NULL);
    start_ways(t, NULL);
    if (bench_wants("TESTS", "prepared"))
        measure_selects("point selects", false, bench_threads("1,8", "1,8,16,64"), false);
    if (bench_wants("TESTS", "unprepared"))
        measure_selects("point selects, not prepared", true, bench_threads("", "1,8,64"), false);
    if (bench_wants("TESTS", "rows"))
        measure_results("100,000 rows", rows_query, false);
    if (bench_wants("TESTS", "row"))
        measure_results("a row of 16 MiB", row_query, false);
    if (bench_wants("TESTS", "connect"))
        measure_connecting("connect-select-close", false);
    stop_ways(t);
}

static void measure_with_tls(void)
{
    char dir[108];
    place_make_dir("certificates", dir, sizeof(dir));
    certificate_make_usual(dir);
    struct topology *t = start_topology(dir);
    start_ways(t, dir);
    measure_selects("point selects, TLS", false, bench_threads("8", "1,8,64"), true);
    measure_results("100,000 rows, TLS", rows_query, true);
    measure_connecting("connect-select-close, TLS", true);
    stop_ways(t);
}

START_TEST(app)
{
    report_begin("app", "queries through what stands between");
    if (bench_wants("TESTS", "prepared") || bench_wants("TESTS", "unprepared") ||
        bench_wants("TESTS", "rows") || bench_wants("TESTS", "row") || bench_wants("TESTS", "connect"))
        measure_in_the_clear();
    if (bench_wants("TESTS", "tls"))
        measure_with_tls();
    report_end();
}
END_TEST

int main(void)
{
    return bench_main("app", app);
}
