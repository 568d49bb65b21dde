/* How long a replica waits for its first byte that attaches by GTID to a history of 1,000 files: one that has
 * nothing, one that stands in the middle, one that has all; to the source itself and to ackgate.
 *
 *     SERVER=mariadb FILES=1000 build/bench/attach */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/bench/comparison.h"
#include "test/bench/history.h"
#include "test/bench/report.h"
#include "test/bench/room.h"
#include "test/lib/place.h"
#include "test/lib/receivers.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"

enum { FILES = 1000, LATE_SERVER_ID = 7000, FULL_MIB = 1000, QUICK_MIB = 128 };

static struct topology *t;

static void make_files(unsigned count)
{
    struct sql *app = gate_app(t->gate);
    sql_exec(app, "CREATE DATABASE many; CREATE TABLE many.t (id INT PRIMARY KEY)");
    for (unsigned i = 0; i < count; i++) {
        sql_exec(app, "INSERT INTO many.t VALUES (%u)", i);
        sql_exec(server_admin(t->source), "FLUSH BINARY LOGS");
    }
    sql_exec(app, "INSERT INTO many.t VALUES (%u)", count);
    sql_close(app);
}

/* What a replica has that lacks this share of all transactions; both servers count them from 1. */
static const char *gtids_without(double share)
{
    const char *all = server_gtids(t->source);
    const char *dash = strrchr(all, '-');
    ck_assert_ptr_nonnull(dash);
    unsigned long last = strtoul(dash + 1, NULL, 10);
    unsigned long wanted = last - (unsigned long)((double)last * share);
    return wanted == 0 ? "" : place_format("%.*s-%lu", (int)(dash - all), all, wanted);
}

struct way {
    bool is_gated;
    double lacks; /* a share */
};

static double clock_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void run(void *argument, const struct comparison *comparison, double *ret_values)
{
    const struct way *way = argument;
    struct receiver receiver;
    struct receiver_options options = {
        .family = t->family,
        .port = way->is_gated ? t->gate->replication_port : t->source->port,
        .server_id = LATE_SERVER_ID,
        .gtids = gtids_without(way->lacks),
    };
    (void)comparison;
    receiver_prepare_at(HERE, &receiver, &options);
    double began_ms = clock_ms();
    receiver_start_at(HERE, &receiver, &options);
    ck_assert(receiver_take(&receiver));
    ret_values[0] = clock_ms() - began_ms;
    receiver_close(&receiver);
}

static void compare(const char *test, bool has_target)
{
    static const struct way ways[] = {
        {false, 1.0},
        {true,  1.0},
        {false, 0.5},
        {true,  0.5},
        {false, 0  },
        {true,  0  }
    };
    static const char *const names[] = {"source, has nothing", "ackgate, has nothing", "source, has half",
                                        "ackgate, has half",   "source, has all",      "ackgate, has all"};
    static struct comparison comparison;
    comparison = (struct comparison){.test = test, .rounds = 9, .measures = {{"to the first byte", "ms", 2}}};
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
        comparison.ways[i] = (struct comparison_way){names[i], run, (void *)(uintptr_t)&ways[i]};
    for (size_t i = 0; has_target && i < 3; i++)
        comparison.targets[i] = (struct comparison_target){
            "attach by GTID, ms", 0, names[2 * i + 1], NULL, TARGET_VALUE, true, 50, 5};
    comparison_run(&comparison);
}

START_TEST(attach)
{
    unsigned files = bench_setting("FILES", FILES, 20000);
    unsigned mib = bench_setting("MIB", bench_is_full() ? FULL_MIB : QUICK_MIB, FULL_MIB);
    room_take(mib * 5 / 2 + files / 10);
    t = history_topology(bench_family());
    report_begin("attach", "a replica attaches by GTID");
    make_files(files);
    compare(place_format("%u files", files), true);
    (void)history_fill(t->source, t->gate->app_port, HISTORY_LARGE_EVENTS, mib);
    compare(place_format("the last of them %u MiB", mib), false);
    report_end();
}
END_TEST

int main(void)
{
    return bench_main("attach", attach);
}
