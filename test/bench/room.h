/* Room on the disk for benches that write gigabytes: their servers and stores lie under build/bench/tmp
 * ($TMPDIR instead, if set), and are removed with the process. */
#ifndef ACKGATE_TEST_BENCH_ROOM_H
#define ACKGATE_TEST_BENCH_ROOM_H

/* To be called first. Ends the program with a sentence when the disk has less than this and some
 * reserve. */
void room_take(unsigned mib);

#endif
