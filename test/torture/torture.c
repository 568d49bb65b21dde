/* The course of a torture, see torture.h. */
#include "test/torture/torture.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/xalloc.h"
#include "test/lib/place.h"
#include "test/lib/replication.h"
#include "test/lib/sql.h"
#include "test/lib/wait.h"
#include "test/torture/clients.h"
#include "test/torture/nemesis.h"

enum { GO_ON_SECONDS = 60, WRITE_MS = 700, LOOK_MS = 1500 };

struct torture {
    const struct torture_options *options;
    const char *path;
    struct recorder *recorder;
    struct world *world;
    struct clients *clients;
    uint64_t goal;
};

/* ---- clients ---- */

static void start_clients(struct torture *torture)
{
    const struct world *world = torture->world;
    struct reach app = world_reach(world, LINK_APP);
    struct clients_options options = {
        .recorder = torture->recorder,
        .seed = torture->options->seed,
        .app = {app.host, app.port, world->clients ? world->clients->netns : 0},
        .replicas = WORLD_REPLICAS,
    };

    for (size_t i = 0; i < WORLD_REPLICAS; i++)
        options.replica[i] =
            (struct client_target){"127.0.0.1", world->replica[i]->port, world->replica[i]->netns};
    torture->clients = clients_start(&options);
}

static bool has_gone_on(void *arg)
{
    struct torture *torture = arg;

    return clients_oks(torture->clients) >= torture->goal;
}

static void wait_oks(struct torture *torture, uint64_t more)
{
    torture->goal = clients_oks(torture->clients) + more;
    wait_until(has_gone_on, torture, GO_ON_SECONDS, "the clients to go on");
}

static void stop_clients(struct torture *torture)
{
    clients_stop(torture->clients);
    (void)printf("%s", clients_errors(torture->clients));
}

/* ---- ends ---- */

/* Statements whose clients have left are through. */
static void wait_for_quiet(struct server *server)
{
    WAIT_SQL_FOR(
        server_admin(server),
        "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app' AND command <> 'Sleep'", "0",
        GO_ON_SECONDS);
}

static void record_end(struct torture *torture, enum party party, uint32_t number)
{
    struct world *world = torture->world;
    struct server *server = party == PARTY_SOURCE ? world->source : world->replica[party - PARTY_R1];

    clients_record_end(torture->recorder, server_admin(server),
                       party == PARTY_SOURCE ? SITE_SOURCE : (unsigned)(party - PARTY_R1) + 1, number);
}

/* All three are equal, and say what they have. */
static void end_with_all(struct torture *torture, uint32_t number)
{
    struct world *world = torture->world;

    wait_for_quiet(world->source);
    for (unsigned i = 0; i < WORLD_REPLICAS; i++)
        assert_same_data(world->source, world->replica[i]);
    record_end(torture, PARTY_SOURCE, number);
    record_end(torture, PARTY_R1, number);
    record_end(torture, PARTY_R2, number);
}

/* ---- the last act ---- */

static void cut_replicas(struct torture *torture, bool is_cut)
{
    for (enum link link = LINK_R1; link <= LINK_R2; link++) {
        if (is_cut)
            world_trouble(torture->world, link, TROUBLE_RESET, 0);
        else
            world_mend(torture->world, link);
    }
}

static bool source_is_down(void *arg)
{
    struct world *world = arg;

    world_look(world);
    return world->state[PARTY_SOURCE] == PARTY_DOWN;
}

static void lose_source(struct torture *torture)
{
    struct world *world = torture->world;

    wait_oks(torture, 50);
    cut_replicas(torture, true);
    sleep_ms(WRITE_MS);
    world_kill(world, PARTY_SOURCE);
    ck_assert(world_bring_up(world, PARTY_SOURCE));
    sleep_ms(LOOK_MS);
    world_terminate(world, PARTY_SOURCE);
    wait_until(source_is_down, world, 2 * GO_ON_SECONDS, "the source to end");
}

/* Without ackgate the replica that has more is what remains; the other one may have less. */
static bool has_more(struct server *a, struct server *b)
{
    const char *format = a->family == FAMILY_MYSQL
                             ? "SELECT NOT GTID_SUBSET('%s', @@GLOBAL.gtid_executed)"
                             : "SELECT SUBSTRING_INDEX('%s', '-', -1) > "
                               "CAST(SUBSTRING_INDEX(@@gtid_binlog_pos, '-', -1) AS UNSIGNED)";
    const char *gtids = server_gtids(a);

    return strcmp(sql_value(server_admin(b), format, gtids), "1") == 0;
}

static void wait_applied(struct server *replica)
{
    WAIT_SQL_FOR(
        server_admin(replica),
        place_format(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'system user' AND state "
            "LIKE '%%%s has read all relay log%%'",
            replica->family == FAMILY_MYSQL ? "Replica" : "Slave"),
        "1", GO_ON_SECONDS);
}

static void end_without_source(struct torture *torture, uint32_t number)
{
    struct world *world = torture->world;
    struct server *r1 = world->replica[0], *r2 = world->replica[1];

    cut_replicas(torture, false);
    if (world->has_gate) {
        for (unsigned i = 0; i < WORLD_REPLICAS; i++)
            replica_wait_streaming(world->replica[i]);
        WAIT_SQL_FOR(gate_admin(world->gate),
                     "SELECT COUNT(*) FROM replicas JOIN source WHERE acked_file = durable_file AND "
                     "acked_pos >= durable_pos",
                     "2", GO_ON_SECONDS);
    }
    wait_applied(r1);
    wait_applied(r2);
    if (world->has_gate) {
        assert_same_data(r1, r2);
        record_end(torture, PARTY_R1, number);
        record_end(torture, PARTY_R2, number);
    } else {
        record_end(torture, has_more(r2, r1) ? PARTY_R2 : PARTY_R1, number);
    }
}

static void play_last_act(struct torture *torture)
{
    start_clients(torture);
    lose_source(torture);
    stop_clients(torture);
    end_without_source(torture, 2);
    if (!torture->world->has_gate)
        return;
    world_heal(torture->world);
    end_with_all(torture, 3);
}

/* ---- the whole ---- */

static void judge(struct torture *torture, struct findings *ret_findings)
{
    struct history history;
    FILE *in = fopen(torture->path, "re");

    ck_assert_msg(in != NULL, "%s: %m", torture->path);
    history_init(&history);
    size_t wrong = history_read(&history, in);
    ck_assert_msg(wrong == 0, "%s: line %zu is wrong", torture->path, wrong);
    (void)fclose(in);
    checker_check(&history, ret_findings);
    history_release(&history);
}

static void report(const struct torture *torture, const struct findings *findings)
{
    const struct world *world = torture->world;

    (void)printf("%s%s, seed %" PRIu64 ", %u s, links %s\n", family_name(world->family),
                 world->has_gate ? "" : " without ackgate", torture->options->seed, torture->options->seconds,
                 world->clients ? "in network namespaces" : "through relays");
    report_tally(stdout, &world->tally);
    report_findings(stdout, findings, world->has_gate ? FINDINGS_MAX : 3);
}

static const char *default_path(void)
{
    char dir[108];

    place_make_dir("torture", dir, sizeof dir);
    return place_format("%s/history", dir);
}

void torture_run(const struct torture_options *options, struct findings *ret_findings)
{
    struct torture torture = {.options = options,
                              .path = options->history ? options->history : default_path()};
    bool has_gate = !options->without_ackgate;

    torture.recorder = recorder_new(torture.path);
    torture.world = world_start(options->family, has_gate, torture.recorder);
    clients_make_tables(has_gate ? gate_app(torture.world->gate)
                                 : server_open(torture.world->source, "app", "app-pw"));
    for (unsigned i = 0; i < WORLD_REPLICAS; i++)
        replica_wait_caught_up(torture.world->replica[i], torture.world->source);
    if (options->seconds > 0) {
        start_clients(&torture);
        wait_oks(&torture, 20);
        nemesis_run(torture.world, options->seed, options->seconds);
        world_heal(torture.world);
        wait_oks(&torture, 20);
        stop_clients(&torture);
        end_with_all(&torture, 1);
    }
    play_last_act(&torture);
    recorder_free(&torture.recorder);
    judge(&torture, ret_findings);
    report(&torture, ret_findings);
}
