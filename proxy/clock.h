/* The clocks: monotonic for durations, wall time for what people read. Milliseconds and microseconds. */
#ifndef ACKGATE_PROXY_CLOCK_H
#define ACKGATE_PROXY_CLOCK_H

#include <stdint.h>

uint64_t clock_monotonic_ms(void);
uint64_t clock_monotonic_us(void);
uint64_t clock_wall_ms(void); /* since 1970 */

#endif
