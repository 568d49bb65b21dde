/* layer: proxy
 *
 * The status page's files, as they are in the program: whole, and with nothing in them that its
 * Content-Security-Policy would refuse, or that would put text from outside into the page as HTML.
 */
#include "proxy/page.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const paths[] = {"/", "/page.css", "/page.js", "/cards.js", "/plot.js", "/icon.svg"};

static char *text_of(const char *path)
{
    struct page_file file;
    ck_assert_msg(page_find(span_of_text(path), &file), "there is no %s", path);
    ck_assert_uint_gt(file.bytes.length, 100);
    return strndup((const char *)file.bytes.data, file.bytes.length);
}

START_TEST(test_files)
{
    char name[100];
    struct page_file file;
    snprintf(name, sizeof(name), "proxy/page/%s", strcmp(paths[_i], "/") == 0 ? "index.html" : paths[_i] + 1);
    char *text = text_of(paths[_i]);
    FILE *in = fopen(name, "r");
    if (in != NULL) { /* from the repository's root */
        char *read = calloc(1, strlen(text) + 2);
        ck_assert_uint_eq(fread(read, 1, strlen(text) + 1, in), strlen(text));
        ck_assert_str_eq(read, text);
        free(read);
        fclose(in);
    }
    free(text);
    ck_assert(!page_find(span_of_text("/index.html"), &file));
    ck_assert(!page_find(span_of_text("/page.js/"), &file));
}
END_TEST

START_TEST(test_nothing_that_is_refused)
{
    static const char *const never[] = {"innerHTML", "outerHTML", "insertAdjacent", "document.write",
                                        "eval(",     "https://",  "style=\"",       "onclick",
                                        "<style",    "//cdn",     "@import",        "url("};
    char *text = text_of(paths[_i]);
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        ck_assert_msg(strstr(text, never[i]) == NULL, "%s has %s in it", paths[_i], never[i]);
    for (const char *at = strstr(text, "http://"); at != NULL; at = strstr(at + 1, "http://"))
        ck_assert_msg(strncmp(at, "http://www.w3.org/2000/svg", 26) == 0, "%s: %.40s", paths[_i], at);
    free(text);
}
END_TEST

/* Whatever follows src=", href=" or from "./ is one of the files, or another path of the port. */
static void check_references(const char *text, const char *before)
{
    static const char *const others[] = {"metrics", "status.json", "readyz"};
    for (const char *at = strstr(text, before); at != NULL; at = strstr(at + 1, before)) {
        char path[50] = "/";
        struct page_file file;
        const char *name = at + strlen(before);
        snprintf(path + 1, sizeof(path) - 1, "%.*s", (int)strcspn(name, "\""), name);
        bool is_known = page_find(span_of_text(path), &file);
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
            is_known = is_known || strcmp(path + 1, others[i]) == 0;
        ck_assert_msg(is_known, "%s is not there", path);
    }
}

START_TEST(test_references)
{
    char *text = text_of(paths[_i]);
    check_references(text, " src=\"");
    check_references(text, " href=\"");
    check_references(text, " from \"./");
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("page");
    TCase *tcase = tcase_create("page");
    int count = (int)(sizeof(paths) / sizeof(paths[0]));
    tcase_add_loop_test(tcase, test_files, 0, count);
    tcase_add_loop_test(tcase, test_nothing_that_is_refused, 0, count);
    tcase_add_loop_test(tcase, test_references, 0, count);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
