/* Where the results of a bench go: a Markdown table on stdout, a line for each measure as soon as it is
 * there, and a JSON file in which a part's run replaces that part's earlier figures of the same family. Last,
 * the targets and what was reached.
 *
 * The JSON file ($OUT, or build/bench/figures.json) is an array with one object per line:
 *
 *     {"part": "commits", "family": "mysql", "server": "mysql 9.7.4", "time": "2026-01-31T12:00:00Z",
 *      "test": "oltp_insert", "threads": 8, "one_core": false, "seconds": 1,
 *      "measure": "transactions", "unit": "/s", "baseline": "native",
 *      "ways": {"native": {"median": 1, "min": 1, "max": 1, "rounds": [1]},
 *               "ackgate": {…, "ratio": {"median": 1, "min": 1, "max": 1}}},
 *      "targets": [{"text": "…", "way": "ackgate", "against": "native", "kind": "ratio", "at_most": false,
 *                   "value": 1, "must": 0.85, "proud": 1, "met": "no"|"must"|"proud"}]}
 *
 * null stands for what was not measured. */
#ifndef ACKGATE_TEST_BENCH_REPORT_H
#define ACKGATE_TEST_BENCH_REPORT_H

struct comparison_result;

/* Before the first comparison, after the program knows its family. */
void report_begin(const char *part, const char *title);
void report_add(const struct comparison_result *result);
/* Prints the targets. */
void report_end(void);

#endif
