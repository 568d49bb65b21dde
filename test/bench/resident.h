/* How much memory a process has resident, as the kernel counts it, in KiB. */
#ifndef ACKGATE_TEST_BENCH_RESIDENT_H
#define ACKGATE_TEST_BENCH_RESIDENT_H

#include <sys/types.h>

double resident_kib(pid_t pid);
/* The most since the last resident_begin(), or since its start. */
double resident_peak_kib(pid_t pid);
void resident_begin(pid_t pid);

#endif
