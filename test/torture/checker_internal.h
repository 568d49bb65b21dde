/* What the checker's parts share: what remained at the end, who appended what, and where findings go. */
#ifndef ACKGATE_TEST_CHECKER_INTERNAL_H
#define ACKGATE_TEST_CHECKER_INTERNAL_H

#include "test/torture/checker.h"

/* One list as it remained. */
struct remains {
    uint32_t key;
    const uint32_t *values;
    size_t count;
    uint64_t *invoked_us; /* the latest invocation among the appends of the first i + 1 values */
};

/* One append that may have happened, and its places in the lists that remained. */
struct written {
    uint32_t value;
    const struct op *op;
    size_t place[KEYS_OF_APPEND_MAX]; /* NOWHERE: it is not there */
};

#define NOWHERE SIZE_MAX

struct checker {
    const struct history *history;
    struct findings *findings;
    const struct op *end;  /* what remained */
    struct remains *lists; /* by key */
    size_t list_count;
    struct written *written; /* by value */
    size_t written_count;
};

void checker_note(struct checker *checker, enum anomaly anomaly, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* NULL if there is none. */
const struct remains *checker_list(const struct checker *checker, uint32_t key);
const struct written *checker_written(const struct checker *checker, uint32_t value);
bool checker_has(const uint32_t *values, size_t count, uint32_t value);

/* Builds lists and written; notes duplicates and what nobody has written. */
void checker_index(struct checker *checker);
void checker_index_release(struct checker *checker);
/* Real time, for lists and for the set. */
void checker_check_time(struct checker *checker);
void checker_check_set(struct checker *checker);
/* XA transactions. */
void checker_check_prepared(struct checker *checker);

#endif
