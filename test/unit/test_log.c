/* layer: proxy
 *
 * The log's lines: whole, also from many threads; foreign bytes made harmless; JSON that is JSON; floods
 * limited; and a file that can be moved away.
 */
#include "proxy/log.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4, LINES = 500 };

static char dir[] = "/tmp/ackgate-log-XXXXXX";
static char path[64];
static char content[1024 * 1024];

static void start(enum log_level level, bool is_json)
{
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/log", dir);
    ck_assert_int_eq(log_open(path, level, is_json), RESULT_OK);
}

static const char *read_all(const char *file)
{
    FILE *in = fopen(file, "r");
    ck_assert_ptr_nonnull(in);
    content[fread(content, 1, sizeof(content) - 1, in)] = '\0';
    fclose(in);
    return content;
}

static void stop(void)
{
    unlink(path);
    rmdir(dir);
}

/* ---- quoting ---- */

static const struct {
    const char *bytes;
    size_t length;
    const char *quoted;
} quotes[] = {
    {"",                0,  ""                       },
    {"plain 'text' \"", 14, "plain 'text' \""        },
    {"a\nb\r\t\0c",     7,  "a\\x0ab\\x0d\\x09\\x00c"},
    {"\x1b[31m\x7f",    6,  "\\x1b[31m\\x7f"         },
    {"\xC3\xA4\xFF",    3,  "\\xc3\\xa4\\xff"        },
    {"\\x0a",           4,  "\\x5cx0a"               }, /* cannot be taken for an escape */
    {"%s%n",            4,  "%s%n"                   },
};

START_TEST(foreign_bytes_become_printable)
{
    struct span span = {(const uint8_t *)quotes[_i].bytes, quotes[_i].length};
    ck_assert_str_eq(log_quote(span), quotes[_i].quoted);
    if (strlen(quotes[_i].bytes) == quotes[_i].length)
        ck_assert_str_eq(log_quote_text(quotes[_i].bytes), quotes[_i].quoted);
}
END_TEST

START_TEST(a_quote_is_cut_and_eight_live_at_once)
{
    static uint8_t bytes[5000];
    for (size_t length = 0; length < 300; length++) {
        memset(bytes, length % 2 == 0 ? 'x' : 7, sizeof(bytes));
        const char *quoted = log_quote((struct span){bytes, length});
        ck_assert_uint_le(strlen(quoted), 208);
        if (length > 250)
            ck_assert_str_eq(quoted + strlen(quoted) - 3, "...");
    }
    const char *eight[8];
    for (int i = 0; i < 8; i++)
        eight[i] = log_quote((struct span){(const uint8_t *)"abcdefgh" + i, 1});
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(eight[i][0], 'a' + i);
}
END_TEST

/* ---- lines ---- */

START_TEST(a_line_says_when_how_bad_who_and_what)
{
    start(LOG_LEVEL_INFO, false);
    errno = EPERM;
    log_debug("source", "not shown");
    log_info("source", "number %d", 7);
    log_error("replica r1", "%s", log_quote_text("bad\n"));
    ck_assert_int_eq(errno, EPERM);
    char year[8];
    char rest[256];
    char second[256];
    ck_assert_int_eq(sscanf(read_all(path), "%5[0-9-]%*[0-9T:.-]Z %255[^\n]\n%*[0-9T:.-]Z %255[^\n]\n", year,
                            rest, second),
                     3);
    ck_assert_str_eq(rest, "info  source: number 7");
    ck_assert_str_eq(second, "error replica r1: bad\\x0a");
    stop();
}
END_TEST

/* stderr is a file here, as good as a socket: only its numbers are compared. */
static void log_to_stderr_as(const char *journal_stream)
{
    journal_stream != NULL ? setenv("JOURNAL_STREAM", journal_stream, 1) : unsetenv("JOURNAL_STREAM");
    ck_assert_int_eq(ftruncate(STDERR_FILENO, 0), 0);
    ck_assert_int_eq(log_open(NULL, LOG_LEVEL_DEBUG, false), RESULT_OK);
    log_warn("source", "lost");
    fsync(STDERR_FILENO);
    read_all(path);
}

START_TEST(the_journal_gets_priorities_and_no_time)
{
    start(LOG_LEVEL_INFO, false);
    ck_assert_ptr_nonnull(freopen(path, "a+", stderr));
    struct stat status;
    ck_assert_int_eq(fstat(STDERR_FILENO, &status), 0);
    char name[64];
    snprintf(name, sizeof(name), "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    log_to_stderr_as(name);
    log_debug("source", "1");
    log_info("source", "2");
    log_error("source", "3");
    ck_assert_str_eq(read_all(path),
                     "<4>warn  source: lost\n<7>debug source: 1\n<6>info  source: 2\n<3>error source: 3\n");
    log_settings(LOG_LEVEL_DEBUG, true);
    log_warn("source", "json");
    ck_assert_ptr_nonnull(strstr(read_all(path), "\n<4>{\"time\":\""));
    const char *others[] = {NULL, "", "1", "1:1", "x:y"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        log_to_stderr_as(others[i]);
        ck_assert_ptr_nonnull(strstr(content, "Z warn  source: lost\n"));
    }
    stop();
}
END_TEST

/* Where stderr is the journal, a file of our own has times all the same. */
START_TEST(a_file_is_not_the_journal)
{
    char other[] = "/tmp/ackgate-log-stderr-XXXXXX";
    int fd = mkstemp(other);
    ck_assert_int_ge(fd, 0);
    struct stat status;
    ck_assert_int_eq(fstat(fd, &status), 0);
    char name[64];
    snprintf(name, sizeof(name), "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    close(fd);
    unlink(other);
    setenv("JOURNAL_STREAM", name, 1);
    ck_assert_int_eq(log_open(NULL, LOG_LEVEL_INFO, false), RESULT_OK);
    start(LOG_LEVEL_INFO, false);
    log_info("source", "in a file");
    ck_assert_ptr_null(strstr(read_all(path), "<6>"));
    ck_assert_ptr_nonnull(strstr(content, "Z info  source: in a file\n"));
    stop();
}
END_TEST

START_TEST(the_level_can_change)
{
    start(LOG_LEVEL_ERROR, false);
    log_warn("x", "one");
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("x", "two");
    ck_assert_ptr_null(strstr(read_all(path), "one"));
    ck_assert_ptr_nonnull(strstr(content, "debug x: two"));
    log_settings(LOG_LEVEL_WARN, true);
    log_info("x", "three");
    log_warn("x", "four");
    ck_assert_ptr_null(strstr(read_all(path), "three"));
    ck_assert_ptr_nonnull(strstr(content, "\"message\":\"four\""));
    stop();
}
END_TEST

/* Too long a line ends with a newline all the same, in both formats, at every length around the bound. */
START_TEST(a_long_line_is_cut_and_whole)
{
    static char text[4000];
    start(LOG_LEVEL_INFO, _i >= 2);
    size_t count = 0;
    for (size_t length = 1900; length < 2600; length += 7, count++) {
        memset(text, _i % 2 == 0 ? 'x' : '"', length);
        text[length] = '\0';
        log_info(_i % 2 == 0 ? "object" : text, "%s", text);
    }
    size_t lines = 0;
    for (const char *line = read_all(path); *line != '\0'; lines++) {
        const char *end = strchr(line, '\n');
        ck_assert_ptr_nonnull(end);
        if (_i >= 2)
            ck_assert_int_eq(strncmp(end - 2, "\"}", 2), 0);
        line = end + 1;
    }
    ck_assert_uint_eq(lines, count);
    stop();
}
END_TEST

START_TEST(json_is_escaped)
{
    start(LOG_LEVEL_INFO, true);
    log_warn("session \"1\"", "a\\b \"c\" \n\t\x01 d");
    const char *line = read_all(path);
    ck_assert_int_eq(strncmp(line, "{\"time\":\"2", 10), 0);
    ck_assert_ptr_nonnull(strstr(line, "\"level\":\"warn\",\"object\":\"session \\\"1\\\"\","
                                       "\"message\":\"a\\\\b \\\"c\\\" \\u000a\\u0009\\u0001 d\"}\n"));
    stop();
}
END_TEST

static void *write_lines(void *argument)
{
    char text[200];
    memset(text, *(const char *)argument, sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < LINES; i++)
        log_info("thread", "%s", text);
    return NULL;
}

START_TEST(lines_of_many_threads_are_whole)
{
    static const char letters[] = "abcd";
    pthread_t threads[THREADS];
    start(LOG_LEVEL_INFO, false);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_lines, (void *)(uintptr_t)&letters[i]), 0);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(log_reopen(), RESULT_OK); /* meanwhile */
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    int lines = 0;
    for (const char *line = read_all(path); *line != '\0'; lines++) {
        const char *text = strstr(line, ": ") + 2;
        ck_assert_uint_eq(strspn(text, (char[]){*text, '\0'}), 199);
        ck_assert_int_eq(text[199], '\n');
        line = text + 200;
    }
    ck_assert_int_eq(lines, THREADS * LINES);
    stop();
}
END_TEST

/* ---- files ---- */

START_TEST(a_file_that_was_moved_away_is_made_again)
{
    char moved[80];
    start(LOG_LEVEL_INFO, false);
    snprintf(moved, sizeof(moved), "%s.1", path);
    log_info("x", "first");
    ck_assert_int_eq(rename(path, moved), 0);
    log_info("x", "second");
    ck_assert_int_eq(log_reopen(), RESULT_OK);
    log_info("x", "third");
    ck_assert_ptr_nonnull(strstr(read_all(moved), "second"));
    ck_assert_ptr_null(strstr(content, "third"));
    ck_assert_ptr_nonnull(strstr(read_all(path), "third"));
    unlink(moved);
    stop();
}
END_TEST

START_TEST(a_file_that_cannot_be_opened_changes_nothing)
{
    char wrong[80];
    char too_long[5000];
    start(LOG_LEVEL_INFO, false);
    snprintf(wrong, sizeof(wrong), "%s/none/log", dir);
    memset(too_long, 'x', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = '\0';
    ck_assert_int_eq(log_open(wrong, LOG_LEVEL_ERROR, true), RESULT_IO);
    ck_assert_int_eq(log_open(too_long, LOG_LEVEL_ERROR, true), RESULT_TOO_LARGE);
    log_info("x", "still there");
    ck_assert_ptr_nonnull(strstr(read_all(path), "info  x: still there"));
    stop();
}
END_TEST

/* ---- floods ---- */

START_TEST(a_flood_is_limited_and_counted)
{
    struct log_limit limit = {0};
    unsigned suppressed = 99;
    for (int i = 0; i < 3; i++) {
        ck_assert(log_limit_allows(&limit, 3, 60000, &suppressed));
        ck_assert_uint_eq(suppressed, 0);
    }
    for (int i = 0; i < 10; i++)
        ck_assert(!log_limit_allows(&limit, 3, 60000, &suppressed));
    /* the period passes: it opens, and says once how many there were */
    ck_assert(log_limit_allows(&limit, 3, 0, &suppressed));
    ck_assert_uint_eq(suppressed, 10);
    ck_assert(log_limit_allows(&limit, 3, 60000, &suppressed));
    ck_assert_uint_eq(suppressed, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tests = tcase_create("log");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, foreign_bytes_become_printable, 0, sizeof(quotes) / sizeof(quotes[0]));
    tcase_add_test(tests, a_quote_is_cut_and_eight_live_at_once);
    tcase_add_test(tests, a_line_says_when_how_bad_who_and_what);
    tcase_add_test(tests, the_journal_gets_priorities_and_no_time);
    tcase_add_test(tests, a_file_is_not_the_journal);
    tcase_add_test(tests, the_level_can_change);
    tcase_add_loop_test(tests, a_long_line_is_cut_and_whole, 0, 4);
    tcase_add_test(tests, json_is_escaped);
    tcase_add_test(tests, lines_of_many_threads_are_whole);
    tcase_add_test(tests, a_file_that_was_moved_away_is_made_again);
    tcase_add_test(tests, a_file_that_cannot_be_opened_changes_nothing);
    tcase_add_test(tests, a_flood_is_limited_and_counted);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
