/* Responses read to their end and written down, see transcript.h. */
#include "test/lib/transcript.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/constants.h"
#include "protocol/packet.h"
#include "protocol/response.h"
#include "protocol/track.h"
#include "protocol/xalloc.h"

#define FIRST_EOF_TELLS                                                                                      \
    (STATUS_IN_TRANSACTION | STATUS_AUTOCOMMIT | STATUS_CURSOR_EXISTS | STATUS_NO_BACKSLASH_ESCAPES |        \
     STATUS_OUT_PARAMETERS | STATUS_READ_ONLY_TRANSACTION)

enum { SHOWN_BYTES = 60, FILE_PIECE = 60000 };

struct taking {
    struct place where;
    struct transcript *transcript;
    struct raw_client *client;
    const char *file;
};

void transcript_release(struct transcript *transcript)
{
    free(transcript->bytes);
    *transcript = (struct transcript){0};
}

static void add(struct transcript *transcript, const void *bytes, size_t length)
{
    if (transcript->room - transcript->length < length) {
        transcript->room = 2 * transcript->room + length + 256;
        transcript->bytes = xrealloc(transcript->bytes, transcript->room);
    }
    if (length > 0)
        memcpy(transcript->bytes + transcript->length, bytes, length);
    transcript->length += length;
}

/* Text with the last number of each GTID in it, "uuid:7" or "0-101-7", as '#'. */
static void add_masked(struct transcript *transcript, struct span text)
{
    for (size_t i = 0; i < text.length; i++) {
        bool is_number =
            isdigit(text.data[i]) && i > 0 && (text.data[i - 1] == ':' || text.data[i - 1] == '-');
        size_t end = i;
        while (is_number && end < text.length && isdigit(text.data[end]))
            end++;
        bool ends =
            end == text.length || text.data[end] == ',' || text.data[end] == '-' || text.data[end] == ':';
        if (is_number && ends && !(end < text.length && text.data[end] == '-' && text.data[i - 1] == '-')) {
            add(transcript, "#", 1);
            i = end - 1;
        } else {
            add(transcript, text.data + i, 1);
        }
    }
}

/* An OK with session state: lengths depend on the GTIDs' and are left out. */
static void add_tracked(struct transcript *transcript, const struct raw_client *client,
                        const struct response_ok *ok)
{
    struct response_ok plain = *ok;
    uint8_t bytes[1024];
    struct writer writer;
    struct track_cursor cursor;
    struct track_entry entry;

    plain.state = (struct span){0};
    writer_init(&writer, bytes, sizeof bytes);
    response_ok_encode(&writer, &plain, client->capabilities);
    add(transcript, &client->read_sequence, 1);
    add(transcript, bytes, writer.length);
    track_cursor_init(&cursor, ok->state);
    while (track_cursor_next(&cursor, &entry)) {
        struct reader data;
        struct span name, value;
        reader_init_span(&data, entry.data);
        add(transcript, &entry.type, 1);
        if (entry.type != TRACK_SYSTEM_VARIABLES)
            add_masked(transcript,
                       entry.data.length > 0
                           ? (struct span){entry.data.data + (entry.type == TRACK_GTIDS ? 2 : 0),
                                           entry.data.length - (entry.type == TRACK_GTIDS ? 2 : 0)}
                           : entry.data);
        else
            while (reader_left(&data) > 0 && track_variable_decode(&data, &name, &value) == RESULT_OK) {
                add(transcript, name.data, name.length);
                add(transcript, "=", 1);
                if (span_is_text(name, "last_gtid"))
                    add_masked(transcript, value);
                else
                    add(transcript, value.data, value.length);
            }
    }
}

static struct span last_payload(const struct raw_client *client)
{
    return (struct span){client->payload, client->payload_bytes};
}

static bool has(const struct taking *taking, uint64_t capability)
{
    return (taking->client->capabilities & capability) != 0;
}

/* False: the server has closed. */
static bool take_packet(struct taking *taking)
{
    switch (raw_read_packet(taking->client)) {
    case RAW_TIMEOUT:
        fail_at(taking->where, "the response does not end:\n%s",
                transcript_difference(taking->transcript, &(struct transcript){0}));
    case RAW_CLOSED:
        taking->transcript->is_closed = true;
        return false;
    case RAW_PACKET:
        taking->transcript->packets++;
        return true;
    }
    return false;
}

static void add_packet(struct taking *taking)
{
    struct raw_client *client = taking->client;
    uint8_t header[PACKET_HEADER_BYTES];

    packet_header_encode(header, (struct packet_header){.length = (uint32_t)client->payload_bytes,
                                                        .sequence = client->read_sequence});
    add(taking->transcript, header, sizeof header);
    add(taking->transcript, client->payload, client->payload_bytes);
}

/* Numbers of statements, "(7)", are MariaDB's business. */
static void add_error(struct taking *taking)
{
    const struct raw_client *client = taking->client;

    add(taking->transcript, &client->read_sequence, 1);
    for (size_t i = 0; i < client->payload_bytes; i++)
        if (!isdigit(client->payload[i]) || memchr(client->payload, '(', i) == NULL)
            add(taking->transcript, client->payload + i, 1);
}

/* The EOF after definitions. Through ackgate it is made before the source has told its status at the end of
 * the rows: docs/protocol.md says which flags that leaves open. */
static uint16_t add_first_eof(struct taking *taking)
{
    struct raw_client *client = taking->client;
    struct response_eof eof;

    if (response_eof_decode(last_payload(client), &eof) != RESULT_OK)
        fail_at(taking->where, "an EOF of %zu bytes cannot be read", client->payload_bytes);
    uint16_t shown = eof.status & FIRST_EOF_TELLS;
    add(taking->transcript, &client->read_sequence, 1);
    add(taking->transcript, &shown, sizeof shown);
    return eof.status;
}

/* An OK, or the EOF or OK that ends rows. Returns its status. */
static uint16_t add_end(struct taking *taking)
{
    uint64_t capabilities = taking->client->capabilities;
    struct span payload = last_payload(taking->client);
    struct response_ok ok;

    if (response_status(payload, capabilities, &taking->transcript->status) != RESULT_OK)
        fail_at(taking->where, "an OK or EOF of %zu bytes cannot be read", payload.length);
    bool is_eof = payload.data[0] == RESPONSE_HEADER_EOF && !has(taking, CAP_DEPRECATE_EOF);
    if (!is_eof && (taking->transcript->status & STATUS_SESSION_STATE_CHANGED) &&
        has(taking, CAP_SESSION_TRACK) && response_ok_decode(payload, capabilities, &ok) == RESULT_OK)
        add_tracked(taking->transcript, taking->client, &ok);
    else
        add_packet(taking);
    return taking->transcript->status;
}

void transcript_add_last(struct transcript *transcript, const struct raw_client *client)
{
    struct taking taking = {HERE, transcript, (struct raw_client *)(uintptr_t)client, ""};

    (void)add_end(&taking);
}

static bool is_error(const struct taking *taking)
{
    struct span payload = last_payload(taking->client);

    return payload.length >= 3 && payload.data[0] == RESPONSE_HEADER_ERR &&
           !(has(taking, CAP_MARIADB_PROGRESS) && payload.data[1] == 0xFF && payload.data[2] == 0xFF);
}

static bool is_progress(const struct taking *taking)
{
    return last_payload(taking->client).data[0] == RESPONSE_HEADER_ERR && !is_error(taking);
}

static bool is_end_of_rows(const struct taking *taking)
{
    struct span payload = last_payload(taking->client);

    return payload.data[0] == RESPONSE_HEADER_EOF &&
           payload.length < (has(taking, CAP_DEPRECATE_EOF) ? PACKET_PAYLOAD_MAX : 9);
}

/* How often a progress report comes is a matter of time: none is written down. False: closed. */
static bool take_real_packet(struct taking *taking)
{
    do {
        if (!take_packet(taking))
            return false;
    } while (taking->client->payload_bytes > 0 && is_progress(taking));
    return true;
}

/* The rest of a payload that fills its first packet. */
static bool add_whole(struct taking *taking)
{
    add_packet(taking);
    while (taking->client->payload_bytes == PACKET_PAYLOAD_MAX) {
        if (!take_packet(taking))
            return false;
        add_packet(taking);
    }
    return true;
}

/* Rows or definitions up to their end. True: another result follows. */
static bool take_rows(struct taking *taking)
{
    while (take_real_packet(taking)) {
        if (is_error(taking)) {
            add_error(taking);
            return false;
        }
        if (is_end_of_rows(taking))
            return (add_end(taking) & STATUS_MORE_RESULTS) != 0;
        if (!add_whole(taking))
            return false;
    }
    return false;
}

/* False: it ends here. */
static bool take_definitions(struct taking *taking, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!take_real_packet(taking))
            return false;
        if (is_error(taking)) {
            add_error(taking);
            return false;
        }
        add_packet(taking);
    }
    return true;
}

static bool has_definitions(const struct taking *taking, struct reader *rest)
{
    return reader_left(rest) == 0 || !has(taking, CAP_OPTIONAL_METADATA | CAP_MARIADB_CACHE) ||
           reader_u8(rest) != 0;
}

/* True: another result follows. */
static bool take_resultset(struct taking *taking)
{
    struct reader reader;
    uint16_t status = 0;

    reader_init_span(&reader, last_payload(taking->client));
    size_t columns = reader_lenenc(&reader);
    bool is_defined = has_definitions(taking, &reader);
    add_packet(taking);
    if (is_defined && !take_definitions(taking, columns))
        return false;
    if (!has(taking, CAP_DEPRECATE_EOF)) {
        if (!take_real_packet(taking))
            return false;
        if (is_error(taking)) {
            add_error(taking);
            return false;
        }
        status = add_first_eof(taking);
        if (status & STATUS_CURSOR_EXISTS)
            return (status & STATUS_MORE_RESULTS) != 0;
    }
    /* the values of OUT parameters: only the first EOF tells that more follows */
    return take_rows(taking) || (status & STATUS_OUT_PARAMETERS);
}

static void send_file(struct taking *taking)
{
    size_t left = strlen(taking->file);

    for (const char *at = taking->file; left > 0;) {
        size_t piece = left < FILE_PIECE ? left : FILE_PIECE;
        (void)raw_send_packet(taking->client, at, piece);
        at += piece;
        left -= piece;
    }
    (void)raw_send_packet(taking->client, "", 0);
}

static void take_results(struct taking *taking)
{
    bool has_more = true;

    while (has_more && take_real_packet(taking)) {
        uint8_t first = taking->client->payload_bytes > 0 ? taking->client->payload[0] : RESPONSE_HEADER_ERR;
        if (first == RESPONSE_HEADER_INFILE) {
            add_packet(taking);
            send_file(taking);
        } else if (first == RESPONSE_HEADER_OK || first == RESPONSE_HEADER_EOF) {
            has_more = (add_end(taking) & STATUS_MORE_RESULTS) != 0;
        } else if (first == RESPONSE_HEADER_ERR) {
            add_error(taking);
            return;
        } else {
            has_more = take_resultset(taking);
        }
    }
}

static bool take_block(struct taking *taking, size_t count, bool is_defined)
{
    if (count == 0)
        return true;
    if (is_defined && !take_definitions(taking, count))
        return false;
    if (has(taking, CAP_DEPRECATE_EOF))
        return true;
    if (!take_real_packet(taking))
        return false;
    (void)add_end(taking);
    return true;
}

static void take_prepared(struct taking *taking)
{
    struct reader reader;

    if (!take_real_packet(taking))
        return;
    if (is_error(taking)) {
        add_error(taking);
        return;
    }
    reader_init_span(&reader, last_payload(taking->client));
    reader_skip(&reader, 1);
    taking->transcript->statement_id = reader_u32(&reader);
    memset(taking->client->payload + 1, '#', 4);
    add_packet(taking);
    size_t columns = reader_u16(&reader), parameters = reader_u16(&reader);
    reader_skip(&reader, 3);
    bool is_defined = !has(taking, CAP_OPTIONAL_METADATA) || has_definitions(taking, &reader);
    if (take_block(taking, parameters, is_defined))
        (void)take_block(taking, columns, is_defined);
}

void transcript_take_at(struct place where, struct transcript *transcript, struct raw_client *client,
                        enum command_response kind, const char *file)
{
    struct taking taking = {where, transcript, client, file};

    switch (kind) {
    case COMMAND_RESPONSE_NONE:
        break;
    case COMMAND_RESPONSE_PREPARE:
        take_prepared(&taking);
        break;
    case COMMAND_RESPONSE_ROWS:
    case COMMAND_RESPONSE_FIELDS:
        (void)take_rows(&taking);
        break;
    case COMMAND_RESPONSE_TEXT:
        if (take_packet(&taking))
            add_packet(&taking);
        break;
    default:
        take_results(&taking);
        break;
    }
}

bool transcript_equal(const struct transcript *one, const struct transcript *two)
{
    return one->length == two->length && one->packets == two->packets && one->is_closed == two->is_closed &&
           (one->length == 0 || memcmp(one->bytes, two->bytes, one->length) == 0);
}

static size_t show(const struct transcript *transcript, size_t from, char *ret_text, size_t max)
{
    size_t length =
        (size_t)snprintf(ret_text, max, "%u packets, %zu bytes%s, from byte %zu: ", transcript->packets,
                         transcript->length, transcript->is_closed ? ", closed" : "", from);

    for (size_t i = from; i < transcript->length && i < from + SHOWN_BYTES; i++)
        length += (size_t)snprintf(ret_text + length, max - length,
                                   isprint(transcript->bytes[i]) ? "%c" : "\\%02x", transcript->bytes[i]);
    return length;
}

const char *transcript_difference(const struct transcript *one, const struct transcript *two)
{
    static char text[2][600], both[1300];
    size_t at = 0;

    while (at < one->length && at < two->length && one->bytes[at] == two->bytes[at])
        at++;
    size_t from = at < SHOWN_BYTES / 2 ? 0 : at - SHOWN_BYTES / 2;
    (void)show(one, from, text[0], sizeof text[0]);
    (void)show(two, from, text[1], sizeof text[1]);
    (void)snprintf(both, sizeof both, "differ at byte %zu\n  %s\n  %s", at, text[0], text[1]);
    return both;
}
