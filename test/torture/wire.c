/* Trouble on a link, see wire.h. */
#include "test/torture/wire.h"

#include <check.h>

#include "test/lib/relay.h"

const char *trouble_name(enum trouble trouble)
{
    static const char *const names[TROUBLES] = {"cut",  "reset", "silent", "deaf",
                                                "mute", "lossy", "slow",   "late"};

    return names[trouble];
}

/* Bytes wait where packets would be lost, and everything takes longer where single ones would be missing. A
 * relay knows only one direction: what the side that was connected to says. */
static enum trouble trouble_relay(struct relay *relay, enum trouble trouble, unsigned strength)
{
    switch (trouble) {
    case TROUBLE_CUT:
    case TROUBLE_RESET:
        relay_cut(relay, true);
        return TROUBLE_RESET;
    case TROUBLE_SILENT:
        relay_silence(relay, true);
        return TROUBLE_SILENT;
    case TROUBLE_DEAF:
    case TROUBLE_MUTE:
        relay_hold(relay);
        return trouble;
    case TROUBLE_LOSSY:
    case TROUBLE_SLOW:
    case TROUBLE_LATE:
        relay_slow(relay, 2 + strength / 2);
        return TROUBLE_SLOW;
    case TROUBLES:
        break;
    }
    ck_abort_msg("no such trouble");
}

enum trouble wire_trouble(struct wire *wire, enum trouble trouble, unsigned strength)
{
    if (wire->relay)
        return trouble_relay(wire->relay, trouble, strength);
    if (!network_can(wire->host->network, trouble))
        trouble = TROUBLE_SLOW;
    host_trouble(wire->host, trouble, strength);
    return trouble;
}

void wire_mend(struct wire *wire)
{
    if (wire->host) {
        host_mend(wire->host);
        return;
    }
    relay_cut(wire->relay, false);
    relay_silence(wire->relay, false);
    relay_release(wire->relay);
    relay_slow(wire->relay, 0);
}
