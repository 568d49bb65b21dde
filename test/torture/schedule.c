/* Deeds by chance, see schedule.h. */
#include "test/torture/schedule.h"

enum {
    CALM_MAX_MS = 1200,
    LASTS_MIN_MS = 50,
    LASTS_MAX_MS = 2500,
    LONG_MIN_MS = 4000, /* longer than replicas and clients wait for an answer */
    LONG_MAX_MS = 8000,
};

struct schedule schedule_new(uint64_t seed)
{
    return (struct schedule){.chance = {seed}};
}

/* Short ones hit the moments in which things begin and end; a link is sometimes away for long. */
static unsigned choose_time(struct chance *chance, bool is_link)
{
    if (is_link && chance_below(chance, 8) == 0)
        return chance_between(chance, LONG_MIN_MS, LONG_MAX_MS);
    return chance_between(chance, LASTS_MIN_MS,
                          chance_below(chance, 3) == 0 ? LASTS_MAX_MS : LASTS_MAX_MS / 6);
}

static enum deed_kind choose_party_deed(struct chance *chance)
{
    static const enum deed_kind kinds[] = {DEED_KILL,      DEED_KILL,    DEED_KILL,   DEED_KILL,
                                           DEED_KILL,      DEED_FREEZE,  DEED_FREEZE, DEED_FILL,
                                           DEED_TERMINATE, DEED_SHUTDOWN};

    return kinds[chance_below(chance, sizeof kinds / sizeof *kinds)];
}

struct deed schedule_next(struct schedule *schedule)
{
    struct chance *chance = &schedule->chance;
    unsigned what = chance_below(chance, 20);
    struct deed deed = {.kind = choose_party_deed(chance),
                        .party = (enum party)chance_below(chance, PARTIES),
                        .link = (enum link)chance_below(chance, LINKS),
                        .trouble = (enum trouble)chance_below(chance, TROUBLES),
                        .strength = chance_below(chance, 100),
                        .pause_ms = 1 + chance_below(chance, CALM_MAX_MS)};

    if (schedule->is_gate_next) {
        deed.party = PARTY_GATE;
        schedule->is_gate_next = false;
    } else if (what < 9) {
        /* one party */
    } else if (what < 11) {
        deed.party = PARTY_SOURCE;
        deed.pause_ms = 0;
        schedule->is_gate_next = true;
    } else if (what < 17) {
        deed.kind = DEED_TROUBLE;
    } else if (what < 19) {
        deed.kind = deed.strength < 50 ? DEED_KILL_QUERY : DEED_KILL_CONNECTION;
    } else {
        deed.kind = DEED_ROTATE;
    }
    deed.lasts_ms = choose_time(chance, deed.kind == DEED_TROUBLE);
    return deed;
}
