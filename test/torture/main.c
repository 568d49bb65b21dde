/* `make torture`: the torture for MINUTES with SEED on SERVER (both families by default), WITHOUT=ackgate for
 * the servers' own semi-sync; `torture FILE` has the checker look at a history again.
 *
 * Exit code 0: no anomaly, or, without ackgate, at least one. The history of each run is kept under
 * build/history/. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "test/lib/place.h"
#include "test/lib/runner.h"
#include "test/torture/torture.h"

static const char *setting(const char *name, const char *otherwise)
{
    const char *text = getenv(name);

    return text && *text ? text : otherwise;
}

static double minutes(void)
{
    return strtod(setting("MINUTES", "10"), NULL);
}

static int check_file(const char *path)
{
    struct history history;
    struct findings findings;
    FILE *in = fopen(path, "re");

    history_init(&history);
    size_t wrong = in ? history_read(&history, in) : 1;
    if (wrong != 0) {
        (void)fprintf(stderr, "%s: cannot be read (line %zu)\n", path, wrong);
        return 2;
    }
    (void)fclose(in);
    checker_check(&history, &findings);
    (void)printf("%zu OKs, %zu reads: %zu anomalies\n", findings.ok, findings.reads, findings.total);
    for (size_t i = 0; i < findings.count; i++)
        (void)printf("  %s: %s\n", anomaly_name(findings.finding[i].anomaly), findings.finding[i].text);
    history_release(&history);
    return findings.total > 0;
}

START_TEST(torture)
{
    uint64_t seed = strtoull(setting("SEED", "0"), NULL, 10);
    struct torture_options options = {
        .family = TEST_FAMILY,
        .without_ackgate = strcmp(setting("WITHOUT", ""), "ackgate") == 0,
        .seconds = (unsigned)(minutes() * 60),
        .seed = seed ? seed : (uint64_t)time(NULL),
    };
    struct findings findings;

    (void)mkdir("build/history", 0755);
    options.history = place_format("build/history/%s-%" PRIu64, family_name(options.family), options.seed);
    (void)printf("%s, seed %" PRIu64 ", history %s\n", family_name(options.family), options.seed,
                 options.history);
    (void)fflush(stdout);
    torture_run(&options, &findings);
    ck_assert_msg((findings.total > 0) == options.without_ackgate, "%zu anomalies", findings.total);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc == 2)
        return check_file(argv[1]);
    Suite *suite = suite_create("torture");
    e2e_add_within(suite, "torture", torture, minutes() * 60 + 900);
    return e2e_main(suite);
}
