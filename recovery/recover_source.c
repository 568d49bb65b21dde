/* One run of check or apply. */
#include "recovery/recover_source.h"

#include "protocol/xalloc.h"
#include "recovery/apply.h"
#include "recovery/binlog_tail.h"
#include "recovery/recover_place.h"
#include "recovery/recover_say.h"
#include "recovery/recover_talk.h"
#include "recovery/torn_end.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char KEEP_DIR[] = "ackgate-discarded";

struct run {
    const struct recover_options *options;
    struct storage *storage;
    struct binlog_index index;
    struct tail tail;
    struct plan plan;
    char *problem;
    struct recover_times times;
};

static uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int fail(struct run *run, enum recover_exit code)
{
    return recover_say_error(run->options->is_json, code, run->problem == NULL ? "" : run->problem);
}

/* ---- the source's files ---- */

static enum result read_index(struct run *run)
{
    const struct recover_options *options = run->options;
    char *path;
    enum result result = recover_find_index(run->storage, options->datadir, options->log_bin,
                                            options->log_bin_index, &path, &run->problem);
    if (result != RESULT_OK)
        return result;
    result = binlog_index_read(run->storage, path, options->datadir, &run->index);
    if (result != RESULT_OK)
        run->problem = xasprintf("%s: %s", path, result == RESULT_IO ? strerror(errno) : result_text(result));
    free(path);
    return result;
}

static struct position start_of(const struct recover_status *status)
{
    uint64_t number;
    if (binlog_name_parse(span_of_text(status->from_file), NULL, &number) != RESULT_OK)
        return POSITION_NONE;
    return (struct position){number, status->from_offset};
}

static enum result refuse_damage(const struct tail *tail, char **ret_problem)
{
    char name[BINLOG_NAME_MAX];
    if (tail->fault != TAIL_DAMAGED)
        return RESULT_OK;
    binlog_name_format(tail->base, tail->end.file, name);
    *ret_problem = xasprintf("the binlog is damaged: behind %s:%" PRIu64
                             " stands no whole event, and whole ones follow; the server must not start, "
                             "restore the file or replace the source; nothing was changed",
                             name, tail->end.offset);
    return RESULT_DAMAGED;
}

static enum result read_tail(void *argument, const struct recover_status *status, struct tail *ret_tail,
                             char **ret_problem)
{
    struct run *run = argument;
    const struct binlog_tail_request request = {
        .storage = run->storage,
        .datadir = run->options->datadir,
        .index = &run->index,
        .from = start_of(status),
    };
    uint64_t began_us = now_us();
    enum result result = binlog_tail_read(&request, ret_tail, ret_problem);
    run->times.read_us += now_us() - began_us;
    if (result != RESULT_OK)
        return result;
    char *dir = xasprintf("%s/%s", request.datadir, KEEP_DIR);
    result = span_copy_text(span_of_text(dir), ret_tail->keep_dir, sizeof ret_tail->keep_dir);
    free(dir);
    if (result != RESULT_OK) {
        *ret_problem = xasprintf("the path of the data directory is too long");
        return result;
    }
    return refuse_damage(ret_tail, ret_problem);
}

/* ---- the proxy's word, and what is done ---- */

static int apply(struct run *run)
{
    const struct apply_request request = {
        .storage = run->storage,
        .index = &run->index,
        .tail = &run->tail,
        .cut = run->plan.cut,
        .kept_as = run->plan.kept_as,
    };
    const struct torn_end_request torn = {run->storage, &run->index, &run->tail};
    struct apply_report report = {0};
    enum result result = RESULT_OK;
    uint64_t began_us = now_us();
    if (run->plan.overall == VERDICT_CUT)
        result = apply_cut(&request, &report, &run->problem);
    else if (run->plan.overall != VERDICT_REFUSE)
        result = torn_end_cut(&torn, &report.torn_as, &run->problem);
    run->times.cut_us = now_us() - began_us;
    if (result != RESULT_OK)
        return fail(run, RECOVER_EXIT_UNREADABLE);
    int code = recover_say_plan(run->options->is_json, &run->plan, &run->tail, &report, &run->times);
    apply_report_release(&report);
    return code;
}

static int on_unreachable(struct run *run)
{
    if (!run->options->starts_if_unreachable)
        return fail(run, RECOVER_EXIT_UNREADABLE);
    char *note = xasprintf("%s; the server may start all the same (if_unreachable = start): its tail is left "
                           "as it is, and ackgate completes it before it lets applications in",
                           run->problem);
    int code = recover_say_note(run->options->is_json, "unreachable", note);
    free(note);
    return code;
}

static int ask_and_apply(struct run *run, const char *password, bool applies)
{
    const struct recover_talk talk = {
        .host = run->options->proxy_host,
        .port = run->options->proxy_port,
        .user = run->options->user,
        .password = password,
        .tls = &run->options->tls,
        .timeout_ms = run->options->timeout_ms,
        .read_tail = read_tail,
        .argument = run,
    };
    uint64_t began_us = now_us();
    enum recover_outcome outcome =
        recover_ask(&talk, applies ? "TAIL" : "CHECK", &run->tail, &run->plan, &run->problem);
    run->times.ask_us = now_us() - began_us - run->times.read_us;
    switch (outcome) {
    case RECOVER_ANSWERED:
        break;
    case RECOVER_UNREACHABLE:
        return on_unreachable(run);
    case RECOVER_REJECTED:
    case RECOVER_UNREADABLE:
        return fail(run, RECOVER_EXIT_UNREADABLE);
    }
    if (applies)
        return apply(run);
    return recover_say_plan(run->options->is_json, &run->plan, &run->tail, NULL, &run->times);
}

static int work(struct run *run, const char *password, bool applies)
{
    if (read_index(run) != RESULT_OK)
        return fail(run, RECOVER_EXIT_UNREADABLE);
    tail_init(&run->tail);
    plan_init(&run->plan);
    int code = ask_and_apply(run, password, applies);
    plan_release(&run->plan);
    tail_release(&run->tail);
    binlog_index_release(&run->index);
    return code;
}

int recover_source(const struct recover_options *options, const char *password, struct storage *storage,
                   bool applies)
{
    struct run run = {.options = options, .storage = storage};
    int lock = -1, code;
    pid_t pid;
    switch (recover_lock(options->datadir, options->server.innodb_data_home_dir,
                         options->server.innodb_data_file_path, &lock, &pid)) {
    case RESULT_OK:
        code = work(&run, password, applies);
        break;
    case RESULT_NOT_FOUND:
        run.problem =
            xasprintf("%s has no system tablespace (ibdata1): it is not the source's data directory, "
                      "or not initialised yet",
                      options->datadir);
        code = fail(&run, RECOVER_EXIT_UNREADABLE);
        break;
    case RESULT_CONFLICT:
        run.problem = xasprintf("a server runs on %s (process %d): stop it first; nothing was changed",
                                options->datadir, (int)pid);
        code = fail(&run, RECOVER_EXIT_UNREADABLE);
        break;
    default:
        run.problem = xasprintf("%s/ibdata1: %s", options->datadir, strerror(errno));
        code = fail(&run, RECOVER_EXIT_UNREADABLE);
    }
    if (lock >= 0)
        close(lock);
    free(run.problem);
    return code;
}
