/* The steps of session_response.h: bytes to pass, EOFs put in, OKs handed out and written anew. */
#include "proxy/session_response_walk.h"

#include "protocol/constants.h"
#include "protocol/response.h"

#include <assert.h>

/* Status flags that are not true before the end of the rows. */
#define STATUS_AT_END (STATUS_SESSION_STATE_CHANGED | STATUS_CURSOR_EXISTS | STATUS_LAST_ROW_SENT)

/* Hands out what was walked over, all of it to be passed. */
enum result walk_give_passed(struct walk *walk, enum response_step_kind kind)
{
    if (walk->at == 0)
        return RESULT_AGAIN;
    *walk->step = (struct session_response_step){
        .kind = kind,
        .bytes = {walk->data, walk->at},
        .sequence = (uint8_t)(walk->response->sequence + walk->response->shift),
        .is_end = !session_response_is_open(walk->response)
    };
    return RESULT_OK;
}

/*
 * What the EOF before the rows should tell, which the source does not say before their end: looked for in
 * what is there already. Short results, among them the output parameters of a CALL, are told exactly so.
 */
static uint16_t status_ahead(const struct walk *walk)
{
    const struct session_response *response = walk->response;
    struct packet_header header;
    uint16_t status;
    for (size_t at = walk->at; walk->length - at > HEADER_AND_FIRST;
         at += PACKET_HEADER_BYTES + header.length) {
        const uint8_t *packet = walk->data + at;
        header = packet_header_decode(packet);
        if (header.length == 0 || header.length == PACKET_PAYLOAD_MAX ||
            walk->length - at < PACKET_HEADER_BYTES + (size_t)header.length)
            break;
        enum response_kind kind =
            response_kind_of_row(packet[PACKET_HEADER_BYTES], header.length, response->source_caps);
        struct span payload = {packet + PACKET_HEADER_BYTES, header.length};
        if (kind == RESPONSE_OK && response_status(payload, response->source_caps, &status) == RESULT_OK)
            return (uint16_t)(status & ~STATUS_AT_END);
        if (kind != RESPONSE_ROW)
            break;
    }
    return response->status;
}

/* The EOF that the client expects here; the next packets of the source count one further for it. */
enum result walk_give_eof(struct walk *walk)
{
    struct session_response *response = walk->response;
    if (walk->at > 0)
        return walk_give_passed(walk, RESPONSE_STEP_PASS);
    struct writer writer;
    uint8_t sequence = (uint8_t)(response->sequence + response->shift + 1);
    uint16_t status = response->is_prepared ? response->status : status_ahead(walk);
    response->shift++;
    response->eofs_due--;
    writer_init(&writer, response->eof, sizeof(response->eof));
    size_t mark = packet_begin(&writer);
    response_eof_encode(
        &writer,
        (struct response_eof){.warnings = response->is_prepared ? response->warnings : 0, .status = status});
    packet_end(&writer, mark, &sequence);
    assert(!writer_failed(&writer));
    *walk->step = (struct session_response_step){.kind = RESPONSE_STEP_INSERT,
                                                 .bytes = writer_span_written(&writer),
                                                 .is_end = !session_response_is_open(response)};
    return RESULT_OK;
}

void walk_renumber(struct walk *walk, struct packet_header header)
{
    header.sequence = (uint8_t)(header.sequence + walk->response->shift);
    packet_header_encode(walk->data + walk->at, header);
}

/* RESULT_AGAIN: pass what there is first, or wait for more. */
enum result walk_want_whole(const struct walk *walk, struct packet_header header)
{
    if (header.length > SESSION_RESPONSE_WHOLE_MAX)
        return RESULT_TOO_LARGE;
    return walk->length - walk->at < PACKET_HEADER_BYTES + (size_t)header.length ? RESULT_AGAIN : RESULT_OK;
}

/* An OK, or the OK that ends rows. It is handed out alone, after what goes before it. */
enum result walk_give_ok(struct walk *walk, struct packet_header header)
{
    struct session_response *response = walk->response;
    uint16_t status;
    enum result result = walk_want_whole(walk, header);
    if (result == RESULT_AGAIN || (result == RESULT_OK && walk->at > 0))
        return walk_give_passed(walk, RESPONSE_STEP_PASS);
    if (result != RESULT_OK)
        return result;
    struct span payload = {walk->data + PACKET_HEADER_BYTES, header.length};
    result = response_status(payload, response->source_caps, &status);
    if (result != RESULT_OK)
        return RESULT_MALFORMED;
    /* After the definitions of a cursor comes only one EOF, which says that there is a cursor. */
    if (response->eofs_due > 0 && (status & STATUS_CURSOR_EXISTS) == 0)
        return walk_give_eof(walk);
    response->eofs_due = 0;
    response->status = status & STATUS_LASTING;
    response->sequence = header.sequence;
    if (response->shift != 0)
        walk_renumber(walk, header);
    response->await = status & STATUS_MORE_RESULTS ? AWAIT_FIRST : AWAIT_NOTHING;
    *walk->step = (struct session_response_step){
        .kind = RESPONSE_STEP_OK,
        .bytes = {walk->data, PACKET_HEADER_BYTES + (size_t)header.length},
        .payload = payload,
        .status = status,
        .sequence = (uint8_t)(header.sequence + response->shift),
        .is_end = response->await == AWAIT_NOTHING
    };
    return RESULT_OK;
}

bool session_response_rewrites(const struct session_response *response, struct span payload)
{
    if ((response->client_caps & CAP_SESSION_TRACK) == 0)
        return response->is_differing;
    return response->is_differing && payload.data[0] == RESPONSE_HEADER_EOF;
}

enum result session_response_encode_ok(const struct session_response *response,
                                       const struct session_response_step *step, struct writer *writer)
{
    uint8_t sequence = step->sequence;
    size_t mark = packet_begin(writer);
    enum result result = response_ok_rewrite(step->payload, response->source_caps, response->client_caps,
                                             response->flavor, writer);
    if (result == RESULT_OK)
        packet_end(writer, mark, &sequence);
    return result;
}
