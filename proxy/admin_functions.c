/* MySQL's functions that clients use and SQLite has not. */
#include "proxy/admin_sql_internal.h"

#include "proxy/admin_sysvar.h"
#include "proxy/clock.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct admin_context *context_of(sqlite3_context *call)
{
    return ((struct admin_sql *)sqlite3_user_data(call))->context;
}

static void give_text(sqlite3_context *call, const char *text)
{
    sqlite3_result_text(call, text, -1, SQLITE_TRANSIENT);
}

static void on_sysvar(sqlite3_context *call, int argc, sqlite3_value **argv)
{
    (void)argc;
    const char *name = (const char *)sqlite3_value_text(argv[0]);
    const char *value;
    if (name == NULL || !admin_sysvar_find(name, &value)) {
        char *message = sqlite3_mprintf("unknown system variable: %s", name != NULL ? name : "");
        sqlite3_result_error(call, message != NULL ? message : "unknown system variable: ", -1);
        sqlite3_free(message);
        return;
    }
    if (value[0] != '\0' && strspn(value, "0123456789") == strlen(value) && strlen(value) < 19)
        sqlite3_result_int64(call, strtoll(value, NULL, 10));
    else
        give_text(call, value);
}

static void on_database(sqlite3_context *call, int argc, sqlite3_value **argv)
{
    (void)argc;
    (void)argv;
    const struct admin_context *context = context_of(call);
    if (context->db[0] == '\0')
        sqlite3_result_null(call);
    else
        give_text(call, context->db);
}

static void on_user(sqlite3_context *call, int argc, sqlite3_value **argv)
{
    (void)argc;
    (void)argv;
    char text[256];
    const struct admin_context *context = context_of(call);
    const char *colon = strrchr(context->peer, ':');
    snprintf(text, sizeof(text), "%s@%.*s", context->user,
             colon != NULL ? (int)(colon - context->peer) : (int)strlen(context->peer), context->peer);
    give_text(call, text);
}

static void on_version(sqlite3_context *call, int argc, sqlite3_value **argv)
{
    (void)argc;
    (void)argv;
    give_text(call, ADMIN_SERVER_VERSION);
}

static void on_connection_id(sqlite3_context *call, int argc, sqlite3_value **argv)
{
    (void)argc;
    (void)argv;
    sqlite3_result_int64(call, context_of(call)->connection_id);
}

static void on_unix_timestamp(sqlite3_context *call, int argc, sqlite3_value **argv)
{
    (void)argc;
    (void)argv;
    sqlite3_result_int64(call, (sqlite3_int64)(clock_wall_ms() / 1000));
}

static void on_concat(sqlite3_context *call, int argc, sqlite3_value **argv)
{
    sqlite3_str *text = sqlite3_str_new(sqlite3_context_db_handle(call));
    bool has_null = false;
    for (int i = 0; i < argc; i++) {
        has_null = has_null || sqlite3_value_type(argv[i]) == SQLITE_NULL;
        sqlite3_str_append(text, (const char *)sqlite3_value_text(argv[i]), sqlite3_value_bytes(argv[i]));
    }
    int status = sqlite3_str_errcode(text);
    char *value = sqlite3_str_finish(text);
    if (status != SQLITE_OK) {
        sqlite3_free(value);
        sqlite3_result_error_code(call, status);
    } else if (has_null) {
        sqlite3_free(value);
        sqlite3_result_null(call);
    } else {
        sqlite3_result_text(call, value != NULL ? value : "", -1,
                            value != NULL ? sqlite3_free : SQLITE_STATIC);
    }
}

static const struct {
    const char *name;
    int arguments;
    void (*fn)(sqlite3_context *call, int argc, sqlite3_value **argv);
} functions[] = {
    {"sysvar",         1,  on_sysvar        },
    {"database",       0,  on_database      },
    {"schema",         0,  on_database      },
    {"user",           0,  on_user          },
    {"current_user",   0,  on_user          },
    {"session_user",   0,  on_user          },
    {"system_user",    0,  on_user          },
    {"version",        0,  on_version       },
    {"connection_id",  0,  on_connection_id },
    {"unix_timestamp", 0,  on_unix_timestamp},
    {"concat",         -1, on_concat        },
};

void admin_functions_register(struct admin_sql *sql)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        int status = sqlite3_create_function_v2(sql->database, functions[i].name, functions[i].arguments,
                                                SQLITE_UTF8, sql, functions[i].fn, NULL, NULL, NULL);
        assert(status == SQLITE_OK);
        (void)status;
    }
}
