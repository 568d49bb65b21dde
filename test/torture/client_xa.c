/* Appends by XA transactions, see clients_internal.h.
 *
 * A client remembers what it has prepared and not ended yet: it ends it soon, or later, or, when its
 * connection broke, once XA RECOVER shows that it was prepared. What it once asked for, COMMIT or ROLLBACK,
 * it asks for again until the transaction is not listed any more; nobody else would have ended it, so it has
 * then happened. */
#include <stdlib.h>
#include <string.h>

#include "protocol/xalloc.h"
#include "test/lib/sql.h"
#include "test/lib/wait.h"
#include "test/torture/clients_internal.h"

struct xa {
    unsigned value;
    char lists[64];
    bool is_prepared; /* was answered or listed; else it may be */
    bool is_asked;    /* to end */
    bool is_commit;
    uint64_t asked_us;
};

static uint64_t now_us(const struct client *client)
{
    return recorder_now_us(client->clients->options.recorder);
}

/* ---- until it is prepared ---- */

static struct xa *add(struct client *client)
{
    client->xa = xrealloc(client->xa, (client->xa_count + 1) * sizeof *client->xa);
    return &client->xa[client->xa_count++];
}

static bool do_work(struct client *client, const unsigned *key, unsigned value)
{
    return sql_try(client->conn, "XA START '%u','c%u'", value, client->id) == 0 &&
           client_append_to(client, key[0], value) == 0 && client_append_to(client, key[1], value) == 0 &&
           sql_try(client->conn, "XA END '%u','c%u'", value, client->id) == 0;
}

static void give_up(struct client *client, struct op op, unsigned value, const char *lists)
{
    client_note_error(client, "append by XA");
    op.kind = OP_APPEND;
    op.outcome = OUTCOME_FAILED;
    recorder_put(client->clients->options.recorder, op, lists);
    if (client_is_broken(sql_errno(client->conn)))
        return;
    (void)sql_try(client->conn, "XA END '%u','c%u'", value, client->id);
    if (!client_is_broken(sql_errno(client->conn)))
        (void)sql_try(client->conn, "XA ROLLBACK '%u','c%u'", value, client->id);
}

static void prepare(struct client *client)
{
    unsigned slot = chance_below(&client->chance, XA_SLOTS);
    unsigned key[2] = {client_pick_key(client, PLAIN_SLOTS + slot),
                       client_pick_key(client, PLAIN_SLOTS + (slot + LIST_TABLES) % XA_SLOTS)};
    struct xa xa = {.value = atomic_fetch_add(&client->clients->next_value, 1),
                    .is_commit = chance_below(&client->chance, 4) != 0};
    struct op op = client_begin(client, OP_PREPARE);

    (void)snprintf(xa.lists, sizeof xa.lists, " %u=%u %u=%u", key[0], xa.value, key[1], xa.value);
    if (!do_work(client, key, xa.value)) {
        give_up(client, op, xa.value, xa.lists);
        return;
    }
    unsigned number = sql_try(client->conn, "XA PREPARE '%u','c%u'", xa.value, client->id);
    if (number != 0)
        client_note_error(client, "XA PREPARE");
    op.outcome = client_outcome(number);
    recorder_put(client->clients->options.recorder, op, xa.lists);
    xa.is_prepared = number == 0;
    *add(client) = xa;
}

/* ---- ending ---- */

static void record_end(struct client *client, const struct xa *xa, enum op_outcome outcome)
{
    struct op op = client_begin(client, xa->is_commit ? OP_APPEND : OP_ROLLBACK);

    op.invoked_us = xa->asked_us;
    op.outcome = outcome;
    if (outcome == OUTCOME_OK)
        (void)atomic_fetch_add(&client->clients->oks, 1);
    recorder_put(client->clients->options.recorder, op, xa->lists);
}

static bool end(struct client *client, struct xa *xa)
{
    const char *verb = xa->is_commit ? "XA COMMIT" : "XA ROLLBACK";

    if (!xa->is_asked)
        xa->asked_us = now_us(client);
    xa->is_asked = true;
    if (sql_try(client->conn, "%s '%u','c%u'", verb, xa->value, client->id) != 0) {
        client_note_error(client, verb);
        return false;
    }
    record_end(client, xa, OUTCOME_OK);
    return true;
}

/* All that the source has prepared, as KEY_PREPARED=VALUE,… ; data is VALUEcCLIENT. */
static bool list_prepared(struct client *client)
{
    struct op op = client_begin(client, OP_READ);

    if (!client_ask(client, "XA RECOVER"))
        return false;
    client_record_prepared(client->clients->options.recorder, op, client->text);
    return true;
}

static bool is_listed(const struct client *client, const struct xa *xa)
{
    char row[40];

    (void)snprintf(row, sizeof row, "\t%uc%u", xa->value, client->id);
    const char *found = strstr(client->text, row);
    return found && (found[strlen(row)] == '\n' || !found[strlen(row)]);
}

/* True: it is over. */
static bool settle(struct client *client, struct xa *xa)
{
    if (is_listed(client, xa)) {
        xa->is_prepared = true;
        return end(client, xa);
    }
    if (!xa->is_prepared || !xa->is_asked)
        return false;
    record_end(client, xa, OUTCOME_OK);
    return true;
}

static void settle_all(struct client *client)
{
    size_t kept = 0;
    bool goes_on = list_prepared(client);

    for (size_t i = 0; i < client->xa_count; i++) {
        if (goes_on && settle(client, &client->xa[i]))
            continue;
        goes_on = goes_on && !client_is_broken(sql_errno(client->conn));
        client->xa[kept++] = client->xa[i];
    }
    client->xa_count = kept;
}

static void disconnect(struct client *client)
{
    sql_close(client->conn);
    client->conn = NULL;
}

/* At once, mostly; what is left waits for settle_all() on another connection: on MariaDB a session can do
 * nothing else before its transaction has ended. */
static void prepare_and_end(struct client *client)
{
    size_t before = client->xa_count;

    prepare(client);
    if (client->xa_count == before || !client->xa[before].is_prepared)
        return;
    if (chance_below(&client->chance, 4) == 0)
        disconnect(client);
    else if (end(client, &client->xa[before]))
        client->xa_count--;
}

void client_xa(struct client *client)
{
    if (client->needs_settling || atomic_load(&client->clients->is_over) ||
        chance_below(&client->chance, 6) == 0)
        settle_all(client);
    else
        prepare_and_end(client);
    client->needs_settling = !client->conn || sql_errno(client->conn) != 0;
    sleep_ms(chance_between(&client->chance, 1, 40));
}

/* Some may be prepared that no answer told of, and never be. */
bool client_has_prepared(const struct client *client)
{
    for (size_t i = 0; i < client->xa_count; i++)
        if (client->xa[i].is_prepared)
            return true;
    return false;
}

void client_leave_prepared(struct client *client)
{
    for (size_t i = 0; i < client->xa_count; i++)
        if (client->xa[i].is_asked)
            record_end(client, &client->xa[i], OUTCOME_UNKNOWN);
    free(client->xa);
    client->xa = NULL;
    client->xa_count = 0;
}
