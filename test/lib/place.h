/* Where tests put things: directories of their own, TCP ports nobody else takes, small files. */
#ifndef ACKGATE_TEST_PLACE_H
#define ACKGATE_TEST_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A new directory under $TMPDIR (default /tmp), removed after the test. */
void place_make_dir(const char *name, char *ret_dir, size_t max);
/* A port on 127.0.0.1 that stays reserved for this process among all test programs; below the kernel's own
 * range. */
uint16_t place_free_port(void);

/* The whole file with a final NUL, to be freed; NULL if it can't be read. */
char *place_read_file(const char *path, size_t *ret_size);
void place_write_file(const char *path, const char *text, unsigned mode);
/* True if the file has the text at or after this offset. */
bool place_file_has(const char *path, long from, const char *text);
/* The same as a text that lives as long as the process; "" if it can't be read. */
const char *place_text(const char *path);
/* printf into memory that lives as long as the process. */
char *place_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
