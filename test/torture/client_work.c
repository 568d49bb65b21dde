/* What a client of the torture does: one append, one transaction, one table, one read. */
#include <stdlib.h>
#include <string.h>

#include "test/lib/sql.h"
#include "test/lib/wait.h"
#include "test/torture/clients_internal.h"

/* Anything but OK, a broken connection and the error that says so is a promise that it has not happened. */
enum op_outcome client_outcome(unsigned number)
{
    if (number == 0)
        return OUTCOME_OK;
    return client_is_broken(number) || number == 1180 ? OUTCOME_UNKNOWN : OUTCOME_FAILED;
}

struct op client_begin(const struct client *client, enum op_kind kind)
{
    return (struct op){.invoked_us = recorder_now_us(client->clients->options.recorder),
                       .client = client->id,
                       .site = client->site,
                       .kind = kind};
}

/* The list to write to; a full one is closed. Whoever still has its key may append a little more. */
unsigned client_pick_key(struct client *client, unsigned slot)
{
    struct clients *clients = client->clients;
    unsigned key = atomic_load(&clients->slot[slot].key);

    if (atomic_fetch_add(&clients->slot[slot].appends, 1) < LIST_VALUES)
        return key;
    if (atomic_compare_exchange_strong(&clients->slot[slot].key, &key, key + SLOTS))
        atomic_store(&clients->slot[slot].appends, 0);
    return atomic_load(&clients->slot[slot].key);
}

unsigned client_append_to(struct client *client, unsigned key, unsigned value)
{
    return sql_try(client->conn,
                   "INSERT INTO torture.l%u VALUES (%u, '%u') ON DUPLICATE KEY UPDATE v = CONCAT(v, ',%u')",
                   key % LIST_TABLES, key, value, value);
}

static void finish(struct client *client, struct op op, unsigned number, const char *doing, const char *lists)
{
    op.outcome = client_outcome(number);
    if (number != 0)
        client_note_error(client, doing);
    else
        (void)atomic_fetch_add(&client->clients->oks, 1);
    recorder_put(client->clients->options.recorder, op, lists);
}

static void append_one(struct client *client)
{
    unsigned key = client_pick_key(client, chance_below(&client->chance, PLAIN_SLOTS));
    unsigned value = atomic_fetch_add(&client->clients->next_value, 1);
    char lists[64];
    struct op op = client_begin(client, OP_APPEND);

    (void)snprintf(lists, sizeof lists, " %u=%u", key, value);
    finish(client, op, client_append_to(client, key, value), "append", lists);
}

/* One transaction on two lists of one table. What breaks before COMMIT is sent has not happened. */
static void append_two(struct client *client)
{
    unsigned slot = chance_below(&client->chance, PLAIN_SLOTS);
    unsigned key[2] = {client_pick_key(client, slot),
                       client_pick_key(client, (slot + LIST_TABLES) % PLAIN_SLOTS)};
    unsigned value = atomic_fetch_add(&client->clients->next_value, 1);
    char lists[64];
    struct op op = client_begin(client, OP_APPEND);

    (void)snprintf(lists, sizeof lists, " %u=%u %u=%u", key[0], value, key[1], value);
    if (sql_try(client->conn, "BEGIN") != 0 || client_append_to(client, key[0], value) != 0 ||
        client_append_to(client, key[1], value) != 0) {
        client_note_error(client, "append in a transaction");
        op.outcome = OUTCOME_FAILED;
        recorder_put(client->clients->options.recorder, op, lists);
        if (!client_is_broken(sql_errno(client->conn)))
            (void)sql_try(client->conn, "ROLLBACK");
        return;
    }
    finish(client, op, sql_try(client->conn, "COMMIT"), "commit", lists);
}

void client_write(struct client *client)
{
    if (chance_below(&client->chance, 3) == 0)
        append_two(client);
    else
        append_one(client);
    sleep_ms(chance_between(&client->chance, 1, 12));
}

void client_make_table(struct client *client)
{
    unsigned value = atomic_fetch_add(&client->clients->next_value, 1);
    char lists[32];

    (void)sql_try(client->conn, "SET SESSION lock_wait_timeout = 2");
    struct op op = client_begin(client, OP_APPEND);
    (void)snprintf(lists, sizeof lists, " %u=%u", KEY_SET, value);
    finish(client, op, sql_try(client->conn, "CREATE TABLE torture.n_%u (id INT PRIMARY KEY)", value),
           "create table", lists);
    if (chance_below(&client->chance, 4) == 0 && !client_is_broken(sql_errno(client->conn)) &&
        sql_try(client->conn, "ALTER TABLE torture.l%u COMMENT = '%u'", value % LIST_TABLES, value) != 0)
        client_note_error(client, "alter table");
    sleep_ms(chance_between(&client->chance, 200, 1500));
}

/* ---- reading ---- */

/* " KEY=VALUES": the row of this key, or an empty list. */
static void put_list(FILE *out, const char *rows, unsigned key)
{
    char start[24];
    size_t length = (size_t)snprintf(start, sizeof start, "%u\t", key);

    (void)fprintf(out, " %u=", key);
    for (const char *row = rows; *row; row += *row == '\n') {
        size_t end = strcspn(row, "\n");
        if (strncmp(row, start, length) == 0)
            (void)fprintf(out, "%.*s", (int)(end - length), row + length);
        row += end;
    }
}

bool client_ask(struct client *client, const char *query)
{
    sql_peek(client->conn, query, client->text, RESULT_BYTES);
    if (sql_errno(client->conn) == 0)
        return true;
    client_note_error(client, "read");
    return false;
}

static void record_read(struct client *client, struct op op, const unsigned *keys, size_t count)
{
    char *lists = NULL;
    size_t size;
    FILE *out = open_memstream(&lists, &size);

    for (size_t i = 0; i < count; i++)
        put_list(out, client->text, keys[i]);
    (void)fclose(out);
    recorder_put(client->clients->options.recorder, op, lists);
    free(lists);
}

/* Two lists of one table in one snapshot, mostly those in use. */
static void read_lists(struct client *client)
{
    unsigned slot = chance_below(&client->chance, SLOTS);
    unsigned keys[2] = {atomic_load(&client->clients->slot[slot].key),
                        atomic_load(&client->clients->slot[(slot + LIST_TABLES) % SLOTS].key)};
    char query[160];

    if (chance_below(&client->chance, 4) == 0 && keys[0] >= 2 * SLOTS)
        keys[0] -= SLOTS;
    struct op op = client_begin(client, OP_READ);
    (void)snprintf(query, sizeof query, "SELECT k, v FROM torture.l%u WHERE k IN (%u, %u)",
                   keys[0] % LIST_TABLES, keys[0], keys[1]);
    if (client_ask(client, query))
        record_read(client, op, keys, 2);
}

static const char set_query[] = "SELECT GROUP_CONCAT(SUBSTR(table_name, 3)) FROM information_schema.tables "
                                "WHERE table_schema = 'torture' AND "
                                "table_name LIKE 'n\\_%' AND engine IS NOT NULL";

static void record_set(struct recorder *recorder, struct op op, const char *cell)
{
    char *lists;

    if (asprintf(&lists, " %u=%s", KEY_SET, strcmp(cell, "NULL") == 0 ? "" : cell) < 0)
        abort();
    recorder_put(recorder, op, lists);
    free(lists);
}

static void read_set(struct client *client)
{
    struct op op = client_begin(client, OP_READ);

    (void)sql_try(client->conn, "SET SESSION group_concat_max_len = 1000000");
    if (!client_ask(client, set_query))
        return;
    record_set(client->clients->options.recorder, op, client->text);
}

void client_read(struct client *client)
{
    if (chance_below(&client->chance, 40) == 0)
        read_set(client);
    else
        read_lists(client);
    sleep_ms(chance_between(&client->chance, 3, 20));
}

/* "FORMAT\tLENGTH\tLENGTH\tVALUEcCLIENT\n" */
static void put_prepared(FILE *out, const char *rows)
{
    const char *comma = "";

    (void)fprintf(out, " %u=", KEY_PREPARED);
    for (const char *row = rows; *row; row += *row == '\n') {
        size_t length = strcspn(row, "\n");
        const char *data = memrchr(row, '\t', length);
        if (data) {
            (void)fprintf(out, "%s%lu", comma, strtoul(data + 1, NULL, 10));
            comma = ",";
        }
        row += length;
    }
}

void client_record_prepared(struct recorder *recorder, struct op op, const char *rows)
{
    char *lists = NULL;
    size_t size;
    FILE *out = open_memstream(&lists, &size);

    put_prepared(out, rows);
    (void)fclose(out);
    recorder_put(recorder, op, lists);
    free(lists);
}

void clients_record_end(struct recorder *recorder, struct sql *conn, unsigned site, uint32_t number)
{
    struct op op = {.invoked_us = recorder_now_us(recorder), .client = number, .site = site, .kind = OP_END};
    char *lists = NULL;
    size_t size;
    FILE *out = open_memstream(&lists, &size);

    sql_exec(conn, "SET SESSION group_concat_max_len = 1000000");
    const char *set = sql_value(conn, "%s", set_query);
    (void)fprintf(out, " %u=%s", KEY_SET, set ? set : "");
    put_prepared(out, sql_text(conn, "XA RECOVER"));
    for (unsigned i = 0; i < LIST_TABLES; i++) {
        const struct sql_rows *rows = sql_rows(conn, "SELECT k, v FROM torture.l%u ORDER BY k", i);
        for (size_t row = 0; row < rows->rows; row++)
            (void)fprintf(out, " %s=%s", rows->cells[2 * row], rows->cells[2 * row + 1]);
    }
    (void)fclose(out);
    recorder_put(recorder, op, lists);
    free(lists);
}
