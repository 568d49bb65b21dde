/* The operator's commands, and the words around transactions that clients send without need. */
#include "proxy/admin_statement.h"

#include "protocol/constants.h"
#include "proxy/admin.h"
#include "proxy/admin_recover.h"
#include "proxy/admin_worker.h"
#include "proxy/log.h"
#include "proxy/runtime.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void command_fn(struct admin_context *context, const struct admin_match *match,
                        struct resultset_writer *out);

static void on_nothing(struct admin_context *context, const struct admin_match *match,
                       struct resultset_writer *out)
{
    (void)context;
    (void)match;
    admin_ok(out, "");
}

static void on_unsupported(struct admin_context *context, const struct admin_match *match,
                           struct resultset_writer *out)
{
    (void)context;
    (void)match;
    admin_error(out, ERROR_CODE_NOT_SUPPORTED_YET,
                "This statement is not supported by version " ACKGATE_VERSION "; HELP lists those that are");
}

static void on_pause(struct admin_context *context, const struct admin_match *match,
                     struct resultset_writer *out)
{
    (void)match;
    pipeline_set_paused(context->pipeline, true);
    admin_ok(out, "new application sessions wait until RESUME");
}

static void on_resume(struct admin_context *context, const struct admin_match *match,
                      struct resultset_writer *out)
{
    (void)match;
    pipeline_set_paused(context->pipeline, false);
    admin_ok(out, "");
}

static void on_reload(struct admin_context *context, const struct admin_match *match,
                      struct resultset_writer *out)
{
    (void)match;
    char text[RUNTIME_TEXT_MAX];
    if (runtime_reload(context->pipeline, text, sizeof(text)) == RESULT_OK)
        admin_ok(out, text);
    else
        admin_error(out, ERROR_CODE_UNKNOWN, "nothing was changed: %s", text);
}

/* By the signal that operators use, so that there is one way to stop. */
static void on_shutdown(struct admin_context *context, const struct admin_match *match,
                        struct resultset_writer *out)
{
    (void)match;
    log_warn(context->label, "SHUTDOWN");
    kill(getpid(), SIGTERM);
    admin_ok(out, "");
}

static void on_flush_binary_logs(struct admin_context *context, const struct admin_match *match,
                                 struct resultset_writer *out)
{
    (void)match;
    if (context->admin == NULL || admin_rotate_source(context->admin, context->connection_id) != RESULT_OK)
        admin_error(out, ERROR_CODE_UNKNOWN, "the source is being asked to rotate already; try again");
    else
        context->is_waiting = true;
}

static void on_flush(struct admin_context *context, const struct admin_match *match,
                     struct resultset_writer *out)
{
    (void)context;
    (void)match;
    if (log_reopen() == RESULT_OK)
        admin_ok(out, "");
    else
        admin_error(out, ERROR_CODE_UNKNOWN, "the log file cannot be opened: %s", strerror(errno));
}

void admin_kill_id(struct admin_context *context, uint64_t id, struct resultset_writer *out)
{
    if (!admin_may_change(context, out))
        return;
    if (context->admin != NULL && admin_kill(context->admin, id)) {
        admin_ok(out, "");
        return;
    }
    if (pipeline_kill(context->pipeline, id) != RESULT_OK) {
        admin_error(out, ERROR_CODE_NO_SUCH_THREAD, "Unknown thread id: %llu", (unsigned long long)id);
        return;
    }
    log_warn(context->label, "KILL %llu", (unsigned long long)id);
    admin_ok(out, "");
}

static void on_kill(struct admin_context *context, const struct admin_match *match,
                    struct resultset_writer *out)
{
    char *text = admin_token_value(match->captures[0]);
    char *end;
    errno = 0;
    unsigned long long id = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0')
        admin_error(out, ERROR_CODE_NO_SUCH_THREAD, "Unknown thread id: %.40s", text);
    else
        admin_kill_id(context, id, out);
    free(text);
}

/* Sent by clients on Ctrl-C. */
static void on_kill_query(struct admin_context *context, const struct admin_match *match,
                          struct resultset_writer *out)
{
    char *text = admin_token_value(match->captures[0]);
    if (context->worker != NULL)
        admin_worker_interrupt(context->worker, (uint32_t)strtoul(text, NULL, 10));
    free(text);
    admin_ok(out, "");
}

static void on_purge(struct admin_context *context, const struct admin_match *match,
                     struct resultset_writer *out)
{
    char error[400] = "";
    char *file = admin_token_value(match->captures[0]);
    if (pipeline_purge_to(context->pipeline, file, error, sizeof(error)) == RESULT_OK) {
        log_warn(context->label, "PURGE BINARY LOGS TO %s", log_quote_text(file));
        admin_ok(out, "");
    } else {
        admin_error(out, ERROR_CODE_UNKNOWN, "ackgate: %s", error);
    }
    free(file);
}

static void on_recover_status(struct admin_context *context, const struct admin_match *match,
                              struct resultset_writer *out)
{
    (void)match;
    admin_recover_status(context, out);
}

static void on_recover_check(struct admin_context *context, const struct admin_match *match,
                             struct resultset_writer *out)
{
    admin_recover_tail(context, match->captures[0], false, out);
}

static void on_recover_tail(struct admin_context *context, const struct admin_match *match,
                            struct resultset_writer *out)
{
    admin_recover_tail(context, match->captures[0], true, out);
}

static void on_recover_engine(struct admin_context *context, const struct admin_match *match,
                              struct resultset_writer *out)
{
    admin_recover_engine(context, match->captures[0], out);
}

static void on_resolve_complete(struct admin_context *context, const struct admin_match *match,
                                struct resultset_writer *out)
{
    admin_resolve(context, match->captures[0], false, out);
}

static void on_resolve_discard(struct admin_context *context, const struct admin_match *match,
                               struct resultset_writer *out)
{
    admin_resolve(context, match->captures[0], true, out);
}

enum command_flags {
    TAKES_REST = 1, /* whatever follows belongs to it */
    CHANGES = 2     /* not for admin.stats_user */
};

static const struct command {
    const char *pattern;
    command_fn *fn;
    unsigned flags;
} commands[] = {
    {"BEGIN|COMMIT|ROLLBACK",                       on_nothing,           TAKES_REST},
    {"START TRANSACTION",                           on_nothing,           TAKES_REST},
    {"PAUSE",                                       on_pause,             CHANGES   },
    {"RESUME",                                      on_resume,            CHANGES   },
    {"RELOAD",                                      on_reload,            CHANGES   },
    {"SHUTDOWN",                                    on_shutdown,          CHANGES   },
    {"FLUSH LOCAL|NO_WRITE_TO_BINLOG? BINARY LOGS", on_flush_binary_logs, CHANGES   },
    {"FLUSH LOGS",                                  on_flush,             CHANGES   },
    {"FLUSH STATUS|TABLES|PRIVILEGES",              on_nothing,           TAKES_REST},
    {"KILL QUERY %number",                          on_kill_query,        0         },
    {"KILL CONNECTION|HARD|SOFT? %number",          on_kill,              0         },
    {"PURGE BINARY|MASTER LOGS TO %string",         on_purge,             CHANGES   },
    {"PURGE",                                       on_unsupported,       TAKES_REST},
    {"FLUSH",                                       on_unsupported,       TAKES_REST},
    {"RECOVER SOURCE STATUS",                       on_recover_status,    CHANGES   },
    {"RECOVER SOURCE CHECK %string",                on_recover_check,     CHANGES   },
    {"RECOVER SOURCE TAIL %string",                 on_recover_tail,      CHANGES   },
    {"RECOVER SOURCE ENGINE %string",               on_recover_engine,    CHANGES   },
    {"RESOLVE %string COMPLETE",                    on_resolve_complete,  CHANGES   },
    {"RESOLVE %string DISCARD",                     on_resolve_discard,   CHANGES   },
};

bool admin_command_run(struct admin_context *context, const struct admin_tokens *tokens,
                       struct resultset_writer *out)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct admin_match match;
        if (!admin_match(tokens, commands[i].pattern, &match))
            continue;
        if ((commands[i].flags & TAKES_REST) == 0 && match.next < tokens->count)
            admin_syntax_error(out, tokens, match.next);
        else if ((commands[i].flags & CHANGES) == 0 || admin_may_change(context, out))
            commands[i].fn(context, &match, out);
        return true;
    }
    return false;
}
