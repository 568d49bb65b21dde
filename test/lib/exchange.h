/* One line of a file in test/diff/ played by a raw client: what is sent, and the transcript of what comes
 * back.
 *
 *     sql TEXT                      COM_QUERY; {N*c} in any text stands for the character c N times,
 *                                   {id} for the connection's id
 *     sql-with NAME=VALUE TEXT      … with a query attribute
 *     prepare NAME TEXT             COM_STMT_PREPARE; NAME is one letter
 *     execute NAME [cursor] VALUE…  VALUE: 5, 1.5, 'text', null, or long for what `long` has sent
 *     bulk NAME VALUE… | VALUE… |   MariaDB's COM_STMT_BULK_EXECUTE, a row before each bar
 *     long NAME PARAMETER TEXT      COM_STMT_SEND_LONG_DATA
 *     fetch NAME ROWS · reset NAME · close NAME
 *     raw HEX [TEXT]                any command, byte by byte, and a text behind it
 *     file TEXT                     sent at the next LOAD DATA LOCAL; \n and \t stand for themselves
 *     user NAME PASSWORD DATABASE   COM_CHANGE_USER
 *
 * `mysql:` or `mariadb:` before it limits a line to one family; `~` compares only how many packets come, for
 * what tells times; `#` begins a comment, `==` a group, which has a connection of its own. */
#ifndef ACKGATE_TEST_EXCHANGE_H
#define ACKGATE_TEST_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "test/lib/raw_client.h"
#include "test/lib/server.h"
#include "test/lib/transcript.h"

enum { EXCHANGE_STATEMENTS_MAX = 26 };

struct exchange {
    char *text;    /* without family and '~' */
    char *place;   /* "statements.txt:17" */
    char *group;   /* of the lines in one connection */
    bool is_loose; /* the '~' */
};

struct exchange_list {
    struct exchange *items;
    size_t count;
};

/* Reads all files of a directory in the order of their names; what is for the other family is left out. */
struct exchange_list exchange_read(const char *dir, enum family family);

struct exchange_player {
    struct raw_client client;
    uint32_t connection_id;
    uint32_t statement_ids[EXCHANGE_STATEMENTS_MAX];
    char *file;
};

void exchange_play(struct exchange_player *player, const struct exchange *exchange,
                   struct transcript *ret_transcript);

#endif
