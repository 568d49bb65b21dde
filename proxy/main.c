/*
 * `ackgate`: reads the command line and the config, brings the daemon up on the replication loop, and takes
 * it down again.
 *
 * Exit 0 after a clean stop, 1 for a config that cannot be used (or a wrong command line), 2 when the start
 * failed.
 */
#include "protocol/xalloc.h"
#include "proxy/admin.h"
#include "proxy/config.h"
#include "proxy/listener_inherit.h"
#include "proxy/log.h"
#include "proxy/metrics.h"
#include "proxy/notify.h"
#include "proxy/options.h"
#include "proxy/passwd.h"
#include "proxy/pipeline.h"
#include "proxy/runtime.h"
#include "proxy/signals.h"
#include "proxy/watchdog.h"
#include "recovery/journal_text.h"
#include "recovery/sql_client.h"
#include "recovery/storage_posix.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_CONFIG = 1, EXIT_START = 2, ERROR_MAX = 512 };

struct daemon {
    struct loop *loop;
    struct config *config;
    struct pipeline *pipeline;
    struct admin *admin;
    struct metrics *metrics;
    struct signals *signals;
    struct watchdog watchdog;
    bool is_draining;
};

static void on_drained(void *argument)
{
    struct daemon *daemon = argument;
    loop_stop(daemon->loop);
}

static void drain(struct daemon *daemon)
{
    if (daemon->is_draining)
        return;
    daemon->is_draining = true;
    log_info("ackgate", "stopping: no new sessions, waiting for those that there are");
    notify_stopping();
    pipeline_drain(daemon->pipeline, on_drained, daemon);
}

/* What it did, or what is wrong, is in the log. */
static void reload(struct daemon *daemon)
{
    char ignored_text[RUNTIME_TEXT_MAX];
    notify_reloading();
    enum result ignored = runtime_reload(daemon->pipeline, ignored_text, sizeof(ignored_text));
    (void)ignored;
    notify_ready();
}

static void on_signal(void *argument, int signal_number)
{
    struct daemon *daemon = argument;
    switch (signal_number) {
    case SIGTERM:
        drain(daemon);
        break;
    case SIGINT:
        loop_stop(daemon->loop);
        break;
    case SIGHUP:
        reload(daemon);
        break;
    case SIGUSR1:
        if (log_reopen() != RESULT_OK)
            log_error("ackgate", "the log file cannot be opened again: %s; going on with the old one",
                      strerror(errno));
        break;
    }
}

/* Started as root with ackgate.user set: becomes that user, before any file is made. */
static enum result become_user(const char *name)
{
    if (name == NULL || name[0] == '\0' || geteuid() != 0)
        return RESULT_OK;
    struct passwd *user = getpwnam(name);
    if (user == NULL) {
        log_error("ackgate", "ackgate.user: there is no user %s on this machine", log_quote_text(name));
        return RESULT_NOT_FOUND;
    }
    if (initgroups(name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0) {
        log_error("ackgate", "cannot become user %s: %s", name, strerror(errno));
        return RESULT_IO;
    }
    return RESULT_OK;
}

static enum result start(struct daemon *daemon)
{
    const struct config *config = daemon->config;
    enum result result = become_user(config->ackgate.user);
    if (result == RESULT_OK) {
        result = log_open(config->ackgate.log_file, config->ackgate.log_level, config->ackgate.is_log_json);
        if (result != RESULT_OK)
            log_error("ackgate", "ackgate.log_file %s cannot be opened: %s", config->ackgate.log_file,
                      strerror(errno));
    }
    if (result != RESULT_OK) {
        log_error("ackgate", "cannot start: %s", result_text(result));
        return result;
    }
    log_info("ackgate", "version %s, config %s", ACKGATE_VERSION, config->file);
    daemon->loop = loop_new();
    runtime_start(daemon->config);
    result = pipeline_start(daemon->loop, config, &daemon->pipeline);
    if (result == RESULT_OK)
        result = admin_start(daemon->loop, config, daemon->pipeline, &daemon->admin);
    if (result == RESULT_OK)
        result = metrics_start(daemon->loop, config, daemon->pipeline, &daemon->metrics);
    if (result != RESULT_OK)
        log_error("ackgate", "cannot start: %s", result_text(result));
    return result;
}

static void stop(struct daemon *daemon)
{
    watchdog_stop(&daemon->watchdog);
    metrics_stop(&daemon->metrics);
    admin_stop(&daemon->admin);
    pipeline_stop(&daemon->pipeline);
    signals_stop(&daemon->signals);
    loop_free(&daemon->loop);
    config_free(&daemon->config);
}

static int run(struct config *config)
{
    struct daemon daemon = {.config = config};
    listener_inherit_start();
    sql_client_library_init();
    if (start(&daemon) != RESULT_OK) {
        stop(&daemon);
        return EXIT_START;
    }
    listener_inherit_end();
    daemon.signals = signals_start(daemon.loop, on_signal, &daemon);
    log_info("ackgate", "ackgate ready");
    notify_ready();
    watchdog_start(&daemon.watchdog, daemon.loop);
    loop_run(daemon.loop);
    stop(&daemon);
    log_info("ackgate", "stopped");
    return EXIT_SUCCESS;
}

static int load_and(const struct options *options, bool is_check_only)
{
    struct config *config;
    char *problems;
    if (config_load(options->config, &config, &problems) != RESULT_OK) {
        fputs(problems, stderr);
        free(problems);
        return EXIT_CONFIG;
    }
    if (!is_check_only)
        return run(config);
    printf("%s: ok\n", options->config);
    config_free(&config);
    return EXIT_SUCCESS;
}

static int print_journal(const struct options *options)
{
    enum result result = journal_text_print(storage_posix(), options->dir, options->is_json, stdout, stderr);
    return result == RESULT_OK ? EXIT_SUCCESS : EXIT_START;
}

int main(int argc, char **argv)
{
    struct options options;
    char error[ERROR_MAX];
    if (options_parse(argc, argv, &options, error, sizeof(error)) != RESULT_OK) {
        fprintf(stderr, "ackgate: %s\nTry 'ackgate --help'.\n", error);
        return EXIT_CONFIG;
    }
    switch (options.job) {
    case OPTIONS_RUN:
        return load_and(&options, false);
    case OPTIONS_CHECK:
        return load_and(&options, true);
    case OPTIONS_PASSWD:
        return passwd_run(options.user);
    case OPTIONS_JOURNAL:
        return print_journal(&options);
    case OPTIONS_VERSION:
        puts("ackgate " ACKGATE_VERSION);
        return EXIT_SUCCESS;
    case OPTIONS_HELP:
        fputs(options_help, stdout);
        return EXIT_SUCCESS;
    }
    return EXIT_CONFIG;
}
