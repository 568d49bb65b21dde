/* The JSON file of report.h, where its format stands. */
#ifndef ACKGATE_TEST_BENCH_REPORT_JSON_H
#define ACKGATE_TEST_BENCH_REPORT_JSON_H

struct comparison_result;

/* Takes out what the file has of this part and family. */
void report_json_begin(const char *part);
void report_json_add(const struct comparison_result *result);

#endif
