/* Directories, ports and files of a test, see place.h. */
#include "test/lib/place.h"

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/xalloc.h"
#include "test/lib/janitor.h"

/* Below net.ipv4.ip_local_port_range, so that no outgoing connection takes a port between our runs of a
 * server. */
enum { PORT_MIN = 12000, PORT_MAX = 32000 };

void place_make_dir(const char *name, char *ret_dir, size_t max)
{
    const char *parent = getenv("TMPDIR");
    char path[96];

    int length =
        snprintf(path, sizeof path, "%s/ackgate-%s-XXXXXX", parent && *parent ? parent : "/tmp", name);
    /* a UNIX socket's path holds 107 characters */
    ck_assert_msg(length > 0 && (size_t)length < sizeof path && (size_t)length < max, "TMPDIR is too long");
    ck_assert_msg(mkdtemp(path) != NULL, "mkdtemp %s: %m", path);
    (void)snprintf(ret_dir, max, "%s", path);
    janitor_remove_dir(ret_dir);
}

/* The lock lasts as long as the process: its descriptor is never closed. */
static bool lock_port(uint16_t port)
{
    char path[80];

    (void)snprintf(path, sizeof path, "/tmp/ackgate-ports-%u", (unsigned)getuid());
    (void)mkdir(path, 0755);
    (void)snprintf(path, sizeof path, "/tmp/ackgate-ports-%u/%u", (unsigned)getuid(), port);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    ck_assert_msg(fd >= 0, "open %s: %m", path);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    (void)close(fd);
    return false;
}

static bool is_port_free(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1;

    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_msg(fd >= 0, "socket: %m");
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool is_free = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    (void)close(fd);
    return is_free;
}

uint16_t place_free_port(void)
{
    static unsigned next;

    if (next == 0)
        next = (unsigned)getpid() * 16;
    for (unsigned tries = 0; tries < PORT_MAX - PORT_MIN; tries++) {
        uint16_t port = (uint16_t)(PORT_MIN + next++ % (PORT_MAX - PORT_MIN));
        if (lock_port(port) && is_port_free(port))
            return port;
    }
    ck_abort_msg("no free port from %d to %d", PORT_MIN, PORT_MAX);
}

char *place_read_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;

    char *text = NULL;
    size_t size = 0, max = 0, got;
    do {
        if (max - size < 65536) {
            max = max * 2 + 131072;
            text = xrealloc(text, max + 1);
        }
        got = fread(text + size, 1, max - size, file);
        size += got;
    } while (got > 0);
    (void)fclose(file);
    text[size] = '\0';
    if (ret_size)
        *ret_size = size;
    return text;
}

void place_write_file(const char *path, const char *text, unsigned mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    ck_assert_msg(fd >= 0, "open %s: %m", path);
    ck_assert_msg(fchmod(fd, mode) == 0, "chmod %s: %m", path);
    ck_assert_msg(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "write %s: %m", path);
    ck_assert_int_eq(close(fd), 0);
}

bool place_file_has(const char *path, long from, const char *text)
{
    size_t size;
    char *all = place_read_file(path, &size);

    if (!all)
        return false;
    size_t start = (size_t)from < size ? (size_t)from : size;
    bool has = memmem(all + start, size - start, text, strlen(text)) != NULL;
    free(all);
    return has;
}

/* Kept in a list that stays reachable, so that the leak checker has nothing to say. */
struct kept_text {
    struct kept_text *next;
    char *text;
};

static struct kept_text *kept_texts;

char *place_format(const char *format, ...)
{
    struct kept_text *kept = xmalloc(sizeof *kept);
    va_list args;

    va_start(args, format);
    ck_assert_int_ge(vasprintf(&kept->text, format, args), 0);
    va_end(args);
    kept->next = kept_texts;
    kept_texts = kept;
    return kept->text;
}

const char *place_text(const char *path)
{
    char *text = place_read_file(path, NULL);
    const char *kept = place_format("%s", text ? text : "");

    free(text);
    return kept;
}
