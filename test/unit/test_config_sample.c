/* layer: proxy
 *
 * The sample config and the manual tell the truth: they have every key of the table and no other, with the
 * default and the reload behaviour that the code has. So does ackgate.cnf(5).
 */
#include "proxy/config_key.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLE_MAX = 64 * 1024 };

static char sample[SAMPLE_MAX];
static char *lines[2000];
static size_t line_count;

static void read_text(const char *path, char text[SAMPLE_MAX])
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "%s cannot be read: run from the repository's root\n", path);
        exit(EXIT_FAILURE);
    }
    size_t length = fread(text, 1, SAMPLE_MAX - 1, file);
    fclose(file);
    text[length] = '\0';
}

static void read_sample(void)
{
    read_text("conf/ackgate.cnf", sample);
    for (char *line = strtok(sample, "\n"); line != NULL; line = strtok(NULL, "\n"))
        lines[line_count++] = line;
}

/* "#name = value" or "name = value": the key's name, else false. */
static bool parse_key(const char *line, char name[64], const char **value)
{
    int length = 0;
    if (*line == '#')
        line++;
    if (sscanf(line, "%63[a-z_]%n", name, &length) != 1 || strncmp(line + length, " =", 2) != 0)
        return false;
    *value = line + length + 2 + (line[length + 2] == ' ');
    return true;
}

static void expected_comment(const struct config_key *key, char text[256])
{
    const char *value = key->default_text[0] != '\0' ? key->default_text : "none";
    snprintf(text, 256, "# Default: %s. Reload: %s.", value, key->is_reloadable ? "yes" : "no");
}

START_TEST(test_every_key_of_the_sample_is_in_the_code_with_its_default)
{
    char section[64] = "";
    for (size_t i = 0; i < line_count; i++) {
        char name[64];
        const char *value;
        if (lines[i][0] == '[')
            sscanf(lines[i], "[%63[a-z]", section);
        if (section[0] == '\0' || !parse_key(lines[i], name, &value))
            continue;
        size_t key = config_key_find(section, name);
        ck_assert_msg(key < config_key_count(), "[%s] %s is in the sample, not in the code", section, name);
        char comment[256];
        expected_comment(&config_keys[key], comment);
        ck_assert_msg(strcmp(lines[i - 1], comment) == 0, "[%s] %s: \"%s\" should be \"%s\"", section, name,
                      lines[i - 1], comment);
        if (lines[i][0] == '#')
            ck_assert_str_eq(value, config_keys[key].default_text);
    }
}
END_TEST

START_TEST(test_every_key_of_the_code_is_in_the_sample)
{
    for (size_t key = 0; key < config_key_count(); key++) {
        char section[64] = "";
        bool is_found = false;
        for (size_t i = 0; i < line_count; i++) {
            char name[64];
            const char *value;
            if (lines[i][0] == '[')
                sscanf(lines[i], "[%63[a-z]", section);
            if (strcmp(section, config_keys[key].section) == 0 && parse_key(lines[i], name, &value) &&
                strcmp(name, config_keys[key].name) == 0)
                is_found = true;
        }
        ck_assert_msg(is_found, "[%s] %s is missing in the sample", config_keys[key].section,
                      config_keys[key].name);
    }
}
END_TEST

/* The manual page's list is made of the sample. Here: that the making loses nothing. */
START_TEST(test_every_key_of_the_code_is_in_the_manual_page)
{
    FILE *page = popen("awk -f docs/man/keys.awk docs/man/ackgate.cnf.5.in conf/ackgate.cnf", "r");
    ck_assert_ptr_nonnull(page);
    char section[64] = "";
    char line[512];
    bool is_found[CONFIG_KEYS_MAX] = {false};
    bool has_facts = true;
    while (fgets(line, sizeof(line), page) != NULL) {
        char name[64];
        if (sscanf(line, ".Ss [%63[a-z]", section) == 1)
            continue;
        has_facts = has_facts || strncmp(line, "Default: ", 9) == 0;
        if (section[0] == '\0' || sscanf(line, ".It Ic %63[a-z_]", name) != 1)
            continue;
        ck_assert_msg(has_facts, "the key before [%s] %s has no default", section, name);
        has_facts = false;
        size_t key = config_key_find(section, name);
        ck_assert_msg(key < config_key_count(), "[%s] %s is in the page, not in the code", section, name);
        is_found[key] = true;
    }
    ck_assert_int_eq(pclose(page), 0);
    for (size_t key = 0; key < config_key_count(); key++)
        ck_assert_msg(is_found[key], "[%s] %s is missing in the page", config_keys[key].section,
                      config_keys[key].name);
}
END_TEST

START_TEST(test_the_manual_has_the_same_keys)
{
    static char manual[SAMPLE_MAX];
    read_text("docs/configuration.md", manual);
    size_t rows = 0;
    for (const char *row = strstr(manual, "## The keys"); (row = strstr(row, "\n| `")) != NULL; row++)
        rows++;
    ck_assert_uint_eq(rows, config_key_count());
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = &config_keys[i];
        char start[128];
        char end[256];
        snprintf(start, sizeof(start), "\n| `%s.%s` | ", key->section, key->name);
        snprintf(end, sizeof(end), key->default_text[0] != '\0' ? " | `%s` | %s | " : " | none%s | %s | ",
                 key->default_text, key->is_reloadable ? "yes" : "no");
        const char *row = strstr(manual, start);
        ck_assert_msg(row != NULL, "%s.%s is missing in the manual", key->section, key->name);
        const char *found = strstr(row, end);
        ck_assert_msg(found != NULL && found < strchr(row + 1, '\n'), "%s.%s: the row lacks \"%s\"",
                      key->section, key->name, end);
    }
}
END_TEST

int main(void)
{
    read_sample();
    Suite *suite = suite_create("config_sample");
    TCase *tcase = tcase_create("sample");
    tcase_add_test(tcase, test_every_key_of_the_sample_is_in_the_code_with_its_default);
    tcase_add_test(tcase, test_every_key_of_the_code_is_in_the_sample);
    tcase_add_test(tcase, test_every_key_of_the_code_is_in_the_manual_page);
    tcase_add_test(tcase, test_the_manual_has_the_same_keys);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
