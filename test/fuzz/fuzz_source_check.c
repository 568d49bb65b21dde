/* What a source answers when it is looked over: its version, variables, replicas, grants, prepared XA
 * transactions, the end of its binlog. The first byte: bit 0, a MariaDB; bit 1, source.configure; bit 2,
 * nothing is stored yet; bit 3, it has repairs and a probe; bit 4, source.proxy_protocol. */
#include "proxy/source_check.h"
#include "test/fuzz/fuzz_sql.h"

static bool is_mariadb;

/* As MySQL 9.7.4 and MariaDB 10.11.19 answer. */
static const struct {
    const char *sql, *mysql, *mariadb;
} usual[] = {
    {"SELECT @@GLOBAL.version",                         "=9.7.4",                                                             "=10.11.19-MariaDB-log"                           },
    {"SELECT @@GLOBAL.server_id",                       "=1",                                                                 "=1"                                              },
    {"SELECT @@GLOBAL.server_uuid",                     "=3e11fa47-71ca-11e1-9e33-c80aa9429562",                              "N"                                               },
    {"SELECT @@GLOBAL.log_bin",                         "=1",                                                                 "=1"                                              },
    {"SELECT @@GLOBAL.gtid_mode",                       "=ON",                                                                "N"                                               },
    {"SELECT @@GLOBAL.proxy_protocol_networks",         "N",                                                                  "=10.0.0.0/8"                                     },
    {"SHOW REPLICAS",                                   "=",                                                                  "U"                                               },
    {"SHOW SLAVE HOSTS",                                "U",                                                                  "=102\tr2\t3306\t1"                               },
    {"SHOW REPLICA STATUS",                             "=",                                                                  "="                                               },
    {"SHOW GRANTS",                                     "=",                                                                  "=GRANT REPLICATION SLAVE ON *.* TO `ackgate`@`%`"},
    {"SELECT @@GLOBAL.rpl_semi_sync_source_enabled",    "=0",                                                                 "N"                                               },
    {"SELECT @@GLOBAL.rpl_semi_sync_source_wait_point", "=AFTER_COMMIT",                                                      "N"                                               },
    {"SELECT @@GLOBAL.rpl_semi_sync_master_enabled",    "N",                                                                  "=1"                                              },
    {"SELECT @@GLOBAL.rpl_semi_sync_master_wait_point", "N",                                                                  "=AFTER_SYNC"                                     },
    {"SELECT @@GLOBAL.rpl_semi_sync_",                  "=1",                                                                 "=1"                                              },
    {"SELECT @@GLOBAL.session_track_gtids",             "=OFF",                                                               "N"                                               },
    {"SELECT @@GLOBAL.session_track_system_variables",  "=time_zone,autocommit",
     "=autocommit,character_set_client"                                                                                                                                         },
    {"SELECT @@GLOBAL.log_bin_basename",                "=/var/lib/mysql/binlog",                                             "=/var/lib/mysql/binlog"                          },
    {"SHOW GLOBAL STATUS LIKE 'Uptime'",                "=Uptime\t4711",                                                      "=Uptime\t4711"                                   },
    {"SHOW GLOBAL STATUS",                              "=Rpl_semi_sync_source_clients\t1",                                   "=Rpl_semi_sync_master_clients\t1"                },
    {"XA RECOVER",                                      "=",                                                                  "=1\t1\t0\ta\n7\t2\t1\tabc"                       },
    {"SHOW BINARY LOGS",                                "=binlog.000001\t990\tNo",                                            "=binlog.000001\t990"                             },
    {"SHOW BINARY LOG STATUS",                          "=binlog.000002\t990\t\t\t3e11fa47-71ca-11e1-9e33-c80aa9429562:1-17", "U"                                               },
    {"SHOW MASTER STATUS",                              "U",                                                                  "=binlog.000002\t990\t\t"                         },
    {"PROBE",                                           "=",                                                                  "=d.t"                                            },
};

static const char *fuzz_sql_usual(const char *sql)
{
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (strncmp(sql, usual[i].sql, strlen(usual[i].sql)) == 0)
            return is_mariadb ? usual[i].mariadb : usual[i].mysql;
    return NULL;
}

/* What a log line or an admin table shows of it is text. */
static void check_text(const char *text, size_t max)
{
    size_t length = strnlen(text, max);

    fuzz_check(length < max);
    for (size_t i = 0; i < length; i++)
        fuzz_check((uint8_t)text[i] >= ' ' && text[i] != 0x7f);
}

static void look(const struct config *config, const struct source_check_request *request)
{
    struct source_facts facts = {0}, copy;
    char reason[SOURCE_REASON_MAX];
    enum result result = source_check(config, request, &facts, reason);

    fuzz_check((result == RESULT_OK) == (reason[0] == '\0'));
    check_text(reason, sizeof reason);
    if (result != RESULT_OK)
        return;
    (void)!source_check_tail(config, &facts);
    source_facts_copy(&copy, &facts);
    fuzz_check(copy.prepared.count == facts.prepared.count && facts.flavor != FLAVOR_UNKNOWN);
    source_facts_release(&copy);
    source_facts_release(&facts);
    result = source_check_peers(config, reason);
    check_text(reason, sizeof reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    static char host[] = "db", user[] = "ackgate";
    struct source_check_request request = {0};
    struct reader reader;

    if (length < 1)
        return 0;
    log_set_level(LOG_LEVEL_ERROR + 1);
    reader_init(&reader, data + 1, length - 1);
    fuzz_sql_script(&reader);
    is_mariadb = data[0] & 1;
    struct config config = {
        .source = {.host = host,
                   .user = user,
                   .server_id = 4000,
                   .is_semi_sync = true,
                   .is_configured = (data[0] & 2) != 0,
                   .is_proxied = (data[0] & 16) != 0,
                   .connect_timeout_ms = 1000},
    };
    request.needs_files = (data[0] & 4) != 0;
    if (data[0] & 8) {
        request.repairs = xstrdup("XA ROLLBACK 'a'\nXA COMMIT 'b'\n");
        request.probe = xstrdup("PROBE");
    }
    look(&config, &request);
    source_check_request_release(&request);
    return 0;
}
