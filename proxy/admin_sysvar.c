/* The list of admin_sysvar.h. */
#include "proxy/admin_sysvar.h"

#include "proxy/admin_context.h"

#include <strings.h>

static const struct {
    const char *name;
    const char *value;
} variables[] = {
    {"auto_increment_increment", "1"                   },
    {"autocommit",               "1"                   },
    {"big_tables",               "0"                   },
    {"character_set_client",     "utf8mb4"             },
    {"character_set_connection", "utf8mb4"             },
    {"character_set_database",   "utf8mb4"             },
    {"character_set_results",    "utf8mb4"             },
    {"character_set_server",     "utf8mb4"             },
    {"collation_connection",     "utf8mb4_general_ci"  },
    {"collation_database",       "utf8mb4_general_ci"  },
    {"collation_server",         "utf8mb4_general_ci"  },
    {"foreign_key_checks",       "1"                   },
    {"hostname",                 "ackgate"             },
    {"init_connect",             ""                    },
    {"interactive_timeout",      "28800"               },
    {"license",                  "unknown"             },
    {"lower_case_table_names",   "0"                   },
    {"max_allowed_packet",       "67108864"            },
    {"max_execution_time",       "0"                   },
    {"net_buffer_length",        "16384"               },
    {"net_read_timeout",         "30"                  },
    {"net_write_timeout",        "60"                  },
    {"performance_schema",       "0"                   },
    {"port",                     "3318"                },
    {"protocol_version",         "10"                  },
    {"pseudo_thread_id",         "0"                   },
    {"query_cache_size",         "0"                   },
    {"query_cache_type",         "OFF"                 },
    {"read_only",                "1"                   },
    {"session_track_schema",     "1"                   },
    {"sql_auto_is_null",         "0"                   },
    {"sql_log_bin",              "0"                   },
    {"sql_mode",                 ""                    },
    {"sql_notes",                "1"                   },
    {"sql_quote_show_create",    "1"                   },
    {"sql_safe_updates",         "0"                   },
    {"sql_select_limit",         "18446744073709551615"},
    {"system_time_zone",         "UTC"                 },
    {"time_zone",                "+00:00"              },
    {"transaction_isolation",    "REPEATABLE-READ"     },
    {"transaction_read_only",    "0"                   },
    {"tx_isolation",             "REPEATABLE-READ"     },
    {"tx_read_only",             "0"                   },
    {"unique_checks",            "1"                   },
    {"version",                  ADMIN_SERVER_VERSION  },
    {"version_comment",          "Ackgate admin port"  },
    {"version_compile_machine",  "x86_64"              },
    {"version_compile_os",       "Linux"               },
    {"wait_timeout",             "28800"               },
};

bool admin_sysvar_find(const char *name, const char **ret_value)
{
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        if (strcasecmp(variables[i].name, name) == 0) {
            *ret_value = variables[i].value;
            return true;
        }
    }
    return false;
}
