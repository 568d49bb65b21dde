/* Reading and playing the files of scenario.h. */
#include "test/sim/scenario.h"

#include "test/sim/files.h"
#include "test/sim/nemesis.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 200, TOOL_EFFECTS_MAX = 40 };

__attribute__((noreturn)) static void refuse(const char *file, const char *line)
{
    fprintf(stderr, "%s: not understood: %s\n", file, line);
    exit(2);
}

static bool take_setup(struct world_script *script, const char *word, const char *value)
{
    if (strcmp(word, "flavor") == 0)
        script->setup.flavor = strcmp(value, "mysql") == 0 ? FLAVOR_MYSQL : FLAVOR_MARIADB;
    else if (strcmp(word, "voters") == 0)
        script->setup.voters = strtoul(value, NULL, 10);
    else if (strcmp(word, "needed") == 0)
        script->setup.needed = (unsigned)strtoul(value, NULL, 10);
    else if (strcmp(word, "seeds") == 0)
        script->seeds = strtoul(value, NULL, 10);
    else if (strcmp(word, "fault_seed") == 0)
        script->fault_seed = strtoul(value, NULL, 10);
    else if (strcmp(word, "quiet") == 0)
        script->setup.quiet_after_us = strtoull(value, NULL, 10) * 1000;
    else if (strcmp(word, "xa") == 0)
        script->setup.xa_per_mille = (unsigned)strtoul(value, NULL, 10);
    else if (strcmp(word, "execution") == 0)
        script->setup.execution_us_max = strtoull(value, NULL, 10) * 1000;
    else
        return false;
    return true;
}

static bool take_act(struct world_script *script, const char *at_ms, const char *what)
{
    if (script->act_count == WORLD_ACTS_MAX)
        return false;
    struct world_act *act = &script->acts[script->act_count++];
    act->at_us = (uint64_t)(strtod(at_ms, NULL) * 1000);
    act->act = nemesis_find(what);
    return act->act != NULL;
}

static void take_line(struct world_script *script, const char *file, const char *line)
{
    char word[LINE_MAX_BYTES] = "";
    char first[LINE_MAX_BYTES] = "";
    char second[LINE_MAX_BYTES] = "";
    int count = sscanf(line, "%199s %199s %199s", word, first, second);
    if (count <= 0 || word[0] == '#')
        return;
    bool is_good = count == 3 && strcmp(word, "at") == 0 ? take_act(script, first, second)
                                                         : count == 2 && take_setup(script, word, first);
    if (!is_good)
        refuse(file, line);
}

static struct world_script read_script(const char *file)
{
    struct world_script script = {.seeds = 20, .fault_seed = 1};
    char line[LINE_MAX_BYTES];
    script.setup = (struct world_setup){FLAVOR_MYSQL, 2, 1, true, false, 0, 1000000, 20000, 0};
    FILE *in = fopen(file, "r");
    if (in == NULL)
        refuse(file, "it cannot be opened");
    while (fgets(line, sizeof(line), in) != NULL)
        take_line(&script, file, line);
    fclose(in);
    return script;
}

void scenario_run(const char *file, struct world_figures *figures)
{
    struct world_script script = read_script(file);
    world_set_name(file);
    for (uint64_t seed = 1; seed <= script.seeds; seed++)
        world_play(seed, &script, figures);
    world_set_name("");
}

uint64_t scenario_run_faults(const char *file, int host, uint64_t stride, struct world_figures *figures)
{
    struct world_script script = read_script(file);
    char name[LINE_MAX_BYTES];
    uint64_t cuts = figures->cuts;
    script.fail_host = host;
    for (script.fail_at = 1;; script.fail_at += stride) {
        script.fail_errno = script.fail_at % 2 == 0 ? EIO : ENOSPC;
        snprintf(name, sizeof(name), "%s, call %llu of host %d fails:", file,
                 (unsigned long long)script.fail_at, host);
        world_set_name(name);
        world_play(script.fault_seed, &script, figures);
        if (files_faults((enum files_host)host)->calls < script.fail_at)
            break;
        cuts = figures->cuts;
    }
    if (figures->cuts == cuts)
        refuse(file, "with its fault_seed, and no call that fails, nothing is cut");
    world_set_name("");
    return files_faults((enum files_host)host)->calls;
}

uint64_t scenario_run_deaths(const char *file, int host, uint64_t stride, struct world_figures *figures)
{
    struct world_script script = read_script(file);
    char name[LINE_MAX_BYTES];
    script.fail_host = host;
    for (script.die_at = 1; host == HOST_ACKGATE || script.die_at <= TOOL_EFFECTS_MAX;
         script.die_at += stride) {
        snprintf(name, sizeof(name), "%s, death before effect %llu of host %d:", file,
                 (unsigned long long)script.die_at, host);
        world_set_name(name);
        world_play(script.fault_seed, &script, figures);
        if (host == HOST_ACKGATE && !daemon_has_died_as_planned())
            break;
    }
    world_set_name("");
    return script.die_at;
}
