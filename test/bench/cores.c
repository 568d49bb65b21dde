/* See cores.h: the mask of every thread of every child; new threads inherit theirs. */
#include "test/bench/cores.h"

#include <ctype.h>
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/lib/place.h"

static void use(pid_t pid, const cpu_set_t *cores)
{
    char path[40];
    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL)
        return;
    for (struct dirent *task; (task = readdir(tasks)) != NULL;)
        if (isdigit((unsigned char)task->d_name[0]))
            (void)sched_setaffinity((pid_t)atoi(task->d_name), sizeof(*cores), cores);
    (void)closedir(tasks);
}

static pid_t parent_of(pid_t pid)
{
    char path[40];
    int parent = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    char *text = place_read_file(path, NULL);
    const char *rest = text == NULL ? NULL : strrchr(text, ')');
    if (rest != NULL && sscanf(rest, ") %*c %d", &parent) != 1)
        parent = 0;
    free(text);
    return (pid_t)parent;
}

static void use_everywhere(const cpu_set_t *cores)
{
    DIR *processes = opendir("/proc");
    use(getpid(), cores);
    if (processes == NULL)
        return;
    for (struct dirent *process; (process = readdir(processes)) != NULL;) {
        pid_t pid = (pid_t)atoi(process->d_name);
        if (pid > 0 && parent_of(pid) == getpid())
            use(pid, cores);
    }
    (void)closedir(processes);
}

static cpu_set_t all;

void cores_use_one(void)
{
    cpu_set_t one;
    int core = 0;
    (void)sched_getaffinity(0, sizeof(all), &all);
    while (core < CPU_SETSIZE - 1 && !CPU_ISSET((size_t)core, &all))
        core++;
    CPU_ZERO(&one);
    CPU_SET((size_t)core, &one);
    use_everywhere(&one);
}

void cores_use_all(void)
{
    use_everywhere(&all);
}
