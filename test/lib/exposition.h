/* Whether a text is valid in Prometheus' text format 0.0.4 and by the rules of `promtool check metrics`, and
 * bounded: only labels that ackgate's operator chose the values of, or ackgate itself. */
#ifndef ACKGATE_TEST_EXPOSITION_H
#define ACKGATE_TEST_EXPOSITION_H

#include "test/lib/fail.h"

/* Fails the test with the line that is wrong. */
#define exposition_assert_valid(text) exposition_assert_valid_at(HERE, text)
void exposition_assert_valid_at(struct place where, const char *text);

/* Fails unless every name ackgate_… in the file is a sample in the exposition. */
#define exposition_assert_has_names_of(text, path) exposition_assert_has_names_of_at(HERE, text, path)
void exposition_assert_has_names_of_at(struct place where, const char *text, const char *path);

#endif
