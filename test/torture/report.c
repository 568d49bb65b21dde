/* Figures as text, see report.h. */
#include "test/torture/report.h"

#include "test/torture/wire.h"

const char *party_name(enum party party)
{
    static const char *const names[PARTIES] = {"source", "ackgate", "r1", "r2"};

    return names[party];
}

const char *link_name(enum link link)
{
    static const char *const names[LINKS] = {"app", "source", "r1", "r2"};

    return names[link];
}

static void report_party(FILE *out, enum party party, const unsigned *counts)
{
    (void)fprintf(out, "  %s: %u kill -9, %u stopped and continued, %u SIGTERM, %u SHUTDOWN, %u disks full\n",
                  party_name(party), counts[DEED_KILL], counts[DEED_FREEZE], counts[DEED_TERMINATE],
                  counts[DEED_SHUTDOWN], counts[DEED_FILL]);
}

static void report_link(FILE *out, enum link link, const unsigned *counts)
{
    (void)fprintf(out, "  link %s:", link_name(link));
    for (enum trouble trouble = 0; trouble < TROUBLES; trouble++)
        (void)fprintf(out, "%s %u %s", trouble == 0 ? "" : ",", counts[trouble], trouble_name(trouble));
    (void)fputc('\n', out);
}

void report_tally(FILE *out, const struct tally *tally)
{
    for (enum party party = 0; party < PARTIES; party++)
        report_party(out, party, tally->party[party]);
    for (enum link link = 0; link < LINKS; link++)
        report_link(out, link, tally->link[link]);
    (void)fprintf(
        out,
        "  %u KILL QUERY, %u KILL CONNECTION, %u FLUSH BINARY LOGS; ackgate-recover: %u times, and %u "
        "times ackgate was not reached\n",
        tally->sessions[0], tally->sessions[1], tally->rotations, tally->recovers[0], tally->recovers[1]);
    (void)fprintf(out, "  an operator helped a replica %u times, and a refused source %u times\n",
                  tally->helped, tally->obeyed);
}

void report_findings(FILE *out, const struct findings *findings, size_t told_max)
{
    (void)fprintf(out,
                  "%zu OKs (%zu of DDL, %zu of XA), %zu errors, %zu unknown (%zu of them stayed), %zu reads "
                  "of %zu values: %zu "
                  "anomalies\n",
                  findings->ok, findings->ok_ddl, findings->ok_xa, findings->failed, findings->unknown,
                  findings->unknown_stayed, findings->reads, findings->values_read, findings->total);
    for (size_t i = 0; i < ANOMALIES; i++)
        if (findings->of_kind[i] > 0)
            (void)fprintf(out, "  %zu × %s\n", findings->of_kind[i], anomaly_name((enum anomaly)i));
    for (size_t i = 0; i < findings->count && i < told_max; i++)
        (void)fprintf(out, "  %s: %s\n", anomaly_name(findings->finding[i].anomaly),
                      findings->finding[i].text);
    (void)fflush(out);
}
