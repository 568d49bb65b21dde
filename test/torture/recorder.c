/* The history file, see recorder.h. */
#include "test/torture/recorder.h"

#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include "protocol/xalloc.h"

struct recorder {
    FILE *file;
    uint64_t start_us;
    pthread_mutex_t lock;
};

static uint64_t clock_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

struct recorder *recorder_new(const char *path)
{
    struct recorder *recorder = xcalloc(1, sizeof *recorder);

    recorder->file = fopen(path, "we");
    ck_assert_msg(recorder->file != NULL, "%s: %m", path);
    recorder->start_us = clock_us();
    (void)pthread_mutex_init(&recorder->lock, NULL);
    return recorder;
}

uint64_t recorder_now_us(const struct recorder *recorder)
{
    return clock_us() - recorder->start_us;
}

void recorder_put(struct recorder *recorder, struct op op, const char *lists)
{
    op.returned_us = recorder_now_us(recorder);
    (void)pthread_mutex_lock(&recorder->lock);
    history_print_op(recorder->file, &op);
    (void)fprintf(recorder->file, "%s\n", lists);
    (void)pthread_mutex_unlock(&recorder->lock);
}

/* On one line, whatever it says. */
void recorder_say(struct recorder *recorder, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        abort();
    va_end(args);
    for (char *at = text; *at; at++)
        if (*at == '\n')
            *at = ' ';
    (void)pthread_mutex_lock(&recorder->lock);
    (void)fprintf(recorder->file, "# %" PRIu64 " %s\n", recorder_now_us(recorder), text);
    (void)fflush(recorder->file);
    (void)pthread_mutex_unlock(&recorder->lock);
    free(text);
}

void recorder_free(struct recorder **recorder)
{
    (void)fclose((*recorder)->file);
    (void)pthread_mutex_destroy(&(*recorder)->lock);
    free(*recorder);
    *recorder = NULL;
}
