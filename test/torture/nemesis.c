/* The doer of nemesis.h. Each party and each link has one trouble at a time, and an end for it. */
#include "test/torture/nemesis.h"

#include "test/lib/netns.h"
#include "test/lib/sql.h"
#include "test/lib/wait.h"

enum { TROUBLES_MAX = 3, TICK_MS = 20, HELP_MS = 1000, EARLY_MS = 2500, SESSION_TIMEOUT_S = 2 };

struct nemesis {
    struct world *world;
    struct schedule schedule;
    uint64_t party_until_ms[PARTIES]; /* 0: no trouble */
    uint64_t link_until_ms[LINKS];
    uint64_t next_ms, help_ms, early_ms;
};

static unsigned count_troubles(const struct nemesis *nemesis)
{
    unsigned count = 0;

    for (enum party party = 0; party < PARTIES; party++)
        count += nemesis->party_until_ms[party] != 0;
    for (enum link link = 0; link < LINKS; link++)
        count += nemesis->link_until_ms[link] != 0;
    return count;
}

/* ---- beginning ---- */

/* A source whose commits may have been let go must not crash before it was shut down in order: its tables and
 * what a cut leaves of its binlog would differ, and it would be refused, rightly. */
static void trouble_party(struct world *world, enum party party, enum deed_kind kind)
{
    bool may_crash = party != PARTY_SOURCE || !world->has_let_go;

    if (kind == DEED_KILL && may_crash)
        world_kill(world, party);
    else if (kind == DEED_FREEZE)
        world_freeze(world, party);
    else if (kind == DEED_FILL && may_crash && world->has_disk[party])
        world_fill(world, party);
    else if (kind == DEED_SHUTDOWN)
        world_shut_down(world, party);
    else
        world_terminate(world, party);
}

static void begin_party(struct nemesis *nemesis, const struct deed *deed, uint64_t now)
{
    struct world *world = nemesis->world;

    if ((deed->party == PARTY_GATE && !world->has_gate) || nemesis->party_until_ms[deed->party] != 0)
        return;
    if (world->state[deed->party] == PARTY_UP)
        trouble_party(world, deed->party, deed->kind);
    nemesis->party_until_ms[deed->party] = now + deed->lasts_ms;
}

static void begin_link(struct nemesis *nemesis, const struct deed *deed, uint64_t now)
{
    if (!world_has_link(nemesis->world, deed->link) || nemesis->link_until_ms[deed->link] != 0)
        return;
    world_trouble(nemesis->world, deed->link, deed->trouble, deed->strength);
    nemesis->link_until_ms[deed->link] = now + deed->lasts_ms;
}

/* On the source's own host. */
static struct sql *open_source(const struct world *world)
{
    netns_enter(world->source->netns);
    struct sql *root = sql_try_open(&(struct sql_options){
        .port = world->source->port, .user = "root", .read_timeout_s = SESSION_TIMEOUT_S});
    netns_leave();
    return root;
}

static void kill_session(struct world *world, enum deed_kind kind)
{
    struct sql *root = open_source(world);
    const char *what = kind == DEED_KILL_QUERY ? "QUERY" : "CONNECTION";
    char id[32];

    sql_peek(
        root,
        "SELECT id FROM information_schema.processlist WHERE user = 'app' AND command <> 'Daemon' ORDER BY "
        "RAND() LIMIT 1",
        id, sizeof id);
    if (id[0] >= '0' && id[0] <= '9') {
        recorder_say(world->recorder, "KILL %s %s", what, id);
        world->has_let_go |= world->family == FAMILY_MARIADB;
        world->tally.sessions[kind - DEED_KILL_QUERY] += sql_try(root, "KILL %s %s", what, id) == 0;
    }
    sql_close(root);
}

static void rotate(struct world *world)
{
    struct sql *root = open_source(world);

    recorder_say(world->recorder, "FLUSH BINARY LOGS");
    world->tally.rotations += sql_try(root, "FLUSH BINARY LOGS") == 0;
    sql_close(root);
}

static void begin(struct nemesis *nemesis, const struct deed *deed, uint64_t now)
{
    bool is_source_up = nemesis->world->state[PARTY_SOURCE] == PARTY_UP;

    if (deed->kind < PARTY_DEEDS)
        begin_party(nemesis, deed, now);
    else if (deed->kind == DEED_TROUBLE)
        begin_link(nemesis, deed, now);
    else if (deed->kind == DEED_ROTATE && is_source_up)
        rotate(nemesis->world);
    else if (is_source_up)
        kill_session(nemesis->world, deed->kind);
}

static void begin_next(struct nemesis *nemesis, uint64_t now)
{
    struct deed deed;

    do {
        deed = schedule_next(&nemesis->schedule);
        begin(nemesis, &deed, now);
    } while (deed.pause_ms == 0);
    nemesis->next_ms = now + deed.pause_ms;
}

/* ---- ending ---- */

/* The source waits for ackgate, but tries too early now and then. */
static bool is_too_early(struct nemesis *nemesis, uint64_t now)
{
    struct world *world = nemesis->world;

    if (!world->has_gate ||
        (world->state[PARTY_GATE] == PARTY_UP && nemesis->link_until_ms[LINK_SOURCE] == 0))
        return false;
    if (now < nemesis->early_ms)
        return true;
    nemesis->early_ms = now + EARLY_MS;
    return false;
}

/* False: not yet. */
static bool end_party(struct nemesis *nemesis, enum party party, uint64_t now)
{
    struct world *world = nemesis->world;

    world_empty(world, party);
    if (world->state[party] == PARTY_FROZEN)
        world_thaw(world, party);
    if (world->state[party] == PARTY_GOING)
        return false;
    if (world->state[party] == PARTY_UP)
        return true;
    return !(party == PARTY_SOURCE && is_too_early(nemesis, now)) && world_bring_up(world, party);
}

static void end_those_due(struct nemesis *nemesis, uint64_t now)
{
    for (enum party party = 0; party < PARTIES; party++)
        if (nemesis->party_until_ms[party] != 0 && nemesis->party_until_ms[party] <= now &&
            end_party(nemesis, party, now))
            nemesis->party_until_ms[party] = 0;
    for (enum link link = 0; link < LINKS; link++)
        if (nemesis->link_until_ms[link] != 0 && nemesis->link_until_ms[link] <= now) {
            world_mend(nemesis->world, link);
            nemesis->link_until_ms[link] = 0;
        }
}

/* What the start of a source could not wait for. */
static void help_source(struct nemesis *nemesis, uint64_t now)
{
    struct world *world = nemesis->world;

    if (world->state[PARTY_SOURCE] != PARTY_UP || world->state[PARTY_GATE] != PARTY_UP ||
        now < nemesis->help_ms)
        return;
    world_verify(world);
    world_obey(world);
    nemesis->help_ms = now + HELP_MS;
}

void nemesis_run(struct world *world, uint64_t seed, unsigned seconds)
{
    struct nemesis nemesis = {.world = world, .schedule = schedule_new(seed)};
    uint64_t end_ms = now_ms() + seconds * 1000ULL;

    for (uint64_t now; (now = now_ms()) < end_ms; sleep_ms(TICK_MS)) {
        world_look(world);
        end_those_due(&nemesis, now);
        help_source(&nemesis, now);
        if (now >= nemesis.next_ms && count_troubles(&nemesis) < TROUBLES_MAX)
            begin_next(&nemesis, now);
    }
}
