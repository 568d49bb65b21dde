/*
 * The simulator's program.
 *
 *     sim SEED [RUNS]     the seeds SEED, SEED + 1, …
 *     sim SCENARIO…       these files
 *     sim faults [N]      the i-th call fails, death before the i-th effect (every N-th): scenarios/faults
 *     sim                 all scenarios, SIM_RUNS fixed seeds (100), SIM_NEW new ones (0), and faults, every
 *                         SIM_FAULTS-th (0: none)
 *
 * Exits 1 at the first that fails; it says which, and the same seed does the same again. SIM_TRACE=1 says
 * what happens, SIM_LOG=1 what the daemon says.
 */
#include "proxy/log.h"
#include "test/sim/files.h"
#include "test/sim/scenario.h"

#include <ctype.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SOME_DEATHS = 13 }; /* every so many-th, in `make test` */

static uint64_t seed;

/* An assertion of the daemon is a finding too. */
static void on_abort(int number)
{
    char text[96];
    int length =
        snprintf(text, sizeof(text), "seed %llu: ended by signal %d\n", (unsigned long long)seed, number);
    ssize_t ignored = write(STDERR_FILENO, text, (size_t)length);
    (void)ignored;
    _exit(1);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void say(const struct world_figures *figures, uint64_t runs, double took_s)
{
    printf("%llu schedules, %llu steps (%.1f million a minute), %llu OKs, %llu confirmed\n",
           (unsigned long long)runs, (unsigned long long)figures->steps,
           (double)figures->steps * 60 / took_s / 1e6, (unsigned long long)figures->oks,
           (unsigned long long)figures->confirmed);
    printf("survived: %llu deaths of ackgate, %llu of the source, %llu of replicas, %llu of ackgate-recover; "
           "%llu cuts, %llu transactions discarded\n",
           (unsigned long long)figures->daemon_deaths, (unsigned long long)figures->source_deaths,
           (unsigned long long)figures->replica_deaths, (unsigned long long)figures->tool_deaths,
           (unsigned long long)figures->cuts, (unsigned long long)figures->discarded);
}

static uint64_t number_of(const char *text, uint64_t otherwise)
{
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static uint64_t run_seeds(uint64_t first, uint64_t runs, struct world_figures *figures)
{
    for (uint64_t i = 0; i < runs; i++) {
        seed = first + i;
        world_play(seed, NULL, figures);
    }
    return runs;
}

static uint64_t run_scenarios(size_t count, char **files, struct world_figures *figures)
{
    for (size_t i = 0; i < count; i++)
        scenario_run(files[i], figures);
    return count;
}

static uint64_t run_faults(uint64_t stride, uint64_t death_stride, struct world_figures *figures)
{
    glob_t found = {.gl_pathc = 0};
    uint64_t calls = 0;
    uint64_t deaths = 0;
    if (stride == 0 || glob("test/sim/scenarios/faults/*.scenario", 0, NULL, &found) != 0)
        return 0;
    for (size_t i = 0; i < found.gl_pathc; i++)
        for (int host = HOST_ACKGATE; host < HOST_COUNT; host++)
            calls += scenario_run_faults(found.gl_pathv[i], host, stride, figures);
    for (size_t i = 0; i < found.gl_pathc; i++)
        for (int host = HOST_ACKGATE; host < HOST_COUNT; host++)
            deaths += scenario_run_deaths(found.gl_pathv[i], host, death_stride, figures);
    globfree(&found);
    printf("%llu calls made to fail, %llu deaths\n", (unsigned long long)(calls / stride),
           (unsigned long long)(deaths / death_stride));
    return calls / stride + deaths / death_stride;
}

static uint64_t run_all(struct world_figures *figures)
{
    glob_t found = {.gl_pathc = 0};
    uint64_t done = 0;
    uint64_t first_new = (uint64_t)time(NULL) * 100000;
    if (glob("test/sim/scenarios/*.scenario", 0, NULL, &found) == 0)
        done += run_scenarios(found.gl_pathc, found.gl_pathv, figures);
    globfree(&found);
    done += run_seeds(1, number_of(getenv("SIM_RUNS"), 100), figures);
    printf("new seeds from %llu\n", (unsigned long long)first_new);
    done += run_seeds(first_new, number_of(getenv("SIM_NEW"), 0), figures);
    return done + run_faults(number_of(getenv("SIM_FAULTS"), 0), SOME_DEATHS, figures);
}

int main(int count, char **arguments)
{
    struct world_figures figures = {0};
    double began_s = now_s();
    uint64_t done;
    log_set_level(getenv("SIM_LOG") != NULL ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR + 1);
    signal(SIGABRT, on_abort);
    signal(SIGSEGV, on_abort);
    if (count == 1)
        done = run_all(&figures);
    else if (strcmp(arguments[1], "faults") == 0)
        done = run_faults(number_of(arguments[2], 1), number_of(arguments[2], 1), &figures);
    else if (isdigit((unsigned char)arguments[1][0]))
        done = run_seeds(number_of(arguments[1], 1), count > 2 ? number_of(arguments[2], 1) : 1, &figures);
    else
        done = run_scenarios((size_t)count - 1, arguments + 1, &figures);
    say(&figures, done, now_s() - began_s);
    printf("%llu passed, 0 failed\n", (unsigned long long)done);
    return 0;
}
