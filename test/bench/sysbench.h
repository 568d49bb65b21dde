/* Loads that sysbench makes, on its table of 10,000 rows in database `bench`, as user app. */
#ifndef ACKGATE_TEST_BENCH_SYSBENCH_H
#define ACKGATE_TEST_BENCH_SYSBENCH_H

#include <stdbool.h>
#include <stdint.h>

struct sysbench_load {
    const char *test; /* "oltp_point_select" */
    uint16_t port;    /* of 127.0.0.1 */
    unsigned threads;
    unsigned seconds;
    bool is_unprepared;       /* sends the text of each statement */
    const char *certificates; /* a directory with the usual ones (certificate.h): with TLS; NULL: without */
};

struct sysbench_figures {
    double per_second; /* transactions */
    double count;
    double mean_ms;
    double p95_ms;
};

/* Makes database and table; the port leads to where they can be made. */
void sysbench_prepare(uint16_t port);
/* Ends the program when sysbench does not run to its end. */
struct sysbench_figures sysbench_run(const struct sysbench_load *load);

#endif
