/* The parties and what is done to them, see world.h. */
#include "test/torture/world.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/xalloc.h"
#include "test/lib/http.h"
#include "test/lib/netns.h"
#include "test/lib/place.h"
#include "test/lib/recover.h"
#include "test/lib/replication.h"
#include "test/lib/sql.h"
#include "test/lib/wait.h"

enum {
    RECOVER_SAFE = 0,
    RECOVER_UNREACHABLE = 3,
    GOING_SECONDS = 6,
    HEAL_SECONDS = 60,
    STATEMENT_SECONDS = 2
};

static struct server *server_of(const struct world *world, enum party party)
{
    return party == PARTY_SOURCE ? world->source : world->replica[party - PARTY_R1];
}

static pid_t pid_of(const struct world *world, enum party party)
{
    return party == PARTY_GATE ? world->gate->pid : server_of(world, party)->pid;
}

static bool is_running(struct world *world, enum party party)
{
    return party == PARTY_GATE ? gate_is_running(world->gate) : server_is_running(server_of(world, party));
}

void world_kill(struct world *world, enum party party)
{
    recorder_say(world->recorder, "kill -9 %s", party_name(party));
    if (party == PARTY_GATE)
        gate_kill(world->gate);
    else
        server_kill(server_of(world, party));
    world->state[party] = PARTY_DOWN;
    world->tally.party[party][DEED_KILL]++;
}

void world_freeze(struct world *world, enum party party)
{
    recorder_say(world->recorder, "stop %s", party_name(party));
    (void)kill(pid_of(world, party), SIGSTOP);
    world->state[party] = PARTY_FROZEN;
    world->tally.party[party][DEED_FREEZE]++;
}

void world_thaw(struct world *world, enum party party)
{
    recorder_say(world->recorder, "continue %s", party_name(party));
    (void)kill(pid_of(world, party), SIGCONT);
    world->state[party] = PARTY_UP;
}

void world_terminate(struct world *world, enum party party)
{
    recorder_say(world->recorder, "terminate %s", party_name(party));
    if (party == PARTY_GATE)
        (void)kill(world->gate->pid, SIGTERM);
    else
        server_terminate(server_of(world, party));
    world->state[party] = PARTY_GOING;
    world->tally.party[party][DEED_TERMINATE]++;
}

void world_shut_down(struct world *world, enum party party)
{
    bool is_gate = party == PARTY_GATE;
    struct sql_options options = {.port = is_gate ? world->gate->admin_port : server_of(world, party)->port,
                                  .user = is_gate ? "admin" : "root",
                                  .password = is_gate ? "admin-pw" : NULL,
                                  .read_timeout_s = STATEMENT_SECONDS};

    netns_enter(is_gate ? world->gate->netns : server_of(world, party)->netns);
    struct sql *conn = sql_try_open(&options);
    netns_leave();
    bool is_told = sql_errno(conn) == 0 && sql_try(conn, "SHUTDOWN") == 0;
    sql_close(conn);
    if (!is_told) {
        world_terminate(world, party);
        return;
    }
    recorder_say(world->recorder, "SHUTDOWN %s", party_name(party));
    world->state[party] = PARTY_GOING;
    world->tally.party[party][DEED_SHUTDOWN]++;
}

void world_trouble(struct world *world, enum link link, enum trouble trouble, unsigned strength)
{
    trouble = wire_trouble(&world->link[link], trouble, strength);
    recorder_say(world->recorder, "the link %s is %s (%u)", link_name(link), trouble_name(trouble), strength);
    world->tally.link[link][trouble]++;
}

void world_mend(struct world *world, enum link link)
{
    wire_mend(&world->link[link]);
    recorder_say(world->recorder, "the link %s is whole", link_name(link));
}

void world_look(struct world *world)
{
    for (enum party party = 0; party < PARTIES; party++) {
        if ((party == PARTY_GATE && !world->has_gate) || world->state[party] == PARTY_DOWN ||
            is_running(world, party))
            continue;
        /* MySQL ends itself when its binlog cannot be written */
        ck_assert_msg(world->state[party] == PARTY_GOING || (world->is_full[party] && party != PARTY_GATE),
                      "%s has ended by itself", party_name(party));
        recorder_say(world->recorder, "%s has ended", party_name(party));
        if (party == PARTY_SOURCE)
            world->has_let_go = false;
        world->state[party] = PARTY_DOWN;
    }
}

/* ---- coming up ---- */

/* False: ackgate does not answer, nothing was changed. */
static bool recover(struct world *world, const char *verb)
{
    int code = recover_run(world->gate, world->source, verb,
                           place_format("--timeout=%.0fms", 1500 * wait_factor()), NULL);

    recorder_say(world->recorder, "ackgate-recover %s: %d %.200s", verb, code, recover_output());
    ck_assert_msg(code == RECOVER_SAFE || code == RECOVER_UNREACHABLE, "ackgate-recover %s ended with %d: %s",
                  verb, code, recover_output());
    world->tally.recovers[code == RECOVER_UNREACHABLE]++;
    return code == RECOVER_SAFE;
}

static bool bring_up_source(struct world *world)
{
    if (world->has_gate && !recover(world, "apply"))
        return false;
    recorder_say(world->recorder, "start source");
    server_start(world->source);
    world->state[PARTY_SOURCE] = PARTY_UP;
    world->needs_verify = world->has_gate && !recover(world, "verify");
    return true;
}

void world_verify(struct world *world)
{
    if (world->needs_verify)
        world->needs_verify = !recover(world, "verify");
}

void world_obey(struct world *world)
{
    if (world->family != FAMILY_MARIADB || !world->has_gate || !recover_obey_now(world->gate, world->source))
        return;
    recorder_say(world->recorder, "an operator does what a refusal says");
    world->tally.obeyed++;
}

bool world_bring_up(struct world *world, enum party party)
{
    if (party == PARTY_SOURCE)
        return bring_up_source(world);
    recorder_say(world->recorder, "start %s", party_name(party));
    if (party == PARTY_GATE)
        gate_start(world->gate);
    else
        server_start(server_of(world, party));
    world->state[party] = PARTY_UP;
    return true;
}

/* What its log asks for: a store that has found no room takes nothing until ackgate is started again. */
void world_mind_store(struct world *world)
{
    if (!world->has_gate || world->state[PARTY_GATE] != PARTY_UP)
        return;
    netns_enter(world->gate->netns);
    bool is_failed = http_metric(world->gate->metrics_port, "ackgate_store_failed") != 0;
    netns_leave();
    if (!is_failed)
        return;
    recorder_say(world->recorder, "ackgate's store has failed");
    world_kill(world, PARTY_GATE);
    (void)world_bring_up(world, PARTY_GATE);
}

/* ---- healing ---- */

static bool has_ended(void *arg)
{
    struct world *world = arg;

    world_look(world);
    for (enum party party = 0; party < PARTIES; party++)
        if (world->state[party] == PARTY_GOING)
            return false;
    return true;
}

/* A server may wait a minute for a connection that never says goodbye; a replica may be killed for that. */
static void wait_for_the_going(struct world *world)
{
    if (!wait_for(has_ended, world, GOING_SECONDS))
        for (enum party party = PARTY_R1; party < PARTIES; party++)
            if (world->state[party] == PARTY_GOING)
                world_kill(world, party);
    wait_until(has_ended, world, 2 * HEAL_SECONDS, "the parties to end");
}

/* An operator's START REPLICA, for a receiver or an applier that has given up. MariaDB, killed at the wrong
 * moment of its start, has lost what says where its relay log is; its GTID position is all that it needs. */
static void help_replica(struct world *world, unsigned i)
{
    struct server *replica = world->replica[i];
    bool is_mysql = world->family == FAMILY_MYSQL;
    const char *io = replica_status(replica, "Replica_IO_Running");
    const char *applier = replica_status(replica, "Replica_SQL_Running");

    if (io && strcmp(io, "No") != 0 && applier && strcmp(applier, "Yes") == 0)
        return;
    recorder_say(world->recorder, "%s is helped: %s (%s), %s (%s)", replica->name, io,
                 replica_status(replica, "Last_IO_Error"), applier,
                 replica_status(replica, "Last_SQL_Error"));
    world->tally.helped++;
    if (sql_try(server_admin(replica), is_mysql ? "START REPLICA" : "START SLAVE") == 0)
        return;
    recorder_say(world->recorder, "%s: %s", replica->name, sql_error(server_admin(replica)));
    sql_exec(server_admin(replica), is_mysql ? "RESET REPLICA ALL" : "RESET SLAVE ALL");
    world_attach(world, i);
}

void world_wait_open(struct world *world)
{
    if (!world->has_gate)
        return;
    struct sql *admin = gate_admin(world->gate);
    world->tally.obeyed += recover_obey(world->gate, world->source);
    WAIT_SQL_FOR(admin, "SELECT state, reason FROM source", "open\t", HEAL_SECONDS);
    for (unsigned i = 0; i < WORLD_REPLICAS; i++)
        replica_wait_streaming(world->replica[i]);
    WAIT_SQL_FOR(admin, "SELECT count(*) FROM replicas WHERE state <> 'absent'", "2", HEAL_SECONDS);
}

void world_heal(struct world *world)
{
    recorder_say(world->recorder, "heal");
    for (enum link link = 0; link < LINKS; link++)
        if (world_has_link(world, link))
            world_mend(world, link);
    for (enum party party = 0; party < PARTIES; party++) {
        world_empty(world, party);
        if (world->state[party] == PARTY_FROZEN)
            world_thaw(world, party);
    }
    wait_for_the_going(world);
    if (world->has_gate && world->state[PARTY_GATE] == PARTY_DOWN)
        (void)world_bring_up(world, PARTY_GATE);
    world_mind_store(world);
    for (enum party party = PARTY_R1; party < PARTIES; party++)
        if (world->state[party] == PARTY_DOWN)
            (void)world_bring_up(world, party);
    if (world->state[PARTY_SOURCE] == PARTY_DOWN)
        ck_assert_msg(world_bring_up(world, PARTY_SOURCE), "ackgate does not answer ackgate-recover");
    if (world->needs_verify)
        recover_verify(world->gate, world->source);
    world->needs_verify = false;
    for (unsigned i = 0; i < WORLD_REPLICAS; i++)
        help_replica(world, i);
    world_wait_open(world);
    recorder_say(world->recorder, "healed");
}
