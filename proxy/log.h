/*
 * The log: one line for each thing that happened, the object's name first.
 *
 *     2026-03-01T10:00:00.123Z warn  replica r1: connection lost: closed by the peer
 *
 * `object` is "source", "replica r1", "session 17 app@10.0.0.5" and the like. Bytes from the network or the
 * disk go through log_quote() before they become an argument. Lines from any thread are whole: each is one
 * write. To systemd's journal, which notes time and priority itself, a line has the priority in front (<4>)
 * in place of the time.
 */
#ifndef ACKGATE_PROXY_LOG_H
#define ACKGATE_PROXY_LOG_H

#include "protocol/reader.h"

#include <stdbool.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* Lines go to stderr until this; file NULL or "" means stderr. RESULT_IO leaves everything as it was. */
MUST_CHECK enum result log_open(const char *file, enum log_level level, bool is_json);
MUST_CHECK enum result log_reopen(void); /* after the file was moved away; a no-op on stderr */
void log_settings(enum log_level level, bool is_json);
void log_set_level(enum log_level level);

__attribute__((format(printf, 3, 4))) void log_line(enum log_level level, const char *object,
                                                    const char *format, ...);

#define log_debug(object, ...) log_line(LOG_LEVEL_DEBUG, object, __VA_ARGS__)
#define log_info(object, ...)  log_line(LOG_LEVEL_INFO, object, __VA_ARGS__)
#define log_warn(object, ...)  log_line(LOG_LEVEL_WARN, object, __VA_ARGS__)
#define log_error(object, ...) log_line(LOG_LEVEL_ERROR, object, __VA_ARGS__)

/* A printable form of foreign bytes, cut at about 200 characters. Lives until the thread's eighth next call.
 */
const char *log_quote(struct span span);
const char *log_quote_text(const char *text);

/*
 * Lets through `burst` lines in each `period_ms` for what a peer could flood us with. When it opens again
 * *ret_suppressed says how many were dropped meanwhile.
 */
struct log_limit {
    uint64_t window_started_ms;
    unsigned in_window;
    unsigned suppressed;
};
bool log_limit_allows(struct log_limit *limit, unsigned burst, uint64_t period_ms, unsigned *ret_suppressed);
/*
 * A line that a peer can cause at will: at most LOG_LIMITED_BURST of them in LOG_LIMITED_PERIOD_MS; the first
 * one after that says how many were left out. A limit belongs to one thread: static _Thread_local, at the
 * call.
 */
enum { LOG_LIMITED_BURST = 10, LOG_LIMITED_PERIOD_MS = 10000 };
__attribute__((format(printf, 4, 5))) void log_limited(struct log_limit *limit, enum log_level level,
                                                       const char *object, const char *format, ...);

#endif
