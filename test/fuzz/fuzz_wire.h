/* For the fuzz targets of connections: a loop whose turns are taken by hand, and a peer that writes whatever
 * bytes and reads, without looking, what comes back. */
#ifndef ACKGATE_TEST_FUZZ_WIRE_H
#define ACKGATE_TEST_FUZZ_WIRE_H

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proxy/log.h"
#include "proxy/loop.h"
#include "test/fuzz/fuzz.h"

enum { FUZZ_TURNS = 3 };

static inline void fuzz_turns(struct loop *loop, int count)
{
    for (int i = 0; i < count; i++)
        event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
}

static inline void fuzz_pair(int ret_fds[2])
{
    fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_fds) == 0);
    (void)fcntl(ret_fds[1], F_SETFL, O_NONBLOCK);
}

static inline void fuzz_hear(int fd)
{
    static uint8_t bytes[65536];

    while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
}

/* Writes what fits, lets the loop have its turns, and reads what came back. */
static inline void fuzz_say(struct loop *loop, int fd, struct span bytes)
{
    if (bytes.length > 0)
        (void)!send(fd, bytes.data, bytes.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    fuzz_turns(loop, FUZZ_TURNS);
    fuzz_hear(fd);
}

/* A payload as a packet with this number. */
static inline void fuzz_say_packet(struct loop *loop, int fd, struct span payload, uint8_t sequence)
{
    uint8_t *packet = xmalloc(payload.length + 4);

    packet[0] = (uint8_t)payload.length;
    packet[1] = (uint8_t)(payload.length >> 8);
    packet[2] = (uint8_t)(payload.length >> 16);
    packet[3] = sequence;
    if (payload.length > 0)
        memcpy(packet + 4, payload.data, payload.length);
    fuzz_say(loop, fd, (struct span){packet, payload.length + 4});
    free(packet);
}

/* The input is cut into pieces: a byte that says what it is, two for its length (little-endian), and its
 * bytes. False: there is none left. */
static inline bool fuzz_next_piece(struct reader *reader, uint8_t *ret_what, struct span *ret_bytes)
{
    if (reader_left(reader) < 3)
        return false;
    *ret_what = reader_u8(reader);
    size_t length = reader_u16(reader);
    *ret_bytes = reader_bytes(reader, length < reader_left(reader) ? length : reader_left(reader));
    return true;
}

/* The folder that a target has made goes with it, at a good end. */
static char *fuzz_folder[4];

static inline void fuzz_remove_folders(void)
{
    char command[128];

    for (size_t i = 0; i < 4 && fuzz_folder[i] != NULL; i++) {
        (void)snprintf(command, sizeof command, "rm -rf -- '%s'", fuzz_folder[i]);
        (void)!system(command);
        free(fuzz_folder[i]);
    }
}

static inline void fuzz_remove_at_exit(const char *folder)
{
    size_t i = 0;

    while (fuzz_folder[i] != NULL)
        i++;
    fuzz_folder[i] = xstrdup(folder);
    if (i == 0)
        (void)atexit(fuzz_remove_folders);
}

static inline int fuzz_connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    fuzz_check(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* A login without a password, as the first packet after the greeting. */
static inline void fuzz_log_in(struct loop *loop, int fd, const char *user)
{
    static const uint8_t head[32] = {0x05, 0xa6, 0x8e, 0x01, 0, 0, 0, 1, 45};
    uint8_t payload[128];
    size_t user_bytes = strlen(user) + 1;

    memcpy(payload, head, sizeof head);
    memcpy(payload + 32, user, user_bytes);
    payload[32 + user_bytes] = 0;
    size_t length = 32 + user_bytes + 1;
    memcpy(payload + length, "caching_sha2_password", 22);
    length += 22;
    payload[length++] = 0; /* no attributes */
    fuzz_turns(loop, FUZZ_TURNS);
    fuzz_hear(fd);
    fuzz_say_packet(loop, fd, (struct span){payload, length}, 1);
}

#endif
