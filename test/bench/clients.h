/* Clients that do what sysbench has no test for: each on a thread of its own, over libmysqlclient, one
 * operation after the other. */
#ifndef ACKGATE_TEST_BENCH_CLIENTS_H
#define ACKGATE_TEST_BENCH_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

struct clients_load {
    const char *query;        /* its rows are read to the end, not kept */
    bool is_connecting;       /* each query has a connection of its own */
    const char *certificates; /* a directory with the usual ones (certificate.h): with TLS; NULL: without */
    uint16_t port;            /* of 127.0.0.1, as user app */
    unsigned threads;
    unsigned seconds; /* an operation that has begun is finished */
};

struct clients_figures {
    double seconds; /* from the start to the end of the last */
    double count;   /* queries */
    double bytes;   /* in the rows' values */
};

/* Ends the program at the first error. */
struct clients_figures clients_run(const struct clients_load *load);

#endif
