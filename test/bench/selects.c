/* What a query costs: sysbench's point selects straight to the source, through HAProxy in TCP mode, and
 * through ackgate, in alternating rounds on one topology.
 *
 *     SERVER=mariadb THREADS=1,8,64 ROUNDS=7 SECONDS=3 build/bench/selects
 *
 * Prints a line of a Markdown table for each number of threads, with prepared statements and without. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/bench/comparison.h"
#include "test/bench/report.h"
#include "test/bench/sysbench.h"
#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum way { WAY_DIRECT, WAY_HAPROXY, WAY_ACKGATE, WAY_COUNT };

static bool is_listening(void *argument)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(*(const uint16_t *)argument),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_there = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return is_there;
}

/* Returns the port it listens on; it ends with this process. */
static uint16_t start_haproxy(const struct topology *t)
{
    uint16_t port = place_free_port();
    const char *config = place_format("%s/haproxy.cfg", t->gate->dir);
    place_write_file(config,
                     place_format("global\n  maxconn 1000\ndefaults\n  mode tcp\n  timeout connect 5s\n"
                                  "  timeout client 1h\n  timeout server 1h\nlisten source\n"
                                  "  bind 127.0.0.1:%u\n  server source 127.0.0.1:%u\n",
                                  port, t->source->port),
                     0644);
    process_start((const char *const[]){"haproxy", "-db", "-f", config, NULL},
                  place_format("%s/haproxy.log", t->gate->dir));
    wait_until(is_listening, &port, WAIT_SECONDS, "HAProxy to listen");
    return port;
}

static void run(void *argument, const struct comparison *comparison, double *ret_values)
{
    struct sysbench_load load = {.test = "oltp_point_select",
                                 .port = *(const uint16_t *)argument,
                                 .threads = comparison->threads,
                                 .seconds = bench_seconds()};
    ret_values[0] = sysbench_run(&load).per_second;
}

START_TEST(selects)
{
    struct topology *t = topology_start(bench_family(), "ANY 1 (r1, r2)", 2);
    sysbench_prepare(t->gate->app_port);
    uint16_t port[WAY_COUNT] = {t->source->port, start_haproxy(t), t->gate->app_port};
    const char *list = bench_threads("1,8", "1,8,16,64");
    report_begin("selects", "point selects");
    for (unsigned threads = bench_next(&list); threads > 0; threads = bench_next(&list))
        comparison_run(&(struct comparison){
            .test = "point selects",
            .threads = threads,
            .baseline = "direct",
            .measures = {{"queries", "/s", 0}       },
            .ways = { {"direct", run, &port[0]}, {"HAProxy", run, &port[1]}, {"ackgate", run, &port[2]}},
        });
    report_end();
}
END_TEST

int main(void)
{
    return bench_main("selects", selects);
}
