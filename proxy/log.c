/* The log of log.h: formats a line on the stack, writes it with one system call. */
#include "proxy/log.h"

#include "proxy/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048, QUOTES = 8, QUOTE_MAX_BYTES = 208 };

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const int priorities[] = {LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR};

static struct {
    pthread_mutex_t mutex; /* guards path and fd while the file is changed */
    char path[4096];
    _Atomic int fd;
    _Atomic int level;
    _Atomic bool is_json;
    _Atomic bool is_journal; /* stderr is systemd's journal, which notes time and priority itself */
} sink = {.mutex = PTHREAD_MUTEX_INITIALIZER, .fd = STDERR_FILENO, .level = LOG_LEVEL_INFO};

/* Puts a fresh descriptor of `path` behind sink.fd; an old one of ours is replaced in place. */
static enum result open_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0)
        return RESULT_IO;
    int old = atomic_load(&sink.fd);
    if (old == STDERR_FILENO) {
        atomic_store(&sink.fd, fd);
        return RESULT_OK;
    }
    int status = dup3(fd, old, O_CLOEXEC);
    close(fd);
    return status < 0 ? RESULT_IO : RESULT_OK;
}

/* $JOURNAL_STREAM names the socket that the journal gave us as stderr, see systemd.exec(5). */
static bool is_stderr_journal(void)
{
    const char *text = getenv("JOURNAL_STREAM");
    unsigned long long device;
    unsigned long long inode;
    struct stat status;
    return text != NULL && sscanf(text, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &status) == 0 && status.st_dev == (dev_t)device &&
           status.st_ino == (ino_t)inode;
}

/* From a file back to stderr: our descriptor then stands for that, as other threads may be using it. */
static enum result use_stderr(void)
{
    int fd = atomic_load(&sink.fd);
    if (fd != STDERR_FILENO && dup3(STDERR_FILENO, fd, O_CLOEXEC) < 0)
        return RESULT_IO;
    sink.path[0] = '\0';
    atomic_store(&sink.is_journal, is_stderr_journal());
    return RESULT_OK;
}

static enum result use_file(const char *file)
{
    if (strlen(file) >= sizeof(sink.path))
        return RESULT_TOO_LARGE;
    enum result result = open_file(file);
    if (result == RESULT_OK) {
        strcpy(sink.path, file);
        atomic_store(&sink.is_journal, false);
    }
    return result;
}

enum result log_open(const char *file, enum log_level level, bool is_json)
{
    pthread_mutex_lock(&sink.mutex);
    enum result result = file == NULL || file[0] == '\0' ? use_stderr() : use_file(file);
    if (result == RESULT_OK)
        log_settings(level, is_json);
    pthread_mutex_unlock(&sink.mutex);
    return result;
}

enum result log_reopen(void)
{
    pthread_mutex_lock(&sink.mutex);
    enum result result = sink.path[0] == '\0' ? RESULT_OK : open_file(sink.path);
    pthread_mutex_unlock(&sink.mutex);
    return result;
}

void log_set_level(enum log_level level)
{
    atomic_store(&sink.level, (int)level);
}

void log_settings(enum log_level level, bool is_json)
{
    log_set_level(level);
    atomic_store(&sink.is_json, is_json);
}

static void format_time(char *ret_text, size_t text_max)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm parts;
    gmtime_r(&now.tv_sec, &parts);
    size_t length = strftime(ret_text, text_max, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(ret_text + length, text_max - length, ".%03ldZ", now.tv_nsec / 1000000);
}

/* Appends text as the inside of a JSON string, as far as it fits. */
static size_t append_json(char *line, size_t at, size_t room, const char *text)
{
    for (; *text != '\0' && at + 8 < room; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            at += (size_t)snprintf(line + at, room - at, "\\%c", byte);
        else if (byte < 0x20)
            at += (size_t)snprintf(line + at, room - at, "\\u%04x", byte);
        else
            line[at++] = (char)byte;
    }
    line[at] = '\0';
    return at;
}

static size_t format_json(char *line, size_t room, const char *when, enum log_level level, const char *object,
                          const char *message)
{
    size_t at = (size_t)snprintf(line, room, "{\"time\":\"%s\",\"level\":\"%s\",\"object\":\"", when,
                                 level_names[level]);
    at = append_json(line, at, room - 64, object);
    at += (size_t)snprintf(line + at, room - at, "\",\"message\":\"");
    at = append_json(line, at, room - 8, message);
    at += (size_t)snprintf(line + at, room - at, "\"}\n");
    return at;
}

/* Returns what the line would have taken with room enough. */
static size_t format_line(char *line, size_t room, enum log_level level, const char *object,
                          const char *message)
{
    bool is_journal = atomic_load_explicit(&sink.is_journal, memory_order_relaxed);
    char when[40];
    format_time(when, sizeof(when));
    size_t at = is_journal ? (size_t)snprintf(line, room, "<%d>", priorities[level]) : 0;
    if (atomic_load_explicit(&sink.is_json, memory_order_relaxed))
        return at + format_json(line + at, room - at, when, level, object, message);
    if (!is_journal)
        at += (size_t)snprintf(line + at, room - at, "%s ", when);
    return at + (size_t)snprintf(line + at, room - at, "%-5s %s: %s\n", level_names[level], object, message);
}

void log_line(enum log_level level, const char *object, const char *format, ...)
{
    if ((int)level < atomic_load_explicit(&sink.level, memory_order_relaxed))
        return;
    int saved_errno = errno;
    char message[LINE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);

    char line[LINE_MAX_BYTES + 512];
    size_t length = format_line(line, sizeof(line), level, object, message);
    if (length >= sizeof(line)) {
        length = sizeof(line) - 1;
        line[length - 1] = '\n';
    }
    ssize_t ignored = write(atomic_load(&sink.fd), line, length); /* nowhere to report a log that fails */
    (void)ignored;
    errno = saved_errno;
}

const char *log_quote(struct span span)
{
    static _Thread_local char texts[QUOTES][QUOTE_MAX_BYTES];
    static _Thread_local unsigned next;
    char *text = texts[next++ % QUOTES];
    size_t at = 0;
    for (size_t i = 0; i < span.length; i++) {
        if (at + 8 >= QUOTE_MAX_BYTES) {
            memcpy(text + at, "...", 4);
            return text;
        }
        uint8_t byte = span.data[i];
        if (byte >= 0x20 && byte < 0x7F && byte != '\\')
            text[at++] = (char)byte;
        else
            at += (size_t)snprintf(text + at, QUOTE_MAX_BYTES - at, "\\x%02x", byte);
    }
    text[at] = '\0';
    return text;
}

const char *log_quote_text(const char *text)
{
    return log_quote(span_of_text(text));
}

bool log_limit_allows(struct log_limit *limit, unsigned burst, uint64_t period_ms, unsigned *ret_suppressed)
{
    uint64_t now_ms = clock_monotonic_ms();
    *ret_suppressed = 0;
    if (limit->window_started_ms == 0 || now_ms - limit->window_started_ms >= period_ms) {
        *ret_suppressed = limit->suppressed;
        *limit = (struct log_limit){.window_started_ms = now_ms};
    }
    if (limit->in_window >= burst) {
        limit->suppressed++;
        return false;
    }
    limit->in_window++;
    return true;
}

void log_limited(struct log_limit *limit, enum log_level level, const char *object, const char *format, ...)
{
    char message[LINE_MAX_BYTES];
    unsigned left_out;
    if ((int)level < atomic_load_explicit(&sink.level, memory_order_relaxed) ||
        !log_limit_allows(limit, LOG_LIMITED_BURST, LOG_LIMITED_PERIOD_MS, &left_out))
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (left_out > 0)
        log_line(level, object, "%s (%u lines like this one were left out)", message, left_out);
    else
        log_line(level, object, "%s", message);
}
