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

#include "test/bench/figures.h"
#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum way { WAY_DIRECT, WAY_HAPROXY, WAY_ACKGATE, WAY_COUNT };

static unsigned round_count;
static unsigned seconds;

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

static void measure(const uint16_t port[WAY_COUNT], const char *test, unsigned threads)
{
    double rate[WAY_COUNT][ROUNDS_MAX];
    double to_haproxy[ROUNDS_MAX];
    double to_direct[ROUNDS_MAX];
    for (unsigned i = 0; i < round_count; i++) {
        for (enum way way = WAY_DIRECT; way < WAY_COUNT; way++) {
            struct figures_load load = {test, port[way], threads, seconds};
            rate[way][i] = figures_load(&load).per_second;
        }
        to_haproxy[i] = rate[WAY_ACKGATE][i] / rate[WAY_HAPROXY][i];
        to_direct[i] = rate[WAY_ACKGATE][i] / rate[WAY_DIRECT][i];
    }
    printf("| %s | %s | %u | %.0f | %.0f | %.0f | %.2f | %.2f |\n", family_name(figures_family()), test,
           threads, figures_median(rate[WAY_DIRECT], round_count),
           figures_median(rate[WAY_HAPROXY], round_count), figures_median(rate[WAY_ACKGATE], round_count),
           figures_median(to_haproxy, round_count), figures_median(to_direct, round_count));
    fflush(stdout);
}

START_TEST(selects)
{
    static const char *const tests[] = {"oltp_point_select", "oltp_point_select --db-ps-mode=disable"};
    struct topology *t = topology_start(figures_family(), "ANY 1 (r1, r2)", 2);
    sql_exec(gate_app(t->gate), "CREATE DATABASE bench");
    figures_prepare(t->gate->app_port);
    const uint16_t port[WAY_COUNT] = {t->source->port, start_haproxy(t), t->gate->app_port};
    for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
        const char *list = getenv("THREADS") == NULL ? "1,8,64" : getenv("THREADS");
        for (unsigned threads = figures_next(&list); threads > 0; threads = figures_next(&list))
            measure(port, tests[i], threads);
    }
}
END_TEST

int main(void)
{
    round_count = figures_setting("ROUNDS", 7, ROUNDS_MAX);
    seconds = figures_setting("SECONDS", 3, 600);
    puts("| server | test | threads | direct /s | HAProxy /s | ackgate /s | ackgate / HAProxy | ackgate / "
         "direct |\n|---|---|---|---|---|---|---|---|");
    return figures_main("selects", selects);
}
