/* Making the world of world.h: hosts or relays, servers, ackgate, and disks that can be filled. */
#include <check.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "protocol/xalloc.h"
#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/relay.h"
#include "test/lib/replication.h"
#include "test/lib/sql.h"
#include "test/lib/wait.h"
#include "test/torture/world.h"

/* Reachable to the end, for the leak checker. */
static struct world *volatile last_world;

/* ---- disks ---- */

/* Mounts of our own, which end with the last process that sees them. */
static bool can_mount(void)
{
    return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
           mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static const char move_in[] =
    "mv \"$0\" \"$0.moved\" 2>/dev/null; mkdir -p \"$0\" && mount -t tmpfs -o size=16g,mode=700 "
    "torture \"$0\" && if [ -e \"$0.moved\" ]; then cp -a \"$0.moved/.\" \"$0\" && rm -r "
    "\"$0.moved\"; fi";
/* Room for half a megabyte more, which lasts for a moment; then nothing can be written. Refused when more
 * than that has been written meanwhile: once more, then. */
static const char fill[] =
    "for try in 1 2 3 4 5 6 7 8 9; do used=$(df --output=used -k \"$0\" | tail -n 1) && "
    "mount -o remount,size=$((used + 512))k \"$0\" 2>/dev/null && exit; done; "
    "echo \"$0 cannot be filled\"; exit 1";
static const char make_room[] = "mount -o remount,size=16g \"$0\"";

static const char *disk_of(const struct world *world, enum party party)
{
    if (party == PARTY_GATE)
        return world->gate->data_dir;
    return party == PARTY_SOURCE ? world->source->datadir : world->replica[party - PARTY_R1]->datadir;
}

static void run_on_disk(const struct world *world, enum party party, const char *script)
{
    process_must_run("/dev/stderr", "sh", "-c", script, disk_of(world, party));
}

static void make_disks(struct world *world)
{
    if (!can_mount()) {
        recorder_say(world->recorder, "no disks are filled: that needs root");
        return;
    }
    for (enum party party = 0; party < PARTIES; party++) {
        if (party == PARTY_GATE && !world->has_gate)
            continue;
        run_on_disk(world, party, move_in);
        world->has_disk[party] = true;
    }
}

void world_fill(struct world *world, enum party party)
{
    recorder_say(world->recorder, "fill the disk of %s", party_name(party));
    run_on_disk(world, party, fill);
    world->is_full[party] = true;
    world->tally.party[party][DEED_FILL]++;
}

void world_empty(struct world *world, enum party party)
{
    if (!world->is_full[party])
        return;
    recorder_say(world->recorder, "room on the disk of %s", party_name(party));
    run_on_disk(world, party, make_room);
    world_look(world);
    world->is_full[party] = false;
    if (party == PARTY_GATE)
        world_mind_store(world);
    else if (world->state[party] == PARTY_UP)
        world_kill(world, party);
}

/* ---- hosts ---- */

bool world_has_link(const struct world *world, enum link link)
{
    return world->has_gate || link != LINK_SOURCE;
}

/* Whoever comes to ackgate, or from it to the source, comes from another host. */
static void make_hosts(struct world *world)
{
    struct network *network = network_new();

    if (!network) {
        recorder_say(world->recorder,
                     "links are relays: hosts need root, network namespaces, ip, tc and nft");
        return;
    }
    recorder_say(world->recorder, "links are in network namespaces%s",
                 network_can(network, TROUBLE_LATE) ? "" : "; nothing is late: the kernel has no netem");
    world->clients = world->link[LINK_APP].host = network_add_host(network, "apps");
    for (unsigned i = 0; i < WORLD_REPLICAS; i++) {
        world->link[LINK_R1 + i].host = network_add_host(network, world->replica[i]->name);
        world->replica[i]->netns = world->link[LINK_R1 + i].host->netns;
    }
    struct host *source = network_add_host(network, "source");
    world->source->netns = source->netns;
    world->source_host = source->address;
    server_add_option(world->source, "--bind-address=0.0.0.0");
    if (!world->has_gate)
        return;
    world->link[LINK_SOURCE].host = source;
    struct host *gate = network_add_host(network, "ackgate");
    world->gate->netns = gate->netns;
    world->gate->host = gate->address;
    gate_set(world->gate, "source", "host = %s", source->address);
    gate_set(world->gate, "app", "listen = 0.0.0.0:%u", world->gate->app_port);
    gate_set(world->gate, "replication", "listen = 0.0.0.0:%u", world->gate->replication_port);
    gate_set(world->gate, "admin", "listen = 0.0.0.0:%u", world->gate->admin_port);
}

/* The port behind a link. */
static uint16_t target_port(const struct world *world, enum link link)
{
    if (!world->has_gate || link == LINK_SOURCE)
        return world->source->port;
    return link == LINK_APP ? world->gate->app_port : world->gate->replication_port;
}

struct reach world_reach(const struct world *world, enum link link)
{
    if (world->link[link].relay)
        return (struct reach){"127.0.0.1", relay_port(world->link[link].relay)};
    return (struct reach){world->has_gate && link != LINK_SOURCE ? world->gate->host : world->source_host,
                          target_port(world, link)};
}

static void make_links(struct world *world)
{
    world->source_host = "127.0.0.1";
    make_hosts(world);
    for (enum link link = 0; link < LINKS && !world->clients; link++)
        if (world_has_link(world, link))
            world->link[link].relay = relay_start(target_port(world, link));
    if (world->has_gate)
        gate_set(world->gate, "source", "port = %u", world_reach(world, LINK_SOURCE).port);
}

/* ---- servers ---- */

/* A write to a tmpfs that is killed or finds no room leaves half a page, which only the doublewrite buffer
 * mends. */
static struct server *make_server(const struct world *world, const char *name)
{
    return server_new(world->family, name, "--innodb-doublewrite=ON", NULL);
}

/* Replicas find out soon that a connection is dead; a MySQL replica trusts only what it has applied, as
 * MariaDB does. */
static void make_servers(struct world *world)
{
    static const char *const native[] = {
        "--loose-rpl-semi-sync-source-enabled=1",
        "--loose-rpl-semi-sync-source-timeout=4294967295",
        "--loose-rpl-semi-sync-master-enabled=1",
        "--loose-rpl-semi-sync-master-timeout=4294967295",
        "--loose-rpl-semi-sync-master-wait-point=AFTER_SYNC",
    };

    world->source = make_server(world, "source");
    server_add_option(world->source, "--innodb-lock-wait-timeout=2");
    for (size_t i = 0; i < sizeof native / sizeof *native && !world->has_gate; i++)
        server_add_option(world->source, "%s", native[i]);
    for (unsigned i = 0; i < WORLD_REPLICAS; i++) {
        world->replica[i] = make_server(world, place_format("r%u", i + 1));
        server_add_option(world->replica[i], "--loose-replica-net-timeout=4");
        server_add_option(world->replica[i], "--loose-slave-net-timeout=4");
        if (world->family == FAMILY_MYSQL)
            server_add_option(world->replica[i], "--relay-log-recovery=1");
    }
}

static void make_gate(struct world *world)
{
    world->gate = gate_new(world->source, "ANY 1 (r1, r2)");
    for (unsigned i = 0; i < WORLD_REPLICAS; i++)
        gate_add_voter(world->gate, world->replica[i]->name, world->replica[i]->server_id);
    gate_set(world->gate, "app", "commit_wait = 4s");
    gate_set(world->gate, "app", "hold = 1s");
    gate_set(world->gate, "ackgate", "log_level = info");
}

void world_attach(struct world *world, unsigned i)
{
    struct reach reach = world_reach(world, LINK_R1 + i);
    struct replica_from from = {
        .host = reach.host, .port = reach.port, .user = "repl", .password = "repl-pw", .mode = REPLICA_GTID};

    replica_attach_from(world->replica[i], &from);
}

struct world *world_start(enum family family, bool has_gate, struct recorder *recorder)
{
    struct world *world = last_world = xcalloc(1, sizeof *world);

    world->family = family;
    world->has_gate = has_gate;
    world->recorder = recorder;
    make_servers(world);
    if (has_gate)
        make_gate(world);
    make_links(world);
    make_disks(world);
    server_launch(world->source);
    for (unsigned i = 0; i < WORLD_REPLICAS; i++)
        server_launch(world->replica[i]);
    server_wait_ready(world->source);
    if (has_gate)
        gate_start(world->gate);
    for (unsigned i = 0; i < WORLD_REPLICAS; i++) {
        server_wait_ready(world->replica[i]);
        world_attach(world, i);
    }
    for (unsigned i = 0; i < WORLD_REPLICAS; i++)
        replica_wait_streaming(world->replica[i]);
    world_wait_open(world);
    return world;
}
