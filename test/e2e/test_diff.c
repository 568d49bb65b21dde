/* The recorded exchanges of test/diff/, played directly on the source and through ackgate with the
 * capabilities that real client libraries agree to: the responses are the same, byte for byte. */
#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/constants.h"
#include "test/lib/exchange.h"
#include "test/lib/place.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { DIFFERENCES_MAX = 30, EXCHANGES_MIN = 400 };

#define CAPS_COMMON                                                                                          \
    (CAP_LONG_PASSWORD | CAP_LONG_FLAG | CAP_CONNECT_WITH_DB | CAP_PROTOCOL_41 | CAP_TRANSACTIONS |          \
     CAP_SECURE_CONNECTION | CAP_MULTI_RESULTS | CAP_PLUGIN_AUTH)
#define CAPS_CONNECTOR_C                                                                                     \
    (CAPS_COMMON | CAP_LOCAL_FILES | CAP_MULTI_STATEMENTS | CAP_PS_MULTI_RESULTS | CAP_CONNECT_ATTRS |       \
     CAP_PLUGIN_AUTH_LENENC | CAP_SESSION_TRACK)

#define CAPS_EVERYTHING                                                                                      \
    (CAPS_CONNECTOR_C | CAP_DEPRECATE_EOF | CAP_QUERY_ATTRIBUTES | CAP_OPTIONAL_METADATA |                   \
     CAP_MARIADB_PROGRESS | CAP_MARIADB_BULK | CAP_MARIADB_METADATA | CAP_MARIADB_CACHE |                    \
     CAP_MARIADB_BULK_RESULT)

/* What these libraries sent to a server that offers everything, with the options of their own command-line
 * client where there is one. */
static const struct client_kind {
    const char *name;
    uint64_t capabilities;
} kinds[] = {
    {"libmysqlclient 9.7",       CAPS_CONNECTOR_C | CAP_DEPRECATE_EOF | CAP_QUERY_ATTRIBUTES | CAP_MULTI_FACTOR        },
    {"Connector/C 3.3",
     CAPS_CONNECTOR_C | CAP_MARIADB_PROGRESS | CAP_MARIADB_BULK | CAP_MARIADB_METADATA | CAP_MARIADB_CACHE             },
    {"PyMySQL 1.0",              CAPS_COMMON | CAP_CONNECT_ATTRS | CAP_PLUGIN_AUTH_LENENC                              },
    {"mysql2 3",                 CAPS_COMMON | CAP_FOUND_ROWS | CAP_ODBC | CAP_LOCAL_FILES | CAP_IGNORE_SPACE |
                     CAP_IGNORE_SIGPIPE | CAP_RESERVED | CAP_CONNECT_ATTRS | CAP_PLUGIN_AUTH_LENENC |
                     CAP_SESSION_TRACK | CAP_QUERY_ATTRIBUTES | CAP_MULTI_FACTOR | CAP_MARIADB_METADATA},
    {"Connector/J 9",            CAPS_COMMON | CAP_FOUND_ROWS | CAP_PS_MULTI_RESULTS | CAP_CONNECT_ATTRS |
                          CAP_PLUGIN_AUTH_LENENC | CAP_DEPRECATE_EOF | CAP_QUERY_ATTRIBUTES       },
    {"go-sql-driver 1.8",        CAPS_COMMON | CAP_LOCAL_FILES | CAP_CONNECT_ATTRS                                     },
    {"php mysqlnd 8.2",
     CAPS_COMMON | CAP_LOCAL_FILES | CAP_PS_MULTI_RESULTS | CAP_CONNECT_ATTRS | CAP_MULTI_STATEMENTS                   },
    {"libmysqlclient 9.7, zstd", CAPS_CONNECTOR_C | CAP_DEPRECATE_EOF | CAP_QUERY_ATTRIBUTES | CAP_ZSTD                },
    {"Connector/C 3.3, zlib",
     CAPS_CONNECTOR_C | CAP_MARIADB_BULK | CAP_MARIADB_METADATA | CAP_MARIADB_CACHE | CAP_COMPRESS                     },
    {"everything",               CAPS_EVERYTHING                                                                       },
    {"everything, with EOFs",    CAPS_EVERYTHING & ~CAP_DEPRECATE_EOF                                                  },
};

enum { KINDS = sizeof kinds / sizeof *kinds };

static void make_schema(struct topology *t)
{
    struct sql *direct = server_open(t->source, "app", "app-pw");

    sql_exec(
        direct,
        "DROP DATABASE IF EXISTS d; CREATE DATABASE d; USE d; "
        "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, n BIGINT, f DOUBLE, s VARCHAR(200), b LONGBLOB, "
        "w DATETIME, KEY (n)); "
        "INSERT INTO t (n, f, s, b, w) VALUES (1, 1.5, 'one', 'x', '2024-01-02 03:04:05'), "
        "(2, NULL, NULL, NULL, NULL), (-3, -1e300, REPEAT('s', 200), REPEAT('y', 70000), NULL); "
        "CREATE TABLE e (id INT PRIMARY KEY); CREATE TABLE numbers (n INT PRIMARY KEY); "
        "INSERT INTO numbers VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9); "
        "CREATE VIEW v AS SELECT id, s FROM t; "
        "CREATE PROCEDURE p(INOUT a INT) BEGIN SELECT id FROM t; SELECT s, n FROM t WHERE id < 3; "
        "SET a = a + 1; END; "
        "CREATE PROCEDURE writes(a INT) BEGIN INSERT INTO e VALUES (a); SELECT a; INSERT INTO e VALUES (a + "
        "1); "
        "END; "
        "CREATE PROCEDURE fails() BEGIN SELECT 1; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'on purpose'; "
        "END; "
        "CREATE FUNCTION twice(a INT) RETURNS INT DETERMINISTIC RETURN 2 * a; "
        "CREATE TRIGGER tr BEFORE INSERT ON e FOR EACH ROW SET @seen = NEW.id");
    sql_close(direct);
}

/* MariaDB from 11.4 on proves its certificate to those who know the password, in 64 digits of its first OK:
 * others for each salt. */
static void mask_proof(struct raw_client *client)
{
    enum { DIGITS = 64 };
    size_t run = 0;

    for (size_t i = 0; i < client->payload_bytes; i++) {
        run = isxdigit(client->payload[i]) ? run + 1 : 0;
        if (run == DIGITS && client->payload[i - DIGITS] == 1)
            memset(client->payload + i + 1 - DIGITS, '*', DIGITS);
    }
}

static void log_in(struct exchange_player *player, uint16_t port, const struct client_kind *kind)
{
    memset(player, 0, sizeof *player);
    raw_open(&player->client, port);
    raw_login_as(&player->client, "app", "app-pw", "d", kind->capabilities);
    mask_proof(&player->client);
    player->connection_id = player->client.thread_id;
    if (player->client.capabilities & (CAP_COMPRESS | CAP_ZSTD))
        raw_compress(&player->client);
}

/* One transcript for each exchange, and for the login before each group. */
static struct transcript *play(uint16_t port, const struct client_kind *kind,
                               const struct exchange_list *list)
{
    struct transcript *transcripts = calloc(list->count, sizeof *transcripts);
    struct exchange_player player;
    const char *group = NULL;

    for (size_t i = 0; i < list->count; i++) {
        const struct exchange *exchange = &list->items[i];
        if (!group || strcmp(exchange->group, group) != 0) {
            if (group)
                raw_close(&player.client);
            log_in(&player, port, kind);
            transcript_add_last(&transcripts[i], &player.client);
            group = exchange->group;
        }
        if (getenv("SHOW_EXCHANGES"))
            (void)fprintf(stderr, "%s %s: %s: %s\n", kind->name, exchange->place, exchange->group,
                          exchange->text);
        exchange_play(&player, exchange, &transcripts[i]);
    }
    raw_close(&player.client);
    return transcripts;
}

static bool is_same(const struct exchange *exchange, const struct transcript *through,
                    const struct transcript *direct)
{
    if (!exchange->is_loose)
        return transcript_equal(through, direct);
    return through->packets == direct->packets && through->is_closed == direct->is_closed;
}

/* Returns how many exchanges differ. */
static unsigned compare(struct topology *t, const struct client_kind *kind, const struct exchange_list *list)
{
    unsigned differences = 0;

    make_schema(t);
    /* a server numbers the packets in frames in its own way, so the source is asked without */
    struct client_kind plain = {kind->name, kind->capabilities & ~(CAP_COMPRESS | CAP_ZSTD)};
    struct transcript *direct = play(t->source->port, &plain, list);
    make_schema(t);
    struct transcript *through = play(t->gate->app_port, kind, list);
    for (size_t i = 0; i < list->count; i++) {
        const struct exchange *exchange = &list->items[i];
        if (!is_same(exchange, &through[i], &direct[i]) && differences++ < DIFFERENCES_MAX)
            (void)fprintf(stderr, "%s, %s, %s: %s\n%s\n", kind->name, exchange->place, exchange->group,
                          exchange->text, transcript_difference(&direct[i], &through[i]));
        transcript_release(&direct[i]);
        transcript_release(&through[i]);
    }
    free(direct);
    free(through);
    return differences;
}

START_TEST(responses_are_the_same)
{
    static const char *const options[] = {"--local-infile=1", "--max-allowed-packet=20M", NULL};
    const struct topology_options with = {
        .family = TEST_FAMILY, .rule = "ANY 1 (r1)", .replicas = 1, .source_options = options};
    struct topology *t = topology_start_with(&with);
    struct exchange_list list = exchange_read("test/diff", TEST_FAMILY);
    const char *only = getenv("DIFF_KIND");
    unsigned differences = 0;

    ck_assert_uint_ge(list.count, EXCHANGES_MIN);
    for (size_t i = 0; i < KINDS; i++)
        if (!only || strstr(kinds[i].name, only))
            differences += compare(t, &kinds[i], &list);
    free(list.items);
    ck_assert_msg(differences == 0, "%u of %zu exchanges differ", differences, KINDS * list.count);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("diff");

    e2e_add_within(suite, "responses", responses_are_the_same, 300);
    return e2e_main(suite);
}
