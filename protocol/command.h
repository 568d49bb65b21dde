/*
 * The commands a client can send: their names, what answers them, and the ones we read or write ourselves.
 *
 * Manual: "Command Phase", and for each command the section of its name. Payloads here begin with the command
 * byte.
 */
#ifndef ACKGATE_PROTOCOL_COMMAND_H
#define ACKGATE_PROTOCOL_COMMAND_H

#include "protocol/error.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

#include <stdbool.h>

/* What the server answers. ERR is always possible besides, except after "none". */
enum command_response {
    COMMAND_RESPONSE_NONE,       /* no answer: QUIT, STMT_CLOSE, STMT_SEND_LONG_DATA */
    COMMAND_RESPONSE_OK,         /* one OK */
    COMMAND_RESPONSE_OK_OR_EOF,  /* one OK or EOF: SET_OPTION, DEBUG, SHUTDOWN */
    COMMAND_RESPONSE_RESULTSETS, /* OK, file request or result set, several with STATUS_MORE_RESULTS */
    COMMAND_RESPONSE_PREPARE,    /* COM_STMT_PREPARE_OK and definitions: command_prepared_decode() */
    COMMAND_RESPONSE_ROWS,       /* rows, then EOF or OK as EOF: STMT_FETCH */
    COMMAND_RESPONSE_FIELDS,     /* column definitions, then EOF or OK as EOF: FIELD_LIST */
    COMMAND_RESPONSE_TEXT,       /* one packet of plain text: STATISTICS */
    COMMAND_RESPONSE_AUTH,       /* an authentication exchange: CHANGE_USER */
    COMMAND_RESPONSE_REFUSED /* not served through the app port: replication, internal and unknown commands */
};

enum command_response command_response_kind(uint8_t command);
/* As the manual writes it, like "COM_QUERY"; "unknown command" for others. Lives for ever. */
const char *command_name(uint8_t command);

/* The SQL text of a COM_QUERY; with CAP_QUERY_ATTRIBUTES the attributes before it are checked and skipped. */
MUST_CHECK enum result command_query_decode(struct span payload, uint64_t caps, struct span *ret_sql);
/* With CAP_QUERY_ATTRIBUTES an empty list of attributes is written. */
void command_query_encode(struct writer *writer, struct span sql, uint64_t caps);

/* COM_STMT_PREPARE_OK. What follows: parameters definitions, columns definitions, each block, if it is not
 * empty, followed by EOF unless CAP_DEPRECATE_EOF was agreed. */
struct command_prepared {
    uint32_t statement_id;
    uint16_t columns;
    uint16_t parameters;
    uint16_t warnings;
    bool has_definitions; /* false only under CAP_OPTIONAL_METADATA: the client does not want them */
};

MUST_CHECK enum result command_prepared_decode(struct span payload, struct command_prepared *ret_prepared);

/* Statement id of STMT_EXECUTE, STMT_CLOSE, STMT_RESET, STMT_FETCH, STMT_SEND_LONG_DATA. */
MUST_CHECK enum result command_statement_id(struct span payload, uint32_t *ret_statement_id);

/* COM_REGISTER_SLAVE */
struct command_register {
    uint32_t server_id;
    struct span host; /* at most 255 bytes each */
    struct span user;
    struct span password;
    uint16_t port;
    uint32_t source_id;
};

MUST_CHECK enum result command_register_decode(struct span payload, struct command_register *ret_register);
void command_register_encode(struct writer *writer, const struct command_register *command);

#define DUMP_FLAG_NON_BLOCK    0x0001u /* end with EOF at the end of the last file */
#define DUMP_FLAG_ANNOTATE     0x0002u /* MariaDB: send annotate-rows events; MySQL's replicas set it always */
#define DUMP_FLAG_THROUGH_GTID 0x0004u /* MySQL's manual; its replicas send a GTID set without it */

/* COM_BINLOG_DUMP */
struct command_dump {
    uint32_t position; /* offset in the file; 32 bits is all the command has */
    uint16_t flags;    /* DUMP_FLAG_* */
    uint32_t server_id;
    struct span file; /* empty: the first one there is (MariaDB with GTID: its position decides) */
};

MUST_CHECK enum result command_dump_decode(struct span payload, struct command_dump *ret_dump);
void command_dump_encode(struct writer *writer, const struct command_dump *dump);

/* COM_BINLOG_DUMP_GTID */
struct command_dump_gtid {
    uint16_t flags; /* DUMP_FLAG_* */
    uint32_t server_id;
    struct span file;
    uint64_t position;
    struct span gtid_set; /* encoded, for gtid_set_decode(); empty: none was sent */
};

MUST_CHECK enum result command_dump_gtid_decode(struct span payload, struct command_dump_gtid *ret_dump);
void command_dump_gtid_encode(struct writer *writer, const struct command_dump_gtid *dump);

/* COM_PROCESS_KILL */
MUST_CHECK enum result command_kill_decode(struct span payload, uint32_t *ret_thread_id);
void command_kill_encode(struct writer *writer, uint32_t thread_id);

#endif
