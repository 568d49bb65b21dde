/* Takes down what the clients do, from all their threads, as lines of a history file (history.h). */
#ifndef ACKGATE_TEST_RECORDER_H
#define ACKGATE_TEST_RECORDER_H

#include "test/torture/history.h"

struct recorder;

struct recorder *recorder_new(const char *path);
/* Microseconds since the recorder was made. */
uint64_t recorder_now_us(const struct recorder *recorder);
/* `lists` is what stands behind the outcome, with the blank before it: " 8=1,2 9=". Sets returned_us to now.
 */
void recorder_put(struct recorder *recorder, struct op op, const char *lists);
/* For people: a comment line with the time. */
void recorder_say(struct recorder *recorder, const char *format, ...) __attribute__((format(printf, 2, 3)));
void recorder_free(struct recorder **recorder);

#endif
