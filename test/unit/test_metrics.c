/* layer: proxy
 *
 * The little HTTP that the metrics port speaks: whole, partial, foreign and hostile requests.
 */
#include "proxy/metrics_http.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *bytes;
    enum result result;
    const char *path;
    bool is_head;
} rows[] = {
    {"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", RESULT_OK,          "/metrics", false},
    {"GET /readyz?full=1 HTTP/1.0\n\n",          RESULT_OK,          "/readyz",  false},
    {"HEAD / HTTP/1.1\r\n\r\n",                  RESULT_OK,          "/",        true },
    {"GET /metrics HTTP/1.1\r\nHost: a\r\n",     RESULT_AGAIN,       "",         false},
    {"",                                         RESULT_AGAIN,       "",         false},
    {"POST /metrics HTTP/1.1\r\n\r\n",           RESULT_UNSUPPORTED, "",         false},
    {"get /metrics HTTP/1.1\r\n\r\n",            RESULT_UNSUPPORTED, "",         false},
    {"GET /metrics HTTP/2\r\n\r\n",              RESULT_MALFORMED,   "",         false},
    {"GET /metrics\r\n\r\n",                     RESULT_MALFORMED,   "",         false},
    {"GET metrics HTTP/1.1\r\n\r\n",             RESULT_MALFORMED,   "",         false},
    {"GET  HTTP/1.1\r\n\r\n",                    RESULT_MALFORMED,   "",         false},
    {"\r\n\r\n",                                 RESULT_MALFORMED,   "",         false},
    {"\x16\x03\x01\n\n",                         RESULT_MALFORMED,   "",         false},
};

START_TEST(test_requests)
{
    struct http_request request;
    enum result result = http_request_decode(span_of_text(rows[_i].bytes), &request);
    ck_assert_int_eq(result, rows[_i].result);
    if (result != RESULT_OK)
        return;
    ck_assert(span_is_text(request.path, rows[_i].path));
    ck_assert_int_eq(request.is_head, rows[_i].is_head);
    for (size_t length = 0; length < strlen(rows[_i].bytes) - 1; length++) {
        struct span cut = {(const uint8_t *)rows[_i].bytes, length};
        ck_assert_int_eq(http_request_decode(cut, &request), RESULT_AGAIN);
    }
}
END_TEST

START_TEST(test_responses)
{
    size_t length;
    struct http_response response = http_response_of_text(503, "down\n");
    char *head = http_head_format(&response, &length);
    ck_assert_uint_eq(length, strlen(head));
    ck_assert(strncmp(head, "HTTP/1.1 503 Service Unavailable\r\n", 34) == 0);
    ck_assert_ptr_nonnull(strstr(head, "Content-Length: 5\r\n"));
    ck_assert_str_eq(strstr(head, "\r\n\r\n"), "\r\n\r\n");
    free(head);
    http_response_release(&response);
    response = http_response_of_owned(200, "a/b", strdup("text"));
    head = http_head_format(&response, &length);
    ck_assert_ptr_nonnull(strstr(head, "Content-Type: a/b\r\nContent-Length: 4\r\n"));
    ck_assert_ptr_nonnull(strstr(head, "default-src 'none'"));
    free(head);
    http_response_release(&response);
    ck_assert_ptr_null(response.owned);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tcase = tcase_create("http");
    tcase_add_loop_test(tcase, test_requests, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tcase, test_responses);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
