/* No OK leaves ackgate before its transaction is confirmed: every way to commit (commit_ways.h), for clients
 * of every sort, while the source waits, does not wait by design, and has been told behind ackgate's back not
 * to. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/command.h"
#include "protocol/constants.h"
#include "protocol/xalloc.h"
#include "test/e2e/commit_ways.h"
#include "test/lib/raw_response.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

/* What clients may have agreed to beside the usual. */
static const uint64_t client_kinds[] = {
    0,
    CAP_DEPRECATE_EOF,
    CAP_DEPRECATE_EOF | CAP_SESSION_TRACK,
    CAP_SESSION_TRACK,
};

enum { CLIENT_KINDS = 4, CLIENTS_MAX = COMMIT_WAYS * CLIENT_KINDS };

struct client {
    const struct commit_way *way;
    struct raw_client raw;
    struct raw_response response;
    unsigned number;
    uint32_t statement_id;
};

/* The text with the client's number in place of each #, to be freed. */
static char *fill_in(const char *text, unsigned number)
{
    char *filled = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&filled, &size);

    for (; *text; text++)
        if (*text == '#')
            (void)fprintf(out, "%u", number);
        else
            (void)fputc(*text, out);
    (void)fclose(out);
    return filled;
}

static void client_exec(struct client *client, const char *text)
{
    char *filled = fill_in(text, client->number);
    unsigned error = raw_query(&client->raw, filled);

    ck_assert_msg(error == 0, "%s: %s: error %u: %.*s", client->way->name, filled, error,
                  (int)client->raw.payload_bytes, (const char *)client->raw.payload);
    free(filled);
}

static bool is_prepared(const struct client *client)
{
    return client->way->kind == WAY_EXECUTE || client->way->kind == WAY_CURSOR;
}

static void client_prepare(struct client *client)
{
    char *text = fill_in(client->way->statement, client->number);
    struct raw_client *raw = &client->raw;
    struct command_prepared prepared;

    ck_assert(raw_send_command(raw, COMMAND_STMT_PREPARE, text, strlen(text)));
    ck_assert_int_eq(raw_read_packet(raw), RAW_PACKET);
    ck_assert_msg(!raw_is_error(raw, NULL), "%s: %.*s", text, (int)raw->payload_bytes,
                  (const char *)raw->payload);
    ck_assert_int_eq(command_prepared_decode((struct span){raw->payload, raw->payload_bytes}, &prepared),
                     RESULT_OK);
    ck_assert_uint_eq(prepared.parameters, 0);
    client->statement_id = prepared.statement_id;
    unsigned more = prepared.columns;
    if (more && !(raw->capabilities & CAP_DEPRECATE_EOF))
        more++;
    while (more-- > 0)
        ck_assert_int_eq(raw_read_packet(raw), RAW_PACKET);
    free(text);
}

static void client_open(struct client *client, uint16_t port, const struct commit_way *way, unsigned number,
                        uint64_t more)
{
    *client = (struct client){.way = way, .number = number};
    raw_open(&client->raw, port);
    raw_login(&client->raw, "app", "app-pw", more | CAP_LOCAL_FILES | CAP_PS_MULTI_RESULTS, 0);
    client_exec(client, "USE d; CREATE TABLE d.t# (id INT PRIMARY KEY, v INT) ENGINE=InnoDB; "
                        "INSERT INTO d.t# VALUES (1, 1)");
    if (way->before)
        client_exec(client, way->before);
    if (is_prepared(client))
        client_prepare(client);
}

static void send_execute(struct client *client)
{
    uint32_t id = client->statement_id;
    uint8_t flags = client->way->kind == WAY_CURSOR;
    const uint8_t argument[9] = {
        (uint8_t)id, (uint8_t)(id >> 8), (uint8_t)(id >> 16), (uint8_t)(id >> 24), flags, 1, 0, 0, 0};

    ck_assert(raw_send_command(&client->raw, COMMAND_STMT_EXECUTE, argument, sizeof argument));
}

static void send_file(struct client *client)
{
    ck_assert_int_eq(raw_read_packet(&client->raw), RAW_PACKET);
    ck_assert_uint_eq(client->raw.payload[0], 0xFB);
    ck_assert(raw_send_packet(&client->raw, "2\t2\n3\t3\n", 8));
    ck_assert(raw_send_packet(&client->raw, "", 0));
}

/* What has to wait is sent; the response is still to come. */
static void client_send(struct client *client)
{
    char *text = fill_in(client->way->statement, client->number);

    if (is_prepared(client))
        send_execute(client);
    else
        ck_assert(raw_send_command(&client->raw, COMMAND_QUERY, text, strlen(text)));
    if (client->way->kind == WAY_LOAD)
        send_file(client);
    raw_response_init(&client->response, &client->raw);
    free(text);
}

static void client_check_waiting(struct client *client, unsigned ms)
{
    struct raw_response *response = &client->response;

    ck_assert_msg(!raw_response_read(response, ms),
                  "%s (client with %#llx): answered too early: error %u, %u OKs, %u result sets",
                  client->way->name, (unsigned long long)client->raw.capabilities, response->error,
                  response->oks, response->resultsets);
}

static void client_finish(struct client *client)
{
    const struct commit_way *way = client->way;
    struct raw_response *response = &client->response;

    ck_assert_msg(raw_response_read(response, 20000), "%s: no answer", way->name);
    ck_assert_msg(!response->is_closed, "%s: closed instead of answered", way->name);
    ck_assert_msg(
        response->error == way->error && response->oks == way->oks && response->resultsets == way->resultsets,
        "%s (client with %#llx): error %u, %u OKs, %u result sets", way->name,
        (unsigned long long)client->raw.capabilities, response->error, response->oks, response->resultsets);
    ck_assert_msg(!response->tells_more, "%s: session state for a client that did not ask", way->name);
}

/* The session is of use afterwards. */
static void client_close(struct client *client)
{
    client_exec(client, "DO 1");
    if (client->way->after)
        client_exec(client, client->way->after);
    raw_close(&client->raw);
}

static bool is_for(const struct commit_way *way, enum family family)
{
    return way->families & (family == FAMILY_MYSQL ? ON_MYSQL : ON_MARIADB);
}

/* The rows above are what the servers themselves answer. */
START_TEST(ways_are_right)
{
    struct server *server = server_new(TEST_FAMILY, "alone", "--local-infile=1", NULL);
    struct client client;

    server_start(server);
    sql_exec(server_admin(server), "CREATE DATABASE d");
    for (unsigned i = 0; i < COMMIT_WAYS; i++) {
        if (!is_for(&commit_ways[i], TEST_FAMILY))
            continue;
        client_open(&client, server->port, &commit_ways[i], i, client_kinds[i % CLIENT_KINDS]);
        client_send(&client);
        client_finish(&client);
        client_close(&client);
    }
}
END_TEST

static struct topology *start(enum family family, const char *semi_sync)
{
    static const char *const source[] = {"--local-infile=1", "--max-connections=400", NULL};
    const char *const lines[] = {"source", semi_sync, NULL};
    const struct topology_options options = {.family = family,
                                             .rule = "ANY 1 (r1, r2)",
                                             .replicas = 2,
                                             .source_options = source,
                                             .gate_lines = lines};
    struct topology *topology = topology_start_with(&options);

    sql_exec(gate_app(topology->gate), "CREATE DATABASE d");
    replica_stop_receiver(topology->replica[1]);
    return topology;
}

static void stop_r1(struct topology *topology)
{
    replica_stop_receiver(topology->replica[0]);
    gate_wait_attached(topology->gate, 0);
}

static void start_r1(struct topology *topology)
{
    replica_start_receiver(topology->replica[0]);
}

static void end(struct topology *topology)
{
    replica_start_receiver(topology->replica[1]);
    ck_assert(gate_is_running(topology->gate));
    topology_assert_same_data(topology);
    gate_stop(topology->gate); /* the leak checker has its say */
}

/* One after the other, as a source that waits goes on with nothing else meanwhile. */
START_TEST(source_waits)
{
    struct topology *t = start(TEST_FAMILY, "semi_sync = required");
    struct client client;

    for (unsigned i = 0; i < COMMIT_WAYS; i++) {
        if (!is_for(&commit_ways[i], TEST_FAMILY))
            continue;
        client_open(&client, t->gate->app_port, &commit_ways[i], i, client_kinds[i % CLIENT_KINDS]);
        stop_r1(t);
        client_send(&client);
        if (commit_ways[i].is_free)
            client_finish(&client);
        else
            client_check_waiting(&client, 100);
        start_r1(t);
        client_finish(&client);
        client_close(&client);
        gate_wait_attached(t->gate, 1);
    }
    end(t);
}
END_TEST

static struct client clients[CLIENTS_MAX];

static unsigned open_all(struct topology *topology, unsigned first_number)
{
    unsigned count = 0;

    for (unsigned i = 0; i < COMMIT_WAYS; i++)
        for (unsigned kind = 0; kind < CLIENT_KINDS && is_for(&commit_ways[i], topology->family); kind++) {
            client_open(&clients[count], topology->gate->app_port, &commit_ways[i], first_number + count,
                        client_kinds[kind]);
            count++;
        }
    return count;
}

static void wait_until_idle(struct topology *topology)
{
    WAIT_SQL(server_admin(topology->source),
             "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app' AND command <> 'Sleep'",
             "0");
}

/* All at once, on a source that has done its part and answered long before the quorum has. */
static void all_are_held(struct topology *t, unsigned first_number)
{
    unsigned count = open_all(t, first_number);

    stop_r1(t);
    for (unsigned i = 0; i < count; i++)
        client_send(&clients[i]);
    wait_until_idle(t);
    for (unsigned i = 0; i < count; i++)
        if (clients[i].way->is_free)
            client_finish(&clients[i]);
    sleep_ms(300);
    for (unsigned i = 0; i < count; i++)
        if (!clients[i].way->is_free)
            client_check_waiting(&clients[i], 0);
    start_r1(t);
    for (unsigned i = 0; i < count; i++) {
        if (!clients[i].way->is_free)
            client_finish(&clients[i]);
        client_close(&clients[i]);
    }
}

START_TEST(source_does_not_wait)
{
    struct topology *t = start(TEST_FAMILY, "semi_sync = off");

    all_are_held(t, 0);
    end(t);
}
END_TEST

START_TEST(source_was_told_not_to_wait)
{
    struct topology *t = start(TEST_FAMILY, "semi_sync = required");

    sql_exec(server_admin(t->source), "SET GLOBAL %s = 0", semisync_name(TEST_FAMILY, "enabled"));
    all_are_held(t, 0);
    end(t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gate");

    e2e_add(suite, "ways", ways_are_right);
    e2e_add(suite, "waits", source_waits);
    e2e_add(suite, "does_not_wait", source_does_not_wait);
    e2e_add(suite, "told_not_to_wait", source_was_told_not_to_wait);
    return e2e_main(suite);
}
