/*
 * One simulated world: the daemon (real code), its source and replicas and clients (models), their disks and
 * network, and somebody who breaks them. world_play() plays one seed to its end.
 */
#ifndef ACKGATE_TEST_SIM_WORLD_H
#define ACKGATE_TEST_SIM_WORLD_H

#include "protocol/flavor.h"
#include "proxy/config.h"
#include "proxy/listener.h"

struct link;
struct pipeline;

enum { WORLD_VOTERS_MAX = 3, WORLD_REPLICAS_MAX = 5, WORLD_CLIENTS = 3, WORLD_ACTS_MAX = 64 };

struct world_figures {
    uint64_t steps;
    uint64_t daemon_deaths, source_deaths, replica_deaths, tool_deaths;
    uint64_t oks, confirmed, discarded, cuts;
};

struct world_setup {
    enum flavor flavor;
    size_t voters;
    unsigned needed; /* ANY needed (voters) */
    bool is_store_synced, is_journal_synced_always;
    unsigned trouble_per_mille; /* how often the nemesis acts */
    uint64_t quiet_after_us;    /* it stops then, and all has to come together */
    uint64_t execution_us_max;  /* how long a replica takes for a transaction */
    unsigned xa_per_mille;      /* of the statements are about a user's XA transaction */
};

/* In place of the dice's setup and troubles: these, at these times, and a call that fails. */
struct world_act {
    uint64_t at_us;
    void (*act)(void);
};
struct world_script {
    struct world_setup setup;
    uint64_t seeds;
    uint64_t fault_seed; /* with which calls are made to fail; there something is cut */
    struct world_act acts[WORLD_ACTS_MAX];
    size_t act_count;
    int fail_host;    /* enum files_host */
    uint64_t fail_at; /* 0: none */
    int fail_errno;
    uint64_t
        die_at; /* the effect of ackgate (or, on the source's host, of the tool) before which it is killed */
};

/* Plays the seed; script NULL: as the dice say. Ends the process with a message when a promise is broken. */
void world_play(uint64_t seed, const struct world_script *script, struct world_figures *figures);
void world_set_name(const char *name); /* of the scenario, for messages */
const struct world_setup *world_setup(void);
struct world_figures *world_figures(void);
bool world_plans_deaths(void); /* by die_at */
bool world_may_fail(void);     /* a call of a disk is made to fail in this run */

/* Breaks off: says seed, step and what was broken. */
__attribute__((format(printf, 1, 2), noreturn)) void world_fail(const char *format, ...);
__attribute__((format(printf, 1, 2))) void world_note(const char *format, ...); /* with SIM_TRACE=1 */
void world_resolve_refusal(void);                                               /* an operator, see world.c */

/* ---- the daemon (daemon.c) ---- */
void daemon_reset(void);
void daemon_start(void *unused); /* also as an item of the schedule; tries again when it fails */
void daemon_die(bool is_power);  /* at this very effect; what follows in this step is a ghost */
void daemon_stop(void);          /* in good order */
void daemon_bury(void);          /* after a step: what is left of a dead one */
void daemon_plan_death(uint64_t effects, bool is_power);
bool daemon_has_died_as_planned(void);
struct pipeline *daemon_pipeline(void); /* NULL: it does not run, or is a ghost */
uint64_t daemon_life(void);             /* counts its starts */
void daemon_turn_over(void);            /* after each step */
void daemon_lose_journal(void);         /* while it is down */
bool daemon_has_lost_journal(void);     /* since the source was last admitted */
bool daemon_ever_lost_journal(void);    /* and with it, what was discarded */
bool daemon_ever_missed_start(void);    /* of a MariaDB server, and what its crash recovery has lost there */
void daemon_note_admitted(void);

uint64_t world_boot(void);     /* the number of the boot of ackgate's host */
uint64_t world_disk_age(void); /* changes when ackgate's disk may have lost what was read from it */
void world_effect(void);       /* something is about to leave the daemon */
bool world_is_ghost(void);
void world_listen(listener_accept_fn *on_accept, void *argument);
bool world_accept(int fd);               /* false: the daemon does not listen */
struct link *world_connect_source(void); /* NULL: refused */

#endif
