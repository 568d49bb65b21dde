/* The frames of a compressed connection for a raw client: raw_compress() in raw_client.h, and what
 * raw_client.c asks of it. */
#ifndef ACKGATE_TEST_RAW_FRAMES_H
#define ACKGATE_TEST_RAW_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/compressed.h"
#include "test/lib/raw_client.h"

/* One frame with the first of the bytes; adds to *ret_taken how many. */
size_t raw_frames_wrap(struct raw_client *client, const uint8_t *bytes, size_t size,
                       uint8_t ret_frame[COMPRESSED_FRAME_MAX], size_t *ret_taken);
/* As recv(): -1 with EAGAIN if no frame's bytes are there yet. */
ssize_t raw_frames_receive(struct raw_client *client, uint8_t *bytes, size_t room);
bool raw_frames_has_rest(const struct raw_client *client);
void raw_frames_release(struct raw_client *client);

#endif
