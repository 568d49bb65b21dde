/* Words of the texts of tail_text.h: taking a line apart, and writing values so that they are one word. */
#ifndef ACKGATE_RECOVERY_TAIL_WORDS_H
#define ACKGATE_RECOVERY_TAIL_WORDS_H

#include "protocol/position.h"

#include <stdio.h>

/* Cuts the next line (without its newline), or the next word (up to a blank), off the text. An empty span
 * when there is none left; a last line without a newline counts as one. */
struct span words_line(struct span *text);
struct span words_next(struct span *line);

bool words_number(struct span word, uint64_t max, uint64_t *ret_number);      /* decimal digits only */
bool words_hex32(struct span word, uint32_t *ret_number);                     /* 8 lower-case digits */
bool words_pair(struct span word, uint64_t *ret_first, uint64_t *ret_second); /* "2:157" */
/* The next word of the line has to be key=value. */
bool words_value(struct span *line, const char *key, struct span *ret_value);

/* %XX: see tail_text.h. Decoding fails on what encoding would not have written, and on what does not fit. */
void words_encode(FILE *out, const char *text);
bool words_decode(struct span word, char *ret_text, size_t text_max);

#endif
