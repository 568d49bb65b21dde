/* How the test library fails a test: with the caller's place, what was asked and what came instead.
 *
 * Library calls that can fail are macros that pass HERE, so that Check names the line of the test and not of
 * the library. After a failure the janitor prints the tails of all logs and removes what the test left
 * (janitor.h). */
#ifndef ACKGATE_TEST_FAIL_H
#define ACKGATE_TEST_FAIL_H

struct place {
    const char *file;
    int line;
};

#define HERE ((struct place){__FILE__, __LINE__})

/* Ends the running test as failed (or, outside of a test, the program). */
void fail_at(struct place where, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

#endif
