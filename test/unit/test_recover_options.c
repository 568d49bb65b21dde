/* layer: recovery
 * ackgate-recover's command line and config file, the server's arguments and option files behind them, the
 * password file, the place of the index, and the lock of a running server.
 */
#include "protocol/xalloc.h"
#include "recovery/recover_engine.h"
#include "recovery/recover_options.h"
#include "recovery/recover_place.h"
#include "recovery/recover_value.h"
#include "test/unit/recover_fixture.h"

#include <fcntl.h>
#include <sys/wait.h>

static struct recover_dir dir;
static struct recover_options options;
static char *problem;
static const char *const no_files[] = {NULL};

static void set_up(void)
{
    recover_dir_make(&dir);
}

static void tear_down(void)
{
    recover_options_release(&options);
    free(problem);
    recover_dir_remove(&dir);
}

static char *in_dir(const char *name)
{
    return xasprintf("%s/%s", dir.path, name);
}

static void put(const char *name, const char *text, unsigned mode)
{
    char *path = in_dir(name);
    recover_write(&dir, name, text, strlen(text));
    ck_assert_int_eq(chmod(path, mode), 0);
    free(path);
}

/* Arguments behind the program's name, separated by blanks. */
static enum result read_line(const char *line, const char *const *defaults)
{
    static char words[2048];
    static char *argv[64];
    int argc = 1;
    argv[0] = (char *)(uintptr_t) "ackgate-recover";
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    recover_options_release(&options);
    free(problem);
    return recover_options_read(argc, argv, defaults, &options, &problem);
}

static void check_good(const char *line)
{
    enum result result = read_line(line, no_files);
    ck_assert_msg(result == RESULT_OK, "%s: %s", line, problem);
}

static void check_bad(const char *line, const char *says)
{
    ck_assert_int_eq(read_line(line, no_files), RESULT_MALFORMED);
    ck_assert_msg(strstr(problem, says) != NULL, "%s: %s", line, problem);
}

START_TEST(defaults)
{
    check_good("check");
    ck_assert_int_eq(options.verb, RECOVER_CHECK);
    ck_assert_str_eq(options.datadir, "/var/lib/mysql");
    ck_assert_str_eq(options.proxy_host, "127.0.0.1");
    ck_assert_uint_eq(options.proxy_port, 3318);
    ck_assert_str_eq(options.user, "admin");
    ck_assert_uint_eq(options.timeout_ms, 60000);
    ck_assert(!options.starts_if_unreachable && !options.is_json && options.command == NULL);
}
END_TEST

START_TEST(command_line)
{
    check_good("apply --datadir=/usr/./lib/ --proxy [::1]:99 --user u --password-file /p --timeout 500ms "
               "--if_unreachable start --log-bin b --json");
    ck_assert_int_eq(options.verb, RECOVER_APPLY);
    ck_assert_str_eq(options.datadir, "/usr/lib");
    ck_assert_str_eq(options.proxy_host, "::1");
    ck_assert_uint_eq(options.proxy_port, 99);
    ck_assert_str_eq(options.user, "u");
    ck_assert_str_eq(options.password_file, "/p");
    ck_assert_uint_eq(options.timeout_ms, 500);
    ck_assert_str_eq(options.log_bin, "b");
    ck_assert(options.starts_if_unreachable && options.is_json);
    check_good("run --proxy gate:4000 -- mysqld --no-defaults --datadir /srv/data --log_bin=/logs/bin.log");
    ck_assert_int_eq(options.verb, RECOVER_RUN);
    ck_assert_str_eq(options.command[0], "mysqld");
    ck_assert_str_eq(options.command[3], "/srv/data");
    ck_assert_str_eq(options.datadir, "/srv/data");
    ck_assert_str_eq(options.log_bin, "/logs/bin.log");
    check_good("run --datadir /mine -- mysqld -h /theirs --loose-log-bin-index=x");
    ck_assert_str_eq(options.datadir, "/mine");
    ck_assert_str_eq(options.log_bin_index, "x");
    check_good("check --help");
    ck_assert_int_eq(options.verb, RECOVER_HELP);
    check_good("--version");
    ck_assert_int_eq(options.verb, RECOVER_VERSION);
}
END_TEST

START_TEST(mistakes)
{
    check_bad("", "say what to do");
    check_bad("cut", "say what to do");
    check_bad("check --datadri /d", "unknown option --datadri");
    check_bad("check /d", "unknown argument");
    check_bad("check --datadir", "needs a value");
    check_bad("check --datadir --", "needs a value");
    check_bad("check --datadir=", "datadir cannot be");
    check_bad("check --timeout soon", "timeout cannot be");
    check_bad("check --timeout 25h", "timeout cannot be");
    check_bad("check --timeout -1", "timeout cannot be");
    check_bad("check --if-unreachable maybe", "if_unreachable cannot be");
    check_bad("check --proxy host:port", "proxy cannot be");
    check_bad("check --proxy host:0", "proxy cannot be");
    check_bad("check --proxy host:65536", "proxy cannot be");
    check_bad("check --proxy [::1", "proxy cannot be");
    check_bad("check --proxy :3318", "proxy cannot be");
    check_bad("check --tls maybe", "tls cannot be");
    check_bad("check --tls-min-version 1.1", "tls_min_version cannot be");
    check_bad("check --tls verify_ca", "verify_identity need tls_ca");
    check_bad("check --tls required --tls-key k", "needed both");
    check_bad("check --tls-ca ca.pem", "while tls is disabled");
    check_bad("run", "run needs the server");
    check_bad("run --", "run needs the server");
    check_bad("check --config /nowhere/x", "/nowhere/x");
    check_bad("check --defaults-file /nowhere/y", "/nowhere/y");
    check_bad("check -- mysqld --defaults-file=/nowhere/z", "/nowhere/z");
}
END_TEST

START_TEST(sample_config)
{
    check_good("apply --config conf/ackgate-recover.cnf");
    ck_assert_str_eq(options.proxy_host, "10.0.0.5");
    ck_assert_str_eq(options.password_file, "/etc/ackgate/recover.password");
    ck_assert_uint_eq(options.timeout_ms, 60000);
}
END_TEST

START_TEST(config_file)
{
    char *path = in_dir("c"), *line = xasprintf("apply --config %s --user mine", path);
    put("c",
        "# how\n[recover]\nproxy = gate\nuser=theirs\nif-unreachable = start\ntimeout = 2min\n"
        "datadir = /srv/mysql ; the source\njson = on\n",
        0644);
    check_good(line);
    ck_assert_str_eq(options.proxy_host, "gate");
    ck_assert_uint_eq(options.proxy_port, 3318);
    ck_assert_str_eq(options.user, "mine");
    ck_assert_uint_eq(options.timeout_ms, 120000);
    ck_assert_str_eq(options.datadir, "/srv/mysql");
    ck_assert(options.starts_if_unreachable && options.is_json);
    put("c", "[recover]\nprxoy = gate\n", 0644);
    check_bad(line, "c:2: unknown key prxoy");
    put("c", "[recover]\nproxy = gate:\n", 0644);
    check_bad(line, "c:2: proxy cannot be");
    put("c", "[mysqld]\ndatadir = x\n", 0644);
    check_bad(line, "only [recover]");
    free(line);
    free(path);
}
END_TEST

/* What Debian's packages have: a file that includes directories; several sections; quotes and comments. */
START_TEST(option_files)
{
    char *more = in_dir("conf.d"), *top = in_dir("my.cnf"), *text, *line;
    const char *const files[] = {"/nowhere/my.cnf", top, NULL};
    ck_assert_int_eq(mkdir(more, 0755), 0);
    text = xasprintf(
        "[client]\ndatadir=/client\n[mysqld]\n datadir = \"/srv/my data\" # here\nskip-name-resolve\n"
        "[mysqld-9.7]\nlog-bin\n[mysqld_safe]\nlog_bin=no\n!includedir %s\n",
        more);
    put("my.cnf", text, 0644);
    put("conf.d/a.cnf", "[server]\nlog_bin = '/logs/a\\tb'\nlog-error=/var/log/my.err\n", 0644);
    put("conf.d/b.cnf", "[mariadb-10.11]\nlog_bin_index = idx\n[galera]\nlog_bin = wrong\n", 0644);
    put("conf.d/c.txt", "[mysqld]\nlog_bin = not_read\n", 0644);
    ck_assert_int_eq(read_line("check", files), RESULT_OK);
    ck_assert_str_eq(options.datadir, "/srv/my data");
    ck_assert_str_eq(options.log_bin, "/logs/a\tb");
    ck_assert_str_eq(options.log_bin_index, "idx");
    ck_assert_str_eq(options.error_log, "/var/log/my.err");
    /* a data directory that was named is not that of the usual files */
    ck_assert_int_eq(read_line("check --datadir /other", files), RESULT_OK);
    ck_assert_ptr_null(options.log_bin);
    ck_assert_int_eq(read_line("check -- mysqld --no-defaults --datadir=/other", files), RESULT_OK);
    ck_assert_ptr_null(options.log_bin);
    /* arguments go before the file, whichever it is */
    line = xasprintf("check -- mysqld --defaults-file=%s --datadir=/last --defaults-group-suffix=2", top);
    put("my.cnf", "[mysqld2]\ndatadir=/two\nlog_bin=two\n[mysqld3]\nlog_bin=three\n", 0644);
    check_good(line);
    ck_assert_str_eq(options.datadir, "/last");
    ck_assert_str_eq(options.log_bin, "two");
    free(line);
    /* a file that includes itself */
    free(text);
    text = xasprintf("!include %s\n", top);
    put("my.cnf", text, 0644);
    line = xasprintf("check --defaults-file %s", top);
    check_bad(line, "!include goes deeper");
    free(line);
    free(text);
    free(top);
    free(more);
}
END_TEST

START_TEST(password_files)
{
    char *path = in_dir("pw"), *password = NULL;
    put("pw", "secret with blanks \nsecond line\n", 0600);
    ck_assert_int_eq(recover_password_read(path, &password, &problem), RESULT_OK);
    ck_assert_str_eq(password, "secret with blanks ");
    free(password);
    static const unsigned modes[] = {0604, 0620, 0666};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(chmod(path, modes[i]), 0);
        ck_assert_int_eq(recover_password_read(path, &password, &problem), RESULT_MALFORMED);
        ck_assert_ptr_nonnull(strstr(problem, "can be read by others"));
        free(problem);
        problem = NULL;
    }
    put("pw", "", 0600);
    ck_assert_int_eq(recover_password_read(path, &password, &problem), RESULT_MALFORMED);
    free(path);
}
END_TEST

static void check_index(const char *log_bin, const char *log_bin_index, const char *expected)
{
    char *path, *full = expected[0] == '/' ? xstrdup(expected) : in_dir(expected);
    ck_assert_int_eq(recover_find_index(storage_posix(), dir.path, log_bin, log_bin_index, &path, &problem),
                     RESULT_OK);
    ck_assert_str_eq(path, full);
    free(full);
    free(path);
}

START_TEST(place_of_the_index)
{
    static struct binlog_golden golden;
    char *path;
    check_index("mysql-bin", NULL, "mysql-bin.index");
    check_index("/logs/mysql-bin.log", NULL, "/logs/mysql-bin.index");
    check_index("x", "my.idx", "my.idx");
    check_index(NULL, "other", "other.index");
    ck_assert_int_eq(recover_find_index(storage_posix(), dir.path, NULL, "", &path, &problem),
                     RESULT_NOT_FOUND);
    free(problem);
    problem = NULL;

    binlog_golden_load(&golden, "mysql_row");
    recover_write(&dir, "bin.000001", golden.bytes, golden.length);
    put("bin.index", "./bin.000001\n", 0644);
    binlog_event_set_in_use(golden.bytes + 4, false);
    golden.bytes[4 + 17] |= BINLOG_FLAG_RELAY_LOG;
    binlog_event_seal(golden.bytes + 4, golden.bytes[4 + 9]);
    recover_write(&dir, "host-copy.000001", golden.bytes, golden.length);
    put("host-copy.index", "./host-copy.000001\n", 0644);
    put("relay.index", "./relay.000001\n", 0644);
    put("empty.index", "", 0644);
    check_index("", NULL, "bin.index");
    put("bin.index_crash_safe", "./bin.000001\n", 0644);
    check_index("", NULL, "bin.index");
    path = in_dir("bin.index");
    ck_assert_int_eq(remove(path), 0);
    free(path);
    check_index(NULL, NULL, "bin.index");
    put("second.index", "./bin.000001\n", 0644);
    ck_assert_int_eq(recover_find_index(storage_posix(), dir.path, NULL, NULL, &path, &problem),
                     RESULT_CONFLICT);
}
END_TEST

/* The child stands for the server. */
START_TEST(lock_of_a_running_server)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int ready[2], fd;
    pid_t pid;
    char byte;
    ck_assert_int_eq(recover_lock(dir.path, NULL, NULL, &fd, &pid), RESULT_NOT_FOUND);
    put("ibdata1", "", 0600);
    put("system", "", 0600);
    ck_assert_int_eq(recover_lock(dir.path, NULL, NULL, &fd, &pid), RESULT_OK);
    close(fd);
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        char *path = in_dir("ibdata1");
        int own = open(path, O_RDWR);
        if (fcntl(own, F_SETLK, &lock) != 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(recover_lock(dir.path, NULL, NULL, &fd, &pid), RESULT_CONFLICT);
    ck_assert_int_eq(pid, child);
    ck_assert_int_eq(recover_lock("/nowhere", dir.path, "system:12M;more", &fd, &pid), RESULT_OK);
    close(fd);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}
END_TEST

START_TEST(engine_position_of_the_last_start)
{
    static char text[] =
        "[Note] Starting MariaDB 10.11.19-MariaDB source revision x as process 11\n"
        "[Note] InnoDB: Last binlog file './binlog.000001', position 750\n"
        "[Note] mariadbd: ready for connections.\n"
        "[Note] Starting MariaDB 10.11.19-MariaDB source revision x as process 12\n"
        "[Note] InnoDB: Last binlog file '/var/log/mysql/binlog.000002', position 12345678901\n"
        "[Note] InnoDB: Last binlog file 'nonsense', position 1\n";
    struct engine_report report;
    FILE *log = fmemopen(text, strlen(text), "r");
    recover_engine_read_log(log, &report);
    ck_assert_str_eq(report.file, "binlog.000002");
    ck_assert_uint_eq(report.offset, 12345678901);
    engine_report_release(&report);
    fclose(log);
    char *more =
        xasprintf("%s[Note] Starting MariaDB 10.11.19-MariaDB source revision x as process 13\n", text);
    log = fmemopen(more, strlen(more), "r");
    recover_engine_read_log(log, &report);
    ck_assert_str_eq(report.file, "");
    engine_report_release(&report);
    fclose(log);
    free(more);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recover_options");
    TCase *tests = tcase_create("recover_options");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, defaults);
    tcase_add_test(tests, command_line);
    tcase_add_test(tests, mistakes);
    tcase_add_test(tests, sample_config);
    tcase_add_test(tests, config_file);
    tcase_add_test(tests, option_files);
    tcase_add_test(tests, password_files);
    tcase_add_test(tests, place_of_the_index);
    tcase_add_test(tests, lock_of_a_running_server);
    tcase_add_test(tests, engine_position_of_the_last_start);
    suite_add_tcase(suite, tests);
    return binlog_golden_run(suite);
}
