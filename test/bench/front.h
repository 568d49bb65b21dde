/* Other programs that can stand in front of a server: each listens on a port of its own and passes everything
 * on. They end with this process, or before. */
#ifndef ACKGATE_TEST_BENCH_FRONT_H
#define ACKGATE_TEST_BENCH_FRONT_H

#include <stdint.h>
#include <sys/types.h>

struct front {
    uint16_t port;
    pid_t pid;
};

/* The do-nothing relay of relay.c. */
struct front front_start_relay(uint16_t target);
/* In TCP mode, with as many threads as there are cores. */
struct front front_start_haproxy(uint16_t target);
/* MySQL Router; certificates NULL: TLS on neither side, else on both, showing "server" of that directory
 * (certificate.h). */
struct front front_start_router(uint16_t target, const char *certificates);
void front_stop(struct front *front);

#endif
