/* The errors that clients get while parties die and return: what they mean, how often they came. */
#include <stdio.h>

#include "test/lib/place.h"
#include "test/lib/sql.h"
#include "test/torture/clients_internal.h"

bool client_is_broken(unsigned number)
{
    return number == 2002 || number == 2003 || number == 2006 || number == 2012 || number == 2013 ||
           number == 2055 || number == 2061; /* the last: while the server's RSA key was waited for */
}

/* What a client may get while parties die and return. */
static bool is_explained(unsigned number)
{
    static const unsigned numbers[] = {
        1,    3,    20,   1005, 1021, 1025, 1026, 1030, /* the source's disk is full */
        1114, 1598, 1939, 3019, 3675, 3100,             /* its semi-sync goes down */
        1040, 1053, 1077, 1079,                         /* it is shutting down */
        1105, 1180,                   /* ackgate: source not available, outcome not known yet */
        1152, 1158, 1159, 1160, 1161, /* network errors as the server sees them */
        1205, 1213, 1317, 1927, 3058, /* locks, and KILL */
        1397, 1399, 1402, 1613, 1614, /* XA: unknown, not the moment, rolled back */
    };

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i] == number)
            return true;
    return client_is_broken(number);
}

void client_note_error(struct client *client, const char *doing)
{
    struct clients *clients = client->clients;
    unsigned number = sql_errno(client->conn);
    size_t i = 0;

    (void)pthread_mutex_lock(&clients->lock);
    while (i < ERRORS_MAX - 1 && clients->error[i].count > 0 && clients->error[i].number != number)
        i++;
    if (clients->error[i].count++ == 0) {
        clients->error[i].number = number;
        (void)snprintf(clients->error[i].text, sizeof clients->error[i].text, "%s: %.100s", doing,
                       sql_error(client->conn));
    }
    if (!is_explained(number) && !clients->strange[0])
        (void)snprintf(clients->strange, sizeof clients->strange, "client %u at %s, %s: %u %s", client->id,
                       history_site_name(client->site), doing, number, sql_error(client->conn));
    (void)pthread_mutex_unlock(&clients->lock);
}

const char *clients_errors(struct clients *clients)
{
    const char *text = "";

    for (size_t i = 0; i < ERRORS_MAX && clients->error[i].count > 0; i++)
        text = place_format("%s  %u × %zu (%s)\n", text, clients->error[i].number, clients->error[i].count,
                            clients->error[i].text);
    return text;
}
