/* Keeps this process and all that it has started on one core, as on the smallest machines: there a wake-up
 * on another core is no help, and only the work counts. */
#ifndef ACKGATE_TEST_BENCH_CORES_H
#define ACKGATE_TEST_BENCH_CORES_H

void cores_use_one(void);
void cores_use_all(void);

#endif
