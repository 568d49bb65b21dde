/* What a torture did and what came of it, counted and printed. */
#ifndef ACKGATE_TEST_REPORT_H
#define ACKGATE_TEST_REPORT_H

#include <stdio.h>

#include "test/torture/checker.h"
#include "test/torture/schedule.h"

struct tally {
    unsigned party[PARTIES][PARTY_DEEDS];
    unsigned link[LINKS][TROUBLES];
    unsigned sessions[2]; /* KILL QUERY, KILL CONNECTION */
    unsigned rotations;
    unsigned recovers[2]; /* ackgate-recover: done, ackgate was not reachable */
    unsigned helped;      /* replicas whose replication an operator had to start */
    unsigned obeyed;      /* sources for which he typed what a refusal says */
};

const char *party_name(enum party party);
const char *link_name(enum link link);

/* One line for each party and each link. */
void report_tally(FILE *out, const struct tally *tally);
/* What was looked at, and what was found: at most so many of them one by one. */
void report_findings(FILE *out, const struct findings *findings, size_t told_max);

#endif
