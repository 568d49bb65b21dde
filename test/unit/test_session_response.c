/* layer: proxy */
/*
 * What a client gets for a response of the source, for each kind of client and however the bytes are cut.
 *
 * A response is written as a text, one letter a packet:
 *   1-9 column count   D definition   R row   P parameters and columns of a prepared statement, two digits
 *   O OK   G OK with session state   M OK, more results follow   X error   L request for a file   T text
 *   E end of rows (OK)   H the same with state   N end of rows, more results follow   U end that tells of a
 * cursor e n u the same as EOF packets
 */
#include "protocol/constants.h"
#include "protocol/packet.h"
#include "protocol/response.h"
#include "protocol/track.h"
#include "protocol/xalloc.h"
#include "proxy/session_response.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE_CAPS (CAP_PROTOCOL_41 | CAP_SESSION_TRACK | CAP_DEPRECATE_EOF)
#define NO_EOFS     SOURCE_CAPS
#define EOFS        (CAP_PROTOCOL_41 | CAP_SESSION_TRACK)
#define NO_TRACK    (CAP_PROTOCOL_41 | CAP_DEPRECATE_EOF)
#define OLD         CAP_PROTOCOL_41
#define METADATA    (CAP_OPTIONAL_METADATA | CAP_MARIADB_PROGRESS)

enum { BYTES_MAX = 4096, WHOLE = 1 << 30 };

struct bytes {
    uint8_t data[BYTES_MAX];
    size_t length;
};

static void write_ok(struct writer *writer, uint8_t header, uint16_t status)
{
    uint8_t state[64];
    struct writer tracked;
    struct response_ok ok = {.header = header, .affected_rows = 3, .status = status, .warnings = 1};
    writer_init(&tracked, state, sizeof(state));
    track_gtids_encode(&tracked, span_of_text("uuid:1"));
    if (status & STATUS_SESSION_STATE_CHANGED)
        ok.state = writer_span_written(&tracked);
    response_ok_encode(writer, &ok, SOURCE_CAPS);
}

static void write_prepared(struct writer *writer, const char *counts)
{
    writer_u8(writer, 0);
    writer_u32(writer, 7);
    writer_u16(writer, (uint16_t)(counts[1] - '0'));
    writer_u16(writer, (uint16_t)(counts[0] - '0'));
    writer_zeros(writer, 3);
}

static void write_eof(struct writer *writer, uint16_t warnings, uint16_t more)
{
    response_eof_encode(writer, (struct response_eof){warnings, (uint16_t)(STATUS_AUTOCOMMIT | more)});
}

/* Returns how many letters it took. */
static size_t write_payload(struct writer *writer, const char *letter)
{
    const uint16_t lasting = STATUS_AUTOCOMMIT;
    switch (*letter) {
    case 'D':
        writer_text(writer, "\3def column");
        break;
    case 'R':
        writer_text(writer, "\3abc");
        break;
    case 'T':
        writer_text(writer, "Uptime: 1");
        break;
    case 'L':
        writer_text(writer, "\xFB/tmp/file");
        break;
    case 'X':
        response_error_encode(writer, 1064, span_of_text("no"));
        break;
    case 'O':
        write_ok(writer, 0, lasting);
        break;
    case 'G':
        write_ok(writer, 0, lasting | STATUS_SESSION_STATE_CHANGED);
        break;
    case 'M':
        write_ok(writer, 0, lasting | STATUS_MORE_RESULTS);
        break;
    case 'E':
        write_ok(writer, 0xFE, lasting);
        break;
    case 'H':
        write_ok(writer, 0xFE, lasting | STATUS_SESSION_STATE_CHANGED);
        break;
    case 'N':
        write_ok(writer, 0xFE, lasting | STATUS_MORE_RESULTS);
        break;
    case 'U':
        write_ok(writer, 0xFE, lasting | STATUS_CURSOR_EXISTS);
        break;
    case 'f':
        write_eof(writer, 0, 0);
        break;
    case 'e':
        write_eof(writer, 1, 0);
        break;
    case 'n':
        write_eof(writer, 1, STATUS_MORE_RESULTS);
        break;
    case 'u':
        write_eof(writer, 1, STATUS_CURSOR_EXISTS);
        break;
    case 'P':
        write_prepared(writer, letter + 1);
        return 3;
    case 'Q':
        write_prepared(writer, letter + 1);
        writer_u8(writer, 0);
        return 3;
    case 'C': /* columns without definitions */
        writer_u8(writer, 2);
        writer_u8(writer, 0);
        break;
    case 'W':
        writer_bytes(writer, "\xFF\xFF\xFF\1\1\1", 6);
        writer_u24(writer, 500);
        writer_lenenc_text(writer, "copying");
        break;
    default:
        writer_u8(writer, (uint8_t)(*letter - '0'));
        break;
    }
    return 1;
}

static void build(const char *letters, struct bytes *ret_bytes)
{
    uint8_t sequence = 1;
    struct writer writer;
    writer_init(&writer, ret_bytes->data, BYTES_MAX);
    while (*letters != '\0') {
        size_t mark = packet_begin(&writer);
        letters += write_payload(&writer, letters);
        packet_end(&writer, mark, &sequence);
    }
    ck_assert(!writer_failed(&writer));
    ret_bytes->length = writer.length;
}

/* What the client got. */
struct client {
    struct session_response response;
    struct bytes got;
    size_t oks;
    size_t files;
    size_t ends;
    uint8_t file_sequence;
};

static void get(struct client *client, struct span bytes)
{
    ck_assert(client->got.length + bytes.length <= BYTES_MAX);
    memcpy(client->got.data + client->got.length, bytes.data, bytes.length);
    client->got.length += bytes.length;
}

static void on_step(struct client *client, const struct session_response_step *step)
{
    uint8_t packet[256];
    struct writer writer;
    client->ends += step->is_end;
    if (step->kind == RESPONSE_STEP_INFILE) {
        client->files++;
        client->file_sequence = step->sequence;
    }
    client->oks += step->kind == RESPONSE_STEP_OK;
    if (step->kind != RESPONSE_STEP_OK || !session_response_rewrites(&client->response, step->payload)) {
        get(client, step->bytes);
        return;
    }
    writer_init(&writer, packet, step->bytes.length);
    ck_assert_int_eq(session_response_encode_ok(&client->response, step, &writer), RESULT_OK);
    get(client, writer_span_written(&writer));
}

/* Gives the source's bytes in pieces: the first of `first` bytes, the others of `then`. */
static enum result give(struct client *client, const struct bytes *source, size_t first, size_t then)
{
    uint8_t buffer[BYTES_MAX];
    size_t kept = 0;
    size_t next = first;
    for (size_t at = 0; at < source->length; next = then) {
        size_t length = source->length - at < next ? source->length - at : next;
        size_t used = 0;
        memcpy(buffer + kept, source->data + at, length);
        at += length;
        kept += length;
        while (session_response_is_open(&client->response)) {
            struct session_response_step step;
            enum result result = session_response_next(&client->response, buffer + used, kept - used, &step);
            if (result == RESULT_AGAIN)
                break;
            if (result != RESULT_OK)
                return result;
            on_step(client, &step);
            used += step.kind == RESPONSE_STEP_INSERT ? 0 : step.bytes.length;
        }
        kept -= used;
        memmove(buffer, buffer + used, kept);
    }
    return kept == 0 ? RESULT_OK : RESULT_AGAIN;
}

static void client_start(struct client *client, enum command_response kind, uint64_t caps)
{
    *client = (struct client){0};
    session_response_init(&client->response, FLAVOR_MYSQL, SOURCE_CAPS | (caps & METADATA), caps,
                          STATUS_AUTOCOMMIT);
    session_response_begin(&client->response, kind);
}

/* An EOF before rows may know already what follows them. */
static void forget_more(struct bytes *bytes, const char *letters)
{
    size_t at = 0;
    for (; *letters != '\0'; letters += *letters == 'P' || *letters == 'Q' ? 3 : 1) {
        size_t length = packet_header_decode(bytes->data + at).length;
        if (*letters == 'f')
            bytes->data[at + PACKET_HEADER_BYTES + 3] &= (uint8_t)~STATUS_MORE_RESULTS;
        at += PACKET_HEADER_BYTES + length;
    }
}

struct row {
    const char *story;
    enum command_response kind;
    uint64_t caps;
    const char *source;
    const char *client;
    size_t oks; /* that the gate is asked about */
};

static const struct row rows[] = {
    {"an OK is handed out whole",                        COMMAND_RESPONSE_OK,         NO_EOFS,            "G",          "G",            1},
    {"a client without tracking does not see the state", COMMAND_RESPONSE_OK,         NO_TRACK,           "G",          "O",            1},
    {"an error ends the response",                       COMMAND_RESPONSE_RESULTSETS, OLD,                "X",          "X",            0},
    {"a result set",                                     COMMAND_RESPONSE_RESULTSETS, NO_EOFS,            "2DDRRRH",    "2DDRRRH",      1},
    {"its end without the state",                        COMMAND_RESPONSE_RESULTSETS, NO_TRACK,           "2DDRRRH",    "2DDRRRE",      1},
    {"with EOFs put in",                                 COMMAND_RESPONSE_RESULTSETS, EOFS,               "2DDRRRH",    "2DDfRRRe",     1},
    {"an empty one",                                     COMMAND_RESPONSE_RESULTSETS, OLD,                "1DE",        "1Dfe",         1},
    {"an error after some rows",                         COMMAND_RESPONSE_RESULTSETS, OLD,                "1DRX",       "1DfRX",        0},
    {"an error before the first row",                    COMMAND_RESPONSE_RESULTSETS, OLD,                "1DX",        "1DfX",         0},
    {"an error among the definitions",                   COMMAND_RESPONSE_RESULTSETS, OLD,                "2DX",        "2DX",          0},
    {"several results",                                  COMMAND_RESPONSE_RESULTSETS, NO_EOFS,            "1DRNM2DDNG", "1DRNM2DDNG",   4},
    {"counted on over the EOFs",                         COMMAND_RESPONSE_RESULTSETS, OLD,                "1DRNM2DDNO", "1DfRnM2DDfnO", 4},
    {"a cursor has one EOF",                             COMMAND_RESPONSE_RESULTSETS, OLD,                "2DDU",       "2DDu",         1},
    {"a cursor as it is",                                COMMAND_RESPONSE_RESULTSETS, NO_EOFS,            "2DDU",       "2DDU",         1},
    {"rows fetched",                                     COMMAND_RESPONSE_ROWS,       OLD,                "RRE",        "RRe",          1},
    {"an error in a fetch",                              COMMAND_RESPONSE_ROWS,       OLD,                "X",          "X",            0},
    {"columns listed",                                   COMMAND_RESPONSE_FIELDS,     OLD,                "DDE",        "DDe",          1},
    {"prepared, nothing to define",                      COMMAND_RESPONSE_PREPARE,    OLD,                "P00",        "P00",          0},
    {"prepared",                                         COMMAND_RESPONSE_PREPARE,    NO_EOFS,            "P12DDD",     "P12DDD",       0},
    {"prepared, two EOFs",                               COMMAND_RESPONSE_PREPARE,    OLD,                "P12DDD",     "P12DfDDf",     0},
    {"prepared, columns only",                           COMMAND_RESPONSE_PREPARE,    OLD,                "P01D",       "P01Df",        0},
    {"prepared, parameters only",                        COMMAND_RESPONSE_PREPARE,    OLD,                "P20DD",      "P20DDf",       0},
    {"prepared without definitions",                     COMMAND_RESPONSE_PREPARE,    NO_EOFS | METADATA, "Q12",        "Q12",          0},
    {"prepared without definitions, but their EOFs",     COMMAND_RESPONSE_PREPARE,    OLD | METADATA,     "Q12",        "Q12ff",
     0                                                                                                                                   },
    {"rows without definitions",                         COMMAND_RESPONSE_RESULTSETS, NO_EOFS | METADATA, "CRRE",       "CRRE",         1},
    {"rows without definitions, but their EOF",          COMMAND_RESPONSE_RESULTSETS, OLD | METADATA,     "CRRE",       "CfRRe",
     1                                                                                                                                   },
    {"progress before an OK",                            COMMAND_RESPONSE_RESULTSETS, NO_EOFS | METADATA, "WWG",        "WWG",          1},
    {"progress everywhere",                              COMMAND_RESPONSE_RESULTSETS, OLD | METADATA,     "W1WDWRWNWX", "W1WDfWRWnWX",  1},
    {"prepared in vain",                                 COMMAND_RESPONSE_PREPARE,    OLD,                "X",          "X",            0},
    {"plain text",                                       COMMAND_RESPONSE_TEXT,       OLD,                "T",          "T",            0},
    {"an end of rows where an OK is usual",              COMMAND_RESPONSE_OK_OR_EOF,  OLD,                "E",          "e",            1},
    {"a file asked for",                                 COMMAND_RESPONSE_RESULTSETS, OLD,                "L",          "L",            0},
    {"a file asked for after a result set",              COMMAND_RESPONSE_RESULTSETS, OLD,                "1DRNL",      "1DfRnL",       1},
};

static void check_cut(const struct row *row, size_t first, size_t then)
{
    struct client client;
    struct bytes source;
    struct bytes expected;
    build(row->source, &source);
    build(row->client, &expected);
    client_start(&client, row->kind, row->caps);
    ck_assert_int_eq(give(&client, &source, first, then), RESULT_OK);
    ck_assert_uint_eq(client.got.length, expected.length);
    forget_more(&client.got, row->client);
    ck_assert_mem_eq(client.got.data, expected.data, expected.length);
    ck_assert_uint_eq(client.oks, row->oks);
    bool asks_file = strchr(row->source, 'L') != NULL;
    ck_assert_uint_eq(client.files, asks_file ? 1 : 0);
    ck_assert_uint_eq(client.ends, asks_file ? 0 : 1);
    ck_assert(session_response_is_open(&client.response) == asks_file);
}

START_TEST(test_every_response_at_every_cut)
{
    const struct row *row = &rows[_i];
    struct bytes source;
    build(row->source, &source);
    check_cut(row, WHOLE, WHOLE);
    for (size_t cut = 1; cut < source.length; cut++)
        check_cut(row, cut, WHOLE);
    for (size_t step = 1; step < 8; step++)
        check_cut(row, step, step);
}
END_TEST

/* The client numbers its file after the request as it has seen it; then comes an OK. */
START_TEST(test_a_file_goes_on_with_the_clients_numbers)
{
    struct client client;
    struct bytes source;
    client_start(&client, COMMAND_RESPONSE_RESULTSETS, OLD);
    build("1DRNL", &source);
    ck_assert_int_eq(give(&client, &source, WHOLE, WHOLE), RESULT_OK);
    ck_assert_uint_eq(client.file_sequence, 6);
    ck_assert_uint_eq(client.response.shift, 1);
    build("O", &source);
    source.data[3] = 8;
    client.got.length = 0;
    ck_assert_int_eq(give(&client, &source, WHOLE, WHOLE), RESULT_OK);
    ck_assert_uint_eq(client.got.data[3], 9);
    ck_assert_uint_eq(client.ends, 1);
}
END_TEST

/* Output parameters are known by the EOF before their row. */
START_TEST(test_the_first_eof_tells_what_the_end_tells)
{
    struct client client;
    struct bytes source;
    struct response_eof eof;
    client_start(&client, COMMAND_RESPONSE_RESULTSETS, OLD);
    build("1DRN", &source);
    ck_assert_int_eq(give(&client, &source, WHOLE, WHOLE), RESULT_OK);
    size_t at = 0;
    for (int packet = 0; packet < 2; packet++)
        at += PACKET_HEADER_BYTES + packet_header_decode(client.got.data + at).length;
    struct span payload = {client.got.data + at + PACKET_HEADER_BYTES, 5};
    ck_assert_int_eq(response_eof_decode(payload, &eof), RESULT_OK);
    ck_assert_uint_eq(eof.status, STATUS_AUTOCOMMIT | STATUS_MORE_RESULTS);
}
END_TEST

/* A row over 16 MiB goes on in a second packet, whose first byte says nothing. */
START_TEST(test_a_row_in_several_packets)
{
    const size_t tail = 3;
    size_t length = 2 * PACKET_HEADER_BYTES + PACKET_PAYLOAD_MAX + tail;
    uint8_t *row = xmalloc(length);
    struct session_response response;
    struct session_response_step step;
    memset(row, 0xFE, length);
    packet_header_encode(row, (struct packet_header){PACKET_PAYLOAD_MAX, 4});
    packet_header_encode(row + PACKET_HEADER_BYTES + PACKET_PAYLOAD_MAX, (struct packet_header){tail, 5});
    session_response_init(&response, FLAVOR_MYSQL, SOURCE_CAPS, SOURCE_CAPS, 0);
    session_response_begin(&response, COMMAND_RESPONSE_ROWS);
    size_t passed = 0;
    for (size_t given = 0; given < length; given = passed) {
        size_t room = length - given < 60000 ? length - given : 60000;
        ck_assert_int_eq(session_response_next(&response, row + given, room, &step), RESULT_OK);
        ck_assert_int_eq(step.kind, RESPONSE_STEP_PASS);
        ck_assert(!step.is_end);
        passed += step.bytes.length;
    }
    free(row);
    struct bytes end;
    build("E", &end);
    ck_assert_int_eq(session_response_next(&response, end.data, end.length, &step), RESULT_OK);
    ck_assert_int_eq(step.kind, RESPONSE_STEP_OK);
    ck_assert(step.is_end);
}
END_TEST

struct bad_row {
    enum command_response kind;
    uint8_t bytes[8];
    size_t length;
    enum result result;
};

static const struct bad_row bad_rows[] = {
    {COMMAND_RESPONSE_RESULTSETS, {0, 0, 0, 1},             4, RESULT_MALFORMED}, /* an empty packet */
    {COMMAND_RESPONSE_ROWS,       {0, 0, 0, 1},             4, RESULT_MALFORMED},
    {COMMAND_RESPONSE_RESULTSETS, {0, 0, 0x20, 1, 0},       5, RESULT_TOO_LARGE}, /* an OK of 2 MiB */
    {COMMAND_RESPONSE_ROWS,       {0, 0, 0x20, 1, 0xFE},    5, RESULT_TOO_LARGE},
    {COMMAND_RESPONSE_PREPARE,    {0, 0, 0x20, 1, 0},       5, RESULT_TOO_LARGE},
    {COMMAND_RESPONSE_RESULTSETS, {3, 0, 0, 1, 0, 0, 0},    7, RESULT_MALFORMED}, /* an OK cut short */
    {COMMAND_RESPONSE_RESULTSETS, {3, 0, 0, 1, 0xFC, 0, 0}, 7, RESULT_MALFORMED}, /* no columns */
    {COMMAND_RESPONSE_RESULTSETS, {2, 0, 0, 1, 0xFC, 9},    6, RESULT_MALFORMED}, /* half a count */
    {COMMAND_RESPONSE_PREPARE,    {2, 0, 0, 1, 0, 9},       6, RESULT_MALFORMED},
};

START_TEST(test_what_no_source_sends)
{
    const struct bad_row *row = &bad_rows[_i];
    struct session_response response;
    struct session_response_step step;
    uint8_t bytes[8];
    memcpy(bytes, row->bytes, sizeof(bytes));
    session_response_init(&response, FLAVOR_MYSQL, SOURCE_CAPS, OLD, 0);
    session_response_begin(&response, row->kind);
    ck_assert_int_eq(session_response_next(&response, bytes, row->length, &step), row->result);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session_response");
    TCase *tcase = tcase_create("session_response");
    tcase_add_loop_test(tcase, test_every_response_at_every_cut, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tcase, test_a_file_goes_on_with_the_clients_numbers);
    tcase_add_test(tcase, test_the_first_eof_tells_what_the_end_tells);
    tcase_add_test(tcase, test_a_row_in_several_packets);
    tcase_add_loop_test(tcase, test_what_no_source_sends, 0, (int)(sizeof(bad_rows) / sizeof(bad_rows[0])));
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
