/* A whole set-up at once, see topology.h. */
#include "test/lib/topology.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/xalloc.h"
#include "test/lib/place.h"
#include "test/lib/sql.h"

static void add_options(struct server *server, const char *const *options)
{
    for (size_t i = 0; options && options[i]; i++)
        server_add_option(server, "%s", options[i]);
}

/* All are launched before any is waited for. */
static void launch_servers(struct topology *topology, const struct topology_options *options)
{
    topology->source = server_new(options->family, "source", NULL);
    add_options(topology->source, options->source_options);
    if (options->certificates)
        server_add_certificates(topology->source, options->certificates);
    server_launch(topology->source);
    for (size_t i = 0; i < options->replicas; i++) {
        struct server *replica = server_new(options->family, place_format("r%zu", i + 1), NULL);
        add_options(replica, options->replica_options);
        server_launch(replica);
        topology->replica[i] = replica;
    }
}

static struct gate *make_gate(const struct topology *topology, const struct topology_options *options)
{
    struct gate *gate = gate_new(topology->source, options->rule);

    for (size_t i = 0; i < options->replicas; i++)
        gate_add_voter(gate, topology->replica[i]->name, topology->replica[i]->server_id);
    for (size_t i = 0; options->gate_lines && options->gate_lines[i]; i += 2)
        gate_set(gate, options->gate_lines[i], "%s", options->gate_lines[i + 1]);
    if (options->app_tls)
        gate_set_tls(gate, "app", options->app_tls, options->certificates, "server");
    return gate;
}

void topology_attach(struct topology *topology, size_t i, enum replica_mode mode)
{
    struct replica_from from = {
        .port = topology->gate->replication_port,
        .user = "repl",
        .password = "repl-pw",
        .mode = mode,
        .file = "binlog.000001",
        .pos = 4,
    };

    replica_attach_from(topology->replica[i], &from);
}

void topology_wait_open_at(struct place where, struct topology *topology)
{
    gate_wait_open_at(where, topology->gate);
    for (size_t i = 0; i < topology->replica_count; i++)
        replica_wait_streaming_at(where, topology->replica[i]);
    gate_wait_attached_at(where, topology->gate, (unsigned)topology->replica_count);
}

/* The leak checker finds it through here. */
static struct topology *volatile last_topology;

struct topology *topology_start_at(struct place where, const struct topology_options *options)
{
    struct topology *topology = xcalloc(1, sizeof *topology);

    ck_assert_uint_le(options->replicas, TOPOLOGY_REPLICAS_MAX);
    last_topology = topology;
    topology->family = options->family;
    topology->replica_count = options->replicas;
    launch_servers(topology, options);
    topology->gate = make_gate(topology, options);
    server_wait_ready_at(where, topology->source);
    if (!options->no_gate_start)
        gate_launch(topology->gate);
    for (size_t i = 0; i < options->replicas; i++)
        server_wait_ready_at(where, topology->replica[i]);
    if (options->no_gate_start)
        return topology;
    gate_wait_ready_at(where, topology->gate);
    if (options->detached)
        return topology;
    for (size_t i = 0; i < options->replicas; i++)
        topology_attach(topology, i, options->mode);
    topology_wait_open_at(where, topology);
    return topology;
}

void topology_assert_same_data_at(struct place where, struct topology *topology)
{
    for (size_t i = 0; i < topology->replica_count; i++)
        assert_same_data_at(where, topology->source, topology->replica[i], NULL);
}

void topology_stop(struct topology *topology)
{
    gate_kill(topology->gate);
    for (size_t i = 0; i < topology->replica_count; i++)
        server_kill(topology->replica[i]);
    server_kill(topology->source);
}
