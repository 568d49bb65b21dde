/*
 * The session-state changes that an OK carries, among them the GTIDs of what was just committed.
 *
 * Manual: "OK_Packet", "Session State Information". The state is a row of entries: type u8, length, data.
 * response_find_gtids() is on the path of every statement: no allocation, and nothing is looked at unless the
 * status says that there is a change.
 */
#ifndef ACKGATE_PROTOCOL_TRACK_H
#define ACKGATE_PROTOCOL_TRACK_H

#include "protocol/error.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

struct track_entry {
    uint8_t type; /* TRACK_* */
    struct span data;
};

struct track_cursor {
    struct reader reader;
};

void track_cursor_init(struct track_cursor *cursor, struct span state);
/* False at the end and at an error; track_cursor_result() tells which. */
bool track_cursor_next(struct track_cursor *cursor, struct track_entry *ret_entry);
MUST_CHECK enum result track_cursor_result(const struct track_cursor *cursor);

/*
 * One name and value of a TRACK_SYSTEM_VARIABLES entry's data, which holds one or more pairs: start a reader
 * over the data, call until reader_at_end(). A value that is NULL is given as empty.
 */
MUST_CHECK enum result track_variable_decode(struct reader *data, struct span *ret_name,
                                             struct span *ret_value);
/* Data of TRACK_SCHEMA, TRACK_STATE_CHANGE and the two of transactions: one string. */
MUST_CHECK enum result track_string_decode(struct span data, struct span *ret_text);
/* Data of TRACK_GTIDS: the GTID set as text. RESULT_UNSUPPORTED: an encoding other than 0. */
MUST_CHECK enum result track_gtids_decode(struct span data, struct span *ret_gtids);

/* Entries for response_ok.state. */
void track_variable_encode(struct writer *writer, struct span name, struct span value);
void track_gtids_encode(struct writer *writer, struct span gtids);
void track_string_encode(struct writer *writer, uint8_t type, struct span text);

/* What the gate wants to know of an OK. Spans point into the payload; of repeated entries the last counts. */
struct response_gtids {
    uint16_t status;              /* STATUS_* of the OK */
    struct span own_gtids;        /* TRACK_GTIDS: a GTID set as text; empty: none */
    struct span last_gtid;        /* MariaDB's variable last_gtid; empty: none */
    bool track_gtids_changed;     /* session_track_gtids was reported … */
    struct span track_gtids;      /* … with this value */
    bool track_variables_changed; /* session_track_system_variables was reported … */
    struct span track_variables;  /* … with this value */
};

/* payload: an OK, header 0x00 or 0xFE, received under caps. */
MUST_CHECK enum result response_find_gtids(struct span payload, uint64_t caps,
                                           struct response_gtids *ret_gtids);

#endif
