/* The walk over a response's packets of session_response.h. */
#include "proxy/session_response.h"

#include "protocol/constants.h"
#include "protocol/response.h"
#include "proxy/session_response_walk.h"

#include <assert.h>

enum { PROGRESS_START_BYTES = 3 }; /* header and code */

void session_response_init(struct session_response *response, enum flavor flavor, uint64_t source_caps,
                           uint64_t client_caps, uint16_t status)
{
    *response = (struct session_response){.flavor = flavor,
                                          .source_caps = source_caps,
                                          .client_caps = client_caps,
                                          .status = status & STATUS_LASTING,
                                          .is_differing = response_differs(source_caps, client_caps)};
}

static bool has_eofs(const struct session_response *response)
{
    return (response->client_caps & CAP_DEPRECATE_EOF) == 0;
}

void session_response_begin(struct session_response *response, enum command_response kind)
{
    assert(response->await == AWAIT_NOTHING && kind != COMMAND_RESPONSE_NONE &&
           kind != COMMAND_RESPONSE_AUTH);
    response->await = AWAIT_FIRST;
    if (kind == COMMAND_RESPONSE_PREPARE)
        response->await = AWAIT_PREPARED;
    else if (kind == COMMAND_RESPONSE_ROWS || kind == COMMAND_RESPONSE_FIELDS)
        response->await = AWAIT_ROWS;
    else if (kind == COMMAND_RESPONSE_TEXT)
        response->await = AWAIT_TEXT;
    response->is_prepared = kind == COMMAND_RESPONSE_PREPARE;
    response->sequence = 0;
    response->shift = 0;
    response->eofs_due = 0;
}

bool session_response_is_open(const struct session_response *response)
{
    return response->await != AWAIT_NOTHING || response->left > 0 || response->continues ||
           response->eofs_due > 0;
}

bool session_response_is_before_first(const struct session_response *response)
{
    return response->await == AWAIT_FIRST && response->left == 0 && !response->continues &&
           response->eofs_due == 0 && !response->is_infile;
}

/* Begins to pass the packet at walk->at, as far as its header. */
static void pass_header(struct walk *walk, struct packet_header header)
{
    struct session_response *response = walk->response;
    response->sequence = header.sequence;
    if (response->shift != 0)
        walk_renumber(walk, header);
    response->left = header.length;
    response->continues = header.length == PACKET_PAYLOAD_MAX;
    walk->at += PACKET_HEADER_BYTES;
}

static void await_definitions(struct session_response *response, uint32_t count)
{
    response->definitions = count;
    response->await = AWAIT_DEFINITIONS;
}

static void pass_error(struct walk *walk, struct packet_header header)
{
    walk->response->await = AWAIT_NOTHING;
    pass_header(walk, header);
}

/* A byte behind the counts says that the client knows the definitions already, or does not want them. */
static bool has_definitions(const struct session_response *response, struct reader *rest)
{
    bool is_told = (response->source_caps & (CAP_OPTIONAL_METADATA | CAP_MARIADB_CACHE)) != 0;
    return !is_told || reader_left(rest) == 0 || reader_u8(rest) != 0;
}

/* RESULT_AGAIN with nothing given: the walk goes on. */
static enum result on_column_count(struct walk *walk, struct packet_header header, bool *ret_is_given)
{
    struct reader reader;
    enum result result = walk_want_whole(walk, header);
    if (result == RESULT_AGAIN) {
        *ret_is_given = true;
        return walk_give_passed(walk, RESPONSE_STEP_PASS);
    }
    if (result != RESULT_OK)
        return result;
    reader_init(&reader, walk->data + walk->at + PACKET_HEADER_BYTES, header.length);
    uint64_t count = reader_lenenc(&reader);
    bool is_defined = has_definitions(walk->response, &reader);
    if (reader_failed(&reader) || count == 0 || count > UINT16_MAX)
        return RESULT_MALFORMED;
    await_definitions(walk->response, is_defined ? (uint32_t)count : 0);
    pass_header(walk, header);
    return RESULT_OK;
}

static enum result on_first(struct walk *walk, struct packet_header header, bool *ret_is_given)
{
    struct session_response *response = walk->response;
    struct span start = {walk->data + walk->at + PACKET_HEADER_BYTES, 1};
    switch (response_kind_of_first(start, header.length, response->source_caps)) {
    case RESPONSE_OK:
        *ret_is_given = true;
        return walk_give_ok(walk, header);
    case RESPONSE_ERR:
        pass_error(walk, header);
        return RESULT_OK;
    case RESPONSE_INFILE:
        response->is_infile = true;
        pass_header(walk, header);
        return RESULT_OK;
    case RESPONSE_RESULTSET:
        return on_column_count(walk, header, ret_is_given);
    default:
        return RESULT_MALFORMED;
    }
}

/* A block that the client does not want has no definitions, but its EOF all the same. */
static void await_blocks(struct session_response *response, const struct command_prepared *prepared)
{
    bool has_parameters = prepared->parameters > 0;
    response->warnings = prepared->warnings;
    if (!prepared->has_definitions) {
        response->await = AWAIT_NOTHING;
        response->eofs_due = (uint8_t)(has_eofs(response) ? has_parameters + (prepared->columns > 0) : 0);
        return;
    }
    response->second_block = has_parameters ? prepared->columns : 0;
    await_definitions(response, has_parameters ? prepared->parameters : prepared->columns);
    if (response->definitions == 0)
        response->await = AWAIT_NOTHING;
}

static enum result on_prepared(struct walk *walk, struct packet_header header, bool *ret_is_given)
{
    struct session_response *response = walk->response;
    struct command_prepared prepared;
    enum result result = walk_want_whole(walk, header);
    if (result == RESULT_AGAIN) {
        *ret_is_given = true;
        return walk_give_passed(walk, RESPONSE_STEP_PASS);
    }
    if (result != RESULT_OK)
        return result;
    struct span payload = {walk->data + walk->at + PACKET_HEADER_BYTES, header.length};
    if (response_is_error(payload)) {
        pass_error(walk, header);
        return RESULT_OK;
    }
    if (command_prepared_decode(payload, &prepared) != RESULT_OK)
        return RESULT_MALFORMED;
    await_blocks(response, &prepared);
    pass_header(walk, header);
    return RESULT_OK;
}

static enum result on_row(struct walk *walk, struct packet_header header, uint8_t first, bool *ret_is_given)
{
    struct session_response *response = walk->response;
    switch (response_kind_of_row(first, header.length, response->source_caps)) {
    case RESPONSE_OK:
        *ret_is_given = true;
        return walk_give_ok(walk, header);
    case RESPONSE_ERR:
    case RESPONSE_ROW:
        if (response->eofs_due > 0) {
            *ret_is_given = true;
            return walk_give_eof(walk);
        }
        if (first == RESPONSE_HEADER_ERR)
            pass_error(walk, header);
        else
            pass_header(walk, header);
        return RESULT_OK;
    default:
        return RESULT_MALFORMED;
    }
}

/* MariaDB's report of how far a statement has come: an ERR in its form, anywhere in a response. */
static enum result on_progress(struct walk *walk, struct packet_header header, bool *ret_is_progress,
                               bool *ret_is_given)
{
    struct span start = {walk->data + walk->at + PACKET_HEADER_BYTES, PROGRESS_START_BYTES};
    *ret_is_progress = false;
    if ((walk->response->source_caps & CAP_MARIADB_PROGRESS) == 0 || start.data[0] != RESPONSE_HEADER_ERR ||
        header.length < PROGRESS_START_BYTES)
        return RESULT_OK;
    if (walk->length - walk->at < PACKET_HEADER_BYTES + PROGRESS_START_BYTES) {
        *ret_is_given = true;
        return walk_give_passed(walk, RESPONSE_STEP_PASS);
    }
    *ret_is_progress =
        response_kind_of_first(start, header.length, walk->response->source_caps) == RESPONSE_PROGRESS;
    if (!*ret_is_progress)
        return RESULT_OK;
    *ret_is_given = walk->response->eofs_due > 0;
    if (walk->response->eofs_due > 0)
        return walk_give_eof(walk);
    pass_header(walk, header);
    return RESULT_OK;
}

static enum result on_payload(struct walk *walk, struct packet_header header, bool *ret_is_given)
{
    struct session_response *response = walk->response;
    uint8_t first = walk->data[walk->at + PACKET_HEADER_BYTES];
    bool is_progress;
    enum result result = on_progress(walk, header, &is_progress, ret_is_given);
    if (result != RESULT_OK || *ret_is_given || is_progress)
        return result;
    switch ((enum response_await)response->await) {
    case AWAIT_FIRST:
        return on_first(walk, header, ret_is_given);
    case AWAIT_ROWS:
        return on_row(walk, header, first, ret_is_given);
    case AWAIT_PREPARED:
        return on_prepared(walk, header, ret_is_given);
    case AWAIT_DEFINITIONS:
        if (first == RESPONSE_HEADER_ERR) {
            pass_error(walk, header);
            return RESULT_OK;
        }
        response->definitions--;
        pass_header(walk, header);
        return RESULT_OK;
    case AWAIT_TEXT:
        response->await = AWAIT_NOTHING;
        pass_header(walk, header);
        return RESULT_OK;
    case AWAIT_NOTHING:
        break;
    }
    return RESULT_MALFORMED;
}

/* The last definition of a block has gone. */
static void end_definitions(struct session_response *response)
{
    response->eofs_due = has_eofs(response);
    if (!response->is_prepared) {
        response->await = AWAIT_ROWS;
        return;
    }
    response->definitions = response->second_block;
    response->second_block = 0;
    if (response->definitions == 0)
        response->await = AWAIT_NOTHING;
}

/* A payload has gone completely. True: the walk stops here, a step has been given. */
static bool end_payload(struct walk *walk, enum result *ret_result)
{
    struct session_response *response = walk->response;
    if (response->is_infile) {
        response->is_infile = false;
        *ret_result = walk_give_passed(walk, RESPONSE_STEP_INFILE);
        return true;
    }
    if (response->await == AWAIT_DEFINITIONS && response->definitions == 0)
        end_definitions(response);
    /* A prepared statement's EOFs don't depend on what follows. */
    bool is_eof_now = response->eofs_due > 0 && response->is_prepared;
    if (!is_eof_now && session_response_is_open(response))
        return false;
    if (is_eof_now) {
        *ret_result = walk_give_eof(walk);
        return true;
    }
    *ret_result = walk_give_passed(walk, RESPONSE_STEP_PASS);
    return true;
}

/* Moves over the payload of the packet under way. False: there is not all of it. */
static bool pass_payload(struct walk *walk)
{
    struct session_response *response = walk->response;
    size_t available = walk->length - walk->at;
    if (available < response->left) {
        response->left -= (uint32_t)available;
        walk->at = walk->length;
        return false;
    }
    walk->at += response->left;
    response->left = 0;
    return true;
}

/* Rows that are there whole: most of what flows, so this is the one loop that takes headers apart itself. */
static void skip_rows(struct walk *walk)
{
    struct session_response *response = walk->response;
    while (walk->length - walk->at > HEADER_AND_FIRST) {
        uint8_t *packet = walk->data + walk->at;
        size_t length = packet[0] | (size_t)packet[1] << 8 | (size_t)packet[2] << 16;
        bool is_special =
            packet[PACKET_HEADER_BYTES] >= RESPONSE_HEADER_EOF || length == 0 || length == PACKET_PAYLOAD_MAX;
        if (is_special || walk->length - walk->at - PACKET_HEADER_BYTES < length)
            return;
        response->sequence = packet[3];
        packet[3] = (uint8_t)(packet[3] + response->shift);
        walk->at += PACKET_HEADER_BYTES + length;
    }
}

enum result session_response_next(struct session_response *response, uint8_t *data, size_t length_bytes,
                                  struct session_response_step *ret_step)
{
    struct walk walk = {.response = response, .data = data, .length = length_bytes, .step = ret_step};
    enum result result = RESULT_OK;
    bool is_given = false;
    if (response->eofs_due > 0 && response->is_prepared)
        return walk_give_eof(&walk);
    for (;;) {
        bool is_under_way = response->left > 0;
        if (is_under_way && !pass_payload(&walk))
            return walk_give_passed(&walk, RESPONSE_STEP_PASS);
        if (is_under_way && !response->continues && end_payload(&walk, &result))
            return result;
        if (response->await == AWAIT_ROWS && response->eofs_due == 0 && !response->continues)
            skip_rows(&walk);
        struct packet_header header;
        struct span ahead = {data + walk.at, length_bytes - walk.at};
        if (packet_peek(ahead, &header) != RESULT_OK)
            return walk_give_passed(&walk, RESPONSE_STEP_PASS);
        if (response->continues) {
            pass_header(&walk, header);
            if (header.length == 0 && end_payload(&walk, &result))
                return result;
            continue;
        }
        if (header.length == 0)
            return RESULT_MALFORMED;
        if (ahead.length < HEADER_AND_FIRST)
            return walk_give_passed(&walk, RESPONSE_STEP_PASS);
        result = on_payload(&walk, header, &is_given);
        if (result != RESULT_OK || is_given)
            return result;
    }
}
