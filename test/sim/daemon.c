/* The daemon's life: the real pipeline_start() and all that it starts, until it is stopped or dies. */
#include "proxy/pipeline_parts.h"
#include "test/sim/client.h"
#include "test/sim/dice.h"
#include "test/sim/files.h"
#include "test/sim/link.h"
#include "test/sim/loop.h"
#include "test/sim/schedule.h"
#include "test/sim/source.h"
#include "test/sim/world.h"

#include <stdio.h>
#include <string.h>

static struct {
    struct loop *loop;
    struct pipeline *pipeline;
    struct config config;
    char rule[64];
    uint64_t life;
    uint64_t boot;
    bool is_ghost;
    bool dies_by_power; /* the death that is planned */
    bool has_died_as_planned;
    bool has_lost_journal, ever_lost_journal;
    bool ever_missed_start;
    listener_accept_fn *on_accept;
    void *accept_argument;
} daemon_state;

static const char *const voter_names[WORLD_VOTERS_MAX] = {"r1", "r2", "r3"};
static char *const voter_uuids[WORLD_VOTERS_MAX] = {"00000001-0000-0000-0000-000000000000",
                                                    "00000002-0000-0000-0000-000000000000",
                                                    "00000003-0000-0000-0000-000000000000"};
static const char *const rules[WORLD_VOTERS_MAX] = {"(r1)", "(r1, r2)", "(r1, r2, r3)"};

static void on_planned_death(void)
{
    daemon_state.has_died_as_planned = true;
    daemon_die(daemon_state.dies_by_power);
}

static void fill_config(void)
{
    const struct world_setup *setup = world_setup();
    struct config *config = &daemon_state.config;
    *config = (struct config){
        .ackgate = {.data_dir = "/sim/a/data"},
        .source = {.host = "source",
                    .port = 3306,
                    .user = "ackgate",
                    .password = "",
                    .server_id = 99,
                    .is_semi_sync = true,
                    .is_configured = true,
                    .connect_timeout_ms = 3000,
                    .heartbeat_ms = 2000,
                    .start_at = "oldest"},
        .app = {.max_connections = WORLD_CLIENTS        },
        .replication = {.listen = {.addresses = {"sim"}, .count = 1},           .is_unlisted_allowed = true},
        .quorum = {.rule = daemon_state.rule    },
        .voter_count = setup->voters,
        .store = {.dir = "/sim/a/data/store",      .is_synced = setup->is_store_synced},
        .journal = {.is_synced_always = setup->is_journal_synced_always                        },
    };
    snprintf(daemon_state.rule, sizeof(daemon_state.rule), "ANY %u %s", setup->needed,
             rules[setup->voters - 1]);
    for (size_t i = 0; i < setup->voters; i++) {
        strcpy(config->voters[i].name, voter_names[i]);
        config->voters[i].server_uuid = setup->flavor == FLAVOR_MYSQL ? voter_uuids[i] : NULL;
        config->voters[i].server_id = setup->flavor == FLAVOR_MYSQL ? 0 : 10 + (uint32_t)i;
    }
}

void daemon_reset(void)
{
    uint64_t life = daemon_state.life;
    memset(&daemon_state, 0, sizeof(daemon_state));
    daemon_state.life = life;
    daemon_state.boot = 1;
    fill_config();
    files_mkdir("/sim/a");
    files_on_death(HOST_ACKGATE, on_planned_death);
}

/* ---- start and end ---- */

static void start_later(uint64_t delay_us)
{
    schedule_after(delay_us, GROUP_WORLD, daemon_start, NULL);
}

static void on_failed_start(enum result result)
{
    world_note("ackgate: start failed: %s", result_text(result));
    loop_free(&daemon_state.loop);
    schedule_cancel_group(GROUP_DAEMON);
    if (daemon_state.is_ghost)
        return;
    bool is_expected = result == RESULT_FULL || result == RESULT_IO || world_may_fail();
    if (!is_expected && !daemon_state.has_lost_journal)
        world_fail("ackgate does not start: %s", result_text(result));
    if (!is_expected)
        files_remove_all("/sim/a/data/journal"); /* what an operator does with a damaged journal */
    start_later(dice_between(50000, 500000));
}

void daemon_start(void *unused)
{
    (void)unused;
    if (daemon_state.pipeline != NULL)
        return;
    daemon_state.life++;
    daemon_state.loop = loop_new();
    enum result result = pipeline_start(daemon_state.loop, &daemon_state.config, &daemon_state.pipeline);
    if (result != RESULT_OK) {
        daemon_state.pipeline = NULL;
        on_failed_start(result);
    } else {
        world_note("ackgate: up");
    }
}

static void end_pipeline(void)
{
    if (daemon_state.pipeline != NULL)
        pipeline_stop(&daemon_state.pipeline);
    if (daemon_state.loop != NULL)
        loop_free(&daemon_state.loop);
    schedule_cancel_group(GROUP_DAEMON);
}

void daemon_stop(void)
{
    if (daemon_state.pipeline == NULL || daemon_state.is_ghost)
        return;
    world_note("ackgate: stopped in good order");
    end_pipeline();
    if (!daemon_state.is_ghost)
        start_later(dice_between(10000, 1000000));
}

void daemon_die(bool is_power)
{
    if (daemon_state.is_ghost)
        return;
    world_note("ackgate: %s", is_power ? "power lost" : "killed");
    world_figures()->daemon_deaths++;
    daemon_state.is_ghost = true;
    daemon_state.boot += is_power;
    files_split(HOST_ACKGATE, is_power);
    links_daemon_dies(is_power);
}

void daemon_bury(void)
{
    if (!daemon_state.is_ghost)
        return;
    end_pipeline();
    clients_on_daemon_gone();
    files_bury(HOST_ACKGATE);
    daemon_state.is_ghost = false;
    start_later(dice_chance(300) ? dice_between(500000, 5000000) : dice_between(1000, 200000));
}

void daemon_plan_death(uint64_t effects, bool is_power)
{
    daemon_state.dies_by_power = is_power;
    files_faults(HOST_ACKGATE)->death_in = effects;
}

bool daemon_has_died_as_planned(void)
{
    return daemon_state.has_died_as_planned;
}

struct pipeline *daemon_pipeline(void)
{
    return daemon_state.is_ghost ? NULL : daemon_state.pipeline;
}

uint64_t daemon_life(void)
{
    return daemon_state.life;
}

void daemon_turn_over(void)
{
    if (daemon_state.loop != NULL)
        sim_loop_turn_over(daemon_state.loop);
}

/* ---- its journal ---- */

void daemon_lose_journal(void)
{
    char path[128];
    if (daemon_state.pipeline != NULL || daemon_state.is_ghost)
        return;
    daemon_state.has_lost_journal = daemon_state.ever_lost_journal = true;
    world_note("ackgate: its journal is damaged or gone");
    const char *name = files_list("/sim/a/data/journal", (size_t)dice_below(3));
    snprintf(path, sizeof(path), "/sim/a/data/journal/%s", name == NULL ? "none" : name);
    if (dice_chance(500) || !files_flip(path, dice_next() >> 1))
        files_remove_all("/sim/a/data/journal");
}

bool daemon_has_lost_journal(void)
{
    return daemon_state.has_lost_journal;
}

bool daemon_ever_lost_journal(void)
{
    return daemon_state.ever_lost_journal;
}

bool daemon_ever_missed_start(void)
{
    return daemon_state.ever_missed_start || daemon_state.ever_lost_journal;
}

/* A journal that knows of no start of a MariaDB server being looked at has had the latest one looked at
 * alone. */
static void note_missed_start(void)
{
    size_t looked_at = 0;
    const struct journal_state *state = pipeline_journal_state(daemon_state.pipeline);
    for (size_t i = 0; i < state->overrides_count; i++)
        looked_at += strncmp(state->overrides[i], "XA ", 3) == 0;
    daemon_state.ever_missed_start |= looked_at == 1 && source_life() > 2;
}

void daemon_note_admitted(void)
{
    daemon_state.has_lost_journal = false;
    note_missed_start();
}

/* ---- what it does to the world ---- */

uint64_t world_boot(void)
{
    return daemon_state.boot;
}

uint64_t world_disk_age(void)
{
    return daemon_state.boot * 1000 + files_faults(HOST_ACKGATE)->losses;
}

void world_effect(void)
{
    files_effect(HOST_ACKGATE);
}

bool world_is_ghost(void)
{
    return daemon_state.is_ghost;
}

void world_listen(listener_accept_fn *on_accept, void *argument)
{
    daemon_state.on_accept = on_accept;
    daemon_state.accept_argument = argument;
}

bool world_accept(int fd)
{
    if (daemon_state.on_accept == NULL || daemon_pipeline() == NULL)
        return false;
    daemon_state.on_accept(daemon_state.accept_argument, fd);
    return true;
}

struct link *world_connect_source(void)
{
    return world_is_ghost() ? NULL : source_accept();
}
