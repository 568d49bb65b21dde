/* The schedule of nemesis.h. Each party and each link has one trouble at a time, and an end for it. */
#include "test/torture/nemesis.h"

#include <stdlib.h>

#include "test/lib/sql.h"
#include "test/lib/wait.h"
#include "test/torture/chance.h"

enum {
    TROUBLES_MAX = 3,
    TICK_MS = 20,
    CALM_MAX_MS = 1200,
    TROUBLE_MIN_MS = 50,
    TROUBLE_MAX_MS = 2500,
    SESSION_TIMEOUT_S = 2
};

struct nemesis {
    struct world *world;
    struct chance chance;
    uint64_t party_until_ms[PARTIES]; /* 0: no trouble */
    uint64_t link_until_ms[LINKS];
    uint64_t next_ms;
};

static bool has_party(const struct nemesis *nemesis, enum party party)
{
    return party != PARTY_GATE || nemesis->world->has_gate;
}

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
static void trouble_party(struct nemesis *nemesis, enum party party)
{
    struct world *world = nemesis->world;
    unsigned kind = chance_below(&nemesis->chance, 10);
    bool must_not_crash = party == PARTY_SOURCE && world->has_let_go;

    if (world->state[party] != PARTY_UP)
        return;
    if (kind < 5 && !must_not_crash)
        world_kill(world, party);
    else if (kind < 7)
        world_freeze(world, party);
    else if (kind == 7 && world->has_disk[party] && !must_not_crash)
        world_fill(world, party);
    else
        world_terminate(world, party);
}

static void begin_party(struct nemesis *nemesis, enum party party, uint64_t until_ms)
{
    if (!has_party(nemesis, party) || nemesis->party_until_ms[party] != 0)
        return;
    trouble_party(nemesis, party);
    nemesis->party_until_ms[party] = until_ms;
}

static void begin_link(struct nemesis *nemesis, enum link link, uint64_t until_ms)
{
    struct relay *relay = nemesis->world->link[link];
    unsigned kind = chance_below(&nemesis->chance, 3);

    if (!relay || nemesis->link_until_ms[link] != 0)
        return;
    recorder_say(nemesis->world->recorder, "%s the link %s",
                 kind == 0   ? "cut"
                 : kind == 1 ? "silence"
                             : "slow",
                 link_name(link));
    if (kind == 0)
        relay_cut(relay, true);
    else if (kind == 1)
        relay_silence(relay, true);
    else
        relay_slow(relay, chance_between(&nemesis->chance, 2, 60));
    nemesis->world->cuts++;
    nemesis->link_until_ms[link] = until_ms;
}

static struct sql *open_source(const struct world *world)
{
    return sql_try_open(&(struct sql_options){
        .port = world->source->port, .user = "root", .read_timeout_s = SESSION_TIMEOUT_S});
}

static void kill_session(struct nemesis *nemesis)
{
    struct world *world = nemesis->world;
    struct sql *root = open_source(world);
    bool only_query = chance_below(&nemesis->chance, 2) == 0;
    char id[32];

    sql_peek(
        root,
        "SELECT id FROM information_schema.processlist WHERE user = 'app' AND command <> 'Daemon' ORDER BY "
        "RAND() LIMIT 1",
        id, sizeof id);
    if (id[0] >= '0' && id[0] <= '9') {
        recorder_say(world->recorder, "KILL %s %s", only_query ? "QUERY" : "CONNECTION", id);
        world->has_let_go |= world->family == FAMILY_MARIADB;
        (void)sql_try(root, "KILL %s %s", only_query ? "QUERY" : "CONNECTION", id);
    }
    sql_close(root);
}

static void rotate(struct nemesis *nemesis)
{
    struct sql *root = open_source(nemesis->world);

    recorder_say(nemesis->world->recorder, "FLUSH BINARY LOGS");
    (void)sql_try(root, "FLUSH BINARY LOGS");
    sql_close(root);
}

static void begin_one(struct nemesis *nemesis, uint64_t now)
{
    /* short ones hit the moments in which things begin and end */
    unsigned longest = chance_below(&nemesis->chance, 3) == 0 ? TROUBLE_MAX_MS : TROUBLE_MAX_MS / 6;
    uint64_t until_ms = now + chance_between(&nemesis->chance, TROUBLE_MIN_MS, longest);
    unsigned what = chance_below(&nemesis->chance, 20);
    bool is_source_up = nemesis->world->state[PARTY_SOURCE] == PARTY_UP;

    if (what < 9) {
        begin_party(nemesis, (enum party)chance_below(&nemesis->chance, PARTIES), until_ms);
    } else if (what < 11) {
        begin_party(nemesis, PARTY_SOURCE, until_ms);
        begin_party(nemesis, PARTY_GATE, now + chance_between(&nemesis->chance, TROUBLE_MIN_MS, longest));
    } else if (what < 17) {
        begin_link(nemesis, (enum link)chance_below(&nemesis->chance, LINKS), until_ms);
    } else if (what < 19 && is_source_up) {
        kill_session(nemesis);
    } else if (is_source_up) {
        rotate(nemesis);
    }
}

/* ---- ending ---- */

/* False: not yet. */
static bool end_party(struct nemesis *nemesis, enum party party)
{
    struct world *world = nemesis->world;

    world_empty(world, party);
    if (world->state[party] == PARTY_FROZEN)
        world_thaw(world, party);
    if (world->state[party] == PARTY_GOING)
        return false;
    if (world->state[party] == PARTY_UP)
        return true;
    /* now and then the source tries too early */
    if (party == PARTY_SOURCE && world->has_gate && world->state[PARTY_GATE] != PARTY_UP &&
        chance_below(&nemesis->chance, 100) != 0)
        return false;
    return world_bring_up(world, party);
}

static void end_link(struct nemesis *nemesis, enum link link)
{
    struct relay *relay = nemesis->world->link[link];

    recorder_say(nemesis->world->recorder, "the link %s is whole", link_name(link));
    relay_cut(relay, false);
    relay_silence(relay, false);
    relay_slow(relay, 0);
}

static void end_those_due(struct nemesis *nemesis, uint64_t now)
{
    for (enum party party = 0; party < PARTIES; party++)
        if (nemesis->party_until_ms[party] != 0 && nemesis->party_until_ms[party] <= now &&
            end_party(nemesis, party))
            nemesis->party_until_ms[party] = 0;
    for (enum link link = 0; link < LINKS; link++)
        if (nemesis->link_until_ms[link] != 0 && nemesis->link_until_ms[link] <= now) {
            end_link(nemesis, link);
            nemesis->link_until_ms[link] = 0;
        }
}

void nemesis_run(struct world *world, uint64_t seed, unsigned seconds)
{
    struct nemesis nemesis = {.world = world, .chance = {seed}};
    uint64_t end_ms = now_ms() + seconds * 1000ULL;

    for (uint64_t now; (now = now_ms()) < end_ms; sleep_ms(TICK_MS)) {
        world_look(world);
        end_those_due(&nemesis, now);
        if (now < nemesis.next_ms || count_troubles(&nemesis) >= TROUBLES_MAX)
            continue;
        begin_one(&nemesis, now);
        nemesis.next_ms = now + chance_below(&nemesis.chance, CALM_MAX_MS);
    }
}
