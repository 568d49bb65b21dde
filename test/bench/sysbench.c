/* Runs sysbench and reads its report, see sysbench.h. */
#include "test/bench/sysbench.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/sql.h"

enum { ARGUMENTS_MAX = 24, TRIES = 5 };

static const char *dir(void)
{
    static char own[108];
    if (own[0] == '\0')
        place_make_dir("sysbench", own, sizeof(own));
    return own;
}

static double number_after(const char *text, const char *name, const char *then)
{
    const char *at = strstr(text, name);
    if (at != NULL && then != NULL)
        at = strstr(at, then);
    return at == NULL ? 0 : strtod(at + strlen(then != NULL ? then : name), NULL);
}

/* It takes them from files of other names, where it is run. */
static void name_certificate(const char *certificates, const char *name, const char *sysbenchs)
{
    if (symlink(name, place_format("%s/%s", certificates, sysbenchs)) != 0)
        ck_assert_int_eq(errno, EEXIST);
}

static void put_connection(const struct sysbench_load *load, const char **argv, size_t *count)
{
    argv[(*count)++] = "env";
    argv[(*count)++] = place_format("--chdir=%s", load->certificates != NULL ? load->certificates : "/");
    argv[(*count)++] = "sysbench";
    argv[(*count)++] = load->test;
    argv[(*count)++] = "--mysql-host=127.0.0.1";
    argv[(*count)++] = place_format("--mysql-port=%u", load->port);
    argv[(*count)++] = "--mysql-user=app";
    argv[(*count)++] = "--mysql-password=app-pw";
    argv[(*count)++] = "--mysql-db=bench";
    argv[(*count)++] = "--tables=1";
    argv[(*count)++] = "--table-size=10000";
    argv[(*count)++] = load->certificates != NULL ? "--mysql-ssl=on" : "--mysql-ssl=off";
}

/* Its report, to be freed. MySQL Router with TLS refuses some of several connections that come at once, with
 * error 2027 at the client: then it is run again. */
static char *run(const char *const *argv)
{
    const char *log = place_format("%s/log", dir());
    for (unsigned tries = 1;; tries++) {
        place_write_file(log, "", 0644);
        int code = process_run(argv, log);
        char *report = place_read_file(log, NULL);
        if (code == 0 && report != NULL)
            return report;
        if (tries == TRIES || report == NULL || strstr(report, "error 2027") == NULL)
            ck_abort_msg("sysbench %s ended with %d\n%s", argv[3], code, report == NULL ? "" : report);
        fprintf(stderr, "sysbench could not connect, once more: error 2027\n");
        free(report);
    }
}

void sysbench_prepare(uint16_t port)
{
    const char *argv[ARGUMENTS_MAX];
    size_t count = 0;
    struct sql *app = sql_open("127.0.0.1", port, "app", "app-pw");
    sql_exec(app, "CREATE DATABASE bench");
    sql_close(app);
    put_connection(&(struct sysbench_load){.test = "oltp_update_index", .port = port}, argv, &count);
    argv[count++] = "prepare";
    argv[count] = NULL;
    free(run(argv));
}

struct sysbench_figures sysbench_run(const struct sysbench_load *load)
{
    const char *argv[ARGUMENTS_MAX];
    size_t count = 0;
    if (load->certificates != NULL) {
        name_certificate(load->certificates, "ca.pem", "cacert.pem");
        name_certificate(load->certificates, "client.pem", "client-cert.pem");
    }
    put_connection(load, argv, &count);
    argv[count++] = place_format("--threads=%u", load->threads);
    argv[count++] = place_format("--time=%u", load->seconds);
    if (load->is_unprepared)
        argv[count++] = "--db-ps-mode=disable";
    argv[count++] = "run";
    argv[count] = NULL;
    char *report = run(argv);
    struct sysbench_figures figures = {
        .per_second = number_after(report, "transactions:", "("),
        .count = number_after(report, "transactions:", NULL),
        .mean_ms = number_after(report, "avg:", NULL),
        .p95_ms = number_after(report, "95th percentile:", NULL),
    };
    free(report);
    return figures;
}
