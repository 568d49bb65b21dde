/* The kinds of trouble of nemesis.h. */
#include "test/sim/nemesis.h"

#include "test/sim/dice.h"
#include "test/sim/files.h"
#include "test/sim/link.h"
#include "test/sim/replica.h"
#include "test/sim/schedule.h"
#include "test/sim/source.h"
#include "test/sim/tool.h"
#include "test/sim/world.h"

#include <string.h>

static bool is_power(void)
{
    return dice_chance(400);
}

/* With store.sync = os an operator trusts that ackgate's host has power and its disk works. */
static bool is_daemon_power(void)
{
    return is_power() && world_setup()->is_store_synced;
}

/* ---- ackgate ---- */

static void kill_ackgate(void)
{
    daemon_die(false);
    daemon_bury();
}

static void ackgate_loses_power(void)
{
    daemon_die(world_setup()->is_store_synced);
    daemon_bury();
}

static void plan_death(void)
{
    daemon_plan_death(dice_between(1, 40), is_daemon_power());
}

static void stop_ackgate(void)
{
    daemon_stop();
    if (world_is_ghost())
        daemon_bury();
}

static void lose_journal(void)
{
    daemon_die(is_daemon_power());
    daemon_bury();
    daemon_lose_journal();
}

static void fail_sync(void)
{
    files_faults(HOST_ACKGATE)->failing_sync = world_setup()->is_store_synced;
}

/* As a process that is killed while it waits for a disk that hangs. */
static void die_of_failed_sync(void)
{
    struct files_faults *faults = files_faults(HOST_ACKGATE);
    daemon_plan_death(0, false);
    faults->failing_sync = world_setup()->is_store_synced;
    faults->dies_of_failed_sync = world_setup()->is_store_synced;
}

static void fill_disk(void)
{
    files_faults(HOST_ACKGATE)->is_full = true;
}

static void empty_disk(void)
{
    files_faults(HOST_ACKGATE)->is_full = false;
}

/* ---- the source ---- */

static void source_dies(bool by_power)
{
    if (source_is_up())
        source_die(by_power);
    if (!world_plans_deaths())
        tool_plan_death(dice_chance(500) ? dice_between(1, 24) : 0, is_power());
}

static void kill_source(void)
{
    source_dies(false);
}

static void source_loses_power(void)
{
    source_dies(true);
}

static void kill_both(void)
{
    source_dies(is_power());
    daemon_die(is_daemon_power());
    daemon_bury();
}

static void shut_source_down(void)
{
    if (source_is_up())
        source_shut_down();
}

static void on_semi_sync_on(void *unused)
{
    (void)unused;
    source_set_semi_sync(true);
}

static void switch_semi_sync_off(void)
{
    if (!source_is_up())
        return;
    source_set_semi_sync(false);
    schedule_after(dice_between(1000, 200000), GROUP_SOURCE, on_semi_sync_on, NULL);
}

static void kill_session(void)
{
    source_kill_waiting();
}

static void rotate(void)
{
    if (source_is_up())
        source_rotate();
}

static void resolve(void)
{
    world_resolve_refusal();
}

/* ---- replicas ---- */

static unsigned some_replica(void)
{
    return (unsigned)dice_below(replicas_count());
}

static void kill_replica(void)
{
    replica_die_at(some_replica(), is_power());
}

static void kill_all_replicas(void)
{
    for (unsigned i = 0; i < replicas_count(); i++)
        replica_die_at(i, is_power());
}

static void pause_replica(void)
{
    replica_pause(some_replica(), dice_between(10000, 1500000));
}

static void pause_all_replicas(void)
{
    for (unsigned i = 0; i < replicas_count(); i++)
        replica_pause(i, dice_between(10000, 600000));
}

/* ---- the network ---- */

static void cut_connection(void)
{
    links_cut_one();
}

static void stall_connection(void)
{
    links_stall_one(dice_between(5000, 800000));
}

/* ---- choosing ---- */

#define KIND(weight, name)                                                                                   \
    {                                                                                                        \
        weight, #name, name                                                                                  \
    }

static const struct {
    unsigned weight;
    const char *name;
    void (*act)(void);
} kinds[] = {
    KIND(5, kill_ackgate),
    KIND(3, ackgate_loses_power),
    KIND(14, plan_death),
    KIND(4, stop_ackgate),
    KIND(1, lose_journal),
    KIND(2, fail_sync),
    KIND(2, die_of_failed_sync),
    KIND(2, fill_disk),
    KIND(3, empty_disk),
    KIND(10, kill_source),
    KIND(6, source_loses_power),
    KIND(4, kill_both),
    KIND(3, shut_source_down),
    KIND(3, switch_semi_sync_off),
    KIND(4, kill_session),
    KIND(8, rotate),
    KIND(1, resolve),
    KIND(12, kill_replica),
    KIND(3, kill_all_replicas),
    KIND(10, pause_replica),
    KIND(6, pause_all_replicas),
    KIND(12, cut_connection),
    KIND(10, stall_connection),
};

enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]) };

void nemesis_act(void)
{
    unsigned sum = 0;
    size_t i = 0;
    for (size_t j = 0; j < KIND_COUNT; j++)
        sum += kinds[j].weight;
    uint64_t chosen = dice_below(sum);
    while (chosen >= kinds[i].weight)
        chosen -= kinds[i++].weight;
    kinds[i].act();
}

void (*nemesis_find(const char *name))(void)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return kinds[i].act;
    return NULL;
}

void nemesis_heal(void)
{
    struct files_faults *faults = files_faults(HOST_ACKGATE);
    faults->is_full = false;
    faults->failing_sync = 0;
    faults->dies_of_failed_sync = false;
    faults->death_in = 0;
    if (!world_plans_deaths())
        tool_plan_death(0, false);
    links_heal();
    replicas_hurry();
    if (source_is_up())
        source_set_semi_sync(true);
}
