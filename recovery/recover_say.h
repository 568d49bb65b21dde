/*
 * What ackgate-recover tells its caller: one sentence as text, or one JSON object, and the exit code.
 */
#ifndef ACKGATE_RECOVERY_RECOVER_SAY_H
#define ACKGATE_RECOVERY_RECOVER_SAY_H

#include "recovery/apply.h"
#include "recovery/plan.h"

enum recover_exit {
    RECOVER_EXIT_SAFE = 0,       /* the server may start */
    RECOVER_EXIT_USAGE = 1,      /* options or config */
    RECOVER_EXIT_REFUSED = 2,    /* it must not: the verdict */
    RECOVER_EXIT_UNREADABLE = 3, /* ackgate not reachable, or the source's files not readable */
};

/* How long the parts of a run took. */
struct recover_times {
    uint64_t read_us; /* the source's tail */
    uint64_t ask_us;  /* the conversation with ackgate, without the reading in it */
    uint64_t cut_us;
};

/* On stdout; for errors on stderr. Both return the exit code. */
int recover_say_error(bool is_json, enum recover_exit code, const char *reason);
/* report is NULL when nothing was applied (check). The times are for JSON. */
int recover_say_plan(bool is_json, const struct plan *plan, const struct tail *tail,
                     const struct apply_report *report, const struct recover_times *times);
/* Something went well that is worth a sentence. */
int recover_say_note(bool is_json, const char *result, const char *note);

#endif
