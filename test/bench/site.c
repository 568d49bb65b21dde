/* Puts the sites of site.h together. */
#include "test/bench/site.h"

#include <math.h>
#include <stdlib.h>

#include "protocol/xalloc.h"
#include "test/bench/bench.h"
#include "test/bench/figures.h"
#include "test/bench/group.h"
#include "test/bench/sysbench.h"
#include "test/lib/place.h"
#include "test/lib/topology.h"

enum { CATCH_UP_SECONDS = 200 };

/* The fixture's servers are as small as can be; redo logs that are full would be what is measured. */
static const char *const mysql_options[] = {"--innodb-buffer-pool-size=256M",
                                            "--innodb-redo-log-capacity=512M", NULL};
static const char *const mariadb_options[] = {"--innodb-buffer-pool-size=256M", "--innodb-log-file-size=256M",
                                              NULL};

static const char *const *size_options(void)
{
    return bench_family() == FAMILY_MYSQL ? mysql_options : mariadb_options;
}

static struct server *launch(const char *name, enum site_kind kind)
{
    struct server *server = server_new(bench_family(), name, NULL);
    for (const char *const *option = size_options(); *option != NULL; option++)
        server_add_option(server, "%s", *option);
    if (kind == SITE_DURABLE)
        server_add_option(server, "--sync-relay-log=1");
    if (kind == SITE_GROUP)
        group_add_options(server);
    server_launch(server);
    return server;
}

static void launch_servers(struct site *site)
{
    site->source = launch("source", site->kind == SITE_DURABLE ? SITE_NATIVE : site->kind);
    for (size_t i = 0; i < SITE_REPLICAS; i++)
        site->replica[i] = launch(place_format("r%zu", i + 1), site->kind);
    server_wait_ready(site->source);
    for (size_t i = 0; i < SITE_REPLICAS; i++)
        server_wait_ready(site->replica[i]);
    site->port = site->source->port;
}

static void attach(struct site *site, uint16_t port)
{
    for (size_t i = 0; i < SITE_REPLICAS; i++) {
        replica_attach_from(site->replica[i],
                            &(struct replica_from){.port = port,
                                                   .user = "repl",
                                                   .password = "repl-pw",
                                                   .no_semisync = site->kind == SITE_ASYNC});
        replica_wait_streaming(site->replica[i]);
    }
}

static void start_plain(struct site *site, unsigned acks)
{
    uint16_t port;
    launch_servers(site);
    if (site->kind == SITE_RELAY) {
        site->front[0] = front_start_relay(site->source->port);
        site->front[1] = front_start_relay(site->source->port);
        site->port = site->front[0].port;
    }
    port = site->kind == SITE_RELAY ? site->front[1].port : site->source->port;
    if (site->kind == SITE_GROUP) {
        group_start(site->source, site->replica, SITE_REPLICAS);
        return;
    }
    if (site->kind != SITE_ASYNC)
        source_enable_semisync(site->source, acks);
    attach(site, port);
}

static void start_gated(struct site *site, unsigned acks)
{
    static const char *const plain[] = {"ackgate", "log_level = info", NULL};
    static const char *const os[] = {"ackgate", "log_level = info", "store", "sync = os", NULL};
    struct topology *t = topology_start_with(
        &(struct topology_options){.family = bench_family(),
                                   .rule = place_format("ANY %u (r1, r2)", acks),
                                   .replicas = SITE_REPLICAS,
                                   .source_options = size_options(),
                                   .replica_options = size_options(),
                                   .gate_lines = site->kind == SITE_ACKGATE_OS ? os : plain});
    site->source = t->source;
    for (size_t i = 0; i < SITE_REPLICAS; i++)
        site->replica[i] = t->replica[i];
    site->gate = t->gate;
    site->port = t->gate->app_port;
}

struct site *site_start(enum site_kind kind, unsigned acks, bool is_applying)
{
    struct site *site = xcalloc(1, sizeof(*site));
    site->kind = kind;
    site->is_applying = is_applying || kind == SITE_GROUP;
    if (kind == SITE_ACKGATE || kind == SITE_ACKGATE_OS)
        start_gated(site, acks);
    else
        start_plain(site, acks);
    for (size_t i = 0; i < SITE_REPLICAS && !site->is_applying; i++)
        replica_stop_applier(site->replica[i]);
    sysbench_prepare(site->port);
    (void)sysbench_run(
        &(struct sysbench_load){.test = "oltp_update_index", .port = site->port, .threads = 8, .seconds = 1});
    site_wait_idle(site);
    return site;
}

void site_stop(struct site *site)
{
    if (site->gate != NULL)
        gate_kill(site->gate);
    for (size_t i = 0; i < SITE_REPLICAS; i++)
        server_kill(site->replica[i]);
    server_kill(site->source);
    for (size_t i = 0; i < 2; i++)
        front_stop(&site->front[i]);
    free(site);
}

double site_between_cpu_s(const struct site *site)
{
    if (site->gate != NULL)
        return figures_cpu_s(site->gate->pid);
    if (site->kind == SITE_RELAY)
        return figures_cpu_s(site->front[0].pid) + figures_cpu_s(site->front[1].pid);
    return NAN;
}

void site_wait_idle(struct site *site)
{
    for (size_t i = 0; i < SITE_REPLICAS && site->is_applying; i++)
        replica_wait_caught_up_within(site->replica[i], site->source, CATCH_UP_SECONDS);
}
