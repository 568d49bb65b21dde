/* Decides from a history (history.h) whether the promises were kept. Pure: no server, no clock; the same
 * history gives the same findings.
 *
 * What remained is what the last `end` shows, and every check compares with that: lists that were read must
 * be beginnings of it, so a fork between servers or something seen and later gone cannot hide. Reads at the
 * source keep real time as well: they show all that was answered or seen there before they were asked.
 * Replicas may lag, but never go back. */
#ifndef ACKGATE_TEST_CHECKER_H
#define ACKGATE_TEST_CHECKER_H

#include "test/torture/history.h"

enum anomaly {
    ANOMALY_LOST,          /* answered with OK, and not there at the end */
    ANOMALY_SEEN_GONE,     /* read somewhere, and not there at the end */
    ANOMALY_FORK,          /* lists that are no beginnings of one list */
    ANOMALY_FAILED_STAYED, /* an error that said no, and it is there */
    ANOMALY_STALE,         /* a read at the source without what had been answered or seen there before */
    ANOMALY_REORDERED,     /* stands before something that was complete when it was asked for */
    ANOMALY_WENT_BACK,     /* a replica shows less than it had shown before */
    ANOMALY_DUPLICATE,     /* twice in a list */
    ANOMALY_NEVER_WRITTEN, /* nobody appended it, or not there, or not yet */
    ANOMALY_HALF,          /* one half of a transaction without the other */
    ANOMALY_UNEQUAL,       /* two servers differ at the end */
    ANOMALY_NO_END,        /* the history has no end: nothing can be decided */
    ANOMALIES
};

enum { FINDINGS_MAX = 20 };

struct finding {
    enum anomaly anomaly;
    char text[240];
};

struct findings {
    size_t of_kind[ANOMALIES]; /* each counted once for each value or read that shows it */
    size_t total;
    size_t count; /* the first ones, told */
    struct finding finding[FINDINGS_MAX];
    /* what was looked at */
    size_t ok, ok_ddl, ok_xa, failed, unknown, unknown_stayed, reads, values_read;
};

const char *anomaly_name(enum anomaly anomaly);
void checker_check(const struct history *history, struct findings *ret_findings);

#endif
