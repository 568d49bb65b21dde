/*
 * A world's run: set up by the seed, troubled by the nemesis for a while, then left alone until everything
 * has come together again.
 */
#include "test/sim/world.h"

#include "proxy/pipeline_parts.h"
#include "proxy/recover_source.h"
#include "test/sim/client.h"
#include "test/sim/dice.h"
#include "test/sim/files.h"
#include "test/sim/link.h"
#include "test/sim/nemesis.h"
#include "test/sim/replica.h"
#include "test/sim/schedule.h"
#include "test/sim/source.h"
#include "test/sim/tool.h"
#include "test/sim/truth.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { XA_PER_MILLE = 120 };
enum { PATIENCE_US = 120 * 1000000, WATCH_US = 20000 };

static struct {
    uint64_t seed;
    const struct world_script *script; /* NULL: the dice */
    struct world_setup setup;
    struct world_figures figures;
    bool is_quiet;
    uint64_t oks_at_quiet;
    bool is_over;
    bool has_stopped_clients;
    bool has_undone; /* the operator, what was discarded, and has not said so */
} world;

static const char *scenario_name = "";

void world_set_name(const char *name)
{
    scenario_name = name;
}

const struct world_setup *world_setup(void)
{
    return &world.setup;
}

struct world_figures *world_figures(void)
{
    return &world.figures;
}

bool world_plans_deaths(void)
{
    return world.script != NULL && world.script->die_at > 0;
}

bool world_may_fail(void)
{
    return world.script != NULL && world.script->fail_at != 0;
}

void world_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fprintf(stderr, "%s%sseed %llu step %llu (%.3f s, %s, ANY %u of %zu): ", scenario_name,
            scenario_name[0] == '\0' ? "" : " ", (unsigned long long)world.seed,
            (unsigned long long)schedule_steps(), (double)schedule_now_us() / 1e6,
            flavor_name(world.setup.flavor), world.setup.needed, world.setup.voters);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    _exit(1);
}

void world_note(const char *format, ...)
{
    static int is_traced = -1;
    va_list arguments;
    if (is_traced < 0)
        is_traced = getenv("SIM_TRACE") != NULL;
    if (!is_traced)
        return;
    va_start(arguments, format);
    fprintf(stderr, "%10.6f #%llu ", (double)schedule_now_us() / 1e6, (unsigned long long)schedule_steps());
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
}

/* ---- the way to the end ---- */

/* An operator does what a refusal says: prepares again what the engine has lost, ends what it has too much.
 */
static void mend_xa(const char *reason)
{
    bool has_lost = strstr(reason, "has lost the prepared XA transaction") != NULL;
    bool has_more = strstr(reason, "no XA PREPARE of it is in ackgate's store") != NULL ||
                    strstr(reason, "which its binlog and the replicas have ended") != NULL;
    for (uint64_t uid = 1; uid <= truth_count(); uid++) {
        struct truth_txn *txn = truth_of(uid);
        if (txn->kind != EVENTS_XA_PREPARE)
            continue;
        if ((has_lost && txn->xa_state == ENGINE_NONE) || (has_more && txn->xa_state == ENGINE_PREPARED))
            txn->xa_state = truth_xa_history(uid);
    }
}

static void undo(struct truth_txn *txn)
{
    bool was_done = txn->engine == ENGINE_COMMITTED;
    world.has_undone = world.has_undone || was_done;
    txn->engine = ENGINE_ROLLED_BACK;
    if (was_done && txn->prepared != 0)
        truth_of(txn->prepared)->xa_state = truth_xa_history(txn->prepared);
}

/* An operator undoes by hand what the engine has and the history has not, and says so of all that was
 * discarded with it. */
void world_resolve_refusal(void)
{
    char gtid[GTID_TEXT_MAX];
    char error[RECOVER_ERROR_MAX];
    struct pipeline *pipeline = daemon_pipeline();
    if (pipeline == NULL || core_source_state(pipeline->core) != CORE_SOURCE_REFUSED)
        return;
    mend_xa(pipeline->source_reason);
    for (uint64_t uid = 1; uid <= truth_count(); uid++)
        if (truth_of(uid)->is_cut)
            undo(truth_of(uid));
    for (uint64_t uid = 1; uid <= truth_count() && world.has_undone && !world_is_ghost(); uid++) {
        if (!truth_of(uid)->is_cut)
            continue;
        enum result result =
            pipeline_resolve(pipeline, gtid_format(&truth_of(uid)->gtid, gtid), true, "operator", error);
        world_note("operator: RESOLVE %s: %s", gtid, result_text(result));
    }
    world.has_undone = world.has_undone && world_is_ghost(); /* then not all of it was heard */
}

/* What service managers and operators do all the time. */
static void look_after(void)
{
    struct pipeline *pipeline = daemon_pipeline();
    if (!source_is_up() && !tool_is_running())
        tool_start(dice_between(1000, 500000));
    if (dice_chance(100))
        world_resolve_refusal();
    if (pipeline != NULL && store_is_empty(pipeline->store) && source_is_locked() && dice_chance(20))
        source_shut_down(); /* it cannot be asked where its binlog begins */
    if (pipeline != NULL && pipeline->is_store_failed && dice_chance(200)) {
        files_faults(HOST_ACKGATE)->is_full = false;
        daemon_stop();
    }
}

static bool has_come_together(void)
{
    const uint64_t *uids;
    size_t first = 0;
    for (unsigned i = 0; i < replicas_count(); i++) {
        size_t has = replica_uids(i, &uids);
        if (i > 0 && has != first)
            return false;
        first = has;
    }
    return clients_are_idle() && !source_waits();
}

static void give_up(void)
{
    const uint64_t *uids;
    struct pipeline *pipeline = daemon_pipeline();
    for (unsigned i = 0; i < replicas_count(); i++)
        world_note("replica %u has %zu", i, replica_uids(i, &uids));
    world_fail("left alone, it does not come together: %s, %llu OKs, ackgate %s, source %s: %s",
               clients_are_idle() ? "no client waits" : "clients wait", (unsigned long long)clients_oks(),
               pipeline == NULL ? "down" : core_source_state_name(core_source_state(pipeline->core)),
               source_is_up() ? "up" : "down", pipeline == NULL ? "" : pipeline->source_reason);
}

static void go_quiet(void)
{
    world.is_quiet = true;
    world.oks_at_quiet = clients_oks();
    nemesis_heal();
    world_note("quiet");
}

static void consider_end(void)
{
    uint64_t now = schedule_now_us();
    if (!world.is_quiet && now >= world.setup.quiet_after_us)
        go_quiet();
    if (!world.is_quiet)
        return;
    if (now > world.setup.quiet_after_us + PATIENCE_US)
        give_up();
    if (clients_oks() < world.oks_at_quiet + WORLD_CLIENTS * 2)
        return;
    if (!world.has_stopped_clients) {
        clients_stop();
        world.has_stopped_clients = true;
    }
    world.is_over = has_come_together();
}

static void on_watch(void *unused)
{
    (void)unused;
    look_after();
    consider_end();
    schedule_after(WATCH_US, GROUP_WORLD, on_watch, NULL);
}

/* ---- a run ---- */

static void set_up(uint64_t seed, const struct world_script *script)
{
    memset(&world, 0, sizeof(world));
    world.seed = seed;
    world.script = script;
    dice_start(seed);
    if (script != NULL) {
        world.setup = script->setup;
        return;
    }
    static const uint64_t executions_us[] = {2000, 20000, 1000000};
    world.setup.flavor = dice_chance(500) ? FLAVOR_MYSQL : FLAVOR_MARIADB;
    world.setup.voters = (size_t)dice_between(1, WORLD_VOTERS_MAX);
    world.setup.needed = (unsigned)dice_between(1, world.setup.voters);
    world.setup.is_store_synced = dice_chance(850);
    world.setup.is_journal_synced_always = dice_chance(150);
    world.setup.trouble_per_mille = (unsigned)dice_between(2, 40);
    world.setup.quiet_after_us = dice_between(200000, 3000000);
    world.setup.execution_us_max = executions_us[dice_below(3)];
    world.setup.xa_per_mille = XA_PER_MILLE;
}

static void reset_all(void)
{
    schedule_reset();
    files_reset();
    links_reset();
    truth_reset();
    clients_reset();
    replicas_reset();
    tool_reset();
    daemon_reset();
    source_reset();
}

static void arm_fault(void)
{
    struct files_faults *faults = files_faults((enum files_host)world.script->fail_host);
    faults->fail_at = world.script->fail_at;
    faults->fail_errno = world.script->fail_errno;
    faults->is_counting = world.script->fail_host == HOST_ACKGATE; /* at the source only the tool's */
}

static void on_act(void *argument)
{
    const struct world_act *act = argument;
    act->act();
}

static bool script_dies_on(enum files_host host)
{
    return world.script != NULL && world.script->die_at > 0 && world.script->fail_host == (int)host;
}

static void start_all(void)
{
    if (world_may_fail())
        arm_fault();
    if (script_dies_on(HOST_ACKGATE))
        daemon_plan_death(world.script->die_at, false);
    if (script_dies_on(HOST_SOURCE))
        tool_plan_death(world.script->die_at, false);
    source_boot(NULL);
    daemon_start(NULL);
    replicas_start();
    clients_start();
    schedule_after(WATCH_US, GROUP_WORLD, on_watch, NULL);
    for (size_t i = 0; world.script != NULL && i < world.script->act_count; i++) {
        const struct world_act *act = &world.script->acts[i];
        schedule_after(act->at_us, GROUP_WORLD, on_act, (void *)(uintptr_t)act);
    }
}

static void step_over(void)
{
    daemon_turn_over();
    if (world_is_ghost())
        daemon_bury();
    truth_check_step();
}

static void tear_down(void)
{
    daemon_die(false);
    daemon_bury();
    schedule_reset();
    links_reset();
    tool_reset();
    files_release();
}

void world_play(uint64_t seed, const struct world_script *script, struct world_figures *figures)
{
    set_up(seed, script);
    world.figures = *figures;
    reset_all();
    start_all();
    step_over();
    while (!world.is_over) {
        if (!world.is_quiet && dice_chance(world.setup.trouble_per_mille))
            nemesis_act();
        if (!schedule_run_next())
            world_fail("nothing is left to happen");
        step_over();
    }
    truth_check_end();
    world.figures.steps += schedule_steps();
    *figures = world.figures;
    tear_down();
}
