/* The commands of exchange.h as packets; the files are read in exchange_file.c. */
#include "test/lib/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/constants.h"
#include "protocol/packet.h"
#include "protocol/writer.h"
#include "protocol/xalloc.h"
#include "test/lib/place.h"

enum {
    ROOM_BYTES = 80 * 1024 * 1024,
    ARGUMENTS_MAX = 16,
    PARAMETER_COUNT_AVAILABLE = 0x08,
    SEND_TYPES = 0x80,
};

/* What is being put together: a command's payload. */
struct making {
    struct exchange_player *player;
    const struct exchange *exchange;
    const char *at; /* in the line */
    struct writer writer;
};

static void wrong(const struct making *making, const char *what)
{
    fail_at(HERE, "%s: %s: %s", making->exchange->place, what, making->exchange->text);
}

/* The next word of the line, up to a space or, if it begins with a quote, to the next one. */
static bool next_word(struct making *making, char *ret_word, size_t max)
{
    const char *at = making->at + strspn(making->at, " ");
    size_t length = *at == '\'' ? strcspn(at + 1, "'") + 2 : strcspn(at, " ");

    if (length == 0 || length >= max)
        return false;
    memcpy(ret_word, at, length);
    ret_word[length] = '\0';
    making->at = at + length;
    return true;
}

static const char *must_word(struct making *making, const char *what)
{
    static char word[200];

    if (!next_word(making, word, sizeof word))
        wrong(making, what);
    return word;
}

static void write_repeated(struct making *making, const char *at)
{
    unsigned long count = strtoul(at, NULL, 10);
    uint8_t byte = (uint8_t)strchr(at, '*')[1];

    for (unsigned long i = 0; i < count; i++)
        writer_u8(&making->writer, byte);
}

/* What is left of the line, with {id} and {N*c} filled in. */
static void write_text(struct making *making, const char *text)
{
    char id[16];

    (void)snprintf(id, sizeof id, "%u", making->player->connection_id);
    while (*text) {
        const char *close = *text == '{' ? strchr(text, '}') : NULL;
        if (strncmp(text, "{id}", 4) == 0) {
            writer_text(&making->writer, id);
        } else if (close && strcspn(text, "*") < (size_t)(close - text)) {
            write_repeated(making, text + 1);
        } else {
            writer_u8(&making->writer, (uint8_t)*text);
            close = NULL;
        }
        text = strncmp(text, "{id}", 4) == 0 ? text + 4 : close ? close + 1 : text + 1;
    }
}

static const char *rest(struct making *making)
{
    return making->at + strspn(making->at, " ");
}

static uint32_t *statement_of(struct making *making)
{
    const char *name = must_word(making, "no statement");

    if (*name < 'a' || *name > 'z' || name[1])
        wrong(making, "a statement's name is a letter");
    return &making->player->statement_ids[*name - 'a'];
}

static bool has_attributes(const struct making *making)
{
    return (making->player->client.capabilities & CAP_QUERY_ATTRIBUTES) != 0;
}

static void make_query(struct making *making, const char *name, const char *value)
{
    writer_u8(&making->writer, COMMAND_QUERY);
    if (has_attributes(making)) {
        writer_lenenc(&making->writer, name != NULL);
        writer_lenenc(&making->writer, 1);
    }
    if (has_attributes(making) && name) {
        writer_u8(&making->writer, 0); /* no NULLs */
        writer_u8(&making->writer, 1); /* types follow */
        writer_u16(&making->writer, COLUMN_TYPE_STRING);
        writer_lenenc_text(&making->writer, name);
        writer_lenenc_text(&making->writer, value);
    }
    write_text(making, rest(making));
}

static void make_query_with(struct making *making)
{
    char *word = xstrndup(must_word(making, "no attribute"), 100);
    char *value = strchr(word, '=');

    if (!value)
        wrong(making, "no value");
    *value++ = '\0';
    make_query(making, word, value);
    free(word);
}

/* ---- values ---- */

struct value {
    char text[200];
    uint8_t type;
};

static void classify(struct value *value)
{
    if (strcmp(value->text, "null") == 0)
        value->type = COLUMN_TYPE_NULL;
    else if (strcmp(value->text, "long") == 0)
        value->type = COLUMN_TYPE_BLOB;
    else if (*value->text == '\'')
        value->type = COLUMN_TYPE_STRING;
    else
        value->type = strchr(value->text, '.') ? COLUMN_TYPE_DOUBLE : COLUMN_TYPE_LONGLONG;
}

static size_t read_values(struct making *making, struct value *ret_values)
{
    size_t count = 0;

    while (count < ARGUMENTS_MAX && next_word(making, ret_values[count].text, sizeof ret_values->text) &&
           strcmp(ret_values[count].text, "|") != 0)
        classify(&ret_values[count++]);
    return count;
}

static void write_value(struct making *making, const struct value *value)
{
    if (value->type == COLUMN_TYPE_LONGLONG) {
        writer_u64(&making->writer, (uint64_t)strtoll(value->text, NULL, 10));
    } else if (value->type == COLUMN_TYPE_DOUBLE) {
        double number = strtod(value->text, NULL);
        writer_bytes(&making->writer, &number, sizeof number);
    } else if (value->type == COLUMN_TYPE_STRING) {
        writer_lenenc_string(&making->writer,
                             (struct span){(const uint8_t *)value->text + 1, strlen(value->text) - 2});
    }
}

static void write_nulls(struct making *making, const struct value *values, size_t count)
{
    uint8_t bits[ARGUMENTS_MAX / 8 + 1] = {0};

    for (size_t i = 0; i < count; i++)
        if (values[i].type == COLUMN_TYPE_NULL)
            bits[i / 8] |= (uint8_t)(1 << i % 8);
    writer_bytes(&making->writer, bits, (count + 7) / 8);
}

static void make_execute(struct making *making)
{
    struct value values[ARGUMENTS_MAX];
    uint32_t id = *statement_of(making);
    bool has_cursor = strncmp(rest(making), "cursor", 6) == 0;

    if (has_cursor)
        (void)must_word(making, "");
    size_t count = read_values(making, values);
    writer_u8(&making->writer, COMMAND_STMT_EXECUTE);
    writer_u32(&making->writer, id);
    writer_u8(&making->writer,
              (uint8_t)(has_cursor | (has_attributes(making) ? PARAMETER_COUNT_AVAILABLE : 0)));
    writer_u32(&making->writer, 1);
    if (has_attributes(making))
        writer_lenenc(&making->writer, count);
    if (count == 0)
        return;
    write_nulls(making, values, count);
    writer_u8(&making->writer, 1);
    for (size_t i = 0; i < count; i++) {
        writer_u16(&making->writer, values[i].type);
        if (has_attributes(making))
            writer_lenenc(&making->writer, 0);
    }
    for (size_t i = 0; i < count; i++)
        write_value(making, &values[i]);
}

static void make_bulk(struct making *making)
{
    struct value values[ARGUMENTS_MAX];
    uint32_t id = *statement_of(making);
    bool is_first = true;
    size_t count;

    writer_u8(&making->writer, COMMAND_MARIADB_STMT_BULK_EXECUTE);
    writer_u32(&making->writer, id);
    writer_u16(&making->writer, SEND_TYPES);
    while ((count = read_values(making, values)) > 0) {
        for (size_t i = 0; i < count && is_first; i++)
            writer_u16(&making->writer,
                       values[i].type == COLUMN_TYPE_NULL ? COLUMN_TYPE_LONGLONG : values[i].type);
        is_first = false;
        for (size_t i = 0; i < count; i++) {
            writer_u8(&making->writer, values[i].type == COLUMN_TYPE_NULL);
            write_value(making, &values[i]);
        }
    }
}

static void make_raw(struct making *making)
{
    const char *hex = must_word(making, "no bytes");

    for (; hex[0] && hex[1]; hex += 2) {
        char digits[3] = {hex[0], hex[1], '\0'};
        writer_u8(&making->writer, (uint8_t)strtoul(digits, NULL, 16));
    }
    write_text(making, rest(making));
}

static void make_statement_command(struct making *making, uint8_t command)
{
    uint32_t id = *statement_of(making);

    writer_u8(&making->writer, command);
    writer_u32(&making->writer, id);
    if (command == COMMAND_STMT_FETCH)
        writer_u32(&making->writer, (uint32_t)strtoul(must_word(making, "no number"), NULL, 10));
    if (command != COMMAND_STMT_SEND_LONG_DATA)
        return;
    writer_u16(&making->writer, (uint16_t)strtoul(must_word(making, "no parameter"), NULL, 10));
    write_text(making, rest(making));
}

/* False: the line is not a command to the server. */
static bool make(struct making *making, const char *verb)
{
    if (strcmp(verb, "sql") == 0)
        make_query(making, NULL, NULL);
    else if (strcmp(verb, "sql-with") == 0)
        make_query_with(making);
    else if (strcmp(verb, "execute") == 0)
        make_execute(making);
    else if (strcmp(verb, "bulk") == 0)
        make_bulk(making);
    else if (strcmp(verb, "raw") == 0)
        make_raw(making);
    else if (strcmp(verb, "fetch") == 0)
        make_statement_command(making, COMMAND_STMT_FETCH);
    else if (strcmp(verb, "reset") == 0)
        make_statement_command(making, COMMAND_STMT_RESET);
    else if (strcmp(verb, "close") == 0)
        make_statement_command(making, COMMAND_STMT_CLOSE);
    else if (strcmp(verb, "long") == 0)
        make_statement_command(making, COMMAND_STMT_SEND_LONG_DATA);
    else
        return false;
    return true;
}

/* ---- playing ---- */

static void send_made(struct making *making)
{
    struct raw_client *client = &making->player->client;
    struct packet_splitter splitter;
    uint8_t header[PACKET_HEADER_BYTES];
    struct span part;

    if (writer_failed(&making->writer))
        wrong(making, "too long");
    raw_restart(client);
    packet_splitter_init(&splitter, writer_span_written(&making->writer), 0);
    while (packet_splitter_next(&splitter, header, &part)) {
        (void)raw_send(client, header, sizeof header);
        (void)raw_send(client, part.data, part.length);
    }
    client->sequence = splitter.sequence;
}

static void prepare(struct making *making, struct transcript *ret_transcript)
{
    struct exchange_player *player = making->player;
    uint32_t *id = statement_of(making);

    writer_u8(&making->writer, COMMAND_STMT_PREPARE);
    write_text(making, rest(making));
    send_made(making);
    transcript_take(ret_transcript, &player->client, COMMAND_RESPONSE_PREPARE, "");
    if (ret_transcript->statement_id != 0)
        *id = ret_transcript->statement_id;
}

static void set_file(struct making *making)
{
    char *to = making->player->file = place_format("%s", rest(making));

    for (const char *from = to; *from; from++) {
        bool is_escape = from[0] == '\\' && (from[1] == 'n' || from[1] == 't');
        *to++ = (char)(is_escape ? (from[1] == 'n' ? '\n' : '\t') : *from);
        from += is_escape;
    }
    *to = '\0';
}

static void change_user(struct making *making, struct transcript *ret_transcript)
{
    struct raw_client *client = &making->player->client;
    char user[64], password[64], db[64] = "";

    if (!next_word(making, user, sizeof user) || !next_word(making, password, sizeof password))
        wrong(making, "no user");
    (void)next_word(making, db, sizeof db);
    if (strcmp(password, "''") == 0)
        *password = '\0';
    if (raw_change_user(client, user, password, db))
        transcript_add_last(ret_transcript, client);
    else
        ret_transcript->is_closed = true;
}

void exchange_play(struct exchange_player *player, const struct exchange *exchange,
                   struct transcript *ret_transcript)
{
    static uint8_t *room; /* the pages that are used are */
    struct making making = {.player = player, .exchange = exchange, .at = exchange->text};
    char verb[20];

    if (!room)
        room = xmalloc(ROOM_BYTES);
    writer_init(&making.writer, room, ROOM_BYTES);
    if (!next_word(&making, verb, sizeof verb))
        wrong(&making, "no command");
    if (strcmp(verb, "prepare") == 0) {
        prepare(&making, ret_transcript);
    } else if (strcmp(verb, "file") == 0) {
        set_file(&making);
    } else if (strcmp(verb, "user") == 0) {
        change_user(&making, ret_transcript);
    } else if (make(&making, verb)) {
        send_made(&making);
        enum command_response kind =
            making.writer.length > 0 ? command_response_kind(room[0]) : COMMAND_RESPONSE_OK;
        transcript_take(ret_transcript, &player->client, kind, player->file ? player->file : "1\n2\n");
    } else {
        wrong(&making, "not known");
    }
}
